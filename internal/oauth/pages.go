package oauth

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

//go:embed pages.html
var pagesHTML string

//go:embed pages.css
var pagesCSS string

var (
	style, styleSource = brand.Pack(brand.Paper + pagesCSS)
	pages              = template.Must(template.New("page").Parse(pagesHTML))
)

// page is one page for people. Only that of set-up has a script.
type page struct {
	Kind  string // template: "login", "consent", "device", "setup", "credential", "note"
	Title string
	Data  any
	// Targets are where answering the page's form may lead beside this server, as
	// sources of a content security policy: browsers hold redirects to it too.
	Targets []string
	// Script is the page's own, with its source for the policy; "" for none.
	Script       template.JS
	ScriptSource string
}

// Style, Mark, Name and Icon are what the templates share.
func (page) Style() template.CSS { return template.CSS(style) }
func (page) Mark() template.HTML { return template.HTML(brand.Inline) }
func (page) Name() string        { return brand.Name }
func (page) Icon() string        { return markPath }

// note is a page that says how things stand.
type note struct {
	Tone  string // good, warn, bad; "" for none
	Shape string
	Lines []string
}

// show writes a page. It may be shown in no frame, so that nobody is brought to
// press what they do not see (RFC 9700 section 4.16), and no address is told where
// its reader came from.
func show(w http.ResponseWriter, status int, p page) error {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, "page", p); err != nil {
		return err
	}
	h := w.Header()
	script := ""
	if p.Script != "" {
		script = "; script-src " + p.ScriptSource
	}
	h.Set("Content-Security-Policy", "default-src 'none'"+script+"; style-src "+styleSource+"; img-src 'self'; form-action "+strings.Join(append([]string{"'self'"}, p.Targets...), " ")+
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

func (s *Server) show(w http.ResponseWriter, _ *http.Request, status int, p page) error {
	return show(w, status, p)
}

// page makes the handler of a page for people. What another site has a browser
// post is refused; what goes wrong is a page too.
func (s *Server) page(answer func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return guarded(s.guard, s.Log, answer)
}

func guarded(guard *http.CrossOriginProtection, log *slog.Logger, answer func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		noStore(w)
		err := guard.Check(r)
		if err != nil {
			err = fault.New(fault.Forbidden, "other_site", "This form was sent from another site. Go back to where you came from, and begin anew.")
		} else {
			err = answer(w, r)
		}
		if err == nil {
			return
		}
		status, p := errorPage(err)
		if status >= http.StatusInternalServerError {
			log.ErrorContext(r.Context(), "a page of the authorization server failed", "path", r.URL.Path, "error", err)
		}
		if err := show(w, status, p); err != nil {
			log.ErrorContext(r.Context(), "a page could not be written", "error", err)
		}
	}
}

// errorPage words an error for a person.
func errorPage(err error) (int, page) {
	n := note{Tone: "bad", Shape: "!"}
	var refusal *oauthError
	var f *fault.Fault
	switch {
	case errors.As(err, &refusal):
		n.Lines = []string{refusal.Description, "The program that sent you here has to be mended; tell those who run it. Nothing was allowed."}
		return refusal.status, page{Kind: "note", Title: "This request cannot be answered", Data: n}
	case errors.As(err, &f) && f.Kind == fault.Unavailable:
		n.Lines = []string{"A part that is needed is away. Reload this page in a moment."}
		return http.StatusServiceUnavailable, page{Kind: "note", Title: "Not now", Data: n}
	case errors.As(err, &f) && f.Kind != fault.Internal:
		n.Tone, n.Lines = "warn", []string{f.Message}
		status := map[fault.Kind]int{fault.Forbidden: http.StatusForbidden, fault.NotFound: http.StatusNotFound, fault.Unauthorized: http.StatusUnauthorized}[f.Kind]
		if status == 0 {
			status = http.StatusConflict
		}
		return status, page{Kind: "note", Title: "This cannot go on", Data: n}
	}
	n.Lines = []string{"Something went wrong on our side. Reload this page, or begin anew where you came from."}
	return http.StatusInternalServerError, page{Kind: "note", Title: "Something went wrong", Data: n}
}

func icon(w http.ResponseWriter, _ *http.Request) {
	// An image of its own needs its own inline style and holds no secret.
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	w.Header().Set("Cache-Control", "public, max-age=86400")
	w.Header().Set("Content-Type", "image/svg+xml")
	_, _ = w.Write([]byte(brand.Icon)) // a reader who left needs no answer
}
