// Package signing holds the rules of signature requests: envelopes, their
// recipients and order, what a recipient's act of signing consists of, and the
// evidence kept of it.
//
// Pure rules: no SQL, no HTTP, no clock.
package signing

import (
	"slices"
	"time"

	"github.com/paraph/paraph/internal/fault"
)

// State is where an envelope stands.
type State string

// The states of an envelope.
const (
	Created   State = "created"   // made, not sent
	Sent      State = "sent"      // recipients are being asked
	Sealing   State = "sealing"   // everyone signed; the sealed PDF is being made
	Completed State = "completed" // the sealed PDF exists
	Declined  State = "declined"
	Voided    State = "voided"
	Expired   State = "expired"
)

// RecipientState is where one recipient stands.
type RecipientState string

// The states of a recipient.
const (
	RecipientWaiting   RecipientState = "waiting"   // its turn has not come
	RecipientSent      RecipientState = "sent"      // asked
	RecipientDelivered RecipientState = "delivered" // opened the link
	RecipientViewed    RecipientState = "viewed"    // saw the pages
	RecipientSigned    RecipientState = "signed"
	RecipientDeclined  RecipientState = "declined"
	RecipientCancelled RecipientState = "cancelled" // the envelope ended without them
)

// Envelope is one request to sign exactly one version of one document.
type Envelope struct {
	ID         string
	Org        string
	Unit       string
	DocumentID string
	// Version and SHA256 name exactly the bytes that are shown and signed.
	Version   int
	SHA256    string
	Subject   string
	Message   string
	SenderID  string // principal who sent it
	State     State
	Reason    string // of decline or void
	ExpiresAt time.Time
	CreatedAt time.Time
	SentAt    time.Time
	ClosedAt  time.Time
	Revision  int64
	// SealedVersion is the document's version that holds the sealed PDF; 0 before.
	SealedVersion int
	Recipients    []Recipient // by Order, then as given
}

// Recipient is one person who is asked to sign.
type Recipient struct {
	ID         string
	Org        string
	EnvelopeID string
	Order      int // recipients of one order are asked at once; lower orders first
	Name       string
	Email      string // lower case
	State      RecipientState
	Fields     []Field // where its marks go; none: where there is room

	SentAt      time.Time
	DeliveredAt time.Time
	ViewedAt    time.Time
	ConsentedAt time.Time
	SignedAt    time.Time
	DeclinedAt  time.Time
	Reason      string // of a decline
	Reminders   int
	RemindedAt  time.Time

	Evidence  Evidence
	Signature Signature
}

// Evidence is what is kept of where and how a recipient acted.
type Evidence struct {
	Address        string `json:"address,omitempty"` // believed address
	Peer           string `json:"peer,omitempty"`    // the socket's other end
	Forwarded      string `json:"forwarded,omitempty"`
	UserAgent      string `json:"user_agent,omitempty"`
	Authentication string `json:"authentication,omitempty"` // how the person was identified: "email_link", "api_link"
	ConsentText    string `json:"consent_text,omitempty"`
	ConsentSHA256  string `json:"consent_sha256,omitempty"`  // of the consent text as shown
	ConsentLocale  string `json:"consent_locale,omitempty"`  // BCP 47
	DocumentSHA256 string `json:"document_sha256,omitempty"` // of exactly the bytes shown
	TimeZone       string `json:"time_zone,omitempty"`       // as the browser says; not proved
}

// SignatureKind is how a signature was made.
type SignatureKind string

// The kinds of signature mark.
const (
	Drawn SignatureKind = "drawn"
	Typed SignatureKind = "typed"
)

// Signature is the visible mark a recipient adopted.
type Signature struct {
	Kind SignatureKind `json:"kind"`
	Text string        `json:"text,omitempty"` // typed name
	// Strokes are pen lines in a box of Width × Height units, y downwards.
	Strokes [][]Point `json:"strokes,omitempty"`
	Width   float64   `json:"width,omitempty"`
	Height  float64   `json:"height,omitempty"`
}

// Point is one position of the pen.
type Point struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
}

// Limits of one drawn or typed signature.
const (
	MaxStrokes = 200
	MaxPoints  = 5000
	MaxTyped   = 120
)

// Check lists what is wrong with the signature into l.
func (s *Signature) Check(l *fault.List) {
	switch s.Kind {
	case Typed:
		if n := len([]rune(s.Text)); n < 1 || n > MaxTyped {
			l.Add("/signature/text", "bad_length", "A typed signature has 1 to %d characters.", MaxTyped)
		}
	case Drawn:
		s.checkStrokes(l)
	default:
		l.Add("/signature/kind", "bad_kind", "A signature is drawn or typed.")
	}
}

func (s *Signature) checkStrokes(l *fault.List) {
	n := 0
	for _, stroke := range s.Strokes {
		n += len(stroke)
		for _, p := range stroke {
			if !(p.X >= 0 && p.X <= s.Width && p.Y >= 0 && p.Y <= s.Height) {
				l.Add("/signature/strokes", "out_of_box", "A point of the drawn signature lies outside its box.")
				return
			}
		}
	}
	if len(s.Strokes) == 0 || n < 2 {
		l.Add("/signature/strokes", "empty", "The drawn signature is empty.")
	}
	if len(s.Strokes) > MaxStrokes || n > MaxPoints || !(s.Width > 0 && s.Width <= 10000 && s.Height > 0 && s.Height <= 10000) {
		l.Add("/signature/strokes", "too_large", "A drawn signature has at most %d strokes and %d points in a box of at most 10000 units.", MaxStrokes, MaxPoints)
	}
}

