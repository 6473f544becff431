//go:build judges

package guide

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/paraph/paraph/internal/docsite"
	"github.com/paraph/paraph/internal/e2e/programtest"
	"github.com/paraph/paraph/internal/testneed"
)

// TestGuide does what every page says, as a new user would: in an empty folder with a
// PDF, saving what is to be saved and running what is to be run, in that order. What is
// printed is what the page says. Pages in other languages than Go need the packages of
// their SDKs and the tools to install them: PARAPH_SDK_HOUSE names a folder that
// judges/sdk/install has filled; without it they are left to the judges.
func TestGuide(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"bash", "curl", "jq"} {
		testneed.Command(t, tool)
	}
	r := &reader{modules: programtest.GoModules(t), house: os.Getenv("PARAPH_SDK_HOUSE"), bin: t.TempDir()}
	program := programtest.Build(t)
	r.server = programtest.Serve(t, programtest.Options{Data: t.TempDir(), Program: program, Args: []string{"--outbound-allow", "127.0.0.0/8"}})
	if err := os.Symlink(program, filepath.Join(r.bin, "paraph")); err != nil {
		t.Fatal(err)
	}
	t.Run("pages", func(t *testing.T) {
		for _, page := range texts(t) {
			if !slices.ContainsFunc(page.blocks, func(b docsite.Block) bool { return kindOf(b) == "run" }) {
				continue
			}
			t.Run(strings.TrimSuffix(path.Base(page.name), ".md"), func(t *testing.T) {
				t.Parallel()
				if foreign(page) && r.house == "" {
					t.Skip("the judges run this page: it needs the SDK's package")
				}
				r.follow(t, page)
			})
		}
	})
}

// foreign tells whether a page needs an SDK that is not Go's.
func foreign(page text) bool {
	return slices.ContainsFunc(page.blocks, func(b docsite.Block) bool { return slices.Contains([]string{"ts", "python", "java"}, b.Language) })
}

// reader is somebody who follows the pages.
type reader struct {
	server  *programtest.Process
	modules []string // environment for go get
	house   string   // the packages of the SDKs
	bin     string   // on the path: paraph
}

// follow does what a page says.
func (r *reader) follow(t *testing.T, page text) {
	folder := t.TempDir()
	write := func(name string, content []byte) {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if r.house != "" {
		write(".npmrc", []byte("@paraph:registry="+r.npm(t)+"/\n"))
	}
	write("order.pdf", programtest.TextPDF("BT /F1 24 Tf 72 700 Td (Purchase order 4711) Tj ET"))
	var script strings.Builder
	script.WriteString("set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n")
	for i, b := range page.blocks {
		switch kindOf(b) {
		case "saved":
			write(b.File, []byte(b.Code))
		case "run":
			script.WriteString(b.Code + "printf '\\n\\036" + strconv.Itoa(i) + "\\n'\n") // a mark behind what it prints
		}
	}
	printed := r.run(t, folder, script.String(), page)
	last := -1
	for i, b := range page.blocks {
		if kindOf(b) == "run" {
			last = i
		}
		if kindOf(b) == "compared" && !fits(b.Code, printed[last]) {
			t.Errorf("docs/%s:%d: the page says\n%s\nbut what is printed is\n%s", page.name, b.Line, b.Code, printed[last])
		}
	}
}

// link is the address of a signing page.
var link = regexp.MustCompile(`https?://[^ "]+/sign/[^ "]+`)

// run runs a page's script and gives what each block printed. Whoever finds a link to
// sign by in it, signs.
func (r *reader) run(t *testing.T, folder, script string, page text) map[int]string {
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
	cmd.Dir, cmd.Env = folder, r.environ(t, folder)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var said bytes.Buffer
	cmd.Stderr = &said
	out, in := io.Pipe()
	cmd.Stdout = in
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }) // whatever it left running
	ended := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		_ = in.Close() // never fails
		ended <- err
	}()
	printed, block := map[int]string{}, ""
	var signing sync.WaitGroup
	defer signing.Wait()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		line := lines.Text()
		if mark, ok := strings.CutPrefix(line, "\x1e"); ok {
			i, err := strconv.Atoi(mark)
			if err != nil {
				t.Fatal(err)
			}
			printed[i], block = strings.TrimSuffix(block, "\n"), ""
			continue
		}
		block += line + "\n"
		if address := link.FindString(line); address != "" {
			signing.Go(func() {
				if err := programtest.Sign(address); err != nil {
					t.Errorf("signing: %v", err)
				}
			})
		}
	}
	if err := <-ended; err != nil {
		after := -1
		for i := range printed {
			after = max(after, i)
		}
		for i, b := range page.blocks {
			if i > after && kindOf(b) == "run" {
				t.Fatalf("docs/%s:%d: %v\n%s\n%s", page.name, b.Line, err, block, said.String())
			}
		}
	}
	return printed
}

func (r *reader) environ(t *testing.T, folder string) []string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), r.modules...)
	env = append(env, "PATH="+r.bin+":"+os.Getenv("PATH"), "XDG_CONFIG_HOME="+filepath.Join(folder, ".config"), "LC_ALL=C.UTF-8",
		"PARAPH_URL="+r.server.URL, "PARAPH_CLIENT_ID="+r.server.ID, "PARAPH_CLIENT_SECRET="+r.server.Secret, fmt.Sprint("PORT=", port))
	if r.house != "" {
		env = append(env, "PIP_NO_INDEX=1", "PIP_FIND_LINKS="+filepath.Join(r.house, "wheels"), "PIP_DISABLE_PIP_VERSION_CHECK=1",
			"MAVEN_OPTS=-Dmaven.repo.local="+filepath.Join(r.house, "m2"))
	}
	return env
}

// fits tells whether what is printed is what a page says. … stands for anything on a
// line, and alone on a line for any lines; blanks at the ends of lines don't count.
func fits(says, printed string) bool {
	var pattern strings.Builder
	pattern.WriteString(`^`)
	for line := range strings.Lines(says) {
		if line = strings.TrimRight(line, " \t\n"); line == "…" {
			pattern.WriteString(`(?:[^\n]*\n)*?`)
			continue
		}
		for i, part := range strings.Split(line, "…") {
			if i > 0 {
				pattern.WriteString(`[^\n]*?`)
			}
			pattern.WriteString(regexp.QuoteMeta(part))
		}
		pattern.WriteString(`\n`)
	}
	pattern.WriteString(`$`)
	var plain strings.Builder
	for line := range strings.Lines(printed) {
		plain.WriteString(strings.TrimRight(line, " \t\n") + "\n")
	}
	return regexp.MustCompile(pattern.String()).MatchString(plain.String())
}

// TestFits: a page that says something else is found.
func TestFits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		says, printed string
		want          bool
	}{
		{"a\n", "a\n", true}, {"a\n", "a", true}, {"a\n", "b\n", false}, {"a\n", "a\nb\n", false}, {"a\n…\n", "a\nb\nc\n", true}, {"a\n…\n", "a\n", true},
		{"…\nb\n…\n", "a\nb\nc\n", true}, {"…\nb\n…\n", "a\nc\n", false}, {"x …y\n", "x 12y\n", true}, {"x …y\n", "x 1\n2y\n", false}, {"a.c\n", "abc\n", false},
	} {
		if got := fits(c.says, c.printed); got != c.want {
			t.Errorf("%q beside %q: %v", c.says, c.printed, got)
		}
	}
}
