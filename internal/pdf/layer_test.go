package pdf_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/paraph/paraph/internal/pdf"
	"github.com/paraph/paraph/internal/testneed"
)

// scanOf makes pages of one gray picture each; extra is added to each page's
// dictionary in turn. Resources and the box are inherited.
func scanOf(t testing.TB, extras ...string) []byte {
	t.Helper()
	picture := string(jpegOf(t, gradient(60, 80)))
	kids := ""
	objects := []string{"<</Type/Catalog/Pages 2 0 R>>", "", stream("", "q 600 0 0 800 0 0 cm /I Do"),
		stream("/Type/XObject/Subtype/Image/Width 60/Height 80/BitsPerComponent 8/ColorSpace/DeviceGray/Filter/DCTDecode", picture), "[3 0 R 3 0 R]"}
	for i, extra := range extras {
		kids += fmt.Sprintf("%d 0 R ", len(objects)+1)
		contents := [...]string{"3 0 R", "[3 0 R]", "5 0 R"}[i%3]
		objects = append(objects, fmt.Sprintf("<</Type/Page/Parent 2 0 R/Contents %s%s>>", contents, extra))
	}
	objects[1] = fmt.Sprintf("<</Type/Pages/Count %d/Kids[%s]/MediaBox[0 0 600 800]/Resources<</XObject<</I 4 0 R>>>>>>", len(extras), kids)
	return build(objects...)
}

func words(page int, text string) pdf.PageWords {
	result := pdf.PageWords{Number: page}
	for i, line := range strings.Split(text, "\n") {
		x, y := 40.0, 60+30*float64(i)
		for word := range strings.FieldsSeq(line) {
			width := 9 * float64(len([]rune(word)))
			result.Words = append(result.Words, pdf.Word{Text: word, Line: i, Box: pdf.Box{X0: x, Y0: y, X1: x + width, Y1: y + 16}})
			x += width + 6
		}
	}
	return result
}

var poem = []string{
	1: "Purchase order 4711\nfor Grüße & Co. Ελλάδα",
	3: "the third page is turned\nand has 𝄞 𠜎 beyond",
	4: "upside down\nit reads the same",
	5: "two hundred and seventy\ndegrees of it",
	6: "cropped and scaled\ntoo",
}

func TestTextLayer(t *testing.T) {
	t.Parallel()
	original := scanOf(t, "", "", "/Rotate 90", "/Rotate 180", "/Rotate 270/CropBox[20 30 590 780]", "/CropBox[10 10 590 790]/UserUnit 2")
	in, out := fileOf(t, original), fileOf(t, nil)
	var pages []pdf.PageWords
	for number, text := range poem {
		if text != "" {
			pages = append(pages, words(number, text))
		}
	}
	if err := tools.AddTextLayer(t.Context(), in, out, pages); err != nil {
		t.Fatal(err)
	}
	made := read(t, out)
	if !bytes.HasPrefix(made, original) {
		t.Error("the original bytes are not a prefix")
	}
	t.Logf("the layer adds %d bytes", len(made)-len(original))
	for number := 1; number <= 6; number++ {
		text, err := tools.Text(t.Context(), out, number)
		if err != nil {
			t.Fatal(err)
		}
		var want pdf.PageWords
		for _, p := range pages {
			if p.Number == number {
				want = p
			}
		}
		if len(text.Words) != len(want.Words) {
			t.Errorf("page %d: %d words, expected %d: %+v", number, len(text.Words), len(want.Words), text.Words)
			continue
		}
		for i, w := range text.Words {
			b, box := w.Box, want.Words[i].Box
			if w.Text != want.Words[i].Text || abs(b.X0-box.X0) > 1.5 || abs(b.X1-box.X1) > 1.5 || abs(b.Y0-box.Y0) > 4 || abs(b.Y1-box.Y1) > 4 {
				t.Errorf("page %d: %+v, expected %+v", number, w, want.Words[i])
			}
		}
		options := pdf.RenderOptions{Page: number, DPI: 50, Format: pdf.FormatPNG}
		before, err := tools.Render(t.Context(), in, options)
		if err != nil {
			t.Fatal(err)
		}
		after, err := tools.Render(t.Context(), out, options)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(before.Data, after.Data) {
			t.Errorf("page %d looks different", number)
		}
	}
}

// TestTextLayerByOthers lets programs nobody here wrote read the result.
func TestTextLayerByOthers(t *testing.T) {
	t.Parallel()
	qpdf, pdftotext := testneed.Command(t, "qpdf"), testneed.Command(t, "pdftotext")
	plain := scanOf(t, "", "", "/Rotate 90", "/Rotate 180", "/Rotate 270/CropBox[20 30 590 780]", "/CropBox[10 10 590 790]/UserUnit 2")
	packed := fileOf(t, nil)
	if out, err := exec.Command(qpdf, "--object-streams=generate", fileOf(t, plain).Name(), packed.Name()).CombinedOutput(); err != nil {
		t.Fatalf("qpdf: %v: %s", err, out)
	}
	for name, in := range map[string]*os.File{"table": fileOf(t, plain), "stream": packed} {
		out := fileOf(t, nil)
		var pages []pdf.PageWords
		for number, text := range poem {
			if text != "" {
				pages = append(pages, words(number, text))
			}
		}
		if err := tools.AddTextLayer(t.Context(), in, out, pages); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if report, err := exec.Command(qpdf, "--check", out.Name()).CombinedOutput(); err != nil {
			t.Errorf("%s: qpdf --check: %v\n%s", name, err, report)
		}
		for number := 1; number <= 6; number++ {
			page := fmt.Sprint(number)
			got, err := exec.Command(pdftotext, "-f", page, "-l", page, "-enc", "UTF-8", out.Name(), "-").CombinedOutput()
			if err != nil {
				t.Fatalf("%s: pdftotext: %v", name, err)
			}
			want := ""
			if number < len(poem) {
				want = poem[number]
			}
			if strings.Join(strings.Fields(string(got)), " ") != strings.Join(strings.Fields(want), " ") {
				t.Errorf("%s, page %d: pdftotext reads %q, expected %q", name, number, got, want)
			}
		}
	}
}

