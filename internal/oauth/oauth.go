// Package oauth is Paraph's authorization server and, as the Verifier, what a
// resource of Paraph asks about a request that comes with a token.
//
// Clients get tokens for themselves (client credentials), in a person's name (the
// authorization code with PKCE, the device code, refresh tokens), or in the name
// of whoever's token they were sent (token exchange). Access tokens are JWTs of
// the profile RFC 9068, live for minutes, and may be bound to a key of the
// client's (DPoP, RFC 9449) or to its certificate (RFC 8705). What it does follows
// RFC 9700; docs/security/oauth.csv names the test for each of its demands.
//
// Errors here are JSON as RFC 6749 section 5.2 has them, or pages for people; not
// problems.
package oauth

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/delegation"
	"github.com/paraph/paraph/internal/entrance"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/webform"
)

// Service is what the server needs of internal/service; the faults are those
// documented there.
type Service interface {
	// Authenticate checks a client's secret. Fault Unauthorized "invalid_client".
	Authenticate(ctx context.Context, clientID, secret string) (access.OAuthClient, error)
	// ActiveClient gives a client that was not revoked. Fault Unauthorized "invalid_token".
	ActiveClient(ctx context.Context, clientID string) (access.OAuthClient, error)
	UseAssertion(ctx context.Context, clientID, jti string, until time.Time) error

	IssueCode(ctx context.Context, call service.Call, in service.NewDelegation, bound service.NewCode) (string, error)
	RedeemCode(ctx context.Context, call service.Call, code string, r delegation.Redemption, refresh bool, bound delegation.Binding) (service.Granted, error)
	Refresh(ctx context.Context, call service.Call, token, clientID string, proved delegation.Binding) (service.Granted, error)
	RefreshToken(ctx context.Context, token, clientID string) (delegation.Delegation, error)
	Delegated(ctx context.Context, u access.User, clientID string, scopes, resources []string) (bool, error)

	StartDevice(ctx context.Context, call service.Call, in service.NewDevice) (service.Started, error)
	WaitingDevice(ctx context.Context, org, userCode string) (delegation.Device, error)
	AnswerDevice(ctx context.Context, call service.Call, userHash []byte, allow bool, session access.Session) error
	PollDevice(ctx context.Context, call service.Call, code string, proved delegation.Binding, refresh bool, bound delegation.Binding) (service.Granted, error)

	PushRequest(ctx context.Context, call service.Call, form string, life time.Duration) (string, error)
	PushedRequest(ctx context.Context, text, clientID string) (service.PushedRequest, error)

	RevokeRefreshToken(ctx context.Context, call service.Call, token, clientID string) error
	RevokeAccessToken(ctx context.Context, call service.Call, jti string, until time.Time) error
	Revocations(ctx context.Context) ([]string, error)
	RulesOnDevices(ctx context.Context, org string) ([]access.DeviceRule, error)
	HoldDevices(ctx context.Context, a access.Actor, rules []access.DeviceRule) ([]access.Device, error)
	NoteExchange(ctx context.Context, call service.Call, subject, from, resource string) error
	// NoteFailedLogin notes wrong credentials, for the log.
	NoteFailedLogin(way, clientID, address string)
}

// Login tells who is logged in in a browser. Implemented by the room that logs
// people in.
type Login interface {
	// Session gives the login of the request's browser; false where nobody is logged in.
	Session(r *http.Request) (access.Session, bool, error)
	// URL is the path to which a browser is sent to log in. From there it is to come
	// back to next, a path of this server with its query. With fresh, somebody who is
	// logged in has to do it again.
	URL(next string, fresh bool) string
}

// Users knows people. Implemented by internal/service.
type Users interface {
	// ActiveUser gives a person who may log in. Fault Unauthorized "invalid_token"
	// for one who may not, or not any more.
	ActiveUser(ctx context.Context, id string) (access.User, error)
}

