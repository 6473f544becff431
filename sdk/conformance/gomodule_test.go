package conformance

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paraph/paraph/internal/e2e/programtest"
	"github.com/paraph/paraph/internal/testneed"
)

// goExample builds Go's example as a stranger does: in an empty folder, with the
// module as a registry would give it.
func goExample(t *testing.T) string {
	t.Helper()
	goCommand := testneed.Command(t, "go")
	folder, env := t.TempDir(), programtest.GoModules(t)
	code, err := os.ReadFile(filepath.Join(testneed.Root(t), "sdk", "go", "examples", "mainjob", "main.go"))
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, "main.go"), code, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(goCommand, args...)
		cmd.Dir, cmd.Env = folder, append(os.Environ(), env...)
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
