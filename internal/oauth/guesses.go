package oauth

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Wrong secrets allowed: a handful at once, then one in every interval.
const (
	guessBurst    = 10
	guessInterval = 6 * time.Second
	maxGuessers   = 10_000
)

// guesses counts wrong secrets by address.
type guesses struct {
	mu      sync.Mutex
	buckets map[string]*rate.Limiter
}

func newGuesses() *guesses { return &guesses{buckets: map[string]*rate.Limiter{}} }

// wait tells how long an address has to wait before another try; 0: not at all.
func (g *guesses) wait(now time.Time, address string) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	b := g.buckets[address]
	if b == nil {
		return 0
	}
	return max(0, time.Duration((1-b.TokensAt(now))*float64(guessInterval)))
}

// wrong notes a wrong secret.
func (g *guesses) wrong(now time.Time, address string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.buckets) >= maxGuessers {
		g.forget(now)
	}
	b := g.buckets[address]
	if b == nil {
		b = rate.NewLimiter(rate.Every(guessInterval), guessBurst)
		g.buckets[address] = b
	}
	b.AllowN(now, 1)
}

// forget drops those who have not guessed for long; all, where everybody has.
func (g *guesses) forget(now time.Time) {
	for address, b := range g.buckets {
		if b.TokensAt(now) >= guessBurst {
			delete(g.buckets, address)
		}
	}
	if len(g.buckets) >= maxGuessers {
		clear(g.buckets)
	}
}
