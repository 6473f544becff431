package hook

import (
	"encoding/json"
	"strings"

	"github.com/paraph/paraph/internal/fault"
)

// Command is a command message of the event bus: a CloudEvent in structured form
// whose type names the command and whose id makes it idempotent.
type Command struct {
	ID   string
	Name string
	Data []byte // a JSON object
}

// ReadCommand reads a command message; named is the bus's own name for it, which
// counts where the message has no id. Fault Invalid "bad_command" says what is wrong.
func ReadCommand(body []byte, named string) (Command, error) {
	var in struct {
		SpecVersion string          `json:"specversion"`
		ID          string          `json:"id"`
		Type        string          `json:"type"`
		Data        json.RawMessage `json:"data"`
	}
	bad := func(why string) (Command, error) {
		return Command{}, fault.New(fault.Invalid, "bad_command", "The message is no command: %s.", why)
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return bad("it is not a JSON object")
	}
	if in.ID == "" {
		in.ID = named
	}
	switch {
	case in.SpecVersion != "" && !strings.HasPrefix(in.SpecVersion, "1."):
		return bad("it is a CloudEvent of a version that is not known")
	case in.ID == "" || len(in.ID) > MaxEventID || plain(in.ID, MaxEventID) != in.ID:
		return bad("its id is missing, or too long, or no line of text")
	case in.Type == "" || len(in.Type) > MaxEventType:
		return bad("its type does not name a command")
	case len(in.Data) == 0 || in.Data[0] != '{':
		return bad("its data is not a JSON object")
	}
	return Command{ID: in.ID, Name: in.Type, Data: in.Data}, nil
}