// TestTextLayerAngle: words measured on a straightened page go back to the ink.
func TestTextLayerAngle(t *testing.T) {
	t.Parallel()
	in, out := fileOf(t, scanOf(t, "")), fileOf(t, nil)
	const angle = 1.5
	page := pdf.PageWords{Number: 1, Angle: angle, Words: []pdf.Word{{Text: "far", Box: pdf.Box{X0: 500, Y0: 390, X1: 540, Y1: 400}}}}
	if err := tools.AddTextLayer(t.Context(), in, out, []pdf.PageWords{page}); err != nil {
		t.Fatal(err)
	}
	text, err := tools.Text(t.Context(), out, 1)
	if err != nil || len(text.Words) != 1 {
		t.Fatalf("%+v, %v", text, err)
	}
	// Right of the middle, turning counter-clockwise lifts.
	lifted := 220 * math.Sin(angle*math.Pi/180)
	if got := 395 - (text.Words[0].Box.Y0+text.Words[0].Box.Y1)/2; abs(got-lifted) > 1.5 {
		t.Errorf("lifted by %.2f points, expected %.2f", got, lifted)
	}
}

func TestTextLayerRefusals(t *testing.T) {
	t.Parallel()
	in := fileOf(t, scanOf(t, ""))
	if err := tools.AddTextLayer(t.Context(), in, fileOf(t, nil), []pdf.PageWords{words(2, "too far")}); !errors.Is(err, pdf.ErrNoSuchPage) {
		t.Errorf("a page that is not there: %v", err)
	}
	out := fileOf(t, nil)
	if err := tools.AddTextLayer(t.Context(), in, out, nil); err != nil || !bytes.Equal(read(t, in), read(t, out)) {
		t.Errorf("without words the file must stay as it is: %v", err)
	}
}

// inScripts are lines of recognised words in the order in which people read them.
var inScripts = []struct {
	script string
	words  string
	rtl    bool
}{
	{"Arabic", "أمر شراء رقم 4711", true},
	{"Hebrew", "הזמנת רכש מספר 4711", true},
	{"Latin in Arabic", "رقم PO-4711 شراء أمر", true},
	{"pointed Hebrew", "שָׁלוֹם עוֹלָם", true},
	{"Devanagari", "अमित शर्मा हिन्दी", false},
	{"Chinese", "采购 订单 𠜎", false},
	{"Japanese", "発注書 カタカナ", false},
	{"Korean", "구매 주문서", false},
	{"Thai", "ใบสั่งซื้อ น้ำ", false},
}

// TestTextLayerScripts: each word is found at its place by pdfium, and poppler
// reads the line, whatever the script and its direction.
func TestTextLayerScripts(t *testing.T) {
	t.Parallel()
	pdftotext := testneed.Command(t, "pdftotext")
	var pages []pdf.PageWords
	for i, line := range inScripts {
		p := words(i+1, line.words)
		for n := range p.Words {
			if box := &p.Words[n].Box; line.rtl {
				box.X0, box.X1 = 560-box.X1, 560-box.X0
			}
		}
		pages = append(pages, p)
	}
	in, out := fileOf(t, scanOf(t, make([]string, len(pages))...)), fileOf(t, nil)
	if err := tools.AddTextLayer(t.Context(), in, out, pages); err != nil {
		t.Fatal(err)
	}
	for i, line := range inScripts {
		found, err := tools.Text(t.Context(), out, i+1)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range pages[i].Words {
			if line.script == "pointed Hebrew" { // pdfium does not turn points around with their letters
				continue
			}
			at := slices.IndexFunc(found.Words, func(f pdf.Word) bool { return f.Text == w.Text })
			if at < 0 || abs(found.Words[at].Box.X0-w.Box.X0) > 2 || abs(found.Words[at].Box.Y0-w.Box.Y0) > 5 {
				t.Errorf("%s: pdfium does not find %q at its place: %+v", line.script, w.Text, found.Words)
			}
		}
		number := fmt.Sprint(i + 1)
		raw, err := exec.Command(pdftotext, "-f", number, "-l", number, "-enc", "UTF-8", out.Name(), "-").Output()
		if err != nil {
			t.Fatal(err)
		}
		plain := strings.Map(func(r rune) rune {
			if unicode.Is(unicode.Cf, r) { // poppler marks where the direction changes
				return -1
			}
			return r
		}, string(raw))
		joined := func(s string) string { return strings.Join(strings.Fields(s), "") } // poppler loses a space where the direction changes
		if got := joined(plain); got != joined(line.words) {
			t.Errorf("%s: pdftotext reads %q, expected %q", line.script, got, line.words)
		}
	}
}
