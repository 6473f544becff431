package certificate_test

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/pdf"
	"github.com/paraph/paraph/internal/pdf/certificate"
	"github.com/paraph/paraph/internal/pdf/page"
	"github.com/paraph/paraph/internal/pdf/pdfa"
	"github.com/paraph/paraph/internal/testneed"
	"github.com/paraph/paraph/pades/mark"
	"github.com/paraph/paraph/pades/pdffile"
	"github.com/paraph/paraph/pades/pdffont"
)

type completed = pdf.Completed

var library = pdffont.NewLibrary(pdf.FontDir)

func sample(lang string) pdf.Certificate {
	at := time.Date(2026, 11, 23, 14, 5, 9, 0, time.UTC)
	var stroke []pdf.Point
	for i := range 60 {
		f := float64(i)
		stroke = append(stroke, pdf.Point{X: 10 + 4.5*f, Y: 50 + 30*math.Sin(f/5)*math.Cos(f/17)})
	}
	digest := strings.Repeat("0123456789abcdef", 4)
	c := pdf.Certificate{
		Language: lang, EnvelopeID: "env_01K9ZQ3T5V8X2B4D6F8H0J2M4P", DocumentID: "doc_01K9ZQ1A2B3C4D5E6F7G8H9J0K", Title: "Purchase order 4711", Pages: 4,
		SenderName: "Jonas Weiß", SenderEmail: "jonas@example.org", SentAt: at, CompletedAt: at.Add(time.Hour), SignedSHA256: digest, SealName: "Paraph Seal",
		OriginalSHA256: strings.Repeat("fedcba9876543210", 4), VerifyURL: "https://sign.example.org/verify",
	}
	for i, name := range []string{"Mara Lind", "Ελένη Παπαδοπούλου"} {
		c.Signers = append(c.Signers, pdf.CertificateSigner{
			Name: name, Email: "somebody@example.org", Authentication: []string{"email_link", "api_link"}[i], SentAt: at, OpenedAt: at, ViewedAt: at, ConsentedAt: at, SignedAt: at,
			ConsentText: "I agree to sign electronically. My signature on this page stands for my signature on paper.", ConsentSHA256: digest,
			Address: "203.0.113.7", TimeZone: "Europe/Berlin", UserAgent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)", Typed: name,
		})
	}
	c.Signers[0].Strokes, c.Signers[0].Width, c.Signers[0].Height = [][]pdf.Point{stroke}, 300, 100
	for i := range 6 {
		c.Events = append(c.Events, pdf.CertificateEvent{
			At: at.Add(time.Duration(i) * time.Minute), Kind: "envelope.sent", What: "A recipient was sent the link", Who: "Paraph", Address: "203.0.113.7",
		})
	}
	return c
}

// names in the scripts that most people write theirs in, and Debian's package
// with a font for each; none where the built-in ones do.
var names = []struct{ name, needs string }{
	{"משה כהן", "fonts-noto-core"}, {"محمد علي شَمْسُ", "fonts-noto-core"}, {"अमित शर्मा", "fonts-noto-core"}, {"สมชาย ใจดี", "fonts-noto-core"},
	{"山田 太郎", "fonts-noto-cjk"}, {"김철수", "fonts-noto-cjk"}, {"Александр Пушкин", ""}, {"Nguyễn Thị Ánh", ""},
}

func everyScript(lang string) pdf.Certificate {
	c := sample(lang)
	for _, n := range names {
		s := c.Signers[1]
		s.Name, s.Typed = n.name, n.name
		c.Signers = append(c.Signers, s)
	}
	return c
}

func files() []pdfa.File {
	return []pdfa.File{
		{Name: "evidence.json", MediaType: "application/json", Description: "Who signed", Relationship: "Supplement", Data: []byte("{}\n")},
		{Name: "evt_1.tlog-proof", MediaType: "text/plain", Description: "Proof", Relationship: "Supplement", Data: []byte("c2sp.org/tlog-proof@v1\n")},
	}
}

func built(t *testing.T, c pdf.Certificate) ([]byte, completed) {
	t.Helper()
	var out bytes.Buffer
	made, err := certificate.Build(c, files(), library, &out)
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), made
}

func opened(t *testing.T, b []byte) *pdffile.File {
	t.Helper()
	f, err := pdffile.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Check(); err != nil {
		t.Fatal(err)
	}
	return f
}

// TestCertificateStates: a certificate claims what it is, holds what was
// attached, and leaves a field for the seal; the same one becomes the same bytes.
func TestCertificateStates(t *testing.T) {
	t.Parallel()
	b, made := built(t, sample("en"))
	f := opened(t, b)
	own, err := pdfa.Read(f)
	if err != nil || own.Level() != "PDF/A-3a" || own.UA != 1 || made.Level != own.Level() {
		t.Errorf("it claims %+v, %v; told: %+v", own.Claim, err, made)
	}
	if taken, err := f.FieldNames(); err != nil || !taken["Seal"] || made.Field != "Seal" {
		t.Errorf("its fields are %v, %v", taken, err)
	}
	for _, file := range files() {
		if !bytes.Contains(b, []byte("("+file.Name+")")) {
			t.Errorf("it does not hold %s", file.Name)
		}
	}
	if again, _ := built(t, sample("en")); !bytes.Equal(b, again) {
		t.Error("the same certificate came out different")
	}
	if german, _ := built(t, sample("de-AT")); bytes.Equal(b, german) {
		t.Error("the German certificate is the English one")
	}
}

