package access

import (
	"encoding/json"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/fault"
)

// OAuthClient is a program, or a person's program, that may ask for tokens.
type OAuthClient struct {
	ID         string // cli_…
	Org        string
	Name       string
	Principal  string // whom it speaks for
	Scopes     []Scope
	Roles      []Role   // whose scopes it has too
	Units      []string // nil: all
	SecretHash []byte   // SHA-256 of 256 random bits; nil where it proves itself otherwise
	CreatedAt  time.Time
	RevokedAt  time.Time // zero: in force
	Profile    Profile
	Revision   int64
	// OldHash is that of the secret before, which works until OldUntil.
	OldHash  []byte
	OldUntil time.Time
	// Closed: its organisation is closed, and nobody of it gets in.
	Closed bool
}

// Stands tells whether the client may get in at all.
func (c *OAuthClient) Stands() bool { return c.RevokedAt.IsZero() && !c.Closed }

// Organisation is a tenant.
type Organisation struct {
	ID        string
	Name      string
	CreatedAt time.Time
	ClosedAt  time.Time // zero: its clients and people get in
	Revision  int64
}

// AuthMethod is how a client proves who it is at the token endpoint, by the names
// of RFC 7591 section 2 and RFC 8705 section 2.
type AuthMethod string

// The ways in which a client proves itself.
const (
	AuthSecret     AuthMethod = ""                            // its secret, in the header or the form
	AuthKey        AuthMethod = "private_key_jwt"             // a JWT signed by a key of its own (RFC 7523)
	AuthPKI        AuthMethod = "tls_client_auth"             // a certificate of an authority that the settings name
	AuthSelfSigned AuthMethod = "self_signed_tls_client_auth" // a certificate that was registered
	AuthNone       AuthMethod = "none"                        // not at all: everybody has a copy of it
)

// GrantType is a way to get tokens, by its name in OAuth.
type GrantType string

// The grant types.
const (
	GrantClient   GrantType = "client_credentials"
	GrantCode     GrantType = "authorization_code"
	GrantRefresh  GrantType = "refresh_token"
	GrantDevice   GrantType = "urn:ietf:params:oauth:grant-type:device_code"
	GrantExchange GrantType = "urn:ietf:params:oauth:grant-type:token-exchange"
)

// Profile says how a client proves itself and what it may ask for. The zero value
// is a client with a secret that gets tokens for itself.
type Profile struct {
	Auth         AuthMethod  `json:"auth,omitempty"`
	Grants       []GrantType `json:"grants,omitempty"`    // nil: client_credentials
	RedirectURIs []string    `json:"redirects,omitempty"` // compared as text
	// Keys is a JWK set (RFC 7517): keys that sign its assertions, or hold its
	// self-signed certificates in x5c.
	Keys json.RawMessage `json:"keys,omitempty"`
	// Subject is whom a certificate of AuthPKI must name.
	Subject CertificateSubject `json:"subject,omitzero"`
	// DPoP and Certificate: it gets only tokens that are bound to its DPoP key, or to
	// its certificate.
	DPoP        bool `json:"dpop,omitempty"`
	Certificate bool `json:"certificate,omitempty"`
	// Pushed: it may begin a login only by a request that it pushed (RFC 9126).
	Pushed bool `json:"pushed,omitempty"`
	// Resources are further resources that it may ask tokens for (RFC 8707), beside
	// this server. Serves are those that it is itself: it may ask what tokens for
	// them say, and exchange them.
	Resources []string `json:"resources,omitempty"`
	Serves    []string `json:"serves,omitempty"`
	// Limits are the client's own, over those of the installation.
	Limits RequestLimits `json:"limits,omitempty"`
}

// CertificateSubject names whom a certificate is for, by exactly one of its members
// (RFC 8705 section 2.1.2).
type CertificateSubject struct {
	DN    string `json:"dn,omitempty"` // RFC 4514, as Go's pkix.Name writes it
	DNS   string `json:"dns,omitempty"`
	URI   string `json:"uri,omitempty"`
	IP    string `json:"ip,omitempty"`
	Email string `json:"email,omitempty"`
}

func (s *CertificateSubject) count() (n int) {
	for _, v := range []string{s.DN, s.DNS, s.URI, s.IP, s.Email} {
		if v != "" {
			n++
		}
	}
	return n
}

// Public tells whether everybody has a copy of the client, so that it cannot prove itself.
func (p *Profile) Public() bool { return p.Auth == AuthNone }

// May tells whether the client may use a grant type.
func (p *Profile) May(g GrantType) bool {
	return slices.Contains(p.Grants, g) || len(p.Grants) == 0 && g == GrantClient
}

// Redirects tells whether a redirect URI is one of the client's, compared as text.
// The port of a loopback address is free, since an installed program takes the one
// it gets (RFC 8252 section 7.3).
func (p *Profile) Redirects(uri string) bool {
	if slices.Contains(p.RedirectURIs, uri) {
		return true
	}
	asked, ok := withoutPort(uri)
	return ok && slices.ContainsFunc(p.RedirectURIs, func(own string) bool {
		same, ok := withoutPort(own)
		return ok && same == asked
	})
}

