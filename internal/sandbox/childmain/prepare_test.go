package childmain_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paraph/paraph/internal/ocr"
	"github.com/paraph/paraph/internal/pdf"
	"github.com/paraph/paraph/internal/sandbox/childmain"
	"github.com/paraph/paraph/internal/testneed"
)

// TestMain lets the test binary be its own child.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "child" {
		os.Exit(childmain.Main())
	}
	os.Exit(m.Run())
}

func file(t *testing.T) *os.File {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "file-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// letter is a PDF of one page with lines of text, or none.
func letter(lines []string, rotate int) []byte {
	content := "BT /F 14 Tf 20 TL 70 740 Td"
	for _, line := range lines {
		content += " (" + line + ") Tj T*"
	}
	content += " ET"
	objects := []string{"<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Count 1/Kids[3 0 R]/MediaBox[0 0 595 842]>>",
		fmt.Sprintf("<</Type/Page/Parent 2 0 R/Rotate %d/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>", rotate),
		fmt.Sprintf("<</Length %d>>\nstream\n%s\nendstream", len(content), content), "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"}
	var out bytes.Buffer
	out.WriteString("%PDF-1.4\n")
	var offsets []int
	for i, object := range objects {
		offsets = append(offsets, out.Len())
		fmt.Fprintf(&out, "%d 0 obj\n%s\nendobj\n", i+1, object)
	}
	start := out.Len()
	fmt.Fprintf(&out, "xref\n0 6\n0000000000 65535 f \n")
	for _, offset := range offsets {
		fmt.Fprintf(&out, "%010d 00000 n \n", offset)
	}
	fmt.Fprintf(&out, "trailer\n<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", start)
	return out.Bytes()
}

// TestScanToSearchable goes the whole way of a scan: pictures become pages, are
// lifted and prepared in the child, recognised, and made searchable.
func TestScanToSearchable(t *testing.T) {
	t.Parallel()
	program, pdftotext := testneed.Command(t, "tesseract"), testneed.Command(t, "pdftotext")
	tools, err := pdf.New(pdf.Config{CacheDir: filepath.Join(t.TempDir(), "cache"), Children: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer tools.Close()
	texts := [][]string{
		{"Purchase order for forty reams of heavy paper", "to be delivered before the end of the month", "by the river gate of the northern mill"},
		nil,
		{"This page went into the scanner sideways", "and every word on it must still be found", "under the ink where a reader looks for it"},
	}
	var scans []*os.File
	for i, lines := range texts {
		source, scan := file(t), file(t)
		if _, err := source.Write(letter(lines, 90*(i/2))); err != nil {
			t.Fatal(err)
		}
		made, err := tools.Render(t.Context(), source, pdf.RenderOptions{Page: 1, DPI: 200, Gray: true, Format: pdf.FormatJPEG})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := scan.Write(made.Data); err != nil {
			t.Fatal(err)
		}
		scans = append(scans, scan)
	}
	document, searchable := file(t), file(t)
	if _, err := tools.ImagesToPDF(t.Context(), scans, document); err != nil {
		t.Fatal(err)
	}
	reader := &ocr.Reader{Engine: ocr.NewTesseract(ocr.TesseractConfig{Command: program})}
	var pages []pdf.PageWords
	for number := 1; number <= len(texts); number++ {
		prepared, rendered, err := childmain.PreparePage(t.Context(), tools, document, number, 200)
		if err != nil {
			t.Fatal(err)
		}
		if !rendered.Native || prepared.Blank != (texts[number-1] == nil) {
			t.Errorf("page %d: lifted %v, blank %v", number, rendered.Native, prepared.Blank)
		}
		result, err := reader.Read(t.Context(), prepared, ocr.ReadOptions{})
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, childmain.PageWords(number, result, rendered))
	}
	if err := tools.AddTextLayer(t.Context(), document, searchable, pages); err != nil {
		t.Fatal(err)
	}
	for i, lines := range texts {
		page := fmt.Sprint(i + 1)
		got, err := exec.Command(pdftotext, "-f", page, "-l", page, searchable.Name(), "-").Output()
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.Join(lines, " "); strings.Join(strings.Fields(string(got)), " ") != want {
			t.Errorf("page %d reads %q, expected %q", i+1, got, want)
		}
	}
}
