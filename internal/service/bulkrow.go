package service

import (
	"context"
	"io"
	"slices"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/approval"
	"github.com/paraph/paraph/internal/bulk"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/failpoint"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/journal"
)

// SendBulkRow sends the next row of the bulk send that an operation is for, as whoever
// began it, and tells whether others may follow. A row is one transaction: either its
// document, its approval, its envelope and its mark are there, or nothing is.
//
// Faults: Conflict "operation_ended" where the bulk send was paused, ended, or is
// another operation's by now; those of the store and the vault, after which the same row
// comes again.
func (s *Service) SendBulkRow(ctx context.Context, call Call, opID string) (more bool, err error) {
	var b bulk.Send
	var next []bulk.Row
	err = s.Store.Read(Within(ctx, call.Actor.Org), func(ctx context.Context, tx Reader) error {
		if b, err = tx.BulkSendOf(ctx, call.Actor.Org, opID); err != nil {
			return bulkWorkEnded()
		}
		next, err = tx.BulkRows(ctx, b.Org, b.ID, bulk.Waiting, 0, 1)
		return err
	})
	switch {
	case err != nil:
		return false, err
	case b.State != bulk.Running:
		return false, bulkWorkEnded()
	case len(next) == 0:
		return false, s.finishBulk(ctx, call, opID)
	}
	row := next[0]
	refusal := s.sendRow(ctx, call, &b, row)
	if refusal == nil {
		return true, failpoint.Hit(failpoint.BulkRowSent)
	}
	f := fault.From(refusal)
	switch f.Kind {
	case fault.Unavailable, fault.Internal, fault.TooMany:
		return false, refusal
	case fault.Forbidden, fault.Unauthorized, fault.NotFound, fault.Gone:
		// It is the caller's right, or the source, that is gone: the other rows would fare alike.
		return false, s.FailWork(ctx, call, opID, Failure{Code: f.Code, Reason: f.Message})
	}
	switch f.Code {
	case "operation_ended", "stale":
		return false, refusal
	case "unit_limit_reached", "unit_closed", "unit_file_limit", CodePageLimit:
		return false, s.FailWork(ctx, call, opID, Failure{Code: f.Code, Reason: f.Message})
	}
	row.State, row.Code, row.Reason, row.Faults = bulk.Refused, f.Code, f.Message, f.Details
	return true, s.settleRow(ctx, call, b.Operation, row)
}

func bulkWorkEnded() error {
	return fault.New(fault.Conflict, "operation_ended", "The bulk send is not this operation's any more.")
}

// sendRow makes and sends what a row asks for, by the commands that anybody calls.
func (s *Service) sendRow(ctx context.Context, work Call, b *bulk.Send, row bulk.Row) error {
	actor, err := s.bulkActor(ctx, b)
	if err != nil {
		return err
	}
	t := b.Template.Fill(row.Values)
	call := Call{Actor: actor}
	d, known, err := s.draft(ctx, actor, NewDocument{Type: t.Type, Unit: t.Unit, Title: t.Title, ExternalID: t.ExternalID, Labels: t.Labels, Metadata: t.Metadata}, "")
	if err != nil {
		return err
	}
	var src bulkSource
	err = s.Store.Read(call.within(ctx), func(ctx context.Context, tx Reader) error {
		src, err = bulkSourceFor(ctx, tx, actor, b.DocumentID)
		return err
	})
	if err != nil {
		return err
	}
	d.ID = id.New("doc", s.Clock.Now())
	made, err := s.copySource(ctx, &d, &src)
	if err == nil {
		err = s.sendCopy(ctx, work, call, b, row, d, made, known)
	}
	if err != nil && !Uncertain(err) {
		s.removeParts(ctx, append(made.words, made.file))
	}
	return err
}

