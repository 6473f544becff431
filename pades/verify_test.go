package pades_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/testneed"
	"github.com/paraph/paraph/pades"
	"github.com/paraph/paraph/pades/internal/testpdf"
	"github.com/paraph/paraph/pades/mark"
	"github.com/paraph/paraph/pades/pdffile"
	"github.com/paraph/paraph/pades/testca"
	"github.com/paraph/paraph/pades/trust"
)

// verify judges with the tests' own root as the only trusted one.
func verify(t testing.TB, b []byte, o pades.VerifyOptions) *pades.Report {
	t.Helper()
	if o.Renderer == nil {
		o.Renderer = poppler{t}
	}
	return verifyPlain(t, b, o)
}

// verifyPlain is verify with the renderer that is given, or none.
func verifyPlain(t testing.TB, b []byte, o pades.VerifyOptions) *pades.Report {
	t.Helper()
	ca, err := authority()
	if err != nil {
		t.Fatal(err)
	}
	if o.Trust == nil {
		o.Trust = ca.Trust()
	}
	if o.Time.IsZero() {
		o.Time = testca.Now.Add(10 * time.Minute)
	}
	r, err := pades.Verify(context.Background(), bytes.NewReader(b), int64(len(b)), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// explain tells all that a report holds against a file.
func explain(r *pades.Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:", r.Verdict)
	for _, c := range append(r.Failures(), r.NotRun()...) {
		fmt.Fprintf(&b, " [%s %s %s: %s]", c.Code, c.Status, c.Sub, c.Message)
	}
	return b.String()
}

// poppler draws pages with pdftoppm.
type poppler struct{ t testing.TB }

func (p poppler) Render(ctx context.Context, in io.ReaderAt, size int64, password string, page int) (*image.Gray, error) {
	program := testneed.Command(p.t, "pdftoppm")
	b := make([]byte, size)
	if _, err := in.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	n := strconv.Itoa(page + 1)
	args := []string{"-r", "72", "-gray", "-cropbox", "-f", n, "-l", n}
	if password != "" {
		args = append(args, "-upw", password)
	}
	cmd := exec.CommandContext(ctx, program, append(args, "-")...)
	cmd.Stdin = bytes.NewReader(b)
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	var w, h, most int
	if _, err := fmt.Sscanf(string(out[:min(len(out), 40)]), "P5\n%d %d\n%d\n", &w, &h, &most); err != nil {
		return nil, err
	}
	return &image.Gray{Pix: out[len(out)-w*h:], Stride: w, Rect: image.Rect(0, 0, w, h)}, nil
}

func TestVerifyOwnSignatures(t *testing.T) {
	t.Parallel()
	id, second := identity(t, "Ada Signer", "p256"), identity(t, "Ben Second", "p384")
	for name, in := range inputs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(id)
			o.Visible = drawn(0, 100, 200)
			once := sign(t, in, id, o)
			o2 := options(second)
			o2.Visible = drawn(0, 200, 370)
			twice := sign(t, once, second, o2)
			for i, b := range [][]byte{once, twice} {
				for _, policy := range []pades.Policy{pades.AllowSignatures, pades.Sealed} {
					r := verify(t, b, pades.VerifyOptions{Policy: policy})
					if r.Verdict != pades.Valid || len(r.Signatures) != i+1 || !r.Signatures[i].WholeFile {
						t.Errorf("after %d signature(s), policy %d: %s", i+1, policy, explain(r))
					}
				}
			}
		})
	}
}

