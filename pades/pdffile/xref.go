package pdffile

type entryKind uint8

const (
	entryFree entryKind = iota
	entryPlain
	entryPacked
)

// entry says where an object is: offset is its file position, or the number of
// the object stream that holds it at index.
type entry struct {
	kind   entryKind
	gen    uint16
	index  uint32
	offset int64
}

// Section is one cross-reference section with its trailer.
type Section struct {
	Kind    Kind
	Offset  int64 // of the section in the file
	End     int64 // after the line end behind its %%EOF; 0 if there is none
	Trailer Dict
	Hybrid  int64 // position of the cross-reference stream of a hybrid table, or 0
	Self    uint32
	entries map[uint32]entry
}

// Has tells whether the section has an entry for the object number.
func (s *Section) Has(num uint32) bool { _, ok := s.entries[num]; return ok }

// find gives the newest entry of an object and the index of its section.
func (f *File) find(num uint32) (entry, int, bool) {
	for i, s := range f.sections {
		if e, ok := s.entries[num]; ok {
			return e, i, true
		}
	}
	return entry{}, 0, false
}

// view gives the newest entry of every object.
func (f *File) view() map[uint32]entry {
	if len(f.sections) == 1 {
		return f.sections[0].entries
	}
	all := map[uint32]entry{}
	for i := len(f.sections) - 1; i >= 0; i-- {
		for num, e := range f.sections[i].entries {
			all[num] = e
		}
	}
	return all
}

// readSections follows the chain of /Prev entries from the newest section.
func (f *File) readSections(at int64) error {
	seen := map[int64]bool{}
	total := 0
	for {
		if seen[at] {
			return damaged(at, "the chain of cross-reference sections is a loop")
		}
		seen[at] = true
		if len(f.sections) == f.lim.Sections {
			return overLimit("the file has more than %d cross-reference sections", f.lim.Sections)
		}
		s, err := f.readSection(at, f.lim.Objects-total)
		if err != nil {
			return err
		}
		if s.Hybrid > 0 {
			if seen[s.Hybrid] {
				return damaged(at, "the chain of cross-reference sections is a loop")
			}
			seen[s.Hybrid] = true
		}
		total += len(s.entries)
		f.sections = append(f.sections, s)
		prev := s.Trailer["Prev"]
		if isNull(prev) {
			return nil
		}
		n, ok := prev.(Integer)
		if !ok || n <= 0 || int64(n) >= f.size {
			return damaged(at, "the trailer's /Prev is not a position in the file")
		}
		at = int64(n)
	}
}

func (f *File) readSection(at int64, room int) (*Section, error) {
	if at <= 0 || at >= f.size {
		return nil, damaged(at, "a cross-reference section would stand outside the file")
	}
	p := f.borrow(at)
	defer f.giveBack(p)
	if err := p.skipSpace(); err != nil {
		return nil, err
	}
	c, err := p.peek()
	if err != nil {
		return nil, p.fail(err, "a cross-reference section")
	}
	s := &Section{Offset: at, entries: map[uint32]entry{}}
	if c == 'x' {
		if err = f.readTable(p, s, room); err == nil {
			err = f.readHybrid(s, room)
		}
	} else {
		s.Kind = XRef
		err = f.readXRefStream(p, s, room)
	}
	if err != nil {
		return nil, err
	}
	s.End = p.endOfFileMark()
	return s, nil
}

// endOfFileMark reads "startxref n %%EOF" and gives the position behind it,
// or 0 when something else follows.
func (p *parser) endOfFileMark() int64 {
	// A comment would swallow the mark, so white space is skipped by hand here.
	if p.keyword("startxref") != nil {
		return 0
	}
	if _, err := p.unsigned("a position"); err != nil {
		return 0
	}
	c, err := p.next()
	for err == nil && isSpace(c) {
		c, err = p.next()
	}
	for _, want := range []byte("%%EOF") {
		if err != nil || c != want {
			return 0
		}
		c, err = p.next()
	}
	switch {
	case err != nil:
		return p.pos()
	case c == '\r':
		if n, err := p.peek(); err == nil && n == '\n' {
			p.i++
		}
		return p.pos()
	case c == '\n':
		return p.pos()
	}
	return p.pos() - 1
}

