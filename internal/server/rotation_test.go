package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/blob"
	"github.com/paraph/paraph/internal/blob/crypt"
	"github.com/paraph/paraph/internal/blob/disk"
	"github.com/paraph/paraph/internal/blob/vault"
	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store/storetest"
	"github.com/paraph/paraph/internal/work"
)

const testOrg = "org_a"

// installation is a database with documents, and the keys beside it.
type installation struct {
	t     *testing.T
	conf  *config.Config
	db    service.Store
	clock *clock.Fake
	blobs map[string]service.Blob // by content
}

// process is one that runs on it: it has its own memory.
type process struct {
	*rotation
	in *installation
}

func install(t *testing.T, open storetest.Open) *installation {
	clk := clock.NewFake(storetest.Start)
	in := &installation{t: t, conf: &config.Config{DataDir: t.TempDir(), Organisation: "Works"}, clock: clk, db: open(storetest.With(clk)), blobs: map[string]service.Blob{}}
	must(t, in.db.Write(t.Context(), func(ctx context.Context, tx service.Tx) error {
		return errors.Join(
			tx.InsertOrganisation(ctx, access.Organisation{ID: testOrg, Name: "Works", CreatedAt: clk.Now()}),
			tx.InsertUnit(ctx, document.Unit{Org: testOrg, Name: "buying", CreatedAt: clk.Now()}), tx.InsertUnit(ctx, document.Unit{Org: testOrg, Name: "legal", CreatedAt: clk.Now()}))
	}))
	return in
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// start starts a process on the database, or on one that breaks.
func (in *installation) start(db service.Store) *process {
	in.t.Helper()
	keys, err := LoadKeys(in.conf, in.clock)
	must(in.t, err)
	must(in.t, keys.settle(in.t.Context(), in.db))
	objects, err := disk.Open(filepath.Join(in.conf.DataDir, "blobs"))
	must(in.t, err)
	v := vault.New(objects, db, keys.Master, in.clock)
	s := service.New(service.Config{Store: db, Vault: v, Clock: in.clock, Box: keys.Box})
	return &process{&rotation{keys, db, v, s, in.clock, slog.New(slog.DiscardHandler)}, in}
}

// put takes a document in.
func (p *process) put(ctx context.Context, unit, content string) (service.Blob, error) {
	doc := "doc_" + content
	b, err := p.vault.Put(ctx, service.Place{Org: testOrg, Unit: unit, Document: doc, New: true}, bytes.NewReader([]byte(content)))
	if err == nil {
		err = p.write(ctx, b)
	}
	for err != nil && fault.CodeOf(err) == service.CodeKeyRotated { // as the service's commands do
		if *b.Key, err = p.vault.Rekey(ctx, unit, *b.Key); err == nil {
			err = p.write(ctx, b)
		}
	}
	return b, err
}

// write writes the rows of a new document's file.
func (p *process) write(ctx context.Context, b service.Blob) error {
	return p.in.db.Write(ctx, func(ctx context.Context, tx service.Tx) error {
		if err := tx.InsertDocumentKey(ctx, *b.Key); err != nil {
			return err
		}
		return tx.InsertBlob(ctx, b)
	})
}

func (p *process) mustPut(unit, content string) {
	p.in.t.Helper()
	b, err := p.put(p.in.t.Context(), unit, content)
	must(p.in.t, err)
	p.in.blobs[content] = b
}

func (p *process) read(ctx context.Context, content string, b service.Blob) error {
	f, err := p.vault.Open(ctx, b)
	if err != nil {
		return err
	}
	got, err := io.ReadAll(f)
	if err == nil && string(got) != content {
		err = fmt.Errorf("%q came back as %q", content, got)
	}
	return errors.Join(err, f.Close())
}

// readable checks that a process started anew reads every document.
func (in *installation) readable() {
	in.t.Helper()
	p := in.start(in.db)
	for content, b := range in.blobs {
		if err := p.read(in.t.Context(), content, b); err != nil {
			in.t.Errorf("%q: %v", content, err)
		}
	}
}

func (in *installation) path() string { return filepath.Join(in.conf.DataDir, "keys", "master.key") }

// addMaster puts a new key at the head of the key file.
func (in *installation) addMaster() (old, now string) {
	in.t.Helper()
	keys, err := crypt.EditKeys(in.path(), masterPurpose, func(keys []crypt.NamedKey) ([]crypt.NamedKey, error) {
		return append([]crypt.NamedKey{crypt.DrawKey()}, keys...), nil
	})
	must(in.t, err)
	return keys[1].ID, keys[0].ID
}

func (in *installation) use() (n map[string]int) {
	in.t.Helper()
	must(in.t, in.db.Read(in.t.Context(), func(ctx context.Context, tx service.Reader) (err error) {
		n, err = tx.MasterUse(ctx)
		return err
	}))
	return n
}

// breaking is a database whose n-th transaction from now ends the process, before
// its commit or right after.
type breaking struct {
	service.Store
	left  int
	after bool
}

var errKilled = errors.New("killed")

func (b *breaking) Write(ctx context.Context, fn func(context.Context, service.Tx) error) error {
	if b.left--; b.left != 0 {
		return b.Store.Write(ctx, fn)
	}
	err := b.Store.Write(ctx, func(ctx context.Context, tx service.Tx) error {
		if err := fn(ctx, tx); err != nil || b.after {
			return err
		}
		return errKilled
	})
	return errors.Join(err, errKilled)
}

// untilDone runs passes in processes that are killed at each transaction in turn.
func (in *installation) untilDone() {
	in.t.Helper()
	in.killed(func(p *process) error {
		_, err := p.pass(in.t.Context(), true)
		return err
	})
}

// killed has something done by processes that are killed at each transaction in
// turn, before its commit or right after, until one comes to the end.
func (in *installation) killed(do func(p *process) error) {
	in.t.Helper()
	for n := 1; ; n++ {
		done := true
		for _, after := range []bool{false, true} {
			err := do(in.start(&breaking{Store: in.db, left: n, after: after}))
			if err != nil && !errors.Is(err, errKilled) {
				in.t.Fatal(err)
			}
			done = done && err == nil
			in.readable()
		}
		if done {
			return
		}
	}
}

// work makes attempts at the rotation of a unit's key, each by a process that is
// killed somewhere.
func (in *installation) work(opID string) {
	in.t.Helper()
	call := service.SystemCall(testOrg, "test", "")
	in.killed(func(p *process) error {
		op, doc, err := p.service.BeginWork(in.t.Context(), call, opID)
		if fault.CodeOf(err) == "operation_ended" {
			return nil
		}
		if err != nil {
			return err
		}
		return (&work.Rotator{Service: p.service, Keys: p.vault}).Handle(in.t.Context(), work.Job{Call: call, Operation: op, Document: doc})
	})
}

func TestMasterRotationSurvivesKills(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open storetest.Open) {
		in := install(t, open)
		first := in.start(in.db)
		cursor := first.keys.Cursors.Encode(testOrg, 7)
		for i, unit := range []string{"buying", "legal", "buying"} {
			first.mustPut(unit, fmt.Sprint(unit, i))
		}
		old, now := in.addMaster()
		in.readable() // the rotation has not begun
		in.untilDone()
		if n := in.use(); n[old] != 0 || n[now] != 2 {
			t.Errorf("wrapped by %s (before) and %s: %v", old, now, n)
		}
		// A process from before reads on and takes in on, without being told.
		for content, b := range in.blobs {
			must(t, first.read(t.Context(), content, b))
		}
		first.mustPut("buying", "by the old process")
		_, err := first.pass(t.Context(), false)
		must(t, err)
		if first.keys.Master.KeyID() != now {
			t.Error("the old process still wraps by the old key")
		}
		// Without the old key everything opens, and so do the cursors given out before.
		_, err = crypt.EditKeys(in.path(), masterPurpose, func(keys []crypt.NamedKey) ([]crypt.NamedKey, error) { return keys[:1], nil })
		must(t, err)
		in.readable()
		if at, err := in.start(in.db).keys.Cursors.Decode(testOrg, cursor); err != nil || at != 7 {
			t.Errorf("a cursor from before: %d, %v", at, err)
		}
	})
}

