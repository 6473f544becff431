package tsp

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"time"

	"github.com/paraph/paraph/pades/internal/cms"
)

// Token is a time stamp token as it was read. Nothing in it is to be believed
// before Verify.
type Token struct {
	DER []byte // the ContentInfo, what is kept and embedded
	Info
	Certificates []*x509.Certificate // those in the token, in its order

	signed *cms.Signature
	any    bool // algorithms are judged by the caller
}

// Parse reads a token strictly: a SignedData with one signer over a TSTInfo.
// ReasonTooLarge, ReasonMalformed, ReasonVersion, ReasonAlgorithm or
// ReasonExtension say why it is refused.
func Parse(der []byte) (*Token, error) { return parse(der, cms.ParseAttached, false) }

// ParseAny is Parse for tokens of any age: digests and keys that no authority may
// use any more are read too, and Verify does not refuse them. Whether they were to
// be relied on at the token's time is for the caller to say.
func ParseAny(der []byte) (*Token, error) { return parse(der, cms.ParseAttachedAny, true) }

func parse(der []byte, read func([]byte, asn1.ObjectIdentifier) (*cms.Signature, error), any bool) (*Token, error) {
	if len(der) > MaxToken {
		return nil, refuse(ReasonTooLarge, "a token has at most %d bytes", MaxToken)
	}
	der = bytes.Clone(der) // what is read below refers to it
	signed, err := read(der, oidTSTInfo)
	if err != nil {
		return nil, refuseWith(err, ReasonMalformed, "this is no time stamp token")
	}
	info, err := parseInfo(signed.Content, any)
	if err != nil {
		return nil, err
	}
	return &Token{DER: der, Info: *info, Certificates: signed.Certificates, signed: signed, any: any}, nil
}

// SignedWith gives the digest that the authority signed with; that of the stamped
// data is Hash.
func (t *Token) SignedWith() crypto.Hash { return t.signed.Hash }

// Revocations gives the OCSP answers and CRLs that the token carries, in DER, unread.
func (t *Token) Revocations() (ocsps, crls [][]byte) { return t.signed.Revocations() }

// ChainVerifier finds a chain from the signer's certificate to something it trusts,
// valid at the token's time, and gives it, the signer first. Others are
// certificates that may help. It may ask for more, such as revocation.
type ChainVerifier func(signer *x509.Certificate, others []*x509.Certificate, at time.Time) ([]*x509.Certificate, error)

// Roots trusts what leads to one of the roots by certificates for time stamping.
func Roots(roots *x509.CertPool) ChainVerifier {
	return func(signer *x509.Certificate, others []*x509.Certificate, at time.Time) ([]*x509.Certificate, error) {
		pool := x509.NewCertPool()
		for _, c := range others {
			pool.AddCert(c)
		}
		chains, err := signer.Verify(x509.VerifyOptions{Roots: roots, Intermediates: pool, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}})
		if err != nil {
			return nil, err
		}
		return chains[0], nil
	}
}

// VerifyOptions say against what a token is checked. The zero value checks all
// but who the authority is and which request it answers.
type VerifyOptions struct {
	Chain   ChainVerifier       // nil: whether to trust the authority is not decided
	Request *Request            // nil: nonce and policy are not compared
	Others  []*x509.Certificate // certificates from elsewhere, where the token lacks some
}

// Verification is a token that was found good.
type Verification struct {
	Token  *Token
	Signer *x509.Certificate
	// Chain leads from Signer to a trusted root; nil where no ChainVerifier was
	// given, so that the token is whole but nobody said who made it.
	Chain []*x509.Certificate
}

