package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image/color"
	"image/jpeg"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// set is a number of pages to read and what is known about them.
type set struct {
	name     string
	pdf      string   // all pages
	images   []string // one JPEG a page
	pages    []known
	receipts bool
}

// known is the truth about a page.
type known struct {
	name, class, truth, total, date string
	second                          bool // of the half that rules were not tuned on
}

// scanSet makes the scans, or takes those made before with the same options.
func scanSet(o options) (*set, error) {
	dir := filepath.Join(o.work, fmt.Sprintf("scans-%d-%d", o.seed, o.pages))
	index := filepath.Join(dir, "truth.json")
	var pages []savedScan
	if data, err := os.ReadFile(index); err != nil || json.Unmarshal(data, &pages) != nil {
		fmt.Printf("making %d scans\n", o.pages)
		made, err := scans(o.seed, o.pages)
		if err != nil {
			return nil, err
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
		for _, s := range made {
			if err := os.WriteFile(filepath.Join(dir, s.name+".jpg"), s.jpeg, 0o600); err != nil {
				return nil, err
			}
			pages = append(pages, savedScan{s.name, s.class, s.truth})
		}
		data, err := json.Marshal(pages)
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(index, data, 0o600); err != nil {
			return nil, err
		}
	}
	out := &set{name: fmt.Sprintf("%d generated A4 scans, 300 dpi, gray JPEG", len(pages)), pdf: filepath.Join(dir, "scans.pdf")}
	for _, p := range pages {
		out.images = append(out.images, filepath.Join(dir, p.Name+".jpg"))
		out.pages = append(out.pages, known{name: p.Name, class: p.Class, truth: p.Truth})
	}
	return out, wrap(out.images, scanDPI, out.pdf)
}

type savedScan struct{ Name, Class, Truth string }

// receiptDPI is a usual resolution of such scans; the files do not say.
const receiptDPI = 150

func receiptSet(o options) (*set, error) {
	images, err := filepath.Glob(filepath.Join(o.receipts, "img", "*.jpg"))
	if err != nil {
		return nil, err
	}
	sort.Strings(images)
	out := &set{receipts: true, pdf: filepath.Join(o.work, "receipts"+o.half+".pdf")}
	for i, path := range images {
		if o.half == "even" && i%2 != 0 || o.half == "odd" && i%2 != 1 {
			continue
		}
		name := strings.TrimSuffix(filepath.Base(path), ".jpg")
		page := known{name: name, second: i%2 == 1}
		var key struct{ Date, Total string }
		data, err := os.ReadFile(filepath.Join(o.receipts, "key", name+".json"))
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(data, &key); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		page.total, page.date = key.Total, key.Date
		boxes, err := filepath.Glob(filepath.Join(o.receipts, "box", name+".*"))
		if err != nil || len(boxes) == 0 {
			return nil, fmt.Errorf("%s has no text: %w", name, err)
		}
		if data, err = os.ReadFile(boxes[0]); err != nil {
			return nil, err
		}
		page.truth = boxText(string(data))
		out.images, out.pages = append(out.images, path), append(out.pages, page)
	}
	out.name = fmt.Sprintf("%d real receipts", len(out.pages))
	return out, wrap(out.images, receiptDPI, out.pdf)
}

// boxText takes the text behind the eight numbers of each line.
func boxText(data string) string {
	var out strings.Builder
	for _, line := range strings.Split(strings.ReplaceAll(data, "\r", ""), "\n") {
		if parts := strings.SplitN(line, ",", 9); len(parts) == 9 {
			out.WriteString(parts[8] + "\n")
		}
	}
	return out.String()
}

// wrap writes a PDF of JPEG pages, one picture each and nothing else, as
// scanners do.
func wrap(images []string, dpi float64, path string) error {
	var out bytes.Buffer
	var offsets []int
	object := func(body string) {
		offsets = append(offsets, out.Len())
		fmt.Fprintf(&out, "%d 0 obj\n%s\nendobj\n", len(offsets), body)
	}
	out.WriteString("%PDF-1.5\n%\xe2\xe3\xcf\xd3\n")
	object("<</Type/Catalog/Pages 2 0 R>>")
	var kids []string
	for i := range images {
		kids = append(kids, fmt.Sprintf("%d 0 R", 3+3*i))
	}
	object(fmt.Sprintf("<</Type/Pages/Count %d/Kids[%s]>>", len(images), strings.Join(kids, " ")))
	for i, name := range images {
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		config, err := jpeg.DecodeConfig(bytes.NewReader(data))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		resolution := dpi
		if config.Width > 4000 {
			resolution = 600 // a whole A4 sheet
		}
		colours := "/DeviceRGB"
		if config.ColorModel == color.GrayModel {
			colours = "/DeviceGray"
		}
		w, h := float64(config.Width)*72/resolution, float64(config.Height)*72/resolution
		content := fmt.Sprintf("q %.4f 0 0 %.4f 0 0 cm /I Do Q", w, h)
		object(fmt.Sprintf("<</Type/Page/Parent 2 0 R/MediaBox[0 0 %.4f %.4f]/Contents %d 0 R/Resources<</XObject<</I %d 0 R>>>>>>", w, h, 4+3*i, 5+3*i))
		object(fmt.Sprintf("<</Length %d>>\nstream\n%s\nendstream", len(content), content))
		object(fmt.Sprintf("<</Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace%s/BitsPerComponent 8/Filter/DCTDecode/Length %d>>\nstream\n%s\nendstream",
			config.Width, config.Height, colours, len(data), data))
	}
	start := out.Len()
	fmt.Fprintf(&out, "xref\n0 %d\n0000000000 65535 f \n", len(offsets)+1)
	for _, offset := range offsets {
		fmt.Fprintf(&out, "%010d 00000 n \n", offset)
	}
	fmt.Fprintf(&out, "trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(offsets)+1, start)
	return os.WriteFile(path, out.Bytes(), 0o600)
}
