package docsite

import "strings"

// section is a part of the menu.
type section struct {
	Title string
	texts []string // files under docs, in the order of reading
	Pages []*page
}

// Parts of the menu that get more pages than they name.
const (
	sectionReference = "Reference"
	sectionOperator  = "Run it"
	sectionDecisions = "Decisions"
)

func menu() []*section {
	return []*section{
		{Title: "Begin", texts: []string{"guide/index.md", "guide/start.md", "guide/start-go.md", "guide/start-typescript.md", "guide/start-python.md", "guide/start-java.md", "guide/concepts.md"}},
		{Title: "How to", texts: []string{"guide/webhook.md", "guide/approvals.md", "guide/signing.md", "guide/verifying.md", "guide/batches.md", "guide/bulk.md", "guide/finding.md", "guide/moving.md", "guide/failing.md"}},
		{Title: "Move here", texts: []string{"guide/from-docusign.md", "guide/from-dropbox-sign.md", "guide/from-documenso.md"}},
		{Title: sectionReference, texts: []string{"api/versions.md", "contract-changes.md"}},
		{Title: sectionOperator, texts: []string{"operations.md", "security.md", "inventory.md", "glossary.md", "architecture.md", "dependencies.md"}},
		{Title: sectionDecisions},
	}
}

// page is a page before it is written.
type page struct {
	Path     string
	Title    string
	Short    string // in the menu; Title where it is ""
	text     string // file it is made of; "" where it is generated
	body     string // HTML
	Contents []heading
	parts    []part // for the search
	anchors  map[string]bool
	links    []string
	Console  bool // it has forms that try operations
	Unlisted bool // the menu leaves it to a page that lists it
}

// Name is the page's name in the menu.
func (p *page) Name() string {
	if p.Short != "" {
		return p.Short
	}
	return p.Title
}

// heading is one line of a page's own contents.
type heading struct{ Anchor, Title string }

// part is what the search finds: a page, or what stands below one of its headings.
type part struct {
	anchor, title string
	words         strings.Builder
}

func (p *page) begin(anchor, title string) {
	p.parts = append(p.parts, part{anchor: anchor, title: title})
	if anchor != "" {
		p.anchors[anchor] = true
	}
}

func (p *page) say(words ...string) {
	last := &p.parts[len(p.parts)-1].words
	for _, w := range words {
		last.WriteString(w)
		last.WriteByte(' ')
	}
}

func blank(path, title string) *page {
	p := &page{Path: path, Title: title, anchors: map[string]bool{"main": true, "contents": true}}
	p.begin("", title)
	return p
}
