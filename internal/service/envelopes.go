package service

import (
	"context"
	"fmt"
	"net/mail"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/signing"
)

// NewEnvelope is a request for signatures on the current version of a document.
type NewEnvelope struct {
	DocumentID string
	Subject    string // "" = the document's title
	Message    string
	Recipients []NewRecipient
	ExpiresAt  time.Time // zero: the default
	Send       bool      // ask at once; otherwise by SendEnvelope
}

// NewRecipient is somebody who is to sign.
type NewRecipient struct {
	Name  string
	Email string
	Order int // 0 = 1; equal orders are asked at once
	// Fields are where its marks go; none: where there is room.
	Fields []signing.Field
}

// MaxRecipients is the largest number of signers of one envelope.
const MaxRecipients = 50

// CreateEnvelope makes a signature request, and sends it if asked to. Completed
// signatures of the same document by the same person are looked up first: nobody
// is asked twice.
//
// Faults: NotFound; Invalid "invalid_envelope" listing everything; Conflict
// "action_not_allowed", "already_signed", "fields_not_possible", "envelope_open" where another envelope
// of the document is still being signed.
func (s *Service) CreateEnvelope(ctx context.Context, call Call, in NewEnvelope) (Result[signing.Envelope], error) {
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (signing.Envelope, error) {
		if err := checkEnvelope(in, c.Now()); err != nil {
			return signing.Envelope{}, err
		}
		d, err := c.document(ctx, in.DocumentID, access.WriteEnvelope)
		if err != nil {
			return signing.Envelope{}, err
		}
		v, err := c.signable(ctx, &d, in)
		if err != nil {
			return signing.Envelope{}, err
		}
		if err := c.placeable(ctx, &v, in.Recipients); err != nil {
			return signing.Envelope{}, err
		}
		e := s.newEnvelope(c, &d, v, in)
		if err := c.logDocument(&d, note{kind: journal.EnvelopeCreated, subject: "envelope", id: e.ID, data: envelopeDataOf(&e, nil), digests: map[string]string{"version": e.SHA256}}); err != nil {
			return e, err
		}
		if in.Send {
			if err := c.send(&d, &e); err != nil {
				return e, err
			}
		}
		if err := c.InsertEnvelope(ctx, e); err != nil {
			return e, err
		}
		return e, c.UpdateDocument(ctx, &d)
	})
}

func checkEnvelope(in NewEnvelope, now time.Time) error {
	var l fault.List
	if in.DocumentID == "" {
		l.Add("/document_id", "required", "The document to sign is missing.")
	}
	if n := len(in.Recipients); n < 1 || n > MaxRecipients {
		l.Add("/recipients", "bad_count", "An envelope has 1 to %d recipients.", MaxRecipients)
	}
	if len(in.Subject) > document.MaxTitle || strings.ContainsAny(in.Subject, "\r\n\x00") {
		l.Add("/subject", "bad_text", "The subject is one line of at most %d bytes.", document.MaxTitle)
	}
	if len(in.Message) > MaxComment {
		l.Add("/message", "too_long", "The message has %d bytes; at most %d are kept.", len(in.Message), MaxComment)
	}
	if !in.ExpiresAt.IsZero() && !in.ExpiresAt.After(now) {
		l.Add("/expires_at", "in_the_past", "The envelope would expire before it is sent.")
	}
	seen := map[string]bool{}
	for i, r := range in.Recipients {
		at := fmt.Sprintf("/recipients/%d", i)
		if n := len([]rune(r.Name)); n < 1 || n > 120 || strings.ContainsAny(r.Name, "\r\n\x00") {
			l.Add(at+"/name", "bad_name", "A recipient's name is one line of 1 to 120 characters.")
		}
		if parsed, err := mail.ParseAddress(r.Email); err != nil || parsed.Address != strings.TrimSpace(r.Email) {
			l.Add(at+"/email", "bad_email", "The recipient's e-mail address is missing or malformed.")
		} else if seen[emailOf(r.Email)] {
			l.Add(at+"/email", "duplicate", "%s stands in the list twice.", r.Email)
		}
		if r.Order < 0 || r.Order > 1000 {
			l.Add(at+"/order", "bad_order", "The order is a number from 1 to 1000.")
		}
		seen[emailOf(r.Email)] = true
	}
	return l.Err("invalid_envelope", "The envelope has faults.")
}

