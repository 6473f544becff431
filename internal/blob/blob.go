// Package blob keeps the bytes of documents: objects by id, written once, read
// from anywhere, encrypted before they leave the process.
//
// A Store (disk here, S3 beside it) holds ciphertext and knows nothing of keys.
// The Vault (vault.go) puts encryption on top: data in, data out, and what the
// database has to remember of it. Keys (keys.go) finds the key-encryption key of
// a business unit. package blobtest is the conformance suite of every Store.
//
// An object is written and synced before the row that names it, so a crash
// leaves at most an object without a row, which Collect finds.
package blob

import (
	"context"
	"io"
	"time"

	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/id"
)

// Prefix is the id prefix of an object: blb_….
const Prefix = "blb"

// Sentinels for errors.Is; they match by code.
var (
	// ErrFull says that the disk or the quota is full.
	ErrFull = fault.New(fault.Unavailable, "storage_full", "The storage for documents is full. Free some space; the server goes on by itself.")
	// ErrAway says that the storage cannot be written or reached.
	ErrAway = fault.New(fault.Unavailable, "storage_unavailable", "The storage for documents is not available. Try again later.")
	// ErrNotFound says that there is no object of that id.
	ErrNotFound = fault.New(fault.NotFound, "blob_not_found", "The stored file does not exist.")
	// ErrExists says that an object of that id is there already; objects are never overwritten.
	ErrExists = fault.New(fault.Conflict, "blob_exists", "A stored file of that id exists already.")
	// ErrDamaged says that an object, or its key, is not what was stored.
	ErrDamaged = fault.New(fault.Internal, "blob_damaged", "The stored file is damaged: it is not what was written. Restore it from a backup.")
)

// because gives the sentinel's fault with a cause for the log.
func because(cause error, sentinel *fault.Fault) error {
	f := fault.Wrap(cause, sentinel.Kind, sentinel.Code, "%s", sentinel.Message)
	if sentinel.Kind == fault.Unavailable {
		f.RetryAfter = 30 * time.Second
	}
	return f
}

// Full wraps a cause as ErrFull, Away as ErrAway; for implementations of Store.
func Full(cause error) error { return because(cause, ErrFull) }

// Away wraps a cause as ErrAway.
func Away(cause error) error { return because(cause, ErrAway) }

// Store holds objects, whole or not at all. Its methods may be called
// concurrently and give the faults ErrFull, ErrAway, ErrNotFound and ErrExists
// where named. Ids are Paraph's own (blb_…), never chosen by users.
type Store interface {
	// Create starts an object. Nothing of it can be seen before Commit.
	// ErrExists, here or at Commit, where the id is taken.
	Create(ctx context.Context, id string) (Writer, error)
	// Open opens an object for reading. ErrNotFound.
	Open(ctx context.Context, id string) (Object, error)
	// Delete removes an object for good; one that is not there is no error.
	Delete(ctx context.Context, id string) error
	// List calls fn for the objects after the one named after, all with "", in an
	// order of the store's own that does not change. An object that comes or goes
	// meanwhile may be told or not. It ends with the first error of fn.
	List(ctx context.Context, after string, fn func(Info) error) error
	// Sweep removes what unfinished writers have left behind, as far as it was
	// last touched before the given time, and tells how many that were.
	Sweep(ctx context.Context, before time.Time) (int, error)
	// Probe writes, syncs and removes a few bytes: nil where the store can be written.
	Probe(ctx context.Context) error
}

// Writer takes the bytes of one object. Exactly one of Commit and Abort ends it;
// Abort after Commit does nothing, so it can be deferred.
type Writer interface {
	io.Writer
	// Commit makes the object visible. When it returns nil, bytes and name are
	// synced; when it fails, there is no object.
	Commit() error
	// Abort drops what was written.
	Abort() error
}

// Object is an object open for reading, safe for concurrent use.
type Object interface {
	io.ReaderAt
	io.Closer
	// Size gives its length at rest in bytes.
	Size() int64
}

// Info is an object in a list.
type Info struct {
	ID      string
	Size    int64     // at rest
	Written time.Time // when it was committed, as the store knows it
}

// CheckID refuses what is no object id: Internal, "bad_blob_id", since ids are
// our own.
func CheckID(s string) error {
	if !id.Valid(Prefix, s) {
		return fault.New(fault.Internal, "bad_blob_id", "%q is not the id of a stored file", s)
	}
	return nil
}

// Collect removes objects that no row names and that were written before the
// given time (an upload's row comes a moment after its object), and what
// unfinished writers have left behind. known asks the database. It tells how
// many objects it removed.
func Collect(ctx context.Context, s Store, before time.Time, known func(ctx context.Context, id string) (bool, error)) (int, error) {
	removed := 0
	err := s.List(ctx, "", func(o Info) error {
		if !o.Written.Before(before) {
			return nil
		}
		if named, err := known(ctx, o.ID); err != nil || named {
			return err
		}
		removed++
		return s.Delete(ctx, o.ID)
	})
	if err != nil {
		return removed, err
	}
	_, err = s.Sweep(ctx, before)
	return removed, err
}
