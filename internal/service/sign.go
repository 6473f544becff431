package service

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/signing"
)

// ConsentText is what a signer agrees to before signing. Its digest is part of
// the evidence, so a change of wording makes a new text, never an edited one.
const ConsentText = "I agree to sign this document electronically. My signature below has the same meaning as one on paper. " +
	"I have read the pages shown to me, and I can download or print them."

// SignerView is what a signing link opens.
type SignerView struct {
	Envelope  signing.Envelope
	Recipient signing.Recipient
	Document  document.Document
	Version   document.Version // exactly the bytes shown, and later signed
	Pages     []document.Page
	Sealed    *document.Version // the sealed PDF, once it exists
	// Organisation is who asks.
	Organisation access.Organisation
	// Channel says how the token reached the person: "email" or "api".
	Channel string
}

// Actor is who acts through the link.
func (v *SignerView) actor(src access.Source) access.Actor {
	return access.Actor{Kind: access.Recipient, Org: v.Envelope.Org, ID: v.Recipient.ID, Principal: v.Recipient.Email, Source: src}
}

// withdrawn tells that the envelope ended before the recipient signed: the link
// still says so, but shows nothing of the document any more. It may have been
// withdrawn because it went to the wrong person.
func (v *SignerView) withdrawn() bool { return v.Recipient.State == signing.RecipientCancelled }

// OpenLink gives what a signing link opens, without changing anything. Pages are
// not given to a recipient without whom the envelope has ended.
//
// Faults: NotFound "link_unknown"; Gone "link_expired".
func (s *Service) OpenLink(ctx context.Context, token string) (v SignerView, err error) {
	err = s.Store.Read(Across(ctx, "finding a recipient by a link"), func(ctx context.Context, tx Reader) error {
		v, err = s.openLink(ctx, tx, token)
		return err
	})
	return v, err
}

func (s *Service) openLink(ctx context.Context, tx Reader, token string) (SignerView, error) {
	var v SignerView
	hash := signing.HashToken(token)
	link, err := tx.Link(ctx, hash)
	if fault.KindOf(err) == fault.NotFound || (err == nil && subtle.ConstantTimeCompare(link.TokenHash, hash) != 1) {
		return v, fault.New(fault.NotFound, "link_unknown", "This link is not known. It may have been cut off on its way: open it again from the message you received.")
	} else if err != nil {
		return v, err
	}
	if !s.Clock.Now().Before(link.ExpiresAt) {
		return v, fault.New(fault.Gone, "link_expired", "This link has run out. Ask the sender for a new one.")
	}
	v.Channel = link.Channel
	if v.Organisation, err = tx.Organisation(ctx, link.Org); err != nil {
		return v, err
	}
	if v.Envelope, err = tx.Envelope(ctx, link.Org, link.EnvelopeID); err != nil {
		return v, err
	}
	r := v.Envelope.Recipient(link.RecipientID)
	if r == nil {
		return v, access.NotFound()
	}
	v.Recipient = *r
	if v.Document, err = tx.Document(ctx, link.Org, v.Envelope.DocumentID); err != nil {
		return v, err
	}
	if v.Version, err = tx.Version(ctx, link.Org, v.Document.ID, v.Envelope.Version); err != nil {
		return v, err
	}
	if !v.withdrawn() {
		if v.Pages, err = tx.Pages(ctx, link.Org, v.Document.ID, v.Envelope.Version); err != nil {
			return v, err
		}
	}
	if v.Envelope.SealedVersion > 0 {
		sealed, err := tx.Version(ctx, link.Org, v.Document.ID, v.Envelope.SealedVersion)
		if err != nil {
			return v, err
		}
		v.Sealed = &sealed
	}
	return v, nil
}

// LinkContent opens the bytes a signer may see: the shown version, or the sealed
// PDF. The caller closes it. Faults: as OpenLink; NotFound where there is no seal yet.
func (s *Service) LinkContent(ctx context.Context, token string, sealed bool) (document.Version, Content, error) {
	var v document.Version
	var b Blob
	err := s.Store.Read(Across(ctx, "finding a recipient by a link"), func(ctx context.Context, tx Reader) error {
		view, err := s.openLink(ctx, tx, token)
		if err != nil {
			return err
		}
		if view.withdrawn() {
			return fault.New(fault.Gone, "link_expired", "The request to sign has ended, so the document is not shown here any more.")
		}
		v = view.Version
		if sealed {
			if view.Sealed == nil {
				return fault.New(fault.NotFound, "not_sealed_yet", "The sealed document does not exist yet: somebody still has to sign, or the seal is being made.")
			}
			v = *view.Sealed
		}
		b, err = tx.Blob(ctx, v.Org, v.Blob)
		return err
	})
	if err != nil {
		return v, nil, err
	}
	content, err := s.Vault.Open(ctx, b)
	return v, content, err
}