// Verify checks the token against the digest it is meant to be over, made with
// the token's Hash. Every refusal is an *Error whose Reason says what is wrong.
func (t *Token) Verify(digest []byte, o VerifyOptions) (*Verification, error) {
	if !bytes.Equal(digest, t.Digest) {
		return nil, refuse(ReasonImprint, "the token is over another digest")
	}
	if o.Request != nil {
		if err := o.Request.matches(&t.Info); err != nil {
			return nil, err
		}
	}
	if err := t.signed.CheckDigest(); err != nil {
		return nil, refuseWith(err, ReasonContent, "the token was changed")
	}
	others := append(append([]*x509.Certificate{}, t.Certificates...), o.Others...)
	signer, err := t.signed.SignerAmong(others)
	if err != nil {
		return nil, refuse(ReasonNoSigner, "the authority's certificate is not in the token")
	}
	if err := t.checkSigner(signer); err != nil {
		return nil, err
	}
	if err := t.signed.Verify(signer); err != nil {
		return nil, refuseWith(err, ReasonSignature, "the token is not signed by the authority")
	}
	if t.Time.Before(signer.NotBefore) || t.Time.After(signer.NotAfter) {
		return nil, refuse(ReasonExpired, "the token is of %s, but the authority's certificate is valid from %s to %s",
			t.Time.Format(time.RFC3339), signer.NotBefore.UTC().Format(time.RFC3339), signer.NotAfter.UTC().Format(time.RFC3339))
	}
	v := &Verification{Token: t, Signer: signer}
	if o.Chain == nil {
		return v, nil
	}
	if v.Chain, err = o.Chain(signer, others, t.Time); err == nil && len(v.Chain) == 0 {
		err = errors.New("no chain was found")
	}
	if err != nil {
		return nil, refuseWith(err, ReasonUntrusted, "the authority's certificate leads to no trusted root at the token's time")
	}
	return v, nil
}

// checkSigner holds the certificate against the signed attributes (RFC 5816) and
// against what a time stamping certificate must be (RFC 3161, 2.3).
func (t *Token) checkSigner(c *x509.Certificate) error {
	switch matches, present := t.signed.Binds(c); {
	case !present:
		return refuse(ReasonBinding, "no signed attribute names the authority's certificate")
	case !matches:
		return refuse(ReasonBinding, "the signed attribute signing-certificate names another certificate")
	}
	if why := usage(c); why != "" {
		return refuse(ReasonUsage, "%s", why)
	}
	if why := weakness(c); why != "" && !t.any {
		return refuse(ReasonKey, "%s", why)
	}
	return nil
}

var oidExtKeyUsage = asn1.ObjectIdentifier{2, 5, 29, 37}

// usage tells why a certificate is not one for time stamping and nothing else, "" where it is.
func usage(c *x509.Certificate) string {
	if len(c.ExtKeyUsage) != 1 || len(c.UnknownExtKeyUsage) > 0 || c.ExtKeyUsage[0] != x509.ExtKeyUsageTimeStamping {
		return "the authority's certificate is not for time stamping and nothing else"
	}
	for _, e := range c.Extensions {
		if e.Id.Equal(oidExtKeyUsage) && !e.Critical {
			return "the extended key usage of the authority's certificate is not critical"
		}
	}
	if c.KeyUsage&^(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) != 0 {
		return "the key of the authority's certificate is for more than signatures"
	}
	return ""
}

// maxRSA bounds what checking one signature can cost, in bits.
const maxRSA = 16384

// weakness tells why a key is not accepted, "" where it is.
func weakness(c *x509.Certificate) string {
	switch pub := c.PublicKey.(type) {
	case *rsa.PublicKey:
		if bits := pub.N.BitLen(); bits < 2048 || bits > maxRSA {
			return fmt.Sprintf("the authority's RSA key has %d bits, which is not between 2048 and %d", bits, maxRSA)
		}
		return ""
	case *ecdsa.PublicKey:
		if bits := pub.Curve.Params().BitSize; bits == 256 || bits == 384 {
			return ""
		}
	case ed25519.PublicKey:
		return ""
	}
	return "the authority's key is none of RSA, P-256, P-384 and Ed25519"
}
