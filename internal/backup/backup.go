// Package backup is the form of a backup, in three parts that are kept apart:
//
//	TO/database/<name>/   one folder for each backup: the rows of every table at one
//	                      moment, a gzipped file of JSON lines each, and manifest.json
//	TO/blobs/             the files as they rest, encrypted; shared by all backups,
//	                      since a file never changes
//	TO/keys/paraph-keys.jsonl.gz
//	                      the keys of units and documents as they are now, and the key
//	                      files; replaced by each backup
//
// The form knows nothing of either database, so a backup of one restores into
// the other. What is personal in the rows of a document is sealed under the
// document's own key. So whoever has an old database part and the present keys
// part reads nothing of a document that was disposed of in between, except its
// tombstone; and the database part alone tells nothing personal of any.
//
// A line of a table is {"c":[…]} with the values of the clear columns, and
// "p":[…] with those of the personal ones; or "k" and "s", the id of the
// document's key and the personal values sealed by it (AES-256-GCM, base 64).
// The first line names the columns. The manifest holds the SHA-256 of each file
// and is written last: a folder without one is no backup.
package backup

import (
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/paraph/paraph/internal/durable"
	"github.com/paraph/paraph/internal/fault"
)

// Format names the form and its version.
const Format = "paraph-backup@v1"

// Names in a backup's folder.
const (
	databaseDir  = "database"
	blobsDir     = "blobs"
	keysPath     = "keys/paraph-keys.jsonl.gz"
	manifestName = "manifest.json"
	nameForm     = "20060102T150405.000Z"
)

// BlobsDir is the folder of files of the backups in dir.
func BlobsDir(dir string) string { return filepath.Join(dir, blobsDir) }

// KeysFile is where the keys part of the backups in dir lies unless told otherwise.
func KeysFile(dir string) string { return filepath.Join(dir, filepath.FromSlash(keysPath)) }

// Manifest says what a database part holds.
type Manifest struct {
	Format  string    `json:"format"`
	Name    string    `json:"name"`
	TakenAt time.Time `json:"taken_at"`
	Version string    `json:"version"` // of the program
	Log     Log       `json:"log"`
	Tables  []File    `json:"tables"`
	Blobs   int64     `json:"blobs"` // files that can be read
}

// Log is the head of the log at the moment of the backup.
type Log struct {
	Size       int64  `json:"size"`
	Root       string `json:"root"` // hex
	Checkpoint string `json:"checkpoint,omitempty"`
}

// File is one file of a part.
type File struct {
	Table  string `json:"table"`
	Name   string `json:"file"`
	Rows   int64  `json:"rows"`
	SHA256 string `json:"sha256"`
}

// damaged is fault Internal "backup_damaged".
func damaged(format string, args ...any) error {
	return fault.New(fault.Internal, "backup_damaged", "The backup is damaged: "+format+".", args...)
}

// lines writes a gzipped file of JSON lines.
type lines struct {
	f    *os.File
	buf  *bufio.Writer
	zip  *gzip.Writer
	sum  hash.Hash
	rows int64
}

func createLines(path string) (*lines, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	w := &lines{f: f, sum: sha256.New()}
	w.buf = bufio.NewWriterSize(io.MultiWriter(f, w.sum), 64<<10)
	w.zip, err = gzip.NewWriterLevel(w.buf, gzip.BestSpeed)
	return w, err
}

func (w *lines) write(v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.rows++
	_, err = w.zip.Write(append(raw, '\n'))
	return err
}

// end syncs the file and gives its digest.
func (w *lines) end() (string, error) {
	err := errors.Join(w.zip.Close(), w.buf.Flush(), w.f.Sync(), w.f.Close())
	return hex.EncodeToString(w.sum.Sum(nil)), err
}

func (w *lines) abort() { w.f.Close() }

// readLines calls fn for each line of a file.
func readLines(path string, fn func(raw json.RawMessage) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	zip, err := gzip.NewReader(bufio.NewReaderSize(f, 64<<10))
	if err != nil {
		return damaged("%s is not gzipped", filepath.Base(path))
	}
	dec := json.NewDecoder(zip)
	for {
		var raw json.RawMessage
		err := dec.Decode(&raw)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return damaged("%s cannot be read to its end (%v)", filepath.Base(path), err)
		}
		if err := fn(raw); err != nil {
			return err
		}
	}
}

// digest gives the SHA-256 of a file.
func digest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), err
}

// Newest finds the newest whole backup in dir. Fault NotFound "no_backup".
func Newest(dir string) (*Manifest, error) {
	all, err := os.ReadDir(filepath.Join(dir, databaseDir))
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	for _, e := range slices.Backward(all) {
		m, err := Open(dir, e.Name())
		if os.IsNotExist(err) {
			continue // it was broken off
		}
		return m, err
	}
	return nil, fault.New(fault.NotFound, "no_backup", "There is no whole backup in %s.", dir)
}

// brokenAfter is the age from which a folder without a manifest counts as what a
// backup has left that was broken off, rather than one that is being taken.
const brokenAfter = 24 * time.Hour

// sweep removes what backups have left that were broken off, and names it.
func sweep(dir string, now time.Time) (swept []string, err error) {
	all, err := os.ReadDir(filepath.Join(dir, databaseDir))
	if err != nil {
		return nil, err
	}
	for _, e := range all {
		begun, perr := time.Parse(nameForm, e.Name())
		_, serr := os.Stat(filepath.Join(dir, databaseDir, e.Name(), manifestName))
		if perr != nil || !os.IsNotExist(serr) || now.Sub(begun) < brokenAfter {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, databaseDir, e.Name())); err != nil {
			return swept, err
		}
		swept = append(swept, e.Name())
	}
	return swept, nil
}

// Open reads the manifest of the backup of that name in dir and checks every
// file of it. An fs error where there is none; fault Internal "backup_damaged".
func Open(dir, name string) (*Manifest, error) {
	folder := filepath.Join(dir, databaseDir, name)
	raw, err := os.ReadFile(filepath.Join(folder, manifestName))
	if err != nil {
		return nil, err
	}
	var m Manifest
	if err := json.Unmarshal(raw, &m); err != nil || m.Format != Format || m.Name != name {
		return nil, damaged("its manifest is not one of %s", Format)
	}
	for _, f := range m.Tables {
		sum, err := digest(filepath.Join(folder, filepath.Base(f.Name)))
		if err != nil {
			return nil, damaged("%v", err)
		}
		if sum != f.SHA256 {
			return nil, damaged("%s is not what was written", f.Name)
		}
	}
	return &m, nil
}

// keep writes the manifest: from now on the folder is a backup.
func (m *Manifest) keep(dir string) error {
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	folder := filepath.Join(dir, databaseDir, m.Name)
	if err := durable.SyncFolder(folder); err != nil {
		return err
	}
	if err := durable.Replace(filepath.Join(folder, manifestName), append(raw, '\n'), 0o600); err != nil {
		return err
	}
	return durable.SyncFolder(filepath.Dir(folder))
}

func short(what string, got, want int64) error {
	return damaged("%s: %d instead of %d", what, got, want)
}

func isThere(err error) bool { return errors.Is(err, fs.ErrExist) }
