package pades

import (
	"context"
	"crypto"
	"crypto/x509"
	"fmt"
	"io"
	"time"

	"github.com/paraph/paraph/pades/internal/cms"
	"github.com/paraph/paraph/pades/pdffile"
	"github.com/paraph/paraph/pades/tsp"
	"github.com/paraph/paraph/pades/validation"
)

// Standing is what protects the signatures of a file, by what stands in it;
// whether it is valid, Verify tells.
type Standing struct {
	Level      Level // of the least protected signature
	Signatures int   // document timestamps not counted
	Timestamps int   // in signatures and of the document
	Stamped    time.Time
	// Until is when the protection runs out: until then the file has to be
	// raised or renewed. It is the end of the certificate of the newest
	// timestamp, or of the first signer where there is none, or of an algorithm.
	Until   time.Time
	Because string // what ends then
}

// Due tells whether protection runs out within the margin before or after now.
func (s *Standing) Due(now time.Time, margin time.Duration) bool {
	return !now.Add(margin).Before(s.Until)
}

// Sunset tells until when a signature by such a key and digest is taken to be
// secure, as the verifier's table has it; the zero time is no end in sight. It may be
// replaced, before use.
var Sunset = func(key crypto.PublicKey, h crypto.Hash) time.Time {
	end, _, ok := validation.Ends(key, h)
	if !ok {
		return time.Unix(0, 0)
	}
	return end
}

// StandingOf reads a signed file. It returns ErrUnsigned, or errors of pdffile.
func StandingOf(ctx context.Context, in io.ReaderAt, size int64, password string) (*Standing, error) {
	s, err := surveyFile(ctx, in, size, password)
	if err != nil {
		return nil, err
	}
	standing := s.standing()
	return &standing, nil
}

// surveyFile opens a file and surveys it, unless nobody waits for it any more.
func surveyFile(ctx context.Context, in io.ReaderAt, size int64, password string) (*survey, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := open(in, size, password)
	if err != nil {
		return nil, err
	}
	return surveyOf(f)
}

// survey lists the signatures of a file and where it keeps evidence.
type survey struct {
	signed   []signed
	evidence int // revision of the newest store with revocation data; -1: there is none
}

// signed is one signature or document timestamp.
type signed struct {
	field    string
	revision int // index
	contents []byte
	cms      *cms.Signature // of a signature
	cert     *x509.Certificate
	stamps   []*tsp.Verification // inside a signature, or the document timestamp itself
	document bool                // it is a document timestamp
}

func surveyOf(f *pdffile.File) (*survey, error) {
	fields, err := f.SignatureFields()
	if err != nil {
		return nil, err
	}
	s := &survey{evidence: -1}
	revisions := f.Revisions()
	signatures := 0
	for _, field := range fields {
		if !field.Signed() {
			continue
		}
		one, err := read(f, field, revisions)
		if err != nil {
			return nil, fmt.Errorf("the signature in %s cannot be read: %w", decodeText(field.Name), err)
		}
		if !one.document {
			signatures++
		}
		s.signed = append(s.signed, *one)
	}
	if signatures == 0 {
		return nil, ErrUnsigned
	}
	return s, s.findStore(f, revisions)
}

// read parses one signature, without verifying it.
func read(f *pdffile.File, field pdffile.SignatureField, revisions []pdffile.Revision) (*signed, error) {
	s := &signed{field: decodeText(field.Name), revision: -1, document: field.SubFilter() == "ETSI.RFC3161"}
	a, err := f.Array(field.Dict["ByteRange"])
	if err != nil {
		return nil, err
	}
	var br [4]int64
	if len(a) != len(br) {
		return nil, fmt.Errorf("/ByteRange has %d numbers", len(a))
	}
	for i := range a {
		n, ok := a[i].(pdffile.Integer)
		if !ok || n < 0 || int64(n) > f.Size() {
			return nil, fmt.Errorf("/ByteRange holds something that is no position in the file")
		}
		br[i] = int64(n)
	}
	for k, r := range revisions {
		if end := br[2] + br[3]; end > r.Start && end <= r.End {
			s.revision = k
		}
	}
	if s.contents, err = contentsOf(f.Source(), br[1], br[2]); err != nil {
		return nil, err
	}
	der, _, err := cms.Definite(s.contents) // padding follows
	if err != nil {
		return nil, err
	}
	if s.document {
		v, err := tokenOf(der)
		if err != nil {
			return nil, err
		}
		s.stamps, s.cert = []*tsp.Verification{v}, v.Signer
		return s, nil
	}
	if s.cms, err = cms.Parse(der); err != nil {
		return nil, err
	}
	if s.cert, err = s.cms.Signer(); err != nil {
		return nil, err
	}
	tokens, err := s.cms.Timestamps()
	if err != nil {
		return nil, err
	}
	for _, token := range tokens {
		v, err := tokenOf(token)
		if err != nil {
			return nil, err
		}
		s.stamps = append(s.stamps, v)
	}
	return s, nil
}

