package hook

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Request is what a sender sent, as far as proofs can cover it.
type Request struct {
	Method string
	URL    string              // as the sender knows it, with the query
	Header map[string][]string // by canonical name
	Body   []byte
}

// Roots of places.
const (
	rootMethod    = "method"
	rootURL       = "url"
	rootBody      = "body"
	rootForm      = "form"      // form:NAME, a field; form alone: all fields, sorted
	rootHeader    = "header"    // header:NAME; NAME* gives every header that begins so
	rootQuery     = "query"     // query:NAME
	rootTimestamp = "timestamp" // the scheme's own time, as it was sent
	rootItem      = "item"      // one event of the body, the body itself where it holds one
	rootDigest    = "digest"    // SHA-256 of the item, in hex
	rootReceived  = "received"  // never twice the same: for hints that have no name
)

// Place says where in a request a value stands, such as "header:X-Id",
// "body#/data/id" or "form:json#/event/event_hash": a root, and behind # the JSON
// pointer (RFC 6901) of a value in its content. In a pointer * stands for every
// element of a list. A place that ends in ? may be missing and is then empty.
type Place struct {
	root, name string
	pointer    []string // nil: the root's content itself
	optional   bool
}

// ParsePlace reads a place.
func ParsePlace(s string) (Place, error) {
	var p Place
	text := s
	if text, p.optional = strings.CutSuffix(text, "?"); text == "" || len(text) > 300 {
		return p, fmt.Errorf("a place has 1 to 300 characters")
	}
	head, pointer, has := strings.Cut(text, "#")
	if has {
		if pointer == "" || pointer[0] != '/' {
			return p, fmt.Errorf("%q: behind # stands a JSON pointer, which begins with a slash", s)
		}
		p.pointer = strings.Split(pointer[1:], "/")
		for i, step := range p.pointer {
			p.pointer[i] = strings.ReplaceAll(strings.ReplaceAll(step, "~1", "/"), "~0", "~")
		}
	}
	var named bool
	p.root, p.name, named = strings.Cut(head, ":")
	switch p.root {
	case rootMethod, rootURL, rootTimestamp, rootDigest, rootReceived:
		if named || has {
			return p, fmt.Errorf("%q stands alone", p.root)
		}
	case rootBody, rootItem:
		if named {
			return p, fmt.Errorf("%q takes no name; for a value in it write %s#/…", p.root, p.root)
		}
	case rootForm:
		if has && p.name == "" {
			return p, fmt.Errorf("name the form's field: form:NAME#/…")
		}
	case rootHeader:
		if p.name = textproto.CanonicalMIMEHeaderKey(p.name); !isToken(strings.TrimSuffix(p.name, "*")) {
			return p, fmt.Errorf("%q does not name a header", s)
		}
	case rootQuery:
		if p.name == "" {
			return p, fmt.Errorf("%q does not name a parameter of the query", s)
		}
	default:
		return p, fmt.Errorf("there is no place %q", s)
	}
	return p, nil
}

// within tells whether two places are one, or the first is a part of the second.
func (p Place) within(outer Place) bool {
	return p.root == outer.root && p.name == outer.name && (outer.pointer == nil || slices.Equal(p.pointer, outer.pointer))
}

