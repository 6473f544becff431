package httpapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
)

const (
	maxBatch       = 1000     // operations
	maxBatchBody   = 4 << 20  // bytes of a batch
	maxBatchAnswer = 16 << 20 // bytes of its results' bodies together
)

// How the operations of a batch hang together.
const (
	batchIndependent = "independent"
	batchAtomic      = "atomic"
)

// AnyJSON is a JSON value of any kind, kept as it came.
type AnyJSON json.RawMessage

// Schema implements huma.SchemaProvider.
func (AnyJSON) Schema(huma.Registry) *huma.Schema { return &huma.Schema{} }

// MarshalJSON implements json.Marshaler.
func (v AnyJSON) MarshalJSON() ([]byte, error) { return json.RawMessage(v).MarshalJSON() }

// UnmarshalJSON implements json.Unmarshaler.
func (v *AnyJSON) UnmarshalJSON(raw []byte) error {
	*v = append(AnyJSON(nil), raw...)
	return nil
}

// BatchOperation is one request of a batch.
type BatchOperation struct {
	ID             string  `json:"id,omitempty" maxLength:"255" example:"row-17" doc:"Your own name for it; stands in its result."`
	Method         string  `json:"method" enum:"GET,POST,PUT,PATCH,DELETE" example:"POST"`
	Path           string  `json:"path" minLength:"1" maxLength:"4096" example:"/v1/drafts" doc:"With the query, if it has one."`
	Body           AnyJSON `json:"body,omitempty" doc:"The JSON body that the operation takes by itself."`
	IdempotencyKey string  `json:"idempotency_key,omitempty" maxLength:"255" pattern:"^[\\x21-\\x7e]+$" doc:"Of this operation, as if it were sent alone. Default: made of the batch's key and the operation's place in it."`
	IfMatch        string  `json:"if_match,omitempty" maxLength:"255" example:"\"3\"" doc:"As the header If-Match."`
}

// Batch is a request of many operations.
type Batch struct {
	Mode       string           `json:"mode,omitempty" enum:"independent,atomic" default:"independent" doc:"independent: each operation is done or refused by itself, in their order. atomic: all of them in one transaction, or none."`
	Operations []BatchOperation `json:"operations" minItems:"1" maxItems:"1000"`
}

// BatchResult is what became of one operation.
type BatchResult struct {
	ID             string   `json:"id,omitempty"`
	IdempotencyKey string   `json:"idempotency_key,omitempty" doc:"The key it was done under. Send the operation with it again, alone or in a batch, and the result is this one."`
	Status         int      `json:"status" example:"201" doc:"As the operation alone would have answered."`
	Replayed       bool     `json:"replayed,omitempty" doc:"It had been done before, under this key."`
	Location       string   `json:"location,omitempty"`
	Body           AnyJSON  `json:"body,omitempty" doc:"Of the operation's answer. What is not JSON stands here as a string."`
	Problem        *Problem `json:"problem,omitempty" doc:"Why it was refused."`
}

// BatchResults is the answer to a batch.
type BatchResults struct {
	Succeeded int           `json:"succeeded" doc:"Operations that answered below 400."`
	Failed    int           `json:"failed"`
	Results   []BatchResult `json:"results" doc:"One for each operation, in their order."`
}

type batchInput struct {
	Keyed
	Body Batch
}

type batchOutput struct {
	Replayed
	Body BatchResults
}

func (a *api) batch() {
	handle(a, route{id: "runBatch", method: http.MethodPost, path: "/v1/batch", tag: "batch", does: access.RunBatch, maxBody: maxBatchBody,
		summary: "Run many operations in one request",
		about: "At most 1,000 operations and 4 MB. Each is decided, limited and answered exactly as if it were sent alone, and has a key of its own: a batch that was interrupted is sent again, and what had been done answers as before. " +
			"With mode atomic all operations are one transaction; where one is refused the answer is 409 batch_undone, names it, and nothing was done. Uploads, downloads and streams have no place in a batch; what an atomic one takes says each operation's description.",
		codes: []string{"invalid_batch", "batch_undone"}}, a.runBatch)
}

func (a *api) runBatch(ctx context.Context, in *batchInput) (*batchOutput, error) {
	plan, err := a.planBatch(in)
	if err != nil {
		return nil, err
	}
	rq := requestOf(ctx)
	for i := range plan {
		a.Limiter.Charge(rq.actor.ID, rq.actor.Limits, plan[i].class, 1, a.Clock.Now())
	}
	out := &batchOutput{}
	if in.Body.Mode == batchAtomic {
		err = a.Service.Together(ctx, func(inner context.Context) error {
			out.Body, err = a.runAtomic(ctx, inner, plan)
			return err
		})
	} else if _, err = a.Service.BeginBatch(ctx, callOf(ctx)); err == nil {
		out.Body = a.runIndependent(ctx, plan)
	}
	if err != nil {
		return nil, err
	}
	for i := range out.Body.Results {
		if out.Body.Results[i].Problem != nil {
			out.Body.Failed++
		}
	}
	out.Body.Succeeded = len(plan) - out.Body.Failed
	return out, nil
}

