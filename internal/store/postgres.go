package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/failpoint"
)

// postgresEngine is a PostgreSQL database, 15 or later. Writes run READ
// COMMITTED and lean on compare-and-swap; reads run REPEATABLE READ.
type postgresEngine struct {
	pool   *pgxpool.Pool
	clock  clock.Clock
	log    *slog.Logger
	bus    *notifier
	lanes  *lanes
	places deciding
	across string // Options.Across
}

// placesPerCore is how many commands decide at once for each core of this
// process: some wait for the database's answers while others work.
const placesPerCore = 4

// migrationLock is the advisory lock that migrations hold ("paraph" in ASCII).
const migrationLock = 0x706172617068

func openPostgres(ctx context.Context, o Options, h *hub) (*postgresEngine, error) {
	cfg, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		return nil, err
	}
	set := cfg.ConnConfig.RuntimeParams
	if set["application_name"] == "" {
		set["application_name"] = "paraph"
	}
	set["synchronous_commit"] = "on"
	set["lock_timeout"] = "30s"
	set["idle_in_transaction_session_timeout"] = "60s"
	set[reachSetting] = reachesNothing
	if o.Across != "" {
		set[reachSetting] = "*"
	}
	if o.MaxConns > 0 {
		cfg.MaxConns = int32(o.MaxConns)
	} else if cfg.MaxConns < 32 {
		cfg.MaxConns = 32
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, err
	}
	e := &postgresEngine{pool: pool, clock: o.Clock, log: o.Log, bus: newNotifier(pool, h, o.Log), places: make(deciding, placesPerCore*runtime.GOMAXPROCS(0)), across: o.Across}
	e.lanes = newLanes(e)
	return e, nil
}

func (e *postgresEngine) start(ctx context.Context) error {
	e.lanes.start()
	return e.bus.start(ctx)
}

func (e *postgresEngine) close() error {
	e.lanes.stop()
	e.bus.stop()
	e.pool.Close()
	return nil
}

func (e *postgresEngine) write(ctx context.Context, fn func(context.Context, *Tx) error) error {
	begin, err := e.begin(ctx, "BEGIN ISOLATION LEVEL READ COMMITTED")
	if err != nil {
		return err
	}
	c, err := e.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer c.Release()
	ctx = context.WithoutCancel(ctx) // it has begun
	tx, err := c.BeginTx(ctx, begin)
	if err != nil {
		return err
	}
	defer tx.Rollback(ctx) // no effect after a commit
	_, shared := e.clock.(clock.System)
	t := &Tx{Reader: Reader{pgConn{tx}, e.clock.Now()}, pgTx: tx, sharedClock: shared}
	if err := guard(func() error { return fn(ctx, t) }); err != nil {
		if isStale(err) || retryable(err) {
			tx.Rollback(ctx)
			pause()
		}
		return err
	}
	if err := failpoint.Hit(failpoint.CommitBefore); err != nil {
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	if err := failpoint.Hit(failpoint.CommitAfter); err != nil {
		return err
	}
	e.bus.send(t.topics)
	return nil
}

func (e *postgresEngine) propose(ctx context.Context, fn func(context.Context, *Tx) error) error {
	p, err := e.decide(ctx, fn)
	if err != nil || p.empty() {
		return err
	}
	err = e.lanes.offer(ctx, p)
	if impatient(err) || retryable(err) {
		return errInTurn
	}
	return err
}

// decide runs fn on a connection that it lets go again: a lane needs one, too.
func (e *postgresEngine) decide(ctx context.Context, fn func(context.Context, *Tx) error) (*proposal, error) {
	reach, err := e.reach(ctx)
	if err != nil {
		return nil, err
	}
	leave, err := e.places.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	c, err := e.pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Release()
	p, err := propose(context.WithoutCancel(ctx), confined{pgConn{c}, c, reach}, Tx{Reader: Reader{now: e.clock.Now()}}, fn)
	if p != nil {
		p.reach = reach
	}
	return p, err
}

// pause lets transactions that undo each other drift apart.
func pause() { time.Sleep(time.Duration(rand.IntN(3000)) * time.Microsecond) }

func (e *postgresEngine) read(ctx context.Context, fn func(context.Context, *Reader) error) error {
	begin, err := e.begin(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
	if err != nil {
		return err
	}
	tx, err := e.pool.BeginTx(ctx, begin)
	if err != nil {
		return err
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) // a reader has nothing to commit
	return guard(func() error { return fn(ctx, &Reader{pgConn{tx}, e.clock.Now()}) })
}

// healthy asks whether the server takes writes: a standby or a read-only one does not.
func (e *postgresEngine) healthy(ctx context.Context) error {
	_, err := e.pool.Exec(ctx, "UPDATE probe SET n = n + 1")
	return err
}

func (e *postgresEngine) findings(ctx context.Context) ([]Finding, error) {
	var out []Finding
	var fsync, commit string
	if err := e.pool.QueryRow(ctx, "SELECT current_setting('fsync'), current_setting('synchronous_commit')").Scan(&fsync, &commit); err != nil {
		return nil, err
	}
	if fsync != "on" {
		out = append(out, Finding{Code: "fsync_off", Message: "The PostgreSQL server does not sync to disk (fsync = off): a power cut can destroy acknowledged changes.", Remedy: "ALTER SYSTEM SET fsync = on; SELECT pg_reload_conf();"})
	}
	if commit == "off" || commit == "local" {
		out = append(out, Finding{Code: "synchronous_commit", Message: "PostgreSQL's synchronous_commit is " + commit + ".", Remedy: "ALTER DATABASE … SET synchronous_commit = on;"})
	}
	var indexed bool
	if err := e.pool.QueryRow(ctx, "SELECT to_regclass('page_folded') IS NOT NULL").Scan(&indexed); err != nil {
		return nil, err
	}
	if !indexed {
		out = append(out, Finding{Code: "search_index", Message: "The extension pg_trgm is not there: searching reads every page's text.", Remedy: "CREATE EXTENSION pg_trgm; -- then restart Paraph"})
	}
	bare, err := e.bare(ctx)
	return append(out, bare...), err
}

func (e *postgresEngine) migrate(ctx context.Context) ([]Migration, error) {
	c, err := e.pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Release()
	// Of several processes one works; the lock ends with the connection at the latest.
	if _, err := c.Exec(ctx, "SET lock_timeout = 0; SET "+reachSetting+" = '*'; SELECT pg_advisory_lock("+fmt.Sprint(migrationLock)+")"); err != nil {
		return nil, err
	}
	defer c.Exec(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock("+fmt.Sprint(migrationLock)+"); SET lock_timeout = '30s'; RESET "+reachSetting)
	if _, err := c.Exec(ctx, migrationTable); err != nil {
		return nil, err
	}
	done, err := e.apply(ctx, c.Conn())
	if err != nil {
		return done, err
	}
	e.searchIndex(ctx, c.Conn())
	return done, raise(ctx, c.Conn())
}

// apply runs the migrations that wait, each in a transaction of its own.
func (e *postgresEngine) apply(ctx context.Context, c *pgx.Conn) (done []Migration, err error) {
	rows, err := c.Query(ctx, appliedMigrations)
	if err != nil {
		return nil, err
	}
	before, err := pgx.CollectRows(rows, pgx.RowToStructByPos[applied])
	if err != nil {
		return nil, err
	}
	wait, err := pending("postgres", before)
	for _, m := range wait {
		err := pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, m.sql); err != nil {
				return fmt.Errorf("migration %d %s: %w", m.Number, m.Name, err)
			}
			_, err := exec(ctx, pgConn{tx}, "INSERT INTO schema_migration (number, name, applied_at) VALUES (?, ?, ?)", m.Number, m.Name, e.clock.Now())
			return err
		})
		if err != nil {
			return done, err
		}
		done = append(done, m)
	}
	return done, err
}