func emailOf(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// signable gives the version to sign: the document is approved, nobody else is
// being asked, and none of the recipients has signed it before.
func (c *change) signable(ctx context.Context, d *document.Document, in NewEnvelope) (document.Version, error) {
	if _, err := d.State.Next(document.Sign); err != nil {
		return document.Version{}, err
	}
	if err := c.noOpenEnvelope(ctx, d); err != nil {
		return document.Version{}, err
	}
	if err := idle(d); err != nil { // it is on its way into the archive
		return document.Version{}, err
	}
	for i, r := range in.Recipients {
		earlier, err := c.CompletedSignature(ctx, d.Org, d.ID, emailOf(r.Email))
		if err == nil {
			return document.Version{}, fault.New(fault.Conflict, "already_signed", "%s has signed this document already, in envelope %s on %s.", r.Email, earlier.EnvelopeID, earlier.SignedAt.Format("2 January 2006")).
				With(fault.Detail{Pointer: fmt.Sprintf("/recipients/%d/email", i), Code: "already_signed", Message: "Signed in envelope " + earlier.EnvelopeID + "."})
		}
		if fault.KindOf(err) != fault.NotFound {
			return document.Version{}, err
		}
	}
	if d.Fileless() {
		return document.Version{}, d.NotReady()
	}
	return c.Version(ctx, d.Org, d.ID, d.Current)
}

// placeable checks the fields of the recipients against the pages. A file that
// carries a signature takes no marks: a changed page would break it.
// Faults: Invalid "invalid_envelope"; Conflict "fields_not_possible".
func (c *change) placeable(ctx context.Context, v *document.Version, recipients []NewRecipient) error {
	fields := make([][]signing.Field, len(recipients))
	some := false
	for i := range recipients {
		fields[i] = recipients[i].Fields
		some = some || len(fields[i]) > 0
	}
	if !some {
		return nil
	}
	if v.Signatures > 0 {
		return fieldsNotPossible()
	}
	pages, err := c.Pages(ctx, v.Org, v.DocumentID, v.No)
	if err != nil {
		return err
	}
	var l fault.List
	signing.CheckFields(&l, fields, pages)
	return l.Err("invalid_envelope", "The envelope has faults.")
}

func fieldsNotPossible() error {
	return fault.New(fault.Conflict, "fields_not_possible", "The file carries a signature already, which a mark on a page would break. Leave the fields away; the marks then stand in the certificate of completion.")
}

// noOpenEnvelope is fault Conflict "envelope_open" where somebody is being asked to sign.
func (c *change) noOpenEnvelope(ctx context.Context, d *document.Document) error {
	list, err := c.Envelopes(ctx, EnvelopeFilter{Org: d.Org, DocumentID: d.ID, Limit: 200})
	if err != nil {
		return err
	}
	for i := range list {
		if !list[i].Ended() {
			return fault.New(fault.Conflict, "envelope_open", "The document is in envelope %s already, which is %s. Void that one first.", list[i].ID, list[i].State)
		}
	}
	return nil
}

func (s *Service) newEnvelope(c *change, d *document.Document, v document.Version, in NewEnvelope) signing.Envelope {
	e := signing.Envelope{
		ID: id.New("env", c.Now()), Org: d.Org, Unit: d.Unit, DocumentID: d.ID, Version: v.No, SHA256: v.SHA256,
		Subject: in.Subject, Message: in.Message, SenderID: c.actor.Principal, State: signing.Created,
		ExpiresAt: in.ExpiresAt.UTC(), CreatedAt: c.Now(), Revision: 1,
	}
	if e.Subject == "" {
		e.Subject = d.Title
	}
	if in.ExpiresAt.IsZero() {
		e.ExpiresAt = c.Now().Add(s.Limits.EnvelopeTTL)
	}
	for _, r := range in.Recipients {
		e.Recipients = append(e.Recipients, signing.Recipient{
			ID: id.New("rcp", c.Now()), Org: d.Org, EnvelopeID: e.ID, Order: max(r.Order, 1),
			Name: strings.TrimSpace(r.Name), Email: emailOf(r.Email), State: signing.RecipientWaiting, Fields: r.Fields,
		})
	}
	return e
}

func envelopeDataOf(e *signing.Envelope, r *signing.Recipient) event.Envelope {
	data := event.Envelope{EnvelopeID: e.ID, DocumentID: e.DocumentID, Version: e.Version, State: e.State, Subject: e.Subject, Reason: e.Reason, ExpiresAt: &e.ExpiresAt, SealedVersion: e.SealedVersion}
	for i := range e.Recipients {
		if e.Recipients[i].State != signing.RecipientSigned {
			data.Pending++
		}
	}
	if r != nil {
		data.RecipientID, data.Name, data.Email, data.Reason = r.ID, r.Name, r.Email, r.Reason
	}
	return data
}

// send asks the first recipients; a message goes out for each envelope.sent.
func (c *change) send(d *document.Document, e *signing.Envelope) error {
	if e.State == signing.Created && !c.Now().Before(e.ExpiresAt) {
		// Sent now, its expiry would end the document with it at once.
		return fault.New(fault.Conflict, "envelope_not_open", "The envelope was to be signed by %s. Void it and make a new one.", e.ExpiresAt.Format(time.RFC3339))
	}
	asked, err := e.Send(c.Now())
	if err != nil {
		return err
	}
	return c.logAsked(d, e, asked)
}

func (c *change) logAsked(d *document.Document, e *signing.Envelope, asked []*signing.Recipient) error {
	for _, r := range asked {
		if err := c.logDocument(d, note{kind: journal.EnvelopeSent, subject: "envelope", id: e.ID, data: envelopeDataOf(e, r), digests: map[string]string{"version": e.SHA256}}); err != nil {
			return err
		}
	}
	return nil
}

// envelope reads an envelope with its document, for a client.
func (c *change) envelope(ctx context.Context, envID string) (e signing.Envelope, d document.Document, err error) {
	if err := access.Allowed(c.actor, access.WriteEnvelope); err != nil {
		return e, d, err
	}
	if e, err = c.Envelope(ctx, c.actor.Org, envID); err != nil {
		return e, d, err
	}
	d, err = c.document(ctx, e.DocumentID, access.WriteEnvelope)
	return e, d, err
}

// storeEnvelope writes an envelope and its document.
func (c *change) storeEnvelope(ctx context.Context, e *signing.Envelope, d *document.Document) error {
	if err := c.UpdateEnvelope(ctx, e); err != nil {
		return err
	}
	return c.UpdateDocument(ctx, d)
}

// SendEnvelope asks the recipients of an envelope that was made but not sent.
// Faults: NotFound; Conflict "envelope_not_open".
func (s *Service) SendEnvelope(ctx context.Context, call Call, envID string) (Result[signing.Envelope], error) {
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (signing.Envelope, error) {
		e, d, err := c.envelope(ctx, envID)
		if err != nil {
			return e, err
		}
		if err := c.send(&d, &e); err != nil {
			return e, err
		}
		return e, c.storeEnvelope(ctx, &e, &d)
	})
}

