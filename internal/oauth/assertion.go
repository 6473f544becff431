package oauth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/jwks"
)

const (
	maxAssertion  = 8 << 10   // bytes
	assertionLife = time.Hour // longest that an assertion may be good; what widely used libraries make
	maxJTI        = 256       // bytes of a jti that somebody else has made
)

// assertionTypes are the typ headers that an assertion may have: that of
// draft-ietf-oauth-rfc7523bis, and those in use before.
var assertionTypes = []string{"client-authentication+jwt", "JWT", ""}

// claimedSubject reads whom an assertion is about without believing it, so that
// the keys to check it by can be found.
func claimedSubject(assertion string) string {
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 || len(assertion) > maxAssertion {
		return ""
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	var c struct {
		Subject string `json:"sub"`
	}
	if err != nil || json.Unmarshal(raw, &c) != nil {
		return ""
	}
	return c.Subject
}

// checkAssertion decides whether a JWT proves the client (RFC 7523 section 3). Its
// one audience is the issuer: an assertion that another server was sent, or asked
// for, says another.
func (s *Server) checkAssertion(ctx context.Context, cl access.OAuthClient, assertion string) error {
	c, err := readAssertion(cl.Profile.Keys, assertion)
	if err != nil {
		return notProved(err.Error())
	}
	now := s.Clock.Now()
	switch {
	case c.Issuer != cl.ID || c.Subject != cl.ID:
		err = errToken("its assertion is about somebody else")
	case len(c.Audience) != 1 || c.Audience[0] != s.Issuer:
		err = errToken("its assertion's audience is not " + s.Issuer + " alone")
	case c.Expiry == nil || now.After(c.Expiry.Time().Add(leeway)):
		err = errToken("its assertion has run out")
	case c.Expiry.Time().After(now.Add(assertionLife + leeway)):
		err = errToken("its assertion is good for too long")
	case c.NotBefore != nil && c.NotBefore.Time().After(now.Add(leeway)), c.IssuedAt != nil && c.IssuedAt.Time().After(now.Add(leeway)):
		err = errToken("its assertion is from the future")
	case c.ID == "" || len(c.ID) > maxJTI:
		err = errToken("its assertion has no jti, or a very long one")
	}
	if err != nil {
		return notProved(err.Error())
	}
	err = s.Service.UseAssertion(ctx, cl.ID, c.ID, c.Expiry.Time().Add(2*leeway))
	if fault.CodeOf(err) == "exists" {
		return notProved("its assertion was used before")
	}
	return err
}

// readAssertion checks the signature by one of the keys.
func readAssertion(keys []byte, assertion string) (c jwt.Claims, err error) {
	if len(assertion) > maxAssertion {
		return c, errToken("its assertion is too long")
	}
	parsed, err := jwt.ParseSigned(assertion, jwks.Algorithms())
	if err != nil || len(parsed.Headers) != 1 {
		return c, errToken("its assertion is no JWT that is taken")
	}
	head := parsed.Headers[0]
	if !typed(head, assertionTypes...) {
		return c, errToken("its assertion is a JWT of another kind")
	}
	known, err := jwks.Parse(keys)
	if err != nil {
		return c, err
	}
	for _, k := range known {
		alg, err := jwks.Algorithm(k.Key)
		if err != nil || string(alg) != head.Algorithm || head.KeyID != "" && k.KeyID != "" && k.KeyID != head.KeyID {
			continue
		}
		if parsed.Claims(k.Key, &c) == nil {
			return c, nil
		}
	}
	return jwt.Claims{}, errToken("its assertion is signed by none of its keys")
}

// typed tells whether a header has one of the types and nothing that it must
// understand. Types are compared without regard to case, and application/ may
// stand before them (RFC 7515 section 4.1.9).
func typed(head jose.Header, types ...string) bool {
	if _, critical := head.ExtraHeaders["crit"]; critical {
		return false
	}
	typ, _ := head.ExtraHeaders[jose.HeaderType].(string)
	typ = strings.ToLower(typ)
	for _, t := range types {
		if t = strings.ToLower(t); typ == t || t != "" && typ == "application/"+t {
			return true
		}
	}
	return false
}