// searchIndex makes the index that finds any substring. Its extension may not be
// installed, or not allowed: then searching reads every page, and Findings says so.
func (e *postgresEngine) searchIndex(ctx context.Context, c *pgx.Conn) {
	var there bool
	if err := c.QueryRow(ctx, "SELECT to_regclass('page_folded') IS NOT NULL").Scan(&there); err != nil || there {
		return
	}
	for _, s := range []string{
		"CREATE EXTENSION IF NOT EXISTS pg_trgm",
		"CREATE INDEX IF NOT EXISTS page_folded ON page USING gin (folded gin_trgm_ops)",
	} {
		if _, err := c.Exec(ctx, s); err != nil {
			e.log.Warn("searching goes without an index", "error", err)
			return
		}
	}
}

func (e *postgresEngine) current(ctx context.Context) error {
	return e.read(ctx, func(ctx context.Context, r *Reader) error { return upToDate(ctx, r.c) })
}

// pgConn is a transaction, or a connection without one, as a conn.
type pgConn struct{ on pgQuerier }

type pgQuerier interface {
	Exec(ctx context.Context, query string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, query string, args ...any) (pgx.Rows, error)
}

func (c pgConn) dialect() *dialect { return postgresDialect }

func (c pgConn) exec(ctx context.Context, query string, args []any) (int64, error) {
	tag, err := c.on.Exec(ctx, rebind(query), args...)
	return tag.RowsAffected(), err
}

func (c pgConn) change(ctx context.Context, query string, args []any, want int64) (bool, error) {
	return counted(ctx, c, query, args, want)
}

func (c pgConn) query(ctx context.Context, query string, args []any) (rows, error) {
	res, err := c.on.Query(ctx, rebind(query), args...)
	if err != nil {
		return nil, err
	}
	return pgRows{res}, nil
}

type pgRows struct{ pgx.Rows }

// Close implements rows.
func (r pgRows) Close() error {
	r.Rows.Close()
	return r.Rows.Err()
}

func (e *postgresEngine) scrub(ctx context.Context) error {
	_, err := e.pool.Exec(ctx, "VACUUM document_key")
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "42501" { // insufficient_privilege
		e.log.Warn("the table of document keys may not be vacuumed by this user; destroyed keys leave the files at the next automatic vacuum")
		return nil
	}
	return err
}
