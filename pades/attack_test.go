package pades_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/paraph/paraph/internal/testneed"
	"github.com/paraph/paraph/pades"
	"github.com/paraph/paraph/pades/internal/testpdf"
	"github.com/paraph/paraph/pades/pdffile"
)

// place finds the last signature value's hex digits.
func place(b []byte) (start, end int) {
	start = bytes.LastIndex(b, []byte("/Contents <")) + len("/Contents <")
	return start, start + bytes.IndexByte(b[start:], '>')
}

// withValue puts another DER value into the placeholder.
func withValue(t *testing.T, b, der []byte) []byte {
	t.Helper()
	start, end := place(b)
	if 2*len(der) > end-start {
		t.Fatalf("the value of %d bytes does not fit into %d digits", len(der), end-start)
	}
	c := slices.Clone(b)
	for i := start; i < end; i++ {
		c[i] = '0'
	}
	hex.Encode(c[start:], der)
	return c
}

func value(t *testing.T, b []byte) []byte {
	t.Helper()
	start, end := place(b)
	raw, err := hex.DecodeString(string(b[start:end]))
	if err != nil {
		t.Fatal(err)
	}
	var v asn1.RawValue
	if _, err := asn1.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v.FullBytes
}

// rewrap rebuilds nested DER after change has worked on the children of SignedData.
func rewrap(t *testing.T, der []byte, change func([]asn1.RawValue) []asn1.RawValue) []byte {
	t.Helper()
	var info struct {
		OID     asn1.ObjectIdentifier
		Content asn1.RawValue
	}
	if _, err := asn1.Unmarshal(der, &info); err != nil {
		t.Fatal(err)
	}
	var parts []asn1.RawValue
	if _, err := asn1.Unmarshal(info.Content.Bytes, &parts); err != nil {
		t.Fatal(err)
	}
	sd, err := asn1.Marshal(change(parts))
	if err != nil {
		t.Fatal(err)
	}
	out, err := asn1.Marshal(struct {
		OID     asn1.ObjectIdentifier
		Content asn1.RawValue
	}{info.OID, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: sd}})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSignatureValueAttacks(t *testing.T) {
	t.Parallel()
	id := identity(t, "Ada Signer", "p256")
	o := options(id)
	o.Reserve = 2000
	signed := sign(t, testpdf.Make(testpdf.Options{}), id, o)
	other := sign(t, testpdf.Make(testpdf.Options{Pages: 2}), id, o)
	der := value(t, signed)
	last := func(p []asn1.RawValue) *asn1.RawValue { return &p[len(p)-1] }
	for _, c := range []struct {
		name   string
		code   pades.Code
		reason string
		der    []byte
	}{
		{"value of another document", pades.CheckDigest, "changed", value(t, other)},
		{"two signers", pades.CheckCMS, "exactly one", rewrap(t, der, func(p []asn1.RawValue) []asn1.RawValue {
			s := last(p)
			*s = asn1.RawValue{Tag: asn1.TagSet, IsCompound: true, Bytes: slices.Concat(s.Bytes, s.Bytes)}
			return p
		})},
		{"no signer", pades.CheckCMS, "exactly one", rewrap(t, der, func(p []asn1.RawValue) []asn1.RawValue {
			*last(p) = asn1.RawValue{Tag: asn1.TagSet, IsCompound: true}
			return p
		})},
		{"content of its own", pades.CheckCMS, "content of its own", rewrap(t, der, func(p []asn1.RawValue) []asn1.RawValue {
			p[2] = asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: slices.Concat(p[2].Bytes, []byte{0xA0, 4, 4, 2, 'h', 'i'})}
			return p
		})},
		{"no certificates", pades.CheckSignature, "not in the signature", rewrap(t, der, func(p []asn1.RawValue) []asn1.RawValue {
			return slices.Delete(p, 3, 4)
		})},
		{"not CMS", pades.CheckCMS, "malformed", []byte{0x30, 3, 2, 1, 5}},
		{"nothing", pades.CheckCMS, "no SignedData", nil},
	} {
		r := verify(t, withValue(t, signed, c.der), pades.VerifyOptions{Policy: pades.Sealed})
		found := slices.ContainsFunc(r.Failures(), func(k pades.Check) bool {
			return k.Code == c.code && strings.Contains(k.Message, c.reason)
		})
		if r.Verdict != pades.Invalid || !found {
			t.Errorf("%s: %s", c.name, explain(r))
		}
	}
}

