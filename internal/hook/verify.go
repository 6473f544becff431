package hook

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	_ "crypto/sha1" // for Twilio, whose signatures know nothing else
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/fault"
)

// Key is a secret that was read as its scheme says.
type Key struct {
	secret []byte           // of an HMAC, a token, user:password
	public crypto.PublicKey // of the kinds with a key pair
}

// ReadKey reads a secret as it was typed in. Fault Invalid "bad_secret" says what is wrong.
func (s *Scheme) ReadKey(secret string) (Key, error) {
	k, err := s.readKey(secret)
	if err != nil {
		return Key{}, fault.New(fault.Invalid, "bad_secret", "The secret cannot be used: %s.", err)
	}
	return k, nil
}

func (s *Scheme) readKey(secret string) (Key, error) {
	if secret == "" || len(secret) > MaxSecret {
		return Key{}, errors.New("it has 1 to " + strconv.Itoa(MaxSecret) + " bytes")
	}
	switch s.Kind {
	case HMAC:
		raw, err := hmacKey(strings.TrimPrefix(secret, s.KeyPrefix), s.KeyEncoding)
		if err == nil && len(raw) == 0 {
			err = errors.New("nothing stands behind its prefix")
		}
		return Key{secret: raw}, err
	case Token:
		return Key{secret: []byte(secret)}, nil
	case Basic:
		if user, _, ok := strings.Cut(secret, ":"); !ok || user == "" {
			return Key{}, errors.New("it is written user:password")
		}
		return Key{secret: []byte(secret)}, nil
	}
	public, err := publicKey(strings.TrimSpace(strings.TrimPrefix(secret, s.KeyPrefix)))
	if err != nil {
		return Key{}, err
	}
	fits := false
	switch k := public.(type) {
	case ed25519.PublicKey:
		fits = s.Kind == Ed25519
	case *ecdsa.PublicKey:
		fits = s.Kind == ECDSA
	case *rsa.PublicKey:
		if fits = s.Kind == RSA || s.Kind == RSAPSS; fits && k.Size() < 256 {
			return Key{}, errors.New("an RSA key has at least 2048 bits")
		}
	}
	if !fits {
		return Key{}, errors.New("it is a key of another kind than " + string(s.Kind))
	}
	return Key{public: public}, nil
}

func hmacKey(text, encoding string) ([]byte, error) {
	switch encoding {
	case "base64":
		if raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "=")); err == nil {
			return raw, nil
		}
		return nil, errors.New("it is not base 64")
	case "hex":
		raw, err := hex.DecodeString(text)
		if err != nil {
			return nil, errors.New("it is not hexadecimal")
		}
		return raw, nil
	}
	return []byte(text), nil
}

// publicKey reads a public key: PEM, or base 64 or hex of its DER form, or of an
// Ed25519 key's 32 bytes.
func publicKey(text string) (crypto.PublicKey, error) {
	var raw []byte
	if block, _ := pem.Decode([]byte(text)); block != nil {
		raw = block.Bytes
	} else if b, err := hex.DecodeString(text); err == nil {
		raw = b
	} else if b, err := base64.StdEncoding.DecodeString(text); err == nil {
		raw = b
	}
	if len(raw) == ed25519.PublicKeySize {
		return ed25519.PublicKey(raw), nil
	}
	if k, err := x509.ParsePKIXPublicKey(raw); err == nil {
		return k, nil
	}
	if k, err := x509.ParsePKCS1PublicKey(raw); err == nil {
		return k, nil
	}
	return nil, errors.New("it is no public key in PEM or base 64")
}

// Delivery is a request that was found to be what it says.
type Delivery struct {
	// Events are what it tells of, in order; none where it holds none.
	Events []Incoming
	// Reply is the answer where the request is a question and no event.
	Reply *Reply
	// Echo is what the answer to an event repeats of it.
	Echo *Reply
}

// Incoming is one event of a request.
type Incoming struct {
	ID   string // by which a repetition is known: 1 to MaxEventID bytes
	Type string
	Body []byte // the bytes that tell of it
}

// BadSignature is the fault of a request that nobody who knows a secret can have
// sent like this. It does not say what did not fit.
func BadSignature() error {
	return fault.New(fault.Unauthorized, "bad_signature", "The request is not signed with a secret of this source.")
}

// Receive decides about a request: who sent it, when, and what it tells. received is
// text that is never the same twice.
//
// Faults: Unauthorized "bad_signature", or "outside_window" where its signed time is
// further from now than the tolerance; Invalid "bad_event" where it is signed rightly
// and cannot be understood.
func (s *Scheme) Receive(r *Request, keys []Key, now time.Time, tolerance time.Duration, received string) (Delivery, error) {
	c, err := s.compile()
	if err != nil {
		return Delivery{}, err
	}
	m := &message{Request: r, received: received}
	if reply := c.ask(m, keys, true); reply != nil {
		return Delivery{Reply: reply}, nil
	}
	if !c.proven(m, keys) {
		return Delivery{}, BadSignature()
	}
	if err := c.inTime(m, now, tolerance); err != nil {
		return Delivery{}, err
	}
	reply := c.ask(m, keys, false)
	if reply != nil && !reply.event || m.Method == "GET" {
		if reply == nil {
			return Delivery{}, fault.New(fault.Invalid, "bad_event", "A GET carries no event, and this source knows no such question.")
		}
		return Delivery{Reply: reply}, nil
	}
	events, err := c.events(m)
	return Delivery{Events: events, Echo: reply}, err
}

