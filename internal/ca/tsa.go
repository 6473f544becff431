package ca

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"path/filepath"
	"time"

	"github.com/paraph/paraph/internal/durable"
)

// stampYears is how long a time stamping certificate is valid.
const stampYears = 5

var (
	oidExtKeyUsage = asn1.ObjectIdentifier{2, 5, 29, 37}
	timeStamping   = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 8} // id-kp-timeStamping
)

// LoadOrCreateTSA opens the keys of a time stamping authority in dir, making what
// is missing, as LoadOrCreate does for seals. Its certificate is for time stamping
// alone, critically, as RFC 3161 section 2.3 wants it. name is what
// the certificates say, and list where List is found, "" for nowhere.
func LoadOrCreateTSA(dir, name string, now time.Time, list string) (*Authority, error) {
	if err := durable.MakeFolder(dir); err != nil {
		return nil, err
	}
	a := &Authority{Files: Files{
		RootKey: filepath.Join(dir, "root.key.pem"), RootCert: filepath.Join(dir, "root.cert.pem"),
		SealKey: filepath.Join(dir, "tsa.key.pem"), SealCert: filepath.Join(dir, "tsa.cert.pem"),
	}}
	if err := a.root(name+" root", name, now); err != nil {
		return nil, fmt.Errorf("the root of the time stamping authority: %w", err)
	}
	usage, err := asn1.Marshal([]asn1.ObjectIdentifier{timeStamping})
	if err != nil {
		return nil, err
	}
	err = a.leaf(now, list, func() *x509.Certificate {
		tmpl := template(name, name, now, stampYears)
		tmpl.KeyUsage = x509.KeyUsageDigitalSignature
		tmpl.ExtraExtensions = []pkix.Extension{{Id: oidExtKeyUsage, Critical: true, Value: usage}}
		return tmpl
	})
	if err != nil {
		return nil, fmt.Errorf("the time stamping certificate: %w", err)
	}
	return a, nil
}
