package docsite

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/danielgtaylor/huma/v2"
)

// source is documentation in small: every text of the menu, one operation, one code, one event.
func source(change map[string]string) Source {
	texts := fstest.MapFS{"decisions/0001-why.md": {Data: []byte("# 1. Why\n\nBecause. See [the start](../guide/start.md#a-server), [the code](../../cmd/paraph/main.go).\n")}}
	for _, s := range menu() {
		for _, name := range s.texts {
			texts[name] = &fstest.MapFile{Data: []byte("# About " + name + "\n\n## A server\n\nText.\n")}
		}
	}
	for name, text := range change {
		texts[name] = &fstest.MapFile{Data: []byte(text)}
	}
	o := huma.DefaultConfig("Test", "1").OpenAPI
	o.Info.Description = "What it does.\n\n- A `point`."
	o.Tags = []*huma.Tag{{Name: "things", Description: "Things."}}
	o.AddOperation(&huma.Operation{OperationID: "getThing", Method: http.MethodGet, Path: "/v1/things/{id}", Tags: []string{"things"}, Summary: "Get a thing",
		Parameters: []*huma.Param{{Name: "id", In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}}},
		Responses:  map[string]*huma.Response{"404": {Description: "Codes: `gone_astray`."}}})
	return Source{Texts: texts, Contract: o, Faults: []Fault{{Code: "gone_astray", Title: "It is <lost>", Status: 404, Advice: "Look `elsewhere`."}},
		Events: []Event{{Kind: "thing.made", About: "A thing was made.", Sample: "{}"}},
		Beside: map[string][]byte{"/openapi.yaml": []byte("y"), "/openapi.json": []byte("j"), "/asyncapi.yaml": nil, "/asyncapi.json": nil, "/schemas/events/thing.made.json": nil}}
}

func built(t *testing.T, src Source) *Site {
	t.Helper()
	s, err := Build(src)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func body(t *testing.T, s *Site, path string) string {
	t.Helper()
	p, ok := s.Page(path)
	if !ok {
		t.Fatalf("there is no page at %s; there are %v", path, s.Paths())
	}
	raw, err := p.Body()
	if err != nil || len(raw) != p.Length {
		t.Fatal(len(raw), p.Length, err)
	}
	return string(raw)
}

func TestBuild(t *testing.T) {
	t.Parallel()
	s := built(t, source(map[string]string{"guide/start.md": "# Start & here\n\n## A server\n\n```sh given\nexport A=<1>\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n[concepts](concepts.md)\n", "more.md": "# More\n"}))
	for path, wants := range map[string][]string{
		"/docs/start":              {"<h1>Start &amp; here</h1>", `<h2 id="a-server">`, "With your own values", "export A=&lt;1&gt;", `tabindex="0" role="group" aria-label="Table"`, `href="/docs/concepts"`},
		"/docs/decisions/0001-why": {`href="/docs/start#a-server"`, `href="https://github.com/paraph/paraph/blob/main/cmd/paraph/main.go"`},
		"/docs/decisions":          {`<a href="/docs/decisions/0001-why">1. Why</a>`},
		"/docs/reference/things":   {`<h2 id="getThing">`, `data-method="GET" data-path="/v1/things/{id}"`, `href="/docs/errors#gone_astray"`},
		"/docs/errors":             {`id="gone_astray"`, "It is &lt;lost&gt;. Look <code>elsewhere</code>.", `href="/docs/reference/things#getThing">Get a thing</a>`},
		"/docs/events":             {`id="thing.made"`},
		"/docs/search.json":        {`"a":"/docs/errors#gone_astray"`, "elsewhere"},
		"/docs/more":               {"<h1>More</h1>"}, // no part of the menu names it
	} {
		page := body(t, s, path)
		for _, want := range wants {
			if !strings.Contains(page, want) {
				t.Errorf("%s lacks %s:\n%s", path, want, page)
			}
		}
	}
}

// TestMistakes: what would be wrong on a page stops the building of all.
func TestMistakes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ file, text, want string }{
		"a dead link":          {"guide/start.md", "# Start\n\n## A server\n\n[x](nowhere.md)\n", "/docs/start → /docs/nowhere"},
		"a dead anchor":        {"guide/start.md", "# Start\n\n## A server\n\n[x](concepts.md#nowhere)\n", "/docs/start → /docs/concepts#nowhere"},
		"an anchor of its own": {"guide/start.md", "# Start\n\n## A server\n\n[x](#nowhere)\n", "/docs/start → #nowhere"},
		"a dead code":          {"guide/start.md", "# Start\n\n## A server\n\n[x](/docs/errors#nowhere)\n", "/docs/start → /docs/errors#nowhere"},
		"no title":             {"guide/start.md", "Text.\n", "title"},
		"HTML":                 {"guide/start.md", "# Start\n\n## A server\n\n<script>alert(1)</script>\n", "HTML"},
	} {
		_, err := Build(source(map[string]string{c.file: c.text}))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBlocks(t *testing.T) {
	t.Parallel()
	blocks, err := Blocks([]byte("# A\n\n```sh\nls\n```\n\n```text output\na\n```\n\n```json file=a.json schema=Thing\n{}\n```\n"))
	want := []Block{{Language: "sh", Code: "ls\n", Line: 4}, {Language: "text", Mark: Output, Code: "a\n", Line: 8}, {Language: "json", File: "a.json", Schema: "Thing", Code: "{}\n", Line: 12}}
	if err != nil || len(blocks) != 3 || blocks[0] != want[0] || blocks[1] != want[1] || blocks[2] != want[2] {
		t.Errorf("%+v %v", blocks, err)
	}
	for _, text := range []string{"```\nls\n```\n", "```sh wrong\nls\n```\n", "```sh given output\nls\n```\n", "a\n\n    indented\n"} {
		if _, err := Blocks([]byte(text)); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func TestServe(t *testing.T) {
	t.Parallel()
	s := built(t, source(nil))
	get := func(path string, header ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w
	}
	plain, zipped := get("/docs"), get("/docs/", "Accept-Encoding", "br, gzip;q=0.8")
	if plain.Code != 200 || plain.Header().Get("Content-Encoding") != "" || !strings.Contains(plain.Body.String(), "<h1>") {
		t.Errorf("%d %v", plain.Code, plain.Header())
	}
	if zipped.Code != 200 || zipped.Header().Get("Content-Encoding") != "gzip" || zipped.Body.Len() >= plain.Body.Len() {
		t.Errorf("%d %v", zipped.Code, zipped.Header())
	}
	if refused := get("/docs", "Accept-Encoding", "gzip;q=0"); refused.Header().Get("Content-Encoding") != "" {
		t.Error("it zips for who refuses")
	}
	tag := plain.Header().Get("ETag")
	if again := get("/docs", "If-None-Match", `"x", `+tag); again.Code != http.StatusNotModified || again.Body.Len() != 0 {
		t.Errorf("%d", again.Code)
	}
	if lost := get("/docs/nowhere"); lost.Code != http.StatusNotFound || lost.Header().Get("ETag") != "" || !strings.Contains(lost.Body.String(), "There is no such page") {
		t.Errorf("%d %v", lost.Code, lost.Header())
	}
}

func TestWriteTo(t *testing.T) {
	t.Parallel()
	s, folder := built(t, source(nil)), t.TempDir()
	files, err := s.WriteTo(folder)
	if err != nil || files != len(s.Paths())+5 {
		t.Fatal(files, err)
	}
	for _, name := range []string{"docs/index.html", "docs/start/index.html", "docs/page.css", "openapi.yaml"} {
		if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
			t.Error(err)
		}
	}
}
