package httpapi

import (
	"strings"
	"testing"
)

// TestCrossOrigin: pages of configured origins may call the API with a token, those of
// others may not, and by default nobody's may; no page gets cookies along.
func TestCrossOrigin(t *testing.T) {
	const app = "https://app.example.com"
	ask := func(s *stack, method, path, origin string) *answer {
		nobody := &caller{stack: s}
		return nobody.send(method, path, nil, "Origin", origin, "Access-Control-Request-Method", "PATCH", "Access-Control-Request-Headers", "authorization,dpop")
	}
	closed := func(s *stack, a *answer) {
		s.t.Helper()
		for name := range a.header {
			if strings.HasPrefix(name, "Access-Control-") {
				s.t.Errorf("%s: %s %v", a.what, name, a.header[name])
			}
		}
	}
	t.Run("none", func(t *testing.T) {
		onBoth(t, func(s *stack) {
			closed(s, ask(s, "OPTIONS", "/v1/documents", app))
			closed(s, s.admin.get("/v1/documents", "Origin", app).want(200))
		})
	})
	t.Run("one", func(t *testing.T) {
		onBoth(t, func(s *stack) {
			a := ask(s, "OPTIONS", "/v1/documents/doc_x", app).want(204)
			if a.header.Get("Access-Control-Allow-Origin") != app || a.header.Get("Vary") != "Origin" || a.header.Get("Access-Control-Allow-Credentials") != "" ||
				!strings.Contains(a.header.Get("Access-Control-Allow-Headers"), "DPoP") || !strings.Contains(a.header.Get("Access-Control-Allow-Methods"), "PATCH") {
				t.Errorf("%v", a.header)
			}
			a = s.admin.get("/v1/documents", "Origin", app).want(200)
			if a.header.Get("Access-Control-Allow-Origin") != app || !strings.Contains(a.header.Get("Access-Control-Expose-Headers"), "DPoP-Nonce") {
				t.Errorf("%v", a.header)
			}
			a = s.admin.get("/v1/documents/doc_x", "Origin", app).problem(404, "not_found") // a page may read why it was refused
			if a.header.Get("Access-Control-Allow-Origin") != app {
				t.Errorf("%v", a.header)
			}
			for _, other := range []string{"https://app.example.com.evil.example", "http://app.example.com", "null", "https://APP.example.com", ""} {
				closed(s, ask(s, "OPTIONS", "/v1/documents", other))
				closed(s, s.admin.get("/v1/documents", "Origin", other).want(200))
			}
			for _, page := range []string{"/login", "/oauth/authorize", "/sign/x", "/console/webhooks", "/docs"} {
				closed(s, ask(s, "OPTIONS", page, app))
			}
		}, func(c *Config) { c.Origins = Origins{app} })
	})
}
