// Package pdfa keeps documents fit for the archive: it reads what a document
// claims to be, declares a document PDF/A-3 (ISO 19005-3) and PDF/UA-1 (ISO
// 14289-1) with its metadata and its colour profile, and attaches files with what
// they are to the document.
package pdfa

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"time"

	"github.com/paraph/paraph/pades/pdffile"
)

// Claim is what a document says of itself.
type Claim struct {
	Part        int    // of ISO 19005: 3; 0 claims nothing
	Conformance string // "A", "B" or "U"
	UA          int    // part of ISO 14289: 1; 0 claims nothing

	Title    string
	Language string // BCP 47; may be empty
	Producer string
	Created  time.Time
}

// Level names the claim as people do: "PDF/A-3b".
func (c Claim) Level() string {
	if c.Part == 0 {
		return ""
	}
	return fmt.Sprintf("PDF/A-%d%s", c.Part, string(bytes.ToLower([]byte(c.Conformance))))
}

// Declare writes the claim's metadata and, where the document has none, the
// output intent that PDF/A asks for: sRGB.
func Declare(u *pdffile.Update, c Claim) error {
	catalog, err := catalogOf(u)
	if err != nil {
		return err
	}
	setMetadata(u, catalog, packet(c))
	if c.Part > 0 {
		if err := intend(u, catalog); err != nil {
			return err
		}
	}
	if c.Language != "" && catalog["Lang"] == nil {
		catalog["Lang"] = pdffile.String(c.Language)
	}
	if c.UA > 0 {
		preferences, err := u.File().Dict(catalog["ViewerPreferences"])
		if err != nil {
			return err
		}
		if preferences = preferences.Clone(); preferences == nil {
			preferences = pdffile.Dict{}
		}
		preferences["DisplayDocTitle"] = pdffile.Bool(true)
		catalog["ViewerPreferences"] = preferences
	}
	u.Set(u.Root(), catalog)
	return nil
}

// catalogOf gives a copy of the catalog as it will be after the update.
func catalogOf(u *pdffile.Update) (pdffile.Dict, error) {
	o, err := u.Get(u.Root())
	if err != nil {
		return nil, err
	}
	if d, ok := o.(pdffile.Dict); ok {
		return d.Clone(), nil
	}
	return nil, errors.New("the document has no catalog")
}

// packet writes the metadata as XMP (ISO 16684-1).
func packet(c Claim) []byte {
	var b bytes.Buffer
	b.WriteString("<?xpacket begin=\"\ufeff\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\n" +
		"<rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n<rdf:Description rdf:about=\"\"" +
		" xmlns:dc=\"http://purl.org/dc/elements/1.1/\" xmlns:pdf=\"http://ns.adobe.com/pdf/1.3/\" xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\"" +
		" xmlns:pdfaid=\"http://www.aiim.org/pdfa/ns/id/\" xmlns:pdfuaid=\"http://www.aiim.org/pdfua/ns/id/\">\n")
	if c.Part > 0 {
		fmt.Fprintf(&b, "<pdfaid:part>%d</pdfaid:part>\n<pdfaid:conformance>%s</pdfaid:conformance>\n", c.Part, escaped(c.Conformance))
	}
	if c.UA > 0 {
		fmt.Fprintf(&b, "<pdfuaid:part>%d</pdfuaid:part>\n", c.UA)
	}
	b.WriteString("<dc:format>application/pdf</dc:format>\n")
	if c.Title != "" {
		fmt.Fprintf(&b, "<dc:title><rdf:Alt><rdf:li xml:lang=\"x-default\">%s</rdf:li></rdf:Alt></dc:title>\n", escaped(c.Title))
	}
	if c.Language != "" {
		fmt.Fprintf(&b, "<dc:language><rdf:Bag><rdf:li>%s</rdf:li></rdf:Bag></dc:language>\n", escaped(c.Language))
	}
	if c.Producer != "" {
		fmt.Fprintf(&b, "<pdf:Producer>%s</pdf:Producer>\n<xmp:CreatorTool>%s</xmp:CreatorTool>\n", escaped(c.Producer), escaped(c.Producer))
	}
	if !c.Created.IsZero() {
		at := c.Created.UTC().Format(time.RFC3339)
		fmt.Fprintf(&b, "<xmp:CreateDate>%s</xmp:CreateDate>\n<xmp:ModifyDate>%s</xmp:ModifyDate>\n<xmp:MetadataDate>%s</xmp:MetadataDate>\n", at, at, at)
	}
	b.WriteString("</rdf:Description>\n")
	if c.UA > 0 && c.Part > 0 {
		b.WriteString(extensionUA)
	}
	b.WriteString("</rdf:RDF>\n</x:xmpmeta>\n<?xpacket end=\"w\"?>")
	return b.Bytes()
}

func escaped(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s)) // into memory: cannot fail
	return b.String()
}

// extensionUA describes the property that PDF/A does not know (ISO 19005-3, 6.6.2.3.3).
const extensionUA = `<rdf:Description rdf:about="" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/" xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#" xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">
<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">
<pdfaSchema:schema>PDF/UA identification</pdfaSchema:schema>
<pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI>
<pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix>
<pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource">
<pdfaProperty:name>part</pdfaProperty:name><pdfaProperty:valueType>Integer</pdfaProperty:valueType><pdfaProperty:category>internal</pdfaProperty:category>
<pdfaProperty:description>Part of ISO 14289 to which the document conforms</pdfaProperty:description>
</rdf:li></rdf:Seq></pdfaSchema:property>
</rdf:li></rdf:Bag></pdfaExtension:schemas>
</rdf:Description>
`
