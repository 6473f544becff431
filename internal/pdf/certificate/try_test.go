package certificate

import (
	"bytes"
	"github.com/paraph/paraph/internal/pdf"
	"github.com/paraph/paraph/pades/pdffont"
	"math"
	"os"
	"testing"
	"time"
)

func sample() pdf.Certificate {
	at := time.Date(2026, 11, 23, 14, 5, 9, 0, time.UTC)
	var stroke []pdf.Point
	for i := range 60 {
		f := float64(i)
		stroke = append(stroke, pdf.Point{X: 10 + 4.5*f, Y: 50 + 30*math.Sin(f/5)*math.Cos(f/17)})
	}
	c := pdf.Certificate{Language: "en", EnvelopeID: "env_01K9ZQ3T5V8X2B4D6F8H0J2M4P", DocumentID: "doc_1", Title: "Purchase order 4711", Pages: 4, SenderName: "Jonas Weiß", SenderEmail: "j@example.org", SentAt: at, CompletedAt: at, SignedSHA256: "cafe", VerifyURL: "https://sign.example.org/verify/env_01K9ZQ3T5V8X2B4D6F8H0J2M4P#0123456789012345678901234567890123456789012345678901234567890123", SealName: "Paraph Seal"}
	for _, n := range []string{"Mara Lind", "Ελένη Παπαδοπούλου"} {
		c.Signers = append(c.Signers, pdf.CertificateSigner{Name: n, Email: "a@b.c", Authentication: "email_link", SentAt: at, SignedAt: at, ConsentText: "I agree to sign electronically. My signature on this page stands for my signature on paper.", ConsentSHA256: "ab", Address: "203.0.113.7", UserAgent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)", Typed: n})
	}
	c.Signers[0].Strokes, c.Signers[0].Width, c.Signers[0].Height = [][]pdf.Point{stroke}, 300, 100
	for range 6 {
		c.Events = append(c.Events, pdf.CertificateEvent{At: at, Kind: "envelope.sent", What: "A recipient was sent the link", Who: "Paraph", Address: "203.0.113.7"})
	}
	return c
}

var lib = pdffont.NewLibrary("/usr/share/fonts")

func TestTry(t *testing.T) {
	var b bytes.Buffer
	m, err := Build(sample(), nil, lib, &b)
	t.Log(m, err)
	os.WriteFile("/tmp/try/c.pdf", b.Bytes(), 0o600)
	c := sample()
	c.Language = "de"
	for i, n := range []string{"משה כהן", "محمد علي شَمْسُ", "山田 太郎", "अमित शर्मा", "สมชาย ใจดี", "김철수"} {
		s := c.Signers[0]
		s.Name, s.Typed, s.Strokes = n, n, nil
		s.Authentication = []string{"email_link", "api_link", "other"}[i%3]
		c.Signers = append(c.Signers, s)
	}
	b.Reset()
	m, err = Build(c, nil, lib, &b)
	t.Log(m, err)
	os.WriteFile("/tmp/try/d.pdf", b.Bytes(), 0o600)
}

func BenchmarkTwo(b *testing.B) {
	c := sample()
	b.ReportAllocs()
	for b.Loop() {
		var o bytes.Buffer
		if _, err := Build(c, nil, lib, &o); err != nil {
			b.Fatal(err)
		}
	}
}
