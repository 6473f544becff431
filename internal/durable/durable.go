// Package durable writes small files and folders so that they are whole, and
// there for good, when its functions return: keys, certificates, states. After a
// power cut a reader finds the old file or the new one, never a part.
package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// MakeFolder makes a folder, mode 0700, and those above it that are missing, and
// syncs the folder above each one made. A folder that is there stays as it is; a file in its place is ENOTDIR.
func MakeFolder(dir string) error {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		return &fs.PathError{Op: "mkdir", Path: dir, Err: syscall.ENOTDIR}
	}
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	above := filepath.Dir(dir)
	if err := MakeFolder(above); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return SyncFolder(above)
}

// SyncFolder makes the names in a folder last.
func SyncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// ErrLocked tells that another process holds a folder.
var ErrLocked = errors.New("another process works in the folder")

// Lock makes a folder where it is missing and makes sure that this process is the
// only one with it, until the file is closed or the process ends, however that
// happens. ErrLocked where another process has it.
func Lock(dir string) (*os.File, error) {
	if err := MakeFolder(dir); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = ErrLocked
	}
	if err != nil {
		f.Close()
		return nil, &fs.PathError{Op: "lock", Path: dir, Err: err}
	}
	return f, nil
}

// Replace writes a file in the place of the one of that name, if there is one.
func Replace(path string, content []byte, mode fs.FileMode) error {
	return write(path, content, mode, os.Rename)
}

// Create writes a file of a new name. Where the name is taken it gives
// fs.ErrExist and the file there stays: of two processes that start at once, one
// makes the file and the other may read it.
func Create(path string, content []byte, mode fs.FileMode) error {
	// A hard link, unlike a rename, fails where the name is taken.
	return write(path, content, mode, os.Link)
}

func write(path string, content []byte, mode fs.FileMode, name func(temp, path string) error) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // after a rename there is nothing of that name
	_, err = f.Write(content)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := name(f.Name(), path); err != nil {
		return err
	}
	return SyncFolder(dir)
}
