package docsite

import (
	"cmp"
	"fmt"
	"html"
	"slices"
	"strings"
	"time"
)

// everywhere is how many operations name a code that is not worth listing them.
const everywhere = 12

// faults makes the page of codes: what each means, what to do, and where it is met.
func (b *builder) faults(ops []*operation) *page {
	p := blank(Root+"/errors", "Error codes")
	met := map[string][]*operation{}
	for _, o := range ops {
		for _, r := range o.Responses {
			for _, code := range codesIn(r.Description) {
				met[code] = append(met[code], o)
			}
		}
	}
	list := slices.SortedFunc(slices.Values(b.Faults), func(x, y Fault) int {
		return cmp.Or(x.Status-y.Status, strings.Compare(x.Code, y.Code))
	})
	var out strings.Builder
	out.WriteString("<p>Errors are <code>application/problem+json</code> (RFC 9457). The member <code>code</code> is stable; <code>errors</code> lists every fault of the request; <code>type</code> leads here. Codes are listed by their HTTP status.</p>\n")
	status := 0
	for _, f := range list {
		if f.Status != status {
			status = f.Status
			p.Contents = append(p.Contents, heading{fmt.Sprint("status-", status), fmt.Sprint(status)})
			p.begin(fmt.Sprint("status-", status), fmt.Sprint("Status ", status))
			fmt.Fprintf(&out, "<h2 id=\"status-%d\">%[1]d</h2>\n", status)
		}
		p.begin(f.Code, f.Code)
		p.say(f.Title, f.Advice)
		fmt.Fprintf(&out, "<section class=\"fault-code\"><h3 id=\"%s\"><code>%[1]s</code> <a class=\"here\" href=\"#%[1]s\" aria-label=\"Link to %[1]s\">#</a></h3>\n<p>%s. %s</p>\n", f.Code, html.EscapeString(f.Title), inline(f.Advice))
		if n := len(met[f.Code]); n > 0 && n <= everywhere {
			out.WriteString("<p class=\"small\">Met at: ")
			for i, o := range met[f.Code] {
				if i > 0 {
					out.WriteString(", ")
				}
				fmt.Fprintf(&out, "<a href=\"%s\">%s</a>", o.at(), html.EscapeString(o.Summary))
			}
			out.WriteString(".</p>\n")
		} else if n > everywhere {
			fmt.Fprintf(&out, "<p class=\"small\">Met at %d operations.</p>\n", n)
		}
		out.WriteString("</section>\n")
	}
	p.body = out.String()
	return p
}

// deprecations makes the page of what goes.
func (b *builder) deprecations() *page {
	p := blank(Root+"/deprecations", "What goes")
	var out strings.Builder
	out.WriteString("<p>Answers to requests that use something of this list carry the headers <code>Deprecation</code> (RFC 9745) and <code>Sunset</code> (RFC 8594). Until its last day it works as before.</p>\n")
	if len(b.Deprecations) == 0 {
		out.WriteString("<p>Nothing goes.</p>\n")
		p.body = out.String()
		return p
	}
	out.WriteString(tableBegin + head("What", "Deprecated since", "Works until", "Instead"))
	for _, d := range b.Deprecations {
		p.begin(d.Anchor, d.What)
		p.say(d.Instead)
		fmt.Fprintf(&out, "<tr id=\"%s\"><td><code>%s</code></td><td>%s</td><td>%s</td><td>%s</td></tr>\n", html.EscapeString(d.Anchor), html.EscapeString(d.What),
			d.Since.Format(time.DateOnly), d.Sunset.Format(time.DateOnly), inline(d.Instead))
	}
	out.WriteString("</tbody>" + tableEnd)
	p.body = out.String()
	return p
}

// events makes the page of all types of events.
func (b *builder) events() *page {
	p := blank(Root+"/events", "Event catalogue")
	var out strings.Builder
	out.WriteString("<p>Every event is a CloudEvent 1.0. It comes by webhook, by the list and the stream of events, and by the bus; <a href=\"" + Root + "/webhook\">First webhook</a> shows how. An event may come more than once; its id tells.</p>\n")
	out.WriteString(tableBegin + head("Type", "Meaning"))
	for _, e := range b.Events {
		fmt.Fprintf(&out, "<tr><td><a href=\"#%s\"><code>%[1]s</code></a></td><td>%s</td></tr>\n", e.Kind, inline(e.About))
	}
	out.WriteString("</tbody>" + tableEnd)
	for _, e := range b.Events {
		p.begin(e.Kind, e.Kind)
		p.say(e.About)
		fmt.Fprintf(&out, "<section><h2 id=\"%s\"><code>%[1]s</code></h2>\n<p>%s Its data, as a <a href=\"/schemas/events/%[1]s.json\">JSON Schema</a>:</p>\n", e.Kind, inline(e.About))
		out.WriteString(tableBegin + head("Member", "Form", "There", "Meaning"))
		for _, m := range e.Members {
			fmt.Fprintf(&out, "<tr><td><code>%s</code></td><td>%s</td><td>%s</td><td>%s</td></tr>\n", html.EscapeString(m.Name), html.EscapeString(m.Form),
				map[bool]string{true: "always", false: "where it applies"}[m.Always], inline(m.About))
		}
		out.WriteString("</tbody>" + tableEnd + "<details><summary>An example of " + e.Kind + "</summary>\n" + codeFigure("", true, e.Sample+"\n") + "</details></section>\n")
	}
	p.body = out.String()
	return p
}
