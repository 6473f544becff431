// Package docsite makes the documentation: pages of the Markdown under docs/, of the
// contract, of the codes of faults and of the events, with an index to search them by.
// Everything a page needs is its own: no font, script or style comes from elsewhere, and
// apart from the search and the forms that try an operation nothing needs a script.
package docsite

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Source is what the documentation is made of.
type Source struct {
	Texts    fs.FS // the folder docs
	Contract *huma.OpenAPI
	Faults   []Fault
	Events   []Event
	// Deprecations are what goes.
	Deprecations []Deprecation
	// Beside are files that the pages link to, by path. They are served elsewhere, and
	// are written beside the pages.
	Beside map[string][]byte
}

// Fault is a code of the contract.
type Fault struct {
	Code, Title string
	Status      int
	Advice      string // what to do
}

// Event is a type of event.
type Event struct {
	Kind, About string
	Members     []Member
	Sample      string // a whole event, as JSON
}

// Deprecation is a part of the contract that goes.
type Deprecation struct {
	Anchor, What  string
	Since, Sunset time.Time
	Instead       string // what takes its place
}

// Member is a member of an object in JSON.
type Member struct {
	Name, Form, About string
	Always            bool
}

// Page is one address of the documentation. Only its compressed form is kept.
type Page struct {
	Media  string
	Tag    string // weak ETag of the bytes
	Length int    // bytes before compression
	Zipped []byte // gzip
}

// Site is the documentation, by path.
type Site struct {
	pages   map[string]Page
	missing Page
	beside  map[string][]byte
}

// Root is the path under which everything lies.
const Root = "/docs"

// Build makes the documentation. It fails only on a mistake in what it is made of:
// a link within it that leads nowhere, a text without a title or with HTML in it.
func Build(src Source) (*Site, error) {
	b := &builder{Source: src, site: &Site{pages: map[string]Page{}}}
	if err := b.read(); err != nil {
		return nil, err
	}
	b.generated()
	if err := b.write(); err != nil {
		return nil, err
	}
	return b.site, nil
}

// Paths lists every address, in order.
func (s *Site) Paths() []string { return slices.Sorted(maps.Keys(s.pages)) }

// Page gives what stands at a path; ok is false where nothing does.
func (s *Site) Page(path string) (p Page, ok bool) {
	p, ok = s.pages[path]
	return p, ok
}

// Body gives a page's bytes.
func (p Page) Body() ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(p.Zipped))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

func newPage(media string, body []byte) (Page, error) {
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, err := w.Write(body)
	if err == nil {
		err = w.Close()
	}
	sum := sha256.Sum256(body)
	return Page{Media: media, Tag: `W/"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`, Length: len(body), Zipped: zipped.Bytes()}, err
}

func (s *Site) put(path, media string, body []byte) error {
	if _, taken := s.pages[path]; taken {
		return fmt.Errorf("docsite: two pages are at %s", path)
	}
	p, err := newPage(media, body)
	s.pages[path] = p
	return err
}

// policy lets a page load its own script and style and call its own server, and
// nothing from anywhere else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// ServeHTTP implements http.Handler for the paths under Root.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status := http.StatusOK
	p, ok := s.Page(strings.TrimSuffix(r.URL.Path, "/"))
	if !ok {
		p, status = s.missing, http.StatusNotFound
	}
	h := w.Header()
	h.Set("Content-Type", p.Media)
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Vary", "Accept-Encoding")
	if ok {
		h.Set("Cache-Control", "public, max-age=300")
		h.Set("ETag", p.Tag)
		if same(r.Header.Get("If-None-Match"), p.Tag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	body := p.Zipped
	if takesGzip(r.Header.Get("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
	} else {
		var err error
		if body, err = p.Body(); err != nil {
			http.Error(w, "Something went wrong on our side.", http.StatusInternalServerError) // its own bytes: cannot be
			return
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a reader who left needs no answer
	}
}

func same(list, tag string) bool {
	for one := range strings.SplitSeq(list, ",") {
		if one = strings.TrimSpace(one); one == "*" || strings.TrimPrefix(one, "W/") == strings.TrimPrefix(tag, "W/") {
			return true
		}
	}
	return false
}

func takesGzip(accept string) bool {
	for one := range strings.SplitSeq(accept, ",") {
		name, quality, _ := strings.Cut(strings.TrimSpace(one), ";")
		if name == "gzip" || name == "*" {
			return strings.ReplaceAll(quality, " ", "") != "q=0"
		}
	}
	return false
}

// WriteTo writes the documentation, and what lies beside it, as files for any web server
// that hands out index.html for a folder. The pages lead to one another from the root of
// the host.
func (s *Site) WriteTo(folder string) (files int, err error) {
	for _, at := range s.Paths() {
		p := s.pages[at]
		body, err := p.Body()
		if strings.HasPrefix(p.Media, "text/html") {
			at += "/index.html"
		}
		if err == nil {
			err = writeFile(folder, at, body)
		}
		if err != nil {
			return files, err
		}
		files++
	}
	for at, body := range s.beside {
		if err := writeFile(folder, at, body); err != nil {
			return files, err
		}
		files++
	}
	return files, nil
}

func writeFile(folder, at string, body []byte) error {
	name := filepath.Join(folder, filepath.FromSlash(at))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, body, 0o644)
}

// addressOf gives the path of a text's page: guide/start.md is /docs/start.
func addressOf(text string) string {
	name := strings.TrimSuffix(strings.TrimPrefix(text, "guide/"), ".md")
	if name == "index" {
		return Root
	}
	return path.Join(Root, name)
}
