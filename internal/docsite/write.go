package docsite

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/paraph/paraph/internal/brand"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageJS string

var layout = template.Must(template.New("page").Parse(pageHTML))

// view is what the layout shows.
type view struct {
	*page
	Menu []*section
	Root string
}

// Mark and Body are what html/template must not escape.
func (view) Mark() template.HTML   { return template.HTML(brand.Inline) }
func (v view) Body() template.HTML { return template.HTML(v.body) }

// Shown tells whether a page stands in the menu.
func (view) Shown(p *page) bool { return !p.Unlisted }

// Listed tells whether the page shows a list of its own parts.
func (v view) Listed() bool { return len(v.Contents) > 3 }

// write renders all pages, once their links are known to lead somewhere.
func (b *builder) write() error {
	if err := b.checkLinks(); err != nil {
		return err
	}
	const html = "text/html; charset=utf-8"
	for _, p := range b.pages {
		body, err := b.render(p)
		if err == nil {
			err = b.site.put(p.Path, html, body)
		}
		if err != nil {
			return err
		}
	}
	style, _ := brand.Pack(brand.Paper + pageCSS)
	index, err := b.index()
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name, media string
		body        []byte
	}{
		{"page.css", "text/css; charset=utf-8", []byte(style)}, {"page.js", "text/javascript; charset=utf-8", []byte(pageJS)},
		{"mark.svg", "image/svg+xml", []byte(brand.Icon)}, {"search.json", "application/json", index},
	} {
		if err := b.site.put(Root+"/"+f.name, f.media, f.body); err != nil {
			return err
		}
	}
	b.site.beside = b.Beside
	missing := blank("", "There is no such page")
	missing.body = "<p>The address may be of another version. Search above, or begin at <a href=\"" + Root + "\">the first page</a>.</p>\n"
	body, err := b.render(missing)
	if err == nil {
		b.site.missing, err = newPage(html, body)
	}
	return err
}

func (b *builder) render(p *page) ([]byte, error) {
	var out bytes.Buffer
	err := layout.Execute(&out, view{page: p, Menu: b.menu, Root: Root})
	return out.Bytes(), err
}

var href = regexp.MustCompile(`href="([^"]*)"`)

// checkLinks fails on a link that leads to no page, or to no place on it.
func (b *builder) checkLinks() error {
	at := map[string]*page{}
	for _, p := range b.pages {
		at[p.Path] = p
	}
	var dead []string
	for _, p := range b.pages {
		for _, m := range href.FindAllStringSubmatch(p.body, -1) {
			link := m[1]
			file, anchor, _ := strings.Cut(link, "#")
			if strings.Contains(link, "://") || strings.HasPrefix(link, "mailto:") {
				continue
			}
			target := at[file]
			if file == "" {
				target = p
			}
			if target == nil {
				if _, beside := b.Beside[file]; !beside {
					dead = append(dead, p.Path+" → "+link)
				}
			} else if anchor != "" && !target.anchors[anchor] {
				dead = append(dead, p.Path+" → "+link)
			}
		}
	}
	if len(dead) > 0 {
		slices.Sort(dead)
		return fmt.Errorf("docsite: %d links lead nowhere:\n  %s", len(dead), strings.Join(slices.Compact(dead), "\n  "))
	}
	return nil
}

// entry is what the search in the browser knows of a part of a page.
type entry struct {
	At    string `json:"a"` // address
	Page  string `json:"p"`
	Title string `json:"t,omitempty"` // of the part; absent for the page itself
	Words string `json:"w,omitempty"` // each once, lower case
}

// index gives what the search reads, as JSON.
func (b *builder) index() ([]byte, error) {
	var out []entry
	for _, p := range b.pages {
		for i := range p.parts {
			part := &p.parts[i]
			e := entry{At: p.Path, Page: p.Title, Words: distinct(part.words.String())}
			if part.anchor != "" {
				e.At, e.Title = p.Path+"#"+part.anchor, part.title
			}
			out = append(out, e)
		}
	}
	return json.Marshal(out)
}

// distinct gives the words of a text that somebody may search for, each once.
func distinct(text string) string {
	seen := map[string]bool{}
	for _, w := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != '-' }) {
		if w = strings.Trim(w, "-_"); len(w) > 2 {
			seen[w] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(seen)), " ")
}
