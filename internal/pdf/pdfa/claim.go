package pdfa

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/paraph/paraph/pades/pdfcolor"
	"github.com/paraph/paraph/pades/pdffile"
)

// Own is what a document said of itself when it came. What it claims is
// believed, and kept; a document that claims nothing gets no claim from us.
type Own struct {
	Claim
	metadata []byte
}

// maxMetadata bounds the metadata that is searched for a claim.
const maxMetadata = 4 << 20

var (
	claimed   = regexp.MustCompile(`pdfaid:(part|conformance)\s*(?:=\s*["']\s*|>\s*)([0-9A-Za-z]+)`)
	claimedUA = regexp.MustCompile(`pdfuaid:part\s*(?:=\s*["']\s*|>\s*)([0-9]+)`)
	partTwo   = regexp.MustCompile(`(pdfaid:part\s*(?:=\s*["']\s*|>\s*))2`)
)

// Read reads the claims in a document's metadata (ISO 19005-3, 6.6.4, and ISO 14289-1, clause 5).
func Read(f *pdffile.File) (own Own, err error) {
	catalog, err := f.Catalog()
	if err != nil {
		return own, err
	}
	o, err := f.Resolve(catalog["Metadata"])
	if err != nil {
		return own, err
	}
	s, ok := o.(*pdffile.Stream)
	if !ok {
		return own, nil
	}
	data, err := f.Decoded(s)
	if err != nil || len(data) > maxMetadata {
		return own, err
	}
	own.metadata = data
	for _, m := range claimed.FindAllSubmatch(data, -1) {
		if string(m[1]) == "part" {
			own.Part, _ = strconv.Atoi(string(m[2]))
		} else {
			own.Conformance = strings.ToUpper(string(m[2]))
		}
	}
	if m := claimedUA.FindSubmatch(data); m != nil {
		own.UA, _ = strconv.Atoi(string(m[1]))
	}
	return own, nil
}

// MayHold tells whether files of any kind can be attached, and why not: parts 1
// and 2 allow none, part 4 only at its level F. Part 2 asks for nothing that part
// 3 does not, so a document of part 2 can become one of part 3.
func (o *Own) MayHold() (ok bool, reason string) {
	switch {
	case o.Part == 0, o.Part == 2, o.Part == 3, o.Part == 4 && (o.Conformance == "F" || o.Conformance == "E"):
		return true, ""
	}
	return false, fmt.Sprintf("The document is %s, which may hold no other files.", o.Level())
}

// Keep does in an update what the claim asks for when pages in red, green and
// blue are added, and, where files are attached too, makes part 2 part 3.
func (o *Own) Keep(u *pdffile.Update, attached bool) error {
	if o.Part == 0 {
		return nil
	}
	catalog, err := catalogOf(u)
	if err != nil {
		return err
	}
	if err := intend(u, catalog); err != nil {
		return err
	}
	if o.Part == 2 && attached {
		o.Part = 3
		setMetadata(u, catalog, partTwo.ReplaceAll(o.metadata, []byte("${1}3")))
	}
	u.Set(u.Root(), catalog)
	return nil
}

// intend gives the document an output intent where it has none.
func intend(u *pdffile.Update, catalog pdffile.Dict) error {
	intents, err := u.File().Array(catalog["OutputIntents"])
	if err != nil || len(intents) > 0 {
		return err
	}
	intent, err := pdfcolor.Intent(u)
	if err != nil {
		return err
	}
	catalog["OutputIntents"] = pdffile.Array{intent}
	return nil
}

func setMetadata(u *pdffile.Update, catalog pdffile.Dict, data []byte) {
	catalog["Metadata"] = u.AddStream(pdffile.Dict{"Type": pdffile.Name("Metadata"), "Subtype": pdffile.Name("XML")}, data)
}
