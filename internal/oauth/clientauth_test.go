package oauth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"github.com/paraph/paraph/internal/webform"
	"math/big"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/service"
)

// TestPrivateKeyJWT is RFC 7523 section 3, with one audience: the issuer.
func TestPrivateKeyJWT(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h, other := newHolder(t), newHolder(t)
	c := r.client(access.Profile{Auth: access.AuthKey, Keys: h.set(t)})
	second := r.client(access.Profile{Auth: access.AuthKey, Keys: other.set(t)})
	now := r.clock.Now()
	base := func(pairs ...any) map[string]any {
		return changed(map[string]any{"iss": c.Client.ID, "sub": c.Client.ID, "aud": issuer, "jti": newJTI(), "iat": now.Unix(), "exp": now.Add(time.Minute).Unix()}, pairs...)
	}
	by := func(claims map[string]any, head ...any) string {
		headers := map[jose.HeaderKey]any{}
		for i := 0; i+1 < len(head); i += 2 {
			headers[jose.HeaderKey(head[i].(string))] = head[i+1]
		}
		return sign(t, jose.ES256, h.PrivateKey, headers, claims)
	}
	ask := func(assertion string, pairs ...string) reply {
		form := url.Values{"grant_type": {"client_credentials"}, "client_assertion_type": {assertionType}, "client_assertion": {assertion}}
		for i := 0; i+1 < len(pairs); i += 2 {
			form.Set(pairs[i], pairs[i+1])
		}
		return r.post(TokenPath, form)
	}
	pub, err := x509.MarshalPKIXPublicKey(&h.PublicKey)
	r.must(err)
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + strings.Split(by(base()), ".")[1] + "."
	for name, a := range map[string]struct {
		assertion string
		good      bool
	}{
		"good":                      {by(base()), true},
		"typed":                     {by(base(), "typ", "client-authentication+jwt"), true},
		"audience as a list":        {by(base("aud", []string{issuer})), true},
		"a clock a little early":    {by(base("iat", now.Add(leeway).Unix(), "nbf", now.Add(leeway).Unix())), true},
		"audience: token endpoint":  {by(base("aud", issuer+TokenPath)), false},
		"audience: another server":  {by(base("aud", "https://evil.example")), false},
		"audience: two":             {by(base("aud", []string{issuer, "https://evil.example"})), false},
		"no audience":               {by(base("aud", nil)), false},
		"another issuer":            {by(base("iss", second.Client.ID)), false},
		"another client's key":      {by(base("iss", second.Client.ID, "sub", second.Client.ID)), false},
		"no issuer":                 {by(base("iss", nil)), false},
		"expired":                   {by(base("exp", now.Add(-leeway-time.Second).Unix())), false},
		"no expiry":                 {by(base("exp", nil)), false},
		"good for too long":         {by(base("exp", now.Add(assertionLife+leeway+time.Second).Unix())), false},
		"not yet":                   {by(base("nbf", now.Add(leeway+time.Second).Unix())), false},
		"from the future":           {by(base("iat", now.Add(leeway+time.Second).Unix())), false},
		"no jti":                    {by(base("jti", nil)), false},
		"alg none":                  {none, false},
		"HS256 with the public key": {sign(t, jose.HS256, pub, nil, base()), false},
		"type of access tokens":     {by(base(), "typ", "at+jwt"), false},
		"type of proofs":            {by(base(), "typ", "dpop+jwt"), false},
		"another kid":               {by(base(), "kid", "x"), true}, // its keys have no names
		"too long":                  {by(base("x", strings.Repeat("a", maxAssertion))), false},
		"no JWT":                    {"abc", false},
	} {
		p := ask(a.assertion)
		if a.good != (p.status == 200) || !a.good && p.text("error") != "invalid_client" {
			t.Errorf("%s: %d %s", name, p.status, p.body)
		}
		r.server.wrong = webform.NewGuesses(guessBurst, guessInterval)
	}
	once := by(base())
	ask(once).is(t, 200, "")
	ask(once).is(t, 401, "invalid_client")
	ask(by(base()), "client_assertion_type", "x").is(t, 400, "invalid_request")
	ask(by(base()), "client_id", second.Client.ID).is(t, 401, "invalid_client")
	ask(by(base()), "client_secret", "x").is(t, 400, "invalid_request")
	r.post(TokenPath, url.Values{"grant_type": {"client_credentials"}, "client_id": {c.Client.ID}}).is(t, 401, "invalid_client")
	secret := r.client(access.Profile{})
	ask(by(base("iss", secret.Client.ID, "sub", secret.Client.ID))).is(t, 401, "invalid_client")
}

