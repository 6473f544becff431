package contract

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/paraph/paraph/internal/e2e/programtest"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/testneed"
)

var update = flag.Bool("update", false, "write the answers of the contract's examples anew; then make openapi")

// last are the operations that are carried out after the others, in this order: they
// take away what those need.
var last = []string{"withdrawTokenKey"}

// TestExamples carries out the example of every operation and holds the answer, and the
// example of it in the contract, to the schema. An operation without either fails.
func TestExamples(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	g := w.prepare(1)
	w.onlyOnce(g)
	s := newSchemas(t)
	operations := operationsOf(t)
	slices.SortStableFunc(operations, func(a, b operation) int {
		return slices.Index(last, a.id) - slices.Index(last, b.id)
	})
	answers := map[string]object{}
	for _, op := range operations {
		t.Run(op.id, func(t *testing.T) {
			got, err := w.carryOut(t, op, g)
			must(t, err)
			shown := s.check(t, op, got)
			answers[op.id] = shown
			if op.method != "head" && !*update {
				s.checkExamples(t, op, shown)
			}
		})
	}
	if *update && !t.Failed() {
		raw, err := json.MarshalIndent(answers, "", "  ")
		must(t, err)
		must(t, os.WriteFile(filepath.Join(testneed.Root(t), "internal", "httpapi", "examples", "answers.json"), append(raw, '\n'), 0o644))
	}
}

// onlyOnce prepares what is there once.
func (w *world) onlyOnce(g ground) {
	token, _, err := service.NewSetupLink(w.t.Context(), w.srv.Store, w.srv.Admin.Client.Org)
	must(w.t, err)
	g.add(place{Body: object{"/token": token}}, "setUp")
	asked := w.make("/v1/hook-sources", object{"name": "Agreements", "preset": "adobe_sign", "fetch": object{"url": "https://api.adobesign.example/agreements/{item#/agreement/id}"}})
	g.add(place{Path: map[string]string{"source": asked.Source.ID}, Header: map[string]string{"X-AdobeSign-ClientId": asked.Secret}}, "askHook")
	var keys struct {
		Items []struct{ ID, State string }
	}
	w.do("GET", "/v1/token-keys", nil, &keys)
	for _, k := range keys.Items {
		if k.State == "next" {
			g.add(at(k.ID), "withdrawTokenKey")
		}
	}
}

// carryOut sends the request of an operation's example, at the place that was prepared.
func (w *world) carryOut(t *testing.T, op operation, g ground) (*programtest.Answer, error) {
	t.Helper()
	var p place
	if len(g[op.id]) > 0 {
		p = g[op.id][0]
	}
	path, query, header := op.path, url.Values{}, []string{}
	for _, one := range list(op.object, "parameters") {
		param := one.(object)
		name, in := param["name"].(string), param["in"]
		example := fmt.Sprint(exampleOf(t, op, param))
		switch {
		case in == "path":
			path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(or(p.Path[name], example)))
		case in == "query" && (param["required"] == true || p.Query[name] != ""):
			query.Set(name, or(p.Query[name], example))
		case in == "header" && param["required"] == true && name != "Idempotency-Key":
			header = append(header, name, or(p.Header[name], example))
		}
	}
	for name, value := range p.Header {
		header = append(header, name, value)
	}
	media, body := requestExample(t, op)
	if m, ok := body.(object); ok {
		for pointer, value := range p.Body {
			put(m, pointer, value)
		}
	}
	raw, isText := body.(string)
	if !isText && body != nil {
		b, err := json.Marshal(body)
		must(t, err)
		raw = string(b)
	}
	if whole, ok := p.Body[""].(string); ok {
		raw = whole
	}
	if media != "" {
		header = append([]string{"Content-Type", media}, header...)
	}
	if op.id == "streamEvents" {
		return w.firstOf(t, path)
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return w.Do(strings.ToUpper(op.method), path, []byte(raw), header...)
}

