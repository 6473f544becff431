package webform

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestGuesses: a handful at once, then one in every interval; who guesses from many
// addresses fills no memory.
func TestGuesses(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	g := NewGuesses(2, time.Minute)
	for range 2 {
		if g.Wait(now, "a") != 0 {
			t.Error("held up too early")
		}
		g.Wrong(now, "a")
	}
	if w := g.Wait(now, "a"); w <= 0 || w > time.Minute {
		t.Errorf("waits %v", w)
	}
	if g.Wait(now, "b") != 0 || g.Wait(now.Add(time.Minute), "a") != 0 {
		t.Error("held up for another's guesses, or for ever")
	}
	for i := range 2 * maxGuessers {
		g.Wrong(now, string(rune(i)))
	}
	if len(g.buckets) > maxGuessers {
		t.Errorf("%d guessers are remembered", len(g.buckets))
	}
}

// TestLocal: nobody is sent to another server.
func TestLocal(t *testing.T) {
	t.Parallel()
	for _, own := range []string{"/account", "/oauth/authorize?a=b&c=%2F%2Fd"} {
		if Local(own) != own {
			t.Errorf("%q is not taken", own)
		}
	}
	for _, other := range []string{"", "account", "//evil.example", "https://evil.example/", "/\\evil.example", "\\\\evil.example", "/a\tb", "/\u00fc", "javascript:alert(1)", "https:evil.example", "///evil.example", "http://a@b/"} {
		if got := Local(other); got != "" {
			t.Errorf("%q leads to %q", other, got)
		}
	}
}

// TestRead: a form is what it says, short, and says nothing twice.
func TestRead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		media, body string
		good        bool
	}{
		"a form":     {"application/x-www-form-urlencoded; charset=utf-8", "a=1&b=2&many=1&many=2", true},
		"JSON":       {"application/json", "{}", false},
		"said twice": {"application/x-www-form-urlencoded", "a=1&a=2", false},
		"too long":   {"application/x-www-form-urlencoded", "a=" + strings.Repeat("x", 2000), false},
		"broken":     {"application/x-www-form-urlencoded", "a=%zz", false},
	} {
		q := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(c.body))
		q.Header.Set("Content-Type", c.media)
		form, err := Read(httptest.NewRecorder(), q, 1000, "many")
		if (err == nil) != c.good || c.good && !strings.Contains(url.Values(form).Encode(), "b=2") {
			t.Errorf("%s: %v %v", name, form, err)
		}
	}
}
