// Package webform is what the pages share on which people fill in forms: their
// frame with its headers, hidden fields that only this server can have written,
// addresses to go back to, and a count of wrong guesses.
package webform

import (
	"bytes"
	_ "embed"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"strings"

	"github.com/paraph/paraph/internal/brand"
	"github.com/paraph/paraph/internal/fault"
)

//go:embed frame.html
var frameHTML string

//go:embed frame.css
var frameCSS string

var frame = template.Must(template.New("frame").Parse(frameHTML))

// MarkPath is where the pages' icon is.
const MarkPath = "/oauth/mark.svg"

// Page is one page for people.
type Page struct {
	Kind  string // template of the room; "note" is there always
	Title string
	Data  any
	// Targets are where answering the page's form may lead beside this server, as
	// sources of a content security policy: browsers hold redirects to it too.
	Targets []string
	Script  bool // the page has the room's script
}

// Note is the data of a page that says how things stand.
type Note struct {
	Tone  string // good, warn, bad; "" for none
	Shape string
	Lines []string
}

// Pages writes the pages of one room.
type Pages struct {
	templates            *template.Template
	style, styleSource   string
	script, scriptSource string
}

// New makes Pages of a room's templates, one for each kind, its style and its
// script, "" for none.
func New(html, css, js string) *Pages {
	p := &Pages{templates: template.Must(template.New("").Parse(html))}
	p.style, p.styleSource = brand.Pack(brand.Paper + frameCSS + css)
	p.script, p.scriptSource = brand.Pack(js)
	return p
}

type framed struct {
	Page
	Name, Icon string
	Mark       template.HTML
	Style      template.CSS
	JS         template.JS
	Body       template.HTML
}

// Show writes a page. It may be shown in no frame, so that nobody is brought to
// press what they do not see (RFC 9700 section 4.16), and no address is told where
// its reader came from.
func (p *Pages) Show(w http.ResponseWriter, status int, page Page) error {
	f := framed{Page: page, Name: brand.Name, Icon: MarkPath, Mark: template.HTML(brand.Inline), Style: template.CSS(p.style)}
	scripts := ""
	if page.Script {
		f.JS, scripts = template.JS(p.script), "script-src "+p.scriptSource+"; "
	}
	var body, b bytes.Buffer
	if page.Kind != "note" {
		if err := p.templates.ExecuteTemplate(&body, page.Kind, page.Data); err != nil {
			return err
		}
		f.Body = template.HTML(body.String())
	}
	if err := frame.Execute(&b, f); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src "+p.styleSource+"; "+scripts+"img-src 'self'; form-action "+strings.Join(append([]string{"'self'"}, page.Targets...), " ")+
		"; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Robots-Tag", "noindex, nofollow")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // a reader who left needs no answer
	return nil
}

// Guarded makes the handler of a page. What another site has a browser post is
// refused; what goes wrong is a page too, worded by word, or by ErrorPage where
// word is nil.
func (p *Pages) Guarded(log *slog.Logger, word func(error) (int, Page), answer func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	guard := http.NewCrossOriginProtection()
	if word == nil {
		word = ErrorPage
	}
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Pragma", "no-cache")
		err := guard.Check(r)
		if err != nil {
			err = fault.New(fault.Forbidden, "other_site", "This form was sent from another site. Go back to where you came from, and begin anew.")
		} else {
			err = answer(w, r)
		}
		if err == nil {
			return
		}
		status, page := word(err)
		if status >= http.StatusInternalServerError {
			log.ErrorContext(r.Context(), "a page failed", "path", r.URL.Path, "error", err)
		}
		if err := p.Show(w, status, page); err != nil {
			log.ErrorContext(r.Context(), "a page could not be written", "error", err)
		}
	}
}

// ErrorPage words an error for a person.
func ErrorPage(err error) (int, Page) {
	n := Note{Tone: "bad", Shape: "!"}
	var f *fault.Fault
	switch {
	case errors.As(err, &f) && f.Kind == fault.Unavailable:
		n.Lines = []string{"A part that is needed is away. Reload this page in a moment."}
		return http.StatusServiceUnavailable, Page{Kind: "note", Title: "Not now", Data: n}
	case errors.As(err, &f) && f.Kind != fault.Internal:
		n.Tone, n.Lines = "warn", []string{f.Message}
		status := map[fault.Kind]int{fault.Forbidden: http.StatusForbidden, fault.NotFound: http.StatusNotFound, fault.Unauthorized: http.StatusUnauthorized, fault.Invalid: http.StatusBadRequest}[f.Kind]
		if status == 0 {
			status = http.StatusConflict
		}
		return status, Page{Kind: "note", Title: "This cannot go on", Data: n}
	}
	n.Lines = []string{"Something went wrong on our side. Reload this page, or begin anew where you came from."}
	return http.StatusInternalServerError, Page{Kind: "note", Title: "Something went wrong", Data: n}
}

// Icon writes the pages' icon.
func Icon(w http.ResponseWriter, _ *http.Request) {
	// An image of its own needs its own inline style and holds no secret.
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	w.Header().Set("Cache-Control", "public, max-age=86400")
	w.Header().Set("Content-Type", "image/svg+xml")
	_, _ = w.Write([]byte(brand.Icon)) // a reader who left needs no answer
}
