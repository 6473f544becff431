// Package testpdf writes small PDF files of every structural kind for tests.
package testpdf

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Kind is how the file keeps its cross-reference data.
type Kind string

// The kinds of files.
const (
	Classic       Kind = "classic"        // a table
	XRefStream    Kind = "xref-stream"    // a compressed stream with a predictor
	ObjectStreams Kind = "object-streams" // objects packed in an object stream too
	Hybrid        Kind = "hybrid"         // a table, with packed objects behind /XRefStm
)

// Kinds lists all kinds.
var Kinds = []Kind{Classic, XRefStream, ObjectStreams, Hybrid}

// Options choose what the file contains.
type Options struct {
	Kind    Kind
	Pages   int    // 1 if 0
	Rotate  int    // of the first page
	CropBox string // of the first page, for example "[50 50 500 700]"
	Form    bool   // a text field, a nested field, an empty signature field
	Tagged  bool
	Padding int // bytes of an unused image, to make the file large
}

// Make writes the file.
func Make(o Options) []byte {
	objects := Objects(o)
	if o.Kind == "" {
		o.Kind = Classic
	}
	w := &writer{}
	w.WriteString("%PDF-1.7\n%\xE2\xE3\xCF\xD3\n")
	switch o.Kind {
	case Classic:
		w.all(objects, nil)
		w.table("/Root 1 0 R /Info 2 0 R /ID [<00112233445566778899AABBCCDDEEFF> <00112233445566778899AABBCCDDEEFF>]", nil)
	case XRefStream:
		w.all(objects, nil)
		w.stream(0, true)
	case ObjectStreams:
		w.all(objects, w.pack(objects))
		w.stream(0, true)
	case Hybrid:
		w.hybrid(objects)
	}
	return w.Bytes()
}

// Objects gives the bodies of the file's objects, streams complete.
func Objects(o Options) map[int]string {
	n := max(o.Pages, 1)
	m := map[int]string{
		2: "<</Title (A test file)>>",
		4: "<</Type /Font /Subtype /Type1 /BaseFont /Helvetica>>",
	}
	catalog := "<</Type /Catalog /Pages 3 0 R"
	annots := ""
	if o.Form {
		catalog += " /AcroForm <</Fields [5 0 R 6 0 R 8 0 R] /DA (/Helv 0 Tf 0 g) /DR <</Font <</Helv 4 0 R>>>> /NeedAppearances true>>"
		m[5] = "<</Type /Annot /Subtype /Widget /FT /Tx /T (Town) /V (Here) /Rect [100 600 300 620] /F 4 /P 20 0 R>>"
		m[6] = "<</T (Person) /Kids [7 0 R]>>"
		m[7] = "<</Type /Annot /Subtype /Widget /FT /Tx /T (Name) /Parent 6 0 R /Rect [100 560 300 580] /F 4 /P 20 0 R>>"
		m[8] = "<</Type /Annot /Subtype /Widget /FT /Sig /T (Signature1) /Rect [100 500 300 540] /F 4 /P 20 0 R>>"
		annots = " /Annots [5 0 R 7 0 R 8 0 R]"
	}
	if o.Tagged {
		catalog += " /MarkInfo <</Marked true>> /StructTreeRoot 9 0 R /Lang (en)"
		m[9] = "<</Type /StructTreeRoot>>"
	}
	m[1] = catalog + ">>"
	var kids strings.Builder
	for i := range n {
		page, content := 20+2*i, 21+2*i
		fmt.Fprintf(&kids, "%d 0 R ", page)
		extra := ""
		if i == 0 {
			extra = annots
			if o.Rotate != 0 {
				extra += fmt.Sprintf(" /Rotate %d", o.Rotate)
			}
			if o.CropBox != "" {
				extra += " /CropBox " + o.CropBox
			}
		}
		m[page] = fmt.Sprintf("<</Type /Page /Parent 3 0 R /Contents %d 0 R%s>>", content, extra)
		m[content] = Stream("", fmt.Sprintf("BT /F1 24 Tf 80 700 Td (This is page %d) Tj ET", i+1))
	}
	m[3] = fmt.Sprintf("<</Type /Pages /Count %d /Kids [%s] /MediaBox [0 0 595 842] /Resources <</Font <</F1 4 0 R>>>>>>", n, strings.TrimSpace(kids.String()))
	if o.Padding > 0 {
		m[10] = Stream("", strings.Repeat("0123456789ABCDE\n", o.Padding/16))
	}
	return m
}

