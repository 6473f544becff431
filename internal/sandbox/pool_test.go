package sandbox_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/sandbox"
)

// TestMain lets the test binary be its own child.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "child" {
		os.Exit(sandbox.Serve(ops))
	}
	os.Exit(m.Run())
}

var errOdd = &sandbox.Error{Code: "odd", Message: "the number is odd"}

// spun counts what the endless loop does in the child.
var spun atomic.Int64

type number struct {
	N int `json:"n"`
}

var ops = map[string]sandbox.Op{
	"double": sandbox.Handle(func(_ *sandbox.Task, a number) (number, error) {
		if a.N%2 == 1 {
			return a, errOdd.With("%d is odd", a.N)
		}
		return number{2 * a.N}, nil
	}),
	"copy": func(task *sandbox.Task) (any, error) {
		info, err := task.Files[0].Stat()
		if err != nil {
			return nil, err
		}
		return io.Copy(task.Files[1], io.NewSectionReader(task.Files[0], 0, info.Size()))
	},
	"exit":  func(*sandbox.Task) (any, error) { os.Exit(7); return nil, nil },
	"panic": func(*sandbox.Task) (any, error) { panic("on purpose") },
	"loop": func(*sandbox.Task) (any, error) {
		for {
			spun.Add(1) // a loop of the kind a parser falls into
		}
	},
	"eat": func(*sandbox.Task) (any, error) {
		var kept [][]byte
		for {
			block := make([]byte, 1<<20)
			for i := range block {
				block[i] = 1
			}
			kept = append(kept, block)
			_ = kept
		}
	},
	"gulp": func(*sandbox.Task) (any, error) {
		block := make([]byte, 8<<30)
		block[len(block)-1] = 1
		return len(block), nil
	},
	"flood": func(task *sandbox.Task) (any, error) {
		block := make([]byte, 1<<20)
		for {
			if _, err := task.Files[0].Write(block); err != nil {
				return nil, errors.New("stopped: " + err.Error())
			}
		}
	},
	"look": func(*sandbox.Task) (any, error) {
		names, _ := os.ReadDir(".") // where landlock works even this is forbidden
		_, dialErr := net.DialTimeout("tcp", "127.0.0.1:1", time.Second)
		status, _ := os.ReadFile("/proc/self/status")
		_, passwd := os.ReadFile("/etc/passwd")
		return map[string]any{"env": len(os.Environ()), "files": len(names), "dial": dialErr.Error(),
			"status": string(status), "walled": passwd != nil}, nil
	},
	"pid": func(*sandbox.Task) (any, error) { return os.Getpid(), nil },
}

func newPool(t *testing.T, config sandbox.Config) *sandbox.Pool {
	t.Helper()
	config.Dir = t.TempDir()
	pool, err := sandbox.NewPool(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	})
	return pool
}

func double(t *testing.T, pool *sandbox.Pool, n int) int {
	t.Helper()
	var result number
	if err := pool.Do(t.Context(), sandbox.Job{Op: "double", Args: number{n}}, &result); err != nil {
		t.Fatal(err)
	}
	return result.N
}

func TestAnswersAndFaults(t *testing.T) {
	t.Parallel()
	pool := newPool(t, sandbox.Config{Size: 2})
	if got := double(t, pool, 21*2); got != 84 {
		t.Errorf("got %d", got)
	}
	err := pool.Do(t.Context(), sandbox.Job{Op: "double", Args: number{3}}, nil)
	if !errors.Is(err, errOdd) || err.Error() != "3 is odd" {
		t.Errorf("got %v", err)
	}
	if err := pool.Do(t.Context(), sandbox.Job{Op: "double", Args: map[string]int{"n": 1, "m": 2}}, nil); err == nil || !strings.Contains(err.Error(), "unknown field") {
		t.Errorf("an unknown argument: %v", err)
	}
	if err := pool.Do(t.Context(), sandbox.Job{Op: "nothing"}, nil); err == nil {
		t.Error("an unknown operation passed")
	}
}

func TestFilesAreLent(t *testing.T) {
	t.Parallel()
	pool := newPool(t, sandbox.Config{Size: 2})
	in, err := pool.Spool()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	content := strings.Repeat("a page of it ", 1000)
	if _, err := in.WriteString(content); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			out, err := pool.Spool()
			if err != nil {
				t.Error(err)
				return
			}
			defer out.Close()
			if err := pool.Do(t.Context(), sandbox.Job{Op: "copy", Files: []*os.File{in, out}}, nil); err != nil {
				t.Error(err)
				return
			}
			got, err := io.ReadAll(io.NewSectionReader(out, 0, 1<<20))
			if err != nil || string(got) != content {
				t.Errorf("%d bytes came, %v", len(got), err)
			}
		})
	}
	group.Wait()
}

