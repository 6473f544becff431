package store

import (
	"context"
	"errors"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/approval"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/signing"
)

var (
	envelopeColumns = []string{"org", "id", "unit", "document_id", "version", "sha256", "subject", "message", "sender_id",
		"state", "reason", "expires_at", "created_at", "sent_at", "closed_at", "revision", "sealed_version"}
	selectEnvelope = selectFrom("envelope", "e", envelopeColumns)
	insertEnvelope = insertInto("envelope", envelopeColumns, 1, "")
	updateEnvelope = `UPDATE envelope SET unit = ?, document_id = ?, version = ?, sha256 = ?, subject = ?, message = ?, sender_id = ?,
		state = ?, reason = ?, expires_at = ?, created_at = ?, sent_at = ?, closed_at = ?, revision = ?, sealed_version = ?
		WHERE org = ? AND id = ? AND revision = ?`

	recipientColumns = []string{"org", "id", "envelope_id", "document_id", "position", "sign_order", "name", "email", "state",
		"sent_at", "delivered_at", "viewed_at", "consented_at", "signed_at", "declined_at", "reason", "reminders",
		"reminded_at", "evidence", "signature", "fields"}
	selectRecipient = selectFrom("recipient", "r", recipientColumns)
	saveRecipient   = `ON CONFLICT (org, id) DO UPDATE SET position = excluded.position, sign_order = excluded.sign_order, name = excluded.name,
		email = excluded.email, state = excluded.state, sent_at = excluded.sent_at, delivered_at = excluded.delivered_at,
		viewed_at = excluded.viewed_at, consented_at = excluded.consented_at, signed_at = excluded.signed_at,
		declined_at = excluded.declined_at, reason = excluded.reason, reminders = excluded.reminders,
		reminded_at = excluded.reminded_at, evidence = excluded.evidence, signature = excluded.signature, fields = excluded.fields
		WHERE recipient.envelope_id = excluded.envelope_id`
)

func envelopeRow(e *signing.Envelope, revision int64) []any {
	return []any{e.Unit, e.DocumentID, e.Version, e.SHA256, e.Subject, e.Message, e.SenderID,
		string(e.State), e.Reason, e.ExpiresAt, e.CreatedAt, e.SentAt, e.ClosedAt, revision, e.SealedVersion}
}

func scanEnvelope(s scanner) (e signing.Envelope, err error) {
	err = s.Scan(&e.Org, &e.ID, &e.Unit, &e.DocumentID, &e.Version, &e.SHA256, &e.Subject, &e.Message, &e.SenderID,
		&e.State, &e.Reason, stamp{&e.ExpiresAt}, stamp{&e.CreatedAt}, stamp{&e.SentAt}, stamp{&e.ClosedAt}, &e.Revision, &e.SealedVersion)
	return
}

func scanRecipient(s scanner) (r signing.Recipient, err error) {
	var document string
	var position int
	err = s.Scan(&r.Org, &r.ID, &r.EnvelopeID, &document, &position, &r.Order, &r.Name, &r.Email, &r.State,
		stamp{&r.SentAt}, stamp{&r.DeliveredAt}, stamp{&r.ViewedAt}, stamp{&r.ConsentedAt}, stamp{&r.SignedAt}, stamp{&r.DeclinedAt},
		&r.Reason, &r.Reminders, stamp{&r.RemindedAt}, asJSON{&r.Evidence}, asJSON{&r.Signature}, asJSON{&r.Fields})
	return
}

// Envelope implements service.Reader.
func (r *Reader) Envelope(ctx context.Context, org, id string) (signing.Envelope, error) {
	e, err := one(ctx, r.c, scanEnvelope, selectEnvelope+"WHERE e.org = ? AND e.id = ?", org, id)
	if err != nil {
		return e, err
	}
	e.Recipients, err = list(ctx, r.c, scanRecipient, selectRecipient+"WHERE r.org = ? AND r.envelope_id = ? ORDER BY r.position, r.id", org, id)
	return e, err
}

// Envelopes implements service.Reader, each with its recipients.
func (r *Reader) Envelopes(ctx context.Context, f service.EnvelopeFilter) ([]signing.Envelope, error) {
	var w where
	w.add("e.org = ?", f.Org)
	mine, args := part(access.Parts(access.ReadEnvelope), "e.org", "e.document_id", f.Principal, r.now)
	w.within("e.unit", f.Units, mine, args...)
	w.is("e.state", f.State)
	w.is("e.document_id", f.DocumentID)
	w.before("e.id", f.Before)
	found, err := list(ctx, r.c, scanEnvelope, selectEnvelope+w.clause("e.id DESC", f.Limit), w.args...)
	if err != nil {
		return nil, err
	}
	return found, r.recipients(ctx, f.Org, found)
}

