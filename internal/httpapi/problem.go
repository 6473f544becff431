package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/paraph/paraph/internal/fault"
)

// statuses is the only place where a kind of fault becomes an HTTP status.
var statuses = map[fault.Kind]int{
	fault.Internal:     http.StatusInternalServerError,
	fault.Invalid:      http.StatusUnprocessableEntity,
	fault.Unauthorized: http.StatusUnauthorized,
	fault.Forbidden:    http.StatusForbidden,
	fault.NotFound:     http.StatusNotFound,
	fault.Conflict:     http.StatusConflict,
	fault.Gone:         http.StatusGone,
	fault.TooLarge:     http.StatusRequestEntityTooLarge,
	fault.Unsupported:  http.StatusUnsupportedMediaType,
	fault.TooMany:      http.StatusTooManyRequests,
	fault.Unavailable:  http.StatusServiceUnavailable,
	fault.Precondition: http.StatusPreconditionFailed,
}

// Problem is the answer to a request that failed (RFC 9457), with every fault of it.
type Problem struct {
	Type      string   `json:"type" format:"uri-reference" example:"/docs/errors#invalid_request" doc:"Where the code is explained."`
	Title     string   `json:"title" example:"The request has faults" doc:"What the code means; the same for every occurrence."`
	Status    int      `json:"status" example:"422" doc:"The HTTP status."`
	Detail    string   `json:"detail" example:"Two members are missing." doc:"What is so and what to do, for people."`
	Code      string   `json:"code" example:"invalid_request" doc:"Stable, for programs."`
	Instance  string   `json:"instance,omitempty" format:"uri-reference" example:"/v1/documents" doc:"The path that was asked for."`
	RequestID string   `json:"request_id,omitempty" example:"req_01kb0q7m4b1s9v3d8r5x2c6e7f" doc:"Name it when asking for help."`
	Errors    []Detail `json:"errors,omitempty" doc:"Every fault of the request, not just the first."`

	retryAfter time.Duration
	challenges []string // WWW-Authenticate
}

// Detail is one fault of a request.
type Detail struct {
	Pointer string `json:"pointer" example:"/recipients/0/email" doc:"JSON pointer into the body, or query/…, header/…, path/…."`
	Code    string `json:"code" example:"required" doc:"Stable, for programs."`
	Message string `json:"message" example:"The recipient's e-mail address is missing." doc:"What is wrong, for people."`
}

// Error implements error.
func (p *Problem) Error() string { return p.Code + ": " + p.Detail }

// GetStatus gives the HTTP status, as huma wants it.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType gives the media type of a problem.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

func init() {
	// huma asks these package variables for every error it answers itself, so
	// that a contract broken and a rule broken look the same to the caller.
	huma.NewError = func(status int, msg string, errs ...error) huma.StatusError {
		return problemOf(humaFault(status, msg, errs, maxBody))
	}
	huma.NewErrorWithContext = func(hctx huma.Context, status int, msg string, errs ...error) huma.StatusError {
		p := problemFor(hctx.Context(), humaFault(status, msg, errs, hctx.Operation().MaxBodyBytes))
		p.headers(hctx.SetHeader, hctx.AppendHeader)
		return p
	}
	huma.DefaultArrayNullable = false
	huma.ValidateStrictCasing = true // "Title" is no member where "title" is one
}

// problemOf makes a problem of any error; one that nobody classified is internal.
func problemOf(err error) *Problem {
	f := fault.From(err)
	p := &Problem{
		Type: "/docs/errors#" + f.Code, Title: titleOf(f), Status: statuses[f.Kind],
		Detail: f.Message, Code: f.Code, retryAfter: f.RetryAfter,
	}
	if info := catalogue[f.Code]; info.http != 0 {
		p.Status = info.http
	}
	if special, ok := err.(*statusFault); ok {
		p.Status = special.status
	}
	for _, d := range f.Details {
		p.Errors = append(p.Errors, Detail{Pointer: d.Pointer, Code: d.Code, Message: d.Message})
	}
	return p
}

// problemFor is problemOf with what belongs to the request. What is our own
// mistake goes to the log with its cause, and to the caller without.
func problemFor(ctx context.Context, err error) *Problem {
	p := problemOf(err)
	if rq := requestOf(ctx); rq != nil {
		p.Instance, p.RequestID = rq.path, rq.source.RequestID
		rq.code = p.Code
		if rq.challenge != nil {
			p.challenges = rq.challenge(err)
		}
		if p.Status >= http.StatusInternalServerError {
			rq.log.ErrorContext(ctx, "a request failed", "request_id", p.RequestID, "route", rq.http.Pattern, "error", err) // a path can hold a secret; a pattern cannot
		}
	}
	if p.Status == http.StatusInternalServerError {
		internal := fault.From(errors.New("")) // the words for what is our mistake
		p.Detail, p.Errors = internal.Message, nil
	}
	return p
}

// headers sets what a problem says in headers.
func (p *Problem) headers(set, add func(name, value string)) {
	if p.retryAfter > 0 {
		set("Retry-After", strconv.Itoa(int(math.Ceil(p.retryAfter.Seconds()))))
	}
	for _, c := range p.challenges {
		add("WWW-Authenticate", c)
	}
	set("Cache-Control", "no-store")
}

