//go:build judges

package hostile

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paraph/paraph/internal/e2e/programtest"
	"github.com/paraph/paraph/internal/testneed"
)

// sent is one file and what has to become of it.
type sent struct {
	what, name, media string
	content           []byte
	status            string // of the document's processing; "" where the upload itself is refused
	code              string
}

func files(t *testing.T) []sent {
	const pdf, octets = "application/pdf", "application/octet-stream"
	good := pagesPDF(1, "")
	broken := bytes.Replace(bytes.Clone(good), []byte("startxref\n"), []byte("startxref\n9"), 1)
	return []sent{
		{"zero bytes", "a.pdf", pdf, nil, "", "empty_file"},
		{"one byte", "a.pdf", pdf, []byte("%"), "quarantined", "file_unsupported"},
		{"truncated PDF", "a.pdf", pdf, good[:60], "quarantined", "file_damaged"},
		{"truncated JPEG", "a.jpg", "image/jpeg", smallJPEG(t)[:150], "quarantined", "file_damaged"},
		{"truncated PNG", "a.png", "image/png", smallPNG(t)[:40], "quarantined", "file_damaged"},
		{"truncated TIFF", "a.tif", "image/tiff", loopTIFF()[:12], "quarantined", "file_damaged"},
		{"truncated WebP", "a.webp", "image/webp", []byte("RIFF\x24\x00\x00\x00WEBPVP8 \x18\x00\x00\x00"), "quarantined", "file_damaged"},
		{"damaged xref", "a.pdf", pdf, broken, "done", ""},
		{"PDF as JPEG", "a.jpg", "image/jpeg", good, "quarantined", "misnamed_file"},
		{"JPEG as PDF", "a.pdf", pdf, smallJPEG(t), "quarantined", "misnamed_file"},
		{"EXE as PDF", "a.pdf", octets, append([]byte("MZ\x90\x00"), make([]byte, 200)...), "quarantined", "file_unsupported"},
		{"HTML as PDF", "a.pdf", pdf, []byte("<!DOCTYPE html><script>alert(1)</script>"), "quarantined", "file_unsupported"},
		{"10,000 pages", "a.pdf", pdf, pagesPDF(10_000, ""), "quarantined", "file_too_many_pages"},
		{"PNG header of 20,000 × 20,000", "a.png", "image/png", bigPNG(t, 20_000, false), "quarantined", "file_too_many_pixels"},
		{"PNG of 20,000 × 20,000", "a.png", "image/png", bigPNG(t, 20_000, true), "quarantined", "file_too_many_pixels"},
		{"JPEG of absurd size", "a.jpg", "image/jpeg", hugeJPEG(t), "quarantined", "file_too_many_pixels"},
		{"TIFF whose directories loop", "a.tif", "image/tiff", loopTIFF(), "quarantined", "file_damaged"},
		{"TIFF of 100,000 directories", "a.tif", "image/tiff", manyTIFF(100_000), "quarantined", "file_too_many_pages"},
		{"page tree that loops", "a.pdf", pdf, makePDF("<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [2 0 R] /Count 1 >>"), "quarantined", "file_damaged"},
		{"cross-reference that loops", "a.pdf", pdf, bytes.Replace(bytes.Clone(good), []byte("/Root 1 0 R"), fmt.Appendf(nil, "/Root 1 0 R /Prev %d", bytes.LastIndex(good, []byte("xref\n0 "))), 1), "done", ""},
		{"giant count", "a.pdf", pdf, bytes.Replace(bytes.Clone(good), []byte("/Count 1 "), []byte("/Count 2147483647 "), 1), "done", ""},
		{"nested arrays", "a.pdf", pdf, pagesPDF(1, "/X "+strings.Repeat("[", 50_000)+strings.Repeat("]", 50_000)), "done", ""},
		{"page content that inflates to 1 GB", "a.pdf", pdf, makePDF("<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>", "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 200] /Contents 4 0 R >>", stream("/Filter /FlateDecode", zeros(t, 1<<30))), "quarantined", "file_unprocessable"},
		{"object stream that inflates to 1 GB", "a.pdf", pdf, objectBomb(t), "quarantined", "file_unprocessable"},
		{"script, launch and attachment", "a.pdf", pdf, pagesPDF(1, "/OpenAction << /S /JavaScript /JS (app.alert\\(1\\)) >> /AA << /WC << /S /Launch /F (calc.exe) >> >> /Names << /EmbeddedFiles << /Names [(a) << /Type /Filespec /F (a) >>] >> >>"), "done", ""},
		{"300 pages", "a.pdf", pdf, pagesPDF(300, ""), "done", ""},
		{"path in the name", "../../etc/passwd.pdf", pdf, good, "done", ""},
		{"control characters in the name", "a\tb\u202efdp.exe.pdf", pdf, good, "done", ""},
		{"name of 5 kB", strings.Repeat("n", 5000) + ".pdf", pdf, good, "done", ""},
	}
}

