package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// sqliteEngine is a database in one file: one connection that writes, held by
// the writer for the length of a group commit, and a pool of readers.
type sqliteEngine struct {
	path    string
	db      *sql.DB // writes
	readers *sql.DB
	stmts   *stmtCache // of db
	reads   *stmtCache // of readers
	writer  *writer
	works   sync.WaitGroup
	places  deciding
	used    *memory
}

// sqliteURL opens the file with our settings; the driver sets busy_timeout
// before all others. With synchronous FULL a commit is synced to disk; what the
// writing connection deletes is overwritten with zeros (secure_delete).
func sqliteURL(path, mode string, more ...string) string {
	q := url.Values{"_pragma": append([]string{"busy_timeout(10000)", "foreign_keys(1)", "synchronous(FULL)"}, more...)}
	if mode != "" {
		q.Set("mode", mode)
	}
	q.Set("_txlock", "deferred")
	if mode == "" {
		q.Set("_txlock", "immediate")
	}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String()
}

func openSQLite(ctx context.Context, path string, o Options, h *hub) (*sqliteEngine, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	// What a request's savepoint needs to undo it is kept in memory: in a file, a
	// seventh of the time of a state change went into writing it.
	db, err := sql.Open("sqlite", sqliteURL(path, "", "journal_mode(WAL)", "wal_autocheckpoint(0)", "cache_size(-32768)", "temp_store(MEMORY)", "secure_delete(1)"))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	db.SetMaxIdleConns(1)
	if err := db.PingContext(ctx); err != nil {
		db.Close()
		return nil, err
	}
	readers, err := sql.Open("sqlite", sqliteURL(path, "ro", "query_only(1)"))
	if err != nil {
		db.Close()
		return nil, err
	}
	n := o.MaxConns
	if n == 0 {
		n = max(4, 2*runtime.NumCPU())
	}
	readers.SetMaxOpenConns(n)
	readers.SetMaxIdleConns(n)
	e := &sqliteEngine{path: path, db: db, readers: readers, stmts: newStmtCache(db), reads: newStmtCache(readers),
		places: make(deciding, max(1, runtime.GOMAXPROCS(0)-1)), used: newMemory(o.Clock)} // one core is the writer's
	e.writer = newWriter(e, o, h)
	return e, nil
}

func (e *sqliteEngine) start(context.Context) error {
	c, err := newCheckpointer(e.writer, e.path)
	if err != nil {
		return err
	}
	e.writer.started.Store(true)
	go e.writer.loop()
	e.works.Go(c.run)
	e.works.Go((&tidier{e: e, seen: map[string][]piece{}}).run)
	return nil
}

func (e *sqliteEngine) close() error {
	e.writer.stop()
	e.works.Wait()
	e.stmts.close()
	e.reads.close()
	err := e.readers.Close()
	if err2 := e.db.Close(); err == nil {
		err = err2
	}
	return err
}

func (e *sqliteEngine) write(ctx context.Context, fn func(context.Context, *Tx) error) error {
	return e.writer.submit(ctx, fn)
}

func (e *sqliteEngine) read(ctx context.Context, fn func(context.Context, *Reader) error) error {
	tx, err := e.readers.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer e.reads.prepare()
	defer tx.Rollback() // a reader has nothing to commit
	return guard(func() error { return fn(ctx, &Reader{&sqlConn{tx: tx, stmts: e.reads}, e.writer.clock.Now()}) })
}

func (e *sqliteEngine) propose(ctx context.Context, fn func(context.Context, *Tx) error) error {
	p, err := e.decide(ctx, fn)
	if err != nil || p.empty() {
		return err
	}
	return e.writer.offer(ctx, p)
}

// decide runs fn on a snapshot.
func (e *sqliteEngine) decide(ctx context.Context, fn func(context.Context, *Tx) error) (*proposal, error) {
	leave, err := e.places.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	ctx = context.WithoutCancel(ctx) // or each question would have a goroutine that waits for its end
	tx, err := e.readers.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer e.reads.prepare()
	defer tx.Rollback() // a reader has nothing to commit
	return propose(ctx, &sqlConn{tx: tx, stmts: e.reads}, Tx{Reader: Reader{now: e.writer.clock.Now()}}, fn)
}

func (e *sqliteEngine) healthy(ctx context.Context) error { return e.writer.healthy(ctx) }

func (e *sqliteEngine) findings(ctx context.Context) ([]Finding, error) {
	var mode string
	if err := e.readers.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil {
		return nil, err
	}
	if mode != "wal" {
		return []Finding{{Code: "journal_mode", Message: "SQLite's journal mode is " + mode + ", not wal: the file system of the data folder may not share memory.", Remedy: "Move the data folder to a local disk."}}, nil
	}
	return nil, nil
}

func (e *sqliteEngine) migrate(ctx context.Context) ([]Migration, error) {
	// BEGIN IMMEDIATE: of several processes one holds the lock, the others wait.
	tx, err := e.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, migrationTable); err != nil {
		return nil, err
	}
	c := &sqlConn{tx: tx}
	done, err := list(ctx, c, scanApplied, appliedMigrations)
	if err != nil {
		return nil, err
	}
	wait, err := pending("sqlite", done)
	if err != nil {
		return nil, err
	}
	for _, m := range wait {
		if _, err := tx.ExecContext(ctx, m.sql); err != nil {
			return nil, fmt.Errorf("migration %d %s: %w", m.Number, m.Name, err)
		}
		if _, err := exec(ctx, c, "INSERT INTO schema_migration (number, name, applied_at) VALUES (?, ?, ?)", m.Number, m.Name, e.writer.clock.Now()); err != nil {
			return nil, err
		}
	}
	return wait, tx.Commit()
}

