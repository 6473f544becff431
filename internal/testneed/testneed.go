// Package testneed says what a test needs from outside the repository.
//
// In a fresh clone with only Go, a test whose counterpart is missing skips and
// says so. Under `make test` and `make judges` the set-up script has installed
// everything and PARAPH_REQUIRE=1 turns the skip into a failure, so that a
// missing judge can never look like a passed test.
package testneed

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// Required tells whether missing counterparts are failures.
func Required() bool { return os.Getenv("PARAPH_REQUIRE") == "1" }

// Command gives the path of a program, looked up in PATH and in Debian's
// versioned PostgreSQL folders; without it the test skips or fails.
func Command(t testing.TB, name string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name); len(found) > 0 {
		return found[len(found)-1]
	}
	Missing(t, "the program "+name+" is not installed; `make test` installs it")
	return ""
}

// Missing skips the test with the reason, or fails it where counterparts are required.
func Missing(t testing.TB, why string) {
	t.Helper()
	if Required() {
		t.Fatal(why)
	}
	t.Skip(why)
}

// Root gives the repository's root folder.
func Root(t testing.TB) string {
	t.Helper()
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		t.Fatal("no caller information")
	}
	return filepath.Dir(filepath.Dir(filepath.Dir(file)))
}

// SharedData gives a folder of sample files kept beside the repository, which a
// newcomer does not have; without it the test skips, always.
func SharedData(t testing.TB, folder string) string {
	t.Helper()
	dir := filepath.Join(Root(t), "..", "shared", "data", folder)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		t.Skip("the sample files " + folder + " are not beside the repository")
	}
	return dir
}
