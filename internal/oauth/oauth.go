// Package oauth is Paraph's authorization server, so far as clients of their own
// need it: the client credentials grant (RFC 6749 section 4.4), access tokens as
// JWTs of the profile RFC 9068 signed with ES256, the keys to check them with
// (RFC 7517), and the server's metadata (RFC 8414). The Verifier is the other
// side: what a resource of Paraph asks about a token it was sent.
//
// Errors here are JSON as RFC 6749 section 5.2 has them, not problems.
package oauth

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/clock"
)

// Clients knows the clients and their secrets. Implemented by internal/service.
type Clients interface {
	// Authenticate checks a client's secret. Fault Unauthorized "invalid_client".
	Authenticate(ctx context.Context, clientID, secret string) (access.OAuthClient, error)
	// ActiveClient gives a client that was not revoked. Fault Unauthorized "invalid_token".
	ActiveClient(ctx context.Context, clientID string) (access.OAuthClient, error)
}

// Config is what the server and the verifier are made of.
type Config struct {
	Clients Clients
	Key     Key
	// Issuer is the server's public address without a slash at the end; it is
	// also the resource that the tokens are for.
	Issuer   string
	Lifetime time.Duration // of an access token; 0: DefaultLifetime
	Clock    clock.Clock
	Log      *slog.Logger
	// SourceOf tells where a request came from, for the limit on wrong secrets;
	// nil: the socket's other end.
	SourceOf func(context.Context) access.Source
}

// DefaultLifetime is how long an access token is good.
const DefaultLifetime = 10 * time.Minute

// Server answers at the paths below; mount each of Patterns.
type Server struct {
	Config
	signer  *signer
	guesses *guesses
	mux     *http.ServeMux
}

// Paths of the server.
const (
	TokenPath    = "/oauth/token"
	KeysPath     = "/oauth/jwks"
	MetadataPath = "/.well-known/oauth-authorization-server"
)

// Patterns lists the patterns to mount a Server at.
func Patterns() []string { return []string{"/oauth/", MetadataPath} }

// New makes a Server. It fails where the key is not one for ES256.
func New(c Config) (*Server, error) {
	c = c.withDefaults()
	sign, err := newSigner(c.Key)
	if err != nil {
		return nil, err
	}
	s := &Server{Config: c, signer: sign, guesses: newGuesses(), mux: http.NewServeMux()}
	s.mux.HandleFunc("POST "+TokenPath, s.token)
	s.mux.HandleFunc("GET "+KeysPath, s.keys)
	s.mux.HandleFunc("GET "+MetadataPath, s.metadata)
	return s, nil
}

func (c Config) withDefaults() Config {
	c.Issuer = strings.TrimSuffix(c.Issuer, "/")
	if c.Lifetime <= 0 {
		c.Lifetime = DefaultLifetime
	}
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// keys answers with the public keys as a JWK set.
func (s *Server) keys(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "public, max-age=300")
	writeJSON(w, "application/jwk-set+json", http.StatusOK, s.signer.set())
}

// serverMetadata is RFC 8414 section 2.
type serverMetadata struct {
	Issuer           string   `json:"issuer"`
	TokenEndpoint    string   `json:"token_endpoint"`
	JWKSURI          string   `json:"jwks_uri"`
	Scopes           []string `json:"scopes_supported"`
	ResponseTypes    []string `json:"response_types_supported"`
	GrantTypes       []string `json:"grant_types_supported"`
	TokenAuthMethods []string `json:"token_endpoint_auth_methods_supported"`
	Documentation    string   `json:"service_documentation"`
}

func (s *Server) metadata(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "public, max-age=300")
	writeJSON(w, "application/json", http.StatusOK, serverMetadata{
		Issuer: s.Issuer, TokenEndpoint: s.Issuer + TokenPath, JWKSURI: s.Issuer + KeysPath, Scopes: scopeNames(),
		ResponseTypes: []string{}, GrantTypes: []string{"client_credentials"},
		TokenAuthMethods: []string{"client_secret_basic", "client_secret_post"}, Documentation: s.Issuer + "/docs",
	})
}
