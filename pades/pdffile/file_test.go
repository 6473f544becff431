package pdffile_test

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/paraph/paraph/pades/internal/testpdf"
	"github.com/paraph/paraph/pades/pdffile"
)

func open(b []byte) (*pdffile.File, error) {
	return pdffile.Open(bytes.NewReader(b), int64(len(b)))
}

func TestReadsEveryKind(t *testing.T) {
	t.Parallel()
	for _, kind := range testpdf.Kinds {
		f, err := open(testpdf.Make(testpdf.Options{Kind: kind, Pages: 5, Form: true, Rotate: 90, CropBox: "[10 20 300 400]"}))
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		if err := f.Check(); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		if n, err := f.NumPages(); n != 5 || err != nil {
			t.Errorf("%s: %d pages, %v", kind, n, err)
		}
		p, err := f.Page(0)
		if err != nil || p.Rotate != 90 || p.CropBox != (pdffile.Rect{X0: 10, Y0: 20, X1: 300, Y1: 400}) || p.MediaBox.X1 != 595 {
			t.Errorf("%s: the first page is %+v, %v", kind, p, err)
		}
		if p, err = f.Page(3); err != nil || p.Ref.Num != 26 || p.Index != 3 {
			t.Errorf("%s: the fourth page is %+v, %v", kind, p, err)
		}
		names, err := f.FieldNames()
		if err != nil || len(names) != 4 || !names["Person.Name"] || !names["Signature1"] {
			t.Errorf("%s: the fields are %v, %v", kind, names, err)
		}
		fields, err := f.SignatureFields()
		if err != nil || len(fields) != 1 || fields[0].Signed() {
			t.Errorf("%s: the signature fields are %v, %v", kind, fields, err)
		}
		if r := f.Revisions(); len(r) != 1 || r[0].End != f.Size() {
			t.Errorf("%s: the revisions are %+v", kind, r)
		}
	}
}

