// Package transittest is a Transit engine for tests: it holds callers to the
// HTTP API, and misbehaves on demand.
package transittest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/paraph/paraph/internal/sealkey/sealkeytest"
)

// Fault is a way to misbehave.
type Fault int

// The faults.
const (
	None         Fault = iota
	Down               // connections break off
	Sealed             // the Vault is sealed
	NoJSON             // a proxy answers with a page
	OtherVersion       // it signs with another version of the key
	WrongDigest        // it signs something else
)

// Engine is a running one.
type Engine struct {
	URL   string
	Token string

	server *httptest.Server
	mu     sync.Mutex
	fault  Fault
	name   string
	keys   []*ecdsa.PrivateKey // by version, from 1
	kind   string
	broken []string
}

// New starts an engine with a key of that name and these versions. It ends with the test.
func New(t testing.TB, name string, keys ...*ecdsa.PrivateKey) *Engine {
	t.Helper()
	e := &Engine{Token: rand.Text(), name: name, keys: keys, kind: "ecdsa-p256"}
	e.server = httptest.NewTLSServer(e)
	e.URL = e.server.URL + "/v1/transit"
	t.Cleanup(e.server.Close)
	return e
}

// RootsPEM gives what to trust for its TLS.
func (e *Engine) RootsPEM() []byte {
	return sealkeytest.PEM(e.server.Certificate())
}

// Client gives an HTTP client that trusts it.
func (e *Engine) Client() *http.Client { return e.server.Client() }

// Misbehave sets how it misbehaves from now on.
func (e *Engine) Misbehave(f Fault) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.fault = f
}

// Rotate gives the key a further version.
func (e *Engine) Rotate(key *ecdsa.PrivateKey) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.keys = append(e.keys, key)
}

// Symmetric makes it a key that does not sign.
func (e *Engine) Symmetric() { e.kind = "aes256-gcm96" }

// Broken lists what callers did that the API forbids.
func (e *Engine) Broken() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.broken)
}

func (e *Engine) refuse(w http.ResponseWriter, status int, says ...string) {
	if status == http.StatusBadRequest {
		e.broken = append(e.broken, says...)
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string][]string{"errors": says}) // the caller sees it, or is gone
}

// ServeHTTP implements http.Handler.
func (e *Engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch e.fault {
	case Down:
		panic(http.ErrAbortHandler)
	case Sealed:
		e.refuse(w, http.StatusServiceUnavailable, "Vault is sealed")
		return
	case NoJSON:
		_, _ = w.Write([]byte("<html>")) // the caller sees it, or is gone
		return
	}
	path := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/v1/transit/"), "/")
	switch {
	case r.Header.Get("X-Vault-Request") != "true":
		e.refuse(w, http.StatusBadRequest, "required request header is missing")
	case r.Header.Get("X-Vault-Token") != e.Token:
		e.refuse(w, http.StatusForbidden, "permission denied")
	case len(path) < 2 || path[1] != e.name:
		e.refuse(w, http.StatusNotFound)
	case path[0] == "keys" && len(path) == 2 && r.Method == http.MethodGet:
		e.read(w)
	case path[0] == "sign" && len(path) == 3 && (r.Method == http.MethodPost || r.Method == http.MethodPut):
		e.sign(w, r, path[2])
	default:
		e.refuse(w, http.StatusMethodNotAllowed, "unsupported operation")
	}
}

func (e *Engine) read(w http.ResponseWriter) {
	versions := map[string]any{}
	for i, key := range e.keys {
		if e.kind != "ecdsa-p256" {
			versions[strconv.Itoa(i+1)] = 1700000000
			continue
		}
		spki, err := x509.MarshalPKIXPublicKey(key.Public())
		if err != nil {
			e.refuse(w, http.StatusInternalServerError, err.Error())
			return
		}
		versions[strconv.Itoa(i+1)] = map[string]any{"name": "P-256", "creation_time": "2026-01-01T00:00:00Z", "public_key": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}))}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"data": map[string]any{"name": e.name, "type": e.kind, "supports_signing": e.kind == "ecdsa-p256",
		"latest_version": len(e.keys), "min_decryption_version": 1, "keys": versions}}) // the caller sees it, or is gone
}

func (e *Engine) sign(w http.ResponseWriter, r *http.Request, algorithm string) {
	h := map[string]crypto.Hash{"sha2-256": crypto.SHA256, "sha2-384": crypto.SHA384, "sha2-512": crypto.SHA512}[algorithm]
	var in struct {
		Input      string `json:"input"`
		Prehashed  bool   `json:"prehashed"`
		Version    int    `json:"key_version"`
		Algorithm  string `json:"signature_algorithm"`
		Marshaling string `json:"marshaling_algorithm"`
		Salt       string `json:"salt_length"`
	}
	body := json.NewDecoder(r.Body)
	body.DisallowUnknownFields()
	err := body.Decode(&in)
	digest, bad := base64.StdEncoding.DecodeString(in.Input)
	if in.Version == 0 {
		in.Version = len(e.keys)
	}
	switch {
	case err != nil:
		e.refuse(w, http.StatusBadRequest, err.Error())
		return
	case h == 0 || bad != nil || !in.Prehashed || len(digest) != h.Size():
		e.refuse(w, http.StatusBadRequest, "the input is not a digest by "+algorithm)
		return
	case in.Version < 1 || in.Version > len(e.keys) || in.Marshaling != "asn1" && in.Marshaling != "jws":
		e.refuse(w, http.StatusBadRequest, "there is no such version or marshaling")
		return
	}
	key := e.keys[in.Version-1]
	switch e.fault {
	case OtherVersion:
		in.Version++
	case WrongDigest:
		digest[0] ^= 1
	}
	signature, err := key.Sign(rand.Reader, digest, h)
	if err != nil {
		e.refuse(w, http.StatusInternalServerError, err.Error())
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"data": map[string]any{"signature": fmt.Sprintf("vault:v%d:%s", in.Version, base64.StdEncoding.EncodeToString(signature)), "key_version": in.Version}}) // the caller sees it, or is gone
}
