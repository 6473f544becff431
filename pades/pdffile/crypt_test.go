package pdffile_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paraph/paraph/internal/testneed"
	"github.com/paraph/paraph/pades/internal/testpdf"
	"github.com/paraph/paraph/pades/pdffile"
)

// encrypt lets qpdf encrypt a file; the user's password is "usér", the owner's "owner".
func encrypt(t *testing.T, in []byte, mode string, flags ...string) []byte {
	t.Helper()
	qpdf := testneed.Command(t, "qpdf")
	dir := t.TempDir()
	from, to := filepath.Join(dir, "in.pdf"), filepath.Join(dir, "out.pdf")
	if err := os.WriteFile(from, in, 0o600); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"--allow-weak-crypto", "--object-streams=" + mode, from, "--encrypt", "usér", "owner"}, flags...)
	if out, err := exec.Command(qpdf, append(args, "--", to)...).CombinedOutput(); err != nil {
		t.Fatalf("qpdf %v: %v\n%s", flags, err, out)
	}
	b, err := os.ReadFile(to)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var encryptions = map[string][]string{
	"R2":                    {"40"},
	"R3":                    {"128", "--use-aes=n"},
	"R4 AES":                {"128", "--use-aes=y"},
	"R4 AES plain metadata": {"128", "--use-aes=y", "--cleartext-metadata"},
	"R4 RC4":                {"128", "--force-V4", "--use-aes=n"},
	"R5":                    {"256", "--force-R5"},
	"R6":                    {"256"},
	"R6 plain metadata":     {"256", "--cleartext-metadata"},
}

