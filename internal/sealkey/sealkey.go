// Package sealkey signs with keys that lie elsewhere: in a hardware module, with a
// key management service, at a trust service provider. A keeper holds the key and
// signs digests; what Paraph sees of it is a crypto.Signer.
//
// Nobody gets a signature unseen: each is verified against the public key before
// it leaves this package, so a keeper that errs, or lies, makes an error and
// never a document that does not verify.
package sealkey

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Reason says what kept a keeper from signing.
type Reason string

// The reasons.
const (
	Unreachable Reason = "unreachable" // no exchange came about, or it broke off
	Refused     Reason = "refused"     // the keeper said no
	Login       Reason = "login"       // it did not take the credentials
	Malformed   Reason = "malformed"   // its answer is not what the protocol allows
	Wrong       Reason = "wrong"       // what it gave is not the key's signature over the digest
	Unfit       Reason = "unfit"       // key, certificate or settings are not fit for seals
)

// Error is what came of asking a keeper.
type Error struct {
	Keeper string // its address, without credentials
	Reason Reason
	Code   string // what the keeper calls it; "": it has no word for it
	Err    error
}

// Error gives keeper and cause; it holds no secrets.
func (e *Error) Error() string {
	if e.Code == "" {
		return fmt.Sprintf("%s: %v", e.Keeper, e.Err)
	}
	return fmt.Sprintf("%s: %v (%s)", e.Keeper, e.Err, e.Code)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// ReasonOf gives the reason of an error, "" where it is none of a keeper.
func ReasonOf(err error) Reason {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return ""
}

// Errorf makes an Error.
func Errorf(keeper string, reason Reason, format string, args ...any) error {
	return &Error{Keeper: keeper, Reason: reason, Err: fmt.Errorf(format, args...)}
}

// Printable bounds what a keeper says, for logs and messages.
func Printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	return strings.ToValidUTF8(s[:min(len(s), 300)], "")
}

// Keeper holds one key.
type Keeper interface {
	// Address names it in messages, without credentials.
	Address() string
	// SignDigest signs a digest. opts are those of crypto.Signer: *rsa.PSSOptions for
	// RSA-PSS, else a crypto.Hash. An ECDSA signature may be DER or r and s side by
	// side. Errors are *Error.
	SignDigest(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error)
}

// Key is a keeper's key as a crypto.Signer.
type Key struct {
	public  crypto.PublicKey
	keeper  Keeper
	timeout time.Duration
	chain   []*x509.Certificate
}

// New makes a Key. timeout bounds one signature. chain is the certificate that the
// keeper has for the key, with its issuers as far as it gives them; nil: it has none.
func New(public crypto.PublicKey, chain []*x509.Certificate, keeper Keeper, timeout time.Duration) *Key {
	return &Key{public, keeper, timeout, chain}
}

// Public implements crypto.Signer.
func (k *Key) Public() crypto.PublicKey { return k.public }

// Close lets go of what the keeper holds open; without an end of its own it is none.
func (k *Key) Close() error {
	if c, ok := k.keeper.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// Chain gives the keeper's certificate and its issuers.
func (k *Key) Chain() []*x509.Certificate { return k.chain }

// Sign implements crypto.Signer. The keeper has randomness of its own.
func (k *Key) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.SignContext(context.Background(), digest, opts)
}

// SignContext has the keeper sign a digest, and verifies what it gives. An ECDSA
// signature is DER (RFC 3279, 2.2.3). Errors are *Error.
func (k *Key) SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if h := opts.HashFunc(); h == 0 || !h.Available() || len(digest) != h.Size() {
		return nil, Errorf(k.keeper.Address(), Unfit, "a digest of %d bytes is not one of %v", len(digest), opts.HashFunc())
	}
	ctx, cancel := context.WithTimeout(ctx, k.timeout)
	defer cancel()
	signature, err := k.keeper.SignDigest(ctx, digest, opts)
	if err != nil {
		return nil, err
	}
	if pub, ok := k.public.(*ecdsa.PublicKey); ok {
		signature = derOf(signature, pub)
	}
	if err := verify(k.public, digest, opts, signature); err != nil {
		return nil, &Error{Keeper: k.keeper.Address(), Reason: Wrong, Err: fmt.Errorf("the signature it gave is not the key's over this digest: %w", err)}
	}
	return signature, nil
}

// derOf brings r and s side by side into DER; anything else stays as it is.
func derOf(signature []byte, pub *ecdsa.PublicKey) []byte {
	size := (pub.Curve.Params().BitSize + 7) / 8
	if len(signature) != 2*size {
		return signature
	}
	if inner := cryptobyte.String(signature); inner.ReadASN1(&inner, asn1.SEQUENCE) && len(inner) == len(signature)-2 {
		var r, s big.Int
		if inner.ReadASN1Integer(&r) && inner.ReadASN1Integer(&s) && inner.Empty() {
			return signature // DER that happens to be as long
		}
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1BigInt(new(big.Int).SetBytes(signature[:size]))
		b.AddASN1BigInt(new(big.Int).SetBytes(signature[size:]))
	})
	return b.BytesOrPanic()
}

func verify(public crypto.PublicKey, digest []byte, opts crypto.SignerOpts, signature []byte) error {
	switch pub := public.(type) {
	case *ecdsa.PublicKey:
		if !ecdsa.VerifyASN1(pub, digest, signature) {
			return errors.New("ECDSA verification failed")
		}
		return nil
	case *rsa.PublicKey:
		if pss, ok := opts.(*rsa.PSSOptions); ok {
			return rsa.VerifyPSS(pub, opts.HashFunc(), digest, signature, pss)
		}
		return rsa.VerifyPKCS1v15(pub, opts.HashFunc(), digest, signature)
	}
	return fmt.Errorf("keys of type %T cannot be used", public)
}

// Fit says why a public key cannot seal; nil: it can. Seals are made with ECDSA on
// P-256, P-384 or P-521, or with RSA of 2048 bits or more: trust service providers still give
// such keys. The own root gives no new one a certificate below 3072 bits (package ca).
func Fit(public crypto.PublicKey) error {
	switch pub := public.(type) {
	case *ecdsa.PublicKey:
		if bits := pub.Curve.Params().BitSize; bits < 256 {
			return fmt.Errorf("an ECDSA key of %d bits is too short; it takes 256", bits)
		}
		return nil
	case *rsa.PublicKey:
		if pub.N.BitLen() < 2048 {
			return fmt.Errorf("an RSA key of %d bits is too short; it takes 2048", pub.N.BitLen())
		}
		return nil
	case ed25519.PublicKey:
		return errors.New("an Ed25519 key signs no digests; take ECDSA or RSA")
	}
	return fmt.Errorf("keys of type %T cannot be used", public)
}

// Order gives the first certificate and behind it, as far as they are among the
// others, its issuers one after another.
func Order(all []*x509.Certificate) []*x509.Certificate {
	chain := all[:1:1]
	for len(chain) <= len(all) {
		last := chain[len(chain)-1]
		if last.CheckSignatureFrom(last) == nil {
			break // the root
		}
		next := -1
		for i, c := range all[1:] {
			if last.CheckSignatureFrom(c) == nil {
				next = i + 1
				break
			}
		}
		if next < 0 {
			break
		}
		chain = append(chain, all[next])
	}
	return chain
}
