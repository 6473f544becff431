// Package ca is the certificate authority that Paraph makes for itself at its
// first start, so that sealing works before anybody has bought a certificate.
//
// It holds two P-256 keys: the root's, which signs nothing but sealing
// certificates, and the seal's. Whoever gets a sealed document decides whether
// to trust the root; its certificate is published and printed into proofs.
package ca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/paraph/paraph/internal/durable"
)

const (
	rootYears = 20
	sealYears = 3
	// renewBefore is how long before its end a sealing certificate is replaced.
	renewBefore = 90 * 24 * time.Hour
)

// documentSigning is id-kp-documentSigning (RFC 9336 section 3.2).
var documentSigning = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 36}

// Authority is a root with one key and certificate under it, as a rule for seals.
type Authority struct {
	Root  *x509.Certificate
	Seal  *x509.Certificate // or, of a time stamping authority, that for time stamps
	Key   crypto.Signer     // of Seal
	Files Files

	between []*x509.Certificate // from Seal to Root, both left out
	own     *x509.Certificate   // the root of this installation, also where Root is another; nil: it has made none
	rootKey *ecdsa.PrivateKey   // of own
}

// Files are where an Authority keeps its parts; "" for what is kept elsewhere.
type Files struct {
	RootKey, RootCert, SealKey, SealCert string
}

// Options say what is different from keys and certificates of its own making. The
// zero value is the ordinary case.
type Options struct {
	// Key is the seal's key where it is kept elsewhere, such as in a hardware module.
	Key crypto.Signer
	// Chain is the certificate that somebody else has issued for Key, with its
	// issuers up to the root; empty: the own root issues one.
	Chain []*x509.Certificate
	// ListURL is where relying parties will find List, for certificates made from
	// now on; "": they name no address.
	ListURL string
}

// RootPEM gives the root certificate for whoever verifies.
func (a *Authority) RootPEM() []byte { return pemCert(a.Root.Raw) }

// Chain gives the sealing certificate with its issuers, the root last.
func (a *Authority) Chain() []*x509.Certificate {
	chain := append([]*x509.Certificate{a.Seal}, a.between...)
	if a.Root.Equal(a.Seal) {
		return chain
	}
	return append(chain, a.Root)
}

// LoadOrCreate opens the authority in dir, making what is missing: at the first
// start everything, later a new sealing certificate shortly before the old one
// ends. organisation is what the certificates name. Key files are made 0600 and
// refused where others can read them.
func LoadOrCreate(dir, organisation string, now time.Time, o Options) (*Authority, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	a := &Authority{Files: Files{
		RootKey: filepath.Join(dir, "ca.key.pem"), RootCert: filepath.Join(dir, "ca.cert.pem"),
		SealKey: filepath.Join(dir, "seal.key.pem"), SealCert: filepath.Join(dir, "seal.cert.pem"),
	}}
	if len(o.Chain) > 0 {
		return a, a.take(o)
	}
	if err := a.root(organisation+" document root", organisation, now); err != nil {
		return nil, fmt.Errorf("the certificate authority: %w", err)
	}
	if err := a.seal(organisation, now, o); err != nil {
		return nil, fmt.Errorf("the sealing certificate: %w", err)
	}
	return a, nil
}

// Own gives the root that this installation has made, nil where it has made none.
// Seals made under it stay valid, and are told revoked or not, when another key seals.
func (a *Authority) Own() *x509.Certificate { return a.own }

// take takes a certificate that somebody else has issued.
func (a *Authority) take(o Options) error {
	if exists(a.Files.RootKey) && exists(a.Files.RootCert) {
		if err := a.root("", "", time.Time{}); err != nil {
			return fmt.Errorf("the certificate authority: %w", err)
		}
	}
	a.Files = Files{RootKey: a.Files.RootKey, RootCert: a.Files.RootCert}
	a.Key, a.Seal, a.Root = o.Key, o.Chain[0], o.Chain[len(o.Chain)-1]
	if len(o.Chain) > 2 {
		a.between = o.Chain[1 : len(o.Chain)-1]
	}
	if a.Key == nil || !belongs(a.Seal, a.Key.Public()) {
		return errors.New("the sealing certificate is not that of the key")
	}
	for i, c := range o.Chain[1:] {
		if err := o.Chain[i].CheckSignatureFrom(c); err != nil {
			return fmt.Errorf("certificate %d of the chain did not issue the one before it: %w", i+2, err)
		}
	}
	return nil
}

