package store

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/store/pgtest"
)

var (
	comment     = regexp.MustCompile(`--[^\n]*`)
	newTable    = regexp.MustCompile(`^CREATE (?:VIRTUAL )?TABLE (?:IF NOT EXISTS )?(\w+)`)
	newIndex    = regexp.MustCompile(`^CREATE (UNIQUE )?INDEX (?:IF NOT EXISTS )?\w+ ON (\w+)`)
	newColumn   = regexp.MustCompile(`^ALTER TABLE \w+ ADD (?:COLUMN )?(?:IF NOT EXISTS )?\w+ `)
	newTrigger  = regexp.MustCompile(`(?s)CREATE TRIGGER \w+ AFTER [\w, ]+ ON (\w+)[^;]*?BEGIN(.*?)\nEND;`)
	newFunction = regexp.MustCompile(`(?s)CREATE FUNCTION (\w+)\(\) RETURNS trigger LANGUAGE plpgsql AS \$\$\s*BEGIN(.*?)END\s*\$\$;`)
	calls       = regexp.MustCompile(`(?s)CREATE TRIGGER \w+ AFTER [^;]*? EXECUTE FUNCTION (\w+)\(\);`)
	inBody      = regexp.MustCompile(`(?:INSERT (?:OR IGNORE )?INTO|DELETE FROM|UPDATE) (\w+)`)
	bindsOther  = regexp.MustCompile(`\b(REFERENCES|UNIQUE|PRIMARY KEY|CHECK)\b`)
	expandedBy  = regexp.MustCompile(`(?m)^-- expanded by step \d{4}, released in \S+$`)
)

// notExpand gives the statements of a migration with which the program before it
// might no longer work, each with the reason. What is not known to be harmless is not.
func notExpand(sql string) (bad []string) {
	var made []string
	sql = comment.ReplaceAllString(sql, "")
	isNew := func(table string) bool { return strings.Contains(sql, "CREATE TABLE "+table+" ") }
	aside := func(body string) bool { // writes into tables that the program before does not know, and nowhere else
		for _, m := range inBody.FindAllStringSubmatch(body, -1) {
			if !isNew(m[1]) {
				return false
			}
		}
		return true
	}
	var harmless []string // functions
	without := func(what *regexp.Regexp, where func(parts []string) bool) {
		sql = what.ReplaceAllStringFunc(sql, func(s string) string {
			if where(what.FindStringSubmatch(s)) {
				return ""
			}
			return s
		})
	}
	without(newTrigger, func(m []string) bool { return isNew(m[1]) || aside(m[2]) })
	without(newFunction, func(m []string) bool {
		if !aside(m[2]) {
			return false
		}
		harmless = append(harmless, m[1])
		return true
	})
	without(calls, func(m []string) bool { return slices.Contains(harmless, m[1]) })
	for statement := range strings.SplitSeq(sql, ";") {
		s := strings.Join(strings.Fields(statement), " ")
		upper := strings.ToUpper(s)
		why := "it is none of the statements that only add"
		if m := newTable.FindStringSubmatch(s); m != nil {
			made = append(made, m[1])
			why = ""
			if strings.Contains(upper, "REFERENCES") {
				why = "a reference binds what the program before does to the table that is referred to"
			}
		} else if m := newIndex.FindStringSubmatch(s); m != nil {
			why = ""
			if m[1] != "" && !slices.Contains(made, m[2]) {
				why = "the program before may write what is not unique"
			}
		} else if newColumn.MatchString(s) {
			why = ""
			if strings.Contains(upper, "NOT NULL") && !strings.Contains(upper, "DEFAULT") {
				why = "the program before writes rows without the column"
			} else if bindsOther.MatchString(upper) || strings.Contains(upper, ",") {
				why = "a condition on the column binds the program before"
			}
		} else if s == "" || strings.HasPrefix(upper, "INSERT INTO ") {
			why = ""
		}
		if why != "" {
			bad = append(bad, s+": "+why)
		}
	}
	return bad
}

// looked are steps that do more than add, and were looked at one by one: why the program
// before goes on working.
var looked = map[int]string{
	220: "the triggers do for it what they did (TestTheProgramBeforeIndexes)",
	221: "the program before finds the table, its columns and its triggers as they were; rows have other numbers (TestSearchedPages)",
	260: "the program before asks for words alone, which the index of words and eras answers as the one of words did (decision 0126)",
	233: "the program before names no index, and finds all columns of this one in another",
}

