package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/approval"
	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store"
	"github.com/paraph/paraph/internal/work"
)

// floor writes the rows of the same mix, through the store's own statements,
// into tables with the same indexes on the same disk: many changes in one
// transaction, without a server, a check or a read. No more statements are used
// than the rows need.
type floor struct {
	store     *store.Store
	sequencer *work.Sequencer
	lanes     int // transactions at once
}

const floorOrg = "org_floor"

func newFloor(ctx context.Context, name string, at storePlace) (*floor, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	signer, err := journal.NewSigner("bench.example/log", key)
	if err != nil {
		return nil, err
	}
	f := &floor{sequencer: work.NewSequencer(signer, work.Holder{Name: "floor", Alone: true}, slog.New(slog.DiscardHandler)), lanes: 1}
	url := at.floor
	if name == "postgres" {
		f.lanes, url = 4, at.under
	}
	f.store, err = store.Open(ctx, store.Options{URL: url, Across: "bench", Clock: clock.System{}, Log: slog.New(slog.DiscardHandler), BeforeCommit: func(ctx context.Context, tx service.Tx) error {
		_, err := f.sequencer.Number(ctx, tx)
		return err
	}})
	if err != nil {
		return nil, err
	}
	return f, f.store.Write(ctx, func(ctx context.Context, tx service.Tx) error {
		return tx.InsertOrganisation(ctx, access.Organisation{ID: floorOrg, Name: "Floor", CreatedAt: tx.Now()})
	})
}

func (f *floor) close() { f.store.Close() }

// run writes groups for a while and gives the changes a second. A group has as
// many changes as there are callers, in whole lives of ten.
func (f *floor) run(ctx context.Context, callers int, length time.Duration) (float64, error) {
	changes := 0
	began := time.Now()
	end := began.Add(length)
	counts := make([]int, f.lanes)
	lanes := f.lanes
	if callers < lanes {
		lanes = 1
	}
	done := make(chan struct{})
	numbering, _ := errgroup.WithContext(ctx)
	if f.store.Pool() != nil { // numbered beside the commits, as the server does it
		numbering.Go(func() error {
			for {
				if err := f.store.Write(ctx, func(ctx context.Context, tx service.Tx) error {
					_, err := f.sequencer.Number(ctx, tx)
					return err
				}); err != nil {
					return err
				}
				select {
				case <-done:
					return nil
				case <-time.After(20 * time.Millisecond):
				}
			}
		})
	}
	work, _ := errgroup.WithContext(ctx)
	for lane := range lanes {
		work.Go(func() error {
			var waiting []func(context.Context, service.Tx) error
			for time.Now().Before(end) {
				for len(waiting) < max(1, callers/lanes) {
					waiting = append(waiting, life()...)
				}
				n := max(1, callers/lanes)
				group := waiting[:n]
				waiting = waiting[n:]
				if err := f.store.Write(ctx, func(ctx context.Context, tx service.Tx) error {
					for _, change := range group {
						if err := change(ctx, tx); err != nil {
							return err
						}
					}
					return nil
				}); err != nil {
					return err
				}
				counts[lane] += n
			}
			return nil
		})
	}
	err := work.Wait()
	took := time.Since(began)
	close(done)
	if err == nil {
		err = numbering.Wait()
	}
	for _, n := range counts {
		changes += n
	}
	return float64(changes) / took.Seconds(), err
}

// life gives ten changes in the mix's proportions, as caller.steps.
func life() []func(context.Context, service.Tx) error {
	var d [4]*row
	create := func(i int) func(context.Context, service.Tx) error {
		return func(ctx context.Context, tx service.Tx) error {
			d[i] = newRow(tx)
			return d[i].create(ctx, tx)
		}
	}
	return []func(context.Context, service.Tx) error{
		create(0), create(1),
		func(ctx context.Context, tx service.Tx) error { return d[0].submit(ctx, tx, 1) },
		func(ctx context.Context, tx service.Tx) error { return d[0].decide(ctx, tx, 0) },
		create(2),
		func(ctx context.Context, tx service.Tx) error { return d[1].submit(ctx, tx, 2) },
		func(ctx context.Context, tx service.Tx) error { return d[1].decide(ctx, tx, 0) },
		create(3),
		func(ctx context.Context, tx service.Tx) error { return d[1].decide(ctx, tx, 1) },
		func(ctx context.Context, tx service.Tx) error { return d[2].void(ctx, tx) },
	}
}

// row is a document with its approval, as rows of the same size as the server's.
type row struct {
	doc      document.Document
	approval approval.Approval
}

func newRow(tx service.Tx) *row {
	meta, _ := json.Marshal(map[string]any{"amount": 4711, "text": filler})
	return &row{doc: document.Document{
		Org: floorOrg, ID: id.New("doc", tx.Now()), Unit: "general", Type: "document", Title: "Purchase request", State: document.Draft,
		Labels: map[string]string{"batch": "0123456789ab-12"}, Metadata: meta, CreatedBy: "admin", CreatedAt: tx.Now(), UpdatedAt: tx.Now(), Revision: 1,
		Processing: document.Processing{Status: document.StatusDone},
	}}
}

