package witness

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/paraph/paraph/internal/durable"
	"github.com/paraph/paraph/internal/journal"
)

// folder holds one file for each log. The files are replaced as a whole.
type folder struct {
	dir  string
	lock *os.File
	// step is called around each write; a test ends the process there.
	step func(name string) error
}

// openFolder makes the folder where it is missing and locks it.
func openFolder(dir string) (*folder, error) {
	lock, err := durable.Lock(dir)
	if err != nil {
		return nil, fmt.Errorf("the state folder: %w", err)
	}
	return &folder{dir: dir, lock: lock, step: func(string) error { return nil }}, nil
}

// Close gives the lock free.
func (f *folder) Close() error { return f.lock.Close() }

func (f *folder) path(id string) string { return filepath.Join(f.dir, id+".checkpoint") }

// read gives a file; nil where there is none.
func (f *folder) read(id string) ([]byte, error) {
	file, err := os.Open(f.path(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, journal.MaxCheckpoint+1))
}

// write replaces a file: when it returns, the bytes, the name and the folder are
// synced. When it fails, the old or the new content is there, whole.
func (f *folder) write(id string, content []byte) error {
	if err := f.step("before"); err != nil {
		return err
	}
	if err := durable.Replace(f.path(id), content, 0o600); err != nil {
		return err
	}
	return f.step("after")
}
