package archtest

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/paraph/paraph/internal/testneed"
)

// walk is what all tests share: the files are read once.
var walk struct {
	sync.Once
	all []source
	err error
}

func sources(t *testing.T) []source {
	t.Helper()
	walk.Do(func() { walk.all, walk.err = load(testneed.Root(t)) })
	if walk.err != nil {
		t.Fatal(walk.err)
	}
	if len(walk.all) < 20 {
		t.Fatalf("only %d Go files found: the walk is broken", len(walk.all))
	}
	return walk.all
}

func TestArrows(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if s.test {
			continue // tests may import testneed, other rooms, and what they compare with
		}
		for _, i := range s.imports {
			if why := forbidden(s.pkg, i); why != "" {
				t.Errorf("%s imports %s: %s", s.path, strings.TrimPrefix(i, module+"/"), why)
			}
		}
	}
}

// TestTheTableForbids makes sure that the table has teeth.
func TestTheTableForbids(t *testing.T) {
	t.Parallel()
	cases := []struct {
		from, imported string
		ok             bool
	}{
		{"internal/document", module + "/internal/fault", true},
		{"internal/document", module + "/internal/signing", true},
		{"internal/document", module + "/internal/service", false},
		{"internal/document", "database/sql", false},
		{"internal/document", "net/http", false},
		{"internal/document", "net/url", true},
		{"internal/document", "github.com/jackc/pgx/v5", false},
		{"internal/journal", "golang.org/x/mod/sumdb/note", true},
		{"internal/fault", module + "/internal/document", false},
		{"internal/service", module + "/internal/store", false},
		{"internal/store", module + "/internal/blob", false},
		{"internal/store", module + "/internal/store/storetest", false},
		{"internal/store/storetest", module + "/internal/store", true},
		{"internal/blob/disk", module + "/internal/blob", true},
		{"internal/blob", module + "/internal/blob/crypt", true},
		{"internal/blob/crypt", module + "/internal/blob", false},
		{"internal/work", module + "/internal/mail", false},
		{"internal/httpapi", module + "/pades", false},
		{"pades", module + "/internal/fault", false},
		{"pades", module + "/pades/internal/cms", true},
		{"internal/pdf", module + "/pades/pdffile", true},
		{"internal/pdf", module + "/internal/service", false},
		{"internal/server", module + "/internal/cli", false},
		{"internal/server", module + "/internal/testneed", false},
		{"cmd/paraph", module + "/internal/server", false},
		{"bench/ocr", module + "/internal/ocr", true},
		{"internal/newroom", module + "/internal/fault", false},
	}
	for _, c := range cases {
		if why := forbidden(c.from, c.imported); (why == "") != c.ok {
			t.Errorf("%s → %s: allowed is %v, want %v (%s)", c.from, c.imported, why == "", c.ok, why)
		}
	}
}

func TestEveryPackageIsIntroduced(t *testing.T) {
	t.Parallel()
	introduced := map[string]bool{}
	for _, s := range sources(t) {
		if !s.test {
			introduced[s.pkg] = introduced[s.pkg] || s.comment
		}
	}
	for pkg, ok := range introduced {
		if !ok {
			t.Errorf("%s has no package comment that says what it is for", pkg)
		}
	}
}

// maxLines is where a room wants a wall.
const maxLines = 500

func TestFilesStaySmall(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if !s.test && !s.generated && s.lines > maxLines {
			t.Errorf("%s has %d lines; split it by subject (the most is %d)", s.path, s.lines, maxLines)
		}
	}
}

// unwanted are words that must not stand in the project. They are put together
// here so that this file doesn't hold them.
var unwanted = []struct{ why, pattern string }{
	{"finish it, or say it in the closing note", `\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`},
	{"a registry's host name belongs to nobody's project", `pro` + `xy\.gol` + `ang\.org|regis` + `try\.np` + `mjs|python` + `hosted|rep` + `o1?\.maven|pyp` + `i\.org/simple`},
	{"a path of one machine", `/wor` + `k/(main|shared|steer)|/tmp/par` + `aph/|bash_` + `jobs|/ro` + `ot/\.`},
}

func TestNothingUnwanted(t *testing.T) {
	t.Parallel()
	root := testneed.Root(t)
	files := tracked(t, root)
	for _, u := range unwanted {
		re := regexp.MustCompile(u.pattern)
		for _, f := range files {
			raw, err := read(root, f)
			if err != nil || bytes.IndexByte(raw[:min(len(raw), 8000)], 0) >= 0 {
				continue // a deleted or a binary file
			}
			for n, line := range strings.Split(string(raw), "\n") {
				if len(line) < 2000 && re.MatchString(line) {
					t.Errorf("%s:%d: %s: %s", f, n+1, u.why, strings.TrimSpace(line))
				}
			}
		}
	}
}

// TestNoSleepsInTests: a test that sleeps is slow on a fast machine and wrong on
// a slow one.
func TestNoSleepsInTests(t *testing.T) {
	t.Parallel()
	root := testneed.Root(t)
	sleep := []byte("time." + "Sleep(")
	for _, s := range sources(t) {
		if !s.test {
			continue
		}
		raw, err := read(root, s.path)
		if err != nil {
			t.Fatal(err)
		}
		// In a synctest bubble a sleep costs no time: the clock is the bubble's.
		if bytes.Contains(raw, sleep) && !bytes.Contains(raw, []byte("testing/synctest")) {
			t.Errorf("%s sleeps; wait for what is meant, or use testing/synctest", s.path)
		}
	}
}

// TestRoutesHaveEntrances: a route that is registered past internal/entrance would be
// missing from the table of who may come in. Witnesses and time stamping authorities
// are programs of their own, for everybody.
func TestRoutesHaveEntrances(t *testing.T) {
	t.Parallel()
	root := testneed.Root(t)
	past := regexp.MustCompile(`http\.(NewServeMux\(|ServeMux\b|HandleFunc\(|Handle\()`)
	for _, s := range sources(t) {
		if s.test || !strings.HasPrefix(s.pkg, "internal/") || s.pkg == "internal/entrance" || s.pkg == "internal/witness" || s.pkg == "internal/tsa" || strings.HasSuffix(s.pkg, "test") {
			continue
		}
		raw, err := read(root, s.path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(raw)) {
			if code, _, _ := strings.Cut(line, "//"); past.MatchString(code) {
				t.Errorf("%s registers a route past the table of entrances: %s", s.path, strings.TrimSpace(line))
			}
		}
	}
}

// tracked lists the files git knows.
func tracked(t *testing.T, root string) []string {
	t.Helper()
	git, err := exec.LookPath("git")
	if err != nil {
		testneed.Missing(t, "git is not installed; it lists the project's files")
	}
	out, err := exec.Command(git, "-C", root, "ls-files", "-z").Output()
	if err != nil {
		t.Skip("this is no git checkout, so there is no list of the project's files")
	}
	var files []string
	for _, f := range strings.Split(string(out), "\x00") {
		switch filepath.Ext(f) {
		case ".pdf", ".png", ".jpg", ".jpeg", ".sum", ".ttf", ".golden":
		default:
			if f != "" && !strings.Contains(f, "testdata/") {
				files = append(files, f)
			}
		}
	}
	return files
}