// certify makes a certificate; parent nil: it signs itself.
func certify(t testing.TB, name string, parent *x509.Certificate, by *ecdsa.PrivateKey, change func(*x509.Certificate)) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, DNSNames: []string{name}, BasicConstraintsValid: true, IsCA: parent == nil}
	if change != nil {
		change(c)
	}
	if parent == nil {
		parent, by = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	out, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return out, key
}

// TestMTLS is RFC 8705: both ways to prove oneself, and tokens that are bound.
func TestMTLS(t *testing.T) {
	t.Parallel()
	root, rootKey := certify(t, "Root", nil, nil, nil)
	stranger, strangerKey := certify(t, "Root", nil, nil, nil)
	leaf := func(name string, change func(*x509.Certificate)) *x509.Certificate {
		c, _ := certify(t, name, root, rootKey, change)
		return c
	}
	good := leaf("erp.example", nil)
	forged, _ := certify(t, "erp.example", stranger, strangerKey, nil)
	r := newRig(t, func(c *Config) {
		c.Roots = x509.NewCertPool()
		c.Roots.AddCert(root)
	})
	c := r.client(access.Profile{Auth: access.AuthPKI, Subject: access.CertificateSubject{DNS: "erp.example"}, Certificate: true})
	own, _ := certify(t, "self", nil, nil, nil)
	raw, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: own.PublicKey, Certificates: []*x509.Certificate{own}}}})
	r.must(err)
	self := r.client(access.Profile{Auth: access.AuthSelfSigned, Keys: raw})
	twin, _ := certify(t, "self", nil, nil, nil)
	for name, a := range map[string]struct {
		client service.ClientSecret
		certs  []*x509.Certificate
		good   bool
	}{
		"its certificate": {c, []*x509.Certificate{good}, true}, "none": {c, nil, false},
		"for another": {c, []*x509.Certificate{leaf("other.example", nil)}, false}, "of another authority": {c, []*x509.Certificate{forged, stranger}, false},
		"run out":        {c, []*x509.Certificate{leaf("erp.example", func(c *x509.Certificate) { c.NotAfter = c.NotBefore.Add(time.Minute) })}, false},
		"for servers":    {c, []*x509.Certificate{leaf("erp.example", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })}, false},
		"the registered": {self, []*x509.Certificate{own}, true}, "one like it": {self, []*x509.Certificate{twin}, false},
	} {
		r.certs = a.certs
		p := r.token(a.client, "grant_type", "client_credentials")
		if a.good != (p.status == 200) || !a.good && p.text("error") != "invalid_client" {
			t.Errorf("%s: %d %s", name, p.status, p.body)
		}
	}
	r.certs = []*x509.Certificate{good}
	p := r.token(c, "grant_type", "client_credentials").is(t, 200, "")
	sum := sha256.Sum256(good.Raw)
	if cnf, _ := r.claims(p.text("access_token"), "at+jwt")["cnf"].(map[string]any); cnf["x5t#S256"] != base64.RawURLEncoding.EncodeToString(sum[:]) {
		t.Errorf("cnf %v", cnf)
	}
	r.alive(p.text("access_token"))
	r.certs = nil
	r.token(r.client(access.Profile{Certificate: true}), "grant_type", "client_credentials").is(t, 400, "invalid_request")
	for _, certs := range [][]*x509.Certificate{nil, {own}, {own, good}} {
		r.certs = certs
		if _, err := r.verify(p.text("access_token")); err == nil {
			t.Errorf("a bound token works with %d other certificates", len(certs))
		}
	}
}

