package docsite

import (
	"bytes"
	"fmt"
	"html"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	east "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// repository is where the source lies that a text may link to.
const repository = "https://github.com/paraph/paraph/blob/main/"

// builder makes the pages one after another.
type builder struct {
	Source
	site  *Site
	menu  []*section
	pages []*page
}

// read makes pages of the texts.
func (b *builder) read() error {
	b.menu = menu()
	names, err := fs.Glob(b.Texts, "decisions/*.md")
	if err != nil {
		return err
	}
	decisions := b.section(sectionDecisions)
	decisions.texts = names
	list := blank(Root+"/decisions", "Decisions")
	decisions.Pages = append(decisions.Pages, list)
	b.pages = append(b.pages, list)
	if err := b.placeRest(); err != nil {
		return err
	}
	for _, s := range b.menu {
		for _, name := range s.texts {
			p, err := b.readText(name)
			if err != nil {
				return fmt.Errorf("docs/%s: %w", name, err)
			}
			p.Unlisted = s == decisions
			s.Pages = append(s.Pages, p)
			b.pages = append(b.pages, p)
		}
	}
	b.listDecisions(list, decisions.Pages[1:])
	return nil
}

// placeRest puts the texts that no part of the menu names behind the operator's.
func (b *builder) placeRest() error {
	rest := b.section(sectionOperator)
	return fs.WalkDir(b.Texts, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(name, ".md") && !slices.ContainsFunc(b.menu, func(s *section) bool { return slices.Contains(s.texts, name) }) {
			rest.texts = append(rest.texts, name)
		}
		return err
	})
}

func (b *builder) section(title string) *section {
	return b.menu[slices.IndexFunc(b.menu, func(s *section) bool { return s.Title == title })]
}

func (b *builder) listDecisions(list *page, decisions []*page) {
	var out strings.Builder
	out.WriteString("<p>Why Paraph is so and not otherwise. Each is short, and is changed by a later one only.</p>\n<ul>\n")
	for _, d := range decisions {
		fmt.Fprintf(&out, "<li><a href=\"%s\">%s</a></li>\n", d.Path, html.EscapeString(d.Title))
	}
	out.WriteString("</ul>\n")
	list.body = out.String()
}

func (b *builder) readText(name string) (*page, error) {
	source, err := fs.ReadFile(b.Texts, name)
	if err != nil {
		return nil, err
	}
	if _, err := Blocks(source); err != nil {
		return nil, err
	}
	p := blank(addressOf(name), "")
	p.parts, p.text = nil, name
	md := goldmark.New(goldmark.WithExtensions(extension.Table), goldmark.WithParserOptions(parser.WithAutoHeadingID()),
		goldmark.WithRendererOptions(renderer.WithNodeRenderers(util.Prioritized(figures{}, 100))))
	root := md.Parser().Parse(text.NewReader(source))
	if first, ok := root.FirstChild().(*ast.Heading); !ok || first.Level != 1 {
		return nil, fmt.Errorf("it does not begin with its title")
	} else {
		p.Title = plain(first, source)
		p.begin("", p.Title)
		if short, _, found := strings.Cut(p.Title, ": "); found && strings.HasPrefix(name, "guide/") {
			p.Short = short
		}
		root.RemoveChild(root, first)
	}
	if err := ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) { return p.look(n, entering, source) }); err != nil {
		return nil, err
	}
	var body bytes.Buffer
	if err := md.Renderer().Render(&body, source, root); err != nil {
		return nil, err
	}
	p.body = body.String()
	return p, nil
}

