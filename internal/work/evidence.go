package work

import (
	"encoding/json"
	"time"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/signing"
)

// evidence is the record of how a document was signed: what an expert reads
// beside the sealed PDF. It is built from facts that do not change once the last
// signer has signed, so that it can be made again byte for byte.
type evidence struct {
	Format    string           `json:"format"` // paraph-evidence@v1
	Envelope  string           `json:"envelope_id"`
	Document  evidenceDocument `json:"document"`
	Subject   string           `json:"subject"`
	Message   string           `json:"message,omitempty"`
	Sender    string           `json:"sender"`
	SentAt    time.Time        `json:"sent_at"`
	SignedAll time.Time        `json:"last_signature_at"`
	Signers   []evidenceSigner `json:"signers"`
}

type evidenceDocument struct {
	ID       string `json:"id"`
	Type     string `json:"document_type"`
	Unit     string `json:"business_unit"`
	Version  int    `json:"version"`
	SHA256   string `json:"sha256"` // of exactly the bytes shown to the signers
	Pages    int    `json:"pages"`
	Original string `json:"original_sha256"`
}

type evidenceSigner struct {
	ID          string            `json:"recipient_id"`
	Order       int               `json:"order"`
	Name        string            `json:"name"`
	Email       string            `json:"email"`
	SentAt      time.Time         `json:"sent_at"`
	DeliveredAt time.Time         `json:"delivered_at"`
	ViewedAt    time.Time         `json:"viewed_at,omitzero"` // absent where the browser did not report it
	ConsentedAt time.Time         `json:"consented_at"`
	SignedAt    time.Time         `json:"signed_at"`
	Evidence    signing.Evidence  `json:"evidence"`
	Signature   signing.Signature `json:"signature"`
}

// makeEvidence gives the evidence of an envelope that everyone has signed, as
// indented JSON.
func makeEvidence(d *document.Document, e *signing.Envelope, shown, original document.Version) ([]byte, error) {
	ev := evidence{
		Format: "paraph-evidence@v1", Envelope: e.ID, Subject: e.Subject, Message: e.Message, Sender: e.SenderID, SentAt: e.SentAt,
		Document: evidenceDocument{ID: d.ID, Type: d.Type, Unit: d.Unit, Version: shown.No, SHA256: shown.SHA256, Pages: shown.Pages, Original: original.SHA256},
	}
	for i := range e.Recipients {
		r := &e.Recipients[i]
		if r.SignedAt.After(ev.SignedAll) {
			ev.SignedAll = r.SignedAt
		}
		ev.Signers = append(ev.Signers, evidenceSigner{
			ID: r.ID, Order: r.Order, Name: r.Name, Email: r.Email, SentAt: r.SentAt, DeliveredAt: r.DeliveredAt, ViewedAt: r.ViewedAt,
			ConsentedAt: r.ConsentedAt, SignedAt: r.SignedAt, Evidence: r.Evidence, Signature: r.Signature,
		})
	}
	out, err := json.MarshalIndent(ev, "", "  ")
	return append(out, '\n'), err
}

// originalOf gives the uploaded version that a version was made of.
func originalOf(versions []document.Version, no int) document.Version {
	byNo := map[int]document.Version{}
	for _, v := range versions {
		byNo[v.No] = v
	}
	v := byNo[no]
	for v.DerivedFrom > 0 {
		v = byNo[v.DerivedFrom]
	}
	return v
}
