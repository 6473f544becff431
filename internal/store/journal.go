package store

import (
	"context"
	"strings"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
)

var (
	entryColumns = []string{"id", "idx", "org", "unit", "kind", "subject_type", "subject_id", "document_id", "doc_version",
		"doc_seq", "at", "actor_kind", "actor_id", "principal", "on_behalf_of", "peer", "forwarded", "user_agent",
		"request_id", "digests", "data", "trace", "salt", "prev_leaf", "leaf"}
	insertEntry = insertInto("entry", entryColumns, 1, unlessInChain)
)

// unlessInChain: a document's chain has no two entries of one place.
const unlessInChain = "ON CONFLICT (document_id, doc_seq) WHERE document_id <> '' DO NOTHING"

// Entry implements service.Reader.
func (r *Reader) Entry(ctx context.Context, org, id string) (journal.Entry, error) {
	found, err := readRows(ctx, r.c, &entryReading{}, 1, "WHERE e.id = ? AND e.org = ?", []any{id, org})
	if err == nil && len(found) == 0 {
		err = access.NotFound()
	}
	if err != nil {
		return journal.Entry{}, err
	}
	return found[0], nil
}

// Entries implements service.Reader.
func (r *Reader) Entries(ctx context.Context, f service.EntryFilter) ([]journal.Entry, error) {
	org, idx := "e.org", "e.idx"
	if f.DocumentID != "" || f.SubjectID != "" {
		// Few entries are asked for. Written like this, the index of the whole
		// organisation's log cannot be taken, which would read all of it.
		org, idx = "e.org || ''", "e.idx + 0"
	}
	var w where
	w.add(org+" = ?", f.Org)
	w.add(idx+" >= ?", max(f.From, 0))
	w.within("e.unit", f.Units, "")
	if f.DocumentID != "" {
		w.add("e.document_id = ? AND e.document_id <> ''", f.DocumentID)
	}
	if f.SubjectID != "" {
		// Entries about something beside a document, and those about a document
		// itself: each has its index.
		w.add("((e.subject_id = ? AND e.subject_id <> e.document_id) OR (e.document_id = ? AND e.document_id <> '' AND e.subject_id = e.document_id))", f.SubjectID, f.SubjectID)
	}
	if len(f.Kinds) > 0 {
		w.add(kindIs(f.Kinds))
		w.args = append(w.args, kindArgs(f.Kinds)...)
	}
	if f.PublicOnly {
		w.in("e.kind", publicKinds)
	}
	return readRows(ctx, r.c, &entryReading{}, f.Limit, w.clause(idx, f.Limit), w.args)
}

var publicKinds = func() []string {
	var out []string
	for _, k := range journal.Kinds {
		if k.Public {
			out = append(out, string(k.Kind))
		}
	}
	return out
}()

// kindIs matches exact kinds and prefixes: "document.*" is everything from
// "document." up to, but without, "document/", the next text in byte order.
func kindIs(kinds []string) string {
	either := make([]string, len(kinds))
	for i, k := range kinds {
		either[i] = "e.kind = ?"
		if strings.HasSuffix(k, ".*") {
			either[i] = "(e.kind >= ? AND e.kind < ?)"
		}
	}
	return "(" + strings.Join(either, " OR ") + ")"
}

func kindArgs(kinds []string) []any {
	var args []any
	for _, k := range kinds {
		if stem, ok := strings.CutSuffix(k, ".*"); ok {
			args = append(args, stem+".", stem+"/")
			continue
		}
		args = append(args, k)
	}
	return args
}

// EntriesFrom implements service.Reader.
func (r *Reader) EntriesFrom(ctx context.Context, from int64, limit int) ([]journal.Entry, error) {
	return readRows(ctx, r.c, &entryReading{}, limit, "WHERE e.idx >= ? ORDER BY e.idx LIMIT ?", []any{max(from, 0), limit})
}

// EntriesOf implements service.Reader.
func (r *Reader) EntriesOf(ctx context.Context, from, to int64, kinds []journal.Kind) ([]journal.Entry, error) {
	args := []any{from, to}
	for _, k := range kinds {
		args = append(args, string(k))
	}
	return readRows(ctx, r.c, &entryReading{}, int(to-from), "WHERE e.idx >= ? AND e.idx < ? AND e.kind IN ("+marks(len(kinds))+") ORDER BY e.idx", args)
}

func scanHead(s scanner) (h service.LogHead, err error) {
	err = s.Scan(&h.Size, fixed{&h.Root}, &h.Epoch, &h.Checkpoint)
	return
}

// LogHead implements service.Reader. The root of an empty log is that of the empty tree.
func (r *Reader) LogHead(ctx context.Context) (service.LogHead, error) {
	return one(ctx, r.c, scanHead, `SELECT h.size, h.root, h.epoch,
		COALESCE((SELECT c.note FROM checkpoint c ORDER BY c.size DESC LIMIT 1), '') FROM log_head h`)
}

// Leaves implements service.Reader. Fewer than asked are those the log has.
func (r *Reader) Leaves(ctx context.Context, from, to int64) ([][]byte, error) {
	return list(ctx, r.c, scanBytes, "SELECT leaf FROM entry WHERE idx >= ? AND idx < ? ORDER BY idx", from, to)
}

// InsertEntry implements service.Tx. Fault Conflict "stale" where the document
// has another entry of the same place in its chain.
func (t *Tx) InsertEntry(ctx context.Context, e journal.Entry) error {
	if t.proposal != nil {
		fresh, err := newFresh(e)
		t.proposal.entries = append(t.proposal.entries, fresh)
		t.proposal.changes("entry")
		return err
	}
	ok, err := change(ctx, t.c, 1, insertEntry, entryRow(e)...)
	if err == nil && !ok {
		return stale()
	}
	t.entries = t.entries || err == nil
	return err
}

// entryRow gives the values of entryColumns, without a number.
func entryRow(e journal.Entry) []any {
	digests := e.Digests
	if digests == nil {
		digests = map[string]string{}
	}
	return []any{e.ID, nil, e.Org, e.Unit, string(e.Kind), e.SubjectType, e.SubjectID, e.DocumentID, e.DocVersion,
		e.DocSeq, e.At, string(e.Actor.Kind), e.Actor.ID, e.Actor.Principal, e.Actor.OnBehalfOf, e.Source.Peer,
		e.Source.Forwarded, e.Source.UserAgent, e.Source.RequestID, encode(digests), raw(e.Data), e.Trace,
		e.Salt[:], e.PrevLeaf[:], e.Leaf}
}
