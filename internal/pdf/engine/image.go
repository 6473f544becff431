package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"os"

	"golang.org/x/image/tiff"
	_ "golang.org/x/image/webp" // registers the decoder

	"github.com/paraph/paraph/internal/pdf"
)

// inspectImage reads only the header, so that a picture that claims to be huge
// is refused before a pixel of it is unpacked. Whether the pixels are all there
// is found when the picture is made into a page.
func inspectImage(file *os.File, found *pdf.Inspection, limits pdf.Limits) error {
	pictures, err := openImages(file, found.Kind, limits)
	if err != nil {
		return err
	}
	for i, picture := range pictures {
		config, err := picture.config()
		if err != nil {
			return err
		}
		width, height, _ := picture.pageSize(config, picture.facts(file))
		found.Pages = append(found.Pages, pdf.PageInfo{
			Number: i + 1, Width: width, Height: height, UserUnit: 1,
			PixelWidth: config.Width, PixelHeight: config.Height,
			Text: pdf.TextQuality{Mapped: 1}, Objects: 1, ImageOnly: true,
		})
	}
	return nil
}

// picture is one picture of a file: the file itself, or one directory of a TIFF.
type picture struct {
	kind   pdf.Kind
	source io.ReaderAt
	size   int64
	pixels int64
	tiff   tiffFacts
}

func (p *picture) reader() *io.SectionReader { return io.NewSectionReader(p.source, 0, p.size) }

// config reads the header and refuses what is too large.
func (p *picture) config() (image.Config, error) {
	var config image.Config
	var err error
	if p.kind == pdf.KindTIFF {
		config, err = tiff.DecodeConfig(p.reader())
	} else {
		config, _, err = image.DecodeConfig(p.reader())
	}
	if err != nil {
		return config, imageFault(err)
	}
	if config.Width <= 0 || config.Height <= 0 {
		return config, pdf.ErrDamaged.With("the picture has no area")
	}
	if int64(config.Width)*int64(config.Height) > p.pixels {
		return config, pdf.ErrTooLarge.With("the picture has %d by %d pixels; up to %d million in all are taken",
			config.Width, config.Height, p.pixels/1_000_000)
	}
	return config, nil
}

func (p *picture) decode() (image.Image, error) {
	if _, err := p.config(); err != nil {
		return nil, err
	}
	var decoded image.Image
	var err error
	if p.kind == pdf.KindTIFF {
		decoded, err = tiff.Decode(p.reader())
	} else {
		decoded, _, err = image.Decode(p.reader())
	}
	if err != nil {
		return nil, imageFault(err)
	}
	return decoded, nil
}

func imageFault(err error) error {
	var unsupportedTIFF tiff.UnsupportedError
	var unsupportedJPEG jpeg.UnsupportedError
	var unsupportedPNG png.UnsupportedError
	if errors.As(err, &unsupportedTIFF) || errors.As(err, &unsupportedJPEG) || errors.As(err, &unsupportedPNG) {
		return pdf.ErrUnsupported.With("the picture uses a form that cannot be read: %v", err)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return pdf.ErrDamaged.With("the picture is cut short")
	}
	return pdf.ErrDamaged.With("the picture cannot be read: %v", err)
}

// openImages gives the pictures of a file: one, or all pages of a TIFF.
func openImages(file *os.File, kind pdf.Kind, limits pdf.Limits) ([]*picture, error) {
	limits = limits.WithDefaults()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("look at the file: %w", err)
	}
	if kind != pdf.KindTIFF {
		return []*picture{{kind: kind, source: file, size: info.Size(), pixels: limits.Pixels}}, nil
	}
	offsets, order, err := tiffDirectories(file, limits.Pages)
	if err != nil {
		return nil, err
	}
	var pictures []*picture
	for _, offset := range offsets {
		header := make([]byte, 8)
		if _, err := file.ReadAt(header, 0); err != nil {
			return nil, pdf.ErrDamaged.With("the picture is cut short")
		}
		order.PutUint32(header[4:], offset)
		facts, err := readTIFFFacts(file, order, offset)
		if err != nil {
			return nil, err
		}
		if facts.thumbnail {
			continue
		}
		pictures = append(pictures, &picture{kind: kind, source: &overlay{file, header}, size: info.Size(), pixels: limits.Pixels, tiff: facts})
	}
	if len(pictures) == 0 {
		return nil, pdf.ErrDamaged.With("the TIFF file holds no page")
	}
	return pictures, nil
}

