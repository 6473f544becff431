package pdffile

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"slices"
)

// place is an object of the newest view with where it stands.
type place struct {
	num uint32
	entry
}

// Check verifies that every object of the newest view stands where the
// cross-reference data says, and that the page tree is one. A file that passes
// is read alike by all readers; Deviations tells what had to be looked over.
func (f *File) Check() error {
	view := f.view()
	places := make([]place, 0, len(view))
	for num, e := range view {
		if e.kind != entryFree {
			places = append(places, place{num, e})
		}
	}
	// In the order of the file, so that it is read forwards and once.
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.offset, b.offset), cmp.Compare(a.index, b.index))
	})
	p := f.borrow(0)
	defer func() { f.giveBack(p) }()
	for _, at := range places {
		if at.kind == entryPacked {
			if err := f.checkPacked(at); err != nil {
				return err
			}
			continue
		}
		p.seek(at.offset)
		err := p.objectHeader(Ref{at.num, at.gen})
		if IsRefusal(err) { // which matters if anything refers to the object
			f.doubt(at.offset, "object %d does not stand where the cross-reference data says", at.num)
		} else if err != nil {
			return err
		}
	}
	if f.doubted {
		if err := f.agreesWithScan(); err != nil {
			return err
		}
	}
	return f.checkPages()
}

func (f *File) checkPacked(at place) error {
	s, err := f.objectStream(uint32(at.offset))
	if err != nil {
		return err
	}
	if int(at.index) >= len(s.nums) || s.nums[at.index] != at.num {
		return damaged(-1, "object %d is not in object stream %d where the cross-reference says", at.num, at.offset)
	}
	return nil
}

// checkPages reads the page tree, whose damage readers mend in many ways.
func (f *File) checkPages() error {
	err := f.WalkPages(func(p *Page) error {
		if f.front == nil {
			f.front = p
		}
		return nil
	})
	if err == nil && f.front == nil {
		err = damaged(-1, "the document has no pages")
	}
	return err
}

// agreesWithScan compares the document with what a reader finds that searches
// the file for objects and takes the last of each number: everything that the
// document leads to must be the same, at the same place.
func (f *File) agreesWithScan() error {
	found := map[uint32]entry{}
	err := scan(f.src, f.size, func(ref Ref, at int64) error {
		if len(found) > f.lim.Objects {
			return overLimit("the file has more than %d objects", f.lim.Objects)
		}
		found[ref.Num] = entry{kind: entryPlain, gen: ref.Gen, offset: at}
		return nil
	}, nil)
	if err != nil {
		return err
	}
	return f.walk(Array{f.Trailer()["Root"], f.Trailer()["Info"]}, func(num uint32) error {
		e, _, ok := f.find(num)
		other, seen := found[num]
		if ok && e.kind == entryPacked {
			if seen {
				return damaged(other.offset, "object %d stands in the file and in an object stream too, and the cross-reference data is not sound", num)
			}
			num = uint32(e.offset)
			e, _, ok = f.find(num)
			other, seen = found[num]
		}
		there := ok && e.kind == entryPlain
		if there != seen || there && e != other {
			return damaged(-1, "the cross-reference data is not sound, and a search of the file finds another object %d", num)
		}
		return nil
	})
}

// walk visits the number of every object that o leads to, and reads each.
func (f *File) walk(o Object, visit func(uint32) error) error {
	seen := map[Ref]bool{} // of two generations of a number, one may be there and the other not
	for todo := []Object{o}; len(todo) > 0; {
		o := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		switch v := o.(type) {
		case Ref:
			if seen[v] {
				continue
			}
			seen[v] = true
			if err := visit(v.Num); err != nil {
				return err
			}
			target, err := f.Object(v)
			if err != nil {
				return err
			}
			todo = append(todo, target)
		case Array:
			todo = append(todo, v...)
		case Dict:
			for _, e := range v {
				todo = append(todo, e)
			}
		case *Stream:
			todo = append(todo, v.Dict)
		}
	}
	return nil
}

