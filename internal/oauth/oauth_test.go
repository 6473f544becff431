package oauth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/fault"
)

const issuer = "https://paraph.example"

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// clients is a list of clients whose secret is their id with an s at the end.
type clients struct {
	mu    sync.Mutex
	known map[string]access.OAuthClient
	err   error
	asked int
}

func (c *clients) Authenticate(_ context.Context, id, secret string) (access.OAuthClient, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	if c.err != nil {
		return access.OAuthClient{}, c.err
	}
	cl, ok := c.known[id]
	if !ok || secret != id+"s" {
		return access.OAuthClient{}, fault.New(fault.Unauthorized, "invalid_client", "Wrong.")
	}
	return cl, nil
}

func (c *clients) ActiveClient(_ context.Context, id string) (access.OAuthClient, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	cl, ok := c.known[id]
	if !ok {
		return cl, fault.New(fault.Unauthorized, "invalid_token", "Revoked.")
	}
	return cl, nil
}

type rig struct {
	clients  *clients
	clock    *clock.Fake
	key      *ecdsa.PrivateKey
	kid      string
	server   *Server
	verifier *Verifier
}

func newRig(t testing.TB) *rig {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	named, err := NewKey(key)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{clock: clock.NewFake(noon), key: key, kid: named.ID, clients: &clients{known: map[string]access.OAuthClient{
		"cli 1:%": {ID: "cli 1:%", Org: "org_1", Principal: "erp@example.com", Scopes: []access.Scope{access.DocumentsRead, access.DocumentsWrite}, Units: []string{"finance"}},
	}}}
	c := Config{Clients: r.clients, Key: named, Issuer: issuer + "/", Clock: r.clock}
	if r.server, err = New(c); err != nil {
		t.Fatal(err)
	}
	if r.verifier, err = NewVerifier(c); err != nil {
		t.Fatal(err)
	}
	return r
}

// ask sends a token request and gives status, headers and the members of the answer.
func (r *rig) ask(form string, header ...string) (int, http.Header, map[string]any) {
	req := httptest.NewRequest("POST", TokenPath, strings.NewReader(form))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	r.server.ServeHTTP(w, req)
	out := map[string]any{}
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		out["error"] = "not JSON: " + w.Body.String()
	}
	return w.Code, w.Header(), out
}

const good = "grant_type=client_credentials&client_id=cli+1%3A%25&client_secret=cli+1%3A%25s"

func basic(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
}

func TestTokenEndpoint(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		form   string
		header []string
		status int
		want   string // error, or scope
	}{
		{"in the form", good, nil, 200, "documents:read documents:write"},
		{"in the header", "grant_type=client_credentials", []string{"Authorization", basic("cli 1:%", "cli 1:%s")}, 200, "documents:read documents:write"},
		{"narrowed", good + "&scope=documents:read+documents:read", nil, 200, "documents:read"},
		{"for this resource", good + "&resource=https://paraph.example/", nil, 200, "documents:read documents:write"},
		{"for another resource", good + "&resource=https://other.example", nil, 400, "invalid_target"},
		{"widened", good + "&scope=documents:read+admin", nil, 400, "invalid_scope"},
		{"unknown scope", good + "&scope=root", nil, 400, "invalid_scope"},
		{"wrong secret", strings.TrimSuffix(good, "s"), nil, 401, "invalid_client"},
		{"unknown client", "grant_type=client_credentials&client_id=x&client_secret=xs", nil, 401, "invalid_client"},
		{"no credentials", "grant_type=client_credentials", nil, 401, "invalid_client"},
		{"no grant type", strings.TrimPrefix(good, "grant_type=client_credentials&"), nil, 400, "invalid_request"},
		{"password grant", strings.Replace(good, "client_credentials", "password", 1), nil, 400, "unsupported_grant_type"},
		{"twice", good + "&scope=a&scope=b", nil, 400, "invalid_request"},
		{"secret in both", good, []string{"Authorization", basic("cli 1:%", "cli 1:%s")}, 400, "invalid_request"},
		{"two clients", "grant_type=client_credentials&client_id=other", []string{"Authorization", basic("cli 1:%", "cli 1:%s")}, 400, "invalid_request"},
		{"another scheme", good, []string{"Authorization", "Bearer x"}, 401, "invalid_client"},
		{"broken escape", "grant_type=client_credentials", []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("%zz:x"))}, 401, "invalid_client"},
		{"JSON", `{}`, []string{"Content-Type", "application/json"}, 400, "invalid_request"},
		{"too long", good + "&x=" + strings.Repeat("a", maxForm), nil, 400, "invalid_request"},
	} {
		r := newRig(t)
		status, header, out := r.ask(c.form, c.header...)
		got, _ := out["error"].(string)
		if status == 200 {
			got, _ = out["scope"].(string)
			if out["token_type"] != "Bearer" || out["expires_in"] != 600.0 {
				t.Errorf("%s: %v", c.name, out)
			}
		}
		if status != c.status || got != c.want || header.Get("Cache-Control") != "no-store" || !strings.HasPrefix(header.Get("Content-Type"), "application/json") {
			t.Errorf("%s: %d %q %v, want %d %q", c.name, status, got, header, c.status, c.want)
		}
		if (status == 401) != (header.Get("Www-Authenticate") != "") {
			t.Errorf("%s: WWW-Authenticate %q", c.name, header.Get("Www-Authenticate"))
		}
	}
}

