package oauth

import (
	_ "embed"
	"errors"
	"net/http"

	"github.com/paraph/paraph/internal/webform"
)

//go:embed pages.html
var pagesHTML string

//go:embed pages.css
var pagesCSS string

// pages are those of the server and of set-up, which alone has the script.
var pages = webform.New(pagesHTML, pagesCSS, setupScript)

// page makes the handler of a page for people.
func (s *Server) page(answer func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return pages.Guarded(s.Log, errorPage, answer)
}

// errorPage words an error for a person.
func errorPage(err error) (int, webform.Page) {
	var refusal *oauthError
	if !errors.As(err, &refusal) {
		return webform.ErrorPage(err)
	}
	return refusal.status, webform.Page{Kind: "note", Title: "This request cannot be answered", Data: webform.Note{Tone: "bad", Shape: "!",
		Lines: []string{refusal.Description, "The program that sent you here has to be mended; tell those who run it. Nothing was allowed."}}}
}
