package work

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
)

// The queues. Operations don't wait here but in the backlog; of theirs only what
// an older version left is taken out.
const (
	QueueMail  = "mail"
	QueueTimer = "timer"
)

// OperationArgs are the job that versions before the backlog made of an operation.
type OperationArgs struct {
	Org          string `json:"org"`
	OperationID  string `json:"operation_id"`
	Operation    string `json:"operation"`
	DocumentType string `json:"document_type"`
	Trace        string `json:"trace,omitempty"`
}

// Kind names the job in River's table.
func (OperationArgs) Kind() string { return "operation" }

// The messages a MailArgs job can send.
const (
	MailRequest   = "sign_request"
	MailReminder  = "reminder"
	MailCompleted = "completed"
	MailDeclined  = "declined"
	MailTask      = "task"
	MailAttention = "attention"

	MailInvitation = "invitation"
	MailLogin      = "login"
)

// MailArgs are the job of telling people about one journal entry.
type MailArgs struct {
	Org         string `json:"org"`
	Message     string `json:"message"`
	EventID     string `json:"event_id"`
	DocumentID  string `json:"document_id,omitempty"`
	EnvelopeID  string `json:"envelope_id,omitempty"`
	RecipientID string `json:"recipient_id,omitempty"`
	TaskID      string `json:"task_id,omitempty"`
	UserID      string `json:"user_id,omitempty"`
	Trace       string `json:"trace,omitempty"`
}

// Kind names the job in River's table.
func (MailArgs) Kind() string { return "mail" }

// The timers. Each checks, when it fires, whether it still applies.
const (
	TimerEnvelopeExpiry = "envelope_expiry"
	TimerReminder       = "reminder"
	TimerReviewDue      = "review_due"
)

// TimerArgs are a job that waits for its time.
type TimerArgs struct {
	Org         string    `json:"org"`
	Timer       string    `json:"timer"`
	DocumentID  string    `json:"document_id,omitempty"`
	EnvelopeID  string    `json:"envelope_id,omitempty"`
	RecipientID string    `json:"recipient_id,omitempty"`
	At          time.Time `json:"at"`
	Trace       string    `json:"trace,omitempty"`
}

// Kind names the job in River's table.
func (TimerArgs) Kind() string { return "timer" }

const (
	mailAttempts  = 12
	timerAttempts = 25
)

func mailJob(e journal.Entry, f fact, message string) river.InsertManyParams {
	return river.InsertManyParams{
		Args:       MailArgs{Org: e.Org, Message: message, EventID: e.ID, DocumentID: f.DocumentID, EnvelopeID: f.EnvelopeID, RecipientID: f.RecipientID, TaskID: f.TaskID, UserID: f.UserID, Trace: e.Trace},
		InsertOpts: &river.InsertOpts{Queue: QueueMail, MaxAttempts: mailAttempts},
	}
}

func timerJob(e journal.Entry, f fact, timer string, at time.Time) river.InsertManyParams {
	return river.InsertManyParams{
		Args:       TimerArgs{Org: e.Org, Timer: timer, DocumentID: f.DocumentID, EnvelopeID: f.EnvelopeID, RecipientID: f.RecipientID, At: at, Trace: e.Trace},
		InsertOpts: &river.InsertOpts{Queue: QueueTimer, MaxAttempts: timerAttempts, ScheduledAt: at},
	}
}

// DefaultRetries are the waits after the 1st, 2nd, 3rd … failed attempt; the
// last one repeats.
var DefaultRetries = []time.Duration{time.Second, 5 * time.Second, 20 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour}

// retryPolicy says when a failed job is tried again.
type retryPolicy struct{ waits []time.Duration }

// NextRetry implements river.ClientRetryPolicy.
func (p retryPolicy) NextRetry(job *rivertype.JobRow) time.Time {
	n := len(job.Errors) // before this failure is added
	return time.Now().Add(p.waits[min(n, len(p.waits)-1)])
}

// JobsConfig says what a process does of the queued work.
type JobsConfig struct {
	ID      string         // unique to the process
	Queues  map[string]int // queue → jobs at once; empty: insert only
	Workers *river.Workers
	Log     *slog.Logger
	Retries []time.Duration // waits between attempts; empty: DefaultRetries
}

const (
	jobTimeout = 10 * time.Minute // of a message or a timer; operations have budgets of their own
	rescue     = jobTimeout + 5*time.Minute
	// adoptEvery is how often jobs of an older version are looked for.
	adoptEvery = 5 * time.Second
)