// LinkWords gives the words of one page, for the text layer of the signing page.
func (s *Service) LinkWords(ctx context.Context, token string, no int) (document.Page, []document.Word, error) {
	var page document.Page
	var blob Blob
	err := s.Store.Read(Across(ctx, "finding a recipient by a link"), func(ctx context.Context, tx Reader) error {
		view, err := s.openLink(ctx, tx, token)
		if err != nil {
			return err
		}
		if no < 1 || no > len(view.Pages) {
			return fault.New(fault.NotFound, "not_found", "The document has %d pages.", len(view.Pages))
		}
		if page = view.Pages[no-1]; page.Blob != "" {
			blob, err = tx.Blob(ctx, page.Org, page.Blob)
		}
		return err
	})
	if err != nil || page.Blob == "" {
		return page, nil, err
	}
	words, err := s.words(ctx, blob)
	return page, words, err
}

// step is a stage of a signer's visit.
type step struct {
	kind journal.Kind
	to   signing.RecipientState
}

// Delivered notes that the recipient opened the link, once.
func (s *Service) Delivered(ctx context.Context, token string, src access.Source) error {
	return s.visit(ctx, token, src, func(c *change, v *SignerView, r *signing.Recipient) *step {
		if r.State != signing.RecipientSent {
			return nil
		}
		r.DeliveredAt = c.Now()
		return &step{journal.EnvelopeDelivered, signing.RecipientDelivered}
	})
}

// Viewed notes that the recipient has seen the pages, once.
func (s *Service) Viewed(ctx context.Context, token string, src access.Source) error {
	return s.visit(ctx, token, src, func(c *change, v *SignerView, r *signing.Recipient) *step {
		if r.State != signing.RecipientSent && r.State != signing.RecipientDelivered {
			return nil
		}
		r.ViewedAt = c.Now()
		if r.DeliveredAt.IsZero() {
			r.DeliveredAt = c.Now()
		}
		return &step{journal.EnvelopeViewed, signing.RecipientViewed}
	})
}

// Consented notes that the recipient agreed to sign electronically, once.
func (s *Service) Consented(ctx context.Context, token string, src access.Source) error {
	return s.visit(ctx, token, src, func(c *change, v *SignerView, r *signing.Recipient) *step {
		if !r.ConsentedAt.IsZero() {
			return nil
		}
		r.ConsentedAt = c.Now()
		return &step{journal.EnvelopeConsented, r.State}
	})
}

func (s *Service) visit(ctx context.Context, token string, src access.Source, note func(*change, *SignerView, *signing.Recipient) *step) error {
	_, err := s.byLink(ctx, token, src, func(ctx context.Context, c *change, v *SignerView) error {
		r, err := v.Envelope.Acting(v.Recipient.ID)
		if err != nil {
			return err
		}
		st := note(c, v, r)
		if st == nil {
			return nil
		}
		r.State = st.to
		return c.logRecipient(v, r, st.kind, nil)
	})
	return err
}

// byLink runs a command for whoever holds the token, and writes envelope and
// document where the command noted something.
func (s *Service) byLink(ctx context.Context, token string, src access.Source, fn func(context.Context, *change, *SignerView) error) (SignerView, error) {
	opened, err := s.OpenLink(ctx, token)
	if err != nil {
		return opened, err
	}
	out, err := run(ctx, s, Call{Actor: opened.actor(src)}, false, func(ctx context.Context, c *change) (SignerView, error) {
		v, err := s.openLink(ctx, c, token)
		if err != nil {
			return v, err
		}
		if err := fn(ctx, c, &v); err != nil || len(c.entries) == 0 {
			return v, err
		}
		v.Document.UpdatedAt = c.Now()
		err = c.storeEnvelope(ctx, &v.Envelope, &v.Document)
		v.Recipient = *v.Envelope.Recipient(v.Recipient.ID)
		return v, err
	})
	return out.Value, err
}

func (c *change) logRecipient(v *SignerView, r *signing.Recipient, kind journal.Kind, digests map[string]string) error {
	all := map[string]string{"version": v.Envelope.SHA256}
	for k, d := range digests {
		all[k] = d
	}
	return c.logDocument(&v.Document, note{kind: kind, subject: "envelope", id: v.Envelope.ID, data: envelopeDataOf(&v.Envelope, r), digests: all})
}

