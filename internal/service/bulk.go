package service

import (
	"context"
	"fmt"
	"net/mail"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/bulk"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/signing"
)

// maxBulkSends is how many bulk sends of an organisation may be running at once.
const maxBulkSends = 50

type bulkReader interface {
	BulkSend(ctx context.Context, org, id string) (bulk.Send, error)
	// BulkSendOf gives the bulk send that an operation sends the rows of. NotFound where
	// another one does by now.
	BulkSendOf(ctx context.Context, org, operationID string) (bulk.Send, error)
	BulkSends(ctx context.Context, f BulkFilter) ([]bulk.Send, error) // by id, newest first
	// BulkRows lists rows behind a number, by number; state "": all.
	BulkRows(ctx context.Context, org, bulkID string, state bulk.RowState, after, limit int) ([]bulk.Row, error)
}

type bulkWriter interface {
	InsertBulkSend(ctx context.Context, b bulk.Send, rows []bulk.Row) error
	// UpdateBulkSend compare-and-swaps (Conflict "stale").
	UpdateBulkSend(ctx context.Context, b *bulk.Send) error
	// SettleBulkRow writes what became of a row. Conflict "stale" where it does not wait
	// any more: somebody has settled it before.
	SettleBulkRow(ctx context.Context, org, bulkID string, r bulk.Row) error
	// RetryBulkRows lets the refused rows wait again, and tells how many there were.
	RetryBulkRows(ctx context.Context, org, bulkID string) (int64, error)
	// PurgeBulkRows takes away the cells of rows that were not sent, and what was said
	// against them, where the bulk send ended before the time or has stood still since then;
	// and tells how many rows there were.
	PurgeBulkRows(ctx context.Context, before time.Time) (int64, error)
}

// BulkFilter narrows a list of bulk sends. Zero fields do not narrow.
type BulkFilter struct {
	Org        string
	Units      []string // nil: all
	State      string
	DocumentID string
	Before     string // cursor
	Limit      int
}

// NewBulkSend sends a document to many: each row gets a copy of it and an envelope of
// its own, made of the template.
type NewBulkSend struct {
	DocumentID string
	Template   bulk.Template
	Table      bulk.Table
	Rows       []byte
}

// StartBulkSend checks every row, and begins to send them.
//
// Faults: NotFound, Conflict of the document to be sent ("document_without_file",
// "document_processing" and the like); Invalid "invalid_bulk_send", "invalid_rows"
// listing everything; Conflict "fields_not_possible", "too_many_bulk_sends".
func (s *Service) StartBulkSend(ctx context.Context, call Call, in NewBulkSend) (Result[bulk.Send], error) {
	for _, do := range []access.Action{access.WriteEnvelope, access.WriteDocument, access.SubmitDocument, access.ReadDocument} {
		if err := access.Allowed(call.Actor, do); err != nil {
			return Result[bulk.Send]{}, err
		}
	}
	by, err := callerOf(call.Actor)
	if err != nil {
		return Result[bulk.Send]{}, err
	}
	var problems bulk.Problems
	columns, rows := in.Table.Read(in.Rows, &problems)
	if err := problems.Err(); err != nil {
		return Result[bulk.Send]{}, err
	}
	b := bulk.Send{Org: call.Actor.Org, DocumentID: in.DocumentID, Template: in.Template, Columns: columns, By: by, State: bulk.Running, Total: len(rows), Revision: 1}
	if err := s.checkBulkSend(ctx, call.Actor, &b, rows); err != nil {
		return Result[bulk.Send]{}, err
	}
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (bulk.Send, error) {
		b := b
		running, err := c.BulkSends(ctx, BulkFilter{Org: b.Org, State: string(bulk.Running), Limit: maxBulkSends})
		if err != nil {
			return b, err
		}
		if len(running) >= maxBulkSends {
			return b, fault.New(fault.Conflict, "too_many_bulk_sends", "%d bulk sends are running. Wait for the end of some, or pause them.", len(running))
		}
		b.ID, b.CreatedAt = id.New(bulk.Prefix, c.Now()), c.Now()
		if err := c.beginBulk(ctx, &b, journal.BulkSendStarted); err != nil {
			return b, err
		}
		waiting := make([]bulk.Row, len(rows))
		for i := range rows {
			waiting[i] = bulk.Row{Number: i + 1, State: bulk.Waiting, Values: rows[i]}
		}
		return b, c.InsertBulkSend(ctx, b, waiting)
	})
}

