package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"
)

// Limits bound one child. Zero values take the defaults.
type Limits struct {
	Memory     int64 `json:"memory"`      // bytes of private resident memory; default 900 MiB
	FileSize   int64 `json:"file_size"`   // bytes of any file the child writes; default 2 GiB
	OpenFiles  int   `json:"open_files"`  // default 64
	CPUSeconds int   `json:"cpu_seconds"` // over the child's whole life; default 1800
}

// Folder names the only folders a child may open, where the kernel can say so.
type Folder struct {
	Read  []string `json:"read,omitempty"`
	Write []string `json:"write,omitempty"`
}

// Config describes a pool. Zero values take the defaults.
type Config struct {
	Argv    []string      // the child's command line; default /proc/self/exe child
	Env     []string      // the child's environment; default empty
	Size    int           // children at once; default the number of cores
	Queue   int           // jobs that may wait; beyond it ErrBusy; default 1000
	Timeout time.Duration // wall time of one job; default 60 s
	Idle    time.Duration // an unused child ends after it; default 30 s
	Jobs    int           // a child is replaced after so many; default 200
	Dir     string        // a private folder for spooled files; default one in the system's temporary folder
	Limits  Limits
	Folder  Folder
}

func (c Config) withDefaults() Config {
	if len(c.Argv) == 0 {
		c.Argv = []string{"/proc/self/exe", "child"}
	}
	setDefault(&c.Size, runtime.NumCPU())
	setDefault(&c.Queue, 1000)
	setDefault(&c.Timeout, time.Minute)
	setDefault(&c.Idle, 30*time.Second)
	setDefault(&c.Jobs, 200)
	setDefault(&c.Limits.Memory, 900<<20)
	setDefault(&c.Limits.FileSize, 2<<30)
	setDefault(&c.Limits.OpenFiles, 64)
	setDefault(&c.Limits.CPUSeconds, 1800)
	return c
}

func setDefault[T ~int | ~int64](field *T, value T) {
	if *field <= 0 {
		*field = value
	}
}

// Pool hands jobs to children. It is safe for concurrent use.
type Pool struct {
	config  Config
	dir     string // ours; holds spooled files
	ownDir  bool
	empty   string // the children's working folder
	slots   chan struct{}
	waiting chan struct{}
	starter *starter

	mu     sync.Mutex
	idle   []*process
	closed bool
	active sync.WaitGroup
}

// NewPool makes a pool; children start when the first job comes.
func NewPool(config Config) (*Pool, error) {
	p := &Pool{config: config.withDefaults()}
	p.dir = p.config.Dir
	if p.dir == "" {
		dir, err := os.MkdirTemp("", "paraph-sandbox-")
		if err != nil {
			return nil, fmt.Errorf("make the work folder: %w", err)
		}
		p.dir, p.ownDir = dir, true
	} else if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the work folder: %w", err)
	}
	p.empty = filepath.Join(p.dir, "empty")
	if err := os.MkdirAll(p.empty, 0o500); err != nil {
		return nil, fmt.Errorf("make the children's folder: %w", err)
	}
	p.slots = make(chan struct{}, p.config.Size)
	p.waiting = make(chan struct{}, p.config.Size+p.config.Queue)
	p.starter = newStarter()
	return p, nil
}

// Size gives how many jobs run at once.
func (p *Pool) Size() int { return p.config.Size }

// Job is one call.
type Job struct {
	Op      string
	Args    any           // becomes JSON
	Files   []*os.File    // lent to the child for the job; read with ReadAt, so one file may serve several jobs
	Timeout time.Duration // 0 = the pool's
}

// Do runs one job and decodes its answer into result (unless nil).
//
// It returns *Error for what the job found, ErrTimeout, ErrMemory, ErrCrashed,
// ErrBusy, ErrClosed, or the context's error; whatever happens, the pool stays
// usable and no child is left running for a caller that has gone.
func (p *Pool) Do(ctx context.Context, job Job, result any) error {
	args, err := json.Marshal(job.Args)
	if err != nil {
		return fmt.Errorf("write the arguments: %w", err)
	}
	if err := p.acquire(ctx); err != nil {
		return err
	}
	defer p.release()
	child, err := p.take()
	if err != nil {
		return err
	}
	answer, err := p.run(ctx, child, job, args)
	if err != nil {
		return err
	}
	return settle(answer, result)
}

