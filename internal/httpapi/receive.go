package httpapi

import (
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/paraph/paraph/internal/entrance"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/hook"
)

// HookObserver is told of every request to a source of webhooks, for the metrics.
type HookObserver interface {
	// ObserveHook takes the source's preset ("" where there is no such source) and what
	// became of the request: an outcome of the service, or the code of a fault.
	ObserveHook(preset, outcome string, d time.Duration)
}

const (
	hookRoot = "/v1/hooks/"
	hookPath = hookRoot + "{source}"
	// DefaultMaxHook is the longest body of a webhook where nothing is configured.
	DefaultMaxHook = 1 << 20
	// maxBuffered bounds what all webhooks that arrive at once hold of their bodies.
	maxBuffered = 64 << 20
)

// mountHooks adds the addresses that other systems send to. They carry no token and no
// idempotency key: a source proves itself, and names its events.
func (a *api) mountHooks() {
	receive := func(w http.ResponseWriter, r *http.Request) { a.receiveHook(w, r) }
	senders := a.mux.To(entrance.Signature, entrance.PerAddress)
	senders.HandleFunc("POST "+hookPath, receive)
	senders.HandleFunc("GET "+hookPath, receive)
}

func (a *api) receiveHook(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	source := r.PathValue("source")
	preset, outcome := "", ""
	quiet := false
	body, err := a.hookBody(w, r)
	defer func() { a.buffered.Add(-int64(len(body))) }()
	if err == nil {
		in := &hook.Request{Method: r.Method, URL: a.PublicURL + r.URL.RequestURI(), Header: r.Header, Body: body}
		var reply hookAnswer
		if reply.HookReply, err = a.Service.ReceiveHook(r.Context(), source, in, SourceOf(r.Context())); err == nil {
			reply.write(w)
		}
		preset, outcome, quiet = reply.Preset, reply.Outcome, reply.Answer.Quiet
	}
	if err != nil {
		outcome = fault.CodeOf(err)
		writeHookProblem(w, r, err, quiet)
	}
	if a.HookObserver != nil {
		a.HookObserver.ObserveHook(preset, outcome, time.Since(began))
	}
}

// hookBody reads a body whole. Only what has arrived takes room: senders that trickle
// cannot keep others out.
func (a *api) hookBody(w http.ResponseWriter, r *http.Request) (body []byte, err error) {
	if enc := r.Header.Get("Content-Encoding"); enc != "" && enc != "identity" {
		return nil, fault.New(fault.Unsupported, "unsupported_media_type", "Send the body as it is, without Content-Encoding: the signature is checked over the bytes that arrive.")
	}
	if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(a.Idle)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return nil, err
	}
	held := int64(0)
	defer func() {
		if err != nil {
			a.buffered.Add(-held)
		}
	}()
	in := http.MaxBytesReader(w, r.Body, a.MaxHook)
	chunk := make([]byte, 32<<10)
	for {
		n, err := in.Read(chunk)
		held += int64(n)
		if a.buffered.Add(int64(n)) > maxBuffered {
			f := fault.New(fault.Unavailable, "too_many_bodies", "Too many webhooks arrive at once. Send it again in a moment.")
			f.RetryAfter = time.Second
			return nil, f
		}
		body = append(body, chunk[:n]...)
		var tooLarge *http.MaxBytesError
		switch {
		case err == io.EOF:
			return body, nil
		case errors.As(err, &tooLarge):
			return nil, fault.New(fault.TooLarge, "body_too_large", "The request's body is larger than %d bytes.", a.MaxHook)
		case err != nil:
			return nil, httpFault(http.StatusBadRequest, "body_incomplete", "The request's body ended before it was complete. Nothing was kept; send it again.")
		}
	}
}

// writeHookProblem answers a request that was refused; quiet senders want no body.
func writeHookProblem(w http.ResponseWriter, r *http.Request, err error, quiet bool) {
	if !quiet {
		writeProblem(w, r, err)
		return
	}
	p := problemFor(r.Context(), err)
	p.headers(w.Header().Set, w.Header().Add)
	w.WriteHeader(p.Status)
}

// describeHooks declares the addresses of mountHooks.
func describeHooks(o *huma.OpenAPI) {
	refused := func(codes string) *huma.Response {
		return &huma.Response{Description: "Codes: " + codes + ".", Content: map[string]*huma.MediaType{"application/problem+json": {Schema: &huma.Schema{Ref: "#/components/schemas/Problem"}}}}
	}
	answers := func() map[string]*huma.Response {
		return map[string]*huma.Response{
			"200": {Description: "Taken and stored, or known already; or the answer to the sender's question. Status, media type and body are those of the source's scheme.", Content: map[string]*huma.MediaType{"*/*": {Schema: &huma.Schema{Type: huma.TypeString}}}},
			"400": refused("`body_incomplete`"), "401": refused("`bad_signature`, `outside_window`"), "404": refused("`not_found`"), "413": refused("`body_too_large`, `too_many_events`"),
			"415": refused("`unsupported_media_type`"), "422": refused("`bad_event`"), "429": refused("`rate_limited`"), "500": refused("`internal`"),
			"503": refused("`source_disabled`, `store_unavailable`, `storage_full`, `too_many_bodies`"),
		}
	}
	param := &huma.Param{Name: "source", In: "path", Required: true, Description: "Id of the source.", Schema: &huma.Schema{Type: huma.TypeString}, Example: "hks_01kb0q7m4b1s9v3d8r5x2c6e7f"}
	any := map[string]*huma.MediaType{"*/*": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}, Example: `{"action":"opened"}`}}
	o.Paths[hookPath] = &huma.PathItem{
		Post: &huma.Operation{OperationID: "receiveHook", Method: http.MethodPost, Tags: []string{"hooks"}, Summary: "Receive a webhook",
			Description: "For the system that a source stands for. It proves itself as the source's scheme says; there is no token and no Idempotency-Key. What was stored before is answered 200 and does nothing.",
			Security:    []map[string][]string{{}}, Parameters: []*huma.Param{param}, RequestBody: &huma.RequestBody{Content: any}, Responses: answers()},
		Get: &huma.Operation{OperationID: "askHook", Method: http.MethodGet, Tags: []string{"hooks"}, Summary: "Answer a question of a webhook's sender",
			Description: "Some senders make sure of the address before they send to it.",
			Security:    []map[string][]string{{}}, Parameters: []*huma.Param{param}, Responses: answers()},
	}
}

// counter is what the api counts across requests.
type counter struct{ buffered atomic.Int64 }
