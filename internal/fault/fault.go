// Package fault is the one vocabulary of errors that cross a room's border.
//
// A Fault says what is so and what to do, carries a stable code for programs,
// and lists every detail of a bad request at once. How a kind becomes an HTTP
// status is decided in one place only: internal/httpapi/problem.go.
package fault

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kind is the class of a fault. It decides the HTTP status and whether a
// caller, or a worker, may try again.
type Kind uint8

// The kinds. Internal is the zero value on purpose: an error nobody classified
// is our own mistake and is never shown in detail.
const (
	Internal     Kind = iota // our mistake; the cause goes to the log only
	Invalid                  // the request cannot be understood or breaks a rule of the contract
	Unauthorized             // no valid credential
	Forbidden                // a valid credential without the right
	NotFound                 // it does not exist, or not for this caller
	Conflict                 // it exists, but not in a state that allows this
	Gone                     // it existed; a link or token that has run out
	TooLarge                 // over a stated limit
	Unsupported              // a media type or feature Paraph does not take
	TooMany                  // over a rate or quota; RetryAfter says when
	Unavailable              // a part Paraph needs is away; the same request may pass later
	Precondition             // it is not as the caller believes it to be
)

var kindNames = [...]string{"internal", "invalid", "unauthorized", "forbidden", "not_found", "conflict", "gone", "too_large", "unsupported", "too_many", "unavailable", "precondition"}

// String gives the kind's name in snake case.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "internal"
}

// Detail is one thing wrong with a request: where (a JSON pointer into the
// body, or "query/name", "header/name"), what, and a code of its own.
type Detail struct {
	Pointer string `json:"pointer"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Fault is an error with a class, a stable code and words for people.
type Fault struct {
	Kind       Kind
	Code       string        // stable, snake_case; part of the public contract
	Message    string        // one or two sentences: what is so, then what to do
	Details    []Detail      // every fault of the request, not just the first
	RetryAfter time.Duration // with TooMany and Unavailable: when to try again; 0 = not said
	cause      error         // for the log, never for the caller
}

// New makes a fault without a cause.
func New(kind Kind, code, format string, args ...any) *Fault {
	return &Fault{Kind: kind, Code: code, Message: fmt.Sprintf(format, args...)}
}

// Wrap makes a fault that keeps its cause for the log.
func Wrap(cause error, kind Kind, code, format string, args ...any) *Fault {
	f := New(kind, code, format, args...)
	f.cause = cause
	return f
}

// With returns a copy of the fault with further details.
func (f *Fault) With(details ...Detail) *Fault {
	c := *f
	c.Details = append(append([]Detail(nil), f.Details...), details...)
	return &c
}

// GetDetails gives the details; none for nil.
func (f *Fault) GetDetails() []Detail {
	if f == nil {
		return nil
	}
	return f.Details
}

// Error gives code, message, details and cause in one line, for logs.
func (f *Fault) Error() string {
	var b strings.Builder
	b.WriteString(f.Code)
	b.WriteString(": ")
	b.WriteString(f.Message)
	for _, d := range f.Details {
		fmt.Fprintf(&b, " [%s %s: %s]", d.Pointer, d.Code, d.Message)
	}
	if f.cause != nil {
		b.WriteString(": ")
		b.WriteString(f.cause.Error())
	}
	return b.String()
}

// Unwrap gives the cause.
func (f *Fault) Unwrap() error { return f.cause }

// Is matches another Fault by code, so that errors.Is works with sentinels.
func (f *Fault) Is(target error) bool {
	var t *Fault
	if !errors.As(target, &t) {
		return false
	}
	return t == f || (t.cause == nil && t.Code == f.Code)
}

// From returns the Fault in err's chain, or an Internal one that wraps err.
// It returns nil for nil.
func From(err error) *Fault {
	if err == nil {
		return nil
	}
	var f *Fault
	if errors.As(err, &f) {
		return f
	}
	return Wrap(err, Internal, "internal", "Something went wrong on our side. It has been logged; try again, and tell us the request id if it stays.")
}

// KindOf gives the kind of the Fault in err's chain; Internal where there is none.
func KindOf(err error) Kind {
	var f *Fault
	if errors.As(err, &f) {
		return f.Kind
	}
	return Internal
}

// CodeOf gives the code of the Fault in err's chain, "internal" where there is none, "" for nil.
func CodeOf(err error) string {
	if err == nil {
		return ""
	}
	var f *Fault
	if errors.As(err, &f) {
		return f.Code
	}
	return "internal"
}

// List gathers details while a request is checked, so that all faults are told at once.
type List struct{ details []Detail }

// Add notes one thing wrong.
func (l *List) Add(pointer, code, format string, args ...any) {
	l.details = append(l.details, Detail{Pointer: pointer, Code: code, Message: fmt.Sprintf(format, args...)})
}

// Len tells how many things are wrong so far.
func (l *List) Len() int { return len(l.details) }

// Err gives an Invalid fault with all details, or nil if there are none.
func (l *List) Err(code, message string) error {
	if len(l.details) == 0 {
		return nil
	}
	return &Fault{Kind: Invalid, Code: code, Message: message, Details: l.details}
}
