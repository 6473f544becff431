// Package httpapi is Paraph's HTTP API: one file per resource, each handler a
// function from one input struct to one output struct that calls one command or
// query of internal/service and maps what comes back. Rules live in the domain;
// here live the contract's names, the mapping of faults to problems (problem.go),
// and what every request goes through: where it came from (source.go), who sent
// it (auth.go), how often (limit.go), and under which idempotency key (idem.go).
//
// The contract is described by OpenAPI 3.1, emitted from the same structs
// (openapi.go) and kept in api/openapi.yaml.
package httpapi

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/entrance"
	"github.com/paraph/paraph/internal/service"
)

// Verifier tells who sent an access token.
type Verifier interface {
	// Verify gives who sent a request, by its access token and what that is bound to,
	// without Source. answer gets what the sender needs for its next request. Faults
	// Unauthorized "credentials_missing", "invalid_token", "invalid_dpop_proof",
	// "use_dpop_nonce"; those of the store.
	Verify(r *http.Request, answer http.Header) (access.Actor, error)
	// Challenge gives the WWW-Authenticate headers for a request that is refused with
	// err; none where its credentials are not the reason.
	Challenge(r *http.Request, err error) []string
}

// Observer is told of every answered request, for the metrics.
type Observer interface {
	// ObserveRequest takes the route's pattern ("/v1/documents/{id}"; "" where no
	// route matched), never the path itself.
	ObserveRequest(route, method string, status int, d time.Duration)
}

// Mount is a handler of another room that goes through the same reception:
// request id, source, access log, metrics and trace.
type Mount struct {
	Pattern string // as of http.ServeMux
	Room    entrance.Room
}

// Config is what the API is made of. Zero limits mean the defaults.
type Config struct {
	Service  *service.Service
	Verifier Verifier
	Clock    clock.Clock
	Log      *slog.Logger
	Observer Observer // nil: nobody is told
	// HookObserver is told of webhooks that come in; nil: nobody is.
	HookObserver HookObserver
	Sources      Sources
	Origins      Origins // of web pages that may call the API
	PublicURL    string  // without a slash at the end; source of the events

	MaxUpload int64 // bytes of one uploaded file; default DefaultMaxUpload
	// MaxResumable is the bytes of one file that comes in pieces; default DefaultMaxResumable.
	MaxResumable int64
	MaxHook      int64         // bytes of one webhook; default DefaultMaxHook
	Idle         time.Duration // an upload or download that stands still this long is cut off
	Timeout      time.Duration // of requests that neither stream nor wait
	Limiter      *Limiter      // nil: nobody is limited
	Spared       []string      // paths at which clients prove themselves otherwise, and are counted there
	// TokenKeys replaces the keys that sign tokens.
	TokenKeys TokenKeyring

	LogKey string // verifier key of the log, for /.well-known/paraph/log.vkey
	CAPEM  []byte // certificate of the own CA, for /.well-known/paraph/ca.pem
	// RevocationList gives what the own CA has revoked, for /.well-known/paraph/ca.crl;
	// empty where the CA is somebody else's. nil: it is not served.
	RevocationList func() ([]byte, error)

	// Closing ends the open event streams when it is closed; nil: they end with their requests.
	Closing <-chan struct{}
	Mounts  []Mount
}

// Defaults of Config.
const (
	DefaultMaxUpload    = 512 << 20
	DefaultMaxResumable = 16 << 30
	defaultIdle         = 30 * time.Second
	defaultTimeout      = 30 * time.Second
	maxBody             = 1 << 20 // bytes of a JSON body
	maxWait             = 60 * time.Second
	defaultAck          = 5 * time.Second // longest wait for an acknowledgement level, without wait=
)

// api is the contract with what its handlers need.
type api struct {
	Config
	huma   huma.API
	mux    *entrance.Mux
	does   access.Action    // of the operation that is being registered
	routes map[string]route // by pattern
	// overTLS: people and programs reach the server by https.
	overTLS bool
	// deprecations are all that goes, for the page.
	deprecations []deprecation
	counter
}

// registry is where huma registers an operation's route: by a token with the right
// to the operation's action, which admit asks for.
type registry struct{ *api }

// HandleFunc implements humago.Mux.
func (r registry) HandleFunc(pattern string, h func(http.ResponseWriter, *http.Request)) {
	r.mux.To(entrance.Token, entrance.PerClient).For(r.does).HandleFunc(pattern, h)
}

// ServeHTTP implements humago.Mux.
func (r registry) ServeHTTP(w http.ResponseWriter, rq *http.Request) { r.mux.ServeHTTP(w, rq) }

// New makes the handler of the whole API with its mounts.
func New(c Config) entrance.Room {
	a := build(c)
	a.mountLog()
	a.mountHooks()
	a.mountSetup()
	a.mountTus()
	a.mountDocs()
	a.mountRest()
	return entrance.Behind(a.reception(a.mux), a.mux)
}

