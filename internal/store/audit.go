package store

import (
	"context"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
)

func scanCheckpoint(s scanner) (c service.StoredCheckpoint, err error) {
	err = s.Scan(&c.Size, fixed{&c.Root}, &c.Note, stamp{&c.At})
	return
}

// Checkpoints implements service.Reader.
func (r *Reader) Checkpoints(ctx context.Context, after, upTo int64) ([]service.StoredCheckpoint, error) {
	return list(ctx, r.c, scanCheckpoint, "SELECT size, root, note, at FROM checkpoint WHERE size > ? AND size <= ? ORDER BY size", after, upTo)
}

// DocumentsAfter implements service.Reader.
func (r *Reader) DocumentsAfter(ctx context.Context, org, id string, limit int) ([]document.Document, error) {
	return list(ctx, r.c, scanDocument, selectDocument+"WHERE (d.org, d.id) > (?, ?) ORDER BY d.org, d.id LIMIT ?", org, id, limit)
}

// Chains implements service.Reader.
func (r *Reader) Chains(ctx context.Context, documents []string) ([]journal.Link, error) {
	if len(documents) == 0 {
		return nil, nil
	}
	return readRows(ctx, r.c, &linkReading{}, 16*len(documents),
		"WHERE e.document_id IN ("+marks(len(documents))+") AND e.document_id <> '' ORDER BY e.document_id, e.doc_seq", anys(documents))
}

// VersionsOf implements service.Reader.
func (r *Reader) VersionsOf(ctx context.Context, org string, documents []string) ([]document.Version, error) {
	if len(documents) == 0 {
		return nil, nil
	}
	return list(ctx, r.c, scanVersion, selectVersion+"WHERE v.org = ? AND v.document_id IN ("+marks(len(documents))+") ORDER BY v.document_id, v.number",
		append([]any{org}, anys(documents)...)...)
}

// PackagesOf implements service.Reader.
func (r *Reader) PackagesOf(ctx context.Context, org string, documents []string) ([]service.ArchiveRecord, error) {
	if len(documents) == 0 {
		return nil, nil
	}
	return list(ctx, r.c, scanArchive, selectArchive+"WHERE a.org = ? AND a.document_id IN ("+marks(len(documents))+") ORDER BY a.document_id",
		append([]any{org}, anys(documents)...)...)
}

// DocumentEntries implements service.Reader.
func (r *Reader) DocumentEntries(ctx context.Context) (int64, error) {
	return one(ctx, r.c, scanInt, "SELECT count(*) FROM entry WHERE document_id <> ''")
}

// StrayEntries implements service.Reader.
func (r *Reader) StrayEntries(ctx context.Context, limit int) ([]string, error) {
	return list(ctx, r.c, scanString, `SELECT e.id FROM entry e WHERE e.document_id <> ''
		AND NOT EXISTS (SELECT 1 FROM document d WHERE d.org = e.org AND d.id = e.document_id) LIMIT ?`, limit)
}
