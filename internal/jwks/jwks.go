// Package jwks says which public keys of others are taken, for signatures on
// client assertions and DPoP proofs: ECDSA on P-256, Ed25519, and RSA of a sound
// size. Each kind of key signs by one algorithm only, so that no header of a token
// chooses how its own signature is checked.
package jwks

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// Algorithms are the algorithms by which others may sign.
func Algorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.ES256, jose.EdDSA, jose.PS256}
}

// Bounds of RSA keys, in bits: a shorter one is weaker than all others that are taken, which
// have 128 bits of security (NIST SP 800-57 part 1, table 2); a longer one makes work.
const (
	minRSA = 3072
	maxRSA = 4096
)

// Algorithm gives the one algorithm of a public key. It fails for keys that are
// not taken, among them all private and symmetric ones.
func Algorithm(public any) (jose.SignatureAlgorithm, error) {
	switch k := public.(type) {
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return "", errors.New("of the elliptic curves only P-256 is taken")
		}
		return jose.ES256, nil
	case ed25519.PublicKey:
		if len(k) != ed25519.PublicKeySize {
			return "", errors.New("the Ed25519 key has another length")
		}
		return jose.EdDSA, nil
	case *rsa.PublicKey:
		if n := k.N.BitLen(); n < minRSA || n > maxRSA {
			return "", fmt.Errorf("the RSA key has %d bits; %d to %d are taken", n, minRSA, maxRSA)
		}
		if k.E < 65537 || k.E%2 == 0 {
			return "", errors.New("the RSA key's exponent is not one in use")
		}
		return jose.PS256, nil
	}
	return "", errors.New("it is no public key on P-256, of Ed25519 or of RSA")
}

// maxKeys is the most keys that a set may hold.
const maxKeys = 20

// Parse reads a client's JWK set (RFC 7517 section 5). It fails where one of its
// keys is not taken, or is private: a client that sent its private key has to make
// a new one.
func Parse(raw []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(raw, &set); err != nil {
		return nil, errors.New("it is no JWK set")
	}
	if n := len(set.Keys); n == 0 || n > maxKeys {
		return nil, fmt.Errorf("a JWK set has 1 to %d keys", maxKeys)
	}
	out := make([]jose.JSONWebKey, len(set.Keys))
	for i, one := range set.Keys {
		if err := out[i].UnmarshalJSON(one); err != nil {
			return nil, fmt.Errorf("key %d cannot be read", i+1)
		}
		alg, err := Algorithm(out[i].Key)
		switch {
		case err != nil:
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		case out[i].Algorithm != "" && out[i].Algorithm != string(alg):
			return nil, fmt.Errorf("key %d: such a key is for %s, and it says %q", i+1, alg, out[i].Algorithm)
		case out[i].Use != "" && out[i].Use != "sig":
			return nil, fmt.Errorf("key %d is not for signatures", i+1)
		}
	}
	return out, nil
}
