package store

import (
	"context"
	"time"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/service"
)

var (
	protectionColumns = []string{"org", "document_id", "line", "version", "own", "level", "until", "stamped_at", "because", "wanted", "renew",
		"code", "reason", "since", "attempts", "due_at"}
	selectProtection = selectFrom("protection", "p", protectionColumns)
	saveProtection   = insertInto("protection", protectionColumns, 1, `ON CONFLICT (org, document_id, line) DO UPDATE SET version = excluded.version,
		own = excluded.own, level = excluded.level, until = excluded.until, stamped_at = excluded.stamped_at, because = excluded.because,
		wanted = excluded.wanted, renew = excluded.renew, code = excluded.code, reason = excluded.reason, since = excluded.since,
		attempts = excluded.attempts, due_at = excluded.due_at`)
)

func scanProtection(s scanner) (p document.Protection, err error) {
	err = s.Scan(&p.Org, &p.DocumentID, &p.Line, &p.Version, &p.Own, &p.Level, stamp{&p.Until}, stamp{&p.Stamped}, &p.Because, &p.Wanted, &p.Renew,
		&p.Code, &p.Reason, stamp{&p.Since}, &p.Attempts, stamp{&p.DueAt})
	return
}

// Protections implements service.Reader.
func (r *Reader) Protections(ctx context.Context, org, documentID string) ([]document.Protection, error) {
	return list(ctx, r.c, scanProtection, selectProtection+"WHERE p.org = ? AND p.document_id = ? ORDER BY p.line", org, documentID)
}

// ProtectionsDue implements service.Reader.
func (r *Reader) ProtectionsDue(ctx context.Context, org string, now time.Time, limit int) ([]document.Protection, error) {
	return list(ctx, r.c, scanProtection, selectProtection+"WHERE p.org = ? AND p.due_at <= ? ORDER BY p.due_at, p.document_id, p.line LIMIT ?", org, now, limit)
}

// ProtectionsWanting implements service.Reader.
func (r *Reader) ProtectionsWanting(ctx context.Context, below document.Level, own bool, limit int) ([]document.Protection, error) {
	var lower []string
	for _, l := range document.Levels() {
		if !l.Reaches(below) {
			lower = append(lower, string(l))
		}
	}
	if len(lower) == 0 {
		return nil, nil
	}
	var w where
	w.in("p.wanted", lower)
	w.add("p.own = ?", own)
	return list(ctx, r.c, scanProtection, selectProtection+w.clause("p.org, p.document_id, p.line", limit), w.args...)
}

// Unprotected implements service.Reader.
func (r *Reader) Unprotected(ctx context.Context, org, id string, limit int) ([]document.Document, error) {
	return list(ctx, r.c, scanDocument, selectDocument+`WHERE (d.org, d.id) > (?, ?) AND d.state IN (?, ?) AND NOT EXISTS
			(SELECT 1 FROM protection p WHERE p.org = d.org AND p.document_id = d.id)
		AND EXISTS (SELECT 1 FROM version v WHERE v.org = d.org AND v.document_id = d.id AND v.number = d.current_version AND v.signatures > 0)
		ORDER BY d.org, d.id LIMIT ?`, org, id, string(document.Signed), string(document.Archived), limit)
}

// OpenOperations implements service.Reader.
func (r *Reader) OpenOperations(ctx context.Context, kind string) (int, error) {
	n, err := one(ctx, r.c, scanInt, "SELECT COUNT(*) FROM operation WHERE kind = ? AND state IN ('pending', 'running')", kind)
	return int(n), err
}

func scanProtectionCount(s scanner) (c service.ProtectionCount, err error) {
	err = s.Scan(&c.Level, &c.Wanted, &c.Code, &c.Files, &c.Ended, &c.Month, &c.Quarter, &c.Year, stamp{&c.First})
	return
}

// ProtectionReport implements service.Reader.
func (r *Reader) ProtectionReport(ctx context.Context, org string, units []string, now time.Time) ([]service.ProtectionCount, error) {
	var w where
	within := "SUM(CASE WHEN p.until <= ? THEN 1 ELSE 0 END)"
	for _, days := range []int{0, 30, 90, 365} {
		w.args = append(w.args, now.AddDate(0, 0, days))
	}
	from := "FROM protection p "
	if units != nil {
		from += "JOIN document d ON d.org = p.org AND d.id = p.document_id "
	}
	if org != "" {
		w.add("p.org = ?", org)
	} else {
		w.add("1 = 1")
	}
	w.within("d.unit", units, "")
	groups := "p.level, p.wanted, p.code"
	conditions := w.clause("1", 0)
	conditions = conditions[:len(conditions)-len(" ORDER BY 1")]
	return list(ctx, r.c, scanProtectionCount, "SELECT "+groups+", COUNT(*), "+within+", "+within+", "+within+", "+within+", MIN(p.until) "+from+
		conditions+" GROUP BY "+groups+" ORDER BY "+groups, w.args...)
}

// SaveProtection implements service.Tx.
func (t *Tx) SaveProtection(ctx context.Context, p document.Protection) error {
	_, err := change(ctx, t.c, 1, saveProtection, p.Org, p.DocumentID, p.Line, p.Version, p.Own, string(p.Level), p.Until, p.Stamped, p.Because,
		string(p.Wanted), p.Renew, p.Code, p.Reason, p.Since, p.Attempts, p.DueAt)
	return err
}

var (
	additionColumns = []string{"org", "record_id", "number", "document_id", "version", "sha256", "package", "package_sha256", "package_size", "files", "added_at"}
	selectAddition  = selectFrom("archive_addition", "x", additionColumns)
)

func scanAddition(s scanner) (a service.ArchiveAddition, err error) {
	err = s.Scan(&a.Org, &a.RecordID, &a.No, &a.DocumentID, &a.Version, &a.SHA256, &a.Package, &a.PackageSHA256, &a.PackageSize, rawJSON{(*[]byte)(&a.Files)}, stamp{&a.AddedAt})
	return
}

// Additions implements service.Reader.
func (r *Reader) Additions(ctx context.Context, org, recordID string) ([]service.ArchiveAddition, error) {
	return list(ctx, r.c, scanAddition, selectAddition+"WHERE x.org = ? AND x.record_id = ? ORDER BY x.number", org, recordID)
}

// AdditionsOf implements service.Reader.
func (r *Reader) AdditionsOf(ctx context.Context, org string, documents []string) ([]service.ArchiveAddition, error) {
	if len(documents) == 0 {
		return nil, nil
	}
	return list(ctx, r.c, scanAddition, selectAddition+"WHERE x.org = ? AND x.document_id IN ("+marks(len(documents))+") ORDER BY x.document_id, x.number",
		append([]any{org}, anys(documents)...)...)
}

// InsertAddition implements service.Tx.
func (t *Tx) InsertAddition(ctx context.Context, a service.ArchiveAddition) error {
	ok, err := change(ctx, t.c, 1, insertInto("archive_addition", additionColumns, 1, "ON CONFLICT (org, record_id, number) DO NOTHING"),
		a.Org, a.RecordID, a.No, a.DocumentID, a.Version, a.SHA256, a.Package, a.PackageSHA256, a.PackageSize, raw(a.Files), a.AddedAt)
	if err == nil && !ok {
		return stale()
	}
	return err
}
