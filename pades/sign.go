package pades

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"

	"github.com/paraph/paraph/pades/internal/cms"
	"github.com/paraph/paraph/pades/pdffile"
)

// Result tells what was written.
type Result struct {
	Field     string   // name of the signature field
	ByteRange [4]int64 // as in the file
	Size      int64    // of the whole result in bytes
	SHA256    [32]byte // of the whole result
	Protection
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
	TokenSize        int    // room for a timestamp token in bytes; 0: none is to come
	TimestampNeeded  bool   // the field demands one: without it there is to be no signature
}

// Digest gives the hash of the signed attributes, which remote signing services
// take; Ed25519 keys sign SignedAttributes itself instead.
func (p *Prepared) Digest() []byte {
	h := p.Hash.New()
	h.Write(p.SignedAttributes)
	return h.Sum(nil)
}

// Prepare builds the update for a signature and hashes the document. It
// returns errors of this package, of pdffile and mark.ErrMark. Options.Protect
// only makes room for a timestamp here, and its TokenSize is enough for that;
// Complete gets what does the work.
func Prepare(ctx context.Context, in io.ReaderAt, size int64, opts Options) (*Prepared, error) {
	p, t, attributes, err := arrange(in, size, &opts)
	if err != nil {
		return nil, err
	}
	for _, c := range t.Chain {
		p.Chain = append(p.Chain, c.Raw)
	}
	h := t.Hash.New()
	if err := copyTo(ctx, h, in, size); err != nil {
		return nil, err
	}
	p.hashAppended(h)
	p.SignedAttributes = attributes.With(p.DocumentDigest)
	return p, nil
}

