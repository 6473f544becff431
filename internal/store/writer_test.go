package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
)

func openTest(t *testing.T, change ...func(*Options)) *Store {
	t.Helper()
	o := Options{URL: filepath.Join(t.TempDir(), "a b%?#.db"), Clock: clock.NewFake(time.Unix(1e9, 0)), Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	for _, c := range change {
		c(&o)
	}
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func (s *Store) testWriter() *writer { return s.engine.(*sqliteEngine).writer }

// grouped runs the functions in one group commit: the first holds the writer
// until all others wait in its queue, the rest are taken together.
func grouped(t *testing.T, s *Store, fns ...func(context.Context, service.Tx) error) []error {
	t.Helper()
	w := s.testWriter()
	holding, release := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		s.Write(context.Background(), func(context.Context, service.Tx) error {
			close(holding)
			<-release
			return nil
		})
	})
	<-holding
	errs := make([]error, len(fns))
	for i, fn := range fns {
		r := &request{ctx: context.Background(), fn: func(ctx context.Context, tx *Tx) error { return fn(ctx, tx) },
			turn: make(chan *Tx), ran: make(chan error, 1), done: make(chan error, 1)}
		w.queue <- r // in this order
		all.Go(func() {
			for {
				select {
				case tx := <-r.turn:
					r.run(tx)
				case errs[i] = <-r.done:
					return
				}
			}
		})
	}
	close(release)
	all.Wait()
	return errs
}

func set(key string) func(context.Context, service.Tx) error {
	return func(ctx context.Context, tx service.Tx) error { return tx.SetSetting(ctx, key, "x") }
}

func has(t *testing.T, s *Store, key string) bool {
	t.Helper()
	var found bool
	err := s.Read(t.Context(), func(ctx context.Context, tx service.Reader) error {
		_, err := tx.Setting(ctx, key)
		found = err == nil
		if fault.KindOf(err) == fault.NotFound {
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestGroupIsolation: in one commit, what fails is undone and nothing else.
func TestGroupIsolation(t *testing.T) {
	t.Parallel()
	commits := 0
	s := openTest(t)
	w := s.testWriter()
	plain := w.commit
	w.commit = func(c *sqlConn) error { commits++; return plain(c) }
	errs := grouped(t, s, set("a"),
		func(ctx context.Context, tx service.Tx) error { set("b")(ctx, tx); return errors.New("no") },
		set("c"),
		func(ctx context.Context, tx service.Tx) error { set("d")(ctx, tx); panic("no") },
		set("e"))
	for i, key := range []string{"a", "b", "c", "d", "e"} {
		want := i%2 == 0
		if (errs[i] == nil) != want || has(t, s, key) != want {
			t.Errorf("%s: %v, kept %v", key, errs[i], has(t, s, key))
		}
	}
	if commits != 2 { // the one that held the writer, and the group
		t.Errorf("%d commits for the group", commits-1)
	}
}

// TestCommitFails: a group whose commit fails runs again, each request alone, so
// that only the guilty one is refused.
func TestCommitFails(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	runs := map[string]int{}
	count := func(key string) func(context.Context, service.Tx) error {
		return func(ctx context.Context, tx service.Tx) error { runs[key]++; return set(key)(ctx, tx) }
	}
	guilty := func(ctx context.Context, tx service.Tx) error {
		runs["guilty"]++
		c := tx.(*Tx)
		// A violation that shows only at the commit.
		if _, err := exec(ctx, c.c, "PRAGMA defer_foreign_keys = ON"); err != nil {
			return err
		}
		_, err := exec(ctx, c.c, "INSERT INTO version (org, document_id, number, kind, derived_from, media_type, file_name, blob, sha256, size, pages, signatures) VALUES ('o', 'none', 1, '', 0, '', '', '', '', 0, 0, 0)")
		return err
	}
	errs := grouped(t, s, count("a"), guilty, count("b"))
	if errs[0] != nil || errs[1] == nil || errs[2] != nil || !has(t, s, "a") || !has(t, s, "b") {
		t.Errorf("outcomes %v", errs)
	}
	for _, key := range []string{"a", "guilty", "b"} {
		if runs[key] != 2 {
			t.Errorf("%s ran %d times", key, runs[key])
		}
	}
}

// TestDiskFull: a request that does not fit is told so; smaller ones pass.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	var pages int
	if err := s.DB().QueryRow("PRAGMA page_count").Scan(&pages); err != nil {
		t.Fatal(err)
	}
	if _, err := s.DB().Exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages+4)); err != nil {
		t.Fatal(err)
	}
	huge := func(ctx context.Context, tx service.Tx) error {
		return tx.SetSetting(ctx, "huge", strings.Repeat("x", 1<<20))
	}
	errs := grouped(t, s, set("a"), huge, set("b"))
	if fault.CodeOf(mapped(errs[1])) != "storage_full" || fault.KindOf(mapped(errs[1])) != fault.Unavailable {
		t.Errorf("the huge one: %v", errs[1])
	}
	if errs[0] != nil || !has(t, s, "a") || has(t, s, "huge") {
		t.Errorf("the small one before it: %v", errs[0])
	}
	// The one after it may have been refused while nobody knew better. Once a
	// probe has passed, writes pass.
	s.testWriter().probeNow(t, s)
	if err := s.Write(t.Context(), set("b")); err != nil {
		t.Errorf("the small one after it: %v", err)
	}
}

// probeNow lets the next write try the disk at once.
func (w *writer) probeNow(t *testing.T, s *Store) {
	t.Helper()
	w.gap.Store(0)
	if err := s.Healthy(t.Context()); err != nil {
		t.Errorf("not healthy again: %v", err)
	}
}

// TestFailedSync: after a sync that failed the store takes no write, says so, and
// recovers once a probe has reached the disk.
func TestFailedSync(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	w := s.testWriter()
	ioError := ioFailure(t)
	plain, broken := w.commit, true
	tried := 0
	w.commit = func(c *sqlConn) error {
		if tried++; broken {
			c.tx.Rollback()
			return ioError
		}
		return plain(c)
	}
	err := s.Write(t.Context(), set("a"))
	if fault.KindOf(err) != fault.Unavailable || fault.CodeOf(err) != "store_unavailable" {
		t.Errorf("a write that was not synced: %v", err)
	}
	before := tried
	if err := s.Write(t.Context(), set("b")); fault.KindOf(err) != fault.Unavailable || tried != before {
		t.Errorf("a write right after: %v, %d tries", err, tried-before)
	}
	if err := s.Healthy(t.Context()); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("healthy: %v", err)
	}
	if has(t, s, "a") || has(t, s, "b") {
		t.Error("something was kept")
	}
	broken = false
	w.probeNow(t, s)
	if err := s.Write(t.Context(), set("c")); err != nil || !has(t, s, "c") {
		t.Errorf("after the recovery: %v", err)
	}
}

