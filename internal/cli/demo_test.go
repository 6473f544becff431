package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	paraph "github.com/paraph/paraph/sdk/go"
)

func TestSpoilChangesOneByte(t *testing.T) {
	t.Parallel()
	for _, was := range []string{"aaaaa", "zzzzz", "ZZZZZ", "99999", "/////", "\x00\x00\x00\x00\x00", "\xff\xff\xff\xff\xff"} {
		now := []byte(was)
		spoil(now)
		differ := 0
		for i := range now {
			if now[i] != was[i] {
				differ++
			}
		}
		if differ != 1 || len(now) != len(was) {
			t.Errorf("%q became %q", was, now)
		}
	}
}

func TestShort(t *testing.T) {
	t.Parallel()
	if got := short(strings.Repeat("a", 8) + strings.Repeat("b", 48) + strings.Repeat("c", 8)); got != "aaaaaaaa…cccccccc" {
		t.Error(got)
	}
	if got := short(""); got != "" {
		t.Error(got)
	}
}

func TestTailKeepsTheEnd(t *testing.T) {
	t.Parallel()
	l := &tail{limit: 20}
	for _, line := range []string{"first line\n", "second line\n", "third\n"} {
		if n, err := l.Write([]byte(line)); n != len(line) || err != nil {
			t.Fatal(n, err)
		}
	}
	if got := l.String(); got != "second line\nthird\n" && got != "third\n" {
		t.Errorf("%q", got)
	}
}

func TestPageText(t *testing.T) {
	t.Parallel()
	if got := pageText(&paraph.DocumentPage{Words: []paraph.Word{{Text: "Delivery"}, {Text: "Note"}}}); got != "Delivery Note" {
		t.Errorf("%q", got)
	}
}

// A stream that is no terminal gets plain lines: no colour, nothing overwritten.
func TestProgressIsPlainWhereNobodyLooks(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	teller := newTeller(&Env{Stderr: &out, Getenv: func(string) string { return "" }})
	teller.begin("Read both files")
	teller.done("Read both files", "a\nb", 1234*time.Millisecond)
	teller.failed("Seal", 0)
	if got, want := out.String(), "✓    1.23 s  Read both files\n             a\n             b\n✗    0.00 s  Seal\n"; got != want {
		t.Errorf("got\n%s", got)
	}
}

func TestFindBrowser(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mine := filepath.Join(dir, "browser")
	if err := os.WriteFile(mine, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	none := func(string) string { return "" }
	for name, c := range map[string]struct {
		asked  string
		getenv func(string) string
	}{
		"by flag":        {mine, none},
		"by environment": {"", func(name string) string { return map[string]string{"PARAPH_BROWSER": mine}[name] }},
	} {
		if got, err := findBrowser(c.asked, c.getenv); got != mine || err != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, err := findBrowser(filepath.Join(dir, "absent"), none); err == nil {
		t.Error("a browser that is not there was found")
	}
}

// Without a browser the demo says so before it starts anything, also as JSON.
func TestDemoWithoutBrowser(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	env := &Env{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Getenv: func(string) string { return "" }}
	out := filepath.Join(t.TempDir(), "out")
	if code := runDemo(t.Context(), env, []string{"--json", "--out", out, "--browser", filepath.Join(t.TempDir(), "absent")}); code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	var sum demoSummary
	if err := json.Unmarshal(stdout.Bytes(), &sum); err != nil || sum.OK || !strings.Contains(sum.Fault, "browser") || len(sum.Steps) != 0 {
		t.Errorf("%s, %v", stdout.String(), err)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a folder was made for nothing")
	}
}

func TestDemoTakesNoArguments(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	if code := runDemo(t.Context(), &Env{Stdout: &stderr, Stderr: &stderr, Getenv: os.Getenv}, []string{"scan.pdf"}); code != exitUsage {
		t.Errorf("exit code %d", code)
	}
}
