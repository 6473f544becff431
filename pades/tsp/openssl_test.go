package tsp_test

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/testneed"
	"github.com/paraph/paraph/pades/internal/cms"
	"github.com/paraph/paraph/pades/testca"
	"github.com/paraph/paraph/pades/tsp"
	"github.com/paraph/paraph/pades/tsp/tsptest"
)

// openssl runs the program in a folder of its own.
type openssl struct {
	t    *testing.T
	path string
	dir  string
}

func newOpenSSL(t *testing.T) *openssl {
	t.Helper()
	o := &openssl{t: t, path: testneed.Command(t, "openssl"), dir: t.TempDir()}
	o.write("data", []byte("what was stamped"))
	return o
}

func (o *openssl) try(args ...string) (string, error) {
	cmd := exec.Command(o.path, args...)
	cmd.Dir = o.dir
	cmd.Env = append(os.Environ(), "OPENSSL_CONF=/dev/null")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (o *openssl) run(args ...string) string {
	o.t.Helper()
	out, err := o.try(args...)
	if err != nil {
		o.t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (o *openssl) write(name string, content []byte) {
	o.t.Helper()
	if err := os.WriteFile(filepath.Join(o.dir, name), content, 0o600); err != nil {
		o.t.Fatal(err)
	}
}

func (o *openssl) read(name string) []byte {
	o.t.Helper()
	raw, err := os.ReadFile(filepath.Join(o.dir, name))
	if err != nil {
		o.t.Fatal(err)
	}
	return raw
}

func (o *openssl) certificates(name string, certs ...*x509.Certificate) {
	o.t.Helper()
	var out bytes.Buffer
	for _, c := range certs {
		if err := pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}); err != nil {
			o.t.Fatal(err)
		}
	}
	o.write(name, out.Bytes())
}

func (o *openssl) key(name string, key crypto.Signer) {
	o.t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		o.t.Fatal(err)
	}
	o.write(name, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// attime makes openssl look at the certificates at the tokens' time.
func attime(t time.Time) []string { return []string{"-attime", fmt.Sprint(t.Unix())} }

// TestOpenSSLTakesOurTokens: openssl asks, we answer, openssl verifies; and it
// refuses what was changed.
func TestOpenSSLTakesOurTokens(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"rsa", "p256", "p384"} {
		for _, query := range []string{"-sha256 -cert", "-sha384 -cert -tspolicy " + tsptest.OtherPolicy, "-sha512 -cert -no_nonce", "-sha256"} {
			t.Run(kind+" "+query, func(t *testing.T) {
				t.Parallel()
				o := newOpenSSL(t)
				tsa := tsptest.New(t, tsptest.Options{Kind: kind, Now: standingAt(noon.Add(123_456 * time.Microsecond))})
				o.run(append([]string{"ts", "-query", "-data", "data", "-out", "q.tsq"}, strings.Fields(query)...)...)
				response, info, err := tsa.Respond(o.read("q.tsq"))
				if err != nil {
					t.Fatal(err)
				}
				o.write("r.tsr", response)
				o.certificates("root.pem", tsa.CA.Root)
				o.certificates("untrusted.pem", tsa.CA.Issuer, tsa.Certificate())
				verify := append([]string{"ts", "-verify", "-in", "r.tsr", "-CAfile", "root.pem", "-untrusted", "untrusted.pem"}, attime(info.Time)...)
				for _, against := range [][]string{{"-queryfile", "q.tsq"}, {"-data", "data"}} {
					if out := o.run(append(verify, against...)...); !strings.Contains(out, "Verification: OK") {
						t.Errorf("openssl says %s", out)
					}
				}
				text := o.run("ts", "-reply", "-in", "r.tsr", "-text")
				for _, want := range []string{"Status: Granted.", info.Time.Format("Jan _2 15:04:05.000000 2006 GMT"), "Accuracy: 0x01 seconds", fmt.Sprintf("Serial number: 0x%X", info.Serial.Bytes())} {
					if !strings.Contains(text, want) {
						t.Errorf("openssl does not read %q in\n%s", want, text)
					}
				}
				o.write("other", []byte("what was not stamped"))
				if out, err := o.try(append(verify, "-data", "other")...); err == nil {
					t.Errorf("openssl takes it for other data: %s", out)
				}
			})
		}
	}
}

// TestOpenSSLReadsOurRefusals: the failure we name is the one openssl reads.
func TestOpenSSLReadsOurRefusals(t *testing.T) {
	t.Parallel()
	o := newOpenSSL(t)
	tsa := tsptest.New(t, tsptest.Options{})
	for name, c := range map[string]struct {
		query string
		want  string
	}{
		"a policy it has not": {"-sha256 -tspolicy 1.2.3", "the requested TSA policy is not supported"},
		"a weak digest":       {"-sha1", "unrecognized or unsupported algorithm identifier"},
	} {
		o.run(append([]string{"ts", "-query", "-data", "data", "-out", "q.tsq"}, strings.Fields(c.query)...)...)
		response, _, err := tsa.Respond(o.read("q.tsq"))
		if err == nil {
			t.Errorf("%s is granted", name)
		}
		o.write("r.tsr", response)
		if text := o.run("ts", "-reply", "-in", "r.tsr", "-text"); !strings.Contains(text, "Status: Rejected.") || !strings.Contains(text, c.want) {
			t.Errorf("%s: openssl reads\n%s", name, text)
		}
	}
}

// TestOpenSSLVerifiesPSS: `openssl ts` does not know it, `openssl cms` does.
func TestOpenSSLVerifiesPSS(t *testing.T) {
	t.Parallel()
	o := newOpenSSL(t)
	tsa := tsptest.New(t, tsptest.Options{Kind: "rsa", Now: standingAt(noon), Config: func(c *tsp.AuthorityConfig) { c.PSS = true }})
	der := must(tsa.Sign(sampleInfo(), true))
	if err := check(der, tsp.VerifyOptions{Chain: tsa.Chain()}); err != nil {
		t.Fatal(err)
	}
	o.write("token.der", der)
	o.certificates("root.pem", tsa.CA.Root)
	verify := append([]string{"cms", "-verify", "-inform", "DER", "-in", "token.der", "-CAfile", "root.pem", "-purpose", "timestampsign", "-binary", "-out", "content"}, attime(noon)...)
	o.run(verify...)
	der[len(der)-1] ^= 1
	o.write("token.der", der)
	if out, err := o.try(verify...); err == nil {
		t.Errorf("openssl takes a changed signature: %s", out)
	}
}

// TestOpenSSLVerifiesEd25519: openssl 3.0 knows it in no CMS at all, so it is
// given what is signed and the signature.
func TestOpenSSLVerifiesEd25519(t *testing.T) {
	t.Parallel()
	o := newOpenSSL(t)
	tsa, der := sampleToken(t, "ed25519")
	s := must(cms.ParseAttached(der, tstInfo))
	o.certificates("cert.pem", tsa.Certificate())
	o.write("attributes", s.SignedAttrs)
	o.write("value", s.Value)
	verify := []string{"pkeyutl", "-verify", "-certin", "-inkey", "cert.pem", "-rawin", "-in", "attributes", "-sigfile", "value"}
	o.run(verify...)
	o.write("value", append([]byte{s.Value[0] ^ 1}, s.Value[1:]...))
	if out, err := o.try(verify...); err == nil {
		t.Errorf("openssl takes a changed signature: %s", out)
	}
}

const config = `
[tsa]
serial = serial
signer_cert = signer.pem
signer_key = key.pem
certs = chain.pem
signer_digest = %s
default_policy = 1.2.3.4.1
other_policies = 1.2.3.4.2
digests = sha256, sha384, sha512
accuracy = secs:1, millisecs:500, microsecs:100
clock_precision_digits = 6
ordering = yes
tsa_name = yes
ess_cert_id_chain = yes
ess_cert_id_alg = %s
`

// TestWeTakeOpenSSLsTokens: we ask, openssl answers, we verify.
func TestWeTakeOpenSSLsTokens(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ kind, digest, essID, policy string }{
		"rsa":                          {"rsa", "sha256", "sha256", ""},
		"rsa with SHA-512":             {"rsa", "sha512", "sha512", tsptest.OtherPolicy},
		"p256":                         {"p256", "sha256", "sha256", ""},
		"p384":                         {"p384", "sha384", "sha384", ""},
		"ESSCertID of the first kind":  {"p256", "sha256", "sha1", ""},
		"ESSCertID of SHA-1 and rsa":   {"rsa", "sha384", "sha1", ""},
		"p256 under the other policy":  {"p256", "sha512", "sha256", tsptest.OtherPolicy},
		"p384 with ESSCertID, SHA-256": {"p384", "sha256", "sha256", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOpenSSL(t)
			ca := must(testca.NewAt(time.Now()))
			id := must(ca.Issue("OpenSSL's TSA", c.kind, tsptest.Usage(true, timeStamping)))
			o.key("key.pem", id.Key)
			o.certificates("signer.pem", id.Chain[0])
			o.certificates("chain.pem", id.Chain[1])
			o.write("serial", []byte("0A\n"))
			o.write("tsa.cnf", fmt.Appendf(nil, config, c.digest, c.essID))
			r := must(tsp.NewRequest(crypto.SHA256, digest, c.policy, nil))
			o.write("q.tsq", must(r.Marshal()))
			text := o.run("ts", "-query", "-in", "q.tsq", "-text")
			if !strings.Contains(text, "Certificate required: yes") || !strings.Contains(text, "Hash Algorithm: sha256") {
				t.Errorf("openssl reads our request as\n%s", text)
			}
			o.run("ts", "-reply", "-queryfile", "q.tsq", "-config", "tsa.cnf", "-section", "tsa", "-out", "r.tsr")
			response := must(tsp.ParseResponse(o.read("r.tsr")))
			if err := response.Err(); err != nil {
				t.Fatal(err)
			}
			token := must(tsp.Parse(response.Token))
			v, err := token.Verify(digest, tsp.VerifyOptions{Chain: tsp.Roots(ca.Roots()), Request: r})
			if err != nil {
				t.Fatal(err)
			}
			want := time.Second + 500*time.Millisecond + 100*time.Microsecond
			if len(v.Chain) != 3 || token.Accuracy != want || !token.Ordering || token.Name == nil || token.Serial.Int64() != 11 || time.Since(token.Time).Abs() > time.Hour {
				t.Errorf("we read %+v", token.Info)
			}
			if _, err := token.Verify(digest, tsp.VerifyOptions{Chain: tsp.Roots(must(testca.New()).Roots())}); tsp.ReasonOf(err) != tsp.ReasonUntrusted {
				t.Errorf("under a foreign root: %v", err)
			}
		})
	}
}

