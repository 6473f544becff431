package store

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/testneed"
)

// TestWhose asks every question of service.Reader that is about an organisation, of a
// store in which every table has one row. Another organisation is told nothing, whatever
// it knows; nor is the first one where any single word of the question is another; and
// once the other has rows of its own under the same ids and names, the first is told what
// it was before. A new question is asked by itself.
func TestWhose(t *testing.T) {
	t.Parallel()
	s := openTest(t, func(o *Options) { o.Across = "a test" })
	rowOf(t, s, "org_a", 1)
	questions := questionsOfOrganisations(t)
	before := map[string]string{}
	for _, name := range questions {
		before[name] = answerOf(t, s, name, "org_a", -1)
		if nothing(before[name]) {
			t.Errorf("%s finds nothing, so the question says nothing", name)
		}
		if got := answerOf(t, s, name, "org_b", -1); !nothing(got) {
			t.Errorf("%s tells another organisation %s", name, got)
		}
		for i, argument := range argumentsOf(s, name) {
			if slices.Contains(wider, argument) || slices.Contains(wider, name+" "+argument) {
				continue
			}
			if got := answerOf(t, s, name, "org_a", i); !nothing(got) {
				t.Errorf("%s finds %s whatever its %s is", name, got, argument)
			}
		}
	}
	rowOf(t, s, "org_b", 2)
	for _, name := range questions {
		if after := answerOf(t, s, name, "org_a", -1); after != before[name] {
			t.Errorf("%s tells %s, and before another organisation had rows, %s", name, after, before[name])
		}
	}
	if len(questions) < 60 {
		t.Errorf("only %d questions", len(questions))
	}
}

