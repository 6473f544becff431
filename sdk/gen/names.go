package main

import "strings"

// runTogether are the names that CloudEvents writes without a mark between words.
var runTogether = map[string]string{
	"actorid": "actor_id", "actorkind": "actor_kind", "actorprincipal": "actor_principal", "businessunit": "business_unit",
	"datacontenttype": "data_content_type", "dataschema": "data_schema", "documentid": "document_id", "documentsequence": "document_sequence",
	"onbehalfof": "on_behalf_of", "requestid": "request_id", "specversion": "spec_version", "traceparent": "trace_parent",
}

// initials are words that Go writes in capitals.
var initials = map[string]string{
	"id": "ID", "ids": "IDs", "url": "URL", "sha256": "SHA256", "tls": "TLS", "jwks": "JWKS", "dpop": "DPoP", "tsa": "TSA", "dns": "DNS", "ip": "IP",
	"san": "SAN", "uri": "URI", "uris": "URIs", "dn": "DN", "ms": "MS", "http": "HTTP", "json": "JSON", "csv": "CSV", "ocr": "OCR", "etag": "ETag",
}

// words splits a name of the contract: document_id, documentid, listDocuments, hmac-sha256.
func words(name string) []string {
	if n, ok := runTogether[name]; ok {
		name = n
	}
	var b strings.Builder
	for i, r := range name {
		switch {
		case r >= 'A' && r <= 'Z':
			if i > 0 && name[i-1] >= 'a' && name[i-1] <= 'z' {
				b.WriteByte('_')
			}
			b.WriteRune(r + 'a' - 'A')
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		default:
			b.WriteByte('_')
		}
	}
	return strings.FieldsFunc(b.String(), func(r rune) bool { return r == '_' })
}

func title(word string) string { return strings.ToUpper(word[:1]) + word[1:] }

// pascal writes DocumentId, camel documentId, snake document_id.
func pascal(name string) string {
	var b strings.Builder
	for _, w := range words(name) {
		b.WriteString(title(w))
	}
	return b.String()
}

func camel(name string) string {
	p := pascal(name)
	return strings.ToLower(p[:1]) + p[1:]
}

func snake(name string) string { return strings.Join(words(name), "_") }

// goName writes DocumentID.
func goName(name string) string {
	var b strings.Builder
	for _, w := range words(name) {
		if i, ok := initials[w]; ok {
			w = i
		}
		b.WriteString(title(w))
	}
	return b.String()
}

// allName names the method that gives every item of a list: listDocuments, allDocuments.
func allName(id string) string { return "all" + strings.TrimPrefix(id, "list") }

// sentence joins a summary and a description.
func (o *operation) sentence() string {
	return strings.TrimSpace(strings.TrimSuffix(o.summary, ".") + ". " + o.doc)
}

// wrap breaks a text into lines of about 100 characters.
func wrap(text string) (lines []string) {
	line := ""
	for _, w := range strings.Fields(text) {
		if len(line)+len(w) > 100 && line != "" {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += w
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
