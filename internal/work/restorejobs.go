package work

import (
	"context"
	"encoding/json"
	"time"

	"github.com/riverqueue/river"

	"github.com/paraph/paraph/internal/service"
)

// Copied is a job as a backup keeps it.
type Copied struct {
	JobKind, Queue        string
	Priority, MaxAttempts int
	Args, Metadata        json.RawMessage
	ScheduledAt           time.Time
}

// copiedArgs are arguments that are handed on as they are.
type copiedArgs struct {
	kind string
	raw  json.RawMessage
}

// Kind names the job in River's table.
func (c copiedArgs) Kind() string { return c.kind }

// MarshalJSON implements json.Marshaler.
func (c copiedArgs) MarshalJSON() ([]byte, error) { return c.raw, nil }

// Restore puts jobs back into the queue as they stood, to be tried anew.
func (j *Jobs) Restore(ctx context.Context, tx service.Tx, jobs []Copied) error {
	all := make([]river.InsertManyParams, len(jobs))
	for i, c := range jobs {
		all[i] = river.InsertManyParams{Args: copiedArgs{c.JobKind, c.Args}, InsertOpts: &river.InsertOpts{
			Queue: c.Queue, Priority: c.Priority, MaxAttempts: c.MaxAttempts, Metadata: c.Metadata, ScheduledAt: c.ScheduledAt,
		}}
	}
	return j.Insert(ctx, tx, all)
}
