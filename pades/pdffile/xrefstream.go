package pdffile

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
	so, err := f.stream(p, d, ref)
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
			if e.kind == entryPlain && e.offset == 0 {
				f.doubt(s.Offset, "object %d is said to stand at byte 0, where none can be", num)
				e = entry{}
			}
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
