package webhook

import (
	"math/bits"
	"time"
)

const (
	// strikesToOpen failures in a row open the breaker.
	strikesToOpen = 5
	// The breaker stays open for firstRest, and twice as long each time, up to longestRest.
	firstRest   = 5 * time.Second
	longestRest = 5 * time.Minute
	// firstSlow and longestSlow bound the pause of an endpoint that has too much to do.
	firstSlow   = time.Second
	longestSlow = time.Minute
	// alertsFrom attempts are enough to speak of a share that fails.
	alertsFrom = 20
)

// DisableAfter is how long nothing may reach an endpoint before it is disabled.
const DisableAfter = 5 * 24 * time.Hour

// AlertShares are the shares of failed attempts, in hundredths, at which an
// endpoint's owner is told.
var AlertShares = []int{50, 70, 90, 100}

// calmShare is the share below which an alert is over.
const calmShare = 25

// Health is how an endpoint fares. It decides when the endpoint is left alone,
// which costs no delivery an attempt: a long outage must not turn a queue into
// dead letters.
type Health struct {
	Strikes   int       // failures in a row that were the endpoint's own
	Struck    int64     // index of the event of the last of them
	Rests     int       // how often the breaker has opened since the last success
	OpenUntil time.Time // the breaker is open, or was until then and a probe is due; zero: closed
	Slowed    int       // slow answers since the last success
	SlowUntil time.Time // zero: it goes on

	LastSuccess  time.Time
	LastFailure  time.Time
	FailingSince time.Time // zero: the last attempt succeeded
	Recent       uint64    // the last attempts, the newest in the lowest bit; 1 is a failure
	RecentN      int       // how many of its bits count
	Alerted      int       // the share that was told; 0: none
}

// Open tells whether the breaker is open: nothing is sent but probes.
func (h *Health) Open() bool { return !h.OpenUntil.IsZero() }

// Ready tells whether anything may be sent now, and whether it is a probe;
// otherwise it gives when to ask again.
func (h *Health) Ready(now time.Time) (ok, probe bool, again time.Time) {
	until := h.OpenUntil
	if h.SlowUntil.After(until) {
		until = h.SlowUntil
	}
	if until.After(now) {
		return false, false, until
	}
	return true, h.Open(), time.Time{}
}

// Note takes in what became of an attempt at the event of that index. chance is
// a random number from 0 to 1.
func (h *Health) Note(v Verdict, index int64, now time.Time, chance float64) {
	failed := uint64(0)
	if !v.Delivered {
		failed = 1
	}
	h.Recent, h.RecentN = h.Recent<<1|failed, min(h.RecentN+1, 64)
	if v.Delivered {
		h.LastSuccess, h.FailingSince = now, time.Time{}
		h.Strikes, h.Struck, h.Rests, h.OpenUntil, h.Slowed, h.SlowUntil = 0, 0, 0, time.Time{}, 0, time.Time{}
		return
	}
	h.LastFailure = now
	if h.FailingSince.IsZero() {
		h.FailingSince = now
	}
	if v.Slow {
		h.SlowUntil = now.Add(max(v.Wait, doubled(firstSlow, h.Slowed, longestSlow)))
		h.Slowed++
	}
	// One event that is refused again and again says nothing about the others.
	if v.AtFault || index != h.Struck || h.Strikes == 0 {
		h.Strikes++
		h.Struck = index
	}
	if h.Strikes >= strikesToOpen && !h.OpenUntil.After(now) {
		rest := time.Duration(float64(doubled(firstRest, h.Rests, longestRest)) * (1 - jitter + 2*jitter*chance))
		h.OpenUntil = now.Add(max(rest, v.Wait))
		h.Rests++
	}
}

func doubled(first time.Duration, times int, most time.Duration) time.Duration {
	return min(first<<min(times, 20), most)
}

// Share is the share of recent attempts that failed, in hundredths; -1 where
// there were too few to tell.
func (h *Health) Share() int {
	if h.RecentN < alertsFrom {
		return -1
	}
	recent := h.Recent
	if h.RecentN < 64 {
		recent &= 1<<h.RecentN - 1
	}
	return bits.OnesCount64(recent) * 100 / h.RecentN
}

// Alert tells whether the owner is to be told: the share that was reached, or 0
// where it is well again. It notes that it was told.
func (h *Health) Alert() (share int, tell bool) {
	now := h.Share()
	if now < 0 {
		return 0, false
	}
	for _, s := range AlertShares {
		if now >= s {
			share = s
		}
	}
	switch {
	case share > h.Alerted:
		h.Alerted = share
		return share, true
	case now < calmShare && h.Alerted > 0:
		h.Alerted = 0
		return 0, true
	}
	return 0, false
}