// ioFailure gets a real SQLITE_IOERR or its like from the driver: a file that is no database.
func ioFailure(t *testing.T) error {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+t.TempDir()+"?mode=ro") // a folder
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.Ping()
	if err == nil {
		_, err = db.Exec("SELECT * FROM sqlite_schema")
	}
	if _, ok := sqliteCode(err); !ok {
		t.Fatalf("no SQLite error: %v", err)
	}
	return err
}

// TestBeforeCommit: the hook runs once per group with entries, and its failure
// undoes the group.
func TestBeforeCommit(t *testing.T) {
	t.Parallel()
	calls, fail := 0, false
	s := openTest(t, func(o *Options) {
		o.BeforeCommit = func(ctx context.Context, tx service.Tx) error {
			calls++
			if fail {
				return errors.New("no")
			}
			wait, err := tx.Unnumbered(ctx, 100)
			if err != nil {
				return err
			}
			head, err := tx.LogHead(ctx)
			if err != nil {
				return err
			}
			n := service.Numbering{First: head.Size, Note: "n"}
			for _, p := range wait {
				n.IDs = append(n.IDs, p.ID)
			}
			tx.Notify(service.TopicJournal)
			return tx.Number(ctx, n)
		}
	})
	wake, cancel := s.Subscribe(service.TopicJournal)
	defer cancel()
	entry := func(id string, then error) func(context.Context, service.Tx) error {
		return func(ctx context.Context, tx service.Tx) error {
			return errors.Join(tx.InsertEntry(ctx, journal.Entry{ID: id, Org: "o", Leaf: []byte(id)}), then)
		}
	}
	grouped(t, s, entry("evt_1", nil), set("a"), entry("evt_2", nil), entry("evt_3", errors.New("undone")))
	<-wake
	if calls != 1 {
		t.Errorf("the hook ran %d times for one group", calls)
	}
	err := s.Read(t.Context(), func(ctx context.Context, tx service.Reader) error {
		all, err := tx.EntriesFrom(ctx, 0, 10)
		if len(all) != 2 || all[1].ID != "evt_2" || all[1].Index != 1 {
			t.Errorf("numbered: %v", all)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	grouped(t, s, set("b"), entry("evt_4", errors.New("undone")))
	if calls != 1 {
		t.Error("the hook ran for a group without entries")
	}
	fail = true
	errs := grouped(t, s, set("c"), entry("evt_5", nil))
	for _, err := range errs {
		if fault.KindOf(err) != fault.Unavailable || fault.CodeOf(err) != "store_unavailable" {
			t.Errorf("the hook failed, the command says %v", err)
		}
	}
	if has(t, s, "c") {
		t.Error("a group without numbers was kept")
	}
}

// TestSharedConnection: others use the writing connection between the groups.
func TestSharedConnection(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	var done sync.WaitGroup
	for i := range 8 {
		done.Go(func() {
			for range 20 {
				if err := s.Write(t.Context(), set(fmt.Sprint("w", i))); err != nil {
					t.Error(err)
				}
			}
		})
		done.Go(func() {
			for range 5 {
				tx, err := s.DB().BeginTx(t.Context(), nil)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := tx.Exec("INSERT INTO setting VALUES ('shared', 'x') ON CONFLICT DO NOTHING"); err != nil {
					t.Error(err)
				}
				if err := tx.Commit(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done.Wait()
}

// TestClosed: a store that is closed refuses, and closing twice is no harm.
func TestClosed(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	s.Close()
	if err := s.Write(t.Context(), set("a")); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("write: %v", err)
	}
	if err := s.Healthy(t.Context()); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("healthy: %v", err)
	}
	s.Close()
}

// TestDurable: the settings that make a commit reach the disk are in force.
func TestDurable(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	for pragma, want := range map[string]string{"synchronous": "2", "journal_mode": "wal", "foreign_keys": "1", "busy_timeout": "10000"} {
		var got string
		if err := s.DB().QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %s, %v; want %s", pragma, got, err, want)
		}
	}
	r := s.engine.(*sqliteEngine).readers
	if _, err := r.Exec("INSERT INTO setting VALUES ('a', 'b')"); err == nil {
		t.Error("a reader can write")
	}
}
