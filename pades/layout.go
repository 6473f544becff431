package pades

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/paraph/paraph/pades/mark"
	"github.com/paraph/paraph/pades/pdffile"
	"github.com/paraph/paraph/pades/pdftext"
)

// layout is the incremental update of one signature, before its value is known.
type layout struct {
	file      *pdffile.File
	update    *pdffile.Update
	opts      *Options
	drawer    *mark.Pen    // from pen; nil where nothing is drawn
	catalog   pdffile.Dict // a copy, written when changed
	changed   bool
	field     string
	existing  *pdffile.SignatureField // the form's own, which is filled
	lock      *Lock
	timestamp bool // a document timestamp
	signed    bool // the file carries a signature already
	byteRange *pdffile.Verbatim
	contents  *pdffile.Verbatim
}

// newLayout reads the file, refuses what must not be signed, and builds the
// objects. room tells the size of the placeholder in hex digits, from the
// options after the field's demands have been heard.
func newLayout(f *pdffile.File, opts *Options, timestamp bool, room func(*Options) (int, error)) (*layout, error) {
	u := pdffile.NewUpdate(f)
	l := &layout{file: f, update: u, opts: opts, timestamp: timestamp, lock: opts.Lock}
	catalog, err := f.Catalog()
	if err != nil {
		return nil, err
	}
	l.catalog = catalog.Clone()
	fields, err := f.SignatureFields()
	if err != nil {
		return nil, err
	}
	if err := l.chooseField(fields); err != nil {
		return nil, err
	}
	if err := l.permitted(fields); err != nil {
		return nil, err
	}
	digits, err := room(l.opts)
	if err != nil {
		return nil, err
	}
	if len(opts.Marks) > 0 {
		if err := l.pen().Stamp(opts.Marks); err != nil {
			return nil, err
		}
	}
	sig := u.Add(l.signature(digits))
	if err := l.place(sig); err != nil {
		return nil, err
	}
	if l.opts.Certify > 0 {
		if err := l.certify(sig); err != nil {
			return nil, err
		}
	}
	if err := l.extensions(); err != nil {
		return nil, err
	}
	if l.changed {
		u.Set(u.Root(), l.catalog)
	}
	if l.drawer != nil {
		err = l.drawer.Close()
	}
	return l, err
}

// pen is what all marks of the update are drawn with; most signatures show nothing.
func (l *layout) pen() *mark.Pen {
	if l.drawer == nil {
		l.drawer = mark.NewPen(l.update, l.opts.Fonts)
	}
	return l.drawer
}

// permitted checks the options against the signatures that are already there
// and against what the field demands.
func (l *layout) permitted(fields []pdffile.SignatureField) error {
	r, err := restrictionsOf(l.file, fields)
	l.signed = r.signed
	if err != nil || l.timestamp {
		return err // document timestamps and validation data are always allowed
	}
	if l.existing != nil {
		if err := l.demands(); err != nil {
			return err
		}
	}
	if r.level == 1 {
		return ErrNoChanges
	}
	if by, locked := r.locks(l.field); locked {
		return fmt.Errorf("%w: %s, by the signature in %s", ErrLocked, l.field, by)
	}
	if r.signed && len(l.opts.Marks) > 0 {
		return ErrSignedContent
	}
	if r.signed && l.opts.Certify > 0 {
		return ErrCertifyLate
	}
	return nil
}

// carriesSignature tells whether a signature field of the file is filled.
func carriesSignature(f *pdffile.File) (bool, error) {
	fields, err := f.SignatureFields()
	return slices.ContainsFunc(fields, pdffile.SignatureField.Signed), err
}

// chooseField finds the field to fill, or a name that no field of the form has.
func (l *layout) chooseField(fields []pdffile.SignatureField) error {
	l.field = l.opts.Field
	for i := range fields {
		if l.field == "" || decodeText(fields[i].Name) != l.field {
			continue
		}
		if fields[i].Signed() {
			return fmt.Errorf("%w: %s is signed", ErrFieldExists, l.field)
		}
		if l.opts.Lock != nil {
			return fmt.Errorf("%w: the field %s comes with the form, and so does what it locks", ErrOptions, l.field)
		}
		l.existing = &fields[i]
		return nil
	}
	names, err := l.file.FieldNames()
	if err != nil {
		return err
	}
	if l.field != "" {
		if names[l.field] || names[string(pdftext.TextString(l.field))] {
			return fmt.Errorf("%w: %s", ErrFieldExists, l.field)
		}
		if strings.Contains(l.field, ".") {
			return fmt.Errorf("%w: the name of a new field must not contain a full stop", ErrOptions)
		}
		return nil
	}
	stem := "Signature"
	if l.timestamp {
		stem = "Timestamp"
	}
	for i := 1; ; i++ {
		if l.field = stem + strconv.Itoa(i); !names[l.field] {
			return nil
		}
	}
}

// place puts the signature into its field.
func (l *layout) place(sig pdffile.Ref) error {
	if l.existing != nil {
		return l.fill(sig)
	}
	widget, err := l.widget(sig)
	if err != nil {
		return err
	}
	return l.form(widget)
}
