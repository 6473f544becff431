package pdfa

import (
	"strconv"
	"strings"

	"github.com/paraph/paraph/pades/pdffile"
)

// operators are those of ISO 32000-1, Annex A; no others may be used (6.2.2).
var operators = func() map[string]bool {
	all := map[string]bool{}
	for op := range strings.FieldsSeq(`b B b* B* BDC BI BMC BT BX c cm CS cs d d0 d1 Do DP EI EMC ET EX f F f* G g gs h i ID j J K k l m M MP n q Q
		re RG rg ri s S SC sc SCN scn sh T* Tc Td TD Tf Tj TJ TL Tm Tr Ts Tw Tz v w W W* y ' "`) {
		all[op] = true
	}
	return all
}()

// scanner follows a content stream as far as PDF/A cares.
type scanner struct {
	c         *checker
	resources pdffile.Dict
	where     string
	args      []token
	font      *fontUse
	mode      int
	saved     []scannerState
}

type scannerState struct {
	font *fontUse
	mode int
}

// scan looks at a content stream with its resources.
func (c *checker) scan(content []byte, resources pdffile.Dict, where string) error {
	if c.content += len(content); c.content > maxContent {
		c.breach("it is too large to be looked at")
		return nil
	}
	s := &scanner{c: c, resources: resources, where: where}
	l := &lexer{b: content}
	for {
		t, ok := l.next()
		if !ok {
			break
		}
		if t.kind != 'o' || t.text == "true" || t.text == "false" || t.text == "null" {
			if s.args = append(s.args, t); len(s.args) > 100_000 {
				l.bad = true
				break
			}
			continue
		}
		if !operators[t.text] {
			l.bad = true
			break
		}
		if t.text == "ID" {
			if err := s.inline(); err != nil {
				return err
			}
			l.inlineImage()
		} else if err := s.do(t.text); err != nil {
			return err
		}
		if t.text != "BI" {
			s.args = s.args[:0]
		}
	}
	if l.bad {
		c.breach("the content of %s has something that is not in the standard", where)
	}
	return nil
}

func (s *scanner) last() string {
	if len(s.args) == 0 {
		return ""
	}
	return s.args[len(s.args)-1].text
}

func (s *scanner) do(op string) error {
	c := s.c
	switch op {
	case "q":
		if s.saved = append(s.saved, scannerState{s.font, s.mode}); len(s.saved) > 27 { // 28, and one is kept for marks (6.1.13)
			c.breach("the content of %s saves its state too often", s.where)
		}
	case "Q":
		if n := len(s.saved); n > 0 {
			s.font, s.mode, s.saved = s.saved[n-1].font, s.saved[n-1].mode, s.saved[:n-1]
		}
	case "rg", "RG":
		return s.space("DeviceRGB")
	case "k", "K":
		return s.space("DeviceCMYK")
	case "cs", "CS":
		return s.space(pdffile.Name(s.last()))
	case "ri":
		c.intent(pdffile.Name(s.last()))
	case "Tr":
		s.mode, _ = strconv.Atoi(s.last())
	case "Tf":
		return s.choose()
	case "gs":
		return s.state()
	case "Tj", "'", "\"":
		s.show(s.last())
	case "TJ":
		for _, a := range s.args {
			if a.kind == 's' {
				s.show(a.text)
			}
		}
	case "Do", "sh":
		return s.named(map[string]pdffile.Name{"Do": "XObject", "sh": "Shading"}[op])
	}
	return nil
}

// space looks at a colour space that is chosen: a device's own, or one of the resources.
func (s *scanner) space(name pdffile.Name) error {
	spaces, err := s.c.f.Dict(s.resources["ColorSpace"])
	if err != nil {
		return err
	}
	if instead := map[pdffile.Name]pdffile.Name{"DeviceRGB": "DefaultRGB", "DeviceCMYK": "DefaultCMYK", "DeviceGray": "DefaultGray"}[name]; instead != "" {
		if !isNull(spaces[instead]) {
			return s.c.colour(spaces[instead], s.where)
		}
		return s.c.colour(name, s.where)
	}
	if !isNull(spaces[name]) {
		return s.c.colour(spaces[name], s.where)
	}
	return s.c.colour(name, s.where)
}

func (s *scanner) named(kind pdffile.Name) error {
	all, err := s.c.f.Dict(s.resources[kind])
	if err != nil {
		return err
	}
	if isNull(all[pdffile.Name(s.last())]) {
		s.c.breach("the content of %s names something that is not there", s.where)
	}
	return nil
}

// state takes a font out of a graphics state; the rest of it is looked at with the resources.
func (s *scanner) state() error {
	states, err := s.c.f.Dict(s.resources["ExtGState"])
	if err != nil {
		return err
	}
	d, err := s.c.f.Dict(states[pdffile.Name(s.last())])
	if err != nil {
		return err
	}
	if d == nil {
		s.c.breach("the content of %s names something that is not there", s.where)
		return nil
	}
	if err := s.c.state(d); err != nil {
		return err
	}
	font, err := s.c.f.Array(d["Font"])
	if err != nil || len(font) == 0 {
		return err
	}
	s.font, err = s.c.use(font[0], s.where)
	return err
}

func (s *scanner) choose() error {
	if len(s.args) < 2 {
		return nil
	}
	fonts, err := s.c.f.Dict(s.resources["Font"])
	if err != nil {
		return err
	}
	s.font, err = s.c.use(fonts[pdffile.Name(s.args[len(s.args)-2].text)], s.where)
	return err
}

// show notes which codes of a font are shown.
func (s *scanner) show(text string) {
	if s.font == nil {
		s.c.breach("the content of %s shows text without a font", s.where)
		return
	}
	s.font.show(text, s.mode == 3 || s.mode == 7)
}

// inline looks at an inline picture's dictionary.
func (s *scanner) inline() error {
	for i := 0; i+1 < len(s.args); i++ {
		if s.args[i].kind != '/' {
			continue
		}
		v := s.args[i+1]
		switch s.args[i].text {
		case "CS", "ColorSpace":
			if v.kind != '/' {
				s.c.breach("a picture inside the content of %s has colours that were not looked at", s.where)
				continue
			}
			long := map[string]pdffile.Name{"RGB": "DeviceRGB", "G": "DeviceGray", "CMYK": "DeviceCMYK"}
			name, known := long[v.text]
			if !known {
				name = pdffile.Name(v.text)
			}
			if err := s.space(name); err != nil {
				return err
			}
		case "I", "Interpolate":
			if v.text == "true" {
				s.c.breach("a picture on %s is to be smoothed by the reader", s.where)
			}
		case "F", "Filter":
			for _, t := range s.args[i+1:] {
				if t.text == "LZW" || t.text == "LZWDecode" {
					s.c.breach("a part of it is packed by LZWDecode")
				}
			}
		}
	}
	return nil
}
