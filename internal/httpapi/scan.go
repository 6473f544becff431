package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/paraph/paraph/internal/fault"
)

const (
	maxDepth     = 64      // of objects and arrays in each other
	maxValues    = 200_000 // values of a body
	maxScanFault = 100     // faults that are listed
)

// scanJSON looks through a JSON text before anything is made of it, and lists what
// programs could read differently from each other (RFC 8259 sections 4, 8 and 9;
// RFC 7493): names that stand twice in an object, texts that are no Unicode, values
// nested too deep, and too many of them. What is no JSON at all is left to the decoder.
func scanJSON(raw []byte) error {
	var l fault.List
	n := 0
	add := func(at jsontext.Pointer, code, format string, args ...any) {
		if n++; n <= maxScanFault {
			l.Add(string(at), code, format, args...)
		}
	}
	d := jsontext.NewDecoder(bytes.NewReader(raw), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	var names []map[string]bool // of the objects that are open
	for values := 0; n == 0 || n < maxScanFault; values++ {
		token, err := d.ReadToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			if n == 0 {
				return nil // the decoder says what is wrong with it
			}
			break
		}
		if values == maxValues {
			add("", "too_many", "The body holds more than %d values.", maxValues)
			break
		}
		depth := d.StackDepth()
		if depth > maxDepth {
			add(d.StackPointer(), "too_deep", "Objects and arrays stand in each other at most %d deep.", maxDepth)
			break
		}
		switch token.Kind() {
		case '{', '[':
			names = append(names[:depth-1], nil)
		case '"':
			text := token.String()
			if !utf8.ValidString(text) || strings.ContainsRune(text, utf8.RuneError) && !bytes.Contains(raw, []byte("\uFFFD")) && !bytes.Contains(bytes.ToLower(raw), []byte(`\ufffd`)) {
				add(d.StackPointer(), "bad_text", "This text is not Unicode in UTF-8.")
			}
			kind, length := d.StackIndex(depth)
			if kind != '{' || length%2 == 0 {
				continue // a value
			}
			if names[depth-1] == nil {
				names[depth-1] = map[string]bool{}
			}
			if names[depth-1][text] {
				add(d.StackPointer(), "repeated", "This name stands twice in its object.")
			}
			names[depth-1][text] = true
		}
	}
	if n == 0 {
		return nil
	}
	return &statusFault{Fault: fault.From(l.Err("malformed_body", fmt.Sprintf("The body can be read in more than one way, or not at all, and was not looked at any further: %d faults.", n))), status: http.StatusBadRequest}
}

// scanned lets a JSON body through only if nothing stands against it at its end.
type scanned struct {
	from io.Reader
	also func(raw []byte) error // nil: nothing more is asked of it
	seen bytes.Buffer
}

func (s *scanned) Read(p []byte) (int, error) {
	n, err := s.from.Read(p)
	s.seen.Write(p[:n])
	if errors.Is(err, io.EOF) {
		if bad := scanJSON(s.seen.Bytes()); bad != nil {
			return n, bad
		}
		if s.also != nil {
			if bad := s.also(s.seen.Bytes()); bad != nil {
				return n, bad
			}
		}
	}
	return n, err
}

// isJSON tells whether a body is taken as JSON: it says so, or says nothing.
func isJSON(r *http.Request) bool {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return r.Header.Get("Content-Type") == "" || (err == nil && (media == "application/json" || strings.HasSuffix(media, "+json")))
}
