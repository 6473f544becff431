package tsp_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"math/big"
	"slices"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/paraph/paraph/pades/internal/cms"
	"github.com/paraph/paraph/pades/testca"
	"github.com/paraph/paraph/pades/tsp"
	"github.com/paraph/paraph/pades/tsp/tsptest"
)

var (
	tstInfo      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
	data         = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	timeStamping = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 8}
)

// noon is when tokens of these tests are made.
var noon = testca.Now.Add(2*time.Hour + 30*time.Minute)

// sampleInfo is over digest.
func sampleInfo() *tsp.Info {
	return &tsp.Info{Policy: tsptest.Policy, Hash: crypto.SHA256, Digest: digest, Serial: big.NewInt(7), Time: noon, Accuracy: time.Second, Nonce: big.NewInt(42)}
}

func standingAt(t time.Time) func() time.Time { return func() time.Time { return t } }

func sampleToken(t testing.TB, kind string) (*tsptest.TSA, []byte) {
	t.Helper()
	tsa := tsptest.New(t, tsptest.Options{Kind: kind, Now: standingAt(noon)})
	der, err := tsa.Sign(sampleInfo(), true)
	if err != nil {
		t.Fatal(err)
	}
	return tsa, der
}

// check reads and verifies a token over digest.
func check(der []byte, o tsp.VerifyOptions) error {
	token, err := tsp.Parse(der)
	if err != nil {
		return err
	}
	_, err = token.Verify(digest, o)
	return err
}

// TestEveryBit changes each bit of a token, one after the other: none may be
// changed unnoticed. Then it cuts the token at each byte.
func TestEveryBit(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"p256", "ed25519", "rsa"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			tsa, der := sampleToken(t, kind)
			o := tsp.VerifyOptions{Chain: tsa.Chain(), Request: &tsp.Request{Hash: crypto.SHA256, Digest: digest, Nonce: big.NewInt(42)}}
			if err := check(der, o); err != nil {
				t.Fatal(err)
			}
			reasons := map[tsp.Reason]int{}
			for bit := 0; bit < 8*len(der); bit++ {
				bad := bytes.Clone(der)
				bad[bit/8] ^= 1 << (bit % 8)
				err := check(bad, o)
				if err == nil {
					t.Errorf("bit %d of byte %d of %d was changed unnoticed: %x is %x", bit%8, bit/8, len(der), der[bit/8], bad[bit/8])
				} else if tsp.ReasonOf(err) == "" {
					t.Errorf("bit %d: an error without a reason: %v", bit, err)
				}
				reasons[tsp.ReasonOf(err)]++
			}
			t.Logf("%d bytes: %v", len(der), reasons)
			for n := range der {
				if check(der[:n], o) == nil {
					t.Errorf("the first %d bytes are taken for a token", n)
				}
			}
		})
	}
}

// forge is a token that is made by hand, step by step.
type forge struct {
	t        testing.TB
	ca       *testca.CA
	id       testca.Identity
	template cms.Template
	extra    [][]byte // more signed attributes
	drop     string   // an attribute to leave out, its OID
	issuer   []byte   // what names says; nil: the truth
}

func newForge(t testing.TB, kind string, change ...func(*x509.Certificate)) *forge {
	t.Helper()
	ca, err := testca.NewAt(noon)
	if err != nil {
		t.Fatal(err)
	}
	id, err := ca.Issue("Test TSA", kind, append([]func(*x509.Certificate){tsptest.Usage(true, timeStamping)}, change...)...)
	if err != nil {
		t.Fatal(err)
	}
	f := &forge{t: t, ca: ca, id: id}
	f.use(id)
	return f
}

func (f *forge) use(id testca.Identity) {
	f.t.Helper()
	f.id = id
	t, err := cms.NewTemplate(id.Chain, 0, false)
	if err != nil {
		f.t.Fatal(err)
	}
	t.ContentType, t.Content = tstInfo, f.content()
	f.template = t
}

// content is the TSTInfo of sampleInfo.
func (f *forge) content() []byte {
	_, der := sampleToken(f.t, "p256")
	s, err := cms.ParseAttached(der, tstInfo)
	if err != nil {
		f.t.Fatal(err)
	}
	return s.Content
}

const (
	v1OID = "1.2.840.113549.1.9.16.2.12"
	v2OID = "1.2.840.113549.1.9.16.2.47"
)

