package validation_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/paraph/paraph/pades/revocation"
	"github.com/paraph/paraph/pades/testca"
	"github.com/paraph/paraph/pades/trust"
	"github.com/paraph/paraph/pades/validation"
)

var now = testca.Now

// entity is a certificate with its key.
type entity struct {
	*x509.Certificate
	key crypto.Signer
}

// mint makes a certificate; a nil issuer makes it sign itself.
func mint(t testing.TB, name string, issuer *entity, change ...func(*x509.Certificate)) *entity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return mintFor(t, name, key, issuer, change...)
}

func mintFor(t testing.TB, name string, key crypto.Signer, issuer *entity, change ...func(*x509.Certificate)) *entity {
	t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: now.AddDate(-3, 0, 0), NotAfter: now.AddDate(3, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature}
	for _, f := range change {
		f(c)
	}
	parent, by := c, key
	if issuer != nil {
		parent, by = issuer.Certificate, issuer.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &entity{cert, key}
}

func authority(c *x509.Certificate) {
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
}

func judge(root *entity, known ...*entity) *validation.Judge {
	j := validation.New(context.Background(), now, validation.Options{Trust: trust.Of("the test", root.Certificate)})
	for _, k := range known {
		j.Know(k.Certificate)
	}
	return j
}

// TestPaths judges paths of a root, an authority and a signer, each wrong in one way.
func TestPaths(t *testing.T) {
	t.Parallel()
	type change = func(*x509.Certificate)
	none := func(*x509.Certificate) {}
	critical := func(c *x509.Certificate) {
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}})
	}
	_, network, _ := net.ParseCIDR("10.0.0.0/8")
	subjectWithin := func(permitted bool, o string) change {
		return func(c *x509.Certificate) {
			name, _ := asn1.Marshal(pkix.Name{Organization: []string{o}}.ToRDNSequence())
			general, _ := asn1.Marshal(asn1.RawValue{Class: 2, Tag: 4, IsCompound: true, Bytes: name})
			tree, _ := asn1.Marshal(asn1.RawValue{Tag: 16, IsCompound: true, Bytes: general})
			tag := 1
			if permitted {
				tag = 0
			}
			value, _ := asn1.Marshal(asn1.RawValue{Class: 2, Tag: tag, IsCompound: true, Bytes: tree})
			all, _ := asn1.Marshal(asn1.RawValue{Tag: 16, IsCompound: true, Bytes: value})
			c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 30}, Critical: true, Value: all})
		}
	}
	organisation := func(o string) change {
		return func(c *x509.Certificate) { c.Subject.Organization = []string{o} }
	}
	policy := func(ids ...string) change {
		return func(c *x509.Certificate) {
			for _, id := range ids {
				oid, err := x509.ParseOID(id)
				if err != nil {
					t.Fatal(err)
				}
				c.Policies = append(c.Policies, oid)
			}
		}
	}
	explicit := func(c *x509.Certificate) {
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 36}, Critical: true, Value: []byte{0x30, 3, 0x80, 1, 0}})
	}
	both := func(list ...change) change {
		return func(c *x509.Certificate) {
			for _, f := range list {
				f(c)
			}
		}
	}
	for _, c := range []struct {
		name               string
		root, issuer, leaf change
		sub                validation.SubIndication
		reason             string
	}{
		{"all is well", none, none, none, "", ""},
		{"the issuer is no authority", none, func(c *x509.Certificate) { c.IsCA = false; c.KeyUsage = x509.KeyUsageDigitalSignature }, none, validation.ChainConstraints, "no certificate of an authority"},
		{"the issuer may not issue", none, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign }, none, validation.ChainConstraints, "not for signing certificates"},
		{"the root allows no authority below it", func(c *x509.Certificate) { c.MaxPathLenZero = true }, none, none, validation.ChainConstraints, "one too many"},
		{"critical and not understood", none, none, critical, validation.ChainConstraints, "critical extension"},
		{"critical and not understood, of the issuer", none, critical, none, validation.ChainConstraints, "critical extension"},
		{"the signer ran out", none, none, func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, -1, 0) }, validation.OutOfBoundsNoPOE, "ran out"},
		{"the issuer ran out", none, func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, -1, 0) }, none, validation.OutOfBoundsNoPOE, "the issuing certificate"},
		{"the root ran out, and is trusted", func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, -1, 0) }, none, none, "", ""},
		{"the signer is not valid yet", none, none, func(c *x509.Certificate) { c.NotBefore = now.AddDate(0, 1, 0) }, validation.OutOfBoundsNoPOE, "not valid before"},
		{"a name that is permitted", none, subjectWithin(true, "House"), organisation("House"), "", ""},
		{"a name that is not permitted", none, subjectWithin(true, "House"), organisation("Other"), validation.ChainConstraints, "may not certify the name"},
		{"a name that is excluded", none, subjectWithin(false, "House"), organisation("House"), validation.ChainConstraints, "may not certify the name"},
		{"constraints of the root count too", subjectWithin(true, "House"), organisation("House"), organisation("Other"), validation.ChainConstraints, "may not certify the name"},
		{"an address that is permitted", none, func(c *x509.Certificate) { c.PermittedEmailAddresses = []string{"house.example"} }, func(c *x509.Certificate) { c.EmailAddresses = []string{"a@house.example"} }, "", ""},
		{"an address that is not permitted", none, func(c *x509.Certificate) { c.PermittedEmailAddresses = []string{"house.example"} }, func(c *x509.Certificate) { c.EmailAddresses = []string{"a@other.example"} }, validation.ChainConstraints, "may not certify"},
		{"a host that is excluded", none, func(c *x509.Certificate) { c.ExcludedDNSDomains = []string{"house.example"} }, func(c *x509.Certificate) { c.DNSNames = []string{"a.house.example"} }, validation.ChainConstraints, "may not certify"},
		{"a network that is not permitted", none, func(c *x509.Certificate) { c.PermittedIPRanges = []*net.IPNet{network} }, func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(192, 168, 0, 1).To4()} }, validation.ChainConstraints, "may not certify"},
		{"a policy is demanded and there", none, both(explicit, policy("1.2.3")), policy("1.2.3"), "", ""},
		{"a policy is demanded and another there", none, both(explicit, policy("1.2.3")), policy("1.2.4"), validation.ChainConstraints, "certificate policy"},
		{"a policy is demanded and none there", none, both(explicit, policy("1.2.3")), none, validation.ChainConstraints, "certificate policy"},
		{"no policy is demanded", none, policy("1.2.3"), none, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			root := mint(t, "Root", nil, authority, c.root)
			issuer := mint(t, "Issuer", root, authority, c.issuer)
			leaf := mint(t, "Signer", issuer, c.leaf)
			r := judge(root, issuer).Certificate(leaf.Certificate, trust.Signing, now, false)
			switch {
			case c.sub == "" && r.Problem != nil:
				t.Errorf("%s: %v", r.Problem.Sub, r.Problem)
			case c.sub != "" && (r.Problem == nil || r.Problem.Sub != c.sub || !strings.Contains(r.Problem.Reason, c.reason)):
				t.Errorf("%+v", r.Problem)
			}
		})
	}
}

