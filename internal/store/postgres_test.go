package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store/pgtest"
)

func openPg(t *testing.T, url string) *Store {
	t.Helper()
	return openTest(t, func(o *Options) { o.URL, o.MaxConns, o.Across = url, 16, "tests" })
}

// onBoth runs fn over an empty store on each database, side by side.
func onBoth(t *testing.T, fn func(t *testing.T, database string, s *Store)) {
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		fn(t, "sqlite", openTest(t))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		fn(t, "postgres", openPg(t, pgtest.Database(t)))
	})
}

// TestLateCommit: an entry whose transaction commits after later ones were
// numbered is numbered all the same.
func TestLateCommit(t *testing.T) {
	t.Parallel()
	s := openPg(t, pgtest.Database(t))
	put := func(id string) func(context.Context, service.Tx) error {
		return func(ctx context.Context, tx service.Tx) error {
			return tx.InsertEntry(ctx, journal.Entry{ID: id, Org: "o", Leaf: []byte(id)})
		}
	}
	number := func(want ...string) {
		err := s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error {
			wait, err := tx.Unnumbered(ctx, 10)
			if err != nil {
				return err
			}
			head, err := tx.LogHead(ctx)
			if err != nil {
				return err
			}
			n := service.Numbering{First: head.Size}
			for _, p := range wait {
				n.IDs = append(n.IDs, p.ID)
			}
			if !slices.Equal(n.IDs, want) {
				t.Errorf("waiting: %v, want %v", n.IDs, want)
			}
			return tx.Number(ctx, n)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	inserted, release := make(chan struct{}), make(chan struct{})
	var late sync.WaitGroup
	late.Go(func() {
		err := s.Write(context.Background(), func(ctx context.Context, tx service.Tx) error {
			err := put("evt_1")(ctx, tx)
			close(inserted)
			<-release
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-inserted
	if err := s.Write(t.Context(), put("evt_2")); err != nil {
		t.Fatal(err)
	}
	number("evt_2")
	close(release)
	late.Wait()
	number("evt_1")
}

// TestDeadlock: two transactions that wait for each other both succeed in the end.
func TestDeadlock(t *testing.T) {
	t.Parallel()
	s := openPg(t, pgtest.Database(t))
	var both, done sync.WaitGroup
	both.Add(2)
	for _, keys := range [][2]string{{"a", "b"}, {"b", "a"}} {
		done.Go(func() {
			first := true
			err := s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error {
				if err := tx.SetSetting(ctx, keys[0], "x"); err != nil {
					return err
				}
				if first {
					first = false
					both.Done()
					both.Wait()
				}
				return tx.SetSetting(ctx, keys[1], "x")
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
}

// TestListenReconnects: a listener that lost its connection wakes everybody when
// it is back, and hears of others again.
func TestListenReconnects(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	a, b := openPg(t, url), openPg(t, url)
	wake, cancel := a.Subscribe(service.TopicJournal)
	defer cancel()
	pgtest.Exec(t, url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN %' AND datname = current_database() AND pid <> pg_backend_pid()")
	<-wake // by the reconnection
	if err := b.Write(t.Context(), func(_ context.Context, tx service.Tx) error { tx.Notify(service.TopicJournal); return nil }); err != nil {
		t.Fatal(err)
	}
	<-wake // by the other process
}

// TestWithoutSearchIndex: without the extension searching works, and Findings
// says what to do.
func TestWithoutSearchIndex(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	name, _, _ := strings.Cut(url[strings.Index(url, ":///")+4:], "?")
	role := "plain_" + name
	pgtest.Exec(t, url, "CREATE ROLE "+role+" LOGIN", "GRANT CREATE ON SCHEMA public TO "+role)
	t.Cleanup(func() { pgtest.Exec(t, url, "DROP OWNED BY "+role, "DROP ROLE "+role) })
	s := openPg(t, strings.Replace(url, "user=app", "user="+role, 1))
	f, err := s.Findings(t.Context())
	if err != nil || len(f) != 1 || f[0].Code != "search_index" || f[0].Remedy == "" {
		t.Errorf("findings %v, %v", f, err)
	}
	err = s.Read(t.Context(), func(ctx context.Context, tx service.Reader) error {
		_, err := tx.SearchPages(ctx, service.PageQuery{Org: "o", Text: "anything", Limit: 1})
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestMigrations: both databases know the same steps, many processes at once
// apply them once, and a database that is newer or older is refused.
func TestMigrations(t *testing.T) {
	t.Parallel()
	lite, err := migrations("sqlite")
	if err != nil {
		t.Fatal(err)
	}
	pg, err := migrations("postgres")
	if err != nil {
		t.Fatal(err)
	}
	if len(lite) == 0 || len(lite) != len(pg) {
		t.Fatalf("%d steps for SQLite, %d for PostgreSQL", len(lite), len(pg))
	}
	for i := range lite {
		if lite[i].Name != pg[i].Name || lite[i].Number != pg[i].Number {
			t.Errorf("step %d is %s and %s", i+1, lite[i].Name, pg[i].Name)
		}
	}
	for engine, url := range map[string]string{"sqlite": t.TempDir() + "/m.db", "postgres": ""} {
		t.Run(engine, func(t *testing.T) {
			if url == "" {
				url = pgtest.Database(t)
			}
			if _, err := Open(t.Context(), Options{URL: url, KeepSchema: true, Across: "tests"}); err == nil {
				t.Error("an empty database was taken as it is")
			}
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() {
					s, err := Open(context.Background(), Options{URL: url, Across: "tests"})
					if err != nil {
						t.Error(err)
						return
					}
					s.Close()
				})
			}
			all.Wait()
			s := openTest(t, func(o *Options) { o.URL, o.KeepSchema = url, true })
			err := s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error {
				n, err := one(ctx, tx.(*Tx).c, scanInt, "SELECT COUNT(*) FROM schema_migration")
				if n != int64(len(lite)) {
					t.Errorf("%d steps are recorded", n)
				}
				if err == nil {
					_, err = exec(ctx, tx.(*Tx).c, "INSERT INTO schema_migration (number, name, applied_at) VALUES (?, 'contract_future', 0)", 99)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			s.Close()
			_, err = Open(t.Context(), Options{URL: url, Across: "tests"})
			if fault.KindOf(err) != fault.Unavailable || fault.CodeOf(err) != "schema_newer" {
				t.Errorf("a newer schema: %v", err)
			}
		})
	}
}

// TestUnreachable: a server that is not there is a fault of its own.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := Open(ctx, Options{URL: "postgres:///x?host=" + t.TempDir() + "&user=x"})
	if fault.KindOf(err) != fault.Unavailable || fault.CodeOf(err) != "store_unavailable" {
		t.Errorf("no server: %v", err)
	}
	_, err = Open(ctx, Options{URL: t.TempDir() + "/no/folder/x.db"})
	if fault.KindOf(err) != fault.Unavailable {
		t.Errorf("no folder: %v", err)
	}
}

func TestFold(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", " \n ": "", "Müller  &\tSöhne\n": "muller & sohne", "STRASSE straße": "strasse strasse", "eﬃzient": "effizient",
		"Ångström ÉÈ ø": "angstrom ee ø", "a\x00b": "a b", "①½": "11⁄2", "İ": "i", "漢字": "漢字",
	} {
		if got := fold(in); got != want {
			t.Errorf("fold(%q) = %q, want %q", in, got, want)
		}
		if again := fold(fold(in)); again != fold(in) {
			t.Errorf("fold is not settled on %q: %q", in, again)
		}
	}
}

func TestRebind(t *testing.T) {
	t.Parallel()
	if got := rebind("a = ? AND b IN (?, ?)"); got != "a = $1 AND b IN ($2, $3)" {
		t.Error(got)
	}
}

func TestChunks(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 3, 4, 15, 16, 300, 4096} {
		next := 0
		err := chunks(n, func(from, to int) error {
			if from != next || to <= from {
				return fmt.Errorf("%d: from %d to %d after %d", n, from, to, next)
			}
			next = to
			return nil
		})
		if err != nil || next != n {
			t.Errorf("%d: ended at %d, %v", n, next, err)
		}
	}
}
