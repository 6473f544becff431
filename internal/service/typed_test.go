package service_test

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/paraph/paraph/internal/approval"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
)

// orders saves the schema of the type "order".
func (b *bench) orders(schema string) {
	b.t.Helper()
	_, err := b.svc.SaveDocumentType(b.t.Context(), b.user, "order", service.SavedType{Title: "Order", Schema: json.RawMessage(schema)})
	b.must(err)
}

// changing is a file during whose sending something happens.
type changing struct {
	io.Reader
	then func()
}

func (c *changing) Read(p []byte) (int, error) {
	if c.then != nil {
		c.then()
		c.then = nil
	}
	return c.Reader.Read(p)
}

func (b *bench) send(metadata string, then func()) (service.Result[service.Uploaded], error) {
	return b.svc.Upload(b.t.Context(), b.user, service.NewDocument{Type: "order", Title: "An order", Metadata: json.RawMessage(metadata)},
		service.File{Name: "a.pdf", MediaType: "application/pdf", Body: &changing{strings.NewReader("a file"), then}})
}

// TestTheTypeIsChangedWhileAFileIsSent: what counts is the type as it is when the
// document is made.
func TestTheTypeIsChangedWhileAFileIsSent(t *testing.T) {
	each(t, func(b *bench) {
		b.orders(`{"required": ["amount"]}`)
		_, err := b.send(`{"total": 1}`, nil)
		b.refused(err, "invalid_document")
		if n := len(b.vault.removed); n != 0 {
			t.Errorf("%d files were taken in before the metadata were looked at", n)
		}
		_, err = b.send(`{"amount": 1}`, func() { b.orders(`{"required": ["total"]}`) })
		b.refused(err, "invalid_document")
		if n := len(b.vault.removed); n != 1 {
			t.Errorf("of a file that was refused in the end, %d are removed", n)
		}
		_, err = b.send(`{"amount": 1, "total": 1}`, func() { b.orders(`{"required": ["amount"]}`) })
		b.must(err)
		// A type that was open, and is not any more.
		b.orders(``)
		_, err = b.send(`{}`, func() { b.orders(`{"required": ["amount"]}`) })
		b.refused(err, "invalid_document")
	})
}

// spying counts what commands read of types inside their transactions.
type spying struct {
	service.Store
	schemas atomic.Int64
}

func (s *spying) Write(ctx context.Context, fn func(context.Context, service.Tx) error) error {
	return s.Store.Write(ctx, func(ctx context.Context, tx service.Tx) error { return fn(ctx, spyTx{tx, s}) })
}

type spyTx struct {
	service.Tx
	spy *spying
}

func (t spyTx) DocumentType(ctx context.Context, org, name string) (document.Type, error) {
	t.spy.schemas.Add(1)
	return t.Tx.DocumentType(ctx, org, name)
}

// TestSchemasStayOutOfTransactions: a schema is neither read nor checked by while
// SQLite's one writer waits, and the faults are those of before.
func TestSchemasStayOutOfTransactions(t *testing.T) {
	each(t, func(b *bench) {
		spy := &spying{Store: b.store}
		conf := b.svc.Config
		conf.Store = spy
		b.orders(`{"required": ["amount"], "properties": {"amount": {"type": "number"}}}`)
		fresh := service.New(conf) // its cache is empty
		d, err := fresh.Draft(t.Context(), b.user, service.NewDocument{Type: "order", Title: "An order", Metadata: json.RawMessage(`{"amount": 1}`)})
		b.must(err)
		id := d.Value.ID
		_, err = fresh.EditDocument(t.Context(), b.user, id, service.Edit{Metadata: json.RawMessage(`{"amount": "x"}`)})
		b.refused(err, "invalid_document")
		if f := fault.From(err); len(f.Details) != 1 || f.Details[0].Pointer != "/metadata/amount" {
			t.Errorf("the faults: %+v", f.Details)
		}
		title := "Another title"
		_, err = fresh.EditDocument(t.Context(), b.user, id, service.Edit{Title: &title})
		b.must(err)
		payload := approval.Payload{DocumentID: id, DocumentType: "order", Initiator: approval.Initiator{UserID: "u", Email: "u@example.com"}, Approvers: []string{}}
		payload.Metadata = json.RawMessage(`{"amount": "x"}`)
		_, err = fresh.Submit(t.Context(), b.user, payload)
		b.refused(err, "invalid_approval")
		payload.Metadata = nil // those it has
		_, err = fresh.Submit(t.Context(), b.user, payload)
		b.must(err)
		if n := spy.schemas.Load(); n != 0 {
			t.Errorf("schemas were read %d times inside transactions", n)
		}
	})
}
