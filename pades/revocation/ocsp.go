package revocation

import (
	"bytes"
	"crypto/rand"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

type pkixExtension = pkix.Extension

var oidSHA1 = asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}

// ocspRequest is an OCSPRequest (RFC 6960, 4.1.1) for one certificate. SHA-1
// names the issuer there, as RFC 5019 demands; nothing rests on its strength.
func ocspRequest(cert, issuer *x509.Certificate, nonce []byte) ([]byte, error) {
	name, keyHash := sha1.Sum(cert.RawIssuer), keyHash(issuer)
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
							b.AddASN1ObjectIdentifier(oidSHA1)
							b.AddASN1NULL()
						})
						b.AddASN1OctetString(name[:])
						b.AddASN1OctetString(keyHash)
						b.AddASN1BigInt(cert.SerialNumber)
					})
				})
			})
			if nonce == nil {
				return
			}
			b.AddASN1(cbasn1.Tag(2).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
				b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddASN1ObjectIdentifier(oidNonce)
						b.AddASN1(cbasn1.OCTET_STRING, func(b *cryptobyte.Builder) { b.AddASN1OctetString(nonce) })
					})
				})
			})
		})
	})
	return b.Bytes()
}

// publicKey is a certificate's key without its algorithm.
func publicKey(c *x509.Certificate) []byte {
	var key struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(c.RawSubjectPublicKeyInfo, &key); err != nil {
		return nil // the certificate was parsed with this key
	}
	return key.Key.RightAlign()
}

// keyHash is the SHA-1 of a public key without its algorithm.
func keyHash(c *x509.Certificate) []byte {
	sum := sha1.Sum(publicKey(c))
	return sum[:]
}

// ocsp asks one responder and keeps a good answer.
func (r *run) ocsp(url string, cert, issuer *x509.Certificate, others []*x509.Certificate, depth int) error {
	plain, err := ocspRequest(cert, issuer, nil)
	if err != nil {
		return &Error{Reason: Malformed, Detail: err.Error()}
	}
	var answer *Answer
	check := func(der []byte) (until time.Time, err error) {
		answer, until, err = r.checkOCSP(der, cert, issuer)
		return until, err
	}
	var der []byte
	var until time.Time
	if r.c.Nonce {
		if der, err = r.askOnce(url, cert, issuer); err == nil {
			until, err = check(der)
		}
	} else {
		der, until, err = r.cached("POST "+url+"\n"+string(plain), func() ([]byte, error) { return r.post(url, plain) }, check)
	}
	if err != nil {
		return err
	}
	if responder := answer.Signer; !responder.Equal(issuer) {
		if err := r.certificate(responder, append(slices.Clip(others), issuer), depth+1); err != nil {
			return err
		}
	}
	add(&r.out.OCSPs, der)
	r.out.lasts(until)
	return nil
}

// askOnce asks with a nonce. Many responders answer without one, from answers
// that they made beforehand; but a nonce that is there must be ours.
func (r *run) askOnce(url string, cert, issuer *x509.Certificate) ([]byte, error) {
	nonce := make([]byte, 16)
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	request, err := ocspRequest(cert, issuer, nonce)
	if err != nil {
		return nil, &Error{Reason: Malformed, Detail: err.Error()}
	}
	der, err := r.post(url, request)
	if err != nil {
		return nil, err
	}
	if o, err := ParseOCSP(der); err == nil && o.Nonce != nil && !bytes.Equal(o.Nonce, nonce) {
		return nil, &Error{Reason: Unfit, Detail: "the answer is to another question: its nonce differs"}
	}
	return der, nil
}

// checkOCSP verifies an answer about a certificate, its freshness, and that it
// calls the certificate good.
func (r *run) checkOCSP(der []byte, cert, issuer *x509.Certificate) (*Answer, time.Time, error) {
	o, err := ParseOCSP(der)
	if err != nil {
		return nil, time.Time{}, err
	}
	answer, err := o.About(cert, issuer)
	if err != nil {
		return nil, time.Time{}, err
	}
	until, err := r.good(answer)
	return answer, until, err
}
