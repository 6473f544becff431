//go:build judges

package contract

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/paraph/paraph/internal/store/pgtest"
	"github.com/paraph/paraph/internal/testneed"
)

var (
	examples = flag.Int("examples", 20, "requests that schemathesis makes up for each operation")
	store    = flag.String("store", "all", "sqlite, postgres or all")
	only     = flag.String("only", "", "attack only this operation (operation id)")
	seed     = flag.Int("seed", 1, "what chance begins with; the same finds the same, as far as the clock and ids let it")
	places   = flag.Int("places", 6, "places that are prepared for each operation")
)

// left are the operations that schemathesis does not ask, each with the reason.
var left = map[string]string{
	"receiveHook": "its callers prove themselves by signatures over the body, of the scheme of each source",
	"askHook":     "as receiveHook",
	"setUp":       "it takes a link that works once",
}

// share is the part of the operations that has to be carried out with success.
const share = 0.8

// attack is what came of schemathesis.
type attack struct {
	out        string
	failed     bool
	Statuses   map[string]map[string]int `json:"statuses"`
	Exceptions [][3]string               `json:"exceptions"`
}

// attacked lets schemathesis attack an address that leads to the server.
func (w *world) attacked(url string, g ground, arguments ...string) (a attack) {
	w.t.Helper()
	program := os.Getenv("PARAPH_SCHEMATHESIS")
	if program == "" {
		w.t.Skip("PARAPH_SCHEMATHESIS names no schemathesis; make judges installs it")
	}
	root := testneed.Root(w.t)
	folder := filepath.Join(root, "judges", "schemathesis")
	raw, err := json.Marshal(g)
	must(w.t, err)
	work := w.t.TempDir()
	must(w.t, os.WriteFile(filepath.Join(work, "ground.json"), raw, 0o600))
	args := append([]string{"--config-file", filepath.Join(folder, "schemathesis.toml"), "run", filepath.Join(root, "api", "openapi.yaml"), "--url", url, "--no-color"}, arguments...)
	for operation := range left {
		args = append(args, "--exclude-operation-id", operation)
	}
	cmd := exec.CommandContext(w.t.Context(), program, args...)
	cmd.Dir = work
	cmd.Env = append(os.Environ(), "PYTHONPATH="+folder, "GROUND="+filepath.Join(work, "ground.json"), "TALLY="+filepath.Join(work, "tally.json"), "SERVER="+w.URL,
		"CLIENT_ID="+w.srv.Admin.Client.ID, "CLIENT_SECRET="+w.srv.Admin.Secret, "OWN="+strings.Join(w.own(), " "))
	out, err := cmd.CombinedOutput()
	a.out, a.failed = string(out), err != nil
	if dir := os.Getenv("PARAPH_SCHEMATHESIS_OUT"); dir != "" {
		must(w.t, os.WriteFile(filepath.Join(dir, strings.ReplaceAll(w.t.Name(), "/", "-")+".txt"), out, 0o600))
	}
	tally, err := os.ReadFile(filepath.Join(work, "tally.json"))
	if err != nil {
		w.t.Fatalf("schemathesis has counted nothing: %v\n%s", err, out)
	}
	must(w.t, json.Unmarshal(tally, &a))
	return a
}

// own is what the requests are sent with, and what they are about where they say nothing.
func (w *world) own() []string {
	w.t.Helper()
	out := []string{w.srv.Admin.Client.ID, w.srv.Admin.Client.Org, "general", "document"}
	var keys struct {
		Items []struct{ ID, State string }
	}
	w.do("GET", "/v1/token-keys", nil, &keys)
	for _, k := range keys.Items {
		out = append(out, k.ID)
	}
	return out
}

// TestSchemathesis lets schemathesis attack every operation with what the contract
// allows and with what it forbids, on both stores, and wants no failure at all.
func TestSchemathesis(t *testing.T) {
	for name, database := range map[string]func() string{"sqlite": func() string { return "" }, "postgres": func() string { return pgtest.Database(t) }} {
		if *store != "all" && *store != name {
			continue
		}
		t.Run(name, func(t *testing.T) {
			w := start(t, database())
			arguments := []string{"--max-examples", strconv.Itoa(*examples), "--seed", strconv.Itoa(*seed)}
			if *only != "" {
				arguments = append(arguments, "--include-operation-id", *only)
			}
			a := w.attacked(w.URL, w.prepare(*places), arguments...)
			if a.failed {
				t.Errorf("schemathesis has found something:\n%s", a.out)
			}
			a.told(t)
		})
	}
}

// told says how many operations were carried out, and which were not.
func (a *attack) told(t *testing.T) {
	t.Helper()
	var never []string
	requests := 0
	operations := operationIDs(t)
	for _, op := range operations {
		carried := false
		for status, n := range a.Statuses[op] {
			carried = carried || status[0] == '2'
			requests += n
		}
		if !carried {
			never = append(never, fmt.Sprintf("%s %v", op, a.Statuses[op]))
		}
	}
	slices.Sort(never)
	reached := len(operations) - len(never)
	t.Logf("%d requests; %d of %d operations carried out (%d %%); exceptions met: %v; not carried out:\n  %s", requests, reached, len(operations), 100*reached/len(operations), a.Exceptions, strings.Join(never, "\n  "))
	if *only == "" && float64(reached) < share*float64(len(operations)) {
		t.Errorf("only %d of %d operations were carried out", reached, len(operations))
	}
	if *only == "" {
		fmt.Printf("ok %s: %d requests, %d of %d operations carried out\n", t.Name(), requests, reached, len(operations))
	}
}
