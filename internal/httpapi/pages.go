package httpapi

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/service"
)

// DocumentPage is what is known of one page of a document.
type DocumentPage struct {
	Number     int     `json:"number" example:"1"`
	Width      float64 `json:"width" doc:"Points, as displayed."`
	Height     float64 `json:"height" doc:"Points, as displayed."`
	Turned     int     `json:"turned" doc:"Degrees clockwise that a reader would turn the page to read it."`
	Blank      bool    `json:"blank"`
	Source     string  `json:"source" enum:"text_layer,ocr,none" doc:"Where its text is from."`
	Engine     string  `json:"engine,omitempty" doc:"What read it, with model and settings."`
	Confidence float64 `json:"confidence" doc:"Mean confidence of its words, 0 to 100."`
	WordCount  int     `json:"word_count"`
	Words      []Word  `json:"words,omitempty" doc:"In reading order; only where one page is asked for."`
}

// Word is one word and where it stands on the page as displayed.
type Word struct {
	Text       string  `json:"text" example:"Total"`
	X          float64 `json:"x" doc:"Points from the left edge."`
	Y          float64 `json:"y" doc:"Points from the top edge."`
	Width      float64 `json:"width"`
	Height     float64 `json:"height"`
	Confidence float64 `json:"confidence" doc:"0 to 100."`
	Line       int     `json:"line" doc:"Words with the same number stand in one line."`
}

// Hit is one place where a search text stands.
type Hit struct {
	DocumentID string `json:"document_id"`
	Title      string `json:"title"`
	Page       int    `json:"page"`
	Words      []Word `json:"words" doc:"The words that hold the text, in reading order."`
}

func documentPageOf(p *document.Page) DocumentPage {
	return DocumentPage{
		Number: p.No, Width: p.Width, Height: p.Height, Turned: p.Turned, Blank: p.Blank, Source: p.Source,
		Engine: p.Engine, Confidence: p.Confidence, WordCount: p.Words,
	}
}

func wordsOf(words []document.Word) []Word {
	out := make([]Word, len(words))
	for i, w := range words {
		out[i] = Word(w)
	}
	return out
}

func (a *api) pages() {
	captured := []string{"not_found", "document_disposed", "document_processing", "document_quarantined", "document_failed"}
	handle(a, route{id: "listDocumentPages", method: http.MethodGet, path: "/v1/documents/{id}/pages", tag: "pages", does: access.ReadDocument,
		summary: "List the pages of the current version", about: "Sizes, how each was read and how sure the reader was; without words.", codes: captured}, a.listPages)
	handle(a, route{id: "getDocumentPage", method: http.MethodGet, path: "/v1/documents/{id}/pages/{number}", tag: "pages", does: access.ReadDocument,
		summary: "Get one page with its words and their boxes", about: "With format=text, its text alone, line by line.", codes: captured}, a.getPage)
	handle(a, route{id: "searchDocument", method: http.MethodGet, path: "/v1/documents/{id}/search", tag: "pages", does: access.ReadDocument, class: access.Searches,
		summary: "Find a text on a document's pages", about: "Each place with the words that hold the text, and their boxes.", codes: []string{"not_found", "empty_query"}}, a.searchDocument)
	handle(a, route{id: "searchDocuments", method: http.MethodGet, path: "/v1/search", tag: "pages", does: access.ReadDocument, class: access.Searches,
		summary: "Find a text on all pages you may see", about: "At most 50 pages are looked through in one answer.", codes: []string{"empty_query"}}, a.searchAll)
}

func (a *api) listPages(ctx context.Context, in *DocumentPath) (*struct{ Body Items[DocumentPage] }, error) {
	rows, err := a.Service.Pages(ctx, actorOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return itemsOf(rows, documentPageOf), nil
}

type getPageInput struct {
	DocumentPath
	Number int    `path:"number" minimum:"1" example:"1"`
	Format string `query:"format" enum:"json,text" default:"json"`
}

func (a *api) getPage(ctx context.Context, in *getPageInput) (*huma.StreamResponse, error) {
	page, words, err := a.Service.PageWords(ctx, actorOf(ctx), in.ID, in.Number)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		_, w := humago.Unwrap(hctx)
		if in.Format == "text" {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			writeBody(w, []byte(plainText(words)))
			return
		}
		view := documentPageOf(&page)
		view.Words = wordsOf(words)
		writeJSON(w, http.StatusOK, view)
	}}, nil
}

// plainText joins the words of a page, a line for each line of the page.
func plainText(words []document.Word) string {
	var b strings.Builder
	for i, w := range words {
		switch {
		case i == 0:
		case w.Line != words[i-1].Line:
			b.WriteByte('\n')
		default:
			b.WriteByte(' ')
		}
		b.WriteString(w.Text)
	}
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	return b.String()
}

// Query is the text to search for.
type Query struct {
	Text string `query:"q" required:"true" minLength:"1" maxLength:"200" example:"Total" doc:"Any part of the text; case does not matter, a line break counts as a space."`
}

type searchDocumentInput struct {
	DocumentPath
	Query
}

type searchOutput struct {
	Body Items[Hit]
}

func (a *api) searchDocument(ctx context.Context, in *searchDocumentInput) (*searchOutput, error) {
	return a.search(ctx, in.ID, in.Text)
}

func (a *api) searchAll(ctx context.Context, in *Query) (*searchOutput, error) {
	return a.search(ctx, "", in.Text)
}

func (a *api) search(ctx context.Context, docID, text string) (*searchOutput, error) {
	hits, err := a.Service.Search(ctx, actorOf(ctx), docID, text, 0)
	if err != nil {
		return nil, err
	}
	out := &searchOutput{Body: Items[Hit]{Items: []Hit{}}}
	for i := range hits {
		out.Body.Items = append(out.Body.Items, hitOf(&hits[i]))
	}
	return out, nil
}

func hitOf(h *service.Hit) Hit {
	return Hit{DocumentID: h.Document.ID, Title: h.Document.Title, Page: h.Page.No, Words: wordsOf(h.Words)}
}
