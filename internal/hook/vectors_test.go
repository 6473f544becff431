package hook

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"net/textproto"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/fault"
)

// vector is a request whose secret, body and signature stand in a public source.
type vector struct {
	Preset  string            `json:"preset"`
	Source  string            `json:"source"` // repository and file
	Secret  string            `json:"secret"`
	Seed    string            `json:"seed"` // of a key pair, instead of Secret
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
	At      int64             `json:"at"` // seconds; 0: it holds no time
	// Unread: the body is rightly signed and no event of that sender.
	Unread bool `json:"unread"`
}

func vectors(t testing.TB) []vector {
	t.Helper()
	raw, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var out []vector
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func (v vector) request() *Request {
	r := &Request{Method: "POST", URL: v.URL, Header: map[string][]string{}, Body: []byte(v.Body)}
	for name, value := range v.Headers {
		r.Header[textproto.CanonicalMIMEHeaderKey(name)] = []string{value}
	}
	return r
}

// now is a moment within the tolerance of the vector's time.
func (v vector) now() time.Time { return time.Unix(v.At, 0).Add(DefaultTolerance - time.Second) }

func (v vector) scheme(t testing.TB) (*Scheme, []Key) {
	t.Helper()
	p, ok := PresetOf(v.Preset)
	if !ok {
		t.Fatalf("there is no preset %s", v.Preset)
	}
	secret := v.Secret
	if v.Seed != "" {
		seed, err := base64.StdEncoding.DecodeString(v.Seed)
		if err != nil {
			t.Fatal(err)
		}
		secret = "whpk_" + base64.StdEncoding.EncodeToString(ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey))
	}
	k, err := p.Scheme.ReadKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	return &p.Scheme, []Key{k}
}

// TestVectors: every preset that claims a public vector verifies it, and refuses
// it with any byte of the body or of what proves it changed, with another secret,
// and at another time.
func TestVectors(t *testing.T) {
	t.Parallel()
	held, vendors := map[string]bool{}, map[string]bool{}
	for _, v := range vectors(t) {
		t.Run(v.Preset, func(t *testing.T) {
			s, keys := v.scheme(t)
			got, err := s.Receive(v.request(), keys, v.now(), DefaultTolerance, "1")
			if v.Unread && fault.CodeOf(err) == "bad_event" {
				err = nil
			}
			if err != nil {
				t.Fatalf("%s: %v", v.Source, err)
			}
			if !v.Unread && len(got.Events) == 0 {
				t.Error("it holds no event")
			}
			changed(t, v, s, keys)
		})
		p, _ := PresetOf(v.Preset)
		file, _, _ := strings.Cut(v.Source, " with ")
		file, _, _ = strings.Cut(file, ";")
		if p.Vector != file {
			t.Errorf("%s names %q as its source, the vector %q", v.Preset, p.Vector, file)
		}
		held[v.Preset] = true
		vendors[strings.TrimSuffix(v.Preset, "_ed25519")] = true
	}
	for _, p := range Presets() {
		if (p.Vector != "") != held[p.Name] {
			t.Errorf("%s: verified %v, but a vector is there: %v", p.Name, p.Vector != "", held[p.Name])
		}
	}
	if len(vendors) < 6 {
		t.Errorf("vectors of %d senders only", len(vendors))
	}
}

// changed tries the vector with one thing changed at a time.
func changed(t *testing.T, v vector, s *Scheme, keys []Key) {
	t.Helper()
	refused := func(what, code string, r *Request, keys []Key, now time.Time) {
		t.Helper()
		if _, err := s.Receive(r, keys, now, DefaultTolerance, "1"); fault.CodeOf(err) != code {
			t.Errorf("%s: %v", what, err)
		}
	}
	for name := range v.Headers {
		if name == "Content-Type" || name == "Webhook-Id" {
			continue
		}
		for i := range len(v.Headers[name]) {
			r := v.request()
			b := []byte(v.Headers[name])
			b[i] ^= 1
			r.Header[textproto.CanonicalMIMEHeaderKey(name)] = []string{string(b)}
			if name == "Stripe-Signature" && i >= strings.Index(v.Headers[name], ",v0=") {
				continue // that signature is of another scheme, and not looked at
			}
			refused("a changed "+name, "bad_signature", r, keys, v.now())
		}
		r := v.request()
		delete(r.Header, textproto.CanonicalMIMEHeaderKey(name))
		refused("without "+name, "bad_signature", r, keys, v.now())
	}
	if s.CoversBody() {
		for i := range v.Body {
			r := v.request()
			r.Body[i] ^= 1
			if _, err := s.Receive(r, keys, v.now(), DefaultTolerance, "1"); err == nil {
				t.Errorf("byte %d of the body changed: taken", i)
			}
		}
	}
	other := vectorKey(t, s)
	refused("another secret", "bad_signature", v.request(), []Key{other}, v.now())
	refused("no secret", "bad_signature", v.request(), nil, v.now())
	if _, err := s.Receive(v.request(), []Key{other, keys[0]}, v.now(), DefaultTolerance, "1"); err != nil && !v.Unread {
		t.Errorf("the second of two secrets: %v", err)
	}
	if v.At != 0 {
		refused("too late", "outside_window", v.request(), keys, time.Unix(v.At, 0).Add(DefaultTolerance+time.Second))
		refused("too early", "outside_window", v.request(), keys, time.Unix(v.At, 0).Add(-DefaultTolerance-time.Second))
	}
}

// vectorKey makes a key of the right kind that signed nothing.
func vectorKey(t *testing.T, s *Scheme) Key {
	t.Helper()
	secret := "b3RoZXI="
	switch s.Kind {
	case Ed25519:
		public, _, err := ed25519.GenerateKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		secret = base64.StdEncoding.EncodeToString(public)
	case ECDSA:
		secret = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqTxd43gyp8IOEto2LdIfjRQrIbsd4SXZkLW6jDutdhXSJCWHw8REntlo7aNDthvj+y7GjUuFDb/R1NGe1OPzpA=="
	}
	k, err := s.ReadKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	return k
}
