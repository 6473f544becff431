// Package rig is what measurements stand on: a disk, a database of their own, and the
// program as it is shipped.
package rig

import (
	"fmt"
	"os"
	"syscall"
)

// Magic numbers of file systems that keep nothing (statfs(2)).
const (
	tmpfsMagic = 0x01021994
	ramfsMagic = 0x858458f6
)

// OnDisk makes the folder and refuses one that rests in memory: what syncs
// nothing measures nothing.
func OnDisk(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return err
	}
	if fs.Type == tmpfsMagic || uint32(fs.Type) == ramfsMagic {
		return fmt.Errorf("%s rests in memory, not on a disk", dir)
	}
	return nil
}
