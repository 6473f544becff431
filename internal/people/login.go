package people

import (
	"slices"
	"time"

	"github.com/paraph/paraph/internal/access"
)

// How long logins last.
const (
	// SessionLife is how long a login lasts at most, SessionIdle how long it does
	// when it is not used.
	SessionLife = 12 * time.Hour
	SessionIdle = 2 * time.Hour
	// FreshProof is how recent a login has to be to change what one logs in by.
	FreshProof = 10 * time.Minute
	// sessionTouch is how often it is noted that a login was used.
	sessionTouch = time.Minute
)

// Session is a login in one browser, of a user or by an access key.
type Session struct {
	Hash      []byte // SHA-256 of what the browser's cookie holds
	ID        string // ses_…: names it, and is no secret
	Org       string
	UserID    string   // usr_… or cli_…
	Methods   []string // by what the person logged in, as RFC 8176 names it
	Passkey   []byte   // id of the passkey that it was made by; nil: by none
	Address   string
	UserAgent string
	CreatedAt time.Time
	UsedAt    time.Time
	ExpiresAt time.Time
	IdleUntil time.Time
}

// SessionPrefix begins a session's id.
const SessionPrefix = "ses"

// Active tells whether the session lets its browser in.
func (s *Session) Active(now time.Time) bool {
	return now.Before(s.ExpiresAt) && now.Before(s.IdleUntil)
}

// Touch notes a use, where the last was not a moment ago; false where it was.
func (s *Session) Touch(now time.Time) bool {
	if now.Sub(s.UsedAt) < sessionTouch {
		return false
	}
	s.UsedAt, s.IdleUntil = now, now.Add(SessionIdle)
	return true
}

// Fresh tells whether the person has proved who they are recently enough to change
// proofs. A provider outside may let in whom it asked long ago: that counts only where
// it has asked anew, which the method "user" says.
func (s *Session) Fresh(now time.Time) bool {
	asked := !slices.Contains(s.Methods, "fed") || slices.Contains(s.Methods, "user")
	return asked && now.Sub(s.CreatedAt) <= FreshProof
}

// Passkey is what is kept of a passkey: its public half.
type Passkey struct {
	ID         []byte // of the credential, as the authenticator made it
	UserID     string
	Name       string // what the person calls it
	Credential []byte // JSON, of the library that checks assertions
	CreatedAt  time.Time
	UsedAt     time.Time
	Revision   int64
}

// MaxPasskeys is how many a user can have.
const MaxPasskeys = 20

// Purpose is what a link by e-mail is for.
type Purpose string

// The purposes.
const (
	// ToJoin lets a user set up the first proof, or new ones in place of lost ones.
	ToJoin Purpose = "join"
	// ToLogIn is the first half of a login; a code is the other.
	ToLogIn Purpose = "log_in"
)

// How long links by e-mail work, and how often.
const (
	JoinLife  = 72 * time.Hour
	LogInLife = 10 * time.Minute
	// LogInTries is how many wrong codes one link takes. Whoever guesses needs a new
	// link for more, so nobody can be locked out by guesses, and none gets far.
	LogInTries = 5
	// LogInPause is the time between two links to one address.
	LogInPause = time.Minute
)

// Invitation is a link by e-mail by which a user gets in.
type Invitation struct {
	ID      string // inv_…
	Org     string
	UserID  string
	Purpose Purpose
	Hash    []byte // SHA-256 of the link's secret; nil: no link was made yet
	// Browser is the SHA-256 of the name of the only browser in which the link works; nil: any.
	Browser   []byte
	Tries     int
	By        string // principal who invited
	CreatedAt time.Time
	ExpiresAt time.Time
	EndedAt   time.Time // when it was used or taken back; zero: it stands
	Revision  int64
}

// Open tells whether the link gets its user in now.
func (i *Invitation) Open(now time.Time) bool {
	return i.EndedAt.IsZero() && now.Before(i.ExpiresAt) && i.Tries < LogInTries
}

// Provider is somebody outside who knows people: an OpenID Connect provider.
type Provider struct {
	ID        string // idp_…
	Org       string
	Name      string // what its button says: "Log in with NAME"
	Settings  ProviderSettings
	Sealed    []byte // the client secret, sealed; nil: there is none
	CreatedAt time.Time
	UpdatedAt time.Time
	Revision  int64
}

// ProviderPrefix begins a provider's id.
const ProviderPrefix = "idp"

// ProviderSettings say how people log in by a provider.
type ProviderSettings struct {
	Issuer   string   `json:"issuer"`
	ClientID string   `json:"client_id"`
	Scopes   []string `json:"scopes,omitempty"` // beside openid, email and profile
	// Domains are those of e-mail addresses that the provider vouches for, in lower case.
	Domains []string `json:"domains"`
	// Create makes a user of whoever logs in and is not known.
	Create bool `json:"create,omitempty"`
	// Claim names the claim whose values Groups knows: each value, the id of a group.
	Claim  string            `json:"claim,omitempty"`
	Groups map[string]string `json:"groups,omitempty"`
	// Disabled: nobody logs in by it for now.
	Disabled bool `json:"disabled,omitempty"`
}

// Vouches tells whether the provider vouches for an address.
func (p *ProviderSettings) Vouches(domain string) bool { return slices.Contains(p.Domains, domain) }

// Memberships gives the groups that the values of the claim stand for, and those
// that other values do.
func (p *ProviderSettings) Memberships(values []string) (in, out []string) {
	for value, group := range p.Groups {
		if slices.Contains(values, value) {
			in = append(in, group)
		} else {
			out = append(out, group)
		}
	}
	slices.Sort(in)
	slices.Sort(out)
	return in, slices.DeleteFunc(out, func(g string) bool { return slices.Contains(in, g) })
}

// SessionOf gives the login as the authorization server sees it.
func (s *Session) SessionOf(u access.User) access.Session {
	return access.Session{ID: s.ID, User: u, At: s.CreatedAt, Methods: s.Methods, Passkey: s.Passkey}
}
