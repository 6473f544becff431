package webform

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxGuessers is how many are remembered at most.
const maxGuessers = 10_000

// Guesses counts wrong guesses by who makes them: a handful at once, then one in
// every interval. It is for use by many at once.
type Guesses struct {
	burst    int
	interval time.Duration
	mu       sync.Mutex
	buckets  map[string]*rate.Limiter
}

// NewGuesses makes a Guesses.
func NewGuesses(burst int, interval time.Duration) *Guesses {
	return &Guesses{burst: burst, interval: interval, buckets: map[string]*rate.Limiter{}}
}

// Wait tells how long somebody has to wait before another guess; 0: not at all.
func (g *Guesses) Wait(now time.Time, who string) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	b := g.buckets[who]
	if b == nil {
		return 0
	}
	return max(0, time.Duration((1-b.TokensAt(now))*float64(g.interval)))
}

// Wrong notes a wrong guess.
func (g *Guesses) Wrong(now time.Time, who string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.buckets) >= maxGuessers {
		g.forget(now)
	}
	b := g.buckets[who]
	if b == nil {
		b = rate.NewLimiter(rate.Every(g.interval), g.burst)
		g.buckets[who] = b
	}
	b.AllowN(now, 1)
}

// forget drops those who have not guessed for long; all, where everybody has.
func (g *Guesses) forget(now time.Time) {
	for who, b := range g.buckets {
		if b.TokensAt(now) >= float64(g.burst) {
			delete(g.buckets, who)
		}
	}
	if len(g.buckets) >= maxGuessers {
		clear(g.buckets)
	}
}