// readTable reads a classic section: subsections of 20-byte entries (7.5.4).
func (f *File) readTable(p *parser, s *Section, room int) error {
	if err := p.keyword("xref"); err != nil {
		return err
	}
	for {
		if err := p.skipSpace(); err != nil {
			return err
		}
		if c, err := p.peek(); err != nil || !isDigit(c) {
			break
		}
		first, err := p.unsigned("an object number")
		if err != nil {
			return err
		}
		count, err := p.unsigned("a number of entries")
		if err != nil {
			return err
		}
		if room -= int(min(count, 1<<31)); room < 0 {
			return overLimit("the file has more than %d objects", f.lim.Objects)
		}
		if first+count > maxObjectNumber+1 || count*20 > f.size {
			return damaged(p.pos(), "a cross-reference subsection is larger than the file allows")
		}
		if err := f.readSubsection(p, s, uint32(first), int(count)); err != nil {
			return err
		}
	}
	if err := p.keyword("trailer"); err != nil {
		return err
	}
	o, err := p.object(0)
	if err != nil {
		return err
	}
	d, ok := o.(Dict)
	if !ok {
		return damaged(p.pos(), "the trailer is not a dictionary")
	}
	s.Trailer = d
	return nil
}

func (f *File) readSubsection(p *parser, s *Section, first uint32, count int) error {
	if count == 0 {
		return nil
	}
	if err := p.skipSpace(); err != nil {
		return err
	}
	at := p.pos()
	const batch = 512
	b := make([]byte, 20*min(count, batch))
	for done := 0; done < count; done += batch {
		b = b[:20*min(count-done, batch)]
		if err := readFull(f.src, b, at); err != nil {
			return err
		}
		for i := 0; i < len(b); i += 20 {
			e, ok := parseEntry(b[i : i+20])
			if !ok {
				return damaged(at+int64(i), "a cross-reference entry is not 20 well-formed bytes")
			}
			num := first + uint32(done+i/20)
			if _, twice := s.entries[num]; twice {
				return damaged(at+int64(i), "a cross-reference section lists object %d twice", num)
			}
			s.entries[num] = e
		}
		at += int64(len(b))
	}
	p.seek(at)
	return nil
}

func parseEntry(b []byte) (entry, bool) {
	off, ok1 := parseUnsigned(string(b[:10]))
	gen, ok2 := parseUnsigned(string(b[11:16]))
	if !ok1 || !ok2 || gen > 65535 || b[10] != ' ' || b[16] != ' ' || !isSpace(b[18]) || !isSpace(b[19]) {
		return entry{}, false
	}
	switch b[17] {
	case 'n':
		return entry{kind: entryPlain, gen: uint16(gen), offset: off}, true
	case 'f':
		return entry{kind: entryFree, gen: uint16(gen)}, true
	}
	return entry{}, false
}

// readHybrid adds the entries of the stream that a table's /XRefStm names. They
// stand behind the table's own, but before its free entries, which hide objects
// from old readers (7.5.8.4).
func (f *File) readHybrid(s *Section, room int) error {
	if isNull(s.Trailer["XRefStm"]) {
		return nil
	}
	at, ok := s.Trailer["XRefStm"].(Integer)
	if !ok || at <= 0 || int64(at) >= f.size {
		return damaged(s.Offset, "the trailer's /XRefStm is not a position in the file")
	}
	p := f.borrow(int64(at))
	defer f.giveBack(p)
	extra := &Section{Offset: int64(at), entries: map[uint32]entry{}}
	if err := f.readXRefStream(p, extra, room-len(s.entries)); err != nil {
		return err
	}
	s.Hybrid = int64(at)
	for num, e := range extra.entries {
		if old, ok := s.entries[num]; !ok || old.kind == entryFree {
			s.entries[num] = e
		}
	}
	return nil
}

// readXRefStream reads a cross-reference stream (7.5.8).
func (f *File) readXRefStream(p *parser, s *Section, room int) error {
	at := p.pos()
	num, err := p.unsigned("a cross-reference section")
	if err != nil {
		return err
	}
	gen, err := p.unsigned("a generation number")
	if err != nil {
		return err
	}
	if num == 0 || num > maxObjectNumber || gen > 65535 {
		return damaged(at, "a cross-reference stream has an impossible object number")
	}
	s.Self = uint32(num)
	o, stream, err := f.directStream(p, Ref{uint32(num), uint16(gen)}, at)
	if err != nil {
		return err
	}
	if o["Type"] != Object(Name("XRef")) {
		return damaged(at, "the cross-reference section is no stream of type XRef")
	}
	s.Trailer = o
	widths, index, err := xrefLayout(o, at)
	if err != nil {
		return err
	}
	data, err := f.Decoded(stream)
	if err != nil {
		return err
	}
	return f.xrefEntries(s, data, widths, index, room)
}

