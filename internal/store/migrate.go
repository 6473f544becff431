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

// contractStep begins the name of a migration after which the program before it
// can no longer work. All others only expand: they add what that program neither
// reads nor needs to write. The rule is checked by TestMigrationsExpand.
const contractStep = "contract_"

// applied is a step as a database remembers it.
type applied struct {
	Number int64
	Name   string
}

func scanApplied(s scanner) (a applied, err error) {
	err = s.Scan(&a.Number, &a.Name)
	return
}

// pending gives the steps that a database lacks. Steps that were made side by
// side may reach it in any order, so each is looked for by its number.
//
// Steps that this program does not know were made by a newer one. It goes on
// working beside that one, unless a step among them is a contract step: fault
// Unavailable "schema_newer".
func pending(database string, done []applied) ([]Migration, error) {
	all, err := migrations(database)
	if err != nil {
		return nil, err
	}
	for _, a := range done {
		if strings.HasPrefix(a.Name, contractStep) && !slices.ContainsFunc(all, func(m Migration) bool { return int64(m.Number) == a.Number }) {
			return nil, fault.New(fault.Unavailable, "schema_newer",
				"The database was changed by a newer Paraph (step %04d %s) in a way that this program cannot work with. Run that version, or a later one.", a.Number, a.Name)
		}
	}
	var wait []Migration
	for _, m := range all {
		if !slices.ContainsFunc(done, func(a applied) bool { return a.Number == int64(m.Number) }) {
			wait = append(wait, m)
		}
	}
	return wait, nil
}

const appliedMigrations = "SELECT number, name FROM schema_migration ORDER BY number"

// upToDate is fault Unavailable "schema_outdated" where migrations wait.
func upToDate(ctx context.Context, c conn) error {
	done, err := list(ctx, c, scanApplied, appliedMigrations)
	if err != nil {
		return err
	}
	wait, err := pending(c.dialect().name, done)
	if err == nil && len(wait) > 0 {
		return fault.New(fault.Unavailable, "schema_outdated", "The database lacks %d changes of its schema. Run: paraph migrate", len(wait))
	}
	return err
}
