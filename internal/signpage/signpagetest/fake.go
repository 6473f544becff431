// Package signpagetest stands in for the service and the renderer behind the
// signing page: in memory, but by the domain's own rules. The tests and the
// preview use it.
package signpagetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"sync"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/signing"
)

// Fake is a service with one envelope. Its links are named by Links.
type Fake struct {
	Clock clock.Clock

	mu        sync.Mutex
	Envelope  signing.Envelope
	Document  document.Document
	Org       access.Organisation
	Pages     []document.Page
	Words     map[int][]document.Word
	Links     map[string]string    // token to recipient
	Expires   map[string]time.Time // of a link; absent: never
	PDF       []byte
	SealedPDF []byte   // nil: not sealed yet
	Steps     []string // what was noted, in order: "delivered a", "signed a", …
	Fail      error    // returned by everything while set
}

// Now is when the fake's story takes place.
var Now = time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC)

// Sum gives the SHA-256 of b in lower-case hex.
func Sum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// New gives a fake with a purchase order of four pages (one blank, one lying on
// its side) sent to two people at once; their links are "token-jonas" and "token-aiko".
func New() *Fake {
	f := &Fake{
		Clock:    clock.NewFake(Now),
		Org:      access.Organisation{ID: "org_1", Name: "Lind & Berg Trading"},
		Document: document.Document{ID: "doc_1", Org: "org_1", Title: "Purchase order PO-4711", State: document.Approved},
		PDF:      []byte("%PDF-1.7 the bytes that are shown"),
		Links:    map[string]string{"token-jonas": "rcp_1", "token-aiko": "rcp_2"},
		Expires:  map[string]time.Time{},
	}
	f.Pages, f.Words = story()
	f.Document.Pages = len(f.Pages)
	f.Envelope = signing.Envelope{
		ID: "env_1", Org: "org_1", DocumentID: "doc_1", Version: 2, SHA256: Sum(f.PDF), Subject: "Purchase order PO-4711",
		SenderID: "mara.lind@example.com", State: signing.Created, ExpiresAt: Now.Add(30 * 24 * time.Hour),
		Message: "Dear both, this is the order we spoke about on Monday. The delivery date is on page 2.",
		Recipients: []signing.Recipient{
			{ID: "rcp_1", Order: 1, Name: "Jonas Berg", Email: "jonas.berg@example.com"},
			{ID: "rcp_2", Order: 1, Name: "Aiko Tanaka", Email: "aiko.tanaka@example.com"},
		},
	}
	if _, err := f.Envelope.Send(Now); err != nil {
		panic(err)
	}
	return f
}

// OpenLink implements signpage.Service, as do the methods that follow.
func (f *Fake) OpenLink(_ context.Context, token string) (service.SignerView, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.open(token)
}

func (f *Fake) open(token string) (service.SignerView, error) {
	var v service.SignerView
	if f.Fail != nil {
		return v, f.Fail
	}
	id, ok := f.Links[token]
	if !ok {
		return v, fault.New(fault.NotFound, "link_unknown", "This link is not known.")
	}
	if end, ok := f.Expires[token]; ok && !f.Clock.Now().Before(end) {
		return v, fault.New(fault.Gone, "link_expired", "This link has run out.")
	}
	v = service.SignerView{
		Envelope: f.Envelope, Document: f.Document, Organisation: f.Org, Pages: f.Pages, Channel: "email",
		Version: document.Version{No: 2, SHA256: Sum(f.PDF), CreatedAt: Now},
	}
	v.Envelope.Recipients = append([]signing.Recipient(nil), f.Envelope.Recipients...)
	v.Recipient = *v.Envelope.Recipient(id)
	if f.SealedPDF != nil {
		v.Sealed = &document.Version{No: 3, SHA256: Sum(f.SealedPDF), CreatedAt: Now}
	}
	return v, nil
}

type content struct {
	*bytes.Reader
}

func (c content) Size() int64 { return c.Reader.Size() }
func (content) Close() error  { return nil }

var _ io.ReaderAt = content{}

// LinkContent gives the PDF as shown, or sealed.
func (f *Fake) LinkContent(_ context.Context, token string, sealed bool) (document.Version, service.Content, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	v, err := f.open(token)
	if err != nil {
		return document.Version{}, nil, err
	}
	if !sealed {
		return v.Version, content{bytes.NewReader(f.PDF)}, nil
	}
	if v.Sealed == nil {
		return document.Version{}, nil, fault.New(fault.NotFound, "not_sealed_yet", "The sealed document does not exist yet.")
	}
	return *v.Sealed, content{bytes.NewReader(f.SealedPDF)}, nil
}

