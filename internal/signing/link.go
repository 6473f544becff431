package signing

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"time"
)

// Link is the right of one recipient to open one envelope, as a token in a URL.
// Only the token's hash is kept.
type Link struct {
	TokenHash   []byte // SHA-256 of the token
	Org         string
	EnvelopeID  string
	RecipientID string
	// Channel says how the token reached the person: "email" or "api".
	Channel   string
	CreatedAt time.Time
	ExpiresAt time.Time
}

// NewToken makes a token of 256 random bits and the hash to keep of it.
func NewToken() (token string, hash []byte) {
	var raw [32]byte
	rand.Read(raw[:]) // never fails: crypto/rand ends the process instead
	token = base64.RawURLEncoding.EncodeToString(raw[:])
	return token, HashToken(token)
}

// HashToken gives the hash under which a token is looked up. The token has 256
// bits of chance, so a plain hash is enough and the look-up leaks nothing.
func HashToken(token string) []byte {
	h := sha256.Sum256([]byte(token))
	return h[:]
}