// Jobs is River over the store's own connections.
type Jobs struct {
	insert func(ctx context.Context, tx service.Tx, jobs []river.InsertManyParams) error
	start  func(ctx context.Context) error
	stop   func(ctx context.Context) error
	depths func(ctx context.Context) (map[string]QueueDepth, error)
	// forget deletes the jobs about any of the ids, a JSON list, and counts those at work.
	forget func(ctx context.Context, ids string) (running int64, err error)
	// runners and giveBack serve Liveness; nil on SQLite, where a process gives
	// back at its start what the one before it left.
	runners  func(ctx context.Context) ([]string, error)
	giveBack func(ctx context.Context, tx service.Tx, process string) (int64, error)
}

// QueueDepth is what waits in a queue.
type QueueDepth struct {
	Waiting int64
	Oldest  time.Time // when the oldest waiting job became due; zero: none
}

// Insert implements Inserter.
func (j *Jobs) Insert(ctx context.Context, tx service.Tx, jobs []river.InsertManyParams) error {
	return j.insert(ctx, tx, jobs)
}

// completeJob ends a job that is being worked inside tx.
func completeJob[A river.JobArgs](ctx context.Context, tx service.Tx, job *river.Job[A]) (err error) {
	if inner, ok := tx.(interface{ SQLTx() *sql.Tx }); ok && inner.SQLTx() != nil {
		_, err = river.JobCompleteTx[*riversqlite.Driver](ctx, inner.SQLTx(), job)
		return err
	}
	if inner, ok := tx.(interface{ PgxTx() pgx.Tx }); ok && inner.PgxTx() != nil {
		_, err = river.JobCompleteTx[*riverpgxv5.Driver](ctx, inner.PgxTx(), job)
		return err
	}
	return errors.New("the transaction is of no database that is known")
}

// Start begins to work the queues.
func (j *Jobs) Start(ctx context.Context) error { return j.start(ctx) }

// Stop lets running jobs finish until ctx ends, then cancels them and waits a
// moment for their places in the queue to be given back.
func (j *Jobs) Stop(ctx context.Context) error { return j.stop(ctx) }

// stopGrace is how long jobs that were cancelled have to come back.
const stopGrace = 5 * time.Second

func stopClient[T any](client *river.Client[T]) func(context.Context) error {
	return func(ctx context.Context) error {
		err := client.Stop(ctx)
		if err == nil || ctx.Err() == nil {
			return err
		}
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
		defer cancel()
		return client.StopAndCancel(grace)
	}
}

// Depths tells what waits in each queue.
func (j *Jobs) Depths(ctx context.Context) (map[string]QueueDepth, error) { return j.depths(ctx) }

// NewSQLiteJobs makes Jobs over the store's single write connection: two pools
// on one SQLite file would lock each other out. River's tables are made if
// missing. Since the process is the only one on its database, jobs that were
// running when it last ended are given back at once.
func NewSQLiteJobs(ctx context.Context, db *sql.DB, c JobsConfig) (*Jobs, error) {
	driver := riversqlite.New(db)
	if err := migrateRiver(ctx, driver); err != nil {
		return nil, err
	}
	if _, err := db.ExecContext(ctx, `UPDATE river_job SET state = 'available', attempt = max(attempt - 1, 0) WHERE state = 'running'`); err != nil {
		return nil, fmt.Errorf("give back interrupted jobs: %w", err)
	}
	client, err := river.NewClient(driver, riverConfig(c))
	if err != nil {
		return nil, err
	}
	return &Jobs{
		insert: func(ctx context.Context, tx service.Tx, jobs []river.InsertManyParams) error {
			inner, ok := tx.(interface{ SQLTx() *sql.Tx })
			if !ok {
				return errors.New("the transaction is not one of SQLite")
			}
			_, err := client.InsertManyFastTx(ctx, inner.SQLTx(), jobs)
			return err
		},
		start:  startClient(client, c),
		stop:   stopClient(client),
		depths: func(ctx context.Context) (map[string]QueueDepth, error) { return sqliteDepths(ctx, db) },
		forget: func(ctx context.Context, ids string) (running int64, err error) { return forgetSQLite(ctx, db, ids) },
	}, nil
}