// TestEncryption opens what qpdf encrypted, with either password, and extends
// it; qpdf must read what was added.
func TestEncryption(t *testing.T) {
	t.Parallel()
	qpdf := testneed.Command(t, "qpdf")
	for name, flags := range encryptions {
		for _, kind := range []testpdf.Kind{testpdf.Classic, testpdf.ObjectStreams} {
			t.Run(name+"/"+string(kind), func(t *testing.T) {
				t.Parallel()
				mode := map[testpdf.Kind]string{testpdf.Classic: "disable", testpdf.ObjectStreams: "generate"}[kind]
				in := encrypt(t, testpdf.Make(testpdf.Options{Kind: kind, Form: true}), mode, flags...)
				for _, wrong := range []string{"", "something"} {
					_, err := pdffile.OpenWith(bytes.NewReader(in), int64(len(in)), pdffile.OpenOptions{Password: wrong})
					if !errors.Is(err, pdffile.ErrPassword) || !errors.Is(err, pdffile.ErrEncrypted) {
						t.Fatalf("the password %q gives %v", wrong, err)
					}
				}
				for _, password := range []string{"usér", "owner"} {
					f, err := pdffile.OpenWith(bytes.NewReader(in), int64(len(in)), pdffile.OpenOptions{Password: password})
					if err != nil {
						t.Fatal(err)
					}
					if err := f.Check(); err != nil {
						t.Fatal(err)
					}
					if e := f.Encryption(); e.Owner != (password == "owner") {
						t.Errorf("opened with %q: %+v", password, e)
					}
					info, err := f.Dict(f.Trailer()["Info"])
					if err != nil || info["Title"] != pdffile.Object(pdffile.String("A test file")) {
						t.Fatalf("the title reads as %q, %v", info["Title"], err)
					}
					page, err := f.Page(0)
					if err != nil {
						t.Fatal(err)
					}
					content, err := f.Resolve(page.Dict["Contents"])
					if err != nil {
						t.Fatal(err)
					}
					if b, err := f.Decoded(content.(*pdffile.Stream)); err != nil || !strings.Contains(string(b), "This is page 1") {
						t.Fatalf("the page reads as %q, %v", b, err)
					}
					u := pdffile.NewUpdate(f)
					stream := u.AddStream(nil, []byte("streamed text"))
					catalog := must(f.Catalog()).Clone()
					catalog["Added"] = u.Add(pdffile.Dict{"Text": pdffile.String("hidden text"), "Stream": stream,
						"Sig": pdffile.Dict{"ByteRange": pdffile.Array{}, "Contents": pdffile.String("left alone")}})
					u.Set(u.Root(), catalog)
					var out bytes.Buffer
					if _, err := u.WriteTo(&out); err != nil {
						t.Fatal(err)
					}
					added := out.Bytes()[len(in):]
					if bytes.Contains(added, []byte("hidden")) || bytes.Contains(added, []byte("streamed")) || !bytes.Contains(added, []byte("(left alone)")) {
						t.Errorf("what should be encrypted is not, or the signature's value is: %q", added)
					}
					again, err := pdffile.OpenWith(bytes.NewReader(out.Bytes()), int64(out.Len()), pdffile.OpenOptions{Password: password})
					if err != nil {
						t.Fatal(err)
					}
					d := must(again.Dict(must(again.Catalog())["Added"]))
					if d["Text"] != pdffile.Object(pdffile.String("hidden text")) {
						t.Errorf("the text reads back as %q", d["Text"])
					}
					file := filepath.Join(t.TempDir(), "out.pdf")
					if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
						t.Fatal(err)
					}
					if b, err := exec.Command(qpdf, "--password="+password, "--check", file).CombinedOutput(); err != nil || bytes.Contains(b, []byte("WARNING")) {
						t.Errorf("qpdf: %v\n%s", err, b)
					}
					b, err := exec.Command(qpdf, "--password="+password, "--qdf", "--no-original-object-ids", file, "-").Output()
					if err != nil || !bytes.Contains(b, []byte("hidden text")) || !bytes.Contains(b, []byte("streamed text")) {
						t.Errorf("qpdf does not read what was added: %v", err)
					}
				}
			})
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestDeviations(t *testing.T) {
	t.Parallel()
	sound := file(catalog, tree, page)
	short := bytes.ReplaceAll(sound, []byte(" n\r\n"), []byte(" n\n"))
	for _, c := range []struct {
		name   string
		b      []byte
		reason string // of the deviation; empty where the file is refused
		refuse string
	}{
		{"entries of 19 bytes", short, "20 bytes", ""},
		{"entries of 19 bytes and a hidden object", bytes.ReplaceAll(file(catalog, tree, page, "(3 0 obj null endobj)"), []byte(" n\r\n"), []byte(" n\n")), "", "a search of the file"},
		{"an object at byte 0", bytes.Replace(bytes.Replace(sound, []byte("xref\n1 3\n"), []byte("xref\n1 4\n"), 1), []byte("trailer"), []byte("0000000000 00000 n\r\ntrailer"), 1), "byte 0", ""},
		{"an object elsewhere that nothing needs", bytes.Replace(bytes.Replace(sound, []byte("xref\n1 3\n"), []byte("xref\n1 4\n"), 1), []byte("trailer"), []byte("0000000015 00000 n\r\ntrailer"), 1), "does not stand", ""},
		{"no end of an object", bytes.ReplaceAll(file(catalog, tree, page, "null"), []byte("null\nendobj"), []byte("null\n      ")), "", ""},
		{"a name with a # of its own", file(catalog, tree, "<</Type /Page /Parent 2 0 R /A#B#4 1>>"), "", ""},
		{"a /Prev of 0", bytes.Replace(sound, []byte("/Root 1 0 R"), []byte("/Root 1 0 R/Prev 0"), 1), "/Prev", ""},
		{"junk behind the end", append(bytes.Clone(sound), "<html>"...), "behind", ""},
		{"a page without type", file(catalog, tree, "<</Parent 2 0 R>>"), "does not say", ""},
		{"a second startxref", append(bytes.Clone(sound), "startxref"...), "", "second"},
	} {
		f, err := open(c.b)
		if err == nil {
			err = f.Check()
		}
		if c.refuse != "" {
			if !errors.Is(err, pdffile.ErrDamaged) || !strings.Contains(err.Error(), c.refuse) {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if err != nil || c.reason != "" && (len(f.Deviations()) == 0 || !strings.Contains(f.Deviations()[0].Reason, c.reason)) {
			t.Errorf("%s: %v, %v", c.name, err, f.Deviations())
		}
	}
	d, err := pdffile.Diagnose(bytes.NewReader(sound[:len(sound)-20]), int64(len(sound)-20), pdffile.OpenOptions{})
	if err != nil || d.Sound || !d.Mendable || d.Objects != 3 || d.Reason == "" {
		t.Errorf("a cut file is diagnosed as %+v, %v", d, err)
	}
	junk := bytes.Repeat([]byte("nothing here\n"), 100)
	if d, err = pdffile.Diagnose(bytes.NewReader(junk), int64(len(junk)), pdffile.OpenOptions{}); err != nil || d.Sound || d.Mendable {
		t.Errorf("junk is diagnosed as %+v, %v", d, err)
	}
}

func FuzzEncrypted(f *testing.F) {
	plain := testpdf.Make(testpdf.Options{Form: true})
	f.Add(plain)
	if _, err := exec.LookPath("qpdf"); err == nil {
		for _, flags := range [][]string{{"128", "--use-aes=y"}, {"256"}} {
			dir := f.TempDir()
			from, to := filepath.Join(dir, "in.pdf"), filepath.Join(dir, "out.pdf")
			if err := os.WriteFile(from, plain, 0o600); err != nil {
				f.Fatal(err)
			}
			if err := exec.Command("qpdf", append(append([]string{from, "--encrypt", "", "owner"}, flags...), "--", to)...).Run(); err == nil {
				f.Add(must(os.ReadFile(to)))
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := pdffile.OpenWith(bytes.NewReader(b), int64(len(b)), pdffile.OpenOptions{Password: "owner"})
		if err == nil {
			err = file.Check()
		}
		if err == nil {
			_, err = file.SignatureFields()
		}
		if err != nil && !pdffile.IsRefusal(err) {
			t.Errorf("%v is no refusal", err)
		}
		if _, err := pdffile.Diagnose(bytes.NewReader(b), int64(len(b)), pdffile.OpenOptions{}); err != nil {
			t.Errorf("diagnosing gives the fault %v", err)
		}
	})
}

// TestPlainStreams: metadata that is to stay readable, and streams with the
// crypt filter Identity, are neither encrypted nor decrypted.
func TestPlainStreams(t *testing.T) {
	t.Parallel()
	for name, plain := range map[string]bool{"R4 AES plain metadata": true, "R6 plain metadata": true, "R6": false, "R4 AES": false} {
		in := encrypt(t, testpdf.Make(testpdf.Options{}), "disable", encryptions[name]...)
		f := must(pdffile.OpenWith(bytes.NewReader(in), int64(len(in)), pdffile.OpenOptions{Password: "owner"}))
		if f.Encryption().Metadata == plain {
			t.Errorf("%s: %+v", name, f.Encryption())
		}
		u := pdffile.NewUpdate(f)
		metadata := u.AddStream(pdffile.Dict{"Type": pdffile.Name("Metadata"), "Subtype": pdffile.Name("XML")}, []byte("<xmp>open</xmp>"))
		identity := u.AddStream(pdffile.Dict{
			"Filter":      pdffile.Array{pdffile.Name("Crypt")},
			"DecodeParms": pdffile.Array{pdffile.Dict{"Type": pdffile.Name("CryptFilterDecodeParms"), "Name": pdffile.Name("Identity")}},
		}, []byte("never encrypted"))
		var out bytes.Buffer
		if _, err := u.WriteTo(&out); err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(out.Bytes(), []byte("<xmp>")) != plain || !bytes.Contains(out.Bytes(), []byte("never encrypted")) {
			t.Errorf("%s: what should be plain is not, or the reverse", name)
		}
		again := must(pdffile.OpenWith(bytes.NewReader(out.Bytes()), int64(out.Len()), pdffile.OpenOptions{Password: "usér"}))
		for ref, want := range map[pdffile.Ref]string{metadata: "<xmp>open</xmp>", identity: "never encrypted"} {
			if b, err := again.Decoded(must(again.Object(ref)).(*pdffile.Stream)); err != nil || string(b) != want {
				t.Errorf("%s: %q, %v", name, b, err)
			}
		}
	}
}
