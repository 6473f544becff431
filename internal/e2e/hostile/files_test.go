//go:build judges

package hostile

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"strings"
	"testing"
)

// makePDF writes the objects, numbered from 1 with 1 as the catalogue, with a
// sound cross-reference table.
func makePDF(objects ...string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n")
	at := make([]int, len(objects))
	for i, o := range objects {
		at[i] = b.Len()
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	xref := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, n := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", n)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, xref)
	return b.Bytes()
}

func stream(dict string, data []byte) string {
	return fmt.Sprintf("<< %s /Length %d >>\nstream\n%s\nendstream", dict, len(data), data)
}

const (
	helvetica = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
	words     = "BT /F1 12 Tf 20 150 Td (This order has words enough to be read without) Tj 0 -20 Td (any recognition, in three plain lines of English) Tj 0 -20 Td (text that stand one below the other.) Tj ET"
)

// pagesPDF has n pages with the same words; extra is put into the catalogue.
func pagesPDF(n int, extra string, more ...string) []byte {
	var kids strings.Builder
	for i := range n {
		fmt.Fprintf(&kids, "%d 0 R ", 5+i)
	}
	objects := []string{"<< /Type /Catalog /Pages 2 0 R " + extra + " >>", fmt.Sprintf("<< /Type /Pages /Kids [%s] /Count %d >>", kids.String(), n), helvetica, stream("", []byte(words))}
	for range n {
		objects = append(objects, "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 200] /Contents 4 0 R /Resources << /Font << /F1 3 0 R >> >> >>")
	}
	return makePDF(append(objects, more...)...)
}

// zeros deflates n zero bytes without holding them.
func zeros(t *testing.T, n int64) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	if _, err := io.CopyN(w, zero{}, n); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// objectBomb keeps its catalogue and pages in an object stream, behind 1 GB of
// white space that has to be inflated to reach them.
func objectBomb(t *testing.T) []byte {
	t.Helper()
	objects := []string{"<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>", "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 200] >>"}
	const pad = 1 << 30
	index, bodies := "", ""
	for i, o := range objects {
		index += fmt.Sprintf("%d %d ", i+1, pad+len(bodies))
		bodies += o + " "
	}
	var packed bytes.Buffer
	w := zlib.NewWriter(&packed)
	if _, err := io.Copy(w, io.MultiReader(strings.NewReader(index), io.LimitReader(zero{}, pad), strings.NewReader(bodies))); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n")
	packedAt := b.Len()
	fmt.Fprintf(&b, "4 0 obj\n%s\nendobj\n", stream(fmt.Sprintf("/Type /ObjStm /N 3 /First %d /Filter /FlateDecode", len(index)), packed.Bytes()))
	table := []byte{0, 0, 0, 0, 0, 0}
	for i := range objects {
		table = append(table, 2, 0, 0, 0, 4, byte(i))
	}
	tableAt := b.Len()
	for _, at := range []int{packedAt, tableAt} {
		table = append(binary.BigEndian.AppendUint32(append(table, 1), uint32(at)), 0)
	}
	fmt.Fprintf(&b, "5 0 obj\n%s\nendobj\nstartxref\n%d\n%%%%EOF\n", stream("/Type /XRef /Size 6 /W [1 4 1] /Root 1 0 R", table), tableAt)
	return b.Bytes()
}

type zero struct{}

func (zero) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// bigPNG is a one-bit PNG of side × side pixels; without data only its header.
func bigPNG(t *testing.T, side uint32, data bool) []byte {
	t.Helper()
	var b bytes.Buffer
	b.WriteString("\x89PNG\r\n\x1a\n")
	chunk := func(name string, body []byte) {
		_ = binary.Write(&b, binary.BigEndian, uint32(len(body))) // a buffer takes everything
		whole := append([]byte(name), body...)
		b.Write(whole)
		_ = binary.Write(&b, binary.BigEndian, crc32.ChecksumIEEE(whole))
	}
	head := binary.BigEndian.AppendUint32(nil, side)
	head = binary.BigEndian.AppendUint32(head, side)
	chunk("IHDR", append(head, 1, 0, 0, 0, 0))
	if data {
		chunk("IDAT", zeros(t, int64(side)*int64(side/8+1)))
		chunk("IEND", nil)
	}
	return b.Bytes()
}

func smallPNG(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 300, 200))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func smallJPEG(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 300, 200)), nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// hugeJPEG says in its frame header that it has 65500 × 65500 pixels.
func hugeJPEG(t *testing.T) []byte {
	t.Helper()
	b := smallJPEG(t)
	at := bytes.Index(b, []byte{0xff, 0xc0})
	if at < 0 {
		t.Fatal("the JPEG has no frame header")
	}
	binary.BigEndian.PutUint16(b[at+5:], 65500)
	binary.BigEndian.PutUint16(b[at+7:], 65500)
	return b
}

// loopTIFF names its only directory as the one that follows it.
func loopTIFF() []byte {
	b := []byte("II*\x00\x08\x00\x00\x00")
	b = binary.LittleEndian.AppendUint16(b, 2)
	for _, tag := range []uint16{256, 257} { // width, height
		b = binary.LittleEndian.AppendUint16(b, tag)
		b = binary.LittleEndian.AppendUint16(b, 3)
		b = binary.LittleEndian.AppendUint32(b, 1)
		b = binary.LittleEndian.AppendUint32(b, 10)
	}
	return binary.LittleEndian.AppendUint32(b, 8)
}

// manyTIFF is a chain of n directories without a picture.
func manyTIFF(n int) []byte {
	b := []byte("II*\x00\x08\x00\x00\x00")
	for range n {
		b = binary.LittleEndian.AppendUint16(b, 0)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(b)+4))
	}
	return append(b, 0, 0, 0, 0, 0, 0)
}
