package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is one running child. It does one job at a time.
type process struct {
	cmd    *exec.Cmd
	conn   *net.UnixConn
	stderr *tail
	exited chan struct{} // closed when the child has been reaped
	jobs   int
	busy   time.Duration
	reap   *time.Timer // while idle: ends the child
}

// starter starts children from one operating-system thread that lives as long
// as the pool. The kernel ties "kill the child when its parent dies" to the
// thread that started it, and Go may end other threads at any time. The thread
// also gives up gaining privileges, which its children inherit.
type starter struct {
	requests chan startRequest
	bare     bool // namespaces were refused once; do not ask again
}

type startRequest struct {
	cmd   *exec.Cmd
	reply chan error
}

func newStarter() *starter {
	s := &starter{requests: make(chan startRequest)}
	go s.run()
	return s
}

func (s *starter) run() {
	runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
	// Best effort: without it a set-uid program could raise the child's rights,
	// but the child can open no program in any case.
	_ = unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	for request := range s.requests {
		request.reply <- s.start(request.cmd)
	}
}

func (s *starter) start(cmd *exec.Cmd) error {
	if s.bare {
		return cmd.Start()
	}
	plain := *cmd
	attr := *cmd.SysProcAttr
	attr.Cloneflags = unix.CLONE_NEWUSER | unix.CLONE_NEWNET | unix.CLONE_NEWIPC
	cmd.SysProcAttr = &attr
	err := cmd.Start()
	if err == nil || !refused(err) {
		return err
	}
	// Many containers forbid namespaces. The other walls still stand.
	s.bare = true
	*cmd = plain
	return cmd.Start()
}

func refused(err error) bool {
	return errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EINVAL) ||
		errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.ENOSYS)
}

// startProcess starts a child and waits until it has put up its own walls.
func startProcess(s *starter, config *Config, emptyDir string) (*process, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("make a socket pair: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "parent"), os.NewFile(uintptr(pair[1]), "child")
	defer theirs.Close()
	generic, err := net.FileConn(ours)
	ours.Close() // FileConn made its own copy
	if err != nil {
		return nil, fmt.Errorf("open the socket: %w", err)
	}
	p := &process{conn: generic.(*net.UnixConn), stderr: &tail{}, exited: make(chan struct{})}
	p.cmd = exec.Command(config.Argv[0], config.Argv[1:]...)
	p.cmd.Env = append([]string{}, config.Env...) // empty, not the server's
	p.cmd.Dir = emptyDir
	p.cmd.Stderr = p.stderr
	p.cmd.ExtraFiles = []*os.File{theirs}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	answer := make(chan error, 1)
	s.requests <- startRequest{p.cmd, answer}
	if err := <-answer; err != nil {
		p.conn.Close()
		return nil, fmt.Errorf("start the child process: %w", err)
	}
	go func() {
		_ = p.cmd.Wait() // how it ended is read from ProcessState
		close(p.exited)
	}()
	if err := p.greet(config); err != nil {
		p.kill()
		return nil, fmt.Errorf("the child process did not become ready: %w (%s)", err, p.stderr.last())
	}
	return p, nil
}

func (p *process) greet(config *Config) error {
	if err := p.conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return err
	}
	if err := sendFrame(p.conn, hello{config.Limits, config.Folder}, nil); err != nil {
		return err
	}
	var ready reply
	if _, err := readFrame(p.conn, &ready, maxReply); err != nil {
		return err
	}
	if ready.Error != nil {
		return ready.Error
	}
	return p.conn.SetDeadline(time.Time{})
}

// roundTrip sends one job and waits for its answer; kill ends the wait.
func (p *process) roundTrip(op string, args json.RawMessage, files []*os.File) (*reply, error) {
	if err := sendFrame(p.conn, request{op, args}, files); err != nil {
		return nil, err
	}
	answer := &reply{}
	if extra, err := readFrame(p.conn, answer, maxReply); err != nil {
		return nil, err
	} else if len(extra) > 0 {
		closeAll(extra)
		return nil, errors.New("the child sent descriptors")
	}
	return answer, nil
}

// kill ends the child at once and waits until it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // an error means that it is gone already
	_ = p.conn.Close()
	<-p.exited
}

// privateMemory gives the child's resident memory in bytes without pages it
// shares with files, such as the program itself; 0 when it cannot be read.
func (p *process) privateMemory() int64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	var size, resident, shared int64
	if _, err := fmt.Sscan(string(data), &size, &resident, &shared); err != nil {
		return 0
	}
	return (resident - shared) * int64(os.Getpagesize())
}

// verdict says why a child that went away in the middle of a job did so.
func (p *process) verdict() error {
	<-p.exited
	text := p.stderr.last()
	if strings.Contains(text, "out of memory") || strings.Contains(text, "cannot allocate memory") || strings.Contains(text, "failed to allocate") {
		return ErrMemory
	}
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() && status.Signal() == syscall.SIGXCPU {
		return ErrTimeout
	}
	return fmt.Errorf("%w: %s: %s", ErrCrashed, p.cmd.ProcessState, firstLine(text))
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

// tail keeps the first and the last few kilobytes a child writes to stderr: a
// Go crash says what happened first, then where.
type tail struct {
	mu   sync.Mutex
	head []byte
	end  []byte
}

const tailSize = 4 << 10

// Write keeps what fits and never fails.
func (t *tail) Write(data []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(data)
	if room := tailSize - len(t.head); room > 0 {
		take := min(room, len(data))
		t.head = append(t.head, data[:take]...)
		data = data[take:]
	}
	t.end = append(t.end, data...)
	if over := len(t.end) - tailSize; over > 0 {
		t.end = append([]byte(nil), t.end[over:]...)
	}
	return n, nil
}

func (t *tail) last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.Join([][]byte{t.head, t.end}, nil))
}
