// Package delegation holds the rules by which a person lets a client act in their
// name: the delegation itself with the refresh tokens that follow one another
// (RFC 6749 section 6, RFC 9700 section 4.14), the authorization code that begins
// it (RFC 6749 section 4.1 with PKCE, RFC 7636), and the device code that waits for
// a person elsewhere (RFC 8628).
//
// Pure rules: no SQL, no HTTP, no clock. Faults carry the codes of OAuth.
package delegation

import (
	"time"

	"github.com/paraph/paraph/internal/fault"
)

// Prefix begins the id of a delegation.
const Prefix = "dlg"

// Grace is how long after a refresh the token before it may be sent once more, by
// parallel requests of one client or after an answer that was lost. It then gets
// the successor that there is already.
const Grace = 10 * time.Second

// Binding is the key by which a token's holder must prove that it is theirs: at
// most one is set. Its members are those of the claim cnf.
type Binding struct {
	JKT string `json:"jkt,omitempty"`      // thumbprint of a DPoP key (RFC 9449 section 6.1)
	X5T string `json:"x5t#S256,omitempty"` // SHA-256 of a certificate (RFC 8705 section 3.1)
}

// Delegation is what a person allowed a client, until it is revoked or runs out.
type Delegation struct {
	ID       string // dlg_…
	Org      string
	ClientID string
	UserID   string

	Scopes    []string // those of the API, and openid, profile, email
	Resources []string // what its tokens may be for, at least one
	// Bound binds the refresh tokens of a client that cannot prove itself.
	Bound Binding
	// LoginAt and Methods say when and how the person had logged in, Passkey by which
	// passkey; nil: by none.
	LoginAt time.Time
	Methods []string
	Passkey []byte

	// Key makes the refresh tokens, sealed; nil: it has none. Generation counts them,
	// and names the one in force since RotatedAt.
	Key        []byte
	Generation int64
	RotatedAt  time.Time

	CreatedAt time.Time
	ExpiresAt time.Time // at the latest
	IdleUntil time.Time // unless it is used before
	RevokedAt time.Time // zero: in force
	Reason    string    // why it was revoked
	Revision  int64
}

// The reasons for which a delegation ends.
const (
	ReasonReuse  = "refresh_token_reused" // the token of an earlier generation came back
	ReasonReplay = "code_replayed"        // its code came twice
	ReasonClient = "client"               // by its client
	ReasonPerson = "person"               // by the person, or in their name
	ReasonAdmin  = "administrator"
)

// Use is what is to be done with a refresh token.
type Use int

// The uses.
const (
	Rotate Use = iota // it is the one in force: a successor takes its place
	Repeat            // it was a moment ago: its successor is given once more
	Reuse             // it was long ago: somebody else has a copy
)

// Refresh tells what a refresh token of a generation means now. Fault Invalid
// "invalid_grant" where the delegation has ended.
func (d *Delegation) Refresh(generation int64, now time.Time) (Use, error) {
	switch {
	case !d.Active(now):
		return 0, ended()
	case generation == d.Generation:
		return Rotate, nil
	case generation == d.Generation-1 && now.Sub(d.RotatedAt) <= Grace:
		return Repeat, nil
	}
	// A generation that was never given out means that the database was put back.
	// Nobody knows then which copies are about.
	return Reuse, nil
}

// Active tells whether tokens may be made of the delegation.
func (d *Delegation) Active(now time.Time) bool {
	return d.RevokedAt.IsZero() && now.Before(d.ExpiresAt) && now.Before(d.IdleUntil)
}

// Rotated makes the successor's generation the one in force.
func (d *Delegation) Rotated(now time.Time, idle time.Duration) {
	d.Generation++
	d.RotatedAt, d.IdleUntil = now, now.Add(idle)
}

// Revoke ends the delegation; false where it has ended already.
func (d *Delegation) Revoke(reason string, now time.Time) bool {
	if !d.RevokedAt.IsZero() {
		return false
	}
	d.RevokedAt, d.Reason, d.Key = now, reason, nil
	return true
}

func ended() error {
	return fault.New(fault.Invalid, "invalid_grant", "The refresh token is not known, has run out or was revoked. Let the person log in again.")
}

// Invalid is the one answer to everything that is wrong with a refresh token.
func Invalid() error { return ended() }