// build registers every operation. It needs no running parts: Spec calls it too.
func build(c Config) *api {
	a := &api{Config: c.withDefaults(), mux: &entrance.Mux{}, routes: map[string]route{}, overTLS: strings.HasPrefix(c.PublicURL, "https:")}
	a.huma = humago.New(registry{a}, humaConfig())
	a.huma.UseMiddleware(a.admit)
	a.documents()
	a.versions()
	a.pages()
	a.approvals()
	a.tasks()
	a.envelopes()
	a.bulkSends()
	a.operations()
	a.queues()
	a.vouching()
	a.anchors()
	a.events()
	a.logAudit()
	a.webhooks()
	a.archive()
	a.settings()
	a.units()
	a.clients()
	a.roles()
	a.deviceRules()
	a.organisations()
	a.tokenKeys()
	a.access()
	a.users()
	a.groups()
	a.invitations()
	a.directoryTokens()
	a.loginProviders()
	a.hooks()
	a.inbound()
	a.bus()
	a.batch()
	a.reports()
	a.handover()
	finishSpec(a.huma.OpenAPI())
	describeDeprecations(a.huma.OpenAPI(), a.deprecations)
	return a
}

func (c Config) withDefaults() Config {
	if c.MaxUpload <= 0 {
		c.MaxUpload = DefaultMaxUpload
	}
	if c.MaxResumable <= 0 {
		c.MaxResumable = DefaultMaxResumable
	}
	if c.MaxHook <= 0 {
		c.MaxHook = DefaultMaxHook
	}
	if c.Idle <= 0 {
		c.Idle = defaultIdle
	}
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	if c.Limiter == nil {
		c.Limiter = NewLimiter(nil, access.RequestLimit{})
	}
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// route describes one operation of the API.
type route struct {
	id      string // operationId: what SDKs call the method
	method  string
	path    string
	tag     string
	summary string
	about   string
	does    access.Action
	status  int      // of success; 0: 200
	codes   []string // fault codes beside those that every operation has
	stream  bool     // reads or writes a stream: no time limit, no body limit of its own
	class   access.Class
	atomic  bool  // can be part of an atomic batch: it does nothing but commands and queries
	maxBody int64 // bytes of its JSON body; 0: maxBody

	deprecated *deprecation // it goes; What is its id
}

// limited gives the class of requests that a route's count in.
func (rt *route) limited() access.Class {
	switch {
	case rt.class != "":
		return rt.class
	case rt.method == http.MethodGet:
		return access.Reads
	case rt.stream:
		return access.Uploads
	}
	return access.Writes
}

// metadata keys of a huma.Operation.
const (
	metaAction = "action"
	metaStream = "stream"
	metaWait   = "wait"
	metaClass  = "class"
)

// handle registers one operation with its handler.
func handle[I, O any](a *api, rt route, fn func(context.Context, *I) (*O, error)) {
	a.does = rt.does
	if rt.method != http.MethodGet {
		fn = acknowledged(a, fn)
	}
	fn = deprecating(a, &rt, fn)
	if rt.atomic {
		rt.about += " An atomic batch takes it."
	}
	a.routes[rt.method+" "+rt.path] = rt
	huma.Register(a.huma, huma.Operation{
		OperationID: rt.id, Method: rt.method, Path: rt.path, Tags: []string{rt.tag},
		Summary: rt.summary, Description: rt.about, DefaultStatus: rt.status,
		MaxBodyBytes: cmp.Or(rt.maxBody, maxBody), BodyReadTimeout: a.Timeout,
		RejectUnknownQueryParameters: true, Deprecated: rt.deprecated != nil,
		Security:  security(rt.does),
		Responses: problems(rt),
		Metadata:  map[string]any{metaAction: rt.does, metaStream: rt.stream, metaClass: rt.limited()},
	}, fn)
}

// mountRest adds the other rooms and the answers for what is nowhere.
func (a *api) mountRest() {
	root := false
	for _, m := range a.Mounts {
		a.mux.Mount(m.Pattern, a.inTime(m.Room), m.Room.Entrances())
		root = root || m.Pattern == "/"
	}
	rest := a.mux.To(entrance.Nothing, entrance.PerAddress)
	for _, p := range []string{"/v1/", "/log/"} {
		rest.HandleFunc(p, a.nowhere)
	}
	if !root {
		rest.HandleFunc("/", a.nowhere)
	}
}

// inTime bounds how long the body of a mounted handler may take to arrive. Those
// are small forms, some of which anybody may send; without a bound a sender who
// trickles keeps a connection for ever. The server sets a new deadline for the
// connection's next request.
func (a *api) inTime(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != nil && r.Body != http.NoBody {
			err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(a.Idle))
			if err != nil && !errors.Is(err, http.ErrNotSupported) {
				writeProblem(w, r, err)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}