// TestAnOldKeyFileTurnsNothingBack: another machine still has the old key first.
func TestAnOldKeyFileTurnsNothingBack(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open storetest.Open) {
		in := install(t, open)
		p := in.start(in.db)
		p.mustPut("buying", "x")
		old, now := in.addMaster()
		in.untilDone()
		_, err := crypt.EditKeys(in.path(), masterPurpose, func(keys []crypt.NamedKey) ([]crypt.NamedKey, error) {
			keys[0], keys[1] = keys[1], keys[0]
			return keys, nil
		})
		must(t, err)
		late := in.start(in.db)
		_, err = late.pass(t.Context(), true)
		must(t, err)
		if n := in.use(); n[old] != 0 || n[now] != 1 || late.keys.Master.KeyID() != now {
			t.Errorf("wrapped by %v, %s in force", n, late.keys.Master.KeyID())
		}
		late.mustPut("legal", "a unit's first")
		if n := in.use(); n[now] != 2 {
			t.Errorf("wrapped by %v", n)
		}
		// A file without the key in force ends the start.
		_, err = crypt.EditKeys(in.path(), masterPurpose, func(keys []crypt.NamedKey) ([]crypt.NamedKey, error) { return keys[:1], nil })
		must(t, err)
		keys, err := LoadKeys(in.conf, in.clock)
		must(t, err)
		if err := keys.settle(t.Context(), in.db); fault.CodeOf(err) != "wrong_master_key" {
			t.Errorf("got %v", err)
		}
	})
}

