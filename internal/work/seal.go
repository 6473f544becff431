package work

import (
	"context"
	"crypto/rand"
	"log/slog"
	"os"
	"time"

	"github.com/paraph/paraph/internal/ca"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/failpoint"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/pdf"
	"github.com/paraph/paraph/internal/sandbox/childmain"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/pades"
)

// Sealer makes the sealed PDF of an envelope that everyone has signed: the
// certificate of completion and the signers' marks are added, then everything
// is sealed by one PAdES signature (B-B) as incremental updates over exactly
// the bytes the signers saw. A file that already carries a signature is not
// added to but sealed as it is, and gets its certificate as a sealed file of
// its own. What was made is verified before it is stored.
type Sealer struct {
	Service   *service.Service
	Vault     service.Vault
	Tools     *pdf.Tools
	Authority *ca.Authority
	VerifyURL string // where people check a sealed file in a browser; empty for nowhere
	Meter     Meter
	Log       *slog.Logger
}

// Handle implements Handler for operations of kind seal.
func (s *Sealer) Handle(ctx context.Context, job Job) (err error) {
	in, err := s.Service.SealInput(ctx, job.Operation.Org, job.Operation.EnvelopeID)
	if err != nil {
		return err
	}
	files := newFiles(s.Vault, s.Tools, s.Log, &in.Document)
	defer func() { files.done(ctx, err) }()
	shown, err := files.fetch(ctx, in.Blob)
	if err != nil {
		return err
	}
	original := originalOf(in.Versions, in.Version.No)
	ev, err := makeEvidence(&in.Document, &in.Envelope, in.Version, original)
	if err != nil {
		return err
	}
	made := service.Sealed{Evidence: hexOf(ev)}
	certificate, attached, err := s.certificate(ctx, &in, original, ev)
	if err != nil {
		return err
	}
	if in.Version.Signatures > 0 {
		err = s.apart(ctx, files, shown, &in, certificate, attached, &made)
	} else {
		err = s.within(ctx, files, shown, &in, certificate, attached, &made)
	}
	if err != nil {
		return sealFault(err)
	}
	if err := failpoint.Hit(failpoint.SealStored); err != nil {
		return err
	}
	files.naming()
	if err := s.Service.FinishSeal(ctx, job.Call, job.Operation.ID, made); err != nil {
		return err
	}
	return failpoint.Hit(failpoint.SealFinished)
}

// within adds the certificate's pages and the marks to the document and seals
// it as one file.
func (s *Sealer) within(ctx context.Context, files *Files, shown *os.File, in *service.SealInput, certificate pdf.Certificate, attached []pdf.Attachment, made *service.Sealed) error {
	whole, err := files.spool()
	if err != nil {
		return err
	}
	added, err := s.Tools.AppendCertificate(ctx, shown, whole, certificate, attached...)
	if err != nil {
		return err
	}
	s.tellCompleted(in, added)
	pages := in.Version.Pages + added.Pages
	marks, err := s.marks(ctx, in)
	if err != nil {
		return err
	}
	sealed, err := s.seal(ctx, files, whole, marks, pages, added.Field)
	if err != nil {
		return err
	}
	made.PDF, err = derived(ctx, files, document.Sealed, sealed, pages, 1)
	return err
}

// apart seals the document as it is, and the certificate beside it.
func (s *Sealer) apart(ctx context.Context, files *Files, shown *os.File, in *service.SealInput, certificate pdf.Certificate, attached []pdf.Attachment, made *service.Sealed) error {
	sealed, err := s.seal(ctx, files, shown, nil, in.Version.Pages, "")
	if err != nil {
		return err
	}
	if made.PDF, err = derived(ctx, files, document.Sealed, sealed, in.Version.Pages, in.Version.Signatures+1); err != nil {
		return err
	}
	page, err := files.spool()
	if err != nil {
		return err
	}
	alone, err := s.Tools.Certificate(ctx, page, certificate, attached...)
	if err != nil {
		return err
	}
	s.tellCompleted(in, alone)
	if page, err = s.seal(ctx, files, page, nil, alone.Pages, alone.Field); err != nil {
		return err
	}
	completion, err := derived(ctx, files, document.Completion, page, alone.Pages, 1)
	made.Completion = &completion
	return err
}

func derived(ctx context.Context, files *Files, kind document.VersionKind, file *os.File, pages, signatures int) (service.Derived, error) {
	blob, err := files.keepFile(ctx, file)
	return service.Derived{Kind: kind, Blob: blob, Pages: pages, Signatures: signatures}, err
}

// seal signs a file, in an empty field of it where one is named, and verifies the result. The child parses and prepares;
// only the digest is signed here, with the key.
func (s *Sealer) seal(ctx context.Context, files *Files, in *os.File, marks []childmain.SealMark, pages int, field string) (*os.File, error) {
	started := time.Now()
	order := childmain.Seal{Time: s.Service.Clock.Now(), Name: s.Authority.Seal.Subject.CommonName, Reason: "Sealed after all signatures were given", Marks: marks, Field: field}
	for _, cert := range s.Authority.Chain() {
		order.Chain = append(order.Chain, cert.Raw)
	}
	prepared, err := childmain.PrepareSeal(ctx, s.Tools, in, order)
	if err != nil {
		return nil, err
	}
	if err := failpoint.Hit(failpoint.SealPrepared); err != nil {
		return nil, err
	}
	signature, err := s.Authority.Key.Sign(rand.Reader, prepared.Digest(), prepared.Hash)
	if err != nil {
		return nil, err
	}
	if err := failpoint.Hit(failpoint.SealSigned); err != nil {
		return nil, err
	}
	out, err := files.spool()
	if err != nil {
		return nil, err
	}
	if _, err := prepared.Complete(ctx, in, out, signature, pades.Protect{}, ""); err != nil {
		return nil, err
	}
	s.Meter.Step("sign", "", time.Since(started))
	return out, s.check(ctx, out, pages)
}

// check reads the sealed file as a stranger would: it opens, has its pages, and
// its seal verifies against the own root.
func (s *Sealer) check(ctx context.Context, sealed *os.File, pages int) error {
	found, err := s.Tools.Inspect(ctx, sealed, "application/pdf")
	if err != nil {
		return err
	}
	if len(found.Pages) != pages || !found.Strict || found.Signatures == 0 {
		return fault.New(fault.Internal, "seal_unsound", "The sealed file has %d pages instead of %d, or is not sound: %s", len(found.Pages), pages, found.StrictReason)
	}
	report, err := childmain.VerifyFile(ctx, s.Tools, sealed, childmain.Verification{Roots: [][]byte{s.Authority.Root.Raw}, Sealed: true, Time: s.Service.Clock.Now()}, nil)
	if err != nil {
		return err
	}
	if len(report.Signatures) == 0 {
		return fault.New(fault.Internal, "seal_unsound", "The sealed file does not verify: %v", report.Failures())
	}
	seal := report.Signatures[len(report.Signatures)-1]
	if seal.Verdict != pades.Valid {
		return fault.New(fault.Internal, "seal_unsound", "The sealed file does not verify: %v", report.Failures())
	}
	for _, c := range report.Checks {
		if c.Status == pades.Failed {
			return fault.New(fault.Internal, "seal_unsound", "The sealed file does not verify: %s", c.Message)
		}
	}
	return nil
}

func sealFault(err error) error {
	if fault.KindOf(err) != fault.Internal || fault.CodeOf(err) != "internal" {
		return err
	}
	return fileFault(err, 1)
}
