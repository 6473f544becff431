// Package xmlsig reads XML strictly and verifies the one form of XML signature that
// trusted lists carry (ETSI TS 119 612, 5.7; XAdES baseline B, ETSI EN 319 132-1):
// enveloped in the root element, over all of it, with exclusive canonicalization.
//
// What it accepts is narrow on purpose: no document type, no processing
// instructions, no transforms but those two, no second signature. What Verify gives
// back is read from the very bytes that are signed, so that nobody can have one tree
// signed and another one read.
package xmlsig

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Element is an element with its attributes and what is in it, in order.
type Element struct {
	Space, Local string // namespace and local name
	Attrs        []Attr // without namespace declarations
	Nodes        []Node
	Parent       *Element

	prefix string
	scope  map[string]string // prefixes declared here
}

// Node is an element or, where that is nil, text.
type Node struct {
	*Element
	Text string
}

// Attr is an attribute.
type Attr struct {
	Space, Local, Value string
	prefix              string
}

// Bounds of a document.
const (
	MaxBytes  = 32 << 20
	maxDepth  = 64
	maxAttrs  = 64
	maxTagged = 2_000_000 // elements
)

const xmlSpace = "http://www.w3.org/XML/1998/namespace"

// SyntaxError tells where a document breaks the rules.
type SyntaxError struct {
	Offset int
	What   string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("XML: %s (at byte %d)", e.What, e.Offset) }

// parser reads a document from memory. Line ends are normalized before.
type parser struct {
	b     []byte
	i     int
	count int
}

// Parse reads a document and gives its root element. Comments are passed over.
func Parse(b []byte) (*Element, error) {
	if len(b) > MaxBytes {
		return nil, &SyntaxError{0, "the document is too large"}
	}
	b = bytes.TrimPrefix(b, []byte("\xEF\xBB\xBF"))
	if !utf8.Valid(b) {
		return nil, &SyntaxError{0, "the document is not in UTF-8"}
	}
	if i := bytes.IndexFunc(b, func(r rune) bool { return !isChar32(r) }); i >= 0 {
		return nil, &SyntaxError{i, "a character that may not be there"}
	}
	if bytes.IndexByte(b, '\r') >= 0 {
		b = bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("\r\n"), []byte{'\n'}), []byte{'\r'}, []byte{'\n'})
	}
	p := &parser{b: b}
	if err := p.declaration(); err != nil {
		return nil, err
	}
	if err := p.misc(); err != nil {
		return nil, err
	}
	root, err := p.element(nil, 0)
	if err != nil {
		return nil, err
	}
	if err := p.misc(); err != nil {
		return nil, err
	}
	if p.i < len(p.b) {
		return nil, p.fail("something follows the root element")
	}
	return root, nil
}

func (p *parser) fail(format string, args ...any) error {
	return &SyntaxError{p.i, fmt.Sprintf(format, args...)}
}

func (p *parser) has(prefix string) bool { return bytes.HasPrefix(p.b[p.i:], []byte(prefix)) }

