package work

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"time"

	"github.com/paraph/paraph/internal/anchor"
	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/pades/tsp"
)

const (
	anchorLease = "anchors"
	// anchorLook is how often Run looks whether it leads, and at the clock, which
	// may have been set.
	anchorLook = time.Minute
	// anchorSoonest and anchorLatest bound the pause after authorities failed.
	anchorSoonest = 30 * time.Second
	anchorLatest  = 10 * time.Minute
	// anchorAlarm is how often an attempt may fail before that is an alarm.
	anchorAlarm = 5
)

// Stamper gets time stamps. A *tsp.Client is one.
type Stamper interface {
	Stamp(ctx context.Context, h crypto.Hash, digest []byte) (*tsp.Stamp, error)
	Retry() // forget which authorities failed
}

// AnchorMeter counts failures of time stamping authorities.
type AnchorMeter interface {
	AnchorFailed(reason string)
}

// AnchorsConfig is what Anchors is made of.
type AnchorsConfig struct {
	Service  *service.Service
	Store    service.Store
	Keeper   service.LogKeeper
	Verifier *journal.Verifier // of the own log
	Stamper  Stamper
	Interval time.Duration
	Clock    clock.Clock
	Holder   Holder
	Meter    AnchorMeter
	Log      *slog.Logger
}

// Anchors has the log's newest checkpoint time-stamped by an outside authority:
// each day begins with a time stamp (in UTC, so that the day before it is closed),
// and one follows every interval in which something was logged. A run that was
// missed is made up for as soon as it can be; one time stamp covers all before it.
// Nothing waits for it, and where all authorities are away, the log goes on.
type Anchors struct {
	AnchorsConfig
	leader *leader
	next   time.Time // nothing is to be done before, by the clock
}

// NewAnchors makes Anchors.
func NewAnchors(c AnchorsConfig) *Anchors {
	return &Anchors{AnchorsConfig: c, leader: c.Holder.leader(anchorLease, c.Store, c.Log)}
}

// Run works until ctx ends.
func (a *Anchors) Run(ctx context.Context) error {
	wake, cancel := a.Store.Subscribe(service.TopicAnchors)
	defer cancel()
	free, cancelFree := a.Store.Subscribe(service.TopicLeases)
	defer cancelFree()
	timer := time.NewTimer(0)
	defer timer.Stop()
	defer a.leader.release(ctx)
	for {
		if err := a.Step(ctx); err != nil && ctx.Err() == nil {
			a.Log.Error("the log could not be time-stamped; it is tried again", "error", err)
		}
		timer.Reset(a.pause())
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
			a.next = time.Time{}
		case <-free:
		case <-timer.C:
		}
	}
}

// pause is how long Run may wait for the next step.
func (a *Anchors) pause() time.Duration {
	most := anchorLook
	if !a.leader.alone {
		most = a.leader.ttl / 3
	}
	if !a.leader.leads() {
		return most
	}
	return max(min(a.next.Sub(a.Clock.Now()), most), time.Second/2)
}

// Step has the log time-stamped if that is due and this process leads.
func (a *Anchors) Step(ctx context.Context) error {
	leads, err := a.leader.keep(ctx)
	now := a.Clock.Now()
	if !leads {
		a.next = time.Time{} // who takes over looks at once
	}
	if err != nil || !leads || now.Before(a.next) {
		return err
	}
	a.next = now.Add(anchorSoonest) // where something goes wrong below
	p, err := a.plan(ctx, now)
	switch {
	case err != nil:
		return err
	case p.note == "":
		a.next = time.Time{} // the log begins within moments of the first start
		return nil
	case !p.due:
		a.next = nextSlot(now, a.Interval)
		return nil
	case a.Keeper.Sound() != nil:
		return nil // nothing is added to a log that is not sound; whoever runs it knows
	case p.wanted:
		a.Stamper.Retry()
	}
	return a.anchor(ctx, p)
}

// anchorPlan is what the database says about the next time stamp.
type anchorPlan struct {
	due    bool
	wanted bool // somebody asked for it
	note   string
	state  service.Anchoring
}

// plan tells whether a time stamp is due: where somebody asked for one, where the
// newest is older than the newest slot and something was logged since, and at the
// first slot of a day in any case.
func (a *Anchors) plan(ctx context.Context, now time.Time) (p anchorPlan, err error) {
	err = a.Store.Read(ctx, func(ctx context.Context, tx service.Reader) error {
		head, err := tx.LogHead(ctx)
		if err != nil || head.Checkpoint == "" {
			return err
		}
		if p.state, err = service.ReadAnchoring(ctx, tx); err != nil {
			return err
		}
		wanted, err := service.AnchorWanted(ctx, tx)
		if err != nil {
			return err
		}
		newest, err := tx.Anchors(ctx, service.AnchorFilter{Limit: 1})
		if err != nil {
			return err
		}
		p.note, p.due = head.Checkpoint, true
		if len(newest) == 0 {
			p.wanted = wanted.After(p.state.TriedAt)
			return nil
		}
		last := &newest[0]
		p.wanted = wanted.After(last.At)
		idle := last.Origin() == a.Verifier.Origin() && head.Size <= last.Size+1 // its own entry is the newest
		p.due = p.wanted || last.At.Before(day(now)) || !idle && last.At.Before(slot(now, a.Interval))
		p.wanted = p.wanted && wanted.After(p.state.TriedAt)
		return nil
	})
	return p, err
}

