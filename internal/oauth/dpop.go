package oauth

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/jwks"
)

const (
	maxProof = 8 << 10 // bytes
	// nonceLife is how long a nonce is taken, nonceAge how old one is given out.
	nonceLife = 3 * time.Minute
	nonceAge  = 30 * time.Second
	// proofLife is how old a proof without a nonce may be.
	proofLife = time.Minute
	// proofSkew is how far a client's clock may be off whose proof has a nonce: that
	// says when it was made.
	proofSkew = 10 * time.Minute
)

// proofError is why a proof is not taken, by the codes of RFC 9449.
type proofError struct{ code, why string }

func (e *proofError) Error() string { return e.code + ": " + e.why }

func badProof(why string) error { return &proofError{"invalid_dpop_proof", why} }
func needNonce() error {
	return &proofError{"use_dpop_nonce", "Send the proof again with the nonce of the header DPoP-Nonce."}
}

// prover checks DPoP proofs (RFC 9449), at the token endpoint and at resources.
type prover struct {
	sealer  Sealer
	replays Replays
	clock   clock.Clock
	bases   []*url.URL // addresses of this server
	free    bool       // proofs need no nonce

	mu     sync.Mutex
	nonce  string
	madeAt time.Time
}

func newProver(c Config) *prover {
	p := &prover{sealer: c.Sealer, replays: c.Replays, clock: c.Clock, free: c.FreeProofs}
	for _, base := range []string{c.Issuer, c.MTLSURL} {
		if u, err := url.Parse(base); err == nil && u.Host != "" {
			p.bases = append(p.bases, u)
		}
	}
	return p
}

var nonceContext = []byte("dpop nonce")

// fresh gives the nonce to hand out. It is its time, sealed: all processes take
// those of one another.
func (p *prover) fresh() (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.clock.Now()
	if p.nonce != "" && now.Sub(p.madeAt).Abs() < nonceAge {
		return p.nonce, nil
	}
	sealed, err := p.sealer.Seal(binary.BigEndian.AppendUint64(nil, uint64(now.UnixMicro())), nonceContext)
	if err != nil {
		return "", err
	}
	p.nonce, p.madeAt = base64.RawURLEncoding.EncodeToString(sealed), now
	return p.nonce, nil
}

// made tells when a nonce was made; false for none of ours.
func (p *prover) made(nonce string) (time.Time, bool) {
	p.mu.Lock()
	newest, at := p.nonce, p.madeAt
	p.mu.Unlock()
	if nonce == newest && nonce != "" { // most are, and need not be opened
		return at, true
	}
	sealed, err := base64.RawURLEncoding.DecodeString(nonce)
	if err != nil || len(nonce) > 512 {
		return time.Time{}, false
	}
	plain, err := p.sealer.Open(sealed, nonceContext)
	if err != nil || len(plain) != 8 {
		return time.Time{}, false
	}
	return time.UnixMicro(int64(binary.BigEndian.Uint64(plain))), true
}

// proof is the content of a DPoP proof (section 4.2).
type proof struct {
	ID       string           `json:"jti"`
	Method   string           `json:"htm"`
	URI      string           `json:"htu"`
	IssuedAt *jwt.NumericDate `json:"iat"`
	Token    string           `json:"ath"`
	Nonce    string           `json:"nonce"`
}

// shown is a proof that was found good, and not noted as used yet.
type shown struct {
	jkt   string // thumbprint of its key; "" where there is no proof
	mark  [32]byte
	until time.Time // it would be taken
}

// read decides on the proof of a request as section 4.3 says, but for its replay.
// token is the access token it has to belong to, "" at the token endpoint.
func (p *prover) read(r *http.Request, token string) (s shown, err error) {
	sent := r.Header.Values("DPoP")
	switch len(sent) {
	case 0:
		return s, nil
	case 1:
	default:
		return s, badProof("There is more than one header DPoP.")
	}
	claims, jkt, err := readProof(sent[0])
	if err != nil {
		return s, err
	}
	if claims.Method != r.Method {
		return s, badProof("htm is not the request's method.")
	}
	if !p.isFor(claims.URI, r.URL) {
		return s, badProof("htu is not the request's address.")
	}
	if token != "" {
		sum := sha256.Sum256([]byte(token))
		if !same(claims.Token, base64.RawURLEncoding.EncodeToString(sum[:])) {
			return s, badProof("ath does not belong to the access token.")
		}
	}
	until, err := p.timely(claims)
	return shown{jkt, sha256.Sum256([]byte("dpop\x00" + jkt + "\x00" + claims.ID)), until}, err
}

