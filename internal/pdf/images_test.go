package pdf_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/paraph/paraph/internal/pdf"
	"github.com/paraph/paraph/internal/testneed"
)

// marked is a light picture with a dark quarter at its top left.
func marked(w, h int) *image.RGBA {
	picture := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.RGBA{230, 240, 250, 255}
			if x < w/2 && y < h/2 {
				c = color.RGBA{20, 30, 40, 255}
			}
			picture.SetRGBA(x, y, c)
		}
	}
	return picture
}

// withEXIF puts an orientation, and a resolution where dpi > 0, into a JPEG.
func withEXIF(jpeg []byte, orientation uint16, dpi uint32) []byte {
	be := binary.BigEndian
	exif := []byte("Exif\x00\x00MM\x00\x2A\x00\x00\x00\x08\x00\x03")
	entry := func(tag, kind uint16, value uint32) {
		exif = be.AppendUint16(exif, tag)
		exif = be.AppendUint16(exif, kind)
		exif = be.AppendUint32(exif, 1)
		exif = be.AppendUint32(exif, value)
	}
	entry(274, 3, uint32(orientation)<<16)
	entry(282, 5, 50)
	entry(283, 5, 50)
	exif = append(exif, 0, 0, 0, 0)
	exif = be.AppendUint32(exif, dpi)
	exif = be.AppendUint32(exif, 1)
	segment := be.AppendUint16([]byte{0xFF, 0xE1}, uint16(len(exif)+2))
	return append(append(append([]byte{0xFF, 0xD8}, segment...), exif...), jpeg[2:]...)
}

// grayTIFF writes an uncompressed TIFF of several pages, each one shade.
func grayTIFF(shades ...byte) []byte {
	const w, h = 40, 20
	le := binary.LittleEndian
	out := []byte("II*\x00")
	link := len(out)
	out = append(out, 0, 0, 0, 0)
	for _, shade := range shades {
		data := len(out)
		out = append(out, bytes.Repeat([]byte{shade}, w*h)...)
		resolution := len(out)
		out = le.AppendUint32(le.AppendUint32(out, 144), 1)
		le.PutUint32(out[link:], uint32(len(out)))
		entries := [][3]uint32{{256, 4, w}, {257, 4, h}, {258, 3, 8}, {259, 3, 1}, {262, 3, 1}, {273, 4, uint32(data)}, {277, 3, 1}, {278, 4, h}, {279, 4, w * h},
			{282, 5, uint32(resolution)}, {283, 5, uint32(resolution)}, {296, 3, 2}}
		out = le.AppendUint16(out, uint16(len(entries)))
		for _, e := range entries {
			out = le.AppendUint16(le.AppendUint16(out, uint16(e[0])), uint16(e[1]))
			out = le.AppendUint32(le.AppendUint32(out, 1), e[2])
		}
		link = len(out)
		out = append(out, 0, 0, 0, 0)
	}
	return out
}

func toPDF(t *testing.T, pictures ...[]byte) (*os.File, *pdf.Inspection) {
	t.Helper()
	var files []*os.File
	for _, picture := range pictures {
		files = append(files, fileOf(t, picture))
	}
	out := fileOf(t, nil)
	pages, err := tools.ImagesToPDF(t.Context(), files, out)
	if err != nil {
		t.Fatal(err)
	}
	found, err := tools.Inspect(t.Context(), out, "application/pdf")
	if err != nil || len(found.Pages) != pages || found.NeedsNormalising() {
		t.Fatalf("%+v, %v", found, err)
	}
	return out, found
}

func TestImagesToPDF(t *testing.T) {
	t.Parallel()
	deep := image.NewNRGBA64(image.Rect(0, 0, 10, 10)) // all see-through
	one := image.NewGray(image.Rect(0, 0, 13, 9))
	for i := range one.Pix {
		one.Pix[i] = 255 * byte(i%2)
	}
	webp, err := base64.StdEncoding.DecodeString("UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA")
	if err != nil {
		t.Fatal(err)
	}
	out, found := toPDF(t, jpegOf(t, marked(80, 40)), pngOf(t, marked(40, 80)), pngOf(t, deep), pngOf(t, one), grayTIFF(10, 200), webp, jpegOf(t, gradient(30, 30)))
	if len(found.Pages) != 8 {
		t.Fatalf("%d pages", len(found.Pages))
	}
	for i, page := range found.Pages {
		if !page.ImageOnly {
			t.Errorf("page %d is not recognised as a picture: %+v", i+1, page)
		}
	}
	if p := found.Pages[0]; abs(p.Width-841.89) > 0.1 || abs(p.Height-420.9) > 0.1 {
		t.Errorf("a picture without resolution: %+v", p)
	}
	if p := found.Pages[4]; p.Width != 20 || p.Height != 10 {
		t.Errorf("a TIFF of 144 dpi: %+v", p)
	}
	for page, want := range map[int]byte{3: 255, 5: 10, 6: 200} {
		made, err := tools.Render(t.Context(), out, pdf.RenderOptions{Page: page, Width: 10, Gray: true, Format: pdf.FormatGray})
		if err != nil {
			t.Fatal(err)
		}
		if got := made.Data[len(made.Data)/2]; abs(float64(got)-float64(want)) > 2 {
			t.Errorf("page %d is %d, expected %d", page, got, want)
		}
	}
	qpdf := testneed.Command(t, "qpdf")
	if report, err := exec.Command(qpdf, "--check", out.Name()).CombinedOutput(); err != nil {
		t.Errorf("qpdf --check: %v\n%s", err, report)
	}
}