// TestFiles runs the built program and sends it a large file, every odd one at once,
// and then a good one: each ends with an outcome of its own, the good one is captured,
// and the server's own process never held more than its limit.
func TestFiles(t *testing.T) {
	t.Parallel()
	p := programtest.Serve(t, programtest.Options{Data: t.TempDir()})
	s := &stack{url: p.URL, token: login(t, p.URL, p.ID, p.Secret)}
	s.thereAndBack(t, 250<<20)
	t.Logf("after 250 MB up and down: VmHWM %d kB", peak(t, p.Pid()))
	t.Run("odd", func(t *testing.T) {
		for _, f := range files(t) {
			t.Run(f.what, func(t *testing.T) {
				t.Parallel()
				res, up := s.upload(t, f.name, f.media, f.content)
				s.alive(t)
				if res.status >= 400 {
					t.Logf("%d %s", res.status, res.body)
					res.problem(t, http.StatusUnprocessableEntity, f.code)
					return
				}
				p := up.Document.Processing
				t.Logf("%s %s: %s", p.Status, p.Code, p.Reason)
				f.check(t, up)
			})
		}
	})
	if _, up := s.upload(t, "good.pdf", "application/pdf", pagesPDF(1, "")); up.Document.Processing.Status != "done" {
		t.Errorf("a good file after the odd ones: %+v", up.Document)
	}
	got := peak(t, p.Pid())
	t.Logf("after the odd files: VmHWM %d kB", got)
	if got > maxMemory {
		t.Errorf("the server held %d kB; at most %d are allowed", got, maxMemory)
	}
}

// check compares the outcome. A file that a lenient reader can make sense of may
// also be read; what no file may do is stay pending or fail without words.
func (f *sent) check(t *testing.T, up uploaded) {
	t.Helper()
	p := up.Document.Processing
	if f.status != "" && p.Status != f.status {
		t.Errorf("%s, want %s: %s %s", p.Status, f.status, p.Code, p.Reason)
	}
	if f.code != "" && p.Code != f.code {
		t.Errorf("the code is %s, want %s", p.Code, f.code)
	}
	switch p.Status {
	case "done":
		if up.Operation.State != "succeeded" || up.Document.Pages == 0 {
			t.Errorf("%+v", up)
		}
	case "quarantined":
		if up.Operation.State != "failed" || p.Code == "" || p.Code != up.Operation.Code || p.Reason == "" || p.Reason != up.Operation.Reason {
			t.Errorf("document and operation do not tell the same: %+v", up)
		}
	default:
		t.Errorf("neither read nor in quarantine: %+v", up)
	}
}

func (s *stack) alive(t *testing.T) {
	t.Helper()
	if res := s.send(t, http.MethodGet, "/livez", nil); res.status != http.StatusOK {
		t.Errorf("/livez: %d", res.status)
	}
}

// TestOddPDFs takes a dozen files that made trouble for other readers: each is
// read or put aside with a reason.
func TestOddPDFs(t *testing.T) {
	t.Parallel()
	testneed.Command(t, "tesseract")
	found, err := filepath.Glob(filepath.Join(testneed.SharedData(t, "odd-pdfs"), "*.pdf"))
	if err != nil {
		t.Fatal(err)
	}
	s := start(t)
	for i := 0; i < len(found); i += max(1, len(found)/12) {
		content, err := os.ReadFile(found[i])
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(found[i])
		_, up := s.upload(t, name, "application/pdf", content)
		p := up.Document.Processing
		t.Logf("%s: %s %s %s", name, p.Status, p.Code, p.Reason)
		(&sent{}).check(t, up)
	}
	s.alive(t)
}
