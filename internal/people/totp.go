package people

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// TOTP is a user's source of codes by time (RFC 6238), as authenticator apps are.
type TOTP struct {
	UserID    string
	Sealed    []byte // the secret, sealed
	CreatedAt time.Time
	// ConfirmedAt is when the first code of it was typed; zero: it counts for nothing yet.
	ConfirmedAt time.Time
	// LastStep is the newest step whose code was taken. Codes of it and before are not
	// taken again (RFC 6238 section 5.2).
	LastStep int64
	Revision int64
}

// The form of codes. All authenticator apps know it; many know no other.
const (
	totpPeriod = 30 * time.Second
	totpDigits = 6
	totpSecret = 20 // bytes, as long as the hash (RFC 4226 section 4)
	// totpDrift is how many steps a clock may be off either way.
	totpDrift = 1
)

var base32Text = base32.StdEncoding.WithPadding(base32.NoPadding)

// NewTOTPSecret draws a secret.
func NewTOTPSecret() []byte {
	secret := make([]byte, totpSecret)
	rand.Read(secret) // never fails: crypto/rand ends the process instead
	return secret
}

// TOTPText writes a secret as people type it.
func TOTPText(secret []byte) string { return base32Text.EncodeToString(secret) }

// TOTPAddress writes a secret as apps read it from a QR code (otpauth).
func TOTPAddress(secret []byte, issuer, user string) string {
	q := url.Values{"secret": {TOTPText(secret)}, "issuer": {issuer}, "algorithm": {"SHA1"}, "digits": {"6"}, "period": {"30"}}
	return "otpauth://totp/" + url.PathEscape(issuer+":"+user) + "?" + strings.ReplaceAll(q.Encode(), "+", "%20")
}

// code gives the code of a step (RFC 4226 section 5.3).
func code(secret []byte, step int64) string {
	mac := hmac.New(sha1.New, secret)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(step)))
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0xf
	n := binary.BigEndian.Uint32(sum[at:at+4]) & 0x7fffffff
	return fmt.Sprintf("%0*d", totpDigits, n%1_000_000)
}

// TOTPCode gives the code of a time.
func TOTPCode(secret []byte, now time.Time) string { return code(secret, stepOf(now)) }

func stepOf(now time.Time) int64 { return now.Unix() / int64(totpPeriod/time.Second) }

// Check tells whether a code is right now, and of which step it is: one newer than
// every step whose code was taken before.
func (t *TOTP) Check(secret []byte, typed string, now time.Time) (step int64, ok bool) {
	typed = strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, typed)
	for s := stepOf(now) - totpDrift; s <= stepOf(now)+totpDrift; s++ {
		if subtle.ConstantTimeCompare([]byte(code(secret, s)), []byte(typed)) == 1 && s > t.LastStep && !ok {
			step, ok = s, true
		}
	}
	return step, ok
}

// RecoveryCodes is how many codes a user gets at once.
const RecoveryCodes = 10

// RecoveryCode is what is kept of a code that gets a user in once.
type RecoveryCode struct {
	UserID    string
	Hash      []byte // SHA-256 of 80 random bits
	CreatedAt time.Time
	UsedAt    time.Time // zero: it was not used
}

// NewRecoveryCodes draws codes, as they are shown once. Each has 80 bits: nobody
// guesses one, so a plain hash keeps it.
func NewRecoveryCodes() []string {
	out := make([]string, RecoveryCodes)
	for i := range out {
		raw := make([]byte, 10)
		rand.Read(raw)
		text := strings.ToLower(base32Text.EncodeToString(raw))
		out[i] = text[:4] + "-" + text[4:8] + "-" + text[8:12] + "-" + text[12:]
	}
	return out
}

// RecoveryHash gives what is kept of a code, however it was typed. What cannot be
// one gives nil.
func RecoveryHash(typed string) []byte {
	plain := strings.Map(func(r rune) rune {
		if r == '-' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToLower(typed))
	if len(plain) != 16 {
		return nil
	}
	sum := sha256.Sum256([]byte("recovery code\x00" + plain))
	return sum[:]
}
