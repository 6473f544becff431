package store

import (
	"context"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/hook"
	"github.com/paraph/paraph/internal/service"
)

var (
	sourceColumns = []string{"org", "id", "unit", "name", "preset", "scheme", "trust", "tolerance", "client_id", "command", "program",
		"facts", "disabled", "created_at", "updated_at", "revision"}
	selectSource = selectFrom("hook_source", "h", sourceColumns)
	updateSource = `UPDATE hook_source SET unit = ?, name = ?, preset = ?, scheme = ?, trust = ?, tolerance = ?, client_id = ?, command = ?, program = ?,
		facts = ?, disabled = ?, created_at = ?, updated_at = ?, revision = ? WHERE org = ? AND id = ? AND revision = ?`
)

func sourceRow(s *hook.Source, revision int64) []any {
	fetch := "null"
	if s.Fetch != nil {
		fetch = encode(s.Fetch)
	}
	return []any{s.Unit, s.Name, s.Preset, encode(s.Scheme), string(s.Trust), s.Tolerance.Microseconds(), s.Client, s.Command, s.Program,
		fetch, s.Disabled, s.CreatedAt, s.UpdatedAt, revision}
}

func scanSource(s scanner) (h hook.Source, err error) {
	var tolerance int64
	var fetch hook.Fetch
	err = s.Scan(&h.Org, &h.ID, &h.Unit, &h.Name, &h.Preset, asJSON{&h.Scheme}, &h.Trust, &tolerance, &h.Client, &h.Command, &h.Program,
		asJSON{&fetch}, &h.Disabled, stamp{&h.CreatedAt}, stamp{&h.UpdatedAt}, &h.Revision)
	h.Tolerance = time.Duration(tolerance) * time.Microsecond
	if fetch.URL != "" {
		h.Fetch = &fetch
	}
	return
}

// HookSource implements service.Reader.
func (r *Reader) HookSource(ctx context.Context, id string) (hook.Source, error) {
	return one(ctx, r.c, scanSource, selectSource+"WHERE h.id = ?", id)
}

// HookSources implements service.Reader.
func (r *Reader) HookSources(ctx context.Context, org string) ([]hook.Source, error) {
	return list(ctx, r.c, scanSource, selectSource+"WHERE h.org = ? ORDER BY h.id", org)
}

// InsertHookSource implements service.Tx. The revision is written as given.
func (t *Tx) InsertHookSource(ctx context.Context, s hook.Source) error {
	_, err := change(ctx, t.c, 1, insertInto("hook_source", sourceColumns, 1, ""), append([]any{s.Org, s.ID}, sourceRow(&s, s.Revision)...)...)
	return err
}

// UpdateHookSource implements service.Tx.
func (t *Tx) UpdateHookSource(ctx context.Context, s *hook.Source) error {
	ok, err := change(ctx, t.c, 1, updateSource, append(sourceRow(s, s.Revision+1), s.Org, s.ID, s.Revision)...)
	return swapped(ctx, t.c, ok, err, &s.Revision, "hook_source", s.Org, s.ID)
}

// DeleteHookSource implements service.Tx.
func (t *Tx) DeleteHookSource(ctx context.Context, org, id string) error {
	if _, err := exec(ctx, t.c, "DELETE FROM hook_secret WHERE source_id = ? AND org = ?", id, org); err != nil {
		return err
	}
	_, err := exec(ctx, t.c, "DELETE FROM hook_source WHERE org = ? AND id = ?", org, id)
	return err
}

var (
	hookSecretColumns = []string{"org", "id", "source_id", "purpose", "sealed", "created_at", "expires_at"}
	selectHookSecret  = selectFrom("hook_secret", "s", hookSecretColumns)
)

func scanHookSecret(s scanner) (v hook.Secret, err error) {
	err = s.Scan(&v.Org, &v.ID, &v.SourceID, &v.Purpose, &v.Sealed, stamp{&v.CreatedAt}, stamp{&v.ExpiresAt})
	return
}

// HookSecrets implements service.Reader.
func (r *Reader) HookSecrets(ctx context.Context, sourceID string, now time.Time) ([]hook.Secret, error) {
	return list(ctx, r.c, scanHookSecret, selectHookSecret+"WHERE s.source_id = ? AND (s.expires_at IS NULL OR s.expires_at > ?) ORDER BY s.id DESC", sourceID, now)
}

// InsertHookSecret implements service.Tx.
func (t *Tx) InsertHookSecret(ctx context.Context, s hook.Secret) error {
	_, err := change(ctx, t.c, 1, insertInto("hook_secret", hookSecretColumns, 1, ""), s.Org, s.ID, s.SourceID, string(s.Purpose), s.Sealed, s.CreatedAt, s.ExpiresAt)
	return err
}

