// Package disk is the blob.Store on a local disk.
//
// An object is a file <root>/<shard>/<id> of mode 0600, where the shard is the
// last two characters of the id, which are random: 1024 folders. It is written
// under a temporary name in the same folder, synced, linked to its own name, and
// the folder is synced: so a crash leaves either the whole object or a temporary
// file, which Sweep removes.
package disk

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/paraph/paraph/internal/blob"
	"github.com/paraph/paraph/internal/durable"
	"github.com/paraph/paraph/internal/failpoint"
)

// tempMark begins the name of a file that is still being written.
const tempMark = ".tmp-"

// Store is a blob.Store in a folder.
type Store struct {
	root string

	mu     sync.Mutex
	shards map[string]bool // folders known to be there and synced
}

var _ blob.Store = (*Store)(nil)

// Open gives the store in the folder root, which is made where it is missing,
// mode 0700. blob.ErrAway or blob.ErrFull where that fails.
func Open(root string) (*Store, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, blob.Away(err)
	}
	if err := durable.MakeFolder(root); err != nil {
		return nil, away(err)
	}
	return &Store{root: root, shards: map[string]bool{}}, nil
}

// classify turns an error of the file system into a fault.
func classify(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return blob.ErrNotFound
	case errors.Is(err, fs.ErrExist):
		return blob.ErrExists
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return blob.Full(err)
	}
	return blob.Away(err)
}

func shardOf(id string) string { return id[len(id)-2:] }

func (s *Store) path(id string) string { return filepath.Join(s.root, shardOf(id), id) }

// shard makes sure that the folder for an id is there, for good.
func (s *Store) shard(id string) (string, error) {
	name := shardOf(id)
	dir := filepath.Join(s.root, name)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shards[name] {
		return dir, nil
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	if err := durable.SyncFolder(s.root); err != nil {
		return "", err
	}
	s.shards[name] = true
	return dir, nil
}

// Create implements blob.Store.
func (s *Store) Create(ctx context.Context, id string) (blob.Writer, error) {
	if err := errors.Join(ctx.Err(), blob.CheckID(id)); err != nil {
		return nil, err
	}
	dir, err := s.shard(id)
	if err != nil {
		return nil, away(err)
	}
	if _, err := os.Lstat(s.path(id)); err == nil {
		return nil, blob.ErrExists
	}
	var tail [8]byte
	rand.Read(tail[:])
	temp := filepath.Join(dir, tempMark+hex.EncodeToString(tail[:]))
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, away(err)
	}
	return &writer{f: f, temp: temp, final: s.path(id)}, nil
}

// away is classify where a missing file is not a missing object.
func away(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return blob.Away(err)
	}
	return classify(err)
}

// writer is an object that is being written.
type writer struct {
	f           *os.File
	temp, final string
	failed      error
	done        bool
	size, begun int64 // bytes written; of these, on their way to the disk
}

// stretch is how many bytes are sent on their way to the disk at a time.
const stretch = 8 << 20

// Write implements io.Writer.
func (w *writer) Write(p []byte) (int, error) {
	if w.failed != nil {
		return 0, w.failed
	}
	n, err := w.f.Write(p)
	if w.size += int64(n); w.size-w.begun >= stretch {
		early(w.f, w.begun, w.size-w.begun)
		w.begun = w.size
	}
	if err == nil {
		err = failpoint.Hit(failpoint.BlobWriting)
	}
	w.failed = away(err)
	return n, w.failed
}

// Commit implements blob.Writer.
func (w *writer) Commit() error {
	if w.done {
		return blob.Away(errors.New("the object was ended before"))
	}
	w.done = true
	err := w.failed
	if err == nil {
		err = away(failpoint.Hit(failpoint.BlobSync))
	}
	if err == nil {
		err = away(w.f.Sync())
	}
	// After a failed sync the kernel may have dropped the bytes: never again.
	if cerr := away(w.f.Close()); err == nil {
		err = cerr
	}
	if err == nil {
		err = away(link(w.temp, w.final))
	}
	if err != nil {
		return errors.Join(err, remove(w.temp))
	}
	// From here the object has its name. Without a synced folder the name may be
	// lost in a crash, so it is taken back and nobody relies on it.
	err = away(remove(w.temp))
	if err == nil {
		err = away(failpoint.Hit(failpoint.BlobNamed))
	}
	if err == nil {
		err = away(durable.SyncFolder(filepath.Dir(w.final)))
	}
	if err == nil {
		err = away(failpoint.Hit(failpoint.BlobSynced))
	}
	if err != nil {
		return errors.Join(err, remove(w.final))
	}
	return nil
}

