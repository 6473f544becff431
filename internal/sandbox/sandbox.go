// Package sandbox runs work on untrusted bytes in child processes that can be
// killed.
//
// A parser of documents or images may loop, eat memory or be talked into
// running someone else's code. So it never runs in the server: the server
// starts its own binary again as a child, with an empty environment, in an
// empty folder, without network, file system or privileges as far as the
// kernel grants that, and hands it open file descriptors to read from and
// write to. Documents therefore never cross the socket and never sit in the
// server's memory.
//
// Pool is the parent's side: as many children as it may have, used again while
// they are well, killed when a job runs over its time or memory, ended when
// nothing has come for a while. Serve is the child's side.
//
// Walls, from the outside in (each is best effort except the first three):
//
//   - wall time: the parent kills the child;
//   - memory: the parent reads the child's private resident pages and kills it
//     above the limit. RLIMIT_AS is not used, since Go and WebAssembly reserve
//     far more addresses than they touch; RLIMIT_DATA at twice the limit stops
//     one sudden huge allocation between two readings;
//   - RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_NOFILE, RLIMIT_CORE = 0;
//   - no new privileges, killed when the parent dies, own process group;
//   - own user, network and IPC namespaces: no network at all;
//   - landlock: only the named folders can be opened at all.
package sandbox

import (
	"errors"
	"fmt"
)

// Faults of the process around a job. The job's own faults are *Error.
var (
	// ErrTimeout: the job ran over its wall time and the child was killed.
	ErrTimeout = errors.New("the work took longer than it may and was stopped")
	// ErrMemory: the job used more memory than it may and the child was killed or gave up.
	ErrMemory = errors.New("the work needed more memory than it may and was stopped")
	// ErrCrashed: the child ended, or spoke nonsense, in the middle of the job.
	ErrCrashed = errors.New("the process that did the work broke down")
	// ErrBusy: every child is working and the queue is full; try later.
	ErrBusy = errors.New("too much work is waiting already")
	// ErrClosed: the pool has been closed.
	ErrClosed = errors.New("the pool is closed")
)

// Error is a fault that a job itself reports: a stable code and words. It
// survives the way from the child to the parent, and two of them are the same
// error for errors.Is when their codes are.
type Error struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Error gives the words.
func (e *Error) Error() string {
	if e.Message == "" {
		return e.Code
	}
	return e.Message
}

// Is compares by code.
func (e *Error) Is(target error) bool {
	other, ok := target.(*Error)
	return ok && other.Code == e.Code
}

// With returns the same fault with words for this one case.
func (e *Error) With(format string, args ...any) *Error {
	return &Error{Code: e.Code, Message: fmt.Sprintf(format, args...)}
}

// codePanic and codeFailed are how a child reports what is its own mistake.
const (
	codePanic  = "panic"
	codeFailed = "failed"
)
