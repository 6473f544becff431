package httpapi

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/work"
)

// indexed plays the process that keeps the full-text index.
func (s *stack) indexed() {
	s.t.Helper()
	s.sequence()
	x := work.NewSearchIndexer(s.store, work.Holder{Name: "test", Alone: true}, slog.New(slog.DiscardHandler))
	if err := x.CatchUp(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// finds gives the titles that a list with the parameters has, page by page.
func (c *caller) finds(query ...string) []string {
	c.t.Helper()
	v := url.Values{}
	for i := 0; i+1 < len(query); i += 2 {
		v.Add(query[i], query[i+1])
	}
	out := []string{}
	for {
		var page Page[FoundDocument]
		c.get("/v1/documents?" + v.Encode()).want(200).into(&page)
		for _, d := range page.Items {
			out = append(out, d.Title)
		}
		if page.Next == "" {
			return out
		}
		v.Set("after", page.Next)
	}
}

func (c *caller) same(what string, got []string, want ...string) {
	c.t.Helper()
	if !slices.Equal(got, want) {
		c.t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// TestFullText: documents are found by their details and their pages, by nobody
// who may not see them, and not once they are disposed of.
func TestFullText(t *testing.T) {
	onBoth(t, func(s *stack) {
		s.admin.post("/v1/business-units", `{"name":"buying"}`).want(201)
		var up Uploaded
		s.admin.upload("order.pdf", []byte("%PDF-1.7 a"), map[string]string{"title": "Purchase Order", "metadata": `{"supplier":{"name":"Müller & Söhne"},"total":4711.5}`}).want(202).into(&up)
		s.captured(up, strings.Fields("Steel beams for the bridge, 12 pieces at 99.50 each. Don't bend! 東京都庁")...)
		s.admin.post("/v1/drafts", `{"title":"Straße nach Łódź","labels":{"place":"Zürich"},"business_unit":"buying","external_id":"PO-77/b"}`).want(201)
		s.admin.post("/v1/drafts", `{"title":"Nothing of it"}`).want(201)
		s.admin.same("before it is indexed", s.admin.finds("q", "steel"))
		s.indexed()
		for q, want := range map[string][]string{
			"steel": {"Purchase Order"}, "STEEL bridge": {"Purchase Order"}, "steel nothing": {}, `"beams for the bridge"`: {"Purchase Order"}, `"beams the bridge"`: {},
			"bri*": {"Purchase Order"}, "bri": {}, `"the bri"*`: {"Purchase Order"}, "muller": {"Purchase Order"}, "MÜLLER": {"Purchase Order"}, "sohne": {"Purchase Order"}, "4711": {"Purchase Order"},
			"strasse": {"Straße nach Łódź"}, "zurich": {"Straße nach Łódź"}, "PO-77/b": {"Straße nach Łódź"}, `"po 77"`: {"Straße nach Łódź"},
			"of": {"Nothing of it"}, "steel -bridge": {}, "steel -tunnel": {"Purchase Order"}, `steel -"the tunnel"`: {"Purchase Order"},
			"東京": {"Purchase Order"}, "京都": {"Purchase Order"}, "京東": {}, "don't": {"Purchase Order"}, "99.50": {"Purchase Order"},
			`steel OR nothing`: {}, `steel" OR "1`: {}, `steel' & 'x`: {}, `words:steel`: {}, `NEAR(steel bridge)`: {}, `steel) OR (`: {}, `a:*|!x\`: {}, "steel:*": {"Purchase Order"}, `\steel\`: {"Purchase Order"},
		} {
			s.admin.same("q="+q, s.admin.finds("q", q), want...)
		}
		for _, q := range []string{"-steel", `""`, "***", "'", strings.Repeat("a ", 40), "%", "\\"} {
			s.admin.get("/v1/documents?q="+url.QueryEscape(q)).problem(422, "empty_query", "query/q")
		}
		buyer := s.client("buyer@example.org", []string{"buying"}, "documents:read")
		buyer.same("another unit", buyer.finds("q", "steel"))
		buyer.same("the own unit", buyer.finds("q", "zurich"), "Straße nach Łódź")

		var page Page[FoundDocument]
		s.admin.get("/v1/documents?q=" + url.QueryEscape(`"the bridge" muller`)).want(200).into(&page)
		d := page.Items[0]
		if len(d.Matches) != 2 || d.Matches[0].In != "metadata" || d.Matches[1].In != "page" || d.Matches[1].Page != 1 {
			t.Fatalf("%+v", d.Matches)
		}
		for i, want := range []string{"Müller", "the bridge"} {
			m := d.Matches[i]
			if got := string([]rune(m.Text)[m.Highlights[0].Start:m.Highlights[0].End]); got != want || len(m.Highlights) != 1 {
				t.Errorf("%q is marked in %q", got, m.Text)
			}
		}

		s.admin.json("PATCH", "/v1/documents/"+up.Document.ID, `{"title":"Renamed","metadata":{}}`).want(200)
		s.indexed()
		s.admin.same("by what it was", s.admin.finds("q", "muller"))
		s.admin.same("by what it is", s.admin.finds("q", "renamed steel"), "Renamed")

		if err := s.svc.RebuildSearch(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.admin.same("emptied", s.admin.finds("q", "steel"))
		s.indexed()
		s.admin.same("made anew", s.admin.finds("q", "steel"), "Renamed")
		s.admin.post("/v1/documents/"+up.Document.ID+"/void", `{}`).want(200)
		s.admin.post("/v1/documents/"+up.Document.ID+"/dispose", `{"authority":"the court"}`).want(202)
		s.admin.same("disposed of", s.admin.finds("q", "steel"))
		s.indexed()
		s.admin.same("disposed of, and looked at again", s.admin.finds("q", "steel"))
	})
}

// TestFilters: each filter by itself, and fields.
func TestFilters(t *testing.T) {
	onBoth(t, func(s *stack) {
		for i, metadata := range []string{`{"total":10,"open":true,"supplier":{"name":"A"}}`, `{"total":10.0,"note":"10"}`, `{"total":"10","a b":"x","q\"":1}`, `{}`} {
			s.clock.Advance(time.Minute)
			s.admin.post("/v1/drafts", fmt.Sprintf(`{"title":"D%d","metadata":%s,"labels":{"n":"%d"}}`, i, metadata, i%2)).want(201)
		}
		for query, want := range map[string]string{
			"metadata[total]=10": "D2 D1 D0", "metadata[total]=10.00": "D1 D0", "metadata[supplier.name]=A": "D0", "metadata[open]=true": "D0", "metadata[open]=1": "",
			"metadata[a b]=x": "D2", "metadata[note]=10": "D1", "metadata[nothing]=": "", "metadata[total]=10&label[n]=0": "D2 D0", `metadata[q"]=1`: "", "metadata[a.b.c.']=x": "",
			"updated_after=" + s.clock.Now().Format(time.RFC3339): "D3",
		} {
			name, value, _ := strings.Cut(query, "=")
			args := []string{name, value}
			if rest, more, both := strings.Cut(value, "&"); both {
				n, v, _ := strings.Cut(more, "=")
				args = []string{name, rest, n, v}
			}
			s.admin.same(query, s.admin.finds(args...), strings.Fields(want)...)
		}
		var page struct{ Items []map[string]json.RawMessage }
		s.admin.get("/v1/documents?fields=state,title&limit=1").want(200).into(&page)
		if len(page.Items[0]) != 3 || page.Items[0]["id"] == nil || string(page.Items[0]["state"]) != `"draft"` {
			t.Errorf("%v", page.Items[0])
		}
		s.admin.get("/v1/documents?fields=state,secret").problem(422, "invalid_request", "query/fields[1]")
		s.admin.get("/v1/documents?order=up").problem(422, "invalid_request", "query/order")
	})
}

// TestZeroCharacters: JSON has a character that PostgreSQL's texts cannot hold. One document with
// it in its metadata does not keep others from being found, and it is found by what else it says.
func TestZeroCharacters(t *testing.T) {
	onBoth(t, func(s *stack) {
		s.admin.post("/v1/drafts", `{"title":"Odd","metadata":{"":"\u0000","note":"a\u0000b","\u0000":1,"total":10,"kind":"x"}}`).want(201)
		s.clock.Advance(time.Minute)
		s.admin.post("/v1/drafts", `{"title":"Plain","metadata":{"note":"ab","total":10}}`).want(201)
		s.admin.same("a number", s.admin.finds("metadata[total]", "10"), "Plain", "Odd")
		s.admin.same("beside it", s.admin.finds("metadata[kind]", "x"), "Odd")
		s.admin.same("the member itself", s.admin.finds("metadata[note]", "ab"), "Plain")
		s.admin.same("the member without a name", s.admin.finds("metadata[]", "null"))
		s.admin.get("/v1/reports/documents?group_by=metadata.note").want(200)
		s.admin.get("/v1/reports/documents?sum=metadata.total&group_by=metadata.kind").want(200)
		for _, labels := range []string{`{"a":"\u0000"}`, `{"\u0000":"a"}`} {
			s.admin.post("/v1/drafts", `{"title":"Odd","labels":`+labels+`}`).want(422)
		}
		s.admin.post("/v1/drafts", `{"title":"Odd","external_id":"a\u0000"}`).want(422)
	})
}

// TestSorting: pages in each order hold every document once, also where others
// come in between and where many have the same value.
func TestSorting(t *testing.T) {
	onBoth(t, func(s *stack) {
		for i := range 12 {
			if i%3 == 0 {
				s.clock.Advance(time.Second)
			}
			s.admin.post("/v1/drafts", fmt.Sprintf(`{"title":"%c","labels":{"n":"%d"}}`, 'c'-rune(i%3), i)).want(201)
		}
		for _, order := range []string{"created_at", "-created_at", "updated_at", "-updated_at", "title", "-title"} {
			var titles, cursor = []string{}, ""
			seen := map[string]bool{}
			for n := 0; ; n++ {
				var page Page[FoundDocument]
				s.admin.get("/v1/documents?limit=5&sort=" + order + "&created_before=" + url.QueryEscape(s.clock.Now().Add(time.Minute).Format(time.RFC3339)) + "&after=" + cursor).want(200).into(&page)
				for _, d := range page.Items {
					if d.Labels["n"] == "" {
						continue // came in between
					}
					if seen[d.ID] {
						t.Fatalf("%s: %s twice", order, d.ID)
					}
					seen[d.ID] = true
					titles = append(titles, d.Title)
				}
				if n == 0 {
					s.admin.post("/v1/drafts", `{"title":"b"}`).want(201)
				}
				if cursor = page.Next; cursor == "" {
					break
				}
			}
			if len(seen) != 12 {
				t.Errorf("%s: %d documents", order, len(seen))
			}
			if strings.HasSuffix(order, "title") {
				sorted := slices.Clone(titles)
				slices.Sort(sorted)
				if order[0] == '-' {
					slices.Reverse(sorted)
				}
				s.admin.same(order, titles, sorted...)
			}
		}
		for _, bad := range []string{"doc_x", "e30", "!!"} {
			s.admin.get("/v1/documents?sort=title&after="+bad).problem(422, "bad_cursor", "query/after")
		}
	})
}
