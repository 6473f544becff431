package httpapi

import (
	"strings"
	"testing"
)

// TestDocumentation makes the whole documentation, which fails on a link that leads
// nowhere, and holds its pages to a size that a slow line bears.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	site, err := Docs()
	if err != nil {
		t.Fatal(err)
	}
	total, largest, at := 0, 0, ""
	for _, path := range site.Paths() {
		p, _ := site.Page(path)
		total += len(p.Zipped)
		if len(p.Zipped) > largest {
			largest, at = len(p.Zipped), path
		}
	}
	t.Logf("%d addresses, %d KB compressed; the largest is %s with %d KB", len(site.Paths()), total>>10, at, largest>>10)
	if largest > 100<<10 {
		t.Errorf("%s has %d bytes compressed: divide it", at, largest)
	}
	errors, _ := site.Page("/docs/errors")
	page, err := errors.Body()
	if err != nil {
		t.Fatal(err)
	}
	for code, info := range catalogue {
		if advice := adviceOn(code, info); !strings.Contains(string(page), `<h3 id="`+code+`"`) || !strings.HasSuffix(advice, ".") {
			t.Errorf("the page of codes does not say what to do about %s: %q", code, advice)
		}
	}
	for code := range advice {
		if _, known := catalogue[code]; !known {
			t.Errorf("there is advice for %s, which is no code", code)
		}
	}
}
