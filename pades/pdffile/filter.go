package pdffile

import (
	"bytes"
	"compress/zlib"
	"encoding/ascii85"
	"errors"
	"io"
	"sync"
)

// Raw gives the stream's data decrypted, but still encoded as its /Filter says.
func (f *File) Raw(s *Stream) io.Reader {
	if s.Data != nil {
		return bytes.NewReader(s.Data)
	}
	return s.seal.reader(io.NewSectionReader(f.src, s.Offset, s.Length))
}

// Decoded gives the stream's data with its filters undone. It reads FlateDecode
// with predictors, ASCIIHexDecode and ASCII85Decode, which is what structure
// and text use; others give ErrUnsupported. More than Limits.Decoded bytes give ErrLimit.
func (f *File) Decoded(s *Stream) ([]byte, error) {
	filters, params, err := f.filters(s.Dict)
	if err != nil {
		return nil, err
	}
	r := f.Raw(s)
	for i, name := range filters {
		if r, err = f.filter(r, name, params[i]); err != nil {
			return nil, err
		}
	}
	b, err := io.ReadAll(io.LimitReader(r, f.lim.Decoded+1))
	if int64(len(b)) > f.lim.Decoded {
		return nil, overLimit("a stream unpacks to more than %d bytes", f.lim.Decoded)
	}
	if err != nil {
		return nil, streamFault(s, err)
	}
	return b, nil
}

func streamFault(s *Stream, err error) error {
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	return damaged(s.Offset, "a stream cannot be unpacked: %v", err)
}

// filters gives the names and parameters in the order of decoding.
func (f *File) filters(d Dict) ([]Name, []Dict, error) {
	filter, err := f.Resolve(d["Filter"])
	if err != nil || isNull(filter) {
		return nil, nil, err
	}
	parms, err := f.Resolve(d["DecodeParms"])
	if err != nil {
		return nil, nil, err
	}
	list, ok := filter.(Array)
	parmList, _ := parms.(Array)
	if !ok {
		list, parmList = Array{filter}, Array{parms}
	}
	if len(list) > 8 {
		return nil, nil, overLimit("a stream has more than 8 filters")
	}
	names, dicts := make([]Name, len(list)), make([]Dict, len(list))
	for i := range list {
		o, err := f.Resolve(list[i])
		if err != nil {
			return nil, nil, err
		}
		if names[i], ok = o.(Name); !ok {
			return nil, nil, damaged(-1, "a filter is not a name")
		}
		if i < len(parmList) {
			if o, err = f.Resolve(parmList[i]); err != nil {
				return nil, nil, err
			}
			dicts[i], _ = o.(Dict)
		}
	}
	return names, dicts, nil
}

func (f *File) filter(r io.Reader, name Name, parms Dict) (io.Reader, error) {
	switch name {
	case "FlateDecode", "Fl":
		z, err := zlib.NewReader(r)
		if err != nil {
			return nil, damaged(-1, "a Flate stream is broken: %v", err)
		}
		return f.predictor(z, parms)
	case "Crypt":
		return r, nil // Raw has undone it
	case "ASCIIHexDecode", "AHx":
		return &hexReader{r: r}, nil
	case "ASCII85Decode", "A85":
		return ascii85.NewDecoder(&ascii85Trim{r: r}), nil
	}
	return nil, unsupported("the filter %s is not read here", name)
}

func (f *File) predictor(r io.Reader, parms Dict) (io.Reader, error) {
	get := func(key Name, fallback, max int) (int, error) {
		o, err := f.Resolve(parms[key])
		if err != nil || isNull(o) {
			return fallback, err
		}
		n, ok := o.(Integer)
		if !ok || n < 1 || n > Integer(max) {
			return 0, damaged(-1, "the filter parameter /%s is out of range", key)
		}
		return int(n), nil
	}
	kind, err := get("Predictor", 1, 15)
	if err != nil || kind == 1 {
		return r, err
	}
	colors, err := get("Colors", 1, 32)
	if err != nil {
		return nil, err
	}
	bits, err := get("BitsPerComponent", 8, 16)
	if err != nil {
		return nil, err
	}
	columns, err := get("Columns", 1, 1<<20)
	if err != nil {
		return nil, err
	}
	if kind < 10 {
		return nil, unsupported("the TIFF predictor is not read here")
	}
	row := (colors*bits*columns + 7) / 8
	return &pngReader{r: r, bpp: max(1, colors*bits/8), cur: make([]byte, row+1), prev: make([]byte, row), at: row + 1}, nil
}