// root loads or makes the root's key and certificate.
func (a *Authority) root(name, organisation string, now time.Time) error {
	key, made, err := loadOrMakeKey(a.Files.RootKey)
	if err != nil {
		return err
	}
	a.rootKey = key
	if !made && exists(a.Files.RootCert) {
		a.own, err = loadCert(a.Files.RootCert, key.Public())
		a.Root = a.own
		return err
	}
	tmpl := template(name, organisation, now, rootYears)
	tmpl.IsCA, tmpl.BasicConstraintsValid, tmpl.MaxPathLenZero = true, true, true
	tmpl.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	a.own, err = issue(a.Files.RootCert, tmpl, tmpl, key.Public(), key)
	a.Root = a.own
	return err
}

// minRSA is the bits of an RSA key that seals, where its certificate is the first: 128 bits
// of security. A shorter one that has sealed before goes on, and so does one to which somebody
// else gave a certificate.
const minRSA = 3072

func (a *Authority) seal(organisation string, now time.Time, o Options) error {
	if o.Key != nil {
		spki, err := x509.MarshalPKIXPublicKey(o.Key.Public())
		if err != nil {
			return err
		}
		a.Key, a.Files.SealKey = o.Key, ""
		a.Files.SealCert = filepath.Join(filepath.Dir(a.Files.SealCert), fmt.Sprintf("seal.%.8x.cert.pem", sha256.Sum256(spki)))
		if rsaKey, ok := o.Key.Public().(*rsa.PublicKey); ok && rsaKey.N.BitLen() < minRSA && !exists(a.Files.SealCert) {
			return fmt.Errorf("an RSA key of %d bits is too short; a new one takes %d", rsaKey.N.BitLen(), minRSA)
		}
	}
	return a.leaf(now, o.ListURL, func() *x509.Certificate {
		tmpl := template(organisation+" document seal", organisation, now, sealYears)
		tmpl.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment
		tmpl.UnknownExtKeyUsage = []asn1.ObjectIdentifier{documentSigning}
		return tmpl
	})
}

// leaf loads or makes the key under the root, and its certificate: a new one,
// like fresh, where there is none or it ends soon.
func (a *Authority) leaf(now time.Time, list string, fresh func() *x509.Certificate) error {
	made := false
	if a.Key == nil {
		key, fresh, err := loadOrMakeKey(a.Files.SealKey)
		if err != nil {
			return err
		}
		a.Key, made = key, fresh
	}
	var err error
	if !made && exists(a.Files.SealCert) {
		if a.Seal, err = loadCert(a.Files.SealCert, a.Key.Public()); err != nil {
			return err
		}
		names := list == "" || slices.Contains(a.Seal.CRLDistributionPoints, list)
		if names && now.Before(a.Seal.NotAfter.Add(-renewBefore)) {
			return nil
		}
	}
	tmpl := fresh()
	tmpl.BasicConstraintsValid = true
	if list != "" {
		tmpl.CRLDistributionPoints = []string{list}
	}
	a.Seal, err = issue(a.Files.SealCert, tmpl, a.Root, a.Key.Public(), a.rootKey)
	return err
}

// exists tells whether a file is there. A key without its certificate is what a
// process killed at its first start leaves behind; the certificate is made again.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func template(name, organisation string, now time.Time, years int) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	return &x509.Certificate{
		SerialNumber: serial.Add(serial, big.NewInt(1)),
		Subject:      pkix.Name{CommonName: name, Organization: []string{organisation}},
		NotBefore:    now.Add(-time.Hour).UTC(), // other clocks may be behind
		NotAfter:     now.AddDate(years, 0, 0).UTC(),
	}
}

func issue(path string, tmpl, parent *x509.Certificate, pub crypto.PublicKey, by crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, pub, by)
	if err != nil {
		return nil, err
	}
	if err := durable.Replace(path, pemCert(der), 0o644); err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func pemCert(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func loadCert(path string, key crypto.PublicKey) (*x509.Certificate, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(raw)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, fmt.Errorf("%s holds no certificate", path)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if !belongs(cert, key) {
		return nil, fmt.Errorf("%s does not belong to the key beside it", path)
	}
	return cert, nil
}

// belongs tells whether a certificate is that of a key.
func belongs(cert *x509.Certificate, key crypto.PublicKey) bool {
	pub, ok := key.(interface{ Equal(crypto.PublicKey) bool })
	return ok && pub.Equal(cert.PublicKey)
}

// loadOrMakeKey opens a private key file, or makes it. made tells which.
func loadOrMakeKey(path string) (key *ecdsa.PrivateKey, made bool, err error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, false, err
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return nil, false, err
		}
		return key, true, durable.Replace(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
	}
	if err != nil {
		return nil, false, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, false, fmt.Errorf("others can read the key file %s; run: chmod 600 %s", path, path)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, false, err
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, false, fmt.Errorf("%s holds no key", path)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, false, fmt.Errorf("%s: %w", path, err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, false, fmt.Errorf("%s is not a P-256 key", path)
	}
	return key, false, nil
}
