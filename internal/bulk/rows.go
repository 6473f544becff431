package bulk

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/paraph/paraph/internal/fault"
)

// Bounds of what one bulk send takes.
const (
	MaxRows    = 10_000
	MaxColumns = 100
	MaxBytes   = 8 << 20 // of the rows' text
	MaxCell    = 16 << 10
	maxName    = 120 // characters of a column's name
	// MaxFaults are listed; who sends ten thousand wrong rows has one mistake to find.
	MaxFaults = 100
)

// Format is how rows are written.
type Format string

// The formats.
const (
	CSV   Format = "csv"   // RFC 4180, with a header line
	Lines Format = "jsonl" // one JSON object a line
)

// Values are a row's cells by column: JSON texts, numbers, booleans or null.
type Values map[string]json.RawMessage

// Text gives a cell as it stands in a text; "" where there is none.
func (v Values) Text(column string) string {
	raw := v[column]
	var s string
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return ""
	case raw[0] == '"' && json.Unmarshal(raw, &s) == nil:
		return s
	}
	return string(raw)
}

// Type is what a column of CSV holds, where it is not text.
type Type string

// The types of column.
const (
	Text    Type = "text"
	Number  Type = "number"
	Boolean Type = "boolean"
)

// Table says how rows are to be read.
type Table struct {
	Format    Format
	Delimiter string          // of CSV: a comma, a semicolon or a tab
	Types     map[string]Type // by column; the others hold text
	// Repeats lets rows be alike. Mostly such are a mistake, and somebody would be asked twice.
	Repeats bool
}

// Problem is what is wrong with a row: of a column, where it is one's.
type Problem struct {
	Row    int // from 1; 0: of the table itself
	Column string
	Code   string
	Words  string
}

// Problems gathers what is wrong, as far as it is listed.
type Problems struct {
	list []Problem
	more int
}

// Add notes one.
func (p *Problems) Add(row int, column, code, format string, args ...any) {
	if len(p.list) >= MaxFaults {
		p.more++
		return
	}
	p.list = append(p.list, Problem{row, column, code, fmt.Sprintf(format, args...)})
}

// sound gives what read gives, nil where that has noted something.
func (p *Problems) sound(read func() Values) Values {
	before := len(p.list) + p.more
	if v := read(); len(p.list)+p.more == before {
		return v
	}
	return nil
}

// Err gives fault Invalid "invalid_rows" with all of them, /rows/17/email each; nil
// where there are none.
func (p *Problems) Err() error {
	var l fault.List
	for _, one := range p.list {
		at := "/rows"
		if one.Row > 0 {
			at += fmt.Sprintf("/%d", one.Row)
		}
		if one.Column != "" {
			at += "/" + escaped(one.Column)
		}
		l.Add(at, one.Code, "%s", one.Words)
	}
	message := "The rows have faults, and nothing was sent. Every fault is listed, by row and column; rows count from 1 without the header."
	if p.more > 0 {
		message = fmt.Sprintf("The rows have faults, and nothing was sent. The first %d are listed, by row and column; there are %d more.", len(p.list), p.more)
	}
	return l.Err("invalid_rows", message)
}

// escaped writes a name as a part of a JSON pointer (RFC 6901).
func escaped(name string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(name) }

// Read reads rows. What is wrong with them goes into p; then nothing that it returns counts.
func (t *Table) Read(text []byte, p *Problems) (columns []string, rows []Values) {
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	switch {
	case len(text) > MaxBytes:
		p.Add(0, "", "too_large", "The rows have %d bytes; at most %d are taken. Send them as several bulk sends.", len(text), MaxBytes)
	case !utf8.Valid(text):
		p.Add(0, "", "bad_text", "The rows are not Unicode in UTF-8. Save the file as UTF-8.")
	case bytes.IndexByte(text, 0) >= 0:
		p.Add(0, "", "bad_text", "The rows hold a zero byte.")
	case t.Format == CSV:
		columns, rows = t.readCSV(text, p)
	case t.Format == Lines:
		columns, rows = t.readLines(text, p)
	default:
		p.Add(0, "", "unknown_choice", "Rows are csv or jsonl, but not %q.", t.Format)
	}
	for name, typ := range t.Types {
		if typ != Text && typ != Number && typ != Boolean {
			p.Add(0, name, "unknown_choice", "A column holds text, number or boolean, but not %q.", typ)
		}
		if columns != nil && !slices.Contains(columns, name) {
			p.Add(0, name, "unknown_column", "There is no column %q.", name)
		}
	}
	if columns != nil && len(rows) == 0 && len(p.list) == 0 {
		p.Add(0, "", "empty", "There are no rows.")
	}
	if !t.Repeats {
		repeated(columns, rows, p)
	}
	return columns, rows
}

func (t *Table) readCSV(text []byte, p *Problems) (columns []string, rows []Values) {
	r := csv.NewReader(bytes.NewReader(text))
	r.FieldsPerRecord, r.ReuseRecord = -1, true
	switch t.Delimiter {
	case "", ",":
	case ";", "\t":
		r.Comma = rune(t.Delimiter[0])
	default:
		p.Add(0, "", "unknown_choice", "Fields are divided by a comma, a semicolon or a tab, but not by %q.", t.Delimiter)
		return nil, nil
	}
	for n := 0; ; n++ {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			if n == 0 {
				p.Add(0, "", "empty", "There is no header line. The first line names the columns.")
			}
			return columns, rows
		}
		if err != nil {
			p.Add(n, "", "bad_csv", "This cannot be read as CSV: %s.", err)
			return columns, rows
		}
		line, _ := r.FieldPos(0)
		switch {
		case n == 0:
			if columns = slices.Clone(record); !checkColumns(columns, p) {
				return columns, nil
			}
		case n > MaxRows:
			p.Add(0, "", "too_many", "There are more than %d rows. Send them as several bulk sends.", MaxRows)
			return columns, rows
		case len(record) != len(columns):
			p.Add(n, "", "bad_count", "The row in line %d has %d fields, and the header %d.", line, len(record), len(columns))
			rows = append(rows, nil)
		default:
			rows = append(rows, p.sound(func() Values { return t.row(n, columns, record, p) }))
		}
	}
}

