package httpapi

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/paraph/paraph/internal/testneed"
)

// TestSchemasAreCommitted holds the published schemas to the committed files: what
// changes there changes for everybody who built on it.
func TestSchemasAreCommitted(t *testing.T) {
	t.Parallel()
	c, err := newEventContract()
	if err != nil {
		t.Fatal(err)
	}
	all, err := publishedSchemas(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if strings.HasPrefix(s.Name, "events/") {
			continue // beside the samples of events
		}
		file := filepath.Join(testneed.Root(t), "api", "schemas", filepath.FromSlash(s.Name)+".v1.json")
		if *update {
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, append(s.text, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(s.text)+"\n"); diff != "" {
			t.Errorf("%s has changed; look at the difference and run this test with -update (- committed, + made):\n%s", file, diff)
		}
	}
}

// library compiles schemas as the server serves them.
type library struct {
	*stack
	known map[string]*jsonschema.Schema
}

func (l *library) at(address string) *jsonschema.Schema {
	l.t.Helper()
	if l.known[address] != nil {
		return l.known[address]
	}
	u, err := url.Parse(address)
	if err != nil {
		l.t.Fatal(err)
	}
	nobody := &caller{stack: l.stack}
	res := nobody.get(u.Path).want(200)
	if res.header.Get("Content-Type") != "application/schema+json" || !strings.Contains(res.header.Get("Cache-Control"), "public") {
		l.t.Errorf("%s: %v", address, res.header)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("https://paraph.example"+u.Path, decoded(l.t, res.body)); err != nil {
		l.t.Fatal(err)
	}
	s, err := c.Compile("https://paraph.example" + u.Path)
	if err != nil {
		l.t.Fatal(err)
	}
	if l.known == nil {
		l.known = map[string]*jsonschema.Schema{}
	}
	l.known[address] = s
	return s
}

// TestApprovalSchema: what the schema takes the server takes, and what it refuses
// the server refuses.
func TestApprovalSchema(t *testing.T) {
	onBoth(t, func(s *stack) {
		l := &library{stack: s}
		schema := l.at("/schemas/approval/v1.json")
		for name, change := range map[string]func(map[string]any){
			"as it is":       func(map[string]any) {},
			"with approvers": func(p map[string]any) { p["approvers"] = []any{"ann@example.com", "u_7"} },
			"with metadata":  func(p map[string]any) { p["metadata"] = map[string]any{"total": 12.5, "of": []any{1, "x", nil}} },
			"with a policy": func(p map[string]any) {
				p["approvers"], p["policy"] = []any{"a", "b"}, map[string]any{"mode": "parallel", "quorum": 1, "due_at": "2030-01-02T03:04:05Z"}
			},
			"!no document":    func(p map[string]any) { delete(p, "document_id") },
			"!no type":        func(p map[string]any) { delete(p, "document_type") },
			"!no initiator":   func(p map[string]any) { delete(p, "initiator") },
			"!half initiator": func(p map[string]any) { p["initiator"] = map[string]any{"user_id": "u"} },
			"!no approvers":   func(p map[string]any) { delete(p, "approvers") },
			"!approvers":      func(p map[string]any) { p["approvers"] = "ann@example.com" },
			"!misspelt":       func(p map[string]any) { p["approvrs"] = []any{} },
			"!mode":           func(p map[string]any) { p["policy"] = map[string]any{"mode": "any"} },
			"!due":            func(p map[string]any) { p["policy"] = map[string]any{"due_at": "soon"} },
			"!metadata":       func(p map[string]any) { p["metadata"] = []any{1} },
			"!too many": func(p map[string]any) {
				all := make([]any, 101)
				for i := range all {
					all[i] = "u" + time.Duration(i).String()
				}
				p["approvers"] = all
			},
		} {
			p := map[string]any(canonical(s.admin.draft(nil).ID))
			change(p)
			raw, err := json.Marshal(p)
			if err != nil {
				t.Fatal(err)
			}
			wrong := schema.Validate(decoded(t, raw))
			if refuse := strings.HasPrefix(name, "!"); refuse != (wrong != nil) {
				t.Errorf("%s: the schema says %v", name, wrong)
			} else if status := s.admin.post("/v1/approvals", string(raw)).status; refuse != (status >= 400) || status >= 500 {
				t.Errorf("%s: the server says %d", name, status)
			}
		}
		var index Items[publishedSchema]
		s.admin.get("/schemas").want(200).into(&index)
		for _, one := range index.Items {
			l.at(one.ID)
		}
		if len(index.Items) < 50 {
			t.Errorf("%d schemas are listed", len(index.Items))
		}
		for _, path := range []string{"/schemas/approval/v2.json", "/schemas/events/nothing.json", "/schemas/events/nothing/v1.json"} {
			s.admin.get(path).problem(404, "not_found")
		}
	})
}

// fits checks every event that happened, as the server gives it, against the schemas
// that the server publishes for it.
func (s *stack) fits() {
	s.t.Helper()
	l := &library{stack: s}
	whole := l.at("/schemas/event/v1.json")
	for after := ""; ; {
		var page struct {
			Items []json.RawMessage
			Next  string
		}
		s.admin.get("/v1/events?limit=200&after=" + after).want(200).into(&page)
		for _, raw := range page.Items {
			e := decoded(s.t, raw).(map[string]any)
			if err := whole.Validate(e); err != nil {
				s.t.Errorf("%s\n%v", raw, err)
			}
			if e["erased"] == true {
				continue
			}
			for _, at := range []string{e["dataschema"].(string), "/schemas/events/" + e["type"].(string) + "/v1.json"} {
				if err := l.at(at).Validate(e["data"]); err != nil {
					s.t.Errorf("%s\n%v", raw, err)
				}
			}
		}
		if after = page.Next; len(page.Items) == 0 {
			return
		}
	}
}
