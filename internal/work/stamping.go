package work

import (
	"context"
	"crypto"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/pades"
	"github.com/paraph/paraph/pades/revocation"
	"github.com/paraph/paraph/pades/tsp"
)

// StampMeter counts what keeps signatures from being protected.
type StampMeter interface {
	// ProtectionLacks counts an attempt that lacked something, by the lack's code.
	ProtectionLacks(code string)
}

// Stamping is how signatures get their time stamps. It remembers how large tokens
// are, and writes down where no authority gives one: for whoever looks, and so
// that not every document asks again.
type Stamping struct {
	Service *service.Service
	Stamper Stamper // nil: there is no authority
	Meter   StampMeter
	Log     *slog.Logger

	largest atomic.Int64 // bytes of the largest token seen
}

// Stamp implements pades.Stamper.
func (s *Stamping) Stamp(ctx context.Context, h crypto.Hash, digest []byte) (*tsp.Stamp, error) {
	stamp, err := s.Stamper.Stamp(ctx, h, digest)
	if ctx.Err() != nil {
		return stamp, err
	}
	if noted := s.note(ctx, err); noted != nil {
		s.Log.Error("how time-stamping goes could not be written down", "error", noted)
	}
	if err == nil {
		for n, seen := int64(len(stamp.Token.DER)), s.largest.Load(); n > seen && !s.largest.CompareAndSwap(seen, n); {
			seen = s.largest.Load()
		}
	}
	return stamp, err
}

// room is the space to leave for a token, in bytes: what was seen and a little
// more, since serial numbers and signatures vary by some bytes.
func (s *Stamping) room() int { return max(pades.DefaultTokenSize, int(s.largest.Load())+256) }

// again lets authorities that failed be asked at once: where none gave time stamps
// when asked last, whoever begins an attempt has waited long enough, or was asked to.
func (s *Stamping) again(ctx context.Context) error {
	if s.Stamper == nil {
		return nil
	}
	return s.Service.Store.Read(ctx, func(ctx context.Context, tx service.Reader) error {
		state, err := service.Protecting(ctx, tx)
		if err == nil && !state.DueSince.IsZero() {
			s.Stamper.Retry()
		}
		return err
	})
}

// note writes down whether authorities give time stamps, where that is news.
func (s *Stamping) note(ctx context.Context, cause error) error {
	now := s.Service.Clock.Now()
	return s.Service.NoteProtecting(context.WithoutCancel(ctx), func(before service.Anchoring) (service.Anchoring, bool) {
		if cause == nil {
			return service.Anchoring{}, !before.DueSince.IsZero()
		}
		if now.Before(before.RetryAt) {
			return before, false
		}
		state := service.Anchoring{DueSince: before.DueSince, TriedAt: now, Attempts: before.Attempts + 1, Code: timestampCode(tsp.ReasonOf(cause)), Reason: cause.Error()}
		if state.DueSince.IsZero() {
			state.DueSince = now
		}
		pause := anchorLatest
		for _, one := range attempts(cause) {
			state.Authorities = append(state.Authorities, service.AnchorAuthority{Address: one.URL, Code: timestampCode(tsp.ReasonOf(one.Err)), Reason: one.Err.Error(), Until: clock.Cut(one.Until)})
			pause = min(pause, one.Until.Sub(now))
		}
		state.RetryAt = now.Add(max(pause, anchorSoonest))
		return state, true
	})
}

// errNoLater: a further stamp would protect no longer than the one before it.
var errNoLater = errors.New("the authority's certificate ends no later than that of the newest time stamp; it has to take a new one")

// lack says in the contract's words why something could not be had. The zero
// value says that err is something else.
func lack(err error) document.Lack {
	var tooLarge *pades.TokenSizeError
	var evidence *revocation.Error
	var failed *tsp.FailedError
	switch {
	case err == nil:
		return document.Lack{}
	case errors.Is(err, errNoLater):
		return document.Lack{Code: "timestamp_ends_too_soon", Reason: err.Error()}
	case errors.As(err, &tooLarge):
		return document.Lack{Code: timestampCode(tsp.ReasonTooLarge), Reason: err.Error()}
	case errors.As(err, &evidence):
		lasting := evidence.Reason == revocation.NoSource || evidence.Reason == revocation.Revoked || evidence.Reason == revocation.NoIssuer && len(evidence.Attempts) == 0
		return document.Lack{Code: "evidence_" + strings.ReplaceAll(string(evidence.Reason), "-", "_"), Reason: err.Error(), Lasting: lasting}
	case errors.As(err, &failed), tsp.ReasonOf(err) != "":
		return document.Lack{Code: timestampCode(tsp.ReasonOf(err)), Reason: err.Error(), Outside: true}
	}
	return document.Lack{}
}

// standingOf brings what the library found to the domain's words.
func standingOf(s *pades.Standing) document.Standing {
	level := [...]document.Level{document.LevelB, document.LevelT, document.LevelLT, document.LevelLTA}[s.Level]
	return document.Standing{Level: level, Until: clock.Cut(s.Until), Because: s.Because, Stamped: clock.Cut(s.Stamped)}
}

// levelOf is the way back.
func levelOf(l document.Level) pades.Level {
	for i, one := range document.Levels() {
		if one == l {
			return pades.Level(i)
		}
	}
	return pades.BB
}

// outlives tells whether a stamp protects longer than what is there.
func outlives(stamp *tsp.Stamp, until time.Time) bool { return stamp.Signer.NotAfter.After(until) }
