package pdffile

import (
	"bytes"
	"errors"
	"io"
)

// Limits bound what a hostile file can cost.
type Limits struct {
	Depth      int   // nesting of arrays and dictionaries, and of page tree and form levels
	Objects    int   // cross-reference entries of all sections together
	Sections   int   // cross-reference sections
	ObjectSize int64 // bytes and elements of one object outside stream data
	Decoded    int64 // bytes of one stream after its filters
	Cache      int   // objects kept after reading
}

// DefaultLimits suit documents of tens of thousands of pages.
var DefaultLimits = Limits{
	Depth:      96,
	Objects:    2_000_000,
	Sections:   2_000,
	ObjectSize: 32 << 20,
	Decoded:    64 << 20,
	Cache:      2_048,
}

// maxObjectNumber is the highest object number of ISO 32000-1, Annex C.
const maxObjectNumber = 8_388_607

// Kind tells how a cross-reference section is written.
type Kind int

// The kinds of cross-reference sections.
const (
	Table Kind = iota // 7.5.4
	XRef              // 7.5.8, a cross-reference stream
)

// File is an open PDF file.
type File struct {
	src      io.ReaderAt
	size     int64
	lim      Limits
	sections []*Section // newest first
	parser   parser
	cache    map[Ref]Object
	packed   map[uint32]*objectStream
	loading  map[uint32]bool
}

// Open reads the header and all cross-reference sections of a file of the
// given size. It returns an *Error of kind ErrDamaged, ErrEncrypted,
// ErrUnsupported or ErrLimit, or the fault of src itself.
func Open(src io.ReaderAt, size int64) (*File, error) {
	return OpenLimits(src, size, DefaultLimits)
}

// OpenLimits is Open with other limits.
func OpenLimits(src io.ReaderAt, size int64, lim Limits) (*File, error) {
	f := &File{
		src: src, size: size, lim: lim,
		cache: map[Ref]Object{}, packed: map[uint32]*objectStream{}, loading: map[uint32]bool{},
	}
	f.parser = parser{src: src, size: size, lim: &f.lim}
	if err := f.header(); err != nil {
		return nil, err
	}
	start, err := f.startXRef()
	if err != nil {
		return nil, err
	}
	if err := f.readSections(start); err != nil {
		return nil, err
	}
	for _, s := range f.sections {
		if !isNull(s.Trailer["Encrypt"]) {
			return nil, &Error{Kind: ErrEncrypted, Offset: s.Offset, Reason: "the trailer has an encryption dictionary"}
		}
	}
	if _, ok := f.Trailer()["Root"].(Ref); !ok {
		return nil, damaged(f.sections[0].Offset, "the trailer names no /Root object")
	}
	return f, nil
}

// Size is the length of the file in bytes.
func (f *File) Size() int64 { return f.size }

// Source is the reader given to Open.
func (f *File) Source() io.ReaderAt { return f.src }

// Trailer is the trailer dictionary of the newest section.
func (f *File) Trailer() Dict { return f.sections[0].Trailer }

// Kind is the kind of the newest cross-reference section.
func (f *File) Kind() Kind { return f.sections[0].Kind }

// Sections lists the cross-reference sections, newest first.
func (f *File) Sections() []*Section { return f.sections }

func (f *File) header() error {
	var h [8]byte
	if f.size < int64(len(h)) {
		return damaged(0, "the file is too short for a PDF")
	}
	if err := readFull(f.src, h[:], 0); err != nil {
		return err
	}
	if string(h[:5]) != "%PDF-" || !isDigit(h[5]) || h[6] != '.' || !isDigit(h[7]) {
		return damaged(0, "the file does not begin with a PDF header")
	}
	return nil
}

// Version gives the version of the header, for example "1.7"; the catalog's
// /Version overrides it where it is higher.
func (f *File) Version() (string, error) {
	var h [8]byte
	if err := readFull(f.src, h[:], 0); err != nil {
		return "", err
	}
	version := string(h[5:8])
	cat, err := f.Catalog()
	if err != nil {
		return "", err
	}
	if v, ok := cat["Version"].(Name); ok && string(v) > version {
		version = string(v)
	}
	return version, nil
}

