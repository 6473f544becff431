package work

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"time"

	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/failpoint"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/hook"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
)

// Bus is an event bus; internal/bus says what its methods promise.
type Bus interface {
	Publish(ctx context.Context, events []event.Message) error
	Refuse(ctx context.Context, d event.DeadLetter) error
	Receive(ctx context.Context, handle func(context.Context, event.Order) error) error
}

// BusDispatcher publishes what the journal says, in its order. Its cursor moves on
// once the bus has confirmed: what was sent by a process that died before is sent
// again, under the same ids. Who is away for long catches up from the journal.
type BusDispatcher struct {
	BusDispatcherConfig
	lead  *leader
	seen  int64         // no entry before it is to be published
	pause time.Duration // between attempts while the bus is away
	next  time.Time     // of the next attempt
	well  bool          // the stored state says so
}

// BusDispatcherConfig is what a BusDispatcher is made of.
type BusDispatcherConfig struct {
	Service *service.Service
	Bus     Bus
	Source  string // public URL, as of the events
	// All: a bus that is new gets every event of the log; else those from now on.
	All    bool
	Holder Holder
	Log    *slog.Logger
}

const (
	busBatch    = 500
	busPause    = 500 * time.Millisecond
	busMaxPause = 30 * time.Second
)

// NewBusDispatcher makes a BusDispatcher.
func NewBusDispatcher(c BusDispatcherConfig) *BusDispatcher {
	return &BusDispatcher{BusDispatcherConfig: c, lead: c.Holder.leader("dispatcher/"+service.CursorBus, c.Service.Store, c.Log)}
}

// Run publishes, or waits for its turn to, until ctx ends.
func (d *BusDispatcher) Run(ctx context.Context) error {
	return d.lead.run(ctx, service.TopicJournal, d.step)
}

// step publishes one batch and tells whether there may be more.
func (d *BusDispatcher) step(ctx context.Context) (more bool, err error) {
	leads, err := d.lead.keep(ctx)
	if err != nil || !leads || time.Now().Before(d.next) {
		return false, err
	}
	p, err := d.look(ctx)
	if err != nil || p.to == p.cursor {
		return false, err
	}
	if len(p.entries) == 0 && p.to-p.cursor < dispatcherRest {
		d.seen = p.to
		return p.more, nil
	}
	if err := d.send(ctx, p.entries); err != nil {
		if ctx.Err() != nil {
			return false, nil
		}
		return false, d.failed(ctx, err)
	}
	if err := failpoint.Hit(failpoint.BusSent); err != nil {
		return false, err
	}
	d.pause, d.next = 0, time.Time{}
	if err := d.moved(ctx, p.to); err != nil {
		return false, err
	}
	d.seen = p.to
	return p.more, failpoint.Hit(failpoint.BusMoved)
}

// look reads the next part of the journal. Where publishing has never begun it
// begins, and settles where.
func (d *BusDispatcher) look(ctx context.Context) (p part, err error) {
	known := false
	var state service.BusState
	err = d.Service.Store.Read(ctx, func(ctx context.Context, tx service.Reader) error {
		if state, known, err = service.ReadBusState(ctx, tx); err != nil || !known {
			return err
		}
		if p.cursor, err = tx.Cursor(ctx, service.CursorBus); err != nil {
			return err
		}
		head, err := tx.LogHead(ctx)
		if err != nil {
			return err
		}
		p.from = max(p.cursor, d.seen)
		p.to = min(p.from+busBatch, head.Size)
		if p.more = p.to < head.Size; p.to <= p.from {
			p.to = p.cursor
			return nil
		}
		p.entries, err = tx.EntriesOf(ctx, p.from, p.to, publicKinds)
		return err
	})
	if err != nil || known {
		d.well = state.FailingSince.IsZero()
		return p, err
	}
	return d.begin(ctx)
}

func (d *BusDispatcher) begin(ctx context.Context) (p part, err error) {
	err = d.Service.Store.Write(ctx, func(ctx context.Context, tx service.Tx) error {
		if _, held, err := d.lead.hold(ctx, tx); err != nil || !held {
			return err
		}
		head, err := tx.LogHead(ctx)
		if err != nil {
			return err
		}
		state := service.BusState{}
		if !d.All && head.Size > 0 {
			state.Began = head.Size
			if err := tx.SetCursor(ctx, service.CursorBus, head.Size); err != nil {
				return err
			}
		}
		return service.SaveBusState(ctx, tx, state)
	})
	return part{}, err
}

