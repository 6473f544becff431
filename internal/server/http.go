package server

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/entrance"
	"github.com/paraph/paraph/internal/httpapi"
	"github.com/paraph/paraph/internal/mail"
	"github.com/paraph/paraph/internal/oauth"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/signpage"
	"github.com/paraph/paraph/internal/webui"
	"github.com/paraph/paraph/internal/work"
)

// readHeader bounds how long a connection may take to say what it wants.
const readHeader = 10 * time.Second

// buildHTTP puts the edges behind one reception: the API, the authorization
// server, the signing page, health and metrics.
func (s *Server) buildHTTP(ctx context.Context) error {
	if s.admin != nil {
		s.health(s.admin.mux, s.Config.Metrics)
	}
	if !s.Config.Has(config.RoleAPI) {
		return nil
	}
	proxies, err := s.Config.Proxies()
	if err != nil {
		return err
	}
	tokens, err := s.buildOAuth(ctx, proxies)
	if err != nil {
		return err
	}
	pages := s.signpage()
	mounts := []httpapi.Mount{{Pattern: signpage.Prefix, Room: pages}, {Pattern: "GET " + signpage.VerifyPath, Room: pages}}
	console := webui.New(webui.Config{Service: s.Service, SourceOf: sourceOf, Now: s.clock.Now, Secure: strings.HasPrefix(s.URL(), "https:"), Log: s.log})
	mounts = append(mounts, httpapi.Mount{Pattern: webui.Prefix, Room: console}, httpapi.Mount{Pattern: webui.Prefix + "/", Room: console})
	for _, pattern := range oauth.Patterns() {
		mounts = append(mounts, httpapi.Mount{Pattern: pattern, Room: tokens.server})
	}
	mounts = append(mounts, httpapi.Mount{Pattern: service.SetupPath, Room: oauth.NewSetupPage(s.Service, s.log, httpapi.SourceOf)})
	for _, path := range []string{oauth.LoginPath, oauth.LogoutPath} {
		mounts = append(mounts, httpapi.Mount{Pattern: path, Room: tokens.login})
	}
	api := httpapi.New(httpapi.Config{
		Service: s.Service, Verifier: tokens.verifier, Clock: s.clock, Log: s.log, Observer: s.Metrics, HookObserver: s.Metrics, Sources: httpapi.Sources{Trusted: proxies},
		PublicURL: s.URL(), MaxUpload: s.Config.MaxUpload, MaxResumable: s.Config.MaxResumable, MaxHook: s.Config.WebhookMaxBody, Limiter: tokens.limiter, Spared: oauth.MachinePaths(), TokenKeys: s.tokenKeys, LogKey: s.signer.VerifierKey(),
		CAPEM: s.Keys.Authority.RootPEM(), RevocationList: s.revocationList, Closing: s.closing, Mounts: mounts,
	})
	mux := &entrance.Mux{}
	s.health(mux, s.Config.Metrics && s.admin == nil)
	mux.Mount("/", api, api.Entrances())
	s.entrances = mux.Entrances()
	s.http = &http.Server{Handler: s.farewell(mux), ReadHeaderTimeout: readHeader, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
	return nil
}

// Entrances lists every route that the process serves to clients and people, and by
// what one comes in there; nil in a process without the API.
func (s *Server) Entrances() []entrance.Entrance { return s.entrances }

func (s *Server) signpage() entrance.Room {
	return signpage.New(signpage.Config{
		Service: s.Service, Renderer: signpage.PDFRenderer{Tools: s.Tools}, Clock: s.clock, Log: s.log,
		SourceOf: sourceOf,
		CAPEM:    s.Keys.Authority.RootPEM(), LogKey: s.signer.VerifierKey(),
	})
}

// sourceOf tells where a request to a page came from.
func sourceOf(r *http.Request) access.Source { return httpapi.SourceOf(r.Context()) }

// postman sends the workers' letters by SMTP.
type postman struct{ *mail.Sender }

// Deliver implements work.Postman.
func (p postman) Deliver(ctx context.Context, l work.Letter) error {
	return p.Sender.Deliver(ctx, mail.Letter(l))
}

func (s *Server) postman() (work.Postman, error) {
	c := s.Config
	sender, err := mail.New(mail.Config{Host: c.SMTPHost, Port: c.SMTPPort, User: c.SMTPUser, Password: c.SMTPPassword.Reveal(), From: c.SMTPFrom, TLS: c.SMTPTLS})
	return postman{sender}, err
}
