package validation

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"crypto/x509"
	"slices"
	"time"

	"github.com/paraph/paraph/pades/internal/cms"
	"github.com/paraph/paraph/pades/internal/dn"
	"github.com/paraph/paraph/pades/trust"
)

// Link is a certificate of a path.
type Link struct {
	Certificate *x509.Certificate
	Status      Status
}

// Result is the judgement of a certificate.
type Result struct {
	Path    []Link // the certificate first, the anchor last; as far as it could be built
	Anchor  *trust.Anchor
	Problem *Problem // nil: the certificate passes
	Notes   []string // what was looked over, for people
}

// Bounds of a path and of the search for one.
const (
	maxPath  = 10
	maxPaths = 20
)

// Certificate judges a certificate that is proven to have been used at a time; proven
// is false where that is only the time of the validation.
func (j *Judge) Certificate(c *x509.Certificate, use trust.Use, at time.Time, proven bool) *Result {
	s := &search{Judge: j, use: use, at: at, proven: proven}
	j.Know(c)
	s.extend([]*x509.Certificate{c})
	if s.best == nil {
		path := make([]Link, 0, len(s.longest))
		for _, c := range s.longest {
			path = append(path, Link{Certificate: c})
		}
		last := s.longest[len(s.longest)-1]
		s.best = &Result{Path: path, Problem: problem(NoChain, "no path leads from the certificate to one that is trusted; it ends at %q", nameOf(last))}
		if j.work <= 0 {
			s.best.Problem = problem(ChainGeneral, "there are too many certificates that might belong together")
		}
	}
	return s.best
}

func nameOf(c *x509.Certificate) string {
	if c.Subject.CommonName != "" {
		return c.Subject.CommonName
	}
	return c.Subject.String()
}

func fingerprint(c *x509.Certificate) [32]byte { return sha256.Sum256(c.Raw) }

// search looks for a path that passes, depth first.
type search struct {
	*Judge
	use     trust.Use
	at      time.Time
	proven  bool
	best    *Result
	paths   int
	longest []*x509.Certificate
}

// extend goes on from the last certificate of a path; it tells whether one that
// passes was found.
func (s *search) extend(path []*x509.Certificate) bool {
	if len(path) > len(s.longest) {
		s.longest = slices.Clone(path)
	}
	last := path[len(path)-1]
	anchored := false
	for _, a := range s.Trust.Named(last.RawSubject) { // a certificate may be an anchor for several reasons
		if !a.Certificate.Equal(last) {
			continue
		}
		anchored = true
		if s.paths++; s.paths > maxPaths {
			return true
		}
		r := s.judge(path, &a)
		if s.best == nil || r.Problem == nil || s.best.Problem != nil && rank(r.Problem) > rank(s.best.Problem) {
			s.best = r
		}
		if r.Problem == nil {
			return true
		}
	}
	if anchored {
		return false
	}
	if len(path) == maxPath || s.work <= 0 {
		return false
	}
	tried := map[[32]byte]bool{}
	if s.through(path, s.issuers(last), tried) {
		return true
	}
	if selfIssued(last) || s.best != nil && s.best.Problem == nil {
		return false
	}
	return s.through(path, s.fetched(last, len(tried) == 0), tried)
}

// through tries issuers in their order.
func (s *search) through(path, issuers []*x509.Certificate, tried map[[32]byte]bool) bool {
	last := path[len(path)-1]
	for _, issuer := range issuers {
		if slices.ContainsFunc(path, func(c *x509.Certificate) bool { return sameEntity(c, issuer) }) {
			continue
		}
		if s.signedBy(last, issuer) != nil {
			continue
		}
		tried[fingerprint(issuer)] = true
		if s.extend(append(path[:len(path):len(path)], issuer)) {
			return true
		}
	}
	return false
}

// sameEntity: a path that meets name and key a second time goes in a circle.
func sameEntity(a, b *x509.Certificate) bool {
	return bytes.Equal(a.RawSubjectPublicKeyInfo, b.RawSubjectPublicKeyInfo) && dn.Equal(a.RawSubject, b.RawSubject)
}

func selfIssued(c *x509.Certificate) bool { return dn.Equal(c.RawIssuer, c.RawSubject) }