// look takes up what the page says, and leads its links to other pages.
func (p *page) look(n ast.Node, entering bool, source []byte) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkContinue, nil
	}
	switch n := n.(type) {
	case *ast.Heading:
		id, _ := n.AttributeString("id")
		raw, _ := id.([]byte)
		title := plain(n, source)
		if n.Level == 1 {
			return ast.WalkStop, fmt.Errorf("it has a second title: %s", title)
		}
		if n.Level == 2 {
			p.Contents = append(p.Contents, heading{string(raw), title})
		}
		p.begin(string(raw), title)
	case *ast.Link:
		n.Destination = []byte(leadTo(p.text, string(n.Destination)))
		p.links = append(p.links, string(n.Destination))
	case *ast.Text:
		p.say(string(n.Segment.Value(source)))
	case *ast.HTMLBlock, *ast.RawHTML:
		return ast.WalkStop, fmt.Errorf("it holds HTML: %s", plain(n, source))
	case *ast.FencedCodeBlock:
		p.say(string(n.Lines().Value(source)))
	}
	return ast.WalkContinue, nil
}

// leadTo turns a link between files into one between pages; to files that are no
// pages it leads into the repository.
func leadTo(from, link string) string {
	if strings.Contains(link, "://") || strings.HasPrefix(link, "mailto:") || strings.HasPrefix(link, "/") || strings.HasPrefix(link, "#") {
		return link
	}
	file, anchor, _ := strings.Cut(link, "#")
	if anchor != "" {
		anchor = "#" + anchor
	}
	file = path.Join(path.Dir("docs/"+from), file)
	if inside, ok := strings.CutPrefix(file, "docs/"); ok && strings.HasSuffix(file, ".md") {
		return addressOf(inside) + anchor
	}
	if file == "docs/decisions" {
		return Root + "/decisions"
	}
	return repository + file + anchor
}

// plain gives the words of a node.
func plain(n ast.Node, source []byte) string {
	var b strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) { // the function never fails
		if t, ok := n.(*ast.Text); ok && entering {
			b.Write(t.Segment.Value(source))
			if t.SoftLineBreak() {
				b.WriteByte(' ')
			}
		}
		return ast.WalkContinue, nil
	})
	return b.String()
}

// figures renders what goldmark would render with less around it: code with its
// caption, headings that can be linked to, tables that scroll by themselves.
type figures struct{}

// RegisterFuncs implements renderer.NodeRenderer.
func (figures) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
	r.Register(ast.KindFencedCodeBlock, writeCode)
	r.Register(ast.KindHeading, writeHeading)
	r.Register(east.KindTable, writeTable)
}

func writeCode(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkContinue, nil
	}
	b, err := blockOf(n.(*ast.FencedCodeBlock), source)
	if err != nil {
		return ast.WalkStop, err
	}
	_, err = w.WriteString(codeFigure(b.caption(), b.Mark == Output, b.Code))
	return ast.WalkSkipChildren, err
}

// codeFigure shows code. What is an output is not there to be copied.
func codeFigure(caption string, output bool, code string) string {
	class := "code"
	if output {
		class = "code out"
	}
	label := caption
	if label == "" {
		label = "Code"
	}
	out := `<figure class="` + class + `">`
	if caption != "" {
		out += "<figcaption>" + html.EscapeString(caption) + "</figcaption>"
	}
	return out + `<pre tabindex="0" role="group" aria-label="` + html.EscapeString(label) + `"><code>` + html.EscapeString(code) + "</code></pre></figure>\n"
}

func writeHeading(w util.BufWriter, source []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	n := node.(*ast.Heading)
	id, _ := n.AttributeString("id")
	raw, _ := id.([]byte)
	if entering {
		fmt.Fprintf(w, `<h%d id="%s">`, n.Level, html.EscapeString(string(raw)))
	} else {
		fmt.Fprintf(w, ` <a class="here" href="#%s" aria-label="Link to %s">#</a></h%d>`+"\n", html.EscapeString(string(raw)), html.EscapeString(plain(n, source)), n.Level)
	}
	return ast.WalkContinue, nil
}

func writeTable(w util.BufWriter, _ []byte, _ ast.Node, entering bool) (ast.WalkStatus, error) {
	_, err := w.WriteString(map[bool]string{true: tableBegin, false: tableEnd}[entering])
	return ast.WalkContinue, err
}

const (
	tableBegin = `<div class="scroll" tabindex="0" role="group" aria-label="Table"><table>` + "\n"
	tableEnd   = "</table></div>\n"
)
