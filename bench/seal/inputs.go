package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// input is a file to be signed.
type input struct {
	name string
	path string
	size int64
}

// makeInputs writes the files: text pages, and pages that each show a scan of
// 730 kB, which is noise here, since nobody who signs looks into it.
func makeInputs(dir string, quick bool) ([]input, error) {
	list := []input{{name: "1 page"}, {name: "100 pages"}, {name: "50 MB, 70 scans"}, {name: "500 MB, 700 scans"}}
	pages := []struct{ n, scan int }{{1, 0}, {100, 0}, {70, 730_000}, {700, 730_000}}
	if quick {
		list, pages = list[:2], pages[:2]
	}
	for i := range list {
		in := &list[i]
		in.path = filepath.Join(dir, fmt.Sprintf("input%d.pdf", i))
		if err := writePDF(in.path, pages[i].n, pages[i].scan); err != nil {
			return nil, err
		}
		info, err := os.Stat(in.path)
		if err != nil {
			return nil, err
		}
		in.size = info.Size()
	}
	return list, nil
}

// pdf counts what it writes.
type pdf struct {
	*bufio.Writer
	at      int64
	offsets []int64
}

func (p *pdf) printf(format string, args ...any) {
	n, _ := fmt.Fprintf(p.Writer, format, args...) // Flush tells of a fault
	p.at += int64(n)
}

func (p *pdf) begin(num int) {
	for len(p.offsets) <= num {
		p.offsets = append(p.offsets, 0)
	}
	p.offsets[num] = p.at
	p.printf("%d 0 obj\n", num)
}

func writePDF(path string, pages, scan int) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	p := &pdf{Writer: bufio.NewWriterSize(f, 1<<20)}
	noise := make([]byte, scan)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	p.printf("%%PDF-1.7\n%%\xE2\xE3\xCF\xD3\n")
	p.begin(1)
	p.printf("<</Type /Catalog /Pages 2 0 R>>\nendobj\n")
	var kids strings.Builder
	for i := range pages {
		fmt.Fprintf(&kids, "%d 0 R ", 5+3*i)
	}
	p.begin(2)
	p.printf("<</Type /Pages /Count %d /Kids [%s] /MediaBox [0 0 595 842]>>\nendobj\n", pages, strings.TrimSpace(kids.String()))
	p.begin(3)
	p.printf("<</Type /Font /Subtype /Type1 /BaseFont /Helvetica>>\nendobj\n")
	p.begin(4)
	p.printf("<</Title (A document to be signed)>>\nendobj\n")
	for i := range pages {
		page := 5 + 3*i
		content := fmt.Sprintf("BT /F1 12 Tf 72 720 Td (Page %d of a document that says little) Tj ET", i+1)
		shown := ""
		if scan > 0 {
			content = "q 595 0 0 842 0 0 cm /Im Do Q"
			shown = fmt.Sprintf(" /XObject <</Im %d 0 R>>", page+2)
		}
		p.begin(page)
		p.printf("<</Type /Page /Parent 2 0 R /Contents %d 0 R /Resources <</Font <</F1 3 0 R>>%s>>>>\nendobj\n", page+1, shown)
		p.begin(page + 1)
		p.printf("<</Length %d>>\nstream\n%s\nendstream\nendobj\n", len(content), content)
		if scan > 0 {
			p.begin(page + 2)
			p.printf("<</Type /XObject /Subtype /Image /Width 1240 /Height 1754 /ColorSpace /DeviceGray /BitsPerComponent 8 /Filter /DCTDecode /Length %d>>\nstream\n", scan)
			n, _ := p.Write(noise)
			p.at += int64(n)
			p.printf("\nendstream\nendobj\n")
		}
	}
	start := p.at
	p.printf("xref\n0 %d\n0000000000 65535 f\r\n", len(p.offsets))
	for _, at := range p.offsets[1:] {
		if at == 0 {
			p.printf("0000000000 00000 f\r\n")
			continue
		}
		p.printf("%010d 00000 n\r\n", at)
	}
	p.printf("trailer\n<</Size %d /Root 1 0 R /Info 4 0 R /ID [<00112233445566778899AABBCCDDEEFF> <00112233445566778899AABBCCDDEEFF>]>>\nstartxref\n%d\n%%%%EOF\n", len(p.offsets), start)
	return p.Flush()
}
