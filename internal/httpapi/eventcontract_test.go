package httpapi

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/testneed"
)

// TestEventContractIsCommitted holds what is made of the catalogue of events to
// the committed files: the contract, each type's schema, and a sample of each.
func TestEventContractIsCommitted(t *testing.T) {
	t.Parallel()
	spec, err := AsyncSpec()
	if err != nil {
		t.Fatal(err)
	}
	c, err := newEventContract()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"asyncapi.yaml": spec}
	for _, f := range c.forms {
		files["events/"+string(f.Kind)+".schema.json"] = append(slices.Clip(f.Schema), '\n')
		files["events/"+string(f.Kind)+".sample.json"] = append(slices.Clip(f.Sample), '\n')
	}
	dir := filepath.Join(testneed.Root(t), "api")
	for name, got := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if *update {
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s has changed; look at the difference and run this test with -update (- committed, + made):\n%s", name, diff)
		}
	}
	there, err := filepath.Glob(filepath.Join(dir, "events", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range there {
		if files["events/"+filepath.Base(file)] == nil {
			t.Errorf("%s belongs to no type of event", file)
		}
	}
}

// TestSchemasOfEvents: another implementation of JSON Schema takes every schema,
// and finds that the sample's data fits, and that data without a member does not.
func TestSchemasOfEvents(t *testing.T) {
	t.Parallel()
	c, err := newEventContract()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range c.forms {
		schema := compile(t, f)
		data, err := json.Marshal(f.Data)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(decoded(t, data)); err != nil {
			t.Errorf("%s: %v", f.Kind, err)
		}
		if err := schema.Validate(map[string]any{}); err == nil {
			t.Errorf("%s takes data that says nothing", f.Kind)
		}
		more := decoded(t, data).(map[string]any)
		if more["of_a_later_version"] = true; schema.Validate(more) != nil {
			t.Errorf("%s takes no further members", f.Kind)
		}
		if f.About == "" || !strings.Contains(string(f.Sample), string(f.Kind)) {
			t.Errorf("%s is not described", f.Kind)
		}
	}
}

func compile(t *testing.T, f eventForm) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	at := event.SchemaOf(f.Kind, sampleSource)
	if err := c.AddResource(at, decoded(t, f.Schema)); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile(at)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func decoded(t *testing.T, raw []byte) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return v
}