// callerOf keeps as whom rows are sent.
func callerOf(a access.Actor) (bulk.Caller, error) {
	if a.Client == "" || a.OnBehalfOf != "" && a.Delegation == "" {
		// Whether such a caller still may could not be asked anew for each row.
		return bulk.Caller{}, fault.New(fault.Forbidden, "bulk_send_needs_own_token", "A bulk send goes on after its request, as whoever began it. Begin it with a token of the client's own, or of a person.")
	}
	return bulk.Caller{Kind: a.Kind, ID: a.ID, Client: a.Client, Delegation: a.Delegation, Principal: a.Principal, OnBehalfOf: a.OnBehalfOf, Scopes: a.Scopes, Units: a.Units,
		RequestID: a.Source.RequestID, UserAgent: a.Source.UserAgent, Trace: a.Source.Trace}, nil
}

// beginBulk starts the operation that sends the rows. The caller writes the bulk send.
func (c *change) beginBulk(ctx context.Context, b *bulk.Send, kind journal.Kind) error {
	op := Operation{ID: id.New("op", c.Now()), Org: b.Org, Unit: b.Unit, Kind: OpBulkSend, State: OperationPending, Step: "send",
		Done: b.Sent + b.Refused, Total: b.Total, CreatedAt: c.Now(), Revision: 1}
	b.Operation = op.ID
	if err := c.logBulk(b, kind); err != nil {
		return err
	}
	if err := c.logOperation(&op, nil, journal.OperationStarted); err != nil {
		return err
	}
	return c.InsertOperation(ctx, op)
}

func (c *change) logBulk(b *bulk.Send, kind journal.Kind) error {
	return c.log(b.Org, b.Unit, note{kind: kind, subject: "bulk_send", id: b.ID, data: event.BulkSend{BulkSendID: b.ID, SourceID: b.DocumentID, State: b.State,
		Rows: b.Total, Sent: b.Sent, Refused: b.Refused, OperationID: b.Operation, Code: b.Code, Reason: b.Reason}})
}

// checkBulkSend fills in what the template leaves open, and lists everything wrong
// with it and with each row, as far as that can be seen before anything is made.
func (s *Service) checkBulkSend(ctx context.Context, a access.Actor, b *bulk.Send, rows []bulk.Values) error {
	t := &b.Template
	var l fault.List
	t.Check(b.Columns, &l)
	checkInitiator(t, a, &l)
	var typ document.Type
	err := s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		src, err := bulkSourceFor(ctx, tx, a, b.DocumentID)
		if err != nil {
			return err
		}
		if err := src.fits(t, &l); err != nil {
			return err
		}
		settleTemplate(t, a, &src.document)
		b.Unit = t.Unit
		if err := access.Check(a, access.WriteEnvelope, access.Resource{Org: a.Org, Unit: t.Unit}); err != nil {
			return err
		}
		if _, err := tx.Unit(ctx, a.Org, t.Unit); fault.KindOf(err) == fault.NotFound {
			l.Add("/document/business_unit", "unknown_unit", "There is no business unit %s.", t.Unit)
		} else if err != nil {
			return err
		}
		typ, err = tx.DocumentType(ctx, a.Org, t.Type)
		switch {
		case fault.KindOf(err) == fault.NotFound:
			l.Add("/document/document_type", "unknown_type", "There is no document type %s.", t.Type)
			return nil
		case err == nil && typ.FourEyes:
			l.Add("/document/document_type", "four_eyes", "Documents of this type are decided by somebody else than who hands them in, so they cannot be sent at once.")
		}
		return err
	})
	if err == nil {
		err = l.Err("invalid_bulk_send", "The bulk send has faults.")
	}
	if err != nil {
		return err
	}
	return s.checkBulkRows(ctx, t, typ, rows)
}

