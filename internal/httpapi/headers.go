package httpapi

import (
	"github.com/danielgtaylor/huma/v2"
)

// commonHeaders are those that answers of all operations can have, by name.
var commonHeaders = map[string]*huma.Param{
	"X-Request-Id":     {Required: true, Description: "Names the request when asking for help: the caller's own id where it is harmless, else one of ours.", Schema: &huma.Schema{Type: huma.TypeString}},
	"Cache-Control":    {Required: true, Description: "private, no-cache: whoever asked may keep the answer and has to ask whether it still holds (If-None-Match). no-store: it is not to be kept.", Schema: &huma.Schema{Type: huma.TypeString}},
	"RateLimit":        {Description: "Requests that are left, by limit (draft-ietf-httpapi-ratelimit-headers); absent where nothing is limited.", Schema: &huma.Schema{Type: huma.TypeString}, Example: `"writes";r=19;t=1`},
	"RateLimit-Policy": {Description: "The limits that the request counts in; absent where nothing is limited.", Schema: &huma.Schema{Type: huma.TypeString}, Example: `"writes";q=20;w=1`},
	"Retry-After":      {Description: "Seconds after which to try again.", Schema: &huma.Schema{Type: huma.TypeInteger}, Example: 1},
	"WWW-Authenticate": {Description: "How to authenticate (RFC 9110 section 11.6.1), once for each scheme.", Schema: &huma.Schema{Type: huma.TypeString}, Example: `Bearer error="invalid_token"`},
}

// describeHeaders declares in which answers they are.
func describeHeaders(o *huma.OpenAPI) {
	o.Components.Headers = commonHeaders
	for path, item := range o.Paths {
		for _, op := range append(operationsOf(item), item.Head) {
			if op == nil {
				continue
			}
			for status, r := range op.Responses {
				for _, name := range headersOf(status, path) {
					if r.Headers == nil {
						r.Headers = map[string]*huma.Param{}
					}
					r.Headers[name] = &huma.Param{Ref: "#/components/headers/" + name}
				}
			}
		}
	}
}

// headersOf names the common headers of an answer. Who sends a webhook is told nothing
// of caches.
func headersOf(status, path string) []string {
	switch {
	case status == "401":
		return []string{"WWW-Authenticate"}
	case status == "429", status == "503":
		return []string{"Retry-After"}
	case status[0] == '2' && path == hookPath:
		return []string{"X-Request-Id"}
	case status[0] == '2':
		return []string{"X-Request-Id", "Cache-Control", "RateLimit", "RateLimit-Policy"}
	}
	return nil
}
