package server

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/paraph/paraph/internal/httpapi"
	"github.com/paraph/paraph/internal/login"
	"github.com/paraph/paraph/internal/oauth"
	"github.com/paraph/paraph/internal/safehttp"
	"github.com/paraph/paraph/internal/service"
)

// authority is the authorization server with what stands around it.
type authority struct {
	server   *oauth.Server
	login    *login.Login
	verifier *oauth.Verifier
	limiter  *httpapi.Limiter
}

// buildOAuth makes the authorization server, the login and the verifier of tokens.
func (s *Server) buildOAuth(ctx context.Context, proxies []netip.Prefix) (a authority, err error) {
	// Versions before kept one key in a file. An installation begins with it, so that
	// the tokens of those go on working.
	first, err := oauth.LoadKey(filepath.Join(keyDir(s.Config), "token.key.pem"))
	if err != nil {
		return a, err
	}
	s.tokenKeys = oauth.NewKeyring(oauth.KeyringConfig{Store: s.Service, Sealer: s.Keys.Box, Clock: s.clock, Log: s.log, First: first})
	if err := s.tokenKeys.Keep(ctx); err != nil {
		return a, fmt.Errorf("the keys that sign tokens: %w", err)
	}
	roots, err := certificates(s.Config.ClientRoots)
	if err != nil {
		return a, err
	}
	reach, err := s.outboundOptions()
	if err != nil {
		return a, err
	}
	reach.PlainHTTP = true // of providers on this machine alone: login demands https of all others
	a.login, err = login.New(login.Config{Service: s.Service, Sealer: s.Keys.Box, Issuer: s.URL(), Mails: s.Config.SMTPHost != "", NoKeys: !s.Config.KeyLogins, Outbound: safehttp.New(reach), Clock: s.clock, Log: s.log, SourceOf: httpapi.SourceOf})
	if err != nil {
		return a, err
	}
	if a.limiter, err = limiter(s.Config); err != nil {
		return a, err
	}
	c := oauth.Config{
		Limiter: a.limiter,
		Service: s.Service, Login: a.login, Users: s.Service, Keys: s.tokenKeys, Sealer: s.Keys.Box, Replays: s.Store, Issuer: s.URL(), MTLSURL: s.Config.MTLSURL,
		Lifetime: s.Config.TokenLifetime, BoundTokens: s.Config.BoundTokens, Roots: roots, Certificates: oauth.ForwardedCertificates(s.Config.ClientCertificateHeader, proxies),
		Clock: s.clock, Log: s.log, SourceOf: httpapi.SourceOf,
	}
	c.Wake, s.unwake = s.Store.Subscribe(service.TopicRevoked)
	a.verifier = oauth.NewVerifier(c)
	a.server, err = oauth.New(c)
	return a, err
}

// certificates reads a file of root certificates; nil for none.
func certificates(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("the authorities of clients' certificates: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("the authorities of clients' certificates: %s holds no certificate", file)
	}
	return pool, nil
}

// keepTokenKeys replaces the keys that sign tokens when their time has come.
func (s *Server) keepTokenKeys(ctx context.Context) error {
	wake, cancel := s.Store.Subscribe(service.TopicRevoked)
	defer cancel()
	return s.tokenKeys.Run(ctx, wake)
}