// TestAKeyMadeByAnOldProcess lies under the master key in force, though the
// process has not heard of the rotation.
func TestAKeyMadeByAnOldProcess(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open storetest.Open) {
		in := install(t, open)
		slow := in.start(in.db)
		old, now := in.addMaster()
		in.untilDone()
		slow.mustPut("buying", "x")
		if n := in.use(); n[old] != 0 || n[now] != 1 {
			t.Errorf("wrapped by %v", n)
		}
		in.readable()
	})
}

func TestUnitKeyRotationSurvivesKills(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open storetest.Open) {
		in := install(t, open)
		here, elsewhere := in.start(in.db), in.start(in.db)
		for i := range 250 { // several batches
			here.mustPut("buying", fmt.Sprint("here ", i))
		}
		elsewhere.mustPut("buying", "elsewhere")
		here.mustPut("legal", "another unit's")
		admin := service.Call{Actor: access.Actor{Kind: access.Client, Org: testOrg, ID: "cli_1", Scopes: []access.Scope{access.Admin}}}
		old := in.keyOf("buying")
		out, err := here.service.RotateUnitKey(t.Context(), admin, "buying")
		must(t, err)
		in.readable()
		elsewhere.mustPut("buying", "late") // it has not heard of it
		in.work(out.Value.ID)
		if in.there(old) {
			t.Error("the key is still there, and nothing is left under it")
		}
		op := in.operation(out.Value.ID)
		if op.State != service.OperationSucceeded || op.Done != op.Total || op.Done < 251 {
			t.Errorf("the operation: %+v", op)
		}
		elsewhere.mustPut("buying", "after")
		in.readable()
		in.logged("key.unit_rotated", "key.unit_destroyed")
		// Who is no administrator may not.
		admin.Actor.Scopes = []access.Scope{access.DocumentsWrite}
		if _, err := here.service.RotateUnitKey(t.Context(), admin, "buying"); fault.KindOf(err) != fault.Forbidden {
			t.Errorf("got %v", err)
		}
	})
}

// TestWhatWasOnItsWayDuringARotation: the key of a document that was made before a
// rotation, and whose row comes after its end, is wrapped anew.
func TestWhatWasOnItsWayDuringARotation(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open storetest.Open) {
		in := install(t, open)
		p := in.start(in.db)
		p.mustPut("buying", "before")
		slow := in.start(in.db)
		b, err := slow.vault.Put(t.Context(), service.Place{Org: testOrg, Unit: "buying", Document: "doc_slow", New: true}, bytes.NewReader([]byte("slow")))
		must(t, err)
		admin := service.Call{Actor: access.Actor{Kind: access.Client, Org: testOrg, ID: "cli_1", Scopes: []access.Scope{access.Admin}}}
		for range 2 {
			out, err := p.service.RotateUnitKey(t.Context(), admin, "buying")
			must(t, err)
			in.work(out.Value.ID)
			p.mustPut("buying", fmt.Sprint("under ", out.Value.ID))
		}
		insert := func() error { return slow.write(t.Context(), b) }
		if err := insert(); fault.CodeOf(err) != service.CodeKeyRotated {
			t.Fatalf("a key under one that is destroyed was taken: %v", err)
		}
		must(t, slow.vault.NoticeSuperseded(t.Context()))
		*b.Key, err = slow.vault.Rekey(t.Context(), "buying", *b.Key)
		must(t, err)
		must(t, insert())
		in.blobs["slow"] = b
		in.readable()
		// In the end it is forgotten, in every process.
		old := slow.vault.Keys().(*blob.KeyRing)
		n := len(old.Opened())
		for range 3 {
			in.clock.Advance(vault.KeyGrace + time.Minute)
			must(t, slow.vault.NoticeSuperseded(t.Context()))
		}
		if after := len(old.Opened()); after >= n {
			t.Errorf("%d keys are remembered, before %d", after, n)
		}
	})
}