// issuers are the certificates by whose name one was issued, the likeliest first:
// anchors, then by key identifier, then those that were valid at the time.
func (s *search) issuers(c *x509.Certificate) []*x509.Certificate {
	var list []*x509.Certificate
	anchors := s.Trust.Named(c.RawIssuer)
	for _, a := range anchors {
		list = append(list, a.Certificate)
	}
	list = append(list, s.byName[dn.Key(c.RawIssuer)]...)
	seen := map[[32]byte]bool{}
	list = slices.DeleteFunc(list, func(i *x509.Certificate) bool {
		key := fingerprint(i)
		twice := seen[key]
		seen[key] = true
		return twice
	})
	likely := func(i *x509.Certificate) int {
		n := 0
		if slices.ContainsFunc(anchors, func(a trust.Anchor) bool { return a.Certificate.Equal(i) }) {
			n += 4
		}
		if len(c.AuthorityKeyId) > 0 && bytes.Equal(c.AuthorityKeyId, i.SubjectKeyId) {
			n += 2
		}
		if !s.at.Before(i.NotBefore) && !s.at.After(i.NotAfter) {
			n++
		}
		return -n
	}
	slices.SortStableFunc(list, func(a, b *x509.Certificate) int { return cmp.Compare(likely(a), likely(b)) })
	return list
}

// fetched asks the fetcher for issuers; without one it notes what is wanted.
func (s *search) fetched(c *x509.Certificate, none bool) []*x509.Certificate {
	if len(c.IssuingCertificateURL) == 0 {
		return nil
	}
	if s.Fetch == nil {
		if none {
			s.want(c, nil)
		}
		return nil
	}
	key := fingerprint(c)
	if _, done := s.asked[key]; done {
		return nil
	}
	list, err := s.Fetch.Issuers(s.ctx, c)
	s.asked[key] = err
	s.Know(list...)
	return list
}

// signedBy checks the signature of a certificate, once for each issuer.
func (j *Judge) signedBy(c, issuer *x509.Certificate) error {
	key := [2][32]byte{fingerprint(c), fingerprint(issuer)}
	if err, done := j.checked[key]; done {
		return err
	}
	if j.work--; j.work < 0 {
		return problem(ChainGeneral, "too many signatures would have to be checked")
	}
	_, err := cms.CheckSigned(c.Raw, issuer)
	j.checked[key] = err
	return err
}

// judge validates one path to an anchor.
func (s *search) judge(path []*x509.Certificate, a *trust.Anchor) *Result {
	r := &Result{Anchor: a}
	for _, c := range path {
		r.Path = append(r.Path, Link{Certificate: c})
	}
	for _, step := range []func(*Result) *Problem{s.allowed, chain, s.times, s.revoked, s.algorithms} {
		if r.Problem = step(r); r.Problem != nil {
			return r
		}
	}
	return r
}

// rank says how far a judgement came: of several paths that all fail, the one that
// came farthest tells most.
func rank(p *Problem) int {
	order := []SubIndication{NoChain, ChainGeneral, ChainConstraints, NotYetValid, OutOfBoundsNoPOE, TryLater, RevocationOutNoPOE, OutOfBoundsGood,
		CryptoConstraints, CryptoNoPOE, RevokedCANoPOE, RevokedNoPOE}
	return slices.Index(order, p.Sub)
}

// allowed asks the anchor whether it counts for the use at the time.
func (s *search) allowed(r *Result) *Problem {
	if r.Anchor.Allows == nil {
		return nil
	}
	if err := r.Anchor.Allows(s.use, s.at); err != nil {
		return problem(ChainConstraints, "the path leads to %q, which does not count here: %v", nameOf(r.Anchor.Certificate), err)
	}
	return nil
}

