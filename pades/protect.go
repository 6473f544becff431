package pades

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/paraph/paraph/pades/internal/cms"
	"github.com/paraph/paraph/pades/pdffile"
	"github.com/paraph/paraph/pades/revocation"
	"github.com/paraph/paraph/pades/tsp"
)

// Level is a level of PAdES baseline signatures (EN 319 142-1, 6.1).
type Level int

// The levels.
const (
	BB   Level = iota // signed
	BT                // a trusted time of signing
	BLT               // with what a verifier needs later
	BLTA              // and a document timestamp over all of that
)

func (l Level) String() string {
	if l < BB || l > BLTA {
		return "no level"
	}
	return [...]string{"B-B", "B-T", "B-LT", "B-LTA"}[l]
}

// Stamper gets timestamps that were verified; *tsp.Client is one.
type Stamper interface {
	Stamp(ctx context.Context, h crypto.Hash, digest []byte) (*tsp.Stamp, error)
}

// EvidenceSource collects what a verifier needs later about a certificate that
// was used at a time; *revocation.Collector is one.
type EvidenceSource interface {
	Collect(ctx context.Context, cert *x509.Certificate, others []*x509.Certificate, at time.Time) (*revocation.Evidence, error)
}

// DefaultTokenSize is room for a timestamp token with a chain of RSA certificates.
const DefaultTokenSize = 10 << 10

// Protect says how far a signature is to be protected, and by what.
type Protect struct {
	Level      Level
	Timestamps Stamper        // needed from B-T on
	Evidence   EvidenceSource // needed from B-LT on

	// TokenSize is the room for each timestamp token in bytes: the largest that
	// the authority gives. Results tell what came. 0 is DefaultTokenSize. Below
	// B-T it makes room for a token all the same: Prepare needs nothing else.
	TokenSize int

	demanded bool // a seed value demands a timestamp
}

func (p *Protect) check() error {
	switch {
	case p.Level < BB || p.Level > BLTA:
		return fmt.Errorf("%w: there is no level %d", ErrOptions, p.Level)
	case p.Level >= BT && p.Timestamps == nil:
		return fmt.Errorf("%w: level %v needs a timestamp authority", ErrOptions, p.Level)
	case p.Level >= BLT && p.Evidence == nil:
		return fmt.Errorf("%w: level %v needs a source of evidence", ErrOptions, p.Level)
	case p.TokenSize < 0 || p.TokenSize > tsp.MaxToken:
		return fmt.Errorf("%w: a token cannot have %d bytes", ErrOptions, p.TokenSize)
	}
	return nil
}

// room is the space that each token gets; 0 where none is asked for.
func (p *Protect) room() int {
	if p.TokenSize == 0 && p.Level >= BT {
		return DefaultTokenSize
	}
	return p.TokenSize
}

// Protection tells what protects a signature.
type Protection struct {
	Level     Level
	Delayed   error     // why the level that was asked for was not reached, or nil
	Stamped   time.Time // by the newest timestamp that was added; zero if none was
	TokenSize int       // bytes of the largest token that was added
}

// TokenSizeError tells that a timestamp token is larger than the room for it.
// The room can only be made before signing: Protect.TokenSize.
type TokenSizeError struct{ Size, Room int }

func (e *TokenSizeError) Error() string {
	return fmt.Sprintf("the timestamp token has %d bytes, and there is room for %d", e.Size, e.Room)
}

// guard brings one signature from level to level, as far as it can.
type guard struct {
	*output
	protect Protect
	Protection
	subjects []subject
}

// subject is somebody whose certificate needs evidence.
type subject struct {
	contents []byte // of the signature, as the key of its VRI entry; nil for timestamps inside
	cert     *x509.Certificate
	others   []*x509.Certificate
	at       time.Time // when the certificate was used; zero: the time of the newest timestamp
}

