//go:build judges

package guide

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paraph/paraph/internal/e2e/programtest"
	"github.com/paraph/paraph/internal/httpapi"
	"github.com/paraph/paraph/internal/testneed"
)

// TestLook lets a real browser and axe look at the documentation, and try operations
// (judges/docs).
func TestLook(t *testing.T) {
	node := testneed.Command(t, "node")
	p := programtest.Serve(t, programtest.Options{Data: t.TempDir()})
	site, err := httpapi.Docs()
	if err != nil {
		t.Fatal(err)
	}
	var pages []string
	for _, at := range site.Paths() {
		if page, _ := site.Page(at); strings.HasPrefix(page.Media, "text/html") {
			pages = append(pages, at)
		}
	}
	told, err := json.Marshal(map[string]any{"url": p.URL, "id": p.ID, "secret": p.Secret, "pages": pages})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), node, filepath.Join(testneed.Root(t), "judges", "docs", "check.mjs"))
	cmd.Env = append(os.Environ(), "PARAPH_DOCS="+string(told))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		t.Errorf("the documentation is not as it should be: %v", err)
	}
}