// isToken tells whether s is a token of HTTP (RFC 9110, section 5.6.2).
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`()<>@,;:\"/[]?={}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}

// message is a request with what was read of it so far.
type message struct {
	*Request
	timestamp string
	item      []byte // nil: the body
	received  string
	form      url.Values
	formErr   error
	formRead  bool
	json      map[string]any // content by the place's root and name
}

var (
	errMissing   = errors.New("it is missing")
	errAmbiguous = errors.New("it stands there more than once")
)

// one gives the one value of a place.
func (m *message) one(p Place) (string, error) {
	all, err := m.values(p)
	switch {
	case err != nil || len(all) == 0:
		if p.optional {
			return "", nil
		}
		if err == nil {
			err = errMissing
		}
		return "", err
	case len(all) > 1:
		return "", errAmbiguous
	}
	return all[0], nil
}

// values gives every value of a place, in order; none where it is missing.
func (m *message) values(p Place) ([]string, error) {
	contents, err := m.contents(p)
	if err != nil || p.pointer == nil {
		return contents, err
	}
	var out []string
	for _, c := range contents {
		v, err := m.parsed(p, c)
		if err != nil {
			return nil, err
		}
		for _, found := range walk(v, p.pointer, nil) {
			if s, ok := scalar(found); ok {
				out = append(out, s)
			}
		}
	}
	return out, nil
}

// contents gives what stands at the root of a place.
func (m *message) contents(p Place) ([]string, error) {
	switch p.root {
	case rootMethod:
		return []string{m.Method}, nil
	case rootURL:
		return []string{m.URL}, nil
	case rootTimestamp:
		return []string{m.timestamp}, nil
	case rootBody:
		return []string{string(m.Body)}, nil
	case rootItem:
		return []string{string(m.content())}, nil
	case rootDigest:
		sum := sha256.Sum256(m.content())
		return []string{hex.EncodeToString(sum[:])}, nil
	case rootReceived:
		return []string{m.received}, nil
	case rootHeader:
		return m.headers(p.name), nil
	case rootQuery:
		u, err := url.Parse(m.URL)
		if err != nil {
			return nil, err
		}
		q, err := url.ParseQuery(u.RawQuery)
		return q[p.name], err
	}
	form, err := m.fields()
	if err != nil {
		return nil, err
	}
	if p.name == "" {
		return []string{sortedForm(form)}, nil
	}
	return form[p.name], nil
}

func (m *message) content() []byte {
	if m.item != nil {
		return m.item
	}
	return m.Body
}

// headers gives the values of a header, or of all that begin so, by name.
func (m *message) headers(name string) []string {
	stem, all := strings.CutSuffix(name, "*")
	if !all {
		return m.Header[name]
	}
	var names []string
	for n := range m.Header {
		if strings.HasPrefix(n, stem) {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	var out []string
	for _, n := range names {
		out = append(out, m.Header[n]...)
	}
	return out
}

// maxParts bounds the parts of a form.
const maxParts = 100

// fields reads the body as a form: urlencoded or multipart, files left out. A body
// that is none has no fields.
func (m *message) fields() (url.Values, error) {
	if m.formRead {
		return m.form, m.formErr
	}
	m.formRead = true
	media, params := m.media()
	switch media {
	case "application/x-www-form-urlencoded":
		m.form, m.formErr = url.ParseQuery(string(m.Body))
	case "multipart/form-data":
		m.form, m.formErr = multipartFields(m.Body, params["boundary"])
	}
	return m.form, m.formErr
}

func (m *message) media() (string, map[string]string) {
	if len(m.Header["Content-Type"]) != 1 {
		return "", nil
	}
	media, params, err := mime.ParseMediaType(m.Header["Content-Type"][0])
	if err != nil {
		return "", nil
	}
	return media, params
}

func multipartFields(body []byte, boundary string) (url.Values, error) {
	if boundary == "" {
		return nil, errors.New("the form names no boundary")
	}
	out := url.Values{}
	r := multipart.NewReader(bytes.NewReader(body), boundary)
	for n := 0; ; n++ {
		part, err := r.NextPart()
		if err == io.EOF {
			return out, nil
		}
		if err != nil || n >= maxParts {
			return nil, errors.New("the form cannot be read")
		}
		if part.FileName() != "" {
			continue
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return nil, errors.New("the form ends in the middle")
		}
		out.Add(part.FormName(), string(value))
	}
}

// sortedForm writes names and values one after the other, by name and then by
// value, each pair once.
func sortedForm(form url.Values) string {
	var b strings.Builder
	names := make([]string, 0, len(form))
	for n := range form {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		values := slices.Clone(form[n])
		slices.Sort(values)
		for _, v := range slices.Compact(values) {
			b.WriteString(n)
			b.WriteString(v)
		}
	}
	return b.String()
}

// parsed reads a content as JSON, once.
func (m *message) parsed(p Place, content string) (any, error) {
	key := p.root + ":" + p.name
	if v, ok := m.json[key]; ok {
		return v, nil
	}
	v, err := parseJSON([]byte(content))
	if err != nil {
		return nil, fmt.Errorf("it is not JSON: %w", err)
	}
	if m.json == nil {
		m.json = map[string]any{}
	}
	m.json[key] = v
	return v, nil
}

// maxDepth bounds how deep JSON may be nested.
const maxDepth = 64

// parseJSON reads one JSON value. Numbers keep their digits. What is nested
// deeper than maxDepth is refused before it is read.
func parseJSON(raw []byte) (v any, err error) {
	if deep(raw) {
		return nil, fmt.Errorf("it is nested deeper than %d", maxDepth)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("something follows the value")
	}
	return v, nil
}

// deep tells whether brackets are nested deeper than maxDepth.
func deep(raw []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// walk adds the values that a pointer leads to.
func walk(v any, pointer []string, out []any) []any {
	if len(pointer) == 0 {
		return append(out, v)
	}
	step, rest := pointer[0], pointer[1:]
	switch v := v.(type) {
	case map[string]any:
		if inner, ok := v[step]; ok {
			return walk(inner, rest, out)
		}
	case []any:
		if step == "*" {
			for _, inner := range v {
				out = walk(inner, rest, out)
			}
			return out
		}
		if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(v) && strconv.Itoa(i) == step {
			return walk(v[i], rest, out)
		}
	}
	return out
}

// scalar writes a value that is no list and no object.
func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

// Template is a text with places in braces, such as "{timestamp}.{body}".
type Template struct {
	text []string // stands before, between and behind the places
	at   []Place
}

// ParseTemplate reads a template.
func ParseTemplate(s string) (Template, error) {
	var t Template
	if len(s) > 2000 {
		return t, errors.New("a template has at most 2000 characters")
	}
	for {
		text, rest, more := strings.Cut(s, "{")
		if strings.Contains(text, "}") {
			return t, errors.New("a } stands without its {")
		}
		t.text = append(t.text, text)
		if !more {
			return t, nil
		}
		inner, after, closed := strings.Cut(rest, "}")
		if !closed {
			return t, errors.New("a { stands without its }")
		}
		p, err := ParsePlace(inner)
		if err != nil {
			return t, err
		}
		t.at = append(t.at, p)
		s = after
	}
}

func (t Template) head() string    { return t.text[0] }
func (t Template) places() []Place { return t.at }

// holds tells whether one of the template's places has the root.
func (t Template) holds(root string) bool {
	return slices.ContainsFunc(t.at, func(p Place) bool { return p.root == root && p.name == "" && p.pointer == nil })
}

// fill writes the template with the values of a request, each changed by with.
func (t Template) fill(m *message, with func(string) string) ([]byte, error) {
	var out []byte
	for i, text := range t.text {
		out = append(out, text...)
		if i == len(t.at) {
			break
		}
		v, err := m.one(t.at[i])
		if err != nil {
			return nil, err
		}
		if with != nil {
			v = with(v)
		}
		out = append(out, v...)
	}
	return out, nil
}
