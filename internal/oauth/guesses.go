package oauth

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// How often something wrong is told to be wrong, or something is begun: a handful at
// once, then one in every interval.
const (
	guessBurst    = 10 // credentials of clients, by address
	guessInterval = 6 * time.Second
	codeBurst     = 5 // codes that people type, by person
	codeInterval  = 12 * time.Second
	// What clients that cannot prove themselves may begin, by address: anybody can be
	// such a client, and each beginning is kept for a while.
	beginBurst    = 60
	beginInterval = time.Second
	maxGuessers   = 10_000
)

// guesses counts wrong guesses by who makes them.
type guesses struct {
	burst    int
	interval time.Duration
	mu       sync.Mutex
	buckets  map[string]*rate.Limiter
}

func newGuesses(burst int, interval time.Duration) *guesses {
	return &guesses{burst: burst, interval: interval, buckets: map[string]*rate.Limiter{}}
}

// wait tells how long somebody has to wait before another guess; 0: not at all.
func (g *guesses) wait(now time.Time, who string) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	b := g.buckets[who]
	if b == nil {
		return 0
	}
	return max(0, time.Duration((1-b.TokensAt(now))*float64(g.interval)))
}

// wrong notes a wrong guess.
func (g *guesses) wrong(now time.Time, who string) {
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
func (g *guesses) forget(now time.Time) {
	for who, b := range g.buckets {
		if b.TokensAt(now) >= float64(g.burst) {
			delete(g.buckets, who)
		}
	}
	if len(g.buckets) >= maxGuessers {
		clear(g.buckets)
	}
}
