package pades_test

import (
	"bytes"
	"context"
	"crypto"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/paraph/paraph/internal/testneed"
	"github.com/paraph/paraph/pades"
	"github.com/paraph/paraph/pades/internal/testpdf"
	"github.com/paraph/paraph/pades/mark"
	"github.com/paraph/paraph/pades/testca"
)

var authority = sync.OnceValues(testca.New)

func identity(t testing.TB, name, kind string) testca.Identity {
	t.Helper()
	ca, err := authority()
	if err != nil {
		t.Fatal(err)
	}
	id, err := ca.Issue(name, kind)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// drawn is a signature as a pen would draw it.
func drawn(page int, x, y float64) *mark.Mark {
	return &mark.Mark{
		Page: page, Rect: mark.Rect{X: x, Y: y, Width: 200, Height: 70}, Frame: true,
		Items: []mark.Item{
			mark.Strokes{
				Box: mark.Rect{X: 5, Y: 5, Width: 190, Height: 35}, Width: 300, Height: 60, Pen: 2, Color: mark.Color{B: 0.5},
				Lines: [][]mark.Point{{{X: 10, Y: 50}, {X: 60, Y: 5}, {X: 90, Y: 55}, {X: 140, Y: 15}, {X: 200, Y: 40}, {X: 290, Y: 30}}, {{X: 250, Y: 10}}},
			},
			mark.Text{Box: mark.Rect{X: 5, Y: 42, Width: 190, Height: 14}, Text: "Zoë Müller · Зоя · Ζωή", Size: 10, Style: mark.Italic},
			mark.Text{Box: mark.Rect{X: 5, Y: 56, Width: 190, Height: 10}, Text: "signed 2026-11-02 09:30 UTC 署", Size: 7},
		},
	}
}

func options(id testca.Identity) pades.Options {
	return pades.Options{Chain: id.Chain, Time: testca.Now, Name: id.Chain[0].Subject.CommonName, Reason: "Agreement – Vertrag"}
}

func sign(t testing.TB, in []byte, id testca.Identity, o pades.Options) []byte {
	t.Helper()
	var out bytes.Buffer
	r, err := pades.Sign(context.Background(), bytes.NewReader(in), int64(len(in)), &out, id.Key, o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Size != int64(out.Len()) || !bytes.HasPrefix(out.Bytes(), in) {
		t.Fatalf("the original is no prefix of the result, or the size %d is wrong", r.Size)
	}
	if h := crypto.SHA256.New(); true {
		h.Write(out.Bytes())
		if !bytes.Equal(h.Sum(nil), r.SHA256[:]) {
			t.Fatal("the result's SHA-256 is wrong")
		}
	}
	return out.Bytes()
}

// inputs are the files that every signer test goes through.
func inputs() map[string][]byte {
	m := map[string][]byte{}
	for _, k := range testpdf.Kinds {
		m[string(k)] = testpdf.Make(testpdf.Options{Kind: k, Pages: 2})
		m[string(k)+"-form"] = testpdf.Make(testpdf.Options{Kind: k, Form: true, Tagged: true})
	}
	for _, r := range []string{"0", "90", "180", "270"} {
		n := map[string]int{"0": 0, "90": 90, "180": 180, "270": 270}[r]
		m["turned-"+r] = testpdf.Make(testpdf.Options{Rotate: n, CropBox: "[50 100 500 800]"})
	}
	return m
}

func TestSignEveryInput(t *testing.T) {
	t.Parallel()
	id := identity(t, "Ada Signer", "p256")
	second := identity(t, "Ben Second", "p256")
	for name, in := range inputs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(id)
			o.Visible = drawn(0, 100, 200)
			o.Marks = []mark.Mark{*drawn(0, 100, 300)}
			once := sign(t, in, id, o)
			o2 := options(second)
			o2.Visible = drawn(0, 200, 370)
			twice := sign(t, once, second, o2)
			keep(t, name+"-1", once)
			keep(t, name+"-2", twice)
			checkQPDF(t, twice)
			checkPDFSig(t, twice, 2)
		})
	}
}

// keep writes a file where a person can look at it, if PARAPH_KEEP names a folder.
func keep(t *testing.T, name string, b []byte) {
	t.Helper()
	if dir := os.Getenv("PARAPH_KEEP"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name+".pdf"), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func temp(t testing.TB, b []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file.pdf")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func checkQPDF(t *testing.T, b []byte) {
	t.Helper()
	out, err := exec.Command(testneed.Command(t, "qpdf"), "--check", temp(t, b)).CombinedOutput()
	if err != nil || strings.Contains(string(out), "WARNING") {
		t.Errorf("qpdf --check: %v\n%s", err, out)
	}
}

func checkPDFSig(t *testing.T, b []byte, count int) {
	t.Helper()
	out, err := exec.Command(testneed.Command(t, "pdfsig"), "-nocert", temp(t, b)).CombinedOutput()
	if n := strings.Count(string(out), "Signature is Valid"); n != count {
		t.Errorf("pdfsig finds %d of %d signatures valid (%v):\n%s", n, count, err, out)
	}
	if n := strings.Count(string(out), "Total document signed"); n != 1 {
		t.Errorf("pdfsig: the last signature does not cover the whole file:\n%s", out)
	}
}

func TestEveryAlgorithm(t *testing.T) {
	t.Parallel()
	in := testpdf.Make(testpdf.Options{})
	for _, c := range []struct {
		kind string
		hash crypto.Hash
		pss  bool
	}{
		{"p256", crypto.SHA256, false}, {"p256", crypto.SHA384, false}, {"p256", crypto.SHA512, false}, {"p384", 0, false},
		{"rsa", 0, false}, {"rsa", crypto.SHA384, false}, {"rsa", 0, true}, {"rsa", crypto.SHA512, true}, {"ed25519", 0, false},
	} {
		id := identity(t, "Signer "+c.kind, c.kind)
		o := options(id)
		o.Hash, o.PSS = c.hash, c.pss
		out := sign(t, in, id, o)
		keep(t, "alg-"+c.kind+"-"+c.hash.String()+map[bool]string{true: "-pss"}[c.pss], out)
		checkQPDF(t, out)
	}
}

// TestSameBytes: the same file, key and time make the same bytes, where the scheme allows it.
func TestSameBytes(t *testing.T) {
	for _, kind := range []string{"p256", "p384", "ed25519", "rsa"} {
		id := identity(t, "Ada Signer", kind)
		in := testpdf.Make(testpdf.Options{})
		if !bytes.Equal(sign(t, in, id, options(id)), sign(t, in, id, options(id))) {
			t.Errorf("%s: signed twice, the bytes differ", kind)
		}
	}
}
