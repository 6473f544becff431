// Package storetest is what service.Store promises, as tests that every
// database has to pass, and the helper by which other packages run their tests
// on every database.
package storetest

import (
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store"
	"github.com/paraph/paraph/internal/store/pgtest"
)

// Start is the time at which the clocks of Open stand.
var Start = time.Date(2026, 3, 4, 5, 6, 7, 891000, time.UTC)

// Open opens the subtest's database. A second call opens the same database again,
// as another process would.
type Open func(change ...func(*store.Options)) *store.Store

// Each runs fn as a parallel subtest on SQLite and on PostgreSQL, each with an
// empty database of its own. Without PostgreSQL that half skips and says so.
func Each(t *testing.T, fn func(t *testing.T, open Open)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		fn(t, opener(t, filepath.Join(t.TempDir(), "paraph.db")))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		fn(t, opener(t, pgtest.Database(t)))
	})
}

func opener(t testing.TB, url string) Open {
	return func(change ...func(*store.Options)) *store.Store {
		t.Helper()
		o := store.Options{URL: url, Clock: clock.NewFake(Start), Log: slog.New(slog.NewTextHandler(io.Discard, nil)), MaxConns: 16, Across: "tests"}
		for _, c := range change {
			c(&o)
		}
		s, err := store.Open(context.WithoutCancel(t.Context()), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
}

// With hands the clock to Open.
func With(c clock.Clock) func(*store.Options) {
	return func(o *store.Options) { o.Clock = c }
}

// Run holds a store to every promise of service.Store.
func Run(t *testing.T, open Open) {
	run(t, open, func(s *store.Store) service.Store { return s })
}

func run(t *testing.T, open Open, as func(*store.Store) service.Store, without ...string) {
	s := as(open())
	seed(t, s)
	tests := map[string]func(*testing.T, service.Store){
		"documents": documents, "lists": lists, "marks": marks, "search": search, "changed": changed, "rewrites": rewrites, "versions": versions, "settings": settings,
		"approvals": approvals, "envelopes": envelopes, "journal": entries, "operations": operations, "backlog": backlog, "shares": shares, "deaths": deaths, "parts": parts, "kept": kept, "relations": relations,
		"idempotency": idempotency, "tenants": tenants, "leases": leases, "releases": releases, "cursors": cursors, "present": present, "snapshot": snapshot,
		"failures": failures, "race": race, "writers": writers, "characters": characters, "claims": claims, "witnesses": witnesses, "hooks": hooks, "inbound": inbound, "bulk sends": bulkSends, "handovers": handovers, "protection": protections,
		"endpoints": endpoints, "administration": administration, "use": use, "deliveries": deliveries, "replays": replays,
		"delegations": delegations, "codes": codes, "devices": devices, "once": once, "token keys": tokenKeys,
		"users": users, "groups": groupsOfPeople, "proofs": proofs, "logins": logins, "vouchers": vouchers,
	}
	for _, name := range without {
		delete(tests, name)
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, s) })
	}
	t.Run("proposals", func(t *testing.T) { proposals(t, s) })
	t.Run("processes", func(t *testing.T) { processes(t, open) })
	t.Run("numbering", func(t *testing.T) { numbering(t, open) })
	t.Run("held to the end", func(t *testing.T) { heldToTheEnd(t, open()) })
	t.Run("fencing", func(t *testing.T) { fencing(t, open()) })
}

// RunProposing holds Propose to what Write promises. Left out are the tests that
// ask, inside a command, how its own writes ended: a proposal learns that later.
func RunProposing(t *testing.T, open Open) {
	run(t, open, func(s *store.Store) service.Store { return proposing{s} }, "documents", "settings", "approvals", "envelopes", "operations", "failures", "endpoints", "deliveries", "replays", "tenants", "administration", "use")
}

// proposing proposes what it is to write.
type proposing struct{ *store.Store }

// Write implements service.Store.
func (p proposing) Write(ctx context.Context, fn func(context.Context, service.Tx) error) error {
	return p.Propose(ctx, fn)
}

func write(t testing.TB, s service.Store, fn func(ctx context.Context, tx service.Tx) error) {
	t.Helper()
	if err := s.Write(t.Context(), fn); err != nil {
		t.Helper()
		t.Fatal(err)
	}
}

func read(t testing.TB, s service.Store, fn func(ctx context.Context, tx service.Reader) error) {
	t.Helper()
	if err := s.Read(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// refused checks that err is a fault of the kind and code.
func refused(t testing.TB, err error, kind fault.Kind, code string) {
	t.Helper()
	if fault.KindOf(err) != kind || fault.CodeOf(err) != code {
		t.Errorf("want %s %q, got %v", kind, code, err)
	}
}

func gone(t testing.TB, what string, err error) {
	t.Helper()
	if fault.KindOf(err) != fault.NotFound || fault.CodeOf(err) != "not_found" {
		t.Errorf("%s: want not_found, got %v", what, err)
	}
}
