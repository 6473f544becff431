package config

import (
	"reflect"
	"strings"
	"testing"
)

// TestSealingKey reads where the key lies, and says what is wrong without secrets.
func TestSealingKey(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]SealingKey{
		"": {},
		"csc:https://tsp.example/csc/v2/#credential=a%2Fb&batch=10&roots=/r.pem&user=u":             {Keeper: "csc", URL: "https://tsp.example/csc/v2", Credential: "a/b", Batch: 10, Roots: "/r.pem", User: "u"},
		"vault:https://vault.example:8200/v1/transit#key=seal":                                      {Keeper: "vault", URL: "https://vault.example:8200/v1/transit", Key: "seal"},
		"pkcs11:token=A%20B;object=seal;type=private?module-path=/usr/lib/p11.so&x-helper=/opt/p11": {Keeper: "pkcs11", Token: "A B", Object: "seal", Module: "/usr/lib/p11.so", Helper: "/opt/p11"},
	} {
		c := Config{SealKey: text}
		if text != "" {
			c.SealKeyCredentials = "pin=12%2034\n auth.OTP=x user=u%40example.com"
			want.Credentials = map[string]Secret{"pin": "12 34", "auth.OTP": "x", "user": "u@example.com"}
		}
		got, err := c.SealingKey()
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v %v", text, got, err)
		}
	}
	for _, c := range []Config{
		{SealKey: "hsm:x"}, {SealKey: "csc:http://tsp.example"}, {SealKey: "csc:https://u:s3cret@tsp.example"}, {SealKey: "csc:https://tsp.example#x=1"}, {SealKey: "csc:https://tsp.example#batch=0"},
		{SealKey: "vault:https://vault.example"}, {SealKey: "pkcs11:token=a;object=b"}, {SealKey: "pkcs11:token=a;object=b;slot=1?module-path=/m"}, {SealKey: "pkcs11:token=%zz"},
		{SealKey: "vault:https://vault.example#key=k", SealKeyCredentials: "s3cret"}, {SealKey: "vault:https://vault.example#key=k", SealKeyCredentials: "passwort=s3cret"},
		{SealChain: "/chain.pem"}, {SealKeyCredentials: "token=s3cret"},
	} {
		if _, err := c.SealingKey(); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q with %q: %v", c.SealKey, c.SealKeyCredentials.Reveal(), err)
		}
	}
}