// Complete puts a signature over the prepared attributes into the document,
// writes it, and protects it as far as protect says and can; the zero Protect
// leaves it at B-B. in must be the same file, and password what opens it, if it
// is encrypted. A signature that does not fit gives ErrSignature.
func (p *Prepared) Complete(ctx context.Context, in io.ReaderAt, out io.Writer, signature []byte, protect Protect, password string) (Result, error) {
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
	if err := protect.check(); err != nil {
		return Result{}, err
	}
	if err := cms.VerifyValue(t.Scheme, t.Hash, t.Hash.Size(), t.Chain[0].PublicKey, p.SignedAttributes, signature); err != nil {
		return Result{}, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	o := newOutput(ctx, in, p.OriginalSize, out, password)
	h, err := o.copy(p.Hash)
	if err != nil {
		return Result{}, err
	}
	digest := bytes.Clone(p.DocumentDigest)
	p.hashAppended(h)
	if !bytes.Equal(digest, p.DocumentDigest) {
		return Result{}, fmt.Errorf("%w: the document is not the one that was prepared", ErrSignature)
	}
	q := *p // which can be completed again
	q.Appended = bytes.Clone(p.Appended)
	return q.finish(o, t, signature, protect)
}

// Sign signs the file with a key, protects the signature as Options.Protect
// says, and writes the result to out, reading the file once. A timestamp
// authority or a responder that fails does not make signing fail: the Result
// says which level was reached and why not more. Sign returns errors of this
// package, of pdffile and mark.ErrMark; after an error what was written is worthless.
func Sign(ctx context.Context, in io.ReaderAt, size int64, out io.Writer, key crypto.Signer, opts Options) (Result, error) {
	p, t, attributes, err := arrange(in, size, &opts)
	if err != nil {
		return Result{}, err
	}
	if pub, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !pub.Equal(t.Chain[0].PublicKey) {
		return Result{}, fmt.Errorf("%w: the key is not that of the signer's certificate", ErrOptions)
	}
	o := newOutput(ctx, in, size, out, opts.Password)
	h, err := o.copy(t.Hash)
	if err != nil {
		return Result{}, err
	}
	p.hashAppended(h)
	p.SignedAttributes = attributes.With(p.DocumentDigest)
	signature, err := t.Sign(key, p.SignedAttributes)
	if err != nil {
		return Result{}, err
	}
	return p.finish(o, t, signature, opts.Protect)
}

// DamagedError is a refusal of a damaged file that a program which rewrites
// files could save; the result can then be signed. It unwraps to the reason.
type DamagedError struct {
	Err     error
	Objects int // that were found in the file
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("%v; %d objects can still be found in it: have it rewritten (normalised), then sign that", e.Err, e.Objects)
}

func (e *DamagedError) Unwrap() error { return e.Err }

// open reads a file that is to be extended. Of a damaged one the error tells
// whether it can be mended first.
func open(in io.ReaderAt, size int64, password string) (*pdffile.File, error) {
	f, err := pdffile.OpenWith(in, size, pdffile.OpenOptions{Password: password})
	if err == nil {
		err = f.Check()
	}
	return f, mendable(err, in, size)
}

func mendable(err error, in io.ReaderAt, size int64) error {
	if !errors.Is(err, pdffile.ErrDamaged) {
		return err
	}
	if d, _ := pdffile.Diagnose(in, size, pdffile.OpenOptions{}); d.Mendable {
		return &DamagedError{err, d.Objects}
	}
	return err
}

// arrange builds the update with its byte range, all but the digest. It may
// change the options as the signature field demands.
func arrange(in io.ReaderAt, size int64, opts *Options) (*Prepared, cms.Template, cms.Attributes, error) {
	var attributes cms.Attributes
	t, err := opts.check()
	if err != nil {
		return nil, t, attributes, err
	}
	f, err := open(in, size, opts.Password)
	if err != nil {
		return nil, t, attributes, err
	}
	l, err := newLayout(f, opts, false, func(o *Options) (int, error) {
		if *opts = *o; opts.Hash != 0 && opts.Hash != t.Hash { // the field's choice
			if t, err = o.template(); err != nil {
				return 0, err
			}
		}
		if attributes, err = t.Attributes(); err != nil {
			return 0, err
		}
		return 2 * (t.MaxStamped(attributes, o.Protect.room()) + o.Reserve), nil
	})
	if err != nil {
		return nil, t, attributes, err
	}
	p, err := l.arrange()
	if err != nil {
		return nil, t, attributes, err
	}
	p.Hash, p.Scheme = t.Hash, t.Scheme
	p.TokenSize, p.TimestampNeeded = opts.Protect.room(), opts.Protect.demanded
	return p, t, attributes, nil
}

// arrange writes the update and puts its byte range into it.
func (l *layout) arrange() (*Prepared, error) {
	appended, err := l.update.Bytes()
	if err != nil {
		return nil, err
	}
	size := l.file.Size()
	digits := len(l.contents.Data) - 2
	p := &Prepared{
		OriginalSize: size, Appended: appended, Field: l.field,
		ContentsAt: l.contents.Offset - size, ContentsDigits: digits,
	}
	after := l.contents.Offset + int64(digits) + 2
	p.ByteRange = [4]int64{0, l.contents.Offset, after, size + int64(len(appended)) - after}
	text := append(make([]byte, 0, 48), "[0"...)
	for _, n := range p.ByteRange[1:] {
		text = strconv.AppendInt(append(text, ' '), n, 10)
	}
	if len(text) >= len(l.byteRange.Data) {
		return nil, &pdffile.Error{Kind: pdffile.ErrLimit, Offset: -1, Reason: "the file is too large to be signed"}
	}
	copy(appended[l.byteRange.Offset-size:], text)
	return p, nil
}

// hashAppended adds the update but its placeholder to the document's digest.
func (p *Prepared) hashAppended(h hash.Hash) {
	h.Write(p.Appended[:p.ContentsAt])
	h.Write(p.Appended[p.ContentsAt+int64(p.ContentsDigits)+2:])
	p.DocumentDigest = h.Sum(nil)
}

// fill puts a value into the placeholder and gives the update.
func (p *Prepared) fill(der []byte) []byte {
	hex.Encode(p.Appended[p.ContentsAt+1:], der)
	return p.Appended
}

// finish fills the placeholder, writes the update behind the copied file, and
// adds the revisions that protect it.
func (p *Prepared) finish(o *output, t cms.Template, signature []byte, protect Protect) (Result, error) {
	r := Result{Field: p.Field, ByteRange: p.ByteRange}
	g := guard{output: o, protect: protect}
	token := g.stampSignature(t, signature, p.TokenSize)
	if err := o.ctx.Err(); err != nil {
		return Result{}, err // nobody waits for the file any more
	}
	if token == nil && p.TimestampNeeded {
		why := g.Delayed
		if why == nil {
			why = errors.New("no authority was asked")
		}
		return Result{}, &SeedValueError{"TimeStamp", fmt.Sprintf("a timestamp is demanded, and there is none: %v", why)}
	}
	der, err := t.BuildStamped(p.SignedAttributes, signature, token)
	if err != nil {
		return Result{}, err
	}
	if 2*len(der) > p.ContentsDigits {
		return Result{}, fmt.Errorf("%w: it is longer than its key allows", ErrSignature)
	}
	if err := o.append(p.fill(der)); err != nil {
		return Result{}, err
	}
	if len(g.subjects) > 0 { // the signer and the authority of its timestamp
		contents := append(der, make([]byte, p.ContentsDigits/2-len(der))...)
		for i := range g.subjects {
			g.subjects[i].contents = contents
		}
	}
	if err := g.preserve(); err != nil {
		return Result{}, err
	}
	r.Protection = g.Protection
	r.Size, r.SHA256 = o.total(), o.sum()
	return r, nil
}
