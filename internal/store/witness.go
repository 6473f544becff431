package store

import (
	"context"
	"time"
	"unicode/utf8"

	"github.com/paraph/paraph/internal/service"
)

var (
	witnessColumns = []string{"witness", "size", "at", "tried_at", "code", "reason"}
	selectWitness  = selectFrom("witness_state", "w", witnessColumns)
	anchorColumns  = []string{"id", "size", "note", "tsa", "token", "stamped_at", "at"}
	selectAnchor   = selectFrom("anchor", "a", anchorColumns)
)

func scanWitness(s scanner) (w service.WitnessState, err error) {
	err = s.Scan(&w.Witness, &w.Size, stamp{&w.At}, stamp{&w.TriedAt}, &w.Code, &w.Reason)
	return
}

// WitnessStates implements service.Reader.
func (r *Reader) WitnessStates(ctx context.Context) ([]service.WitnessState, error) {
	return list(ctx, r.c, scanWitness, selectWitness+"ORDER BY w.witness")
}

// SaveWitnessState implements service.Tx.
func (t *Tx) SaveWitnessState(ctx context.Context, w service.WitnessState) error {
	_, err := exec(ctx, t.c, insertInto("witness_state", witnessColumns, 1, `ON CONFLICT (witness) DO UPDATE SET size = excluded.size,
		at = excluded.at, tried_at = excluded.tried_at, code = excluded.code, reason = excluded.reason`),
		w.Witness, w.Size, w.At, w.TriedAt, w.Code, w.Reason)
	return err
}

func scanWitnessed(s scanner) (w service.Witnessed, err error) {
	err = s.Scan(&w.Size, &w.Note, stamp{&w.At})
	return
}

// Witnessed implements service.Reader.
func (r *Reader) Witnessed(ctx context.Context) (service.Witnessed, error) {
	found, err := list(ctx, r.c, scanWitnessed, "SELECT size, note, at FROM witnessed")
	if err != nil || len(found) == 0 {
		return service.Witnessed{}, err
	}
	return found[0], nil
}

// SaveWitnessed implements service.Tx.
func (t *Tx) SaveWitnessed(ctx context.Context, w service.Witnessed) error {
	_, err := exec(ctx, t.c, `INSERT INTO witnessed (only_row, size, note, at) VALUES (1, ?, ?, ?)
		ON CONFLICT (only_row) DO UPDATE SET size = excluded.size, note = excluded.note, at = excluded.at`, w.Size, w.Note, w.At)
	return err
}

// CheckpointAfter implements service.Reader.
func (r *Reader) CheckpointAfter(ctx context.Context, size int64) (time.Time, error) {
	found, err := list(ctx, r.c, scanStamp, "SELECT at FROM checkpoint WHERE size > ? ORDER BY size LIMIT 1", size)
	if err != nil || len(found) == 0 {
		return time.Time{}, err
	}
	return found[0], nil
}

func scanAnchor(s scanner) (a service.Anchor, err error) {
	err = s.Scan(&a.ID, &a.Size, &a.Note, &a.TSA, &a.Token, stamp{&a.StampedAt}, stamp{&a.At})
	return
}

// Anchors implements service.Reader; by id, newest first.
func (r *Reader) Anchors(ctx context.Context, f service.AnchorFilter) ([]service.Anchor, error) {
	var w where
	w.add("a.id <> ?", "")
	w.before("a.id", f.Before)
	return list(ctx, r.c, scanAnchor, selectAnchor+w.clause("a.id DESC", f.Limit), w.args...)
}

// Anchor implements service.Reader.
func (r *Reader) Anchor(ctx context.Context, id string) (service.Anchor, error) {
	return one(ctx, r.c, scanAnchor, selectAnchor+"WHERE a.id = ?", id)
}

// AnchorCovering implements service.Reader.
func (r *Reader) AnchorCovering(ctx context.Context, origin string, index int64) (service.Anchor, error) {
	begins := origin + "\n"
	return one(ctx, r.c, scanAnchor, selectAnchor+"WHERE a.size > ? AND substr(a.note, 1, ?) = ? ORDER BY a.size, a.id LIMIT 1",
		index, int64(utf8.RuneCountInString(begins)), begins)
}

// CountAnchors implements service.Reader.
func (r *Reader) CountAnchors(ctx context.Context) (int64, error) {
	return one(ctx, r.c, scanInt, "SELECT count(*) FROM anchor")
}

// InsertAnchor implements service.Tx. Fault Conflict "exists".
func (t *Tx) InsertAnchor(ctx context.Context, a service.Anchor) error {
	n, err := exec(ctx, t.c, insertInto("anchor", anchorColumns, 1, "ON CONFLICT (id) DO NOTHING"), a.ID, a.Size, a.Note, a.TSA, a.Token, a.StampedAt, a.At)
	if err == nil && n == 0 {
		return taken("an anchor of this id")
	}
	return err
}
