package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/paraph/paraph/internal/fault"
)

// Migrations are two folders with equal numbers, one for each database. A file
// that was released is never changed; a change is a new file in both folders.
//
//go:embed migrations
var migrationFiles embed.FS

// Migration is one step of the schema.
type Migration struct {
	Number int
	Name   string
	sql    string
}

// migrations reads the steps of a database, by number.
func migrations(database string) ([]Migration, error) {
	names, err := fs.Glob(migrationFiles, "migrations/"+database+"/*.sql")
	if err != nil {
		return nil, err
	}
	var out []Migration
	for i, file := range names { // Glob sorts
		number, name, _ := strings.Cut(strings.TrimSuffix(path.Base(file), ".sql"), "_")
		n, err := strconv.Atoi(number)
		if err != nil || n != i+1 {
			return nil, fmt.Errorf("migration %s is not number %d", file, i+1)
		}
		text, err := migrationFiles.ReadFile(file)
		if err != nil {
			return nil, err
		}
		out = append(out, Migration{Number: n, Name: name, sql: string(text)})
	}
	return out, nil
}

const migrationTable = "CREATE TABLE IF NOT EXISTS schema_migration (number BIGINT PRIMARY KEY, name TEXT NOT NULL, applied_at BIGINT NOT NULL)"

// pending gives the steps that a database at the version lacks.
func pending(database string, version int64) ([]Migration, error) {
	all, err := migrations(database)
	if err != nil {
		return nil, err
	}
	if version > int64(len(all)) {
		return nil, fault.New(fault.Unavailable, "schema_newer",
			"The database was changed by a newer Paraph (schema %d, this program knows %d). Run that version, or a later one.", version, len(all))
	}
	return all[version:], nil
}

// schemaVersion gives the number of the last migration applied.
func schemaVersion(ctx context.Context, c conn) (int64, error) {
	return one(ctx, c, scanInt, "SELECT COALESCE(MAX(number), 0) FROM schema_migration")
}

// upToDate is fault Unavailable "schema_outdated" where migrations wait.
func upToDate(ctx context.Context, c conn) error {
	version, err := schemaVersion(ctx, c)
	if err != nil {
		return err
	}
	wait, err := pending(c.dialect().name, version)
	if err == nil && len(wait) > 0 {
		return fault.New(fault.Unavailable, "schema_outdated", "The database lacks %d changes of its schema. Run: paraph migrate", len(wait))
	}
	return err
}
