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
		if ok && n == 0 {
			f.doubt(at, "the trailer's /Prev is 0, where no section can be")
			return nil
		}
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
	var b []byte
	for done := 0; done < count; done += batch {
		var err error
		if b, err = f.bytes(at, 20*min(count-done, batch), b); err != nil {
			return err
		}
		for i := 0; i < len(b); i += 20 {
			e, ok := f.parseEntry(b[i:i+20], at+int64(i))
			if !ok {
				p.seek(at + int64(i))
				return f.readLoose(p, s, first+uint32(done+i/20), count-done-i/20)
			}
			if err := f.tableEntry(s, first+uint32(done+i/20), e, at+int64(i)); err != nil {
				return err
			}
		}
		at += int64(len(b))
	}
	p.seek(at)
	return nil
}

// readLoose reads entries that are not 20 bytes long. Some readers take them,
// others build the table anew; Check finds out whether that comes to the same.
func (f *File) readLoose(p *parser, s *Section, first uint32, count int) error {
	at := p.pos()
	bad := damaged(at, "a cross-reference entry is not 20 well-formed bytes")
	for i := range count {
		offset, err1 := p.unsigned("an offset")
		gen, err2 := p.unsigned("a generation number")
		if err1 != nil || err2 != nil || p.skipSpace() != nil {
			return bad
		}
		w, err := p.word()
		kind := string(w)
		e := entry{kind: entryPlain, gen: uint16(gen), offset: offset}
		switch {
		case err != nil || kind != "n" && kind != "f" || gen > 65535 && kind == "n":
			return bad
		case kind == "f":
			e = entry{}
		}
		if err := f.tableEntry(s, first+uint32(i), e, at); err != nil {
			return err
		}
	}
	f.doubt(at, "cross-reference entries are not 20 bytes long")
	return nil
}

func (f *File) tableEntry(s *Section, num uint32, e entry, at int64) error {
	if _, twice := s.entries[num]; twice {
		return damaged(at, "a cross-reference section lists object %d twice", num)
	}
	if e.kind == entryPlain && e.offset == 0 {
		f.doubt(at, "object %d is said to stand at byte 0, where none can be", num)
		e = entry{}
	}
	s.entries[num] = e
	return nil
}

// parseEntry reads one entry of a table. The generation of a free one means
// nothing to a reader, so 65536 where the standard has 65535 does no harm.
func (f *File) parseEntry(b []byte, at int64) (entry, bool) {
	off, ok1 := digits(b[:10])
	gen, ok2 := digits(b[11:16])
	if !ok1 || !ok2 || b[10] != ' ' || b[16] != ' ' || !isSpace(b[18]) || !isSpace(b[19]) {
		return entry{}, false
	}
	switch {
	case b[17] == 'n' && gen <= 65535:
		return entry{kind: entryPlain, gen: uint16(gen), offset: off}, true
	case b[17] == 'f':
		if gen > 65535 {
			f.deviate(at, "a free cross-reference entry has the generation %d", gen)
			gen = 65535
		}
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
