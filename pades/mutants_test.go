package pades_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/paraph/paraph/pades"
	"github.com/paraph/paraph/pades/internal/testpdf"
	"github.com/paraph/paraph/pades/pdffile"
)

func mutate(f func(*pdffile.File, *pdffile.Update)) func(*testing.T, []byte) []byte {
	return func(t *testing.T, b []byte) []byte { return update(t, b, f) }
}

// setIn changes the dictionary behind a reference.
func setIn(f *pdffile.File, u *pdffile.Update, ref pdffile.Ref, change func(pdffile.Dict)) {
	d := must(f.Dict(ref)).Clone()
	change(d)
	u.Set(ref, d)
}

func inCatalog(change func(*pdffile.File, *pdffile.Update, pdffile.Dict)) func(*testing.T, []byte) []byte {
	return mutate(func(f *pdffile.File, u *pdffile.Update) {
		setIn(f, u, u.Root(), func(d pdffile.Dict) { change(f, u, d) })
	})
}

func inPage(change func(*pdffile.File, *pdffile.Update, pdffile.Dict)) func(*testing.T, []byte) []byte {
	return mutate(func(f *pdffile.File, u *pdffile.Update) {
		setIn(f, u, must(f.Page(0)).Ref, func(d pdffile.Dict) { change(f, u, d) })
	})
}

func content(text string) *pdffile.Stream {
	return &pdffile.Stream{Dict: pdffile.Dict{"Length": pdffile.Integer(len(text))}, Data: []byte(text)}
}

// formOf gives the form's dictionary and its place; forms stand in an object of
// their own or in the catalog.
func inForm(change func(*pdffile.File, *pdffile.Update, pdffile.Dict)) func(*testing.T, []byte) []byte {
	return inCatalog(func(f *pdffile.File, u *pdffile.Update, d pdffile.Dict) {
		if ref, ok := d["AcroForm"].(pdffile.Ref); ok {
			setIn(f, u, ref, func(form pdffile.Dict) { change(f, u, form) })
			return
		}
		form := must(f.Dict(d["AcroForm"])).Clone()
		change(f, u, form)
		d["AcroForm"] = form
	})
}

