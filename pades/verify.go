package pades

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/paraph/paraph/pades/pdffile"
)

// Bounds of what one verification does.
const (
	maxRevisions  = 200 // after the first signature
	maxSignatures = 200
)

// Verify checks every signature of a file and what was changed after each, as EN
// 319 102-1, 5.6 lays down for signatures with long-term protection. The error is a
// fault of reading in or the end of ctx; everything that is wrong with the file is
// in the report.
func Verify(ctx context.Context, in io.ReaderAt, size int64, opts VerifyOptions) (*Report, error) {
	if opts.Time.IsZero() {
		opts.Time = time.Now()
	}
	v := &verifier{ctx: ctx, in: in, size: size, opts: opts, report: &Report{At: opts.Time.UTC(), Size: size, Signatures: []SignatureReport{}}}
	if opts.Trust != nil {
		v.report.Trust = opts.Trust.Describe()
	}
	if err := v.run(); err != nil {
		return nil, err
	}
	v.conclude()
	return v.report, nil
}

type verifier struct {
	ctx       context.Context
	in        io.ReaderAt
	size      int64
	opts      VerifyOptions
	report    *Report
	checks    checks
	file      *pdffile.File
	revisions []pdffile.Revision
	found     []*found
	// changed and unseen hold, by revision, why its changes are not allowed, or why
	// that could not be found out.
	changed, unseen map[int]finding
	notes           map[int][]string
}

// finding is what speaks against a revision.
type finding struct {
	code Code
	why  string
	// doubt: nothing says whether the change is allowed.
	doubt bool
}

// judge turns an error about the file into a check; a fault of reading goes up.
func (v *verifier) judge(c *checks, code Code, err error) error {
	switch {
	case errors.Is(err, pdffile.ErrDamaged):
		c.fail(code, err.Error())
	case pdffile.IsRefusal(err):
		c.notRun(code, err.Error())
	default:
		return err
	}
	return nil
}

func (v *verifier) run() error {
	fields, err := v.open()
	if err != nil {
		return err
	}
	if fields == nil {
		return v.hashFile()
	}
	for _, field := range fields {
		if !field.Signed() {
			continue
		}
		if len(v.found) == maxSignatures {
			v.checks.notRun(CheckFound, fmt.Sprintf("the file carries more than %d signatures", maxSignatures))
			break
		}
		f := &found{field: field, revision: -1}
		v.found = append(v.found, f)
		if err := v.bytes(f); err != nil {
			return err
		}
	}
	if len(v.found) == 0 {
		v.checks.fail(CheckFound, "the file carries no signature")
		return v.hashFile()
	}
	v.checks.ok(CheckFound, fmt.Sprintf("the file carries %d signature(s)", len(v.found)))
	if err := v.digests(); err != nil {
		return err
	}
	for _, f := range v.found {
		v.cryptography(f)
	}
	if err := v.times(); err != nil {
		return err
	}
	return v.changes()
}

// open reads the file's structure and its signature fields; nil where it is not sound.
func (v *verifier) open() ([]pdffile.SignatureField, error) {
	var err error
	if v.file, err = pdffile.OpenWith(v.in, v.size, pdffile.OpenOptions{Password: v.opts.Password}); err == nil {
		err = v.file.Check()
	}
	if err != nil {
		return nil, v.judge(&v.checks, CheckStructure, err)
	}
	fields, err := v.file.SignatureFields()
	if err != nil {
		return nil, v.judge(&v.checks, CheckStructure, err)
	}
	v.checks.ok(CheckStructure, "the file is sound")
	for _, d := range v.file.Deviations() {
		v.checks.note(CheckStructure, "looked over, since all readers take it alike: "+d.Reason)
	}
	v.revisions = v.file.Revisions()
	v.report.Revisions = len(v.revisions)
	if !v.revisionChain() {
		return nil, nil
	}
	if fields == nil {
		fields = []pdffile.SignatureField{}
	}
	return fields, nil
}

