package storetest

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
)

// number gives all waiting entries their numbers, with hashes that are merely different.
func number(ctx context.Context, tx service.Tx, epoch int64) error {
	wait, err := tx.Unnumbered(ctx, 10000)
	if err != nil || len(wait) == 0 {
		return err
	}
	head, err := tx.LogHead(ctx)
	if err != nil {
		return err
	}
	n := service.Numbering{First: head.Size, Epoch: epoch, Hashes: map[int64][32]byte{}}
	for i, p := range wait {
		n.IDs = append(n.IDs, p.ID)
		n.Hashes[2*(n.First+int64(i))] = sha256.Sum256(p.Leaf)
	}
	n.Root = sha256.Sum256([]byte(fmt.Sprint(n.First, len(n.IDs))))
	n.Note = fmt.Sprintf("note of %d", n.First+int64(len(n.IDs)))
	return tx.Number(ctx, n)
}

func entries(t *testing.T, s service.Store) {
	docA, docB := newID("doc"), newID("doc")
	kinds := []journal.Kind{journal.DocumentCreated, journal.TaskOpened, journal.SetupLinkMade}
	var all []journal.Entry
	for i := range 30 {
		e := newEntry(t, org, []string{"j_a", "j_b"}[i%2], kinds[i%3], []string{docA, docB}[i%2], int64(i/2+1))
		if i%3 == 2 {
			e = newEntry(t, org, "", kinds[2], "", 0)
		}
		if i == 4 {
			e.Data, e.Digests = nil, nil
		}
		if i == 6 { // what joins texts inside the store must not meet in one
			e.Source.UserAgent, e.Trace, e.Data = "a\x1fb\n\t\u2028", "", json.RawMessage("")
		}
		all = append(all, e)
	}
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		for _, e := range append(all, newEntry(t, other, "j_a", kinds[0], newID("doc"), 1)) {
			if err := tx.InsertEntry(ctx, e); err != nil {
				return err
			}
		}
		return nil
	})
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		got, err := tx.Entry(ctx, org, all[0].ID)
		same(t, "entry without a number", got, all[0])
		if journal.Check(&got) != nil {
			t.Errorf("the entry does not match its leaf: %v", journal.Check(&got))
		}
		return err
	})
	write(t, s, func(ctx context.Context, tx service.Tx) error { return number(ctx, tx, 0) })
	var first int64
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		got, err := tx.Entry(ctx, org, all[0].ID)
		first = got.Index
		return err
	})
	for i := range all {
		all[i].Index = first + int64(i)
	}
	only := func(which func(i int, e journal.Entry) bool) []journal.Entry {
		var out []journal.Entry
		for i, e := range all {
			if which(i, e) {
				out = append(out, e)
			}
		}
		return out
	}
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		for name, c := range map[string]struct {
			f    service.EntryFilter
			want func(i int, e journal.Entry) bool
		}{
			"all":      {service.EntryFilter{}, func(int, journal.Entry) bool { return true }},
			"units":    {service.EntryFilter{Units: []string{"j_a"}}, func(_ int, e journal.Entry) bool { return e.Unit == "j_a" }},
			"no units": {service.EntryFilter{Units: []string{}}, func(int, journal.Entry) bool { return false }},
			"kinds":    {service.EntryFilter{Kinds: []string{"document.*", "task.opened"}}, func(i int, _ journal.Entry) bool { return i%3 != 2 }},
			"stem":     {service.EntryFilter{Kinds: []string{"doc.*"}}, func(int, journal.Entry) bool { return false }},
			"document": {service.EntryFilter{DocumentID: docA}, func(_ int, e journal.Entry) bool { return e.DocumentID == docA }},
			"subject":  {service.EntryFilter{SubjectID: docB}, func(_ int, e journal.Entry) bool { return e.SubjectID == docB }},
			"client":   {service.EntryFilter{SubjectID: all[2].SubjectID}, func(i int, _ journal.Entry) bool { return i == 2 }},
			"public":   {service.EntryFilter{PublicOnly: true}, func(i int, _ journal.Entry) bool { return i%3 != 2 }},
			"from":     {service.EntryFilter{From: first + 7}, func(i int, _ journal.Entry) bool { return i >= 7 }},
			"limit":    {service.EntryFilter{From: first + 7, Limit: 2}, func(i int, _ journal.Entry) bool { return i == 7 || i == 8 }},
		} {
			c.f.Org, c.f.From = org, max(c.f.From, first)
			got, err := tx.Entries(ctx, c.f)
			if err != nil {
				return err
			}
			if diff := cmp.Diff(only(c.want), got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		got, err := tx.EntriesFrom(ctx, first+28, 10)
		if len(got) != 3 || err != nil || got[2].Org != other {
			t.Errorf("entries of all organisations: %d, %v", len(got), err)
		}
		links, err := tx.Chains(ctx, []string{docA, docB, newID("doc")})
		if err != nil {
			return err
		}
		chains := only(func(i int, _ journal.Entry) bool { return i%3 != 2 })
		slices.SortStableFunc(chains, func(a, b journal.Entry) int { return strings.Compare(a.DocumentID, b.DocumentID) })
		var want []journal.Link
		for _, e := range chains {
			want = append(want, journal.Link{Index: e.Index, ID: e.ID, Org: e.Org, Kind: e.Kind, DocumentID: e.DocumentID, DocSeq: e.DocSeq, Digests: e.Digests, Data: e.Data, Leaf: e.Leaf})
		}
		same(t, "chains", links, want)
		leaves, err := tx.Leaves(ctx, first+1, first+3)
		same(t, "leaves", leaves, [][]byte{all[1].Leaf, all[2].Leaf})
		return err
	})
	twin := newEntry(t, org, "j_a", kinds[0], docA, 1)
	refused(t, s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error { return tx.InsertEntry(ctx, twin) }), fault.Conflict, "stale")
}