// overlay reads a file whose first bytes are replaced: the TIFF decoder knows
// only the first directory, so each page gets a header that points to its own.
type overlay struct {
	file io.ReaderAt
	head []byte
}

// ReadAt implements io.ReaderAt.
func (o *overlay) ReadAt(p []byte, offset int64) (int, error) {
	n, err := o.file.ReadAt(p, offset)
	if offset >= 0 && offset < int64(len(o.head)) {
		copy(p[:n], o.head[offset:])
	}
	return n, err
}

// tiffFacts is what the decoder does not tell.
type tiffFacts struct {
	thumbnail   bool
	dpiX, dpiY  float64
	orientation int
}

// Tags of TIFF 6.0.
const (
	tagSubfileType = 254
	tagOrientation = 274
	tagXResolution = 282
	tagYResolution = 283
	tagUnit        = 296
)

// tiffDirectories follows the chain of directories, stopping at loops.
func tiffDirectories(file io.ReaderAt, maxPages int) ([]uint32, binary.ByteOrder, error) {
	header := make([]byte, 8)
	if _, err := file.ReadAt(header, 0); err != nil {
		return nil, nil, pdf.ErrDamaged.With("the picture is cut short")
	}
	var order binary.ByteOrder = binary.LittleEndian
	if header[0] == 'M' {
		order = binary.BigEndian
	}
	var offsets []uint32
	seen := map[uint32]bool{}
	for next := order.Uint32(header[4:]); next != 0; {
		if seen[next] {
			return nil, nil, pdf.ErrDamaged.With("the pages of the TIFF file run in a circle")
		}
		if len(offsets) >= maxPages {
			return nil, nil, pdf.ErrTooManyPages.With("the TIFF file has more than %d pages", maxPages)
		}
		seen[next] = true
		offsets = append(offsets, next)
		count := make([]byte, 2)
		if _, err := file.ReadAt(count, int64(next)); err != nil {
			return nil, nil, pdf.ErrDamaged.With("page %d of the TIFF file is cut short", len(offsets))
		}
		link := make([]byte, 4)
		if _, err := file.ReadAt(link, int64(next)+2+12*int64(order.Uint16(count))); err != nil {
			return nil, nil, pdf.ErrDamaged.With("page %d of the TIFF file is cut short", len(offsets))
		}
		next = order.Uint32(link)
	}
	if len(offsets) == 0 {
		return nil, nil, pdf.ErrDamaged.With("the TIFF file holds no page")
	}
	return offsets, order, nil
}

func readTIFFFacts(file io.ReaderAt, order binary.ByteOrder, offset uint32) (tiffFacts, error) {
	facts := tiffFacts{orientation: 1}
	count := make([]byte, 2)
	if _, err := file.ReadAt(count, int64(offset)); err != nil {
		return facts, pdf.ErrDamaged.With("the TIFF file is cut short")
	}
	entries := make([]byte, 12*int(order.Uint16(count)))
	if _, err := file.ReadAt(entries, int64(offset)+2); err != nil {
		return facts, pdf.ErrDamaged.With("the TIFF file is cut short")
	}
	unit := 2 // inch
	for ; len(entries) >= 12; entries = entries[12:] {
		value := entries[8:12]
		switch order.Uint16(entries) {
		case tagSubfileType:
			facts.thumbnail = order.Uint32(value)&1 != 0
		case tagOrientation:
			facts.orientation = int(order.Uint16(value))
		case tagXResolution:
			facts.dpiX = rational(file, order, order.Uint32(value))
		case tagYResolution:
			facts.dpiY = rational(file, order, order.Uint32(value))
		case tagUnit:
			unit = int(order.Uint16(value))
		}
	}
	switch unit {
	case 3: // per centimetre
		facts.dpiX *= 2.54
		facts.dpiY *= 2.54
	case 1: // no absolute unit
		facts.dpiX, facts.dpiY = 0, 0
	}
	return facts, nil
}

func rational(file io.ReaderAt, order binary.ByteOrder, offset uint32) float64 {
	data := make([]byte, 8)
	if _, err := file.ReadAt(data, int64(offset)); err != nil || order.Uint32(data[4:]) == 0 {
		return 0 // no usable resolution; the page gets a default size
	}
	return float64(order.Uint32(data)) / float64(order.Uint32(data[4:]))
}
