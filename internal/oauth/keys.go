package oauth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/go-jose/go-jose/v4"
	"github.com/paraph/paraph/internal/durable"
)

// Key is a signing key with the name under which its public half is published.
type Key struct {
	Signer crypto.Signer // ECDSA on P-256
	ID     string        // kid
}

// ErrBadKey is the error for a key that cannot sign ES256.
var ErrBadKey = errors.New("oauth: the signing key is not an ECDSA key on P-256")

// NewKey names a signer by its thumbprint (RFC 7638). ErrBadKey.
func NewKey(s crypto.Signer) (Key, error) {
	pub, err := publicOf(s)
	if err != nil {
		return Key{}, err
	}
	thumb, err := (&jose.JSONWebKey{Key: pub}).Thumbprint(crypto.SHA256)
	if err != nil {
		return Key{}, fmt.Errorf("oauth: naming the key: %w", err)
	}
	return Key{Signer: s, ID: base64.RawURLEncoding.EncodeToString(thumb)}, nil
}

func publicOf(s crypto.Signer) (*ecdsa.PublicKey, error) {
	if s == nil {
		return nil, ErrBadKey
	}
	pub, ok := s.Public().(*ecdsa.PublicKey)
	if !ok || pub.Curve != elliptic.P256() {
		return nil, ErrBadKey
	}
	return pub, nil
}

// LoadOrCreateKey reads the signing key of a PEM file (PKCS #8), or makes one
// and writes it, readable by its owner only. A file that others can read is
// refused: whoever has the key can make tokens for everybody.
func LoadOrCreateKey(file string) (Key, error) {
	raw, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return createKey(file)
	}
	if err != nil {
		return Key{}, fmt.Errorf("oauth: reading the signing key: %w", err)
	}
	if info, err := os.Stat(file); err != nil {
		return Key{}, fmt.Errorf("oauth: reading the signing key: %w", err)
	} else if info.Mode().Perm()&0o077 != 0 {
		return Key{}, fmt.Errorf("oauth: others can read the signing key %s: run chmod 600 on it, and make a new one if they may have", file)
	}
	block, rest := pem.Decode(raw)
	if block == nil || block.Type != "PRIVATE KEY" || len(rest) != 0 {
		return Key{}, fmt.Errorf("oauth: %s is not one PEM block PRIVATE KEY", file)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return Key{}, fmt.Errorf("oauth: the signing key %s cannot be read: %w", file, err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return Key{}, ErrBadKey
	}
	return NewKey(key)
}

// createKey writes a new key. Where a second process is faster, its key is taken.
func createKey(file string) (Key, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Key{}, fmt.Errorf("oauth: making the signing key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Key{}, fmt.Errorf("oauth: making the signing key: %w", err)
	}
	if err = durable.MakeFolder(filepath.Dir(file)); err == nil {
		err = durable.Create(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
	}
	if errors.Is(err, fs.ErrExist) {
		return LoadOrCreateKey(file)
	}
	if err != nil {
		return Key{}, fmt.Errorf("oauth: writing the signing key: %w", err)
	}
	return NewKey(key)
}