// Sealer encrypts what is handed out to be sent back: nonces, and forms that wait
// for an answer. All processes must have the same keys. Implemented by blob/crypt.
type Sealer interface {
	Seal(plaintext, context []byte) ([]byte, error)
	Open(sealed, context []byte) ([]byte, error)
	// Prefix is how every value begins that is sealed now.
	Prefix() []byte
}

// Replays remembers what was used, for all processes. Implemented by internal/store.
type Replays interface {
	// Once tells whether nobody has asked for the hash before; it is remembered until then.
	Once(ctx context.Context, hash [32]byte, until time.Time) (first bool, err error)
	// OnceSince is since when everything is remembered; zero: always.
	OnceSince() time.Time
}

// Limiter counts the requests of clients that have proved themselves. Implemented by
// internal/httpapi.
type Limiter interface {
	// Enter takes a place for a request; leave gives it back. Fault TooMany.
	Enter(h http.Header, client string, own access.RequestLimits, class access.Class, now time.Time) (leave func(), err error)
}

// Config is what the server and the verifier are made of. Service, Keys, Sealer,
// Replays and Issuer are needed.
type Config struct {
	Service Service
	// Login and Users know people; nil: nobody can log in here, and clients get
	// tokens for themselves only.
	Login   Login
	Users   Users
	Keys    *Keyring
	Sealer  Sealer
	Replays Replays
	// Issuer is the server's public address without a slash at the end; it is also
	// the resource that the tokens are for. MTLSURL is another address of the same
	// server, at which clients show their certificates; "": there is none.
	Issuer, MTLSURL string
	Lifetime        time.Duration // of an access token; 0: DefaultLifetime
	Limiter         Limiter       // nil: none
	// BoundTokens gives out only access tokens that are bound to a client's DPoP key or
	// certificate.
	BoundTokens bool
	// FreeProofs takes DPoP proofs without a nonce of this server.
	FreeProofs bool
	// Certificates gives the certificates that a request's sender has proved to hold,
	// its own first; none where there is none. nil: those of the TLS connection.
	Certificates func(*http.Request) ([]*x509.Certificate, error)
	// Roots are the authorities of clients' certificates; nil: none are known.
	Roots *x509.CertPool
	// Wake says that somebody lost their access: what is remembered is then
	// forgotten. nil: nobody says so.
	Wake  <-chan struct{}
	Clock clock.Clock
	Log   *slog.Logger
	// SourceOf tells where a request came from; nil: the socket's other end.
	SourceOf func(context.Context) access.Source
}

// DefaultLifetime is how long an access token is good.
const DefaultLifetime = 10 * time.Minute

// Server answers at the paths below; mount each of Patterns.
type Server struct {
	Config
	verifier *Verifier // reads this server's own tokens
	prover   *prover
	guesses  *webform.Guesses // of codes that people type
	wrong    *webform.Guesses // of clients' credentials
	begun    *webform.Guesses // what clients without credentials begin
	mux      entrance.Mux
}

// Paths of the server.
const (
	AuthorizePath  = "/oauth/authorize"
	DevicePath     = "/oauth/device"
	TokenPath      = "/oauth/token"
	StartPath      = "/oauth/device_authorization"
	PushPath       = "/oauth/par"
	RevokePath     = "/oauth/revoke"
	IntrospectPath = "/oauth/introspect"
	UserInfoPath   = "/oauth/userinfo"
	KeysPath       = "/oauth/jwks"
	MetadataPath   = "/.well-known/oauth-authorization-server"
	OpenIDPath     = "/.well-known/openid-configuration"
)

// How often something wrong is told to be wrong, or something is begun: a handful at
// once, then one in every interval.
const (
	guessBurst    = 10 // credentials of clients, by address
	guessInterval = 6 * time.Second
	codeBurst     = 5 // codes that people type, by person
	codeInterval  = 12 * time.Second
	// What clients that cannot prove themselves may begin, by address: anybody can be
	// such a client, and each beginning is kept for a while.
	beginBurst    = 60
	beginInterval = time.Second
)

// MachinePaths are those to which programs post, and prove themselves: what they send
// counts for the client, and what is wrong for the address.
func MachinePaths() []string {
	return []string{TokenPath, StartPath, PushPath, RevokePath, IntrospectPath}
}