// recipients reads the recipients of many envelopes.
func (r *Reader) recipients(ctx context.Context, org string, envelopes []signing.Envelope) error {
	byID := make(map[string]*signing.Envelope, len(envelopes))
	for i := range envelopes {
		byID[envelopes[i].ID] = &envelopes[i]
	}
	return chunks(len(envelopes), func(from, to int) error {
		args := []any{org}
		for _, e := range envelopes[from:to] {
			args = append(args, e.ID)
		}
		found, err := list(ctx, r.c, scanRecipient, selectRecipient+"WHERE r.org = ? AND r.envelope_id IN ("+marks(to-from)+") ORDER BY r.envelope_id, r.position, r.id", args...)
		for _, one := range found {
			e := byID[one.EnvelopeID]
			e.Recipients = append(e.Recipients, one)
		}
		return err
	})
}

// CompletedSignature implements service.Reader; of several the newest.
func (r *Reader) CompletedSignature(ctx context.Context, org, documentID, email string) (signing.Recipient, error) {
	return one(ctx, r.c, scanRecipient, selectRecipient+`JOIN envelope e ON e.org = r.org AND e.id = r.envelope_id
		WHERE r.org = ? AND r.email = ? AND r.document_id = ? AND r.state = 'signed'
		AND e.state NOT IN ('voided', 'declined', 'expired') ORDER BY r.signed_at DESC, r.id DESC LIMIT 1`,
		org, approval.Normalise(email), documentID)
}

// InsertEnvelope implements service.Tx. The document must be there.
func (t *Tx) InsertEnvelope(ctx context.Context, e signing.Envelope) error {
	if _, err := change(ctx, t.c, 1, insertEnvelope, append([]any{e.Org, e.ID}, envelopeRow(&e, e.Revision)...)...); err != nil {
		return err
	}
	return t.saveRecipients(ctx, &e)
}

// UpdateEnvelope implements service.Tx.
func (t *Tx) UpdateEnvelope(ctx context.Context, e *signing.Envelope) error {
	args := append(envelopeRow(e, e.Revision+1), e.Org, e.ID, e.Revision)
	ok, err := change(ctx, t.c, 1, updateEnvelope, args...)
	if err := swapped(ctx, t.c, ok, err, &e.Revision, "envelope", e.Org, e.ID); err != nil {
		return err
	}
	return t.saveRecipients(ctx, e)
}

func (t *Tx) saveRecipients(ctx context.Context, e *signing.Envelope) error {
	all := make([][]any, len(e.Recipients))
	for i, r := range e.Recipients {
		all[i] = []any{e.Org, r.ID, e.ID, e.DocumentID, i, r.Order, r.Name, r.Email, string(r.State),
			r.SentAt, r.DeliveredAt, r.ViewedAt, r.ConsentedAt, r.SignedAt, r.DeclinedAt, r.Reason, r.Reminders,
			r.RemindedAt, encode(r.Evidence), encode(r.Signature), encode(r.Fields)}
	}
	ok, err := insertRows(ctx, t.c, "recipient", recipientColumns, saveRecipient, all)
	if err == nil && !ok {
		return errors.New("a recipient belongs to another envelope")
	}
	return err
}

var (
	linkColumns = []string{"token_hash", "org", "envelope_id", "recipient_id", "channel", "created_at", "expires_at"}
	selectLink  = selectFrom("link", "l", linkColumns)
	insertLink  = insertInto("link", linkColumns, 1, "")
)

func scanLink(s scanner) (l signing.Link, err error) {
	err = s.Scan(&l.TokenHash, &l.Org, &l.EnvelopeID, &l.RecipientID, &l.Channel, stamp{&l.CreatedAt}, stamp{&l.ExpiresAt})
	return
}

// Link implements service.Reader. Whether it has run out is for the caller to see.
func (r *Reader) Link(ctx context.Context, tokenHash []byte) (signing.Link, error) {
	return one(ctx, r.c, scanLink, selectLink+"WHERE l.token_hash = ?", tokenHash)
}

// InsertLink implements service.Tx.
func (t *Tx) InsertLink(ctx context.Context, l signing.Link) error {
	_, err := change(ctx, t.c, 1, insertLink, l.TokenHash, l.Org, l.EnvelopeID, l.RecipientID, l.Channel, l.CreatedAt, l.ExpiresAt)
	return err
}
