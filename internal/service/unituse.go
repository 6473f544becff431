package service

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
)

// CodePageLimit is the code of the fault of a document with more pages than its unit
// takes. It can be read again once the limit was raised.
const CodePageLimit = "unit_page_limit"

// UnitUse is how much of something a unit has used, and what of that was told: the
// percentage of its limit.
type UnitUse struct{ Used, Told int64 }

// What is counted of a unit: the bytes it stores, and its new documents of a month.
const (
	useBytes     = "bytes"
	useDocuments = "documents:"
)

func monthOf(now time.Time) string { return now.UTC().Format("2006-01") }

// spent is something that a command has used of a unit.
type spent struct{ unit, what string }

// spend notes that the command uses n more of something; less, where n is below 0. It
// is counted once, when the command ends.
func (c *change) spend(unit, what string, n int64) {
	if c.spent == nil {
		c.spent = map[spent]int64{}
	}
	c.spent[spent{unit, what}] += n
}

// takesIn says that the command takes in what somebody wants kept, so that limits are
// held. What Paraph makes itself of what it has taken in is counted, and not refused.
// Faults: Conflict "unit_closed"; TooLarge "unit_file_limit".
func (c *change) takesIn(ctx context.Context, unit string, fresh bool, size int64) error {
	c.held = true
	u, err := c.unit(ctx, unit)
	switch {
	case err != nil:
		return err
	case !u.ClosedAt.IsZero() && fresh:
		return unitClosed(unit)
	case u.Limits.FileBytes > 0 && size > u.Limits.FileBytes:
		return fault.New(fault.TooLarge, "unit_file_limit", "The file has %d bytes; in the business unit %s one may have %d. An administrator of the organisation can raise that.", size, unit, u.Limits.FileBytes)
	}
	if fresh {
		c.spend(unit, useDocuments+monthOf(c.Now()), 1)
	}
	return nil
}

func unitClosed(unit string) error {
	return fault.New(fault.Conflict, "unit_closed", "The business unit %s takes no new documents any more. Choose another.", unit)
}

// unit reads a business unit once in a command.
func (c *change) unit(ctx context.Context, name string) (document.Unit, error) {
	if u, ok := c.units[name]; ok {
		return u, nil
	}
	u, err := c.Unit(ctx, c.actor.Org, name)
	if err == nil {
		if c.units == nil {
			c.units = map[string]document.Unit{}
		}
		c.units[name] = u
	}
	return u, err
}

// storeBlob writes the row of a file of a unit's document, and counts its bytes.
func (c *change) storeBlob(ctx context.Context, unit string, b Blob) error {
	c.spend(unit, useBytes, b.Size)
	return c.InsertBlob(ctx, b)
}

// giveBack counts the files of a document out of its unit.
func (c *change) giveBack(ctx context.Context, d *document.Document) (bytes int64, err error) {
	blobs, err := c.BlobsOf(ctx, d.Org, d.ID)
	for _, b := range blobs {
		if b.DestroyedAt.IsZero() {
			bytes += b.Size
		}
	}
	c.spend(d.Unit, useBytes, -bytes)
	return bytes, err
}

// moves counts a document's files for another unit. The months of both stay.
func (c *change) moves(ctx context.Context, d *document.Document, to string) error {
	bytes, err := c.giveBack(ctx, d)
	if err == nil {
		err = c.takesIn(ctx, to, false, 0)
	}
	if u := c.units[to]; err == nil && !u.ClosedAt.IsZero() {
		err = unitClosed(to)
	}
	c.spend(to, useBytes, bytes)
	if err == nil {
		err = c.OutdateExports(ctx, d.Org, d.Unit) // where it is destroyed later, they are not looked for
	}
	return err
}

// near is the share of a limit, in percent, from which on everything is counted by one
// at a time. It is told when it is reached, as is all of it.
const near = 80

// settle counts what the command has used. Far from a limit that is one statement,
// which holds only as long as it stays far; near it, the row is locked.
func (c *change) settle(ctx context.Context) error {
	for _, s := range slices.SortedFunc(maps.Keys(c.spent), func(a, b spent) int { return cmp.Or(cmp.Compare(a.unit, b.unit), cmp.Compare(a.what, b.what)) }) {
		n := c.spent[s]
		if n == 0 {
			continue
		}
		u, err := c.unit(ctx, s.unit)
		if err = orElse(err, nil); err != nil {
			return err
		}
		limit := limitOf(&u, s.what)
		if limit > 0 {
			if err = c.settleNear(ctx, s, n, limit); err != nil {
				return err
			}
			continue
		}
		if err := c.AddUse(ctx, c.actor.Org, s.unit, s.what, n, 0); err != nil {
			return err
		}
	}
	return nil
}

