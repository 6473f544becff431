package certificate_test

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/pdf"
	"github.com/paraph/paraph/internal/pdf/certificate"
	"github.com/paraph/paraph/internal/pdf/pdfa"
	"github.com/paraph/paraph/pades/pdffile"
	"github.com/paraph/paraph/pades/pdffont"
)

type (
	pdfCertificate = pdf.Certificate
	completed      = pdf.Completed
)

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
