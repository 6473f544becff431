package webhook

import "time"

// How many requests an endpoint gets at once: few until it is known to be
// quick, half as many after each failure of its own. So those that hang hold few
// connections, however many there are.
const (
	firstAtOnce = 4
	mostAtOnce  = 32
)

// Pace bounds how fast and how widely an endpoint is served. It lives in the
// process that serves it.
type Pace struct {
	width  int
	tokens float64
	at     time.Time
}

// NewPace makes the pace of an endpoint.
func NewPace(now time.Time) *Pace { return &Pace{width: firstAtOnce, tokens: 1, at: now} }

// AtOnce is how many requests may be on their way.
func (p *Pace) AtOnce(o Order) int {
	if o == Strict {
		return 1
	}
	return p.width
}

// Note takes in what became of a request.
func (p *Pace) Note(v Verdict) {
	switch {
	case v.Delivered:
		p.width = min(p.width+1, mostAtOnce)
	case v.AtFault:
		p.width = max(p.width/2, 1)
	}
}

// Take takes a place in the rate a second, or gives when there is one. Up to a
// second's share may come at once.
func (p *Pace) Take(rate float64, now time.Time) (ok bool, again time.Time) {
	if rate <= 0 {
		return true, time.Time{}
	}
	if passed := now.Sub(p.at).Seconds(); passed > 0 {
		p.tokens = min(p.tokens+passed*rate, max(rate, 1))
		p.at = now
	}
	if p.tokens >= 1 {
		p.tokens--
		return true, time.Time{}
	}
	// A little later rather than a little earlier, or it would be asked in vain.
	return false, now.Add(time.Duration((1-p.tokens)/rate*float64(time.Second)) + time.Millisecond)
}
