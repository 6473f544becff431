package conformance

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

// goExample builds Go's example as a stranger does: in an empty folder, with the
// module as a registry would give it.
func goExample(t *testing.T) string {
	t.Helper()
	goCommand := testneed.Command(t, "go")
	root := testneed.Root(t)
	registry, folder := t.TempDir(), t.TempDir()
	publish(t, root, filepath.Join(registry, "github.com", "paraph", "paraph", "@v"))
	code, err := os.ReadFile(filepath.Join(root, "sdk", "go", "examples", "mainjob", "main.go"))
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, "main.go"), code, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(goCommand, args...)
		cmd.Dir = folder
		// What else the module asks for lies in the cache already: it was needed to build this test.
		out, err := exec.Command(goCommand, "env", "GOMODCACHE").Output()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off", "GONOSUMDB=*", "GOSUMDB=off", "GOMODCACHE="+filepath.Join(registry, "cache"),
			"GOFLAGS=-mod=mod -modcacherw", "GOPROXY=file://"+registry+",file://"+strings.TrimSpace(string(out))+"/cache/download")
		said, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("go %s: %v: %s", strings.Join(args, " "), err, said)
		}
		return string(said)
	}
	run("mod", "init", "example.com/stranger")
	run("get", "github.com/paraph/paraph/sdk/go@v1.0.0")
	run("build", "-o", "mainjob", ".")
	for line := range strings.Lines(run("list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".")) {
		if line = strings.TrimSpace(line); line != "" && line != "github.com/paraph/paraph/sdk/go" && line != "example.com/stranger" {
			t.Errorf("the Go SDK needs %s", line)
		}
	}
	return filepath.Join(folder, "mainjob")
}

// publish lays the module out as a registry has it.
func publish(t *testing.T, root, folder string) {
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
