package pdf

import (
	"context"
	"fmt"
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

	// Language (BCP 47) is that of the certificate's own words; English stands in
	// for those it does not know.
	Language string `json:"language,omitempty"`

	// VerifyText explains how to verify; it has a default. VerifyURL is where it
	// can be done in a browser, as a link and as a QR code; none when empty.
	VerifyText string `json:"verify_text,omitempty"`
	VerifyURL  string `json:"verify_url,omitempty"`

	// SealName is who seals: there is to be an empty signature field for it.
	SealName string `json:"seal_name,omitempty"`
}

// Completed is what came of a certificate.
type Completed struct {
	Pages int    `json:"pages"`           // of the certificate
	Field string `json:"field,omitempty"` // name of the empty signature field for the seal

	Level    string `json:"level,omitempty"`    // "PDF/A-3b": what the document claims to be; empty for nothing
	Attached int    `json:"attached,omitempty"` // files that were attached
	Reason   string `json:"reason,omitempty"`   // why none were

	Missing []MissingFont `json:"missing,omitempty"` // scripts that could not be written
}

// MissingFont is a script for which no font is installed.
type MissingFont struct {
	Script  string `json:"script"`            // for people: "Devanagari"
	Package string `json:"package,omitempty"` // of Debian; empty where none is known
}

// Attachment is a file that is put into the document.
type Attachment struct {
	Name        string    `json:"name"`
	MediaType   string    `json:"media_type"`
	Description string    `json:"description,omitempty"`
	Modified    time.Time `json:"modified"`
	Data        []byte    `json:"-"`
	Size        int       `json:"size"` // of Data, which travels beside
}

// CertificateSigner is one person's part.
type CertificateSigner struct {
	Name           string    `json:"name"`
	Email          string    `json:"email"`
	Authentication string    `json:"authentication,omitempty"` // "email_link", "api_link", or in people's words
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
	Kind    string    `json:"kind,omitempty"` // of the log's entry, by which other languages know it
	What    string    `json:"what"`           // in people's words: "Mara Lind signed"
	Who     string    `json:"who,omitempty"`
	Address string    `json:"address,omitempty"`
}

// CertificateArgs travel to the child. The attachments' data stand one after
// another in the last file.
type CertificateArgs struct {
	Certificate Certificate  `json:"certificate"`
	Attachments []Attachment `json:"attachments,omitempty"`
	Limits      Limits       `json:"limits"`
}

// Certificate writes a certificate with its attachments as a PDF of its own to
// out (open for writing, empty).
func (t *Tools) Certificate(ctx context.Context, out *os.File, certificate Certificate, attachments ...Attachment) (*Completed, error) {
	return t.complete(ctx, OpCertificate, []*os.File{out}, certificate, attachments)
}

// AppendCertificate writes the PDF to out with the certificate's pages after
// its own and with the attachments, as an incremental update: the bytes of file
// stay an identical prefix. What claims to be PDF/A stays it.
// Adds ErrSigned: a signed document gets its certificate as a file of its own;
// ErrDamaged also when the file must be normalised first.
func (t *Tools) AppendCertificate(ctx context.Context, file, out *os.File, certificate Certificate, attachments ...Attachment) (*Completed, error) {
	return t.complete(ctx, OpAppend, []*os.File{file, out}, certificate, attachments)
}

func (t *Tools) complete(ctx context.Context, op string, files []*os.File, certificate Certificate, attachments []Attachment) (*Completed, error) {
	bundle, err := t.Spool()
	if err != nil {
		return nil, err
	}
	defer bundle.Close()
	for i := range attachments {
		attachments[i].Size = len(attachments[i].Data)
		if _, err := bundle.Write(attachments[i].Data); err != nil {
			return nil, fmt.Errorf("hand over an attachment: %w", err)
		}
	}
	made := &Completed{}
	job := sandbox.Job{Op: op, Args: CertificateArgs{certificate, attachments, t.config.Limits}, Files: append(files, bundle)}
	if err := t.Do(ctx, job, made); err != nil {
		return nil, err
	}
	return made, nil
}
