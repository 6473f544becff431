package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

type goingInput struct {
	Old  string `query:"old" deprecated:"true" since:"2026-11-01" sunset:"2027-05-01" instead:"new"`
	New  string `query:"new"`
	Body *struct {
		Inner struct {
			Gone int `json:"gone,omitempty" deprecated:"true" since:"2026-10-01" sunset:"2027-01-01" instead:"Leave it away."`
			Kept int `json:"kept,omitempty"`
		} `json:"inner,omitempty"`
	}
}

// TestDeprecation: what the contract marks is announced to whoever uses it, and to
// nobody else; the contract and the page say the same.
func TestDeprecation(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	a := &api{huma: humago.New(mux, humaConfig()), routes: map[string]route{}}
	empty := func(context.Context, *goingInput) (*struct{ Body Items[string] }, error) {
		return &struct{ Body Items[string] }{}, nil
	}
	old := &deprecation{Since: time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC), Sunset: time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC), Instead: "listNew."}
	handle(a, route{id: "listOld", method: http.MethodGet, path: "/old", tag: "batch", summary: "s", deprecated: old}, func(context.Context, *struct{}) (*struct{ Body Items[string] }, error) {
		return &struct{ Body Items[string] }{}, nil
	})
	handle(a, route{id: "change", method: http.MethodPost, path: "/change", tag: "batch", summary: "s"}, empty)
	describeDeprecations(a.huma.OpenAPI(), a.deprecations)

	for _, one := range []struct{ method, path, body, deprecated, sunset, anchor string }{
		{"GET", "/old", "", "@1788220800", "Mon, 01 Mar 2027 00:00:00 GMT", "listOld"},
		{"POST", "/change", `{}`, "", "", ""},
		{"POST", "/change?new=1", `{"inner":{"kept":1}}`, "", "", ""},
		{"POST", "/change?old=1", "", "@1793491200", "Sat, 01 May 2027 00:00:00 GMT", "change-old"},
		{"POST", "/change", `{"inner":{"gone":1}}`, "@1790812800", "Fri, 01 Jan 2027 00:00:00 GMT", "change-gone"},
		{"POST", "/change?old=1", `{"inner":{"gone":1}}`, "@1790812800", "Fri, 01 Jan 2027 00:00:00 GMT", "change-gone"}, // what goes first
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(one.method, one.path, strings.NewReader(one.body))
		if one.body == "" {
			r = httptest.NewRequest(one.method, one.path, nil)
		}
		r.Header.Set("Content-Type", "application/json")
		mux.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestKey{}, &request{writer: w, http: r})))
		h := w.Header()
		if w.Code != 200 || h.Get("Deprecation") != one.deprecated || h.Get("Sunset") != one.sunset {
			t.Errorf("%s %s: %d %v %s", one.method, one.path, w.Code, h, w.Body)
		}
		links := fmt.Sprint(h.Values("Link"))
		for _, rel := range []string{"deprecation", "sunset"} {
			if link := fmt.Sprintf(`</docs/deprecations#%s>; rel="%s"; type="text/html"`, one.anchor, rel); strings.Contains(links, link) != (one.anchor != "") {
				t.Errorf("%s %s: %s", one.method, one.path, links)
			}
		}
	}
	op := a.huma.OpenAPI().Paths["/old"].Get
	if !op.Deprecated || op.Extensions["x-sunset"] != "2027-03-01" || op.Responses["200"].Headers["Sunset"] == nil || !strings.Contains(op.Description, "Instead: listNew.") {
		t.Errorf("the contract does not say it: %+v", op)
	}
	if p := parameter(a.huma.OpenAPI().Paths["/change"].Post, "old"); p == nil || !p.Deprecated {
		t.Errorf("the parameter is not marked: %+v", p)
	}
	c, err := newContracts(build(Config{}))
	if err != nil {
		t.Fatal(err)
	}
	c.deprecations = a.deprecations
	site, err := c.site()
	if err != nil {
		t.Fatal(err)
	}
	at, _ := site.Page(deprecationsPage)
	page, err := at.Body()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`id="listOld"`, `id="change-old"`, `id="change-gone"`, "Leave it away.", "2027-05-01"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page lacks %s", want)
		}
	}
}

func parameter(op *huma.Operation, name string) *huma.Param {
	for _, p := range op.Parameters {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// TestDeprecatedWithoutDays: a mark without its days does not reach the contract.
func TestDeprecatedWithoutDays(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("a mark without days is taken")
		}
	}()
	handle(&api{huma: humago.New(http.NewServeMux(), humaConfig()), routes: map[string]route{}}, route{id: "x", method: http.MethodGet, path: "/x", tag: "batch", summary: "s"},
		func(context.Context, *struct {
			Old string `query:"old" deprecated:"true"`
		}) (*struct{}, error) {
			return nil, nil
		})
}