// link gives the file its name and fails where the name is taken. Where the file
// system has no hard links, a look and a rename must do; ids are random, so two
// writers of one id do not meet.
func link(temp, final string) error {
	err := os.Link(temp, final)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	if !errors.Is(err, syscall.EPERM) && !errors.Is(err, syscall.ENOTSUP) && !errors.Is(err, syscall.EMLINK) {
		return err
	}
	if _, err := os.Lstat(final); err == nil {
		return fs.ErrExist
	}
	return os.Rename(temp, final)
}

// Abort implements blob.Writer.
func (w *writer) Abort() error {
	if w.done {
		return nil
	}
	w.done = true
	return away(errors.Join(w.f.Close(), remove(w.temp)))
}

// remove deletes a file; one that is not there is no error.
func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// object is an open object.
type object struct {
	*os.File
	size int64
}

func (o object) Size() int64 { return o.size }

// Open implements blob.Store.
func (s *Store) Open(ctx context.Context, id string) (blob.Object, error) {
	if err := errors.Join(ctx.Err(), blob.CheckID(id)); err != nil {
		return nil, err
	}
	f, err := os.Open(s.path(id))
	if err != nil {
		return nil, classify(err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(blob.Away(err), f.Close())
	}
	return object{f, info.Size()}, nil
}

// Delete implements blob.Store.
func (s *Store) Delete(ctx context.Context, id string) error {
	if err := errors.Join(ctx.Err(), blob.CheckID(id)); err != nil {
		return err
	}
	err := os.Remove(s.path(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = durable.SyncFolder(filepath.Dir(s.path(id)))
	}
	return away(err)
}

// List implements blob.Store: shard by shard, and by id inside a shard.
func (s *Store) List(ctx context.Context, after string, fn func(blob.Info) error) error {
	first := ""
	if after != "" {
		if err := blob.CheckID(after); err != nil {
			return err
		}
		first = shardOf(after)
	}
	return s.each(ctx, func(shard string, e fs.DirEntry) error {
		if shard < first || shard == first && e.Name() <= after || blob.CheckID(e.Name()) != nil || shardOf(e.Name()) != shard {
			return nil
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // deleted meanwhile
		}
		if err != nil {
			return blob.Away(err)
		}
		return fn(blob.Info{ID: e.Name(), Size: info.Size(), Written: info.ModTime()})
	})
}

// each calls fn for every file, in order.
func (s *Store) each(ctx context.Context, fn func(shard string, e fs.DirEntry) error) error {
	shards, err := os.ReadDir(s.root)
	if err != nil {
		return away(err)
	}
	for _, shard := range shards {
		if !shard.IsDir() {
			continue
		}
		entries, err := os.ReadDir(filepath.Join(s.root, shard.Name()))
		if err != nil {
			return away(err)
		}
		for _, e := range entries {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := fn(shard.Name(), e); err != nil {
				return err
			}
		}
	}
	return nil
}

// Sweep implements blob.Store.
func (s *Store) Sweep(ctx context.Context, before time.Time) (int, error) {
	n := 0
	err := s.each(ctx, func(shard string, e fs.DirEntry) error {
		if !strings.HasPrefix(e.Name(), tempMark) {
			return nil
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !info.ModTime().Before(before) {
			return away(err)
		}
		n++
		return away(remove(filepath.Join(s.root, shard, e.Name())))
	})
	return n, err
}

// Probe implements blob.Store.
func (s *Store) Probe(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f, err := os.CreateTemp(s.root, ".probe-")
	if err != nil {
		return away(err)
	}
	_, err = f.WriteString("probe")
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close(), remove(f.Name()))
	if err == nil {
		err = durable.SyncFolder(s.root)
	}
	return away(err)
}
