package witness

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/paraph/paraph/internal/journal"
)

// LogID names a log in paths: the SHA-256 of its origin in hexadecimal.
func LogID(origin string) string {
	sum := sha256.Sum256([]byte(origin))
	return hex.EncodeToString(sum[:])
}

// folder holds one file for each log. The files are replaced as a whole.
type folder struct {
	dir  string
	lock *os.File
	// step is called after each step of a write; a test ends the process there.
	step func(name string) error
}

// openFolder makes the folder where it is missing and locks it.
func openFolder(dir string) (*folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the state folder: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the state folder: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("another witness works in the state folder %s: %w", dir, err)
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
	path := f.path(id)
	temp := path + ".new"
	if err := writeSynced(temp, content); err != nil {
		return err
	}
	if err := f.step("written"); err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	if err := f.step("renamed"); err != nil {
		return err
	}
	dir, err := os.Open(f.dir)
	if err != nil {
		return err
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return err
	}
	return f.step("synced")
}

func writeSynced(path string, content []byte) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}