// TestMigrationsExpand holds every step after the first to docs/decisions/0016:
// it only expands, or it is a contract step and says what expanded before it.
func TestMigrationsExpand(t *testing.T) {
	t.Parallel()
	var names [2][]string
	for i, database := range []string{"sqlite", "postgres"} {
		all, err := migrations(database)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range all {
			names[i] = append(names[i], fmt.Sprint(m.Number, m.Name))
			if m.Number == 1 || looked[m.Number] != "" {
				continue
			}
			bad := notExpand(m.sql)
			switch contract := strings.HasPrefix(m.Name, contractStep); {
			case contract && !expandedBy.MatchString(m.sql):
				t.Errorf("%s %d %s is a contract step and does not say by which released step it was prepared", database, m.Number, m.Name)
			case !contract && len(bad) > 0:
				t.Errorf("%s %d %s is no expand step:\n  %s", database, m.Number, m.Name, strings.Join(bad, "\n  "))
			}
		}
	}
	if !slices.Equal(names[0], names[1]) {
		t.Errorf("the databases have different steps:\n  %v\n  %v", names[0], names[1])
	}
}

func TestWhatIsNotExpanding(t *testing.T) {
	t.Parallel()
	for sql, harmless := range map[string]bool{
		"CREATE TABLE a (id text PRIMARY KEY); CREATE UNIQUE INDEX b ON a (id);": true,
		"ALTER TABLE a ADD COLUMN b bigint;":                                     true,
		"ALTER TABLE a ADD COLUMN b text COLLATE \"C\" NOT NULL DEFAULT '';":     true,
		"CREATE INDEX b ON a (c) WHERE c <> ''; -- DROP TABLE a":                 true,
		"ALTER TABLE a ADD COLUMN b bigint NOT NULL;":                            false,
		"ALTER TABLE a ADD COLUMN b bigint REFERENCES c (id);":                   false,
		"ALTER TABLE a ADD COLUMN b bigint, DROP COLUMN c;":                      false,
		"CREATE UNIQUE INDEX b ON a (c);":                                        false,
		"CREATE TABLE a (id text REFERENCES b (id));":                            false,
		"DROP TABLE a;":                                                         false,
		"ALTER TABLE a RENAME COLUMN b TO c;":                                   false,
		"ALTER TABLE a ALTER b SET NOT NULL;":                                   false,
		"UPDATE a SET b = 1;":                                                   false,
		"CREATE TRIGGER a BEFORE INSERT ON b EXECUTE FUNCTION c ();":            false,
		"CREATE TRIGGER a AFTER INSERT ON b FOR EACH ROW EXECUTE FUNCTION c();": false,
		"CREATE TABLE d (e text); CREATE TRIGGER a AFTER INSERT ON b BEGIN\n  INSERT INTO d SELECT new.e;\nEND;":                                                                                                                 true,
		"CREATE TABLE d (e text); CREATE TRIGGER a AFTER INSERT ON b BEGIN\n  INSERT INTO f SELECT new.e;\nEND;":                                                                                                                 false,
		"CREATE TABLE d (e text); CREATE FUNCTION c() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN\n  INSERT INTO d VALUES (NEW.e);\nRETURN NULL; END $$; CREATE TRIGGER a AFTER INSERT ON b FOR EACH ROW EXECUTE FUNCTION c();": true,
		"CREATE TABLE d (e text); CREATE FUNCTION c() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN\n  UPDATE b SET e = '';\nRETURN NULL; END $$; CREATE TRIGGER a AFTER INSERT ON b FOR EACH ROW EXECUTE FUNCTION c();":          false,
		"CREATE TABLE c (d bigint); CREATE TRIGGER a AFTER DELETE ON b BEGIN\n  UPDATE c SET d = d + 1;\nEND;":                                                                                                                   true,
		"CREATE TABLE c (d bigint); CREATE TRIGGER a AFTER DELETE ON b BEGIN\n  UPDATE c SET d = d + 1;\n  DELETE FROM e;\nEND;":                                                                                                 false,
		"CREATE TRIGGER a AFTER DELETE ON b BEGIN\n  UPDATE c SET d = d + 1;\nEND;":                                                                                                                                              false,
	} {
		if bad := notExpand(sql); (len(bad) == 0) != harmless {
			t.Errorf("%s: %v", sql, bad)
		}
	}
}

// TestWorksOnANewerSchema: a program works on a database to which a newer one
// added something, and refuses one from which it took something away.
func TestWorksOnANewerSchema(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	openPg(t, url)
	pgtest.Exec(t, url, "ALTER TABLE document ADD COLUMN from_the_future text", "INSERT INTO schema_migration VALUES (9000, 'more', 1)")
	o := Options{URL: url, MaxConns: 4, Across: "tests"}
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatalf("after an expand step: %v", err)
	}
	s.Close()
	pgtest.Exec(t, url, "INSERT INTO schema_migration VALUES (9001, 'contract_less', 1)")
	for _, o.KeepSchema = range []bool{false, true} {
		if s, err := Open(context.WithoutCancel(t.Context()), o); fault.CodeOf(err) != "schema_newer" {
			s.Close()
			t.Errorf("after a contract step: %v", err)
		}
	}
}
