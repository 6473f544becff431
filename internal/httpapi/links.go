package httpapi

import (
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// made says what is made at a path that is not the list of it.
var made = map[string]string{"/v1/drafts": "/v1/documents"}

// describeLinks leads from the answer that made a thing to the operations that take its id.
func describeLinks(o *huma.OpenAPI) {
	for path, item := range o.Paths {
		if item.Post == nil {
			continue
		}
		list, other := made[path]
		if !other {
			list = path
		}
		if strings.Contains(list, "{") || o.Paths[list+"/{id}"] == nil {
			continue
		}
		for _, status := range []string{"201", "202"} {
			r := item.Post.Responses[status]
			if r == nil || r.Content["application/json"] == nil {
				continue
			}
			if at := idWithin(o, r.Content["application/json"].Schema, path); at != "" {
				r.Links = linksTo(o, list+"/{id}", "$response.body#"+at)
			}
		}
	}
	o.Paths["/v1/approvals"].Post.Responses["201"].Links["decideTask"] = link("decideTask", "The first task's decision.", "$response.body#/tasks/0/id")
	for _, status := range []string{"201", "202"} {
		o.Paths["/v1/documents"].Post.Responses[status].Links["getOperation"] = link("getOperation", "The operation that reads the file.", "$response.body#/operation/id")
	}
}

func link(operation, about, id string) *huma.Link {
	return &huma.Link{OperationID: operation, Description: about, Parameters: map[string]any{"id": id}}
}

// linksTo gives links to the operations on a thing, and to those on what belongs to it.
func linksTo(o *huma.OpenAPI, thing, id string) map[string]*huma.Link {
	out := map[string]*huma.Link{}
	for path, item := range o.Paths {
		if below := strings.TrimPrefix(path, thing); below == path && path != thing || strings.Contains(below, "{") {
			continue
		}
		for _, op := range operationsOf(item) {
			if op.Method == http.MethodDelete && path != thing {
				continue
			}
			out[op.OperationID] = link(op.OperationID, op.Summary+".", id)
		}
	}
	return out
}

// idWithin gives where an answer holds the id of what was made at the path: its own, or
// that of the member that is called like the path. "" where it holds none.
func idWithin(o *huma.OpenAPI, s *huma.Schema, path string) string {
	s = resolved(o, s)
	if s.Properties["id"] != nil {
		return "/id"
	}
	for name, p := range s.Properties {
		if strings.Contains(path, name+"s") && resolved(o, p).Properties["id"] != nil {
			return "/" + name + "/id"
		}
	}
	return ""
}

func resolved(o *huma.OpenAPI, s *huma.Schema) *huma.Schema {
	for s.Ref != "" {
		s = o.Components.Schemas.SchemaFromRef(s.Ref)
	}
	return s
}