// TestOrientation: however the camera was held, the dark quarter stands where
// EXIF says that it belongs.
func TestOrientation(t *testing.T) {
	t.Parallel()
	corner := map[uint16][2]float64{1: {0.25, 0.25}, 2: {0.75, 0.25}, 3: {0.75, 0.75}, 4: {0.25, 0.75}, 5: {0.25, 0.25}, 6: {0.75, 0.25}, 7: {0.75, 0.75}, 8: {0.25, 0.75}}
	for orientation, at := range corner {
		out, found := toPDF(t, withEXIF(jpegOf(t, marked(80, 40)), orientation, 72))
		wide := orientation < 5
		if p := found.Pages[0]; wide != (p.Width > p.Height) || max(p.Width, p.Height) != 80 {
			t.Errorf("orientation %d: %v by %v points", orientation, p.Width, p.Height)
		}
		for _, native := range []bool{false, true} {
			made, err := tools.Render(t.Context(), out, pdf.RenderOptions{Page: 1, DPI: 72, Gray: true, Native: native, Format: pdf.FormatGray})
			if err != nil {
				t.Fatal(err)
			}
			if native != made.Native {
				t.Errorf("orientation %d: the picture was not lifted", orientation)
			}
			for _, x := range []float64{0.25, 0.75} {
				for _, y := range []float64{0.25, 0.75} {
					shade := made.Data[int(y*float64(made.Height))*made.Width+int(x*float64(made.Width))]
					if dark := shade < 128; dark != (x == at[0] && y == at[1]) {
						t.Errorf("orientation %d, native %v: at %v, %v the shade is %d", orientation, native, x, y, shade)
					}
				}
			}
		}
	}
}

// TestCameraDefault: 72 dpi on a photo of four thousand pixels means nothing.
func TestCameraDefault(t *testing.T) {
	t.Parallel()
	_, found := toPDF(t, withEXIF(jpegOf(t, gradient(4000, 3000)), 6, 72))
	if p := found.Pages[0]; p.Width > 596 || p.Height > 842 || p.Height < p.Width {
		t.Errorf("%v by %v points", p.Width, p.Height)
	}
}

func TestSignedIsNeverRewritten(t *testing.T) {
	t.Parallel()
	signed := build("<</Type/Catalog/Pages 2 0 R/AcroForm<</SigFlags 3/Fields[4 0 R]>>>>", "<</Type/Pages/Count 1/Kids[3 0 R]/MediaBox[0 0 99 99]>>",
		"<</Type/Page/Parent 2 0 R/Annots[4 0 R]>>", "<</Type/Annot/Subtype/Widget/FT/Sig/T(s)/Rect[0 0 0 0]/P 3 0 R/V 5 0 R>>",
		"<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/ETSI.CAdES.detached/ByteRange[0 10 20 10]/Contents<3003020100>/Reference[<</Type/SigRef/TransformMethod/DocMDP/TransformParams<</Type/TransformParams/P 2/V/1.2>>>>]>>")
	in := fileOf(t, signed)
	found, err := tools.Inspect(t.Context(), in, "")
	if err != nil || found.Signatures != 1 || found.DocMDP != 2 || !found.Forms {
		t.Fatalf("%+v, %v", found, err)
	}
	if err := tools.Normalise(t.Context(), in, fileOf(t, nil)); !errors.Is(err, pdf.ErrSigned) {
		t.Errorf("normalise: %v", err)
	}
	if err := tools.AddTextLayer(t.Context(), in, fileOf(t, nil), []pdf.PageWords{words(1, "no")}); !errors.Is(err, pdf.ErrSigned) {
		t.Errorf("text layer: %v", err)
	}
	if _, err := tools.AppendCertificate(t.Context(), in, fileOf(t, nil), sampleCertificate()); !errors.Is(err, pdf.ErrSigned) {
		t.Errorf("certificate: %v", err)
	}
}