// NewPostgresJobs makes Jobs over the store's pool.
func NewPostgresJobs(ctx context.Context, pool *pgxpool.Pool, c JobsConfig) (*Jobs, error) {
	driver := riverpgxv5.New(pool)
	if err := inTurn(ctx, pool, func() error { return migrateRiver(ctx, driver) }); err != nil {
		return nil, err
	}
	client, err := river.NewClient(driver, riverConfig(c))
	if err != nil {
		return nil, err
	}
	return &Jobs{
		insert: func(ctx context.Context, tx service.Tx, jobs []river.InsertManyParams) error {
			inner, ok := tx.(interface{ PgxTx() pgx.Tx })
			if !ok {
				return errors.New("the transaction is not one of PostgreSQL")
			}
			_, err := client.InsertManyFastTx(ctx, inner.PgxTx(), jobs)
			return err
		},
		start:  startClient(client, c),
		stop:   stopClient(client),
		depths: func(ctx context.Context) (map[string]QueueDepth, error) { return postgresDepths(ctx, pool) },
		forget: func(ctx context.Context, ids string) (running int64, err error) {
			return forgetPostgres(ctx, pool, ids)
		},
		runners: func(ctx context.Context) ([]string, error) {
			rows, err := pool.Query(ctx, `SELECT DISTINCT attempted_by[array_upper(attempted_by, 1)] FROM river_job WHERE state = 'running' AND array_upper(attempted_by, 1) > 0`)
			if err != nil {
				return nil, err
			}
			return pgx.CollectRows(rows, pgx.RowTo[string])
		},
		giveBack: func(ctx context.Context, tx service.Tx, process string) (int64, error) {
			inner, ok := tx.(interface{ PgxTx() pgx.Tx })
			if !ok {
				return 0, errors.New("the transaction is not one of PostgreSQL")
			}
			done, err := inner.PgxTx().Exec(ctx, `UPDATE river_job SET state = 'available', attempt = greatest(attempt - 1, 0), scheduled_at = now()
				WHERE state = 'running' AND attempted_by[array_upper(attempted_by, 1)] = $1`, process)
			return done.RowsAffected(), err
		},
	}, nil
}

// riverLock is the advisory lock under which River's tables are made ("river" in ASCII).
const riverLock = 0x7269766572

// inTurn runs fn while no other process runs its own.
func inTurn(ctx context.Context, pool *pgxpool.Pool, fn func() error) error {
	c, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer c.Release()
	if _, err := c.Exec(ctx, fmt.Sprintf("SET lock_timeout = 0; SELECT pg_advisory_lock(%d)", riverLock)); err != nil {
		return err
	}
	defer c.Exec(context.WithoutCancel(ctx), fmt.Sprintf("SELECT pg_advisory_unlock(%d); SET lock_timeout = '30s'", riverLock)) // it ends with the connection at the latest
	return fn()
}

func riverConfig(c JobsConfig) *river.Config {
	if len(c.Retries) == 0 {
		c.Retries = DefaultRetries
	}
	conf := &river.Config{
		ID: c.ID, Logger: c.Log, RetryPolicy: retryPolicy{c.Retries}, JobTimeout: jobTimeout, RescueStuckJobsAfter: rescue,
		CompletedJobRetentionPeriod: time.Hour, FetchCooldown: 10 * time.Millisecond, FetchPollInterval: 250 * time.Millisecond,
	}
	if len(c.Queues) > 0 {
		conf.Workers = c.Workers
		conf.Queues = map[string]river.QueueConfig{}
		for name, n := range c.Queues {
			conf.Queues[name] = river.QueueConfig{MaxWorkers: n}
		}
		for _, kind := range service.OperationKinds() {
			conf.Queues[kind] = river.QueueConfig{MaxWorkers: 1, FetchPollInterval: adoptEvery}
		}
	}
	return conf
}

func startClient[T any](client *river.Client[T], c JobsConfig) func(context.Context) error {
	if len(c.Queues) == 0 {
		return func(context.Context) error { return nil }
	}
	return client.Start
}

func migrateRiver[T any](ctx context.Context, driver riverdriver.Driver[T]) error {
	m, err := rivermigrate.New(driver, nil)
	if err != nil {
		return err
	}
	if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("make the job tables: %w", err)
	}
	return nil
}

const waitingStates = `('available', 'retryable')`

func sqliteDepths(ctx context.Context, db *sql.DB) (map[string]QueueDepth, error) {
	rows, err := db.QueryContext(ctx, `SELECT queue, count(*), CAST(strftime('%s', min(scheduled_at)) AS INTEGER) FROM river_job WHERE state IN `+waitingStates+` GROUP BY queue`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]QueueDepth{}
	for rows.Next() {
		var queue string
		var n, oldest int64
		if err := rows.Scan(&queue, &n, &oldest); err != nil {
			return nil, err
		}
		out[queue] = QueueDepth{Waiting: n, Oldest: time.Unix(oldest, 0).UTC()}
	}
	return out, rows.Err()
}

func postgresDepths(ctx context.Context, pool *pgxpool.Pool) (map[string]QueueDepth, error) {
	rows, err := pool.Query(ctx, `SELECT queue, count(*), min(scheduled_at) FROM river_job WHERE state IN `+waitingStates+` GROUP BY queue`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]QueueDepth{}
	for rows.Next() {
		var queue string
		var d QueueDepth
		if err := rows.Scan(&queue, &d.Waiting, &d.Oldest); err != nil {
			return nil, err
		}
		out[queue] = d
	}
	return out, rows.Err()
}