func limitOf(u *document.Unit, what string) int64 {
	if what == useBytes {
		return u.Limits.Bytes
	}
	return u.Limits.Documents
}

func (c *change) settleNear(ctx context.Context, s spent, n, limit int64) error {
	seen, err := c.UnitUse(ctx, c.actor.Org, s.unit, s.what)
	if err != nil {
		return err
	}
	far := limit * near / 100
	if n > 0 && seen.Used+n < far {
		return c.AddUse(ctx, c.actor.Org, s.unit, s.what, n, far)
	}
	use, err := c.LockUse(ctx, c.actor.Org, s.unit, s.what)
	if err != nil {
		return err
	}
	if n > 0 && c.held && use.Used+n > limit {
		return overLimit(s, use.Used, n, limit)
	}
	use.Used += n
	if err := c.tell(s, &use, limit); err != nil {
		return err
	}
	return c.SetUse(ctx, c.actor.Org, s.unit, s.what, use)
}

// overLimit says what is used, and who can help.
func overLimit(s spent, used, n, limit int64) error {
	help := "An administrator of the organisation can raise the limit: `paraph admin unit change " + s.unit + "`."
	if s.what == useBytes {
		return fault.New(fault.Conflict, "unit_limit_reached", "The business unit %s may store %d bytes and stores %d; there is no room for %d more. %s Documents that are disposed of give theirs back.", s.unit, limit, used, n, help)
	}
	return fault.New(fault.Conflict, "unit_limit_reached", "The business unit %s may take %d new documents in a month and has taken %d in this one. %s", s.unit, limit, used, help)
}

// tell notes an event where the use has come to four fifths of its limit, or to all of
// it, since that was last told.
func (c *change) tell(s spent, use *UnitUse, limit int64) error {
	reached := int64(0)
	switch {
	case use.Used >= limit:
		reached = 100
	case use.Used >= limit*near/100:
		reached = near
	}
	before := use.Told
	use.Told = reached
	if reached <= before {
		return nil
	}
	kind := journal.UnitLimitNeared
	if reached == 100 {
		kind = journal.UnitLimitReached
	}
	data := event.UnitLimit{Name: s.unit, What: s.what, Used: use.Used, Limit: limit}
	if month, ok := strings.CutPrefix(s.what, useDocuments); ok {
		data.What, data.Month = "documents_per_month", month
	}
	return c.log(c.actor.Org, s.unit, note{kind: kind, subject: "unit", id: s.unit, data: data})
}

// checkPages refuses a document with more pages than its unit takes.
func (c *change) checkPages(ctx context.Context, d *document.Document, pages int) error {
	u, err := c.unit(ctx, d.Unit)
	if err != nil || u.Limits.Pages == 0 || pages <= u.Limits.Pages {
		return orElse(err, nil)
	}
	return fault.New(fault.TooLarge, CodePageLimit, "The document has %d pages; in the business unit %s one may have %d. An administrator of the organisation can raise that; then read it again.", pages, d.Unit, u.Limits.Pages)
}

// settingUseCounted says which version of the program has counted everything anew.
const settingUseCounted = "use_counted"

// CountUse counts the bytes of every unit from what is stored, once for each version of
// the program: one before may have stored without counting.
func (s *Service) CountUse(ctx context.Context, version string) error {
	return s.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		done, err := tx.Setting(ctx, settingUseCounted)
		if err != nil && fault.KindOf(err) != fault.NotFound || done == version {
			return orElse(err, nil)
		}
		orgs, err := tx.Organisations(ctx)
		if err != nil {
			return err
		}
		for _, org := range orgs {
			units, err := tx.Units(ctx, org.ID)
			if err != nil {
				return err
			}
			for _, u := range units {
				if err := countUse(ctx, tx, org.ID, u.Name); err != nil {
					return err
				}
			}
		}
		return tx.SetSetting(ctx, settingUseCounted, version)
	})
}

// countUse holds the row while it counts: who stores something meanwhile adds it after.
func countUse(ctx context.Context, tx Tx, org, unit string) error {
	use, err := tx.LockUse(ctx, org, unit, useBytes)
	if err != nil {
		return err
	}
	if use.Used, err = tx.StoredBytes(ctx, org, unit); err != nil {
		return err
	}
	return tx.SetUse(ctx, org, unit, useBytes, use)
}
