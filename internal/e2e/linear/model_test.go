package linear

import (
	"fmt"
	"maps"

	"github.com/anishathalye/porcupine"
)

// input is one command on one document, under a key that others may use as well.
// A caller who loses the answer sends the command again under its key, so a
// command has one outcome, however often it was sent.
type input struct {
	doc  int
	verb string // create, submit, approve, void, read
	key  string // "" for read
}

// output is what the caller was told: an id or a state, or the code of a refusal.
type output struct {
	value   string
	refused string
}

// world is what one document can be.
type world struct {
	state  string            // "" before it is created
	answer map[string]string // key → what its command answered
}

// allowed is the part of the state table that the commands here use.
var allowed = map[string]map[string]string{
	"create":  {"": "draft"},
	"submit":  {"draft": "in_review"},
	"approve": {"in_review": "approved"},
	"void":    {"draft": "voided", "in_review": "voided", "approved": "voided"},
}

// step tells whether a command can have had its outcome in a world, and gives
// the world after it.
func (w world) step(in input, out output) (bool, world) {
	if in.verb == "read" {
		return out.refused == "" && out.value == w.state, w
	}
	if earlier, known := w.answer[in.key]; known {
		return out.refused == "" && out.value == earlier, w
	}
	next, may := allowed[in.verb][w.state]
	if out.refused != "" {
		return !may, w // what is refused leaves no trace, not even of its key
	}
	if !may {
		return false, w
	}
	after := world{state: next, answer: maps.Clone(w.answer)}
	if after.answer == nil {
		after.answer = map[string]string{}
	}
	after.answer[in.key] = out.value
	return true, after
}

// model is the whole: every document by itself.
var model = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byDoc := map[int][]porcupine.Operation{}
		for _, op := range history {
			doc := op.Input.(input).doc
			byDoc[doc] = append(byDoc[doc], op)
		}
		var out [][]porcupine.Operation
		for _, part := range byDoc {
			out = append(out, part)
		}
		return out
	},
	Init: func() any { return world{} },
	Step: func(state, in, out any) (bool, any) { return state.(world).step(in.(input), out.(output)) },
	Equal: func(a, b any) bool {
		return a.(world).state == b.(world).state && maps.Equal(a.(world).answer, b.(world).answer)
	},
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v → %+v", in, out) },
}