// stamp gets a token that fits into room. Nothing is written before it is there.
func (g *guard) stamp(h crypto.Hash, digest []byte, room int) (*tsp.Stamp, error) {
	s, err := g.protect.Timestamps.Stamp(g.ctx, h, digest)
	if err != nil {
		return nil, err
	}
	if s.Token.Hash != h || !bytes.Equal(s.Token.Digest, digest) {
		return nil, errors.New("the timestamp is of something else")
	}
	if n := len(s.Token.DER); n > room {
		return nil, &TokenSizeError{n, room}
	}
	g.Stamped = s.Token.Time
	g.TokenSize = max(g.TokenSize, len(s.Token.DER))
	return s, nil
}

// stampSignature gets the timestamp over a signature value, for level B-T. Where
// it cannot be had the signature stays at B-B, and Delayed says why.
func (g *guard) stampSignature(t cms.Template, signature []byte, room int) []byte {
	g.Level = BB
	if g.protect.Level < BT {
		return nil
	}
	if room == 0 {
		g.Delayed = errors.New("the document was prepared without room for a timestamp")
		return nil
	}
	digest := sha256.Sum256(signature)
	s, err := g.stamp(crypto.SHA256, digest[:], room)
	if err != nil {
		g.Delayed = err
		return nil
	}
	g.Level = BT
	g.subjects = append(g.subjects, subject{cert: t.Chain[0], others: t.Chain[1:], at: s.Token.Time}, stampSubject(s))
	return s.Token.DER
}

func stampSubject(s *tsp.Stamp) subject {
	return subject{cert: s.Signer, others: append(s.Chain[:len(s.Chain):len(s.Chain)], s.Token.Certificates...), at: s.Token.Time}
}

// preserve adds the revisions of B-LT and B-LTA behind what was written. An
// error is a fault of writing; what cannot be had is in Delayed.
func (g *guard) preserve() error {
	if g.Delayed != nil || g.protect.Level < BLT || g.Level < BT {
		return nil
	}
	if err := g.addEvidence(); err != nil || g.Delayed != nil {
		return err
	}
	g.Level = BLT
	if g.protect.Level < BLTA {
		return nil
	}
	if err := g.addTimestamp(); err != nil || g.Delayed != nil {
		return err
	}
	g.Level = BLTA
	return nil
}

// addEvidence collects evidence for every subject, then writes it as one revision.
func (g *guard) addEvidence() error {
	s := store{}
	for _, who := range g.subjects {
		if who.at.IsZero() {
			who.at = g.Stamped
		}
		e, err := g.protect.Evidence.Collect(g.ctx, who.cert, who.others, who.at)
		if err != nil {
			if g.ctx.Err() != nil {
				return context.Cause(g.ctx)
			}
			g.Delayed = err
			return nil
		}
		s.add(who.contents, e)
	}
	f, err := g.open()
	if err != nil {
		return err
	}
	update, err := s.update(f)
	if err != nil || update == nil {
		return err
	}
	return g.append(update)
}

// addTimestamp adds a document timestamp over everything written so far
// (EN 319 142-1, 5.4.3), or sets Delayed.
func (g *guard) addTimestamp() error {
	f, err := g.open()
	if err != nil {
		return err
	}
	room := g.protect.room()
	p, err := timestampFor(f, room)
	if err != nil {
		return err
	}
	h, err := g.state()
	if err != nil {
		return err
	}
	p.hashAppended(h)
	s, err := g.stamp(crypto.SHA256, p.DocumentDigest, room)
	if err != nil {
		if g.ctx.Err() != nil {
			return context.Cause(g.ctx)
		}
		g.Delayed = err
		return nil
	}
	g.subjects = append(g.subjects, stampSubject(s))
	return g.append(p.fill(s.Token.DER))
}

// timestampFor builds the revision of a document timestamp, without its digest.
func timestampFor(f *pdffile.File, room int) (*Prepared, error) {
	l, err := newLayout(f, &Options{}, true, func(*Options) (int, error) { return 2 * room, nil })
	if err != nil {
		return nil, err
	}
	return l.arrange()
}