// writeProblem answers a request outside of huma.
func writeProblem(w http.ResponseWriter, r *http.Request, err error) {
	p := problemFor(r.Context(), err)
	p.headers(w.Header().Set, w.Header().Add)
	w.Header().Set("Content-Type", p.ContentType(""))
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(p.Status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(p); err != nil {
		return // the caller has gone
	}
}

// statusFault is a fault of HTTP itself, whose status no kind stands for.
type statusFault struct {
	*fault.Fault
	status int
}

func (s *statusFault) Unwrap() error { return s.Fault }

func httpFault(status int, code, format string, args ...any) error {
	return &statusFault{Fault: fault.New(fault.Invalid, code, format, args...), status: status}
}

// humaFault makes a fault of what huma found: the fault a handler returned, or
// the list of everything that does not fit the contract. limit is how many bytes of
// a body the operation takes.
func humaFault(status int, msg string, errs []error, limit int64) error {
	var l fault.List
	keyMissing := false
	for _, err := range errs {
		var f *fault.Fault
		if errors.As(err, &f) {
			return err
		}
		if d := detailOf(err); d.Message != "" {
			keyMissing = keyMissing || d.Code == codeKeyRequired
			l.Add(d.Pointer, d.Code, "%s", d.Message)
		}
	}
	switch {
	case keyMissing:
		return l.Err(codeKeyRequired, "Every request that changes something needs an Idempotency-Key header, so that it can be repeated without harm.")
	case msg == "cannot read request body":
		return httpFault(http.StatusBadRequest, "body_incomplete", "The request's body ended before it was complete. Nothing was kept; send it again.")
	case status == http.StatusRequestEntityTooLarge:
		return fault.New(fault.TooLarge, "body_too_large", "The request's body is larger than %d bytes.", limit)
	case status == http.StatusRequestTimeout:
		return httpFault(status, "body_incomplete", "The request's body did not arrive in time.")
	case status == http.StatusUnsupportedMediaType:
		return fault.New(fault.Unsupported, "unsupported_media_type", "Send JSON with Content-Type: application/json.")
	case status == http.StatusBadRequest:
		return malformed(msg, errs)
	case status >= http.StatusInternalServerError:
		return errors.Join(append(errs, errors.New(msg))...)
	}
	if err := l.Err("invalid_request", "The request does not fit the contract. Every fault is listed."); err != nil {
		return err
	}
	return fault.New(fault.Invalid, "invalid_request", "The request does not fit the contract: %s.", msg)
}

func malformed(msg string, errs []error) error {
	if msg == "request body is required" {
		return httpFault(http.StatusBadRequest, "malformed_body", "This operation needs a JSON body, and the request has none.")
	}
	for _, err := range errs {
		msg = detailOf(err).Message
	}
	return httpFault(http.StatusBadRequest, "malformed_body", "The body cannot be read as JSON: %s.", strings.TrimSuffix(msg, "."))
}

var (
	missing   = regexp.MustCompile(`^expected required property (\S+) to be present$`)
	wrongType = regexp.MustCompile(`^expected (string|integer|number|boolean|array|object)$`)
)

// detailOf translates one of huma's findings: its location into a JSON pointer,
// its words into a code.
func detailOf(err error) fault.Detail {
	var found huma.ErrorDetailer
	if !errors.As(err, &found) {
		return fault.Detail{Code: "invalid", Message: err.Error()}
	}
	e := found.ErrorDetail()
	d := fault.Detail{Pointer: pointerOf(e.Location), Code: "invalid", Message: sentence(e.Message)}
	switch m := missing.FindStringSubmatch(e.Message); {
	case m != nil:
		d.Pointer, d.Code, d.Message = d.Pointer+"/"+escapePointer(m[1]), "required", "This member is missing."
	case e.Location == "header.Idempotency-Key" && strings.HasPrefix(e.Message, "required"):
		d.Code, d.Message = codeKeyRequired, "This header is missing."
	case strings.HasPrefix(e.Message, "required"):
		d.Code = "required"
	case strings.HasPrefix(e.Message, "unexpected property"):
		d.Code, d.Message = "unknown_member", "There is no such member here."
	case strings.HasPrefix(e.Message, "unknown query"):
		d.Code, d.Message = "unknown_parameter", "There is no such query parameter here."
	case strings.HasPrefix(e.Message, "invalid date/time"): // huma names Go's layout, which nobody outside of Go can read
		d.Message = "Expected a time of RFC 3339, such as 2026-01-31T12:00:00Z."
	case strings.Contains(e.Message, "one of"):
		d.Code = "bad_value"
	case strings.HasPrefix(e.Message, "expected number >"), strings.HasPrefix(e.Message, "expected number <"):
		d.Code = "out_of_range"
	case strings.HasPrefix(e.Message, "expected length >"), strings.HasPrefix(e.Message, "expected array length >"):
		d.Code = "too_short"
	case strings.HasPrefix(e.Message, "expected length <"), strings.HasPrefix(e.Message, "expected array length <"):
		d.Code = "too_long"
	case wrongType.MatchString(e.Message):
		d.Code = "wrong_type"
	}
	return d
}

// pointerOf makes a JSON pointer (RFC 6901) of huma's "body.a[0].b", and
// "query/name" of "query.name".
func pointerOf(location string) string {
	where, rest, _ := strings.Cut(location, ".")
	if where != "body" {
		if rest == "" {
			return where
		}
		return where + "/" + rest
	}
	var b strings.Builder
	for _, part := range strings.FieldsFunc(rest, func(r rune) bool { return r == '.' || r == '[' || r == ']' }) {
		b.WriteString("/" + escapePointer(part))
	}
	return b.String()
}

func escapePointer(s string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(s) }

// sentence makes a sentence of huma's lower-case words.
func sentence(s string) string {
	if s == "" {
		return "This does not fit the contract."
	}
	return strings.ToUpper(s[:1]) + strings.TrimSuffix(s[1:], ".") + "."
}
