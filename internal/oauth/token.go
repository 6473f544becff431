package oauth

import (
	"encoding/json"
	"errors"
	"math"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
)

// maxForm is the longest token request read, in bytes.
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

// tokenAnswer is RFC 6749 section 5.1.
type tokenAnswer struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int    `json:"expires_in"`
	Scope       string `json:"scope"`
}

// token answers a token request (RFC 6749 section 4.4.2).
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache")
	answer, err := s.grant(w, r)
	if err == nil {
		writeJSON(w, "application/json", http.StatusOK, answer)
		return
	}
	var refusal *oauthError
	if !errors.As(err, &refusal) {
		s.Log.ErrorContext(r.Context(), "a token request failed", "error", err)
		refusal = &oauthError{Code: "server_error", Description: "Something went wrong on our side. Try again.", status: http.StatusInternalServerError}
		if fault.KindOf(err) == fault.Unavailable {
			refusal.Code, refusal.status, refusal.retryAfter = "temporarily_unavailable", http.StatusServiceUnavailable, 5
		}
	}
	if refusal.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="paraph", charset="UTF-8"`)
	}
	if refusal.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(refusal.retryAfter))
	}
	writeJSON(w, "application/json", refusal.status, refusal)
}

func (s *Server) grant(w http.ResponseWriter, r *http.Request) (tokenAnswer, error) {
	form, err := readForm(w, r)
	if err != nil {
		return tokenAnswer{}, err
	}
	id, secret, err := credentials(r, form)
	if err != nil {
		return tokenAnswer{}, err
	}
	cl, err := s.authenticate(r, id, secret)
	if err != nil {
		return tokenAnswer{}, err
	}
	switch form.Get("grant_type") {
	case "client_credentials":
	case "":
		return tokenAnswer{}, refuse("invalid_request", "grant_type is missing.")
	default:
		return tokenAnswer{}, refuse("unsupported_grant_type", "This server knows client_credentials.")
	}
	for _, wanted := range form["resource"] { // RFC 8707: there is one resource here
		if strings.TrimSuffix(wanted, "/") != s.Issuer {
			return tokenAnswer{}, refuse("invalid_target", "This server makes tokens for "+s.Issuer+" only.")
		}
	}
	scopes, err := narrow(cl.Scopes, form.Get("scope"))
	if err != nil {
		return tokenAnswer{}, err
	}
	jwt, err := s.signer.issue(s.Issuer, cl, scopes, s.Clock.Now(), s.Lifetime)
	if err != nil {
		return tokenAnswer{}, err
	}
	return tokenAnswer{AccessToken: jwt, TokenType: "Bearer", ExpiresIn: int(s.Lifetime.Seconds()), Scope: joinScopes(scopes)}, nil
}

// readForm reads a form body in which no parameter stands twice (RFC 6749 section
// 3.2), resource excepted (RFC 8707).
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" {
		return nil, refuse("invalid_request", "Send application/x-www-form-urlencoded.")
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return nil, refuse("invalid_request", "The form cannot be read.")
	}
	for name, values := range r.PostForm {
		if len(values) > 1 && name != "resource" {
			return nil, refuse("invalid_request", "A parameter stands twice.")
		}
	}
	return r.PostForm, nil
}

// credentials takes the client's id and secret from the Authorization header or
// the form, never from both (RFC 6749 section 2.3).
func credentials(r *http.Request, form url.Values) (id, secret string, err error) {
	if r.Header.Get("Authorization") == "" {
		if form.Get("client_id") == "" || form.Get("client_secret") == "" {
			return "", "", invalidClient()
		}
		return form.Get("client_id"), form.Get("client_secret"), nil
	}
	user, pass, ok := r.BasicAuth()
	if !ok || len(r.Header.Values("Authorization")) > 1 {
		return "", "", invalidClient()
	}
	if form.Has("client_secret") {
		return "", "", refuse("invalid_request", "Send the secret in the header or in the form, not in both.")
	}
	// Both are form-encoded before they are joined (RFC 6749 section 2.3.1).
	id, err1 := url.QueryUnescape(user)
	secret, err2 := url.QueryUnescape(pass)
	if err1 != nil || err2 != nil {
		return "", "", invalidClient()
	}
	if other := form.Get("client_id"); other != "" && other != id {
		return "", "", refuse("invalid_request", "The header and the form name different clients.")
	}
	return id, secret, nil
}

func invalidClient() *oauthError {
	return &oauthError{Code: "invalid_client", Description: "The client id or secret is wrong, or the client was revoked.", status: http.StatusUnauthorized}
}

// authenticate checks the secret. Wrong ones cost the caller's address a place in
// a small bucket. The client's name has none: a secret has 256 bits and cannot be
// guessed from anywhere, and whoever knows the name could lock the client out.
func (s *Server) authenticate(r *http.Request, id, secret string) (access.OAuthClient, error) {
	address := r.RemoteAddr
	if s.SourceOf != nil {
		address = s.SourceOf(r.Context()).Address
	} else if colon := strings.LastIndexByte(address, ':'); colon > 0 {
		address = address[:colon]
	}
	now := s.Clock.Now()
	if wait := s.guesses.wait(now, address); wait > 0 {
		return access.OAuthClient{}, &oauthError{Code: "slow_down", Description: "Too many wrong secrets.", status: http.StatusTooManyRequests, retryAfter: int(math.Ceil(wait.Seconds()))}
	}
	cl, err := s.Clients.Authenticate(r.Context(), id, secret)
	if fault.KindOf(err) == fault.Unauthorized && err != nil {
		s.guesses.wrong(now, address)
		s.Log.WarnContext(r.Context(), "a client gave a wrong secret", "client", printable(id), "address", address)
		return cl, invalidClient()
	}
	return cl, err
}

// printable cuts what somebody sent for the log.
func printable(s string) string {
	return strconv.QuoteToASCII(s[:min(len(s), 64)])
}

// narrow gives the scopes asked for, or all the client has. invalid_scope where
// one is asked for that it does not have.
func narrow(has []access.Scope, asked string) ([]access.Scope, error) {
	names := strings.Fields(asked)
	if len(names) == 0 {
		return has, nil
	}
	var out []access.Scope
	for _, name := range names {
		sc := access.Scope(name)
		if !slices.Contains(has, sc) {
			return nil, refuse("invalid_scope", "The client does not have every scope it asks for.")
		}
		if !slices.Contains(out, sc) {
			out = append(out, sc)
		}
	}
	return out, nil
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
