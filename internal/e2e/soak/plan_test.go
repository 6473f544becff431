package soak

import (
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/failpoint"
)

// shot is how one life of the program is to end.
type shot struct {
	point failpoint.Point // "": at a moment
	visit int             // at the point
	after time.Duration   // from the opening of the gate, or from the start
	early bool            // the moment may fall into the start itself
	rest  bool            // before it, what was begun too often is let end
}

// spec arms the point in the program's environment.
func (s shot) spec() string {
	if s.point == "" {
		return ""
	}
	return string(s.point) + "=kill@" + itoa(s.visit)
}

// plan says how each life ends: two of three at a failpoint, all in turn, and
// one at a moment.
type plan struct {
	seed    uint64
	rnd     *rand.Rand
	queue   []failpoint.Point
	shots   int
	hits    int // kills at points
	blind   int // kills at moments, and of those that did not reach their point
	reached map[failpoint.Point]int
	missed  map[failpoint.Point]int
}

func newPlan(seed uint64, second bool) *plan {
	p := &plan{seed: seed, rnd: rand.New(rand.NewPCG(seed, 1)), reached: map[failpoint.Point]int{}, missed: map[failpoint.Point]int{}}
	p.refill()
	if second { // a short trial of two stores meets different points
		half := len(p.queue) / 2
		p.queue = append(p.queue[half:], p.queue[:half]...)
	}
	return p
}

// points are those that this world can reach: it has no time stamping authority, so
// nothing is protected in it. Package e2e kills at those points.
var points = slices.DeleteFunc(slices.Clone(failpoint.All), func(p failpoint.Point) bool {
	return strings.HasPrefix(string(p), "protect.") || p == failpoint.AdditionStored
})

func (p *plan) refill() {
	p.queue = append(p.queue, points...)
	p.rnd.Shuffle(len(p.queue), func(i, j int) { p.queue[i], p.queue[j] = p.queue[j], p.queue[i] })
}

// most is up to which visit a point is left alone, so that the kill meets a
// server at work; points that are passed seldom are taken at once.
var most = map[failpoint.Point]int{
	failpoint.RequestRead: 25, failpoint.AnswerBefore: 25,
	failpoint.BlobWriting: 30, failpoint.BlobSync: 15, failpoint.BlobNamed: 15, failpoint.BlobSynced: 15,
	failpoint.CommitBefore: 80, failpoint.CommitAfter: 80,
	failpoint.LogBefore: 40, failpoint.LogSigned: 40, failpoint.LogNumbered: 40,
	failpoint.DispatchBefore: 20, failpoint.DispatchInserted: 10, failpoint.DispatchDone: 20,
	failpoint.JobTaken: 5, failpoint.JobDone: 4,
	failpoint.CaptureRead: 3, failpoint.CaptureRecognised: 3, failpoint.CaptureStored: 3, failpoint.CaptureFinished: 3,
	failpoint.MailBefore: 4, failpoint.MailAfter: 4,
}

// moment bounds the random moments: long enough for a small file to be anywhere
// on its way.
const moment = 1500 * time.Millisecond

// next gives the next life's end. tired asks for one that lasts long enough.
func (p *plan) next(tired bool) shot {
	if tired {
		return shot{rest: true, after: time.Duration(p.rnd.Int64N(int64(moment)))}
	}
	p.shots++
	if p.shots%3 == 0 {
		s := shot{after: time.Duration(p.rnd.Int64N(int64(moment)))}
		if p.rnd.IntN(5) == 0 {
			s.early, s.after = true, s.after/3
		}
		return s
	}
	if len(p.queue) == 0 {
		p.refill()
	}
	point := p.queue[0]
	p.queue = p.queue[1:]
	visit := 1
	if n := most[point]; n > 1 && p.missed[point] == 0 {
		visit += p.rnd.IntN(n)
	}
	return shot{point: point, visit: visit}
}

// ended notes how a life ended.
func (p *plan) ended(s shot, byPoint bool) {
	switch {
	case byPoint:
		p.hits++
		p.reached[s.point]++
		p.missed[s.point] = 0
	case s.point != "":
		p.blind++
		p.missed[s.point]++
		p.queue = append(p.queue, s.point) // once more, at its first visit
	default:
		p.blind++
	}
}
