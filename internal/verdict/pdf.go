package verdict

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/paraph/paraph/pades"
)

func (j *Judge) pdf(ctx context.Context, in io.ReaderAt, size int64) (*Verdict, error) {
	report, err := j.PDF(ctx, in, size)
	if err != nil {
		return nil, err
	}
	return OfPDF(report), nil
}

// OfPDF says in words what a report on a PDF says.
func OfPDF(r *pades.Report) *Verdict {
	v := &Verdict{Kind: KindPDF, PDF: r, Verdict: r.Verdict}
	if r.SHA256 != "" {
		v.fact("SHA-256 %s", r.SHA256)
	}
	for i := range r.Signatures {
		v.signature(&r.Signatures[i])
	}
	for _, t := range r.Trust {
		v.fact("trusted: %s", t)
	}
	into := &v.Reasons
	if r.Verdict == pades.Valid {
		into = &v.Notes // of signatures and time stamps that were not needed
	}
	for _, c := range r.Failures() {
		*into = append(*into, c.Message)
	}
	for _, c := range r.NotRun() {
		*into = append(*into, "not checked: "+c.Message)
	}
	if v.Reasons = compact(v.Reasons); len(r.Trust) == 0 {
		v.lack(LackRoots)
	}
	notes := func(list []pades.Check) {
		for _, c := range list {
			if c.Status == pades.Noted {
				v.Notes = append(v.Notes, c.Message)
			}
		}
	}
	notes(r.Checks)
	for i := range r.Signatures {
		notes(r.Signatures[i].Checks)
	}
	v.Notes = compact(v.Notes)
	return v
}

// compact leaves out what was said before: several signatures often lack the same.
func compact(list []string) (out []string) {
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// signature tells the facts of one signature: who, how well protected, when.
func (v *Verdict) signature(s *pades.SignatureReport) {
	parts := []string{fmt.Sprintf("%s %q", strings.ReplaceAll(s.Kind, "-", " "), s.Field)}
	if s.Signer != "" {
		parts = append(parts, "by "+s.Signer)
	}
	if s.Level != "" {
		parts = append(parts, s.Level)
	}
	switch {
	case !s.Proven.IsZero():
		parts = append(parts, "proven for "+moment(s.Proven))
	case s.Kind == pades.KindTimestamp && !s.Time.IsZero():
		parts = append(parts, moment(s.Time))
	case !s.Time.IsZero():
		parts = append(parts, moment(s.Time)+" as the signer says")
	}
	word := string(s.Verdict)
	if s.Verdict != pades.Valid {
		word = fmt.Sprintf("%s (%s, %s)", s.Verdict, s.Indication, s.Sub)
	}
	v.fact("%s: %s", strings.Join(parts, ", "), word)
	if q := s.Qualification; q != nil {
		v.fact("    %s: %s", q.Level, q.Meaning)
	}
}

func moment(t time.Time) string { return t.UTC().Format("2 January 2006 15:04 UTC") }