// TestOtherPaths: no path, a better one among several, circles, and very many
// certificates that might fit.
func TestOtherPaths(t *testing.T) {
	t.Parallel()
	root := mint(t, "Root", nil, authority)
	issuer := mint(t, "Issuer", root, authority)
	leaf := mint(t, "Signer", issuer)
	if r := judge(root).Certificate(leaf.Certificate, trust.Signing, now, false); r.Problem == nil || r.Problem.Sub != validation.NoChain || !strings.Contains(r.Problem.Reason, `ends at "Signer"`) {
		t.Errorf("without the issuer: %+v", r.Problem)
	}
	stranger := mint(t, "Root", nil, authority) // of the same name, with another key
	if r := judge(stranger, issuer, root).Certificate(leaf.Certificate, trust.Signing, now, false); r.Problem == nil || r.Problem.Sub != validation.NoChain {
		t.Errorf("a root of the same name: %+v", r.Problem)
	}
	old := mintFor(t, "Issuer", issuer.key, root, authority, func(c *x509.Certificate) { c.NotAfter = now.AddDate(-1, 0, 0) })
	if r := judge(root, old, issuer).Certificate(leaf.Certificate, trust.Signing, now, false); r.Problem != nil || !r.Path[1].Certificate.Equal(issuer.Certificate) {
		t.Errorf("the issuer has an old certificate too: %+v", r.Problem)
	}
	if r := judge(issuer).Certificate(leaf.Certificate, trust.Signing, now, false); r.Problem != nil || len(r.Path) != 2 {
		t.Errorf("the issuer itself is trusted: %+v", r.Problem)
	}
	if r := judge(leaf).Certificate(leaf.Certificate, trust.Signing, now, false); r.Problem != nil || len(r.Path) != 1 {
		t.Errorf("the signer itself is trusted: %+v", r.Problem)
	}
	a := mint(t, "A", nil, authority)
	b := mint(t, "B", a, authority)
	again := mintFor(t, "A", a.key, b, authority)
	end := mint(t, "Signer", b)
	if r := judge(root, a, b, again).Certificate(end.Certificate, trust.Signing, now, false); r.Problem == nil || r.Problem.Sub != validation.NoChain {
		t.Errorf("a circle: %+v", r.Problem)
	}
	j := judge(root)
	for range 60 { // each may have issued each other
		j.Know(mintFor(t, "Issuer", issuer.key, issuer, authority).Certificate)
	}
	if r := j.Certificate(leaf.Certificate, trust.Signing, now, false); r.Problem == nil {
		t.Error("a heap of certificates leads to a root")
	}
	for name, at := range map[string]time.Time{"proven in its time": now.AddDate(-1, 0, 0), "proven too late": now} {
		late := mint(t, "Signer", issuer, func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, -6, 0) })
		r := judge(root, issuer).Certificate(late.Certificate, trust.Signing, at, true)
		if (r.Problem == nil) != (name == "proven in its time") {
			t.Errorf("%s: %+v", name, r.Problem)
		}
	}
	fresh := mint(t, "Signer", issuer, func(c *x509.Certificate) { c.NotBefore = now.AddDate(-1, 0, 0) })
	r := judge(root, issuer).Certificate(fresh.Certificate, trust.Signing, now.AddDate(-2, 0, 0), true)
	if r.Problem == nil || r.Problem.Sub != validation.NotYetValid || r.Problem.Sub.Indication() != validation.TotalFailed {
		t.Errorf("used before it was made: %+v", r.Problem)
	}
}

