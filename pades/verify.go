package pades

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/paraph/paraph/pades/pdffile"
)

// maxRevisions bounds how many revisions after a signature are compared.
const maxRevisions = 200

// Verify checks every signature of a file and what was changed after each. The
// error is a fault of reading in or the end of ctx; everything that is wrong
// with the file is in the report.
func Verify(ctx context.Context, in io.ReaderAt, size int64, opts VerifyOptions) (*Report, error) {
	v := &verifier{ctx: ctx, in: in, size: size, opts: opts, report: &Report{Size: size, Signatures: []SignatureReport{}}}
	err := v.run()
	v.report.Checks = v.checks
	if err != nil {
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
	// changed holds, by revision, why its changes are not allowed.
	changed map[int]string
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
	var err error
	if v.file, err = pdffile.OpenWith(v.in, v.size, pdffile.OpenOptions{Password: v.opts.Password}); err == nil {
		err = v.file.Check()
	}
	if err != nil {
		return v.judge(&v.checks, CheckStructure, err)
	}
	v.checks.ok(CheckStructure, "the file is sound")
	fields, err := v.file.SignatureFields()
	if err != nil {
		return v.judge(&v.checks, CheckStructure, err)
	}
	v.revisions = v.file.Revisions()
	v.report.Revisions = len(v.revisions)
	if !v.revisionChain() {
		return nil
	}
	first := len(v.revisions)
	for _, field := range fields {
		if !field.Signed() {
			continue
		}
		k, err := v.signature(field)
		if err != nil {
			return err
		}
		if k >= 0 {
			first = min(first, k)
		}
	}
	if len(v.report.Signatures) == 0 {
		v.checks.fail(CheckFound, "the file carries no signature")
		return nil
	}
	v.checks.ok(CheckFound, fmt.Sprintf("the file carries %d signature(s)", len(v.report.Signatures)))
	return v.changes(first)
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

// changes compares every revision after the first signature with the one before.
func (v *verifier) changes(first int) error {
	v.changed = map[int]string{}
	if first == len(v.revisions) {
		return nil // no signature covers a revision; that check has failed already
	}
	if len(v.revisions)-first > maxRevisions {
		v.checks.notRun(CheckChanges, "there are too many revisions to compare")
		return nil
	}
	old, err := v.view(first)
	if err != nil {
		return v.judge(&v.checks, CheckRevisions, err)
	}
	for k := first + 1; k < len(v.revisions); k++ {
		current, err := v.view(k)
		if err != nil {
			return v.judge(&v.checks, CheckRevisions, err)
		}
		found, err := compare(old, current, v.revisions[k])
		if err != nil {
			if reason, ok := errors.AsType[*forbidden](err); ok {
				v.changed[k] = reason.why
			} else if err := v.judge(&v.checks, CheckChanges, err); err != nil {
				return err
			}
		} else if err := v.allow(k, old, found); err != nil {
			return err
		}
		old = current
	}
	return nil
}

// allow judges a comparison by policy and certification.
func (v *verifier) allow(k int, old *pdffile.File, found additions) error {
	level, err := old.DocMDP()
	if err != nil {
		return v.judge(&v.checks, CheckChanges, err)
	}
	if found.signatures > 0 && level == 1 {
		v.changed[k] = "a signature was added, which the certification forbids"
	}
	if found.info && v.opts.Policy == Sealed {
		v.changed[k] = "the document information was changed"
	}
	if found.fieldsOnly > 0 {
		v.changed[k] = "an empty signature field was added"
	}
	return nil
}

// conclude adds the judgement of later changes to each signature and sums up.
func (v *verifier) conclude() {
	uncertain := map[Code]bool{CheckCertificate: true, CheckKeyUsage: true, CheckProfile: true}
	if v.opts.Policy == Sealed {
		uncertain = nil
		v.sealPosition()
	}
	for i := range v.report.Signatures {
		s := &v.report.Signatures[i]
		list := checks(s.Checks)
		if s.Revision > 0 {
			v.laterChanges(&list, s.Revision-1)
		}
		s.Checks = list
		s.Verdict = list.verdict(uncertain)
	}
	total := checks(v.report.Checks).verdict(nil)
	signed := false
	for _, s := range v.report.Signatures {
		if s.Kind == "document-timestamp" {
			if s.Verdict == Invalid {
				total = Invalid
			}
			continue // an unread timestamp proves nothing and is not needed
		}
		signed = true
		total = worse(total, s.Verdict)
	}
	if !signed {
		total = worse(total, Indeterminate)
	}
	v.report.Verdict = total
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

func (v *verifier) laterChanges(list *checks, own int) {
	if own == len(v.revisions)-1 {
		list.ok(CheckChanges, "nothing was added after this signature")
		return
	}
	for k := own + 1; k < len(v.revisions); k++ {
		if why, bad := v.changed[k]; bad {
			list.fail(CheckChanges, fmt.Sprintf("revision %d: %s", k+1, why))
			return
		}
	}
	for _, c := range v.report.Checks {
		if c.Code == CheckChanges && c.Status != OK || c.Code == CheckRevisions && c.Status != OK {
			list.notRun(CheckChanges, "what was added after this signature could not be compared")
			return
		}
	}
	list.ok(CheckChanges, "only what is allowed was added after this signature")
}

// sealPosition applies the strict profile: no signature but document
// timestamps behind the seal. The seal is the signature of the highest revision.
func (v *verifier) sealPosition() {
	seals := checks(nil)
	last := -1
	for i, s := range v.report.Signatures {
		if s.Kind == "signature" && (last < 0 || s.Revision > v.report.Signatures[last].Revision) {
			last = i
		}
	}
	switch {
	case last < 0:
		seals.fail(CheckSealPosition, "the file carries no seal")
	case v.report.Signatures[last].Revision == 0:
		seals.fail(CheckSealPosition, "the seal covers no revision of the file")
	default:
		seals.ok(CheckSealPosition, "the seal is the last signature")
	}
	v.report.Checks = append(v.report.Checks, seals...)
}
