package verdict

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/paraph/paraph/internal/anchor"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/zipform"
	"github.com/paraph/paraph/pades"
)

// The documents in a package that have to be vouched for.
var documents = []string{"data/document.pdf", "data/completion.pdf"}

// Bounds of one file in a package, in bytes.
const (
	maxPacked = 2 << 30
	maxHeld   = 512 << 20 // of one that is read into memory, because it was packed small
)

// packaged is an archive package on its way through the checks.
type packaged struct {
	*Judge
	*Verdict
	in      io.ReaderAt
	zip     *zip.Reader
	sums    map[string]string // SHA-256 of every file
	anchors anchored
	// digests are those that proven entries disclose, with what they call them;
	// sealed tells whether one of them is of a sealed document.
	digests map[string]string
	sealed  bool
	proofs  bool // whether all proofs could be checked
	unasked int  // proofs that lack the log's key
}

// pack judges an archive package: its form, the bag's manifests, every proof, and
// every document. Somebody has to vouch for a document: its seal, or, where it was
// archived without one, an entry of the log that tells its digest.
func (j *Judge) pack(ctx context.Context, in io.ReaderAt, size int64) (*Verdict, error) {
	p := &packaged{
		Judge: j, Verdict: &Verdict{Kind: KindPackage, Verdict: pades.Valid}, in: in, sums: map[string]string{}, digests: map[string]string{}, proofs: true,
		anchors: anchored{all: map[string]*anchor.Packed{}, leaves: map[string][]byte{}},
	}
	var err error
	if p.zip, err = zip.NewReader(in, size); err != nil {
		p.refuse("the package cannot be opened: %v", err)
		return p.Verdict, nil
	}
	if err := zipform.Check(in, p.zip); err != nil {
		p.refuse("the package reads in more than one way: %v", err)
	}
	for _, f := range p.zip.File {
		if err := p.file(f); err != nil {
			p.refuse("%s: %v", f.Name, err)
		}
	}
	p.checkManifests()
	if p.unasked > 0 {
		p.proofs = false
		p.doubt("not checked: no key of the log was given, so nobody can say whether the %d entries stand in it", p.unasked)
		p.lack(LackLogKey)
	}
	for _, f := range p.zip.File {
		if slices.Contains(documents, f.Name) {
			if err := p.document(ctx, f); err != nil {
				return nil, err
			}
		}
	}
	if _, there := p.sums[documents[0]]; !there {
		p.refuse("the package holds no document")
	}
	p.fact("%d files, %d proofs verified", len(p.zip.File), len(p.anchors.leaves))
	p.anchors.check(j, p.Verdict)
	return p.Verdict, nil
}

// file takes the digest of a packed file, and reads it where it is a proof or
// belongs to a time stamp.
func (p *packaged) file(f *zip.File) error {
	if f.UncompressedSize64 > maxPacked {
		return errors.New("it is too large to be checked here")
	}
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // nothing was written
	var small bytes.Buffer
	h := sha256.New()
	proof := strings.HasSuffix(f.Name, ".tlog-proof")
	var out io.Writer = h
	if f.UncompressedSize64 <= journal.MaxProof && (proof || strings.HasPrefix(f.Name, "data/anchors/")) {
		out = io.MultiWriter(h, &small)
	}
	if _, err := io.Copy(out, io.LimitReader(r, maxPacked)); err != nil {
		return err
	}
	if _, twice := p.sums[f.Name]; twice {
		return errors.New("it stands twice in the package")
	}
	p.sums[f.Name] = hex.EncodeToString(h.Sum(nil))
	if anchor.Unpack(p.anchors.all, f.Name, small.Bytes()) || !proof {
		return nil
	}
	if p.Log == nil {
		p.unasked++
		return nil
	}
	inner, err := p.proof(bytes.NewReader(small.Bytes()), int64(f.UncompressedSize64))
	if err != nil {
		return err
	}
	if inner.Verdict != pades.Valid {
		p.proofs = false
		p.take(f.Name, inner)
		return nil
	}
	p.anchors.leaves[path.Base(strings.TrimSuffix(f.Name, ".tlog-proof"))] = inner.Event.Leaf
	if d := inner.Event.Disclosed; d != nil && d.Digests != nil {
		for name, sum := range d.Digests.Values {
			p.digests[strings.TrimPrefix(sum, "sha256:")] = fmt.Sprintf("%s of %s", name, d.Kind)
			p.sealed = p.sealed || name == "sealed"
		}
	}
	return nil
}