func settle(answer *reply, result any) error {
	if e := answer.Error; e != nil {
		switch e.Code {
		case codePanic:
			return fmt.Errorf("%w: %s", ErrCrashed, e.Message)
		case codeFailed:
			return errors.New(e.Message)
		}
		return e
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(answer.Result, result); err != nil {
		return fmt.Errorf("%w: unreadable answer: %v", ErrCrashed, err)
	}
	return nil
}

func (p *Pool) acquire(ctx context.Context) error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return ErrClosed
	}
	p.active.Add(1)
	p.mu.Unlock()
	select {
	case p.waiting <- struct{}{}:
	default:
		p.active.Done()
		return ErrBusy
	}
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		<-p.waiting
		p.active.Done()
		return ctx.Err()
	}
}

func (p *Pool) release() {
	<-p.slots
	<-p.waiting
	p.active.Done()
}

// take gives the child used last, or a new one.
func (p *Pool) take() (*process, error) {
	for {
		p.mu.Lock()
		n := len(p.idle)
		if n == 0 {
			p.mu.Unlock()
			return startProcess(p.starter, &p.config, p.empty)
		}
		child := p.idle[n-1]
		p.idle = p.idle[:n-1]
		child.reap.Stop()
		p.mu.Unlock()
		select {
		case <-child.exited: // it died while idle
			child.kill()
		default:
			return child, nil
		}
	}
}

// run does the job on the child, watches over it, and puts the child back or ends it.
func (p *Pool) run(ctx context.Context, child *process, job Job, args json.RawMessage) (*reply, error) {
	timeout := job.Timeout
	if timeout <= 0 {
		timeout = p.config.Timeout
	}
	started := time.Now()
	done, why := make(chan struct{}), make(chan error, 1)
	go func() { why <- p.watch(ctx, child, timeout, done) }()
	answer, err := child.roundTrip(job.Op, args, job.Files)
	close(done)
	stopped := <-why
	child.jobs++
	child.busy += time.Since(started)
	if err == nil && stopped == nil {
		if answer.Error != nil && answer.Error.Code == codePanic {
			child.kill()
		} else {
			p.giveBack(child)
		}
		return answer, nil
	}
	if stopped != nil {
		child.kill()
		return nil, stopped
	}
	// The socket failed by itself: give the child a moment to end by its own
	// hand, so that its last words can be read, then make sure of it.
	timer := time.AfterFunc(time.Second, func() { _ = child.cmd.Process.Kill() })
	reason := child.verdict()
	timer.Stop()
	child.kill()
	return nil, reason
}

// watch kills the child when its time is up, it takes too much memory or the
// caller has gone, and says which; nil when the job ended first.
func (p *Pool) watch(ctx context.Context, child *process, timeout time.Duration, done <-chan struct{}) error {
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		var reason error
		select {
		case <-done:
			return nil
		case <-ctx.Done():
			reason = ctx.Err()
		case <-deadline.C:
			reason = ErrTimeout
		case <-look.C:
			if child.privateMemory() <= p.config.Limits.Memory {
				continue
			}
			reason = ErrMemory
		}
		_ = child.cmd.Process.Kill() // ends the round trip, which run waits for
		return reason
	}
}

// giveBack keeps a child for the next job, unless it has served long enough.
func (p *Pool) giveBack(child *process) {
	budget := time.Duration(p.config.Limits.CPUSeconds) * time.Second / 4
	p.mu.Lock()
	if p.closed || child.jobs >= p.config.Jobs || child.busy > budget {
		p.mu.Unlock()
		child.kill()
		return
	}
	child.reap = time.AfterFunc(p.config.Idle, func() { p.drop(child) })
	p.idle = append(p.idle, child)
	p.mu.Unlock()
}

// drop ends an idle child.
func (p *Pool) drop(child *process) {
	p.mu.Lock()
	for i, other := range p.idle {
		if other == child {
			p.idle = append(p.idle[:i], p.idle[i+1:]...)
			p.mu.Unlock()
			child.kill()
			return
		}
	}
	p.mu.Unlock() // it has been taken for a job in the meantime
}

// Spool makes an unnamed temporary file in the pool's folder, to be handed to
// a job for its output. It vanishes when closed.
func (p *Pool) Spool() (*os.File, error) {
	file, err := os.CreateTemp(p.dir, "spool-")
	if err != nil {
		return nil, fmt.Errorf("make a temporary file: %w", err)
	}
	if err := os.Remove(file.Name()); err != nil {
		file.Close()
		return nil, fmt.Errorf("unlink a temporary file: %w", err)
	}
	return file, nil
}

// Close waits for running jobs, ends all children and removes the folder the
// pool made for itself.
func (p *Pool) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	p.closed = true
	p.mu.Unlock()
	p.active.Wait()
	p.mu.Lock()
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	for _, child := range idle {
		child.reap.Stop()
		child.kill()
	}
	close(p.starter.requests)
	if p.ownDir {
		return os.RemoveAll(p.dir)
	}
	return nil
}
