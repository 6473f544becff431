package main

import (
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, in string
		ok       bool
		last     string
		has      []string
	}{
		{
			name: "all well",
			in: `{"Action":"output","Package":"p","Test":"A","Output":"=== RUN A\n"}
{"Action":"pass","Package":"p","Test":"A","Elapsed":0.1}
{"Action":"output","Package":"p","Test":"B","Output":"    b_test.go:7: the program qpdf is not installed\n"}
{"Action":"skip","Package":"p","Test":"B"}
{"Action":"pass","Package":"p","Elapsed":1.5}`,
			ok: true, last: "1 passed, 0 failed, 1 skipped",
			has: []string{"1  the program qpdf is not installed", "1.5s  p"},
		},
		{
			name: "a failed test is told whole, its package not again",
			in: `{"Action":"output","Package":"p","Test":"A","Output":"    a_test.go:3: want 1, got 2\n"}
{"Action":"fail","Package":"p","Test":"A","Elapsed":0.1}
{"Action":"fail","Package":"p","Elapsed":0.2}`,
			last: "0 passed, 1 failed, 0 skipped",
			has:  []string{"FAILED: p A", "want 1, got 2"},
		},
		{
			name: "a package that doesn't build counts as a failure",
			in: `{"Action":"build-output","ImportPath":"p [p.test]","Output":"p.go:1: undefined: x\n"}
{"Action":"fail","Package":"p","Elapsed":0,"FailedBuild":"p [p.test]"}`,
			last: "0 passed, 1 failed, 0 skipped",
			has:  []string{"undefined: x"},
		},
		{
			name: "a panic names the test that never ended",
			in: `{"Action":"output","Package":"p","Test":"Hangs","Output":"panic: timed out\n"}
{"Action":"fail","Package":"p","Elapsed":9}`,
			last: "0 passed, 1 failed, 0 skipped",
			has:  []string{"unfinished: Hangs", "panic: timed out"},
		},
		{name: "words of the go command pass through", in: "go: no such module", last: "0 passed, 0 failed, 0 skipped", has: []string{"go: no such module"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			ok, err := run(strings.NewReader(c.in), &out)
			if err != nil {
				t.Fatal(err)
			}
			if ok != c.ok {
				t.Errorf("ok = %v, want %v", ok, c.ok)
			}
			got := strings.Split(strings.TrimSpace(out.String()), "\n")
			if got[len(got)-1] != c.last {
				t.Errorf("last line %q, want %q", got[len(got)-1], c.last)
			}
			for _, want := range c.has {
				if !strings.Contains(out.String(), want) {
					t.Errorf("the report lacks %q:\n%s", want, out.String())
				}
			}
		})
	}
}
