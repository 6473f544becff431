package jwks

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func set(t *testing.T, keys ...jose.JSONWebKey) []byte {
	t.Helper()
	raw, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestParse(t *testing.T) {
	t.Parallel()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	must(err)
	ed, edPrivate, err := ed25519.GenerateKey(rand.Reader)
	must(err)
	rsaKey, err := rsa.GenerateKey(rand.Reader, minRSA)
	must(err)
	small := rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 1023), E: 65537}
	large := rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 16000), E: 65537}
	good := set(t, jose.JSONWebKey{Key: &p256.PublicKey, KeyID: "a"}, jose.JSONWebKey{Key: ed, Algorithm: "EdDSA", Use: "sig"}, jose.JSONWebKey{Key: &rsaKey.PublicKey})
	if keys, err := Parse(good); err != nil || len(keys) != 3 || keys[0].KeyID != "a" {
		t.Fatalf("%v %v", keys, err)
	}
	many := make([]jose.JSONWebKey, maxKeys+1)
	for i := range many {
		many[i] = jose.JSONWebKey{Key: ed}
	}
	for name, raw := range map[string][]byte{
		"no JSON": []byte("x"), "no keys": []byte(`{"keys":[]}`), "a key alone": set(t, jose.JSONWebKey{Key: ed})[9:], "too many": set(t, many...),
		"private": set(t, jose.JSONWebKey{Key: p256}), "private Ed25519": set(t, jose.JSONWebKey{Key: edPrivate}), "private RSA": set(t, jose.JSONWebKey{Key: rsaKey}),
		"symmetric": set(t, jose.JSONWebKey{Key: []byte("secret")}), "P-384": set(t, jose.JSONWebKey{Key: &p384.PublicKey}),
		"small RSA": set(t, jose.JSONWebKey{Key: &small}), "large RSA": set(t, jose.JSONWebKey{Key: &large}), "RSA with e = 1": set(t, jose.JSONWebKey{Key: &rsa.PublicKey{N: rsaKey.N, E: 1}}),
		"for another algorithm": set(t, jose.JSONWebKey{Key: &rsaKey.PublicKey, Algorithm: "RS256"}), "for encryption": set(t, jose.JSONWebKey{Key: ed, Use: "enc"}),
		"off the curve": []byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"` + strings.Repeat("A", 43) + `","y":"` + strings.Repeat("A", 43) + `"}]}`),
	} {
		if keys, err := Parse(raw); err == nil {
			t.Errorf("%s is taken: %v", name, keys)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AA"}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		keys, err := Parse(raw)
		if err != nil {
			return
		}
		for _, k := range keys {
			if !k.IsPublic() {
				t.Errorf("a key that is not public is taken: %s", raw)
			}
		}
	})
}

// TestKeyStrength: RSA keys are taken from 3072 bits on, which is 128 bits of security.
func TestKeyStrength(t *testing.T) {
	t.Parallel()
	for bits, taken := range map[int]bool{1024: false, 2048: false, 3071: false, 3072: true, 4096: true, 4097: false} {
		n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
		alg, err := Algorithm(&rsa.PublicKey{N: n.SetBit(n, 0, 1), E: 65537})
		if (err == nil) != taken || taken && alg != jose.PS256 {
			t.Errorf("an RSA key of %d bits: %s %v", bits, alg, err)
		}
	}
}

// TestOddKeys: keys that no library makes by itself.
func TestOddKeys(t *testing.T) {
	t.Parallel()
	good, err := rsa.GenerateKey(rand.Reader, minRSA)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]any{
		"exponent 3": &rsa.PublicKey{N: good.N, E: 3}, "an even exponent": &rsa.PublicKey{N: good.N, E: 65538}, "a short Ed25519 key": ed25519.PublicKey(make([]byte, 31)),
	} {
		if alg, err := Algorithm(key); err == nil {
			t.Errorf("%s is taken for %s", name, alg)
		}
	}
	if _, err := Algorithm(&good.PublicKey); err != nil {
		t.Error(err)
	}
}
