package pdfa

import (
	"bytes"
	"io"
	"strconv"
)

// maxFile bounds the file whose bytes are looked at.
const maxFile = 1 << 30

// syntax looks at the bytes of the file: header, objects and trailer (6.1).
func (c *checker) syntax() error {
	trailer := c.f.Trailer()
	if !isNull(trailer["Encrypt"]) {
		c.breach("it is encrypted")
	}
	if id, err := c.f.Array(trailer["ID"]); err != nil || len(id) != 2 {
		c.breach("it has no identifier")
	}
	if c.f.Size() > maxFile {
		c.breach("it is too large to be looked at")
		return nil
	}
	if err := c.header(); err != nil {
		return err
	}
	return c.spacing()
}

func (c *checker) header() error {
	head := make([]byte, min(64, c.f.Size()))
	if _, err := c.f.Source().ReadAt(head, 0); err != nil && err != io.EOF { //nolint:errorlint // ReadAt gives it as it is
		return err
	}
	first, rest, _ := bytes.Cut(bytes.ReplaceAll(head, []byte("\r\n"), []byte("\n")), []byte("\n"))
	if bytes.ContainsRune(first, '\r') {
		first, rest, _ = bytes.Cut(head, []byte("\r"))
	}
	if len(first) != 8 || !bytes.HasPrefix(first, []byte("%PDF-1.")) || first[7] < '0' || first[7] > '7' {
		c.breach("its header is not that of PDF 1.0 to 1.7")
	}
	binary := len(rest) >= 5 && rest[0] == '%'
	for i := 1; i <= 4 && binary; i++ {
		binary = rest[i] > 127
	}
	if !binary {
		c.breach("its header does not say that it is binary")
	}
	if version, err := c.f.Version(); err == nil && version > "1.7" {
		c.breach("it is of PDF %s", version)
	}
	return nil
}

// spacing looks at how each object begins and ends (6.1.9): "1 0 obj" on a line
// of its own, and "endobj" too.
func (c *checker) spacing() error {
	starts := c.f.Places()
	for i, at := range starts {
		end := c.f.Size()
		if i+1 < len(starts) {
			end = starts[i+1]
		}
		if ok, err := c.spaced(at, end); err != nil {
			return err
		} else if !ok {
			c.breach("its objects are not spaced as PDF/A wants it")
			return nil
		}
	}
	return nil
}

func (c *checker) spaced(at, end int64) (bool, error) {
	const look = 64
	begin := make([]byte, min(look, end-at))
	if _, err := c.f.Source().ReadAt(begin, at); err != nil && err != io.EOF { //nolint:errorlint // ReadAt gives it as it is
		return false, err
	}
	if bytes.HasPrefix(begin, []byte("xref")) {
		return bytes.HasPrefix(begin, []byte("xref\n")) || bytes.HasPrefix(begin, []byte("xref\r")), nil
	}
	rest, ok := digits(begin)
	if !ok || len(rest) == 0 || rest[0] != ' ' {
		return false, nil
	}
	if rest, ok = digits(rest[1:]); !ok || !bytes.HasPrefix(rest, []byte(" obj\n")) && !bytes.HasPrefix(rest, []byte(" obj\r")) {
		return false, nil
	}
	if at > 0 {
		before := make([]byte, 1)
		if _, err := c.f.Source().ReadAt(before, at-1); err != nil {
			return false, err
		}
		if before[0] != '\n' && before[0] != '\r' {
			return false, nil
		}
	}
	tail := make([]byte, min(2*look, end-at))
	if _, err := c.f.Source().ReadAt(tail, end-int64(len(tail))); err != nil && err != io.EOF { //nolint:errorlint // as above
		return false, err
	}
	n := bytes.LastIndex(tail, []byte("endobj"))
	if n < 1 {
		return false, nil
	}
	after := n + len("endobj")
	return isEOL(tail[n-1]) && (after == len(tail) || isEOL(tail[after])), nil
}

func isEOL(b byte) bool { return b == '\n' || b == '\r' }

func digits(b []byte) (rest []byte, ok bool) {
	n := 0
	for n < len(b) && b[n] >= '0' && b[n] <= '9' {
		n++
	}
	_, err := strconv.Atoi(string(b[:n]))
	return b[n:], err == nil
}
