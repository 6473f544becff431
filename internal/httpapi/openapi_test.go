package httpapi

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/testneed"
)

var update = flag.Bool("update", false, "write api/openapi.yaml anew")

// TestSpecIsCommitted holds the emitted contract to the committed one, so that
// no change of the contract goes unseen.
func TestSpecIsCommitted(t *testing.T) {
	t.Parallel()
	got, err := Spec()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(testneed.Root(t), "api", "openapi.yaml")
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("the contract has changed; look at the difference and run this test with -update (- committed, + emitted):\n%s", diff)
	}
}

// TestEveryOperationIsComplete walks the contract: an operation without an
// action, a summary, or an idempotency key where it changes something, fails.
func TestEveryOperationIsComplete(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	known := map[access.Action]bool{}
	for _, a := range access.Actions() {
		known[a] = true
	}
	for path, item := range build(Config{}).huma.OpenAPI().Paths {
		if path == hookPath || path == setupPath {
			continue // who calls it proves itself otherwise
		}
		for _, op := range operationsOf(item) {
			name := op.Method + " " + path
			do, _ := op.Metadata[metaAction].(access.Action)
			if !known[do] || len(op.Security) == 0 {
				t.Errorf("%s: no action decides who may call it", name)
			}
			if op.OperationID == "" || seen[op.OperationID] || op.Summary == "" || len(op.Tags) != 1 {
				t.Errorf("%s: operation id, summary or tag is missing or doubled", name)
			}
			seen[op.OperationID] = true
			keyed := false
			for _, p := range op.Parameters {
				keyed = keyed || (p.Name == "Idempotency-Key" && p.Required)
			}
			if keyed != (op.Method != "GET") && !strings.HasPrefix(path, tusPath) {
				t.Errorf("%s: Idempotency-Key required: %v", name, keyed)
			}
			for _, status := range []string{"401", "403", "422", "429", "500"} {
				if op.Responses[status] == nil {
					t.Errorf("%s: answer %s is not described", name, status)
				}
			}
			if !strings.HasPrefix(path, "/v1/") {
				t.Errorf("%s: outside of /v1", name)
			}
		}
	}
	if len(seen) < 40 {
		t.Errorf("only %d operations", len(seen))
	}
}

// TestSpecSaysNothingThatGeneratorsDrop: OpenAPI 3.1 has no nullable.
func TestSpecSaysNothingThatGeneratorsDrop(t *testing.T) {
	t.Parallel()
	spec, err := Spec()
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"nullable:", "$schema", "ListString", "additionalProperties: null"} {
		if strings.Contains(string(spec), bad) {
			t.Errorf("the contract contains %q", bad)
		}
	}
}
