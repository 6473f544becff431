package pades

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"hash"
	"io"

	"github.com/paraph/paraph/pades/internal/cms"
	"github.com/paraph/paraph/pades/mark"
	"github.com/paraph/paraph/pades/pdffile"
	"github.com/paraph/paraph/pades/pdffont"
)

// Result tells what was written.
type Result struct {
	Field     string   // name of the signature field
	ByteRange [4]int64 // as in the file
	Size      int64    // of the whole result in bytes
	SHA256    [32]byte // of the whole result; only Sign and Complete to a writer fill it
}

// Prepared is a document that waits for its signature. All fields are plain
// data, so that it can be kept as JSON until the signature comes.
type Prepared struct {
	OriginalSize     int64
	Appended         []byte      // the update, with an empty placeholder
	ContentsAt       int64       // of the placeholder's '<' within Appended
	ContentsDigits   int         // hex digits of the placeholder
	ByteRange        [4]int64    // as in the file
	Field            string      // name of the signature field
	Hash             crypto.Hash // of document and attributes
	Scheme           cms.Scheme
	Chain            [][]byte // DER
	DocumentDigest   []byte
	SignedAttributes []byte // DER; this is what is signed
}

// Digest gives the hash of the signed attributes, which remote signing services
// take; Ed25519 keys sign SignedAttributes itself instead.
func (p *Prepared) Digest() []byte {
	h := p.Hash.New()
	h.Write(p.SignedAttributes)
	return h.Sum(nil)
}

// Prepare builds the update for a signature and hashes the document. It
// returns errors of this package, of pdffile and mark.ErrMark.
func Prepare(ctx context.Context, in io.ReaderAt, size int64, opts Options) (*Prepared, error) {
	p, t, err := arrange(in, size, &opts)
	if err != nil {
		return nil, err
	}
	h := t.Hash.New()
	if err := copyTo(ctx, h, in, size); err != nil {
		return nil, err
	}
	p.hashAppended(h)
	p.SignedAttributes, err = t.SignedAttributes(p.DocumentDigest)
	return p, err
}

