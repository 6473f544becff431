package pades

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/paraph/paraph/pades/revocation"
)

// Upgrade needs the file and the network at once. The functions here take it
// apart, for programs that read strangers' files in one process, without a
// network, and ask authorities in another: Examine and the two that make an
// update read the file; Collect and Stamp ask. What goes between them is plain
// data, fit for JSON.

// Examination is what a signed file has, and for whose certificates evidence is
// to be collected before it gets another timestamp.
type Examination struct {
	Standing
	Subjects []Subject
}

// Subject is somebody whose certificate needs evidence: a signer or an
// authority that stamped.
type Subject struct {
	Contents []byte   // value of the signature it belongs to, as it stands in the file
	Cert     []byte   // DER
	Others   [][]byte // DER; may belong to its chain
	At       time.Time
}

// Examine reads a signed file. It returns ErrUnsigned, or errors of pdffile.
func Examine(ctx context.Context, in io.ReaderAt, size int64, password string) (*Examination, error) {
	s, err := surveyFile(ctx, in, size, password)
	if err != nil {
		return nil, err
	}
	out := &Examination{Standing: s.standing()}
	for _, who := range s.subjects() {
		one := Subject{Contents: who.contents, Cert: who.cert.Raw, At: who.at}
		for _, c := range who.others {
			one.Others = append(one.Others, c.Raw)
		}
		out.Subjects = append(out.Subjects, one)
	}
	return out, nil
}

// Collected is evidence, each piece with the signature that it belongs to.
type Collected []CollectedFor

// CollectedFor is the evidence for one subject.
type CollectedFor struct {
	Contents []byte
	Evidence revocation.Evidence
}

// Collect asks for evidence for every subject. The error is that of the source:
// what is not complete is not worth keeping.
func (x *Examination) Collect(ctx context.Context, source EvidenceSource) (Collected, error) {
	var out Collected
	for _, who := range x.Subjects {
		cert, err := x509.ParseCertificate(who.Cert)
		if err != nil {
			return nil, err
		}
		var others []*x509.Certificate
		for _, der := range who.Others {
			if c, err := x509.ParseCertificate(der); err == nil { // one that cannot be read helps nobody
				others = append(others, c)
			}
		}
		if who.At.IsZero() {
			who.At = x.Stamped
		}
		e, err := source.Collect(ctx, cert, others, who.At)
		if err != nil {
			return nil, err
		}
		out = append(out, CollectedFor{who.Contents, *e})
	}
	return out, nil
}

// Preserve builds the revision that puts evidence into a file's store, to be
// appended to the file; nil where the file has all of it.
func Preserve(ctx context.Context, in io.ReaderAt, size int64, password string, c Collected) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := open(in, size, password)
	if err != nil {
		return nil, err
	}
	s := store{}
	for i := range c {
		s.add(c[i].Contents, &c[i].Evidence)
	}
	return s.update(f)
}

// PrepareTimestamp builds the revision of a document timestamp (EN 319 142-1,
// 5.4.3) with room for a token of so many bytes, and hashes the document.
// Prepared.Stamp completes it. An unsigned file is not refused.
func PrepareTimestamp(ctx context.Context, in io.ReaderAt, size int64, password string, room int) (*Prepared, error) {
	if room <= 0 {
		room = DefaultTokenSize
	}
	f, err := open(in, size, password)
	if err != nil {
		return nil, err
	}
	p, err := timestampFor(f, room)
	if err != nil {
		return nil, err
	}
	p.Hash, p.TokenSize = crypto.SHA256, room
	h := p.Hash.New()
	if err := copyTo(ctx, h, in, size); err != nil {
		return nil, err
	}
	p.hashAppended(h)
	return p, nil
}

// Stamp gets a token over a document that PrepareTimestamp prepared and writes
// the file with it. in must be the same file. Where no token can be had the
// error is the authority's, a *TokenSizeError where it does not fit; then nothing
// was written.
func (p *Prepared) Stamp(ctx context.Context, in io.ReaderAt, out io.Writer, from Stamper) (Result, error) {
	if len(p.SignedAttributes) > 0 || p.Hash != crypto.SHA256 {
		return Result{}, fmt.Errorf("%w: it was prepared for a signature, not for a timestamp", ErrOptions)
	}
	o := newOutput(ctx, in, p.OriginalSize, out, "")
	g := guard{output: o, protect: Protect{Timestamps: from}}
	s, err := g.stamp(p.Hash, p.DocumentDigest, p.TokenSize)
	if err != nil {
		return Result{}, err
	}
	h, err := o.copy(p.Hash)
	if err != nil {
		return Result{}, err
	}
	q := *p // which may be stamped again
	q.Appended = bytes.Clone(p.Appended)
	q.hashAppended(h)
	if !bytes.Equal(q.DocumentDigest, p.DocumentDigest) {
		return Result{}, errors.Join(ErrSignature, errors.New("the document is not the one that was prepared"))
	}
	if err := o.append(q.fill(s.Token.DER)); err != nil {
		return Result{}, err
	}
	return Result{Field: p.Field, ByteRange: p.ByteRange, Size: o.total(), SHA256: o.sum(), Protection: g.Protection}, nil
}
