package pdf

import (
	"context"
	"os"
	"time"

	"github.com/paraph/paraph/internal/sandbox"
)

// Certificate is what a certificate of completion states. Everything in it is
// printed as given; empty members leave their line out.
type Certificate struct {
	EnvelopeID  string    `json:"envelope_id"`
	DocumentID  string    `json:"document_id,omitempty"`
	Title       string    `json:"title"`
	Pages       int       `json:"pages"` // of the document without the certificate
	SenderName  string    `json:"sender_name,omitempty"`
	SenderEmail string    `json:"sender_email,omitempty"`
	SentAt      time.Time `json:"sent_at"`
	CompletedAt time.Time `json:"completed_at"`
	// Digests are SHA-256 in lower-case hex.
	OriginalSHA256 string `json:"original_sha256,omitempty"` // of the file as it came in
	SignedSHA256   string `json:"signed_sha256"`             // of exactly the bytes that were shown and signed

	Signers []CertificateSigner `json:"signers"`
	Events  []CertificateEvent  `json:"events"`

	// VerifyText explains how to verify; it has a default. VerifyCode is what
	// the QR code holds, an address or a text; none when empty.
	VerifyText string `json:"verify_text,omitempty"`
	VerifyCode string `json:"verify_code,omitempty"`
}

// CertificateSigner is one person's part.
type CertificateSigner struct {
	Name           string    `json:"name"`
	Email          string    `json:"email"`
	Authentication string    `json:"authentication,omitempty"` // in people's words: "a link sent to this address"
	SentAt         time.Time `json:"sent_at"`
	OpenedAt       time.Time `json:"opened_at"`
	ViewedAt       time.Time `json:"viewed_at"`
	ConsentedAt    time.Time `json:"consented_at"`
	SignedAt       time.Time `json:"signed_at"`
	ConsentText    string    `json:"consent_text,omitempty"`
	ConsentSHA256  string    `json:"consent_sha256,omitempty"`
	DocumentSHA256 string    `json:"document_sha256,omitempty"` // of the bytes this person was shown
	Address        string    `json:"address,omitempty"`
	TimeZone       string    `json:"time_zone,omitempty"`
	UserAgent      string    `json:"user_agent,omitempty"`

	// The mark: a typed text, or pen strokes in a box of Width by Height units
	// with y downwards.
	Typed   string    `json:"typed,omitempty"`
	Strokes [][]Point `json:"strokes,omitempty"`
	Width   float64   `json:"width,omitempty"`
	Height  float64   `json:"height,omitempty"`
}

// Point is one position of a pen.
type Point struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
}

// CertificateEvent is one line of what happened.
type CertificateEvent struct {
	At      time.Time `json:"at"`
	What    string    `json:"what"` // in people's words: "Mara Lind signed"
	Who     string    `json:"who,omitempty"`
	Address string    `json:"address,omitempty"`
}

// CertificateArgs travel to the child.
type CertificateArgs struct {
	Certificate Certificate `json:"certificate"`
	Limits      Limits      `json:"limits"`
}

// Certificate writes a certificate as a PDF of its own to out (open for
// writing, empty) and gives its number of pages.
func (t *Tools) Certificate(ctx context.Context, out *os.File, certificate Certificate) (int, error) {
	pages := 0
	job := sandbox.Job{Op: OpCertificate, Args: CertificateArgs{certificate, t.config.Limits}, Files: []*os.File{out}}
	err := t.Do(ctx, job, &pages)
	return pages, err
}

// AppendCertificate writes the PDF to out with the certificate's pages after
// its own, as an incremental update: the bytes of file stay an identical
// prefix. It gives the number of pages added. Adds ErrSigned: a signed document
// gets its certificate as a file of its own; ErrDamaged also when the file must
// be normalised first.
func (t *Tools) AppendCertificate(ctx context.Context, file, out *os.File, certificate Certificate) (int, error) {
	pages := 0
	job := sandbox.Job{Op: OpAppend, Args: CertificateArgs{certificate, t.config.Limits}, Files: []*os.File{file, out}}
	err := t.Do(ctx, job, &pages)
	return pages, err
}