// planned is an operation of a batch that was found in the contract.
type planned struct {
	BatchOperation
	url   *url.URL
	index int
	class access.Class
}

// planBatch finds every operation, and lists all that stands against the batch.
func (a *api) planBatch(in *batchInput) ([]planned, error) {
	var l fault.List
	keys := map[string]int{}
	plan := make([]planned, len(in.Body.Operations))
	for i, op := range in.Body.Operations {
		at := fmt.Sprintf("/operations/%d", i)
		p := planned{BatchOperation: op, index: i}
		if p.IdempotencyKey == "" && p.Method != http.MethodGet {
			sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d", in.IdempotencyKey, i))
			p.IdempotencyKey = "batch-" + base64.RawURLEncoding.EncodeToString(sum[:18])
		}
		if first, twice := keys[p.IdempotencyKey]; twice && p.IdempotencyKey != "" {
			l.Add(at+"/idempotency_key", "repeated", "Operation %d has the same key.", first)
		}
		keys[p.IdempotencyKey] = i
		p.url, p.class = a.inBatch(&l, at, in.Body.Mode, op)
		plan[i] = p
	}
	return plan, l.Err("invalid_batch", "The batch has faults, and nothing of it was done. Every fault is listed.")
}

// inBatch gives the address of an operation that may stand in a batch, and the class
// of requests that it counts in.
func (a *api) inBatch(l *fault.List, at, mode string, op BatchOperation) (*url.URL, access.Class) {
	u, err := url.ParseRequestURI(op.Path)
	if err != nil || u.Host != "" || u.Scheme != "" || !strings.HasPrefix(u.Path, "/v1/") || path.Clean(u.Path) != u.Path {
		l.Add(at+"/path", "bad_value", "This is no path of the API: it begins with /v1/, and has no host.")
		return nil, ""
	}
	_, pattern := a.mux.Handler(&http.Request{Method: op.Method, URL: u})
	rt, known := a.routes[pattern]
	switch {
	case !known:
		l.Add(at+"/path", "no_such_path", "There is no operation %s %s.", op.Method, u.Path)
	case rt.stream || rt.id == "runBatch":
		l.Add(at+"/path", "not_in_batch", "%s has no place in a batch. Send it alone.", rt.id)
	case mode == batchAtomic && !rt.atomic:
		l.Add(at+"/path", "not_atomic", "%s cannot be part of one transaction. Send it alone, or the batch as independent.", rt.id)
	case u.Query().Has("wait"):
		l.Add(at+"/path", "not_in_batch", "No operation of a batch waits.")
	}
	return u, rt.limited()
}

// runIndependent runs one operation after the other. What the batch's time does not
// reach is not begun, and its result says so.
func (a *api) runIndependent(ctx context.Context, plan []planned) BatchResults {
	out := BatchResults{Results: make([]BatchResult, len(plan))}
	size := 0
	for i, op := range plan {
		r := BatchResult{ID: op.ID, IdempotencyKey: op.IdempotencyKey}
		switch {
		case ctx.Err() != nil:
			r.Problem = problemOf(fault.New(fault.Unavailable, "not_begun", "The batch ran out of time before this operation was begun. Send the batch again, under the same key."))
		case size > maxBatchAnswer:
			r.Problem = problemOf(fault.New(fault.Unavailable, "not_begun", "The results before this one are %d bytes already, so it was not begun. Send the operation in another batch.", size))
		default:
			r = a.runOne(ctx, ctx, op)
		}
		if r.Problem != nil {
			r.Status = r.Problem.Status
		}
		size += len(r.Body)
		out.Results[i] = r
	}
	return out
}

// runAtomic runs all operations inside the transaction of inner. outer is the
// batch's own context.
func (a *api) runAtomic(outer, inner context.Context, plan []planned) (BatchResults, error) {
	out := BatchResults{Results: make([]BatchResult, len(plan))}
	if _, err := a.Service.BeginBatch(inner, callOf(outer)); err != nil {
		return out, err
	}
	for i, op := range plan {
		if outer.Err() != nil {
			return out, fault.New(fault.Unavailable, "not_begun", "The batch ran out of time, and nothing of it was done. Send fewer operations at once.")
		}
		r := a.runOne(outer, inner, op)
		if r.Problem != nil {
			return out, undone(&op, r.Problem)
		}
		out.Results[i] = r
	}
	return out, nil
}

