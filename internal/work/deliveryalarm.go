package work

import (
	"container/heap"
	"time"
)

// alarms says when lines want to be looked at again. A line has at most one that
// counts: the earliest.
type alarms struct{ heap alarmHeap }

type alarm struct {
	at   time.Time
	line *line
}

// add wants the line to be looked at at that time; the zero time is never.
func (a *alarms) add(l *line, at time.Time) {
	if at.IsZero() || !l.armed.IsZero() && !at.Before(l.armed) {
		return
	}
	l.armed = at
	heap.Push(&a.heap, alarm{at, l})
}

// next gives a line whose time has come; nil where there is none.
func (a *alarms) next(now time.Time) *line {
	for len(a.heap) > 0 && !a.heap[0].at.After(now) {
		first := heap.Pop(&a.heap).(alarm)
		if first.line.armed.Equal(first.at) { // otherwise an earlier one took its place
			first.line.armed = time.Time{}
			return first.line
		}
	}
	return nil
}

// set makes the timer ring at the first of them.
func (a *alarms) set(t *time.Timer, now time.Time) {
	if len(a.heap) == 0 {
		t.Stop()
		return
	}
	t.Reset(max(a.heap[0].at.Sub(now), 0))
}

type alarmHeap []alarm

func (h alarmHeap) Len() int           { return len(h) }
func (h alarmHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h alarmHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *alarmHeap) Push(x any)        { *h = append(*h, x.(alarm)) }
func (h *alarmHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
