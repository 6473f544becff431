// Package programtest runs the real program, as it is shipped, for tests that
// have to look at it, starve it or kill it from outside.
package programtest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/paraph/paraph/internal/testneed"
)

var built struct {
	sync.Mutex
	paths map[string]string // by tags
}

// Build builds the program with the tags, once for each test binary. All of them share
// what was built in the repository's cache: linking is most of the work, and go leaves
// a file as it is that is up to date.
func Build(t testing.TB, tags ...string) string {
	t.Helper()
	goCommand := testneed.Command(t, "go")
	built.Lock()
	defer built.Unlock()
	key := strings.Join(tags, ",")
	if path := built.paths[key]; path != "" {
		return path
	}
	dir := filepath.Join(testneed.Root(t), ".cache", "programs")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	lock, err := os.Create(filepath.Join(dir, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close() // which lets the next one build
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, strings.Join(append([]string{"paraph"}, tags...), "-"))
	out, err := exec.Command(goCommand, "build", "-tags", key, "-ldflags", "-s -w", "-o", path, "github.com/paraph/paraph/cmd/paraph").CombinedOutput()
	if err != nil {
		t.Fatalf("go build: %v: %s", err, out)
	}
	if built.paths == nil {
		built.paths = map[string]string{}
	}
	built.paths[key] = path
	return path
}

// Options say how the program is started.
type Options struct {
	Data     string   // the data folder
	Database string   // "" is SQLite
	Args     []string // more flags
	Under    []string // a command that runs it, such as strace with its flags
	Env      []string
	Program  string // from Build; "" builds without tags
}

// Process is a running `paraph serve`.
type Process struct {
	t    testing.TB
	cmd  *exec.Cmd
	gone chan struct{}
	// URL is where it serves; ID and Secret are the first administrator's, at the first start.
	URL    string `json:"url"`
	ID     string `json:"client_id"`
	Secret string `json:"client_secret"`
	// Address is where it serves whatever people call it; Admin where it tells how it is.
	Address string `json:"address"`
	Admin   string `json:"admin"`
}

// Serve starts the program and waits until it says its address. It is killed
// when the test ends.
func Serve(t testing.TB, o Options) *Process {
	t.Helper()
	p, err := TryServe(t, o)
	if err != nil {
		t.Fatalf("the server did not start: %v", err)
	}
	return p
}

// TryServe is Serve where the start may fail: the error holds what it said.
func TryServe(t testing.TB, o Options) (*Process, error) {
	t.Helper()
	if o.Program == "" {
		o.Program = Build(t)
	}
	args := append(append([]string{}, o.Under...), o.Program, "serve", "--json", "--data-dir", o.Data, "--listen", "127.0.0.1:0",
		"--rate-limit", "0", "--ocr-languages", "eng", "--log-level", "warn")
	p := &Process{t: t, cmd: exec.Command(args[0], append(args[1:], o.Args...)...), gone: make(chan struct{})}
	p.cmd.Env = environ(o)
	// A group of its own, so that a wrapper and what it runs end together.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	said := &lines{t: t}
	p.cmd.Stderr = said
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	r := bufio.NewReader(stdout)
	line, err := r.ReadBytes('\n')
	go func() {
		defer close(p.gone)
		_, _ = io.Copy(io.Discard, r)
		_ = p.cmd.Wait() // it is killed or stopped: there is no good ending to ask for
	}()
	t.Cleanup(p.Kill)
	if err == nil {
		err = json.Unmarshal(line, p)
	}
	if err != nil {
		p.Kill()
		return nil, fmt.Errorf("%w: %s", err, said.text())
	}
	return p, nil
}

// Ended is how a command of the program ended.
type Ended struct {
	Code   int  // -1 where it was killed
	Killed bool // by SIGKILL
	Out    []byte
	Said   string // on standard error
}

// Run runs a command of the program to its end. failpoints, where it is not "",
// are armed in it.
func Run(t testing.TB, o Options, failpoints, command string, args ...string) Ended {
	t.Helper()
	cmd := exec.Command(o.Program, append([]string{command}, args...)...)
	cmd.Env = append(environ(o), "PARAPH_FAILPOINTS="+failpoints)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // how it ended stands in its state
	status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	return Ended{Code: cmd.ProcessState.ExitCode(), Killed: status.Signaled() && status.Signal() == syscall.SIGKILL, Out: out.Bytes(), Said: said.String()}
}

// environ is the environment of a program: nothing of ours, but what it is told.
func environ(o Options) (env []string) {
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PARAPH_") {
			env = append(env, v)
		}
	}
	return append(append(env, "PARAPH_DATABASE="+o.Database), o.Env...)
}

// Pid is the process started: the wrapper's where there is one.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Kill ends the process as a power cut would, and waits until it is gone.
func (p *Process) Kill() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // it may be gone already
	<-p.gone
}

// Stop asks the process to end in order, and waits until it has.
func (p *Process) Stop() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGTERM) // it may be gone already
	<-p.gone
}

// Gone is closed once the process has ended.
func (p *Process) Gone() <-chan struct{} { return p.gone }

// lines keeps what the process says and shows it beside its test.
type lines struct {
	t  testing.TB
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b.Write(p)
	l.t.Logf("%s", bytes.TrimSpace(p))
	return len(p), nil
}

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Caller is an API client with an access token.
type Caller struct {
	HTTP  *http.Client
	URL   string
	Token string
}

// Login logs a client in.
func Login(base, id, secret string) (*Caller, error) {
	c := &Caller{HTTP: &http.Client{}, URL: base}
	res, err := c.HTTP.PostForm(base+"/oauth/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}})
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	var got struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&got); err != nil {
		return nil, err
	}
	if c.Token = got.Token; c.Token == "" {
		return nil, errors.New("no token: " + res.Status)
	}
	return c, nil
}

// Answer is what came back.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Into reads the answer's JSON.
func (a *Answer) Into(v any) error { return json.Unmarshal(a.Body, v) }

// Code gives the code of a problem, "" where the answer is none.
func (a *Answer) Code() string {
	var p struct {
		Code string `json:"code"`
	}
	_ = json.Unmarshal(a.Body, &p) // no JSON: no code
	return p.Code
}

var keys atomic.Int64

// Do sends a request. What changes something gets an idempotency key of its own
// unless the headers, in pairs, name one.
func (c *Caller) Do(method, path string, body []byte, header ...string) (*Answer, error) {
	req, err := http.NewRequest(method, c.URL+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.Token)
	if method != http.MethodGet {
		req.Header.Set("Idempotency-Key", fmt.Sprintf("key-%d-%d", os.Getpid(), keys.Add(1)))
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := c.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	return &Answer{Status: res.StatusCode, Header: res.Header, Body: raw}, err
}
