package delegation

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"time"

	"github.com/paraph/paraph/internal/fault"
)

// CodeLife is how long an authorization code can be redeemed (RFC 6749 section
// 4.1.2 allows ten minutes; a browser needs a moment).
const CodeLife = time.Minute

// Code is an authorization code: it lets its client begin a delegation once.
type Code struct {
	Hash         []byte // SHA-256 of the code
	DelegationID string
	ClientID     string
	RedirectURI  string // that it was sent to
	Challenge    string // S256 (RFC 7636)
	JKT          string // DPoP key that it is bound to, "" for none (RFC 9449 section 10)
	Nonce        string // of OpenID Connect, "" for none
	CreatedAt    time.Time
	ExpiresAt    time.Time
	UsedAt       time.Time // zero: not yet
}

// Redemption is how a code was sent to the token endpoint.
type Redemption struct {
	ClientID    string
	RedirectURI string
	Verifier    string
	JKT         string // of the DPoP proof, "" without one
}

// Redeem decides on the redemption of a code that was not used yet. Fault Invalid
// "invalid_grant".
func (c *Code) Redeem(r Redemption, now time.Time) error {
	switch {
	case c.ClientID != r.ClientID:
		return badCode("It was made for another client.")
	case !now.Before(c.ExpiresAt):
		return badCode("It has run out.")
	case subtle.ConstantTimeCompare([]byte(c.RedirectURI), []byte(r.RedirectURI)) != 1:
		return badCode("redirect_uri is not the one it was sent to.")
	case c.JKT != "" && c.JKT != r.JKT:
		return badCode("It is bound to another DPoP key.")
	case !VerifierFits(r.Verifier, c.Challenge):
		return badCode("code_verifier does not fit the challenge.")
	}
	return nil
}

func badCode(why string) error {
	return fault.New(fault.Invalid, "invalid_grant", "The code is not valid. %s Let the person log in again.", why)
}

// UnknownCode is the answer where there is no such code.
func UnknownCode() error { return badCode("It is not known, or was used before.") }

// VerifierFits tells whether a code verifier belongs to an S256 challenge. Both
// have the form of RFC 7636 section 4.1 and 4.2.
func VerifierFits(verifier, challenge string) bool {
	if n := len(verifier); n < 43 || n > 128 || !unreserved(verifier) {
		return false
	}
	sum := sha256.Sum256([]byte(verifier))
	return subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(challenge)) == 1
}

// Challenge tells whether a text can be an S256 challenge.
func Challenge(s string) bool {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(raw) == sha256.Size
}

// unreserved tells whether all characters are those that RFC 3986 section 2.3 names.
func unreserved(s string) bool {
	for _, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '.', c == '_', c == '~':
		default:
			return false
		}
	}
	return true
}
