package oauth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"

	"github.com/paraph/paraph/internal/service"
)

// The algorithms by which tokens are signed.
const (
	ES256 = "ES256" // ECDSA on P-256
	EdDSA = "EdDSA" // Ed25519
)

// Key is a key that signs tokens, with the name under which its public half is published.
type Key struct {
	ID        string // kid: the thumbprint of RFC 7638
	Algorithm string
	Public    crypto.PublicKey

	private crypto.Signer // nil: it cannot sign here
	access  jose.Signer   // of access tokens
	id      jose.Signer   // of ID tokens
}

// ErrBadKey is the error for a key that signs neither ES256 nor EdDSA.
var ErrBadKey = errors.New("oauth: the signing key is neither ECDSA on P-256 nor Ed25519")

// NewKey makes a key that signs. ErrBadKey.
func NewKey(s crypto.Signer) (*Key, error) {
	if s == nil {
		return nil, ErrBadKey
	}
	k, err := publicKey(s.Public())
	if err != nil {
		return nil, err
	}
	k.private = s
	if k.access, err = k.signer(tokenType); err != nil {
		return nil, err
	}
	k.id, err = k.signer("JWT")
	return k, err
}

// publicKey makes a key that is only known. ErrBadKey.
func publicKey(pub crypto.PublicKey) (*Key, error) {
	k := &Key{Public: pub}
	switch p := pub.(type) {
	case *ecdsa.PublicKey:
		if p.Curve != elliptic.P256() {
			return nil, ErrBadKey
		}
		k.Algorithm = ES256
	case ed25519.PublicKey:
		k.Algorithm = EdDSA
	default:
		return nil, ErrBadKey
	}
	thumb, err := (&jose.JSONWebKey{Key: pub}).Thumbprint(crypto.SHA256)
	k.ID = base64.RawURLEncoding.EncodeToString(thumb)
	return k, err
}

func (k *Key) signer(typ string) (jose.Signer, error) {
	// go-jose takes Ed25519 keys only as they are, and other keys behind their signer,
	// so that those may lie elsewhere.
	var key any = cryptosigner.Opaque(k.private)
	if ed, ok := k.private.(ed25519.PrivateKey); ok {
		key = ed
	}
	return jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(k.Algorithm), Key: jose.JSONWebKey{Key: key, KeyID: k.ID}},
		(&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
}

// drawKey makes a new key for an algorithm.
func drawKey(algorithm string) (*Key, error) {
	if algorithm == EdDSA {
		_, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return nil, err
		}
		return NewKey(private)
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return NewKey(private)
}

// jwk is the public half as it is published.
func (k *Key) jwk() jose.JSONWebKey {
	return jose.JSONWebKey{Key: k.Public, KeyID: k.ID, Algorithm: k.Algorithm, Use: "sig"}
}

func keyContext(id string) []byte { return []byte("token key\x00" + id) }

// row is the key as it is stored, without its times.
func (k *Key) row(s Sealer) (service.TokenKey, error) {
	public, err := json.Marshal(k.jwk())
	if err != nil {
		return service.TokenKey{}, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(k.private)
	if err != nil {
		return service.TokenKey{}, err
	}
	defer clear(der)
	sealed, err := s.Seal(der, keyContext(k.ID))
	return service.TokenKey{ID: k.ID, Algorithm: k.Algorithm, Public: public, Sealed: sealed}, err
}

// openKey reads a stored key. Where its private half cannot be opened, it only checks.
func openKey(row service.TokenKey, s Sealer) (*Key, error) {
	var jwk jose.JSONWebKey
	if err := jwk.UnmarshalJSON(row.Public); err != nil {
		return nil, fmt.Errorf("oauth: the token key %s: %w", row.ID, err)
	}
	known, err := publicKey(jwk.Key)
	if err != nil || known.ID != row.ID {
		return nil, errors.Join(err, fmt.Errorf("oauth: the token key %s is not the one of its name", row.ID))
	}
	if der, err := s.Open(row.Sealed, keyContext(row.ID)); err == nil {
		defer clear(der)
		if parsed, err := x509.ParsePKCS8PrivateKey(der); err == nil {
			if private, ok := parsed.(crypto.Signer); ok {
				if full, err := NewKey(private); err == nil && full.ID == known.ID {
					return full, nil
				}
			}
		}
	}
	return known, nil
}

// LoadKey reads a signing key of a PEM file (PKCS #8), as versions before kept it;
// nil where there is no such file. A file that others can read is refused: whoever
// has the key can make tokens for everybody.
func LoadKey(file string) (*Key, error) {
	raw, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("oauth: reading the signing key: %w", err)
	}
	if info, err := os.Stat(file); err != nil {
		return nil, fmt.Errorf("oauth: reading the signing key: %w", err)
	} else if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("oauth: others can read the signing key %s: remove the file, and a new key is made", file)
	}
	block, rest := pem.Decode(raw)
	if block == nil || block.Type != "PRIVATE KEY" || len(rest) != 0 {
		return nil, fmt.Errorf("oauth: %s is not one PEM block PRIVATE KEY", file)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("oauth: the signing key %s cannot be read: %w", file, err)
	}
	private, _ := parsed.(crypto.Signer)
	return NewKey(private)
}
