package httpapi

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
)

// admit lets a request in to its operation: a valid token, a right that the
// operation needs, and a place in the client's rate. What the actor may do with
// a certain document is decided by the command, with the same rules.
func (a *api) admit(hctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(hctx)
	op := hctx.Operation()
	rq := requestOf(r.Context())
	do, _ := op.Metadata[metaAction].(access.Action)
	class, _ := op.Metadata[metaClass].(access.Class)
	leave, err := a.sender(rq, r, w, class)
	defer leave()
	if err == nil {
		err = a.Service.AllowedBy(rq.actor, do)
	}
	if err != nil && visited(r) {
		a.welcome(w, r, err)
		return
	}
	if err != nil {
		writeProblem(w, r, err)
		return
	}
	if err := repeated(op, r); err != nil {
		writeProblem(w, r, err)
		return
	}
	rq.route, rq.key = op.Method+" "+op.Path, r.Header.Get("Idempotency-Key")
	w.Header().Set("Cache-Control", "private, no-cache")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	hctx = huma.WithContext(hctx, service.Within(hctx.Context(), rq.actor.Org))
	if stream, _ := op.Metadata[metaStream].(bool); stream {
		next(hctx)
		return
	}
	rq.hashBody(r, a.nullsOf(op))
	ctx, cancel := context.WithTimeout(hctx.Context(), a.Timeout+waitOf(r))
	defer cancel()
	next(huma.WithContext(hctx, ctx))
}

// repeated refuses a query parameter that stands in the address twice, where it has one
// value: programs would read the first of them, or the last.
func repeated(op *huma.Operation, r *http.Request) error {
	if r.URL.RawQuery == "" {
		return nil
	}
	var l fault.List
	given := r.URL.Query()
	for _, p := range op.Parameters {
		if p.In == "query" && len(given[p.Name]) > 1 && p.Schema.Type != huma.TypeArray {
			l.Add("query/"+p.Name, "repeated", "This parameter has one value, and stands here %d times.", len(given[p.Name]))
		}
	}
	return l.Err("invalid_request", "The request does not fit the contract. Every fault is listed.")
}

// sender finds out who sent a request, and takes a place for it among those of its
// class, which leave gives back. The sender of a batch's operations is the batch's.
func (a *api) sender(rq *request, r *http.Request, w http.ResponseWriter, class access.Class) (leave func(), err error) {
	if rq.batched {
		return func() {}, nil
	}
	now := a.Clock.Now()
	rq.challenge = func(err error) []string { return a.Verifier.Challenge(r, err) }
	if rq.actor, err = a.Verifier.Verify(r, w.Header()); err != nil {
		if limited := a.Limiter.FromAddress(w.Header(), rq.source.Address, now); limited != nil && r.Header.Get("Authorization") != "" {
			err = limited // tokens are tried
		}
		return func() {}, err
	}
	rq.actor.Source = rq.source
	if class == access.Reads && waitOf(r) > 0 {
		class = access.Waits
	}
	return a.Limiter.Enter(w.Header(), rq.actor.ID, rq.actor.Limits, class, now)
}

// waitOf gives how long the caller asked to wait, in the header or the query.
func waitOf(r *http.Request) time.Duration {
	wait := preferWait(r.Header.Get("Prefer"))
	if _, ack := preferAck(strings.Join(r.Header.Values("Prefer"), ",")); r.Method != http.MethodGet {
		wait += ack
	}
	if r.URL.Query().Has("wait") {
		wait = maxWait
	}
	return wait
}

// actorOf gives who sent the request of a context.
func actorOf(ctx context.Context) access.Actor { return requestOf(ctx).actor }
