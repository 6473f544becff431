package pdffile

// objectStream is an unpacked object stream (7.5.7).
type objectStream struct {
	data    []byte
	nums    []uint32
	offsets []int
}

// keptStreams bounds how many unpacked object streams stay in memory.
const keptStreams = 4

func (f *File) objectStream(num uint32) (*objectStream, error) {
	if s, ok := f.packed[num]; ok {
		return s, nil
	}
	e, _, ok := f.find(num)
	if !ok || e.kind != entryPlain {
		return nil, damaged(-1, "object stream %d does not exist", num)
	}
	o, err := f.Object(Ref{num, e.gen})
	if err != nil {
		return nil, err
	}
	stream, ok := o.(*Stream)
	if !ok || stream.Dict["Type"] != Object(Name("ObjStm")) {
		return nil, damaged(e.offset, "object %d is no object stream", num)
	}
	s, err := f.unpack(stream)
	if err != nil {
		return nil, err
	}
	if f.packed == nil || len(f.packed) >= keptStreams {
		f.packed = make(map[uint32]*objectStream, keptStreams)
	}
	f.packed[num] = s
	return s, nil
}

func (f *File) unpack(stream *Stream) (*objectStream, error) {
	data, err := f.Decoded(stream)
	if err != nil {
		return nil, err
	}
	count, ok1 := stream.Dict["N"].(Integer)
	first, ok2 := stream.Dict["First"].(Integer)
	if !ok1 || !ok2 || count < 0 || first < 0 || int64(first) > int64(len(data)) || int64(count) > int64(first) {
		return nil, damaged(stream.Offset, "an object stream has no usable /N and /First")
	}
	s := &objectStream{data: data[first:], nums: make([]uint32, 0, count), offsets: make([]int, 0, count)}
	p := memoryParser(data[:first], &f.lim)
	for range count {
		num, err := p.unsigned("an object number")
		if err != nil {
			return nil, err
		}
		off, err := p.unsigned("an offset")
		if err != nil {
			return nil, err
		}
		if num > maxObjectNumber || off > int64(len(s.data)) {
			return nil, damaged(stream.Offset, "an object stream's table is out of range")
		}
		s.nums, s.offsets = append(s.nums, uint32(num)), append(s.offsets, int(off))
	}
	return s, nil
}

func (f *File) packedObject(num uint32, e entry) (Object, error) {
	s, err := f.objectStream(uint32(e.offset))
	if err != nil {
		return nil, err
	}
	if int(e.index) >= len(s.nums) || s.nums[e.index] != num {
		return nil, damaged(-1, "object %d is not in object stream %d where the cross-reference says", num, e.offset)
	}
	p := memoryParser(s.data[s.offsets[e.index]:], &f.lim)
	return p.object(0)
}
