package pdf_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/pdf"
	"github.com/paraph/paraph/internal/sandbox"
	"github.com/paraph/paraph/internal/testneed"
)

// known tells faults that a broken or hostile file may cause.
func known(err error) bool {
	for _, fault := range []error{pdf.ErrEmpty, pdf.ErrDamaged, pdf.ErrEncrypted, pdf.ErrTooManyPages, pdf.ErrTooLarge,
		pdf.ErrUnsupported, pdf.ErrNoSuchPage, sandbox.ErrTimeout, sandbox.ErrMemory} {
		if errors.Is(err, fault) {
			return true
		}
	}
	return false
}

// TestOddFiles takes files that broke readers once: each is read or refused
// with a reason, and the tools stay usable.
func TestOddFiles(t *testing.T) {
	t.Parallel()
	dir := testneed.SharedData(t, "odd-pdfs")
	names, err := filepath.Glob(filepath.Join(dir, "*.pdf"))
	if err != nil || len(names) == 0 {
		t.Skip("no odd files here")
	}
	opened, drawn := 0, 0
	for _, name := range names {
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		_, err = tools.Inspect(t.Context(), file, name)
		switch {
		case err == nil:
			opened++
		case !known(err):
			t.Errorf("%s: inspect: %v", filepath.Base(name), err)
		default:
			t.Logf("%s: inspect: %v", filepath.Base(name), err)
		}
		_, err = tools.Render(t.Context(), file, pdf.RenderOptions{Page: 1, DPI: 50, Format: pdf.FormatJPEG})
		switch {
		case err == nil:
			drawn++
		case !known(err):
			t.Errorf("%s: render: %v", filepath.Base(name), err)
		}
		file.Close()
	}
	t.Logf("%d files, %d opened, %d drawn", len(names), opened, drawn)
}

// TestBombs gives files that are small and want to become huge, to tools with
// tight limits.
func TestBombs(t *testing.T) {
	t.Parallel()
	tight, err := pdf.New(pdf.Config{Children: 1, Timeout: 8 * time.Second, Memory: 350 << 20, CacheDir: cacheDir})
	if err != nil {
		t.Fatal(err)
	}
	defer tight.Close()
	for name, content := range map[string][]byte{
		"objects":           objectBomb(),
		"inflating":         flateBomb(),
		"nested arrays":     build("<</Type/Catalog/Pages 2 0 R/X "+strings.Repeat("[", 200_000)+">>", "<</Type/Pages/Count 0/Kids[]>>"),
		"nested forms":      formBomb(),
		"pages in a circle": build("<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Count 5/Kids[2 0 R 2 0 R]>>"),
		"pages that lie":    build("<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Count 1900/Kids[3 0 R]>>", "<</Type/Page/MediaBox[0 0 9 9]>>"),
	} {
		file := fileOf(t, content)
		_, err := tight.Inspect(t.Context(), file, "")
		if err != nil && !known(err) {
			t.Errorf("%s: inspect: %v", name, err)
		}
		_, errDraw := tight.Render(t.Context(), file, pdf.RenderOptions{Page: 1, DPI: 50, Format: pdf.FormatJPEG})
		if errDraw != nil && !known(errDraw) {
			t.Errorf("%s: render: %v", name, errDraw)
		}
		t.Logf("%s (%d bytes): inspect %v; render %v", name, len(content), err, errDraw)
	}
	if _, err := tight.Inspect(t.Context(), fileOf(t, textPage("still here", "")), ""); err != nil {
		t.Errorf("after the bombs: %v", err)
	}
}

func deflated(data []byte) string {
	var out bytes.Buffer
	z := zlib.NewWriter(&out)
	_, _ = z.Write(data) // to memory
	_ = z.Close()
	return out.String()
}

// objectBomb has a million objects in object streams of a few kilobytes each.
func objectBomb() []byte {
	var index, body strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&index, "%d %d ", i+10, body.Len())
		body.WriteString("<</A[1 2 3]/B[1 2 3]/C[1 2 3]>> ")
	}
	data := deflated([]byte(index.String() + body.String()))
	return build("<</Type/Catalog/Pages 2 0 R/X 4 0 R>>", "<</Type/Pages/Count 1/Kids[3 0 R]>>", "<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R>>",
		stream(fmt.Sprintf("/Type/ObjStm/N 100000/First %d/Filter/FlateDecode", index.Len()), data))
}

// flateBomb is a page whose content is a gigabyte of zeroes, twice packed.
func flateBomb() []byte {
	data := deflated([]byte(deflated(make([]byte, 1<<30))))
	return build("<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Count 1/Kids[3 0 R]>>", "<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R>>",
		stream("/Filter[/FlateDecode/FlateDecode]", data))
}

// formBomb draws a form that draws another twenty times, twenty deep.
func formBomb() []byte {
	objects := []string{"<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Count 1/Kids[3 0 R]>>",
		"<</Type/Page/Parent 2 0 R/MediaBox[0 0 90 90]/Resources<</XObject<</F 5 0 R>>>>/Contents 4 0 R>>", stream("", "/F Do")}
	for i := range 20 {
		objects = append(objects, stream(fmt.Sprintf("/Type/XObject/Subtype/Form/BBox[0 0 90 90]/Resources<</XObject<</F %d 0 R>>>>", i+6), strings.Repeat("/F Do ", 20)))
	}
	return build(append(objects, stream("/Type/XObject/Subtype/Form/BBox[0 0 90 90]", "0 0 9 9 re f"))...)
}

func TestPassword(t *testing.T) {
	t.Parallel()
	qpdf := testneed.Command(t, "qpdf")
	plain := fileOf(t, textPage("Secret words in here, plenty of them", ""))
	for _, c := range []struct {
		user string
		want error
	}{{"open sesame", pdf.ErrEncrypted}, {"", nil}} {
		for _, bits := range []string{"128", "256"} {
			path := filepath.Join(t.TempDir(), "locked.pdf")
			args := []string{"--encrypt", c.user, "owner", bits}
			if bits == "128" {
				args = append(args, "--use-aes=y")
			}
			if out, err := exec.Command(qpdf, append(args, "--", plain.Name(), path)...).CombinedOutput(); err != nil {
				t.Fatalf("qpdf: %v: %s", err, out)
			}
			file, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			found, err := tools.Inspect(t.Context(), file, "")
			if c.want != nil {
				if !errors.Is(err, c.want) {
					t.Errorf("%s bits, password %q: %v", bits, c.user, err)
				}
				continue
			}
			if err != nil || !found.Encrypted || !found.NeedsNormalising() {
				t.Fatalf("%s bits, owner's password only: %+v, %v", bits, found, err)
			}
			out := fileOf(t, nil)
			if err := tools.Normalise(t.Context(), file, out); err != nil {
				t.Fatal(err)
			}
			found, err = tools.Inspect(t.Context(), out, "")
			if err != nil || found.Encrypted || found.NeedsNormalising() || !found.Pages[0].HasGoodText() {
				t.Errorf("normalised: %+v, %v", found, err)
			}
		}
	}
}

// TestCancel stops a job whose caller has gone.
func TestCancel(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := tools.Inspect(ctx, fileOf(t, textPage("x", "")), ""); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
