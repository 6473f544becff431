package handover

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/fault"
)

var made = time.Date(2026, 4, 17, 9, 0, 0, 0, time.UTC)

// small makes an archive of one document, whose line, manifest and files may be changed.
func small(t testing.TB, change func(*Document, *Manifest), more ...string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := NewWriter(&buf, made)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	text := func(s string) func(io.Writer) error {
		return func(out io.Writer) error { _, err := io.WriteString(out, s); return err }
	}
	must(w.NameBytes(UnitName, []byte("{}")))
	must(w.NameBytes(LogKeyName, []byte("key\n")))
	d := Document{ID: "doc_1", State: "draft", Current: 1, Versions: []Version{{Number: 1, Kind: "original", Path: "documents/doc_1/1-original.pdf"}}}
	f, err := w.Add("documents/doc_1/1-original.pdf", text("%PDF-1.7"))
	must(err)
	d.Versions[0].SHA256, d.Versions[0].Size = f.SHA256, f.Size
	listed := []File{f}
	f, err = w.Add(EntriesOf("doc_1"), text(""))
	must(err)
	d.Journal, listed = f, append(listed, f)
	for _, path := range more {
		f, err := w.Add(path, text("more"))
		must(err)
		listed = append(listed, f)
	}
	m := Manifest{Origin: Origin{Installation: "https://a.example", Organisation: "org_1", Unit: "u"}, Counts: Counts{Documents: 1, Files: int64(len(listed))}}
	for _, f := range listed {
		m.Counts.Bytes += f.Size
	}
	if change != nil {
		change(&d, &m)
	}
	must(w.Name(DocumentsName, func(out io.Writer) error { return Lines(out)(d) }))
	must(w.Name(FilesName, func(out io.Writer) error {
		for _, f := range listed {
			if err := Lines(out)(f); err != nil {
				return err
			}
		}
		return nil
	}))
	_, err = w.Close(m)
	must(err)
	return buf.Bytes()
}

// read goes through an archive as an import does.
func read(t *testing.T, raw []byte) error {
	t.Helper()
	a, err := Open(bytes.NewReader(raw), int64(len(raw)))
	if err == nil {
		err = a.Check(t.Context(), func(File) error { return nil })
	}
	if err == nil {
		err = a.EachDocument(func(*Document) error { return nil })
	}
	return err
}

