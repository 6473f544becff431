package backup

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/paraph/paraph/internal/blob"
	"github.com/paraph/paraph/internal/blob/crypt"
	"github.com/paraph/paraph/internal/blob/disk"
	"github.com/paraph/paraph/internal/blob/vault"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/durable"
	"github.com/paraph/paraph/internal/failpoint"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store"
)

// loadBatch is how many rows are written in one transaction.
const loadBatch = 1000

// Target is the empty installation that a backup is loaded into.
type Target struct {
	Store   *store.Store
	Objects blob.Store
	Keys    blob.Keys // over Store and the master key
	// Jobs puts jobs of the queue's own form back into it.
	Jobs func(ctx context.Context, tx service.Tx, jobs []Job) error
}

// Job is a job of the queue that had not ended.
type Job struct {
	Kind, Queue           string
	Priority, MaxAttempts int
	Args, Metadata        json.RawMessage
	ScheduledAt           int64 // microseconds
}

// Loaded is what a restore brought back.
type Loaded struct {
	Rows     map[string]int64 `json:"rows"`
	Jobs     int64            `json:"jobs"`
	Blobs    int64            `json:"blobs"`
	Shredded int              `json:"shredded"` // documents disposed of after the backup was taken

	Disposed []document.Document `json:"-"` // those documents, for the journal
}

// WriteKeyFiles puts the key files of a keys part into a folder; those that are
// there already stay. It checks the part to its end.
func WriteKeyFiles(part, dir string) (written []string, err error) {
	if err := durable.MakeFolder(dir); err != nil {
		return nil, err
	}
	err = keyLines(part, func(l keysLine) error {
		if l.File == "" {
			return nil
		}
		name := filepath.Base(l.File)
		err := durable.Create(filepath.Join(dir, name), l.Content, 0o600)
		if err == nil {
			written = append(written, name)
		}
		if isThere(err) {
			err = nil
		}
		return err
	})
	return written, err
}

// CopyKeyFiles copies the key files of a folder that are missing in another;
// none where from is "".
func CopyKeyFiles(from, to string) error {
	if from == "" {
		return nil
	}
	all, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range all {
		if !e.Type().IsRegular() {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			return err
		}
		if err := durable.Create(filepath.Join(to, e.Name()), raw, 0o600); err != nil && !isThere(err) {
			return err
		}
	}
	return nil
}

type keysLine struct {
	Format  string `json:"format"`
	Table   string `json:"table"`
	Row     []any  `json:"row"`
	File    string `json:"file"`
	Content []byte `json:"content"`
	End     int64  `json:"end"`
}

// keyLines reads a keys part, which has to be whole.
func keyLines(part string, fn func(keysLine) error) error {
	n, whole := int64(0), false
	err := readLines(part, func(raw json.RawMessage) error {
		var l keysLine
		if err := decode(raw, &l); err != nil {
			return err
		}
		if n == 0 && l.Format != Format {
			return damaged("%s is no keys part of %s", filepath.Base(part), Format)
		}
		whole = l.End == n && n > 0
		n++
		return fn(l)
	})
	if err == nil && !whole {
		err = damaged("the keys part %s is cut off", filepath.Base(part))
	}
	return err
}

func decode(raw json.RawMessage, into any) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(into); err != nil {
		return damaged("a line is not of the form (%v)", err)
	}
	return nil
}

