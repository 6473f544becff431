package pdf_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paraph/paraph/internal/pdf"
	"github.com/paraph/paraph/internal/sandbox/childmain"
)

var (
	tools    *pdf.Tools
	cacheDir string // pdfium compiled once for the whole run
)

// TestMain lets the test binary be its own child, as the real one is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "child" {
		os.Exit(childmain.Main())
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "paraph-pdf-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	cacheDir = filepath.Join(dir, "cache")
	tools, err = pdf.New(pdf.Config{CacheDir: cacheDir, WorkDir: filepath.Join(dir, "work")})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := tools.Warm(); err != nil {
		fmt.Fprintln(os.Stderr, "warm up:", err)
		return 1
	}
	code := m.Run()
	if err := tools.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// fileOf gives an open temporary file with the content.
func fileOf(t testing.TB, content []byte) *os.File {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "file-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	if _, err := file.Write(content); err != nil {
		t.Fatal(err)
	}
	return file
}

func read(t testing.TB, file *os.File) []byte {
	t.Helper()
	content, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// build assembles a classic PDF of the objects, numbered from 1; the first is
// the catalogue.
func build(objects ...string) []byte {
	var out bytes.Buffer
	out.WriteString("%PDF-1.7\n%\xE2\xE3\xCF\xD3\n")
	var offsets []int
	for i, object := range objects {
		offsets = append(offsets, out.Len())
		fmt.Fprintf(&out, "%d 0 obj\n%s\nendobj\n", i+1, object)
	}
	start := out.Len()
	fmt.Fprintf(&out, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, offset := range offsets {
		fmt.Fprintf(&out, "%010d 00000 n \n", offset)
	}
	fmt.Fprintf(&out, "trailer\n<</Size %d/Root 1 0 R/ID[<00112233445566778899aabbccddeeff><00112233445566778899aabbccddeeff>]>>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, start)
	return out.Bytes()
}

func stream(dict, data string) string {
	return fmt.Sprintf("<<%s/Length %d>>\nstream\n%s\nendstream", dict, len(data), data)
}

// textPage is a PDF of one page with a line of Helvetica; extra goes into the
// page dictionary.
func textPage(text, extra string) []byte {
	return build("<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Count 1/Kids[3 0 R]/MediaBox[0 0 595 842]>>",
		"<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>"+extra+">>",
		stream("", "BT /F 24 Tf 100 700 Td ("+text+") Tj ET"),
		"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>")
}

func gradient(w, h int) *image.Gray {
	picture := image.NewGray(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			picture.Pix[y*picture.Stride+x] = uint8(x*255/w/2 + y*255/h/2)
		}
	}
	return picture
}

func jpegOf(t testing.TB, picture image.Image) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := jpeg.Encode(&out, picture, &jpeg.Options{Quality: 90}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func pngOf(t testing.TB, picture image.Image) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := png.Encode(&out, picture); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestInspect(t *testing.T) {
	t.Parallel()
	found, err := tools.Inspect(context.Background(), fileOf(t, textPage("A sentence with quite enough letters in it", "/Rotate 90/CropBox[50 50 500 800]")), "order.pdf")
	if err != nil {
		t.Fatal(err)
	}
	if found.Kind != pdf.KindPDF || found.Misnamed || found.Encrypted || found.Repaired || len(found.Pages) != 1 {
		t.Fatalf("%+v", found)
	}
	page := found.Pages[0]
	if page.Width != 750 || page.Height != 450 || page.Rotate != 90 || !page.HasGoodText() || page.ImageOnly || page.Blank {
		t.Errorf("%+v", page)
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		extra string
		x, y  float64 // about where the first word begins
	}{
		{"", 100, 842 - 720}, {"/Rotate 90", 700, 100}, {"/Rotate 180", 495 - 60, 700}, {"/Rotate 270", 842 - 720, 495 - 60},
		{"/CropBox[50 100 500 800]", 50, 80},
	} {
		text, err := tools.Text(context.Background(), fileOf(t, textPage("Hello wide world", c.extra)), 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(text.Words) != 3 || text.Words[0].Text != "Hello" || text.Words[2].Text != "world" {
			t.Fatalf("%s: %+v", c.extra, text.Words)
		}
		if b := text.Words[0].Box; abs(b.X0-c.x) > 15 || abs(b.Y0-c.y) > 15 {
			t.Errorf("%s: the first word is at %+v, expected at %v, %v", c.extra, b, c.x, c.y)
		}
	}
}

func abs(v float64) float64 { return max(v, -v) }

func TestRender(t *testing.T) {
	t.Parallel()
	file := fileOf(t, textPage("Hello", ""))
	for _, options := range []pdf.RenderOptions{
		{Page: 1, DPI: 72, Format: pdf.FormatPNG}, {Page: 1, Width: 595, Gray: true, Format: pdf.FormatJPEG}, {Page: 1, DPI: 72, Gray: true, Format: pdf.FormatGray},
	} {
		made, err := tools.Render(context.Background(), file, options)
		if err != nil {
			t.Fatal(err)
		}
		if made.Width != 595 || made.Height != 842 || len(made.Data) == 0 {
			t.Errorf("%+v: %d by %d, %d bytes", options, made.Width, made.Height, len(made.Data))
		}
	}
	if _, err := tools.Render(context.Background(), file, pdf.RenderOptions{Page: 2, DPI: 72, Format: pdf.FormatPNG}); !errors.Is(err, pdf.ErrNoSuchPage) {
		t.Errorf("page 2 of 1: %v", err)
	}
}

// TestNativeRender makes a scan of every orientation and asks for it back.
func TestNativeRender(t *testing.T) {
	t.Parallel()
	picture := gradient(60, 80)
	for y := range 10 { // a black corner, top left
		for x := range 10 {
			picture.SetGray(x, y, color.Gray{})
		}
	}
	scan := jpegOf(t, picture)
	for _, matrix := range []string{"600 0 0 800 0 0", "-600 0 0 -800 600 800", "0 -600 800 0 0 600", "0 600 -800 0 800 0", "-600 0 0 800 600 0", "600 0 0 -800 0 800"} {
		box := "600 800"
		if strings.HasPrefix(matrix, "0") {
			box = "800 600"
		}
		for _, rotate := range []int{0, 90, 180, 270} {
			file := fileOf(t, build("<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Count 1/Kids[3 0 R]>>",
				fmt.Sprintf("<</Type/Page/Parent 2 0 R/MediaBox[0 0 %s]/Rotate %d/Contents 4 0 R/Resources<</XObject<</I 5 0 R>>>>>>", box, rotate),
				stream("", "q "+matrix+" cm /I Do Q"),
				stream("/Type/XObject/Subtype/Image/Width 60/Height 80/BitsPerComponent 8/ColorSpace/DeviceGray/Filter/DCTDecode", string(scan))))
			native, err := tools.Render(context.Background(), file, pdf.RenderOptions{Page: 1, DPI: 7.2, Gray: true, Native: true, Format: pdf.FormatGray})
			if err != nil {
				t.Fatal(err)
			}
			drawn, err := tools.Render(context.Background(), file, pdf.RenderOptions{Page: 1, Width: native.Width, Gray: true, Format: pdf.FormatGray})
			if err != nil {
				t.Fatal(err)
			}
			if !native.Native {
				t.Errorf("%s, turned %d: drawn instead of lifted", matrix, rotate)
			}
			if native.Width != drawn.Width || native.Height != drawn.Height {
				t.Errorf("%s, turned %d: %d by %d lifted, %d by %d drawn", matrix, rotate, native.Width, native.Height, drawn.Width, drawn.Height)
				continue
			}
			if d := difference(native.Data, drawn.Data); d > 6 {
				t.Errorf("%s, turned %d: lifted and drawn differ by %.1f of 255 on average", matrix, rotate, d)
			}
		}
	}
}

func difference(a, b []byte) float64 {
	if len(a) != len(b) {
		return 255
	}
	sum := 0.0
	for i := range a {
		sum += abs(float64(a[i]) - float64(b[i]))
	}
	return sum / float64(len(a))
}

func TestBadInput(t *testing.T) {
	t.Parallel()
	whole := jpegOf(t, gradient(300, 300))
	for name, c := range map[string]struct {
		content []byte
		want    error
	}{
		"zero-byte":        {nil, pdf.ErrEmpty},
		"not a document":   {[]byte("PK\x03\x04 something else"), pdf.ErrUnsupported},
		"truncated header": {[]byte("%PDF-1.7\n1 0 obj\n<<"), pdf.ErrDamaged},
		"10,000 pages":     {manyPages(10_000), pdf.ErrTooManyPages},
		"20,000 by 20,000": {pngHeader(20_000, 20_000), pdf.ErrTooLarge},
		"password":         {encrypted, pdf.ErrEncrypted},
		"no pages":         {build("<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Count 0/Kids[]>>"), pdf.ErrDamaged},
		"TIFF in a circle": {[]byte("II*\x00\x08\x00\x00\x00\x00\x00\x08\x00\x00\x00"), pdf.ErrDamaged},
	} {
		if name == "password" && len(c.content) == 0 {
			continue
		}
		if _, err := tools.Inspect(context.Background(), fileOf(t, c.content), ""); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, expected %v", name, err, c.want)
		}
	}
	out := fileOf(t, nil)
	if _, err := tools.ImagesToPDF(context.Background(), []*os.File{fileOf(t, whole[:len(whole)/2])}, out); !errors.Is(err, pdf.ErrDamaged) {
		t.Errorf("a truncated picture: %v", err)
	}
	found, err := tools.Inspect(context.Background(), fileOf(t, whole), "scan.pdf")
	if err != nil || !found.Misnamed || found.Kind != pdf.KindJPEG {
		t.Errorf("a wrongly named picture: %+v, %v", found, err)
	}
}

var encrypted []byte

func manyPages(n int) []byte {
	kids := strings.Repeat("3 0 R ", n)
	return build("<</Type/Catalog/Pages 2 0 R>>", fmt.Sprintf("<</Type/Pages/Count %d/Kids[%s]/MediaBox[0 0 100 100]>>", n, kids),
		"<</Type/Page/Parent 2 0 R>>")
}

func pngHeader(w, h int) []byte {
	small := image.NewGray(image.Rect(0, 0, 1, 1))
	var out bytes.Buffer
	_ = png.Encode(&out, small)
	data := out.Bytes()
	be := func(at, v int) {
		data[at], data[at+1], data[at+2], data[at+3] = byte(v>>24), byte(v>>16), byte(v>>8), byte(v)
	}
	be(16, w)
	be(20, h)
	crc := crc32.ChecksumIEEE(data[12:29])
	be(29, int(crc))
	return data
}
