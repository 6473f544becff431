package store

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/paraph/paraph/internal/service"
)

// waiting is an entry that waits, with its place in its document's chain.
type waiting struct {
	service.PendingEntry
	document string
	seq      int64
}

func scanPending(s scanner) (p waiting, err error) {
	err = s.Scan(&p.ID, &p.Leaf, &p.document, &p.seq)
	return
}

// Unnumbered implements service.Tx. An entry whose transaction committed late is
// found like any other: what has no index is asked for, not what is newer.
func (t *Tx) Unnumbered(ctx context.Context, limit int) ([]service.PendingEntry, error) {
	rows, err := list(ctx, t.c, scanPending, "SELECT id, leaf, document_id, doc_seq FROM entry WHERE idx IS NULL ORDER BY id LIMIT ?", limit)
	if err != nil {
		return nil, err
	}
	for _, e := range t.fresh {
		if len(rows) < limit {
			rows = append(rows, e.waiting)
		}
	}
	inChain(rows)
	var out []service.PendingEntry
	for _, p := range rows {
		out = append(out, p.PendingEntry)
	}
	return out, nil
}

// inChain puts the entries of each document into the order of its chain, in the
// places they have together. Ids alone do not have that order: two commands may
// fall into one millisecond, and the clocks of two processes differ.
func inChain(rows []waiting) {
	places := map[string][]int{}
	for i, p := range rows {
		if p.document != "" {
			places[p.document] = append(places[p.document], i)
		}
	}
	for _, at := range places {
		chain := make([]waiting, len(at))
		for i, place := range at {
			chain[i] = rows[place]
		}
		slices.SortFunc(chain, func(a, b waiting) int { return cmp.Compare(a.seq, b.seq) })
		for i, place := range at {
			rows[place] = chain[i]
		}
	}
}

// moveHead moves the head of the log, for the holder of the lease only. lock
// makes the lease stay what it is until the transaction ends. A log that nobody
// ever leased, as tools and tests fill it, may be moved by anybody.
func moveHead(lock string) string {
	return "WITH leader AS (SELECT holder, epoch FROM lease WHERE name = ?" + lock + `)
		UPDATE log_head SET size = ?, root = ?, epoch = ? WHERE size = ? AND epoch <= ?
		AND NOT EXISTS (SELECT 1 FROM leader WHERE holder <> ? OR epoch <> ?)`
}

// Number implements service.Tx. An entry that is numbered already, or not there,
// is Conflict "stale" too: the caller's view of the log is not the log's.
func (t *Tx) Number(ctx context.Context, n service.Numbering) error {
	size := n.First + int64(len(n.IDs))
	moved, err := exec(ctx, t.c, moveHead(t.c.dialect().lock),
		service.LeaseSequencer, size, n.Root[:], n.Epoch, n.First, n.Epoch, n.Holder, n.Epoch)
	if err != nil {
		return err
	}
	if moved != 1 {
		return stale()
	}
	if err := t.giveIndexes(ctx, n); err != nil {
		return err
	}
	if err := t.storeHashes(ctx, n.Hashes); err != nil {
		return err
	}
	_, err = exec(ctx, t.c, `INSERT INTO checkpoint (size, root, epoch, note, at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (size) DO UPDATE SET root = excluded.root, epoch = excluded.epoch, note = excluded.note, at = excluded.at`,
		size, n.Root[:], n.Epoch, n.Note, t.now)
	return err
}

// giveIndexes numbers entries that stand in the table, and writes the fresh ones
// with their numbers.
func (t *Tx) giveIndexes(ctx context.Context, n service.Numbering) error {
	if len(t.fresh) > 0 {
		return t.numberFresh(ctx, n)
	}
	if !t.c.dialect().updateMany {
		for i, id := range n.IDs {
			if ok, err := change(ctx, t.c, 1, giveIndex, n.First+int64(i), id); err != nil || !ok {
				return cmp.Or(err, stale())
			}
		}
		return nil
	}
	return chunks(len(n.IDs), func(from, to int) error {
		args := make([]any, 0, 2*(to-from))
		for i := from; i < to; i++ {
			args = append(args, n.IDs[i], n.First+int64(i))
		}
		done, err := exec(ctx, t.c, numberEntries(to-from), args...)
		if err == nil && done != int64(to-from) {
			return stale()
		}
		return err
	})
}

// numberFresh is giveIndexes where some of the entries are not written yet.
func (t *Tx) numberFresh(ctx context.Context, n service.Numbering) error {
	place := make(map[string]int64, len(n.IDs))
	for i, id := range n.IDs {
		place[id] = n.First + int64(i)
	}
	var left []freshEntry
	for _, e := range t.fresh {
		index, ok := place[e.ID]
		if !ok {
			left = append(left, e)
			continue
		}
		delete(place, e.ID)
		if err := t.insertFresh(ctx, e, index); err != nil {
			return err
		}
	}
	t.fresh = left
	for id, index := range place {
		if ok, err := change(ctx, t.c, 1, giveIndex, index, id); err != nil || !ok {
			return cmp.Or(err, stale())
		}
	}
	return nil
}

// insertFresh writes a fresh entry with its number, nil for none.
func (t *Tx) insertFresh(ctx context.Context, e freshEntry, index any) error {
	e.row[entryIndex] = index
	ok, err := t.c.change(ctx, insertEntry, e.row, 1)
	if err == nil && !ok {
		return stale()
	}
	return mapped(err)
}

// writeFresh writes the fresh entries that nobody has numbered.
func (t *Tx) writeFresh(ctx context.Context) error {
	for _, e := range t.fresh {
		if err := t.insertFresh(ctx, e, nil); err != nil {
			return err
		}
	}
	t.fresh = nil
	return nil
}

const giveIndex = "UPDATE entry SET idx = ? WHERE id = ? AND idx IS NULL"

// numberEntries writes the UPDATE of n entries.
func numberEntries(n int) string {
	row := "(CAST(? AS text), CAST(? AS bigint)), "
	return "UPDATE entry SET idx = v.idx FROM (VALUES " + strings.TrimSuffix(strings.Repeat(row, n), ", ") +
		") v (id, idx) WHERE entry.id = v.id AND entry.idx IS NULL"
}

func (t *Tx) storeHashes(ctx context.Context, hashes map[int64][32]byte) error {
	positions := make([]int64, 0, len(hashes))
	for p := range hashes {
		positions = append(positions, p)
	}
	slices.Sort(positions)
	all := make([][]any, len(positions))
	for i, p := range positions {
		h := hashes[p]
		all[i] = []any{p, h[:]}
	}
	_, err := insertRows(ctx, t.c, "tree_hash", []string{"pos", "hash"}, "", all)
	return err
}
