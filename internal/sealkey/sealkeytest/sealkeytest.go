// Package sealkeytest holds what tests of keepers of keys share: certificates for
// a key, and what every keeper has to pass.
package sealkeytest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"
)

// Chain gives a certificate for a key, with an issuer and a root above it.
func Chain(t testing.TB, public crypto.PublicKey) []*x509.Certificate {
	t.Helper()
	root, rootKey := issue(t, "Root", nil, nil, nil)
	between, betweenKey := issue(t, "Issuer", root, rootKey, nil)
	seal, _ := issue(t, "Example Ltd", between, betweenKey, public)
	return []*x509.Certificate{seal, between, root}
}

// issue makes a certificate, of an authority where public is nil.
func issue(t testing.TB, name string, parent *x509.Certificate, by crypto.Signer, public crypto.PublicKey) (*x509.Certificate, crypto.Signer) {
	t.Helper()
	now := time.Now()
	c := &x509.Certificate{SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(2, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment, BasicConstraintsValid: true}
	var key crypto.Signer
	if public == nil {
		c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
		key = NewKey(t)
		public = key.Public()
	}
	if parent == nil {
		parent, by = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, public, by)
	if err != nil {
		t.Fatal(err)
	}
	out, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return out, key
}

// NewKey makes a P-256 key.
func NewKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// PEM writes certificates.
func PEM(chain ...*x509.Certificate) (out []byte) {
	for _, c := range chain {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return out
}

// Signs has a key sign some digests and checks each as a stranger would.
func Signs(t testing.TB, key crypto.Signer, times int) {
	t.Helper()
	pub, ok := key.Public().(*ecdsa.PublicKey)
	if !ok {
		t.Fatalf("the key is a %T", key.Public())
	}
	for i := range times {
		digest := sha256.Sum256([]byte{byte(i)})
		signature, err := key.Sign(rand.Reader, digest[:], crypto.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		if !ecdsa.VerifyASN1(pub, digest[:], signature) {
			t.Fatal("the signature does not verify")
		}
	}
}
