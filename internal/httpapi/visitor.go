package httpapi

import (
	"net/http"
	"regexp"
	"strings"

	"github.com/paraph/paraph/internal/docsite"
	"github.com/paraph/paraph/internal/webform"
)

// visitorHTML is what a browser shows where the API wants a token: people come here
// by the links in mails.
const visitorHTML = `{{define "visitor"}}<main>
<section class="card">
<p>It answers whoever shows an access token, and your browser shows none.</p>
{{if .Command}}<p>{{.Does}} in a terminal, as the person that your mail was sent to:</p>
<pre tabindex="0"><code>paraph login --url {{.URL}} --client-id ID
{{.Command}}
</code></pre>
<p>Your administrator knows the ID, and whether you can do it elsewhere: in the program, say, from which the document came.</p>
{{else}}<p>Ask whoever sent you here where you can see it.</p>{{end}}
</section>
<p class="links end"><a href="{{.Docs}}">How programs use it</a></p>
</main>{{end}}`

var visitorPages = webform.New(visitorHTML, "pre{white-space:pre-wrap;overflow-wrap:anywhere}", "")

// visitorWay is what a visitor can do about the thing at an address.
type visitorWay struct {
	URL, Docs     string
	Does, Command string
}

// visited tells whether a person's browser has followed a link to here.
func visited(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && r.Header.Get("Authorization") == "" && strings.HasPrefix(r.Header.Get("Accept"), "text/html")
}

// welcome answers a visitor to the API: what the address is, and how to get on.
func (a *api) welcome(w http.ResponseWriter, r *http.Request, err error) {
	p := problemFor(r.Context(), err)
	p.headers(w.Header().Set, w.Header().Add)
	way := wayAt(r.URL.Path)
	way.URL, way.Docs = a.PublicURL, docsite.Root
	page := webform.Page{Kind: "visitor", Title: "This address is for programs", Data: way}
	if err := visitorPages.Show(w, p.Status, page); err != nil {
		a.Log.ErrorContext(r.Context(), "a page could not be written", "error", err)
	}
}

// visitorPaths are the addresses that stand in mails.
var visitorPaths = regexp.MustCompile(`^/v1/(tasks|documents)/((?:task|doc)_[0-9a-z]{1,40})(/content)?$`)

func wayAt(path string) visitorWay {
	m := visitorPaths.FindStringSubmatch(path)
	switch {
	case m == nil:
		return visitorWay{}
	case m[1] == "tasks":
		return visitorWay{Does: "Decide", Command: "paraph approve " + m[2] + "   # or: paraph reject " + m[2]}
	case m[3] != "":
		return visitorWay{Does: "Fetch the document", Command: "paraph doc download " + m[2]}
	}
	return visitorWay{Does: "See the document", Command: "paraph doc show " + m[2]}
}
