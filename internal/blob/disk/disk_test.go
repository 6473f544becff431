package disk

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/blob"
	"github.com/paraph/paraph/internal/blob/blobtest"
	"github.com/paraph/paraph/internal/fault"
)

func open(t *testing.T) blob.Store { return openIn(t, filepath.Join(t.TempDir(), "data", "blobs")) }

func openIn(t *testing.T, root string) *Store {
	t.Helper()
	s, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	t.Parallel()
	blobtest.Run(t, open)
}

func TestModesKeepOthersOut(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "data", "blobs")
	name := blobtest.Put(t, openIn(t, root), []byte("x"))
	err := filepath.WalkDir(filepath.Dir(root), func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %o", path, info.Mode().Perm())
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(root, name[len(name)-2:], name)); err != nil {
		t.Error(err)
	}
}

func TestErrorsOfTheFileSystemAreTyped(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]error{
		&fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}:         blob.ErrFull,
		&fs.PathError{Op: "write", Path: "x", Err: syscall.EDQUOT}:         blob.ErrFull,
		&fs.PathError{Op: "sync", Path: "x", Err: syscall.EIO}:             blob.ErrAway,
		&fs.PathError{Op: "open", Path: "x", Err: syscall.EROFS}:           blob.ErrAway,
		&fs.PathError{Op: "open", Path: "x", Err: syscall.ENOENT}:          blob.ErrNotFound,
		&os.LinkError{Op: "link", Old: "x", New: "y", Err: syscall.EEXIST}: blob.ErrExists,
	} {
		if got := classify(err); !errors.Is(got, want) {
			t.Errorf("%v gives %v", err, got)
		}
	}
	if f := fault.From(blob.Full(syscall.ENOSPC)); f.Kind != fault.Unavailable || f.RetryAfter == 0 {
		t.Errorf("%+v", f)
	}
}

// TestAFullDiskIsSaidAndLeavesNothing writes to /dev/full, which always is.
func TestAFullDiskIsSaidAndLeavesNothing(t *testing.T) {
	t.Parallel()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("this system has no /dev/full")
	}
	dir := t.TempDir()
	w := &writer{f: full, temp: filepath.Join(dir, tempMark+"1"), final: filepath.Join(dir, "final")}
	if _, err := w.Write([]byte("x")); !errors.Is(err, blob.ErrFull) {
		t.Errorf("write: %v", err)
	}
	if err := w.Commit(); !errors.Is(err, blob.ErrFull) {
		t.Errorf("commit: %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestAMissingFolderIsNotAMissingObject(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "blobs")
	s := openIn(t, root)
	if err := os.RemoveAll(root); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Create(t.Context(), blobtest.NewID()); !errors.Is(err, blob.ErrAway) {
		t.Errorf("create: %v", err)
	}
	if err := s.Probe(t.Context()); !errors.Is(err, blob.ErrAway) {
		t.Errorf("probe: %v", err)
	}
}

func TestFilesThatAreNoObjectsAreLeftAlone(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "blobs")
	s := openIn(t, root)
	name := blobtest.Put(t, s, []byte("x"))
	for _, path := range []string{"README", "zz/notes.txt", "zz/" + name} {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	count := 0
	if err := s.List(t.Context(), "", func(o blob.Info) error { count++; return nil }); err != nil || count != 1 {
		t.Errorf("%d objects, %v", count, err)
	}
	if n, err := s.Sweep(t.Context(), time.Now().Add(time.Hour)); err != nil || n != 0 {
		t.Errorf("swept %d, %v", n, err)
	}
}

// TestAKilledWriterLeavesNothingVisible kills a process in the middle of an
// object and looks at what the next one finds.
func TestAKilledWriterLeavesNothingVisible(t *testing.T) {
	t.Parallel()
	if root := os.Getenv("PARAPH_TEST_KILLED_WRITER"); root != "" {
		s := openIn(t, root)
		w, err := s.Create(t.Context(), blobtest.NewID())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(blobtest.Bytes(300_000)); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		select {} // killed above
	}
	root := filepath.Join(t.TempDir(), "blobs")
	cmd := exec.Command(os.Args[0], "-test.run=^TestAKilledWriterLeavesNothingVisible$")
	cmd.Env = append(os.Environ(), "PARAPH_TEST_KILLED_WRITER="+root)
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the writer ended with %v\n%s", err, out)
	}
	s := openIn(t, root)
	if err := s.List(t.Context(), "", func(o blob.Info) error { t.Errorf("visible: %+v", o); return nil }); err != nil {
		t.Error(err)
	}
	if n, err := s.Sweep(t.Context(), time.Now().Add(time.Hour)); err != nil || n != 1 {
		t.Errorf("swept %d, %v", n, err)
	}
	files := 0
	if err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			files++
		}
		return err
	}); err != nil || files != 0 {
		t.Errorf("%d files left, %v", files, err)
	}
}
