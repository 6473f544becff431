// Package brand holds Paraph's mark: the flourish under a signature, drawn as
// one unbroken stroke. The signing page, the mail, the certificate and the
// visible seal take it from here. It imports nothing but the standard library.
package brand

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"strings"
)

// Name is how the product is written.
const Name = "Paraph"

// The mark's geometry: one open path in a square of Size × Size units, drawn
// with round ends and joins, StrokeWidth units wide.
const (
	Path        = "M12.5 21C13.5 15 14.5 10 16 7c3-6 13-4 11 3S13 16.5 7 19.5c-5 2.5-4 8 1 7C14 25 19 21 28 25"
	Size        = 32
	StrokeWidth = 2.5
)

// Accent is the ink blue on light and on dark paper, as CSS colours.
const (
	Accent     = "#1f4b99"
	AccentDark = "#8db4ff"
)

// Icon is the mark as an SVG file of its own, which follows the reader's light
// or dark setting. It serves as the favicon.
const Icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><style>path{stroke:` + Accent +
	`}@media(prefers-color-scheme:dark){path{stroke:` + AccentDark + `}}</style><path fill="none" stroke-width="2.5" stroke-linecap="round" stroke-linejoin="round" d="` + Path + `"/></svg>`

// Inline is the mark for HTML: it takes the colour of the text around it and is
// hidden from screen readers, since the name stands beside it.
const Inline = `<svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true" focusable="false"><path fill="none" stroke="currentColor" stroke-width="2.5" stroke-linecap="round" stroke-linejoin="round" d="` + Path + `"/></svg>`

// Paper is the style that all pages begin with: colours, type, forms.
//
//go:embed paper.css
var Paper string

// Pack takes indentation and comment lines out of a style or script, and gives it
// with its digest as a content security policy names it.
func Pack(source string) (packed, csp string) {
	var b strings.Builder
	for line := range strings.Lines(source) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "//") && !(strings.HasPrefix(line, "/*") && strings.HasSuffix(line, "*/")) {
			b.WriteString(line + "\n")
		}
	}
	sum := sha256.Sum256([]byte(b.String()))
	return b.String(), "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