// served judges certificates of an authority that answers.
func served(t *testing.T, s *testca.Served, at time.Time, change ...func(*validation.Options)) *validation.Judge {
	t.Helper()
	c, err := revocation.New(revocation.Config{HTTP: s.Client(), Now: s.Now})
	if err != nil {
		t.Fatal(err)
	}
	o := validation.Options{Trust: s.Trust(), Fetch: c}
	for _, f := range change {
		f(&o)
	}
	return validation.New(context.Background(), at, o)
}

// TestRevocation: what answers say of a certificate's use at a time, and which answers count.
func TestRevocation(t *testing.T) {
	t.Parallel()
	offline := func(o *validation.Options) { o.Fetch = nil }
	for _, c := range []struct {
		name   string
		set    func(s *testca.Served, c *x509.Certificate)
		used   time.Time // zero: now, unproven
		option func(*validation.Options)
		sub    validation.SubIndication
		reason string
	}{
		{"good", func(*testca.Served, *x509.Certificate) {}, time.Time{}, nil, "", ""},
		{"revoked", func(s *testca.Served, c *x509.Certificate) { s.Revoke(c, now.Add(-time.Hour)) }, time.Time{}, nil, validation.RevokedNoPOE, "the key was compromised"},
		{"revoked after its proven use", func(s *testca.Served, c *x509.Certificate) { s.Revoke(c, now.Add(-time.Hour)) }, now.Add(-2 * time.Hour), nil, "", ""},
		{"revoked before its proven use", func(s *testca.Served, c *x509.Certificate) { s.Revoke(c, now.Add(-3*time.Hour)) }, now.Add(-2 * time.Hour), nil, validation.RevokedNoPOE, "was revoked"},
		{"suspended", func(s *testca.Served, c *x509.Certificate) {
			s.Revoke(c, now.Add(-time.Hour))
			s.Answer = func(_ string, r *ocsp.Response) []byte { r.RevocationReason = ocsp.CertificateHold; return nil }
		}, time.Time{}, nil, validation.TryLater, "is suspended"},
		{"the issuer revoked", func(s *testca.Served, _ *x509.Certificate) { s.Revoke(s.CA.Issuer, now.Add(-time.Hour)) }, time.Time{}, nil, validation.RevokedCANoPOE, "the issuing certificate"},
		{"nobody answers", func(s *testca.Served, _ *x509.Certificate) {
			s.Down["/ocsp"], s.Down["/ocsp2"], s.Down["/issuer.crl"] = true, true, true
		}, time.Time{}, nil, validation.TryLater, "is not known"},
		{"the responder is out, the list is there", func(s *testca.Served, _ *x509.Certificate) { s.Down["/ocsp"], s.Down["/ocsp2"] = true, true }, time.Time{}, nil, "", ""},
		{"an old answer", func(s *testca.Served, _ *x509.Certificate) {
			s.Answer = func(_ string, r *ocsp.Response) []byte {
				r.ThisUpdate, r.NextUpdate = now.AddDate(0, 0, -9), now.AddDate(0, 0, -8)
				return nil
			}
			s.Down["/issuer.crl"] = true
		}, time.Time{}, nil, validation.TryLater, ""},
		{"an answer from the future", func(s *testca.Served, _ *x509.Certificate) {
			s.Answer = func(_ string, r *ocsp.Response) []byte {
				r.ThisUpdate, r.NextUpdate = now.AddDate(0, 0, 1), now.AddDate(0, 0, 2)
				return nil
			}
			s.Down["/issuer.crl"] = true
		}, time.Time{}, nil, validation.TryLater, ""},
		{"nobody may be asked", func(*testca.Served, *x509.Certificate) {}, time.Time{}, offline, validation.TryLater, "none was fetched"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, err := testca.Serve()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(s.Close)
			id, err := s.Issue("Signer", "p256")
			if err != nil {
				t.Fatal(err)
			}
			c.set(s, id.Chain[0])
			var options []func(*validation.Options)
			if c.option != nil {
				options = append(options, c.option)
			}
			j := served(t, s, now, options...)
			j.Know(id.Chain[1])
			at, proven := now, false
			if !c.used.IsZero() {
				at, proven = c.used, true
			}
			r := j.Certificate(id.Chain[0], trust.Signing, at, proven)
			switch {
			case c.sub == "" && r.Problem != nil:
				t.Errorf("%s: %v", r.Problem.Sub, r.Problem)
			case c.sub != "" && (r.Problem == nil || r.Problem.Sub != c.sub || !strings.Contains(r.Problem.Reason, c.reason)):
				t.Errorf("%+v", r.Problem)
			}
			if c.option != nil && (len(j.Wanted()) == 0 || j.Wanted()[0].Certificate == nil) {
				t.Error("what would have helped is not told")
			}
		})
	}
}

