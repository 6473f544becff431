package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
)

// An audit reads entries by the million. SQLite finds a row faster than its driver
// hands over 25 columns, so there it joins the texts of a row itself, with zero
// bytes between them: no text that came in by way of bind holds one. A row that
// does not come apart into its columns again is read once more, column by column.

// reading takes in rows of the table entry, one after the other, as a T each.
type reading[T any] interface {
	// columns are the ones that are read as text or number, each never NULL, and
	// those read as bytes behind them.
	columns(d *dialect) (texts, bytes []string)
	// targets are where the columns are read into. The texts come as one where joined.
	targets(joined bool) []any
	// row gives what was read last. errNotJoined where the texts do not come apart.
	row() (T, error)
}

var errNotJoined = errors.New("the joined texts do not come apart as they were")

// readRows reads about n rows, those that tail asks for. Fault Internal
// "entry_unreadable" at a row that holds what no entry holds, with those before it.
func readRows[T any](ctx context.Context, c conn, r reading[T], n int, tail string, args []any) ([]T, error) {
	args, err := bind(args)
	if err != nil {
		return nil, err
	}
	texts, bytes := r.columns(c.dialect())
	if join := c.dialect().joined; join != nil {
		out, err := scanRows(ctx, c, r, r.targets(true), n, append([]string{join(texts)}, bytes...), tail, args)
		if !errors.Is(err, errNotJoined) {
			return out, err
		}
	}
	return scanRows(ctx, c, r, r.targets(false), n, slices.Concat(texts, bytes), tail, args)
}

func scanRows[T any](ctx context.Context, c conn, r reading[T], targets []any, n int, columns []string, tail string, args []any) ([]T, error) {
	found, err := c.query(ctx, "SELECT "+strings.Join(columns, ", ")+" FROM entry e "+tail, args)
	if err != nil {
		return nil, mapped(err)
	}
	defer found.Close()
	var out []T
	for found.Next() {
		if out == nil {
			out = make([]T, 0, min(max(n, 1), 1000))
		}
		if err := found.Scan(targets...); err != nil {
			return out, unreadable(err)
		}
		v, err := r.row()
		if err != nil {
			return out, err
		}
		out = append(out, v)
	}
	if err := found.Err(); err != nil {
		return nil, mapped(err)
	}
	return out, mapped(found.Close())
}

func unreadable(err error) error {
	return fault.Wrap(err, fault.Internal, "entry_unreadable", "A row of the journal holds what no entry holds.")
}

// texts are the joined texts of a row, taken apart from left to right.
type texts struct {
	joined bool
	rest   string
	broken bool
}

func (t *texts) next() (field string) {
	var more bool
	field, t.rest, more = strings.Cut(t.rest, "\x00")
	t.broken = t.broken || !more
	return field
}

func (t *texts) number() int64 {
	n, err := strconv.ParseInt(t.next(), 10, 64)
	t.broken = t.broken || err != nil
	return n
}

// last gives the last field, and whether the row came apart as it should.
func (t *texts) last() (field string, ok bool) {
	ok = !t.broken && strings.IndexByte(t.rest, 0) < 0
	t.broken = false
	return t.rest, ok
}

const noData = "CASE WHEN e.data IS NULL THEN 1 ELSE 0 END"

// entryReading reads whole entries.
type entryReading struct {
	texts
	e               journal.Entry
	idx, at, noData int64
	kind, actorKind string
	digests, data   string
	salt, prev      sql.RawBytes
	leaf            []byte
}

func (*entryReading) columns(*dialect) (texts, bytes []string) {
	return []string{"COALESCE(e.idx, -1)", "e.id", "e.org", "e.unit", "e.kind", "e.subject_type", "e.subject_id", "e.document_id",
		"e.doc_version", "e.doc_seq", "COALESCE(e.at, -1)", "e.actor_kind", "e.actor_id", "e.principal", "e.on_behalf_of", "e.peer",
		"e.forwarded", "e.user_agent", "e.request_id", "e.digests", noData, "COALESCE(e.data, '')", "e.trace"}, []string{"e.salt", "e.prev_leaf", "e.leaf"}
}

func (r *entryReading) targets(joined bool) []any {
	if r.joined = joined; joined {
		return []any{&r.rest, &r.salt, &r.prev, &r.leaf}
	}
	e := &r.e
	return []any{&r.idx, &e.ID, &e.Org, &e.Unit, &r.kind, &e.SubjectType, &e.SubjectID, &e.DocumentID, &e.DocVersion, &e.DocSeq, &r.at,
		&r.actorKind, &e.Actor.ID, &e.Actor.Principal, &e.Actor.OnBehalfOf, &e.Source.Peer, &e.Source.Forwarded, &e.Source.UserAgent,
		&e.Source.RequestID, &r.digests, &r.noData, &r.data, &e.Trace, (*[]byte)(&r.salt), (*[]byte)(&r.prev), &r.leaf}
}

func (r *entryReading) apart() (ok bool) {
	e := &r.e
	r.idx, e.ID, e.Org, e.Unit, r.kind, e.SubjectType, e.SubjectID, e.DocumentID = r.number(), r.next(), r.next(), r.next(), r.next(), r.next(), r.next(), r.next()
	e.DocVersion, e.DocSeq, r.at = r.number(), r.number(), r.number()
	r.actorKind, e.Actor.ID, e.Actor.Principal, e.Actor.OnBehalfOf = r.next(), r.next(), r.next(), r.next()
	e.Source.Peer, e.Source.Forwarded, e.Source.UserAgent, e.Source.RequestID = r.next(), r.next(), r.next(), r.next()
	r.digests, r.noData, r.data = r.next(), r.number(), r.next()
	e.Trace, ok = r.last()
	return ok
}