// TestNarrowed: what no question of one organisation's can show.
func TestNarrowed(t *testing.T) {
	t.Parallel()
	s := openTest(t, func(o *Options) { o.Across = "a test" })
	rowOf(t, s, "org_a", 1)
	err := s.Read(t.Context(), func(ctx context.Context, r service.Reader) error {
		for _, c := range []struct {
			endpoint int64
			before   string
			want     int
		}{{1, "", 1}, {2, "", 0}, {1, "a", 0}} {
			if got, err := r.Replays(ctx, c.endpoint, c.before, 5); err != nil || len(got) != c.want {
				t.Errorf("%+v: %d replays, %v", c, len(got), err)
			}
		}
		flow := service.Flow{Org: "org_a", Type: "x", Unit: "x"}
		if _, err := r.FlowHead(ctx, "x", flow, r.Now()); err != nil {
			t.Errorf("the head of its flow: %v", err)
		}
		if flow.Org = "org_b"; fault.KindOf(second(r.FlowHead(ctx, "x", flow, r.Now()))) != fault.NotFound {
			t.Error("the head of another organisation's flow")
		}
		got, err := r.Documents(ctx, service.DocumentFilter{Org: "org_a", Metadata: map[string]string{`a"b`: "x"}})
		if len(got) != 0 {
			t.Errorf("a name that cannot be looked up finds %d documents", len(got))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if _, err := s.engine.(*sqliteEngine).db.ExecContext(t.Context(), "UPDATE page SET version = 2"); err != nil {
		t.Fatal(err)
	}
	if got := answerOf(t, s, "PageTexts", "org_a", -1); !nothing(got) {
		t.Errorf("a page of a version that is not shown: %s", got)
	}
	if condition, args := part(access.AsApprover, "d.org", "d.id", "ann@example.org", time.Time{}); strings.Contains(condition, "document_grant") || len(args) != 1 {
		t.Errorf("an approver alone: %s %v", condition, args)
	}
}

// questionsOfOrganisations reads from the source which questions name an organisation:
// by a parameter org, or in a filter.
func questionsOfOrganisations(t *testing.T) (out []string) {
	t.Helper()
	pkgs, err := filepath.Glob(filepath.Join(testneed.Root(t), "internal", "service", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	reader := reflect.TypeFor[service.Reader]()
	for _, path := range pkgs {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			i, ok := n.(*ast.InterfaceType)
			if !ok {
				return true
			}
			for _, m := range i.Methods.List {
				f, ok := m.Type.(*ast.FuncType)
				if !ok || len(m.Names) == 0 || len(f.Params.List) < 2 {
					continue
				}
				asked, ok := reader.MethodByName(m.Names[0].Name)
				if !ok {
					continue
				}
				p, filter := f.Params.List[1], false
				if typ := asked.Type.In(1); typ.Kind() == reflect.Struct {
					_, filter = typ.FieldByName("Org")
				}
				if slices.Contains(everywhere, m.Names[0].Name) {
					continue
				}
				if filter || len(p.Names) > 0 && p.Names[0].Name == "org" {
					out = append(out, m.Names[0].Name)
				}
			}
			return false
		})
	}
	return out
}

// argumentsOf names what a question can be narrowed by, beside the organisation.
func argumentsOf(s *Store, name string) (out []string) {
	m := reflect.TypeOf(&Reader{})
	f, _ := m.MethodByName(name)
	for i := 3; i < f.Type.NumIn(); i++ {
		out = append(out, fmt.Sprint("argument ", i-2))
	}
	if in := f.Type.In(2); strings.HasSuffix(in.Name(), "Filter") || strings.HasSuffix(in.Name(), "Query") {
		for i := range in.NumField() {
			out = append(out, in.Field(i).Name)
		}
	}
	return out
}

// answerOf asks a question for an organisation, with x for every other word, but for
// one argument, which is another; below 0 none is.
func answerOf(t *testing.T, s *Store, name, org string, another int) (text string) {
	t.Helper()
	err := s.Read(t.Context(), func(ctx context.Context, r service.Reader) error {
		m := reflect.ValueOf(r).MethodByName(name)
		args := []reflect.Value{reflect.ValueOf(ctx)}
		more := m.Type().NumIn() - 2
		for i := 1; i < m.Type().NumIn(); i++ {
			v := reflect.New(m.Type().In(i)).Elem()
			switch {
			case i == 1 && v.Kind() == reflect.Struct:
				v.FieldByName("Org").SetString(org)
				complete(v)
				if f := another - more; f >= 0 && v.Type().Field(f).Name != "Org" {
					other(v.Field(f))
				}
			case i == 1:
				v.SetString(org)
			case another == i-2:
				other(v)
			default:
				word(v)
			}
			args = append(args, v)
		}
		out := m.Call(args)
		if err, _ := out[len(out)-1].Interface().(error); err != nil {
			if fault.KindOf(err) == fault.NotFound {
				text = "nothing"
				return nil
			}
			return err
		}
		v := out[0]
		if v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0 {
			text = "nothing"
			return nil
		}
		text = fmt.Sprintf("%+v", v.Interface())
		return nil
	})
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	return text
}

func nothing(text string) bool { return text == "nothing" }

// complete sets what a filter does not go without.
func complete(v reflect.Value) {
	if name := v.Type().Name(); !strings.HasSuffix(name, "Filter") && !strings.HasSuffix(name, "Query") {
		for i := range v.NumField() {
			if v.Type().Field(i).Name != "Org" {
				word(v.Field(i))
			}
		}
		v.FieldByName("Alone").SetBool(false)
		return
	}
	for name, value := range map[string]any{"Text": "x", "Limit": 10, "Query": "x"} {
		if f := v.FieldByName(name); f.IsValid() && f.Type() == reflect.TypeOf(value) {
			f.Set(reflect.ValueOf(value))
		}
	}
}

// word makes an argument of a question.
func word(v reflect.Value) {
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Unix(2e9, 0)))
	case v.Kind() == reflect.String:
		v.SetString("x")
	case v.CanInt():
		v.SetInt(1)
	case v.Type() == reflect.TypeFor[[]string]():
		v.Set(reflect.ValueOf([]string{"x"}))
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8:
		v.SetBytes([]byte{1})
	}
}

// other makes an argument that nothing fits.
func other(v reflect.Value) {
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Unix(3e9, 0)))
	case v.Kind() == reflect.String:
		v.SetString("a")
	case v.CanInt():
		v.SetInt(2)
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
	case v.Kind() == reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("a"), reflect.ValueOf("a"))
	case v.Type() == reflect.TypeFor[[]string]():
		v.Set(reflect.ValueOf([]string{"a"}))
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.String:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		v.Index(0).SetString("a")
	}
}