// directStream parses an object that must be a stream with direct values only,
// since nothing can be looked up before the cross-reference data is read.
func (f *File) directStream(p *parser, ref Ref, at int64) (Dict, *Stream, error) {
	p.seek(at)
	if err := p.objectHeader(ref); err != nil {
		return nil, nil, err
	}
	o, err := p.object(0)
	if err != nil {
		return nil, nil, err
	}
	d, ok := o.(Dict)
	if !ok {
		return nil, nil, damaged(at, "a cross-reference stream expected")
	}
	for _, key := range []Name{"Length", "Filter", "DecodeParms", "W", "Index", "Size", "Prev", "F"} {
		if _, indirect := d[key].(Ref); indirect {
			return nil, nil, damaged(at, "a cross-reference stream's /%s is not a direct object", key)
		}
	}
	if err := p.keyword("stream"); err != nil {
		return nil, nil, err
	}
	so, err := f.stream(p, d)
	if err != nil {
		return nil, nil, err
	}
	return d, so.(*Stream), nil
}

func xrefLayout(d Dict, at int64) (widths [3]int, index []int64, err error) {
	w, _ := d["W"].(Array)
	if len(w) != 3 {
		return widths, nil, damaged(at, "a cross-reference stream's /W has not three numbers")
	}
	for i := range 3 {
		n, ok := w[i].(Integer)
		if !ok || n < 0 || n > 8 {
			return widths, nil, damaged(at, "a cross-reference stream's /W is out of range")
		}
		widths[i] = int(n)
	}
	size, ok := d["Size"].(Integer)
	if !ok || size < 0 || size > maxObjectNumber+1 {
		return widths, nil, damaged(at, "a cross-reference stream has no usable /Size")
	}
	if isNull(d["Index"]) {
		return widths, []int64{0, int64(size)}, nil
	}
	a, ok := d["Index"].(Array)
	if !ok || len(a)%2 != 0 {
		return widths, nil, damaged(at, "a cross-reference stream's /Index is not made of pairs")
	}
	for _, o := range a {
		n, ok := o.(Integer)
		if !ok || n < 0 || n > maxObjectNumber+1 {
			return widths, nil, damaged(at, "a cross-reference stream's /Index is out of range")
		}
		index = append(index, int64(n))
	}
	return widths, index, nil
}

func (f *File) xrefEntries(s *Section, data []byte, w [3]int, index []int64, room int) error {
	row := w[0] + w[1] + w[2]
	if row == 0 {
		return damaged(s.Offset, "a cross-reference stream has empty entries")
	}
	for i := 0; i < len(index); i += 2 {
		first, count := index[i], index[i+1]
		if room -= int(count); room < 0 {
			return overLimit("the file has more than %d objects", f.lim.Objects)
		}
		if count*int64(row) > int64(len(data)) || first+count > maxObjectNumber+1 {
			return damaged(s.Offset, "a cross-reference stream is shorter than its /Index says")
		}
		for n := range count {
			e, known := streamEntry(data[:row], w)
			data = data[row:]
			if e.offset < 0 || e.kind == entryPlain && e.offset > f.size {
				return damaged(s.Offset, "a cross-reference stream points outside the file")
			}
			if !known {
				continue
			}
			num := uint32(first + n)
			if _, twice := s.entries[num]; twice {
				return damaged(s.Offset, "a cross-reference section lists object %d twice", num)
			}
			s.entries[num] = e
		}
	}
	return nil
}

// streamEntry decodes Table 18; entries of unknown type stand for null objects.
func streamEntry(b []byte, w [3]int) (entry, bool) {
	field := func(n int) (v int64) {
		for range n {
			v = v<<8 | int64(b[0])
			b = b[1:]
		}
		return v
	}
	kind := int64(1)
	if w[0] > 0 {
		kind = field(w[0])
	}
	second, third := field(w[1]), field(w[2])
	switch kind {
	case 0:
		return entry{kind: entryFree}, true
	case 1:
		return entry{kind: entryPlain, offset: second, gen: uint16(min(max(third, 0), 65535))}, true
	case 2:
		if second < 0 || second > maxObjectNumber || third < 0 || third > maxObjectNumber {
			return entry{}, false
		}
		return entry{kind: entryPacked, offset: second, index: uint32(third)}, true
	}
	return entry{}, false
}