// settleTemplate fills in what a template leaves to the caller and the source.
func settleTemplate(t *bulk.Template, a access.Actor, source *document.Document) {
	if t.Unit == "" {
		if t.Unit = "general"; len(a.Units) == 1 {
			t.Unit = a.Units[0]
		}
	}
	if t.Type == "" {
		t.Type = "document"
	}
	if t.Title == "" {
		// A title that happens to hold braces is no placeholder.
		t.Title = strings.NewReplacer("{{", "{", "}}", "}").Replace(source.Title)
	}
}

// checkInitiator takes the caller as the initiator where nobody is named.
func checkInitiator(t *bulk.Template, a access.Actor, l *fault.List) {
	if t.Initiator.UserID == "" {
		t.Initiator.UserID = a.ID
	}
	if t.Initiator.Email == "" {
		t.Initiator.Email = a.Principal
	}
	if _, err := mail.ParseAddress(t.Initiator.Email); err != nil {
		l.Add("/initiator/email", "bad_email", "Name who hands the documents in: %q is no e-mail address.", t.Initiator.Email)
	}
}

// checkBulkRows checks what each row makes of the template by the rules by which its
// document and its envelope will be made.
func (s *Service) checkBulkRows(ctx context.Context, t *bulk.Template, typ document.Type, rows []bulk.Values) error {
	var problems bulk.Problems
	schema := s.schemas.put(typ)
	taken := map[string]int{}
	for i, v := range rows {
		if err := ctx.Err(); err != nil {
			return fault.Wrap(err, fault.Unavailable, "not_begun", "There was no time to check all rows. Send fewer at once.")
		}
		one := t.Fill(v)
		d, env := documentOfRow(&one), envelopeOfRow(&one)
		var l fault.List
		d.Check(&l)
		found, err := schema.faults(d.Metadata)
		if err != nil {
			return fmt.Errorf("the schema of type %s: %w", typ.Name, err)
		}
		for _, f := range append(faultsOf(l.Err("invalid_document", "")), found...) {
			problems.Add(i+1, t.Behind("/document"+f.Pointer), f.Code, "%s", f.Message)
		}
		env.DocumentID = "the copy"
		for _, f := range faultsOf(checkEnvelope(env, s.Clock.Now())) {
			problems.Add(i+1, t.Behind(f.Pointer), f.Code, "%s", f.Message)
		}
		if first, twice := taken[one.ExternalID]; twice && one.ExternalID != "" {
			problems.Add(i+1, t.Behind("/document/external_id"), "repeated", "Row %d has the same external id.", first)
		}
		taken[one.ExternalID] = i + 1
	}
	return problems.Err()
}

func faultsOf(err error) []fault.Detail { return fault.From(err).GetDetails() }

func documentOfRow(t *bulk.Template) document.Document {
	return document.Document{Unit: t.Unit, Type: t.Type, Title: t.Title, ExternalID: t.ExternalID, Labels: t.Labels, Metadata: t.Metadata}
}

func envelopeOfRow(t *bulk.Template) NewEnvelope {
	env := NewEnvelope{Subject: t.Subject, Message: t.Message, ExpiresAt: t.ExpiresAt, Send: true}
	for _, r := range t.Recipients {
		env.Recipients = append(env.Recipients, NewRecipient{Name: r.Name, Email: r.Email, Order: r.Order, Fields: r.Fields})
	}
	return env
}

// bulkSource is the document that is sent: its version with the pages that show it.
type bulkSource struct {
	document document.Document
	version  document.Version
	file     Blob
	pages    []document.Page // with their texts
	words    []Blob          // of those pages that have some
}