// anew packs an archive again, each file as change wants it.
func anew(t *testing.T, raw []byte, change func(f *zip.FileHeader, data []byte) []byte) []byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		h := &zip.FileHeader{Name: f.Name, Method: f.Method, Modified: made}
		data = change(h, data)
		if data == nil {
			continue
		}
		out, err := w.CreateHeader(h)
		if err == nil {
			_, err = out.Write(data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// TestSound: what is written is read, and an extract is an archive too, the same each time.
func TestSound(t *testing.T) {
	t.Parallel()
	raw := small(t, nil)
	if err := read(t, raw); err != nil {
		t.Fatal(err)
	}
	a, err := Open(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	var parts [2]bytes.Buffer
	for i := range parts {
		if err := a.EachDocument(func(d *Document) error { return a.Extract(&parts[i], d) }); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(parts[0].Bytes(), parts[1].Bytes()) {
		t.Error("an extract differs from the one before")
	}
	if err := read(t, parts[0].Bytes()); err != nil {
		t.Error(err)
	}
}

// TestHostile: each archive is refused, by the code that is promised.
func TestHostile(t *testing.T) {
	t.Parallel()
	sound := small(t, nil)
	rename := func(from, to string) []byte {
		return anew(t, sound, func(f *zip.FileHeader, data []byte) []byte {
			if f.Name == from {
				f.Name = to
			}
			return data
		})
	}
	bomb := strings.Repeat("0", 4<<20)
	for name, raw := range map[string][]byte{
		"no zip":              []byte("no zip"),
		"empty":               nil,
		"truncated":           sound[:len(sound)-30],
		"cut in the middle":   sound[:len(sound)/2],
		"upwards":             rename("documents/doc_1/1-original.pdf", "../../etc/passwd"),
		"absolute":            rename("documents/doc_1/1-original.pdf", "/etc/passwd"),
		"backslashes":         rename("documents/doc_1/1-original.pdf", `documents\doc_1\1-original.pdf`),
		"hidden":              rename("documents/doc_1/1-original.pdf", "documents/.doc/1-original.pdf"),
		"twice":               rename("documents/doc_1/1-original.pdf", LogKeyName),
		"a file is missing":   anew(t, sound, func(f *zip.FileHeader, data []byte) []byte { return only(f.Name != UnitName, data) }),
		"no manifest":         anew(t, sound, func(f *zip.FileHeader, data []byte) []byte { return only(f.Name != ManifestName, data) }),
		"a file too many":     small(t, func(_ *Document, m *Manifest) { m.Counts.Files-- }, "archive/arc_1.zip"),
		"bytes miscounted":    small(t, func(_ *Document, m *Manifest) { m.Counts.Bytes++ }),
		"documents counted":   small(t, func(_ *Document, m *Manifest) { m.Counts.Documents++ }),
		"from nowhere":        small(t, func(_ *Document, m *Manifest) { m.Origin.Unit = "" }),
		"versions unordered":  small(t, func(d *Document, _ *Manifest) { d.Versions[0].Number = 2 }),
		"version of itself":   small(t, func(d *Document, _ *Manifest) { d.Versions[0].DerivedFrom = 1 }),
		"current is nowhere":  small(t, func(d *Document, _ *Manifest) { d.Current = 2 }),
		"another's file":      small(t, func(d *Document, _ *Manifest) { d.Versions[0].Path = "documents/doc_2/1-original.pdf" }),
		"an id that leads up": small(t, func(d *Document, _ *Manifest) { d.ID = "../x" }),
		"another's entries":   small(t, func(d *Document, _ *Manifest) { d.Journal.Path = LogKeyName }),
		"a packed document": anew(t, sound, func(f *zip.FileHeader, data []byte) []byte {
			f.Method = zip.Deflate
			return data
		}),
		"a bomb": anew(t, sound, func(f *zip.FileHeader, data []byte) []byte {
			if f.Name == DocumentsName {
				return []byte(bomb)
			}
			return data
		}),
		"no JSON": anew(t, sound, func(f *zip.FileHeader, data []byte) []byte {
			if f.Name == ManifestName {
				return []byte("{")
			}
			return data
		}),
		"changed": anew(t, sound, func(f *zip.FileHeader, data []byte) []byte {
			return bytes.ReplaceAll(data, []byte("%PDF-1.7"), []byte("%PDF-1.4"))
		}),
		"another format": anew(t, sound, func(f *zip.FileHeader, data []byte) []byte {
			return bytes.ReplaceAll(data, []byte(Format), []byte("paraph-unit-export@v9"))
		}),
	} {
		if err := read(t, raw); fault.CodeOf(err) != Code {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Behind a manifest that was the last file nothing may stand.
	reordered := anew(t, sound, func(f *zip.FileHeader, data []byte) []byte {
		switch f.Name {
		case ManifestName:
			f.Name = UnitName
		case UnitName:
			f.Name = ManifestName
		}
		return data
	})
	if err := read(t, reordered); fault.CodeOf(err) != Code {
		t.Errorf("the manifest first: %v", err)
	}
}

func only(keep bool, data []byte) []byte {
	if keep {
		return data
	}
	return nil
}

// FuzzOpen: whatever is sent is read or refused.
func FuzzOpen(f *testing.F) {

	f.Add(small(f, nil))
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := Open(bytes.NewReader(raw), int64(len(raw)))
		if err != nil {
			if fault.CodeOf(err) != Code {
				t.Errorf("refused by %v", err)
			}
			return
		}
		if err := a.Check(t.Context(), func(File) error { return nil }); err != nil && fault.CodeOf(err) != Code {
			t.Errorf("refused by %v", err)
		}
		_ = a.EachDocument(func(d *Document) error { _, err := json.Marshal(d); return err })
	})
}
