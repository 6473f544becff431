package pdfa

import (
	"crypto/md5" //nolint:gosec // ISO 32000-1, Table 46 asks for it; it protects nothing
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/paraph/paraph/pades/pdffile"
	"github.com/paraph/paraph/pades/pdftext"
)

// File is a file to be attached.
type File struct {
	Name         string
	MediaType    string
	Description  string
	Relationship string // Source, Data, Alternative, Supplement or Unspecified
	Modified     time.Time
	Data         []byte
}

// maxAttached bounds the names of a document's own attachments that are read.
const maxAttached = 10_000

// Attach embeds files beside those that the document has, each associated with
// the document as a whole (ISO 19005-3, 6.8). A name that is taken gets a number.
func Attach(u *pdffile.Update, files []File) error {
	if len(files) == 0 {
		return nil
	}
	catalog, err := catalogOf(u)
	if err != nil {
		return err
	}
	names, err := u.File().Dict(catalog["Names"])
	if err != nil {
		return err
	}
	if names = names.Clone(); names == nil {
		names = pdffile.Dict{}
	}
	entries, err := attached(u.File(), names["EmbeddedFiles"])
	if err != nil {
		return err
	}
	associated, err := u.File().Array(catalog["AF"])
	if err != nil {
		return err
	}
	associated = associated.Clone()
	for _, f := range files {
		ref, err := embed(u, f)
		if err != nil {
			return err
		}
		associated = append(associated, ref)
		entries = append(entries, attachment{freeName(entries, f.Name), ref})
	}
	slices.SortStableFunc(entries, func(a, b attachment) int { return strings.Compare(string(a.name), string(b.name)) })
	list := pdffile.Array{}
	for _, e := range entries {
		list = append(list, e.name, e.file)
	}
	names["EmbeddedFiles"] = u.Add(pdffile.Dict{"Names": list})
	catalog["Names"], catalog["AF"] = names, associated
	u.Set(u.Root(), catalog)
	return nil
}

// attachment is an entry of the name tree.
type attachment struct {
	name pdffile.String
	file pdffile.Object
}

func freeName(entries []attachment, name string) pdffile.String {
	for n := 1; ; n++ {
		try := name
		if n > 1 {
			base, ext, _ := strings.Cut(name, ".")
			try = base + "-" + strconv.Itoa(n) + "." + ext
		}
		if key := pdftext.TextString(try); !slices.ContainsFunc(entries, func(e attachment) bool { return e.name == key }) {
			return key
		}
	}
}

// attached reads the document's own attachments out of their name tree (7.9.6).
func attached(f *pdffile.File, tree pdffile.Object) (entries []attachment, err error) {
	var visit func(o pdffile.Object, depth int) error
	visit = func(o pdffile.Object, depth int) error {
		d, err := f.Dict(o)
		if err != nil || d == nil {
			return err
		}
		list, err := f.Array(d["Names"])
		if err != nil {
			return err
		}
		for i := 0; i+1 < len(list); i += 2 {
			name, err := f.Resolve(list[i])
			if err != nil {
				return err
			}
			s, _ := name.(pdffile.String)
			if entries = append(entries, attachment{s, list[i+1]}); len(entries) > maxAttached {
				return errors.New("the document has too many attachments")
			}
		}
		kids, err := f.Array(d["Kids"])
		if err != nil || depth > 20 {
			return err
		}
		for _, kid := range kids {
			if err := visit(kid, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	err = visit(tree, 0)
	return entries, err
}

func embed(u *pdffile.Update, f File) (pdffile.Ref, error) {
	packed, err := pdffile.Deflate(f.Data)
	if err != nil {
		return pdffile.Ref{}, err
	}
	sum := md5.Sum(f.Data) //nolint:gosec // see above
	params := pdffile.Dict{"Size": pdffile.Integer(len(f.Data)), "CheckSum": pdffile.String(sum[:])}
	if !f.Modified.IsZero() {
		params["ModDate"] = pdffile.String(f.Modified.UTC().Format("D:20060102150405+00'00'"))
	}
	data := u.AddStream(pdffile.Dict{
		"Type": pdffile.Name("EmbeddedFile"), "Subtype": pdffile.Name(f.MediaType), "Filter": pdffile.Name("FlateDecode"), "Params": params,
	}, packed)
	name := pdftext.TextString(f.Name)
	spec := pdffile.Dict{
		"Type": pdffile.Name("Filespec"), "F": name, "UF": name, "AFRelationship": pdffile.Name(f.Relationship),
		"EF": pdffile.Dict{"F": data, "UF": data},
	}
	if f.Description != "" {
		spec["Desc"] = pdftext.TextString(f.Description)
	}
	return u.Add(spec), nil
}