// firstOf reads the first event of a stream.
func (w *world) firstOf(t *testing.T, path string) (*programtest.Answer, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", w.URL+path, nil)
	must(t, err)
	req.Header.Set("Authorization", "Bearer "+w.Token)
	res, err := w.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	var got []byte
	for lines := bufio.NewReader(res.Body); !bytes.HasSuffix(got, []byte("\n\n")); {
		line, err := lines.ReadBytes('\n')
		if got = append(got, line...); err != nil {
			return nil, err
		}
	}
	return &programtest.Answer{Status: res.StatusCode, Header: res.Header, Body: got}, nil
}

// requestExample gives the example of an operation's body, and its media type.
func requestExample(t *testing.T, op operation) (string, any) {
	t.Helper()
	body, _ := op.object["requestBody"].(object)
	content, _ := body["content"].(object)
	for _, media := range []string{"application/json", "application/pdf", "application/zip", "application/offset+octet-stream", "*/*"} {
		m, ok := content[media].(object)
		if !ok {
			continue
		}
		example, ok := m["example"]
		if !ok {
			t.Fatalf("the body of %s has no example: write one into internal/httpapi/examples/requests.json", op.id)
		}
		if media == "*/*" {
			media = "application/json"
		}
		return media, clone(t, example)
	}
	return "", nil
}

// exampleOf gives the example of a parameter; one without any fails where it is required.
func exampleOf(t *testing.T, op operation, param object) any {
	t.Helper()
	schema, _ := param["schema"].(object)
	for _, from := range []object{param, schema} {
		if v, ok := from["example"]; ok {
			return v
		}
		if v := list(from, "examples"); len(v) > 0 {
			return v[0]
		}
		if v := list(from, "enum"); len(v) > 0 {
			return v[0]
		}
	}
	if param["required"] == true {
		t.Errorf("the parameter %s of %s has no example", param["name"], op.id)
	}
	return ""
}

// schemas validates by the contract.
type schemas struct{ *jsonschema.Compiler }

const specURL = "https://paraph.example/openapi.yaml"

func newSchemas(t *testing.T) schemas {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	raw, err := json.Marshal(spec(t))
	must(t, err)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	must(t, err)
	must(t, c.AddResource(specURL, doc))
	return schemas{c}
}

func (s schemas) validate(t *testing.T, op operation, status, media string, raw []byte) {
	t.Helper()
	escape := strings.NewReplacer("~", "~0", "/", "~1").Replace
	schema, err := s.Compile(specURL + "#/paths/" + escape(op.path) + "/" + op.method + "/responses/" + status + "/content/" + escape(media) + "/schema")
	must(t, err)
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	must(t, err)
	if err := schema.Validate(v); err != nil {
		t.Errorf("%s of %s is not as described: %v\n%s", status, op.id, err, raw)
	}
}

// check holds an answer to the contract and gives it as an example.
func (s schemas) check(t *testing.T, op operation, got *programtest.Answer) object {
	t.Helper()
	status := fmt.Sprint(got.Status)
	if got.Status >= 300 {
		t.Fatalf("%s: %s %s", op.id, status, got.Body)
	}
	described, ok := op.object["responses"].(object)[status].(object)
	if !ok {
		t.Fatalf("%s: %s is not described", op.id, status)
	}
	content, _ := described["content"].(object)
	media, _, _ := strings.Cut(got.Header.Get("Content-Type"), ";")
	if len(got.Body) == 0 || op.method == "head" {
		if len(content) > 0 && content["*/*"] == nil && op.method != "head" {
			t.Errorf("%s: %s has no body", op.id, status)
		}
		return object{"status": status}
	}
	if _, ok := content[media]; !ok && content["*/*"] != nil {
		media = "*/*"
	}
	if content[media] == nil {
		t.Fatalf("%s: %s is not described as %q", op.id, status, got.Header.Get("Content-Type"))
	}
	for name, h := range mapOf(described, "headers") {
		if h.(object)["required"] == true && got.Header.Get(name) == "" {
			t.Errorf("%s: %s comes without %s", op.id, status, name)
		}
	}
	if media != "application/json" {
		body := harmless(string(got.Body))
		if !strings.HasPrefix(media, "text/") {
			body = string(got.Body[:min(len(got.Body), 8)])
			body = strings.ToValidUTF8(strings.TrimRight(strings.Map(visible, body), "\n"), "") + "…"
		}
		return object{"status": status, "media": media, "body": body}
	}
	s.validate(t, op, status, media, got.Body)
	var body any
	must(t, json.Unmarshal([]byte(harmless(string(got.Body))), &body))
	return object{"status": status, "media": media, "body": short(body)}
}