// take adds what was found out about a file of the package.
func (p *packaged) take(name string, inner *Verdict) {
	p.Verdict.Verdict = worse(p.Verdict.Verdict, inner.Verdict)
	for _, r := range inner.Reasons {
		p.Reasons = append(p.Reasons, name+": "+r)
	}
	for _, l := range inner.Lacks {
		p.lack(l)
	}
}

// document judges a document of the package.
func (p *packaged) document(ctx context.Context, f *zip.File) error {
	if p.sums[f.Name] == "" {
		return nil // it could not be read, which was said
	}
	in, size, err := p.content(f)
	if err != nil {
		p.refuse("%s: %v", f.Name, err)
		return nil
	}
	inner := &Verdict{Kind: KindUnknown}
	head := make([]byte, 1024)
	if n, _ := in.ReadAt(head, 0); bytes.Contains(head[:n], []byte("%PDF-")) {
		if inner, err = p.pdf(ctx, in, size); err != nil {
			return err
		}
	}
	if inner.PDF != nil && !unsigned(inner.PDF) {
		p.take(f.Name, inner)
		p.Facts = append(p.Facts, inner.Facts...)
		p.Notes = append(p.Notes, inner.Notes...)
		return nil
	}
	as, known := p.digests[p.sums[f.Name]]
	switch {
	case p.sealed:
		p.refuse("%s carries no signature, but the log says that it was sealed", f.Name)
	case known:
		p.fact("%s carries no signature; the log knows it (%s)", f.Name, as)
	case p.proofs:
		p.refuse("%s carries no signature, and no entry of the log tells its digest", f.Name)
	default:
		p.doubt("%s carries no signature, and not all proofs could be checked that might tell its digest", f.Name)
	}
	return nil
}

// unsigned tells whether nobody ever signed a file, as far as can be seen: it may
// be damaged beyond that, which its digest in the log outweighs.
func unsigned(r *pades.Report) bool {
	return len(r.Signatures) == 0 && slices.ContainsFunc(r.Checks, func(c pades.Check) bool { return c.Code == pades.CheckFound && c.Status == pades.Failed })
}

// content gives the bytes of a packed file: in their place where they were packed
// as they are, otherwise from memory.
func (p *packaged) content(f *zip.File) (io.ReaderAt, int64, error) {
	size := int64(f.UncompressedSize64)
	if f.Method == zip.Store && f.CompressedSize64 == f.UncompressedSize64 {
		at, err := f.DataOffset()
		return io.NewSectionReader(p.in, at, size), size, err
	}
	if size > maxHeld {
		return nil, 0, errors.New("it is too large to be checked here")
	}
	r, err := f.Open()
	if err != nil {
		return nil, 0, err
	}
	defer r.Close() //nolint:errcheck // nothing was written
	b, err := io.ReadAll(io.LimitReader(r, maxHeld))
	return bytes.NewReader(b), int64(len(b)), err
}

// checkManifests holds every file against its line in the manifests (RFC 8493
// section 2.1.3), both ways.
func (p *packaged) checkManifests() {
	listed := map[string]bool{"tagmanifest-sha256.txt": true}
	for _, manifest := range []string{"manifest-sha256.txt", "tagmanifest-sha256.txt"} {
		f, err := p.zip.Open(manifest)
		if err != nil {
			p.refuse("%s is missing", manifest)
			continue
		}
		raw, err := io.ReadAll(io.LimitReader(f, maxHeld))
		f.Close() //nolint:errcheck // nothing was written
		if err != nil {
			p.refuse("%s: %v", manifest, err)
		}
		for line := range strings.Lines(string(raw)) {
			sum, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
			listed[name] = true
			if p.sums[name] != sum {
				p.refuse("%s is not the file that was packed", name)
			}
		}
	}
	for name := range p.sums {
		if !listed[name] {
			p.refuse("%s was not packed with the others", name)
		}
	}
}