func (p *parser) space() bool {
	start := p.i
	for p.i < len(p.b) && isSpace(p.b[p.i]) {
		p.i++
	}
	return p.i > start
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' }

// declaration reads <?xml …?>, whose encoding must be UTF-8 where it names one.
func (p *parser) declaration() error {
	if !p.has("<?xml") {
		return nil
	}
	end := bytes.Index(p.b[p.i:], []byte("?>"))
	if end < 0 || end > 200 {
		return p.fail("the XML declaration does not end")
	}
	text := strings.ToLower(string(p.b[p.i : p.i+end]))
	if i := strings.Index(text, "encoding"); i >= 0 && !strings.Contains(text[i:], "utf-8") {
		return p.fail("the document is not in UTF-8")
	}
	if !strings.Contains(text, `version="1.0"`) && !strings.Contains(text, `version='1.0'`) {
		return p.fail("the document is not XML 1.0")
	}
	p.i += end + 2
	return nil
}

// misc passes over blanks and comments outside of the root.
func (p *parser) misc() error {
	for {
		p.space()
		if !p.has("<!--") {
			return nil
		}
		if err := p.comment(); err != nil {
			return err
		}
	}
}

func (p *parser) comment() error {
	end := bytes.Index(p.b[p.i+4:], []byte("--"))
	if end < 0 || !bytes.HasPrefix(p.b[p.i+4+end:], []byte("-->")) {
		return p.fail("a comment does not end as it must")
	}
	p.i += 4 + end + 3
	return nil
}

func (p *parser) name() (prefix, local string, err error) {
	start := p.i
	for p.i < len(p.b) && isName(p.b[p.i]) {
		p.i++
	}
	text := string(p.b[start:p.i])
	prefix, local, colon := strings.Cut(text, ":")
	if !colon {
		prefix, local = "", text
	}
	if local == "" || colon && prefix == "" || strings.Contains(local, ":") || !startsName(local[0]) || colon && !startsName(prefix[0]) {
		return "", "", p.fail("a name expected")
	}
	return prefix, local, nil
}

func isName(c byte) bool {
	return startsName(c) || c >= '0' && c <= '9' || c == '-' || c == '.' || c == ':'
}

func startsName(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}

// element reads an element with all that is in it.
func (p *parser) element(parent *Element, depth int) (*Element, error) {
	if !p.has("<") || p.has("<!") || p.has("<?") {
		return nil, p.fail("an element expected; document types and processing instructions are not taken")
	}
	if p.count++; p.count > maxTagged || depth > maxDepth {
		return nil, p.fail("the document has too many elements, or too deep ones")
	}
	p.i++
	e := &Element{Parent: parent}
	var err error
	if e.prefix, e.Local, err = p.name(); err != nil {
		return nil, err
	}
	empty, err := p.attributes(e)
	if err != nil || empty {
		return e, err
	}
	if err := p.content(e, depth); err != nil {
		return nil, err
	}
	prefix, local, err := p.name()
	if err != nil || prefix != e.prefix || local != e.Local {
		return nil, p.fail("</%s> expected", e.Local)
	}
	p.space()
	if !p.has(">") {
		return nil, p.fail("> expected")
	}
	p.i++
	return e, nil
}

// attributes reads the rest of a start tag, and resolves the prefixes in it.
func (p *parser) attributes(e *Element) (empty bool, err error) {
	for {
		blank := p.space()
		switch {
		case p.has("/>"):
			p.i += 2
			return true, e.resolve(p)
		case p.has(">"):
			p.i++
			return false, e.resolve(p)
		case !blank:
			return false, p.fail("a blank expected between attributes")
		}
		var a Attr
		if a.prefix, a.Local, err = p.name(); err != nil {
			return false, err
		}
		if a.Value, err = p.value(); err != nil {
			return false, err
		}
		switch {
		case a.prefix == "xmlns":
			err = e.declare(p, a.Local, a.Value)
		case a.prefix == "" && a.Local == "xmlns":
			err = e.declare(p, "", a.Value)
		case len(e.Attrs) == maxAttrs:
			err = p.fail("an element has too many attributes")
		default:
			e.Attrs = append(e.Attrs, a)
		}
		if err != nil {
			return false, err
		}
	}
}

func (e *Element) declare(p *parser, prefix, space string) error {
	_, twice := e.scope[prefix]
	if twice || prefix == "xml" || prefix == "xmlns" || space == xmlSpace || prefix != "" && space == "" {
		return p.fail("the namespace prefix %q is declared wrongly", prefix)
	}
	if e.scope == nil {
		e.scope = map[string]string{}
	}
	e.scope[prefix] = space
	return nil
}

// lookup gives the namespace of a prefix.
func (e *Element) lookup(prefix string) (string, bool) {
	if prefix == "xml" {
		return xmlSpace, true
	}
	for at := e; at != nil; at = at.Parent {
		if space, ok := at.scope[prefix]; ok {
			return space, true
		}
	}
	return "", prefix == ""
}

func (e *Element) resolve(p *parser) error {
	var ok bool
	if e.Space, ok = e.lookup(e.prefix); !ok {
		return p.fail("the namespace prefix %q is not declared", e.prefix)
	}
	for i := range e.Attrs {
		a := &e.Attrs[i]
		if a.prefix != "" {
			if a.Space, ok = e.lookup(a.prefix); !ok {
				return p.fail("the namespace prefix %q is not declared", a.prefix)
			}
		}
		if slices.ContainsFunc(e.Attrs[:i], func(b Attr) bool { return b.Space == a.Space && b.Local == a.Local }) {
			return p.fail("the attribute %s stands twice", a.Local)
		}
	}
	return nil
}

// value reads ="…" with blanks normalized (XML 1.0, 3.3.3).
func (p *parser) value() (string, error) {
	p.space()
	if !p.has("=") {
		return "", p.fail("= expected")
	}
	p.i++
	p.space()
	if p.i >= len(p.b) || p.b[p.i] != '"' && p.b[p.i] != '\'' {
		return "", p.fail("a quoted value expected")
	}
	quote := p.b[p.i]
	p.i++
	var out []byte
	for p.i < len(p.b) && p.b[p.i] != quote {
		switch c := p.b[p.i]; {
		case c == '<':
			return "", p.fail("< in the value of an attribute")
		case c == '&':
			r, err := p.reference()
			if err != nil {
				return "", err
			}
			out = utf8.AppendRune(out, r)
			continue
		case c == '\t' || c == '\n':
			out = append(out, ' ')
		default:
			out = append(out, c)
		}
		p.i++
	}
	if p.i >= len(p.b) {
		return "", p.fail("the value of an attribute does not end")
	}
	p.i++
	return string(out), nil
}

var entities = map[string]rune{"amp": '&', "lt": '<', "gt": '>', "quot": '"', "apos": '\''}

// reference reads &…;, one of the five entities or a character.
func (p *parser) reference() (rune, error) {
	end := bytes.IndexByte(p.b[p.i:min(len(p.b), p.i+12)], ';')
	if end < 0 {
		return 0, p.fail("a reference does not end")
	}
	name := string(p.b[p.i+1 : p.i+end])
	p.i += end + 1
	if r, ok := entities[name]; ok {
		return r, nil
	}
	digits, isChar := strings.CutPrefix(name, "#")
	base := 10
	if hex, isHex := strings.CutPrefix(digits, "x"); isHex {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(digits, base, 21)
	if !isChar || err != nil || !isChar32(rune(n)) {
		return 0, p.fail("the reference &%s; is not known", name)
	}
	return rune(n), nil
}

// isChar32 tells whether a character may be in a document (XML 1.0, 2.2).
func isChar32(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= ' ' && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 && r <= 0x10FFFF
}

// content reads up to the "</" of the end tag.
func (p *parser) content(e *Element, depth int) error {
	var text []byte
	flush := func() {
		if len(text) > 0 {
			e.Nodes = append(e.Nodes, Node{Text: string(text)})
			text = nil
		}
	}
	for p.i < len(p.b) {
		switch c := p.b[p.i]; {
		case p.has("</"):
			flush()
			p.i += 2
			return nil
		case p.has("<!--"):
			if err := p.comment(); err != nil {
				return err
			}
		case p.has("<![CDATA["):
			end := bytes.Index(p.b[p.i:], []byte("]]>"))
			if end < 0 {
				return p.fail("a CDATA section does not end")
			}
			text = append(text, p.b[p.i+9:p.i+end]...)
			p.i += end + 3
		case c == '<':
			flush()
			child, err := p.element(e, depth+1)
			if err != nil {
				return err
			}
			e.Nodes = append(e.Nodes, Node{Element: child})
		case c == '&':
			r, err := p.reference()
			if err != nil {
				return err
			}
			text = utf8.AppendRune(text, r)
		case p.has("]]>"):
			return p.fail("a character that may not be there")
		default:
			text = append(text, c)
			p.i++
		}
	}
	return p.fail("</%s> is missing", e.Local)
}