// withoutPort cuts the port out of a URI of the machine itself; false for any other.
func withoutPort(uri string) (string, bool) {
	u, err := url.Parse(uri)
	if err != nil || !loopback(u) {
		return "", false
	}
	return strings.Replace(uri, u.Host, strings.TrimSuffix(u.Host, ":"+u.Port()), 1), true
}

// loopback tells whether a URI is http on the machine itself.
func loopback(u *url.URL) bool {
	addr, err := netip.ParseAddr(u.Hostname())
	return u.Scheme == "http" && (u.Hostname() == "localhost" || err == nil && addr.IsLoopback())
}

// Check notes everything wrong with the profile, with pointers by the names of
// RFC 7591. Keys are for the caller to check, who can read them.
func (p *Profile) Check(l *fault.List) {
	switch p.Auth {
	case AuthSecret, AuthKey, AuthPKI, AuthSelfSigned, AuthNone:
	default:
		l.Add("/token_endpoint_auth_method", "unknown_method", "There is no method %q.", p.Auth)
	}
	if (len(p.Keys) > 0) != (p.Auth == AuthKey || p.Auth == AuthSelfSigned) {
		l.Add("/jwks", "keys_and_method", "Keys go with private_key_jwt and self_signed_tls_client_auth, and only with them.")
	}
	if n := p.Subject.count(); p.Auth == AuthPKI && n != 1 || p.Auth != AuthPKI && n != 0 {
		l.Add("/token_endpoint_auth_method", "one_subject", "With tls_client_auth, and only with it, name the certificate's subject by exactly one member.")
	}
	p.checkGrants(l)
	p.checkRedirects(l)
	p.Limits.check(l)
	for pointer, list := range map[string][]string{"/resources": p.Resources, "/serves": p.Serves} {
		for _, r := range list {
			if u, err := url.Parse(r); err != nil || !u.IsAbs() || strings.Contains(r, "#") || len(r) > maxURI {
				l.Add(pointer, "bad_resource", "%q is not an absolute URI without a fragment.", r)
			}
		}
		if len(list) > maxURIs {
			l.Add(pointer, "too_many", "There can be %d at most.", maxURIs)
		}
	}
}

// Bounds of a profile's lists.
const (
	maxURIs = 50
	maxURI  = 2000 // bytes
)

func (p *Profile) checkGrants(l *fault.List) {
	known := []GrantType{GrantClient, GrantCode, GrantRefresh, GrantDevice, GrantExchange}
	for _, g := range p.Grants {
		if !slices.Contains(known, g) {
			l.Add("/grant_types", "unknown_grant_type", "There is no grant type %q.", g)
		}
	}
	if p.Public() && (p.May(GrantClient) || p.May(GrantExchange)) {
		l.Add("/grant_types", "needs_a_credential", "A client that cannot prove itself gets tokens for people only: authorization_code, refresh_token or device_code.")
	}
	if p.May(GrantRefresh) && !p.May(GrantCode) && !p.May(GrantDevice) {
		l.Add("/grant_types", "nothing_to_refresh", "refresh_token goes with authorization_code or device_code.")
	}
	if p.Pushed && !p.May(GrantCode) {
		l.Add("/require_pushed_authorization_requests", "no_logins", "Only authorization_code has authorization requests.")
	}
}

func (p *Profile) checkRedirects(l *fault.List) {
	if p.May(GrantCode) != (len(p.RedirectURIs) > 0) {
		l.Add("/redirect_uris", "redirects_and_grant", "Redirect URIs go with authorization_code, and it needs one.")
	}
	if len(p.RedirectURIs) > maxURIs {
		l.Add("/redirect_uris", "too_many", "There can be %d at most.", maxURIs)
	}
	for _, uri := range p.RedirectURIs {
		if why := badRedirect(uri, p.Public()); why != "" {
			l.Add("/redirect_uris", "bad_redirect_uri", "%q %s.", uri, why)
		}
	}
}

// badRedirect tells why a redirect URI is refused, "" where it is not. Installed
// programs may use a scheme of their own, which has a dot (RFC 8252 section 7.1).
func badRedirect(uri string, public bool) string {
	u, err := url.Parse(uri)
	switch {
	case err != nil || len(uri) > maxURI || strings.ContainsFunc(uri, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "cannot be read as a URI of ASCII characters"
	case strings.Contains(uri, "#"):
		return "has a fragment"
	case u.User != nil:
		return "holds a user name"
	case u.Scheme == "https" && u.Hostname() != "", loopback(u):
		return ""
	case public && strings.Contains(u.Scheme, "."):
		return ""
	}
	return "is neither https, nor http on the machine itself, nor a scheme of a program of its own such as com.example.app:/done"
}

// User is a person who can log in.
type User struct {
	ID        string // usr_…
	Org       string
	Name      string
	Principal string   // e-mail address, by which tasks and envelopes know the person
	Scopes    []Scope  // what the person may do at most, through whatever client
	Units     []string // nil: all
	Roles     []Role   // of the person, own and by groups
}

// Session is a person's login in one browser.
type Session struct {
	ID      string // names the login, and is no secret
	User    User
	At      time.Time // when the person proved who they are
	Methods []string  // by what, as RFC 8176 names it: pwd, otp, hwk
	Passkey []byte    // id of the passkey that it was made by; nil: by none
}
