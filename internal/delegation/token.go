package delegation

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
)

// refreshPrefix begins refresh tokens, so that those who look for secrets in the
// wrong places know them.
const refreshPrefix = "prt_"

// maxRefresh is longer than any refresh token, in bytes.
const maxRefresh = 128

// RefreshToken makes the refresh token of a generation. It is derived from the
// delegation's key, so that all there ever were can be told from guesses, and the
// successor can be given twice, without any of them being kept.
func RefreshToken(id string, key [32]byte, generation int64) string {
	rest := strings.TrimPrefix(id, Prefix+"_")
	mac := refreshMAC(id, key, generation)
	return refreshPrefix + rest + "." + strconv.FormatInt(generation, 36) + "." + base64.RawURLEncoding.EncodeToString(mac)
}

func refreshMAC(id string, key [32]byte, generation int64) []byte {
	h := hmac.New(sha256.New, key[:])
	h.Write([]byte("refresh token\x00" + id + "\x00" + strconv.FormatInt(generation, 10)))
	return h.Sum(nil)
}

// Presented is a refresh token as it was sent. Nothing about it is proved yet.
type Presented struct {
	ID         string // of the delegation it names
	Generation int64
	mac        []byte
}

// ParseRefreshToken reads a refresh token; false where it cannot be one.
func ParseRefreshToken(text string) (p Presented, ok bool) {
	rest, ok := strings.CutPrefix(text, refreshPrefix)
	parts := strings.Split(rest, ".")
	if !ok || len(text) > maxRefresh || len(parts) != 3 || parts[0] == "" {
		return p, false
	}
	generation, err := strconv.ParseInt(parts[1], 36, 64)
	if err != nil || generation < 1 || strconv.FormatInt(generation, 36) != parts[1] {
		return p, false
	}
	mac, err := base64.RawURLEncoding.Strict().DecodeString(parts[2])
	if err != nil || len(mac) != sha256.Size {
		return p, false
	}
	return Presented{ID: Prefix + "_" + parts[0], Generation: generation, mac: mac}, true
}

// Made tells whether the key has made the token.
func (p *Presented) Made(key [32]byte) bool {
	return hmac.Equal(p.mac, refreshMAC(p.ID, key, p.Generation))
}
