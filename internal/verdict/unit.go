package verdict

import (
	"context"
	"io"
	"strings"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/handover"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/pades"
)

// unit judges the archive of a business unit, or the part of one that came with an
// imported document: its form, every digest, every proof, that no entry of a document
// is missing, and the seals.
func (j *Judge) unit(ctx context.Context, in io.ReaderAt, size int64) (*Verdict, error) {
	p := &packaged{Judge: j, Verdict: &Verdict{Kind: KindUnit, Verdict: pades.Valid}}
	a, err := handover.Open(in, size)
	if err == nil {
		err = a.Check(ctx, func(handover.File) error { return nil })
	}
	if err != nil {
		p.refuse("%s", strings.TrimSpace(err.Error()))
		return p.Verdict, nil
	}
	m := &a.Manifest
	what := "everything of"
	if m.Extract != "" {
		what = "what is told of one document of"
	}
	p.fact("%s the business unit %s of %s (%s) at %s", what, m.Origin.Unit, m.Origin.OrganisationName, m.Origin.Installation, m.Cut.At.UTC().Format("2006-01-02 15:04:05 UTC"))
	p.fact("%d documents, of which %d were disposed of; %d files, each as its digest says", m.Counts.Documents, m.Counts.Disposed, m.Counts.Files+int64(len(m.Files)))
	proven, told, files := int64(0), 0, 0
	err = a.EachDocument(func(d *handover.Document) error {
		digests := map[string]bool{}
		if j.Log != nil {
			err := a.Prove(d, j.Log, func(v journal.Verified) {
				proven++
				if v.Disclosed.Digests != nil {
					for _, sum := range v.Disclosed.Digests.Values {
						digests[strings.TrimPrefix(sum, "sha256:")] = true
					}
				}
			})
			if err != nil {
				p.refuse("%s", strings.TrimSpace(err.Error()))
			}
		}
		for i := range d.Versions {
			v := &d.Versions[i]
			if v.Path == "" {
				continue
			}
			if files++; digests[v.SHA256] {
				told++
			}
			if err := p.seal(ctx, a, v); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		p.refuse("%s", strings.TrimSpace(err.Error()))
	}
	if j.Log == nil {
		p.doubt("not checked: no key of the log was given, so nobody can say whether the %d entries stand in it", m.Counts.Entries)
		p.lack(LackLogKey)
		return p.Verdict, nil
	}
	if err := a.ProveUnit(j.Log); err != nil {
		p.refuse("%s", strings.TrimSpace(err.Error()))
	}
	p.fact("%d entries of documents proven, none missing; %d of %d files are named by one", proven, told, files)
	return p.Verdict, nil
}

// seal judges the seal of a version that says it has one.
func (p *packaged) seal(ctx context.Context, a *handover.Archive, v *handover.Version) error {
	switch document.VersionKind(v.Kind) {
	case document.Sealed, document.Completion, document.Protected:
	default:
		return nil
	}
	in, err := a.At(handover.File{Path: v.Path, SHA256: v.SHA256, Size: v.Size})
	if err != nil {
		return err
	}
	inner, err := p.pdf(ctx, in, v.Size)
	if err == nil {
		p.take(v.Path, inner)
	}
	return err
}
