package work

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/riverqueue/river"

	"github.com/paraph/paraph/internal/failpoint"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
)

const (
	dispatcherName  = "jobs"
	dispatcherBatch = 500
	dispatcherIdle  = 2 * time.Second
)

// Inserter puts jobs into the queue inside a transaction of the store.
type Inserter interface {
	Insert(ctx context.Context, tx service.Tx, jobs []river.InsertManyParams) error
}

// Dispatcher reads the journal with its own cursor and makes jobs of entries.
// The cursor moves in the transaction that inserts the jobs, so each entry
// makes its jobs exactly once, however often the process dies.
type Dispatcher struct {
	store  service.Store
	jobs   Inserter
	rules  Rules
	holder string
	log    *slog.Logger
}

// NewDispatcher makes a Dispatcher. holder is unique to the process.
func NewDispatcher(store service.Store, jobs Inserter, rules Rules, holder string, log *slog.Logger) *Dispatcher {
	return &Dispatcher{store: store, jobs: jobs, rules: rules, holder: holder, log: log}
}

// Run dispatches until ctx ends.
func (d *Dispatcher) Run(ctx context.Context) error {
	wake, cancel := d.store.Subscribe(service.TopicJournal)
	defer cancel()
	tick := time.NewTicker(dispatcherIdle)
	defer tick.Stop()
	for {
		more, err := d.step(ctx)
		if err != nil && ctx.Err() == nil {
			d.log.Error("dispatching work failed; it is tried again", "error", err)
		}
		if more && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-tick.C:
		}
	}
}

// step dispatches one batch and tells whether there may be more.
func (d *Dispatcher) step(ctx context.Context) (more bool, err error) {
	behind := false
	err = d.store.Read(ctx, func(ctx context.Context, tx service.Reader) error {
		next, err := tx.Cursor(ctx, dispatcherName)
		if err != nil {
			return err
		}
		head, err := tx.LogHead(ctx)
		behind = next < head.Size
		return err
	})
	if err != nil || !behind {
		return false, err
	}
	err = d.store.Write(ctx, func(ctx context.Context, tx service.Tx) error {
		more = false
		// The lease's row keeps two dispatchers from reading the same cursor.
		if _, held, err := tx.Lease(ctx, "dispatcher/"+dispatcherName, d.holder, leaseTTL); err != nil || !held {
			return err
		}
		next, err := tx.Cursor(ctx, dispatcherName)
		if err != nil {
			return err
		}
		entries, err := tx.EntriesFrom(ctx, next, dispatcherBatch)
		if err != nil || len(entries) == 0 {
			return err
		}
		var jobs []river.InsertManyParams
		for _, e := range entries {
			made, err := d.rules.jobsFor(e)
			if err != nil {
				return err
			}
			jobs = append(jobs, made...)
		}
		if err := failpoint.Hit(failpoint.DispatchBefore); err != nil {
			return err
		}
		if len(jobs) > 0 {
			if err := d.jobs.Insert(ctx, tx, jobs); err != nil {
				return err
			}
			if err := failpoint.Hit(failpoint.DispatchInserted); err != nil {
				return err
			}
		}
		more = len(entries) == dispatcherBatch
		return tx.SetCursor(ctx, dispatcherName, entries[len(entries)-1].Index+1)
	})
	if err == nil {
		err = failpoint.Hit(failpoint.DispatchDone)
	}
	return more, err
}

// Rules say which jobs an entry makes.
type Rules struct {
	ReminderInterval time.Duration // 0: no reminders
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
	ExpiresAt    *time.Time `json:"expires_at"`
	DueAt        *time.Time `json:"due_at"`
}

// jobsFor gives the jobs of one entry. It is the only place that says what
// happens after what.
func (r Rules) jobsFor(e journal.Entry) ([]river.InsertManyParams, error) {
	var f fact
	if err := json.Unmarshal(e.Data, &f); err != nil && len(e.Data) > 0 && string(e.Data) != "null" {
		return nil, err
	}
	switch e.Kind {
	case journal.OperationStarted, journal.OperationRetried:
		return []river.InsertManyParams{operationJob(e, f)}, nil
	case journal.EnvelopeSent:
		return r.envelopeSent(e, f), nil
	case journal.EnvelopeReminded:
		return []river.InsertManyParams{mailJob(e, f, MailReminder)}, nil
	case journal.EnvelopeCompleted:
		return []river.InsertManyParams{mailJob(e, f, MailCompleted)}, nil
	case journal.EnvelopeDeclined:
		return []river.InsertManyParams{mailJob(e, f, MailDeclined)}, nil
	case journal.TaskOpened:
		return []river.InsertManyParams{mailJob(e, f, MailTask)}, nil
	case journal.DocumentProcessingFailed, journal.DocumentQuarantined:
		return []river.InsertManyParams{mailJob(e, f, MailAttention)}, nil
	case journal.DocumentInReview:
		if f.DueAt != nil {
			return []river.InsertManyParams{timerJob(e, f, TimerReviewDue, *f.DueAt)}, nil
		}
	}
	return nil, nil
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