func (e *sqliteEngine) current(ctx context.Context) error {
	return e.read(ctx, func(ctx context.Context, r *Reader) error { return upToDate(ctx, r.c) })
}

// sqlConn is a transaction of database/sql as a conn.
type sqlConn struct {
	tx    *sql.Tx
	stmts *stmtCache // nil: none
	lost  error      // an error after which SQLite may have undone the whole transaction
}

func (c *sqlConn) dialect() *dialect { return sqliteDialect }

func (c *sqlConn) exec(ctx context.Context, query string, args []any) (int64, error) {
	var res sql.Result
	var err error
	if st := c.stmts.find(query); st != nil {
		res, err = c.tx.StmtContext(ctx, st).ExecContext(ctx, args...)
	} else {
		res, err = c.tx.ExecContext(ctx, unread(query), args...)
	}
	if err != nil {
		return 0, c.note(err)
	}
	return res.RowsAffected()
}

func (c *sqlConn) change(ctx context.Context, query string, args []any, want int64) (bool, error) {
	return counted(ctx, c, query, args, want)
}

func (c *sqlConn) query(ctx context.Context, query string, args []any) (rows, error) {
	var res *sql.Rows
	var err error
	if st := c.stmts.find(query); st != nil {
		res, err = c.tx.StmtContext(ctx, st).QueryContext(ctx, args...)
	} else {
		res, err = c.tx.QueryContext(ctx, unread(query), args...)
	}
	if err != nil {
		return nil, c.note(err)
	}
	return noted{res, c}, nil
}

// unread hides limits from SQLite's planner. It reads those of the parts of a statement, and
// therefore prepares it anew whenever values are bound: a third of what a list of parts takes.
func unread(query string) string { return strings.ReplaceAll(query, "LIMIT ?", "LIMIT +?") }

// noted watches a result for errors that lose the transaction.
type noted struct {
	*sql.Rows
	c *sqlConn
}

func (n noted) Err() error { return n.c.note(n.Rows.Err()) }

// note remembers errors after which SQLite may have rolled the transaction back
// by itself (https://sqlite.org/lang_transaction.html, "Response To Errors").
func (c *sqlConn) note(err error) error {
	if code, ok := sqliteCode(err); ok {
		switch code {
		case sqliteFull, sqliteIOErr, sqliteNoMem, sqliteInterr, sqliteCorrupt, sqliteReadOnly, sqliteCantOpen, sqliteNotADB, sqliteBusy:
			c.lost = err
		}
	}
	return err
}

// stmtCache keeps prepared statements of a handle. A statement that is met for
// the first time runs unprepared and is prepared when no transaction holds the
// connection: with one connection, preparing earlier would wait for itself.
type stmtCache struct {
	db     *sql.DB
	mu     sync.RWMutex
	ready  map[string]*sql.Stmt
	wanted map[string]struct{}
}

// maxStmts bounds the cache; list queries with filters have many texts.
const maxStmts = 300

func newStmtCache(db *sql.DB) *stmtCache {
	return &stmtCache{db: db, ready: make(map[string]*sql.Stmt), wanted: make(map[string]struct{})}
}

func (s *stmtCache) find(query string) *sql.Stmt {
	if s == nil {
		return nil
	}
	s.mu.RLock()
	st, full := s.ready[query], len(s.ready)+len(s.wanted) >= maxStmts
	s.mu.RUnlock()
	if st == nil && !full {
		s.mu.Lock()
		s.wanted[query] = struct{}{}
		s.mu.Unlock()
	}
	return st
}

// prepare prepares what was met since. An error is no harm: the statement goes
// on unprepared and says itself what is wrong with it.
func (s *stmtCache) prepare() {
	s.mu.RLock()
	none := len(s.wanted) == 0
	s.mu.RUnlock()
	if none {
		return
	}
	s.mu.Lock()
	wanted := s.wanted
	s.wanted = make(map[string]struct{})
	s.mu.Unlock()
	for query := range wanted {
		st, err := s.db.Prepare(unread(query))
		if err != nil {
			continue
		}
		s.mu.Lock()
		if other := s.ready[query]; other != nil {
			other, st = st, other
			other.Close()
		}
		s.ready[query] = st
		s.mu.Unlock()
	}
}

func (s *stmtCache) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.ready {
		st.Close()
	}
	s.ready = map[string]*sql.Stmt{}
}

func (e *sqliteEngine) scrub(ctx context.Context) error {
	if err := e.squeeze(ctx); err != nil {
		return err
	}
	var busy, pages, moved int64
	if err := e.db.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &moved); err != nil {
		return err
	}
	if busy != 0 {
		return unavailable(errors.New("somebody reads an earlier state of the database, so its write-ahead log cannot be emptied yet"))
	}
	return nil
}
