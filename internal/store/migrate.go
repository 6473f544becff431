package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
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
		if err != nil || n < 1 || i > 0 && n <= out[i-1].Number {
			return nil, fmt.Errorf("migration %s has no number of its own, higher than those before it", file)
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

// pending gives the steps that a database lacks. Steps that were made side by
// side may reach it in any order, so each is looked for by its number.
func pending(database string, applied []int64) ([]Migration, error) {
	all, err := migrations(database)
	if err != nil {
		return nil, err
	}
	known := all[len(all)-1].Number
	for _, n := range applied {
		if n > int64(known) {
			return nil, fault.New(fault.Unavailable, "schema_newer",
				"The database was changed by a newer Paraph (schema %d, this program knows %d). Run that version, or a later one.", n, known)
		}
	}
	var wait []Migration
	for _, m := range all {
		if !slices.Contains(applied, int64(m.Number)) {
			wait = append(wait, m)
		}
	}
	return wait, nil
}

const appliedMigrations = "SELECT number FROM schema_migration ORDER BY number"

// upToDate is fault Unavailable "schema_outdated" where migrations wait.
func upToDate(ctx context.Context, c conn) error {
	applied, err := list(ctx, c, scanInt, appliedMigrations)
	if err != nil {
		return err
	}
	wait, err := pending(c.dialect().name, applied)
	if err == nil && len(wait) > 0 {
		return fault.New(fault.Unavailable, "schema_outdated", "The database lacks %d changes of its schema. Run: paraph migrate", len(wait))
	}
	return err
}
