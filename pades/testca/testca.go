// Package testca makes certificates for tests. They are worth nothing.
package testca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"time"

	"github.com/paraph/paraph/pades/trust"
)

// Now is the moment around which the certificates are valid.
var Now = time.Date(2026, 11, 2, 9, 30, 0, 0, time.UTC)

// CA is a root with an intermediate authority that issues.
type CA struct {
	Root, Issuer *x509.Certificate
	rootKey, key crypto.Signer
	serial       int64
	now          time.Time
}

// Identity is a key with its chain: the certificate first, the root last.
type Identity struct {
	Key   crypto.Signer
	Chain []*x509.Certificate
}

// New makes a root and an intermediate authority with P-256 keys.
func New() (*CA, error) { return NewAt(Now) }

// NewAt is New with certificates that are valid around another moment.
func NewAt(now time.Time) (*CA, error) {
	ca := &CA{serial: 100, now: now}
	var err error
	if ca.rootKey, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	if ca.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	authority := func(name string) *x509.Certificate {
		c := ca.template(name)
		c.IsCA, c.BasicConstraintsValid = true, true
		c.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
		c.NotBefore, c.NotAfter = now.AddDate(-5, 0, 0), now.AddDate(10, 0, 0)
		return c
	}
	root := authority("Test root")
	if ca.Root, err = create(root, root, ca.rootKey.Public(), ca.rootKey); err != nil {
		return nil, err
	}
	ca.Issuer, err = create(authority("Test issuer"), ca.Root, ca.key.Public(), ca.rootKey)
	return ca, err
}

func (ca *CA) template(name string) *x509.Certificate {
	ca.serial++
	return &x509.Certificate{
		SerialNumber: big.NewInt(ca.serial),
		Subject:      pkix.Name{CommonName: name, Organization: []string{"Paraph tests"}},
		NotBefore:    ca.now.AddDate(-1, 0, 0), NotAfter: ca.now.AddDate(2, 0, 0),
	}
}

func create(c, parent *x509.Certificate, pub crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, c, parent, pub, key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// Roots is the pool that trusts this authority.
func (ca *CA) Roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.Root)
	return pool
}

// Trust is the source that trusts this authority.
func (ca *CA) Trust() *trust.Set { return trust.Of("the tests", ca.Root) }

// Issue makes an identity; kind is p256, p384, rsa or ed25519. change may
// alter the certificate before it is signed.
func (ca *CA) Issue(name, kind string, change ...func(*x509.Certificate)) (Identity, error) {
	var key crypto.Signer
	var err error
	switch kind {
	case "p256":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "p384":
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "rsa":
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	case "ed25519":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	default:
		err = fmt.Errorf("there is no kind of key %q", kind)
	}
	if err != nil {
		return Identity{}, err
	}
	return ca.IssueFor(name, key, change...)
}

// IssueFor is Issue for a key that is there already.
func (ca *CA) IssueFor(name string, key crypto.Signer, change ...func(*x509.Certificate)) (Identity, error) {
	c := ca.template(name)
	c.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment
	for _, f := range change {
		f(c)
	}
	cert, err := create(c, ca.Issuer, key.Public(), ca.key)
	if err != nil {
		return Identity{}, err
	}
	return Identity{Key: key, Chain: []*x509.Certificate{cert, ca.Issuer, ca.Root}}, nil
}
