//go:build judges

package guide

import (
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// npm starts a registry that has nothing but the SDK's package, as judges/sdk/install
// packed it, and gives its address.
func (r *reader) npm(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(r.house, "typescript", "*.tgz"))
	if err != nil || len(found) != 1 {
		t.Fatalf("packages for npm: %v %v", found, err)
	}
	tarball, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	sum := sha512.Sum512(tarball)
	var s *httptest.Server
	s = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, rq *http.Request) {
		if strings.HasSuffix(rq.URL.Path, ".tgz") {
			_, _ = w.Write(tarball) // npm tells of what it did not get
			return
		}
		const name, version = "@paraph/sdk", "1.0.0"
		if rq.URL.Path != "/"+name {
			http.NotFound(w, rq)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"name": name, "dist-tags": map[string]string{"latest": version}, "versions": map[string]any{
			version: map[string]any{"name": name, "version": version, "dist": map[string]string{
				"tarball": s.URL + "/sdk.tgz", "integrity": "sha512-" + base64.StdEncoding.EncodeToString(sum[:]),
			}},
		}})
	}))
	t.Cleanup(s.Close)
	return s.URL
}