func TestTroubleIsNotTheClientsFault(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.clients.err = fault.New(fault.Unavailable, "store_unavailable", "Away.")
	if status, header, out := r.ask(good); status != 503 || out["error"] != "temporarily_unavailable" || header.Get("Retry-After") == "" {
		t.Errorf("%d %v", status, out)
	}
	r.clients.err = errors.New("a secret cause")
	if status, _, out := r.ask(good); status != 500 || out["error"] != "server_error" || strings.Contains(out["error_description"].(string), "cause") {
		t.Errorf("%d %v", status, out)
	}
}

// TestGuessingIsSlow: wrong secrets stop an address, right ones never do.
func TestGuessingIsSlow(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for range 3 * guessBurst {
		if status, _, _ := r.ask(good); status != 200 {
			t.Fatalf("a right secret: %d", status)
		}
	}
	for i := range guessBurst {
		if status, _, _ := r.ask(strings.TrimSuffix(good, "s")); status != 401 {
			t.Fatalf("guess %d: %d", i, status)
		}
	}
	asked := r.clients.asked
	status, header, _ := r.ask(strings.TrimSuffix(good, "s"))
	if status != 429 || header.Get("Retry-After") != "6" || r.clients.asked != asked {
		t.Errorf("one guess too many: %d %v", status, header)
	}
	r.clock.Advance(guessInterval)
	if status, _, _ := r.ask(good); status != 200 {
		t.Errorf("after the wait: %d", status)
	}
	for i := range 2 * maxGuessers {
		r.server.guesses.wrong(noon, string(rune(i)))
	}
	if len(r.server.guesses.buckets) > maxGuessers {
		t.Errorf("%d guessers are remembered", len(r.server.guesses.buckets))
	}
}

// TestToken reads a token as RFC 9068 says, with the published keys alone.
func TestToken(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, _, out := r.ask(good)
	raw := out["access_token"].(string)
	w := httptest.NewRecorder()
	r.server.ServeHTTP(w, httptest.NewRequest("GET", KeysPath, nil))
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(w.Body.Bytes(), &set); err != nil || len(set.Keys) != 1 || !set.Keys[0].IsPublic() || strings.Contains(w.Body.String(), `"d"`) {
		t.Fatalf("keys %s %v", w.Body, err)
	}
	tok, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := tok.Claims(set.Keys[0], &got); err != nil {
		t.Fatal(err)
	}
	head := tok.Headers[0]
	if head.Algorithm != "ES256" || head.ExtraHeaders["typ"] != "at+jwt" || head.KeyID != r.kid {
		t.Errorf("header %+v", head)
	}
	for claim, want := range map[string]any{
		"iss": issuer, "aud": issuer, "sub": "cli 1:%", "client_id": "cli 1:%", "scope": "documents:read documents:write", "org": "org_1",
		"principal": "erp@example.com", "iat": float64(noon.Unix()), "exp": float64(noon.Add(10 * time.Minute).Unix()),
	} {
		if aud, ok := got[claim].([]any); ok && len(aud) == 1 {
			got[claim] = aud[0]
		}
		if got[claim] != want {
			t.Errorf("%s: %v, want %v", claim, got[claim], want)
		}
	}
	if jti, _ := got["jti"].(string); len(jti) < 20 {
		t.Errorf("jti %v", got["jti"])
	}
	actor, err := r.verifier.Verify(t.Context(), raw)
	if err != nil || actor.ID != "cli 1:%" || actor.Org != "org_1" || actor.Kind != access.Client || actor.Principal != "erp@example.com" ||
		!slices.Equal(actor.Units, []string{"finance"}) || !slices.Equal(actor.Scopes, []access.Scope{access.DocumentsRead, access.DocumentsWrite}) {
		t.Errorf("%+v %v", actor, err)
	}
}

