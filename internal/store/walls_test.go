package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store/pgtest"
)

// walledTables reads from the database which tables have an organisation, and by
// which column.
func walledTables(t *testing.T, c *pgx.Conn) map[string]string {
	t.Helper()
	rows, err := c.Query(t.Context(), `SELECT c.relname::text, a.attname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND (a.attname = 'org' OR c.relname = 'organisation' AND a.attname = 'id')`)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[unwalledTable])
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, one := range all {
		if open[one.Name] == "" {
			out[one.Name] = one.Column
		}
	}
	return out
}

// fill puts a row of each of two organisations into a table, as a superuser who looks
// at no reference: only the organisation matters here.
func fill(t *testing.T, url, table, column string) {
	t.Helper()
	for i, org := range []string{"org_a", "org_b"} {
		pgtest.Exec(t, url, fmt.Sprintf(`DO $$ DECLARE names text; vals text; BEGIN
			SET session_replication_role = replica;
			SELECT string_agg(quote_ident(attname), ', '), string_agg(CASE WHEN attname = '%[2]s' THEN '''%[3]s''' WHEN atttypid = 'bigint'::regtype THEN '%[4]d'
				WHEN atttypid = 'bytea'::regtype THEN '''\x0%[4]d''' WHEN atttypid = 'boolean'::regtype THEN 'true' WHEN atttypid = 'double precision'::regtype THEN '1' ELSE '''%[4]d''' END, ', ')
			INTO names, vals FROM pg_attribute WHERE attrelid = '%[1]s'::regclass AND attnum > 0 AND NOT attisdropped;
			EXECUTE 'INSERT INTO %[1]s (' || names || ') VALUES (' || vals || ')'; END $$`, table, column, org, i+1))
	}
}

