// Package signpage is the page a signer sees: server-rendered, one small script,
// nothing from other hosts, and usable without the script.
//
// Everything lies under /sign/{token}. The token in the path is the only
// credential, so it is kept out of logs, referrers and caches: every answer is
// no-store and no-referrer, and Redact takes it out of paths for access logs.
//
// The page shows pictures of exactly the bytes that will be sealed, with their
// words laid over them for selection and for screen readers, and binds the
// digest of those bytes and of the consent text into the form.
package signpage

import (
	"context"
	"log/slog"
	"net/http"
	"strings"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/brand"
	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/entrance"
	"github.com/paraph/paraph/internal/service"
)

// Prefix is the path under which the handler is mounted.
const Prefix = "/sign/"

// Service is what the page needs of internal/service; the faults are those
// documented there.
type Service interface {
	OpenLink(ctx context.Context, token string) (service.SignerView, error)
	LinkContent(ctx context.Context, token string, sealed bool) (document.Version, service.Content, error)
	LinkWords(ctx context.Context, token string, no int) (document.Page, []document.Word, error)
	Delivered(ctx context.Context, token string, src access.Source) error
	Viewed(ctx context.Context, token string, src access.Source) error
	Consented(ctx context.Context, token string, src access.Source) error
	Sign(ctx context.Context, token string, src access.Source, act service.Act) (service.SignerView, error)
	DeclineLink(ctx context.Context, token string, src access.Source, reason string) (service.SignerView, error)
}

// Config is what the page is made of. Service, Renderer and SourceOf are needed.
type Config struct {
	Service  Service
	Renderer Renderer
	// SourceOf tells where a request came from, believing configured proxies only.
	SourceOf func(*http.Request) access.Source
	Clock    clock.Clock  // default: the machine's
	Log      *slog.Logger // default: slog's
	// CacheBytes bounds the rendered pages kept in memory; default 24 MiB.
	CacheBytes int64
	// CAPEM and LogKey are what sealed files are checked with, shown at VerifyPath.
	CAPEM  []byte
	LogKey string
	// FrameAncestors are the origins that may embed the page; default none.
	FrameAncestors []string
}

type site struct {
	Config
	pictures *pictures
	headers  map[string]string
	guard    *http.CrossOriginProtection
}

// New makes the handler to be mounted at Prefix and VerifyPath.
func New(c Config) entrance.Room {
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.CacheBytes <= 0 {
		c.CacheBytes = 24 << 20
	}
	s := &site{Config: c, pictures: newPictures(c.Renderer, c.CacheBytes), guard: http.NewCrossOriginProtection()}
	s.headers = headers(c.FrameAncestors)
	mux := &entrance.Mux{}
	anybody, links := mux.To(entrance.Nothing, entrance.PerAddress), mux.To(entrance.Link, entrance.PerAddress)
	anybody.HandleFunc("GET /sign/mark.svg", s.icon)
	anybody.HandleFunc("GET "+VerifyPath, s.verify)
	links.HandleFunc("GET /sign/{token}", s.page)
	links.HandleFunc("GET /sign/{token}/text", s.text)
	links.HandleFunc("GET /sign/{token}/state", s.state)
	links.HandleFunc("GET /sign/{token}/pages/{no}/image", s.image)
	links.HandleFunc("GET /sign/{token}/pages/{no}/words", s.words)
	links.HandleFunc("GET /sign/{token}/document.pdf", s.download(false))
	links.HandleFunc("GET /sign/{token}/sealed.pdf", s.download(true))
	links.HandleFunc("GET /sign/{token}/decline", s.declineForm)
	links.HandleFunc("POST /sign/{token}/viewed", s.step(c.Service.Viewed))
	links.HandleFunc("POST /sign/{token}/consented", s.step(c.Service.Consented))
	links.HandleFunc("POST /sign/{token}/sign", s.sign)
	links.HandleFunc("POST /sign/{token}/decline", s.decline)
	anybody.HandleFunc(Prefix, s.unknown)
	return entrance.Behind(s.secure(mux), mux)
}

// headers gives what every answer carries. The content security policy allows
// the page's own inline style and script by their digests, and nothing else.
func headers(ancestors []string) map[string]string {
	frame := "'none'"
	if len(ancestors) > 0 {
		frame = strings.Join(ancestors, " ")
	}
	h := map[string]string{
		"Content-Security-Policy": "default-src 'none'; style-src " + styleSource + "; script-src " + scriptSource +
			"; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors " + frame,
		"Referrer-Policy":              "no-referrer",
		"Cache-Control":                "no-store",
		"X-Content-Type-Options":       "nosniff",
		"X-Robots-Tag":                 "noindex, nofollow",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Permissions-Policy":           "camera=(), microphone=(), geolocation=(), payment=(), usb=(), clipboard-write=(self)",
	}
	if len(ancestors) == 0 {
		h["X-Frame-Options"] = "DENY"
	}
	return h
}

// secure sets the headers and refuses writes that another site started.
func (s *site) secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for k, v := range s.headers {
			w.Header().Set(k, v)
		}
		if err := s.guard.Check(withoutNullOrigin(r)); err != nil {
			s.refuse(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// withoutNullOrigin makes up for what our own Referrer-Policy does: under
// no-referrer a browser sends "Origin: null" with a plain form, and over plain
// HTTP no Sec-Fetch-Site beside it. Such a request proves nothing either way;
// the token in its path, which no other site knows, decides.
func withoutNullOrigin(r *http.Request) *http.Request {
	if r.Header.Get("Origin") != "null" || r.Header.Get("Sec-Fetch-Site") != "" {
		return r
	}
	c := r.Clone(r.Context())
	c.Header.Del("Origin")
	return c
}

// Redact takes the token out of a path, for access logs and traces.
func Redact(path string) string {
	rest, ok := strings.CutPrefix(path, Prefix)
	if !ok || rest == "" || rest == "mark.svg" {
		return path
	}
	if _, after, more := strings.Cut(rest, "/"); more {
		return Prefix + "{token}/" + after
	}
	return Prefix + "{token}"
}

func (s *site) icon(w http.ResponseWriter, r *http.Request) {
	// An image of its own needs its own inline style and holds no secret.
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	w.Header().Set("Cache-Control", "public, max-age=86400")
	w.Header().Set("Content-Type", "image/svg+xml")
	_, _ = w.Write([]byte(brand.Icon)) // a reader who left needs no answer
}