// TestForwardedCertificates: a certificate in a header counts if a proxy of ours
// wrote it.
func TestForwardedCertificates(t *testing.T) {
	t.Parallel()
	c, _ := certify(t, "erp.example", nil, nil, nil)
	item := ":" + base64.StdEncoding.EncodeToString(c.Raw) + ":"
	escaped := url.PathEscape(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})))
	get := ForwardedCertificates("Client-Cert", []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")})
	for name, a := range map[string]struct {
		peer   string
		header []string
		chain  []string
		want   int // certificates; −1: refused
	}{
		"from the proxy": {"10.1.2.3:4", []string{item}, nil, 1}, "as PEM": {"10.1.2.3:4", []string{escaped}, nil, 1}, "with its chain": {"10.1.2.3:4", []string{item}, []string{item + ", " + item}, 3},
		"from anybody": {"192.0.2.1:4", []string{item}, nil, 0}, "none": {"10.1.2.3:4", nil, nil, 0}, "only a chain": {"10.1.2.3:4", nil, []string{item}, 0},
		"two": {"10.1.2.3:4", []string{item, item}, nil, -1}, "no certificate": {"10.1.2.3:4", []string{":AAAA:"}, nil, -1}, "no base64": {"10.1.2.3:4", []string{":?:"}, nil, -1},
		"no PEM": {"10.1.2.3:4", []string{"abc"}, nil, -1}, "endless": {"10.1.2.3:4", []string{item}, []string{strings.Repeat(item+",", 20)}, -1},
	} {
		q := httptest.NewRequest("GET", "/", nil)
		q.RemoteAddr = a.peer
		q.Header["Client-Cert"], q.Header["Client-Cert-Chain"] = a.header, a.chain
		got, err := get(q)
		if (err != nil) != (a.want < 0) || err == nil && len(got) != a.want {
			t.Errorf("%s: %d %v", name, len(got), err)
		}
	}
	q := httptest.NewRequest("GET", "/", nil)
	q.RemoteAddr = "10.1.2.3:4"
	q.Header.Set("Client-Cert", item)
	if got, err := ForwardedCertificates("", []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")})(q); len(got) != 0 || err != nil {
		t.Errorf("no header is configured, and one is believed: %v", err)
	}
}

// TestBasic: both halves of the header are form-encoded (RFC 6749 section 2.3.1),
// and there is one way to prove oneself in a request.
func TestBasic(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	grant := url.Values{"grant_type": {"client_credentials"}}
	r.post(TokenPath, grant, "Authorization", basicOf(r.admin.Client, r.admin.Secret)).is(t, 200, "")
	raw := func(user string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+r.admin.Secret))
	}
	for name, a := range map[string]struct {
		form   url.Values
		header string
		status int
		code   string
	}{
		"secret in both":  {with(r.admin, "grant_type", "client_credentials"), basicOf(r.admin.Client, r.admin.Secret), 400, "invalid_request"},
		"two clients":     {url.Values{"grant_type": {"client_credentials"}, "client_id": {"other"}}, basicOf(r.admin.Client, r.admin.Secret), 400, "invalid_request"},
		"another scheme":  {grant, "Bearer x", 401, "invalid_client"},
		"a broken escape": {grant, "Basic " + base64.StdEncoding.EncodeToString([]byte("%zz:x")), 401, "invalid_client"},
		"no secret":       {grant, basicOf(r.admin.Client, ""), 401, "invalid_client"},
		"a wrong secret":  {grant, basicOf(r.admin.Client, "x"), 401, "invalid_client"},
		"a blank behind":  {grant, basicOf(r.admin.Client, r.admin.Secret+" "), 401, "invalid_client"},
		"an escape":       {grant, raw("%63" + r.admin.Client.ID[1:]), 200, ""},
		"escaped twice":   {grant, raw("%2563" + r.admin.Client.ID[1:]), 401, "invalid_client"},
	} {
		p := r.post(TokenPath, a.form, "Authorization", a.header).is(t, a.status, a.code)
		if (a.status == 401) != (p.header.Get("WWW-Authenticate") != "") {
			t.Errorf("%s: %v", name, p.header)
		}
	}
	public := r.client(app())
	r.post(TokenPath, url.Values{"grant_type": {"refresh_token"}}, "Authorization", basicOf(public.Client, "x")).is(t, 401, "invalid_client")
}
