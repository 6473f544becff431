package bulk

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/fault"
)

// TestLife: the table of states, every pair of it.
func TestLife(t *testing.T) {
	t.Parallel()
	want := map[State]map[Action]State{
		Running: {Pause: Paused, Cancel: Cancelled, Finish: Finished}, Paused: {Pause: Paused, Resume: Running, Cancel: Cancelled, Retry: Running}, Finished: {Retry: Running},
	}
	for _, from := range []State{Running, Paused, Finished, Cancelled} {
		for _, do := range []Action{Pause, Resume, Cancel, Finish, Retry} {
			s := Send{State: from, Code: "x", Reason: "y"}
			err := s.Apply(do, time.Unix(1, 0))
			if to, ok := want[from][do]; ok != (err == nil) || ok && (s.State != to || s.EndedAt.IsZero() == (to == Finished || to == Cancelled) || (s.Code == "") == (to == Paused)) {
				t.Errorf("%s %s: %+v %v", from, do, s, err)
			} else if !ok && fault.CodeOf(err) != "bulk_send_not_open" {
				t.Errorf("%s %s: %v", from, do, err)
			}
		}
	}
}

// read reads rows and gives the places of their faults, with their codes.
func read(table Table, text string) (columns []string, rows []Values, faults []string) {
	var p Problems
	columns, rows = table.Read([]byte(text), &p)
	for _, d := range fault.From(p.Err()).GetDetails() {
		faults = append(faults, d.Pointer+" "+d.Code)
	}
	return columns, rows, faults
}

func TestReadCSV(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", MaxCell+1)
	for name, c := range map[string]struct {
		table  Table
		text   string
		cells  string // of all rows, as they stand
		faults string
	}{
		"plain":                {text: "a,b\n1,x\n2,\n", cells: "1|x|2||"},
		"a mark, and CRLF":     {text: "\uFEFFa,b\r\n\"1, 2\",\"x \"\"y\"\"\r\nz\"\r\n", cells: "1, 2|x \"y\"\nz|"},
		"semicolons":           {table: Table{Delimiter: ";"}, text: "a;b\n1,5;x\n", cells: "1,5|x|"},
		"tabs":                 {table: Table{Delimiter: "\t"}, text: "a\tb\n1\tx\n", cells: "1|x|"},
		"another divider":      {table: Table{Delimiter: "|"}, text: "a|b\n1|x\n", faults: "/rows unknown_choice"},
		"nothing":              {text: "", faults: "/rows empty"},
		"a header alone":       {text: "a,b\n", faults: "/rows empty"},
		"a zero byte":          {text: "a,b\n1,x\x00\n", faults: "/rows bad_text"},
		"no Unicode":           {text: "a,b\n1,\xff\n", faults: "/rows bad_text"},
		"a wrong count":        {text: "a,b\n1\n2,x,y\n3,z\n", faults: "/rows/1 bad_count /rows/2 bad_count"},
		"a column twice":       {text: "a,b,a\n1,2,3\n", faults: "/rows/a repeated"},
		"a column of no name":  {text: "a, \n1,2\n", faults: "/rows bad_column"},
		"braces in a name":     {text: "a,{b}\n1,2\n", faults: "/rows bad_column"},
		"an open quote":        {text: "a,b\n1,\"x\n2,y\n", faults: "/rows/1 bad_csv"},
		"a bare quote":         {text: "a,b\n1,x\"y\n", faults: "/rows/1 bad_csv"},
		"a huge field":         {text: "a,b\n1," + long + "\n", faults: "/rows/1/b too_long"},
		"the same twice":       {text: "a,b\n1,x\n2,x\n1,x\n", faults: "/rows/3 duplicate_row"},
		"the same, as wanted":  {table: Table{Repeats: true}, text: "a,b\n1,x\n1,x\n", cells: "1|x|1|x|"},
		"alike but not alike":  {text: "a,b\n1:x,2\n1,x2\n", cells: "1:x|2|1|x2|"},
		"numbers":              {table: Table{Types: map[string]Type{"a": Number, "b": Boolean}}, text: "a,b\n -1.50 ,true\n,\n", cells: "-1.50|true|||"},
		"no numbers":           {table: Table{Types: map[string]Type{"a": Number, "b": Boolean}}, text: "a,b\n\"1,5\",1\nNaN,TRUE\n0x1,x\n", faults: "/rows/1/a wrong_type /rows/1/b wrong_type /rows/2/a wrong_type /rows/2/b wrong_type /rows/3/a wrong_type /rows/3/b wrong_type"},
		"a type of no column":  {table: Table{Types: map[string]Type{"c": Number}}, text: "a,b\n1,2\n", faults: "/rows/c unknown_column"},
		"a type that is none":  {table: Table{Types: map[string]Type{"a": "date"}}, text: "a,b\n1,2\n", faults: "/rows/a unknown_choice"},
		"a name with a stroke": {table: Table{Types: map[string]Type{"a/~": Number}}, text: "a/~,b\nx,2\n", faults: "/rows/1/a~1~0 wrong_type"},
	} {
		c.table.Format = CSV
		columns, rows, faults := read(c.table, c.text)
		if got := strings.Join(faults, " "); got != c.faults {
			t.Errorf("%s: faults %q, want %q", name, got, c.faults)
		}
		if c.faults != "" {
			continue
		}
		got := ""
		for _, r := range rows {
			for _, column := range columns {
				got += r.Text(column) + "|"
			}
		}
		if got != c.cells {
			t.Errorf("%s: %q, want %q", name, got, c.cells)
		}
	}
}