// LinkWords gives the words of a page.
func (f *Fake) LinkWords(_ context.Context, token string, no int) (document.Page, []document.Word, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.open(token); err != nil {
		return document.Page{}, nil, err
	}
	if no < 1 || no > len(f.Pages) {
		return document.Page{}, nil, fault.New(fault.NotFound, "not_found", "The document has %d pages.", len(f.Pages))
	}
	return f.Pages[no-1], f.Words[no], nil
}

// visit runs note on the acting recipient.
func (f *Fake) visit(token, step string, note func(r *signing.Recipient) bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	v, err := f.open(token)
	if err != nil {
		return err
	}
	r, err := f.Envelope.Acting(v.Recipient.ID)
	if err == nil && note(r) {
		f.Steps = append(f.Steps, step+" "+r.ID)
	}
	return err
}

// Delivered notes an opened link.
func (f *Fake) Delivered(_ context.Context, token string, _ access.Source) error {
	return f.visit(token, "delivered", func(r *signing.Recipient) bool {
		if r.State != signing.RecipientSent {
			return false
		}
		r.State, r.DeliveredAt = signing.RecipientDelivered, f.Clock.Now()
		return true
	})
}

// Viewed notes seen pages.
func (f *Fake) Viewed(_ context.Context, token string, _ access.Source) error {
	return f.visit(token, "viewed", func(r *signing.Recipient) bool {
		if r.State == signing.RecipientViewed {
			return false
		}
		r.State, r.ViewedAt = signing.RecipientViewed, f.Clock.Now()
		return true
	})
}

// Consented notes the consent.
func (f *Fake) Consented(_ context.Context, token string, _ access.Source) error {
	return f.visit(token, "consented", func(r *signing.Recipient) bool {
		if !r.ConsentedAt.IsZero() {
			return false
		}
		r.ConsentedAt = f.Clock.Now()
		return true
	})
}

// Sign records a signature by the rules of signing.
func (f *Fake) Sign(_ context.Context, token string, src access.Source, act service.Act) (service.SignerView, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var l fault.List
	act.Signature.Check(&l)
	if act.Consent != Sum([]byte(service.ConsentText)) {
		l.Add("/consent", "not_given", "Agree to sign electronically first.")
	}
	if err := l.Err("invalid_signature", "The signature is not complete."); err != nil {
		return service.SignerView{}, err
	}
	v, err := f.open(token)
	if err != nil {
		return v, err
	}
	if act.Document != f.Envelope.SHA256 {
		return v, fault.New(fault.Conflict, "shown_something_else", "The document shown is not the one to be signed.")
	}
	ev := signing.Evidence{Address: src.Address, UserAgent: src.UserAgent, ConsentSHA256: act.Consent, DocumentSHA256: act.Document, ConsentLocale: act.Locale, TimeZone: act.TimeZone}
	if _, _, err := f.Envelope.Sign(v.Recipient.ID, act.Signature, ev, f.Clock.Now()); err != nil {
		return v, err
	}
	f.Steps = append(f.Steps, "signed "+v.Recipient.ID)
	if f.Envelope.State == signing.Sealing {
		f.Document.Processing = document.Processing{Status: document.StatusPending, Step: "seal"}
	}
	return f.open(token)
}

// DeclineLink records a refusal.
func (f *Fake) DeclineLink(_ context.Context, token string, src access.Source, reason string) (service.SignerView, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len([]rune(reason)); n < 1 || n > 1000 {
		return service.SignerView{}, fault.New(fault.Invalid, "invalid_reason", "Say in 1 to 1000 characters why you decline.")
	}
	v, err := f.open(token)
	if err != nil {
		return v, err
	}
	if err := f.Envelope.Decline(v.Recipient.ID, reason, signing.Evidence{Address: src.Address}, f.Clock.Now()); err != nil {
		return v, err
	}
	f.Steps = append(f.Steps, "declined "+v.Recipient.ID)
	return f.open(token)
}

// Seal ends the sealing as the worker would.
func (f *Fake) Seal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.SealedPDF = append(append([]byte(nil), f.PDF...), " and its seal"...)
	if err := f.Envelope.Complete(3, f.Clock.Now()); err != nil {
		panic(err)
	}
	f.Document.Processing = document.Processing{Status: document.StatusDone, Step: "seal"}
}

// Change runs fn on the fake under its lock.
func (f *Fake) Change(fn func(f *Fake)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fn(f)
}
