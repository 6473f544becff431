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
)

// expectation tells a judge what to find in a sample.
type expectation struct {
	Signatures int  `json:"signatures"`      // ours: all intact, valid and trusted by roots.pem
	Trusted    bool `json:"trusted"`         // always true
	Pages      int  `json:"pages,omitempty"` // of the document, where it matters
	Earlier    int  `json:"earlier"`         // by somebody else, from before: intact and valid
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
	foreign(t, dir, expected)
	writeRoots(t, dir)
	b, err := json.MarshalIndent(expected, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "expected.json"), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// foreign signs the files of PARAPH_JUDGE_IN, whose earlier signature the judge
// must still find intact and valid; it need not be trusted by our root.
func foreign(t *testing.T, dir string, expected map[string]expectation) {
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
	}
}

func writeRoots(t *testing.T, dir string) {
	ca, err := authority()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: ca.Root.Raw}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "roots.pem"), b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}
