// Package store keeps Paraph's state in SQLite or PostgreSQL: one hand-written
// SQL text for both, run through a small conn (conn.go). What the databases say
// differently stands in dialect.go; how a transaction comes about in writer.go
// (SQLite, group commit) and postgres.go. One file per subject holds the rest.
//
// It implements service.Store and is held to storetest.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
)

// attempts is how often a command is run at most when it loses a
// compare-and-swap, or when PostgreSQL undoes it for another's sake.
const attempts = 10

// Options say which database is opened and how.
type Options struct {
	// URL names the database: a path or sqlite:PATH for SQLite, postgres://… for PostgreSQL.
	URL   string
	Clock clock.Clock
	Log   *slog.Logger // nil: slog.Default
	// BeforeCommit is run once in each of SQLite's group commits in which a
	// command wrote a journal entry, in the same transaction: the sequencer
	// numbers the entries here. Where it fails, the whole group is undone and
	// each command gets fault Unavailable "store_unavailable". Not used on PostgreSQL.
	BeforeCommit func(ctx context.Context, tx service.Tx) error
	// KeepSchema leaves the schema as it is; Open then fails with fault
	// Unavailable "schema_outdated" where it is not the program's.
	KeepSchema bool
	// Across names the work that the store is opened for, where that reaches every
	// organisation's rows: a command of the operator. "": contexts say how far each
	// transaction reaches (service.Within, service.Across), and reach nothing otherwise.
	// Used on PostgreSQL only.
	Across string
	// MaxConns bounds the connections to PostgreSQL, or SQLite's readers; 0: a
	// number that suits the machine.
	MaxConns int
}

// Store is the database. It implements service.Store and is safe for concurrent use.
type Store struct {
	engine
	hub   *hub
	log   *slog.Logger
	clock clock.Clock
}

var _ service.Store = (*Store)(nil)

// engine is what SQLite and PostgreSQL do each in their own way.
type engine interface {
	// write runs fn once in a transaction and commits it.
	write(ctx context.Context, fn func(context.Context, *Tx) error) error
	// propose runs fn once on a snapshot and commits what it proposes; errInTurn
	// where that cannot be, or where something it relied on was changed meanwhile.
	propose(ctx context.Context, fn func(context.Context, *Tx) error) error
	read(ctx context.Context, fn func(context.Context, *Reader) error) error
	migrate(ctx context.Context) ([]Migration, error)
	current(ctx context.Context) error
	healthy(ctx context.Context) error
	findings(ctx context.Context) ([]Finding, error)
	scrub(ctx context.Context) error
	once(ctx context.Context, hash [32]byte, until time.Time) (bool, error)
	onceSince() time.Time
	start(ctx context.Context) error
	close() error
}

// Finding is something about the database an operator should know.
type Finding struct {
	Code    string // stable, for programs
	Message string // what is so
	Remedy  string // the command that mends it
}

// Open opens the database, brings its schema to the program's (unless told
// otherwise) and starts what writes and listens. Close ends it.
//
// Faults: Unavailable "store_unavailable" where it cannot be reached,
// "schema_newer" where a newer Paraph has changed its schema.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	s, err := openEngine(ctx, o)
	if err != nil {
		return nil, mapped(err)
	}
	if err := s.prepare(ctx, o.KeepSchema); err != nil {
		s.close()
		return nil, mapped(err)
	}
	return s, nil
}

func (s *Store) prepare(ctx context.Context, keep bool) error {
	if !keep {
		if _, err := s.Migrate(ctx); err != nil {
			return err
		}
	}
	if err := s.current(ctx); err != nil {
		return err
	}
	return s.start(ctx)
}