// remember writes the idempotency row with a result of size bytes.
func (r *row) remember(ctx context.Context, tx service.Tx, size int) error {
	digest := sha256.Sum256([]byte(r.doc.ID))
	return tx.KeepIdempotency(ctx, service.IdempotencyRecord{Client: floorOrg + "/cli_01kb0q7m4b1s9v3d8r5x2c6e7f", Route: "POST /v1/documents/{id}/void",
		Key: id.New("key", tx.Now()), Digest: digest[:], Result: make([]byte, size), CreatedAt: tx.Now(), ExpiresAt: tx.Now().Add(7 * 24 * time.Hour)})
}

func (r *row) log(ctx context.Context, tx service.Tx, kinds ...journal.Kind) error {
	d := &r.doc
	for _, kind := range kinds {
		data, _ := json.Marshal(map[string]any{"document_id": d.ID, "document_type": d.Type, "business_unit": d.Unit, "state": d.State, "title": d.Title})
		if kind == journal.DocumentSubmitted {
			data = append(append(data[:len(data)-1:len(data)-1], `,"metadata":`...), append(d.Metadata, '}')...)
		}
		d.EntrySeq++
		e := journal.Entry{ID: id.New(journal.Prefix, tx.Now()), Org: d.Org, Unit: d.Unit, Kind: kind, SubjectType: "document", SubjectID: d.ID,
			DocumentID: d.ID, DocSeq: d.EntrySeq, DocVersion: d.Revision, At: tx.Now(), Actor: journal.Actor{Kind: "client", ID: "cli_01kb0q7m4b1s9v3d8r5x2c6e7f", Principal: "admin"},
			Source:  journal.Source{Peer: "127.0.0.1", RequestID: id.New("req", tx.Now())},
			Digests: map[string]string{"metadata": "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}, Data: data, Trace: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"}
		var prev journal.Hash
		copy(prev[:], d.LastLeaf)
		if err := journal.Seal(&e, prev); err != nil {
			return err
		}
		leaf := e.LeafHash()
		d.LastLeaf = leaf[:]
		if err := tx.InsertEntry(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

func (r *row) create(ctx context.Context, tx service.Tx) error {
	if err := r.remember(ctx, tx, 4900); err != nil {
		return err
	}
	if err := r.log(ctx, tx, journal.DocumentCreated); err != nil {
		return err
	}
	return tx.InsertDocument(ctx, r.doc)
}

func (r *row) submit(ctx context.Context, tx service.Tx, approvers int) error {
	if err := r.remember(ctx, tx, 1100); err != nil {
		return err
	}
	if err := r.log(ctx, tx, journal.DocumentSubmitted, journal.DocumentInReview, journal.TaskOpened); err != nil {
		return err
	}
	r.doc.State = document.InReview
	r.approval = approval.Approval{ID: id.New("apr", tx.Now()), Org: floorOrg, Unit: "general", DocumentID: r.doc.ID, Initiator: approval.Initiator{UserID: "u_1", Email: "ana@bench.example"},
		Mode: approval.Sequential, Quorum: approvers, State: approval.Open, CreatedAt: tx.Now(), Revision: 1}
	for i := range approvers {
		r.approval.Tasks = append(r.approval.Tasks, approval.Task{ID: id.New("task", tx.Now()), Org: floorOrg, ApprovalID: r.approval.ID, DocumentID: r.doc.ID, Position: i + 1, Assignee: person, State: approval.Waiting})
	}
	if err := tx.InsertApproval(ctx, r.approval); err != nil {
		return err
	}
	return tx.UpdateDocument(ctx, &r.doc)
}

func (r *row) decide(ctx context.Context, tx service.Tx, i int) error {
	if err := r.remember(ctx, tx, 1100); err != nil {
		return err
	}
	if err := r.log(ctx, tx, journal.TaskDecided, journal.DocumentApproved); err != nil {
		return err
	}
	r.approval.Tasks[i].State = approval.Approved
	if i == len(r.approval.Tasks)-1 {
		r.approval.State, r.doc.State = approval.Approved, document.Approved
	}
	if err := tx.UpdateApproval(ctx, &r.approval); err != nil {
		return err
	}
	return tx.UpdateDocument(ctx, &r.doc)
}

func (r *row) void(ctx context.Context, tx service.Tx) error {
	if err := r.remember(ctx, tx, 4900); err != nil {
		return err
	}
	r.doc.State = document.Voided
	if err := r.log(ctx, tx, journal.DocumentVoided); err != nil {
		return err
	}
	return tx.UpdateDocument(ctx, &r.doc)
}