// Send asks the first recipients. It returns those whose turn it is.
//
// Faults: Conflict "envelope_not_open".
func (e *Envelope) Send(now time.Time) ([]*Recipient, error) {
	if e.State != Created {
		return nil, e.notOpen()
	}
	e.State, e.SentAt = Sent, now
	slices.SortStableFunc(e.Recipients, func(a, b Recipient) int { return a.Order - b.Order })
	for i := range e.Recipients {
		e.Recipients[i].State = RecipientWaiting
	}
	return e.askNext(now), nil
}

// askNext asks everyone of the lowest order that has not signed yet.
func (e *Envelope) askNext(now time.Time) []*Recipient {
	var asked []*Recipient
	order := 0
	for i := range e.Recipients {
		r := &e.Recipients[i]
		if r.State == RecipientSigned {
			continue
		}
		if len(asked) == 0 {
			order = r.Order
		}
		if r.Order == order && r.State == RecipientWaiting {
			r.State, r.SentAt = RecipientSent, now
			asked = append(asked, r)
		} else if r.Order == order {
			return nil // this order is being asked already
		}
	}
	return asked
}

// Sign records a recipient's signature. allSigned tells that nobody is left;
// asked are the recipients whose turn has come through it.
//
// Faults: NotFound "recipient_not_found", Conflict "envelope_not_open",
// "not_your_turn", "already_signed", "already_declined".
func (e *Envelope) Sign(recipientID string, sig Signature, ev Evidence, now time.Time) (asked []*Recipient, allSigned bool, err error) {
	r, err := e.acting(recipientID)
	if err != nil {
		return nil, false, err
	}
	r.State, r.SignedAt, r.Signature, r.Evidence = RecipientSigned, now, sig, ev
	for i := range e.Recipients {
		if e.Recipients[i].State != RecipientSigned {
			return e.askNext(now), false, nil
		}
	}
	e.State = Sealing
	return nil, true, nil
}

// Decline records that a recipient will not sign; the envelope ends with it.
// Faults: as Sign.
func (e *Envelope) Decline(recipientID, reason string, ev Evidence, now time.Time) error {
	r, err := e.acting(recipientID)
	if err != nil {
		return err
	}
	r.State, r.DeclinedAt, r.Reason, r.Evidence = RecipientDeclined, now, reason, ev
	e.end(Declined, reason, now)
	return nil
}

// acting gives the recipient, if it may act now.
func (e *Envelope) acting(recipientID string) (*Recipient, error) {
	r := e.Recipient(recipientID)
	switch {
	case r == nil:
		return nil, fault.New(fault.NotFound, "recipient_not_found", "There is no such recipient.")
	case r.State == RecipientSigned:
		return nil, fault.New(fault.Conflict, "already_signed", "This signature has been given already, on %s.", r.SignedAt.Format("2 January 2006 15:04 UTC"))
	case r.State == RecipientDeclined:
		return nil, fault.New(fault.Conflict, "already_declined", "This recipient has declined to sign.")
	case e.State != Sent:
		return nil, e.notOpen()
	case r.State == RecipientWaiting:
		return nil, fault.New(fault.Conflict, "not_your_turn", "Somebody before this recipient has to sign first.")
	}
	return r, nil
}

// Open tells whether recipients can still act on the envelope.
func (e *Envelope) Open() bool { return e.State == Sent }

// Ended tells whether nothing will happen to the envelope any more.
func (e *Envelope) Ended() bool {
	return e.State == Completed || e.State == Declined || e.State == Voided || e.State == Expired
}

// Acting gives a recipient that may act now. Faults: as Sign.
func (e *Envelope) Acting(recipientID string) (*Recipient, error) { return e.acting(recipientID) }

// End closes an envelope that has not been signed by everyone: void or expire.
// Faults: Conflict "envelope_not_open".
func (e *Envelope) End(to State, reason string, now time.Time) error {
	if e.State != Created && e.State != Sent {
		return e.notOpen()
	}
	e.end(to, reason, now)
	return nil
}

func (e *Envelope) end(to State, reason string, now time.Time) {
	e.State, e.Reason, e.ClosedAt = to, reason, now
	for i := range e.Recipients {
		r := &e.Recipients[i]
		if r.State != RecipientSigned && r.State != RecipientDeclined {
			r.State = RecipientCancelled
		}
	}
}

// Complete records the sealed version. Faults: Conflict "envelope_not_sealing".
func (e *Envelope) Complete(version int, now time.Time) error {
	if e.State != Sealing {
		return fault.New(fault.Conflict, "envelope_not_sealing", "The envelope is %s; it is not waiting for a seal.", e.State)
	}
	e.State, e.SealedVersion, e.ClosedAt = Completed, version, now
	return nil
}

func (e *Envelope) notOpen() error {
	return fault.New(fault.Conflict, "envelope_not_open", "The envelope is %s, so this cannot be done with it any more.", e.State)
}

// Recipient gives the recipient with the id, or nil.
func (e *Envelope) Recipient(id string) *Recipient {
	for i := range e.Recipients {
		if e.Recipients[i].ID == id {
			return &e.Recipients[i]
		}
	}
	return nil
}