// TestAnOlderVersionKeepsTheOldKey: it might still bring something under it.
func TestAnOlderVersionKeepsTheOldKey(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open storetest.Open) {
		in := install(t, open)
		p := in.start(in.db)
		p.mustPut("buying", "x")
		seen := func(see func(ctx context.Context, tx service.Tx) error) { must(t, in.db.Write(t.Context(), see)) }
		seen(func(ctx context.Context, tx service.Tx) error {
			return tx.SeeProcess(ctx, service.Process{ID: "worker-1", Roles: []string{"work"}, Version: "old", StartedAt: in.clock.Now()})
		})
		admin := service.Call{Actor: access.Actor{Kind: access.Client, Org: testOrg, ID: "cli_1", Scopes: []access.Scope{access.Admin}}}
		old := in.keyOf("buying")
		out, err := p.service.RotateUnitKey(t.Context(), admin, "buying")
		must(t, err)
		call := service.SystemCall(testOrg, "test", "")
		op, _, err := p.service.BeginWork(t.Context(), call, out.Value.ID)
		must(t, err)
		rotator := &work.Rotator{Service: p.service, Keys: p.vault, Version: "new"}
		if err := rotator.Handle(t.Context(), work.Job{Call: call, Operation: op}); fault.CodeOf(err) != "upgrade_running" || !in.there(old) {
			t.Fatalf("beside an older version: %v", err)
		}
		in.readable()
		seen(func(ctx context.Context, tx service.Tx) error { return tx.ForgetProcess(ctx, "worker-1") })
		must(t, rotator.Handle(t.Context(), work.Job{Call: call, Operation: op}))
		if in.there(old) {
			t.Error("the key is still there")
		}
	})
}

func (in *installation) keyOf(unit string) (id string) {
	in.t.Helper()
	must(in.t, in.db.Read(in.t.Context(), func(ctx context.Context, tx service.Reader) error {
		k, err := tx.Key(ctx, testOrg, unit, service.ClassDocuments)
		id = k.ID
		return err
	}))
	return id
}

func (in *installation) operation(id string) (op service.Operation) {
	in.t.Helper()
	must(in.t, in.db.Read(in.t.Context(), func(ctx context.Context, tx service.Reader) (err error) {
		op, err = tx.Operation(ctx, testOrg, id)
		return err
	}))
	return op
}

// there tells whether a unit's key is there, and not without its use.
func (in *installation) there(keyID string) (there bool) {
	in.t.Helper()
	must(in.t, in.db.Read(in.t.Context(), func(ctx context.Context, tx service.Reader) error {
		used, err := tx.KeyInUse(ctx, keyID)
		if err != nil || used {
			return errors.Join(err, fmt.Errorf("it is still in use"))
		}
		_, err = tx.KeyByID(ctx, keyID)
		there = err == nil
		if fault.KindOf(err) == fault.NotFound {
			err = nil
		}
		return err
	}))
	return there
}

// logged checks that entries of the kinds wait for the log, once each.
func (in *installation) logged(kinds ...string) {
	in.t.Helper()
	seen := map[string]int{}
	must(in.t, in.db.Write(in.t.Context(), func(ctx context.Context, tx service.Tx) error {
		entries, err := tx.Unnumbered(ctx, 1000)
		for _, e := range entries {
			for _, kind := range kinds {
				if bytes.Contains(e.Leaf, []byte(kind)) {
					seen[kind]++
				}
			}
		}
		return err
	}))
	for _, kind := range kinds {
		if seen[kind] != 1 {
			in.t.Errorf("%s is logged %d times", kind, seen[kind])
		}
	}
}

// TestReadersDuringRotations reads and takes in all the while.
func TestReadersDuringRotations(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open storetest.Open) {
		in := install(t, open)
		p := in.start(in.db)
		p.mustPut("buying", "x")
		ctx, stop := context.WithCancel(t.Context())
		var readers sync.WaitGroup
		for worker := range 3 {
			other := in.start(in.db)
			readers.Go(func() {
				for i := 0; ctx.Err() == nil; i++ {
					content := fmt.Sprint(worker, "-", i)
					b, err := other.put(context.WithoutCancel(ctx), "buying", content)
					if err == nil {
						err = errors.Join(other.read(context.WithoutCancel(ctx), content, b), other.read(context.WithoutCancel(ctx), "x", in.blobs["x"]))
					}
					if err != nil {
						t.Errorf("worker %d, %d: %v", worker, i, err)
						return
					}
				}
			})
		}
		admin := service.Call{Actor: access.Actor{Kind: access.Client, Org: testOrg, ID: "cli_1", Scopes: []access.Scope{access.Admin}}}
		for range 4 {
			in.addMaster()
			out, err := p.service.RotateUnitKey(t.Context(), admin, "buying")
			must(t, err)
			_, err = p.pass(t.Context(), true)
			must(t, err)
			op := in.operation(out.Value.ID)
			op.State = service.OperationRunning
			call := service.SystemCall(testOrg, "test", "")
			_, _, err = p.service.BeginWork(t.Context(), call, op.ID)
			must(t, err)
			must(t, (&work.Rotator{Service: p.service, Keys: p.vault}).Handle(t.Context(), work.Job{Call: call, Operation: op}))
		}
		stop()
		readers.Wait()
		in.readable()
	})
}
