package durable_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/paraph/paraph/internal/durable"
)

func TestFiles(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "b")
	if err := errors.Join(durable.MakeFolder(dir), durable.MakeFolder(dir)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "file")
	if err := durable.Create(path, []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := durable.Create(path, []byte("two"), 0o600); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a taken name: %v", err)
	}
	holds(t, path, "one", 0o600)
	if err := durable.Replace(path, []byte("three"), 0o644); err != nil {
		t.Fatal(err)
	}
	holds(t, path, "three", 0o644)
	if err := durable.MakeFolder(path); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("a folder in the place of a file: %v", err)
	}
	if all, err := os.ReadDir(dir); err != nil || len(all) != 1 {
		t.Errorf("something was left behind: %v %v", all, err)
	}
	if err := durable.Replace(filepath.Join(dir, "none", "file"), nil, 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing folder: %v", err)
	}
}

func holds(t *testing.T, path, want string, mode fs.FileMode) {
	t.Helper()
	got, err := os.ReadFile(path)
	info, serr := os.Stat(path)
	if err != nil || serr != nil || string(got) != want || info.Mode().Perm() != mode {
		t.Errorf("%q %v, want %q %v (%v)", got, info.Mode(), want, mode, err)
	}
}

// TestCreateOnce: of many who make one file at the same time, one does.
func TestCreateOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	var made atomic.Int64
	var all sync.WaitGroup
	for n := range 20 {
		all.Go(func() {
			switch err := durable.Create(path, []byte{byte(n)}, 0o600); {
			case err == nil:
				made.Add(1)
			case !errors.Is(err, fs.ErrExist):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if made.Load() != 1 {
		t.Errorf("%d made it", made.Load())
	}
}
