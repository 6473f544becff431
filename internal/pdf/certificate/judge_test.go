//go:build judges

package certificate_test

import (
	"bytes"
	"context"
	"crypto"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paraph/paraph/internal/pdf"
	"github.com/paraph/paraph/internal/pdf/certificate"
	"github.com/paraph/paraph/pades"
	"github.com/paraph/paraph/pades/mark"
	"github.com/paraph/paraph/pades/pdffile"
	"github.com/paraph/paraph/pades/pdffont"
	"github.com/paraph/paraph/pades/revocation"
	"github.com/paraph/paraph/pades/testca"
	"github.com/paraph/paraph/pades/tsp"
	"github.com/paraph/paraph/pades/tsp/tsptest"
)

// TestWriteArchiveSamples writes what claims to be PDF/A and PDF/UA, for a judge
// that nobody here wrote, into the folder "archive" of PARAPH_JUDGE_OUT: a file's
// name begins with what it must be, such as "3a+ua1-". Files that others wrote
// as PDF/A, in the folder "archive" of PARAPH_JUDGE_IN, get a certificate and a
// seal, and must still be what they were, or part 3 in the place of part 2.
func TestWriteArchiveSamples(t *testing.T) {
	dir := os.Getenv("PARAPH_JUDGE_OUT")
	if dir == "" {
		t.Skip("PARAPH_JUDGE_OUT names no folder for the samples")
	}
	dir = filepath.Join(dir, "archive")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	put := func(name string, b []byte) {
		if err := os.WriteFile(filepath.Join(dir, name+".pdf"), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w := newAuthorities(t)
	for _, lang := range []string{"en", "de"} {
		c := sample(lang)
		if lang == "de" {
			c = everyScript(lang)
		}
		alone, made := built(t, c)
		put("3a+ua1-certificate-"+lang, alone)
		sealed := w.seal(t, alone, made.Field)
		put("3a+ua1-certificate-"+lang+"-sealed", sealed)
		if lang == "en" { // a document that is PDF/A-3a already
			both, made := appended(t, alone, c)
			if made.Level != "PDF/A-3a" || made.Attached != len(files()) {
				t.Errorf("a PDF/A-3a document with a certificate became %+v", made)
			}
			put("3a+ua1-document-sealed", w.seal(t, both, made.Field))
		}
	}
	foreign, err := filepath.Glob(filepath.Join(os.Getenv("PARAPH_JUDGE_IN"), "archive", "*.pdf"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range foreign {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		out, made := appended(t, b, everyScript("en"))
		part, _ := strings.CutPrefix(made.Level, "PDF/A-")
		if part == "" {
			t.Errorf("%s claims nothing", filepath.Base(path))
		}
		put(part+"-after-"+strings.TrimSuffix(filepath.Base(path), ".pdf"), w.seal(t, out, made.Field))
	}
}

func appended(t *testing.T, in []byte, c pdf.Certificate) ([]byte, completed) {
	t.Helper()
	f, err := pdffile.Open(bytes.NewReader(in), int64(len(in)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	made, err := certificate.Append(f, c, files(), library, &out)
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), made
}

// authorities seal up to B-LTA.
type authorities struct {
	*testca.Served
	tsa *tsp.Authority
	id  testca.Identity
}

func newAuthorities(t *testing.T) *authorities {
	t.Helper()
	served, err := testca.Serve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(served.Close)
	w := &authorities{Served: served}
	stamps, err := w.Issue("Test TSA", "p256", tsptest.Usage(true, []int{1, 3, 6, 1, 5, 5, 7, 3, 8}))
	if err != nil {
		t.Fatal(err)
	}
	if w.tsa, err = tsp.NewAuthority(tsp.AuthorityConfig{Key: stamps.Key, Chain: stamps.Chain, Policies: []string{"1.2.3.4"}, Now: served.Now}); err != nil {
		t.Fatal(err)
	}
	if w.id, err = w.Issue("Paraph Seal", "p256"); err != nil {
		t.Fatal(err)
	}
	return w
}

// Stamp implements pades.Stamper.
func (w *authorities) Stamp(_ context.Context, h crypto.Hash, digest []byte) (*tsp.Stamp, error) {
	_, der, err := w.tsa.Issue(&tsp.Request{Hash: h, Digest: digest, Certificates: true})
	if err != nil {
		return nil, err
	}
	token, err := tsp.Parse(der)
	if err != nil {
		return nil, err
	}
	v, err := token.Verify(digest, tsp.VerifyOptions{Chain: tsp.Roots(w.Roots())})
	return &tsp.Stamp{Verification: v}, err
}

// seal seals a file at B-LTA, to be seen in its field, with marks on its first page.
func (w *authorities) seal(t *testing.T, in []byte, field string) []byte {
	t.Helper()
	collector, err := revocation.New(revocation.Config{HTTP: w.Client(), Now: w.Now})
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"Ελένη Παπαδοπούλου", "محمد علي", "משה כהן", "अमित शर्मा", "山田 太郎"}
	fonts, _ := library.Faces("", names...)
	var marks []mark.Mark
	for i, name := range names {
		marks = append(marks, mark.Mark{Rect: mark.Rect{X: 40 + 90*float64(i), Y: 4, Width: 80, Height: 22}, Items: []mark.Item{
			mark.Text{Text: name, Style: mark.Italic, Color: mark.Color{B: 0.6}},
		}})
	}
	var out bytes.Buffer
	r, err := pades.Sign(t.Context(), bytes.NewReader(in), int64(len(in)), &out, w.id.Key, pades.Options{
		Chain: w.id.Chain, Time: testca.Now, Name: "Paraph Seal", Field: field, Marks: marks, Fonts: append([]*pdffont.Face{}, fonts...),
		Visible: &mark.Mark{Frame: true, Items: []mark.Item{mark.Text{Text: "Paraph Seal", Size: 9, Style: mark.Bold}}},
		Protect: pades.Protect{Level: pades.BLTA, Timestamps: w, Evidence: collector},
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.Level != pades.BLTA {
		t.Errorf("the seal reaches %v: %v", r.Level, r.Delayed)
	}
	return out.Bytes()
}