// TestWeReadOpenSSLsRefusals: openssl refuses a policy, and we say so.
func TestWeReadOpenSSLsRefusals(t *testing.T) {
	t.Parallel()
	o := newOpenSSL(t)
	ca := must(testca.NewAt(time.Now()))
	id := must(ca.Issue("OpenSSL's TSA", "p256", tsptest.Usage(true, timeStamping)))
	o.key("key.pem", id.Key)
	o.certificates("signer.pem", id.Chain[0])
	o.certificates("chain.pem", id.Chain[1])
	o.write("serial", []byte("0A\n"))
	o.write("tsa.cnf", fmt.Appendf(nil, config, "sha256", "sha256"))
	r := must(tsp.NewRequest(crypto.SHA256, digest, "1.2.3.4.9", nil))
	o.write("q.tsq", must(r.Marshal()))
	o.run("ts", "-reply", "-queryfile", "q.tsq", "-config", "tsa.cnf", "-section", "tsa", "-out", "r.tsr")
	response := must(tsp.ParseResponse(o.read("r.tsr")))
	if response.Status != tsp.Rejection || len(response.Failures) != 1 || response.Failures[0] != tsp.UnacceptedPolicy || tsp.ReasonOf(response.Err()) != tsp.ReasonRejected {
		t.Errorf("we read %+v", response)
	}
}