// documentMutants change a signed document by what is appended to it: what is
// shown, what it does, and whose values it holds. Its objects are those of testpdf:
// 4 is a font, 5 a text field, 7 a nested one, 8 the field that is signed.
func documentMutants() []mutant {
	ref := func(n uint32) pdffile.Ref { return pdffile.Ref{Num: n} }
	name := func(s string) pdffile.Name { return pdffile.Name(s) }
	return []mutant{
		{"page removed", pades.CheckChanges, "page", mutate(func(f *pdffile.File, u *pdffile.Update) {
			setIn(f, u, must(f.Catalog())["Pages"].(pdffile.Ref), func(d pdffile.Dict) {
				d["Kids"], d["Count"] = d["Kids"].(pdffile.Array)[:1], pdffile.Integer(1)
			})
		}), false},
		{"pages exchanged", pades.CheckChanges, "page tree", mutate(func(f *pdffile.File, u *pdffile.Update) {
			setIn(f, u, must(f.Catalog())["Pages"].(pdffile.Ref), func(d pdffile.Dict) {
				kids := d["Kids"].(pdffile.Array).Clone()
				slices.Reverse(kids)
				d["Kids"] = kids
			})
		}), false},
		{"page turned", pades.CheckChanges, "page", inPage(func(_ *pdffile.File, _ *pdffile.Update, d pdffile.Dict) { d["Rotate"] = pdffile.Integer(90) }), false},
		{"page cropped", pades.CheckChanges, "page", inPage(func(_ *pdffile.File, _ *pdffile.Update, d pdffile.Dict) {
			d["CropBox"] = pdffile.Array{pdffile.Integer(0), pdffile.Integer(0), pdffile.Integer(300), pdffile.Integer(300)}
		}), false},
		{"content laid over the page", pades.CheckChanges, "page", inPage(func(_ *pdffile.File, u *pdffile.Update, d pdffile.Dict) {
			d["Contents"] = pdffile.Array{d["Contents"], u.Add(content("1 g 0 0 600 800 re f"))}
		}), false},
		{"another font", pades.CheckChanges, "Font", mutate(func(f *pdffile.File, u *pdffile.Update) {
			setIn(f, u, ref(4), func(d pdffile.Dict) { d["BaseFont"] = name("Symbol") })
		}), false},
		{"field value replaced", pades.CheckChanges, "", mutate(func(f *pdffile.File, u *pdffile.Update) {
			setIn(f, u, ref(5), func(d pdffile.Dict) { d["V"] = pdffile.String("Elsewhere") })
		}), false},
		{"field shown otherwise than its value", pades.CheckChanges, "", mutate(func(f *pdffile.File, u *pdffile.Update) {
			form := content("BT /Helv 12 Tf 2 5 Td (Elsewhere) Tj ET")
			form.Dict["Type"], form.Dict["Subtype"] = name("XObject"), name("Form")
			form.Dict["BBox"] = pdffile.Array{pdffile.Integer(0), pdffile.Integer(0), pdffile.Integer(200), pdffile.Integer(20)}
			look := u.Add(form)
			setIn(f, u, ref(5), func(d pdffile.Dict) { d["AP"] = pdffile.Dict{"N": look} })
		}), false},
		{"field moved", pades.CheckChanges, "", mutate(func(f *pdffile.File, u *pdffile.Update) {
			setIn(f, u, ref(5), func(d pdffile.Dict) {
				d["Rect"] = pdffile.Array{pdffile.Integer(0), pdffile.Integer(0), pdffile.Integer(600), pdffile.Integer(800)}
			})
		}), false},
		{"field with an action", pades.CheckChanges, "", mutate(func(f *pdffile.File, u *pdffile.Update) {
			setIn(f, u, ref(7), func(d pdffile.Dict) {
				d["AA"] = pdffile.Dict{"K": pdffile.Dict{"S": name("JavaScript"), "JS": pdffile.String("this.getField('Town').value = 'x'")}}
			})
		}), false},
		{"field hidden", pades.CheckChanges, "", mutate(func(f *pdffile.File, u *pdffile.Update) {
			setIn(f, u, ref(5), func(d pdffile.Dict) { d["F"] = pdffile.Integer(2) })
		}), false},
		{"field removed from the form", pades.CheckChanges, "", inForm(func(_ *pdffile.File, _ *pdffile.Update, d pdffile.Dict) {
			d["Fields"] = slices.DeleteFunc(d["Fields"].(pdffile.Array).Clone(), func(o pdffile.Object) bool { return o == pdffile.Object(ref(5)) })
		}), false},
		{"a form of another kind", pades.CheckChanges, "", inForm(func(_ *pdffile.File, u *pdffile.Update, d pdffile.Dict) {
			d["XFA"] = u.AddStream(nil, []byte("<xdp/>"))
		}), false},
		{"calculations", pades.CheckChanges, "", inForm(func(_ *pdffile.File, _ *pdffile.Update, d pdffile.Dict) { d["CO"] = pdffile.Array{ref(5)} }), false},
		{"another text for fields without one", pades.CheckChanges, "", inForm(func(_ *pdffile.File, _ *pdffile.Update, d pdffile.Dict) {
			d["DA"] = pdffile.String("/Helv 40 Tf 1 g")
		}), false},
		{"attached file", pades.CheckChanges, "Names", inCatalog(func(_ *pdffile.File, u *pdffile.Update, d pdffile.Dict) {
			d["Names"] = pdffile.Dict{"EmbeddedFiles": pdffile.Dict{"Names": pdffile.Array{pdffile.String("a"), u.Add(pdffile.Dict{"Type": name("Filespec")})}}}
		}), false},
		{"layers", pades.CheckChanges, "OCProperties", inCatalog(func(_ *pdffile.File, u *pdffile.Update, d pdffile.Dict) {
			d["OCProperties"] = pdffile.Dict{"OCGs": pdffile.Array{}, "D": pdffile.Dict{}}
		}), false},
		{"what happens at opening", pades.CheckChanges, "AA", inCatalog(func(_ *pdffile.File, _ *pdffile.Update, d pdffile.Dict) {
			d["AA"] = pdffile.Dict{"WC": pdffile.Dict{"S": name("URI"), "URI": pdffile.String("https://example.com")}}
		}), false},
		{"permissions", pades.CheckChanges, "Perms", inCatalog(func(_ *pdffile.File, _ *pdffile.Update, d pdffile.Dict) { d["Perms"] = pdffile.Dict{} }), false},
		{"tags removed", pades.CheckChanges, "StructTreeRoot", inCatalog(func(_ *pdffile.File, _ *pdffile.Update, d pdffile.Dict) { delete(d, "StructTreeRoot") }), false},
		{"another title", pades.CheckChanges, "Title", mutate(func(f *pdffile.File, u *pdffile.Update) {
			setIn(f, u, ref(2), func(d pdffile.Dict) { d["Title"] = pdffile.String("Another") })
		}), false},
		{"signature without its field's look", pades.CheckChanges, "", mutate(func(f *pdffile.File, u *pdffile.Update) {
			s := must(f.SignatureFields())
			setIn(f, u, s[len(s)-1].Field, func(d pdffile.Dict) {
				delete(d, "AP")
				d["Rect"] = pdffile.Array{pdffile.Integer(0), pdffile.Integer(0), pdffile.Integer(9), pdffile.Integer(9)}
			})
		}), false},
	}
}

