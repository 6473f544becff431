package pdffile

import "slices"

// Places gives where the file's objects and cross-reference sections begin, in
// ascending order; objects inside object streams have no place of their own.
func (f *File) Places() []int64 {
	var out []int64
	for _, s := range f.sections {
		out = append(out, s.Offset)
		for _, e := range s.entries {
			if e.kind == entryPlain {
				out = append(out, e.offset)
			}
		}
		if s.Hybrid > 0 {
			out = append(out, s.Hybrid)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
