package pdffile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
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
	src        io.ReaderAt
	size       int64
	lim        Limits
	whole      []byte     // all of a small file
	sections   []*Section // newest first
	parser     *parser    // the one that was given back last, with its window
	cache      map[Ref]Object
	front      *Page // the first page, once Check has come by it
	packed     map[uint32]*objectStream
	loading    []uint32 // objects that are being read, the outermost first
	security   *security
	deviations []Deviation
	doubted    bool // some readers would build the cross-reference data anew

	created string // version of a file that is being made; empty for one that was read
}

// OpenOptions are what Open may need beside the file.
type OpenOptions struct {
	Limits   Limits // the zero value is DefaultLimits
	Password string // the user's or the owner's; "" opens what anybody may read
}

// Open reads the header and all cross-reference sections of a file of the
// given size. It returns an *Error of kind ErrDamaged, ErrEncrypted,
// ErrUnsupported or ErrLimit, or the fault of src itself.
func Open(src io.ReaderAt, size int64) (*File, error) {
	return OpenWith(src, size, OpenOptions{})
}

// smallFile is read as a whole when it is opened.
const smallFile = 64 << 10

// OpenWith is Open with a password or other limits. A wrong or missing
// password gives ErrPassword.
func OpenWith(src io.ReaderAt, size int64, o OpenOptions) (*File, error) {
	if o.Limits == (Limits{}) {
		o.Limits = DefaultLimits
	}
	f := &File{src: src, size: size, lim: o.Limits, cache: map[Ref]Object{}}
	if size <= smallFile && size > 0 {
		f.whole = make([]byte, size)
		if err := readFull(src, f.whole, 0); err != nil {
			return nil, err
		}
	}
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
	if err := f.openSecurity(o.Password); err != nil {
		return nil, err
	}
	if _, ok := f.Trailer()["Root"].(Ref); !ok {
		return nil, damaged(f.sections[0].Offset, "the trailer names no /Root object")
	}
	return f, nil
}

// Deviations lists breaches of the standard that all readers take alike, so
// that the file could be accepted with them. Check may add to the list.
func (f *File) Deviations() []Deviation { return f.deviations }

// maxDeviations bounds the list; what a file does a thousand times is told once.
const maxDeviations = 100

func (f *File) deviate(off int64, format string, args ...any) {
	d := Deviation{off, fmt.Sprintf(format, args...)}
	if len(f.deviations) < maxDeviations && !slices.Contains(f.deviations, d) {
		f.deviations = append(f.deviations, d)
	}
}

// doubt notes a breach for which some readers build the cross-reference data
// anew; Check then demands that this gives the same document.
func (f *File) doubt(off int64, format string, args ...any) {
	f.doubted = true
	f.deviate(off, format, args...)
}

// bytes gives n bytes of the file, not to be changed: those of its copy where
// it is small. room is used for what has to be read, if it is large enough.
func (f *File) bytes(off int64, n int, room []byte) ([]byte, error) {
	if f.whole != nil && off >= 0 && off+int64(n) <= f.size {
		return f.whole[off : off+int64(n)], nil
	}
	if cap(room) < n {
		room = make([]byte, n)
	}
	return room[:n], readFull(f.src, room[:n], off)
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
	if f.size < 8 {
		return damaged(0, "the file is too short for a PDF")
	}
	h, err := f.bytes(0, 8, nil)
	if err != nil {
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
	if f.created != "" {
		return f.created, nil
	}
	h, err := f.bytes(0, 8, nil)
	if err != nil {
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
	tail, err := f.bytes(f.size-n, int(n), nil)
	if err != nil {
		return 0, err
	}
	end := bytes.LastIndex(tail, []byte("%%EOF"))
	if end < 0 {
		return 0, damaged(f.size, "the file does not end with %%%%EOF")
	}
	body := tail[:end+5]
	if junk := bytes.Trim(tail[end+5:], "\x00\t\n\f\r "); len(junk) > 0 {
		if bytes.Contains(junk, []byte("startxref")) {
			return 0, damaged(f.size, "a second startxref stands behind the end of the file")
		}
		f.deviate(f.size-int64(len(tail)-end-5), "something stands behind the %%%%EOF at the end of the file")
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
	if slices.Contains(f.loading, ref.Num) {
		return nil, damaged(-1, "object %d needs itself to be read", ref.Num)
	}
	f.loading = append(f.loading, ref.Num)
	defer func() { f.loading = f.loading[:len(f.loading)-1] }()
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
	if f.security != nil {
		if o, err = f.security.open(o, ref); err != nil {
			return nil, err
		}
	}
	switch d, isDict := o.(Dict); {
	case string(w) == "endobj":
		return o, nil
	case string(w) == "stream" && isDict:
		return f.stream(p, d, ref)
	case p.nextObject(w):
		f.deviate(at, "object %d does not end with endobj", ref.Num)
		return o, nil
	}
	return nil, damaged(at, "object %d: endobj expected, %q found", ref.Num, w)
}

// nextObject tells whether a word that stands where endobj is missing begins
// what may follow an object.
func (p *parser) nextObject(w []byte) bool {
	switch string(w) {
	case "xref", "trailer", "startxref":
		return true
	}
	if _, ok := digits(w); !ok {
		return false
	}
	_, err := p.unsigned("a generation number")
	return err == nil && p.keyword("obj") == nil
}

// borrow gives a parser at a place of the file. It takes the file's own, so that
// only one that is needed meanwhile, with its window, is made anew.
func (f *File) borrow(off int64) *parser {
	p := f.parser
	f.parser = nil
	if p == nil {
		p = &parser{}
	}
	*p = parser{size: f.size, lim: &f.lim, room: f.lim.ObjectSize, chunk: p.chunk}
	if f.whole != nil {
		p.buf, p.i = f.whole, int(min(max(off, 0), f.size))
		return p
	}
	p.src = f.src
	p.seek(off)
	return p
}

func (f *File) giveBack(p *parser) { f.parser = p }

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
func (f *File) stream(p *parser, d Dict, ref Ref) (Object, error) {
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
	s := &Stream{Dict: d, Offset: start, Length: int64(n)}
	if f.security != nil {
		m, err := f.security.streamMethod(f, d)
		if err != nil {
			return nil, err
		}
		s.seal = f.security.sealOf(m, ref)
	}
	return s, nil
}

// IsRefusal tells whether err is this package's judgement of the file, not a
// fault of reading it.
func IsRefusal(err error) bool {
	_, ok := errors.AsType[*Error](err)
	return ok
}