func TestActiveContent(t *testing.T) {
	t.Parallel()
	active := build("<</Type/Catalog/Pages 2 0 R/OpenAction<</S/GoTo/Next[<</S/JavaScript/JS(app.alert(1))>>]>>>>", "<</Type/Pages/Count 1/Kids[3 0 R]/MediaBox[0 0 99 99]>>",
		"<</Type/Page/Parent 2 0 R/Annots[<</Type/Annot/Subtype/Link/Rect[0 0 9 9]/A<</S/Launch/F(calc.exe)>>>>]>>")
	found, err := tools.Inspect(t.Context(), fileOf(t, active), "")
	if err != nil || !found.JavaScript || !found.Launch || !found.Strict {
		t.Errorf("%+v, %v", found, err)
	}
}

// TestTruncated: a PDF that lost its last line is opened, said to be repaired, and
// normalised into one that the strict reader takes.
func TestTruncated(t *testing.T) {
	t.Parallel()
	whole := textPage("There are enough words on this page", "")
	in, out := fileOf(t, whole[:len(whole)-15]), fileOf(t, nil)
	found, err := tools.Inspect(t.Context(), in, "")
	if err != nil || !found.NeedsNormalising() || found.StrictReason == "" {
		t.Fatalf("%+v, %v", found, err)
	}
	if err := tools.Normalise(t.Context(), in, out); err != nil {
		t.Fatal(err)
	}
	found, err = tools.Inspect(t.Context(), out, "")
	if err != nil || found.NeedsNormalising() || !found.Pages[0].HasGoodText() {
		t.Errorf("%+v, %v", found, err)
	}
}

// cmykJPEG is a picture of 8 by 8 pixels of one colour in four components, with
// Adobe's marker or without; Go's encoder makes none.
func cmykJPEG(adobe bool, values [4]int) []byte {
	out := []byte{0xFF, 0xD8}
	segment := func(marker byte, data ...byte) {
		out = append(out, 0xFF, marker, 0, byte(len(data)+2))
		out = append(out, data...)
	}
	if adobe {
		segment(0xEE, append([]byte("Adobe"), 0, 100, 0, 0, 0, 0, 0)...)
	}
	segment(0xDB, append([]byte{0}, bytes.Repeat([]byte{1}, 64)...)...)
	segment(0xC0, 8, 0, 8, 0, 8, 4, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0, 4, 0x11, 0)
	segment(0xC4, 0, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11) // DC: twelve codes of four bits
	segment(0xC4, 0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)                                  // AC: end of block only
	segment(0xDA, 4, 1, 0, 2, 0, 3, 0, 4, 0, 0, 63, 0)
	bits := ""
	for _, v := range values {
		dc := 8 * (v - 128)
		size, magnitude := 0, max(dc, -dc)
		for m := magnitude; m > 0; m >>= 1 {
			size++
		}
		if dc < 0 {
			dc += 1<<size - 1
		}
		bits += fmt.Sprintf("%04b", size)
		if size > 0 {
			bits += fmt.Sprintf("%0*b", size, dc)
		}
		bits += "0"
	}
	for len(bits)%8 != 0 {
		bits += "1"
	}
	for i := 0; i < len(bits); i += 8 {
		v, _ := strconv.ParseUint(bits[i:i+8], 2, 8) // eight binary digits
		out = append(out, byte(v))
		if v == 0xFF {
			out = append(out, 0)
		}
	}
	return append(out, 0xFF, 0xD9)
}

// TestCMYK: ink is ink, whether the file counts it up or, as Adobe does, down.
func TestCMYK(t *testing.T) {
	t.Parallel()
	for name, c := range map[string][]byte{
		"plain": cmykJPEG(false, [4]int{255, 0, 0, 0}),
		"Adobe": cmykJPEG(true, [4]int{0, 255, 255, 255}),
	} {
		out, _ := toPDF(t, c)
		made, err := tools.Render(t.Context(), out, pdf.RenderOptions{Page: 1, Width: 8, Format: pdf.FormatPNG})
		if err != nil {
			t.Fatal(err)
		}
		picture, err := png.Decode(bytes.NewReader(made.Data))
		if err != nil {
			t.Fatal(err)
		}
		if r, g, b, _ := picture.At(4, 4).RGBA(); r > 0x6000 || g < 0x8000 || b < 0xa000 {
			t.Errorf("%s: cyan came out as %x %x %x", name, r>>8, g>>8, b>>8)
		}
	}
}
