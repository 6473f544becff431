package webhook

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"strconv"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/fault"
)

// Signing says how what is sent is signed (Standard Webhooks 1.0).
type Signing string

// The kinds of signature.
const (
	HMAC    Signing = "hmac-sha256" // "v1": both sides know the secret
	Ed25519 Signing = "ed25519"     // "v1a": the receiver knows the public key only
)

// Prefixes of secrets and keys in text, each before base 64.
const (
	secretPrefix  = "whsec_"
	privatePrefix = "whsk_"
	publicPrefix  = "whpk_"
)

// Lengths of an HMAC secret in bytes.
const (
	newSecretBytes   = 32
	leastSecretBytes = 24
	mostSecretBytes  = 64
)

// The headers of what is sent.
const (
	HeaderID        = "Webhook-Id"
	HeaderTimestamp = "Webhook-Timestamp"
	HeaderSignature = "Webhook-Signature"
)

// Secret is one secret of an endpoint, as it rests: sealed.
type Secret struct {
	Endpoint  int64
	No        int // from 1, in the order of rotations
	Signing   Signing
	Sealed    []byte // of the text form
	Public    string // whpk_…, of Ed25519
	CreatedAt time.Time
	ExpiresAt time.Time // zero: in force until it is rotated
}

// NewSecret draws a secret and gives its text form, and the public key of Ed25519.
func NewSecret(s Signing) (text, public string) {
	if s == Ed25519 {
		pub, priv, err := ed25519.GenerateKey(nil)
		if err != nil {
			panic(err) // never: crypto/rand ends the process instead
		}
		return privatePrefix + base64.StdEncoding.EncodeToString(priv), publicPrefix + base64.StdEncoding.EncodeToString(pub)
	}
	var raw [newSecretBytes]byte
	rand.Read(raw[:]) // never fails: crypto/rand ends the process instead
	return secretPrefix + base64.StdEncoding.EncodeToString(raw[:]), ""
}

// Signer signs with one secret. It may be used by one goroutine at a time.
type Signer struct {
	mac     hash.Hash
	private ed25519.PrivateKey
}

// NewSigner reads a secret's text form. Fault Invalid "invalid_endpoint".
func NewSigner(text string) (*Signer, error) {
	bad := fault.New(fault.Invalid, "invalid_endpoint", "The endpoint has faults.").With(fault.Detail{Pointer: "/secret", Code: "bad_secret",
		Message: "A secret is whsec_ and then 24 to 64 bytes in base 64, or whsk_ and then an Ed25519 private key of 64 bytes."})
	if rest, ok := strings.CutPrefix(text, secretPrefix); ok {
		raw, err := base64.StdEncoding.DecodeString(rest)
		if err != nil || len(raw) < leastSecretBytes || len(raw) > mostSecretBytes {
			return nil, bad
		}
		return &Signer{mac: hmac.New(sha256.New, raw)}, nil
	}
	rest, ok := strings.CutPrefix(text, privatePrefix)
	raw, err := base64.StdEncoding.DecodeString(rest)
	if !ok || err != nil || len(raw) != ed25519.PrivateKeySize {
		return nil, bad
	}
	key := ed25519.PrivateKey(raw)
	if !key.Equal(ed25519.NewKeyFromSeed(key.Seed())) {
		return nil, bad // a public half that is another's would give away the private one
	}
	return &Signer{private: key}, nil
}

// Signing tells how the signer signs, and the public key of Ed25519.
func (s *Signer) Signing() (Signing, string) {
	if s.mac != nil {
		return HMAC, ""
	}
	return Ed25519, publicPrefix + base64.StdEncoding.EncodeToString(s.private.Public().(ed25519.PublicKey))
}

// Sign gives the value of the signature header for what is sent at that time,
// with each of the signers: "v1,…" and "v1a,…", separated by spaces.
func Sign(signers []*Signer, id string, at time.Time, body []byte) string {
	head := append(strconv.AppendInt(append(append(make([]byte, 0, 128), id...), '.'), at.Unix(), 10), '.')
	var out []byte
	var whole []byte
	for _, s := range signers {
		if len(out) > 0 {
			out = append(out, ' ')
		}
		if s.mac != nil {
			s.mac.Reset()
			s.mac.Write(head)
			s.mac.Write(body)
			out = base64.StdEncoding.AppendEncode(append(out, "v1,"...), s.mac.Sum(nil))
			continue
		}
		if whole == nil {
			whole = append(head, body...)
		}
		out = base64.StdEncoding.AppendEncode(append(out, "v1a,"...), ed25519.Sign(s.private, whole))
	}
	return string(out)
}
