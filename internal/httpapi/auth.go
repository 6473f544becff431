package httpapi

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/paraph/paraph/internal/access"
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
	rq.challenge = func(code string) []string { return a.Verifier.Challenge(r, code) }
	actor, err := a.Verifier.Verify(r, w.Header())
	if err == nil {
		rq.actor = actor
		rq.actor.Source = rq.source
		err = a.limiter.allow(w.Header(), "client "+actor.ID, a.Clock.Now())
	}
	if err == nil {
		err = access.Allowed(actor, do)
	}
	if err != nil {
		writeProblem(w, r, err)
		return
	}
	rq.route, rq.key = op.Method+" "+op.Path, r.Header.Get("Idempotency-Key")
	w.Header().Set("Cache-Control", "private, no-cache")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	hctx = huma.WithContext(hctx, service.Within(hctx.Context(), actor.Org))
	if stream, _ := op.Metadata[metaStream].(bool); stream {
		next(hctx)
		return
	}
	rq.hashBody(r)
	ctx, cancel := context.WithTimeout(hctx.Context(), a.Timeout+waitOf(r))
	defer cancel()
	next(huma.WithContext(hctx, ctx))
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