// VoidEnvelope withdraws a signature request; the document stays approved and
// can be sent again. Faults: NotFound; Conflict "envelope_not_open".
func (s *Service) VoidEnvelope(ctx context.Context, call Call, envID, reason string) (Result[signing.Envelope], error) {
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (signing.Envelope, error) {
		e, d, err := c.envelope(ctx, envID)
		if err != nil {
			return e, err
		}
		if err := e.End(signing.Voided, reason, c.Now()); err != nil {
			return e, err
		}
		if err := c.logDocument(&d, note{kind: journal.EnvelopeVoided, subject: "envelope", id: e.ID, data: envelopeDataOf(&e, nil)}); err != nil {
			return e, err
		}
		return e, c.storeEnvelope(ctx, &e, &d)
	})
}

// endEnvelopes closes what is still being signed when its document ends.
func (c *change) endEnvelopes(ctx context.Context, d *document.Document, do document.Action, reason string) error {
	list, err := c.Envelopes(ctx, EnvelopeFilter{Org: d.Org, DocumentID: d.ID, Limit: 200})
	if err != nil {
		return err
	}
	to, kind := signing.Voided, journal.EnvelopeVoided
	if do == document.Expire {
		to, kind = signing.Expired, journal.EnvelopeExpired
	}
	for i := range list {
		e := &list[i]
		if e.Ended() {
			continue
		}
		if err := e.End(to, reason, c.Now()); err != nil {
			return err
		}
		if err := c.logDocument(d, note{kind: kind, subject: "envelope", id: e.ID, data: envelopeDataOf(e, nil)}); err != nil {
			return err
		}
		if err := c.UpdateEnvelope(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// ExpireEnvelope ends an envelope whose time has run out, and its document with
// it. Called by a timer; does nothing where it no longer applies.
func (s *Service) ExpireEnvelope(ctx context.Context, call Call, envID string) error {
	_, err := run(ctx, s, call, false, func(ctx context.Context, c *change) (struct{}, error) {
		e, err := c.Envelope(ctx, call.Actor.Org, envID)
		if err != nil || !e.Open() || c.Now().Before(e.ExpiresAt) {
			return struct{}{}, err
		}
		d, err := c.Document(ctx, e.Org, e.DocumentID)
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, c.end(ctx, &d, document.Expire, journal.DocumentExpired, "the signatures were not given by "+e.ExpiresAt.Format(time.RFC3339))
	})
	return err
}

// Remind notes that a recipient is to be reminded; a message goes out for it.
// Faults: NotFound; Conflict as signing.Envelope.Acting; TooMany "reminded_enough".
func (s *Service) Remind(ctx context.Context, call Call, envID, recipientID string) (Result[signing.Envelope], error) {
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (signing.Envelope, error) {
		e, d, err := c.envelope(ctx, envID)
		if err != nil {
			return e, err
		}
		r, err := e.Acting(recipientID)
		if err != nil {
			return e, err
		}
		if since := c.Now().Sub(r.RemindedAt); !r.RemindedAt.IsZero() && since < time.Minute && c.actor.Kind != access.System {
			f := fault.New(fault.TooMany, "reminded_enough", "This recipient was reminded a moment ago.")
			f.RetryAfter = time.Minute - since
			return e, f
		}
		return e, c.remind(ctx, &e, &d, r)
	})
}

func (c *change) remind(ctx context.Context, e *signing.Envelope, d *document.Document, r *signing.Recipient) error {
	r.Reminders, r.RemindedAt = r.Reminders+1, c.Now()
	if err := c.logDocument(d, note{kind: journal.EnvelopeReminded, subject: "envelope", id: e.ID, data: envelopeDataOf(e, r)}); err != nil {
		return err
	}
	return c.storeEnvelope(ctx, e, d)
}

// RemindDue is Remind for a timer. It tells when the next reminder is due; zero
// where none is, because the recipient has acted or was reminded often enough.
// Where the last reminder is too fresh, sent by hand or by this very timer before
// its process died, it sends none and only tells the time.
func (s *Service) RemindDue(ctx context.Context, call Call, envID, recipientID string) (next time.Time, err error) {
	every := s.Limits.ReminderInterval
	if every <= 0 {
		return time.Time{}, nil
	}
	out, err := run(ctx, s, call, false, func(ctx context.Context, c *change) (time.Time, error) {
		e, d, err := c.envelope(ctx, envID)
		if err != nil {
			return time.Time{}, err
		}
		r, err := e.Acting(recipientID)
		if err != nil || r.Reminders >= s.Limits.MaxReminders {
			return time.Time{}, err
		}
		if due := r.RemindedAt.Add(every); !r.RemindedAt.IsZero() && c.Now().Before(due) {
			return due, nil
		}
		if err := c.remind(ctx, &e, &d, r); err != nil || r.Reminders >= s.Limits.MaxReminders {
			return time.Time{}, err
		}
		return c.Now().Add(every), nil
	})
	if k := fault.KindOf(err); err != nil && (k == fault.NotFound || k == fault.Conflict && fault.CodeOf(err) != "stale") {
		return time.Time{}, nil // the recipient has acted, or the envelope has ended
	}
	return out.Value, err
}

// SigningLink is a link for one recipient. Its URL holds the token: a secret.
type SigningLink struct {
	URL       string
	ExpiresAt time.Time
}

// NewLink makes a signing link for a recipient whose turn has come: for a
// message (channel "email") or for a caller that hands it on itself ("api").
// Earlier links keep working until they expire.
//
// Faults: NotFound; Conflict as signing.Envelope.Acting; a repetition is
// "result_not_repeatable".
func (s *Service) NewLink(ctx context.Context, call Call, envID, recipientID, channel string) (Result[SigningLink], error) {
	return s.newLink(ctx, call, envID, recipientID, channel, true)
}

// NewViewLink makes a link by which a recipient who has signed sees and
// downloads the result. Faults: NotFound.
func (s *Service) NewViewLink(ctx context.Context, call Call, envID, recipientID string) (Result[SigningLink], error) {
	return s.newLink(ctx, call, envID, recipientID, "email", false)
}

func (s *Service) newLink(ctx context.Context, call Call, envID, recipientID, channel string, toSign bool) (Result[SigningLink], error) {
	return run(ctx, s, call, true, func(ctx context.Context, c *change) (SigningLink, error) {
		e, _, err := c.envelope(ctx, envID)
		if err != nil {
			return SigningLink{}, err
		}
		r := e.Recipient(recipientID)
		if r == nil {
			return SigningLink{}, access.NotFound()
		}
		ends := c.Now().Add(s.Limits.LinkTTL)
		if toSign {
			if _, err := e.Acting(recipientID); err != nil {
				return SigningLink{}, err
			}
			if e.ExpiresAt.Before(ends) {
				ends = e.ExpiresAt
			}
		}
		token, hash := signing.NewToken()
		link := signing.Link{TokenHash: hash, Org: e.Org, EnvelopeID: e.ID, RecipientID: r.ID, Channel: channel, CreatedAt: c.Now(), ExpiresAt: ends}
		made := SigningLink{URL: s.PublicURL + "/sign/" + token, ExpiresAt: ends}
		if err := c.InsertLink(ctx, link); err != nil || c.actor.Kind == access.System {
			return made, err // the link in a message goes with envelope.sent
		}
		// For audit only, so outside of the document's chain, in which whoever follows
		// the public events sees no gap.
		return made, c.log(e.Org, e.Unit, note{kind: journal.EnvelopeLinked, subject: "envelope", id: e.ID, data: envelopeDataOf(&e, r)})
	})
}

// Envelope gives an envelope with its recipients. Faults: NotFound.
func (s *Service) Envelope(ctx context.Context, a access.Actor, envID string) (e signing.Envelope, err error) {
	if err := access.Allowed(a, access.ReadEnvelope); err != nil {
		return e, err
	}
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		if e, err = tx.Envelope(ctx, a.Org, envID); err != nil {
			return err
		}
		return check(ctx, tx, a, access.ReadEnvelope, e.Unit, e.DocumentID)
	})
	return e, err
}

// Envelopes lists envelopes the actor may see, newest first.
func (s *Service) Envelopes(ctx context.Context, a access.Actor, f EnvelopeFilter) (out []signing.Envelope, err error) {
	if err := access.Allowed(a, access.ReadEnvelope); err != nil {
		return nil, err
	}
	f.Org, f.Units, f.Principal, f.Limit = a.Org, a.Units, a.Principal, limit(f.Limit)
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		out, err = tx.Envelopes(ctx, f)
		return err
	})
	return out, err
}
