package pdf_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/pdf"
	"github.com/paraph/paraph/internal/testneed"
)

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func sampleCertificate() pdf.Certificate {
	at := time.Date(2026, 11, 23, 14, 5, 9, 0, time.UTC)
	const consent = "I agree to sign electronically. My signature on this page stands for my signature on paper, and I have seen all pages of the document."
	var stroke []pdf.Point
	for i := range 60 {
		f := float64(i)
		stroke = append(stroke, pdf.Point{X: 10 + 4.5*f, Y: 50 + 30*math.Sin(f/5)*math.Cos(f/17)})
	}
	agent := "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/131.0.0.0 Safari/537.36"
	return pdf.Certificate{
		EnvelopeID: "env_01K9ZQ3T5V8X2B4D6F8H0J2M4P", DocumentID: "doc_01K9ZQ1A2B3C4D5E6F7G8H9J0K", Title: "Purchase order 4711 for the new paper mill",
		Pages: 4, SenderName: "Jonas Weiß", SenderEmail: "jonas.weiss@example.org", SentAt: at, CompletedAt: at.Add(42 * time.Minute),
		OriginalSHA256: hashOf("original"), SignedSHA256: hashOf("signed"),
		Signers: []pdf.CertificateSigner{
			{Name: "Mara Lind", Email: "mara.lind@example.org", Authentication: "A single-use link sent to this e-mail address", SentAt: at, OpenedAt: at.Add(time.Minute), ViewedAt: at.Add(2 * time.Minute),
				ConsentedAt: at.Add(3 * time.Minute), SignedAt: at.Add(4 * time.Minute), ConsentText: consent, ConsentSHA256: hashOf(consent), Address: "203.0.113.7", TimeZone: "Europe/Berlin", UserAgent: agent,
				Strokes: [][]pdf.Point{stroke, {{X: 200, Y: 20}}}, Width: 300, Height: 100},
			{Name: "Ελένη Παπαδοπούλου", Email: "eleni@example.gr", Authentication: "A single-use link handed over by the sender", SentAt: at, OpenedAt: at.Add(30 * time.Minute), ViewedAt: at.Add(31 * time.Minute),
				ConsentedAt: at.Add(40 * time.Minute), SignedAt: at.Add(41 * time.Minute), ConsentText: consent, ConsentSHA256: hashOf(consent), Address: "2001:db8::17", UserAgent: agent,
				DocumentSHA256: hashOf("signed"), Typed: "Ελένη Παπαδοπούλου"},
		},
		Events: []pdf.CertificateEvent{
			{At: at, What: "The envelope was sent", Who: "Jonas Weiß", Address: "198.51.100.20"},
			{At: at.Add(time.Minute), What: "The link was opened", Who: "Mara Lind", Address: "203.0.113.7"},
			{At: at.Add(4 * time.Minute), What: "Signed", Who: "Mara Lind", Address: "203.0.113.7"},
			{At: at.Add(41 * time.Minute), What: "Signed", Who: "Ελένη Παπαδοπούλου", Address: "2001:db8::17"},
			{At: at.Add(42 * time.Minute), What: "Everyone has signed; the document was sealed"},
		},
		SealName: "Paraph Seal", VerifyURL: "https://sign.example.org/verify",
	}
}

// keep leaves a result where PARAPH_KEEP says, to be looked at.
func keep(t *testing.T, name string, content []byte) {
	if dir := os.Getenv("PARAPH_KEEP"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Error(err)
		}
	}
}

func allText(t *testing.T, file *os.File, pages int) string {
	t.Helper()
	var out strings.Builder
	for number := 1; number <= pages; number++ {
		text, err := tools.Text(t.Context(), file, number)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range text.Words {
			out.WriteString(w.Text + " ")
		}
	}
	return out.String()
}

