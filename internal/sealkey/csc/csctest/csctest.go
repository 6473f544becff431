// Package csctest is a trust service provider for tests: it speaks the API of the
// Cloud Signature Consortium, version 2, refuses whatever that forbids, and
// misbehaves on demand.
package csctest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/sealkey/sealkeytest"
)

// Fault is a way to misbehave.
type Fault int

// The faults.
const (
	None          Fault = iota
	Down                // connections break off
	Status503           // it is overloaded
	NoJSON              // it answers with a page
	WrongDigest         // it signs something else
	OtherKey            // it signs with another key
	TwoForOne           // it gives two signatures for one digest
	Raw                 // it gives r and s side by side, which the API leaves open
	Pending             // it wants to be asked again later, though synchronous was asked for
	Huge                // its answer does not end
	ForgetTokens        // access tokens end at once, each after its first use
	ForgetSession       // transactions end at once
	NoSAD               // it authorises with nothing
)

// Options are what a provider offers. The zero value is a service without a login
// and one implicit credential of SCAL 1.
type Options struct {
	Key   crypto.Signer
	Chain []*x509.Certificate
	Now   func() time.Time

	User, Password         string // auth/login
	ClientID, ClientSecret string // OAuth 2.0
	ByIssuer               bool   // info names the authorisation server's issuer only

	Mode      string            // "" is implicit
	AuthData  map[string]string // of an explicit credential
	SCAL2     bool
	Multisign int // 0 is 1
	Algo      []string
	Others    int    // further credentials, which are disabled
	Specs     string // "" is 2.0.0.2
	Status    string // of the key; "" is enabled
	CertState string // "" is valid
}

// Provider is a running one.
type Provider struct {
	URL string
	Options

	server *httptest.Server
	mu     sync.Mutex
	fault  Fault
	calls  map[string]int
	tokens map[string]bool
	sads   map[string]*session
	broken []string // what a caller did that the API forbids
	other  *ecdsa.PrivateKey
}

// session is an open transaction.
type session struct {
	hashes []string // bound; those signed are taken out
	left   int
	until  time.Time
	spent  bool // another SAD took its place
}

// CredentialID is the id of the credential that works.
const CredentialID = "seal/1"

// sadLife is how long activation data last, in seconds.
const sadLife = 300

// New starts a provider, which ends with the test.
func New(t testing.TB, o Options) *Provider {
	t.Helper()
	if o.Now == nil {
		o.Now = time.Now
	}
	p := &Provider{Options: o, calls: map[string]int{}, tokens: map[string]bool{}, sads: map[string]*session{}}
	var err error
	if p.other, err = ecdsa.GenerateKey(o.Chain[0].PublicKey.(*ecdsa.PublicKey).Curve, rand.Reader); err != nil {
		t.Fatal(err)
	}
	p.server = httptest.NewTLSServer(p)
	p.URL = p.server.URL + "/csc/v2"
	t.Cleanup(p.server.Close)
	return p
}

// RootsPEM gives what to trust for its TLS.
func (p *Provider) RootsPEM() []byte {
	return sealkeytest.PEM(p.server.Certificate())
}

// Client gives an HTTP client that trusts it.
func (p *Provider) Client() *http.Client { return p.server.Client() }

// Misbehave sets how it misbehaves from now on.
func (p *Provider) Misbehave(f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
}

// Calls tells how often a method was asked.
func (p *Provider) Calls(method string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[method]
}

// Broken lists what callers did that the API forbids.
func (p *Provider) Broken() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.broken)
}

