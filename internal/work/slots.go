package work

import (
	"context"
	"slices"
	"sync"

	"github.com/paraph/paraph/internal/fair"
)

// Slots are the places at which pages are drawn and recognised, shared by all
// documents a process has in work. They are given in fair turns between
// organisations, units and documents, so that the one page of a letter waits for
// one page of every other document, however many pages those have. Beside the
// places there is a budget of memory: a page that does not fit waits until it
// does, and nobody goes before it.
type Slots struct {
	places int
	memory int64

	mu      sync.Mutex
	taken   int
	used    int64
	waiting []*waiter
	tags    fair.Tags
}

// maxTags bounds what is remembered of documents that were read.
const maxTags = 4096

type waiter struct {
	path   fair.Path
	memory int64
	given  chan struct{}
}

// Slot is a place that was given.
type Slot struct {
	of     *Slots
	memory int64
}

// NewSlots makes so many places with so many bytes between them; 0 bytes: no budget.
func NewSlots(places int, memory int64) *Slots {
	return &Slots{places: max(places, 1), memory: memory, tags: fair.Tags{}}
}

// Take waits for a place for work that needs about so many bytes. The path leads
// to the document. A page that needs more than the whole budget is worked alone.
func (s *Slots) Take(ctx context.Context, path fair.Path, memory int64) (*Slot, error) {
	w := &waiter{path: path, memory: memory, given: make(chan struct{})}
	s.mu.Lock()
	s.waiting = append(s.waiting, w)
	s.give()
	s.mu.Unlock()
	select {
	case <-w.given:
		return &Slot{of: s, memory: memory}, nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.waiting, w); i >= 0 {
		s.waiting = slices.Delete(s.waiting, i, i+1)
	} else { // it was given at the same moment
		s.taken--
		s.used -= memory
	}
	s.give()
	return nil, ctx.Err()
}

// give lets those in whose turn it is, as far as there is room.
func (s *Slots) give() {
	for s.taken < s.places && len(s.waiting) > 0 {
		paths := make([]fair.Path, len(s.waiting))
		for i, w := range s.waiting {
			paths[i] = w.path
		}
		next := s.tags.Next(paths)
		w := s.waiting[next]
		if s.taken > 0 && s.memory > 0 && s.used+w.memory > s.memory {
			return
		}
		if len(s.tags) > maxTags {
			s.tags = fair.Tags{} // all are even again, which costs nobody more than a turn
		}
		s.tags.Charge(w.path)
		s.waiting = slices.Delete(s.waiting, next, next+1)
		s.taken++
		s.used += w.memory
		close(w.given)
	}
}

// Needs notes that the work turned out to need so many bytes. It goes on; who
// comes after it waits for what there really is.
func (l *Slot) Needs(memory int64) {
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	l.of.used += memory - l.memory
	l.memory = memory
	l.of.give()
}

// Free gives the place back.
func (l *Slot) Free() {
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	l.of.taken--
	l.of.used -= l.memory
	l.of.give()
}