// send publishes the entries and puts aside command messages that went into quarantine.
func (d *BusDispatcher) send(ctx context.Context, entries []journal.Entry) error {
	var messages []event.Message
	for i := range entries {
		if e := &entries[i]; !e.Erased() { // its document was disposed of meanwhile
			messages = append(messages, event.NewMessage(e, d.Source))
		}
	}
	if len(messages) == 0 {
		return nil
	}
	if err := d.Bus.Publish(ctx, messages); err != nil {
		return err
	}
	for i := range entries {
		letter, dead, err := d.Service.DeadLetter(ctx, &entries[i])
		if err == nil && dead {
			err = d.Bus.Refuse(ctx, letter)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// moved moves the cursor on; only the lease's holder can.
func (d *BusDispatcher) moved(ctx context.Context, to int64) error {
	return d.Service.Store.Write(ctx, func(ctx context.Context, tx service.Tx) error {
		if _, held, err := d.lead.hold(ctx, tx); err != nil || !held {
			return err
		}
		if err := tx.SetCursor(ctx, service.CursorBus, to); err != nil || d.well {
			return err
		}
		state, _, err := service.ReadBusState(ctx, tx)
		if err != nil {
			return err
		}
		d.Log.Info("the event bus takes events again", "since", state.FailingSince)
		return service.SaveBusState(ctx, tx, service.BusState{Began: state.Began})
	})
}

// failed writes down that the bus did not take a batch, and waits before the next attempt.
func (d *BusDispatcher) failed(ctx context.Context, cause error) error {
	d.pause = min(max(2*d.pause, busPause), busMaxPause)
	d.next = time.Now().Add(d.pause)
	if d.well || d.pause == busMaxPause {
		d.Log.Warn("the event bus does not take events; they wait in the journal", "error", cause)
	}
	return d.Service.Store.Write(ctx, func(ctx context.Context, tx service.Tx) error {
		state, _, err := service.ReadBusState(ctx, tx)
		if err != nil {
			return err
		}
		if state.FailingSince.IsZero() {
			state.FailingSince = tx.Now()
		}
		state.TriedAt, state.Reason = tx.Now(), cut(cause.Error(), service.MaxComment)
		return service.SaveBusState(ctx, tx, state)
	})
}

// cut bounds a text by bytes.
func cut(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

// BusCommands takes command messages in. It stores them, and a worker carries them
// out; what cannot be stored because of what it is goes to the dead letters.
type BusCommands struct {
	Service *service.Service
	Bus     Bus
	Clients map[string]bool // as which messages may be carried out
	MaxBody int64
	Log     *slog.Logger
}

// Run listens until ctx ends.
func (c *BusCommands) Run(ctx context.Context) error {
	told := time.Time{}
	for {
		err := c.Bus.Receive(ctx, c.take)
		if ctx.Err() != nil {
			return nil
		}
		if time.Since(told) > time.Minute {
			c.Log.Warn("command messages cannot be heard; it is tried again", "error", err)
			told = time.Now()
		}
		wait := time.NewTimer(time.Second)
		select {
		case <-ctx.Done():
			wait.Stop()
			return nil
		case <-wait.C:
		}
	}
}

// take stores one message, or puts it aside. An error lets it come again.
func (c *BusCommands) take(ctx context.Context, o event.Order) error {
	err := c.receive(ctx, o)
	if err == nil {
		return failpoint.Hit(failpoint.BusReceived)
	}
	f := fault.From(err)
	if f.Kind == fault.Unavailable || f.Kind == fault.Internal || f.Kind == fault.Conflict || ctx.Err() != nil {
		c.Log.Warn("a command message could not be stored; it comes again", "client", o.Client, "error", err)
		return err
	}
	c.Log.Warn("a command message is put aside", "client", o.Client, "code", f.Code, "reason", says(f))
	sum := sha256.Sum256([]byte(o.Client + "\x00" + o.ID + "\x00" + string(o.Body)))
	return c.Bus.Refuse(ctx, event.DeadLetter{ID: "refused_" + hex.EncodeToString(sum[:16]), Client: o.Client, Code: f.Code, Reason: says(f), Body: o.Body})
}

func (c *BusCommands) receive(ctx context.Context, o event.Order) error {
	if !c.Clients[o.Client] {
		return fault.New(fault.Forbidden, "client_not_on_bus", "Command messages are not carried out as this client. Its keeper can name it in bus-clients.")
	}
	if int64(len(o.Body)) > c.MaxBody {
		return fault.New(fault.TooLarge, "body_too_large", "The message is longer than %d bytes.", c.MaxBody)
	}
	cmd, err := hook.ReadCommand(o.Body, o.ID)
	if err != nil {
		return err
	}
	return c.Service.ReceiveCommand(ctx, o.Client, cmd)
}
