package store

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/paraph/paraph/docs"
)

// TestTables: every table of the schema and every column stands in Tables, or
// among those that are left out on purpose. Whoever adds one has to decide
// whether it is personal, and nothing is forgotten by a backup or a disposal.
func TestTables(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), Options{URL: filepath.Join(t.TempDir(), "paraph.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.read(t.Context(), func(ctx context.Context, r *Reader) error {
		there, err := list(ctx, r.c, scanString, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'page_fts%' AND name NOT LIKE 'search_fts%' AND name NOT LIKE 'sqlite_%'")
		if err != nil {
			return err
		}
		for _, name := range there {
			if slices.Contains(left, name) {
				continue
			}
			known, err := TableOf(name)
			if err != nil {
				t.Errorf("%v: say in tables.go what a backup and a disposal do with it", err)
				continue
			}
			columns, err := list(ctx, r.c, scanString, "SELECT name FROM pragma_table_info(?)", name)
			if err != nil {
				return err
			}
			columns = slices.DeleteFunc(columns, func(c string) bool { return slices.Contains(computed, name+"."+c) })
			listed := names(known.Columns())
			slices.Sort(columns)
			slices.Sort(listed)
			if !slices.Equal(columns, listed) {
				t.Errorf("the columns of %s are %s; tables.go has %s", name, strings.Join(columns, " "), strings.Join(listed, " "))
			}
		}
		for _, known := range Tables {
			if !slices.Contains(there, known.Name) {
				t.Errorf("there is no table %s", known.Name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestClassesAreInTheInventory: docs/inventory.md says of each class of data what is in it.
func TestClassesAreInTheInventory(t *testing.T) {
	t.Parallel()
	raw, err := docs.Files.ReadFile("inventory.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(raw), "\n## Classes of data\n")
	text, _, _ := strings.Cut(after, "\n## ")
	said := map[string]string{}
	for line := range strings.Lines(text) {
		if cells := strings.Split(line, "|"); len(cells) == 5 {
			said[strings.TrimSpace(cells[1])] = strings.TrimSpace(strings.ReplaceAll(cells[2], "`", ""))
		}
	}
	there := map[string][]string{}
	for _, table := range Tables {
		switch {
		case table.Secret:
			there["keys"] = append(there["keys"], table.Name)
		case table.Of != "":
			there["of documents"] = append(there["of documents"], table.Name)
		default:
			there["of the installation"] = append(there["of the installation"], table.Name)
		}
	}
	for class, tables := range there {
		slices.Sort(tables)
		if want := strings.Join(tables, " "); said[class] != want {
			t.Errorf("%s: the inventory has %q, want %q", class, said[class], want)
		}
	}
}