// revisionChain checks that the revisions lie one behind the other, that each
// brings its own objects, and that nothing follows the last.
func (v *verifier) revisionChain() bool {
	last := v.revisions[len(v.revisions)-1]
	if last.End != v.size {
		return v.checks.fail(CheckEnd, fmt.Sprintf("the last revision ends at byte %d, but the file has %d bytes", last.End, v.size))
	}
	v.checks.ok(CheckEnd, "nothing follows the last revision")
	for i, r := range v.revisions {
		if r.End == 0 || r.End <= r.Start {
			return v.checks.fail(CheckRevisions, fmt.Sprintf("revision %d does not end with %%%%EOF", i+1))
		}
		for _, s := range r.Sections {
			if s.Offset < r.Start || s.Offset >= r.End {
				return v.checks.fail(CheckRevisions, fmt.Sprintf("revision %d keeps its cross-reference data outside itself", i+1))
			}
		}
	}
	v.checks.ok(CheckRevisions, fmt.Sprintf("%d revision(s) follow each other", len(v.revisions)))
	return true
}

// view opens the file as it was at the end of a revision.
func (v *verifier) view(k int) (*pdffile.File, error) {
	end := v.revisions[k].End
	f, err := pdffile.OpenWith(io.NewSectionReader(v.in, 0, end), end, pdffile.OpenOptions{Password: v.opts.Password})
	if err != nil {
		return nil, err
	}
	own := v.revisions[k].Sections[0].Offset
	if f.Sections()[0].Offset != own {
		return nil, &pdffile.Error{Kind: pdffile.ErrDamaged, Offset: own,
			Reason: fmt.Sprintf("revision %d had other cross-reference data when it was signed", k+1)}
	}
	return f, nil
}

// conclude adds the judgement of later changes to each signature and sums up.
func (v *verifier) conclude() {
	for _, f := range v.found {
		if f.revision >= 0 {
			v.laterChanges(f)
		}
	}
	var seal *found
	if v.opts.Policy == Sealed {
		seal = v.seal()
		v.sealPosition(seal)
	}
	total, sub := v.checks.verdict(v.opts.Policy == Sealed)
	file, decided := total, false
	for _, f := range v.found {
		s := &f.report
		s.Checks = f.checks
		s.Verdict, s.Sub = f.checks.verdict(seal != nil && f == seal)
		if s.Verdict == Valid && file != Valid {
			s.Verdict, s.Sub = file, sub // no signature of an unsound file is valid
		}
		s.Indication = s.Verdict.Indication()
		v.report.Signatures = append(v.report.Signatures, *s)
		if s.Verdict == Invalid || f.decides(seal) {
			decided = decided || f.decides(seal)
			total = worse(total, s.Verdict)
		}
	}
	if !decided {
		total = worse(total, Indeterminate)
	}
	v.report.Verdict, v.report.Indication = total, total.Indication()
	v.report.Checks = v.checks
}

// decides tells whether the file is only as good as the signature. A time stamp that
// is not decided proves nothing, and so is not needed; and where there is a seal,
// it vouches for what others signed before, whoever they are.
func (f *found) decides(seal *found) bool {
	return f.kind() == KindSignature && (seal == nil || f == seal)
}

func worse(a, b Verdict) Verdict {
	if a == Invalid || b == Invalid {
		return Invalid
	}
	if a == Indeterminate || b == Indeterminate {
		return Indeterminate
	}
	return Valid
}

// seal gives the signature of the highest revision; nil where there is none.
func (v *verifier) seal() (seal *found) {
	for _, f := range v.found {
		if f.kind() == KindSignature && (seal == nil || f.revision > seal.revision) {
			seal = f
		}
	}
	return seal
}

// sealPosition applies the strict profile: no signature but document timestamps
// behind the seal.
func (v *verifier) sealPosition(seal *found) {
	switch {
	case len(v.found) == 0: // which failed already
	case seal == nil:
		v.checks.fail(CheckSealPosition, "the file carries no seal")
	case seal.revision < 0:
		v.checks.fail(CheckSealPosition, "the seal covers no revision of the file")
	default:
		v.checks.ok(CheckSealPosition, "the seal is the last signature")
	}
}