// tokenOf reads a timestamp token and finds its signer. Over what it was made,
// and by whose authority, is not looked into.
func tokenOf(der []byte) (*tsp.Verification, error) {
	t, err := tsp.Parse(der)
	if err != nil {
		return nil, err
	}
	return t.Verify(t.Digest, tsp.VerifyOptions{})
}

// findStore finds the newest revision that wrote a store with revocation data.
func (s *survey) findStore(f *pdffile.File, revisions []pdffile.Revision) error {
	catalog, err := f.Catalog()
	if err != nil {
		return err
	}
	dss, err := f.Dict(catalog["DSS"])
	if err != nil || dss == nil {
		return err
	}
	var newest int64
	for _, key := range []pdffile.Name{"OCSPs", "CRLs"} {
		list, err := f.Array(dss[key])
		if err != nil {
			return err
		}
		for _, o := range list {
			ref, _ := o.(pdffile.Ref)
			if _, offset, _, ok := f.Place(ref.Num); ok {
				newest = max(newest, offset)
			}
		}
	}
	for k, r := range revisions {
		if newest >= r.Start && newest < r.End && newest > 0 {
			s.evidence = k
		}
	}
	return nil
}

// standing sums up the survey.
func (s *survey) standing() Standing {
	standing := Standing{Level: BLTA}
	last := -1 // revision of the newest document timestamp
	var newest *tsp.Verification
	for _, one := range s.signed {
		if one.document {
			last = max(last, one.revision)
		} else {
			standing.Signatures++
		}
		standing.Timestamps += len(one.stamps)
		for _, v := range one.stamps {
			if newest == nil || v.Token.Time.After(newest.Token.Time) {
				newest = v
			}
		}
	}
	for _, one := range s.signed {
		if one.document {
			continue
		}
		level := BB
		switch {
		case len(one.stamps) == 0 && last <= one.revision:
		case s.evidence <= one.revision:
			level = BT
		case last <= s.evidence:
			level = BLT
		default:
			level = BLTA
		}
		standing.Level = min(standing.Level, level)
		if newest == nil {
			standing.ends(one.cert, one.cms.Hash, "the certificate of the signer in "+one.field)
		}
	}
	if newest != nil {
		standing.Stamped = newest.Token.Time
		standing.ends(newest.Signer, newest.Token.Hash, "the newest timestamp's certificate")
	}
	return standing
}

// ends notes when a certificate or its algorithm ends, if that is earlier.
func (s *Standing) ends(c *x509.Certificate, h crypto.Hash, what string) {
	until := c.NotAfter
	if end := Sunset(c.PublicKey, h); !end.IsZero() && end.Before(until) {
		until, what = end, what+" has a key that is too short from then on"
	}
	if s.Until.IsZero() || until.Before(s.Until) {
		s.Until, s.Because = until, what
	}
}

// subjects are all whose certificates need evidence.
func (s *survey) subjects() []subject {
	var list []subject
	for _, one := range s.signed {
		if !one.document {
			who := subject{contents: one.contents, cert: one.cert, others: one.cms.Certificates}
			for _, v := range one.stamps {
				if who.at.IsZero() || v.Token.Time.Before(who.at) {
					who.at = v.Token.Time
				}
			}
			if who.at.IsZero() {
				who.at = s.stampedAfter(one.revision)
			}
			list = append(list, who)
		}
		for _, v := range one.stamps {
			list = append(list, subject{contents: one.contents, cert: v.Signer, others: v.Token.Certificates, at: v.Token.Time})
		}
	}
	return list
}

// stampedAfter gives the time of the first document timestamp over a revision.
func (s *survey) stampedAfter(revision int) (at time.Time) {
	for _, one := range s.signed {
		if t := one.stamps; one.document && one.revision > revision && (at.IsZero() || t[0].Token.Time.Before(at)) {
			at = t[0].Token.Time
		}
	}
	return at
}