// Complete puts a signature over the prepared attributes into the document and
// writes it. in must be the same file. A signature that does not fit gives ErrSignature.
func (p *Prepared) Complete(ctx context.Context, in io.ReaderAt, out io.Writer, signature []byte) (Result, error) {
	t := cms.Template{Scheme: p.Scheme, Hash: p.Hash}
	for _, der := range p.Chain {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return Result{}, fmt.Errorf("%w: %w", ErrOptions, err)
		}
		t.Chain = append(t.Chain, c)
	}
	if err := t.Check(); err != nil {
		return Result{}, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	if err := cms.VerifyValue(t.Scheme, t.Hash, t.Hash.Size(), t.Chain[0].PublicKey, p.SignedAttributes, signature); err != nil {
		return Result{}, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	h, whole := t.Hash.New(), sha256.New()
	if err := copyTo(ctx, io.MultiWriter(h, whole, out), in, p.OriginalSize); err != nil {
		return Result{}, err
	}
	digest := bytes.Clone(p.DocumentDigest)
	p.hashAppended(h)
	if !bytes.Equal(digest, p.DocumentDigest) {
		return Result{}, fmt.Errorf("%w: the document is not the one that was prepared", ErrSignature)
	}
	return p.finish(t, signature, out, whole)
}

// Sign signs the file with a key and writes the result to out, reading the
// file once. It returns errors of this package, of pdffile and mark.ErrMark;
// after an error what was written is worthless.
func Sign(ctx context.Context, in io.ReaderAt, size int64, out io.Writer, key crypto.Signer, opts Options) (Result, error) {
	p, t, err := arrange(in, size, &opts)
	if err != nil {
		return Result{}, err
	}
	if pub, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !pub.Equal(t.Chain[0].PublicKey) {
		return Result{}, fmt.Errorf("%w: the key is not that of the signer's certificate", ErrOptions)
	}
	h := t.Hash.New()
	whole := h
	target := io.MultiWriter(h, out)
	if t.Hash != crypto.SHA256 {
		whole = sha256.New()
		target = io.MultiWriter(h, whole, out)
	}
	if err := copyTo(ctx, target, in, size); err != nil {
		return Result{}, err
	}
	if whole, err = cloneHash(whole); err != nil {
		return Result{}, err
	}
	p.hashAppended(h)
	if p.SignedAttributes, err = t.SignedAttributes(p.DocumentDigest); err != nil {
		return Result{}, err
	}
	signature, err := t.Sign(key, p.SignedAttributes)
	if err != nil {
		return Result{}, err
	}
	return p.finish(t, signature, out, whole)
}

// cloneHash lets the digest of the document and that of the whole result share
// the long common beginning.
func cloneHash(h hash.Hash) (hash.Hash, error) {
	c, ok := h.(hash.Cloner)
	if !ok {
		return nil, fmt.Errorf("the hash %T cannot be cloned", h)
	}
	return c.Clone()
}

// Stamp draws marks as page content in a revision of its own, without a
// signature. A file that carries a signature gives ErrSignedContent.
func Stamp(ctx context.Context, in io.ReaderAt, size int64, out io.Writer, marks []mark.Mark, fonts []*pdffont.Face) error {
	f, err := pdffile.Open(in, size)
	if err != nil {
		return err
	}
	if err := f.Check(); err != nil {
		return err
	}
	signed, err := carriesSignature(f)
	if err != nil {
		return err
	}
	if signed {
		return ErrSignedContent
	}
	u := pdffile.NewUpdate(f)
	pen := mark.NewPen(u, fonts)
	if err := pen.Stamp(marks); err != nil {
		return err
	}
	if err := pen.Close(); err != nil {
		return err
	}
	if err := copyTo(ctx, out, in, size); err != nil {
		return err
	}
	_, err = u.AppendTo(out)
	return err
}

// arrange builds the update with its byte range, all but the digest.
func arrange(in io.ReaderAt, size int64, opts *Options) (*Prepared, cms.Template, error) {
	t, err := opts.template()
	if err != nil {
		return nil, t, err
	}
	room, err := t.MaxSize()
	if err != nil {
		return nil, t, err
	}
	f, err := pdffile.Open(in, size)
	if err != nil {
		return nil, t, err
	}
	digits := 2 * (room + opts.Reserve)
	l, err := newLayout(f, opts, digits)
	if err != nil {
		return nil, t, err
	}
	appended, err := l.update.Bytes()
	if err != nil {
		return nil, t, err
	}
	p := &Prepared{
		OriginalSize: size, Appended: appended, Field: l.field, Hash: t.Hash, Scheme: t.Scheme,
		ContentsAt: l.contents.Offset - size, ContentsDigits: digits,
	}
	for _, c := range t.Chain {
		p.Chain = append(p.Chain, c.Raw)
	}
	after := l.contents.Offset + int64(digits) + 2
	p.ByteRange = [4]int64{0, l.contents.Offset, after, size + int64(len(appended)) - after}
	at := l.byteRange.Offset - size
	text := fmt.Sprintf("[0 %d %d %d", p.ByteRange[1], p.ByteRange[2], p.ByteRange[3])
	if len(text) >= len(l.byteRange.Data) {
		return nil, t, &pdffile.Error{Kind: pdffile.ErrLimit, Offset: -1, Reason: "the file is too large to be signed"}
	}
	copy(appended[at:], text)
	return p, t, nil
}

// hashAppended adds the update but its placeholder to the document's digest.
func (p *Prepared) hashAppended(h hash.Hash) {
	h.Write(p.Appended[:p.ContentsAt])
	h.Write(p.Appended[p.ContentsAt+int64(p.ContentsDigits)+2:])
	p.DocumentDigest = h.Sum(nil)
}

// finish fills the placeholder and writes the update behind the copied file.
func (p *Prepared) finish(t cms.Template, signature []byte, out io.Writer, whole hash.Hash) (Result, error) {
	der, err := t.Build(p.SignedAttributes, signature)
	if err != nil {
		return Result{}, err
	}
	if 2*len(der) > p.ContentsDigits {
		return Result{}, fmt.Errorf("%w: it is longer than its key allows", ErrSignature)
	}
	update := bytes.Clone(p.Appended)
	hex.Encode(update[p.ContentsAt+1:], der)
	if _, err := out.Write(update); err != nil {
		return Result{}, err
	}
	whole.Write(update)
	r := Result{Field: p.Field, ByteRange: p.ByteRange, Size: p.OriginalSize + int64(len(update))}
	copy(r.SHA256[:], whole.Sum(nil))
	return r, nil
}

// copyTo streams the first size bytes of in, stopping when ctx ends.
func copyTo(ctx context.Context, w io.Writer, in io.ReaderAt, size int64) error {
	const chunk = 256 << 10
	b := make([]byte, min(size, chunk))
	for at := int64(0); at < size; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := in.ReadAt(b[:min(int64(len(b)), size-at)], at)
		if n == 0 && err != nil {
			return fmt.Errorf("read the document at byte %d: %w", at, err)
		}
		if _, err := w.Write(b[:n]); err != nil {
			return err
		}
		at += int64(n)
	}
	return nil
}