// pngReader undoes the PNG row filters (RFC 2083, 6).
type pngReader struct {
	r         io.Reader
	bpp, at   int
	cur, prev []byte // cur holds the filter's type before the row
}

func (p *pngReader) Read(b []byte) (int, error) {
	if p.at == len(p.cur) {
		if err := p.row(); err != nil {
			return 0, err
		}
	}
	n := copy(b, p.cur[p.at:])
	p.at += n
	return n, nil
}

func (p *pngReader) row() error {
	if p.at == len(p.cur) && p.cur != nil {
		copy(p.prev, p.cur[1:])
	}
	if _, err := io.ReadFull(p.r, p.cur); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return damaged(-1, "a predicted stream ends inside a row")
		}
		return err
	}
	row := p.cur[1:]
	for i := range row {
		var left, upLeft byte
		if i >= p.bpp {
			left, upLeft = row[i-p.bpp], p.prev[i-p.bpp]
		}
		switch p.cur[0] {
		case 0:
		case 1:
			row[i] += left
		case 2:
			row[i] += p.prev[i]
		case 3:
			row[i] += byte((int(left) + int(p.prev[i])) / 2)
		case 4:
			row[i] += paeth(left, p.prev[i], upLeft)
		default:
			return damaged(-1, "a predicted stream names an unknown row filter")
		}
	}
	p.at = 1
	return nil
}

func paeth(a, b, c byte) byte {
	p := int(a) + int(b) - int(c)
	da, db, dc := abs(p-int(a)), abs(p-int(b)), abs(p-int(c))
	if da <= db && da <= dc {
		return a
	}
	if db <= dc {
		return b
	}
	return c
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}

// hexReader decodes ASCIIHexDecode up to its '>' (7.4.2).
type hexReader struct {
	r    io.Reader
	in   [512]byte
	done bool
	half bool
	high byte
}

func (h *hexReader) Read(b []byte) (int, error) {
	if h.done {
		return 0, io.EOF
	}
	n, err := h.r.Read(h.in[:min(len(h.in), len(b))])
	out := 0
	for _, c := range h.in[:n] {
		if isSpace(c) {
			continue
		}
		if c == '>' {
			h.done = true
			break
		}
		v, ok := unhex(c)
		if !ok {
			return out, damaged(-1, "an ASCIIHex stream holds %q", c)
		}
		if h.half = !h.half; h.half {
			h.high = v << 4
			continue
		}
		b[out] = h.high | v
		out++
	}
	if (h.done || errors.Is(err, io.EOF)) && h.half && out < len(b) {
		h.half = false
		b[out] = h.high
		out++
	}
	if h.done && err == nil {
		return out, nil
	}
	return out, err
}

// ascii85Trim ends the data at '~', which Go's decoder does not know.
type ascii85Trim struct {
	r    io.Reader
	done bool
}

func (a *ascii85Trim) Read(b []byte) (int, error) {
	if a.done {
		return 0, io.EOF
	}
	n, err := a.r.Read(b)
	if i := bytes.IndexByte(b[:n], '~'); i >= 0 {
		a.done = true
		return i, nil
	}
	return n, err
}

// deflaters are kept: each has tables larger than what most streams hold.
var deflaters = sync.Pool{New: func() any {
	z, err := zlib.NewWriterLevel(nil, zlib.BestSpeed)
	if err != nil {
		panic(err) // the level is one of the package's own
	}
	return z
}}

// Deflate encodes data for the filter FlateDecode.
func Deflate(data []byte) ([]byte, error) {
	var b bytes.Buffer
	z, _ := deflaters.Get().(*zlib.Writer)
	defer deflaters.Put(z)
	z.Reset(&b)
	if _, err := z.Write(data); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
