// Package mapping runs jq programs over JSON: what makes a command's data of an
// event that came in. A program is written by whoever administers a part of the
// installation and fed with what strangers send, so it runs in a child process that
// can be killed, within limits of time and memory; this is the parent's side, and
// internal/mapping/engine the child's.
//
// A program sees its input and nothing else: no environment, no files, no modules.
package mapping

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/paraph/paraph/internal/sandbox"
)

// Names and arguments of the operations, shared by both sides.
const (
	OpCheck = "mapping.check"
	OpMap   = "mapping.map"
)

// Args are the arguments of both operations.
type Args struct {
	Program string          `json:"program"`
	Input   json.RawMessage `json:"input,omitempty"`
}

// Output is what a program made: the first of its outputs, absent where there is none.
type Output struct {
	Value json.RawMessage `json:"value,omitempty"`
}

// Limits of a program.
const (
	// Deadline is how long a program may run, by its own clock.
	Deadline = 250 * time.Millisecond
	// MaxOutput is the longest output, in bytes.
	MaxOutput = 1 << 20
	memory    = 256 << 20
	// patience is when a child that does not answer is killed: the machine may be busy.
	patience = 5 * time.Second
)

// Faults of a program.
var (
	ErrProgram = &sandbox.Error{Code: "mapping_program"} // it cannot be read
	ErrFailed  = &sandbox.Error{Code: "mapping_failed"}  // it ends with an error on this input
	ErrSlow    = &sandbox.Error{Code: "mapping_slow"}    // it runs for too long
	ErrTooLong = &sandbox.Error{Code: "mapping_too_long"}
)

// Tools run programs. They are safe for concurrent use.
type Tools struct{ pool *sandbox.Pool }

// New makes Tools; argv starts the child, children is how many run at once. They start
// with the first program and end when none has come for a while.
func New(argv []string, children int) (*Tools, error) {
	pool, err := sandbox.NewPool(sandbox.Config{Argv: argv, Size: children, Timeout: patience, Jobs: 10_000, Limits: sandbox.Limits{Memory: memory, FileSize: 1 << 20}})
	if err != nil {
		return nil, err
	}
	return &Tools{pool}, nil
}

// Close ends the children.
func (t *Tools) Close() error { return t.pool.Close() }

// Check reads a program. It gives ErrProgram, or the sandbox's own errors.
func (t *Tools) Check(ctx context.Context, program string) error {
	return t.pool.Do(ctx, sandbox.Job{Op: OpCheck, Args: Args{Program: program}}, nil)
}

// Map gives the first output of a program; nil where it has none, or null. It gives the
// errors above, sandbox.ErrTimeout or ErrMemory for a program that had to be stopped,
// or the sandbox's other errors.
func (t *Tools) Map(ctx context.Context, program string, input []byte) ([]byte, error) {
	var out Output
	if err := t.pool.Do(ctx, sandbox.Job{Op: OpMap, Args: Args{Program: program, Input: input}}, &out); err != nil {
		return nil, err
	}
	if s := string(out.Value); s == "" || s == "null" {
		return nil, nil
	}
	return out.Value, nil
}

// AtFault tells whether the program is at fault, not the moment.
func AtFault(err error) bool {
	for _, own := range []error{ErrProgram, ErrFailed, ErrSlow, ErrTooLong, sandbox.ErrTimeout, sandbox.ErrMemory, sandbox.ErrCrashed} {
		if errors.Is(err, own) {
			return true
		}
	}
	return false
}
