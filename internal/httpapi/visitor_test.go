package httpapi

import (
	"net/http"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

// TestVisitors: a person whom a mail leads to the API is told how to get on, and a
// program gets its problem as ever.
func TestVisitors(t *testing.T) {
	onBoth(t, func(s *stack) {
		nobody := &caller{stack: s}
		browser := []string{"Accept", "text/html,application/xhtml+xml,*/*;q=0.8"}
		for path, says := range map[string]string{
			"/v1/tasks/task_1":            "paraph reject task_1\n",
			"/v1/documents/doc_1":         "paraph doc show doc_1\n",
			"/v1/documents/doc_1/content": "paraph doc download doc_1\n",
			"/v1/envelopes/env_1":         "Ask whoever sent you here",
			"/v1/documents/doc_%3Cb%3E":   "Ask whoever sent you here",
		} {
			res := nobody.get(path, browser...).want(http.StatusUnauthorized)
			if media := res.header.Get("Content-Type"); media != "text/html; charset=utf-8" || !strings.Contains(string(res.body), says) || !strings.Contains(string(res.body), `href="/docs"`) {
				t.Errorf("%s: %s: %s", path, media, res.body)
			}
			if res.header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s: no word of what the API wants", path)
			}
			nobody.get(path).problem(401, "credentials_missing")
			s.admin.get(path, browser...).problem(404, "not_found")
		}
		nobody.get("/").problem(404, "no_such_path")
		if page := nobody.get("/", browser...).want(http.StatusOK); !strings.Contains(string(page.body), "Where to begin") {
			t.Errorf("the server's own address leads to %s", page.body)
		}
	})
}

// TestTimesInWords: what a time looks like is told as people write it.
func TestTimesInWords(t *testing.T) {
	t.Parallel()
	err := humaFault(422, "validation failed", []error{&huma.ErrorDetail{Location: "query.created_after", Message: "invalid date/time for format 2006-01-02T15:04:05.999999999Z07:00", Value: "yesterday"}}, 0)
	if p := problemOf(err); len(p.Errors) != 1 || p.Errors[0].Message != "Expected a time of RFC 3339, such as 2026-01-31T12:00:00Z." || p.Errors[0].Pointer != "query/created_after" {
		t.Errorf("%+v", p)
	}
}