// row makes a row of a record of CSV.
func (t *Table) row(n int, columns, record []string, p *Problems) Values {
	v := make(Values, len(columns))
	for i, name := range columns {
		cell := record[i]
		typ := t.Types[name]
		switch {
		case len(cell) > MaxCell:
			p.Add(n, name, "too_long", "The field has %d bytes; at most %d are taken.", len(cell), MaxCell)
		case typ == Number || typ == Boolean:
			cell = strings.TrimSpace(cell)
			var value any
			if err := json.Unmarshal([]byte(cell), &value); cell == "" {
				v[name] = json.RawMessage("null")
			} else if _, is := value.(float64); err == nil && is && typ == Number {
				v[name] = json.RawMessage(cell)
			} else if _, is := value.(bool); err == nil && is && typ == Boolean {
				v[name] = json.RawMessage(cell)
			} else {
				p.Add(n, name, "wrong_type", "%q is no %s. A number is written as 1234.50, a boolean as true or false.", cut(cell), typ)
			}
		default:
			v[name] = quoted(cell)
		}
	}
	return v
}

// readLines reads JSON lines. The columns are the names of the first object, and of
// those behind it what is new, by name.
func (t *Table) readLines(text []byte, p *Problems) (columns []string, rows []Values) {
	columns = []string{}
	known := map[string]bool{}
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		n := len(rows) + 1
		if n > MaxRows {
			p.Add(0, "", "too_many", "There are more than %d rows. Send them as several bulk sends.", MaxRows)
			break
		}
		var names []string
		v := p.sound(func() (v Values) { v, names = object(n, line, p); return v })
		for _, name := range names {
			if !known[name] {
				known[name] = true
				columns = append(columns, name)
			}
		}
		if len(columns) > MaxColumns {
			break
		}
		rows = append(rows, v)
	}
	if len(columns) > 0 && !checkColumns(columns, p) {
		return columns, nil
	}
	return columns, rows
}

// object reads one JSON object of plain values, with its names in their order.
func object(n int, line []byte, p *Problems) (v Values, names []string) {
	v = Values{}
	bad := func(format string, args ...any) (Values, []string) {
		p.Add(n, "", "bad_json", format, args...)
		return v, names
	}
	d := json.NewDecoder(bytes.NewReader(line))
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return bad("The row is no JSON object.")
	}
	for d.More() {
		token, err := d.Token()
		name, _ := token.(string)
		if err != nil {
			return bad("The row cannot be read: %s.", err)
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return bad("The row cannot be read: %s.", err)
		}
		if _, twice := v[name]; twice {
			p.Add(n, name, "repeated", "This name stands twice in its object.")
		}
		switch {
		case raw[0] == '{' || raw[0] == '[':
			p.Add(n, name, "wrong_type", "A field is a text, a number, a boolean or null.")
		case len(raw) > MaxCell:
			p.Add(n, name, "too_long", "The field has %d bytes; at most %d are taken.", len(raw), MaxCell)
		}
		v[name] = raw
		if strings.ContainsRune(v.Text(name), 0) {
			p.Add(n, name, "bad_text", "The field holds a zero byte.")
		}
		names = append(names, name)
	}
	if _, err := d.Token(); err != nil {
		return bad("The row cannot be read: %s.", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return bad("There is something behind the row's object.")
	}
	return v, names
}

// checkColumns checks the names of the columns.
func checkColumns(columns []string, p *Problems) bool {
	before := len(p.list) + p.more
	if len(columns) > MaxColumns {
		p.Add(0, "", "too_many", "There are %d columns; at most %d are taken.", len(columns), MaxColumns)
		return false
	}
	seen := map[string]bool{}
	for i, name := range columns {
		name = strings.TrimSpace(name)
		switch {
		case name == "":
			p.Add(0, "", "bad_column", "Column %d has no name.", i+1)
		case utf8.RuneCountInString(name) > maxName || strings.ContainsAny(name, "{}\r\n\x00"):
			p.Add(0, "", "bad_column", "The name of column %d is one line of at most %d characters, without braces.", i+1, maxName)
		case seen[name]:
			p.Add(0, name, "repeated", "Two columns are called %q.", name)
		}
		columns[i], seen[name] = name, true
	}
	return len(p.list)+p.more == before
}

// repeated notes rows that are as one before them.
func repeated(columns []string, rows []Values, p *Problems) {
	seen := make(map[string]int, len(rows))
	for i, v := range rows {
		if v == nil {
			continue
		}
		var b strings.Builder
		for _, name := range columns {
			fmt.Fprintf(&b, "%d:%s", len(v[name]), v[name])
		}
		if first, twice := seen[b.String()]; twice {
			p.Add(i+1, "", "duplicate_row", "The row is as row %d. To send it all the same, set allow_duplicates.", first)
			continue
		}
		seen[b.String()] = i + 1
	}
}

func quoted(s string) json.RawMessage {
	raw, err := json.Marshal(s)
	if err != nil {
		return json.RawMessage(`""`) // a string always marshals
	}
	return raw
}

// cut bounds what a message repeats.
func cut(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}
