package work

import (
	"bytes"
	"context"
	"strings"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/pdf"
	"github.com/paraph/paraph/internal/service"
)

// maxProofs bounds the entries whose proofs go into a sealed file; the archive
// package holds those of all.
const maxProofs = 100

// certificate gives what is added to a document before its seal: what the
// certificate states, and the files that show it is true. They go to all
// who signed, so of the log they hold what concerns the envelope and no more.
func (s *Sealer) certificate(ctx context.Context, in *service.SealInput, original document.Version, ev []byte) (c pdf.Certificate, files []pdf.Attachment, err error) {
	c = certificateOf(in, original)
	c.SealName, c.VerifyURL = s.Authority.Seal.Subject.CommonName, s.VerifyURL
	files = []pdf.Attachment{{
		Name: "evidence.json", MediaType: "application/json", Description: "Who signed, how, when and from where", Modified: c.CompletedAt, Data: ev,
	}}
	var own []journal.Entry
	for _, entry := range in.Entries {
		if entry.SubjectID == in.Envelope.ID && len(own) < maxProofs {
			own = append(own, entry)
		}
	}
	proofs, err := s.Service.EntryProofs(ctx, own)
	if err != nil || len(proofs) == 0 {
		return c, files, err
	}
	var events bytes.Buffer
	var shown []pdf.Attachment
	for _, p := range proofs {
		events.Write(p.Disclosed)
		events.WriteByte('\n')
		shown = append(shown, pdf.Attachment{
			Name: p.Entry.ID + ".tlog-proof", MediaType: "text/plain", Description: "Proof that the log holds the entry " + p.Entry.ID,
			Modified: p.Entry.At, Data: p.Proof,
		})
	}
	files = append(files, pdf.Attachment{
		Name: "events.jsonl", MediaType: "application/jsonl", Description: "What happened, one entry of the log a line", Modified: c.CompletedAt, Data: events.Bytes(),
	})
	return c, append(files, shown...), nil
}

// tellCompleted logs what of a certificate came out less than it should.
func (s *Sealer) tellCompleted(in *service.SealInput, made *pdf.Completed) {
	for _, m := range made.Missing {
		s.Log.Warn("a certificate has letters for which no font is installed", "envelope", in.Envelope.ID, "script", m.Script, "package", m.Package)
	}
	if made.Reason != "" {
		s.Log.Info("a sealed file holds no evidence; it stands in the archive package", "envelope", in.Envelope.ID, "reason", made.Reason)
	}
}

// certificateOf says what the certificate of completion states.
func certificateOf(in *service.SealInput, original document.Version) pdf.Certificate {
	e := &in.Envelope
	c := pdf.Certificate{
		EnvelopeID: e.ID, DocumentID: e.DocumentID, Title: in.Document.Title, Pages: in.Version.Pages, SenderEmail: e.SenderID,
		SentAt: e.SentAt, OriginalSHA256: original.SHA256, SignedSHA256: e.SHA256,
	}
	for i := range e.Recipients {
		r := &e.Recipients[i]
		if r.SignedAt.After(c.CompletedAt) {
			c.CompletedAt = r.SignedAt
		}
		signer := pdf.CertificateSigner{
			Name: r.Name, Email: r.Email, Authentication: r.Evidence.Authentication, SentAt: r.SentAt, OpenedAt: r.DeliveredAt,
			ViewedAt: r.ViewedAt, ConsentedAt: r.ConsentedAt, SignedAt: r.SignedAt, ConsentText: r.Evidence.ConsentText, ConsentSHA256: r.Evidence.ConsentSHA256,
			DocumentSHA256: r.Evidence.DocumentSHA256, Address: r.Evidence.Address, TimeZone: r.Evidence.TimeZone, UserAgent: r.Evidence.UserAgent,
			Typed: r.Signature.Text, Width: r.Signature.Width, Height: r.Signature.Height,
		}
		for _, stroke := range r.Signature.Strokes {
			var line []pdf.Point
			for _, p := range stroke {
				line = append(line, pdf.Point{X: p.X, Y: p.Y})
			}
			signer.Strokes = append(signer.Strokes, line)
		}
		c.Signers = append(c.Signers, signer)
	}
	for _, entry := range in.Entries {
		info, _ := entry.Kind.Info()
		who := entry.Actor.Principal
		if who == "" {
			who = "Paraph"
		}
		c.Events = append(c.Events, pdf.CertificateEvent{At: entry.At, Kind: string(entry.Kind), What: strings.TrimSuffix(info.About, "."), Who: who, Address: entry.Source.Peer})
	}
	return c
}
