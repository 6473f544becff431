package signpage_test

import (
	"bytes"
	"fmt"
	"image"
	_ "image/jpeg"
	_ "image/png"
	"os"
	"testing"

	"github.com/paraph/paraph/internal/pdf"
	"github.com/paraph/paraph/internal/sandbox/childmain"
	"github.com/paraph/paraph/internal/signpage"
)

// TestMain lets the test binary be its own sandboxed child, as the real one is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "child" {
		os.Exit(childmain.Main())
	}
	os.Exit(m.Run())
}

type file struct{ *bytes.Reader }

func (f file) Size() int64 { return f.Reader.Size() }
func (file) Close() error  { return nil }

// onePage is a PDF of one page, 200 × 100 points, with a black bar at the top left.
func onePage() []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n")
	content := "0 g 10 70 60 20 re f"
	var at []int
	for i, obj := range []string{
		"<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
		"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Contents 4 0 R/Resources<<>>>>",
		fmt.Sprintf("<</Length %d>>stream\n%s\nendstream", len(content), content),
	} {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj%s\nendobj\n", i+1, obj)
	}
	start := b.Len()
	b.WriteString("xref\n0 5\n0000000000 65535 f \n")
	for _, o := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&b, "trailer<</Size 5/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", start)
	return b.Bytes()
}

// The real renderer gives a picture of the wanted width, PNG or JPEG, in which
// the page's ink is where it belongs.
func TestPDFRenderer(t *testing.T) {
	t.Parallel()
	tools, err := pdf.New(pdf.Config{WorkDir: t.TempDir(), Children: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tools.Close(); err != nil {
			t.Error(err)
		}
	})
	r := signpage.PDFRenderer{Tools: tools}
	for _, scan := range []bool{false, true} {
		pic, err := r.RenderPage(t.Context(), file{bytes.NewReader(onePage())}, signpage.Want{Page: 1, Width: 480, Scan: scan})
		if err != nil {
			t.Fatal(err)
		}
		img, format, err := image.Decode(bytes.NewReader(pic.Data))
		if err != nil || "image/"+format != pic.MediaType || (format == "jpeg") != scan {
			t.Fatalf("%s, %s, %v", format, pic.MediaType, err)
		}
		if size := img.Bounds().Size(); size != (image.Point{X: 480, Y: 240}) {
			t.Errorf("size %v", size)
		}
		if ink, _, _, _ := img.At(96, 48).RGBA(); ink > 0x2000 {
			t.Errorf("no ink on the bar: %x", ink)
		}
		if paper, _, _, _ := img.At(400, 200).RGBA(); paper < 0xe000 {
			t.Errorf("no paper beside it: %x", paper)
		}
	}
	if _, err := r.RenderPage(t.Context(), file{bytes.NewReader(onePage())}, signpage.Want{Page: 2, Width: 480}); err == nil {
		t.Error("a page that does not exist was rendered")
	}
	if _, err := r.RenderPage(t.Context(), file{bytes.NewReader([]byte("no PDF"))}, signpage.Want{Page: 1, Width: 480}); err == nil {
		t.Error("something that is no PDF was rendered")
	}
}
