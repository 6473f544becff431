// Package pdf inspects, renders, reads, mends and writes PDF documents and
// scanned images without ever parsing one in the server.
//
// Tools is what the server uses. Each method hands open files to a child
// process of internal/sandbox, where internal/pdf/engine does the work with
// pdfium (in WebAssembly) and Go code; results that are documents or pictures
// come back through files. This package holds only the types both sides share
// and the calls.
//
// Units: pages are numbered from 1. Lengths are points (1/72 inch, UserUnit
// already applied). Positions have their origin in the top left corner of the
// page as a reader shows it, after CropBox and Rotate; x grows to the right and
// y downwards.
package pdf

import "github.com/paraph/paraph/internal/sandbox"

// What a document itself can be at fault for. Compare with errors.Is; the words
// of an actual fault say more. A fault of the process around it is
// sandbox.ErrTimeout, ErrMemory, ErrCrashed or ErrBusy.
var (
	ErrEmpty        = &sandbox.Error{Code: "empty", Message: "the file has no bytes"}
	ErrDamaged      = &sandbox.Error{Code: "damaged", Message: "the file is damaged or cut short and cannot be read"}
	ErrEncrypted    = &sandbox.Error{Code: "encrypted", Message: "the file is protected by a password; send a copy without one"}
	ErrTooManyPages = &sandbox.Error{Code: "too_many_pages", Message: "the file has too many pages"}
	ErrTooLarge     = &sandbox.Error{Code: "too_large", Message: "the picture has too many pixels"}
	ErrUnsupported  = &sandbox.Error{Code: "unsupported", Message: "the file is not a PDF, PNG, JPEG, TIFF or WebP that can be read"}
	ErrNoSuchPage   = &sandbox.Error{Code: "no_such_page", Message: "the document has no such page"}
	ErrSigned       = &sandbox.Error{Code: "signed", Message: "the document carries a signature and must not be rewritten"}
)

// Kind is the format of a file, known by its first bytes.
type Kind string

// The formats that are taken in.
const (
	KindPDF  Kind = "pdf"
	KindPNG  Kind = "png"
	KindJPEG Kind = "jpeg"
	KindTIFF Kind = "tiff"
	KindWebP Kind = "webp"
)

// MediaType gives the registered media type of a kind.
func (k Kind) MediaType() string {
	if k == KindPDF {
		return "application/pdf"
	}
	return "image/" + string(k)
}

// Defaults of Limits.
const (
	mostPages  = 2000
	mostPixels = 120_000_000
)

// Limits bound what is accepted. Zero values take the defaults.
type Limits struct {
	Pages  int   `json:"pages,omitempty"`  // default 2,000
	Pixels int64 `json:"pixels,omitempty"` // of one picture or page; default 120,000,000
}

// WithDefaults fills in what is zero.
func (l Limits) WithDefaults() Limits {
	if l.Pages <= 0 {
		l.Pages = mostPages
	}
	if l.Pixels <= 0 {
		l.Pixels = mostPixels
	}
	return l
}

// Inspection is what a look at a file found.
type Inspection struct {
	Kind  Kind       `json:"kind"`
	Pages []PageInfo `json:"pages"`
	// Misnamed: the media type or file name it came with says something else.
	Misnamed bool `json:"misnamed,omitempty"`

	// The rest is about PDFs only.
	Encrypted     bool   `json:"encrypted,omitempty"`      // but it opens without a password
	Repaired      bool   `json:"repaired,omitempty"`       // its cross-reference table is damaged
	Strict        bool   `json:"strict,omitempty"`         // the strict reader takes it, so it can be signed as it is
	StrictReason  string `json:"strict_reason,omitempty"`  // why not
	Signatures    int    `json:"signatures,omitempty"`     // signature dictionaries with a value
	DocMDP        int    `json:"doc_mdp,omitempty"`        // 1, 2, 3: what a certification allows later; 0 = none
	Forms         bool   `json:"forms,omitempty"`          // AcroForm
	XFA           bool   `json:"xfa,omitempty"`            // a form that only some readers show
	JavaScript    bool   `json:"java_script,omitempty"`    // scripts that a reader may run
	Launch        bool   `json:"launch,omitempty"`         // actions that start programs
	EmbeddedFiles int    `json:"embedded_files,omitempty"` // attachments
}

// NeedsNormalising tells whether the file must be written anew before it is
// signed: it is encrypted, was repaired, or the strict reader refuses it. Only
// unsigned files may be; a signed one that was repaired or refused must not be
// sealed, while one that is encrypted is sealed as it is.
func (i *Inspection) NeedsNormalising() bool {
	return i.Kind == KindPDF && (i.Encrypted && i.Signatures == 0 || i.Repaired || !i.Strict)
}

// PageInfo describes one page.
type PageInfo struct {
	Number   int     `json:"number"`
	Width    float64 `json:"width"`  // points as displayed
	Height   float64 `json:"height"` // points as displayed
	Rotate   int     `json:"rotate,omitempty"`
	UserUnit float64 `json:"user_unit,omitempty"` // points per unit of the page's own space; 1 unless stated

	PixelWidth  int `json:"pixel_width,omitempty"`  // pictures only
	PixelHeight int `json:"pixel_height,omitempty"` // pictures only

	Text      TextQuality `json:"text"`
	Objects   int         `json:"objects"`              // drawn things on the page
	Blank     bool        `json:"blank,omitempty"`      // nothing is drawn and nothing annotated
	ImageOnly bool        `json:"image_only,omitempty"` // only pictures are drawn, and no text
}

// TextQuality says how far a page's text layer can be trusted.
type TextQuality struct {
	Characters int     `json:"characters"` // without spaces
	Mapped     float64 `json:"mapped"`     // share with a sound Unicode mapping, of those looked at
	Garbage    float64 `json:"garbage"`    // share of replacement, private-use and control characters
}

// HasGoodText tells whether the page need not be recognised: it is blank, or
// its own text is plentiful and sound.
func (p *PageInfo) HasGoodText() bool {
	if p.Blank {
		return true
	}
	return p.Text.Characters >= 25 && p.Text.Mapped >= 0.95 && p.Text.Garbage <= 0.03
}

// Box is a rectangle on a page: left, top, right, bottom.
type Box struct {
	X0 float64 `json:"x0"`
	Y0 float64 `json:"y0"`
	X1 float64 `json:"x1"`
	Y1 float64 `json:"y1"`
}

// Word is one word and where it stands.
type Word struct {
	Text string `json:"text"`
	Box  Box    `json:"box"`
	Line int    `json:"line"` // words of one line share a number; lines are in reading order
}

// PageText is the text of one page as the document itself gives it.
type PageText struct {
	Number int     `json:"number"`
	Width  float64 `json:"width"`
	Height float64 `json:"height"`
	Words  []Word  `json:"words"`
}

// PageWords is recognised text to be laid under a page's picture.
type PageWords struct {
	Number int    `json:"number"`
	Words  []Word `json:"words"`
	// Angle in degrees, counter-clockwise, by which the ink on the displayed
	// page is turned against its edges: boxes are those of the straightened
	// text, turned back around the middle of the page by the layer. 0 where the
	// boxes were measured on the page as it is.
	Angle float64 `json:"angle,omitempty"`
}

// Format is how a rendered page is encoded.
type Format string

// The encodings of rendered pages.
const (
	FormatPNG  Format = "png"
	FormatJPEG Format = "jpeg"
	FormatGray Format = "gray" // raw, one byte a pixel, rows without padding
)

// RenderOptions say what picture of a page is wanted. Exactly one of DPI and
// Width is given.
type RenderOptions struct {
	Page    int     `json:"page"`
	DPI     float64 `json:"dpi,omitempty"`
	Width   int     `json:"width,omitempty"` // pixels
	Gray    bool    `json:"gray,omitempty"`
	Format  Format  `json:"format"`
	Quality int     `json:"quality,omitempty"` // of JPEG; default 85
	// Native allows the page's own picture, as it was scanned, instead of a
	// rendering at the wanted size, where the page is one picture and nothing
	// else. It may be larger than asked for and is never enlarged.
	Native bool `json:"native,omitempty"`
	// MaxPixels shrinks the picture as far as needed; default the limit.
	MaxPixels int64 `json:"max_pixels,omitempty"`
}

// Rendered is a picture of a page.
type Rendered struct {
	Width      int     `json:"width"`
	Height     int     `json:"height"`
	PageWidth  float64 `json:"page_width"`  // points
	PageHeight float64 `json:"page_height"` // points
	Native     bool    `json:"native,omitempty"`
	Data       []byte  `json:"-"`
}

// Scale gives pixels per point, across and down.
func (r *Rendered) Scale() (x, y float64) {
	return float64(r.Width) / r.PageWidth, float64(r.Height) / r.PageHeight
}