// spend notes a proof as used. It comes after everything that can be refused
// without it, so that nobody fills what is remembered for nothing.
func (p *prover) spend(ctx context.Context, s shown) error {
	if s.jkt == "" {
		return nil
	}
	first, err := p.replays.Once(ctx, s.mark, s.until)
	if err == nil && !first {
		err = badProof("The proof was used before.")
	}
	return err
}

// readProof checks the form of a proof and its signature by the key inside.
func readProof(text string) (c proof, jkt string, err error) {
	if len(text) > maxProof {
		return c, "", badProof("The proof is too long.")
	}
	parsed, err := jwt.ParseSigned(text, jwks.Algorithms())
	if err != nil || len(parsed.Headers) != 1 {
		return c, "", badProof("The proof is no JWT that is taken.")
	}
	head := parsed.Headers[0]
	if !typed(head, "dpop+jwt") {
		return c, "", badProof("The proof's type is not dpop+jwt.")
	}
	key := head.JSONWebKey
	if key == nil || !key.IsPublic() {
		return c, "", badProof("The proof's header holds no public key.")
	}
	if alg, err := jwks.Algorithm(key.Key); err != nil || string(alg) != head.Algorithm {
		return c, "", badProof("The proof's key is not taken, or not for its algorithm.")
	}
	if err := parsed.Claims(key.Key, &c); err != nil {
		return c, "", badProof("The proof's signature or content is wrong.")
	}
	if c.ID == "" || len(c.ID) > maxJTI || c.Method == "" || c.URI == "" || c.IssuedAt == nil {
		return c, "", badProof("The proof lacks jti, htm, htu or iat.")
	}
	thumb, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		return c, "", badProof("The proof's key has no thumbprint.")
	}
	return c, base64.RawURLEncoding.EncodeToString(thumb), nil
}

// timely decides whether a proof is of now, and says until when it would be. A
// nonce tells that by this server's clock; else the client's has to be right.
func (p *prover) timely(c proof) (until time.Time, err error) {
	now, since, iat := p.clock.Now(), p.replays.OnceSince(), c.IssuedAt.Time()
	if c.Nonce == "" {
		// What was used before a restart may be forgotten: for a while, only a nonce
		// tells that a proof was made after it.
		if !p.free || now.Sub(since) <= proofLife+2*leeway {
			return until, needNonce()
		}
		if iat.After(now.Add(leeway)) || now.Sub(iat) > proofLife {
			return until, badProof("iat is not now. Set the clock, or use the nonce of the header DPoP-Nonce.")
		}
		return iat.Add(proofLife + leeway), nil
	}
	made, ok := p.made(c.Nonce)
	if !ok || made.Before(since) || now.Sub(made) > nonceLife || made.After(now.Add(leeway)) {
		return until, needNonce()
	}
	if now.Sub(iat).Abs() > proofSkew {
		return until, badProof("iat is more than ten minutes away. Set the clock.")
	}
	return made.Add(nonceLife + leeway), nil
}

// isFor tells whether an htu is the address of a request, without regard to query
// and fragment, and to what RFC 3986 section 6.2 calls equal.
func (p *prover) isFor(htu string, asked *url.URL) bool {
	u, err := url.Parse(htu)
	if err != nil || u.User != nil || u.Opaque != "" {
		return false
	}
	for _, base := range p.bases {
		if strings.EqualFold(u.Scheme, base.Scheme) && strings.EqualFold(hostOf(u), hostOf(base)) &&
			pathOf(u.EscapedPath()) == pathOf(base.EscapedPath()+asked.EscapedPath()) {
			return true
		}
	}
	return false
}

// hostOf gives host and port, the scheme's own port left out.
func hostOf(u *url.URL) string {
	scheme, port := strings.ToLower(u.Scheme), u.Port()
	if port == "" || scheme == "https" && port == "443" || scheme == "http" && port == "80" {
		return u.Hostname()
	}
	return u.Hostname() + ":" + port
}

// pathOf writes a path so that two of the same meaning are the same text: percent
// signs only where they are needed, with capital digits.
func pathOf(escaped string) string {
	if escaped == "" {
		return "/"
	}
	var b strings.Builder
	for i := 0; i < len(escaped); i++ {
		if escaped[i] != '%' || i+2 >= len(escaped) {
			b.WriteByte(escaped[i])
			continue
		}
		code := strings.ToUpper(escaped[i+1 : i+3])
		if text, err := url.PathUnescape("%" + code); err == nil && len(text) == 1 && unreserved(text[0]) {
			b.WriteString(text)
		} else {
			b.WriteString("%" + code)
		}
		i += 2
	}
	return b.String()
}

func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0
}
