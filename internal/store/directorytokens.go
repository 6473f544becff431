package store

import (
	"context"
	"time"

	"github.com/paraph/paraph/internal/people"
)

var (
	directoryColumns = []string{"id", "org", "name", "hash", "made_by", "created_at", "expires_at", "warn_at", "used_at", "warned_at", "revoked_at", "revision"}
	selectDirectory  = selectFrom("directory_token", "d", directoryColumns)
)

func scanDirectory(s scanner) (d people.DirectoryToken, err error) {
	var warn time.Time
	err = s.Scan(&d.ID, &d.Org, &d.Name, &d.Hash, &d.By, stamp{&d.CreatedAt}, stamp{&d.ExpiresAt}, stamp{&warn}, stamp{&d.UsedAt}, stamp{&d.WarnedAt}, stamp{&d.RevokedAt}, &d.Revision)
	return
}

// DirectoryToken implements service.Reader.
func (r *Reader) DirectoryToken(ctx context.Context, hash []byte) (people.DirectoryToken, error) {
	return one(ctx, r.c, scanDirectory, selectDirectory+"WHERE d.hash = ?", hash)
}

// DirectoryTokens implements service.Reader.
func (r *Reader) DirectoryTokens(ctx context.Context, org string) ([]people.DirectoryToken, error) {
	return list(ctx, r.c, scanDirectory, selectDirectory+"WHERE d.org = ? ORDER BY d.id DESC", org)
}

// EndingDirectoryTokens implements service.Reader.
func (r *Reader) EndingDirectoryTokens(ctx context.Context, now time.Time) ([]people.DirectoryToken, error) {
	return list(ctx, r.c, scanDirectory, selectDirectory+"WHERE d.revoked_at IS NULL AND d.warned_at IS NULL AND d.warn_at <= ? ORDER BY d.id", now)
}

// InsertDirectoryToken implements service.Tx.
func (t *Tx) InsertDirectoryToken(ctx context.Context, d people.DirectoryToken) error {
	_, err := change(ctx, t.c, 1, insertInto("directory_token", directoryColumns, 1, ""),
		d.ID, d.Org, d.Name, d.Hash, d.By, d.CreatedAt, d.ExpiresAt, d.WarnAt(), d.UsedAt, d.WarnedAt, d.RevokedAt, d.Revision)
	return err
}

// UpdateDirectoryToken implements service.Tx.
func (t *Tx) UpdateDirectoryToken(ctx context.Context, d *people.DirectoryToken) error {
	ok, err := change(ctx, t.c, 1, "UPDATE directory_token SET warned_at = ?, revoked_at = ?, revision = revision + 1 WHERE id = ? AND revision = ?",
		d.WarnedAt, d.RevokedAt, d.ID, d.Revision)
	return advanced(ok, err, &d.Revision)
}

// TouchDirectoryToken implements service.Tx.
func (t *Tx) TouchDirectoryToken(ctx context.Context, d people.DirectoryToken) error {
	_, err := exec(ctx, t.c, "UPDATE directory_token SET used_at = ? WHERE id = ?", d.UsedAt, d.ID)
	return err
}