// startXRef finds the position that the end of the file gives (7.5.5).
func (f *File) startXRef() (int64, error) {
	n := min(f.size, 1024)
	tail := make([]byte, n)
	if err := readFull(f.src, tail, f.size-n); err != nil {
		return 0, err
	}
	body := bytes.TrimRight(tail, "\x00\t\n\f\r ")
	if !bytes.HasSuffix(body, []byte("%%EOF")) {
		return 0, damaged(f.size, "the file does not end with %%%%EOF")
	}
	i := bytes.LastIndex(body, []byte("startxref"))
	if i < 0 {
		return 0, damaged(f.size, "no startxref before the end of the file")
	}
	p := memoryParser(body[i:], &f.lim)
	if err := p.keyword("startxref"); err != nil {
		return 0, err
	}
	at, err := p.unsigned("a cross-reference position")
	if err != nil {
		return 0, err
	}
	rest := bytes.TrimLeft(body[i+p.i:], "\t\n\f\r ")
	if string(rest) != "%%EOF" {
		return 0, damaged(f.size-n+int64(i), "startxref is not followed by %%%%EOF")
	}
	return at, nil
}

// Resolve follows a reference; any other object is returned as it is. A
// reference to a missing object gives Null (7.3.10).
func (f *File) Resolve(o Object) (Object, error) {
	for range 32 {
		ref, ok := o.(Ref)
		if !ok {
			if o == nil {
				return Null{}, nil
			}
			return o, nil
		}
		var err error
		if o, err = f.Object(ref); err != nil {
			return nil, err
		}
	}
	return nil, damaged(-1, "references lead to references without end")
}

// Dict resolves o and gives its dictionary, that of a stream too; nil if it is null.
func (f *File) Dict(o Object) (Dict, error) {
	v, err := f.Resolve(o)
	if err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case Null:
		return nil, nil
	case Dict:
		return v, nil
	case *Stream:
		return v.Dict, nil
	}
	return nil, damaged(-1, "a dictionary expected")
}

// Array resolves o and gives its array; nil if it is null.
func (f *File) Array(o Object) (Array, error) {
	v, err := f.Resolve(o)
	if err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case Null:
		return nil, nil
	case Array:
		return v, nil
	}
	return nil, damaged(-1, "an array expected")
}

// Catalog gives the document catalog (7.7.2).
func (f *File) Catalog() (Dict, error) {
	d, err := f.Dict(f.Trailer()["Root"])
	if err != nil {
		return nil, err
	}
	if d == nil {
		return nil, damaged(-1, "the document has no catalog")
	}
	return d, nil
}

// Object reads an indirect object; one that does not exist is Null.
func (f *File) Object(ref Ref) (Object, error) {
	if o, ok := f.cache[ref]; ok {
		return o, nil
	}
	e, _, ok := f.find(ref.Num)
	if !ok || e.kind == entryFree {
		return Null{}, nil
	}
	if f.loading[ref.Num] {
		return nil, damaged(-1, "object %d needs itself to be read", ref.Num)
	}
	f.loading[ref.Num] = true
	defer delete(f.loading, ref.Num)
	var o Object
	var err error
	switch {
	case e.kind == entryPacked && ref.Gen == 0:
		o, err = f.packedObject(ref.Num, e)
	case e.kind == entryPlain && ref.Gen == e.gen:
		o, err = f.plainObject(e.offset, ref, nil)
	default:
		return Null{}, nil
	}
	if err != nil {
		return nil, err
	}
	if len(f.cache) >= f.lim.Cache {
		clear(f.cache)
	}
	f.cache[ref] = o
	return o, nil
}

// Spans tells at which bytes of the file the values of an indirect dictionary
// stand. The object must not be inside an object stream.
func (f *File) Spans(ref Ref) (map[Name]Span, error) {
	e, _, ok := f.find(ref.Num)
	if !ok || e.kind != entryPlain || e.gen != ref.Gen {
		return nil, damaged(-1, "object %d does not stand in the file by itself", ref.Num)
	}
	spans := map[Name]Span{}
	_, err := f.plainObject(e.offset, ref, spans)
	return spans, err
}

