package store

import (
	"context"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/service"
)

// forgottenAfter is how long a process that says nothing is still listed.
const forgottenAfter = 24 * time.Hour

func scanProcess(s scanner) (p service.Process, err error) {
	var roles string
	var silent int64
	err = s.Scan(&p.ID, &roles, &p.Version, stamp{&p.StartedAt}, &silent)
	p.Roles, p.Silent = strings.Split(roles, ","), time.Duration(silent)*time.Microsecond
	return
}

// Processes implements service.Reader. Silence goes by the database's clock.
func (r *Reader) Processes(ctx context.Context) ([]service.Process, error) {
	now := r.c.dialect().now
	return list(ctx, r.c, scanProcess, "SELECT id, roles, version, started_at, CAST("+now+" AS BIGINT) - seen_at FROM process ORDER BY id")
}

// Leaders implements service.Reader.
func (r *Reader) Leaders(ctx context.Context) ([]service.Leader, error) {
	return list(ctx, r.c, func(s scanner) (l service.Leader, err error) {
		err = s.Scan(&l.Work, &l.Process, &l.Epoch)
		return
	}, "SELECT name, holder, epoch FROM lease WHERE until > CAST("+r.c.dialect().now+" AS BIGINT) AND (name = ? OR name LIKE 'dispatcher/%') ORDER BY name", service.LeaseSequencer)
}

// SeeProcess implements service.Tx.
func (t *Tx) SeeProcess(ctx context.Context, p service.Process) error {
	now := "CAST(" + t.c.dialect().now + " AS BIGINT)"
	_, err := exec(ctx, t.c, "INSERT INTO process (id, roles, version, started_at, seen_at) VALUES (?, ?, ?, ?, "+now+`)
		ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at`, p.ID, strings.Join(p.Roles, ","), p.Version, p.StartedAt)
	if err == nil {
		_, err = exec(ctx, t.c, "DELETE FROM process WHERE seen_at < "+now+" - ?", forgottenAfter.Microseconds())
	}
	return err
}

// ForgetProcess implements service.Tx.
func (t *Tx) ForgetProcess(ctx context.Context, id string) error {
	_, err := exec(ctx, t.c, "DELETE FROM process WHERE id = ?", id)
	return err
}