// times checks that every certificate below the anchor, and the judged one in any
// case, was valid when it was used (shell model).
func (s *search) times(r *Result) *Problem {
	for i := len(r.Path) - 1; i >= 0; i-- {
		c := r.Path[i].Certificate
		if i > 0 && i == len(r.Path)-1 {
			continue
		}
		what := "the certificate"
		if i > 0 {
			what = "the issuing certificate of " + nameOf(c)
		}
		switch {
		case s.at.Before(c.NotBefore) && i == 0 && s.proven:
			return problem(NotYetValid, "%s is valid from %s, and its use is proven for %s, before that", what, moment(c.NotBefore), moment(s.at))
		case s.at.Before(c.NotBefore):
			return problem(OutOfBoundsNoPOE, "%s is not valid before %s", what, moment(c.NotBefore))
		case s.at.After(c.NotAfter) && s.proven:
			return problem(OutOfBoundsNoPOE, "%s ran out on %s, and its use is proven only for %s", what, moment(c.NotAfter), moment(s.at))
		case s.at.After(c.NotAfter):
			sub := OutOfBoundsNoPOE
			if i == 0 && s.status(r.Path, i, c.NotAfter, 0).State == Good {
				sub = OutOfBoundsGood
			}
			return problem(sub, "%s ran out on %s, and nothing proves that it was used before that", what, moment(c.NotAfter))
		}
	}
	return nil
}

// algorithms checks that the signatures of all certificates below the anchor were
// still to be relied on when those are proven to have been there.
func (s *search) algorithms(r *Result) *Problem {
	for i := range len(r.Path) - 1 {
		c, issuer := r.Path[i].Certificate, r.Path[i+1].Certificate
		_, how, _, _, err := cms.ReadSigned(c.Raw)
		if err != nil {
			return problem(ChainGeneral, "%v", err)
		}
		since := s.POE.Of(c.Raw)
		if i == 0 && s.at.Before(since) {
			since = s.at // the signature names its certificate
		}
		if p := Reliable(issuer.PublicKey, how.Hash, since, s.Now, "the certificate of "+nameOf(c)); p != nil {
			return p
		}
	}
	return nil
}

// chain applies what RFC 5280, 6.1 demands of a path at any time.
func chain(r *Result) *Problem {
	n := len(r.Path)
	policy := newPolicies(n - 1)
	var above []constraints
	depth := maxPath
	for i := n - 1; i >= 0; i-- {
		c, last := r.Path[i].Certificate, i == 0
		anchor := i == n-1
		if p := extensions(c); p != nil {
			return p
		}
		if !anchor && (last || !selfIssued(c)) {
			names, ok := namesOf(c)
			for _, k := range above {
				if !ok || slices.ContainsFunc(names, func(g general) bool { return !k.allows(g) }) {
					return problem(ChainConstraints, "an authority above it may not certify the name %q", nameOf(c))
				}
			}
		}
		if !anchor && !policy.certificate(c, last) {
			return problem(ChainConstraints, "the path demands a certificate policy that %q does not have", nameOf(c))
		}
		if last {
			return nil
		}
		if p := authority(c, depth, anchor); p != nil {
			return p
		}
		if !anchor && !selfIssued(c) {
			depth--
		}
		if c.BasicConstraintsValid && (c.MaxPathLen > 0 || c.MaxPathLenZero) {
			depth = min(depth, c.MaxPathLen)
		}
		k, ok := readConstraints(c)
		if !ok {
			return problem(ChainConstraints, "the name constraints of %q cannot be read", nameOf(c))
		}
		above = append(above, k)
	}
	return nil
}

// authority checks that a certificate may issue the next one. depth is how many
// more authorities may stand in the path, this one included where it is no anchor.
func authority(c *x509.Certificate, depth int, anchor bool) *Problem {
	switch {
	case !anchor && (!c.BasicConstraintsValid || !c.IsCA), anchor && c.BasicConstraintsValid && !c.IsCA:
		return problem(ChainConstraints, "%q is no certificate of an authority", nameOf(c))
	case c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageCertSign == 0:
		return problem(ChainConstraints, "the key of %q is not for signing certificates", nameOf(c))
	case !anchor && !selfIssued(c) && depth <= 0:
		return problem(ChainConstraints, "the path is longer than an authority in it allows: %q is one too many", nameOf(c))
	}
	return nil
}

func extensions(c *x509.Certificate) *Problem {
	for _, e := range c.Extensions {
		if e.Critical && !slices.ContainsFunc(understood, e.Id.Equal) {
			return problem(ChainConstraints, "the certificate of %q has the critical extension %v, which is not understood", nameOf(c), e.Id)
		}
	}
	return nil
}