// Load brings the rows and files of a backup into the target: first the keys as
// the keys part has them, then every table, then the files, then the tree.
func Load(ctx context.Context, to Target, dir string, m *Manifest, part string, say func(string)) (*Loaded, error) {
	l := &loader{Target: to, folder: filepath.Join(dir, databaseDir, m.Name), out: &Loaded{Rows: map[string]int64{}}, open: map[string]*crypt.Box{}}
	say("keys")
	if err := l.keys(ctx, part); err != nil {
		return nil, err
	}
	for _, f := range m.Tables {
		say(f.Table)
		if err := l.file(ctx, f); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Table, err)
		}
		if err := failpoint.Hit(failpoint.RestoreTable); err != nil {
			return nil, err
		}
	}
	err := to.Store.Write(ctx, func(ctx context.Context, tx service.Tx) (err error) {
		l.out.Disposed, err = tx.(*store.Tx).Settle(ctx)
		l.out.Shredded = len(l.out.Disposed)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := l.files(ctx, dir, say); err != nil {
		return nil, err
	}
	say("tree")
	return l.out, l.tree(ctx)
}

type loader struct {
	Target
	folder string
	out    *Loaded
	open   map[string]*crypt.Box // by key id; nil: destroyed
	batch  [][]any
}

// keys loads the tables of the keys part.
func (l *loader) keys(ctx context.Context, part string) error {
	last := ""
	var t *store.Table
	flush := func() error { return l.flush(ctx, t) }
	err := keyLines(part, func(k keysLine) (err error) {
		if k.Table == "" {
			return nil
		}
		if k.Table != last {
			if err := flush(); err != nil {
				return err
			}
			if t, err = store.TableOf(k.Table); err != nil || !t.Secret {
				return damaged("the keys part holds a table %q", k.Table)
			}
			last = k.Table
		}
		row, err := values(t.Clear, k.Row)
		if err != nil {
			return err
		}
		return l.add(ctx, t, row)
	})
	if err != nil {
		return err
	}
	return flush()
}

// values brings a row's values back to their kinds.
func values(columns []store.Column, row []any) ([]any, error) {
	if len(row) != len(columns) {
		return nil, damaged("a row has %d values instead of %d", len(row), len(columns))
	}
	out := make([]any, len(row))
	for i, c := range columns {
		v, err := c.Decode(row[i])
		if err != nil {
			return nil, damaged("%v", err)
		}
		out[i] = v
	}
	return out, nil
}

func (l *loader) add(ctx context.Context, t *store.Table, row []any) error {
	l.batch = append(l.batch, row)
	if len(l.batch) < loadBatch {
		return nil
	}
	return l.flush(ctx, t)
}

func (l *loader) flush(ctx context.Context, t *store.Table) error {
	if len(l.batch) == 0 {
		return nil
	}
	err := l.Store.Write(ctx, func(ctx context.Context, tx service.Tx) error {
		rows := make([][]any, len(l.batch)) // Write may run this twice
		copy(rows, l.batch)
		return tx.(*store.Tx).Load(ctx, t, rows)
	})
	l.batch = nil
	return err
}

// file loads the file of one table.
func (l *loader) file(ctx context.Context, f File) error {
	path := filepath.Join(l.folder, filepath.Base(f.Name))
	if f.Table == store.JobTable.Name {
		return l.jobs(ctx, path, f)
	}
	t, err := store.TableOf(f.Table)
	if err != nil {
		return damaged("%v", err)
	}
	var h head
	n := int64(-1)
	err = readLines(path, func(raw json.RawMessage) error {
		n++
		if n == 0 {
			return decode(raw, &h)
		}
		var in line
		if err := decode(raw, &in); err != nil {
			return err
		}
		row, keep, err := l.row(ctx, t, &h, in)
		if err != nil || !keep {
			return err
		}
		l.out.Rows[t.Name]++
		return l.add(ctx, t, row)
	})
	if err != nil {
		return err
	}
	if n != f.Rows {
		return short("rows of "+f.Table, n, f.Rows)
	}
	return l.flush(ctx, t)
}

// row opens one row. keep is false for one that a disposal has deleted since.
func (l *loader) row(ctx context.Context, t *store.Table, h *head, in line) (row []any, keep bool, err error) {
	clear, err := arrange(t.Clear, h.Clear, in.Clear)
	if err != nil {
		return nil, false, err
	}
	personal := in.Personal
	if in.Sealed != "" {
		box, err := l.box(ctx, in.Key)
		if err != nil {
			return nil, false, err
		}
		if box == nil {
			for _, c := range t.Personal {
				clear = append(clear, c.Blank)
			}
			return clear, !t.Deleted, nil
		}
		if personal, err = unseal(box, t, clear, in.Sealed); err != nil {
			return nil, false, err
		}
	}
	rest, err := arrange(t.Personal, h.Personal, personal)
	return append(clear, rest...), true, err
}

func unseal(box *crypt.Box, t *store.Table, clear []any, sealed string) ([]any, error) {
	raw, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil {
		return nil, damaged("a sealed value is not base 64")
	}
	bound, err := boundRow(t, clear)
	if err != nil {
		return nil, err
	}
	plain, err := box.Open(raw, bound)
	if err != nil {
		return nil, damaged("a row of %s does not open under its key", t.Name)
	}
	var out []any
	err = decode(plain, &out)
	return out, err
}

// arrange brings the values under their names in the backup to the program's
// columns. A column that the backup is too old to have gets its blank.
func arrange(columns []store.Column, names []string, row []any) ([]any, error) {
	if len(names) != len(row) {
		return nil, damaged("a row has %d values instead of %d", len(row), len(names))
	}
	at := make(map[string]any, len(names))
	for i, n := range names {
		at[n] = row[i]
	}
	out := make([]any, len(columns))
	for i, c := range columns {
		v, there := at[c.Name]
		if !there {
			out[i] = c.Missing()
			continue
		}
		var err error
		if out[i], err = c.Decode(v); err != nil {
			return nil, damaged("%v", err)
		}
	}
	return out, nil
}

// box gives the box of a document's key, nil where the key was destroyed.
func (l *loader) box(ctx context.Context, keyID string) (*crypt.Box, error) {
	if box, known := l.open[keyID]; known {
		return box, nil
	}
	var key service.DocumentKey
	err := l.Store.Read(ctx, func(ctx context.Context, tx service.Reader) (err error) {
		key, err = tx.DocumentKeyByID(ctx, keyID)
		return err
	})
	if fault.KindOf(err) == fault.NotFound {
		return nil, damaged("the keys part does not hold the key %s: it belongs to another installation, or is older than the backup", keyID)
	}
	if err != nil {
		return nil, err
	}
	var box *crypt.Box
	if key.DestroyedAt.IsZero() {
		kek, err := l.Keys.ByID(ctx, key.KeyID)
		if err != nil {
			return nil, err
		}
		ring, err := blob.OpenDocumentKey(ctx, kek, vault.RowOf(key))
		if err != nil {
			return nil, err
		}
		box = crypt.NewBox(ring)
	}
	if len(l.open) >= 10_000 {
		clear(l.open)
	}
	l.open[keyID] = box
	return box, nil
}

// jobs puts the queue's unfinished work back. What was at work begins again.
func (l *loader) jobs(ctx context.Context, path string, f File) error {
	var all []Job
	n := int64(-1)
	err := readLines(path, func(raw json.RawMessage) error {
		if n++; n == 0 {
			return nil
		}
		var in line
		if err := decode(raw, &in); err != nil {
			return err
		}
		v, err := values(store.JobTable.Clear, in.Clear)
		if err != nil {
			return err
		}
		text := func(i int) string { s, _ := v[i].(string); return s }
		number := func(i int) int64 { n, _ := v[i].(int64); return n }
		all = append(all, Job{Kind: text(0), Queue: text(1), Priority: int(number(2)), MaxAttempts: int(number(3)),
			Args: json.RawMessage(text(4)), Metadata: json.RawMessage(text(5)), ScheduledAt: number(6)})
		return nil
	})
	if err != nil {
		return err
	}
	if n != f.Rows {
		return short("jobs", n, f.Rows)
	}
	l.out.Jobs = n
	if len(all) == 0 {
		return nil
	}
	return l.Store.Write(ctx, func(ctx context.Context, tx service.Tx) error { return l.Jobs(ctx, tx, all) })
}

// files copies every file that a row names and whose key is there.
func (l *loader) files(ctx context.Context, dir string, say func(string)) error {
	from, err := disk.Open(BlobsDir(dir))
	if err != nil {
		return err
	}
	var ids []string
	err = l.Store.Read(ctx, func(ctx context.Context, tx service.Reader) error {
		return tx.(*store.Reader).EachBlob(ctx, func(id string) error {
			ids = append(ids, id)
			return nil
		})
	})
	if err != nil {
		return err
	}
	for i, id := range ids {
		if i%1000 == 0 {
			say(fmt.Sprintf("files: %d of %d", i, len(ids)))
		}
		if _, err := copyBlob(ctx, from, l.Objects, id); err != nil {
			return fmt.Errorf("file %s: %w", id, err)
		}
		l.out.Blobs++
		if err := failpoint.Hit(failpoint.RestoreFile); err != nil {
			return err
		}
	}
	return nil
}

// treeBatch is how many leaves are hashed at a time.
const treeBatch = 4096

// tree makes the hashes of the tree from the leaves.
func (l *loader) tree(ctx context.Context) error {
	var tree journal.Tree
	for {
		from := tree.Head().Size
		var leaves [][]byte
		err := l.Store.Read(ctx, func(ctx context.Context, tx service.Reader) (err error) {
			leaves, err = tx.Leaves(ctx, from, from+treeBatch)
			return err
		})
		if err != nil || len(leaves) == 0 {
			return err
		}
		grown, hashes := tree.Append(leaves...)
		stored := make(map[int64][32]byte, len(hashes))
		for _, h := range hashes {
			stored[h.Pos] = h.Hash
		}
		err = l.Store.Write(ctx, func(ctx context.Context, tx service.Tx) error { return tx.(*store.Tx).StoreHashes(ctx, stored) })
		if err == nil {
			err = failpoint.Hit(failpoint.RestoreTree)
		}
		if err != nil {
			return err
		}
		tree = grown
	}
}
