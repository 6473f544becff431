package pades

import (
	"fmt"
	"slices"
	"strings"

	"github.com/paraph/paraph/pades/pdffile"
	"github.com/paraph/paraph/pades/pdftext"
)

// LockAction says which fields a lock means.
type LockAction string

// The actions of a field lock (ISO 32000-2, Table 236).
const (
	LockAll     LockAction = "All"
	LockInclude LockAction = "Include" // the fields named
	LockExclude LockAction = "Exclude" // all but the fields named
)

// Lock says what nobody may change any more once a field is signed.
type Lock struct {
	Action LockAction
	Fields []string // full names; a name stands for the fields below it too
	// Level, from 1 to 3, bounds changes of the document as DocMDP does; 0 sets no bound.
	Level int
}

func (k *Lock) check() error {
	if k.Action != LockAll && k.Action != LockInclude && k.Action != LockExclude {
		return fmt.Errorf("%w: there is no lock action %q", ErrOptions, k.Action)
	}
	if (k.Action == LockAll) != (len(k.Fields) == 0) {
		return fmt.Errorf("%w: a lock names fields unless it means all", ErrOptions)
	}
	if k.Level < 0 || k.Level > 3 {
		return fmt.Errorf("%w: there is no DocMDP level %d", ErrOptions, k.Level)
	}
	return nil
}

// dict writes the lock as a field's /Lock or as the parameters of FieldMDP.
func (k *Lock) dict(kind pdffile.Name) pdffile.Dict {
	d := pdffile.Dict{"Type": kind, "Action": pdffile.Name(k.Action)}
	if len(k.Fields) > 0 {
		list := pdffile.Array{}
		for _, name := range k.Fields {
			list = append(list, pdftext.TextString(name))
		}
		d["Fields"] = list
	}
	if kind == "TransformParams" {
		d["V"] = pdffile.Name("1.2")
	} else if k.Level > 0 {
		d["P"] = pdffile.Integer(k.Level)
	}
	return d
}

// readLock reads a field's /Lock, or the parameters of FieldMDP.
func readLock(f *pdffile.File, o pdffile.Object) (*Lock, error) {
	d, err := f.Dict(o)
	if err != nil || d == nil {
		return nil, err
	}
	action, err := f.Resolve(d["Action"])
	if err != nil {
		return nil, err
	}
	name, _ := action.(pdffile.Name)
	k := &Lock{Action: LockAction(name)}
	list, err := f.Array(d["Fields"])
	if err != nil {
		return nil, err
	}
	if k.Action != LockAll {
		for _, e := range list {
			o, err := f.Resolve(e)
			if err != nil {
				return nil, err
			}
			text, _ := o.(pdffile.String)
			k.Fields = append(k.Fields, decodeText(string(text)))
		}
	}
	level, err := f.Resolve(d["P"])
	if err != nil {
		return nil, err
	}
	if p, ok := level.(pdffile.Integer); ok && p >= 1 && p <= 3 {
		k.Level = int(p)
	}
	if k.Action != LockAll && k.Action != LockInclude && k.Action != LockExclude {
		return nil, &pdffile.Error{Kind: pdffile.ErrDamaged, Offset: -1, Reason: fmt.Sprintf("a signature field's lock has the action %q", name)}
	}
	return k, nil
}

// covers tells whether the lock means the field of this full name.
func (k *Lock) covers(field string) bool {
	named := slices.ContainsFunc(k.Fields, func(n string) bool { return n == field || strings.HasPrefix(field, n+".") })
	return k.Action == LockAll || named == (k.Action == LockInclude)
}

// references are what the signature says of later changes (12.8.2): DocMDP for
// a certification and for a lock with a level, FieldMDP for locked fields.
func (l *layout) references() pdffile.Array {
	var list pdffile.Array
	level := l.opts.Certify
	if level == 0 && l.lock != nil {
		level = l.lock.Level
	}
	if level > 0 {
		list = append(list, pdffile.Dict{
			"Type": pdffile.Name("SigRef"), "TransformMethod": pdffile.Name("DocMDP"),
			"TransformParams": pdffile.Dict{
				"Type": pdffile.Name("TransformParams"), "V": pdffile.Name("1.2"), "P": pdffile.Integer(level),
			},
		})
	}
	if l.lock != nil {
		list = append(list, pdffile.Dict{
			"Type": pdffile.Name("SigRef"), "TransformMethod": pdffile.Name("FieldMDP"), "Data": l.update.Root(),
			"TransformParams": l.lock.dict("TransformParams"),
		})
	}
	return list
}

// restrictions are what the signatures of a file allow of later changes.
type restrictions struct {
	signed bool
	level  int // the lowest DocMDP level; 0: no signature sets one
	fields []fieldLock
}

type fieldLock struct {
	by   string
	lock *Lock
}

func restrictionsOf(f *pdffile.File, fields []pdffile.SignatureField) (restrictions, error) {
	var r restrictions
	certified, err := f.DocMDP()
	if err != nil {
		return r, err
	}
	r.level = certified
	for _, s := range fields {
		if !s.Signed() {
			continue
		}
		r.signed = true
		refs, err := f.Array(s.Dict["Reference"])
		if err != nil {
			return r, err
		}
		for _, o := range refs {
			if err := r.add(f, decodeText(s.Name), o); err != nil {
				return r, err
			}
		}
	}
	return r, nil
}

func (r *restrictions) add(f *pdffile.File, by string, reference pdffile.Object) error {
	d, err := f.Dict(reference)
	if err != nil {
		return err
	}
	switch d["TransformMethod"] {
	case pdffile.Object(pdffile.Name("DocMDP")):
		params, err := f.Dict(d["TransformParams"])
		if err != nil {
			return err
		}
		if p, ok := params["P"].(pdffile.Integer); ok && p >= 1 && p <= 3 && (r.level == 0 || int(p) < r.level) {
			r.level = int(p)
		}
	case pdffile.Object(pdffile.Name("FieldMDP")):
		lock, err := readLock(f, d["TransformParams"])
		if err != nil {
			return err
		}
		if lock != nil {
			r.fields = append(r.fields, fieldLock{by, lock})
		}
	}
	return nil
}

// locks tells whether a field is locked, and by the signature in which field.
func (r *restrictions) locks(field string) (by string, locked bool) {
	for _, k := range r.fields {
		if k.lock.covers(field) {
			return k.by, true
		}
	}
	return "", false
}
