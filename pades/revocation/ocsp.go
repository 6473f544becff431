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
	"golang.org/x/crypto/ocsp"
)

type pkixExtension = pkix.Extension

var (
	oidSHA1      = asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}
	oidBasicOCSP = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 1}
	oidNonce     = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 2}
)

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

// keyHash is the SHA-1 of a public key without its algorithm.
func keyHash(c *x509.Certificate) []byte {
	var key struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(c.RawSubjectPublicKeyInfo, &key); err != nil {
		return nil // the certificate was parsed with this key
	}
	sum := sha1.Sum(key.Key.RightAlign())
	return sum[:]
}

// ocsp asks one responder and keeps a good answer.
func (r *run) ocsp(url string, cert, issuer *x509.Certificate, others []*x509.Certificate, depth int) error {
	plain, err := ocspRequest(cert, issuer, nil)
	if err != nil {
		return &Error{Reason: Malformed, Detail: err.Error()}
	}
	var answer *ocsp.Response
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
	if responder := answer.Certificate; responder != nil && !responder.Equal(issuer) {
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
	if got, there := responseNonce(der); there && !bytes.Equal(got, nonce) {
		return nil, &Error{Reason: Unfit, Detail: "the answer is to another question: its nonce differs"}
	}
	return der, nil
}

// checkOCSP verifies an answer: its signature, that the responder may give it
// (RFC 6960, 4.2.2.2), its freshness, and that it calls the certificate good.
func (r *run) checkOCSP(der []byte, cert, issuer *x509.Certificate) (*ocsp.Response, time.Time, error) {
	answer, err := ocsp.ParseResponseForCert(der, cert, issuer)
	if err != nil {
		if e, ok := err.(ocsp.ResponseError); ok { //nolint:errorlint // not wrapped by the package
			return nil, time.Time{}, &Error{Reason: Refused, Detail: "the responder says " + e.Status.String()}
		}
		return nil, time.Time{}, &Error{Reason: Malformed, Detail: err.Error()}
	}
	if err := authorised(answer, issuer); err != nil {
		return nil, time.Time{}, err
	}
	if err := r.fresh(answer.ThisUpdate, answer.NextUpdate); err != nil {
		return nil, time.Time{}, err
	}
	until := answer.NextUpdate
	if until.IsZero() {
		until = answer.ThisUpdate.Add(r.c.MaxAge)
	}
	switch answer.Status {
	case ocsp.Good:
		return answer, until, nil
	case ocsp.Revoked:
		if answer.RevokedAt.After(r.at) {
			r.revoked = true
			return answer, until, nil
		}
		return nil, time.Time{}, &Error{Reason: Revoked, RevokedAt: answer.RevokedAt, Detail: "revoked on " + answer.RevokedAt.UTC().Format(time.RFC3339)}
	}
	return nil, time.Time{}, &Error{Reason: Refused, Detail: "the responder does not know the certificate"}
}

// authorised: the issuer answers itself, or one whom it has certified for that.
func authorised(answer *ocsp.Response, issuer *x509.Certificate) error {
	signer := issuer
	if c := answer.Certificate; c != nil && !c.Equal(issuer) {
		if !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning) {
			return &Error{Reason: Unauthorised, Detail: "the responder's certificate is not for OCSP"}
		}
		if !bytes.Equal(c.RawIssuer, issuer.RawSubject) {
			return &Error{Reason: Unauthorised, Detail: "the responder was certified by somebody else than the issuer"}
		}
		if answer.ProducedAt.Before(c.NotBefore) || answer.ProducedAt.After(c.NotAfter) {
			return &Error{Reason: Unauthorised, Detail: "the responder's certificate was not valid when it answered"}
		}
		signer = c
	}
	if answer.RawResponderName != nil && !bytes.Equal(answer.RawResponderName, signer.RawSubject) ||
		answer.ResponderKeyHash != nil && !bytes.Equal(answer.ResponderKeyHash, keyHash(signer)) {
		return &Error{Reason: Unauthorised, Detail: "the answer names another responder than the one who signed it"}
	}
	return nil
}

// responseNonce finds the nonce among the answer's extensions.
func responseNonce(der []byte) ([]byte, bool) {
	in := cryptobyte.String(der)
	var outer, wrapped, bytesSeq, octets, basic, data, list, ext, value, nonce cryptobyte.String
	var status int
	var oid asn1.ObjectIdentifier
	explicit := func(n uint8) cbasn1.Tag { return cbasn1.Tag(n).ContextSpecific().Constructed() }
	if !in.ReadASN1(&outer, cbasn1.SEQUENCE) || !outer.ReadASN1Enum(&status) || !outer.ReadASN1(&wrapped, explicit(0)) ||
		!wrapped.ReadASN1(&bytesSeq, cbasn1.SEQUENCE) || !bytesSeq.ReadASN1ObjectIdentifier(&oid) || !oid.Equal(oidBasicOCSP) ||
		!bytesSeq.ReadASN1(&octets, cbasn1.OCTET_STRING) || !octets.ReadASN1(&basic, cbasn1.SEQUENCE) || !basic.ReadASN1(&data, cbasn1.SEQUENCE) {
		return nil, false
	}
	for !data.Empty() {
		var element cryptobyte.String
		var tag cbasn1.Tag
		if !data.ReadAnyASN1(&element, &tag) {
			return nil, false
		}
		if tag != explicit(1) || !data.Empty() { // the extensions are the last element; [1] elsewhere is the responder's name
			continue
		}
		if !element.ReadASN1(&list, cbasn1.SEQUENCE) {
			return nil, false
		}
		for !list.Empty() {
			if !list.ReadASN1(&ext, cbasn1.SEQUENCE) || !ext.ReadASN1ObjectIdentifier(&oid) || !ext.SkipOptionalASN1(cbasn1.BOOLEAN) ||
				!ext.ReadASN1(&value, cbasn1.OCTET_STRING) {
				return nil, false
			}
			if oid.Equal(oidNonce) {
				if !value.ReadASN1(&nonce, cbasn1.OCTET_STRING) {
					return value, true
				}
				return nonce, true
			}
		}
	}
	return nil, false
}
