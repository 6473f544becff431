package backup

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/blob"
	"github.com/paraph/paraph/internal/blob/crypt"
	"github.com/paraph/paraph/internal/blob/disk"
	"github.com/paraph/paraph/internal/blob/vault"
	"github.com/paraph/paraph/internal/durable"
	"github.com/paraph/paraph/internal/failpoint"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store"
)

// Source is what is backed up. A server may be running on it.
type Source struct {
	Store   *store.Store
	Objects blob.Store
	Keys    blob.Keys
	KeyDir  string // folder of the key files
	Version string
}

// Where says where the parts go.
type Where struct {
	To       string
	Keys     string // file of the keys part; "": in To
	KeyFiles bool   // put the key files into the keys part
}

// Report is what a backup did.
type Report struct {
	Manifest
	Copied       int64         `json:"blobs_copied"`
	CopiedBytes  int64         `json:"blobs_copied_bytes"`
	Dropped      int64         `json:"blobs_dropped"`   // of documents disposed of
	Swept        []string      `json:"swept,omitempty"` // what backups that were broken off have left
	DocumentKeys int64         `json:"document_keys"`
	KeyFiles     []string      `json:"key_files"`
	KeysPart     string        `json:"keys_part"`
	Took         time.Duration `json:"took_ns"`
}

