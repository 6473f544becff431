//go:build judges

package contract

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
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
	only     = flag.String("only", "", "attack only these operations (operation ids, with commas)")
	groups   = flag.Int("groups", 1, "runs that share the operations, those of one tag together: each ends with what it found")
	seed     = flag.Int("seed", 1, "what chance begins with; the same finds the same, as far as the clock and ids let it")
	places   = flag.Int("places", 6, "places that are prepared for each operation")
	kept     = flag.String("kept", "", "a folder, from the project's on, in which groups that found nothing leave their counts: a run that was cut, or that found something elsewhere, goes on from there")
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

// counts is where a group that found nothing leaves its counts, and where a later run of
// the same group with the same chance finds them: "" where nothing is kept. It does not
// know what has changed in the program since: whoever changes it removes the folder.
func counts(t *testing.T, group []string) string {
	t.Helper()
	if *kept == "" {
		return ""
	}
	dir := filepath.Join(testneed.Root(t), *kept)
	must(t, os.MkdirAll(dir, 0o700))
	name, _, _ := strings.Cut(strings.TrimPrefix(t.Name(), "TestSchemathesis/"), "/")
	sum := sha256.Sum256(fmt.Append(nil, group, *examples, *seed, *places))
	return filepath.Join(dir, fmt.Sprintf("%s-%x.json", name, sum[:8]))
}

// attacked lets schemathesis attack an address that leads to the server.
func (w *world) attacked(t *testing.T, url string, g ground, arguments ...string) (a attack) {
	t.Helper()
	program := os.Getenv("PARAPH_SCHEMATHESIS")
	if program == "" {
		t.Skip("PARAPH_SCHEMATHESIS names no schemathesis; make judges installs it")
	}
	root := testneed.Root(t)
	folder := filepath.Join(root, "judges", "schemathesis")
	raw, err := json.Marshal(g)
	must(t, err)
	work := t.TempDir()
	must(t, os.WriteFile(filepath.Join(work, "ground.json"), raw, 0o600))
	args := append([]string{"--config-file", filepath.Join(folder, "schemathesis.toml"), "run", filepath.Join(root, "api", "openapi.yaml"), "--url", url, "--no-color"}, arguments...)
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = work
	cmd.Env = append(os.Environ(), "PYTHONPATH="+folder, "GROUND="+filepath.Join(work, "ground.json"), "TALLY="+filepath.Join(work, "tally.json"), "SERVER="+w.URL,
		"CLIENT_ID="+w.srv.Admin.Client.ID, "CLIENT_SECRET="+w.srv.Admin.Secret, "OWN="+strings.Join(w.own(), " "))
	var out bytes.Buffer
	cmd.Stdout = &out
	if dir := os.Getenv("PARAPH_SCHEMATHESIS_OUT"); dir != "" { // to look at while it runs
		file, err := os.OpenFile(filepath.Join(dir, strings.ReplaceAll(t.Name(), "/", "-")+".txt"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		must(t, err)
		defer file.Close()
		cmd.Stdout = io.MultiWriter(&out, file)
	}
	cmd.Stderr = cmd.Stdout
	err = cmd.Run()
	a.out, a.failed = out.String(), err != nil
	tally, err := os.ReadFile(filepath.Join(work, "tally.json"))
	if err != nil {
		t.Fatalf("schemathesis has counted nothing: %v\n%s", err, a.out)
	}
	must(t, json.Unmarshal(tally, &a))
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
		if k.State != "withdrawn" {
			out = append(out, k.ID)
		}
	}
	return out
}

// spentKey gives the id of a key that signs no tokens: it was withdrawn before its time.
func (w *world) spentKey() string {
	w.t.Helper()
	var keys struct{ Items []struct{ ID, State string } }
	w.do("POST", "/v1/token-keys", nil, &keys)
	for _, k := range keys.Items {
		if k.State == "next" {
			w.do("DELETE", "/v1/token-keys/"+k.ID, nil, nil)
			return k.ID
		}
	}
	w.t.Fatalf("no key comes next: %v", keys)
	return ""
}

// TestSchemathesis lets schemathesis attack every operation with what the contract
// allows and with what it forbids, on both stores side by side, and wants no failure at all.
func TestSchemathesis(t *testing.T) {
	for name, database := range map[string]func(testing.TB) string{"sqlite": func(testing.TB) string { return "" }, "postgres": pgtest.Database} {
		if *store != "all" && *store != name {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t, database(t))
			g := w.prepare(*places)
			g.add(at(w.spentKey()), "withdrawTokenKey")
			all := attack{Statuses: map[string]map[string]int{}}
			for i, group := range grouped(t, *groups) {
				t.Run(fmt.Sprintf("%d-of-%d", i+1, *groups), func(t *testing.T) { all.add(w.group(t, g, group)) })
			}
			all.told(t)
		})
	}
}

// group attacks the operations of a group, or finds what was counted when nothing was found.
func (w *world) group(t *testing.T, g ground, group []string) (a attack) {
	file := counts(t, group)
	if raw, err := os.ReadFile(file); err == nil {
		must(t, json.Unmarshal(raw, &a))
		t.Logf("nothing was found before: %s", file)
		return a
	}
	arguments := []string{"--max-examples", strconv.Itoa(*examples), "--seed", strconv.Itoa(*seed)}
	for _, id := range group {
		arguments = append(arguments, "--include-operation-id", id)
	}
	a = w.attacked(t, w.URL, g, arguments...)
	if a.failed {
		t.Errorf("schemathesis has found something:\n%s", a.out)
	} else if file != "" {
		raw, err := json.Marshal(a)
		must(t, err)
		must(t, os.WriteFile(file, raw, 0o600))
	}
	return a
}

func (a *attack) add(b attack) {
	maps.Copy(a.Statuses, b.Statuses)
	for _, met := range b.Exceptions {
		if !slices.Contains(a.Exceptions, met) {
			a.Exceptions = append(a.Exceptions, met)
		}
	}
}

// grouped shares the operations that are to be attacked among runs.
func grouped(t *testing.T, n int) (out [][]string) {
	t.Helper()
	wanted := operationsOf(t)
	wanted = slices.DeleteFunc(wanted, func(o operation) bool {
		return left[o.id] != "" || *only != "" && !slices.Contains(strings.Split(*only, ","), o.id)
	})
	slices.SortStableFunc(wanted, func(a, b operation) int {
		return strings.Compare(fmt.Sprint(a.object["tags"]), fmt.Sprint(b.object["tags"]))
	})
	ids := make([]string, len(wanted))
	for i, o := range wanted {
		ids[i] = o.id
	}
	for group := range slices.Chunk(ids, (len(ids)+n-1)/n) {
		out = append(out, group)
	}
	return out
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
	if *only == "" && !t.Failed() {
		fmt.Printf("ok %s: %d requests, %d of %d operations carried out; %d examples, seed %d\n", t.Name(), requests, reached, len(operations), *examples, *seed)
	}
}

func operationIDs(t testing.TB) (out []string) {
	t.Helper()
	for _, op := range operationsOf(t) {
		out = append(out, op.id)
	}
	return out
}
