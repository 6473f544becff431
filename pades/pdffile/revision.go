package pdffile

// Revision is a state of the file: what it was when it ended at byte End.
type Revision struct {
	Start    int64 // where the bytes of this revision begin
	End      int64 // after the line end behind its %%EOF; 0 if it has no such mark
	Sections []*Section
}

// Revisions lists the revisions, oldest first. The two sections of a
// linearized file (Annex F) are one revision.
func (f *File) Revisions() []Revision {
	var list []Revision
	for i := len(f.sections) - 1; i >= 0; i-- {
		s := f.sections[i]
		older := i + 1
		if n := len(list); n > 0 && older < len(f.sections) && f.sections[older].Offset > s.Offset {
			// A section in front of its predecessor belongs to the same revision.
			r := &list[n-1]
			r.Sections = append([]*Section{s}, r.Sections...)
			continue
		}
		start := int64(0)
		if n := len(list); n > 0 {
			start = list[n-1].End
		}
		list = append(list, Revision{Start: start, End: s.End, Sections: []*Section{s}})
	}
	return list
}

// Numbers lists the object numbers that the revision wrote or freed.
func (r Revision) Numbers() []uint32 {
	seen := map[uint32]bool{}
	var nums []uint32
	for _, s := range r.Sections {
		for num := range s.entries {
			if !seen[num] {
				seen[num] = true
				nums = append(nums, num)
			}
		}
	}
	return nums
}

// Place tells where the newest version of an object is: its file position, or
// the object stream that holds it. ok is false if it is free or unknown.
func (f *File) Place(num uint32) (ref Ref, offset int64, container uint32, ok bool) {
	e, _, found := f.find(num)
	switch {
	case !found || e.kind == entryFree:
		return Ref{}, 0, 0, false
	case e.kind == entryPacked:
		return Ref{Num: num}, 0, uint32(e.offset), true
	}
	return Ref{num, e.gen}, e.offset, 0, true
}

// EntryOffsets lists the file positions that the section's entries point at.
func (s *Section) EntryOffsets() []int64 {
	var list []int64
	for _, e := range s.entries {
		if e.kind == entryPlain {
			list = append(list, e.offset)
		}
	}
	return list
}