// TestSecondWall: statements that name no organisation, or another's, reach one's own
// rows only, in every table and in every kind of transaction; none where nobody said
// whose; all for work that says it goes through all, and for a program before the wall.
func TestSecondWall(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	s := openTest(t, func(o *Options) { o.URL, o.MaxConns = url, 2 })
	before, err := pgx.Connect(t.Context(), url) // as a program that knows of no wall
	if err != nil {
		t.Fatal(err)
	}
	defer before.Close(context.WithoutCancel(t.Context()))
	tables := walledTables(t, before)
	if len(tables) < 25 {
		t.Fatalf("only %d tables have an organisation", len(tables))
	}
	own, nobody, all := service.Within(t.Context(), "org_a"), t.Context(), service.Across(t.Context(), "a test")
	for table, column := range tables {
		fill(t, url, table, column)
		wrong := "SELECT " + column + " FROM " + table + " ORDER BY 1"
		for name, how := range map[string]func(context.Context, func(context.Context, conn) error) error{"a question": s.reading, "a command in turn": s.writing, "a proposal": s.proposing} {
			for _, c := range []struct {
				ctx  context.Context
				want string
			}{{own, "org_a"}, {nobody, ""}, {all, "org_a org_b"}, {service.Within(all, "org_b"), "org_b"}} {
				err := how(c.ctx, func(ctx context.Context, c2 conn) error {
					got, err := list(ctx, c2, scanString, wrong)
					mine := []string{}
					for _, org := range got { // a fresh database holds rows of its own making
						if strings.HasPrefix(org, "org_") {
							mine = append(mine, org)
						}
					}
					if strings.Join(mine, " ") != c.want {
						t.Errorf("%s of %s finds %q, want %q", name, table, got, c.want)
					}
					return err
				})
				if err != nil {
					t.Errorf("%s of %s: %v", name, table, err)
				}
			}
		}
		var n int
		if err := before.QueryRow(t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil || n != 2 {
			t.Errorf("the program before sees %d rows of %s: %v", n, table, err)
		}
		taken := s.writing(own, func(ctx context.Context, c conn) error {
			_, err := exec(ctx, c, "UPDATE "+table+" SET "+column+" = 'org_b'")
			return err
		})
		if taken == nil {
			t.Errorf("a row of %s can be given to another organisation", table)
		}
	}
	// What a connection was told is forgotten with the transaction.
	for range 4 {
		var n int
		if err := s.Pool().QueryRow(t.Context(), "SELECT count(*) FROM document").Scan(&n); err != nil || n != 0 {
			t.Errorf("a question past the store finds %d documents: %v", n, err)
		}
	}
	if f, err := s.Findings(t.Context()); err != nil || strings.Contains(fmt.Sprint(f), "row_security") {
		t.Errorf("%v %v", f, err)
	}
	if err := s.Read(service.Within(t.Context(), "o'; SET paraph.org = '*"), func(context.Context, service.Reader) error { return nil }); err == nil {
		t.Error("an organisation's id can hold SQL")
	}
}

func (s *Store) reading(ctx context.Context, fn func(context.Context, conn) error) error {
	return s.Read(ctx, func(ctx context.Context, r service.Reader) error { return fn(ctx, r.(*Reader).c) })
}

func (s *Store) writing(ctx context.Context, fn func(context.Context, conn) error) error {
	return s.Write(ctx, func(ctx context.Context, tx service.Tx) error { return fn(ctx, tx.(*Tx).c) })
}

func (s *Store) proposing(ctx context.Context, fn func(context.Context, conn) error) error {
	return s.Propose(ctx, func(ctx context.Context, tx service.Tx) error { return fn(ctx, tx.(*Tx).c) })
}

// TestProposedWritesAreWalled: a lane carries out the proposals of several
// organisations in one transaction, and each reaches its own rows only.
func TestProposedWritesAreWalled(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	s := openTest(t, func(o *Options) { o.URL, o.MaxConns = url, 4 })
	fill(t, url, "document_type", "org")
	proposals := make([]*offered, 2)
	for i, org := range []string{"org_a", "org_b"} {
		p, err := s.engine.(*postgresEngine).decide(service.Within(t.Context(), org), func(ctx context.Context, tx *Tx) error {
			_, err := change(ctx, tx.c, 1, "UPDATE document_type SET title = ?", org) // the condition is missing
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		proposals[i] = &offered{p: p}
	}
	if err := s.engine.(*postgresEngine).lanes.transact(proposals); err != nil {
		t.Fatal(err)
	}
	err := s.reading(service.Across(t.Context(), "a test"), func(ctx context.Context, c conn) error {
		got, err := list(ctx, c, scanString, "SELECT title FROM document_type ORDER BY org")
		if strings.Join(got, " ") != "org_a org_b" {
			t.Errorf("%q", got)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestWallsAreRaisedAnew: a table that comes later gets its policy with the next
// migration, and is missed until then; one that is to have none loses it.
func TestWallsAreRaisedAnew(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	s := openPg(t, url)
	if _, err := s.Pool().Exec(t.Context(), "CREATE TABLE later (org text NOT NULL, x text)"); err != nil {
		t.Fatal(err)
	}
	missing := func() bool {
		f, err := s.Findings(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(fmt.Sprint(f), "row_security_missing")
	}
	if !missing() {
		t.Error("a table without a policy is not missed")
	}
	for table := range open { // as a program before this one had it
		if _, err := s.Pool().Exec(t.Context(), "ALTER TABLE "+table+" ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; CREATE POLICY organisation ON "+table+" USING "+fmt.Sprintf(wall, "org")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Migrate(t.Context()); err != nil || missing() {
		t.Errorf("it is missed still: %v", err)
	}
	var left int
	err := s.Pool().QueryRow(t.Context(), "SELECT COUNT(*) FROM pg_class c WHERE c.relname = ANY ($1) AND (c.relrowsecurity OR c.relforcerowsecurity OR EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid))",
		slices.Collect(maps.Keys(open))).Scan(&left)
	if err != nil || left > 0 {
		t.Errorf("%d of the open tables have a policy: %v", left, err)
	}
	for table, why := range open { // who opens one more decides it here too
		if _, err := TableOf(table); err != nil || why == "" || table != "page" && table != "search_document" {
			t.Errorf("%s is left open and %q: %v", table, why, err)
		}
	}
}

// shared are tables that hold nothing of any one organisation, each with the reason.
var shared = map[string]string{
	"schema_migration": "the schema's own", "probe": "whether the database can be written to", "process": "the installation's processes", "lease": "who leads",
	"log_head": "one log for all", "tree_hash": "hashes of the log", "checkpoint": "of the log", "anchor": "of the log", "witness_state": "of the log", "witnessed": "of the log",
	"dispatch_cursor": "places in the log", "search_cursor": "a place in the log", "setting": "the installation's",
	"webhook_form": "forms in which events were written", "used_once": "hashes of what nobody may use twice", "revocation": "ids of tokens that ended, which every verifier asks for", "token_key": "the installation's keys",
}

// TestEveryTableHasItsWall: each table has an organisation, or belongs to one by another
// row, or is shared for a reason. Whoever adds one has to decide.
func TestEveryTableHasItsWall(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	openTest(t, func(o *Options) { o.URL, o.MaxConns = url, 2 })
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.WithoutCancel(t.Context()))
	rows, err := c.Query(t.Context(), "SELECT c.relname::text FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')")
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	own := walledTables(t, c)
	for _, name := range all {
		ways := 0
		for _, yes := range []bool{own[name] != "", open[name] != "", through[name] != "", shared[name] != ""} {
			if yes {
				ways++
			}
		}
		if ways != 1 {
			t.Errorf("%s: its organisation is known in %d ways, want one of them", name, ways)
		}
	}
	if bare, err := withoutWall(t.Context(), c); err != nil || len(bare) > 0 {
		t.Errorf("no policy: %v %v", bare, err)
	}
}

// TestWallThroughParents: rows that belong to an organisation by another row are found,
// changed, made and deleted by it alone, whatever the statement forgot.
func TestWallThroughParents(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	s := openTest(t, func(o *Options) { o.URL, o.MaxConns = url, 2 })
	for _, parent := range []string{"person", "people_group", "login_provider", "client", "webhook_endpoint"} {
		fill(t, url, parent, "org") // with the ids 1 and 2
	}
	own, nobody, all := service.Within(t.Context(), "org_a"), t.Context(), service.Across(t.Context(), "a test")
	for table, condition := range through {
		column := "client"
		if table != "idempotency" {
			column = strings.TrimSuffix(condition[strings.LastIndex(condition, ".")+1:], ")")
		}
		mine, yours := "1", "2"
		if fill(t, url, table, map[bool]string{true: "client", false: "-"}[table == "idempotency"]); table == "idempotency" {
			mine, yours = "org_a", "org_b"
		}
		for name, how := range map[string]func(context.Context, func(context.Context, conn) error) error{"a question": s.reading, "a command in turn": s.writing, "a proposal": s.proposing} {
			for _, c := range []struct {
				ctx  context.Context
				want string
			}{{own, mine}, {nobody, ""}, {all, mine + " " + yours}} {
				err := how(c.ctx, func(ctx context.Context, c2 conn) error {
					got, err := list(ctx, c2, scanString, "SELECT CAST("+column+" AS text) FROM "+table+" ORDER BY 1")
					if strings.Join(got, " ") != c.want {
						t.Errorf("%s of %s finds %q, want %q", name, table, got, c.want)
					}
					return err
				})
				if err != nil {
					t.Errorf("%s of %s: %v", name, table, err)
				}
			}
		}
		taken := s.writing(own, func(ctx context.Context, c conn) error {
			_, err := exec(ctx, c, "UPDATE "+table+" SET "+column+" = '"+yours+"'")
			return err
		})
		if taken == nil {
			t.Errorf("a row of %s can be given to another organisation", table)
		}
		err := s.writing(own, func(ctx context.Context, c conn) error {
			n, err := exec(ctx, c, "DELETE FROM "+table)
			if n != 1 {
				t.Errorf("%d rows of %s are deleted, want the own one", n, table)
			}
			return err
		})
		if err != nil {
			t.Error(table, err)
		}
	}
}