// anchor has a checkpoint stamped and stores the token.
func (a *Anchors) anchor(ctx context.Context, p anchorPlan) error {
	cp, err := a.Verifier.OpenCheckpoint([]byte(p.note))
	if err != nil {
		return err
	}
	if err := a.Keeper.Release(p.note); err != nil {
		return err
	}
	stamp, err := a.stamp(ctx, anchor.Digest(cp.Note))
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return a.failed(ctx, p.state, err)
	}
	token := stamp.Token
	row := service.Anchor{ID: id.New("anc", a.Clock.Now()), Size: cp.Head.Size, Note: p.note, TSA: stamp.URL, Token: token.DER, StampedAt: clock.Cut(token.Time)}
	sum := sha256.Sum256(token.DER)
	held := false
	err = a.Store.Write(ctx, func(ctx context.Context, tx service.Tx) (err error) {
		if _, held, err = a.leader.hold(ctx, tx); err != nil || !held {
			return err // another process leads by now, and has its own
		}
		if err := service.SaveAnchoring(ctx, tx, service.Anchoring{}); err != nil {
			return err
		}
		return a.Service.AddAnchor(ctx, tx, row, hex.EncodeToString(sum[:]))
	})
	if err != nil || !held {
		return err
	}
	a.next = nextSlot(a.Clock.Now(), a.Interval)
	if p.state.Attempts > 0 {
		a.Log.Warn("the log is time-stamped again", "authority", row.TSA, "due_since", p.state.DueSince)
	}
	a.Log.Info("the log was time-stamped", "anchor", row.ID, "size", row.Size, "authority", row.TSA, "stamped_at", row.StampedAt)
	return nil
}

// stamp asks the authorities, which may take longer than the lease lasts; it is
// kept meanwhile.
func (a *Anchors) stamp(ctx context.Context, digest []byte) (*tsp.Stamp, error) {
	type outcome struct {
		stamp *tsp.Stamp
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		s, err := a.Stamper.Stamp(ctx, anchor.Hash, digest)
		done <- outcome{s, err}
	}()
	tick := time.NewTicker(a.leader.ttl / 3)
	defer tick.Stop()
	for {
		select {
		case o := <-done:
			return o.stamp, o.err
		case <-tick.C:
			if _, err := a.leader.keep(ctx); err != nil && ctx.Err() == nil {
				a.Log.Warn("the lease could not be renewed while an authority was asked", "work", anchorLease, "error", err)
			}
		}
	}
}

// failed notes why no authority gave a time stamp: for whoever looks at the state,
// in the metrics, and in the log, loudly once it goes on.
func (a *Anchors) failed(ctx context.Context, before service.Anchoring, cause error) error {
	now := a.Clock.Now()
	state := service.Anchoring{DueSince: before.DueSince, TriedAt: now, Attempts: before.Attempts + 1, Code: timestampCode(tsp.ReasonOf(cause)), Reason: cause.Error()}
	if state.DueSince.IsZero() {
		state.DueSince = now
	}
	pause := anchorLatest
	for _, one := range attempts(cause) {
		reason := tsp.ReasonOf(one.Err)
		state.Authorities = append(state.Authorities, service.AnchorAuthority{Address: one.URL, Code: timestampCode(reason), Reason: one.Err.Error(), Until: clock.Cut(one.Until)})
		pause = min(pause, one.Until.Sub(now))
		if !one.Passed {
			a.Meter.AnchorFailed(string(reason))
		}
	}
	a.next = now.Add(max(pause, anchorSoonest))
	state.RetryAt = a.next
	level, text := slog.LevelWarn, "the log could not be time-stamped; it is tried again"
	if state.Attempts >= anchorAlarm {
		level, text = slog.LevelError, "ALARM: no authority time-stamps the log"
	}
	a.Log.Log(ctx, level, text, "code", state.Code, "reason", state.Reason, "attempts", state.Attempts, "due_since", state.DueSince, "again_at", state.RetryAt)
	return a.Store.Write(ctx, func(ctx context.Context, tx service.Tx) error { return service.SaveAnchoring(ctx, tx, state) })
}

// attempts gives what came of each authority.
func attempts(err error) []tsp.Attempt {
	var failed *tsp.FailedError
	if errors.As(err, &failed) {
		return failed.Attempts
	}
	return nil
}

// timestampCode gives the code of a reason in the contract.
func timestampCode(r tsp.Reason) string {
	if r == "" {
		return "internal"
	}
	return "timestamp_" + string(r)
}

// day gives the beginning of the day in UTC.
func day(now time.Time) time.Time { return now.UTC().Truncate(24 * time.Hour) }

// slot gives the newest time up to now at which a time stamp is due: the interval
// is counted from the beginning of each day.
func slot(now time.Time, interval time.Duration) time.Time {
	return day(now).Add(now.Sub(day(now)).Truncate(interval))
}

// nextSlot gives the first one after now.
func nextSlot(now time.Time, interval time.Duration) time.Time {
	next, tomorrow := slot(now, interval).Add(interval), day(now).Add(24*time.Hour)
	if next.After(tomorrow) {
		return tomorrow
	}
	return next
}