// TestScripts: the fonts of Debian write all of these, and where there are none
// the certificate says for which scripts.
func TestScripts(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	made, err := certificate.Build(everyScript("en"), nil, pdffont.NewLibrary(""), &out)
	if err != nil || len(made.Missing) < 5 {
		t.Errorf("without fonts %v are missing, %v", made.Missing, err)
	}
	opened(t, out.Bytes())
	if _, made = built(t, everyScript("en")); len(made.Missing) > 0 {
		testneed.Missing(t, fmt.Sprintf("fonts are not installed: %v", made.Missing))
	}
}

// withClaim is a page with metadata.
func withClaim(t *testing.T, metadata string, catalog pdffile.Dict) []byte {
	t.Helper()
	u := pdffile.Create("1.7", []byte("0123456789abcdef"))
	if err := pdfa.Declare(u, pdfa.Claim{Title: "A page"}); err != nil {
		t.Fatal(err)
	}
	o, err := u.Get(u.Root())
	if err != nil {
		t.Fatal(err)
	}
	root := o.(pdffile.Dict).Clone()
	maps.Copy(root, catalog)
	if metadata != "" {
		root["Metadata"] = u.AddStream(pdffile.Dict{"Type": pdffile.Name("Metadata"), "Subtype": pdffile.Name("XML")}, []byte(metadata))
	}
	u.Set(u.Root(), root)
	w := page.New(u, page.Options{})
	w.Paragraph(page.Text{Text: "A page", Face: pdffont.Regular(), Size: 12}, w.Inner())
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := u.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestClaimsAreKept: what a document claims to be decides what is added to it.
func TestClaimsAreKept(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, metadata string
		level          string
		attached       bool
	}{
		{"none", "", "", true},
		{"part 1", "<pdfaid:part>1</pdfaid:part><pdfaid:conformance>B</pdfaid:conformance>", "PDF/A-1b", false},
		{"part 2 becomes 3", "<pdfaid:part>2</pdfaid:part><pdfaid:conformance>U</pdfaid:conformance>", "PDF/A-3u", true},
		{"part 2 in an attribute", `<x pdfaid:part="2" pdfaid:conformance='B'/>`, "PDF/A-3b", true},
		{"part 3", "<pdfaid:part>3</pdfaid:part><pdfaid:conformance>a</pdfaid:conformance>", "PDF/A-3a", true},
		{"part 4", "<pdfaid:part>4</pdfaid:part>", "PDF/A-4", false},
		{"part 4f", "<pdfaid:part>4</pdfaid:part><pdfaid:conformance>F</pdfaid:conformance>", "PDF/A-4f", true},
	} {
		in := withClaim(t, c.metadata, nil)
		var out bytes.Buffer
		made, err := certificate.Append(opened(t, in), sample("en"), files(), library, &out)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		own, err := pdfa.Read(opened(t, out.Bytes()))
		if err != nil || made.Level != c.level || own.Level() != c.level || (made.Attached > 0) != c.attached || (made.Reason == "") != c.attached {
			t.Errorf("%s: %+v, and it claims %q, %v", c.name, made, own.Level(), err)
		}
		if !bytes.HasPrefix(out.Bytes(), in) {
			t.Errorf("%s: the document's bytes are not a prefix", c.name)
		}
		if intends := bytes.Contains(out.Bytes()[len(in):], []byte("/OutputIntents")); intends != (c.level != "") {
			t.Errorf("%s: an output intent was added: %v", c.name, intends)
		}
	}
}

// TestPressColours: where the output intent is for a press, our red, green and
// blue say what they are.
func TestPressColours(t *testing.T) {
	t.Parallel()
	profile := &pdffile.Stream{Dict: pdffile.Dict{"N": pdffile.Integer(4), "Length": pdffile.Integer(0)}}
	u := pdffile.Create("1.7", []byte("0123456789abcdef"))
	catalog, _ := u.Get(u.Root())
	root := catalog.(pdffile.Dict).Clone()
	root["OutputIntents"] = pdffile.Array{pdffile.Dict{"S": pdffile.Name("GTS_PDFA1"), "DestOutputProfile": u.Add(profile)}}
	u.Set(u.Root(), root)
	w := page.New(u, page.Options{})
	w.Figure("", 0, 100, 50, 50, mark.Path{Width: 1, Height: 1, Data: "M0 0H1"})
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := u.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(out.Bytes(), []byte("/DefaultRGB")); n != 2 {
		t.Errorf("%d resources say what RGB is, not the page's and the figure's", n)
	}
}