// sendCopy makes the document of a row and sends it, in one transaction.
func (s *Service) sendCopy(ctx context.Context, work, call Call, b *bulk.Send, row bulk.Row, d document.Document, made bulkCopy, known *checks) error {
	t := b.Template.Fill(row.Values)
	_, err := keyed(ctx, s, d.Unit, &made.key, func() (Result[bulk.Row], error) {
		out := Result[bulk.Row]{Value: row}
		return out, s.Store.Together(call.within(ctx), func(ctx context.Context) error {
			if _, err := s.keepCopy(ctx, call, d, &made, known); err != nil {
				return err
			}
			payload := approval.Payload{DocumentID: d.ID, DocumentType: d.Type, Initiator: t.Initiator, Approvers: []string{}}
			if _, err := s.submit(ctx, call, payload, known); err != nil {
				return err
			}
			env := envelopeOfRow(&t)
			env.DocumentID = d.ID
			e, err := s.CreateEnvelope(ctx, call, env)
			if err != nil {
				return err
			}
			sent := row
			sent.State, sent.DocumentID, sent.EnvelopeID = bulk.Sent, d.ID, e.Value.ID
			return s.settleRow(ctx, work, b.Operation, sent)
		})
	})
	return err
}

// bulkActor gives whoever the rows are sent as, with the rights that are left of those
// of the beginning. A person's device was looked at when the bulk send was begun; a row
// comes from none.
//
// Faults: Unauthorized "invalid_token" where the client, the person, or what the person
// allowed the client is not in force any more.
func (s *Service) bulkActor(ctx context.Context, b *bulk.Send) (access.Actor, error) {
	by := b.By
	cl, err := s.ActiveClient(ctx, by.Client)
	if err == nil && cl.Org != b.Org {
		err = mayNotLogIn()
	}
	if err != nil {
		return access.Actor{}, err
	}
	a := access.Actor{Kind: by.Kind, Org: b.Org, ID: by.ID, Client: by.Client, Delegation: by.Delegation, Principal: by.Principal, OnBehalfOf: by.OnBehalfOf,
		Scopes: common(by.Scopes, cl.Scopes), Units: commonUnits(by.Units, cl.Units), Roles: cl.Roles,
		Source: access.Source{RequestID: by.RequestID, UserAgent: by.UserAgent, Trace: by.Trace}}
	if by.Delegation == "" {
		return a, nil
	}
	userID := ""
	err = s.Store.Read(Within(ctx, b.Org), func(ctx context.Context, tx Reader) error {
		d, err := tx.Delegation(ctx, by.Delegation)
		if err == nil && (d.Org != b.Org || !d.RevokedAt.IsZero()) {
			err = mayNotLogIn()
		}
		userID = d.UserID
		return err
	})
	if err != nil {
		return a, err
	}
	u, err := s.ActiveUser(ctx, userID)
	a.Scopes, a.Units, a.Roles = common(a.Scopes, u.Scopes), commonUnits(a.Units, u.Units), append(slices.Clone(a.Roles), u.Roles...)
	return a, err
}

// common gives the scopes that both lists hold.
func common(a, b []access.Scope) []access.Scope {
	return slices.DeleteFunc(slices.Clone(a), func(s access.Scope) bool { return !slices.Contains(b, s) })
}

// commonUnits gives the units that both lists hold; nil is all of them.
func commonUnits(a, b []string) []string {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return slices.DeleteFunc(append([]string{}, a...), func(u string) bool { return !slices.Contains(b, u) })
}

// bulkCopy is what was stored of a row's document: the source's file and the words of
// its pages once more, under a key of the document's own. Destroying that key destroys
// them, whatever becomes of the source.
type bulkCopy struct {
	key     DocumentKey
	version document.Version
	file    Blob
	words   []Blob
	pages   []document.Page
}

// copySource stores what a row's document is made of. What was stored comes back with an error, too.
func (s *Service) copySource(ctx context.Context, d *document.Document, src *bulkSource) (made bulkCopy, err error) {
	place := Place{Org: d.Org, Unit: d.Unit, Document: d.ID, New: true}
	if made.key, err = s.Vault.NewKey(ctx, place); err != nil {
		return made, err
	}
	place.Key = &made.key
	put := func(from Blob) (Blob, error) {
		content, err := s.Vault.Open(ctx, from)
		if err != nil {
			return Blob{}, err
		}
		defer content.Close()
		return s.Vault.Put(ctx, place, io.LimitReader(content, from.Size))
	}
	if made.file, err = put(src.file); err != nil {
		return made, err
	}
	again := map[string]string{}
	for _, w := range src.words {
		b, err := put(w)
		if err != nil {
			return made, err
		}
		made.words = append(made.words, b)
		again[w.ID] = b.ID
	}
	for _, p := range src.pages {
		p.DocumentID, p.Version, p.Blob = d.ID, 1, again[p.Blob]
		made.pages = append(made.pages, p)
	}
	v := src.version
	made.version = document.Version{DocumentID: d.ID, Org: d.Org, No: 1, Kind: document.Original, MediaType: v.MediaType, FileName: v.FileName,
		Blob: made.file.ID, SHA256: made.file.SHA256, Size: made.file.Size, Pages: len(src.pages), Signatures: v.Signatures}
	return made, nil
}