func TestCertificate(t *testing.T) {
	t.Parallel()
	out := fileOf(t, nil)
	made, err := tools.Certificate(t.Context(), out, sampleCertificate())
	if err != nil {
		t.Fatal(err)
	}
	pages := made.Pages
	keep(t, "certificate.pdf", read(t, out))
	text := allText(t, out, pages)
	for _, want := range []string{"Certificate of completion", "env_01K9ZQ3T5V8X2B4D6F8H0J2M4P", "Mara Lind", "Ελένη Παπαδοπούλου", "Weiß", "203.0.113.7", "How to verify", fmt.Sprintf("page %d of %d", pages, pages)} {
		if !strings.Contains(text, want) {
			t.Errorf("the certificate does not say %q: %s", want, text)
		}
	}
	again := fileOf(t, nil)
	if _, err := tools.Certificate(t.Context(), again, sampleCertificate()); err != nil || !bytes.Equal(read(t, out), read(t, again)) {
		t.Errorf("the same certificate came out different: %v", err)
	}
}

// TestCertificateNames: no name may stop a certificate.
func TestCertificateNames(t *testing.T) {
	t.Parallel()
	c := sampleCertificate()
	c.Title = strings.Repeat("An endlessly long title without sense ", 20)
	names := []string{"משה כהן (Moshe)", "محمد علي", "山田 太郎", "अमित शर्मा", "𝓜𝓪𝓻𝓪 👩‍💻", "สมชาย ใจดี", "\xff\xfe bad \x00 bytes", "a\u202Egnp.exe", strings.Repeat("W", 400), ""}
	c.Signers = nil
	for _, name := range names {
		s := sampleCertificate().Signers[0]
		s.Name, s.Typed, s.Strokes = name, name, nil
		c.Signers = append(c.Signers, s)
	}
	out := fileOf(t, nil)
	made, err := tools.Certificate(t.Context(), out, c)
	if err != nil {
		t.Fatal(err)
	}
	if made.Pages < 4 {
		t.Errorf("%d pages for ten signers", made.Pages)
	}
	keep(t, "names.pdf", read(t, out))
}

func TestAppendCertificate(t *testing.T) {
	t.Parallel()
	qpdf := testneed.Command(t, "qpdf")
	original := scanOf(t, "", "/Rotate 90", "/UserUnit 2")
	packed := fileOf(t, nil)
	if out, err := exec.Command(qpdf, "--object-streams=generate", fileOf(t, original).Name(), packed.Name()).CombinedOutput(); err != nil {
		t.Fatalf("qpdf: %v: %s", err, out)
	}
	for name, in := range map[string]*os.File{"table": fileOf(t, original), "stream": packed} {
		out := fileOf(t, nil)
		evidence := pdf.Attachment{Name: "evidence.json", MediaType: "application/json", Data: []byte("{}\n")}
		made, err := tools.AppendCertificate(t.Context(), in, out, sampleCertificate(), evidence)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		pages := made.Pages
		if made.Attached != 1 || made.Level != "" || made.Field != "Seal" {
			t.Errorf("%s: a document without claims became %+v", name, made)
		}
		if !bytes.HasPrefix(read(t, out), read(t, in)) {
			t.Errorf("%s: the original bytes are not a prefix", name)
		}
		if report, err := exec.Command(qpdf, "--check", out.Name()).CombinedOutput(); err != nil {
			t.Errorf("%s: qpdf --check: %v\n%s", name, err, report)
		}
		found, err := tools.Inspect(t.Context(), out, "")
		if err != nil || len(found.Pages) != 3+pages || found.NeedsNormalising() {
			t.Fatalf("%s: %+v, %v", name, found, err)
		}
		if last := found.Pages[len(found.Pages)-1]; abs(last.Width-595.28) > 0.1 || last.Rotate != 0 {
			t.Errorf("%s: the certificate's page is %+v", name, last)
		}
		if text := allText(t, out, 3+pages); !strings.Contains(text, "Mara Lind") {
			t.Errorf("%s: the certificate's text is missing: %s", name, text)
		}
		keep(t, "appended-"+name+".pdf", read(t, out))
	}
}
