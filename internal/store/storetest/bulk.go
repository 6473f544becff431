package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/bulk"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
)

// newBulkSend makes a bulk send of three rows, with the operation that sends them.
func newBulkSend(orgID, unit string) (bulk.Send, []bulk.Row, service.Operation) {
	op := service.Operation{ID: newID("op"), Org: orgID, Unit: unit, Kind: service.OpBulkSend, State: service.OperationPending, CreatedAt: at(1), Revision: 1}
	b := bulk.Send{ID: newID(bulk.Prefix), Org: orgID, Unit: unit, DocumentID: newID("doc"), Template: bulk.Template{Title: "For {{name}}", Recipients: []bulk.Recipient{{Name: "{{name}}", Email: "{{email}}"}}},
		Columns: []string{"name", "email"}, By: bulk.Caller{Kind: access.Client, ID: "cli_1", Client: "cli_1", Principal: "ann@example.org", Scopes: []access.Scope{access.Admin}},
		Operation: op.ID, State: bulk.Running, Total: 3, CreatedAt: at(1), Revision: 1}
	var rows []bulk.Row
	for n := range 3 {
		rows = append(rows, bulk.Row{Number: n + 1, State: bulk.Waiting, Values: bulk.Values{"name": json.RawMessage(fmt.Sprintf(`"Zoë %d"`, n))}})
	}
	return b, rows, op
}

func bulkSends(t *testing.T, s service.Store) {
	b, rows, op := newBulkSend(org, "bulk_a")
	foreign, foreignRows, foreignOp := newBulkSend(other, "bulk_a")
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		return errors.Join(tx.InsertOperation(ctx, op), tx.InsertBulkSend(ctx, b, rows), tx.InsertOperation(ctx, foreignOp), tx.InsertBulkSend(ctx, foreign, foreignRows))
	})
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		got, err1 := tx.BulkSend(ctx, org, b.ID)
		same(t, "a bulk send", got, b)
		got, err2 := tx.BulkSendOf(ctx, org, op.ID)
		same(t, "by its operation", got, b)
		_, err := tx.BulkSend(ctx, other, b.ID)
		gone(t, "another organisation's", err)
		_, err = tx.BulkSendOf(ctx, other, op.ID)
		gone(t, "another organisation's, by its operation", err)
		all, err3 := tx.BulkRows(ctx, org, b.ID, "", 0, 10)
		same(t, "its rows", all, rows)
		some, err4 := tx.BulkRows(ctx, org, b.ID, bulk.Waiting, 1, 1)
		same(t, "the row behind the first", some, rows[1:2])
		none, err5 := tx.BulkRows(ctx, other, b.ID, "", 0, 10)
		same(t, "another organisation's rows", none, []bulk.Row(nil))
		for want, f := range map[int]service.BulkFilter{1: {State: "running", DocumentID: b.DocumentID}, 0: {Units: []string{"elsewhere"}}} {
			f.Org, f.Limit = org, 10
			list, err := tx.BulkSends(ctx, f)
			if err != nil || len(list) != want {
				t.Errorf("%+v: %d bulk sends, %v", f, len(list), err)
			}
		}
		return errors.Join(err1, err2, err3, err4, err5)
	})
	bulkRowsSettled(t, s, b, op)
}

// bulkRowsSettled sends one row, refuses another, and lets what the others hold go.
func bulkRowsSettled(t *testing.T, s service.Store, b bulk.Send, op service.Operation) {
	sent := bulk.Row{Number: 1, State: bulk.Sent, DocumentID: newID("doc"), EnvelopeID: "env_1", SettledAt: at(2)}
	no := bulk.Row{Number: 2, State: bulk.Refused, Code: "taken", Reason: "why", Faults: []fault.Detail{{Pointer: "/x", Code: "c", Message: "m"}}, SettledAt: at(3)}
	settle := func(rows ...bulk.Row) error {
		return s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error {
			for _, r := range rows {
				if err := tx.SettleBulkRow(ctx, org, b.ID, r); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := settle(sent, no); err != nil {
		t.Fatal(err)
	}
	refused(t, settle(sent), fault.Conflict, "stale")
	look := func(number int) (r bulk.Row) {
		read(t, s, func(ctx context.Context, tx service.Reader) error {
			rows, err := tx.BulkRows(ctx, org, b.ID, "", number-1, 1)
			if err == nil && len(rows) == 1 {
				r = rows[0]
			}
			return err
		})
		return r
	}
	no.Values = look(2).Values
	same(t, "a refused row", look(2), no)
	purged := func(before time.Time, want int64) {
		t.Helper()
		var n int64
		write(t, s, func(ctx context.Context, tx service.Tx) (err error) {
			n, err = tx.PurgeBulkRows(ctx, before)
			return err
		})
		same(t, "rows purged", n, want)
	}
	purged(at(1000), 0) // it runs
	retried := func(want int64) {
		t.Helper()
		var n int64
		write(t, s, func(ctx context.Context, tx service.Tx) (err error) {
			n, err = tx.RetryBulkRows(ctx, org, b.ID)
			return err
		})
		same(t, "rows that wait again", n, want)
	}
	retried(1)
	retried(0)
	if r := look(2); r.State != bulk.Waiting || r.Code != "" || r.Reason != "" || r.Faults != nil || !r.SettledAt.IsZero() || r.Values == nil {
		t.Errorf("%+v", r)
	}
	if err := settle(no); err != nil {
		t.Fatal(err)
	}
	b.State, b.Code, b.Sent, b.Refused = bulk.Paused, "paused", 1, 1
	op.State, op.EndedAt = service.OperationFailed, at(20)
	old := b
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		changed, ended := b, op
		if err := errors.Join(tx.UpdateBulkSend(ctx, &changed), tx.UpdateOperation(ctx, &ended)); err != nil {
			return err
		}
		b = changed
		return nil
	})
	isStale(t, s, func(ctx context.Context, tx service.Tx) error {
		lost := old
		return tx.UpdateBulkSend(ctx, &lost)
	})
	purged(at(20), 0)
	purged(at(21), 2)
	purged(at(21), 0)
	for number := 2; number <= 3; number++ {
		if r := look(number); r.Values != nil || r.Reason != "" || r.Faults != nil {
			t.Errorf("it stayed: %+v", r)
		}
	}
	if r := look(1); r.Values == nil || r.DocumentID != sent.DocumentID {
		t.Errorf("%+v", r)
	}
}
