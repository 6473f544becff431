package httpapi

import (
	"encoding/json"
	"net/http"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"github.com/paraph/paraph/docs"
	"github.com/paraph/paraph/internal/docsite"
	"github.com/paraph/paraph/internal/event"
)

// contracts are the contract for programs in its forms, and that for events.
type contracts struct {
	api          *huma.OpenAPI
	json, yaml   []byte
	events       *eventContract
	asyncYAML    []byte
	schemas      []publishedSchema
	deprecations []deprecation
}

// newContracts fails only on a mistake in the code that every test meets.
func newContracts(a *api) (c *contracts, err error) {
	o := a.huma.OpenAPI()
	c = &contracts{api: o, deprecations: a.deprecations}
	if c.json, err = json.Marshal(o); err == nil {
		c.yaml, err = o.YAML()
	}
	if err == nil {
		c.events, err = newEventContract()
	}
	if err != nil {
		return nil, err
	}
	if c.schemas, err = publishedSchemas(c.events); err == nil {
		c.asyncYAML, err = c.events.yaml()
	}
	return c, err
}

// Docs makes the documentation without a running server.
func Docs() (*docsite.Site, error) {
	c, err := newContracts(build(Config{}))
	if err != nil {
		return nil, err
	}
	return c.site()
}

// site makes the documentation.
func (c *contracts) site() (*docsite.Site, error) {
	src := docsite.Source{Texts: docs.Files, Contract: c.api, Beside: map[string][]byte{
		"/openapi.json": c.json, "/openapi.yaml": c.yaml, "/asyncapi.json": c.events.async, "/asyncapi.yaml": c.asyncYAML,
	}}
	for _, s := range c.schemas {
		src.Beside[s.ID] = s.text
	}
	for code, info := range catalogue {
		src.Faults = append(src.Faults, docsite.Fault{Code: code, Title: info.title, Status: info.status(), Advice: adviceOn(code, info)})
	}
	for _, f := range c.events.forms {
		src.Beside[event.SchemaPath+string(f.Kind)+".json"] = f.Schema
		src.Events = append(src.Events, docsite.Event{Kind: string(f.Kind), About: f.About, Members: f.Members, Sample: string(f.Sample)})
	}
	for _, d := range c.deprecations {
		src.Deprecations = append(src.Deprecations, docsite.Deprecation{Anchor: d.Anchor(), What: d.What, Since: d.Since, Sunset: d.Sunset, Instead: d.Instead})
	}
	return docsite.Build(src)
}

// mountDocs adds the contract and the documentation, for people and for programs.
func (a *api) mountDocs() {
	c, err := newContracts(a)
	if err != nil {
		panic("httpapi: the contract cannot be written: " + err.Error())
	}
	open := a.open()
	for path, f := range map[string]struct {
		media string
		body  []byte
	}{
		"/openapi.json":  {"application/openapi+json", c.json},
		"/openapi.yaml":  {"application/openapi+yaml", c.yaml},
		"/asyncapi.yaml": {"application/vnd.aai.asyncapi+yaml", c.asyncYAML},
		"/asyncapi.json": {"application/vnd.aai.asyncapi+json", c.events.async},
	} {
		open.HandleFunc("GET "+path, a.public(described(f.media, f.body)))
	}
	a.mountSchemas(c.schemas)
	site := sync.OnceValues(c.site) // made when somebody first reads it: a start has other things to do
	pages := a.public(func(w http.ResponseWriter, r *http.Request) error {
		s, err := site()
		if err == nil {
			s.ServeHTTP(w, r)
		}
		return err
	})
	open.HandleFunc("GET "+docsite.Root, pages)
	open.HandleFunc("GET "+docsite.Root+"/{page...}", pages)
}

func described(media string, body []byte) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, _ *http.Request) error { return constant(w, media, body) }
}