// Stream gives a stream object's body.
func Stream(dict, data string) string {
	return fmt.Sprintf("<<%s /Length %d>>\nstream\n%s\nendstream", dict, len(data), data)
}

type place struct {
	kind          byte
	offset, index int
}

type writer struct {
	bytes.Buffer
	places map[int]place
}

func (w *writer) object(num int, body string) {
	if w.places == nil {
		w.places = map[int]place{}
	}
	w.places[num] = place{kind: 1, offset: w.Len()}
	fmt.Fprintf(w, "%d 0 obj\n%s\nendobj\n", num, body)
}

func (w *writer) all(objects map[int]string, packed map[int]bool) {
	for _, num := range slices.Sorted(maps.Keys(objects)) {
		if !packed[num] {
			w.object(num, objects[num])
		}
	}
}

// pack writes an object stream (number 200) with everything that may be in one.
func (w *writer) pack(objects map[int]string) map[int]bool {
	packed := map[int]bool{}
	var head, body strings.Builder
	places := map[int]place{}
	for _, num := range slices.Sorted(maps.Keys(objects)) {
		if strings.HasSuffix(objects[num], "endstream") {
			continue
		}
		fmt.Fprintf(&head, "%d %d ", num, body.Len())
		body.WriteString(objects[num] + " ")
		places[num] = place{kind: 2, offset: 200, index: len(packed)}
		packed[num] = true
	}
	w.object(200, Stream(fmt.Sprintf("/Type /ObjStm /N %d /First %d /Filter /FlateDecode", len(packed), head.Len()),
		deflate(head.String()+body.String())))
	for num, p := range places {
		w.places[num] = p
	}
	return packed
}

func deflate(s string) string {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	z.Write([]byte(s)) //nolint:errcheck // a buffer takes everything
	z.Close()          //nolint:errcheck // likewise
	return b.String()
}

func (w *writer) table(trailer string, hidden map[int]bool) {
	start := w.Len()
	fmt.Fprintf(w, "xref\n0 1\n0000000000 65535 f\r\n")
	size := 1
	for _, num := range slices.Sorted(maps.Keys(w.places)) {
		size = max(size, num+1)
		if hidden[num] {
			fmt.Fprintf(w, "%d 1\n0000000000 00000 f\r\n", num)
			continue
		}
		fmt.Fprintf(w, "%d 1\n%010d 00000 n\r\n", num, w.places[num].offset)
	}
	fmt.Fprintf(w, "trailer\n<</Size %d %s>>\nstartxref\n%d\n%%%%EOF\n", size, trailer, start)
}

// stream writes the cross-reference stream, number 201.
func (w *writer) stream(only byte, end bool) {
	start := w.Len()
	w.places[201] = place{kind: 1, offset: start}
	var index strings.Builder
	var rows bytes.Buffer
	previous := make([]byte, 6)
	for _, num := range slices.Sorted(maps.Keys(w.places)) {
		p := w.places[num]
		if only != 0 && p.kind != only {
			continue
		}
		fmt.Fprintf(&index, "%d 1 ", num)
		row := []byte{p.kind, byte(p.offset >> 16), byte(p.offset >> 8), byte(p.offset), byte(p.index >> 8), byte(p.index)}
		rows.WriteByte(2) // the PNG filter Up
		for i := range row {
			rows.WriteByte(row[i] - previous[i])
		}
		previous = row
	}
	dict := "/Type /XRef /Size 202 /W [1 3 2] /Filter /FlateDecode /DecodeParms <</Predictor 12 /Columns 6>> /Root 1 0 R /Info 2 0 R" +
		" /ID [<00112233445566778899AABBCCDDEEFF> <00112233445566778899AABBCCDDEEFF>] /Index [" + strings.TrimSpace(index.String()) + "]"
	fmt.Fprintf(w, "201 0 obj\n%s\nendobj\n", Stream(dict, deflate(rows.String())))
	if end {
		fmt.Fprintf(w, "startxref\n%d\n%%%%EOF\n", start)
	}
}

// hybrid packs only what an old reader can do without: fields and metadata.
func (w *writer) hybrid(objects map[int]string) {
	hidden := map[int]string{}
	plain := maps.Clone(objects)
	for _, num := range []int{2, 5, 6, 7, 8, 9} {
		if body, ok := plain[num]; ok {
			hidden[num] = body
			delete(plain, num)
		}
	}
	w.all(plain, nil)
	packed := w.pack(hidden)
	at := w.Len()
	w.stream(2, false)
	w.table(fmt.Sprintf("/Root 1 0 R /Info 2 0 R /XRefStm %d", at), packed)
}
