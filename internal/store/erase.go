package store

import (
	"context"
	"strings"
)

// place is a way to find the rows of a document, written so that an index
// serves it. Its arguments are org and document, in the order of the letters of
// takes: o and d.
type place struct{ where, takes string }

func (p place) args(org, documentID string) []any {
	var out []any
	for _, c := range p.takes {
		if c == 'o' {
			out = append(out, org)
		} else {
			out = append(out, documentID)
		}
	}
	return out
}

// places of tables that do not say the document in a column of every row.
var places = map[string][]place{
	"link":      {{"org = ? AND envelope_id IN (SELECT id FROM envelope WHERE org = ? AND document_id = ?)", "ood"}},
	"blob":      {{"org = ? AND key_id IN (SELECT id FROM document_key WHERE org = ? AND document_id = ?)", "ood"}},
	"kept_page": {{"org = ? AND operation_id IN (SELECT id FROM operation WHERE org = ? AND document_id = ?)", "ood"}},
	"attempt": {
		{"idx IN (SELECT idx FROM entry WHERE org || '' = ? AND document_id = ? AND document_id <> '')", "od"},
		{`idx IN (SELECT idx FROM entry WHERE org || '' = ? AND subject_id IN (SELECT id FROM envelope WHERE org = ? AND document_id = ?)
			AND subject_id <> document_id AND document_id = '')`, "ood"},
	},
	"idempotency": {{"document_id = ? AND document_id <> ''", "d"}},
	"entry": {
		{"org || '' = ? AND document_id = ? AND document_id <> ''", "od"},
		// Those about its envelopes beside its chain.
		{`org || '' = ? AND subject_id IN (SELECT id FROM envelope WHERE org = ? AND document_id = ?)
			AND subject_id <> document_id AND document_id = ''`, "ood"},
	},
}

// erasures are the statements of a disposal, made of Tables.
var erasures = func() (out []erasure) {
	for _, t := range Tables {
		if t.Of == "" || t.Name == "document" || len(t.Personal) == 0 {
			continue
		}
		at := places[t.Name]
		if at == nil {
			at = []place{{"org = ? AND document_id = ?", "od"}}
		}
		head, blanks := blanking(&t)
		for _, p := range at {
			out = append(out, erasure{head + " WHERE " + p.where, blanks, p})
		}
	}
	return out
}()

type erasure struct {
	sql    string
	blanks []any
	at     place
}

// blanking writes what a disposal does to a table's rows.
func blanking(t *Table) (string, []any) {
	if t.Deleted {
		return "DELETE FROM " + t.Name, nil
	}
	var set []string
	var blanks []any
	for _, c := range t.Personal {
		set, blanks = append(set, c.Name+" = ?"), append(blanks, c.Blank)
	}
	if t.Name == "idempotency" {
		set = append(set, "secret = true") // a repetition is told that the result is not kept
	}
	return "UPDATE " + t.Name + " SET " + strings.Join(set, ", "), blanks
}

// Erase implements service.Tx.
func (t *Tx) Erase(ctx context.Context, org, documentID string) error {
	// Files of a process of the version before may lie under the unit's key still:
	// they are counted to the document's key, whose end is theirs.
	_, err := exec(ctx, t.c, `UPDATE blob SET key_id = COALESCE((SELECT id FROM document_key WHERE org = ? AND document_id = ?), key_id),
		data_key = NULL, destroyed_at = ? WHERE org = ? AND id IN (
		SELECT blob FROM version WHERE org = ? AND document_id = ? UNION
		SELECT blob FROM page WHERE org = ? AND document_id = ? UNION
		SELECT package FROM archive_record WHERE org = ? AND document_id = ? UNION
		SELECT package FROM archive_addition WHERE org = ? AND document_id = ?)`,
		org, documentID, t.now, org, org, documentID, org, documentID, org, documentID, org, documentID)
	if err != nil {
		return err
	}
	if _, err := exec(ctx, t.c, "UPDATE document_key SET wrapped = NULL, destroyed_at = ? WHERE org = ? AND document_id = ? AND destroyed_at IS NULL",
		t.now, org, documentID); err != nil {
		return err
	}
	for _, e := range erasures {
		args := append(append([]any{}, e.blanks...), e.at.args(org, documentID)...)
		if _, err := exec(ctx, t.c, e.sql, args...); err != nil {
			return err
		}
	}
	return nil
}

// BlobsUnder implements service.Reader.
func (r *Reader) BlobsUnder(ctx context.Context, org, documentID string) ([]string, error) {
	return list(ctx, r.c, scanString, `SELECT b.id FROM blob b WHERE b.org = ? AND b.key_id IN
		(SELECT k.id FROM document_key k WHERE k.org = ? AND k.document_id = ?) ORDER BY b.id`, org, org, documentID)
}

// Scrub takes what was deleted out of the database's files too, as far as it
// can: on SQLite the full-text indexes are merged without it, and the log of writes is
// emptied (pages themselves are zeroed when something is deleted); on PostgreSQL the old rows of the key table are
// vacuumed, where this user may. Fault Unavailable "store_unavailable" while a
// long read stands in the way.
func (s *Store) Scrub(ctx context.Context) error { return mapped(s.scrub(ctx)) }