func TestVerifyCertificates(t *testing.T) {
	t.Parallel()
	in := testpdf.Make(testpdf.Options{})
	id := identity(t, "Ada Signer", "p256")
	signed := sign(t, in, id, options(id))
	r, err := pades.Verify(context.Background(), bytes.NewReader(signed), int64(len(signed)), pades.VerifyOptions{})
	if err != nil || r.Verdict != pades.Indeterminate {
		t.Errorf("without roots: %v, %v", r, err)
	}
	for _, policy := range []pades.Policy{pades.AllowSignatures, pades.Sealed} {
		want := map[pades.Policy]pades.Verdict{pades.AllowSignatures: pades.Indeterminate, pades.Sealed: pades.Invalid}[policy]
		if r := verify(t, signed, pades.VerifyOptions{Trust: &trust.Set{}, Policy: policy}); r.Verdict != want {
			t.Errorf("a stranger's signature, policy %d: %s", policy, explain(r))
		}
		late := options(id)
		late.Time = late.Time.AddDate(20, 0, 0)
		if r := verify(t, sign(t, in, id, late), pades.VerifyOptions{Policy: policy}); r.Verdict != want {
			t.Errorf("signed after the certificate's end, policy %d: %s", policy, explain(r))
		}
	}
}

// update appends an incremental update to a file.
func update(t testing.TB, in []byte, change func(*pdffile.File, *pdffile.Update)) []byte {
	t.Helper()
	f, err := pdffile.Open(bytes.NewReader(in), int64(len(in)))
	if err != nil {
		t.Fatal(err)
	}
	u := pdffile.NewUpdate(f)
	change(f, u)
	var out bytes.Buffer
	if _, err := u.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

type mutant struct {
	name   string
	code   pades.Code
	reason string
	make   func(t *testing.T, signed []byte) []byte
	mild   bool // only a seal is refused for it
}

func mutants() []mutant {
	change := func(f func(*pdffile.File, *pdffile.Update)) func(*testing.T, []byte) []byte {
		return func(t *testing.T, b []byte) []byte { return update(t, b, f) }
	}
	return []mutant{
		{"appended page", pades.CheckChanges, "page", change(func(f *pdffile.File, u *pdffile.Update) {
			root := must(f.Catalog())["Pages"].(pdffile.Ref)
			tree := must(f.Dict(root)).Clone()
			page := u.Add(pdffile.Dict{"Type": pdffile.Name("Page"), "Parent": root})
			tree["Kids"] = append(tree["Kids"].(pdffile.Array).Clone(), page)
			tree["Count"] = tree["Count"].(pdffile.Integer) + 1
			u.Set(root, tree)
		}), false},
		{"changed page content", pades.CheckChanges, "object", change(func(f *pdffile.File, u *pdffile.Update) {
			content := must(f.Page(0)).Dict["Contents"].(pdffile.Ref)
			u.Set(content, &pdffile.Stream{Dict: pdffile.Dict{"Length": pdffile.Integer(3)}, Data: []byte("q Q")})
		}), false},
		{"annotation over the page", pades.CheckChanges, "page", change(func(f *pdffile.File, u *pdffile.Update) {
			p := must(f.Page(0))
			d := p.Dict.Clone()
			note := u.Add(pdffile.Dict{"Type": pdffile.Name("Annot"), "Subtype": pdffile.Name("FreeText")})
			d["Annots"] = append(must(f.Array(d["Annots"])).Clone(), note)
			u.Set(p.Ref, d)
		}), false},
		{"catalog action", pades.CheckChanges, "OpenAction", change(func(f *pdffile.File, u *pdffile.Update) {
			d := must(f.Catalog()).Clone()
			d["OpenAction"] = pdffile.Dict{"S": pdffile.Name("JavaScript"), "JS": pdffile.String("1")}
			u.Set(u.Root(), d)
		}), false},
		{"removed field", pades.CheckFound, "no signature", change(func(f *pdffile.File, u *pdffile.Update) {
			d := must(f.Catalog()).Clone()
			delete(d, "AcroForm")
			u.Set(u.Root(), d)
		}), false},
		{"replaced reason", pades.CheckByteRange, "gap", change(func(f *pdffile.File, u *pdffile.Update) {
			s := must(f.SignatureFields())[0]
			d := s.Dict.Clone()
			d["Reason"] = pdffile.String("Something else")
			u.Set(s.Value, d)
		}), false},
		{"unused object", pades.CheckChanges, "nothing allowed needs", change(func(_ *pdffile.File, u *pdffile.Update) {
			u.Add(pdffile.Dict{"Kept": pdffile.Bool(true)})
		}), true},
		{"store with a foreign entry", pades.CheckChanges, "validation data", change(func(f *pdffile.File, u *pdffile.Update) {
			d := must(f.Catalog()).Clone()
			d["DSS"] = pdffile.Dict{"Page": must(f.Page(0)).Ref}
			u.Set(u.Root(), d)
		}), false},
		{"byte range moved", pades.CheckByteRange, "gap", func(t *testing.T, b []byte) []byte {
			i := bytes.LastIndex(b, []byte("/ByteRange [0 ")) + len("/ByteRange [0 ")
			c := slices.Clone(b)
			c[i]++
			return c
		}, false},
		{"byte range overlapping", pades.CheckByteRange, "overlap", func(t *testing.T, b []byte) []byte {
			return rewriteRange(b, func(v []int64) []int64 { return []int64{0, v[2] + 10, v[2], v[3]} })
		}, false},
		{"byte range of six numbers", pades.CheckByteRange, "6 numbers", func(t *testing.T, b []byte) []byte {
			return rewriteRange(b, func(v []int64) []int64 { return []int64{0, 9, 9, 9, 9, 9} })
		}, false},
		{"byte range from one", pades.CheckByteRange, "first byte", func(t *testing.T, b []byte) []byte {
			return rewriteRange(b, func(v []int64) []int64 { return []int64{1, v[1], v[2], v[3]} })
		}, false},
		{"cut file", pades.CheckStructure, "", func(_ *testing.T, b []byte) []byte { return b[:len(b)-20] }, false},
		{"junk after the end", pades.CheckEnd, "bytes", func(_ *testing.T, b []byte) []byte {
			return append(slices.Clone(b), "more\n"...)
		}, false},
		{"blank lines after the end", pades.CheckEnd, "bytes", func(_ *testing.T, b []byte) []byte {
			return append(slices.Clone(b), "\n\n\n\n"...)
		}, false},
		{"moved cross-reference", pades.CheckEnd, "bytes", func(t *testing.T, b []byte) []byte {
			i := bytes.LastIndex(b, []byte("startxref\n"))
			return append(slices.Clone(b), fmt.Sprintf("startxref\n%s\n%%%%EOF\n", bytes.Fields(b[i:])[1])...)
		}, false},
		{"padded signature value", pades.CheckContents, "behind", func(_ *testing.T, b []byte) []byte {
			i := bytes.LastIndex(b, []byte("/Contents <"))
			end := i + bytes.IndexByte(b[i:], '>')
			c := slices.Clone(b)
			copy(c[end-2:], "11")
			return c
		}, false},
	}
}

// rewriteRange replaces the numbers of the last /ByteRange in its place.
func rewriteRange(b []byte, f func([]int64) []int64) []byte {
	start := bytes.LastIndex(b, []byte("/ByteRange [")) + len("/ByteRange [")
	end := start + bytes.IndexByte(b[start:], ']')
	var v []int64
	for _, w := range bytes.Fields(b[start:end]) {
		var n int64
		fmt.Sscan(string(w), &n) //nolint:errcheck // digits written by this package
		v = append(v, n)
	}
	text := strings.Trim(fmt.Sprint(f(v)), "[]")
	text += strings.Repeat(" ", end-start-len(text))
	return slices.Concat(b[:start], []byte(text), b[end:])
}

// refused checks that the mutant of a file is refused for the right reason.
func (m *mutant) refused(t *testing.T, signed []byte, o pades.VerifyOptions) {
	t.Helper()
	changed := m.make(t, signed)
	for _, o.Policy = range []pades.Policy{pades.AllowSignatures, pades.Sealed} {
		r := verify(t, changed, o)
		match := slices.ContainsFunc(r.Failures(), func(c pades.Check) bool {
			return c.Code == m.code && strings.Contains(c.Message, m.reason)
		})
		if m.mild && o.Policy == pades.AllowSignatures {
			if r.Verdict != pades.Valid {
				t.Errorf("it is refused although nothing is to be seen: %s", explain(r))
			}
			continue
		}
		if r.Verdict != pades.Invalid || !match {
			t.Errorf("policy %d: %s", o.Policy, explain(r))
		}
	}
}

func TestMutantsAreRefused(t *testing.T) {
	t.Parallel()
	id := identity(t, "Ada Signer", "p256")
	o := options(id)
	o.Reserve = 8 // room behind the value, whatever the signature's length
	for _, kind := range testpdf.Kinds {
		signed := sign(t, testpdf.Make(testpdf.Options{Kind: kind, Pages: 2}), id, o)
		if r := verify(t, signed, pades.VerifyOptions{}); r.Verdict != pades.Valid {
			t.Fatal(explain(r))
		}
		for _, m := range mutants() {
			t.Run(string(kind)+"/"+m.name, func(t *testing.T) {
				t.Parallel()
				m.refused(t, signed, pades.VerifyOptions{})
			})
		}
	}
}

// TestEveryByteCounts flips bytes all over a signed file; none may go unnoticed.
func TestEveryByteCounts(t *testing.T) {
	t.Parallel()
	id := identity(t, "Ada Signer", "p256")
	signed := sign(t, testpdf.Make(testpdf.Options{}), id, options(id))
	for i := range signed {
		b := slices.Clone(signed)
		b[i] ^= []byte{0x01, 0x20, 0xFF}[i%3]
		if r := verify(t, b, pades.VerifyOptions{}); r.Verdict == pades.Valid {
			t.Fatalf("byte %d (%q) was changed and the file is still valid", i, signed[i])
		}
	}
}

// TestSuppliedObject: a file asks for an object it does not have; the revision
// after the signature supplies it as part of the validation data.
func TestSuppliedObject(t *testing.T) {
	t.Parallel()
	id := identity(t, "Ada Signer", "p256")
	in := update(t, testpdf.Make(testpdf.Options{}), func(f *pdffile.File, u *pdffile.Update) {
		p := must(f.Page(0))
		d := p.Dict.Clone()
		d["Contents"] = pdffile.Array{d["Contents"], pdffile.Ref{Num: 500}}
		u.Set(p.Ref, d)
	})
	signed := sign(t, in, id, options(id))
	attacked := update(t, signed, func(f *pdffile.File, u *pdffile.Update) {
		late := pdffile.Ref{Num: 500}
		u.Set(late, &pdffile.Stream{Dict: pdffile.Dict{"Length": pdffile.Integer(3)}, Data: []byte("q Q")})
		d := must(f.Catalog()).Clone()
		d["DSS"] = pdffile.Dict{"Certs": pdffile.Array{late}}
		u.Set(u.Root(), d)
	})
	if r := verify(t, attacked, pades.VerifyOptions{}); r.Verdict != pades.Invalid || !strings.Contains(explain(r), "supplied later") {
		t.Error(explain(r))
	}
}

// TestValidationDataIsAllowed: a store with a certificate may follow, even a second time.
func TestValidationDataIsAllowed(t *testing.T) {
	t.Parallel()
	id := identity(t, "Ada Signer", "p256")
	for _, kind := range testpdf.Kinds {
		b := sign(t, testpdf.Make(testpdf.Options{Kind: kind}), id, options(id))
		for range 2 {
			b = update(t, b, func(f *pdffile.File, u *pdffile.Update) {
				d := must(f.Catalog()).Clone()
				store := must(f.Dict(d["DSS"])).Clone()
				if store == nil {
					store = pdffile.Dict{"Type": pdffile.Name("DSS")}
				}
				certs := must(f.Array(store["Certs"])).Clone()
				store["Certs"] = append(certs, u.AddStream(nil, id.Chain[1].Raw))
				if ref, ok := d["DSS"].(pdffile.Ref); ok {
					u.Set(ref, store)
					return
				}
				d["DSS"] = u.Add(store)
				u.Set(u.Root(), d)
			})
			if r := verify(t, b, pades.VerifyOptions{Policy: pades.Sealed}); r.Verdict != pades.Valid {
				t.Errorf("%s: %s", kind, explain(r))
			}
		}
	}
}

func TestRefusesToSign(t *testing.T) {
	t.Parallel()
	id := identity(t, "Ada Signer", "p256")
	in := testpdf.Make(testpdf.Options{})
	certify := options(id)
	certify.Certify = 1
	certified := sign(t, in, id, certify)
	signed := sign(t, in, id, options(id))
	marks := options(id)
	marks.Marks = []mark.Mark{*drawn(0, 10, 10)}
	outside := options(id)
	outside.Visible = drawn(0, 500, 10)
	taken := options(id)
	taken.Field = "Signature1"
	late := options(id)
	late.Certify = 2
	noTime := options(id)
	noTime.Time = noTime.Time.AddDate(-5000, 0, 0)
	for _, c := range []struct {
		name string
		in   []byte
		o    pades.Options
		want error
	}{
		{"certified without changes", certified, options(id), pades.ErrNoChanges},
		{"marks on signed pages", signed, marks, pades.ErrSignedContent},
		{"certification after a signature", signed, late, pades.ErrCertifyLate},
		{"field name taken", signed, taken, pades.ErrFieldExists},
		{"mark outside the page", in, outside, mark.ErrMark},
		{"no options", in, pades.Options{}, pades.ErrOptions},
		{"damaged", in[:len(in)-30], options(id), pdffile.ErrDamaged},
		{"empty", nil, options(id), pdffile.ErrDamaged},
	} {
		var out bytes.Buffer
		_, err := pades.Sign(context.Background(), bytes.NewReader(c.in), int64(len(c.in)), &out, id.Key, c.o)
		if !errorsIs(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestSealOverOthers: a seal vouches for what others signed before, whom nobody said
// to trust; it does not mend what is broken, and others' signatures behind it spoil it.
func TestSealOverOthers(t *testing.T) {
	t.Parallel()
	stranger, err := testca.New()
	if err != nil {
		t.Fatal(err)
	}
	other, err := stranger.Issue("A Stranger", "p256")
	if err != nil {
		t.Fatal(err)
	}
	id := identity(t, "The House", "p256")
	in := testpdf.Make(testpdf.Options{})
	theirs := sign(t, in, other, options(other))
	sealed := sign(t, theirs, id, options(id))
	r := verify(t, sealed, pades.VerifyOptions{Policy: pades.Sealed})
	if r.Verdict != pades.Valid || r.Signatures[0].Verdict != pades.Indeterminate || r.Signatures[1].Verdict != pades.Valid {
		t.Error(explain(r))
	}
	if r := verify(t, sealed, pades.VerifyOptions{}); r.Verdict != pades.Indeterminate {
		t.Errorf("without a seal each counts: %s", explain(r))
	}
	broken := slices.Clone(theirs)
	broken[bytes.Index(broken, []byte("%PDF"))+9] ^= 1
	if r := verify(t, sign(t, broken, id, options(id)), pades.VerifyOptions{Policy: pades.Sealed}); r.Verdict != pades.Invalid {
		t.Errorf("over a broken one: %s", explain(r))
	}
	if r := verify(t, sign(t, sealed, other, options(other)), pades.VerifyOptions{Policy: pades.Sealed}); r.Verdict != pades.Invalid {
		t.Errorf("under a stranger's: %s", explain(r))
	}
}
