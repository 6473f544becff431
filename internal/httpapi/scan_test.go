package httpapi

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/paraph/paraph/internal/fault"
)

// TestScan: what can be read in more than one way is refused with every fault of it.
func TestScan(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"a":1,"b":{"a":2},"c":[{"a":1},{"a":1}]}`: "",
		`{"a":1,"a":2}`: "/a repeated",
		`{"a":{"x":1,"\u0078":2},"b":[0,{"y":1,"y":1}]}`: "/a/x repeated /b/1/y repeated",
		"{\"a\":\"\xff\"}":                                "/a bad_text",
		"{\"\xc0\xaf\":1}":                                "/\ufffd\ufffd bad_text",
		`{"a":"\ud800"}`:                                  "/a bad_text",
		`{"a":"\ud83d\ude00 \ufffd"}`:                     "",
		"{\"a\":\"\ufffd\"}":                              "",
		strings.Repeat("[", 64) + strings.Repeat("]", 64): "",
		`{"a":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`: "/a" + strings.Repeat("/0", 63) + " too_deep",
		strings.Repeat("[", 1_000_000):                                    strings.Repeat("/0", 64) + " too_deep",
		"[" + strings.Repeat("1,", 300_000) + "1]":                        " too_many",
		`{"a":1,`:  "",
		`nonsense`: "",
		``:         "",
	} {
		var got []string
		err := scanJSON([]byte(body))
		for _, d := range fault.From(err).GetDetails() {
			got = append(got, strings.ToValidUTF8(d.Pointer, "\ufffd\ufffd")+" "+d.Code)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%.60q: %q, want %q", body, got, want)
		}
	}
}

func FuzzScan(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":"\u0000"}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if err := scanJSON(raw); err != nil && (fault.CodeOf(err) != "malformed_body" || len(fault.From(err).Details) == 0) {
			t.Errorf("%q: %v", raw, err)
		}
	})
}

// TestEveryBodyIsRefused sends what is no JSON of the contract to every operation
// that takes some: a problem with every fault, and never a mistake of ours.
func TestEveryBodyIsRefused(t *testing.T) {
	onBoth(t, func(s *stack) {
		n := 0
		for path, item := range build(Config{}).huma.OpenAPI().Paths {
			for _, op := range operationsOf(item) {
				if op.RequestBody == nil || op.RequestBody.Content["application/json"] == nil || path == hookPath {
					continue
				}
				n++
				at := strings.NewReplacer("{id}", "x", "{number}", "1", "{name}", "x", "{recipient_id}", "x", "{secret_id}", "x", "{grant}", "x", "{event_id}", "x").Replace(path)
				refused := func(what string, a *answer, status int, code string) {
					t.Helper()
					if a.status == http.StatusNotFound && status != a.status {
						return // the thing itself was looked for first
					}
					a.problem(status, code)
					_ = what
				}
				send := func(body string, header ...string) *answer { return s.admin.json(op.Method, at, body, header...) }
				refused("twice", send(`{"zz":1,"zz":2,"z":{"y":1,"y":1}}`), 400, "malformed_body")
				refused("no UTF-8", send("{\"title\":\"\xff\"}"), 400, "malformed_body")
				refused("deep", send(`{"metadata":`+strings.Repeat("[", 5000)+strings.Repeat("]", 5000)+`}`), 400, "malformed_body")
				refused("half", send(`{"title":`), 400, "malformed_body")
				refused("another type", send(`{}`, "Content-Type", "text/csv"), 415, "unsupported_media_type")
				refused("too large", send(`{"title":"`+strings.Repeat("x", max(5<<20, int(op.MaxBodyBytes)))+`"}`), 413, "body_too_large")
				refused("unknown", send(`{"no_such_member":1,"nor_this":2}`), 422, "invalid_request")
				refused("a list", send(`[]`), 422, "invalid_request")
				if a := send(fmt.Sprintf(`{"no_such_member":%s}`, "1e400")); a.status >= 500 {
					t.Errorf("%s %s: %d %s", op.Method, path, a.status, a.body)
				}
			}
		}
		if n < 20 {
			t.Errorf("only %d operations take JSON", n)
		}
	})
}