// scan visits everything that looks like the beginning of an object, in the
// order of the file; text, where given, sees all bytes in overlapping pieces.
func scan(src io.ReaderAt, size int64, visit func(Ref, int64) error, text func([]byte)) error {
	const window, overlap = 128 << 10, 64
	buf := make([]byte, min(window, size))
	for base := int64(0); base < size; {
		n, err := src.ReadAt(buf[:min(int64(len(buf)), size-base)], base)
		if n == 0 {
			if err == nil || errors.Is(err, io.EOF) {
				return damaged(base, "the file ends too early")
			}
			return err
		}
		b := buf[:n]
		if text != nil {
			text(b)
		}
		last := base+int64(n) >= size
		for from := 0; ; {
			i := bytes.Index(b[from:], []byte("obj"))
			if i < 0 {
				break
			}
			at := from + i
			from = at + 3
			if !last && at >= n-overlap/2 || base > 0 && at < overlap/2 {
				continue // the neighbouring piece sees it whole
			}
			if ref, start, ok := headerBefore(b, at); ok {
				if err := visit(ref, base+int64(start)); err != nil {
					return err
				}
			}
		}
		if last {
			return nil
		}
		base += int64(n - overlap)
	}
	return nil
}

// headerBefore reads "num gen " in front of the word obj at b[at].
func headerBefore(b []byte, at int) (ref Ref, start int, ok bool) {
	if at+3 < len(b) && !isSpace(b[at+3]) && !isDelimiter(b[at+3]) {
		return ref, 0, false
	}
	number := func(end int) (v int64, begin int, ok bool) {
		i := end
		for i > 0 && isSpace(b[i-1]) {
			i--
		}
		j := i
		for j > 0 && isDigit(b[j-1]) {
			j--
		}
		v, ok = digits(b[j:i])
		return v, j, ok && i < end
	}
	gen, i, ok1 := number(at)
	if !ok1 {
		return ref, 0, false
	}
	num, j, ok2 := number(i)
	if !ok2 || num == 0 || num > maxObjectNumber || gen > 65535 || j > 0 && !isSpace(b[j-1]) && !isDelimiter(b[j-1]) {
		return ref, 0, false
	}
	return Ref{uint32(num), uint16(gen)}, j, true
}

// Diagnosis is what can be said of a file that may be damaged.
type Diagnosis struct {
	Sound      bool        `json:"sound"` // it can be extended and signed as it is
	Reason     string      `json:"reason,omitempty"`
	Deviations []Deviation `json:"deviations,omitempty"`
	// Mendable: objects and a catalog, or streams that may hold one, still
	// stand in the file, so that a program which rewrites it can save it.
	Mendable bool `json:"mendable"`
	Objects  int  `json:"objects,omitempty"` // that a search finds in a damaged file
}

// Diagnose opens and checks a file and, where it is damaged, searches it for
// what is left. The error is a fault of src.
func Diagnose(src io.ReaderAt, size int64, o OpenOptions) (Diagnosis, error) {
	f, err := OpenWith(src, size, o)
	var d Diagnosis
	if err == nil {
		err = f.Check()
		d.Deviations = f.deviations
	}
	if err == nil {
		d.Sound = true
		return d, nil
	}
	if !IsRefusal(err) {
		return d, err
	}
	d.Reason = err.Error()
	if !errors.Is(err, ErrDamaged) {
		return d, nil
	}
	catalog := false
	err = scan(src, size, func(Ref, int64) error { d.Objects++; return nil }, func(b []byte) {
		catalog = catalog || bytes.Contains(b, []byte("/Catalog")) || bytes.Contains(b, []byte("/ObjStm"))
	})
	d.Mendable = catalog && d.Objects > 0
	if IsRefusal(err) {
		err = nil
	}
	return d, err
}
