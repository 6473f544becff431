package work

import (
	"cmp"
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
	"github.com/paraph/paraph/internal/sealkey"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/pades"
)

// Sealer makes the sealed PDF of an envelope that everyone has signed: the
// certificate of completion and the signers' marks are added, then everything
// is sealed by one PAdES signature as incremental updates over exactly the bytes
// the signers saw, with a time stamp in it (B-T) where an authority gives one. A file that already carries a signature is not
// added to but sealed as it is, and gets its certificate as a sealed file of
// its own. What was made is verified before it is stored.
type Sealer struct {
	Service   *service.Service
	Vault     service.Vault
	Tools     *pdf.Tools
	Authority *ca.Authority
	VerifyURL string // where people check a sealed file in a browser; empty for nowhere
	Stamping  *Stamping
	// Level is that of a new seal, which carries a time stamp itself from B-T on;
	// what more is wanted is added afterwards.
	Level   document.Level
	Certify int // DocMDP level of the seal where it is the first signature; 0: it certifies nothing
	Meter   Meter
	Log     *slog.Logger
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
	made.PDF, err = s.seal(ctx, files, whole, order{document.Sealed, marks, pages, 1, added.Field}, &made.Lack)
	return err
}

// apart seals the document as it is, and the certificate beside it.
func (s *Sealer) apart(ctx context.Context, files *Files, shown *os.File, in *service.SealInput, certificate pdf.Certificate, attached []pdf.Attachment, made *service.Sealed) error {
	var err error
	if made.PDF, err = s.seal(ctx, files, shown, order{document.Sealed, nil, in.Version.Pages, in.Version.Signatures + 1, ""}, &made.Lack); err != nil {
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
	completion, err := s.seal(ctx, files, page, order{document.Completion, nil, alone.Pages, 1, alone.Field}, &made.Lack)
	made.Completion = &completion
	return err
}

// order says what is sealed, and what comes out.
type order struct {
	kind       document.VersionKind
	marks      []childmain.SealMark
	pages      int
	signatures int
	field      string // empty signature field that the seal fills; "": none
}

// seal signs a file, verifies the result and stores it. The child parses and
// prepares; only the digest is signed here, with the key. Why there is no time
// stamp is noted in lack.
func (s *Sealer) seal(ctx context.Context, files *Files, in *os.File, o order, lacking *document.Lack) (made service.Derived, err error) {
	started := time.Now()
	seal := childmain.Seal{Time: s.Service.Clock.Now(), Name: s.Authority.Seal.Subject.CommonName, Reason: "Sealed after all signatures were given",
		Marks: o.marks, Field: o.field, Certify: s.Certify}
	for _, cert := range s.Authority.Chain() {
		seal.Chain = append(seal.Chain, cert.Raw)
	}
	protect := s.protection()
	seal.TokenSize = protect.TokenSize
	prepared, err := childmain.PrepareSeal(ctx, s.Tools, in, seal)
	if err != nil {
		return made, err
	}
	if err := failpoint.Hit(failpoint.SealPrepared); err != nil {
		return made, err
	}
	signature, err := s.sign(ctx, prepared)
	if err != nil {
		return made, err
	}
	if err := failpoint.Hit(failpoint.SealSigned); err != nil {
		return made, err
	}
	out, err := files.spool()
	if err != nil {
		return made, err
	}
	result, err := prepared.Complete(ctx, in, out, signature, protect, "")
	if err != nil {
		return made, err
	}
	if result.Delayed != nil {
		if *lacking = lack(result.Delayed); lacking.Code == "" {
			*lacking = document.Lack{Code: "internal", Reason: result.Delayed.Error()}
		}
		s.Stamping.Meter.ProtectionLacks(lacking.Code)
		s.Log.Warn("a seal was made without a time stamp; it gets one later", "code", lacking.Code, "reason", lacking.Reason)
	}
	s.Meter.Step("sign", "", time.Since(started))
	if err := s.check(ctx, out, o.pages); err != nil {
		return made, err
	}
	x, err := childmain.Examine(ctx, s.Tools, out)
	if err != nil {
		return made, err
	}
	blob, err := files.keepFile(ctx, out)
	return service.Derived{Kind: o.kind, Blob: blob, Pages: o.pages, Signatures: o.signatures, Standing: standingOf(&x.Standing)}, err
}

// sign has the key sign. One that lies elsewhere may be away, or refuse: then the
// operation waits and tries again, and says why.
func (s *Sealer) sign(ctx context.Context, p *pades.Prepared) ([]byte, error) {
	key, elsewhere := s.Authority.Key.(*sealkey.Key)
	if !elsewhere {
		return s.Authority.Key.Sign(rand.Reader, p.Digest(), p.Hash)
	}
	signature, err := key.SignContext(ctx, p.Digest(), p.Hash)
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "sealing_key_"+string(cmp.Or(sealkey.ReasonOf(err), sealkey.Unreachable)), "The sealing key could not be used. %v", err)
	}
	return signature, nil
}

// protection is what a seal gets while it is made.
func (s *Sealer) protection() pades.Protect {
	if s.Stamping.Stamper == nil || !s.Level.Reaches(document.LevelT) {
		return pades.Protect{}
	}
	return pades.Protect{Level: pades.BT, Timestamps: s.Stamping, TokenSize: s.Stamping.room()}
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
	return sound(report)
}

// sound tells whether the last signature of a file, beside time stamps of the
// document, is a seal that verifies, and nothing is wrong with what stands behind it.
func sound(report *pades.Report) error {
	sealed := false
	for i := range report.Signatures {
		one := &report.Signatures[i]
		if one.Kind == "signature" {
			sealed = one.Verdict == pades.Valid
		} else if one.Verdict == pades.Invalid {
			return fault.New(fault.Internal, "seal_unsound", "The time stamp in %s does not verify: %v", one.Field, report.Failures())
		}
	}
	if !sealed {
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