// TestForgeries: none of these is a token of ours.
func TestForgeries(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := x509.MarshalPKIXPublicKey(&r.key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	base := func() map[string]any {
		return map[string]any{"iss": issuer, "aud": issuer, "sub": "cli 1:%", "client_id": "cli 1:%", "jti": "j", "org": "org_1", "principal": "p", "scope": "documents:read",
			"iat": noon.Unix(), "nbf": noon.Unix(), "exp": noon.Add(time.Minute).Unix()}
	}
	with := func(claim string, value any) map[string]any {
		c := base()
		if c[claim] = value; value == nil {
			delete(c, claim)
		}
		return c
	}
	sign := func(alg jose.SignatureAlgorithm, key any, typ, kid string, claims any) string {
		t.Helper()
		opts := &jose.SignerOptions{ExtraHeaders: map[jose.HeaderKey]any{}}
		if typ != "" {
			opts.WithType(jose.ContentType(typ))
		}
		opts.WithHeader("kid", kid)
		s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, opts)
		if err != nil {
			t.Fatal(err)
		}
		out, err := jwt.Signed(s).Claims(claims).Serialize()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	ours := func(claims any) string { return sign(jose.ES256, r.key, tokenType, r.kid, claims) }
	fine := ours(base())
	if _, err := r.verifier.Verify(t.Context(), fine); err != nil {
		t.Fatalf("the model of all forgeries is refused itself: %v", err)
	}
	parts := strings.Split(fine, ".")
	b64 := base64.RawURLEncoding.EncodeToString
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	embedded := func() string {
		s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: other}, (&jose.SignerOptions{EmbedJWK: true}).WithType(tokenType))
		if err != nil {
			t.Fatal(err)
		}
		out, err := jwt.Signed(s).Claims(base()).Serialize()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for name, token := range map[string]string{
		"empty": "", "no token": "abc", "two parts": parts[0] + "." + parts[1], "too long": strings.Repeat("a", maxToken+1),
		"alg none":              b64([]byte(`{"alg":"none","typ":"at+jwt","kid":"`+r.kid+`"}`)) + "." + parts[1] + ".",
		"alg None":              b64([]byte(`{"alg":"None","typ":"at+jwt","kid":"`+r.kid+`"}`)) + "." + parts[1] + ".",
		"HS256 with public key": sign(jose.HS256, pub, tokenType, r.kid, base()),
		"HS256 with PEM":        sign(jose.HS256, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pub}), tokenType, r.kid, base()),
		"RS256":                 sign(jose.RS256, rsaKey, tokenType, r.kid, base()),
		"another key":           sign(jose.ES256, other, tokenType, r.kid, base()),
		"its own key inside":    embedded(),
		"another kid":           sign(jose.ES256, r.key, tokenType, "x", base()),
		"no type":               sign(jose.ES256, r.key, "", r.kid, base()),
		"type JWT":              sign(jose.ES256, r.key, "JWT", r.kid, base()),
		"tampered":              parts[0] + "." + b64([]byte(strings.Replace(string(payload), "documents:read", "documents:reax", 1))) + "." + parts[2],
		"signature cut":         fine[:len(fine)-4],
		"no signature":          parts[0] + "." + parts[1] + ".",
		"zero signature":        parts[0] + "." + parts[1] + "." + b64(make([]byte, 64)),
		"other issuer":          ours(with("iss", "https://evil.example")),
		"other audience":        ours(with("aud", "https://evil.example")),
		"no audience":           ours(with("aud", nil)),
		"expired":               ours(with("exp", noon.Add(-leeway-time.Second).Unix())),
		"no expiry":             ours(with("exp", nil)),
		"not yet":               ours(with("nbf", noon.Add(leeway+time.Second).Unix())),
		"from the future":       ours(with("iat", noon.Add(leeway+time.Second).Unix())),
		"no iat":                ours(with("iat", nil)),
		"no jti":                ours(with("jti", nil)),
		"no client":             ours(with("client_id", nil)),
		"other subject":         ours(with("sub", "cli_2")),
		"other organisation":    ours(with("org", "org_2")),
		"revoked client":        ours(map[string]any{"iss": issuer, "aud": issuer, "sub": "gone", "client_id": "gone", "jti": "j", "org": "org_1", "iat": noon.Unix(), "exp": noon.Add(time.Minute).Unix()}),
	} {
		actor, err := r.verifier.Verify(t.Context(), token)
		if fault.KindOf(err) != fault.Unauthorized || fault.CodeOf(err) != "invalid_token" || actor.ID != "" {
			t.Errorf("%s: %+v %v", name, actor, err)
		}
	}
	if actor, err := r.verifier.Verify(t.Context(), ours(with("scope", "documents:read admin"))); err != nil || len(actor.Scopes) != 1 {
		t.Errorf("a scope the client does not have (any more): %+v %v", actor, err)
	}
}