// openEngine opens the database without looking at its schema.
func openEngine(ctx context.Context, o Options) (*Store, error) {
	s := &Store{hub: &hub{}, log: o.Log, clock: o.Clock}
	var err error
	if isPostgres(o.URL) {
		s.engine, err = openPostgres(ctx, o, s.hub)
	} else {
		s.engine, err = openSQLite(ctx, strings.TrimPrefix(strings.TrimPrefix(o.URL, "sqlite:"), "//"), o, s.hub)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

func isPostgres(url string) bool {
	return strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
}

// Close ends the store. Commands that wait are refused, one that runs is finished.
func (s *Store) Close() error { return s.close() }

// Migrate brings the schema to the program's and tells what it applied. Of
// several processes that do so at once, one works and the others wait.
func (s *Store) Migrate(ctx context.Context) ([]Migration, error) {
	done, err := s.migrate(ctx)
	for _, m := range done {
		s.log.Info("schema changed", "migration", m.Number, "name", m.Name)
	}
	return done, mapped(err)
}

// Healthy tells whether the store takes writes: nil, or fault Unavailable with
// the reason. After a failed write to disk it tries whether writes pass again.
func (s *Store) Healthy(ctx context.Context) error { return mapped(s.healthy(ctx)) }

// Findings gives what an operator should know, none where all is well.
func (s *Store) Findings(ctx context.Context) ([]Finding, error) {
	f, err := s.findings(ctx)
	return f, mapped(err)
}

// DB is SQLite's one writing connection, nil on PostgreSQL. The group commit
// holds it only while it works, and so must everybody else: River.
func (s *Store) DB() *sql.DB {
	if e, ok := s.engine.(*sqliteEngine); ok {
		return e.db
	}
	return nil
}

// Pool is the pool of connections to PostgreSQL, nil on SQLite.
func (s *Store) Pool() *pgxpool.Pool {
	if e, ok := s.engine.(*postgresEngine); ok {
		return e.pool
	}
	return nil
}

// writing marks the context of a function that runs inside Write.
type writing struct{}

// Write implements service.Store. A panic in fn undoes its own transaction only
// and comes back as fault Internal.
//
// A Write inside a Write is fault Internal "internal": SQLite's one writer would
// wait for itself for ever.
func (s *Store) Write(ctx context.Context, fn func(context.Context, service.Tx) error) error {
	if shared, err := share(ctx, fn); shared {
		return err
	}
	if ctx.Value(writing{}) != nil {
		return nested()
	}
	run := inside(fn)
	var err error
	for range attempts {
		err = s.write(ctx, run)
		if !isStale(err) && !retryable(err) {
			break
		}
	}
	return mapped(err)
}

// inside marks the context of what runs in a transaction.
func inside(fn func(context.Context, service.Tx) error) func(context.Context, *Tx) error {
	return func(ctx context.Context, tx *Tx) error { return fn(context.WithValue(ctx, writing{}, true), tx) }
}

// Propose implements service.Store.
func (s *Store) Propose(ctx context.Context, fn func(context.Context, service.Tx) error) error {
	if shared, err := share(ctx, fn); shared {
		return err
	}
	if ctx.Value(writing{}) != nil {
		return nested()
	}
	if err := s.propose(ctx, inside(fn)); !errors.Is(err, errInTurn) && !isStale(err) {
		return mapped(err)
	}
	return s.Write(ctx, fn)
}

func nested() error {
	return fault.New(fault.Internal, "internal", "A command called another inside its own transaction.")
}

// Read implements service.Store.
func (s *Store) Read(ctx context.Context, fn func(context.Context, service.Reader) error) error {
	if shared, err := share(ctx, func(ctx context.Context, tx service.Tx) error { return fn(ctx, tx) }); shared {
		return err
	}
	return mapped(s.read(ctx, func(ctx context.Context, r *Reader) error { return fn(ctx, r) }))
}

// Subscribe implements service.Store.
func (s *Store) Subscribe(topic string) (<-chan struct{}, func()) { return s.hub.subscribe(topic) }

// guard runs fn and turns a panic into an error.
func guard(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fault.Wrap(fmt.Errorf("panic: %v\n%s", p, debug.Stack()), fault.Internal, "internal", "Something went wrong on our side; nothing was changed.")
		}
	}()
	return fn()
}
