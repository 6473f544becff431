package devices

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"testing"
	"time"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
)

// authority issues certificates: of makers of authenticators, or of devices.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, name string) *authority {
	a := &authority{t: t}
	a.cert, a.key = a.issue(&x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

// issue signs a certificate, by itself where the authority has none yet. It holds for
// as long as it says, or from 2020 to 2040.
func (a *authority) issue(c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	if c.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62)); err != nil {
		a.t.Fatal(err)
	}
	if c.NotAfter.IsZero() {
		c.NotBefore, c.NotAfter = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	parent, by := a.cert, a.key
	if parent == nil {
		parent, by = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, by)
	if err != nil {
		a.t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return made, key
}

// device issues a device's certificate.
func (a *authority) device(name string, change ...func(*x509.Certificate)) *x509.Certificate {
	c := &x509.Certificate{Subject: pkix.Name{CommonName: name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, KeyUsage: x509.KeyUsageDigitalSignature}
	for _, f := range change {
		f(c)
	}
	made, _ := a.issue(c)
	return made
}

// attests has an authenticator of a model vouched for by its maker (packed, with x5c):
// it changes what the virtual one says of itself.
func (a *authority) attests(model [16]byte) func(string) string {
	named, err := asn1.Marshal(model[:])
	if err != nil {
		a.t.Fatal(err)
	}
	cert, key := a.issue(&x509.Certificate{
		Subject:               pkix.Name{Country: []string{"CH"}, Organization: []string{"Keys Ltd"}, OrganizationalUnit: []string{"Authenticator Attestation"}, CommonName: "Batch 1"},
		BasicConstraintsValid: true, ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 4}, Value: named}},
	})
	return restated(a.t, "packed", func(signed []byte) map[string]any {
		sum := sha256.Sum256(signed)
		sig, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
		if err != nil {
			a.t.Fatal(err)
		}
		return map[string]any{"alg": -7, "sig": sig, "x5c": []any{cert.Raw}}
	})
}

// itself leaves what the virtual authenticator says: the passkey vouches for itself.
func itself(credential string) string { return credential }

// silent has it say nothing.
func silent(t *testing.T) func(string) string {
	return restated(t, "none", func([]byte) map[string]any { return map[string]any{} })
}

// restated gives a new passkey another attestation statement, over what is to be signed.
func restated(t *testing.T, format string, statement func(signed []byte) map[string]any) func(string) string {
	return func(credential string) string {
		t.Helper()
		var c map[string]any
		if err := json.Unmarshal([]byte(credential), &c); err != nil {
			t.Fatal(err)
		}
		response := c["response"].(map[string]any)
		raw := func(name string) []byte {
			b, err := base64.RawURLEncoding.DecodeString(response[name].(string))
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		var object struct {
			Auth []byte `cbor:"authData"`
		}
		if err := webauthncbor.Unmarshal(raw("attestationObject"), &object); err != nil {
			t.Fatal(err)
		}
		client := sha256.Sum256(raw("clientDataJSON"))
		made, err := webauthncbor.Marshal(map[string]any{"fmt": format, "authData": object.Auth, "attStmt": statement(append(object.Auth[:len(object.Auth):len(object.Auth)], client[:]...))})
		if err != nil {
			t.Fatal(err)
		}
		response["attestationObject"] = base64.RawURLEncoding.EncodeToString(made)
		out, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
}