// EndHookSecrets implements service.Tx.
func (t *Tx) EndHookSecrets(ctx context.Context, sourceID string, purpose hook.Purpose, id string, at time.Time) error {
	_, err := exec(ctx, t.c, `UPDATE hook_secret SET expires_at = ? WHERE source_id = ? AND purpose = ? AND (? = '' OR id = ?)
		AND (expires_at IS NULL OR expires_at > ?)`, at, sourceID, string(purpose), id, id, at)
	return err
}

var (
	inboundColumns = []string{"org", "id", "unit", "via", "source_id", "event_id", "kind", "trust", "state", "code", "reason", "attempts",
		"document_id", "payload", "size", "received_at", "ended_at", "revision"}
	selectInbound = selectFrom("inbound", "i", inboundColumns)
	// listInbound gives one byte of what came instead of all of it: whether it is there.
	listInbound   = strings.Replace(selectInbound, "i.payload", "substr(i.payload, 1, 1)", 1)
	insertInbound = insertInto("inbound", append(inboundColumns[:len(inboundColumns):len(inboundColumns)], "forgettable"), 1, "ON CONFLICT (org, source_id, event_id) DO NOTHING")
	updateInbound = `UPDATE inbound SET state = ?, code = ?, reason = ?, attempts = ?, document_id = ?, ended_at = ?, revision = ?
		WHERE org = ? AND id = ? AND revision = ?`
)

func scanInbound(s scanner) (e hook.Event, err error) {
	err = s.Scan(&e.Org, &e.ID, &e.Unit, &e.Via, &e.SourceID, &e.EventID, &e.Type, &e.Trust, &e.State, &e.Code, &e.Reason, &e.Attempts,
		&e.DocumentID, &e.Payload, &e.Size, stamp{&e.ReceivedAt}, stamp{&e.EndedAt}, &e.Revision)
	return
}

// InboundEvent implements service.Reader.
func (r *Reader) InboundEvent(ctx context.Context, org, id string) (hook.Event, error) {
	return one(ctx, r.c, scanInbound, selectInbound+"WHERE i.org = ? AND i.id = ?", org, id)
}

// InboundEvents implements service.Reader.
func (r *Reader) InboundEvents(ctx context.Context, f service.InboundFilter) ([]hook.Event, error) {
	var w where
	w.add("i.org = ?", f.Org)
	w.within("i.unit", f.Units, "")
	w.is("i.state", f.State)
	w.is("i.source_id", f.SourceID)
	w.is("i.code", f.Code)
	if !f.Since.IsZero() {
		w.add("i.received_at >= ?", f.Since)
	}
	if !f.Until.IsZero() {
		w.add("i.received_at < ?", f.Until)
	}
	w.before("i.id", f.Before)
	return list(ctx, r.c, scanInbound, listInbound+w.clause("i.id DESC", f.Limit), w.args...)
}

// InboundKnown implements service.Reader.
func (r *Reader) InboundKnown(ctx context.Context, org, sourceID string, names []string) (out []string, err error) {
	err = chunks(len(names), func(from, to int) error {
		found, err := list(ctx, r.c, scanString, "SELECT i.event_id FROM inbound i WHERE i.org = ? AND i.source_id = ? AND i.event_id IN ("+marks(to-from)+")",
			append([]any{org, sourceID}, anys(names[from:to])...)...)
		out = append(out, found...)
		return err
	})
	return out, err
}

// InsertInbound implements service.Tx.
func (t *Tx) InsertInbound(ctx context.Context, e hook.Event, forgettable bool) (bool, error) {
	return change(ctx, t.c, 1, insertInbound, e.Org, e.ID, e.Unit, string(e.Via), e.SourceID, e.EventID, e.Type, string(e.Trust), string(e.State), e.Code, e.Reason, e.Attempts,
		e.DocumentID, e.Payload, e.Size, e.ReceivedAt, e.EndedAt, e.Revision, forgettable)
}

// UpdateInbound implements service.Tx. What came with the event stays.
func (t *Tx) UpdateInbound(ctx context.Context, e *hook.Event) error {
	ok, err := change(ctx, t.c, 1, updateInbound, string(e.State), e.Code, e.Reason, e.Attempts, e.DocumentID, e.EndedAt, e.Revision+1, e.Org, e.ID, e.Revision)
	return swapped(ctx, t.c, ok, err, &e.Revision, "inbound", e.Org, e.ID)
}

// PurgeInbound implements service.Tx.
func (t *Tx) PurgeInbound(ctx context.Context, before time.Time) (int64, error) {
	const over = "ended_at < ? AND state IN ('processed', 'discarded')"
	n, err := exec(ctx, t.c, "DELETE FROM inbound WHERE forgettable = TRUE AND "+over, before)
	if err != nil {
		return 0, err
	}
	more, err := exec(ctx, t.c, "UPDATE inbound SET payload = NULL, reason = '' WHERE payload IS NOT NULL AND "+over, before)
	return n + more, err
}
