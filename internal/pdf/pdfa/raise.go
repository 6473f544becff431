package pdfa

import (
	"bytes"
	"regexp"
	"unicode/utf16"

	"github.com/paraph/paraph/pades/pdffile"
)

var (
	partText  = regexp.MustCompile(`(pdfaid:part\s*(?:=\s*["']\s*|>\s*))[0-9]+`)
	levelText = regexp.MustCompile(`(pdfaid:conformance\s*(?:=\s*["']\s*|>\s*))[0-9A-Za-z]+`)
)

// Raise declares a document that was looked at as PDF/A-3, in an update of it.
// Metadata that claims a part of PDF/A stays as it is but for the part; other
// metadata is written anew from the claim and the document's own title.
func Raise(u *pdffile.Update, found *Findings, c Claim) error {
	for ref, d := range found.mended {
		if o, err := u.Get(ref); err != nil {
			return err
		} else if now, ok := o.(pdffile.Dict); ok { // the pages may have been changed meanwhile
			now = now.Clone()
			for _, key := range []pdffile.Name{"Resources", "F"} {
				if d[key] != nil && now[key] == nil {
					now[key] = d[key]
				}
			}
			if d["F"] != nil {
				now["F"] = d["F"]
			}
			if d["Type"] == pdffile.Object(pdffile.Name("FontDescriptor")) {
				delete(now, "CIDSet")
				delete(now, "CharSet")
			}
			u.Set(ref, now)
		}
	}
	c.Part, c.Conformance, c.UA = 3, found.Conformance(), found.Claimed.UA
	if found.Claimed.Part > 0 {
		data := partText.ReplaceAll(found.metadata, []byte("${1}3"))
		return declare(u, c, levelText.ReplaceAll(data, []byte("${1}"+c.Conformance)))
	}
	if title := ownTitle(u.File()); title != "" {
		c.Title = title
	}
	return declare(u, c, packet(c))
}

// ownTitle reads the title of the information dictionary.
func ownTitle(f *pdffile.File) string {
	info, err := f.Dict(f.Trailer()["Info"])
	if err != nil {
		return ""
	}
	o, err := f.Resolve(info["Title"])
	if err != nil {
		return ""
	}
	s, _ := o.(pdffile.String)
	b := []byte(s)
	if !bytes.HasPrefix(b, []byte{0xFE, 0xFF}) {
		for _, c := range b {
			if c < ' ' || c > '~' {
				return "" // PDFDocEncoding: not worth a table
			}
		}
		return string(b)
	}
	var units []uint16
	for b = b[2:]; len(b) >= 2; b = b[2:] {
		units = append(units, uint16(b[0])<<8|uint16(b[1]))
	}
	return string(utf16.Decode(units))
}
