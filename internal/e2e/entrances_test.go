package e2e

import (
	"bytes"
	"encoding/csv"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/entrance"
	"github.com/paraph/paraph/internal/testneed"
)

var updateEntrances = flag.Bool("update-entrances", false, "write docs/security/entrances.csv anew")

// TestEntrances: the table of entrances is that of the running server, row by row, and
// each is entered as it says. Whoever adds a route, or lets others into one, changes
// the table in the same commit: go test ./internal/e2e -run TestEntrances -args -update-entrances
func TestEntrances(t *testing.T) {
	t.Parallel()
	s := start(t, "", setup{conf: func(c *config.Config) { c.Metrics = true }})
	entrances := s.server.Entrances()
	file := filepath.Join(testneed.Root(t), "docs", "security", "entrances.csv")
	table := asCSV(t, entrances)
	if *updateEntrances {
		if err := os.WriteFile(file, table, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(kept, table) {
		was, is := strings.Split(string(kept), "\n"), strings.Split(string(table), "\n")
		for _, row := range was {
			if !slices.Contains(is, row) {
				t.Errorf("the table has a row that no route stands behind: %s", row)
			}
		}
		for _, row := range is {
			if !slices.Contains(was, row) {
				t.Errorf("a route is not in the table: %s", row)
			}
		}
		t.Fatal("docs/security/entrances.csv is not what the server has")
	}
	stranger := &http.Client{Transport: s.http.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	seen := map[entrance.By]int{}
	for _, e := range entrances {
		seen[e.By]++
		if (e.By == entrance.Token) != (e.Does != "" || strings.HasSuffix(e.Pattern, "/oauth/userinfo")) {
			t.Errorf("%s: the action %q does not go with %q", e.Pattern, e.Does, e.By)
		}
		if e.Does != "" && len(access.Needs(e.Does)) == 0 {
			t.Errorf("%s: the access table has no rule for %q", e.Pattern, e.Does)
		}
		s.asStranger(t, stranger, e)
	}
	for _, by := range []entrance.By{entrance.Nothing, entrance.Token, entrance.Client, entrance.Login, entrance.Form, entrance.Link, entrance.Cookie, entrance.Signature} {
		if seen[by] == 0 {
			t.Errorf("no entrance is entered by %q: the test looks at too little", by)
		}
	}
}

func asCSV(t *testing.T, entrances []entrance.Entrance) []byte {
	t.Helper()
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	rows := [][]string{{"route", "entered by", "action", "counted by"}}
	for _, e := range entrances {
		rows = append(rows, []string{e.Pattern, string(e.By), string(e.Does), string(e.Rate)})
	}
	if err := w.WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var placeholder = regexp.MustCompile(`\{[^}]*\}`)

// asStranger goes to an entrance with nothing in hand.
func (s *stack) asStranger(t *testing.T, client *http.Client, e entrance.Entrance) {
	t.Helper()
	method, path := e.Route()
	if method == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+placeholder.ReplaceAllString(path, "stranger"), nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	ok := false
	switch e.By {
	case entrance.Token:
		ok = res.StatusCode == http.StatusUnauthorized && res.Header.Get("WWW-Authenticate") != ""
	case entrance.Client:
		ok = res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusBadRequest
	case entrance.Login:
		ok = res.StatusCode == http.StatusBadRequest || res.StatusCode == http.StatusSeeOther && strings.HasPrefix(res.Header.Get("Location"), "/login")
	case entrance.Form:
		ok = res.StatusCode < 500 && (method == http.MethodGet || len(res.Header.Values("Set-Cookie")) == 0 || strings.HasSuffix(path, "/logout") || strings.HasSuffix(path, "/leave"))
	case entrance.Link: // a form that is sent back is looked at before its link
		ok = res.StatusCode == http.StatusNotFound || method == http.MethodPost && (res.StatusCode == http.StatusBadRequest || res.StatusCode == http.StatusUnprocessableEntity)
	case entrance.Signature:
		ok = res.StatusCode == http.StatusNotFound
	case entrance.Cookie:
		ok = res.StatusCode == http.StatusOK && bytes.Contains(body, []byte(`name="token"`)) // asks for the link
	case entrance.Nothing:
		ok = res.StatusCode < 500 && res.StatusCode != http.StatusUnauthorized && res.StatusCode != http.StatusForbidden
	}
	if nowhere := res.Header.Get("Content-Type") == "application/problem+json" && bytes.Contains(body, []byte("no_such_path")); nowhere && !strings.HasSuffix(path, "/") {
		ok = false // registered in its room, and not mounted
	}
	if !ok {
		t.Errorf("%s, entered by %s: a stranger is answered %d %v %.200s", e.Pattern, e.By, res.StatusCode, res.Header, body)
	}
}
