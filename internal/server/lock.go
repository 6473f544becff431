package server

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// errRunning says that the data folder is in use.
var errRunning = errors.New("another server is running")

// lockFolder makes sure that this process is the only one on its data folder,
// as SQLite's single writer and the job queue suppose. The lock goes with the
// process, however that ends.
func lockFolder(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the data folder: %w", err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		f.Close()
		return nil, fmt.Errorf("%w on the data folder %s; stop it, or name another folder by --data-dir", errRunning, dir)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("the data folder: %w", err)
	}
	return f, nil
}

// lockKeys waits until no other process makes key files in the folder. The lock
// is flock's, which network file systems carry too (NFS from version 4 on).
func lockKeys(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("the folder of keys cannot be locked: %w", err)
	}
	return f, nil
}
