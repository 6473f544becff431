package conformance

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"
)

// attempt is one request as the server saw it.
type attempt struct {
	method, path, query, key, token, lastID, ranged string
	at                                              time.Time
	sum                                             string // SHA-256 of the body
	size                                            int64
	body                                            string // its beginning
}

// server misbehaves as a case wants.
type server struct {
	*httptest.Server
	c  *testCase
	mu sync.Mutex

	tokens    int    // handed out
	asked     int    // times the token endpoint was asked
	valid     string // the token that counts; "" none
	attempts  []attempt
	elsewhere int // requests at the place that redirects point to
	proofs    map[string]bool
	kept      []byte   // of an upload in pieces
	breaks    int      // of its line
	faults    []string // of the client, seen on the way
}

func newServer(c *testCase) *server {
	s := &server{c: c, proofs: map[string]bool{}}
	s.Server = httptest.NewServer(s)
	return s
}

func (s *server) fault(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, fmt.Sprintf(format, args...))
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/elsewhere":
		s.mu.Lock()
		s.elsewhere++
		s.mu.Unlock()
		fmt.Fprint(w, `{"id":"doc_elsewhere","title":"Not of the API"}`)
	case r.URL.Path == "/oauth/token":
		s.token(w, r)
	default:
		s.api(w, r)
	}
}