// byteMutants change the bytes of a signed file.
func byteMutants() []mutant {
	inPlace := func(f func([]byte) []byte) func(*testing.T, []byte) []byte {
		return func(_ *testing.T, b []byte) []byte { return f(slices.Clone(b)) }
	}
	return []mutant{
		{"a word of the page", pades.CheckDigest, "changed", inPlace(func(b []byte) []byte { b[bytes.Index(b, []byte("%PDF"))+9] ^= 1; return b }), false},
		{"signature value of zeros", pades.CheckCMS, "", inPlace(func(b []byte) []byte {
			start, end := place(b)
			copy(b[start:], bytes.Repeat([]byte("0"), end-start))
			return b
		}), false},
		{"signature value in mixed letters", pades.CheckContents, "mixes", inPlace(func(b []byte) []byte {
			start, end := place(b)
			copy(b[start:end], bytes.ToLower(b[start:end]))
			i := start + bytes.IndexAny(b[start:end], "abcdef")
			b[i] -= 'a' - 'A'
			return b
		}), false},
		{"signature value with blanks", pades.CheckContents, "hexadecimal", inPlace(func(b []byte) []byte { _, end := place(b); b[end-1] = ' '; return b }), false},
		{"a bit of the signature value", "", "", inPlace(func(b []byte) []byte {
			raw := value(&testing.T{}, b)
			raw[len(raw)-1] ^= 1
			start, _ := place(b)
			hex.Encode(b[start:], raw)
			return b
		}), false},
		{"range with negative numbers", pades.CheckByteRange, "", func(_ *testing.T, b []byte) []byte {
			return rewriteRange(b, func(v []int64) []int64 { return []int64{0, v[1], v[2], -1} })
		}, false},
		{"range that ends early", pades.CheckCoverage, "no revision ends", func(_ *testing.T, b []byte) []byte {
			return rewriteRange(b, func(v []int64) []int64 { return []int64{0, v[1], v[2], v[3] - 40} })
		}, false},
		{"range beyond the end", pades.CheckByteRange, "beyond", func(_ *testing.T, b []byte) []byte {
			return rewriteRange(b, func(v []int64) []int64 { return []int64{0, v[1], v[2], v[3] + 9} })
		}, false},
		{"range with a wider gap", pades.CheckByteRange, "gap", func(_ *testing.T, b []byte) []byte {
			return rewriteRange(b, func(v []int64) []int64 { return []int64{0, v[1] - 20, v[2], v[3]} })
		}, false},
		{"junk before the header", pades.CheckStructure, "", inPlace(func(b []byte) []byte { return append([]byte("junk\n"), b...) }), false},
		{"half of the file", "", "", inPlace(func(b []byte) []byte { return b[:len(b)/2] }), false},
		{"nothing but a header", pades.CheckStructure, "", inPlace(func([]byte) []byte { return []byte("%PDF-1.7\n") }), false},
		{"the file twice", pades.CheckEnd, "bytes", inPlace(func(b []byte) []byte { return append(b, b...) }), false},
		// The second part of the range is moved behind something else, as in attacks by wrapping.
		{"signature wrapped", "", "", func(t *testing.T, b []byte) []byte {
			_, end := place(b)
			tail := slices.Clone(b[end+1:])
			evil := fmt.Appendf(nil, ">\n/Evil true >>\nendobj\n21 0 obj\n%s\nendobj\n", testpdf.Stream("", "BT (Evil) Tj ET"))
			return slices.Concat(b[:end], evil, tail)
		}, false},
	}
}

