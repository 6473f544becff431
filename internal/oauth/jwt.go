package oauth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/delegation"
)

// tokenType is the typ header of an access token (RFC 9068 section 2.1), which
// keeps other JWTs of this server from being taken for one.
const tokenType = "at+jwt"

// claims are those of RFC 9068 section 2.2, and our own.
type claims struct {
	jwt.Claims
	ClientID   string              `json:"client_id"`
	Scope      string              `json:"scope"`
	Org        string              `json:"org"`
	Units      []string            `json:"units,omitempty"` // absent: all
	Principal  string              `json:"principal"`
	Delegation string              `json:"dlg,omitempty"` // the subject is a person, who allowed it by this
	AuthTime   *jwt.NumericDate    `json:"auth_time,omitempty"`
	Methods    []string            `json:"amr,omitempty"`
	Bound      *delegation.Binding `json:"cnf,omitempty"`
	Acts       *acting             `json:"act,omitempty"`
}

// acting is who acts for the subject (RFC 8693 section 4.1), and for whom that one
// did before.
type acting struct {
	Subject string  `json:"sub"`
	Before  *acting `json:"act,omitempty"`
}

// order is what an access token is made of.
type order struct {
	subject    string
	client     access.OAuthClient
	principal  string
	units      []string
	scopes     []string
	audience   string
	delegation *delegation.Delegation // nil: the client acts for itself
	bound      delegation.Binding
	acts       *acting
	until      time.Time // at the latest; zero: no such bound
}

// accessToken makes an access token, and says for how long it is good.
func (s *Server) accessToken(ctx context.Context, o order) (string, time.Duration, error) {
	key, err := s.Keys.signing(ctx)
	if err != nil {
		return "", 0, err
	}
	now := s.Clock.Now().Truncate(time.Second)
	end := now.Add(s.Lifetime)
	if !o.until.IsZero() && o.until.Before(end) {
		end = o.until
	}
	c := claims{
		Claims: jwt.Claims{
			Issuer: s.Issuer, Subject: o.subject, Audience: jwt.Audience{o.audience}, ID: newJTI(),
			IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(end),
		},
		ClientID: o.client.ID, Scope: strings.Join(o.scopes, " "), Org: o.client.Org, Units: o.units, Principal: o.principal, Acts: o.acts,
	}
	if o.bound != (delegation.Binding{}) {
		c.Bound = &o.bound
	}
	if d := o.delegation; d != nil {
		c.Delegation, c.AuthTime, c.Methods = d.ID, jwt.NewNumericDate(d.LoginAt), d.Methods
	}
	text, err := jwt.Signed(key.access).Claims(c).Serialize()
	return text, end.Sub(now), err
}

func newJTI() string {
	var jti [16]byte
	rand.Read(jti[:]) // never fails: crypto/rand ends the process instead
	return base64.RawURLEncoding.EncodeToString(jti[:])
}

// identityScopes are those of OpenID Connect. They say what a client learns of a
// person, and open no part of the API.
var identityScopes = []string{scopeOpenID, "profile", "email", "offline_access"}

const scopeOpenID = "openid"

// idClaims are those of OpenID Connect Core section 2.
type idClaims struct {
	jwt.Claims
	AuthTime *jwt.NumericDate `json:"auth_time"`
	Nonce    string           `json:"nonce,omitempty"`
	Methods  []string         `json:"amr,omitempty"`
	AtHash   string           `json:"at_hash,omitempty"`
	person
}

// person is what a client learns of a person, by the scopes it was given.
type person struct {
	Name  string `json:"name,omitempty"`
	Email string `json:"email,omitempty"`
}

func personOf(u access.User, scopes []string) (p person) {
	if slices.Contains(scopes, "profile") {
		p.Name = u.Name
	}
	if slices.Contains(scopes, "email") {
		p.Email = u.Principal
	}
	return p
}

// idToken tells the client who has logged in.
func (s *Server) idToken(ctx context.Context, u access.User, d *delegation.Delegation, nonce, accessToken string) (string, error) {
	key, err := s.Keys.signing(ctx)
	if err != nil {
		return "", err
	}
	now := s.Clock.Now().Truncate(time.Second)
	c := idClaims{
		Claims: jwt.Claims{Issuer: s.Issuer, Subject: u.ID, Audience: jwt.Audience{d.ClientID}, IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(s.Lifetime))},
		Nonce:  nonce, Methods: d.Methods, AuthTime: jwt.NewNumericDate(d.LoginAt), person: personOf(u, d.Scopes),
	}
	if key.Algorithm == ES256 { // for EdDSA no standard says by which hash
		sum := sha256.Sum256([]byte(accessToken))
		c.AtHash = base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
	}
	return jwt.Signed(key.id).Claims(c).Serialize()
}