func (s *server) token(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked++
	n := s.asked
	s.mu.Unlock()
	if s.c.token != nil && s.c.token(s, w, n) {
		return
	}
	id, secret, _ := r.BasicAuth()
	if id != "cli_1" || secret != "s%2Bcret" || r.PostFormValue("grant_type") != "client_credentials" {
		refuse(w, http.StatusUnauthorized, `{"error":"invalid_client","error_description":"Unknown client."}`)
		return
	}
	kind := "Bearer"
	if s.c.command.DPoP {
		kind = "DPoP"
		if !s.proved(w, r, "", http.StatusBadRequest) {
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens++
	s.valid = fmt.Sprintf("token-%d", s.tokens)
	fmt.Fprintf(w, `{"access_token":%q,"token_type":%q,"expires_in":%d}`, s.valid, kind, max(s.c.life, 0)+600*b2i(s.c.life == 0))
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func refuse(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprint(w, body)
}

func (s *server) api(w http.ResponseWriter, r *http.Request) {
	kind, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	a := attempt{
		method: r.Method, path: r.URL.Path, query: r.URL.RawQuery, key: r.Header.Get("Idempotency-Key"), token: token,
		lastID: r.Header.Get("Last-Event-ID"), ranged: r.Header.Get("Range"), at: time.Now(),
	}
	s.mu.Lock()
	good := token != "" && token == s.valid
	n := len(s.attempts) + 1
	s.mu.Unlock()
	if s.c.command.DPoP && good && (kind != "DPoP" || !s.proved(w, r, token, http.StatusUnauthorized)) {
		if kind != "DPoP" {
			s.fault("a bound token came as %s", kind)
		}
		return
	}
	if !good {
		problem(w, http.StatusUnauthorized, "token_invalid")
		return
	}
	if s.c.cut != nil && s.c.cut(n) { // before anything of the body is read
		s.note(a)
		drop(w)
		return
	}
	if s.c.early != nil {
		s.note(a)
		if s.c.early(&exchange{ResponseWriter: w, s: s, r: r, n: n}) {
			return
		}
	}
	sum := sha256.New()
	var start bytes.Buffer
	size, err := io.CopyN(io.MultiWriter(sum, &start), r.Body, 1000)
	if err == nil {
		var rest int64
		rest, err = io.Copy(sum, r.Body)
		size += rest
	} else if err == io.EOF {
		err = nil
	}
	a.sum, a.size, a.body = hex.EncodeToString(sum.Sum(nil)), size, start.String()
	s.note(a)
	if err != nil {
		return // the client broke off
	}
	s.c.answer(&exchange{ResponseWriter: w, s: s, r: r, n: n})
}

// exchange is a request that a case answers.
type exchange struct {
	http.ResponseWriter
	s *server
	r *http.Request
	n int // the how manieth, from 1
}

// last gives the attempt of the exchange.
func (x *exchange) last() attempt {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	return x.s.attempts[x.n-1]
}

// flush sends what was written.
func (x *exchange) flush() {
	_ = http.NewResponseController(x.ResponseWriter).Flush() // a client that went away is no fault of the case
}

// silence keeps the connection open without a word until the client ends it.
func (x *exchange) silence() {
	x.flush()
	<-x.r.Context().Done()
}

// tick lets a moment pass, as a slow network would.
func (x *exchange) tick() {
	t := time.NewTimer(120 * time.Millisecond)
	defer t.Stop()
	select {
	case <-t.C:
	case <-x.r.Context().Done():
	}
}

func (s *server) note(a attempt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attempts = append(s.attempts, a)
}

// drop ends the connection without a word.
func drop(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_ = conn.Close() // that is the point
	}
}

// half sends an answer that ends before its announced length.
func half(w http.ResponseWriter, status int, length int, body []byte) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	fmt.Fprintf(rw, "HTTP/1.1 %d Half\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", status, length)
	_, _ = rw.Write(body)
	_ = rw.Flush()
	_ = conn.Close()
}

// problem refuses as Paraph does, with two faults.
func problem(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"type":"/problems/%[2]s","title":"It is so","status":%[1]d,"code":%[2]q,"detail":"It is so.","request_id":"req_1","errors":[{"pointer":"/a","code":"required","message":"Missing."},{"pointer":"/b","code":"wrong_type","message":"Not a number."}]}`, status, code)
}

// document answers with a document.
func document(w http.ResponseWriter, id string) {
	fmt.Fprint(w, documentJSON(id))
}

func documentJSON(id string) string {
	return fmt.Sprintf(`{"id":%q,"document_type":"order","business_unit":"main","title":"Äpfel & 東京 😀","external_id":"","labels":{"a":"b c"},"metadata":{"n":1.5},"approver_list":[],"state":"draft",
		"processing":{"status":"done"},"current_version":1,"pages":3,"revision":1,"created_by":"x","created_at":"2026-04-17T09:00:00.123456Z","updated_at":"2026-04-17T09:00:00Z","of_tomorrow":{"x":[1]}}`, id)
}

// proved checks the proof of a key (RFC 9449 section 4.3) and demands the nonce.
func (s *server) proved(w http.ResponseWriter, r *http.Request, token string, status int) bool {
	const nonce = "nonce-of-the-server"
	why, hasNonce := s.checkProof(r, token, nonce)
	if why != "" {
		s.fault("%s", why)
		problem(w, http.StatusBadRequest, "invalid_dpop_proof")
		return false
	}
	if hasNonce {
		return true
	}
	w.Header().Set("DPoP-Nonce", nonce)
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `DPoP error="use_dpop_nonce", error_description="Send it again"`)
		problem(w, status, "token_invalid")
		return false
	}
	refuse(w, status, `{"error":"use_dpop_nonce","error_description":"Send it again"}`)
	return false
}

func (s *server) checkProof(r *http.Request, token, nonce string) (why string, hasNonce bool) {
	parts := strings.Split(r.Header.Get("DPoP"), ".")
	if len(parts) != 3 {
		return "there is no proof", false
	}
	var raw [3][]byte
	for i := range parts {
		var err error
		if raw[i], err = base64.RawURLEncoding.DecodeString(parts[i]); err != nil {
			return "a proof is not base64url without padding", false
		}
	}
	var head struct {
		Typ, Alg string
		JWK      struct{ Kty, Crv, X, Y, D string }
	}
	var claims struct {
		JTI, HTM, HTU, ATH, Nonce string
		IAT                       int64
	}
	if json.Unmarshal(raw[0], &head) != nil || json.Unmarshal(raw[1], &claims) != nil {
		return "a proof is not JSON", false
	}
	x, _ := base64.RawURLEncoding.DecodeString(head.JWK.X)
	y, _ := base64.RawURLEncoding.DecodeString(head.JWK.Y)
	if head.Typ != "dpop+jwt" || head.Alg != "ES256" || head.JWK.Kty != "EC" || head.JWK.Crv != "P-256" || head.JWK.D != "" || len(x) != 32 || len(y) != 32 {
		return fmt.Sprintf("the head of a proof is %s", raw[0]), false
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, x...), y...))
	if err != nil || len(raw[2]) != 64 {
		return "a proof has a bad key or signature", false
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if !ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(raw[2][:32]), new(big.Int).SetBytes(raw[2][32:])) {
		return "the signature of a proof is bad", false
	}
	wantATH := ""
	if token != "" {
		h := sha256.Sum256([]byte(token))
		wantATH = base64.RawURLEncoding.EncodeToString(h[:])
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case claims.HTM != r.Method || claims.HTU != s.URL+r.URL.EscapedPath():
		return fmt.Sprintf("a proof is for %s %s, not %s %s", claims.HTM, claims.HTU, r.Method, r.URL.Path), false
	case claims.ATH != wantATH:
		return "the proof's ath is not of the token", false
	case s.proofs[claims.JTI] || claims.JTI == "":
		return "a proof was used twice", false
	case time.Since(time.Unix(claims.IAT, 0)).Abs() > time.Minute:
		return "a proof's iat is not now", false
	}
	s.proofs[claims.JTI] = true
	return "", claims.Nonce == nonce
}

// pattern is content whose every part differs.
func pattern(n int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "%08d sealed\n", i)
	}
	return b.Bytes()[:n]
}

func sumOf(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// Unwrap lets the connection be taken from below an exchange.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }
