package childmain

import (
	"context"
	"crypto/x509"
	"errors"
	"os"
	"time"

	"github.com/paraph/paraph/internal/brand"
	"github.com/paraph/paraph/internal/pdf"
	"github.com/paraph/paraph/internal/pdf/engine"
	"github.com/paraph/paraph/internal/sandbox"
	"github.com/paraph/paraph/pades"
	"github.com/paraph/paraph/pades/mark"
)

// opSeal builds the update for a seal: it parses the document, so it runs in
// the child; the key never does.
const opSeal = "pades.prepare"

// Seal says what a seal is to look like.
type Seal struct {
	Chain  [][]byte   `json:"chain"` // DER, the sealing certificate first
	Time   time.Time  `json:"time"`
	Name   string     `json:"name"`
	Reason string     `json:"reason"`
	Marks  []SealMark `json:"marks,omitempty"` // drawn into the pages; none where the file carries a signature
	// Field is an empty signature field that the seal fills, and shows itself in;
	// the empty name leaves the seal without a look.
	Field string `json:"field,omitempty"`
	// Certify is the DocMDP level, 1 to 3, of a seal that certifies; 0: it does not.
	// A file that carries a signature cannot be certified, and is sealed without.
	Certify int `json:"certify,omitempty"`

	TokenSize int `json:"token_size,omitempty"` // room for a time stamp in bytes; 0: none is to come
}

// SealMark is one signer's visible mark. Lengths are points from the upper left
// corner of the page as shown.
type SealMark struct {
	Page    int            `json:"page"` // from 1
	X       float64        `json:"x"`
	Y       float64        `json:"y"`
	Width   float64        `json:"width"`
	Height  float64        `json:"height"`
	Typed   string         `json:"typed,omitempty"`
	Strokes [][]mark.Point `json:"strokes,omitempty"`
	Canvas  mark.Point     `json:"canvas"`  // size of the drawing's box
	Caption string         `json:"caption"` // small lines below the mark
}

// captionHeight is the share of a mark's height that its caption takes.
const captionHeight = 0.42

// The inks of all of Paraph's pages; blue is the accent.
var (
	inkBlue = mark.Color{R: 0x1f / 255.0, G: 0x4b / 255.0, B: 0x99 / 255.0}
	inkDark = mark.Color{R: 0x1b / 255.0, G: 0x1f / 255.0, B: 0x24 / 255.0}
	inkGrey = mark.Color{R: 0x4a / 255.0, G: 0x51 / 255.0, B: 0x59 / 255.0}
)

// PrepareSeal builds the update for a seal over file. Faults: pdf.ErrDamaged
// where the strict reader refuses the file; ErrRefused where its certification
// forbids a further signature.
func PrepareSeal(ctx context.Context, tools *pdf.Tools, file *os.File, seal Seal) (*pades.Prepared, error) {
	out := &pades.Prepared{}
	if err := tools.Do(ctx, sandbox.Job{Op: opSeal, Args: seal, Files: []*os.File{file}}, out); err != nil {
		return nil, err
	}
	return out, nil
}

// ErrRefused: the document does not allow a further signature.
var ErrRefused = &sandbox.Error{Code: "signature_refused", Message: "the document is certified and allows no further signature"}

func prepareSeal(task *sandbox.Task, seal Seal) (*pades.Prepared, error) {
	in, size, err := whole(task, 1)
	if err != nil {
		return nil, err
	}
	opts := pades.Options{Time: seal.Time, Name: seal.Name, Reason: seal.Reason, Protect: pades.Protect{TokenSize: seal.TokenSize}, Certify: seal.Certify}
	for _, der := range seal.Chain {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		opts.Chain = append(opts.Chain, cert)
	}
	texts := []string{seal.Name}
	for _, m := range seal.Marks {
		opts.Marks = append(opts.Marks, m.mark())
		texts = append(texts, m.Typed, m.Caption)
	}
	if opts.Field = seal.Field; seal.Field != "" {
		opts.Visible = seal.look()
	}
	opts.Fonts, _ = engine.Fonts().Faces("", texts...)
	out, err := pades.Prepare(context.Background(), in, size, opts)
	if errors.Is(err, pades.ErrCertifyLate) {
		opts.Certify = 0
		out, err = pades.Prepare(context.Background(), in, size, opts)
	}
	return out, refusal(err)
}

// Size of the seal's look, as the certificate's field has it.
const sealWidth, sealHeight = 220.0, 40.0

// look draws the seal: the flourish, and who sealed when.
func (s *Seal) look() *mark.Mark {
	const side = 32.0
	text := mark.Rect{X: side + 12, Width: sealWidth - side - 16}
	name, when := text, text
	name.Y, name.Height, when.Y, when.Height = 7, 14, 22, 11
	return &mark.Mark{Rect: mark.Rect{Width: sealWidth, Height: sealHeight}, Frame: true, Items: []mark.Item{
		mark.Path{Box: mark.Rect{X: 6, Y: 4, Width: side, Height: side}, Width: brand.Size, Height: brand.Size, Data: brand.Path, Pen: brand.StrokeWidth * 0.8, Color: inkBlue},
		mark.Text{Box: name, Text: s.Name, Size: 9.5, Style: mark.Bold, Color: inkDark},
		mark.Text{Box: when, Text: s.Time.UTC().Format("2006-01-02 15:04:05 UTC"), Size: 7.5, Color: inkGrey},
	}}
}

// mark draws the signature over its caption.
func (m SealMark) mark() mark.Mark {
	top := m.Height * (1 - captionHeight)
	drawn := mark.Rect{Width: m.Width, Height: top}
	items := []mark.Item{mark.Text{Box: mark.Rect{Y: top, Width: m.Width, Height: m.Height - top}, Text: m.Caption, Size: 5.5, Color: inkGrey}}
	if len(m.Strokes) > 0 {
		items = append(items, mark.Strokes{Box: drawn, Width: m.Canvas.X, Height: m.Canvas.Y, Pen: m.Canvas.Y / 50, Lines: m.Strokes, Color: inkBlue})
	} else {
		items = append(items, mark.Text{Box: drawn, Text: m.Typed, Style: mark.Italic, Color: inkBlue})
	}
	return mark.Mark{Page: m.Page - 1, Rect: mark.Rect{X: m.X, Y: m.Y, Width: m.Width, Height: m.Height}, Items: items}
}