// plainObject parses "n g obj ... endobj" at a file position (7.3.10).
func (f *File) plainObject(off int64, ref Ref, spans map[Name]Span) (Object, error) {
	// A parser of its own: reading a stream's /Length may load another object.
	p := f.borrow(off)
	defer f.giveBack(p)
	if err := p.objectHeader(ref); err != nil {
		return nil, err
	}
	p.spans = spans
	o, err := p.object(0)
	p.spans = nil
	if err != nil {
		return nil, err
	}
	if err := p.skipSpace(); err != nil {
		return nil, err
	}
	at := p.pos()
	w, err := p.word()
	if err != nil {
		return nil, err
	}
	switch d, isDict := o.(Dict); {
	case w == "endobj":
		return o, nil
	case w == "stream" && isDict:
		return f.stream(p, d)
	}
	return nil, damaged(at, "object %d: endobj expected, %q found", ref.Num, w)
}

// borrow gives the file's parser, or a new one while that is in use.
func (f *File) borrow(off int64) *parser {
	p := &parser{src: f.src, size: f.size, lim: &f.lim, chunk: f.parser.chunk}
	f.parser.chunk = nil
	p.room = f.lim.ObjectSize
	p.seek(off)
	return p
}

func (f *File) giveBack(p *parser) { f.parser.chunk = p.chunk }

func (p *parser) objectHeader(ref Ref) error {
	at := p.pos()
	if at <= 0 || at >= p.size {
		return damaged(at, "object %d stands outside the file", ref.Num)
	}
	num, err := p.unsigned("an object number")
	if err != nil {
		return err
	}
	gen, err := p.unsigned("a generation number")
	if err != nil {
		return err
	}
	if num != int64(ref.Num) || gen != int64(ref.Gen) {
		return damaged(at, "object %d %d expected, object %d %d found", ref.Num, ref.Gen, num, gen)
	}
	return p.keyword("obj")
}

// stream reads what follows the keyword "stream" (7.3.8).
func (f *File) stream(p *parser, d Dict) (Object, error) {
	c, err := p.next()
	if err == nil && c == '\r' {
		c, err = p.next()
	}
	if err != nil {
		return nil, p.fail(err, "a stream")
	}
	if c != '\n' {
		return nil, damaged(p.pos(), "the word stream is not followed by a line end")
	}
	start := p.pos()
	lengthObject, err := f.Resolve(d["Length"])
	if err != nil {
		return nil, err
	}
	n, ok := lengthObject.(Integer)
	if !ok || n < 0 || int64(n) > f.size-start {
		return nil, damaged(start, "a stream has no usable /Length")
	}
	if !isNull(d["F"]) {
		return nil, unsupported("a stream keeps its data in another file")
	}
	p.seek(start + int64(n))
	if err := p.keyword("endstream"); err != nil {
		return nil, damaged(start, "a stream does not end where its /Length says")
	}
	if err := p.keyword("endobj"); err != nil {
		return nil, err
	}
	return &Stream{Dict: d, Offset: start, Length: int64(n)}, nil
}

// Check verifies that every object of the newest view stands where the
// cross-reference data says; a file that passes was not damaged in its structure.
func (f *File) Check() error {
	for num, e := range f.view() {
		switch e.kind {
		case entryPlain:
			p := f.borrow(e.offset)
			err := p.objectHeader(Ref{num, e.gen})
			f.giveBack(p)
			if err != nil {
				return err
			}
		case entryPacked:
			s, err := f.objectStream(uint32(e.offset))
			if err != nil {
				return err
			}
			if int(e.index) >= len(s.nums) || s.nums[e.index] != num {
				return damaged(-1, "object %d is not in object stream %d where the cross-reference says", num, e.offset)
			}
		}
	}
	return f.checkPages()
}

// checkPages reads the page tree, whose damage readers mend in many ways.
func (f *File) checkPages() error {
	n := 0
	err := f.WalkPages(func(*Page) error { n++; return nil })
	if err == nil && n == 0 {
		err = damaged(-1, "the document has no pages")
	}
	return err
}

// IsRefusal tells whether err is this package's judgement of the file, not a
// fault of reading it.
func IsRefusal(err error) bool {
	_, ok := errors.AsType[*Error](err)
	return ok
}