// undone says which operation kept an atomic batch from being done, with every fault of it.
func undone(op *planned, p *Problem) error {
	at := fmt.Sprintf("/operations/%d", op.index)
	f := fault.New(fault.Conflict, "batch_undone", "Operation %d (%s %s) was refused, so nothing of the batch was done. %s", op.index, op.Method, op.url.Path, p.Detail).
		With(fault.Detail{Pointer: at, Code: p.Code, Message: p.Detail})
	if p.Status >= http.StatusInternalServerError { // the same batch may pass later
		f.Kind, f.Code, f.RetryAfter = fault.Unavailable, "store_unavailable", time.Second
	}
	for _, e := range p.Errors {
		where := at
		switch {
		case strings.HasPrefix(e.Pointer, "/"):
			where += "/body" + e.Pointer
		case strings.HasPrefix(e.Pointer, "path"), strings.HasPrefix(e.Pointer, "query"):
			where += "/path"
		}
		f = f.With(fault.Detail{Pointer: where, Code: e.Code, Message: e.Message})
	}
	return f
}

// runOne sends an operation the way it would go alone, behind the door that the
// batch came in by. It runs in the context run, and belongs to the request of outer.
func (a *api) runOne(outer, run context.Context, op planned) BatchResult {
	of := requestOf(outer)
	began := time.Now()
	rq := &request{path: op.url.EscapedPath(), source: of.source, actor: of.actor, log: of.log, batched: true, challenge: of.challenge}
	rq.source.RequestID = fmt.Sprintf("%s.%d", of.source.RequestID, op.index)
	rq.actor.Source = rq.source
	rec := &batchRecorder{header: http.Header{}}
	r := (&http.Request{Method: op.Method, URL: op.url, RequestURI: op.url.RequestURI(), Host: of.http.Host, RemoteAddr: of.http.RemoteAddr,
		Proto: of.http.Proto, ProtoMajor: of.http.ProtoMajor, ProtoMinor: of.http.ProtoMinor, Header: http.Header{}, Body: http.NoBody}).
		WithContext(context.WithValue(run, requestKey{}, rq))
	r.Header.Set("Accept", "application/json")
	for name, value := range map[string]string{"Idempotency-Key": op.IdempotencyKey, "If-Match": op.IfMatch, "User-Agent": of.http.UserAgent()} {
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	if len(op.Body) > 0 {
		r.Header.Set("Content-Type", "application/json")
		r.ContentLength, r.Body = int64(len(op.Body)), readCloser{bytes.NewReader(op.Body)}
	}
	rq.http, rq.writer = r, rec
	a.answerOne(rec, r, rq, began)
	if rq.receipt.Entry > of.receipt.Entry {
		of.receipt = rq.receipt
	}
	return rec.result(op)
}

func (a *api) answerOne(rec *batchRecorder, r *http.Request, rq *request, began time.Time) {
	seen := &recorder{ResponseWriter: rec}
	defer func() {
		if cause := recover(); cause != nil {
			a.caught(seen, r, cause)
		}
		a.report(rq, seen, r, noSpan, time.Since(began))
	}()
	a.mux.ServeHTTP(seen, r)
}

// batchRecorder keeps the answer to one operation.
type batchRecorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (b *batchRecorder) Header() http.Header { return b.header }

// WriteHeader implements http.ResponseWriter.
func (b *batchRecorder) WriteHeader(status int) {
	if b.status == 0 {
		b.status = status
	}
}

// Write implements http.ResponseWriter.
func (b *batchRecorder) Write(p []byte) (int, error) {
	b.WriteHeader(http.StatusOK)
	return b.body.Write(p)
}

var jsonMedia = regexp.MustCompile(`^application/([a-z.]+\+)?json\b`)

func (b *batchRecorder) result(op planned) BatchResult {
	r := BatchResult{ID: op.ID, IdempotencyKey: op.IdempotencyKey, Status: b.status, Replayed: b.header.Get("Idempotency-Replayed") == "true", Location: b.header.Get("Location")}
	raw := bytes.TrimSpace(b.body.Bytes())
	switch {
	case b.status >= http.StatusBadRequest:
		r.Problem = &Problem{Status: b.status, Code: "internal"}
		if err := json.Unmarshal(raw, r.Problem); err != nil {
			r.Problem = problemOf(err)
		}
	case len(raw) == 0:
	case jsonMedia.MatchString(b.header.Get("Content-Type")):
		r.Body = AnyJSON(raw)
	default:
		if text, err := json.Marshal(string(raw)); err == nil {
			r.Body = AnyJSON(text)
		}
	}
	return r
}

type readCloser struct{ *bytes.Reader }

// Close implements io.Closer.
func (readCloser) Close() error { return nil }
