package pades_test

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paraph/paraph/internal/testneed"
	"github.com/paraph/paraph/pades"
	"github.com/paraph/paraph/pades/internal/testpdf"
	"github.com/paraph/paraph/pades/mark"
	"github.com/paraph/paraph/pades/pdffile"
)

type dict = pdffile.Dict

// withField gives a form an empty signature field "Deed.Buyer", whose widget is
// an object of its own, with what change puts into it.
func withField(t testing.TB, kind testpdf.Kind, change dict) []byte {
	t.Helper()
	return update(t, testpdf.Make(testpdf.Options{Kind: kind, Form: true}), func(f *pdffile.File, u *pdffile.Update) {
		page := must(f.Page(0))
		parent, field, widget := u.Reserve(), u.Reserve(), u.Reserve()
		d := dict{"FT": pdffile.Name("Sig"), "T": pdffile.String("Buyer"), "Parent": parent, "Kids": pdffile.Array{widget}}
		for key, value := range change {
			d[key] = value
		}
		u.Set(parent, dict{"T": pdffile.String("Deed"), "Kids": pdffile.Array{field}})
		u.Set(field, d)
		u.Set(widget, dict{
			"Type": pdffile.Name("Annot"), "Subtype": pdffile.Name("Widget"), "Parent": field, "P": page.Ref, "F": pdffile.Integer(0),
			"Rect": pdffile.Array{pdffile.Integer(100), pdffile.Integer(400), pdffile.Integer(300), pdffile.Integer(470)},
		})
		catalog := must(f.Catalog()).Clone()
		form := must(f.Dict(catalog["AcroForm"])).Clone()
		form["Fields"] = append(form["Fields"].(pdffile.Array).Clone(), parent)
		catalog["AcroForm"] = form
		u.Set(u.Root(), catalog)
		d = page.Dict.Clone()
		d["Annots"] = append(must(f.Array(d["Annots"])).Clone(), widget)
		u.Set(page.Ref, d)
	})
}

// TestFillsFields: the form's own fields are filled where they stand, merged
// with their widget or not, after another signature too.
func TestFillsFields(t *testing.T) {
	t.Parallel()
	id := identity(t, "Ada Signer", "p256")
	for _, kind := range testpdf.Kinds {
		in := withField(t, kind, nil)
		for _, first := range []string{"Signature1", "Deed.Buyer"} {
			o := options(id)
			o.Field, o.Visible = first, drawn(0, 0, 0)
			once := sign(t, in, id, o)
			second := map[string]string{"Signature1": "Deed.Buyer", "Deed.Buyer": "Signature1"}[first]
			o.Field = second
			if second == "Deed.Buyer" { // its widget may not be changed any more
				if _, err := pades.Sign(context.Background(), bytes.NewReader(once), int64(len(once)), discard{}, id.Key, o); !errors.Is(err, pades.ErrSignedContent) {
					t.Errorf("a visible signature in a widget of its own gives %v", err)
				}
				o.Visible = nil
			}
			twice := sign(t, once, id, o)
			r := verify(t, twice, pades.VerifyOptions{})
			if r.Verdict != pades.Valid || len(r.Signatures) != 2 {
				t.Errorf("%s, %s first: %s", kind, first, explain(r))
			}
			f := must(pdffile.Open(bytes.NewReader(twice), int64(len(twice))))
			if n := len(must(f.FieldNames())); n != 6 {
				t.Errorf("%s: the form has %d fields", kind, n)
			}
			keep(t, "fill-"+string(kind)+"-"+first, twice)
			checkQPDF(t, twice) // pdfsig does not find values of fields with a widget of their own
			if _, err := pades.Sign(context.Background(), bytes.NewReader(twice), int64(len(twice)), discard{}, id.Key, o); !errors.Is(err, pades.ErrFieldExists) {
				t.Errorf("a field that is signed gives %v", err)
			}
		}
	}
	o := options(id)
	o.Field = "Town"
	in := testpdf.Make(testpdf.Options{Form: true})
	if _, err := pades.Sign(context.Background(), bytes.NewReader(in), int64(len(in)), discard{}, id.Key, o); !errors.Is(err, pades.ErrFieldExists) {
		t.Errorf("a text field gives %v", err)
	}
}