func (r *entryReading) row() (journal.Entry, error) {
	if r.joined && !r.apart() {
		return journal.Entry{}, errNotJoined
	}
	e := &r.e
	e.Index, e.Kind, e.Actor.Kind, e.Leaf = r.idx, journal.Kind(r.kind), journal.ActorKind(r.actorKind), r.leaf
	if e.At = (time.Time{}); r.at != -1 {
		e.At = time.UnixMicro(r.at).UTC()
	}
	if e.Data = nil; r.noData == 0 {
		e.Data = json.RawMessage(r.data)
	}
	if len(r.salt) != len(e.Salt) || len(r.prev) != len(e.PrevLeaf) {
		return journal.Entry{}, unreadable(errors.New("a hash has another length"))
	}
	copy(e.Salt[:], r.salt)
	copy(e.PrevLeaf[:], r.prev)
	var err error
	e.Digests, err = digestsOf(r.digests)
	return *e, err
}

func digestsOf(text string) (digests map[string]string, err error) {
	if text == "" || text == "{}" || text == "null" {
		return nil, nil
	}
	if err := json.Unmarshal([]byte(text), &digests); err != nil {
		return nil, unreadable(err)
	}
	return digests, nil
}

// linkReading reads what a document's chain is checked by.
type linkReading struct {
	texts
	l                   journal.Link
	kind, digests, data string
	noData, erased      int64
}

func (*linkReading) columns(d *dialect) (texts, bytes []string) {
	return []string{"COALESCE(e.idx, -1)", "e.id", "e.org", "e.kind", "e.document_id", "e.doc_seq", "e.digests", noData, "COALESCE(e.data, '')",
		"CASE WHEN e.salt = " + d.noSalt + " THEN 1 ELSE 0 END"}, []string{"e.leaf"}
}

func (r *linkReading) targets(joined bool) []any {
	l := &r.l
	if r.joined = joined; joined {
		return []any{&r.rest, &l.Leaf}
	}
	return []any{&l.Index, &l.ID, &l.Org, &r.kind, &l.DocumentID, &l.DocSeq, &r.digests, &r.noData, &r.data, &r.erased, &l.Leaf}
}

func (r *linkReading) apart() bool {
	l := &r.l
	l.Index, l.ID, l.Org, r.kind, l.DocumentID, l.DocSeq = r.number(), r.next(), r.next(), r.next(), r.next(), r.number()
	r.digests, r.noData, r.data = r.next(), r.number(), r.next()
	erased, ok := r.last()
	if r.erased = 0; erased == "1" {
		r.erased = 1
	}
	return ok
}

func (r *linkReading) row() (journal.Link, error) {
	if r.joined && !r.apart() {
		return journal.Link{}, errNotJoined
	}
	l := &r.l
	l.Kind, l.Erased = journal.Kind(r.kind), r.erased == 1
	if l.Data = nil; r.noData == 0 {
		l.Data = json.RawMessage(r.data)
	}
	var err error
	l.Digests, err = digestsOf(r.digests)
	return *l, err
}

// TreeHashes implements service.Reader. Fault NotFound where one is missing.
func (r *Reader) TreeHashes(ctx context.Context, positions []int64) ([][32]byte, error) {
	if n := int64(len(positions)); n > 1 && positions[n-1]-positions[0] == n-1 && slices.IsSorted(positions) {
		return r.hashRun(ctx, positions[0], n)
	}
	type stored struct {
		pos  int64
		hash [32]byte
	}
	scan := func(s scanner) (h stored, err error) {
		err = s.Scan(&h.pos, fixed{&h.hash})
		return
	}
	known := make(map[int64][32]byte, len(positions))
	err := chunks(len(positions), func(from, to int) error {
		args := make([]any, 0, to-from)
		for _, p := range positions[from:to] {
			args = append(args, p)
		}
		found, err := list(ctx, r.c, scan, "SELECT pos, hash FROM tree_hash WHERE pos IN ("+marks(to-from)+")", args...)
		for _, h := range found {
			known[h.pos] = h.hash
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([][32]byte, len(positions))
	for i, p := range positions {
		h, ok := known[p]
		if !ok {
			return nil, access.NotFound()
		}
		out[i] = h
	}
	return out, nil
}

// hashRun reads n stored hashes in a row, joined by the database.
func (r *Reader) hashRun(ctx context.Context, from, n int64) ([][32]byte, error) {
	type run struct {
		rows   int64
		hashes []byte
	}
	scan := func(s scanner) (h run, err error) {
		err = s.Scan(&h.rows, &h.hashes)
		return
	}
	h, err := one(ctx, r.c, scan, "SELECT count(*), "+r.c.dialect().hashes+
		" FROM (SELECT pos, hash FROM tree_hash WHERE pos >= ? AND pos < ? AND length(hash) = 32 ORDER BY pos) t", from, from+n)
	if err != nil {
		return nil, err
	}
	if h.rows != n || int64(len(h.hashes)) != 32*n {
		return nil, access.NotFound()
	}
	out := make([][32]byte, n)
	for i := range out {
		out[i] = [32]byte(h.hashes[32*i:])
	}
	return out, nil
}