// TestNobodyTells: certificates that name nobody who would tell of their revocation
// pass with a note, unless an answer is demanded.
func TestNobodyTells(t *testing.T) {
	t.Parallel()
	root := mint(t, "Root", nil, authority)
	leaf := mint(t, "Signer", root)
	j := judge(root)
	if r := j.Certificate(leaf.Certificate, trust.Signing, now, false); r.Problem != nil || len(r.Notes) != 1 || r.Path[0].Status.State != validation.Spared {
		t.Errorf("%+v", r)
	}
	j = judge(root)
	j.RequireRevocation = true
	if r := j.Certificate(leaf.Certificate, trust.Signing, now, false); r.Problem == nil || r.Problem.Sub != validation.TryLater {
		t.Errorf("%+v", r.Problem)
	}
	short := mint(t, "Signer", root, func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{0, 4, 0, 194121, 2, 1}, Value: []byte{5, 0}}}
	})
	if r := j.Certificate(short.Certificate, trust.Signing, now, false); r.Problem != nil {
		t.Errorf("short-lived by its own word: %+v", r.Problem)
	}
}

// TestAlgorithms: until when keys and digests are relied on, by the table.
func TestAlgorithms(t *testing.T) {
	t.Parallel()
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	middle, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	year := func(y int) time.Time { return time.Date(y, 6, 1, 0, 0, 0, 0, time.UTC) }
	for _, c := range []struct {
		name string
		key  crypto.PublicKey
		hash crypto.Hash
		at   time.Time
		now  time.Time
		want validation.SubIndication
	}{
		{"P-256 today", curve.Public(), crypto.SHA256, now, now, ""},
		{"SHA-1 today", curve.Public(), crypto.SHA1, now, now, validation.CryptoNoPOE},
		{"SHA-1 in 2011", curve.Public(), crypto.SHA1, year(2011), now, ""},
		{"SHA-1 in 2015", curve.Public(), crypto.SHA1, year(2015), now, validation.CryptoConstraints},
		{"MD5 at any time", curve.Public(), crypto.MD5, year(2001), now, validation.CryptoConstraints},
		{"RSA 1024 in 2018", small.Public(), crypto.SHA256, year(2018), now, ""},
		{"RSA 1024 in 2020", small.Public(), crypto.SHA256, year(2020), now, validation.CryptoConstraints},
		{"RSA 2048 today", middle.Public(), crypto.SHA256, now, now, ""},
		{"RSA 2048 in 2030", middle.Public(), crypto.SHA256, year(2030), year(2030), validation.CryptoNoPOE},
		{"RSA 2048 of today, in 2030", middle.Public(), crypto.SHA256, now, year(2030), ""},
		{"P-224 in 2020", p224.Public(), crypto.SHA256, year(2020), now, ""},
		{"P-224 in 2023", p224.Public(), crypto.SHA256, year(2023), now, validation.CryptoConstraints},
		{"a digest alone", nil, crypto.SHA512, now, now, ""},
		{"a key of an unknown kind", "key", crypto.SHA256, now, now, validation.CryptoConstraints},
	} {
		p := validation.Reliable(c.key, c.hash, c.at, c.now, "the signature")
		if c.want == "" && p != nil || c.want != "" && (p == nil || p.Sub != c.want) {
			t.Errorf("%s: %+v", c.name, p)
		}
	}
}