// TestLocks: what a signature locks can't be signed any more, whether the lock
// came with the form or with the new field.
func TestLocks(t *testing.T) {
	t.Parallel()
	id := identity(t, "Ada Signer", "p256")
	try := func(in []byte, o pades.Options) ([]byte, error) {
		var out bytes.Buffer
		_, err := pades.Sign(context.Background(), bytes.NewReader(in), int64(len(in)), &out, id.Key, o)
		return out.Bytes(), err
	}
	fieldLock := func(action string, level int, fields ...string) dict {
		d := dict{"Type": pdffile.Name("SigFieldLock"), "Action": pdffile.Name(action)}
		if len(fields) > 0 {
			list := pdffile.Array{}
			for _, f := range fields {
				list = append(list, pdffile.String(f))
			}
			d["Fields"] = list
		}
		if level > 0 {
			d["P"] = pdffile.Integer(level)
		}
		return d
	}
	for _, c := range []struct {
		name string
		lock dict        // of the form's field
		own  *pades.Lock // of a new field
		next string      // is signed afterwards
		want error
	}{
		{"all", fieldLock("All", 0), nil, "Signature1", pades.ErrLocked},
		{"this one", fieldLock("Include", 0, "Signature1"), nil, "Signature1", pades.ErrLocked},
		{"another one", fieldLock("Include", 0, "Town"), nil, "Signature1", nil},
		{"all but this one", fieldLock("Exclude", 0, "Signature1"), nil, "Signature1", nil},
		{"all but another one", fieldLock("Exclude", 0, "Town"), nil, "Signature1", pades.ErrLocked},
		{"the whole document", fieldLock("Include", 1, "Town"), nil, "Signature1", pades.ErrNoChanges},
		{"signatures only", fieldLock("Include", 2, "Town"), nil, "Signature1", nil},
		{"a new field's lock", nil, &pades.Lock{Action: pades.LockInclude, Fields: []string{"Signature1"}}, "Signature1", pades.ErrLocked},
		{"a field below", nil, &pades.Lock{Action: pades.LockInclude, Fields: []string{"Deed"}}, "Deed.Buyer", pades.ErrLocked},
		{"a new field's lock of all", nil, &pades.Lock{Action: pades.LockAll, Level: 1}, "Signature1", pades.ErrNoChanges},
	} {
		in := withField(t, testpdf.Classic, nil)
		o := options(id)
		o.Lock = c.own
		if c.lock != nil {
			in = withField(t, testpdf.Classic, dict{"Lock": c.lock})
			o.Field = "Deed.Buyer"
		}
		once, err := try(in, o)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if !bytes.Contains(once, []byte("/FieldMDP")) {
			t.Errorf("%s: the signature does not say what it locks", c.name)
		}
		o = options(id)
		o.Field = c.next
		twice, err := try(once, o)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: the next signature gives %v", c.name, err)
		}
		checkQPDF(t, once)
		keep(t, "lock-"+strings.ReplaceAll(c.name, " ", "-"), once)
		if err == nil {
			if r := verify(t, twice, pades.VerifyOptions{}); r.Verdict != pades.Valid {
				t.Errorf("%s: %s", c.name, explain(r))
			}
			keep(t, "lock-"+strings.ReplaceAll(c.name, " ", "-")+"-twice", twice)
		}
	}
	for _, bad := range []pades.Lock{{}, {Action: "Some"}, {Action: pades.LockAll, Fields: []string{"x"}}, {Action: pades.LockInclude}, {Action: pades.LockAll, Level: 4}} {
		o := options(id)
		o.Lock = &bad
		if _, err := try(testpdf.Make(testpdf.Options{}), o); !errors.Is(err, pades.ErrOptions) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func TestSeedValues(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.signer(t, "p256")
	name := func(s string) pdffile.Name { return pdffile.Name(s) }
	texts := func(list ...string) pdffile.Array {
		a := pdffile.Array{}
		for _, s := range list {
			a = append(a, pdffile.String(s))
		}
		return a
	}
	reason := func(s string) func(*pades.Options) { return func(o *pades.Options) { o.Reason = s } }
	stamped := func(o *pades.Options) { o.Protect = w.protect(t, pades.BT) }
	for _, c := range []struct {
		name   string
		sv     dict
		change func(*pades.Options)
		unmet  string // key; empty where the signature is made
		has    string // in the file then
	}{
		{"nothing", dict{}, nil, "", ""},
		{"handler wished", dict{"Filter": name("Other")}, nil, "", ""},
		{"handler demanded", dict{"Filter": name("Other"), "Ff": pdffile.Integer(1)}, nil, "Filter", ""},
		{"our handler demanded", dict{"Filter": name("Adobe.PPKLite"), "Ff": pdffile.Integer(1)}, nil, "", ""},
		{"encoding demanded", dict{"SubFilter": pdffile.Array{name("adbe.pkcs7.detached")}, "Ff": pdffile.Integer(2)}, nil, "SubFilter", ""},
		{"one of two encodings", dict{"SubFilter": pdffile.Array{name("adbe.pkcs7.detached"), name("ETSI.CAdES.detached")}, "Ff": pdffile.Integer(2)}, nil, "", ""},
		{"newer version", dict{"V": pdffile.Real(4), "Ff": pdffile.Integer(4)}, nil, "V", ""},
		{"reason", dict{"Reasons": texts("I agree", "I saw it"), "Ff": pdffile.Integer(8)}, reason("I agree"), "", "(I agree)"},
		{"other reason", dict{"Reasons": texts("I agree"), "Ff": pdffile.Integer(8)}, reason("Why not"), "Reasons", ""},
		{"other reason, wished", dict{"Reasons": texts("I agree")}, reason("Why not"), "", "(Why not)"},
		{"no reason demanded", dict{"Reasons": texts("."), "Ff": pdffile.Integer(8)}, reason("Why not"), "Reasons", ""},
		{"no reason given", dict{"Reasons": texts("."), "Ff": pdffile.Integer(8)}, reason(""), "", ""},
		{"digest", dict{"DigestMethod": texts("SHA1", "SHA512"), "Ff": pdffile.Integer(64)}, nil, "", ""},
		{"old digest", dict{"DigestMethod": texts("SHA1"), "Ff": pdffile.Integer(64)}, nil, "DigestMethod", ""},
		{"other digest", dict{"DigestMethod": texts("SHA384"), "Ff": pdffile.Integer(64)}, func(o *pades.Options) { o.Hash = crypto.SHA256 }, "DigestMethod", ""},
		{"certification", dict{"MDP": dict{"P": pdffile.Integer(2)}}, nil, "", "/DocMDP"},
		{"other certification", dict{"MDP": dict{"P": pdffile.Integer(2)}}, func(o *pades.Options) { o.Certify = 1 }, "MDP", ""},
		{"approval only", dict{"MDP": dict{"P": pdffile.Integer(0)}}, func(o *pades.Options) { o.Certify = 1 }, "MDP", ""},
		{"locks the document", dict{"LockDocument": name("true"), "Ff": pdffile.Integer(128)}, nil, "", "/FieldMDP"},
		{"leaves it open", dict{"LockDocument": name("false"), "Ff": pdffile.Integer(128)}, func(o *pades.Options) { o.Certify = 1 }, "LockDocument", ""},
		{"timestamp", dict{"TimeStamp": dict{"URL": pdffile.String("https://tsa.example"), "Ff": pdffile.Integer(1)}}, stamped, "", ""},
		{"timestamp without authority", dict{"TimeStamp": dict{"Ff": pdffile.Integer(1)}}, nil, "TimeStamp", ""},
		{"timestamp wished", dict{"TimeStamp": dict{"Ff": pdffile.Integer(0)}}, nil, "", ""},
		{"evidence", dict{"AddRevInfo": pdffile.Bool(true), "Ff": pdffile.Integer(32)}, nil, "AddRevInfo", ""},
		{"evidence given", dict{"AddRevInfo": pdffile.Bool(true), "Ff": pdffile.Integer(32)}, func(o *pades.Options) { o.Protect = w.protect(t, pades.BLT) }, "", "/DSS"},
		{"appearance", dict{"AppearanceFilter": name("X"), "Ff": pdffile.Integer(256)}, nil, "AppearanceFilter", ""},
		{"this certificate", dict{"Cert": dict{"Subject": texts(string(id.Chain[0].Raw)), "Ff": pdffile.Integer(1)}}, nil, "", ""},
		{"another certificate", dict{"Cert": dict{"Subject": texts(string(id.Chain[1].Raw)), "Ff": pdffile.Integer(1)}}, nil, "Cert", ""},
		{"this issuer", dict{"Cert": dict{"Issuer": texts(string(id.Chain[1].Raw)), "Ff": pdffile.Integer(2)}}, nil, "", ""},
		{"key usage", dict{"Cert": dict{"KeyUsage": texts("11XXXXXXX"), "Ff": pdffile.Integer(32)}}, nil, "", ""},
		{"other key usage", dict{"Cert": dict{"KeyUsage": texts("0XXXXXXXX"), "Ff": pdffile.Integer(32)}}, nil, "Cert", ""},
		{"policy", dict{"Cert": dict{"OID": texts("1.2.3"), "Ff": pdffile.Integer(4)}}, nil, "Cert", ""},
	} {
		in := withField(t, testpdf.Classic, dict{"SV": c.sv})
		o := options(id)
		o.Field = "Deed.Buyer"
		if c.change != nil {
			c.change(&o)
		}
		var out bytes.Buffer
		r, err := pades.Sign(context.Background(), bytes.NewReader(in), int64(len(in)), &out, id.Key, o)
		if c.unmet != "" {
			e, ok := errors.AsType[*pades.SeedValueError](err)
			if !ok || e.Key != c.unmet || e.Reason == "" || !errors.Is(err, pades.ErrSeedValue) {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if r.Delayed != nil || !bytes.Contains(out.Bytes(), []byte(c.has)) {
			t.Errorf("%s: %+v", c.name, r)
		}
		w.valid(t, out.Bytes())
		if c.name == "digest" {
			if v := must(pades.Verify(context.Background(), bytes.NewReader(out.Bytes()), int64(out.Len()), pades.VerifyOptions{})); !strings.Contains(v.Signatures[0].Algorithm, "SHA-512") {
				t.Errorf("signed with %s", v.Signatures[0].Algorithm)
			}
		}
	}
	// A timestamp that is demanded and cannot be had: there is no signature.
	in := withField(t, testpdf.Classic, dict{"SV": dict{"TimeStamp": dict{"Ff": pdffile.Integer(1)}}})
	o := options(id)
	o.Field = "Deed.Buyer"
	stamped(&o)
	w.fail = errors.New("out of order")
	for _, p := range []pades.Protect{o.Protect, {TokenSize: 2000}} {
		o.Protect = p
		if _, err := pades.Sign(context.Background(), bytes.NewReader(in), int64(len(in)), discard{}, id.Key, o); !errors.Is(err, pades.ErrSeedValue) {
			t.Errorf("%v", err)
		}
	}
}

// encrypted lets qpdf encrypt a file; the passwords are "user" and "owner".
func encrypted(t testing.TB, in []byte, mode string, flags ...string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "out.pdf")
	args := append([]string{"--allow-weak-crypto", "--object-streams=" + mode, temp(t, in), "--encrypt", "user", "owner"}, flags...)
	if out, err := exec.Command(testneed.Command(t, "qpdf"), append(args, "--", file)...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return must(os.ReadFile(file))
}

// TestSignsEncrypted signs what qpdf encrypted, up to B-LTA, and verifies it with the password.
func TestSignsEncrypted(t *testing.T) {
	t.Parallel()
	qpdf := testneed.Command(t, "qpdf")
	w := newWorld(t)
	id := w.signer(t, "p256")
	for name, flags := range map[string][]string{"aes128": {"128", "--use-aes=y"}, "aes256": {"256"}, "rc4": {"128", "--use-aes=n"}} {
		for _, mode := range []string{"disable", "generate"} {
			in := encrypted(t, testpdf.Make(testpdf.Options{Form: true}), mode, flags...)
			o := options(id)
			o.Visible = drawn(0, 100, 200)
			o.Marks = []mark.Mark{*drawn(0, 100, 300)}
			o.Protect = w.protect(t, pades.BLTA)
			if _, err := pades.Sign(context.Background(), bytes.NewReader(in), int64(len(in)), discard{}, id.Key, o); !errors.Is(err, pdffile.ErrPassword) {
				t.Errorf("without the password: %v", err)
			}
			o.Password = "user"
			out, r := w.sign(t, in, id, o)
			if r.Level != pades.BLTA || r.Delayed != nil {
				t.Errorf("%+v", r)
			}
			v := w.verify(t, out, pades.VerifyOptions{Password: "owner", Policy: pades.Sealed})
			if v.Verdict != pades.Valid {
				t.Errorf("%s: %s", name, explain(v))
			}
			keep(t, "encrypted-"+name+"-"+mode, out)
			if b, err := exec.Command(qpdf, "--password=user", "--check", temp(t, out)).CombinedOutput(); err != nil || bytes.Contains(b, []byte("WARNING")) {
				t.Errorf("qpdf: %v\n%s", err, b)
			}
			if b, err := exec.Command(testneed.Command(t, "pdfsig"), "-nocert", "-upw", "user", temp(t, out)).CombinedOutput(); !bytes.Contains(b, []byte("Signature is Valid")) {
				t.Errorf("pdfsig: %v\n%s", err, b)
			}
		}
	}
}

// TestPictures: JPEG and PNG with transparency, and a path with curves, stand in
// the appearance; a picture that is none is refused.
func TestPictures(t *testing.T) {
	t.Parallel()
	id := identity(t, "Ada Signer", "p256")
	picture := image.NewNRGBA(image.Rect(0, 0, 60, 30))
	for x := range 60 {
		for y := range 30 {
			picture.Set(x, y, color.NRGBA{R: uint8(4 * x), B: 200, A: uint8(8 * y)})
		}
	}
	var withAlpha, photo bytes.Buffer
	if err := errors.Join(png.Encode(&withAlpha, picture), jpeg.Encode(&photo, picture, nil)); err != nil {
		t.Fatal(err)
	}
	o := options(id)
	o.Visible = &mark.Mark{Rect: mark.Rect{X: 100, Y: 100, Width: 200, Height: 80}, Frame: true, Items: []mark.Item{
		mark.Image{Box: mark.Rect{Width: 60, Height: 40}, Data: withAlpha.Bytes()},
		mark.Image{Box: mark.Rect{X: 70, Width: 60, Height: 40}, Data: photo.Bytes()},
		mark.Path{Box: mark.Rect{X: 140, Width: 60, Height: 40}, Width: 100, Height: 50, Pen: 2, Data: "M10,40 C20-5 40 60,50 20q10-20 20 0l5 5H90v-10Z"},
		mark.Text{Box: mark.Rect{Y: 45, Width: 60, Height: 20}, Text: mark.Initials("Ada King-Noel, countess of Lovelace")},
	}}
	out := sign(t, testpdf.Make(testpdf.Options{}), id, o)
	keep(t, "pictures", out)
	checkQPDF(t, out)
	if r := verify(t, out, pades.VerifyOptions{}); r.Verdict != pades.Valid {
		t.Error(explain(r))
	}
	for name, item := range map[string]mark.Item{
		"no picture": mark.Image{Data: []byte("GIF89a")}, "cut picture": mark.Image{Data: withAlpha.Bytes()[:80]},
		"cut photo":         mark.Image{Data: photo.Bytes()[:photo.Len()/2]},
		"path without move": mark.Path{Width: 1, Height: 1, Data: "L 1 2"}, "arc": mark.Path{Width: 1, Height: 1, Data: "M0 0 A 1 1 0 0 0 1 1"},
		"half a point": mark.Path{Width: 1, Height: 1, Data: "M 0"},
	} {
		o.Visible.Items = []mark.Item{item}
		in := testpdf.Make(testpdf.Options{})
		if _, err := pades.Sign(context.Background(), bytes.NewReader(in), int64(len(in)), discard{}, id.Key, o); !errors.Is(err, mark.ErrMark) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