// TestRevocation: a revoked client's token stops working within seconds, and
// the store is not asked for every request.
func TestRevocation(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, _, out := r.ask(good)
	raw := out["access_token"].(string)
	asked := r.clients.asked
	for range 10 {
		if _, err := r.verifier.Verify(t.Context(), raw); err != nil {
			t.Fatal(err)
		}
	}
	if r.clients.asked != asked+1 {
		t.Errorf("asked %d times", r.clients.asked-asked)
	}
	delete(r.clients.known, "cli 1:%")
	r.clock.Advance(clientMemory)
	if _, err := r.verifier.Verify(t.Context(), raw); fault.CodeOf(err) != "invalid_token" {
		t.Errorf("a revoked client: %v", err)
	}
}

// TestExpiryOfAKnownToken: that its signature was checked before does not let a
// token outlive its time.
func TestExpiryOfAKnownToken(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, _, out := r.ask(good)
	raw := out["access_token"].(string)
	for range 2 {
		if _, err := r.verifier.Verify(t.Context(), raw); err != nil {
			t.Fatal(err)
		}
	}
	r.clock.Advance(10*time.Minute + leeway + time.Second)
	if _, err := r.verifier.Verify(t.Context(), raw); fault.CodeOf(err) != "invalid_token" {
		t.Errorf("an old token: %v", err)
	}
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	newRig(t).server.ServeHTTP(w, httptest.NewRequest("GET", MetadataPath, nil))
	var m serverMetadata
	if err := json.Unmarshal(w.Body.Bytes(), &m); err != nil || m.Issuer != issuer || m.TokenEndpoint != issuer+"/oauth/token" || len(m.Scopes) != len(access.Scopes()) {
		t.Errorf("%s %v", w.Body, err)
	}
}

func TestKeyFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "keys", "token.pem")
	got := make([]string, 8)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() {
			if k, err := LoadOrCreateKey(file); err == nil {
				got[i] = k.ID
			} else {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(slices.Compact(got)) != 1 {
		t.Errorf("of eight starts at once, not all have the same key: %v", got)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v %v", info.Mode(), err)
	}
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadOrCreateKey(file); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a file that others can read: %v", err)
	}
	if err := os.WriteFile(file, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadOrCreateKey(file); err == nil {
		t.Error("a damaged file was taken")
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []crypto.Signer{nil, ed, p384} {
		if _, err := NewKey(bad); !errors.Is(err, ErrBadKey) {
			t.Errorf("%T: %v", bad, err)
		}
	}
}

// FuzzVerify: no text but a token of ours is let in.
func FuzzVerify(f *testing.F) {
	r := newRig(f)
	f.Add("a.b.c")
	f.Add(`eyJhbGciOiJub25lIn0..`)
	f.Add(`{"payload":"","signatures":[]}`)
	f.Fuzz(func(t *testing.T, token string) {
		if actor, err := r.verifier.Verify(context.Background(), token); err == nil {
			t.Errorf("%q is let in as %+v", token, actor)
		}
	})
}
