package event

import (
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/paraph/paraph/internal/journal"
)

// Rendering is the number of the form that Append writes. What was sent once is
// sent again byte for byte, maybe by a later program: so a form is never changed.
// A new one gets a new number, and Render goes on writing those before it.
const Rendering = 1

// MediaType is the media type of a structured event.
const MediaType = "application/cloudevents+json"

// SchemaPath is where a server serves the JSON Schema of a type's data, before
// the type's name.
const SchemaPath = "/schemas/events/"

// Attribute is one context attribute of a CloudEvent, as a header carries it in
// binary mode.
type Attribute struct {
	Name   string // lower-case letters only
	Value  string
	Number bool // a JSON number in structured mode
}

// Attributes gives the context attributes of an entry, in the order in which they
// are written, without those that are empty. source is the installation's public
// URL, without a slash at the end. Attributes that CloudEvents does not name are extensions.
func Attributes(e *journal.Entry, source string) []Attribute {
	if source == "" {
		source = "/"
	}
	out := make([]Attribute, 0, 20)
	add := func(name, value string) {
		if value != "" {
			out = append(out, Attribute{Name: name, Value: value})
		}
	}
	add("specversion", "1.0")
	add("id", e.ID)
	add("source", source)
	add("type", string(e.Kind))
	add("subject", e.SubjectType+"/"+e.SubjectID)
	add("time", e.At.UTC().Format(time.RFC3339Nano))
	add("datacontenttype", "application/json")
	add("dataschema", SchemaOf(e.Kind, source))
	add("organisation", e.Org)
	add("businessunit", e.Unit)
	add("documentid", e.DocumentID)
	if e.DocSeq != 0 {
		out = append(out, Attribute{Name: "documentsequence", Value: strconv.FormatInt(e.DocSeq, 10), Number: true})
	}
	add("actorkind", string(e.Actor.Kind))
	add("actorid", e.Actor.ID)
	add("actorprincipal", e.Actor.Principal)
	add("onbehalfof", e.Actor.OnBehalfOf)
	add("requestid", e.Source.RequestID)
	add("traceparent", e.Trace)
	return out
}

// SchemaOf names the JSON Schema of the data of a type.
func SchemaOf(k journal.Kind, source string) string {
	if source == "/" {
		source = ""
	}
	return source + SchemaPath + string(k) + ".json"
}

// Append writes an entry as a structured CloudEvent: one line of JSON, its data
// byte for byte as the journal has it. An erased entry has no content any more
// and is not to be sent.
func Append(dst []byte, e *journal.Entry, source string) []byte {
	sep := byte('{')
	for _, a := range Attributes(e, source) {
		dst = append(append(append(dst, sep, '"'), a.Name...), `":`...)
		if a.Number {
			dst = append(dst, a.Value...)
		} else {
			dst = appendText(dst, a.Value)
		}
		sep = ','
	}
	if len(e.Data) > 0 {
		dst = append(append(dst, `,"data":`...), e.Data...)
	}
	return append(dst, '}')
}

// Render writes an entry in the form of that number; false where this program
// does not know it: a newer one has chosen it.
func Render(form int, e *journal.Entry, source string) ([]byte, bool) {
	if form != Rendering {
		return nil, false
	}
	return Append(make([]byte, 0, 640+len(e.Data)), e, source), true
}

const hexDigits = "0123456789abcdef"

// appendText writes a JSON string. Only what JSON demands is escaped.
func appendText(dst []byte, s string) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			if r, n := utf8.DecodeRuneInString(s[i:]); r != utf8.RuneError || n > 1 {
				i += n
				continue
			}
			dst = append(append(dst, s[from:i]...), "\ufffd"...)
			i++
			from = i
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		dst = append(dst, s[from:i]...)
		if c == '"' || c == '\\' {
			dst = append(dst, '\\', c)
		} else {
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		from = i
	}
	return append(append(dst, s[from:]...), '"')
}