func TestReadLines(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"a":"x","b":1.50}` + "\r\n\n" + `{"b":null,"c":true}`: "",
		`{"a":"x"}` + "\n" + `["y"]`:                            "/rows/2 bad_json",
		`{"a":"x"`:                                              "/rows/1 bad_json",
		`{"a":"x"} {}`:                                          "/rows/1 bad_json",
		`{"a":"x","a":"y"}`:                                     "/rows/1/a repeated",
		`{"a":{"b":1}}`:                                         "/rows/1/a wrong_type",
		`{"a":"\u0000"}`:                                        "/rows/1/a bad_text",
		`{"":1}`:                                                "/rows bad_column",
		`{"a":"` + strings.Repeat("x", MaxCell) + `"}`: "/rows/1/a too_long",
		"":                                       "/rows empty",
		`{"a":1}` + "\n" + `{"a":1}`:             "/rows/2 duplicate_row",
		strings.Repeat(`{"a":`, 20000):           "/rows/1 bad_json",
		`{"` + strings.Repeat("n", 121) + `":1}`: "/rows bad_column",
		"\uFEFF" + `{"a":"x"}`:                   "",
	} {
		_, _, faults := read(Table{Format: Lines}, text)
		if got := strings.Join(faults, " "); got != want {
			t.Errorf("%.60q: %q, want %q", text, got, want)
		}
	}
	columns, rows, _ := read(Table{Format: Lines}, `{"a":"x","b":1.50}`+"\n"+`{"c":true,"b":null}`)
	if !slices.Equal(columns, []string{"a", "b", "c"}) || rows[0].Text("b") != "1.50" || rows[1].Text("b") != "" || rows[1].Text("c") != "true" || rows[1].Text("a") != "" {
		t.Errorf("%v %s", columns, rows)
	}
	if _, _, faults := read(Table{Format: "xml"}, "<a/>"); !slices.Equal(faults, []string{"/rows unknown_choice"}) {
		t.Errorf("%v", faults)
	}
}

// TestBounds: more rows, columns and faults than are taken.
func TestBounds(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("a\n")
	for i := range MaxRows + 1 {
		fmt.Fprintf(&b, "%d\n", i)
	}
	if _, rows, faults := read(Table{Format: CSV}, b.String()); !slices.Equal(faults, []string{"/rows too_many"}) || len(rows) > MaxRows {
		t.Errorf("%d rows, %v", len(rows), faults)
	}
	if _, _, faults := read(Table{Format: CSV}, strings.Repeat("a,", MaxColumns)+"b\n"); faults[0] != "/rows too_many" {
		t.Errorf("%v", faults)
	}
	if _, _, faults := read(Table{Format: CSV}, strings.Repeat("a", MaxBytes+1)); !slices.Equal(faults, []string{"/rows too_large"}) {
		t.Errorf("%v", faults)
	}
	var p Problems
	table := Table{Format: CSV}
	table.Read([]byte("a,b\n"+strings.Repeat("1\n", 3*MaxFaults)), &p)
	if f := fault.From(p.Err()); len(f.Details) != MaxFaults || !strings.Contains(f.Message, "200 more") {
		t.Errorf("%d faults listed: %s", len(f.Details), f.Message)
	}
}

func TestTemplate(t *testing.T) {
	t.Parallel()
	tmpl := Template{Title: "For {{ name }}, {{no}}", Labels: map[string]string{"a": "{{name}}"}, Metadata: json.RawMessage(`{"n":"{{no}}","t":"no {{no}}","l":["{{name}}",1.50,null,{"x":"{{none}}"}],"{{name}}":1}`),
		Subject: "{{name", Message: "{{else}}", Recipients: []Recipient{{Name: "{{name}}", Email: "{{email}}"}, {Name: "Board", Email: "board@example.com"}}}
	var l fault.List
	tmpl.Check([]string{"name", "no", "email"}, &l)
	var got []string
	for _, d := range fault.From(l.Err("x", "x")).GetDetails() {
		got = append(got, d.Pointer+" "+d.Code)
	}
	if want := []string{"/subject bad_placeholder", "/message unknown_column", "/document/metadata/l/3/x unknown_column"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	one := tmpl.Fill(Values{"name": json.RawMessage(`"{{no}}"`), "no": json.RawMessage("7"), "email": json.RawMessage(`"b@example.com"`)})
	if one.Title != "For {{no}}, 7" || one.Labels["a"] != "{{no}}" || string(one.Metadata) != `{"l":["{{no}}",1.50,null,{"x":""}],"n":7,"t":"no 7","{{name}}":1}` || one.Recipients[0].Email != "b@example.com" || one.Recipients[1].Name != "Board" {
		t.Errorf("%+v %s", one, one.Metadata)
	}
	if tmpl.Recipients[0].Name != "{{name}}" || tmpl.Labels["a"] != "{{name}}" {
		t.Error("filling it has changed the template")
	}
	for at, want := range map[string]string{"/recipients/0/email": "email", "/recipients/1/email": "", "/document/metadata/n": "no", "/document/labels/a": "name", "/nothing": ""} {
		if got := tmpl.Behind(at); got != want {
			t.Errorf("behind %s is %q, want %q", at, got, want)
		}
	}
}

// TestResults: no cell of the table for a spreadsheet begins a formula.
func TestResults(t *testing.T) {
	t.Parallel()
	columns := []string{"=a", "b"}
	for _, cell := range []string{"=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "plain", ""} {
		var b bytes.Buffer
		r, err := NewResults(&b, CSV, columns)
		if err == nil {
			err = r.Write(&Row{Number: 1, State: Refused, Reason: cell, Values: Values{"=a": quoted(cell), "b": json.RawMessage("-5")}})
		}
		if err == nil {
			err = r.End()
		}
		all, rerr := csv.NewReader(&b).ReadAll()
		if err != nil || rerr != nil || len(all) != 2 {
			t.Fatal(all, err, rerr)
		}
		for i, got := range append(all[0], all[1]...) {
			if got != "" && strings.ContainsRune("=+-@\t\r", rune(got[0])) && got != "-5" {
				t.Errorf("cell %d is %q", i, got)
			}
		}
	}
}

// FuzzRows: whatever comes, reading ends, and what is taken can be written and read again.
func FuzzRows(f *testing.F) {
	for _, s := range []string{"a,b\n1,x\n", "\uFEFFa;b\r\n\"1;\";x\r\n", `{"a":"x","b":1}`, `{"a":`, "a,a\n", "\"", "a\n\x00", "=a\n-1\n", "a,b\n1\n"} {
		f.Add(s, uint8(0))
		f.Add(s, uint8(5))
	}
	f.Fuzz(func(t *testing.T, text string, how uint8) {
		table := Table{Format: []Format{CSV, Lines}[how&1], Delimiter: []string{",", ";", "\t", ""}[how>>1&3], Repeats: how&8 != 0}
		var p Problems
		columns, rows := table.Read([]byte(text), &p)
		if p.Err() != nil {
			return
		}
		if len(rows) == 0 || len(rows) > MaxRows || len(columns) > MaxColumns {
			t.Fatalf("%d rows of %d columns", len(rows), len(columns))
		}
		tmpl := Template{Title: "{{" + columns[0] + "}}", Metadata: json.RawMessage(`{"x":"{{` + strings.ReplaceAll(strings.ReplaceAll(columns[0], `\`, `\\`), `"`, `\"`) + `}}"}`)}
		var lines, sheet bytes.Buffer
		for i, r := range rows {
			if one := tmpl.Fill(r); len(one.Metadata) > 0 && !json.Valid(one.Metadata) {
				t.Fatalf("row %d makes %s", i, one.Metadata)
			}
			for format, to := range map[Format]*bytes.Buffer{CSV: &sheet, Lines: &lines} {
				w, err := NewResults(to, format, columns)
				if err == nil {
					err = w.Write(&Row{Number: i + 1, Values: r})
				}
				if err == nil {
					err = w.End()
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, err := csv.NewReader(&sheet).ReadAll(); err != nil {
			t.Fatal(err)
		}
	})
}
