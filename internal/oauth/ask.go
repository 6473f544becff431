package oauth

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/delegation"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/webform"
)

// maxForm is the longest form read, in bytes.
const maxForm = 16 << 10

// oauthError is RFC 6749 section 5.2.
type oauthError struct {
	Code        string `json:"error"`
	Description string `json:"error_description,omitempty"`
	status      int
	retryAfter  int // seconds
}

func (e *oauthError) Error() string { return e.Code + ": " + e.Description }

func refuse(code, description string) *oauthError {
	return &oauthError{Code: code, Description: description, status: http.StatusBadRequest}
}

// ask is a request of a client that has said who it is.
type ask struct {
	*http.Request
	form   url.Values
	client caller
	proved delegation.Binding // the keys that it has shown to hold
	bound  bool               // tokens are bound to one of them, whatever the profile says
}

// binding gives the keys that the tokens made now are bound to: the one of the
// DPoP proof, and what the client's profile demands.
func (a *ask) binding() (b delegation.Binding, err error) {
	p := &a.client.Profile
	b.JKT = a.proved.JKT
	if p.DPoP && b.JKT == "" {
		return b, badProof("The client's tokens are bound to a key: send a proof of it in the header DPoP.")
	}
	if p.Certificate {
		if b.X5T = a.proved.X5T; b.X5T == "" {
			return b, refuse("invalid_request", "The client's tokens are bound to its certificate: show it.")
		}
	}
	if a.bound && b == (delegation.Binding{}) {
		return b, badProof("Here all tokens are bound to a key: send a proof of it in the header DPoP.")
	}
	return b, nil
}

// refreshBinding gives the key that refresh tokens are bound to: those of a client
// that proves itself are bound to that already (RFC 9449 section 5).
func (a *ask) refreshBinding(b delegation.Binding) delegation.Binding {
	if a.client.Profile.Public() {
		return b
	}
	return delegation.Binding{}
}

// mayBegin refuses what clients that cannot prove themselves begin too often.
func (s *Server) mayBegin(a *ask) error {
	if !a.client.Profile.Public() {
		return nil
	}
	now, address := s.Clock.Now(), webform.AddressOf(s.SourceOf, a.Request)
	if wait := s.begun.Wait(now, address); wait > 0 {
		return slowDown(wait, "Too many requests were begun from this address.")
	}
	s.begun.Wrong(now, address)
	return nil
}

func (a *ask) refreshes() bool { return a.client.Profile.May(access.GrantRefresh) }

// endpoint makes the handler of an address to which clients post forms. Answers
// are JSON that nobody keeps; nil is an empty one. An answer may say its status.
func (s *Server) endpoint(answer func(*ask) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		noStore(w)
		a, err := s.hear(w, r)
		var out any
		if err == nil && s.Limiter != nil {
			var leave func()
			leave, err = s.Limiter.Enter(w.Header(), a.client.ID, a.client.Profile.Limits, access.Tokens, s.Clock.Now())
			defer leave()
		}
		if err == nil {
			out, err = answer(a)
		}
		if err != nil {
			s.fail(w, r, err)
			return
		}
		status := http.StatusOK
		if c, ok := out.(interface{ status() int }); ok {
			status = c.status()
		}
		if out == nil {
			w.WriteHeader(status)
			return
		}
		writeJSON(w, "application/json", status, out)
	}
}

func noStore(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache")
}

// hear reads a request, and finds out who sent it.
func (s *Server) hear(w http.ResponseWriter, r *http.Request) (*ask, error) {
	form, err := readForm(w, r)
	if err != nil {
		return nil, err
	}
	if len(r.Header.Values("DPoP")) > 0 {
		nonce, err := s.prover.fresh()
		if err != nil {
			return nil, err
		}
		w.Header().Set("DPoP-Nonce", nonce)
	}
	proof, err := s.prover.read(r, "")
	if err != nil {
		return nil, err
	}
	a := &ask{Request: r, form: form, bound: s.BoundTokens}
	if a.client, err = s.client(r, form); err != nil {
		return nil, err
	}
	if err := s.prover.spend(r.Context(), proof); err != nil {
		return nil, err
	}
	if a.proved.JKT = proof.jkt; a.client.certificate != nil {
		a.proved.X5T = thumbprint(a.client.certificate)
	}
	return a, nil
}

// readForm reads a form, in which resource and audience may stand twice (RFC 8707, RFC 8693).
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	form, err := webform.Read(w, r, maxForm, "resource", "audience")
	if f := new(fault.Fault); errors.As(err, &f) {
		return nil, refuse(f.Code, f.Message)
	}
	return form, err
}

// twice tells whether a parameter stands twice that may stand once only.
func twice(form url.Values) bool { return webform.Twice(form, "resource", "audience") }

// refusalOf words an error for a client. What the service refuses carries the
// codes of OAuth already.
func (s *Server) refusalOf(r *http.Request, err error) *oauthError {
	var refusal *oauthError
	var proof *proofError
	var f *fault.Fault
	switch {
	case errors.As(err, &refusal):
		return refusal
	case errors.As(err, &proof):
		return refuse(proof.code, proof.why)
	case errors.As(err, &f) && f.Kind == fault.TooMany:
		return slowDown(f.RetryAfter, f.Message)
	case errors.As(err, &f) && f.Kind == fault.Invalid:
		return refuse(f.Code, f.Message)
	case fault.KindOf(err) == fault.Unavailable:
		return &oauthError{Code: "temporarily_unavailable", Description: "A part that is needed is away. Try again in a moment.", status: http.StatusServiceUnavailable, retryAfter: 5}
	}
	s.Log.ErrorContext(r.Context(), "a request to the authorization server failed", "path", r.URL.Path, "error", err)
	return &oauthError{Code: "server_error", Description: "Something went wrong on our side. Try again.", status: http.StatusInternalServerError}
}

// fail answers a client with what went wrong.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	e := s.refusalOf(r, err)
	if e.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="paraph", charset="UTF-8"`)
	}
	if e.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(e.retryAfter))
	}
	writeJSON(w, "application/json", e.status, e)
}

func writeJSON(w http.ResponseWriter, media string, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", media)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	if _, err := w.Write(append(body, '\n')); err != nil {
		return // the caller has gone
	}
}
