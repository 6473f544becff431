//go:build judges

package pades_test

import (
	"bytes"
	"crypto"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paraph/paraph/pades"
	"github.com/paraph/paraph/pades/internal/testpdf"
	"github.com/paraph/paraph/pades/mark"
	"github.com/paraph/paraph/pades/pdffile"
)

// expectation tells a judge what to find in a sample.
type expectation struct {
	Signatures int  `json:"signatures"`      // ours: all intact, valid and trusted by roots.pem
	Trusted    bool `json:"trusted"`         // always true
	Pages      int  `json:"pages,omitempty"` // of the document, where it matters
	Earlier    int  `json:"earlier"`         // by somebody else, from before: intact and valid

	Level    string `json:"level,omitempty"`    // the level that a judge of levels must find, at testca.Now
	Stamps   int    `json:"stamps,omitempty"`   // document timestamps
	Password string `json:"password,omitempty"` // opens the file
}

// TestWriteSamples writes signed samples for judges that nobody here wrote into
// the folder PARAPH_JUDGE_OUT: the files, roots.pem, and expected.json, which
// maps the name of each file to what must be found in it. Files in the folder
// PARAPH_JUDGE_IN, signed by another program, are signed once more.
func TestWriteSamples(t *testing.T) {
	dir := os.Getenv("PARAPH_JUDGE_OUT")
	if dir == "" {
		t.Skip("PARAPH_JUDGE_OUT names no folder for the samples")
	}
	expected := map[string]expectation{}
	write := func(name string, b []byte, e expectation) {
		e.Trusted = true
		expected[name+".pdf"] = e
		if err := os.WriteFile(filepath.Join(dir, name+".pdf"), b, 0o600); err != nil {
			t.Fatal(err)
		}
		v := verify(t, b, pades.VerifyOptions{})
		if v.Verdict != pades.Valid || len(v.Signatures) != e.Signatures+e.Earlier {
			t.Errorf("%s: our own verdict is %s", name, explain(v))
		}
	}
	first, second := identity(t, "Ada First", "p256"), identity(t, "Ben Second", "rsa")
	for name, in := range inputs() {
		o := options(first)
		o.Visible = drawn(0, 100, 200)
		o.Marks = []mark.Mark{*drawn(0, 100, 300)}
		once := sign(t, in, first, o)
		write(name+"-once", once, expectation{Signatures: 1})
		write(name+"-twice", sign(t, once, second, options(second)), expectation{Signatures: 2})
	}
	plain := testpdf.Make(testpdf.Options{Pages: 3})
	for _, c := range []struct {
		name, kind string
		hash       crypto.Hash
		pss        bool
	}{
		{"p256-sha256", "p256", 0, false}, {"p384", "p384", 0, false}, {"rsa-sha256", "rsa", 0, false},
		{"rsa-pss-sha512", "rsa", crypto.SHA512, true}, {"ed25519", "ed25519", 0, false},
	} {
		id := identity(t, "Signer "+c.name, c.kind)
		o := options(id)
		o.Hash, o.PSS = c.hash, c.pss
		write("key-"+c.name, sign(t, plain, id, o), expectation{Signatures: 1, Pages: 3})
	}
	for level := 1; level <= 3; level++ {
		o := options(first)
		o.Certify = level
		name := "certified-" + string(rune('0'+level))
		certified := sign(t, plain, first, o)
		write(name, certified, expectation{Signatures: 1, Pages: 3})
		if level > 1 {
			write(name+"-then-approved", sign(t, certified, second, options(second)), expectation{Signatures: 2, Pages: 3})
		}
	}
	w := newWorld(t)
	foreign(t, w, dir, expected)
	levelSamples(t, w, dir, expected)
	fieldSamples(t, write)
	writeRoots(t, dir, w)
	b, err := json.MarshalIndent(expected, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "expected.json"), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// foreign signs the files of PARAPH_JUDGE_IN, and raises them to B-LTA. The judge
// must still find their earlier signature intact and valid; it need not be trusted
// by our root.
func foreign(t *testing.T, w *world, dir string, expected map[string]expectation) {
	in := os.Getenv("PARAPH_JUDGE_IN")
	if in == "" {
		return
	}
	id := identity(t, "Ada First", "p256")
	files, err := filepath.Glob(filepath.Join(in, "*.pdf"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		o := options(id)
		// A certification that allows signatures allows no new field that can be
		// seen, in pyHanko's reading of ISO 32000-2, 12.8.2.2.
		if !strings.Contains(filepath.Base(file), "certified") {
			o.Visible = drawn(0, 100, 200)
		}
		name := "after-" + filepath.Base(file)
		expected[name] = expectation{Signatures: 1, Trusted: true, Earlier: 1}
		if err := os.WriteFile(filepath.Join(dir, name), sign(t, b, id, o), 0o600); err != nil {
			t.Fatal(err)
		}
		raised, r := w.upgrade(t, b, pades.BLTA, false)
		if r.Level != pades.BLTA {
			t.Errorf("%s reaches %v: %v", filepath.Base(file), r.Level, r.Delayed)
		}
		name = "raised-" + filepath.Base(file)
		expected[name] = expectation{Trusted: true, Earlier: 1, Stamps: 2}
		if err := os.WriteFile(filepath.Join(dir, name), raised, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// levelSamples are files of each level, signed at once or raised from B-B, with
// one and two signers, and encrypted.
func levelSamples(t *testing.T, w *world, dir string, expected map[string]expectation) {
	put := func(name string, b []byte, e expectation) {
		e.Trusted = true
		expected[name+".pdf"] = e
		if err := os.WriteFile(filepath.Join(dir, name+".pdf"), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, kind := range testpdf.Kinds {
		in := testpdf.Make(testpdf.Options{Kind: kind, Pages: 2, Form: true})
		for level := pades.BT; level <= pades.BLTA; level++ {
			id := w.signer(t, "p256")
			o := options(id)
			o.Protect = w.protect(t, level)
			out, _ := w.sign(t, in, id, o)
			e := expectation{Signatures: 1, Level: level.String(), Pages: 2}
			if level == pades.BLTA {
				e.Stamps = 1
			}
			put("level-"+string(kind)+"-"+level.String(), out, e)
		}
		id := w.signer(t, "rsa")
		out, _ := w.sign(t, in, id, options(id))
		second := w.signer(t, "p384")
		out, _ = w.sign(t, out, second, options(second))
		out, _ = w.upgrade(t, out, pades.BLTA, false)
		// pyHanko wants the timestamp of B-T inside the signature, so it does not judge this level.
		put("raised-"+string(kind), out, expectation{Signatures: 2, Pages: 2, Stamps: 2})
	}
	for name, flags := range map[string][]string{"aes128": {"128", "--use-aes=y"}, "aes256": {"256"}} {
		in := encrypted(t, testpdf.Make(testpdf.Options{Form: true}), "disable", flags...)
		id := w.signer(t, "p256")
		o := options(id)
		o.Password, o.Protect = "user", w.protect(t, pades.BLTA)
		out, _ := w.sign(t, in, id, o)
		put("encrypted-"+name, out, expectation{Signatures: 1, Level: "B-LTA", Stamps: 1, Password: "user"})
	}
}

// fieldSamples fill and lock the form's fields.
func fieldSamples(t *testing.T, write func(string, []byte, expectation)) {
	id := identity(t, "Ada First", "p256")
	in := withField(t, testpdf.Classic, dict{"Lock": dict{
		"Type": pdffile.Name("SigFieldLock"), "Action": pdffile.Name("Include"), "Fields": pdffile.Array{pdffile.String("Town")},
	}})
	o := options(id)
	o.Field, o.Visible = "Deed.Buyer", drawn(0, 0, 0)
	locked := sign(t, in, id, o)
	write("field-locks", locked, expectation{Signatures: 1})
	o = options(id)
	o.Field, o.Visible = "Signature1", drawn(0, 0, 0)
	write("field-locks-then-fills", sign(t, locked, id, o), expectation{Signatures: 2})
	o = options(id)
	o.Lock = &pades.Lock{Action: pades.LockAll, Level: 1}
	write("locks-all", sign(t, testpdf.Make(testpdf.Options{Form: true}), id, o), expectation{Signatures: 1})
}

func writeRoots(t *testing.T, dir string, w *world) {
	ca, err := authority()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for _, root := range [][]byte{ca.Root.Raw, w.Root.Raw} {
		if err := pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: root}); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "roots.pem"), b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}