// numbering works on a database whose log only it writes to.
func numbering(t *testing.T, open Open) {
	s := open()
	write(t, s, func(ctx context.Context, tx service.Tx) error { return number(ctx, tx, 0) }) // what earlier tests left
	const many = 1500
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		for range many {
			if err := tx.InsertEntry(ctx, newEntry(t, org, "num", journal.SetupLinkMade, "", 0)); err != nil {
				return err
			}
		}
		return nil
	})
	var before service.LogHead
	write(t, s, func(ctx context.Context, tx service.Tx) (err error) {
		if before, err = tx.LogHead(ctx); err != nil {
			return err
		}
		few, err := tx.Unnumbered(ctx, 2)
		same(t, "a few", len(few), 2)
		if err != nil {
			return err
		}
		return number(ctx, tx, 3)
	})
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		head, err := tx.LogHead(ctx)
		same(t, "size", head.Size, before.Size+many)
		same(t, "epoch", head.Epoch, int64(3))
		same(t, "note", head.Checkpoint, fmt.Sprintf("note of %d", head.Size))
		same(t, "root", head.Root, sha256.Sum256([]byte(fmt.Sprint(before.Size, many))))
		if err != nil {
			return err
		}
		leaves, err := tx.Leaves(ctx, before.Size, head.Size+100)
		same(t, "leaves", len(leaves), many)
		if err != nil {
			return err
		}
		positions := make([]int64, many)
		for i := range positions {
			positions[i] = 2 * (head.Size - 1 - int64(i))
		}
		hashes, err := tx.TreeHashes(ctx, positions)
		if err != nil {
			return err
		}
		for i, h := range hashes {
			if h != sha256.Sum256(leaves[many-1-i]) {
				t.Fatalf("hash %d is another's", i)
			}
		}
		_, err = tx.TreeHashes(ctx, []int64{1 << 40})
		gone(t, "a hash that is not there", err)
		figures, err := tx.Figures(ctx)
		same(t, "size in figures", figures.LogSize, head.Size)
		same(t, "waiting in figures", figures.Unnumbered, int64(0))
		return err
	})
	late := newEntry(t, org, "num", journal.SetupLinkMade, "", 0)
	write(t, s, func(ctx context.Context, tx service.Tx) error { return tx.InsertEntry(ctx, late) })
	for name, n := range map[string]service.Numbering{
		"a size that is past":        {First: before.Size, Epoch: 3, IDs: []string{late.ID}},
		"an epoch that is past":      {First: before.Size + many, Epoch: 2, IDs: []string{late.ID}},
		"an entry that is not there": {First: before.Size + many, Epoch: 3, IDs: []string{"evt_none"}},
	} {
		err := s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error { return tx.Number(ctx, n) })
		if fault.CodeOf(err) != "stale" {
			t.Errorf("%s: %v", name, err)
		}
	}
	write(t, s, func(ctx context.Context, tx service.Tx) error { return number(ctx, tx, 4) })
}

