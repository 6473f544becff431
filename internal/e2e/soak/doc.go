// Package soak kills Paraph again and again and looks whether it kept its word.
//
// The real program, built with its failpoints, runs on SQLite and on PostgreSQL
// while several callers work with it. It is killed at every failpoint in turn and
// at random moments, and started again. A model holds every change that was
// acknowledged; after each start the log is audited and the store compared with
// the model, and at the end everything is counted. `make soak` does it 500 times
// on each store, `make test` ten times.
//
// A kill is that of the process, not of the machine: the kernel still holds what
// was written and not synced. That every answer comes after its syncs is another
// test's business, which watches the system calls.
//
// It has no code of its own; what it finds wrong is mended where it is wrong.
package soak
