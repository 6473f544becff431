package disk

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// call is one finished system call of a trace.
type call struct {
	name       string
	args       string
	start, end int // lines of the trace: it may have run beside others
}

var (
	lineForm    = regexp.MustCompile(`^(\d+) +(.*)$`)
	resumedForm = regexp.MustCompile(`^<\.\.\. (\w+) resumed>(.*)$`)
	callForm    = regexp.MustCompile(`^(\w+)\((.*)$`)
	pathForm    = regexp.MustCompile(`^-?\w*<([^>]*)>`) // the descriptor's path, by strace -y
	quotedForm  = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`)
)

// readTrace reads what `strace -f -y` wrote. Calls that did not succeed are left out.
func readTrace(t *testing.T, path string) []call {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []call
	open := map[string]call{} // by thread
	for n, line := range strings.Split(string(raw), "\n") {
		m := lineForm.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		thread, rest := m[1], m[2]
		c := call{start: n, end: n}
		if r := resumedForm.FindStringSubmatch(rest); r != nil {
			c = open[thread]
			delete(open, thread)
			c.args, c.end = c.args+r[2], n
		} else if f := callForm.FindStringSubmatch(rest); f != nil {
			c.name, c.args = f[1], f[2]
		} else {
			continue // a signal, an exit
		}
		if before, ok := strings.CutSuffix(c.args, "<unfinished ...>"); ok {
			c.args = before
			open[thread] = c
			continue
		}
		if c.name != "" && succeeded(c.args) {
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b call) int { return a.start - b.start })
	return out
}

func succeeded(args string) bool {
	i := strings.LastIndex(args, " = ")
	return i >= 0 && !strings.HasPrefix(args[i+3:], "-1")
}

// path is the file of the call's first argument, a descriptor.
func (c call) path() string {
	if m := pathForm.FindStringSubmatch(c.args); m != nil {
		return strings.TrimSuffix(m[1], " (deleted)")
	}
	return ""
}

// names are the texts among the arguments: of link and rename, the old and the
// new name.
func (c call) names() []string {
	var out []string
	for _, m := range quotedForm.FindAllStringSubmatch(c.args, -1) {
		out = append(out, m[1])
	}
	return out
}

func (c call) writes() bool { return c.name == "write" || strings.HasPrefix(c.name, "pwrite") }
func (c call) syncs() bool  { return c.name == "fsync" || c.name == "fdatasync" }
func (c call) carries() bool {
	return strings.HasPrefix(c.name, "link") || strings.HasPrefix(c.name, "rename")
}

// synced tells whether a sync of the file, begun after the line after, was over
// before the line before.
func synced(calls []call, path string, after, before int) bool {
	return slices.ContainsFunc(calls, func(c call) bool {
		return c.syncs() && c.path() == path && c.start > after && c.end < before
	})
}