func operations(t *testing.T, s service.Store) {
	d := put(t, s, newDocument(org, "ops"))
	op := service.Operation{ID: newID("op"), Org: org, Unit: "ops", Kind: service.OpSeal, DocumentID: d.ID, EnvelopeID: "env_1", State: service.OperationPending,
		Step: "s", Done: 1, Total: 2, Attempts: 3, Code: "c", Reason: "r", Retryable: true, CreatedAt: at(1), Revision: 1}
	rec := service.ArchiveRecord{ID: newID("arc"), Org: org, Unit: "ops", DocumentID: d.ID, Version: 2, SHA256: "x", Package: "blb_1", PackageSHA256: "y", PackageSize: 7, Files: []byte(`{"a":  1}`), Rule: "r", ArchivedAt: at(2)}
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		if err := errors.Join(tx.InsertOperation(ctx, op), tx.InsertArchiveRecord(ctx, rec)); err != nil {
			return err
		}
		second := rec
		second.ID = newID("arc")
		refused(t, tx.InsertArchiveRecord(ctx, second), fault.Conflict, "exists")
		figures, err := tx.Figures(ctx)
		same(t, "open operations", figures.OpenOperations["seal"], int64(1))
		same(t, "oldest", figures.OldestOperation["seal"], at(1))
		if figures.DocumentsByState["draft"] < 1 {
			t.Errorf("no drafts in %v", figures.DocumentsByState)
		}
		return err
	})
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		op.State, op.StartedAt, op.EndedAt = service.OperationFailed, at(3), at(4)
		return tx.UpdateOperation(ctx, &op)
	})
	refused(t, s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error {
		lost := op
		lost.Revision = 1
		return tx.UpdateOperation(ctx, &lost)
	}), fault.Conflict, "stale")
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		got, err := tx.Operation(ctx, org, op.ID)
		same(t, "operation", got, op)
		list, err2 := tx.Operations(ctx, service.OperationFilter{Org: org, Units: []string{"ops"}, Kind: "seal", State: "failed", DocumentID: d.ID, Limit: 3})
		same(t, "operations", list, []service.Operation{op})
		list, err3 := tx.Operations(ctx, service.OperationFilter{Org: org, DocumentID: d.ID, Before: op.ID})
		same(t, "before", list, []service.Operation(nil))
		r, err4 := tx.ArchiveRecord(ctx, org, rec.ID)
		same(t, "record", r, rec)
		rs, err5 := tx.ArchiveRecords(ctx, service.ArchiveFilter{Org: org, Units: []string{"ops"}, DocumentID: d.ID, Limit: 3})
		same(t, "records", rs, []service.ArchiveRecord{rec})
		for _, units := range [][]string{{}, {"opposite"}} {
			hidden, err := tx.Operations(ctx, service.OperationFilter{Org: org, Units: units, DocumentID: d.ID})
			same(t, "operations of another unit", hidden, []service.Operation(nil))
			records, err2 := tx.ArchiveRecords(ctx, service.ArchiveFilter{Org: org, Units: units, DocumentID: d.ID})
			same(t, "records of another unit", records, []service.ArchiveRecord(nil))
			if err := errors.Join(err, err2); err != nil {
				return err
			}
		}
		return errors.Join(err, err2, err3, err4, err5)
	})
}

func idempotency(t *testing.T, s service.Store) {
	r := service.IdempotencyRecord{Client: "c", Route: "POST /v1/x", Key: newID("k"), Digest: []byte{1}, CreatedAt: at(0), ExpiresAt: at(10)}
	r.Result = []byte("result")
	keep := func(r service.IdempotencyRecord) error {
		return s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error { return tx.KeepIdempotency(ctx, r) })
	}
	kept := func(r service.IdempotencyRecord, now time.Time) (found service.IdempotencyRecord, err error) {
		read(t, s, func(ctx context.Context, tx service.Reader) error {
			found, err = tx.Idempotency(ctx, r.Client, r.Route, r.Key, now)
			return nil
		})
		return found, err
	}
	if err := keep(r); err != nil {
		t.Errorf("a new key: %v", err)
	}
	found, err := kept(r, at(9))
	if err != nil {
		t.Error(err)
	}
	same(t, "kept", found, r)
	_, err = kept(r, at(10))
	gone(t, "a key that has run out", err)
	again := r
	again.Digest = []byte{2}
	refused(t, keep(again), fault.Conflict, "stale")
	elsewhere := r
	elsewhere.Client = "d"
	_, err = kept(elsewhere, at(0))
	gone(t, "another client's key", err)
	if err := keep(elsewhere); err != nil {
		t.Errorf("another client's key is in the way: %v", err)
	}
	later := r
	later.CreatedAt, later.ExpiresAt = at(11), at(20)
	if err := keep(later); err != nil {
		t.Errorf("a key that has run out is in the way: %v", err)
	}
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		_, err := tx.PurgeExpired(ctx, at(21), at(21))
		return err
	})
	if err := keep(r); err != nil {
		t.Errorf("a purged key is in the way: %v", err)
	}
}

// processes opens the database twice, as two processes do.
func processes(t *testing.T, open Open) {
	clk := clock.NewFake(at(100))
	a := open(With(clk))
	woken, cancel := a.Subscribe(service.TopicEntries)
	defer cancel()
	quiet, cancelQuiet := a.Subscribe("other")
	defer cancelQuiet()
	b := a
	if a.Pool() != nil {
		b = open(With(clk)) // SQLite has one process that writes
	}
	write(t, b, func(_ context.Context, tx service.Tx) error {
		same(t, "now", tx.Now(), at(100))
		tx.Notify(service.TopicEntries)
		tx.Notify(service.TopicEntries)
		return nil
	})
	<-woken
	select {
	case <-quiet:
		t.Error("another topic was woken")
	default:
	}
	if err := a.Healthy(t.Context()); err != nil {
		t.Error(err)
	}
	if f, err := a.Findings(t.Context()); len(f) > 0 || err != nil {
		t.Errorf("findings %v, %v", f, err)
	}
	if done, err := b.Migrate(t.Context()); len(done) > 0 || err != nil {
		t.Errorf("migrated again: %v, %v", done, err)
	}
}
