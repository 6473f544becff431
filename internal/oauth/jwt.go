package oauth

import (
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/paraph/paraph/internal/access"
)

// tokenType is the typ header of an access token (RFC 9068 section 2.1), which
// keeps other JWTs of this server from being taken for one.
const tokenType = "at+jwt"

// claims are those of RFC 9068 section 2.2, and our own.
type claims struct {
	jwt.Claims
	ClientID  string   `json:"client_id"`
	Scope     string   `json:"scope"`
	Org       string   `json:"org"`
	Units     []string `json:"units,omitempty"` // absent: all
	Principal string   `json:"principal"`
}

// signer makes access tokens.
type signer struct {
	key Key
	pub *ecdsa.PublicKey
	jws jose.Signer
}

func newSigner(k Key) (*signer, error) {
	pub, err := publicOf(k.Signer)
	if err != nil {
		return nil, err
	}
	jws, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: cryptosigner.Opaque(k.Signer), KeyID: k.ID}},
		(&jose.SignerOptions{}).WithType(tokenType))
	if err != nil {
		return nil, fmt.Errorf("oauth: the signing key: %w", err)
	}
	return &signer{key: k, pub: pub, jws: jws}, nil
}

// set gives the public keys.
func (s *signer) set() jose.JSONWebKeySet {
	return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: s.pub, KeyID: s.key.ID, Algorithm: string(jose.ES256), Use: "sig"}}}
}

// issue makes an access token for a client.
func (s *signer) issue(issuer string, cl access.OAuthClient, scopes []access.Scope, now time.Time, life time.Duration) (string, error) {
	var jti [16]byte
	rand.Read(jti[:]) // never fails: crypto/rand ends the process instead
	now = now.Truncate(time.Second)
	return jwt.Signed(s.jws).Claims(claims{
		Claims: jwt.Claims{
			Issuer: issuer, Subject: cl.ID, Audience: jwt.Audience{issuer}, ID: base64.RawURLEncoding.EncodeToString(jti[:]),
			IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(life)),
		},
		ClientID: cl.ID, Scope: joinScopes(scopes), Org: cl.Org, Units: cl.Units, Principal: cl.Principal,
	}).Serialize()
}

func joinScopes(scopes []access.Scope) string {
	names := make([]string, len(scopes))
	for i, s := range scopes {
		names[i] = string(s)
	}
	return strings.Join(names, " ")
}

func scopeNames() []string {
	var out []string
	for s := range access.Scopes() {
		out = append(out, string(s))
	}
	slices.Sort(out)
	return out
}
