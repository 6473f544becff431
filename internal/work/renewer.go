package work

import (
	"context"
	"log/slog"
	"time"

	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
)

const (
	renewerLease = "protection"
	// renewerWindow is how many operations that protect are open at once: what is
	// due waits in its own table, not in the backlog.
	renewerWindow = 32
	renewerBatch  = 200
)

// RenewerConfig is what a Renewer is made of.
type RenewerConfig struct {
	Service *service.Service
	Store   service.Store
	Clock   clock.Clock
	Holder  Holder
	// Settings sums up what is wanted and who is asked, so that a change is noticed.
	Settings string
	Log      *slog.Logger
}

// settingFollowed is the setting with the RenewerConfig.Settings that every line follows.
const settingFollowed = "protection_followed"

// Renewer starts the operations that protect signed files, when something is due:
// a level that could not be reached before, a time stamp whose certificate ends
// soon, files that are measured for the first time, and all of them where the
// settings want more than before. Organisations take turns, a bounded number of
// operations is open at once, and while no authority gives time stamps a single
// one asks again, ever less often.
type Renewer struct {
	RenewerConfig
	leader *leader

	epoch   int64    // for which the settings were followed
	adopted struct { // how far documents nobody has taken note of were looked for
		org, id string
		done    bool
	}
	first int // organisation that goes first in the next round
}

// NewRenewer makes a Renewer.
func NewRenewer(c RenewerConfig) *Renewer {
	return &Renewer{RenewerConfig: c, leader: c.Holder.leader(renewerLease, c.Store, c.Log)}
}

// Run works until ctx ends.
func (r *Renewer) Run(ctx context.Context) error {
	return r.leader.run(ctx, service.TopicProtection, r.Step)
}

// Step starts what is due, if this process leads, and tells whether there is more.
func (r *Renewer) Step(ctx context.Context) (more bool, err error) {
	leads, err := r.leader.keep(ctx)
	if err != nil || !leads {
		r.epoch = 0
		return false, err
	}
	if r.epoch != r.leader.epoch {
		if more, err := r.follow(ctx); err != nil || more {
			return more, err
		}
		r.epoch, r.adopted.org, r.adopted.id, r.adopted.done = r.leader.epoch, "", "", false
	}
	room, err := r.room(ctx)
	if err != nil || room <= 0 {
		return false, err
	}
	if !r.adopted.done {
		return true, r.adopt(ctx, room)
	}
	return false, r.start(ctx, room)
}

// follow lets lines want what the settings want now, some at a time.
func (r *Renewer) follow(ctx context.Context) (more bool, err error) {
	plan := r.Service.Protection
	var followed string
	err = r.Store.Read(ctx, func(ctx context.Context, tx service.Reader) error {
		if followed, err = tx.Setting(ctx, settingFollowed); fault.KindOf(err) == fault.NotFound && err != nil {
			err = nil
		}
		return err
	})
	if err != nil || followed == r.Settings {
		return false, err
	}
	err = r.Store.Write(ctx, func(ctx context.Context, tx service.Tx) error {
		more = false
		for _, own := range []bool{true, false} {
			lines, err := tx.ProtectionsWanting(ctx, plan.For(own), own, renewerBatch)
			if err != nil {
				return err
			}
			for _, l := range lines {
				more = true
				l.Follow(plan, tx.Now())
				if err := tx.SaveProtection(ctx, l); err != nil {
					return err
				}
			}
		}
		if more {
			return nil
		}
		return tx.SetSetting(ctx, settingFollowed, r.Settings)
	})
	return more, err
}

// room tells how many operations may be started now.
func (r *Renewer) room(ctx context.Context) (room int, err error) {
	err = r.Store.Read(ctx, func(ctx context.Context, tx service.Reader) error {
		open, err := tx.OpenOperations(ctx, service.OpProtect)
		if err != nil {
			return err
		}
		room = renewerWindow - open
		state, err := service.Protecting(ctx, tx)
		switch {
		case err != nil:
			return err
		case state.DueSince.IsZero():
		case r.Clock.Now().Before(state.RetryAt):
			room = 0
		default:
			room = 1 - open // one finds out for all
		}
		return nil
	})
	return room, err
}

// adopt takes note of signed documents that nobody has taken note of: those of
// earlier versions of Paraph.
func (r *Renewer) adopt(ctx context.Context, room int) error {
	at := &r.adopted
	var found []document.Document
	err := r.Store.Read(ctx, func(ctx context.Context, tx service.Reader) (err error) {
		found, err = tx.Unprotected(ctx, at.org, at.id, room)
		return err
	})
	if err != nil {
		return err
	}
	for _, d := range found {
		if _, err := r.Service.ProtectDue(ctx, d.Org, d.ID); err != nil {
			return err
		}
		at.org, at.id = d.Org, d.ID
	}
	at.done = len(found) < room
	return nil
}

// start starts what is due, one of each organisation in turn.
func (r *Renewer) start(ctx context.Context, room int) error {
	var queues [][]document.Protection
	err := r.Store.Read(ctx, func(ctx context.Context, tx service.Reader) error {
		queues = nil
		orgs, err := tx.Organisations(ctx)
		if err != nil {
			return err
		}
		for i := range orgs {
			due, err := tx.ProtectionsDue(ctx, orgs[(i+r.first)%len(orgs)].ID, r.Clock.Now(), room)
			if err != nil {
				return err
			}
			if len(due) > 0 {
				queues = append(queues, due)
			}
		}
		return nil
	})
	r.first++
	if err != nil {
		return err
	}
	began := time.Now()
	started := 0
	for row := 0; started < room; row++ {
		some := false
		for _, q := range queues {
			if row >= len(q) || started >= room {
				continue
			}
			some = true
			ok, err := r.Service.ProtectDue(ctx, q[row].Org, q[row].DocumentID)
			if err != nil {
				return err
			}
			if ok {
				started++
			}
		}
		if !some {
			break
		}
	}
	if started > 0 {
		r.Log.Debug("protection was started", "operations", started, "took", time.Since(began))
	}
	return nil
}
