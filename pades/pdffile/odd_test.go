package pdffile_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/paraph/paraph/internal/testneed"
	"github.com/paraph/paraph/pades/pdffile"
)

// TestOddFiles opens files that broke readers once: each is read or refused
// with a reason, and an update of a sound one can be read again.
func TestOddFiles(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(testneed.SharedData(t, "odd-pdfs"), "*.pdf"))
	if err != nil {
		t.Fatal(err)
	}
	sound := 0
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := pdffile.Open(bytes.NewReader(b), int64(len(b)))
		if err == nil {
			err = f.Check()
		}
		if err != nil {
			if !pdffile.IsRefusal(err) {
				t.Errorf("%s: %v is no refusal", filepath.Base(name), err)
			}
			t.Logf("%s: %v", filepath.Base(name), err)
			continue
		}
		sound++
		u := pdffile.NewUpdate(f)
		ref := u.Add(pdffile.Dict{"Paraph": pdffile.Bool(true)})
		var out bytes.Buffer
		if _, err := u.WriteTo(&out); err != nil {
			t.Errorf("%s: %v", filepath.Base(name), err)
			continue
		}
		again, err := pdffile.Open(bytes.NewReader(out.Bytes()), int64(out.Len()))
		if err != nil {
			t.Errorf("%s: after an update: %v", filepath.Base(name), err)
			continue
		}
		if err := again.Check(); err != nil {
			t.Errorf("%s: after an update: %v", filepath.Base(name), err)
		}
		if o, err := again.Dict(ref); err != nil || o["Paraph"] != pdffile.Object(pdffile.Bool(true)) {
			t.Errorf("%s: the added object reads as %v, %v", filepath.Base(name), o, err)
		}
	}
	t.Logf("%d of %d files are sound", sound, len(files))
}
