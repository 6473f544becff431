package store

import (
	"database/sql"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/paraph/paraph/internal/service"
)

// Reader answers questions on one snapshot. It implements service.Reader.
type Reader struct {
	c   conn
	now time.Time
}

// Tx is one transaction. It implements service.Tx and is good only until the
// function it was given to returns.
type Tx struct {
	Reader
	// proposal, where it is not nil, is what the transaction will be.
	proposal *proposal
	// fresh are entries of a group commit that are not written yet.
	fresh []freshEntry
	// sharedClock says that leases go by the database's clock.
	sharedClock bool
	entries     bool // InsertEntry was called
	topics      map[string]struct{}
	sqlTx       *sql.Tx
	pgTx        pgx.Tx
}

var (
	_ service.Reader = (*Reader)(nil)
	_ service.Tx     = (*Tx)(nil)
)

// Now implements service.Reader.
func (r *Reader) Now() time.Time { return r.now }

// Notify implements service.Tx.
func (t *Tx) Notify(topic string) {
	if t.topics == nil {
		t.topics = make(map[string]struct{}, 2)
	}
	t.topics[topic] = struct{}{}
}

// SQLTx is the transaction of the group commit on SQLite, nil on PostgreSQL. It
// is for River, which inserts its jobs inside the request's savepoint. Whoever
// uses it neither commits nor rolls back.
func (t *Tx) SQLTx() *sql.Tx { return t.sqlTx }

// PgxTx is the transaction on PostgreSQL, nil on SQLite; as SQLTx.
func (t *Tx) PgxTx() pgx.Tx { return t.pgTx }

// orderBy says by what this proposal is put into an order with others. Those that
// change the same document wait for each other in the same order everywhere.
func (t *Tx) orderBy(document string) {
	if t.proposal != nil {
		t.proposal.order = document
	}
}

// locks refuses to lock anything in a proposal, which has no transaction yet.
func (t *Tx) locks() error {
	if t.proposal == nil {
		return nil
	}
	t.proposal.inTurn = true
	return errInTurn
}

// absorb takes over what a transaction inside this one asked for.
func (t *Tx) absorb(inner *Tx) {
	t.entries = t.entries || inner.entries
	t.fresh = append(t.fresh, inner.fresh...)
	for topic := range inner.topics {
		t.Notify(topic)
	}
}