// TestDocumentMutants: more than thirty kinds of changes to a signed document with a
// form, in every structure a file can have. The file itself passes.
func TestDocumentMutants(t *testing.T) {
	t.Parallel()
	id := identity(t, "Ada Signer", "p256")
	o := options(id)
	o.Reserve = 8
	for _, kind := range testpdf.Kinds {
		signed := sign(t, testpdf.Make(testpdf.Options{Kind: kind, Pages: 2, Form: true, Tagged: true}), id, o)
		if r := verify(t, signed, pades.VerifyOptions{Policy: pades.Sealed}); r.Verdict != pades.Valid {
			t.Fatal(explain(r))
		}
		for _, m := range slices.Concat(documentMutants(), byteMutants()) {
			t.Run(string(kind)+"/"+m.name, func(t *testing.T) {
				t.Parallel()
				if m.code != "" {
					m.refused(t, signed, pades.VerifyOptions{})
					return
				}
				if r := verify(t, m.make(t, signed), pades.VerifyOptions{}); r.Verdict != pades.Invalid { // where depends on the file
					t.Error(explain(r))
				}
			})
		}
	}
}

// TestSignatureMutants: signatures that are doubled, given to another field, or
// brought from another file.
func TestSignatureMutants(t *testing.T) {
	t.Parallel()
	id := identity(t, "Ada Signer", "p256")
	in := testpdf.Make(testpdf.Options{Form: true})
	signed := sign(t, in, id, options(id))
	for _, m := range []mutant{
		{"value in a second field", pades.CheckCoverage, "second signature", inForm(func(f *pdffile.File, u *pdffile.Update, d pdffile.Dict) {
			s := must(f.SignatureFields())
			twin := u.Add(pdffile.Dict{"FT": pdffile.Name("Sig"), "T": pdffile.String("Twin"), "V": s[len(s)-1].Value, "Type": pdffile.Name("Annot"), "Subtype": pdffile.Name("Widget"),
				"Rect": pdffile.Array{pdffile.Integer(0), pdffile.Integer(0), pdffile.Integer(0), pdffile.Integer(0)}})
			d["Fields"] = append(d["Fields"].(pdffile.Array).Clone(), twin)
		}), false},
		{"a copy of the value", pades.CheckByteRange, "gap", inForm(func(f *pdffile.File, u *pdffile.Update, d pdffile.Dict) {
			s := must(f.SignatureFields())
			copied := u.Add(s[len(s)-1].Dict.Clone())
			d["Fields"] = append(d["Fields"].(pdffile.Array).Clone(), u.Add(pdffile.Dict{"FT": pdffile.Name("Sig"), "T": pdffile.String("Copy"), "V": copied}))
		}), false},
		{"field without its value", pades.CheckFound, "no signature", mutate(func(f *pdffile.File, u *pdffile.Update) {
			for _, s := range must(f.SignatureFields()) {
				if s.Signed() {
					setIn(f, u, s.Field, func(d pdffile.Dict) { delete(d, "V") })
				}
			}
		}), false},
		{"empty field added", pades.CheckChanges, "empty signature field", inForm(func(_ *pdffile.File, u *pdffile.Update, d pdffile.Dict) {
			empty := u.Add(pdffile.Dict{"FT": pdffile.Name("Sig"), "T": pdffile.String("Empty"), "Type": pdffile.Name("Annot"), "Subtype": pdffile.Name("Widget"),
				"Rect": pdffile.Array{pdffile.Integer(0), pdffile.Integer(0), pdffile.Integer(0), pdffile.Integer(0)}})
			d["Fields"] = append(d["Fields"].(pdffile.Array).Clone(), empty)
		}), false},
	} {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			m.refused(t, signed, pades.VerifyOptions{})
		})
	}
}

