package programtest

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"

	"github.com/paraph/paraph/internal/testneed"
)

// GoModules gives the environment in which go get finds this module as a registry would
// give it, at v1.0.0, and with nothing else of it on the machine. What else it may ask
// for lies in the cache already: it was needed to build the test.
func GoModules(t testing.TB) []string {
	t.Helper()
	registry := t.TempDir()
	publish(t, testneed.Root(t), filepath.Join(registry, "github.com", "paraph", "paraph", "@v"))
	cache, err := exec.Command(testneed.Command(t, "go"), "env", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	return []string{"GOWORK=off", "GONOSUMDB=*", "GOSUMDB=off", "GOMODCACHE=" + filepath.Join(registry, "cache"),
		"GOFLAGS=-mod=mod -modcacherw", "GOPROXY=file://" + registry + ",file://" + strings.TrimSpace(string(cache)) + "/cache/download"}
}

// publish lays the module out as a registry has it.
func publish(t testing.TB, root, folder string) {
	t.Helper()
	v := module.Version{Path: "github.com/paraph/paraph", Version: "v1.0.0"}
	err := os.MkdirAll(folder, 0o755)
	var mod []byte
	if err == nil {
		mod, err = os.ReadFile(filepath.Join(root, "go.mod"))
	}
	var f *os.File
	if err == nil {
		f, err = os.Create(filepath.Join(folder, v.Version+".zip"))
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for name, content := range map[string][]byte{v.Version + ".mod": mod, v.Version + ".info": []byte(`{"Version":"v1.0.0","Time":"2026-01-01T00:00:00Z"}`), "list": []byte("v1.0.0\n")} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// Only what the SDK is made of: the rest of the repository is not asked for.
	files := []zip.File{onDisk{root, "go.mod"}}
	names, err := filepath.Glob(filepath.Join(root, "sdk", "go", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		rel, err := filepath.Rel(root, name)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, onDisk{root, filepath.ToSlash(rel)})
	}
	if err := zip.Create(f, v, files); err != nil {
		t.Fatal(err)
	}
}

// onDisk is a file of the module.
type onDisk struct{ root, path string }

func (f onDisk) Path() string                 { return f.path }
func (f onDisk) Lstat() (os.FileInfo, error)  { return os.Lstat(filepath.Join(f.root, f.path)) }
func (f onDisk) Open() (io.ReadCloser, error) { return os.Open(filepath.Join(f.root, f.path)) }
