// Package verdict judges what Paraph hands out, without asking anybody: sealed PDFs,
// proofs from the log, and archive packages that hold both. The command line and the
// page that verifies in a browser are made of it.
//
// A verdict never hides what could not be checked: it stands among the reasons, and
// nothing is valid where one of those checks was needed.
package verdict

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/paraph/paraph/internal/handover"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/pades"
	"github.com/paraph/paraph/pades/tsp"
)

// The kinds of files.
const (
	KindPDF     = "pdf"
	KindProof   = "proof"
	KindPackage = "package"
	KindUnit    = "unit" // everything of a business unit, or what it tells of one document
	KindUnknown = "unknown"
)

// Verdict is what was found out about one file.
type Verdict struct {
	File    string            `json:"file"`
	Kind    string            `json:"kind"`
	Verdict pades.Verdict     `json:"verdict"`
	Reasons []string          `json:"reasons,omitempty"` // why it is not valid, with the checks that could not be made
	Facts   []string          `json:"facts,omitempty"`   // what was found, in words
	Notes   []string          `json:"notes,omitempty"`   // to know; they decide nothing
	Lacks   []Lack            `json:"lacks,omitempty"`   // what would have to be given to check more
	PDF     *pades.Report     `json:"pdf,omitempty"`
	Event   *journal.Verified `json:"-"`
}

func (v *Verdict) refuse(format string, args ...any) {
	v.Verdict = pades.Invalid
	v.Reasons = append(v.Reasons, fmt.Sprintf(format, args...))
}

func (v *Verdict) doubt(format string, args ...any) {
	v.Verdict = worse(v.Verdict, pades.Indeterminate)
	v.Reasons = append(v.Reasons, fmt.Sprintf(format, args...))
}

func (v *Verdict) fact(format string, args ...any) {
	v.Facts = append(v.Facts, fmt.Sprintf(format, args...))
}

func worse(a, b pades.Verdict) pades.Verdict {
	switch {
	case a == pades.Invalid || b == pades.Invalid:
		return pades.Invalid
	case a == pades.Indeterminate || b == pades.Indeterminate:
		return pades.Indeterminate
	}
	return pades.Valid
}

// Lack is something that whoever asks could have given.
type Lack string

// What can be lacking.
const (
	LackRoots      Lack = "roots"       // certificates to trust for signatures
	LackLogKey     Lack = "log-key"     // the key of the log
	LackStampRoots Lack = "stamp-roots" // certificates to trust for time stamps over the log
)

func (v *Verdict) lack(l Lack) {
	if !slices.Contains(v.Lacks, l) {
		v.Lacks = append(v.Lacks, l)
	}
}

// Judge knows whom to believe, and how to look into a PDF.
type Judge struct {
	// PDF verifies the signatures of a PDF, with whatever trust it has.
	PDF func(ctx context.Context, in io.ReaderAt, size int64) (*pades.Report, error)
	// Log is the log's key; nil: proofs cannot be checked.
	Log *journal.Verifier
	// Stamps trusts authorities for time stamps over the log; nil: who made them is not checked.
	Stamps tsp.ChainVerifier
}

// File finds out by its first bytes what a file is, and judges it. An error means
// that it could not be read.
func (j *Judge) File(ctx context.Context, in io.ReaderAt, size int64) (*Verdict, error) {
	head := make([]byte, 1024)
	n, err := in.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch head = head[:n]; {
	case bytes.HasPrefix(head, []byte("c2sp.org/tlog-proof@v1\n")):
		return j.proof(in, size)
	case bytes.HasPrefix(head, []byte("PK\x03\x04")): // before PDF: a package holds one, near its beginning
		if z, err := zip.NewReader(in, size); err == nil && handover.Is(z) {
			return j.unit(ctx, in, size)
		}
		return j.pack(ctx, in, size)
	case bytes.Contains(head, []byte("%PDF-")):
		return j.pdf(ctx, in, size)
	}
	v := &Verdict{Kind: KindUnknown}
	v.refuse("this is neither a PDF, nor a .tlog-proof file, nor an archive package or export")
	return v, nil
}

func (j *Judge) proof(in io.ReaderAt, size int64) (*Verdict, error) {
	v := &Verdict{Kind: KindProof}
	if size > journal.MaxProof {
		v.refuse("a proof has at most %d bytes", journal.MaxProof)
		return v, nil
	}
	raw := make([]byte, size)
	if _, err := in.ReadAt(raw, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if j.Log == nil {
		v.doubt("not checked: no key of the log was given, so nobody can say whether this stands in it")
		v.lack(LackLogKey)
		return v, nil
	}
	shown, err := journal.VerifyProof(raw, j.Log, nil)
	if err != nil {
		v.refuse("%s", strings.TrimSpace(err.Error()))
		return v, nil
	}
	v.Verdict, v.Event = pades.Valid, &shown
	v.fact("entry %d of the log %s, which had %d entries", shown.Index, shown.Checkpoint.Origin, shown.Checkpoint.Head.Size)
	if d := shown.Disclosed; d != nil {
		v.Facts = append(v.Facts, describe(d)...)
	}
	return v, nil
}

// describe says what a disclosed entry tells.
func describe(d *journal.Disclosed) []string {
	out := []string{string(d.Kind) + " (" + d.ID + ")"}
	if d.Time != nil {
		out = append(out, "at "+d.Time.At)
	}
	if d.Actor != nil && d.Actor.Principal != "" {
		out = append(out, "by "+d.Actor.Principal)
	}
	if d.Document != nil && d.Document.Document != "" {
		out = append(out, "document "+d.Document.Document)
	}
	if d.Digests != nil {
		for name, sum := range d.Digests.Values {
			out = append(out, name+" "+sum)
		}
	}
	return out
}

var words = map[pades.Verdict]string{pades.Valid: "✓ valid", pades.Invalid: "✗ NOT valid", pades.Indeterminate: "? not decided"}

// Print says a verdict to people.
func (v *Verdict) Print(w io.Writer) {
	fmt.Fprintf(w, "%s  %s\n", words[v.Verdict], v.File)
	for _, part := range []struct {
		sign string
		list []string
	}{{"", v.Facts}, {"– ", v.Reasons}, {"· ", v.Notes}} {
		for _, line := range part.list {
			fmt.Fprintf(w, "    %s%s\n", part.sign, line)
		}
	}
}