// TestBadEnds: whatever becomes of a child, the caller learns why and the next
// job gets a sound one.
func TestBadEnds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		op   string
		want error
	}{
		{"exit", sandbox.ErrCrashed}, {"panic", sandbox.ErrCrashed}, {"loop", sandbox.ErrTimeout},
		{"eat", sandbox.ErrMemory}, {"gulp", sandbox.ErrMemory},
	} {
		t.Run(c.op, func(t *testing.T) {
			t.Parallel()
			timeout := 30 * time.Second
			if c.op == "loop" {
				timeout = 300 * time.Millisecond
			}
			pool := newPool(t, sandbox.Config{Size: 1, Limits: sandbox.Limits{Memory: 256 << 20}})
			double(t, pool, 2)
			if err := pool.Do(t.Context(), sandbox.Job{Op: c.op, Timeout: timeout}, nil); !errors.Is(err, c.want) {
				t.Errorf("got %v, expected %v", err, c.want)
			}
			double(t, pool, 2)
		})
	}
}

func TestFileSizeIsBounded(t *testing.T) {
	t.Parallel()
	pool := newPool(t, sandbox.Config{Size: 1, Limits: sandbox.Limits{FileSize: 8 << 20}})
	out, err := pool.Spool()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if err := pool.Do(t.Context(), sandbox.Job{Op: "flood", Files: []*os.File{out}}, nil); err == nil {
		t.Error("the child wrote without end")
	}
	if info, err := out.Stat(); err != nil || info.Size() > 8<<20 {
		t.Errorf("%v, %v", info, err)
	}
	double(t, pool, 2)
}

func TestCancelledCallerLeavesNoChild(t *testing.T) {
	t.Parallel()
	pool := newPool(t, sandbox.Config{Size: 1})
	double(t, pool, 2)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- pool.Do(ctx, sandbox.Job{Op: "loop"}, nil) }()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	double(t, pool, 2)
}

func pid(t *testing.T, pool *sandbox.Pool) int {
	t.Helper()
	var pid int
	if err := pool.Do(t.Context(), sandbox.Job{Op: "pid"}, &pid); err != nil {
		t.Fatal(err)
	}
	return pid
}

func TestChildrenAreUsedAgainAndReplaced(t *testing.T) {
	t.Parallel()
	pool := newPool(t, sandbox.Config{Size: 1, Jobs: 2})
	first, second, third := pid(t, pool), pid(t, pool), pid(t, pool)
	if first != second || second == third {
		t.Errorf("processes %d, %d, %d; expected two jobs each", first, second, third)
	}
}

func TestWalls(t *testing.T) {
	t.Parallel()
	pool := newPool(t, sandbox.Config{Size: 1})
	var seen struct {
		Env, Files   int
		Dial, Status string
		Walled       bool
	}
	if err := pool.Do(t.Context(), sandbox.Job{Op: "look"}, &seen); err != nil {
		t.Fatal(err)
	}
	if seen.Env != 0 || seen.Files != 0 {
		t.Errorf("the child sees %d variables and %d files", seen.Env, seen.Files)
	}
	if seen.Status != "" && !strings.Contains(seen.Status, "NoNewPrivs:\t1") {
		t.Error("the child may gain privileges")
	}
	// What the kernel grants differs; the log says what this run showed.
	t.Logf("network: %s; file system closed: %v", seen.Dial, seen.Walled)
}

func TestQueueIsBounded(t *testing.T) {
	t.Parallel()
	pool := newPool(t, sandbox.Config{Size: 1, Queue: 1})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	busy := make(chan error, 3)
	for range 3 {
		go func() { busy <- pool.Do(ctx, sandbox.Job{Op: "loop"}, nil) }()
	}
	if err := <-busy; !errors.Is(err, sandbox.ErrBusy) { // one works, one waits, one is too many
		t.Errorf("got %v", err)
	}
	cancel()
	<-busy
	<-busy
}

func TestClosedPool(t *testing.T) {
	t.Parallel()
	pool := newPool(t, sandbox.Config{Size: 1})
	double(t, pool, 2)
	if err := pool.Close(); err != nil {
		t.Fatal(err)
	}
	if err := pool.Do(t.Context(), sandbox.Job{Op: "pid"}, nil); !errors.Is(err, sandbox.ErrClosed) {
		t.Errorf("got %v", err)
	}
}