func (f *forge) token() []byte {
	f.t.Helper()
	h := f.template.Hash.New()
	h.Write(f.template.Content)
	attrs := f.attributes(h.Sum(nil))
	value, err := f.template.Sign(f.id.Key, attrs)
	if err != nil {
		f.t.Fatal(err)
	}
	der, err := f.template.Build(attrs, value)
	if err != nil {
		f.t.Fatal(err)
	}
	return der
}

// attributes are those of the template, without one, with others.
func (f *forge) attributes(sum []byte) []byte {
	f.t.Helper()
	der, err := f.template.SignedAttributes(sum)
	if err != nil {
		f.t.Fatal(err)
	}
	set := cryptobyte.String(der)
	var in cryptobyte.String
	set.ReadASN1(&in, cbasn1.SET)
	all := slices.Clone(f.extra)
	for !in.Empty() {
		var one, body cryptobyte.String
		var oid asn1.ObjectIdentifier
		in.ReadASN1Element(&one, cbasn1.SEQUENCE)
		whole := bytes.Clone(one)
		one.ReadASN1(&body, cbasn1.SEQUENCE)
		body.ReadASN1ObjectIdentifier(&oid)
		if oid.String() != f.drop {
			all = append(all, whole)
		}
	}
	slices.SortFunc(all, bytes.Compare)
	return marshal(f.t, asn1.RawValue{Tag: asn1.TagSet, IsCompound: true, Bytes: bytes.Join(all, nil)})
}