// wider are arguments that narrow nothing, or nothing that one row can show.
var wider = []string{"Org", "Limit", "Principal", "Until", "Sort", "After", "ProtectionsDue argument 1", "ProtectionsDue argument 2", "ProtectionReport argument 2", "Ahead argument 1", "Queues argument 1", "PageTexts argument 3", "BulkRows argument 4",
	"Documents Search", "Documents ProtectedUntil"}

// rowOf writes one row of an organisation into every table, with the same ids and
// words for each, as far as the table's key allows.
func rowOf(t *testing.T, s *Store, org string, n int) {
	t.Helper()
	db := s.engine.(*sqliteEngine).db
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	run := func(query string) {
		if _, err := conn.ExecContext(t.Context(), query); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	run("PRAGMA foreign_keys = OFF")
	defer run("PRAGMA foreign_keys = ON")
	rows, err := conn.QueryContext(t.Context(), `SELECT m.name, c.name, c.type FROM sqlite_master m JOIN pragma_table_info(m.name) c
		WHERE m.type = 'table' AND m.sql NOT LIKE '%VIRTUAL%' AND m.name NOT LIKE 'sqlite%' AND m.name NOT LIKE 'search_fts%' AND m.name NOT IN ('schema_migration', 'page_fts') ORDER BY m.name, c.cid`)
	if err != nil {
		t.Fatal(err)
	}
	columns, values := map[string][]string{}, map[string][]string{}
	for rows.Next() {
		var table, column, typ string
		if err := rows.Scan(&table, &column, &typ); err != nil {
			t.Fatal(err)
		}
		if column == "rid" {
			continue
		}
		columns[table], values[table] = append(columns[table], column), append(values[table], valueOf(table, column, typ, org, n))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for table, names := range columns {
		run("INSERT OR IGNORE INTO " + table + " (" + strings.Join(names, ", ") + ") VALUES (" + strings.Join(values[table], ", ") + ")")
	}
}

// valueOf is what stands in a column.
func valueOf(table, column, typ, org string, n int) string {
	switch at := table + "." + column; {
	case column == "org" || at == "organisation.id":
		return "'" + org + "'"
	case words[at] != "":
		return words[at]
	case words[column] != "":
		return words[column]
	}
	switch typ {
	case "BLOB":
		return fmt.Sprintf("X'0%d'", n)
	case "INTEGER", "BIGINT", "BOOLEAN":
		return "1"
	case "REAL", "DOUBLE", "DOUBLE PRECISION":
		return "1.5"
	}
	return "'x'"
}

// words are the columns that cannot hold x, or 1, or are not found with them.
var words = map[string]string{
	"scopes": `'["x"]'`, "roles": `'["x"]'`, "units": `'["x"]'`, "labels": "'{}'", "metadata": "'{}'", "approvers": `'["x"]'`, "digests": "'{}'", "data": "'{}'", "evidence": "'{}'",
	"signature": "'{}'", "fields": "'[]'", "settings": "'{}'", "limits": "'{}'", "details": "'{}'", "scheme": "'{}'", "profile": "'{}'", "types": `'["x"]'`, "retries": "'[1]'", "headers": "'{}'", "resources": "'[]'",
	"bound": "'{}'", "methods": "'[]'", "files": "'[]'", "facts": "'{}'", "schema": "'{}'", "selection": "'{}'", "kept_page.data": "X'01'", "holder": "''", "parent": "'x'",
	"deleted_at": "NULL", "destroyed_at": "NULL", "revoked_at": "NULL", "ended_at": "NULL", "approval.state": "'open'", "recipient.state": "'signed'", "upload.document_id": "''",
	"leaf": "zeroblob(32)", "prev_leaf": "zeroblob(32)", "salt": "zeroblob(32)", "document_grant.until_at": "9000000000000000", "backlog.alone": "0", "protection.code": "''",
	"holds": "'{}'", "demands": "'{}'", "template": "'{}'", "columns": `'["x"]'`, "caller": "'{}'", "cells": "'{}'", "faults": "'[]'", "bulk_row.number": "2",
	"counts": "'{}'", "origin": "'{}'", "import_row.outcome": "'made'",
}

// everywhere are questions that go on through all organisations from a place, which they
// name, and reports, whose answer is never nothing: they count what the list shows, and a
// test of the API holds them to it for every sort of caller.
var everywhere = []string{"DocumentsAfter", "Unprotected", "ReportDocuments", "ReportTimes"}