// TestStoreMutants: a file of level B-LTA whose store, time stamps or evidence were
// changed after its document time stamp.
func TestStoreMutants(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.signer(t, "p256")
	o := options(id)
	o.Protect = w.protect(t, pades.BLTA)
	in := testpdf.Make(testpdf.Options{})
	signed, _ := w.sign(t, in, id, o)
	other := newWorld(t)
	otherID := other.signer(t, "p256")
	o2 := options(otherID)
	o2.Protect = other.protect(t, pades.BLTA)
	foreign, _ := other.sign(t, in, otherID, o2)
	w.valid(t, signed)
	inStore := func(change func(*pdffile.File, *pdffile.Update, pdffile.Dict)) func(*testing.T, []byte) []byte {
		return inCatalog(func(f *pdffile.File, u *pdffile.Update, d pdffile.Dict) {
			store := must(f.Dict(d["DSS"])).Clone()
			change(f, u, store)
			if ref, ok := d["DSS"].(pdffile.Ref); ok {
				u.Set(ref, store)
				return
			}
			d["DSS"] = store
		})
	}
	for _, m := range []mutant{
		{"store removed", pades.CheckChanges, "", inCatalog(func(_ *pdffile.File, _ *pdffile.Update, d pdffile.Dict) { delete(d, "DSS") }), false},
		{"evidence removed", pades.CheckChanges, "", inStore(func(_ *pdffile.File, _ *pdffile.Update, d pdffile.Dict) { delete(d, "OCSPs") }), false},
		{"store of another document", pades.CheckChanges, "", inStore(func(_ *pdffile.File, u *pdffile.Update, d pdffile.Dict) {
			f := must(pdffile.Open(bytes.NewReader(foreign), int64(len(foreign))))
			theirs := must(f.Dict(must(f.Catalog())["DSS"]))
			for _, key := range []pdffile.Name{"Certs", "OCSPs", "CRLs"} {
				var list pdffile.Array
				for _, o := range must(f.Array(theirs[key])) {
					list = append(list, u.AddStream(nil, must(f.Decoded(must(f.Resolve(o)).(*pdffile.Stream)))))
				}
				d[key] = list
			}
			delete(d, "VRI")
		}), false},
		{"evidence changed in its place", pades.CheckDigest, "stamped", func(_ *testing.T, b []byte) []byte {
			f := must(pdffile.Open(bytes.NewReader(b), int64(len(b))))
			first := must(f.Array(must(f.Dict(must(f.Catalog())["DSS"]))["OCSPs"]))[0]
			c := slices.Clone(b)
			c[must(f.Resolve(first)).(*pdffile.Stream).Offset+200] ^= 1
			return c
		}, false},
		{"time stamp of another document", pades.CheckDigest, "stamped", func(t *testing.T, b []byte) []byte {
			return withValue(t, b, value(t, foreign))
		}, false},
	} {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			m.refused(t, signed, pades.VerifyOptions{Trust: w.Trust(), Time: w.now().Add(10 * time.Minute)})
		})
	}
}
