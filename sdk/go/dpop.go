package paraph

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"
)

// prover makes proofs that a token's owner sends it (RFC 9449). A nil one means
// bearer tokens.
type prover struct {
	key   *ecdsa.PrivateKey
	jwk   map[string]string
	mu    sync.Mutex
	nonce string // the server's newest
}

func newProver(key *ecdsa.PrivateKey) (*prover, error) {
	if key.Curve != elliptic.P256() {
		return nil, errors.New("paraph: a key for DPoP has to be of P-256")
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		return nil, err
	}
	return &prover{key: key, jwk: map[string]string{"kty": "EC", "crv": "P-256", "x": encode(point[1:33]), "y": encode(point[33:])}}, nil
}

func encode(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

// note keeps the server's newest nonce.
func (p *prover) note(res *http.Response) {
	if nonce := res.Header.Get("DPoP-Nonce"); p != nil && nonce != "" {
		p.mu.Lock()
		p.nonce = nonce
		p.mu.Unlock()
	}
}

// authorize puts the token, and what proves that it is ours, on a request. Without a
// token it proves the key alone, as the token endpoint wants it.
func (p *prover) authorize(req *http.Request, token string, now time.Time) error {
	if p == nil {
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		return nil
	}
	u := *req.URL
	u.RawQuery, u.Fragment = "", ""
	claims := map[string]any{"jti": rand.Text(), "htm": req.Method, "htu": u.String(), "iat": now.Unix()}
	p.mu.Lock()
	if p.nonce != "" {
		claims["nonce"] = p.nonce
	}
	p.mu.Unlock()
	if token != "" {
		sum := sha256.Sum256([]byte(token))
		claims["ath"] = encode(sum[:])
		req.Header.Set("Authorization", "DPoP "+token)
	}
	head, err := json.Marshal(map[string]any{"typ": "dpop+jwt", "alg": "ES256", "jwk": p.jwk})
	if err != nil {
		return err
	}
	body, err := json.Marshal(claims)
	if err != nil {
		return err
	}
	text := encode(head) + "." + encode(body)
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, p.key, sum[:])
	if err != nil {
		return err
	}
	sig := make([]byte, 64)
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	req.Header.Set("DPoP", text+"."+encode(sig))
	return nil
}
