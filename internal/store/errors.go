package store

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"

	"github.com/paraph/paraph/internal/fault"
)

// Primary result codes of SQLite (https://sqlite.org/rescode.html); the lowest
// eight bits of an extended code.
const (
	sqliteBusy     = 5
	sqliteLocked   = 6
	sqliteNoMem    = 7
	sqliteReadOnly = 8
	sqliteInterr   = 9
	sqliteIOErr    = 10
	sqliteCorrupt  = 11
	sqliteFull     = 13
	sqliteCantOpen = 14
	sqliteNotADB   = 26
)

// stale is the fault of a compare-and-swap that lost.
func stale() error {
	return fault.New(fault.Conflict, "stale", "Somebody else changed it at the same moment. Read it again, then repeat.")
}

// taken is the fault for a second thing under a name that must be unique.
func taken(what string) error {
	return fault.New(fault.Conflict, "exists", "There is already %s.", what)
}

// mapped turns a driver's error into a fault. Faults stay as they are.
func mapped(err error) error {
	var f *fault.Fault
	if err == nil || errors.As(err, &f) {
		return err
	}
	if code, ok := sqliteCode(err); ok {
		return mapSQLite(code, err)
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return mapPostgres(pg, err)
	}
	var netErr net.Error
	var connErr *pgconn.ConnectError
	if errors.As(err, &connErr) || errors.As(err, &netErr) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || pgconn.SafeToRetry(err) ||
		strings.Contains(err.Error(), "conn closed") || strings.Contains(err.Error(), "closed pool") {
		return unavailable(err)
	}
	return fault.Wrap(err, fault.Internal, "internal", "The database refused a statement.")
}

func sqliteCode(err error) (int, bool) {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return 0, false
	}
	return e.Code() & 0xff, true
}

func mapSQLite(code int, err error) error {
	switch code {
	case sqliteFull:
		return storageFull(err)
	case sqliteBusy, sqliteLocked, sqliteNoMem, sqliteReadOnly, sqliteInterr, sqliteIOErr, sqliteCorrupt, sqliteCantOpen, sqliteNotADB:
		return unavailable(err)
	}
	return fault.Wrap(err, fault.Internal, "internal", "The database refused a statement.")
}

// mapPostgres maps SQLSTATE codes (PostgreSQL manual, appendix A).
func mapPostgres(pg *pgconn.PgError, err error) error {
	switch {
	case pg.Code == "53100": // disk_full
		return storageFull(err)
	case pg.Code == "22021": // character_not_in_repertoire
		return fault.Wrap(err, fault.Invalid, "bad_character", "A text holds a character that cannot be kept.")
	case strings.HasPrefix(pg.Code, "08"), // connection
		strings.HasPrefix(pg.Code, "53"),       // insufficient resources
		strings.HasPrefix(pg.Code, "57"),       // operator intervention: shutdown, cancel
		strings.HasPrefix(pg.Code, "58"),       // system error: I/O
		strings.HasPrefix(pg.Code, "28"),       // authorization
		pg.Code == "25006",                     // read_only_sql_transaction: a standby
		pg.Code == "25P03",                     // idle_in_transaction_session_timeout
		pg.Code == "55P03",                     // lock_not_available
		pg.Code == "40001", pg.Code == "40P01": // serialization, deadlock: after all retries
		return unavailable(err)
	}
	return fault.Wrap(err, fault.Internal, "internal", "The database refused a statement.")
}

// retryable tells whether PostgreSQL undid the transaction for the sake of another.
func retryable(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "40001" || pg.Code == "40P01")
}

// impatient tells whether a lane did not wait any longer for a lock.
func impatient(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "55P03"
}

func isStale(err error) bool {
	return fault.CodeOf(err) == "stale" && fault.KindOf(err) == fault.Conflict
}

func unavailable(err error) error {
	return fault.Wrap(err, fault.Unavailable, "store_unavailable", "The database cannot be reached or used right now. Try again in a moment.")
}

func storageFull(err error) error {
	return fault.Wrap(err, fault.Unavailable, "storage_full", "The disk of the database is full. Nothing was changed; free space, then try again.")
}