// file makes a classic file of the given objects, number 1 being the catalog.
func file(objects ...string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n")
	var table strings.Builder
	for i, o := range objects {
		fmt.Fprintf(&table, "%010d 00000 n\r\n", b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	start := b.Len()
	fmt.Fprintf(&b, "xref\n1 %d\n%strailer\n<</Size %d /Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(objects), table.String(), len(objects)+1, start)
	return b.Bytes()
}

const (
	catalog = "<</Type /Catalog /Pages 2 0 R>>"
	tree    = "<</Type /Pages /Count 1 /Kids [3 0 R]>>"
	page    = "<</Type /Page /Parent 2 0 R>>"
)

func bomb(t *testing.T) string {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	zeros := make([]byte, 1<<20)
	for range 80 {
		if _, err := z.Write(zeros); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return testpdf.Stream("/Type /ObjStm /N 1 /First 1000 /Filter /FlateDecode", b.String())
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	sound := file(catalog, tree, page)
	for _, c := range []struct {
		name   string
		b      []byte
		want   error
		reason string
	}{
		{"nothing", nil, pdffile.ErrDamaged, "short"},
		{"no PDF", []byte("GIF89a and more than enough bytes"), pdffile.ErrDamaged, "header"},
		{"bytes before the header", append([]byte("x"), sound...), pdffile.ErrDamaged, "header"},
		{"cut", sound[:len(sound)-9], pdffile.ErrDamaged, ""},
		{"encrypted", bytes.Replace(sound, []byte("/Root 1 0 R>>"), []byte("/Root 1 0 R /Encrypt <</V 4>>>>"), 1), pdffile.ErrEncrypted, ""},
		{"loop of sections", bytes.Replace(sound, []byte("/Root 1 0 R>>"), fmt.Appendf(nil, "/Root 1 0 R /Prev %d>>", bytes.Index(sound, []byte("xref\n"))), 1), pdffile.ErrDamaged, "loop"},
		{"page tree loop", file(catalog, "<</Type /Pages /Count 1 /Kids [2 0 R]>>", page), pdffile.ErrDamaged, "twice"},
		{"false count", file(catalog, "<</Type /Pages /Count 7 /Kids [3 0 R]>>", page), pdffile.ErrDamaged, "counts"},
		{"no pages", file(catalog, "<</Type /Pages /Count 0 /Kids []>>"), pdffile.ErrDamaged, "no pages"},
		{"deep nesting", file(strings.Repeat("[", 5000), tree, page), pdffile.ErrLimit, "deeper"},
		{"two values of a key", file("<</Type /Catalog /Pages 2 0 R /Pages 3 0 R>>", tree, page), pdffile.ErrDamaged, "twice"},
		{"length of itself", file(catalog, tree, "<</Length 3 0 R>>\nstream\nx\nendstream"), pdffile.ErrDamaged, "itself"},
		{"false length", file(catalog, tree, "<</Length 1>>\nstream\nabc\nendstream"), pdffile.ErrDamaged, "/Length"},
		{"wrong object number", bytes.Replace(sound, []byte("3 0 obj"), []byte("9 0 obj"), 1), pdffile.ErrDamaged, "a search of the file"},
		{"many entries", bytes.Replace(sound, []byte("xref\n1 3\n"), []byte("xref\n1 99999999\n"), 1), pdffile.ErrLimit, "objects"},
	} {
		f, err := open(c.b)
		if err == nil {
			err = f.Check()
		}
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	f, err := open(file(catalog, tree, page, bomb(t)))
	if err != nil {
		t.Fatal(err)
	}
	o, err := f.Object(pdffile.Ref{Num: 4})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Decoded(o.(*pdffile.Stream)); !errors.Is(err, pdffile.ErrLimit) {
		t.Errorf("a stream that unpacks to 80 MB gives %v", err)
	}
}

// TestObjectsSurviveWriting: what is written reads back the same.
func TestObjectsSurviveWriting(t *testing.T) {
	t.Parallel()
	want := pdffile.Dict{
		"A b#": pdffile.Array{pdffile.Integer(-7), pdffile.Real(1.5), pdffile.Bool(true), pdffile.Null{}, pdffile.Ref{Num: 3, Gen: 2}},
		"S":    pdffile.String("(a\\b)"), "H": pdffile.String("\x00\xFF\r\n"), "N": pdffile.Name("x/y z"), "D": pdffile.Dict{},
	}
	for _, kind := range testpdf.Kinds {
		f, err := open(testpdf.Make(testpdf.Options{Kind: kind}))
		if err != nil {
			t.Fatal(err)
		}
		u := pdffile.NewUpdate(f)
		ref := u.Add(want)
		stream := u.AddStream(pdffile.Dict{"X": pdffile.Integer(1)}, []byte("data\nendstream data"))
		var out bytes.Buffer
		n, err := u.WriteTo(&out)
		if err != nil || n != int64(out.Len()) {
			t.Fatalf("%d of %d bytes, %v", n, out.Len(), err)
		}
		again, err := open(out.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		got, err := again.Object(ref)
		if err != nil || !bytes.Equal(pdffile.AppendObject(nil, got, 0), pdffile.AppendObject(nil, want, 0)) {
			t.Errorf("%s: %v reads back as %v, %v", kind, want, got, err)
		}
		s, err := again.Object(stream)
		if err != nil {
			t.Fatal(err)
		}
		if data, err := again.Decoded(s.(*pdffile.Stream)); err != nil || string(data) != "data\nendstream data" {
			t.Errorf("%s: the stream reads back as %q, %v", kind, data, err)
		}
		if again.Kind() != f.Kind() || len(again.Revisions()) != 2 {
			t.Errorf("%s: the update has another kind of cross-reference, or %d revisions", kind, len(again.Revisions()))
		}
	}
}

func FuzzOpen(f *testing.F) {
	for _, kind := range testpdf.Kinds {
		f.Add(testpdf.Make(testpdf.Options{Kind: kind, Form: true}))
	}
	f.Add(file(catalog, tree, page))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := open(b)
		if err == nil {
			err = file.Check()
		}
		if err == nil {
			_, err = file.SignatureFields()
		}
		if err != nil {
			if !pdffile.IsRefusal(err) {
				t.Errorf("%v is no refusal", err)
			}
			return
		}
		u := pdffile.NewUpdate(file)
		u.Add(pdffile.Null{})
		var out bytes.Buffer
		if _, err := u.WriteTo(&out); err != nil {
			t.Fatal(err)
		}
		again, err := open(out.Bytes())
		if err == nil {
			err = again.Check()
		}
		if err != nil {
			t.Errorf("a sound file is not sound any more after an update: %v", err)
		}
	})
}
