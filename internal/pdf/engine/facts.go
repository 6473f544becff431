package engine

import (
	"bytes"
	"encoding/binary"
	"image"
	"io"

	"github.com/paraph/paraph/internal/pdf"
)

// facts is what a picture file says about itself beside its pixels.
type facts struct {
	dpiX, dpiY  float64 // 0 = not said
	orientation int     // 1 to 8 as EXIF and TIFF count
	adobe       bool    // a JPEG with Adobe's marker: its CMYK is inverted
	components  int     // of a JPEG with eight bits each; 0 = something else
}

// Page sizes in points for pictures that do not say how large they are.
const (
	a4Short, a4Long = 595.28, 841.89
	largestPage     = 17 * 72 // beyond it a resolution of 96 dpi or less is a camera's default
)

func (p *picture) facts(source io.ReaderAt) facts {
	switch p.kind {
	case pdf.KindTIFF:
		return facts{dpiX: p.tiff.dpiX, dpiY: p.tiff.dpiY, orientation: p.tiff.orientation}
	case pdf.KindJPEG:
		return jpegFacts(source)
	case pdf.KindPNG:
		return pngFacts(source)
	}
	return facts{orientation: 1}
}

// pageSize gives the page for a picture in points, after its orientation, and
// whether the resolution was believed.
func (p *picture) pageSize(config image.Config, known facts) (width, height float64, believed bool) {
	w, h := float64(config.Width), float64(config.Height)
	if known.orientation >= 5 {
		w, h = h, w
		known.dpiX, known.dpiY = known.dpiY, known.dpiX
	}
	if known.dpiX >= 30 && known.dpiY >= 30 && known.dpiX <= 4800 && known.dpiY <= 4800 {
		width, height = w*72/known.dpiX, h*72/known.dpiY
		long := max(width, height)
		if long >= 9 && (long <= largestPage || known.dpiX > 96 && long < 14_400) {
			return width, height, true
		}
	}
	// As large as fits A4, lying where the picture lies.
	boxW, boxH := a4Short, a4Long
	if w > h {
		boxW, boxH = a4Long, a4Short
	}
	scale := min(boxW/w, boxH/h)
	return w * scale, h * scale, false
}

// jpegFacts walks the markers before the picture data.
func jpegFacts(source io.ReaderAt) facts {
	known := facts{orientation: 1}
	var exif facts
	header := make([]byte, 4)
	for at := int64(2); ; {
		if _, err := source.ReadAt(header, at); err != nil || header[0] != 0xFF {
			break
		}
		marker := header[1]
		if marker == 0xFF { // padding
			at++
			continue
		}
		if marker == 0xDA || marker == 0xD9 {
			break
		}
		length := int64(binary.BigEndian.Uint16(header[2:]))
		if length < 2 {
			break
		}
		segment := make([]byte, length-2)
		if _, err := source.ReadAt(segment, at+4); err != nil {
			break
		}
		switch {
		case marker == 0xE0 && bytes.HasPrefix(segment, []byte("JFIF\x00")) && len(segment) >= 12:
			known.dpiX, known.dpiY = jfifDensity(segment)
		case marker == 0xE1 && bytes.HasPrefix(segment, []byte("Exif\x00\x00")) && exif.orientation == 0:
			exif = exifFacts(segment[6:])
		case marker >= 0xC0 && marker <= 0xC2 && len(segment) >= 6 && segment[0] == 8:
			known.components = int(segment[5])
		case marker == 0xEE && bytes.HasPrefix(segment, []byte("Adobe")):
			known.adobe = true
		}
		at += 2 + length
	}
	if exif.orientation >= 1 && exif.orientation <= 8 {
		known.orientation = exif.orientation
	}
	if known.dpiX == 0 {
		known.dpiX, known.dpiY = exif.dpiX, exif.dpiY
	}
	return known
}

func jfifDensity(segment []byte) (x, y float64) {
	x, y = float64(binary.BigEndian.Uint16(segment[8:])), float64(binary.BigEndian.Uint16(segment[10:]))
	switch segment[7] {
	case 1:
		return x, y
	case 2: // per centimetre
		return x * 2.54, y * 2.54
	}
	return 0, 0
}

// exifFacts reads the first directory of EXIF data, which is a small TIFF.
func exifFacts(data []byte) facts {
	if len(data) < 8 {
		return facts{}
	}
	var order binary.ByteOrder
	switch string(data[:2]) {
	case "II":
		order = binary.LittleEndian
	case "MM":
		order = binary.BigEndian
	default:
		return facts{}
	}
	found, err := readTIFFFacts(bytes.NewReader(data), order, order.Uint32(data[4:]))
	if err != nil {
		return facts{} // broken EXIF says nothing; the picture itself may be sound
	}
	return facts{dpiX: found.dpiX, dpiY: found.dpiY, orientation: found.orientation}
}

// pngFacts looks for the pHYs chunk, which stands before the picture data.
func pngFacts(source io.ReaderAt) facts {
	known := facts{orientation: 1}
	header := make([]byte, 8)
	for at := int64(8); ; {
		if _, err := source.ReadAt(header, at); err != nil {
			return known
		}
		length := int64(binary.BigEndian.Uint32(header))
		switch string(header[4:]) {
		case "IDAT", "IEND":
			return known
		case "pHYs":
			data := make([]byte, 9)
			if _, err := source.ReadAt(data, at+8); err == nil && data[8] == 1 { // per metre
				known.dpiX = float64(binary.BigEndian.Uint32(data)) * 0.0254
				known.dpiY = float64(binary.BigEndian.Uint32(data[4:])) * 0.0254
			}
			return known
		}
		at += 12 + length
	}
}