// refuse answers with an error of the API.
func (p *Provider) refuse(w http.ResponseWriter, status int, code, description string) {
	if status == http.StatusBadRequest {
		p.broken = append(p.broken, description)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": code, "error_description": description}) // the caller sees it, or is gone
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the caller sees it, or is gone
}

// ServeHTTP implements http.Handler.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	method := strings.TrimPrefix(r.URL.Path, "/csc/v2/")
	p.calls[method]++
	switch p.fault {
	case Down:
		panic(http.ErrAbortHandler)
	case Status503:
		p.refuse(w, http.StatusServiceUnavailable, "server_error", "overloaded")
		return
	case NoJSON:
		_, _ = w.Write([]byte("<html>maintenance</html>")) // the caller sees it, or is gone
		return
	case Huge:
		_, _ = io.CopyN(w, endless{}, 16<<20) // until the caller has enough
		return
	}
	switch {
	case r.URL.Path == "/as/oauth2/token":
		p.oauth(w, r)
	case r.URL.Path == "/as/.well-known/oauth-authorization-server":
		answer(w, map[string]string{"issuer": p.server.URL + "/as", "token_endpoint": p.server.URL + "/as/oauth2/token"})
	case r.Method != http.MethodPost:
		p.refuse(w, http.StatusMethodNotAllowed, "invalid_request", "only POST")
	case r.Header.Get("Content-Type") != "application/json":
		p.refuse(w, http.StatusBadRequest, "invalid_request", "the content type is "+r.Header.Get("Content-Type"))
	default:
		p.api(w, r, method)
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

// api answers a method.
func (p *Provider) api(w http.ResponseWriter, r *http.Request, method string) {
	raw, err := io.ReadAll(r.Body)
	in := map[string]any{}
	if err != nil || json.Unmarshal(raw, &in) != nil {
		p.refuse(w, http.StatusBadRequest, "invalid_request", "the body is no JSON object")
		return
	}
	methods := map[string]struct {
		knows string // parameters, those that have to be there with a star
		do    func(http.ResponseWriter, *http.Request, map[string]any)
	}{
		"info":                          {"lang", p.info},
		"auth/login":                    {"refresh_token rememberMe clientData", p.authLogin},
		"credentials/list":              {"userID credentialInfo certificates certInfo authInfo onlyValid lang clientData", p.list},
		"credentials/info":              {"*credentialID certificates certInfo authInfo lang clientData", p.credential},
		"credentials/authorize":         {"*credentialID *numSignatures hashes hashAlgorithmOID authData description clientData", p.authorize},
		"credentials/extendTransaction": {"*credentialID *SAD hashes hashAlgorithmOID clientData", p.extend},
		"signatures/signHash":           {"*credentialID *SAD *hashes hashAlgorithmOID *signAlgo signAlgoParams operationMode validity_period response_uri clientData", p.signHash},
	}
	m, ok := methods[method]
	if !ok {
		p.refuse(w, http.StatusNotFound, "invalid_request", "there is no method "+method)
		return
	}
	known := strings.Fields(m.knows)
	for name := range in {
		if !slices.Contains(known, name) && !slices.Contains(known, "*"+name) {
			p.refuse(w, http.StatusBadRequest, "invalid_request", method+" has no parameter "+name)
			return
		}
	}
	for _, name := range known {
		if _, there := in[strings.TrimPrefix(name, "*")]; !there && name[0] == '*' {
			p.refuse(w, http.StatusBadRequest, "invalid_request", "Missing (or invalid type) parameter "+name[1:])
			return
		}
	}
	if method != "info" && method != "auth/login" && !p.known(w, r) {
		return
	}
	if id, there := in["credentialID"]; there && id != CredentialID {
		p.refuse(w, http.StatusBadRequest, "invalid_request", "Invalid parameter credentialID")
		return
	}
	m.do(w, r, in)
}

// known checks the access token, if there is a login.
func (p *Provider) known(w http.ResponseWriter, r *http.Request) bool {
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if p.User == "" && p.ClientID == "" {
		if bearer {
			p.refuse(w, http.StatusBadRequest, "invalid_request", "a token was sent that nobody gave")
		}
		return !bearer
	}
	if !p.tokens[token] {
		p.refuse(w, http.StatusUnauthorized, "invalid_token", "The access or refresh token is expired or has been revoked")
		return false
	}
	if p.fault == ForgetTokens {
		delete(p.tokens, token)
	}
	return true
}

func (p *Provider) info(w http.ResponseWriter, _ *http.Request, _ map[string]any) {
	out := map[string]any{"specs": or(p.Specs, "2.0.0.2"), "name": "Test", "logo": "https://tsp.example/logo.png", "region": "XX", "lang": "en", "description": "Test",
		"methods":        []string{"info", "auth/login", "credentials/list", "credentials/info", "credentials/authorize", "credentials/extendTransaction", "signatures/signHash"},
		"signAlgorithms": map[string]any{"algos": p.algos()}, "authType": []string{"external"}}
	switch {
	case p.User != "":
		out["authType"] = []string{"basic"}
	case p.ClientID != "" && p.ByIssuer:
		out["authType"], out["oauth2Issuer"] = []string{"oauth2client"}, p.server.URL+"/as"
	case p.ClientID != "":
		out["authType"], out["oauth2"] = []string{"oauth2client"}, p.server.URL+"/as"
	}
	answer(w, out)
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func (p *Provider) algos() []string {
	if len(p.Algo) > 0 {
		return p.Algo
	}
	return []string{"1.2.840.10045.4.3.2", "1.2.840.10045.4.3.3"}
}

func (p *Provider) authLogin(w http.ResponseWriter, r *http.Request, _ map[string]any) {
	user, password, ok := r.BasicAuth()
	if !ok || p.User == "" || user != p.User || password != p.Password {
		p.refuse(w, http.StatusUnauthorized, "authentication_error", "An error occurred during authentication process")
		return
	}
	answer(w, map[string]any{"access_token": p.token(), "expires_in": 600})
}

func (p *Provider) oauth(w http.ResponseWriter, r *http.Request) {
	id, secret, ok := r.BasicAuth()
	switch {
	case r.Method != http.MethodPost || r.FormValue("grant_type") != "client_credentials":
		p.refuse(w, http.StatusBadRequest, "unsupported_grant_type", "client_credentials alone")
	case !ok || p.ClientID == "" || id != p.ClientID || secret != p.ClientSecret:
		p.refuse(w, http.StatusUnauthorized, "invalid_client", "Client authentication failed")
	default:
		answer(w, map[string]any{"access_token": p.token(), "token_type": "Bearer", "expires_in": 600})
	}
}

func (p *Provider) token() string {
	token := rand.Text()
	p.tokens[token] = true
	return token
}

func (p *Provider) list(w http.ResponseWriter, _ *http.Request, in map[string]any) {
	if _, named := in["userID"]; named && p.User != "" {
		p.refuse(w, http.StatusBadRequest, "invalid_request", "userID must not be sent by who is logged in as a user")
		return
	}
	ids := []string{CredentialID}
	for i := range p.Others {
		ids = append(ids, "other/"+strconv.Itoa(i))
	}
	answer(w, map[string]any{"credentialIDs": ids})
}

func (p *Provider) credential(w http.ResponseWriter, _ *http.Request, in map[string]any) {
	var certs []string
	for _, c := range p.Chain {
		certs = append(certs, base64.StdEncoding.EncodeToString(c.Raw))
	}
	slices.Reverse(certs[1:]) // the API sets no order but for the first
	switch in["certificates"] {
	case "chain":
	case "none":
		certs = nil
	case nil, "single":
		certs = certs[:1]
	default:
		p.refuse(w, http.StatusBadRequest, "invalid_request", "Invalid parameter certificates")
		return
	}
	out := map[string]any{"key": map[string]any{"status": or(p.Status, "enabled"), "algo": p.algos(), "len": 256, "curve": "1.2.840.10045.3.1.7"},
		"cert": map[string]any{"status": or(p.CertState, "valid"), "certificates": certs}, "SCAL": map[bool]string{true: "2", false: "1"}[p.SCAL2], "multisign": max(1, p.Multisign)}
	if in["authInfo"] == true {
		auth := map[string]any{"mode": or(p.Mode, "implicit")}
		var objects []any
		for id := range p.AuthData {
			objects = append(objects, map[string]string{"type": "Password", "id": id, "format": "N"})
		}
		if objects != nil {
			auth["expression"], auth["objects"] = "PIN", objects
		}
		out["auth"] = auth
	}
	answer(w, out)
}

// signature signs, over the wrong digest or with another key where it is to misbehave so.
func (p *Provider) signature(digest []byte, h crypto.Hash) ([]byte, error) {
	key := p.Key
	switch p.fault {
	case WrongDigest:
		digest = slices.Clone(digest)
		digest[0] ^= 1
	case OtherKey:
		key = p.other
	case Raw:
		k := p.Key.(*ecdsa.PrivateKey)
		r, s, err := ecdsa.Sign(rand.Reader, k, digest)
		if err != nil {
			return nil, err
		}
		size := (k.Params().BitSize + 7) / 8
		return append(fill(r, size), fill(s, size)...), nil
	}
	return key.Sign(rand.Reader, digest, h)
}

func fill(n *big.Int, size int) []byte { return n.FillBytes(make([]byte, size)) }
