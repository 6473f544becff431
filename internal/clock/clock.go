// Package clock is the only door to the time of day.
//
// Rules and commands take their time from a Clock that is handed in, so that
// tests decide what time it is. Code that waits uses time.Timer and is tested
// with testing/synctest.
package clock

import (
	"sync"
	"time"
)

// Clock tells the time in UTC, cut to microseconds: what the stores keep.
type Clock interface {
	Now() time.Time
}

// System is the machine's clock.
type System struct{}

// Now implements Clock.
func (System) Now() time.Time { return Cut(time.Now()) }

// Cut brings a time to UTC and microseconds, without the monotonic reading.
func Cut(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// Fake is a clock that stands still until it is set or moved. It is safe for
// concurrent use. The zero value stands at the zero time.
type Fake struct {
	mu  sync.Mutex
	now time.Time
}

// NewFake gives a Fake that stands at t.
func NewFake(t time.Time) *Fake { return &Fake{now: Cut(t)} }

// Now implements Clock.
func (f *Fake) Now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

// Set puts the clock at t, backwards too.
func (f *Fake) Set(t time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = Cut(t)
}

// Advance moves the clock by d and gives the new time.
func (f *Fake) Advance(d time.Duration) time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = Cut(f.now.Add(d))
	return f.now
}
