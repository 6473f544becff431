package delegation

import (
	"crypto/rand"
	"crypto/sha256"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/fault"
)

const (
	// DeviceLife is how long a device waits for somebody (RFC 8628 section 3.2).
	DeviceLife = 10 * time.Minute
	// DeviceInterval is how long a device waits between two questions, at first.
	DeviceInterval = 5 * time.Second
	// slowDown is what each question that comes too early adds (section 3.5).
	slowDown = 5 * time.Second
)

// DeviceState is how a person answered a device.
type DeviceState string

// The states of a device's request.
const (
	DeviceWaits   DeviceState = "waits"
	DeviceAllowed DeviceState = "allowed"
	DeviceDenied  DeviceState = "denied"
	DeviceUsed    DeviceState = "used"
)

// Device is a request of a device without a browser, which a person answers on
// another one.
type Device struct {
	Hash      []byte // SHA-256 of the device code
	UserHash  []byte // of the user code; see HashUserCode
	Org       string
	ClientID  string
	Scopes    []string
	Resources []string
	JKT       string // DPoP key that it is bound to, "" for none

	State        DeviceState
	DelegationID string // once allowed

	Interval  time.Duration
	PolledAt  time.Time // of the last question; zero: none yet
	CreatedAt time.Time
	ExpiresAt time.Time
	Revision  int64
}

// Poll decides on a question of the device, and notes it. nil: tokens may be made.
// Faults Invalid "authorization_pending", "slow_down", "expired_token",
// "access_denied", "invalid_grant".
func (d *Device) Poll(now time.Time) error {
	switch {
	case d.State == DeviceUsed:
		return fault.New(fault.Invalid, "invalid_grant", "The device code was used before. Begin anew.")
	case !now.Before(d.ExpiresAt):
		return fault.New(fault.Invalid, "expired_token", "Nobody answered in time. Begin anew.")
	case d.State == DeviceDenied:
		return fault.New(fault.Invalid, "access_denied", "The person said no.")
	}
	// A clock that was put back must not slow anybody down for longer than that.
	early := !d.PolledAt.IsZero() && now.Sub(d.PolledAt) < d.Interval && !now.Before(d.PolledAt)
	d.PolledAt = now
	switch {
	case early:
		d.Interval += slowDown
		return fault.New(fault.Invalid, "slow_down", "The device asks too often. It may ask once in %d seconds from now on.", int(d.Interval.Seconds()))
	case d.State == DeviceWaits:
		return fault.New(fault.Invalid, "authorization_pending", "Nobody has answered yet.")
	}
	d.State = DeviceUsed
	return nil
}

// Decide notes a person's answer. Fault Invalid "user_code_unknown" where the
// device does not wait any more.
func (d *Device) Decide(allow bool, now time.Time) error {
	if !d.Waits(now) {
		return UnknownUserCode()
	}
	if d.State = DeviceDenied; allow {
		d.State = DeviceAllowed
	}
	return nil
}

// Waits tells whether the device can still be answered.
func (d *Device) Waits(now time.Time) bool { return d.State == DeviceWaits && now.Before(d.ExpiresAt) }

// UnknownUserCode is the answer where no device waits under a code.
func UnknownUserCode() error {
	return fault.New(fault.Invalid, "user_code_unknown", "No device waits under this code. Look at the device again: codes run out after %d minutes.", int(DeviceLife.Minutes()))
}

// userAlphabet has no vowels, so that no words come about, and nothing that is
// mistaken for a digit (RFC 8628 section 6.1).
const userAlphabet = "BCDFGHJKLMNPQRSTVWXZ"

// userLength gives 20^8 codes, 34 bits. With five wrong ones a minute and ten
// minutes for each, nobody finds one of a thousand that wait (section 5.1).
const userLength = 8

// NewUserCode draws a user code, written as XXXX-XXXX.
func NewUserCode() string {
	var out []byte
	for len(out) < userLength+1 {
		var b [1]byte
		rand.Read(b[:]) // never fails: crypto/rand ends the process instead
		if int(b[0]) < 256/len(userAlphabet)*len(userAlphabet) {
			out = append(out, userAlphabet[int(b[0])%len(userAlphabet)])
		}
		if len(out) == userLength/2 {
			out = append(out, '-')
		}
	}
	return string(out)
}

// NormaliseUserCode brings what somebody typed to the form of NewUserCode, as far
// as it can be one.
func NormaliseUserCode(typed string) (string, bool) {
	var kept []byte
	for _, c := range []byte(strings.ToUpper(typed)) {
		if strings.IndexByte(userAlphabet, c) >= 0 {
			kept = append(kept, c)
		} else if strings.IndexByte(" -.\t", c) < 0 {
			return "", false
		}
	}
	if len(kept) != userLength {
		return "", false
	}
	return string(kept[:userLength/2]) + "-" + string(kept[userLength/2:]), true
}

// HashUserCode is what is kept of a user code in the form of NewUserCode.
func HashUserCode(code string) []byte {
	sum := sha256.Sum256([]byte("user code\x00" + code))
	return sum[:]
}
