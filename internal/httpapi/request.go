package httpapi

import (
	"context"
	"hash"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/docsite"
	"github.com/paraph/paraph/internal/failpoint"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/service"
)

// request is what is known of a request while it is being answered.
type request struct {
	path    string
	source  access.Source
	actor   access.Actor    // set once the token was checked
	route   string          // method and route pattern of the operation
	key     string          // Idempotency-Key
	receipt service.Receipt // of the command it was, once that has committed
	body    hash.Hash       // of what was read of the body; nil for uploads
	http    *http.Request
	writer  http.ResponseWriter
	log     *slog.Logger
	code    string // of the fault it was answered with
	batched bool   // an operation of a batch, whose sender and rate were looked at already
	// challenge gives the WWW-Authenticate headers for a refusal; nil before the token is looked at.
	challenge func(error) []string
}

type requestKey struct{}

// requestOf gives the request of a context; nil outside of the reception.
func requestOf(ctx context.Context) *request {
	rq, _ := ctx.Value(requestKey{}).(*request)
	return rq
}

// SourceOf gives where the request of a context came from, for the handlers of Config.Mounts.
func SourceOf(ctx context.Context) access.Source {
	if rq := requestOf(ctx); rq != nil {
		return rq.source
	}
	return access.Source{}
}

var (
	tracer     = otel.Tracer("github.com/paraph/paraph/internal/httpapi")
	propagator = propagation.TraceContext{}
	noSpan     = trace.SpanFromContext(context.Background())
)

// transportSecurity has browsers come by https alone for a year (RFC 6797), where that
// is how the server is reached.
const transportSecurity = "max-age=31536000; includeSubDomains"

// reception is what every request goes through before its route and after it:
// request id, source, trace, access log, metrics, and a net for panics.
func (a *api) reception(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		ctx := propagator.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		ctx, span := tracer.Start(ctx, r.Method, trace.WithSpanKind(trace.SpanKindServer))
		defer span.End()
		rq := &request{path: r.URL.EscapedPath(), source: a.Sources.Of(r), log: a.Log}
		rq.source.RequestID = requestID(r.Header.Get("X-Request-Id"), a.Clock.Now())
		carrier := propagation.MapCarrier{}
		propagator.Inject(ctx, carrier)
		rq.source.Trace = carrier.Get("traceparent")
		tags := &tagging{ResponseWriter: w, request: r}
		if r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/v1/") {
			w = tags
		}
		rec := &recorder{ResponseWriter: w, changes: r.Method != http.MethodGet && r.Method != http.MethodHead}
		r = r.WithContext(context.WithValue(ctx, requestKey{}, rq))
		rq.http, rq.writer = r, rec
		rec.Header().Set("X-Request-Id", rq.source.RequestID)
		if a.overTLS {
			rec.Header().Set("Strict-Transport-Security", transportSecurity)
		}
		defer func() {
			if cause := recover(); cause != nil {
				tags.held = nil
				rec.status = 0
				a.caught(rec, r, cause)
			}
			if tags.held != nil {
				rec.status = tags.finish()
			}
			a.report(rq, rec, r, span, time.Since(began))
		}()
		if a.Origins.answer(rec, r) {
			return
		}
		if err := a.fromAddress(rq, rec, r); err != nil {
			writeProblem(rec, r, err)
			return
		}
		next.ServeHTTP(rec, r)
	})
}

// fromAddress counts a request that brings no access token for the address it comes
// from. Operations of the API count theirs once they know who sent them, and so do the
// addresses at which clients prove themselves.
func (a *api) fromAddress(rq *request, w http.ResponseWriter, r *http.Request) error {
	api := strings.HasPrefix(r.URL.Path, "/v1/") && r.Header.Get("Authorization") != "" && !strings.HasPrefix(r.URL.Path, hookRoot)
	if api || slices.Contains(a.Spared, r.URL.Path) {
		return nil
	}
	return a.Limiter.FromAddress(w.Header(), rq.source.Address, a.Clock.Now())
}

// caught answers a request whose handler panicked.
func (a *api) caught(rec *recorder, r *http.Request, cause any) {
	if cause == http.ErrAbortHandler {
		panic(cause)
	}
	a.Log.Error("a handler panicked", "request_id", requestOf(r.Context()).source.RequestID, "cause", cause, "stack", string(debug.Stack()))
	if rec.status == 0 {
		writeProblem(rec, r, fault.From(errPanic))
	}
}

var errPanic = panicError{}

type panicError struct{}

func (panicError) Error() string { return "a handler panicked" }

// report tells the log, the metrics and the trace how the request went.
func (a *api) report(rq *request, rec *recorder, r *http.Request, span trace.Span, took time.Duration) {
	status := rec.status
	if status == 0 {
		status = http.StatusOK
	}
	_, route, found := strings.Cut(r.Pattern, " ")
	if !found {
		route = r.Pattern
	}
	span.SetName(strings.TrimSpace(r.Method + " " + route))
	span.SetAttributes(attribute.String("http.request.method", r.Method), attribute.String("http.route", route),
		attribute.Int("http.response.status_code", status), attribute.String("paraph.request_id", rq.source.RequestID))
	if status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, rq.code)
	}
	if a.Observer != nil {
		a.Observer.ObserveRequest(route, r.Method, status, took)
	}
	a.Log.LogAttrs(r.Context(), slog.LevelInfo, "request", slog.String("method", r.Method), slog.String("route", route),
		slog.Int("status", status), slog.Int64("bytes", rec.bytes), slog.Duration("took", took), slog.String("request_id", rq.source.RequestID),
		slog.String("address", rq.source.Address), slog.String("client", rq.actor.ID), slog.String("code", rq.code))
}

// requestID takes over a caller's own id where it is harmless, and else makes one.
func requestID(given string, now time.Time) string {
	ok := len(given) > 0 && len(given) <= 128
	for i := 0; ok && i < len(given); i++ {
		c := given[i]
		ok = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' || c == ':'
	}
	if ok {
		return given
	}
	return id.New("req", now)
}

// recorder keeps what was answered. http.ResponseController reaches through it.
type recorder struct {
	http.ResponseWriter
	changes bool // the request changes something, if it is taken
	status  int
	bytes   int64
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= 200 {
		r.status = status
		if r.changes && status < 300 && failpoint.Hit(failpoint.AnswerBefore) != nil {
			panic(http.ErrAbortHandler) // the answer is lost on its way
		}
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(p)
	r.bytes += int64(n)
	return n, err
}

func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// nowhere answers for paths that no route has, and for methods that a path does not take.
func (a *api) nowhere(w http.ResponseWriter, r *http.Request) {
	own := r.Pattern
	var allow []string
	for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		probe := r.Clone(r.Context())
		probe.Method = m
		if _, pattern := a.mux.Handler(probe); pattern != own && pattern != "" && pattern != "/" {
			allow = append(allow, m)
		}
	}
	r.Pattern = ""
	if len(allow) > 0 {
		w.Header().Set("Allow", strings.Join(allow, ", "))
		writeProblem(w, r, httpFault(http.StatusMethodNotAllowed, "method_not_allowed", "This path takes %s.", strings.Join(allow, ", ")))
		return
	}
	if r.URL.Path == "/" && visited(r) { // whoever opens the address that the server said at its start
		http.Redirect(w, r, docsite.Root, http.StatusSeeOther)
		return
	}
	writeProblem(w, r, fault.New(fault.NotFound, "no_such_path", "There is nothing at this path. The API is described at /docs."))
}
