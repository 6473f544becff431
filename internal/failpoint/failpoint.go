// Package failpoint lets a test end the process, or fail a step, at a named
// place between a request and its lasting effect. A production binary pays one
// atomic load for each place; only a program built with the tag "failpoints"
// reads what to do from its environment (see arm.go).
package failpoint

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

// Point names a place in the code. Every place is listed in All, Apart, Tools or Outside, so that
// a harness can visit each of them.
type Point string

var (
	armed atomic.Bool
	mu    sync.Mutex
	rules = map[Point]*rule{}
)

// rule is what happens at a point: from the first-th visit on, times visits long.
type rule struct {
	act    action
	first  int
	times  int // 0: for ever
	visits int
}

// action is done at a point: it gives the error of the step, or does not return.
type action func(Point) error

// Hit is called where the step is about to happen, or has just happened. It
// gives nil unless a test has armed the point.
func Hit(p Point) error {
	if !armed.Load() {
		return nil
	}
	return hit(p)
}

func hit(p Point) error {
	mu.Lock()
	r := rules[p]
	if r == nil {
		mu.Unlock()
		return nil
	}
	r.visits++
	due := r.visits >= r.first && (r.times == 0 || r.visits < r.first+r.times)
	act := r.act
	mu.Unlock()
	if !due {
		return nil
	}
	return act(p)
}

// Arm sets what happens at points, as a text: rules joined by ";", each
// "point=action", optionally followed by "@n" (from the n-th visit on) and "*n"
// (n visits long; without it kill and errors stay). The actions are kill (the
// process ends as by a power cut), and ENOSPC, EIO, EROFS, EDQUOT (the step
// fails so). disarm takes the rules away again.
func Arm(spec string) (disarm func(), err error) {
	made := map[Point]*rule{}
	for part := range strings.SplitSeq(spec, ";") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		p, r, err := parse(part)
		if err != nil {
			return nil, err
		}
		made[p] = r
	}
	mu.Lock()
	defer mu.Unlock()
	for p, r := range made {
		rules[p] = r
	}
	armed.Store(len(rules) > 0)
	return func() {
		mu.Lock()
		defer mu.Unlock()
		for p, r := range made {
			if rules[p] == r {
				delete(rules, p)
			}
		}
		armed.Store(len(rules) > 0)
	}, nil
}

func parse(part string) (Point, *rule, error) {
	name, what, ok := strings.Cut(part, "=")
	p := Point(name)
	if !ok || !slices.Contains(slices.Concat(All, Apart, Tools, Outside), p) {
		return "", nil, fmt.Errorf("failpoint: %q names no point", part)
	}
	r := &rule{first: 1}
	var err error
	if what, r.times, err = number(what, "*", 0); err != nil {
		return "", nil, fmt.Errorf("failpoint: %q: %w", part, err)
	}
	if what, r.first, err = number(what, "@", 1); err != nil {
		return "", nil, fmt.Errorf("failpoint: %q: %w", part, err)
	}
	if r.act = actions[what]; r.act == nil {
		return "", nil, fmt.Errorf("failpoint: %q has no action that is known", part)
	}
	return p, r, nil
}

func number(s, mark string, absent int) (string, int, error) {
	before, after, ok := strings.Cut(s, mark)
	if !ok {
		return s, absent, nil
	}
	n, err := strconv.Atoi(after)
	if err == nil && n < 1 {
		err = strconv.ErrRange
	}
	return before, n, err
}

var actions = map[string]action{
	"kill":   kill,
	"ENOSPC": fails(syscall.ENOSPC),
	"EIO":    fails(syscall.EIO),
	"EROFS":  fails(syscall.EROFS),
	"EDQUOT": fails(syscall.EDQUOT),
}

func fails(errno syscall.Errno) action {
	return func(p Point) error { return &os.PathError{Op: "failpoint", Path: string(p), Err: errno} }
}

// kill ends the process at once: no deferred call runs, nothing is flushed.
func kill(Point) error {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // until the kernel has done it
}

// Visits tells how often an armed point was passed.
func Visits(p Point) int {
	mu.Lock()
	defer mu.Unlock()
	if r := rules[p]; r != nil {
		return r.visits
	}
	return 0
}