// Act is a signer's last tap: the signature with what was agreed and shown.
type Act struct {
	Signature signing.Signature
	Consent   string // SHA-256 of the consent text as shown, lower-case hex
	Document  string // SHA-256 of the bytes as shown, lower-case hex
	Locale    string
	TimeZone  string
}

// Sign records a recipient's signature. When it was the last one, the sealing
// starts.
//
// Faults: as OpenLink; Invalid "invalid_signature" listing everything; Conflict
// "not_your_turn", "already_signed", "envelope_not_open", and "shown_something_else"
// where what was shown is not what would be signed.
func (s *Service) Sign(ctx context.Context, token string, src access.Source, act Act) (SignerView, error) {
	var l fault.List
	act.Signature.Check(&l)
	if act.Consent != hexSum([]byte(ConsentText)) {
		l.Add("/consent", "not_given", "Agree to sign electronically first.")
	}
	if err := l.Err("invalid_signature", "The signature is not complete."); err != nil {
		return SignerView{}, err
	}
	return s.byLink(ctx, token, src, func(ctx context.Context, c *change, v *SignerView) error {
		if act.Document != v.Envelope.SHA256 {
			return fault.New(fault.Conflict, "shown_something_else", "The document shown is not the one to be signed. Open the link again.")
		}
		r, err := v.Envelope.Acting(v.Recipient.ID)
		if err != nil {
			return err
		}
		fillTimes(r, c)
		asked, all, err := v.Envelope.Sign(r.ID, act.Signature, evidence(v, src, act), c.Now())
		if err != nil {
			return err
		}
		if err := c.logSignature(v, r); err != nil {
			return err
		}
		if err := c.logAsked(&v.Document, &v.Envelope, asked); err != nil || !all {
			return err
		}
		op, err := s.startOperation(ctx, c, &v.Document, OpSeal, v.Envelope.ID)
		if err != nil {
			return err
		}
		return c.InsertOperation(ctx, op)
	})
}

// fillTimes dates what the act itself proves: the link was opened, and the
// consent came with it. That the pages were seen is only said where the browser
// reported it.
func fillTimes(r *signing.Recipient, c *change) {
	for _, at := range []*time.Time{&r.DeliveredAt, &r.ConsentedAt} {
		if at.IsZero() {
			*at = c.Now()
		}
	}
}

func evidence(v *SignerView, src access.Source, act Act) signing.Evidence {
	return signing.Evidence{
		Address: src.Address, Peer: src.Peer, Forwarded: src.Forwarded, UserAgent: src.UserAgent,
		Authentication: v.Channel + "_link", ConsentText: ConsentText, ConsentSHA256: act.Consent,
		ConsentLocale: act.Locale, DocumentSHA256: act.Document, TimeZone: act.TimeZone,
	}
}

// logSignature notes a signature with the digests of the mark and the evidence.
func (c *change) logSignature(v *SignerView, r *signing.Recipient) error {
	mark, err := json.Marshal(r.Signature)
	if err != nil {
		return err
	}
	ev, err := json.Marshal(r.Evidence)
	if err != nil {
		return err
	}
	return c.logRecipient(v, r, journal.EnvelopeSigned, map[string]string{"signature": hexSum(mark), "evidence": hexSum(ev), "consent": r.Evidence.ConsentSHA256})
}

// DeclineLink records that a recipient will not sign. Envelope and document end with it.
// Faults: as Sign; Invalid "invalid_reason".
func (s *Service) DeclineLink(ctx context.Context, token string, src access.Source, reason string) (SignerView, error) {
	if n := len([]rune(reason)); n < 1 || n > 1000 {
		return SignerView{}, fault.New(fault.Invalid, "invalid_reason", "Say in 1 to 1000 characters why you decline; the sender will read it.").With(
			fault.Detail{Pointer: "/reason", Code: "bad_length", Message: "A reason has 1 to 1000 characters."})
	}
	return s.byLink(ctx, token, src, func(ctx context.Context, c *change, v *SignerView) error {
		if err := v.Envelope.Decline(v.Recipient.ID, reason, evidence(v, src, Act{}), c.Now()); err != nil {
			return err
		}
		r := v.Envelope.Recipient(v.Recipient.ID)
		if err := c.logRecipient(v, r, journal.EnvelopeDeclined, nil); err != nil {
			return err
		}
		if err := v.Document.Apply(document.Decline); err != nil {
			return err
		}
		data := dataOf(&v.Document)
		data.Envelope, data.Reason = v.Envelope.ID, reason
		return c.logDocument(&v.Document, note{kind: journal.DocumentDeclined, data: data})
	})
}
