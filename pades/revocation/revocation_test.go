package revocation_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/paraph/paraph/pades/revocation"
	"github.com/paraph/paraph/pades/testca"
)

func serve(t *testing.T) *testca.Served {
	t.Helper()
	s, err := testca.Serve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func collector(t *testing.T, s *testca.Served, change func(*revocation.Config)) *revocation.Collector {
	t.Helper()
	c := revocation.Config{HTTP: s.Client(), Now: s.Now}
	if change != nil {
		change(&c)
	}
	r, err := revocation.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func issue(t *testing.T, s *testca.Served, change ...func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	id, err := s.Issue("Ada Signer", "p256", change...)
	if err != nil {
		t.Fatal(err)
	}
	return id.Chain[0]
}

// TestCollect: from the bare certificate, the chain is chased, OCSP answers for
// the certificate and the root's CRL for its issuer. A second time costs nothing.
func TestCollect(t *testing.T) {
	t.Parallel()
	s := serve(t)
	c := collector(t, s, nil)
	cert := issue(t, s)
	for range 2 {
		e, err := c.Collect(context.Background(), cert, nil, testca.Now)
		if err != nil {
			t.Fatal(err)
		}
		// the certificate, issuer, root and responder
		if len(e.Certs) != 4 || len(e.OCSPs) != 1 || len(e.CRLs) != 1 || !e.Until.Equal(testca.Now.Add(48*time.Hour)) {
			t.Errorf("%d certificates, %d answers, %d lists, until %s", len(e.Certs), len(e.OCSPs), len(e.CRLs), e.Until)
		}
	}
	for _, path := range []string{"/ocsp", "/root.crl", "/issuer.cer", "/root.cer"} {
		if n := s.Asked(path); n != 1 {
			t.Errorf("%s was asked %d times", path, n)
		}
	}
	if s.Asked("/issuer.crl")+s.Asked("/ocsp2") != 0 {
		t.Error("more was asked than needed")
	}
}

func point(t *testing.T, der ...byte) pkix.Extension {
	t.Helper()
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Critical: true, Value: append([]byte{0x30, byte(len(der))}, der...)}
}

// TestAnswers: each fault of a source leads to the next, and what is left at
// the end has its reason.
func TestAnswers(t *testing.T) {
	t.Parallel()
	noOCSP := func(s *testca.Served) { s.Down["/ocsp"], s.Down["/ocsp2"] = true, true }
	list := func(change func(*x509.RevocationList)) func(*testca.Served) {
		return func(s *testca.Served) {
			noOCSP(s)
			s.List = func(path string, l *x509.RevocationList) {
				if path == "/issuer.crl" {
					change(l)
				}
			}
		}
	}
	answer := func(change func(*ocsp.Response)) func(*testca.Served) {
		return func(s *testca.Served) {
			s.Down["/issuer.crl"] = true
			s.Answer = func(_ string, r *ocsp.Response) []byte { change(r); return nil }
		}
	}
	for _, c := range []struct {
		name   string
		break_ func(*testca.Served)
		reason revocation.Reason // of the error; empty where evidence is found
		crls   int
	}{
		{"second responder", func(s *testca.Served) { s.Down["/ocsp"] = true }, "", 1},
		{"list instead", noOCSP, "", 2},
		{"garbage, then list", func(s *testca.Served) { s.Answer = func(string, *ocsp.Response) []byte { return []byte("hello") } }, "", 2},
		{"try later, then list", func(s *testca.Served) {
			s.Answer = func(string, *ocsp.Response) []byte { return ocsp.TryLaterErrorResponse }
		}, "", 2},
		{"nothing", func(s *testca.Served) { noOCSP(s); s.Down["/issuer.crl"] = true }, revocation.Refused, 0},
		{"issuer's list down", func(s *testca.Served) { s.Down["/root.crl"] = true }, revocation.Refused, 0},
		{"stale answer", answer(func(r *ocsp.Response) {
			r.ThisUpdate, r.NextUpdate = testca.Now.Add(-72*time.Hour), testca.Now.Add(-24*time.Hour)
		}), revocation.Refused, 0},
		{"old answer without an end", answer(func(r *ocsp.Response) {
			r.ThisUpdate, r.NextUpdate = testca.Now.Add(-72*time.Hour), time.Time{}
		}), revocation.Refused, 0},
		{"answer from the future", answer(func(r *ocsp.Response) { r.ThisUpdate = testca.Now.Add(time.Hour) }), revocation.Refused, 0},
		{"unknown", answer(func(r *ocsp.Response) { r.Status = ocsp.Unknown }), revocation.Refused, 0},
		{"by the issuer itself", answer(func(r *ocsp.Response) { r.Certificate = nil }), "", 1},
		{"stale list", list(func(l *x509.RevocationList) {
			l.ThisUpdate, l.NextUpdate = testca.Now.Add(-72*time.Hour), testca.Now.Add(-24*time.Hour)
		}), revocation.Stale, 0},
		{"delta list", list(func(l *x509.RevocationList) {
			l.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 27}, Critical: true, Value: []byte{2, 1, 1}}}
		}), revocation.Unfit, 0},
		{"list of authorities", list(func(l *x509.RevocationList) {
			l.ExtraExtensions = []pkix.Extension{point(t, 0x82, 1, 0xFF)}
		}), revocation.Unfit, 0},
		{"list of end users", list(func(l *x509.RevocationList) {
			l.ExtraExtensions = []pkix.Extension{point(t, 0x81, 1, 0xFF)}
		}), "", 2},
		{"list of some reasons", list(func(l *x509.RevocationList) {
			l.ExtraExtensions = []pkix.Extension{point(t, 0x83, 2, 1, 6)}
		}), revocation.Unfit, 0},
		{"indirect list", list(func(l *x509.RevocationList) {
			l.ExtraExtensions = []pkix.Extension{point(t, 0x84, 1, 0xFF)}
		}), revocation.Unfit, 0},
		{"list of another point", list(func(l *x509.RevocationList) {
			l.ExtraExtensions = []pkix.Extension{point(t, 0xA0, 7, 0xA0, 5, 0x86, 3, 'a', ':', 'b')}
		}), revocation.Unfit, 0},
		{"list with an unknown critical extension", list(func(l *x509.RevocationList) {
			l.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
		}), revocation.Unfit, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t)
			c.break_(s)
			e, err := collector(t, s, nil).Collect(context.Background(), issue(t, s), nil, testca.Now)
			if c.reason == "" {
				if err != nil || len(e.CRLs) != c.crls {
					t.Errorf("%+v, %v", e, err)
				}
				return
			}
			failed, ok := errors.AsType[*revocation.Error](err)
			if !ok || failed.Reason != c.reason {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestRevoked(t *testing.T) {
	t.Parallel()
	for name, down := range map[string]bool{"by OCSP": false, "by list": true} {
		s := serve(t)
		s.Down["/ocsp"], s.Down["/ocsp2"] = down, down
		cert := issue(t, s)
		s.Revoke(cert, testca.Now.Add(-time.Hour))
		_, err := collector(t, s, nil).Collect(context.Background(), cert, nil, testca.Now)
		failed, ok := errors.AsType[*revocation.Error](err)
		if !ok || failed.Reason != revocation.Revoked || !failed.RevokedAt.Equal(testca.Now.Add(-time.Hour)) {
			t.Errorf("%s: %v", name, err)
		}
		// A revocation after the signature leaves the signature good.
		if e, err := collector(t, s, nil).Collect(context.Background(), cert, nil, testca.Now.Add(-2*time.Hour)); err != nil || len(e.OCSPs)+len(e.CRLs) < 2 {
			t.Errorf("%s: a signature from before gives %v", name, err)
		}
	}
}

// TestStrangeResponders: only the issuer and those it certified for OCSP may answer.
func TestStrangeResponders(t *testing.T) {
	t.Parallel()
	other, err := testca.New()
	if err != nil {
		t.Fatal(err)
	}
	for name, id := range map[string]func(*testca.Served) (testca.Identity, error){
		"not for OCSP": func(s *testca.Served) (testca.Identity, error) { return s.CA.Issue("A signer", "p256") },
		"of another authority": func(*testca.Served) (testca.Identity, error) {
			return other.Issue("A responder", "p256", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning} })
		},
		"expired": func(s *testca.Served) (testca.Identity, error) {
			return s.CA.Issue("A responder", "p256", func(c *x509.Certificate) {
				c.ExtKeyUsage, c.NotAfter = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}, testca.Now.AddDate(-1, 1, 0)
			})
		},
	} {
		s := serve(t)
		s.Down["/issuer.crl"] = true
		if s.Responder, err = id(s); err != nil {
			t.Fatal(err)
		}
		_, err := collector(t, s, nil).Collect(context.Background(), issue(t, s), nil, testca.Now)
		failed, ok := errors.AsType[*revocation.Error](err)
		if !ok || len(failed.Attempts) != 3 || failed.Attempts[0].Reason == revocation.Unreachable {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestResponderNeedsEvidence: a responder that may be revoked gets evidence too.
func TestResponderNeedsEvidence(t *testing.T) {
	t.Parallel()
	s := serve(t)
	var err error
	s.Responder, err = s.CA.Issue("A responder", "p256", func(c *x509.Certificate) {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
		c.CRLDistributionPoints = []string{s.URL + "/issuer.crl"}
	})
	if err != nil {
		t.Fatal(err)
	}
	e, err := collector(t, s, nil).Collect(context.Background(), issue(t, s), nil, testca.Now)
	if err != nil || len(e.CRLs) != 2 || s.Asked("/issuer.crl") != 1 {
		t.Errorf("%v", err)
	}
}

func TestNonce(t *testing.T) {
	t.Parallel()
	s := serve(t)
	c := collector(t, s, func(c *revocation.Config) { c.Nonce = true })
	for range 2 {
		if _, err := c.Collect(context.Background(), issue(t, s), nil, testca.Now); err != nil {
			t.Errorf("an answer without a nonce: %v", err)
		}
	}
	s.Answer = func(_ string, r *ocsp.Response) []byte { return nonceAnswer(t) }
	_, err := c.Collect(context.Background(), issue(t, s, func(c *x509.Certificate) { c.CRLDistributionPoints = nil }), nil, testca.Now)
	if failed, ok := errors.AsType[*revocation.Error](err); !ok || failed.Reason != revocation.Unfit || !strings.Contains(err.Error(), "nonce") {
		t.Errorf("another nonce gives %v", err)
	}
}

// nonceAnswer is an answer about nothing, by nobody, with a nonce that nobody sent.
func nonceAnswer(t *testing.T) []byte {
	t.Helper()
	wrap := func(tag byte, parts ...[]byte) []byte {
		n := 0
		for _, p := range parts {
			n += len(p)
		}
		b := []byte{tag, byte(n)}
		for _, p := range parts {
			b = append(b, p...)
		}
		return b
	}
	oid := func(o ...int) []byte {
		b, err := asn1.Marshal(asn1.ObjectIdentifier(o))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	ext := wrap(0x30, oid(1, 3, 6, 1, 5, 5, 7, 48, 1, 2), wrap(4, wrap(4, []byte("other"))))
	data := wrap(0x30, wrap(0xA2, wrap(4, []byte("key"))), wrap(0x18, []byte("20261102093000Z")), wrap(0x30), wrap(0xA1, wrap(0x30, ext)))
	signed := wrap(0x30, data, wrap(0x30, oid(1, 2, 840, 10045, 4, 3, 2)), []byte{3, 2, 0, 1})
	return wrap(0x30, []byte{0x0A, 1, 0}, wrap(0xA0, wrap(0x30, oid(1, 3, 6, 1, 5, 5, 7, 48, 1, 1), wrap(4, signed))))
}

func TestBounds(t *testing.T) {
	t.Parallel()
	s := serve(t)
	cert := issue(t, s)
	reason := func(err error) revocation.Reason {
		failed, ok := errors.AsType[*revocation.Error](err)
		if !ok {
			t.Errorf("%v", err)
			return ""
		}
		return failed.Reason
	}
	_, err := collector(t, s, func(c *revocation.Config) { c.Fetches = 2 }).Collect(context.Background(), cert, nil, testca.Now)
	if reason(err) != revocation.Exhausted {
		t.Errorf("%v", err)
	}
	_, err = collector(t, s, func(c *revocation.Config) { c.MaxOCSP, c.MaxCRL = 100, 100 }).Collect(context.Background(), cert, []*x509.Certificate{s.CA.Issuer, s.Root}, testca.Now)
	if reason(err) != revocation.Malformed {
		t.Errorf("%v", err)
	}
	_, err = collector(t, s, nil).Collect(context.Background(), issue(t, s, func(c *x509.Certificate) {
		c.OCSPServer, c.CRLDistributionPoints = []string{"ldap://somewhere"}, []string{"file:///etc/passwd"}
	}), nil, testca.Now)
	if reason(err) != revocation.Unreachable {
		t.Errorf("%v", err)
	}
	_, err = collector(t, s, nil).Collect(context.Background(), issue(t, s, func(c *x509.Certificate) {
		c.OCSPServer, c.CRLDistributionPoints = nil, nil
	}), nil, testca.Now)
	if reason(err) != revocation.NoSource {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err = collector(t, s, nil).Collect(ctx, cert, nil, testca.Now); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	known := collector(t, s, func(c *revocation.Config) {
		c.HTTP = doer(func(*http.Request) (*http.Response, error) { return nil, errors.New("no network") })
		c.CRL = func(issuer *x509.Certificate) []byte { b, _ := s.CRL(issuer); return b }
	})
	if e, err := known.Collect(context.Background(), cert, []*x509.Certificate{s.CA.Issuer, s.Root}, testca.Now); err != nil || len(e.CRLs) != 2 {
		t.Errorf("without a network: %v", err)
	}
}

type doer func(*http.Request) (*http.Response, error)

func (d doer) Do(r *http.Request) (*http.Response, error) { return d(r) }

func FuzzAnswers(f *testing.F) {
	s, err := testca.Serve()
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(s.Close)
	id, err := s.Issue("Ada Signer", "p256")
	if err != nil {
		f.Fatal(err)
	}
	crl, err := s.CRL(s.CA.Issuer)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(crl)
	f.Add(ocsp.TryLaterErrorResponse)
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := revocation.New(revocation.Config{HTTP: fixed(b), Now: s.Now, Nonce: len(b)%2 == 0})
		if err != nil {
			t.Fatal(err)
		}
		if e, err := c.Collect(context.Background(), id.Chain[0], id.Chain[1:], testca.Now); err == nil && len(e.CRLs)+len(e.OCSPs) < 2 {
			t.Error("evidence for two certificates was made of less")
		}
	})
}

// fixed answers every request with the same bytes.
type fixed []byte

func (f fixed) Do(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(f))}, nil
}

// TestRemembers: what was checked a moment ago is not checked again, but later
// it is, and a revocation is seen then.
func TestRemembers(t *testing.T) {
	t.Parallel()
	s := serve(t)
	now := testca.Now
	s.Now = func() time.Time { return now }
	c := collector(t, s, func(c *revocation.Config) { c.Cache = forgetful{} })
	cert := issue(t, s)
	for range 3 {
		if e, err := c.Collect(context.Background(), cert, nil, now); err != nil || len(e.OCSPs) != 1 {
			t.Fatal(err)
		}
	}
	if n := s.Asked("/ocsp"); n != 1 {
		t.Errorf("the responder was asked %d times", n)
	}
	s.Revoke(cert, now)
	now = now.Add(11 * time.Minute)
	_, err := c.Collect(context.Background(), cert, nil, now)
	if failed, ok := errors.AsType[*revocation.Error](err); !ok || failed.Reason != revocation.Revoked {
		t.Errorf("%v", err)
	}
}

// forgetful is a cache that keeps nothing.
type forgetful struct{}

func (forgetful) Get(string) ([]byte, bool)     { return nil, false }
func (forgetful) Put(string, []byte, time.Time) {}
