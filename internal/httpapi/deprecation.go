package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// deprecationsPage tells what goes, and what takes its place.
const deprecationsPage = "/docs/deprecations"

// deprecation says that something of the contract goes.
type deprecation struct {
	What    string    // the operation, or the operation and its member
	Since   time.Time // announced; zero where it was not
	Sunset  time.Time // works until then at least
	Instead string    // for people: what takes its place
}

// announceEnd tells whoever used it: RFC 9745 and RFC 8594. Of several that were used at
// once, the header names the one that goes first.
func announceEnd(h http.Header, all ...deprecation) {
	if len(all) == 0 {
		return
	}
	first := slices.MinFunc(all, func(a, b deprecation) int { return a.Sunset.Compare(b.Sunset) })
	h.Set("Deprecation", fmt.Sprintf("@%d", first.Since.Unix()))
	h.Set("Sunset", first.Sunset.UTC().Format(http.TimeFormat))
	for _, rel := range []string{"deprecation", "sunset"} {
		h.Add("Link", fmt.Sprintf(`<%s#%s>; rel="%s"; type="text/html"`, deprecationsPage, first.Anchor(), rel))
	}
}

// Anchor is its place on the page.
func (d deprecation) Anchor() string { return strings.ReplaceAll(d.What, " ", "-") }

// members finds the members of an input that its type marks, with the way to each:
//
//	Old string `query:"old" deprecated:"true" since:"2026-11-01" sunset:"2027-11-01" instead:"new"`
func members(operation string, t reflect.Type) (out []deprecatedMember) {
	var walk func(t reflect.Type, way []int, depth int)
	walk = func(t reflect.Type, way []int, depth int) {
		if t.Kind() != reflect.Struct || depth > 4 {
			return
		}
		for i := range t.NumField() {
			f := t.Field(i)
			at := append(slices.Clone(way), i)
			if f.Tag.Get("deprecated") == "true" {
				m := deprecatedMember{way: at, deprecation: deprecation{What: operation + " " + memberName(f), Instead: f.Tag.Get("instead")}}
				m.Since, m.Sunset = day(m.What, f.Tag.Get("since")), day(m.What, f.Tag.Get("sunset"))
				out = append(out, m)
				continue
			}
			of := f.Type
			for of.Kind() == reflect.Pointer {
				of = of.Elem()
			}
			if f.IsExported() && of != reflect.TypeFor[time.Time]() {
				walk(of, at, depth+1)
			}
		}
	}
	walk(t, nil, 0)
	return out
}

type deprecatedMember struct {
	deprecation
	way []int
}

// memberName is how the contract calls a field.
func memberName(f reflect.StructField) string {
	for _, place := range []string{"query", "header", "path", "json"} {
		if name, _, _ := strings.Cut(f.Tag.Get(place), ","); name != "" {
			return name
		}
	}
	return f.Name
}

// day reads a date of a mark. A mark without its dates is a mistake in the code that
// every test meets.
func day(what, text string) time.Time {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic("httpapi: " + what + " is deprecated without the days since and sunset: " + err.Error())
	}
	return t
}

// used tells whether a request has the member.
func (m *deprecatedMember) used(in reflect.Value) bool {
	for _, i := range m.way {
		for in.Kind() == reflect.Pointer {
			if in.IsNil() {
				return false
			}
			in = in.Elem()
		}
		in = in.Field(i)
	}
	return !in.IsZero()
}

// deprecating wraps an operation, so that what a request used of it and goes is
// announced in the answer; and notes it for the page.
func deprecating[I, O any](a *api, rt *route, fn func(context.Context, *I) (*O, error)) func(context.Context, *I) (*O, error) {
	marked := members(rt.id, reflect.TypeFor[I]())
	if rt.deprecated != nil {
		rt.deprecated.What = rt.id
		rt.about += fmt.Sprintf(" Deprecated since %s; it works until %s at least. Instead: %s", rt.deprecated.Since.Format(time.DateOnly), rt.deprecated.Sunset.Format(time.DateOnly), rt.deprecated.Instead)
		a.deprecations = append(a.deprecations, *rt.deprecated)
	}
	for _, m := range marked {
		a.deprecations = append(a.deprecations, m.deprecation)
	}
	if rt.deprecated == nil && len(marked) == 0 {
		return fn
	}
	return func(ctx context.Context, in *I) (*O, error) {
		var all []deprecation
		if rt.deprecated != nil {
			all = append(all, *rt.deprecated)
		}
		for i := range marked {
			if marked[i].used(reflect.ValueOf(in)) {
				all = append(all, marked[i].deprecation)
			}
		}
		announceEnd(requestOf(ctx).writer.Header(), all...)
		return fn(ctx, in)
	}
}

// describeDeprecations declares the headers of operations that go.
func describeDeprecations(o *huma.OpenAPI, all []deprecation) {
	goes := map[string]deprecation{}
	for _, d := range all {
		operation, member, _ := strings.Cut(d.What, " ")
		if _, known := goes[operation]; !known || member == "" {
			goes[operation] = d
		}
	}
	for _, item := range o.Paths {
		for _, op := range operationsOf(item) {
			for _, p := range op.Parameters {
				p.Deprecated = p.Deprecated || p.Schema != nil && p.Schema.Deprecated
			}
			d, ok := goes[op.OperationID]
			if !ok {
				continue
			}
			if op.Deprecated {
				op.Extensions = map[string]any{"x-sunset": d.Sunset.Format(time.DateOnly)}
			}
			for status, res := range op.Responses {
				if status >= "300" {
					continue
				}
				if res.Headers == nil {
					res.Headers = map[string]*huma.Param{}
				}
				for name, about := range map[string]string{
					"Deprecation": "Since when what was used is deprecated (RFC 9745).", "Sunset": "Until when it works at least (RFC 8594).", "Link": "What takes its place, for people."} {
					res.Headers[name] = &huma.Param{Description: about, Schema: &huma.Schema{Type: huma.TypeString}}
				}
			}
		}
	}
}
