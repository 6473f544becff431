package httpapi

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
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
			complete(t, name, op)
			if !strings.HasPrefix(path, "/v1/") {
				t.Errorf("%s: outside of /v1", name)
			}
		}
	}
	if len(seen) < 40 {
		t.Errorf("only %d operations", len(seen))
	}
}

// complete holds an operation to what every one says: codes of its refusals, scopes,
// headers of limits and caches, an example of each body, no answer by default.
func complete(t *testing.T, name string, op *huma.Operation) {
	t.Helper()
	for status, r := range op.Responses {
		if status == "default" || r.Description == "" {
			t.Errorf("%s: the answer %q stands for others, or is not explained", name, status)
		}
		if status[0] == '4' || status[0] == '5' {
			if !strings.HasPrefix(r.Description, "Codes: `") {
				t.Errorf("%s: the answer %s names no codes", name, status)
			}
			continue
		}
		if status[0] != '2' {
			continue
		}
		for _, header := range []string{"X-Request-Id", "Cache-Control", "RateLimit", "RateLimit-Policy"} {
			if r.Headers[header] == nil {
				t.Errorf("%s: %s does not describe %s", name, status, header)
			}
		}
		if m := r.Content["application/json"]; m != nil && m.Example == nil && !alsoExampled(op) {
			t.Errorf("%s: no answer has an example", name)
		}
	}
	if op.Responses["429"].Headers["Retry-After"] == nil || op.Responses["401"].Headers["WWW-Authenticate"] == nil {
		t.Errorf("%s: 429 or 401 lacks its header", name)
	}
	if len(op.Security) == 0 {
		t.Errorf("%s: no scope lets in", name)
	}
	if body := op.RequestBody; body != nil {
		for media, m := range body.Content {
			if media == "application/json" && m.Example == nil {
				t.Errorf("%s: its body has no example (internal/httpapi/examples/requests.json)", name)
			}
		}
	}
}

// alsoExampled tells whether any answer of an operation has an example.
func alsoExampled(op *huma.Operation) bool {
	for _, r := range op.Responses {
		for _, m := range r.Content {
			if m.Example != nil {
				return true
			}
		}
	}
	return false
}

// TestRequestsAreClosed: no object in a body takes members that are not described, but
// for those that are the caller's own.
func TestRequestsAreClosed(t *testing.T) {
	t.Parallel()
	o := build(Config{}).huma.OpenAPI()
	own := map[string]bool{"metadata": true, "schema": true, "jwks": true, "body": true}
	seen := map[string]bool{}
	var walk func(at string, s *huma.Schema)
	walk = func(at string, s *huma.Schema) {
		if s == nil || seen[s.Ref] {
			return
		}
		if s.Ref != "" {
			seen[s.Ref] = true
			s = o.Components.Schemas.SchemaFromRef(s.Ref)
		}
		last := at[strings.LastIndexByte(at, '/')+1:]
		if s.Type == huma.TypeObject && !own[last] {
			if open, ok := s.AdditionalProperties.(bool); ok && open || s.AdditionalProperties == nil {
				t.Errorf("%s takes whatever comes", at)
			}
		}
		for name, p := range s.Properties {
			walk(at+"/"+name, p)
		}
		walk(at+"/0", s.Items)
	}
	for path, item := range o.Paths {
		for _, op := range operationsOf(item) {
			if op.RequestBody == nil {
				continue
			}
			for _, m := range op.RequestBody.Content {
				walk(op.Method+" "+path, m.Schema)
			}
		}
	}
	if len(seen) < 30 {
		t.Errorf("only %d schemas were looked at", len(seen))
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