// TestShadowReplace: an unused second version of the page's content waits in
// the file before it is signed; the attack only redirects the cross-reference.
func TestShadowReplace(t *testing.T) {
	t.Parallel()
	id := identity(t, "Ada Signer", "p256")
	in := testpdf.Make(testpdf.Options{})
	shadow := fmt.Sprintf("21 0 obj\n%s\nendobj\n", testpdf.Stream("", "BT /F1 24 Tf 80 700 Td (Pay ten times as much) Tj ET"))
	at := bytes.Index(in, []byte("xref\n"))
	prepared := slices.Concat(in[:at], []byte(shadow), in[at:])
	i := bytes.LastIndex(prepared, []byte("startxref"))
	prepared = append(prepared[:i], fmt.Sprintf("startxref\n%d\n%%%%EOF\n", at+len(shadow))...)
	signed := sign(t, prepared, id, options(id))
	if r := verify(t, signed, pades.VerifyOptions{}); r.Verdict != pades.Valid {
		t.Fatal(explain(r))
	}
	f := must(pdffile.Open(bytes.NewReader(signed), int64(len(signed))))
	start := len(signed)
	attacked := append(slices.Clone(signed), fmt.Sprintf("xref\n21 1\n%010d 00000 n\r\ntrailer\n<</Size 40 /Root 1 0 R /Info 2 0 R /ID [<00112233445566778899AABBCCDDEEFF> <00>] /Prev %d>>\nstartxref\n%d\n%%%%EOF\n",
		at, f.Sections()[0].Offset, start)...)
	r := verify(t, attacked, pades.VerifyOptions{})
	if r.Verdict != pades.Invalid || !strings.Contains(explain(r), "redirected") {
		t.Error(explain(r))
	}
}

// TestCertificationLevels: levels 2 and 3 allow a further signature.
func TestCertificationLevels(t *testing.T) {
	t.Parallel()
	id := identity(t, "Ada Signer", "p256")
	in := testpdf.Make(testpdf.Options{})
	for level := 1; level <= 3; level++ {
		o := options(id)
		o.Certify = level
		b := sign(t, in, id, o)
		if level > 1 {
			b = sign(t, b, id, options(id))
		}
		if r := verify(t, b, pades.VerifyOptions{}); r.Verdict != pades.Valid {
			t.Errorf("level %d: %s", level, explain(r))
		}
	}
}

// TestLinearized signs what qpdf has linearized, with and without object streams.
func TestLinearized(t *testing.T) {
	t.Parallel()
	qpdf := testneed.Command(t, "qpdf")
	id := identity(t, "Ada Signer", "p256")
	for _, mode := range []string{"disable", "generate"} {
		dir := t.TempDir()
		name := filepath.Join(dir, "out.pdf")
		cmd := exec.Command(qpdf, "--linearize", "--object-streams="+mode, temp(t, testpdf.Make(testpdf.Options{Pages: 4, Form: true})), name)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		in := must(os.ReadFile(name))
		once := sign(t, in, id, options(id))
		o := options(id)
		o.Visible = drawn(2, 100, 100)
		twice := sign(t, once, id, o)
		if r := verify(t, twice, pades.VerifyOptions{}); r.Verdict != pades.Valid || r.Revisions != 3 {
			t.Errorf("%s: %d revisions, %s", mode, r.Revisions, explain(r))
		}
		checkQPDF(t, twice)
		checkPDFSig(t, twice, 2)
	}
}

func BenchmarkSign(b *testing.B) {
	id := identity(b, "Ada Signer", "p256")
	for _, c := range []struct {
		name string
		in   []byte
	}{
		{"1page", testpdf.Make(testpdf.Options{})},
		{"100pages", testpdf.Make(testpdf.Options{Pages: 100})},
		{"50MB", testpdf.Make(testpdf.Options{Pages: 70, Padding: 50 << 20})},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.in)))
			b.ReportAllocs()
			for range b.N {
				if _, err := pades.Sign(context.Background(), bytes.NewReader(c.in), int64(len(c.in)), discard{}, id.Key, options(id)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkFloor is what no signer can do without: one hash and one signature.
func BenchmarkFloor(b *testing.B) {
	id := identity(b, "Ada Signer", "p256")
	in := testpdf.Make(testpdf.Options{})
	for range b.N {
		sum := sha256.Sum256(in)
		if _, err := id.Key.Sign(rand.Reader, sum[:], crypto.SHA256); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzVerify(f *testing.F) {
	id := identity(f, "Ada Signer", "p256")
	f.Add(sign(f, testpdf.Make(testpdf.Options{}), id, options(id)))
	f.Add(sign(f, testpdf.Make(testpdf.Options{Kind: testpdf.ObjectStreams, Form: true}), id, options(id)))
	f.Add(testpdf.Make(testpdf.Options{Kind: testpdf.Hybrid}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := pades.Verify(context.Background(), bytes.NewReader(b), int64(len(b)), pades.VerifyOptions{}); err != nil {
			t.Errorf("a file gives a fault instead of a report: %v", err)
		}
	})
}