// keepCopy makes a document of a copy: read as its source was, so nobody reads it anew.
func (s *Service) keepCopy(ctx context.Context, call Call, d document.Document, made *bulkCopy, known *checks) (Result[document.Document], error) {
	return checkedRun(ctx, s, call, known, func(ctx context.Context, c *change) (document.Document, error) {
		d := d
		if err := s.stillRight(ctx, c, &d, known); err != nil {
			return d, err
		}
		if err := c.takesIn(ctx, d.Unit, true, made.file.Size); err != nil {
			return d, err
		}
		if err := c.checkPages(ctx, &d, len(made.pages)); err != nil {
			return d, err
		}
		v := made.version
		d.CreatedAt, d.UpdatedAt, v.CreatedAt = c.Now(), c.Now(), c.Now()
		d.State, d.Current, d.Pages, d.Processing.Status = document.Draft, v.No, len(made.pages), document.StatusDone
		created := dataOf(&d)
		if err := c.logDocument(&d, note{kind: journal.DocumentCreated, data: created, digests: map[string]string{"original": v.SHA256, "metadata": hexSum(d.Metadata)}}); err != nil {
			return d, err
		}
		captured := dataOf(&d)
		captured.Version, captured.Pages = d.Current, d.Pages
		if err := c.logDocument(&d, note{kind: journal.DocumentCaptured, data: captured}); err != nil {
			return d, err
		}
		if err := c.InsertDocumentKey(ctx, made.key); err != nil {
			return d, err
		}
		for _, b := range append([]Blob{made.file}, made.words...) {
			if err := c.storeBlob(ctx, d.Unit, b); err != nil {
				return d, err
			}
		}
		d.Revision = 1
		if err := c.InsertDocument(ctx, d); err != nil {
			return d, err
		}
		if err := c.InsertVersion(ctx, v); err != nil {
			return d, err
		}
		return d, c.InsertPages(ctx, made.pages)
	})
}

// settleRow marks a row, and counts it, as long as the bulk send is the operation's.
func (s *Service) settleRow(ctx context.Context, call Call, opID string, row bulk.Row) error {
	_, err := run(ctx, s, call, false, func(ctx context.Context, c *change) (struct{}, error) {
		b, op, err := c.bulkWork(ctx, opID)
		if err != nil {
			return struct{}{}, err
		}
		if row.SettledAt = c.Now(); row.State == bulk.Sent {
			b.Sent++
		} else {
			b.Refused++
		}
		op.Done, op.Total = b.Sent+b.Refused, b.Total
		if err := c.SettleBulkRow(ctx, b.Org, b.ID, row); err != nil {
			return struct{}{}, err
		}
		if err := c.UpdateOperation(ctx, &op); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, c.UpdateBulkSend(ctx, &b)
	})
	return err
}

// bulkWork reads a bulk send that runs, with the operation that sends its rows. Fault
// Conflict "operation_ended".
func (c *change) bulkWork(ctx context.Context, opID string) (b bulk.Send, op Operation, err error) {
	if b, err = c.BulkSendOf(ctx, c.actor.Org, opID); fault.KindOf(err) == fault.NotFound && err != nil || err == nil && b.State != bulk.Running {
		return b, op, bulkWorkEnded()
	}
	if err == nil {
		op, err = c.Operation(ctx, b.Org, opID)
	}
	return b, op, err
}

// finishBulk ends a bulk send of which no row waits.
func (s *Service) finishBulk(ctx context.Context, call Call, opID string) error {
	_, err := run(ctx, s, call, false, func(ctx context.Context, c *change) (struct{}, error) {
		b, op, err := c.bulkWork(ctx, opID)
		if err == nil {
			err = b.Apply(bulk.Finish, c.Now())
		}
		if err != nil {
			return struct{}{}, err
		}
		if err := c.logBulk(&b, journal.BulkSendFinished); err != nil {
			return struct{}{}, err
		}
		if err := c.succeed(ctx, &op, nil); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, c.UpdateBulkSend(ctx, &b)
	})
	return err
}
