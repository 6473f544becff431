package httpapi

import (
	"embed"
	"encoding/json"
	"html/template"
	"net/http"
	"slices"

	"github.com/paraph/paraph/internal/fault"
)

//go:embed docs/*
var docsFiles embed.FS

var docsPages = template.Must(template.ParseFS(docsFiles, "docs/*.html"))

// docsPolicy lets the pages load their own script, style and description, and
// nothing from anywhere else.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// mountDocs adds the contract for people and for programs.
func (a *api) mountDocs() {
	spec, err := json.Marshal(a.huma.OpenAPI())
	if err != nil {
		panic("httpapi: the contract cannot be written: " + err.Error()) // a mistake in the code that every test meets
	}
	yaml, err := a.huma.OpenAPI().YAML()
	if err != nil {
		panic("httpapi: the contract cannot be written: " + err.Error())
	}
	open := a.open()
	open.HandleFunc("GET /openapi.json", a.public(described("application/openapi+json", spec)))
	open.HandleFunc("GET /openapi.yaml", a.public(described("application/openapi+yaml", yaml)))
	open.HandleFunc("GET /docs", a.public(docsPage("index.html", nil)))
	open.HandleFunc("GET /docs/errors", a.public(docsPage("errors.html", errorRows())))
	open.HandleFunc("GET "+deprecationsPage, a.public(docsPage("deprecations.html", a.deprecations)))
	for name, media := range map[string]string{"viewer.js": "text/javascript; charset=utf-8", "viewer.css": "text/css; charset=utf-8"} {
		body, err := docsFiles.ReadFile("docs/" + name)
		if err != nil {
			panic("httpapi: " + err.Error())
		}
		open.HandleFunc("GET /docs/"+name, a.public(described(media, body)))
	}
}

func described(media string, body []byte) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, _ *http.Request) error { return constant(w, media, body) }
}

func docsPage(name string, data any) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", docsPolicy)
		w.Header().Set("Referrer-Policy", "no-referrer")
		return docsPages.ExecuteTemplate(w, name, data)
	}
}

// errorRow is one line of the page of codes.
type errorRow struct {
	Code, Title, Retry string
	Status             int
}

func errorRows() []errorRow {
	var out []errorRow
	for code, info := range catalogue {
		out = append(out, errorRow{Code: code, Title: info.title, Status: info.status(), Retry: retryAdvice(info)})
	}
	slices.SortFunc(out, func(a, b errorRow) int {
		if a.Status != b.Status {
			return a.Status - b.Status
		}
		if a.Code < b.Code {
			return -1
		}
		return 1
	})
	return out
}

func retryAdvice(c codeInfo) string {
	if c.http != 0 {
		return "Change the request."
	}
	switch c.kind {
	case fault.TooMany, fault.Unavailable:
		return "Send it again after Retry-After, with the same Idempotency-Key."
	case fault.Internal:
		return "Send it again with the same Idempotency-Key; if it stays, name the request id."
	case fault.Unauthorized:
		return "Get a new access token, or check the client's credentials."
	case fault.Forbidden:
		return "Use a client that has the right; the detail names it."
	case fault.NotFound, fault.Gone:
		return "Check the id and what the client may see."
	case fault.Conflict:
		return "Look at how things stand; the detail says what can be done."
	default:
		return "Change the request; the detail and the errors say what."
	}
}