// checkExamples holds the example of an answer in the contract to its schema.
func (s schemas) checkExamples(t *testing.T, op operation, got object) {
	t.Helper()
	status, _ := got["status"].(string)
	media, _ := got["media"].(string)
	if media == "" {
		return
	}
	m := mapOf(mapOf(mapOf(op.object, "responses"), status), "content")[media].(object)
	example, ok := m["example"]
	if !ok {
		t.Errorf("the answer of %s has no example: go test ./internal/e2e/contract -run TestExamples -args -update, then make openapi", op.id)
		return
	}
	if media == "application/json" {
		raw, err := json.Marshal(example)
		must(t, err)
		s.validate(t, op, status, media, raw)
	}
}

var unlike = []struct {
	what *regexp.Regexp
	like string
}{
	{regexp.MustCompile(`http://127\.0\.0\.1:\d+`), "https://paraph.example.com"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "paraph.example.com"},
	{regexp.MustCompile(`"(client_secret|secret|link|setup_url|url)":"[^"]*(psl_|pcs_|whsec_|/sign/|/invitations/|/portal|#)[^"]*"`), `"$1":"https://paraph.example.com/shown-once"`},
	{regexp.MustCompile(`"(client_secret|secret)":"[^"]*"`), `"$1":"shown-once"`},
	{regexp.MustCompile(`\b([a-z]{2,5})_[0-9a-hjkmnp-tv-z]{26}\b`), "${1}_01kb0q7m4b1s9v3d8r5x2c6e7f"},
	{regexp.MustCompile(`\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`), "2026-04-17T09:30:00Z"},
	{regexp.MustCompile(`\b[0-9a-f]{64}\b`), strings.Repeat("5b2a91c7", 8)},
}

// harmless takes out of an answer what is a secret, and what differs each time.
func harmless(body string) string {
	for _, u := range unlike {
		body = u.what.ReplaceAllString(body, u.like)
	}
	return body
}

// short keeps the first two of what lists hold.
func short(v any) any {
	switch x := v.(type) {
	case []any:
		if len(x) > 2 {
			x = x[:2]
		}
		for i := range x {
			x[i] = short(x[i])
		}
		return x
	case object:
		for k := range x {
			x[k] = short(x[k])
		}
	}
	return v
}

func visible(r rune) rune {
	if r < ' ' || r > '~' {
		return -1
	}
	return r
}

// put sets the member at a JSON pointer of an object or of one of its lists.
func put(m object, pointer string, value any) {
	first, rest, deeper := strings.Cut(strings.TrimPrefix(pointer, "/"), "/")
	switch {
	case pointer == "":
	case !deeper:
		m[first] = value
	case rest == "0":
		m[first] = []any{value}
	default:
		if inner, ok := m[first].(object); ok {
			put(inner, rest, value)
		}
	}
}

func clone(t *testing.T, v any) (out any) {
	t.Helper()
	raw, err := json.Marshal(v)
	must(t, err)
	must(t, json.Unmarshal(raw, &out))
	return out
}

func list(m object, name string) []any   { v, _ := m[name].([]any); return v }
func mapOf(m object, name string) object { v, _ := m[name].(object); return v }

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