// names is a signing-certificate attribute with the digest, and with issuer and serial.
func (f *forge) names(oid string, digest []byte, serial *big.Int) []byte {
	type issuerSerial struct {
		Issuer []asn1.RawValue
		Serial *big.Int
	}
	type certID struct {
		Digest []byte
		IS     issuerSerial
	}
	dn := f.issuer
	if dn == nil {
		dn = f.id.Chain[0].RawIssuer
	}
	issuer := asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 4, IsCompound: true, Bytes: dn}
	id := certID{digest, issuerSerial{[]asn1.RawValue{issuer}, serial}}
	parsed, err := x509.ParseOID(oid)
	if err != nil {
		f.t.Fatal(err)
	}
	var o asn1.ObjectIdentifier
	raw, _ := parsed.MarshalBinary()
	if _, err := asn1.Unmarshal(marshal(f.t, asn1.RawValue{Tag: asn1.TagOID, Bytes: raw}), &o); err != nil {
		f.t.Fatal(err)
	}
	return marshal(f.t, struct {
		OID   asn1.ObjectIdentifier
		Value []any `asn1:"set"`
	}{o, []any{struct{ IDs []certID }{[]certID{id}}}})
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	der, err := asn1.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// TestMutations: each thing that may be wrong with a token is refused for its
// reason, and what is only unusual is taken.
func TestMutations(t *testing.T) {
	t.Parallel()
	v1 := func(f *forge) []byte { s := sha1.Sum(f.id.Chain[0].Raw); return s[:] }
	v2 := func(f *forge) []byte { s := sha256.Sum256(f.id.Chain[0].Raw); return s[:] }
	wrong := make([]byte, 32)
	serial := func(f *forge) *big.Int { return f.id.Chain[0].SerialNumber }
	for name, c := range map[string]struct {
		kind   string
		change func(*forge)
		want   tsp.Reason
	}{
		"as it should be":             {"p256", func(*forge) {}, ""},
		"SHA-512 with P-256":          {"p256", func(f *forge) { f.template.Hash = crypto.SHA512 }, ""},
		"RSA-PSS":                     {"rsa", func(f *forge) { f.template.Scheme = cms.PSS }, ""},
		"RSA-PSS with SHA-512":        {"rsa", func(f *forge) { f.template.Scheme, f.template.Hash = cms.PSS, crypto.SHA512 }, ""},
		"ESSCertID alone":             {"p256", func(f *forge) { f.drop, f.extra = v2OID, [][]byte{f.names(v1OID, v1(f), serial(f))} }, ""},
		"ESSCertID and ESSCertIDv2":   {"p256", func(f *forge) { f.extra = [][]byte{f.names(v1OID, v1(f), serial(f))} }, ""},
		"no ESSCertID":                {"p256", func(f *forge) { f.drop = v2OID }, tsp.ReasonBinding},
		"ESSCertIDv2 of another":      {"p256", func(f *forge) { f.drop, f.extra = v2OID, [][]byte{f.names(v2OID, wrong, serial(f))} }, tsp.ReasonBinding},
		"ESSCertIDv2, another serial": {"p256", func(f *forge) { f.drop, f.extra = v2OID, [][]byte{f.names(v2OID, v2(f), big.NewInt(1))} }, tsp.ReasonBinding},
		"ESSCertID of another":        {"p256", func(f *forge) { f.drop, f.extra = v2OID, [][]byte{f.names(v1OID, wrong[:20], serial(f))} }, tsp.ReasonBinding},
		"ESSCertID, another serial":   {"p256", func(f *forge) { f.drop, f.extra = v2OID, [][]byte{f.names(v1OID, v1(f), big.NewInt(1))} }, tsp.ReasonBinding},
		"one of two names another":    {"p256", func(f *forge) { f.extra = [][]byte{f.names(v1OID, wrong[:20], serial(f))} }, tsp.ReasonBinding},
		"the other names another": {"p256", func(f *forge) {
			f.drop, f.extra = v2OID, [][]byte{f.names(v1OID, v1(f), serial(f)), f.names(v2OID, wrong, serial(f))}
		}, tsp.ReasonBinding},
		"ESSCertIDv2, another issuer": {"p256", func(f *forge) {
			f.issuer = f.ca.Root.RawSubject
			f.drop, f.extra = v2OID, [][]byte{f.names(v2OID, v2(f), serial(f))}
		}, tsp.ReasonBinding},
		"ESSCertID of 32 bytes":       {"p256", func(f *forge) { f.extra = [][]byte{f.names(v1OID, wrong, serial(f))} }, tsp.ReasonMalformed},
		"no message digest":           {"p256", func(f *forge) { f.drop = "1.2.840.113549.1.9.4" }, tsp.ReasonMalformed},
		"no content type":             {"p256", func(f *forge) { f.drop = "1.2.840.113549.1.9.3" }, tsp.ReasonMalformed},
		"an attribute twice":          {"p256", func(f *forge) { f.extra = [][]byte{f.names(v2OID, v2(f), serial(f))} }, tsp.ReasonMalformed},
		"content of type data":        {"p256", func(f *forge) { f.template.ContentType = data }, tsp.ReasonMalformed},
		"no content":                  {"p256", func(f *forge) { f.template.Content = nil }, tsp.ReasonMalformed},
		"content that is no TSTInfo":  {"p256", func(f *forge) { f.template.Content = []byte{0x30, 0} }, tsp.ReasonMalformed},
		"no certificates":             {"p256", func(f *forge) { f.template.Bare = true }, tsp.ReasonNoSigner},
		"a certificate of before":     {"p256", func(f *forge) { f.reissue("p256", func(c *x509.Certificate) { c.NotAfter = noon.Add(-time.Second) }) }, tsp.ReasonExpired},
		"a certificate of afterwards": {"p256", func(f *forge) { f.reissue("p256", func(c *x509.Certificate) { c.NotBefore = noon.Add(time.Second) }) }, tsp.ReasonExpired},
		"a key for encryption as well": {"p256", func(f *forge) {
			f.reissue("p256", func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageKeyAgreement })
		}, tsp.ReasonUsage},
		"any usage":                  {"p256", func(f *forge) { f.reissue("p256", anyUsage) }, tsp.ReasonUsage},
		"P-521":                      {"p256", func(f *forge) { f.key(must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader))) }, tsp.ReasonKey},
		"RSA of 1024 bits":           {"rsa", func(f *forge) { f.key(must(rsa.GenerateKey(rand.Reader, 1024))) }, tsp.ReasonKey},
		"another key has signed":     {"p256", func(f *forge) { f.id.Key = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }, tsp.ReasonSignature},
		"an authority nobody trusts": {"p256", func(f *forge) { f.use(newForge(f.t, "p256").id) }, tsp.ReasonUntrusted},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newForge(t, c.kind)
			c.change(f)
			err := check(f.token(), tsp.VerifyOptions{Chain: tsp.Roots(f.ca.Roots())})
			if tsp.ReasonOf(err) != c.want || (err == nil) != (c.want == "") {
				t.Errorf("the reason is %q instead of %q: %v", tsp.ReasonOf(err), c.want, err)
			}
		})
	}
}

