package work

import (
	"context"
	json "github.com/go-json-experiment/json/v1"
	"log/slog"
	"time"

	"github.com/riverqueue/river"

	"github.com/paraph/paraph/internal/failpoint"
	"github.com/paraph/paraph/internal/hook"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
)

const (
	dispatcherName  = "jobs"
	dispatcherBatch = 500 // entries looked through at once
	// dispatcherRest is how many entries that made no work may lie between the
	// stored cursor and the place looked through: so many are read again after a start.
	dispatcherRest = 5000
)

// Inserter puts jobs into the queue inside a transaction of the store.
type Inserter interface {
	Insert(ctx context.Context, tx service.Tx, jobs []river.InsertManyParams) error
}

// Dispatcher reads the journal with its own cursor and makes work of entries.
// The cursor moves in the transaction that writes the work, so each entry
// makes its work exactly once, however often the process dies.
type Dispatcher struct {
	store service.Store
	jobs  Inserter
	rules Rules
	lead  *leader
	seen  int64 // no entry before it makes work that is not handed out
}

// NewDispatcher makes a Dispatcher.
func NewDispatcher(store service.Store, jobs Inserter, rules Rules, by Holder, log *slog.Logger) *Dispatcher {
	lead := by.leader("dispatcher/"+dispatcherName, store, log)
	return &Dispatcher{store: store, jobs: jobs, rules: rules, lead: lead}
}

// Run dispatches, or waits for its turn to, until ctx ends.
func (d *Dispatcher) Run(ctx context.Context) error {
	return d.lead.run(ctx, service.TopicJournal, d.step)
}

// step dispatches one batch and tells whether there may be more.
func (d *Dispatcher) step(ctx context.Context) (more bool, err error) {
	var seen part
	err = d.store.Read(ctx, func(ctx context.Context, tx service.Reader) (err error) {
		seen, err = d.look(ctx, tx, d.seen)
		return err
	})
	if err != nil {
		return false, err
	}
	if len(seen.entries) == 0 {
		d.seen = seen.to
		if seen.to-seen.cursor < dispatcherRest && !d.lead.due() {
			return seen.more, nil
		}
	}
	leads := false
	err = d.store.Write(ctx, func(ctx context.Context, tx service.Tx) error {
		// The lease keeps two dispatchers from reading the same cursor.
		if _, leads, err = d.lead.hold(ctx, tx); err != nil || !leads {
			return err
		}
		now, err := d.look(ctx, tx, seen.from)
		if err != nil || now.to == now.cursor {
			return err
		}
		if err := d.handOut(ctx, tx, now.entries); err != nil {
			return err
		}
		return tx.SetCursor(ctx, dispatcherName, now.to)
	})
	if err != nil || !leads {
		return false, err // what makes work was seen, and is looked at again
	}
	if d.seen = seen.to; seen.to > seen.cursor {
		err = failpoint.Hit(failpoint.DispatchDone)
	}
	return seen.more, err
}

// part is a part of the journal that was looked through.
type part struct {
	cursor   int64           // where the stored cursor stands
	from, to int64           // the indexes looked through
	entries  []journal.Entry // of them, those that may make work
	more     bool            // the journal goes on
}

// look looks through the next part of the journal: from the cursor, or from
// where it is known that nothing lies between.
func (d *Dispatcher) look(ctx context.Context, tx service.Reader, seen int64) (p part, err error) {
	if p.cursor, err = tx.Cursor(ctx, dispatcherName); err != nil {
		return p, err
	}
	head, err := tx.LogHead(ctx)
	if err != nil {
		return p, err
	}
	p.from = max(p.cursor, seen)
	p.to = min(p.from+dispatcherBatch, head.Size)
	p.more = p.to < head.Size
	if p.to <= p.from {
		p.to = p.from
		return p, nil
	}
	p.entries, err = tx.EntriesOf(ctx, p.from, p.to, d.rules.kinds())
	return p, err
}

// handOut writes the work of the entries: operations into the backlog, from
// which workers take them in fair turns, everything else into the job queue.
func (d *Dispatcher) handOut(ctx context.Context, tx service.Tx, entries []journal.Entry) error {
	var jobs []river.InsertManyParams
	var operations []service.Backlogged
	for _, e := range entries {
		made, err := d.rules.of(e)
		if err != nil {
			return err
		}
		jobs = append(jobs, made.jobs...)
		if made.operation != nil {
			operations = append(operations, *made.operation)
		}
	}
	if err := failpoint.Hit(failpoint.DispatchBefore); err != nil {
		return err
	}
	if len(operations) > 0 {
		if err := tx.Enqueue(ctx, operations); err != nil {
			return err
		}
		tx.Notify(service.TopicBacklog)
	}
	if len(jobs) > 0 {
		if err := d.jobs.Insert(ctx, tx, jobs); err != nil {
			return err
		}
	}
	if len(jobs)+len(operations) == 0 {
		return nil
	}
	return failpoint.Hit(failpoint.DispatchInserted)
}

