package pdffile

import (
	"crypto/sha256"
	"io"
	"slices"
	"strconv"
)

// Update collects new and replaced objects and writes them as one incremental
// section (7.5.6). It is written once, by WriteTo or AppendTo.
type Update struct {
	file    *File
	objects map[uint32]pending
	next    uint32
}

type pending struct {
	gen uint16
	obj Object
}

// NewUpdate begins an update of the file.
func NewUpdate(f *File) *Update {
	u := &Update{file: f, objects: map[uint32]pending{}, next: 1}
	// The /Size of a hostile trailer may be too small or huge; the entries count.
	for _, s := range f.sections {
		for num := range s.entries {
			u.next = max(u.next, num+1)
		}
		u.next = max(u.next, s.Self+1)
		if size, ok := s.Trailer["Size"].(Integer); ok && size <= maxObjectNumber {
			u.next = max(u.next, uint32(max(size, 0)))
		}
	}
	return u
}

// File is the file that is being updated.
func (u *Update) File() *File { return u.file }

// Reserve gives the reference of an object to be Set later.
func (u *Update) Reserve() Ref {
	ref := Ref{Num: u.next}
	u.next++
	return ref
}

// Add adds a new object.
func (u *Update) Add(o Object) Ref {
	ref := u.Reserve()
	u.Set(ref, o)
	return ref
}

// AddStream adds a new stream; its /Length is set here. The data must already
// be encoded as the dictionary's /Filter says.
func (u *Update) AddStream(d Dict, data []byte) Ref {
	if d = d.Clone(); d == nil {
		d = Dict{}
	}
	d["Length"] = Integer(len(data))
	return u.Add(&Stream{Dict: d, Data: data, Length: int64(len(data))})
}

// Set gives a reserved object its value, or replaces an object of the file.
func (u *Update) Set(ref Ref, o Object) { u.objects[ref.Num] = pending{ref.Gen, o} }

// Get gives the object as it will be after the update.
func (u *Update) Get(ref Ref) (Object, error) {
	if p, ok := u.objects[ref.Num]; ok && p.gen == ref.Gen {
		return p.obj, nil
	}
	return u.file.Object(ref)
}

// Resolve follows a reference to the object as it will be after the update.
func (u *Update) Resolve(o Object) (Object, error) {
	for range 32 {
		ref, ok := o.(Ref)
		if !ok {
			if o == nil {
				return Null{}, nil
			}
			return o, nil
		}
		var err error
		if o, err = u.Get(ref); err != nil {
			return nil, err
		}
	}
	return nil, damaged(-1, "references lead to references without end")
}

// Root is the reference of the document catalog.
func (u *Update) Root() Ref { root, _ := u.file.Trailer()["Root"].(Ref); return root }

// Len is the number of objects that the update writes.
func (u *Update) Len() int { return len(u.objects) }

// WriteTo writes the whole file: the original bytes, copied as they are, and the update.
func (u *Update) WriteTo(w io.Writer) (int64, error) {
	n, err := io.Copy(w, io.NewSectionReader(u.file.src, 0, u.file.size))
	if err != nil {
		return n, err
	}
	if n != u.file.size {
		return n, damaged(n, "the file became shorter while it was copied")
	}
	m, err := u.AppendTo(w)
	return n + m, err
}

// Bytes gives the bytes that the update appends.
func (u *Update) Bytes() ([]byte, error) {
	room := 1 << 10
	for _, p := range u.objects {
		room += roughSize(p.obj)
	}
	out := &appender{base: u.file.size, buf: make([]byte, 0, room)}
	if err := u.write(out); err != nil {
		return nil, err
	}
	return out.buf, nil
}

// roughSize guesses how long an object is when it is written, from the large
// things in it.
func roughSize(o Object) int {
	switch v := o.(type) {
	case *Stream:
		return len(v.Data) + roughSize(v.Dict)
	case *Verbatim:
		return len(v.Data)
	case Dict:
		n := 32 * len(v)
		for _, e := range v {
			if v, ok := e.(*Verbatim); ok {
				n += len(v.Data)
			}
		}
		return n
	case Array:
		return 12 * len(v)
	}
	return 32
}

// AppendTo writes only the bytes that the update appends.
func (u *Update) AppendTo(w io.Writer) (int64, error) {
	out := &appender{w: w, base: u.file.size}
	if err := u.write(out); err != nil {
		return out.written, err
	}
	err := out.flush()
	return out.written, err
}

func (u *Update) write(out *appender) error {
	if err := u.begin(out); err != nil {
		return err
	}
	nums := make([]uint32, 0, len(u.objects)+1)
	for num := range u.objects {
		nums = append(nums, num)
	}
	slices.Sort(nums)
	entries := make([]entry, 0, len(nums)+1)
	for _, num := range nums {
		p, err := u.sealed(num)
		if err != nil {
			return err
		}
		entries = append(entries, entry{kind: entryPlain, gen: p.gen, offset: out.pos()})
		if err := out.object(num, p); err != nil {
			return err
		}
	}
	start := out.pos()
	var err error
	if u.file.Kind() == XRef {
		self := u.Reserve()
		nums = append(nums, self.Num)
		entries = append(entries, entry{kind: entryPlain, offset: start})
		err = u.writeXRefStream(out, self, nums, entries)
	} else {
		err = u.writeTable(out, nums, entries)
	}
	if err != nil {
		return err
	}
	out.buf = append(out.buf, "startxref\n"...)
	out.buf = strconv.AppendInt(out.buf, start, 10)
	out.buf = append(out.buf, "\n%%EOF\n"...)
	return nil
}

