package mapping_test

import (
	"errors"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/paraph/paraph/internal/mapping"
	"github.com/paraph/paraph/internal/mapping/engine"
	"github.com/paraph/paraph/internal/sandbox"
)

// TestMain lets the test binary be its own child.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "child" {
		os.Exit(sandbox.Serve(engine.Ops()))
	}
	os.Exit(m.Run())
}

func tools(t *testing.T) *mapping.Tools {
	t.Helper()
	tools, err := mapping.New(nil, 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tools.Close(); err != nil {
			t.Error(err)
		}
	})
	return tools
}

func TestMap(t *testing.T) {
	t.Parallel()
	m := tools(t)
	for _, c := range []struct{ program, input, want string }{
		{`.event`, `{"event":{"n":12345678901234567890}}`, `{"n":12345678901234567890}`},
		{`{document_id: .event.data.id, labels: {state: .type}}`, `{"event":{"data":{"id":"doc_1"}},"type":"done"}`, `{"document_id":"doc_1","labels":{"state":"done"}}`},
		{`if .type == "x" then .event else empty end`, `{"type":"y"}`, ``},
		{`null`, `{}`, ``},
		{`.a, .b`, `{"a":1,"b":2}`, `1`},
		{`$ENV | length`, `{}`, `0`},
		{`env | length`, `{}`, `0`},
	} {
		got, err := m.Map(t.Context(), c.program, []byte(c.input))
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %s %v", c.program, got, err)
		}
	}
}

// TestHostilePrograms: a program that loops, eats memory or reaches for more than its
// input ends with the fault that says so, and the next one works.
func TestHostilePrograms(t *testing.T) {
	t.Parallel()
	m := tools(t)
	for name, c := range map[string]struct {
		program string
		want    []error
	}{
		"loop":        {`def f: f; f`, []error{mapping.ErrSlow}},
		"recursion":   {`def f: 1 + f; f`, []error{mapping.ErrSlow, sandbox.ErrMemory, sandbox.ErrCrashed}},
		"range":       {`[range(1e12)] | length`, []error{mapping.ErrSlow, sandbox.ErrMemory, sandbox.ErrCrashed}},
		"huge index":  {`.[500000000] = 1`, []error{mapping.ErrSlow, sandbox.ErrMemory, sandbox.ErrCrashed, mapping.ErrFailed}},
		"doubling":    {`"x" * 1000000 | [limit(2000; repeat(.))] | add | length`, []error{mapping.ErrSlow, sandbox.ErrMemory, sandbox.ErrCrashed}},
		"long output": {`"x" * 2000000`, []error{mapping.ErrTooLong}},
		"next input":  {`input`, []error{mapping.ErrProgram}},
		"module":      {`import "a" as a; .`, []error{mapping.ErrProgram}},
		"error":       {`error("no")`, []error{mapping.ErrFailed}},
		"wrong type":  {`.a.b.c`, []error{mapping.ErrFailed}},
		"no program":  {`{`, []error{mapping.ErrProgram}},
		"deep":        {strings.Repeat("(", 200_000), []error{mapping.ErrProgram, sandbox.ErrCrashed}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := m.Map(t.Context(), c.program, []byte(`{"a":[1]}`))
			found := false
			for _, want := range c.want {
				found = found || errors.Is(err, want)
			}
			if !found || !mapping.AtFault(err) {
				t.Errorf("%.60s: %v", got, err)
			}
			if got, err := m.Map(t.Context(), ".a", []byte(`{"a":1}`)); err != nil || string(got) != "1" {
				t.Errorf("the next one: %s %v", got, err)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	m := tools(t)
	if err := m.Check(t.Context(), `{a: .b | test("^x")}`); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{`{`, `nosuch`, `$nosuch`, `include "x"; .`} {
		if err := m.Check(t.Context(), bad); !errors.Is(err, mapping.ErrProgram) || err.Error() == "" {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// TestManyAtOnce: programs of one program's users do not meet.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	m := tools(t)
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			want := strings.Repeat("y", i)
			if got, err := m.Map(t.Context(), `.a`, []byte(`{"a":"`+want+`"}`)); err != nil || string(got) != `"`+want+`"` {
				t.Errorf("%s %v", got, err)
			}
		})
	}
	all.Wait()
}

func BenchmarkMap(b *testing.B) {
	m, err := mapping.New(nil, 2)
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	for b.Loop() {
		if _, err := m.Map(b.Context(), `{document_id: .event.data.id, labels: {state: .type}}`, []byte(`{"event":{"data":{"id":"doc_1"}},"type":"done"}`)); err != nil {
			b.Fatal(err)
		}
	}
}