// Patterns lists the patterns to mount a Server at.
func Patterns() []string { return []string{"/oauth/", MetadataPath, OpenIDPath} }

// New makes a Server.
func New(c Config) (*Server, error) {
	c = c.withDefaults()
	c.Wake = nil // the verifier of the API hears of it; a token that is exchanged is looked up each time
	s := &Server{Config: c, guesses: webform.NewGuesses(codeBurst, codeInterval), wrong: webform.NewGuesses(guessBurst, guessInterval), begun: webform.NewGuesses(beginBurst, beginInterval)}
	s.verifier = NewVerifier(c)
	s.verifier.memory = 0
	s.prover = s.verifier.prover
	clients, anybody := s.mux.To(entrance.Client, entrance.Guesses), s.mux.To(entrance.Nothing, entrance.PerAddress)
	clients.HandleFunc("POST "+TokenPath, s.endpoint(s.token))
	clients.HandleFunc("POST "+RevokePath, s.endpoint(s.revoke))
	clients.HandleFunc("POST "+IntrospectPath, s.endpoint(s.introspect))
	anybody.HandleFunc("GET "+KeysPath, s.keys)
	anybody.HandleFunc("GET "+MetadataPath, s.metadata)
	if !s.people() {
		return s, nil
	}
	begin, tokens, people := s.mux.To(entrance.Client, entrance.Begun), s.mux.To(entrance.Token, entrance.PerAddress), s.mux.To(entrance.Login, entrance.Guesses)
	begin.HandleFunc("POST "+PushPath, s.endpoint(s.push))
	begin.HandleFunc("POST "+StartPath, s.endpoint(s.startDevice))
	anybody.HandleFunc("GET "+OpenIDPath, s.metadata)
	tokens.HandleFunc("GET "+UserInfoPath, s.userInfo)
	tokens.HandleFunc("POST "+UserInfoPath, s.userInfo)
	people.HandleFunc("GET "+AuthorizePath, s.page(s.authorize))
	people.HandleFunc("POST "+AuthorizePath, s.page(s.answerRequest))
	people.HandleFunc("GET "+DevicePath, s.page(s.device))
	people.HandleFunc("POST "+DevicePath, s.page(s.answerDevice))
	anybody.HandleFunc("GET "+webform.MarkPath, webform.Icon)
	return s, nil
}

// people tells whether people can log in here.
func (c *Config) people() bool { return c.Login != nil && c.Users != nil }

func (c Config) withDefaults() Config {
	c.Issuer, c.MTLSURL = strings.TrimSuffix(c.Issuer, "/"), strings.TrimSuffix(c.MTLSURL, "/")
	if c.Lifetime <= 0 {
		c.Lifetime = DefaultLifetime
	}
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Certificates == nil {
		c.Certificates = connectionCertificates
	}
	if c.SourceOf == nil {
		c.SourceOf = func(context.Context) access.Source { return access.Source{} }
	}
	return c
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Entrances implements entrance.Room.
func (s *Server) Entrances() []entrance.Entrance { return s.mux.Entrances() }

// keys answers with the public keys as a JWK set.
func (s *Server) keys(w http.ResponseWriter, r *http.Request) {
	set, err := s.Keys.Published(r.Context())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=300")
	writeJSON(w, "application/jwk-set+json", http.StatusOK, set)
}

// clientCall is a command of a client about itself.
func (s *Server) clientCall(r *http.Request, cl access.OAuthClient) service.Call {
	return service.Call{Actor: access.Actor{Kind: access.Client, Org: cl.Org, ID: cl.ID, Client: cl.ID, Principal: cl.Principal, Source: s.SourceOf(r.Context())}}
}

// personCall is a command of a person in a browser.
func (s *Server) personCall(r *http.Request, u access.User) service.Call {
	return service.Call{Actor: access.Actor{Kind: access.Human, Org: u.Org, ID: u.ID, Principal: u.Principal, Source: s.SourceOf(r.Context())}}
}
