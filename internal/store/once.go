package store

import (
	"context"
	"sync"
	"time"

	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/fault"
)

// Once implements service.Store.
func (s *Store) Once(ctx context.Context, hash [32]byte, until time.Time) (bool, error) {
	first, err := s.once(ctx, hash, until)
	return first, mapped(err)
}

// OnceSince implements service.Store.
func (s *Store) OnceSince() time.Time { return s.onceSince() }

// quickOnce is takeOnce without waiting for the disk: what it keeps is of use for
// minutes, and lost with the last half second before a crash at most.
const quickOnce = `INSERT INTO used_once (hash, expires_at) SELECT ?, ? FROM (SELECT set_config('synchronous_commit', 'off', true) AS how) q
	WHERE q.how = 'off' ON CONFLICT DO NOTHING`

func (e *postgresEngine) once(ctx context.Context, hash [32]byte, until time.Time) (bool, error) {
	return counted(ctx, pgConn{e.pool}, quickOnce, []any{hash[:], until.UnixMicro()}, 1)
}

func (e *postgresEngine) onceSince() time.Time { return time.Time{} }

// memory remembers hashes for a while, in the one process that SQLite has.
type memory struct {
	clock clock.Clock
	since time.Time

	mu    sync.Mutex
	seen  map[[32]byte]time.Time // until when
	sweep int                    // how many make it look for what has run out
	swept time.Time
}

const (
	firstSweep = 1 << 12
	// maxMemory bounds what is remembered, some 50 MB. Forgetting would let a
	// replay in, so beyond it nothing new is taken.
	maxMemory = 1 << 19
)

func newMemory(c clock.Clock) *memory {
	return &memory{clock: c, since: c.Now(), seen: map[[32]byte]time.Time{}, sweep: firstSweep}
}

func (m *memory) first(hash [32]byte, until time.Time) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.seen[hash]; known {
		return false, nil
	}
	if now := m.clock.Now(); len(m.seen) >= m.sweep && now.Sub(m.swept).Abs() >= time.Second {
		m.swept = now
		for h, until := range m.seen {
			if until.Before(now) {
				delete(m.seen, h)
			}
		}
		m.sweep = min(max(firstSweep, 2*len(m.seen)), maxMemory)
	}
	if len(m.seen) >= maxMemory {
		f := fault.New(fault.Unavailable, "too_much_to_remember", "Too many requests have come that may be used once only. Try again in a minute.")
		f.RetryAfter = time.Minute
		return false, f
	}
	m.seen[hash] = until
	return true, nil
}

func (e *sqliteEngine) once(_ context.Context, hash [32]byte, until time.Time) (bool, error) {
	return e.used.first(hash, until)
}

func (e *sqliteEngine) onceSince() time.Time { return e.used.since }