// Rules say which work an entry makes.
type Rules struct {
	ReminderInterval time.Duration // 0: no reminders
	// NoMail says that letters don't leave the house. Those about tasks are then
	// not made at all: they hold no link that the inbox does not show, and a job
	// for each would cost more than the change that opens the task. Nor are those
	// with links by which people get in: nobody would read them but the log.
	NoMail bool
}

// kinds are those of which an entry may make work.
func (r Rules) kinds() []journal.Kind {
	all := []journal.Kind{
		journal.OperationStarted, journal.OperationRetried, journal.EnvelopeSent, journal.EnvelopeReminded, journal.EnvelopeCompleted,
		journal.EnvelopeDeclined, journal.DocumentProcessingFailed, journal.DocumentQuarantined, journal.DocumentInReview,
		journal.InboundReceived, journal.InboundRedriven, journal.TaskOpened, journal.UserInvited, journal.LoginLinkAsked,
	}
	if r.NoMail {
		return all[:len(all)-3]
	}
	return all
}

// fact is what the rules need of an entry's public data.
type fact struct {
	OperationID  string     `json:"operation_id"`
	Kind         string     `json:"kind"`
	DocumentID   string     `json:"document_id"`
	DocumentType string     `json:"document_type"`
	EnvelopeID   string     `json:"envelope_id"`
	RecipientID  string     `json:"recipient_id"`
	TaskID       string     `json:"task_id"`
	UserID       string     `json:"user_id"`
	Reason       string     `json:"reason"`
	InboundID    string     `json:"inbound_event_id"`
	State        string     `json:"state"`
	ExpiresAt    *time.Time `json:"expires_at"`
	DueAt        *time.Time `json:"due_at"`
}

// made is the work of one entry.
type made struct {
	operation *service.Backlogged
	jobs      []river.InsertManyParams
}

// of gives the work of one entry. It is the only place that says what happens
// after what.
func (r Rules) of(e journal.Entry) (made, error) {
	if e.Erased() {
		return made{}, nil // its document was disposed of meanwhile
	}
	var f fact
	if err := json.Unmarshal(e.Data, &f); err != nil && len(e.Data) > 0 && string(e.Data) != "null" {
		return made{}, err
	}
	switch e.Kind {
	case journal.OperationStarted, journal.OperationRetried:
		return made{operation: backlogged(e, f)}, nil
	case journal.InboundReceived, journal.InboundRedriven:
		if f.State != string(hook.Received) {
			return made{}, nil // its source does nothing with it
		}
		f.OperationID, f.Kind, f.DocumentID = f.InboundID, service.OpInbound, ""
		return made{operation: backlogged(e, f)}, nil
	}
	return made{jobs: r.jobsFor(e, f)}, nil
}

func backlogged(e journal.Entry, f fact) *service.Backlogged {
	return &service.Backlogged{
		Org: e.Org, OperationID: f.OperationID, Kind: f.Kind, Type: f.DocumentType, Unit: e.Unit, DocumentID: f.DocumentID,
		Trace: e.Trace, EnqueuedAt: e.At, DueAt: e.At,
	}
}

func (r Rules) jobsFor(e journal.Entry, f fact) []river.InsertManyParams {
	switch e.Kind {
	case journal.EnvelopeSent:
		return r.envelopeSent(e, f)
	case journal.EnvelopeReminded:
		return []river.InsertManyParams{mailJob(e, f, MailReminder)}
	case journal.EnvelopeCompleted:
		return []river.InsertManyParams{mailJob(e, f, MailCompleted)}
	case journal.EnvelopeDeclined:
		return []river.InsertManyParams{mailJob(e, f, MailDeclined)}
	case journal.TaskOpened:
		if r.NoMail {
			return nil
		}
		return []river.InsertManyParams{mailJob(e, f, MailTask)}
	case journal.UserInvited:
		if r.NoMail || f.Reason != service.InvitationSent {
			return nil
		}
		return []river.InsertManyParams{mailJob(e, f, MailInvitation)}
	case journal.LoginLinkAsked:
		if r.NoMail {
			return nil
		}
		return []river.InsertManyParams{mailJob(e, f, MailLogin)}
	case journal.DocumentProcessingFailed, journal.DocumentQuarantined:
		return []river.InsertManyParams{mailJob(e, f, MailAttention)}
	case journal.DocumentInReview:
		if f.DueAt != nil {
			return []river.InsertManyParams{timerJob(e, f, TimerReviewDue, *f.DueAt)}
		}
	}
	return nil
}

func (r Rules) envelopeSent(e journal.Entry, f fact) []river.InsertManyParams {
	jobs := []river.InsertManyParams{mailJob(e, f, MailRequest)}
	if f.ExpiresAt != nil {
		jobs = append(jobs, timerJob(e, f, TimerEnvelopeExpiry, *f.ExpiresAt))
	}
	if r.ReminderInterval > 0 {
		jobs = append(jobs, timerJob(e, f, TimerReminder, e.At.Add(r.ReminderInterval)))
	}
	return jobs
}
