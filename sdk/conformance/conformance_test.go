package conformance

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// asDriver in the environment makes the test binary the driver of the Go SDK.
const asDriver = "PARAPH_SDK_DRIVER"

func TestMain(m *testing.M) {
	if os.Getenv(asDriver) != "" {
		if err := DriveGo(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// drivers gives the command of each language's driver. The Go SDK's is this binary;
// PARAPH_SDK_DRIVERS names others, one a line: a language, "=", the command.
func drivers(t *testing.T) map[string][]string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{"Go": {self}}
	for line := range strings.Lines(os.Getenv("PARAPH_SDK_DRIVERS")) {
		if language, command, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			out[language] = strings.Fields(command)
		}
	}
	return out
}

// driver is a running driver.
type driver struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func startDriver(t *testing.T, command []string) *driver {
	t.Helper()
	d := &driver{cmd: exec.Command(command[0], command[1:]...)}
	d.cmd.Env = append(os.Environ(), asDriver+"=1", "NO_PROXY=*")
	d.cmd.Stderr = os.Stderr
	in, err := d.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := d.cmd.StdoutPipe()
	if err == nil {
		err = d.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	d.in, d.out = in, bufio.NewReader(out)
	t.Cleanup(func() {
		_ = in.Close() // the driver ends by that
		_ = d.cmd.Process.Kill()
		_ = d.cmd.Wait()
	})
	return d
}

func (d *driver) run(c Command) (Result, error) {
	raw, err := json.Marshal(c)
	if err != nil {
		return Result{}, err
	}
	if _, err := d.in.Write(append(raw, '\n')); err != nil {
		return Result{}, err
	}
	line, err := d.out.ReadBytes('\n')
	if err != nil {
		return Result{}, fmt.Errorf("the driver ended: %w", err)
	}
	var r Result
	return r, json.Unmarshal(line, &r)
}

var highWater = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// memory gives the most memory that the driver has had, in MB.
func (d *driver) memory(t *testing.T) int {
	t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.cmd.Process.Pid))
	if err != nil {
		t.Skip("there is no /proc to measure memory by")
	}
	found := highWater.FindSubmatch(raw)
	if found == nil {
		t.Fatal("no VmHWM")
	}
	kb, err := strconv.Atoi(string(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kb / 1024
}

// mostGrowth is how much memory a driver may need more for a file of 300 MB, in MB.
const mostGrowth = 110

// verdict is the outcome of a case for a language.
type verdict struct {
	why    string
	growth int // MB, where it was measured
}

func TestConformance(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "small.bin"), file, 0o644); err != nil {
		t.Fatal(err)
	}
	hole, err := os.Create(filepath.Join(folder, "big.bin"))
	if err == nil {
		err = hole.Truncate(large) // of holes: it takes no room
	}
	if err == nil {
		err = hole.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	table := map[string]map[string]verdict{}
	t.Run("languages", func(t *testing.T) {
		for language, command := range drivers(t) {
			t.Run(language, func(t *testing.T) {
				t.Parallel()
				out := runAll(t, command, filepath.Join(folder), language)
				mu.Lock()
				defer mu.Unlock()
				table[language] = out
			})
		}
	})
	show(t, table)
}

func cases(folder string) []testCase {
	var out []testCase
	for _, more := range [][]testCase{requestCases(), tokenCases(), fileCases(folder), waitCases(), webhookCases()} {
		out = append(out, more...)
	}
	return out
}

// runAll puts one SDK through all cases.
func runAll(t *testing.T, command []string, shared, language string) map[string]verdict {
	folder := t.TempDir()
	for _, name := range []string{"small.bin", "big.bin"} {
		if err := os.Symlink(filepath.Join(shared, name), filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	d := startDriver(t, command)
	out := map[string]verdict{}
	for _, c := range cases(folder) {
		v := verdict{}
		driver := d
		if c.memory {
			driver = startDriver(t, command) // its high water is its own
			if _, v.why = runCase(driver, testCase{command: get, answer: first(0, nil), check: expect(1, gotten)}); v.why != "" {
				t.Fatal(v.why)
			}
			v.growth = -driver.memory(t)
		}
		r, why := runCase(driver, c)
		if v.why = why; v.why != "" {
			t.Errorf("%s: %s: %s (%+v)", language, c.name, v.why, r.Error)
		}
		if c.memory {
			if v.growth += driver.memory(t); v.growth > mostGrowth {
				t.Errorf("%s: %s: it needed %d MB more", language, c.name, v.growth)
			}
		}
		out[c.name] = v
	}
	return out
}

// runCase puts a driver through a case, and says what is wrong.
func runCase(d *driver, c testCase) (Result, string) {
	s := newServer(&c)
	defer s.Close()
	defer s.CloseClientConnections()
	c.command.URL = s.URL
	var r Result
	for range max(c.times, 1) {
		var err error
		if r, err = d.run(c.command); err != nil {
			return r, err.Error()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.faults) > 0 {
		return r, strings.Join(s.faults, "; ")
	}
	return r, c.check(s, r)
}

// show prints the table of languages and cases.
func show(t *testing.T, table map[string]map[string]verdict) {
	var b strings.Builder
	languages := []string{"Go", "TypeScript", "Python", "asyncio", "Java"}
	fmt.Fprintf(&b, "\n%-40s", "case")
	for _, l := range languages {
		fmt.Fprintf(&b, " %-11s", l)
	}
	for _, c := range cases("") {
		fmt.Fprintf(&b, "\n%-40s", c.name)
		for _, l := range languages {
			v, ran := table[l][c.name]
			said := "ok"
			switch {
			case !ran:
				said = "–"
			case v.why != "":
				said = "not ok"
			case c.memory:
				said = fmt.Sprintf("ok +%d MB", v.growth)
			}
			fmt.Fprintf(&b, " %-11s", said)
		}
	}
	t.Log(b.String())
}
