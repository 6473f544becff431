package mark_test

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/paraph/paraph/internal/testneed"
	"github.com/paraph/paraph/pades/mark"
	"github.com/paraph/paraph/pades/pdffile"
	"github.com/paraph/paraph/pades/pdffont"
)

// blank is a document of one empty page.
func blank(t *testing.T, page pdffile.Dict) *pdffile.File {
	t.Helper()
	u := pdffile.Create("1.7", []byte("0123456789abcdef"))
	o, err := u.Get(u.Root())
	if err != nil {
		t.Fatal(err)
	}
	parent := o.(pdffile.Dict)["Pages"].(pdffile.Ref)
	d := pdffile.Dict{"Type": pdffile.Name("Page"), "Parent": parent, "MediaBox": pdffile.Rect{X1: 595, Y1: 842}.Array(), "Resources": pdffile.Dict{}}
	for key, value := range page {
		d[key] = value
	}
	u.Set(parent, pdffile.Dict{"Type": pdffile.Name("Pages"), "Count": pdffile.Integer(1), "Kids": pdffile.Array{u.Add(d)}})
	return reopened(t, u)
}

func reopened(t *testing.T, u *pdffile.Update) *pdffile.File {
	t.Helper()
	var out bytes.Buffer
	if _, err := u.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	f, err := pdffile.Open(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Check(); err != nil {
		t.Fatal(err)
	}
	return f
}

// read lets poppler read the page.
func read(t *testing.T, f *pdffile.File) string {
	t.Helper()
	content := make([]byte, f.Size())
	if _, err := f.Source().ReadAt(content, 0); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "marks.pdf")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(testneed.Command(t, "pdftotext"), "-enc", "UTF-8", path, "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, string(out))
}

// TestNames: a name in any script is drawn, on pages turned any way, and found again.
func TestNames(t *testing.T) {
	t.Parallel()
	names := []string{"Mara Lind", "Ελένη Παπαδοπούλου", "Лев Толстой", "محمد علي", "משה כהן", "अमित शर्मा", "山田 太郎", "김철수", "Nguyễn Thị Ánh"}
	fonts, missing := pdffont.NewLibrary("/usr/share/fonts").Faces("ja", names...)
	if len(missing) > 0 {
		testneed.Missing(t, "fonts are not installed: "+missing[0].Package)
	}
	for _, turn := range []int{0, 90, 180, 270} {
		u := pdffile.NewUpdate(blank(t, pdffile.Dict{"Rotate": pdffile.Integer(turn)}))
		pen := mark.NewPen(u, fonts)
		var marks []mark.Mark
		for i, name := range names {
			marks = append(marks, mark.Mark{Rect: mark.Rect{X: 40, Y: 40 + 50*float64(i), Width: 160, Height: 40}, Items: []mark.Item{
				mark.Text{Text: name, Style: mark.Italic}, mark.Text{Box: mark.Rect{Y: 30, Width: 60, Height: 8}, Text: mark.Initials(name) + ", 2026-11-23", Size: 6},
			}})
		}
		if err := pen.Stamp(marks); err != nil {
			t.Fatal(err)
		}
		if err := pen.Close(); err != nil {
			t.Fatal(err)
		}
		text := read(t, reopened(t, u))
		for _, name := range names {
			if !strings.Contains(text, name) {
				t.Errorf("turned by %d, %q is not found in %q", turn, name, text)
			}
		}
	}
}

func TestInitials(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"Mara Lind": "ML", "Jean-Luc d'Arc": "JLD", "山田 太郎": "山太", "": "", "अमित शर्मा": "अश", "a b c d e": "ABCD"} {
		if got := mark.Initials(name); got != want {
			t.Errorf("%q signs with %q, not %q", name, got, want)
		}
	}
}

// TestPictures: a picture keeps its transparency, and one that is none is refused.
func TestPictures(t *testing.T) {
	t.Parallel()
	picture := image.NewNRGBA(image.Rect(0, 0, 20, 10))
	picture.Set(3, 3, color.NRGBA{R: 200, A: 128})
	var data bytes.Buffer
	if err := png.Encode(&data, picture); err != nil {
		t.Fatal(err)
	}
	u := pdffile.NewUpdate(blank(t, nil))
	pen := mark.NewPen(u, nil)
	at := mark.Rect{X: 10, Y: 10, Width: 100, Height: 50}
	if err := pen.Stamp([]mark.Mark{{Rect: at, Items: []mark.Item{mark.Image{Data: data.Bytes()}}}}); err != nil {
		t.Fatal(err)
	}
	f := reopened(t, u)
	content := make([]byte, f.Size())
	if _, err := f.Source().ReadAt(content, 0); err != nil || !bytes.Contains(content, []byte("/SMask")) {
		t.Errorf("the transparency is lost, %v", err)
	}
	for name, m := range map[string]mark.Mark{
		"no picture":      {Rect: at, Items: []mark.Item{mark.Image{Data: []byte("GIF89a")}}},
		"beside the page": {Rect: mark.Rect{X: 580, Y: 10, Width: 100, Height: 50}},
		"no such page":    {Page: 7, Rect: at},
	} {
		if err := mark.NewPen(pdffile.NewUpdate(blank(t, nil)), nil).Stamp([]mark.Mark{m}); err == nil {
			t.Errorf("%s was drawn", name)
		}
	}
}
