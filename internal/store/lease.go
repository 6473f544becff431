package store

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/service"
)

// leastIdle is the shortest time for which a leader may stand still inside its
// transaction. A shorter one would undo the work of a machine that is only busy.
const leastIdle = 5 * time.Second

// takeLease takes a lease that is free, or renews the holder's own. Who finds it
// another's neither waits for that one's transaction nor locks anything.
const takeLease = `WITH clock AS (SELECT CAST({now} AS BIGINT) AS now)
	INSERT INTO lease (name, holder, epoch, until)
	SELECT CAST(? AS TEXT), CAST(? AS TEXT), 1, clock.now + CAST(? AS BIGINT) FROM clock
	WHERE NOT EXISTS (SELECT 1 FROM lease l WHERE l.name = ? AND l.holder <> ? AND l.until > clock.now)
	ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until,
	epoch = CASE WHEN lease.holder = excluded.holder THEN lease.epoch ELSE lease.epoch + 1 END
	WHERE lease.holder = excluded.holder OR lease.until <= (SELECT now FROM clock)
	RETURNING epoch`

// Lease implements service.Tx. A holder that renews in time keeps its epoch, and
// so does one that comes back before anybody else has taken the lease.
//
// On PostgreSQL the database's clock decides, the one that all processes share:
// by their own clocks, a machine that is ahead would take leases from the living,
// and one that is behind would wait too long for the dead. Only where a test
// hands in a clock does that one decide.
func (t *Tx) Lease(ctx context.Context, name, holder string, ttl time.Duration) (epoch int64, held bool, err error) {
	d := t.c.dialect()
	now, args := d.now, []any{name, holder, ttl.Microseconds(), name, holder}
	if !t.sharedClock {
		now, args = "?", append([]any{t.now}, args...)
	}
	if d.whileIdle != "" {
		args = append(args, strconv.FormatInt(max(ttl, leastIdle).Milliseconds(), 10))
	}
	scan := func(s scanner) (n int64, err error) {
		if d.whileIdle == "" {
			return scanInt(s)
		}
		var set string
		return n, s.Scan(&n, &set)
	}
	got, err := list(ctx, t.c, scan, strings.Replace(takeLease, "{now}", now, 1)+d.whileIdle, args...)
	if err != nil {
		return 0, false, err
	}
	if len(got) == 1 {
		return got[0], true, nil
	}
	epoch, err = one(ctx, t.c, scanInt, "SELECT epoch FROM lease WHERE name = ?", name)
	return epoch, false, err
}

// Release implements service.Tx.
func (t *Tx) Release(ctx context.Context, name, holder string) error {
	n, err := exec(ctx, t.c, "UPDATE lease SET until = 0 WHERE name = ? AND holder = ?", name, holder)
	if err == nil && n > 0 {
		t.Notify(service.TopicLeases)
	}
	return err
}
