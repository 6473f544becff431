package docsite

import (
	"fmt"
	"html"
	"maps"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// signIn is the part of a page of the reference where a reader says who asks. The
// script shows it: without one nothing can be tried.
const signIn = `<details class="try" id="signin" hidden><summary>Say who you are, to try operations here</summary>
<form><p>The secret goes to this server only, for a token. The token is kept until this tab is closed; the secret is not.</p>
<div class="fields"><div><label for="client-id">Client id</label><input id="client-id" name="id" autocomplete="username" spellcheck="false"></div>
<div><label for="client-secret">Client secret</label><input id="client-secret" name="secret" type="password" autocomplete="off"></div></div>
<p><button>Get a token</button></p>
<label for="token">Or an access token you have</label><input id="token" name="token" autocomplete="off" spellcheck="false">
<p role="status" class="small"></p></form></details>
`

// set by the script itself: of these a form asks nothing.
var unasked = []string{"Idempotency-Key", "If-None-Match", "Accept"}

// try writes the form that sends an operation. It works by the page's script, which shows it.
func (b *builder) try(out *strings.Builder, o *operation) {
	id := "try-" + o.OperationID
	fmt.Fprintf(out, `<details class="try" hidden><summary>Try it<span class="sr">: %s</span></summary><form data-method="%s" data-path="%s"`, html.EscapeString(o.Summary), o.method, html.EscapeString(o.path))
	if len(o.Security) > 0 {
		out.WriteString(` data-token`)
	}
	for _, q := range o.Parameters {
		if q.Name == "Idempotency-Key" {
			out.WriteString(` data-key`)
		}
	}
	out.WriteString(">\n<div class=\"fields\">")
	for _, q := range o.Parameters {
		if slices.Contains(unasked, q.Name) {
			continue
		}
		field := id + "-" + q.In + "-" + q.Name
		must := ""
		if q.Required {
			must = " required"
		}
		fmt.Fprintf(out, `<div><label for="%s">%s</label><input id="%[1]s" name="%[2]s" data-in="%s" data-form="%s" autocomplete="off" spellcheck="false"%s></div>`,
			html.EscapeString(field), html.EscapeString(q.Name), q.In, q.Schema.Type, must)
	}
	out.WriteString("</div>\n")
	b.tryBody(out, o, id)
	out.WriteString(`<p class="row"><button>Send</button><button type="button" class="small" data-stop hidden>Stop</button></p>
<div data-shown hidden><h4>The same with curl</h4><pre tabindex="0" role="group" aria-label="The same with curl" data-curl></pre><h4>Answer</h4><p role="status" data-status></p><pre tabindex="0" role="group" aria-label="Answer" data-answer></pre></div></form></details>
`)
}

func (b *builder) tryBody(out *strings.Builder, o *operation, id string) {
	if o.RequestBody == nil {
		return
	}
	content := o.RequestBody.Content
	if m := content["application/json"]; m != nil {
		fmt.Fprintf(out, `<label for="%s-body">Body</label><textarea id="%[1]s-body" name="body" rows="10" spellcheck="false">%s</textarea>`, id, html.EscapeString(b.example(m)))
		return
	}
	media := ""
	for _, name := range slices.Sorted(maps.Keys(content)) {
		if !strings.HasPrefix(name, "multipart/") && (media == "" || name == "application/pdf") {
			media = name
		}
	}
	if media == "" {
		return
	}
	if s := content[media].Schema; s != nil && s.Type == huma.TypeString && s.Format != "binary" {
		fmt.Fprintf(out, `<label for="%s-body">Body (%s)</label><textarea id="%[1]s-body" name="body" rows="6" data-media="%[2]s"></textarea>`, id, media)
		return
	}
	fmt.Fprintf(out, `<label for="%s-body">File</label><input id="%[1]s-body" name="body" type="file" data-media="%s">`, id, media)
}
