package tsl_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paraph/paraph/pades/trust"
	"github.com/paraph/paraph/pades/trust/tsl"
	"github.com/paraph/paraph/pades/validation"
)

// signedLists is where the lists are that EU DSS signed (judges/dss/Lists.java). A
// judge has them signed anew and names the folder.
func signedLists() string {
	if dir := os.Getenv("PARAPH_SIGNED_LISTS"); dir != "" {
		return dir
	}
	return filepath.Join("testdata", "signed")
}

var now = time.Date(2026, 11, 2, 9, 30, 0, 0, time.UTC)

const home = "https://lists.example/"

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(signedLists(), name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func certificate(t testing.TB, raw []byte) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(raw)
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func signers(t testing.TB, names ...string) tsl.Accept {
	t.Helper()
	var list []*x509.Certificate
	for _, n := range names {
		list = append(list, certificate(t, read(t, n+".pem")))
	}
	return tsl.Signers(list...)
}

// site serves the signed lists, or what a test puts in their place.
type site struct {
	t     testing.TB
	mu    sync.Mutex
	other map[string][]byte // instead of the signed list; nil: it is not there
	asked map[string]int
}

func newSite(t testing.TB) *site {
	return &site{t: t, other: map[string][]byte{}, asked: map[string]int{}}
}

func (s *site) Do(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := path.Base(r.URL.Path)
	s.asked[name]++
	b, changed := s.other[name]
	if !changed {
		b = read(s.t, name)
	}
	if b == nil {
		return &http.Response{StatusCode: 503, Status: "503 Service Unavailable", Body: http.NoBody}, nil
	}
	return &http.Response{StatusCode: 200, Body: io.NopCloser(bytes.NewReader(b))}, nil
}

func (s *site) config(names ...string) tsl.Config {
	return tsl.Config{Location: home + "lotl.xml", Signers: signers(s.t, names...), HTTP: s, Now: func() time.Time { return now }}
}

func collect(t testing.TB, c tsl.Config) *tsl.Collected {
	t.Helper()
	got, err := tsl.Collect(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestParse(t *testing.T) {
	t.Parallel()
	l, err := tsl.Parse(read(t, "xx.xml"), signers(t, "operator-xx"))
	if err != nil {
		t.Fatal(err)
	}
	if l.Version != 6 || l.Sequence != 7 || l.Territory != "XX" || l.Operator != "Operator of XX" || len(l.Services) != 3 || len(l.Pointers) != 1 {
		t.Errorf("%+v", l)
	}
	s := l.Services[0]
	if s.Name != "Test Qualified CA" || s.Provider != "Test Trust Services" || len(s.Certificates) != 1 || len(s.Periods) != 3 || len(s.Periods[0].Qualifiers) != 3 || len(s.Periods[0].For) != 2 {
		t.Errorf("%+v", s)
	}
	for when, want := range map[string]string{"2016-01-01": "undersupervision", "2019-06-01": "withdrawn", "2026-01-01": "granted"} {
		at, _ := time.Parse(time.DateOnly, when)
		if p, ok := s.At(at); !ok || !strings.HasSuffix(p.Status, "/"+want) {
			t.Errorf("on %s the status is %+v", when, p)
		}
	}
	if _, ok := s.At(time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC)); ok {
		t.Error("it was listed before its first period")
	}
	if _, err := tsl.Parse(read(t, "xx.xml"), signers(t, "operator-yy-rsa")); err == nil {
		t.Error("a list signed by another operator is taken")
	}
	if l, err = tsl.Parse(read(t, "yy.xml"), signers(t, "operator-yy-rsa")); err != nil || l.Version != 5 || !l.Services[0].Periods[0].Unknown {
		t.Errorf("%+v %v", l, err)
	}
}

// TestCollect follows the list of the lists to those of the states. What is late or
// signed by somebody else is left out and named.
func TestCollect(t *testing.T) {
	t.Parallel()
	got := collect(t, newSite(t).config("operator-eu-new"))
	if len(got.Lists) != 3 || got.Lists[1].Territory != "XX" || got.Lists[2].Territory != "YY" || len(got.Set.Services) != 4 {
		t.Errorf("%+v", got.Lists)
	}
	if len(got.Problems) != 2 || !strings.Contains(got.Problems[0], "FO is not used: the list is signed by somebody") || !strings.Contains(got.Problems[1], "LA is not used: it was to be replaced on 20 October 2026") {
		t.Errorf("%q", got.Problems)
	}
	if about := got.Set.Describe(); len(about) != 3 || !strings.Contains(about[0], "2 lists with 4 services") {
		t.Errorf("%q", about)
	}
	c := newSite(t).config("operator-eu-new")
	c.Territories = []string{"YY"}
	if got := collect(t, c); len(got.Lists) != 2 || len(got.Problems) != 0 {
		t.Errorf("one territory: %+v", got)
	}
}

// TestPivots: whoever knows only the signers of years ago is led to today's.
func TestPivots(t *testing.T) {
	t.Parallel()
	for _, from := range []string{"operator-eu-old", "operator-eu-mid", "operator-eu-new"} {
		if got := collect(t, newSite(t).config(from)); len(got.Lists) != 3 {
			t.Errorf("from %s: %+v", from, got)
		}
	}
	for name, break_ := range map[string]func(*site){
		"foreign signers":      func(*site) {},
		"a pivot is not there": func(s *site) { s.other["eu-lotl-pivot-11.xml"] = nil },
		"a pivot is another's": func(s *site) { s.other["eu-lotl-pivot-10.xml"] = read(s.t, "xx.xml") },
		"a pivot was changed": func(s *site) {
			s.other["eu-lotl-pivot-10.xml"] = bytes.Replace(read(s.t, "eu-lotl-pivot-10.xml"), []byte(">10<"), []byte(">11<"), 1)
		},
		"the list itself is old": func(s *site) { s.other["lotl.xml"] = read(s.t, "eu-lotl-pivot-10.xml") },
	} {
		s := newSite(t)
		break_(s)
		from := "operator-eu-old"
		if name == "foreign signers" {
			from = "operator-xx"
		}
		if _, err := tsl.Collect(context.Background(), s.config(from)); err == nil {
			t.Errorf("%s: the lists are taken", name)
		}
	}
}

// TestCache: lists are fetched once a day; an older copy serves while nobody
// answers, until its own end, and never gives way to an older list.
func TestCache(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	at := now
	c := s.config("operator-eu-new")
	c.Cache, c.Now = tsl.Folder(filepath.Join(t.TempDir(), "lists")), func() time.Time { return at }
	collect(t, c)
	collect(t, c)
	if s.asked["lotl.xml"] != 1 || s.asked["xx.xml"] != 1 {
		t.Errorf("asked %v", s.asked)
	}
	at = at.Add(25 * time.Hour)
	for name := range s.asked {
		s.other[name] = nil
	}
	got := collect(t, c)
	if len(got.Lists) != 3 || s.asked["lotl.xml"] != 2 || !strings.Contains(got.Set.Describe()[0], "25 hours") {
		t.Errorf("%+v %v", got, s.asked)
	}
	clear(s.other)
	s.other["lotl.xml"] = read(t, "eu-lotl-pivot-11.xml") // by another signer, and older
	if got = collect(t, c); got.Lists[0].Sequence != 12 {
		t.Errorf("an older list took its place: %+v", got.Lists[0])
	}
	at = at.AddDate(1, 0, 0)
	for name := range s.asked {
		s.other[name] = nil
	}
	if _, err := tsl.Collect(context.Background(), c); err == nil {
		t.Error("a list is taken after its end")
	}
	for name, b := range map[string][]byte{"too large": bytes.Repeat([]byte(" "), 2000), "no list": []byte("<a/>"), "nothing": {}} {
		s.other["lotl.xml"] = b
		c := s.config("operator-eu-new")
		c.MaxBytes = 1000
		if _, err := tsl.Collect(context.Background(), c); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// authority is a service of the lists with its key.
type authority struct {
	*x509.Certificate
	key crypto.Signer
}

func service(t testing.TB, name string) authority {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name+".ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest := pem.Decode(raw)
	block, _ := pem.Decode(rest)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return authority{certificate(t, raw), key.(crypto.Signer)}
}

// about chooses what a certificate says of itself.
type about struct {
	policy     string
	statements []string // object identifiers of QC statements
	kind       string   // 0.4.0.1862.1.6.x
	from       string
}

func (a authority) issue(t testing.TB, say about) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	from, err := time.Parse(time.DateOnly, say.from)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(9), Subject: pkix.Name{CommonName: "Ada Signer", SerialNumber: "1"}, NotBefore: from, NotAfter: from.AddDate(20, 0, 0), KeyUsage: x509.KeyUsageContentCommitment}
	if say.policy != "" {
		oid, err := x509.ParseOID(say.policy)
		if err != nil {
			t.Fatal(err)
		}
		c.Policies = []x509.OID{oid}
	}
	type statement struct {
		ID   asn1.ObjectIdentifier
		Info asn1.RawValue `asn1:"optional"`
	}
	var list []statement
	for _, s := range say.statements {
		list = append(list, statement{ID: oid(s)})
	}
	if say.kind != "" {
		der, err := asn1.Marshal([]asn1.ObjectIdentifier{oid(say.kind)})
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, statement{oid("0.4.0.1862.1.6"), asn1.RawValue{FullBytes: der}})
	}
	if list != nil {
		der, err := asn1.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		c.ExtraExtensions = []pkix.Extension{{Id: oid("1.3.6.1.5.5.7.1.3"), Value: der}}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, a.Certificate, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	out, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func oid(s string) (out asn1.ObjectIdentifier) {
	for part := range strings.SplitSeq(s, ".") {
		var n int
		fmt.Sscan(part, &n) //nolint:errcheck // digits of this file
		out = append(out, n)
	}
	return out
}

// TestQualification: what the lists make of a certificate, by its own statements,
// what the list says of its like, and the times of issuing and use.
func TestQualification(t *testing.T) {
	t.Parallel()
	set := collect(t, newSite(t).config("operator-eu-new")).Set
	const qc, device, eu, sign, seal, web = "0.4.0.1862.1.1", "0.4.0.1862.1.4", "0.4.0.1862.1.7", "0.4.0.1862.1.6.1", "0.4.0.1862.1.6.2", "0.4.0.1862.1.6.3"
	for _, c := range []struct {
		name string
		say  about
		want string
	}{
		{"qualified, in a device", about{"", []string{qc, device}, sign, "2021-01-01"}, "QESig"},
		{"qualified, in no device", about{"", []string{qc}, sign, "2021-01-01"}, "AdESig-QC"},
		{"qualified, of no said kind", about{"", []string{qc, device}, "", "2021-01-01"}, "QESig"},
		{"the list says in a device", about{"1.2.3.4.1", []string{qc}, sign, "2021-01-01"}, "QESig"},
		{"the list says not qualified", about{"1.2.3.4.9", []string{qc, device}, sign, "2021-01-01"}, "AdESig"},
		{"the list says a seal", about{"1.2.3.4.2", nil, "", "2021-01-01"}, "AdESeal-QC"},
		{"a seal in a device", about{"", []string{qc, device}, seal, "2021-01-01"}, "QESeal"},
		{"for web sites, for which the service is not listed", about{"", []string{qc}, web, "2021-01-01"}, "AdESig"},
		{"nothing said", about{"", nil, "", "2021-01-01"}, "AdESig"},
		{"of another country's law", about{"", []string{qc, device, eu}, sign, "2021-01-01"}, "AdESig"},
		{"issued while the service was withdrawn", about{"", []string{qc, device}, sign, "2019-06-01"}, "AdESig"},
	} {
		cert := service(t, "qc").issue(t, c.say)
		j := validation.New(context.Background(), now, validation.Options{Trust: set})
		r := j.Certificate(cert, trust.Signing, now, false)
		if r.Problem != nil {
			t.Errorf("%s: %v", c.name, r.Problem)
			continue
		}
		q := r.Anchor.About.(*tsl.Service)
		level, meaning, why := q.Qualify(cert, now)
		if level != c.want || meaning == "" || len(why) == 0 {
			t.Errorf("%s: %s %q %q", c.name, level, meaning, why)
		}
	}
}

// TestAnchors: a service is trusted for what it is listed for, while it is.
func TestAnchors(t *testing.T) {
	t.Parallel()
	set := collect(t, newSite(t).config("operator-eu-new")).Set
	stored, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	again := &tsl.Set{}
	if err := json.Unmarshal(stored, again); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*tsl.Set{set, again} {
		for _, c := range []struct {
			ca   string
			use  trust.Use
			at   time.Time
			want string // "" where it is trusted
		}{
			{"qc", trust.Signing, now, ""},
			{"qc", trust.Stamping, now, "listed for something else"},
			{"qc", trust.Signing, time.Date(2019, 6, 1, 0, 0, 0, 0, time.UTC), `status "withdrawn"`},
			{"qc", trust.Signing, time.Date(2016, 6, 1, 0, 0, 0, 0, time.UTC), ""},
			{"qc", trust.Signing, time.Date(2015, 2, 1, 0, 0, 0, 0, time.UTC), "not listed yet"},
			{"tsa", trust.Stamping, now, ""},
			{"tsa", trust.Signing, now, "listed for something else"},
			{"pkc", trust.Signing, now, ""}, // by XX; YY says something about it that is not understood
		} {
			problems := []string{}
			for _, a := range s.Named(service(t, c.ca).RawSubject) {
				if err := a.Allows(c.use, c.at); err != nil {
					problems = append(problems, err.Error())
				} else {
					problems = append(problems, "")
				}
			}
			if !slices.ContainsFunc(problems, func(p string) bool { return p == "" && c.want == "" || c.want != "" && strings.Contains(p, c.want) }) {
				t.Errorf("%s for %d at %v: %q", c.ca, c.use, c.at, problems)
			}
		}
	}
}

// TestEUSigners: the European list's signers are well formed, and no list of ours passes for theirs.
func TestEUSigners(t *testing.T) {
	t.Parallel()
	if tsl.EUSigners(certificate(t, read(t, "operator-eu-new.pem"))) {
		t.Error("anybody may sign the European list")
	}
	c := newSite(t).config("operator-eu-new")
	c.Signers = tsl.EUSigners
	if _, err := tsl.Collect(context.Background(), c); err == nil {
		t.Error("a list of the tests passes for the European one")
	}
	c = tsl.Config{}
	if _, err := tsl.Collect(context.Background(), c); err == nil {
		t.Error("lists are collected from nowhere")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := tsl.Collect(ctx, newSite(t).config("operator-eu-new")); !errors.Is(err, context.Canceled) && err == nil {
		t.Error("nobody waits, and lists are collected")
	}
}