// sealed encrypts an object where the file is encrypted.
func (u *Update) sealed(num uint32) (pending, error) {
	p := u.objects[num]
	if s := u.file.security; s != nil {
		var err error
		p.obj, err = s.close(u.file, p.obj, Ref{num, p.gen})
		return p, err
	}
	return p, nil
}

// separate puts a line end between the original's last byte and the update.
func (u *Update) separate(out *appender) error {
	last, err := u.file.bytes(u.file.size-1, 1, nil)
	if err != nil {
		return err
	}
	if last[0] != '\n' && last[0] != '\r' {
		out.buf = append(out.buf, '\n')
	}
	return nil
}

func (u *Update) trailer() Dict {
	old := u.file.Trailer()
	d := Dict{"Size": Integer(u.next), "Root": old["Root"]}
	if !isNull(old["Info"]) {
		d["Info"] = old["Info"]
	}
	if u.file.created != "" {
		d["ID"] = old["ID"]
		return d
	}
	d["Prev"] = Integer(u.file.sections[0].Offset)
	if !isNull(old["Encrypt"]) {
		d["Encrypt"] = old["Encrypt"]
	}
	d["ID"] = u.identifier()
	return d
}

// identifier keeps the permanent half of the file's /ID and changes the other (14.4).
func (u *Update) identifier() Array {
	id, _ := u.file.Resolve(u.file.Trailer()["ID"])
	var room [160]byte
	about := append(room[:0], '[')
	for _, n := range [...]int64{u.file.size, u.file.sections[0].Offset, int64(u.next)} {
		about = append(strconv.AppendInt(about, n, 10), ' ')
	}
	sum := sha256.Sum256(append(AppendObject(about, id, 0), ']'))
	changed := String(sum[:16])
	if a, ok := id.(Array); ok && len(a) == 2 {
		return Array{a[0], changed}
	}
	return Array{changed, changed}
}

func (u *Update) writeTable(out *appender, nums []uint32, entries []entry) error {
	out.buf = append(out.buf, "xref\n"...)
	if u.file.created != "" {
		out.buf = append(out.buf, "0 1\n0000000000 65535 f\r\n"...)
	}
	for i := 0; i < len(nums); {
		n := run(nums[i:])
		out.buf = strconv.AppendInt(out.buf, int64(nums[i]), 10)
		out.buf = strconv.AppendInt(append(out.buf, ' '), int64(n), 10)
		out.buf = append(out.buf, '\n')
		for _, e := range entries[i : i+n] {
			if e.offset > 9_999_999_999 {
				return overLimit("the file is too large for a cross-reference table")
			}
			out.buf = appendPadded(out.buf, e.offset, 10)
			out.buf = appendPadded(append(out.buf, ' '), int64(e.gen), 5)
			out.buf = append(out.buf, " n\r\n"...)
		}
		i += n
	}
	out.buf = append(out.buf, "trailer\n"...)
	out.buf = AppendObject(out.buf, u.trailer(), 0)
	out.buf = append(out.buf, '\n')
	return nil
}

// appendPadded appends a number with leading zeros.
func appendPadded(b []byte, n int64, digits int) []byte {
	start := len(b)
	for range digits {
		b = append(b, '0')
	}
	for i := len(b) - 1; i >= start && n > 0; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
	return b
}

// run counts the consecutive numbers at the beginning of nums.
func run(nums []uint32) int {
	n := 1
	for n < len(nums) && nums[n] == nums[n-1]+1 {
		n++
	}
	return n
}

func (u *Update) writeXRefStream(out *appender, self Ref, nums []uint32, entries []entry) error {
	width := 4
	if entries[len(entries)-1].offset > 1<<32-1 {
		width = 6
	}
	index := Array{}
	for i := 0; i < len(nums); {
		n := run(nums[i:])
		index = append(index, Integer(nums[i]), Integer(n))
		i += n
	}
	data := make([]byte, 0, len(entries)*(width+3))
	for _, e := range entries {
		data = append(data, 1)
		for shift := 8 * (width - 1); shift >= 0; shift -= 8 {
			data = append(data, byte(e.offset>>shift))
		}
		data = append(data, byte(e.gen>>8), byte(e.gen))
	}
	d := u.trailer()
	d["Type"] = Name("XRef")
	d["W"] = Array{Integer(1), Integer(width), Integer(2)}
	d["Index"] = index
	d["Length"] = Integer(len(data))
	return out.object(self.Num, pending{obj: &Stream{Dict: d, Data: data}})
}

// appender counts what it writes, so that objects know their place in the file.
// Without a writer it keeps everything in buf.
type appender struct {
	w       io.Writer
	base    int64
	written int64
	buf     []byte
}

func (a *appender) pos() int64 { return a.base + a.written + int64(len(a.buf)) }

func (a *appender) object(num uint32, p pending) error {
	a.buf = strconv.AppendUint(a.buf, uint64(num), 10)
	a.buf = append(a.buf, ' ')
	a.buf = strconv.AppendUint(a.buf, uint64(p.gen), 10)
	a.buf = append(a.buf, " obj\n"...)
	a.buf = AppendObject(a.buf, p.obj, a.base+a.written)
	a.buf = append(a.buf, "\nendobj\n"...)
	if a.w == nil || len(a.buf) < 1<<16 {
		return nil
	}
	return a.flush()
}

func (a *appender) flush() error {
	n, err := a.w.Write(a.buf)
	a.written += int64(n)
	a.buf = a.buf[:0]
	return err
}
