package docsite

import (
	"fmt"
	"slices"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/text"
)

// What becomes of a code block. A test runs every page: internal/e2e/guide.
const (
	Run     = ""        // a shell's: it is run, with those before it on the page
	Output  = "output"  // what the block before it prints; … stands for anything
	Given   = "given"   // a shell's: sets what the reader has, and the test has too
	Outline = "outline" // a form, or a machine that a test has none of: nothing is run
)

// Block is a code block of a text: ```LANGUAGE [MARK] [file=NAME] [schema=NAME].
type Block struct {
	Language string
	Mark     string
	File     string // the reader saves it under this name
	Schema   string // of the contract, that the JSON in it keeps to
	Code     string
	Line     int // of its first line of code, from 1
}

// Blocks lists the code blocks of a text. It refuses an unknown mark.
func Blocks(source []byte) (out []Block, err error) {
	root := goldmark.New().Parser().Parse(text.NewReader(source))
	err = ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.FencedCodeBlock:
			b, err := blockOf(n, source)
			if err != nil {
				return ast.WalkStop, err
			}
			out = append(out, b)
		case *ast.CodeBlock:
			return ast.WalkStop, fmt.Errorf("a code block is indented, not fenced: %.40q", n.Lines().Value(source))
		}
		return ast.WalkContinue, nil
	})
	return out, err
}

func blockOf(n *ast.FencedCodeBlock, source []byte) (b Block, err error) {
	b.Code = string(n.Lines().Value(source))
	if n.Lines().Len() > 0 {
		b.Line = strings.Count(string(source[:n.Lines().At(0).Start]), "\n") + 1
	}
	if n.Info == nil {
		return b, fmt.Errorf("line %d: a code block does not say what it is", b.Line)
	}
	words := strings.Fields(string(n.Info.Segment.Value(source)))
	b.Language = words[0]
	for _, w := range words[1:] {
		name, value, _ := strings.Cut(w, "=")
		switch {
		case name == "file" && value != "":
			b.File = value
		case name == "schema" && value != "":
			b.Schema = value
		case slices.Contains([]string{Output, Given, Outline}, w) && b.Mark == "":
			b.Mark = w
		default:
			return b, fmt.Errorf("line %d: a code block is marked %q, which means nothing", b.Line, w)
		}
	}
	return b, nil
}

// caption says to a reader what a block is.
func (b *Block) caption() string {
	switch {
	case b.File != "":
		return b.File
	case b.Mark == Output:
		return "It prints"
	case b.Mark == Given:
		return "With your own values"
	case b.Mark == Outline && b.Language == "sh":
		return "In a terminal, with your own values"
	}
	return map[string]string{"sh": "In a terminal", "json": "JSON", "go": "Go", "ts": "TypeScript", "js": "JavaScript", "python": "Python", "java": "Java", "yaml": "YAML", "xml": "XML"}[b.Language]
}
