package httpapi

import (
	"net/http"
	"slices"
	"strings"
)

// Origins are the web pages' origins that may call the API from a browser, such as
// https://app.example.com, compared as text; none by default. They come with a token
// of their own: no cookie is taken along (no Access-Control-Allow-Credentials).
type Origins []string

// shared are the beginnings of paths that pages of other origins may call. Pages for
// people are not among them.
var shared = []string{"/v1/", "/log/", "/oauth/token", "/oauth/revoke", "/oauth/par", "/oauth/device_authorization", "/oauth/userinfo", "/oauth/jwks", "/.well-known/", "/openapi."}

const (
	allowedMethods = "GET, POST, PUT, PATCH, DELETE"
	allowedHeaders = "Authorization, DPoP, Content-Type, Content-Disposition, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, Prefer, Range, Traceparent, X-Request-Id"
	exposedHeaders = "Content-Disposition, DPoP-Nonce, ETag, Idempotency-Replayed, Location, Preference-Applied, RateLimit, RateLimit-Policy, Repr-Digest, Retry-After, WWW-Authenticate, X-Request-Id"
)

// answer says in the headers what a page of the request's origin may do, by the Fetch
// standard, and tells whether the request was only asking that (a preflight).
func (o Origins) answer(w http.ResponseWriter, r *http.Request) (asked bool) {
	if len(o) == 0 || !slices.ContainsFunc(shared, func(p string) bool { return strings.HasPrefix(r.URL.Path, p) }) {
		return false
	}
	h := w.Header()
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == "" || len(r.Header.Values("Origin")) != 1 || !slices.Contains(o, origin) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		h.Set("Access-Control-Expose-Headers", exposedHeaders)
		return false
	}
	h.Set("Access-Control-Allow-Methods", allowedMethods)
	h.Set("Access-Control-Allow-Headers", allowedHeaders)
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}
