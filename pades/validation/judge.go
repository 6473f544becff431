package validation

import (
	"context"
	"crypto/x509"
	"time"

	"github.com/paraph/paraph/pades/internal/dn"
	"github.com/paraph/paraph/pades/revocation"
	"github.com/paraph/paraph/pades/trust"
)

// Fetcher gets from elsewhere what is not at hand; *revocation.Collector is one.
type Fetcher interface {
	// Issuers gives certificates that may have issued cert.
	Issuers(ctx context.Context, cert *x509.Certificate) ([]*x509.Certificate, error)
	// Status gives answers about cert, good or bad.
	Status(ctx context.Context, cert, issuer *x509.Certificate) (*revocation.Evidence, error)
}

// Options say how strictly to judge. The zero value of each is what is said beside it.
type Options struct {
	Trust trust.Source // required
	Fetch Fetcher      // nil: nothing is fetched

	// RequireRevocation demands an answer also about certificates that name no
	// source of one. Otherwise those count as never revoked, and a note says so.
	RequireRevocation bool
	MaxAge            time.Duration // of an answer that does not say when the next comes; 0: 24 h
	Skew              time.Duration // how far other clocks may be off; 0: 5 min
}

// Judge judges certificates at one moment. It is not safe for concurrent use.
type Judge struct {
	Options
	Now time.Time
	POE *POE

	ctx     context.Context
	byName  map[string][]*x509.Certificate
	known   map[[32]byte]bool
	ocsps   []evidence
	crls    []evidence
	checked map[[2][32]byte]error // signatures of certificates, by certificate and issuer
	work    int                   // signatures still to be checked at most
	asked   map[[32]byte]error    // certificates about which the fetcher was asked
	wanted  []Want
}

// Want is what would have helped and was not at hand: the issuer of a certificate
// (Issuer nil), or an answer about it.
type Want struct{ Certificate, Issuer *x509.Certificate }

// maxWork bounds the signatures of certificates that one Judge checks; a hostile
// file can hold very many that might fit one another.
const maxWork = 400

// New makes a Judge. The context serves the fetcher.
func New(ctx context.Context, now time.Time, o Options) *Judge {
	if o.MaxAge <= 0 {
		o.MaxAge = 24 * time.Hour
	}
	if o.Skew <= 0 {
		o.Skew = 5 * time.Minute
	}
	return &Judge{
		Options: o, Now: now, POE: NewPOE(now), ctx: ctx, byName: map[string][]*x509.Certificate{}, known: map[[32]byte]bool{},
		checked: map[[2][32]byte]error{}, work: maxWork, asked: map[[32]byte]error{},
	}
}

// Know adds certificates that may belong to a path.
func (j *Judge) Know(certificates ...*x509.Certificate) {
	for _, c := range certificates {
		if key := fingerprint(c); !j.known[key] {
			j.known[key] = true
			name := dn.Key(c.RawSubject)
			j.byName[name] = append(j.byName[name], c)
		}
	}
}

// Wanted lists what was not at hand so far.
func (j *Judge) Wanted() []Want { return j.wanted }

func (j *Judge) want(c, issuer *x509.Certificate) {
	for _, w := range j.wanted {
		if w.Certificate.Equal(c) && (w.Issuer == nil) == (issuer == nil) {
			return
		}
	}
	j.wanted = append(j.wanted, Want{c, issuer})
}

// evidence is an OCSP answer or a CRL with where it comes from.
type evidence struct {
	ocsp *revocation.OCSP
	crl  *revocation.CRL
	from string
}

// Evidence adds OCSP answers and CRLs in DER; from says for people where they come
// from. What cannot be read is passed over, and counted.
func (j *Judge) Evidence(from string, ocsps, crls [][]byte) (unread int) {
	for _, der := range ocsps {
		o, err := revocation.ParseOCSP(der)
		if err != nil {
			unread++
			continue
		}
		j.Know(o.Certificates...)
		j.ocsps = append(j.ocsps, evidence{ocsp: o, from: from})
	}
	for _, der := range crls {
		c, err := revocation.ParseCRL(der)
		if err != nil {
			unread++
			continue
		}
		j.crls = append(j.crls, evidence{crl: c, from: from})
	}
	return unread
}

// about asks one piece of evidence.
func (e *evidence) about(c, issuer *x509.Certificate) (*revocation.Answer, error) {
	if e.ocsp != nil {
		return e.ocsp.About(c, issuer)
	}
	return e.crl.About(c, issuer)
}