// bulkSourceFor reads the source for whoever may read it.
func bulkSourceFor(ctx context.Context, tx Reader, a access.Actor, docID string) (src bulkSource, err error) {
	if src.document, err = documentFor(ctx, tx, a, docID, access.ReadDocument); err != nil {
		return src, err
	}
	d := &src.document
	if src.pages, err = currentPages(ctx, tx, d); err != nil {
		return src, err
	}
	texts, err := tx.PageTexts(ctx, d.Org, d.ID, "", 0)
	if err != nil {
		return src, err
	}
	for i := range src.pages {
		if i < len(texts) && texts[i].No == src.pages[i].No {
			src.pages[i].Text = texts[i].Text
		}
		if name := src.pages[i].Blob; name != "" {
			b, err := tx.Blob(ctx, d.Org, name)
			if err != nil {
				return src, err
			}
			src.words = append(src.words, b)
		}
	}
	if src.version, err = tx.Version(ctx, d.Org, d.ID, d.Current); err != nil {
		return src, err
	}
	src.file, err = tx.Blob(ctx, d.Org, src.version.Blob)
	return src, err
}

// fits checks the template's fields against the pages.
func (src *bulkSource) fits(t *bulk.Template, l *fault.List) error {
	fields := make([][]signing.Field, len(t.Recipients))
	some := false
	for i, r := range t.Recipients {
		fields[i] = r.Fields
		some = some || len(r.Fields) > 0
	}
	if some && src.version.Signatures > 0 {
		return fieldsNotPossible()
	}
	signing.CheckFields(l, fields, src.pages)
	return nil
}

// BulkSend gives a bulk send. Faults: NotFound.
func (s *Service) BulkSend(ctx context.Context, a access.Actor, bulkID string) (b bulk.Send, err error) {
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		b, err = bulkFor(ctx, tx, a, bulkID, access.ReadEnvelope)
		return err
	})
	return b, err
}

// AwaitBulkSend gives a bulk send as soon as it does not run any more, or as it is when
// wait is over. Faults: NotFound.
func (s *Service) AwaitBulkSend(ctx context.Context, a access.Actor, bulkID string, wait time.Duration) (bulk.Send, error) {
	wake, cancel := s.Store.Subscribe(TopicEntries) // every end and every pause is an entry
	defer cancel()
	over := time.NewTimer(wait)
	defer over.Stop()
	for {
		b, err := s.BulkSend(ctx, a, bulkID)
		if err != nil || b.State != bulk.Running || wait <= 0 {
			return b, err
		}
		select {
		case <-wake:
		case <-over.C:
			wait = 0 // one last look
		case <-s.Closing:
			return b, nil
		case <-ctx.Done():
			return b, nil
		}
	}
}

func bulkFor(ctx context.Context, tx Reader, a access.Actor, bulkID string, do access.Action) (b bulk.Send, err error) {
	if err := access.Allowed(a, do); err != nil {
		return b, err
	}
	if b, err = tx.BulkSend(ctx, a.Org, bulkID); err != nil {
		return b, err
	}
	return b, access.Check(a, do, access.Resource{Org: b.Org, Unit: b.Unit})
}

// BulkSends lists bulk sends of the actor's units, newest first.
func (s *Service) BulkSends(ctx context.Context, a access.Actor, f BulkFilter) (out []bulk.Send, err error) {
	if err := access.Allowed(a, access.ReadEnvelope); err != nil {
		return nil, err
	}
	f.Org, f.Units, f.Limit = a.Org, a.Units, limit(f.Limit)
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		out, err = tx.BulkSends(ctx, f)
		return err
	})
	return out, err
}

// BulkRows lists rows of a bulk send behind a number, by number. Faults: NotFound.
func (s *Service) BulkRows(ctx context.Context, a access.Actor, bulkID string, state bulk.RowState, after, most int) (out []bulk.Row, err error) {
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		if _, err := bulkFor(ctx, tx, a, bulkID, access.ReadEnvelope); err != nil {
			return err
		}
		out, err = tx.BulkRows(ctx, a.Org, bulkID, state, after, limit(most))
		return err
	})
	return out, err
}
