package store

import (
	"context"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/service"
)

// Empty tells whether nothing was ever kept in the database.
func (r *Reader) Empty(ctx context.Context) (bool, error) {
	some, err := exists(ctx, r.c, `SELECT 1 WHERE EXISTS (SELECT 1 FROM organisation) OR EXISTS (SELECT 1 FROM document)
		OR EXISTS (SELECT 1 FROM entry) OR EXISTS (SELECT 1 FROM unit_key) OR EXISTS (SELECT 1 FROM setting)`)
	return !some, err
}

// Load writes rows of a backup, their values in the order of the table's
// columns. Pages are put into the search index as any new page is.
func (t *Tx) Load(ctx context.Context, to *Table, rows [][]any) error {
	columns := names(to.Columns())
	switch to.Name {
	case "page":
		columns = append(columns, "folded")
		for i, r := range rows {
			text, _ := r[len(r)-1].(string)
			rows[i] = append(r, fold(text))
		}
	case "log_head":
		if _, err := exec(ctx, t.c, "DELETE FROM log_head"); err != nil {
			return err
		}
	}
	_, err := insertRows(ctx, t.c, to.Name, columns, "", rows)
	return err
}

// StoreHashes writes hashes of the tree.
func (t *Tx) StoreHashes(ctx context.Context, hashes map[int64][32]byte) error {
	return t.storeHashes(ctx, hashes)
}

// Settle brings what was loaded to rest: nobody works any more on what was in
// work, or on documents whose key was destroyed since the backup was taken. It
// gives those documents, whose journal does not say so yet.
func (t *Tx) Settle(ctx context.Context) ([]document.Document, error) {
	const buried = "(SELECT k.document_id FROM document_key k WHERE k.destroyed_at IS NOT NULL)"
	for _, sql := range []string{
		"UPDATE backlog SET holder = ''",
		"UPDATE lease SET until = 0",
		"DELETE FROM backlog WHERE document_id IN " + buried + " AND kind <> 'dispose'",
		"UPDATE operation SET state = 'failed', code = 'superseded', retryable = FALSE WHERE state IN ('pending', 'running') AND kind <> 'dispose' AND document_id IN " + buried,
		"UPDATE envelope SET state = 'voided' WHERE state NOT IN ('completed', 'declined', 'voided', 'expired') AND document_id IN " + buried,
		"UPDATE approval SET state = 'cancelled' WHERE state = 'open' AND document_id IN " + buried,
		"UPDATE task SET state = 'cancelled' WHERE state = 'open' AND document_id IN " + buried,
		"UPDATE idempotency SET secret = TRUE WHERE result IS NULL AND document_id IN " + buried,
		"UPDATE blob SET destroyed_at = (SELECT k.destroyed_at FROM document_key k WHERE k.id = blob.key_id) WHERE destroyed_at IS NULL AND key_id IN (SELECT k.id FROM document_key k WHERE k.destroyed_at IS NOT NULL)",
		// Keys of documents that are younger than the backup.
		"DELETE FROM document_key WHERE document_id NOT IN (SELECT id FROM document)",
	} {
		if _, err := exec(ctx, t.c, sql); err != nil {
			return nil, err
		}
	}
	return list(ctx, t.c, scanDocument, selectDocument+"WHERE d.state <> 'disposed' AND d.id IN "+buried+" ORDER BY d.id")
}

// EachBlob calls fn for every file that can still be read, by id.
func (r *Reader) EachBlob(ctx context.Context, fn func(id string) error) error {
	return r.ids(ctx, "SELECT id FROM blob WHERE destroyed_at IS NULL ORDER BY id", fn)
}

// EachDestroyed calls fn for every file whose key was destroyed, by id.
func (r *Reader) EachDestroyed(ctx context.Context, fn func(id string) error) error {
	return r.ids(ctx, "SELECT id FROM blob WHERE destroyed_at IS NOT NULL ORDER BY id", fn)
}

func (r *Reader) ids(ctx context.Context, query string, fn func(string) error) error {
	found, err := r.c.query(ctx, query, nil)
	if err != nil {
		return err
	}
	defer found.Close()
	for found.Next() {
		var id string
		if err := found.Scan(&id); err != nil {
			return err
		}
		if err := fn(id); err != nil {
			return err
		}
	}
	return found.Err()
}

// EachBlobRow calls fn for the row of every file that can still be read.
func (r *Reader) EachBlobRow(ctx context.Context, fn func(service.Blob) error) error {
	found, err := r.c.query(ctx, selectBlob+"WHERE b.destroyed_at IS NULL ORDER BY b.id", nil)
	if err != nil {
		return err
	}
	defer found.Close()
	for found.Next() {
		b, err := scanBlob(found)
		if err != nil {
			return err
		}
		if err := fn(b); err != nil {
			return err
		}
	}
	return found.Err()
}
