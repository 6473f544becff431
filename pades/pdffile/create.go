package pdffile

import "bytes"

// Create begins a new document: an update of a file without a byte, in which
// the catalog and a page tree without pages are there to be replaced. version
// is that of the header, such as "1.7"; id becomes both halves of the file's
// /ID and should tell it from others (14.4).
func Create(version string, id []byte) *Update {
	catalog, pages := Ref{Num: 1}, Ref{Num: 2}
	f := &File{
		src: bytes.NewReader(nil), lim: DefaultLimits,
		sections: []*Section{{Kind: Table, Trailer: Dict{"Root": catalog, "Size": Integer(3), "ID": Array{String(id), String(id)}}}},
		cache: map[Ref]Object{
			catalog: Dict{"Type": Name("Catalog"), "Pages": pages},
			pages:   Dict{"Type": Name("Pages"), "Kids": Array{}, "Count": Integer(0)},
		},
		created: version,
	}
	u := NewUpdate(f)
	for ref, o := range f.cache {
		u.Set(ref, o)
	}
	return u
}

// begin writes what stands before the first object: of an update the line end
// that the file may lack, of a new file its header. The comment behind that says
// that the file is binary, as 7.5.2 advises and PDF/A demands.
func (u *Update) begin(out *appender) error {
	if u.file.created == "" {
		return u.separate(out)
	}
	out.buf = append(out.buf, "%PDF-"+u.file.created+"\n%\xE2\xE3\xCF\xD3\n"...)
	return nil
}

// SetInfo gives a new document its information dictionary (14.3.3).
func (u *Update) SetInfo(d Dict) {
	if u.file.created != "" {
		u.file.sections[0].Trailer["Info"] = u.Add(d)
	}
}