// TestProofs: the earliest proof of bytes counts, and everything is there now.
func TestProofs(t *testing.T) {
	t.Parallel()
	p := validation.NewPOE(now)
	if !p.Of([]byte("a")).Equal(now) {
		t.Error("what is there is not proven for now")
	}
	for _, d := range []int{-2, -3, -1, 5} {
		p.Prove([]byte("a"), now.AddDate(0, 0, d))
	}
	if !p.Of([]byte("a")).Equal(now.AddDate(0, 0, -3)) || !p.Of([]byte("b")).Equal(now) {
		t.Errorf("%v", p.Of([]byte("a")))
	}
	p.Prove([]byte("c"), now.AddDate(1, 0, 0))
	if !p.Of([]byte("c")).Equal(now) {
		t.Error("something is proven for the future")
	}
}

// TestAnchorsDecide: an anchor that does not count for a use or a time is passed over
// for another reason to trust the same certificate.
func TestAnchorsDecide(t *testing.T) {
	t.Parallel()
	root := mint(t, "Root", nil, authority)
	leaf := mint(t, "Signer", root)
	no := &trust.Set{}
	no.Add(trust.Anchor{Certificate: root.Certificate, From: "a list", Allows: func(use trust.Use, _ time.Time) error {
		if use == trust.Stamping {
			return nil
		}
		return errors.New("it is listed for time stamps")
	}})
	j := validation.New(context.Background(), now, validation.Options{Trust: no})
	if r := j.Certificate(leaf.Certificate, trust.Signing, now, false); r.Problem == nil || !strings.Contains(r.Problem.Reason, "listed for time stamps") {
		t.Errorf("%+v", r.Problem)
	}
	if r := j.Certificate(leaf.Certificate, trust.Stamping, now, false); r.Problem != nil {
		t.Errorf("%+v", r.Problem)
	}
	j = validation.New(context.Background(), now, validation.Options{Trust: trust.Merge(no, trust.Of("a file", root.Certificate))})
	if r := j.Certificate(leaf.Certificate, trust.Signing, now, false); r.Problem != nil || r.Anchor.From != "a file" {
		t.Errorf("%+v", r.Problem)
	}
}