// Take makes a backup: the rows of one moment, then the files that they name,
// then the keys as they are by then. Until the manifest is there, which comes
// last, there is no new backup, and the earlier ones are as they were.
func Take(ctx context.Context, s Source, w Where, now time.Time, say func(string)) (*Report, error) {
	r := &Report{Manifest: Manifest{Format: Format, Name: now.UTC().Format(nameForm), TakenAt: now.UTC(), Version: s.Version}}
	folder := filepath.Join(w.To, databaseDir, r.Name)
	if err := durable.MakeFolder(folder); err != nil {
		return nil, err
	}
	var named []string
	err := s.Store.Read(ctx, func(ctx context.Context, tx service.Reader) (err error) {
		named, err = r.rows(ctx, tx.(*store.Reader), s.Keys, folder, say)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := r.blobs(ctx, s, w.To, named, say); err != nil {
		return nil, err
	}
	say("keys")
	if r.KeysPart = w.Keys; r.KeysPart == "" {
		r.KeysPart = KeysFile(w.To)
	}
	if err := r.keys(ctx, s, w.KeyFiles); err != nil {
		return nil, err
	}
	if err := failpoint.Hit(failpoint.BackupManifest); err != nil {
		return nil, err
	}
	if err := r.keep(w.To); err != nil {
		return nil, err
	}
	if r.Swept, err = sweep(w.To, now); err != nil {
		return nil, err
	}
	r.Took = time.Since(now)
	return r, nil
}

// rows writes every table of the snapshot, and gives the files that it names.
func (r *Report) rows(ctx context.Context, tx *store.Reader, keys blob.Keys, folder string, say func(string)) (named []string, err error) {
	waiting, err := tx.Unkeyed(ctx, nil, 1)
	if err != nil {
		return nil, err
	}
	if len(waiting) > 0 {
		return nil, fault.New(fault.Unavailable, "store_unavailable", "Documents from before this version have no keys of their own yet. Start the server once; it gives them some. Then back up.")
	}
	head, err := tx.LogHead(ctx)
	if err != nil {
		return nil, err
	}
	r.Log = Log{Size: head.Size, Root: hex.EncodeToString(head.Root[:]), Checkpoint: head.Checkpoint}
	for i := range store.Tables {
		t := &store.Tables[i]
		if t.Secret {
			continue
		}
		say(t.Name)
		if err := r.table(folder, t, func(fn func(store.Row) error) error { return tx.EachRow(ctx, t, fn) }, &sealer{ctx: ctx, keys: keys, table: t}); err != nil {
			return nil, fmt.Errorf("%s: %w", t.Name, err)
		}
	}
	if err := r.table(folder, &store.JobTable, func(fn func(store.Row) error) error { return tx.EachJob(ctx, fn) }, &sealer{}); err != nil {
		return nil, err
	}
	err = tx.EachBlob(ctx, func(id string) error {
		named = append(named, id)
		return nil
	})
	r.Blobs = int64(len(named))
	return named, err
}

// head is the first line of a table.
type head struct {
	Table    string   `json:"table"`
	Clear    []string `json:"clear"`
	Personal []string `json:"personal,omitempty"`
}

// line is one row.
type line struct {
	Clear    []any  `json:"c"`
	Personal []any  `json:"p,omitempty"`
	Key      string `json:"k,omitempty"`
	Sealed   string `json:"s,omitempty"`
}

func headOf(t *store.Table) head {
	h := head{Table: t.Name}
	for _, c := range t.Clear {
		h.Clear = append(h.Clear, c.Name)
	}
	for _, c := range t.Personal {
		h.Personal = append(h.Personal, c.Name)
	}
	return h
}

func (r *Report) table(folder string, t *store.Table, each func(func(store.Row) error) error, s *sealer) error {
	f := File{Table: t.Name, Name: t.Name + ".jsonl.gz"}
	w, err := createLines(filepath.Join(folder, f.Name))
	if err != nil {
		return err
	}
	defer w.abort()
	if err := w.write(headOf(t)); err != nil {
		return err
	}
	err = each(func(row store.Row) error {
		l, err := s.line(row)
		if err != nil {
			return err
		}
		return w.write(l)
	})
	if err != nil {
		return err
	}
	f.Rows = w.rows - 1
	if f.SHA256, err = w.end(); err != nil {
		return err
	}
	r.Tables = append(r.Tables, f)
	return failpoint.Hit(failpoint.BackupTable)
}

// sealer seals the personal part of rows. Rows of one document often come
// together, so the last key is kept open.
type sealer struct {
	ctx   context.Context
	keys  blob.Keys
	table *store.Table
	last  string
	box   *crypt.Box
}

func (s *sealer) line(row store.Row) (line, error) {
	l := line{Clear: row.Clear}
	if row.Key == nil || !row.Key.DestroyedAt.IsZero() || len(row.Personal) == 0 {
		l.Personal = row.Personal
		return l, nil
	}
	if s.last != row.Key.ID {
		kek, err := s.keys.ByID(s.ctx, row.Key.KeyID)
		if err != nil {
			return l, err
		}
		ring, err := blob.OpenDocumentKey(s.ctx, kek, vault.RowOf(*row.Key))
		if err != nil {
			return l, err
		}
		s.last, s.box = row.Key.ID, crypt.NewBox(ring)
	}
	plain, err := json.Marshal(row.Personal)
	if err != nil {
		return l, err
	}
	bound, err := boundRow(s.table, row.Clear)
	if err != nil {
		return l, err
	}
	sealed, err := s.box.Seal(plain, bound)
	l.Key, l.Sealed = row.Key.ID, base64.StdEncoding.EncodeToString(sealed)
	return l, err
}

// boundRow ties what is sealed to its row, so that it opens in no other.
func boundRow(t *store.Table, clear []any) ([]byte, error) {
	parts := []any{"backup row", t.Name}
	for i, c := range t.Clear {
		for _, k := range t.Key {
			if c.Name == k {
				parts = append(parts, clear[i])
			}
		}
	}
	return json.Marshal(parts)
}

// blobs copies the files that are not there yet, and drops those whose key was
// destroyed since.
func (r *Report) blobs(ctx context.Context, s Source, to string, named []string, say func(string)) error {
	target, err := disk.Open(BlobsDir(to))
	if err != nil {
		return err
	}
	for i, id := range named {
		if i%1000 == 0 {
			say(fmt.Sprintf("files: %d of %d", i, len(named)))
		}
		n, err := copyBlob(ctx, s.Objects, target, id)
		if fault.KindOf(err) == fault.NotFound {
			// A document that was disposed of since the rows were read.
			if gone, gerr := destroyed(ctx, s.Store, id); gerr == nil && gone {
				r.Blobs--
				continue
			}
		}
		if err != nil {
			return fmt.Errorf("file %s: %w", id, err)
		}
		if n > 0 {
			r.Copied, r.CopiedBytes = r.Copied+1, r.CopiedBytes+n
		}
		if err := failpoint.Hit(failpoint.BackupFile); err != nil {
			return err
		}
	}
	return s.Store.Read(ctx, func(ctx context.Context, tx service.Reader) error {
		return tx.(*store.Reader).EachDestroyed(ctx, func(id string) error {
			o, err := target.Open(ctx, id)
			if fault.KindOf(err) == fault.NotFound {
				return nil
			}
			if err != nil {
				return err
			}
			o.Close()
			r.Dropped++
			return target.Delete(ctx, id)
		})
	})
}

func destroyed(ctx context.Context, db *store.Store, id string) (gone bool, err error) {
	err = db.Read(ctx, func(ctx context.Context, tx service.Reader) error {
		return tx.(*store.Reader).EachDestroyed(ctx, func(other string) error {
			gone = gone || other == id
			return nil
		})
	})
	return gone, err
}

// copyBlob copies one object as it rests, unless it is there in the same size.
func copyBlob(ctx context.Context, from, to blob.Store, id string) (int64, error) {
	src, err := from.Open(ctx, id)
	if err != nil {
		return 0, err
	}
	defer src.Close()
	if there, err := to.Open(ctx, id); err == nil {
		same := there.Size() == src.Size()
		there.Close()
		if same {
			return 0, nil
		}
		if err := to.Delete(ctx, id); err != nil {
			return 0, err
		}
	}
	w, err := to.Create(ctx, id)
	if err != nil {
		return 0, err
	}
	defer w.Abort()
	buf := make([]byte, 256<<10)
	for at := int64(0); at < src.Size(); {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		n, err := src.ReadAt(buf[:min(int64(len(buf)), src.Size()-at)], at)
		if n == 0 && err != nil {
			return 0, err
		}
		if _, err := w.Write(buf[:n]); err != nil {
			return 0, err
		}
		at += int64(n)
	}
	return src.Size(), w.Commit()
}

// keyFile is a key file inside the keys part.
type keyFile struct {
	File    string `json:"file"`
	Content []byte `json:"content"`
}

// keys writes the keys part anew and puts it in the place of the one before.
func (r *Report) keys(ctx context.Context, s Source, files bool) error {
	if err := durable.MakeFolder(filepath.Dir(r.KeysPart)); err != nil {
		return err
	}
	temp := r.KeysPart + ".new"
	w, err := createLines(temp)
	if err != nil {
		return err
	}
	defer w.abort()
	if err := w.write(map[string]string{"format": Format}); err != nil {
		return err
	}
	err = s.Store.Read(ctx, func(ctx context.Context, tx service.Reader) error {
		for i := range store.Tables {
			t := &store.Tables[i]
			if !t.Secret {
				continue
			}
			err := tx.(*store.Reader).EachRow(ctx, t, func(row store.Row) error {
				if t.Name == "document_key" {
					r.DocumentKeys++
				}
				return w.write(map[string]any{"table": t.Name, "row": row.Clear})
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && files {
		err = r.keyFiles(w, s.KeyDir)
	}
	if err == nil {
		err = w.write(map[string]int64{"end": w.rows})
	}
	if err != nil {
		return err
	}
	if _, err := w.end(); err != nil {
		return err
	}
	if err := failpoint.Hit(failpoint.BackupKeys); err != nil {
		return err
	}
	if err := os.Rename(temp, r.KeysPart); err != nil {
		return err
	}
	return durable.SyncFolder(filepath.Dir(r.KeysPart))
}

func (r *Report) keyFiles(w *lines, dir string) error {
	all, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range all {
		if !e.Type().IsRegular() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		r.KeyFiles = append(r.KeyFiles, e.Name())
		if err := w.write(keyFile{e.Name(), raw}); err != nil {
			return err
		}
	}
	return nil
}