// proven tells whether one of the keys' holders made the request.
func (c *compiled) proven(m *message, keys []Key) bool {
	if c.Kind == Basic {
		return c.basic(m, keys)
	}
	if c.Time != nil {
		times, err := m.pick(c.time)
		if err != nil || len(times) != 1 {
			return false
		}
		m.timestamp = times[0]
	}
	if c.Kind == Token {
		return c.tokens(m, keys)
	}
	proofs, err := m.pick(c.proof)
	if err != nil || len(proofs) == 0 {
		return false
	}
	signed, err := c.payload.fill(m, nil)
	if err != nil || !c.digested(m) {
		return false
	}
	found := 0
	for _, k := range keys {
		for _, p := range proofs {
			found |= c.matches(k, signed, p)
		}
	}
	return found == 1
}

// tokens tells whether the request carries one of the secrets; each of its events
// does, where the token stands in them.
func (c *compiled) tokens(m *message, keys []Key) bool {
	parts := []*message{m}
	if c.proof.at.root == rootItem {
		items, err := c.items(m)
		if err != nil || len(items) == 0 {
			return false
		}
		parts = parts[:0]
		for _, item := range items {
			parts = append(parts, c.of(m, item))
		}
	}
	for _, part := range parts {
		given, err := part.pick(c.proof)
		if err != nil || len(given) != 1 || !holds(keys, given[0]) {
			return false
		}
	}
	return true
}

func (c *compiled) basic(m *message, keys []Key) bool {
	headers := m.Header["Authorization"]
	if len(headers) != 1 {
		return false
	}
	scheme, value, _ := strings.Cut(headers[0], " ")
	given, err := base64.StdEncoding.DecodeString(strings.TrimSpace(value))
	if err != nil || !strings.EqualFold(scheme, "Basic") {
		return false
	}
	return holds(keys, string(given))
}

// digested tells whether the body is the one whose digest was signed.
func (c *compiled) digested(m *message) bool {
	if c.Digest == nil {
		return true
	}
	if media, _ := m.media(); c.payload.holds(rootForm) && (media == "application/x-www-form-urlencoded" || len(m.Body) == 0) {
		return true
	}
	given, err := m.pick(c.digest)
	if err != nil || len(given) != 1 {
		return false
	}
	h := hashes[c.Digest.Hash].New()
	h.Write(m.Body)
	return subtle.ConstantTimeCompare([]byte(encodings[c.Digest.Encoding](h.Sum(nil))), []byte(given[0])) == 1
}

// matches gives 1 where proof is the signature over signed, else 0.
func (c *compiled) matches(k Key, signed []byte, proof string) int {
	hash := hashes[c.Hash]
	if c.Kind == HMAC {
		h := hmac.New(hash.New, k.secret)
		h.Write(signed)
		return subtle.ConstantTimeCompare([]byte(encodings[c.Encoding](h.Sum(nil))), []byte(proof))
	}
	sig, err := decodings[c.Encoding](proof)
	if err != nil || strings.ContainsAny(proof, "\r\n") {
		return 0
	}
	h := hash.New()
	h.Write(signed)
	digest, ok := h.Sum(nil), false
	switch public := k.public.(type) {
	case ed25519.PublicKey:
		ok = ed25519.Verify(public, signed, sig)
	case *ecdsa.PublicKey:
		ok = ecdsa.VerifyASN1(public, digest, sig)
	case *rsa.PublicKey:
		if c.Kind == RSAPSS {
			ok = rsa.VerifyPSS(public, hash, digest, sig, nil) == nil
		} else {
			ok = rsa.VerifyPKCS1v15(public, hash, digest, sig) == nil
		}
	}
	if ok {
		return 1
	}
	return 0
}

// inTime is fault Unauthorized "outside_window" where the signed time is too far away.
func (c *compiled) inTime(m *message, now time.Time, tolerance time.Duration) error {
	if c.Time == nil {
		return nil
	}
	at, err := readTime(m.timestamp, c.Time.Unit)
	if err != nil {
		return BadSignature()
	}
	if off := now.Sub(at); off > tolerance || off < -tolerance {
		return fault.New(fault.Unauthorized, "outside_window", "The request says it was signed at %s, and it is %s here: further apart than %s. Compare the clocks, or send it again.",
			at.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339), tolerance)
	}
	return nil
}

// readTime reads a time between the years 1970 and 9999.
func readTime(s, unit string) (time.Time, error) {
	if unit == "rfc3339" {
		return time.Parse(time.RFC3339Nano, s)
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || s != strconv.FormatInt(n, 10) || n < 0 || n > 253402300799000 {
		return time.Time{}, errUnread
	}
	if unit == "ms" {
		return time.UnixMilli(n), nil
	}
	if n > 253402300799 {
		return time.Time{}, errUnread
	}
	return time.Unix(n, 0), nil
}