func anyUsage(c *x509.Certificate) {
	c.ExtraExtensions = nil
	tsptest.Usage(true, asn1.ObjectIdentifier{2, 5, 29, 37, 0})(c)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// reissue gives the forge another certificate of its CA.
func (f *forge) reissue(kind string, change func(*x509.Certificate)) {
	f.use(must(f.ca.Issue("Changed TSA", kind, tsptest.Usage(true, timeStamping), change)))
}

// key gives the forge a self-made key that the CA has certified, weak as it may be.
func (f *forge) key(key crypto.Signer) {
	id := must(f.ca.IssueFor("Weak TSA", key, tsptest.Usage(true, timeStamping)))
	f.id, f.template.Chain = id, id.Chain
}

// TestCertificatesFromElsewhere: a token without certificates is verified with
// those the caller has.
func TestCertificatesFromElsewhere(t *testing.T) {
	t.Parallel()
	tsa := tsptest.New(t, tsptest.Options{Now: standingAt(noon)})
	der := must(tsa.Sign(sampleInfo(), false))
	token := must(tsp.Parse(der))
	if len(token.Certificates) != 0 {
		t.Error("there are certificates in it")
	}
	issuer := tsa.CA.Issuer
	v, err := token.Verify(digest, tsp.VerifyOptions{Chain: tsa.Chain(), Others: []*x509.Certificate{issuer, tsa.Certificate()}})
	if err != nil || len(v.Chain) != 3 {
		t.Errorf("%v", err)
	}
}

// TestTokenAgainstRequest: nonce and policy are compared where a request is given.
func TestTokenAgainstRequest(t *testing.T) {
	t.Parallel()
	tsa, der := sampleToken(t, "p256")
	for name, c := range map[string]struct {
		r    tsp.Request
		want tsp.Reason
	}{
		"the same":         {tsp.Request{Hash: crypto.SHA256, Digest: digest, Nonce: big.NewInt(42), Policy: tsptest.Policy}, ""},
		"any policy":       {tsp.Request{Hash: crypto.SHA256, Digest: digest, Nonce: big.NewInt(42)}, ""},
		"another policy":   {tsp.Request{Hash: crypto.SHA256, Digest: digest, Nonce: big.NewInt(42), Policy: "1.2.3"}, tsp.ReasonPolicy},
		"another nonce":    {tsp.Request{Hash: crypto.SHA256, Digest: digest, Nonce: big.NewInt(43)}, tsp.ReasonNonce},
		"no nonce":         {tsp.Request{Hash: crypto.SHA256, Digest: digest}, tsp.ReasonNonce},
		"another digest":   {tsp.Request{Hash: crypto.SHA256, Digest: make([]byte, 32), Nonce: big.NewInt(42)}, tsp.ReasonImprint},
		"another function": {tsp.Request{Hash: crypto.SHA512, Digest: digest, Nonce: big.NewInt(42)}, tsp.ReasonImprint},
	} {
		if err := check(der, tsp.VerifyOptions{Chain: tsa.Chain(), Request: &c.r}); tsp.ReasonOf(err) != c.want {
			t.Errorf("%s: the reason is %q instead of %q", name, tsp.ReasonOf(err), c.want)
		}
	}
	token := must(tsp.Parse(der))
	clear(der) // the caller's own
	if _, err := token.Verify(digest, tsp.VerifyOptions{Chain: tsa.Chain()}); err != nil {
		t.Errorf("the token changes with the bytes it was read from: %v", err)
	}
	if _, err := token.Verify(make([]byte, 32), tsp.VerifyOptions{}); tsp.ReasonOf(err) != tsp.ReasonImprint {
		t.Errorf("over another digest: %v", err)
	}
	if _, err := token.Verify(nil, tsp.VerifyOptions{}); tsp.ReasonOf(err) != tsp.ReasonImprint {
		t.Errorf("over no digest: %v", err)
	}
	if err := check(make([]byte, tsp.MaxToken+1), tsp.VerifyOptions{}); tsp.ReasonOf(err) != tsp.ReasonTooLarge {
		t.Errorf("too long: %v", err)
	}
}

// TestChainVerifierDecides: what the injected verifier says is what counts.
func TestChainVerifierDecides(t *testing.T) {
	t.Parallel()
	tsa, der := sampleToken(t, "p256")
	var asked time.Time
	own := func(signer *x509.Certificate, others []*x509.Certificate, at time.Time) ([]*x509.Certificate, error) {
		asked = at
		return nil, nil
	}
	if err := check(der, tsp.VerifyOptions{Chain: own}); tsp.ReasonOf(err) != tsp.ReasonUntrusted || !asked.Equal(noon) {
		t.Errorf("asked for %v: %v", asked, err)
	}
	own = func(signer *x509.Certificate, _ []*x509.Certificate, _ time.Time) ([]*x509.Certificate, error) {
		return []*x509.Certificate{signer}, nil
	}
	v, err := must(tsp.Parse(der)).Verify(digest, tsp.VerifyOptions{Chain: own})
	if err != nil || len(v.Chain) != 1 || !v.Chain[0].Equal(tsa.Certificate()) {
		t.Errorf("%+v, %v", v, err)
	}
}
