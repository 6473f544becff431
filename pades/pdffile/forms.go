package pdffile

// SignatureField is a field of type Sig (12.7.4.5).
type SignatureField struct {
	Name  string // fully qualified; text in PDFDocEncoding or UTF-16 as in the file
	Field Ref
	Value Ref  // of the signature dictionary; zero if the field is empty or the value is direct
	Dict  Dict // the signature dictionary, nil if the field is empty
}

// Signed tells whether the field holds a signature.
func (s SignatureField) Signed() bool { return s.Dict != nil }

// SubFilter names the encoding of the signature, for example ETSI.CAdES.detached.
func (s SignatureField) SubFilter() Name { n, _ := s.Dict["SubFilter"].(Name); return n }

// maxFields bounds the form fields that are read.
const maxFields = 100_000

// FieldNames gives the fully qualified names of all form fields (12.7.3.2), nil
// where there are none.
func (f *File) FieldNames() (names map[string]bool, err error) {
	err = f.WalkFields(func(name string, _ Ref, _ Dict, _ Object) error {
		if names == nil {
			names = map[string]bool{}
		}
		names[name] = true
		return nil
	})
	return names, err
}

// SignatureFields lists the form's signature fields in the order of the form.
func (f *File) SignatureFields() ([]SignatureField, error) {
	var list []SignatureField
	err := f.WalkFields(func(name string, ref Ref, d Dict, kind Object) error {
		if kind != Object(Name("Sig")) {
			return nil
		}
		s := SignatureField{Name: name, Field: ref}
		s.Value, _ = d["V"].(Ref)
		var err error
		if s.Dict, err = f.Dict(d["V"]); err != nil {
			return err
		}
		list = append(list, s)
		return nil
	})
	return list, err
}

// AcroForm gives the form dictionary, nil if there is none (12.7.2).
func (f *File) AcroForm() (Dict, error) {
	cat, err := f.Catalog()
	if err != nil {
		return nil, err
	}
	return f.Dict(cat["AcroForm"])
}

// FieldVisit gets a form field: its full name as SignatureField has it, where it is, and its type, /FT.
type FieldVisit func(name string, ref Ref, d Dict, kind Object) error

// WalkFields visits every field of the form, those with fields below them too. An
// error of visit ends the walk and is returned.
func (f *File) WalkFields(visit FieldVisit) error {
	form, err := f.AcroForm()
	if err != nil || form == nil {
		return err
	}
	fields, err := f.Array(form["Fields"])
	if err != nil {
		return err
	}
	w := fieldWalk{f: f, visit: visit, seen: map[uint32]bool{}}
	return w.list(fields, "", nil, 0)
}

type fieldWalk struct {
	f     *File
	visit FieldVisit
	seen  map[uint32]bool
}

func (w *fieldWalk) list(fields Array, prefix string, kind Object, depth int) error {
	if depth > w.f.lim.Depth {
		return overLimit("form fields are nested deeper than %d", w.f.lim.Depth)
	}
	for _, o := range fields {
		ref, ok := o.(Ref)
		if !ok {
			return damaged(-1, "the form lists a field that is no reference")
		}
		if w.seen[ref.Num] {
			return damaged(-1, "the form reaches field %d twice", ref.Num)
		}
		if len(w.seen) == maxFields {
			return overLimit("the form has more than %d fields", maxFields)
		}
		w.seen[ref.Num] = true
		if err := w.field(ref, prefix, kind, depth); err != nil {
			return err
		}
	}
	return nil
}

func (w *fieldWalk) field(ref Ref, prefix string, kind Object, depth int) error {
	d, err := w.f.Dict(ref)
	if err != nil || d == nil {
		return err
	}
	if !isNull(d["FT"]) {
		if kind, err = w.f.Resolve(d["FT"]); err != nil {
			return err
		}
	}
	title, err := w.f.Resolve(d["T"])
	if err != nil {
		return err
	}
	name := prefix
	if t, ok := title.(String); ok {
		if name != "" {
			name += "."
		}
		name += string(t)
	} else if prefix != "" {
		return nil // a widget of its parent, not a field of its own
	}
	kids, err := w.f.Array(d["Kids"])
	if err != nil {
		return err
	}
	if err := w.visit(name, ref, d, kind); err != nil {
		return err
	}
	return w.list(kids, name, kind, depth+1)
}

// DocMDP gives the access level that the document's certification signature
// grants, 1 to 3, or 0 if the document is not certified (12.8.2.2).
func (f *File) DocMDP() (int, error) {
	cat, err := f.Catalog()
	if err != nil {
		return 0, err
	}
	perms, err := f.Dict(cat["Perms"])
	if err != nil || perms == nil {
		return 0, err
	}
	sig, err := f.Dict(perms["DocMDP"])
	if err != nil || sig == nil {
		return 0, err
	}
	refs, err := f.Array(sig["Reference"])
	if err != nil {
		return 0, err
	}
	for _, o := range refs {
		d, err := f.Dict(o)
		if err != nil {
			return 0, err
		}
		if d["TransformMethod"] != Object(Name("DocMDP")) {
			continue
		}
		return f.docMDPLevel(d)
	}
	return 0, nil
}

func (f *File) docMDPLevel(reference Dict) (int, error) {
	params, err := f.Dict(reference["TransformParams"])
	if err != nil {
		return 0, err
	}
	o, err := f.Resolve(params["P"])
	if err != nil {
		return 0, err
	}
	switch p := o.(type) {
	case Null:
		return 2, nil // the default of Table 254
	case Integer:
		if p >= 1 && p <= 3 {
			return int(p), nil
		}
	}
	return 0, damaged(-1, "the certification's access level is out of range")
}
