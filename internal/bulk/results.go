package bulk

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"
	"strings"
)

// resultColumns stand before the row's own columns, whose names cannot hold braces
// and may be the same.
var resultColumns = []string{"row", "state", "document_id", "envelope_id", "code", "reason"}

// Results writes rows with what became of them.
type Results struct {
	columns []string
	table   *csv.Writer
	lines   *json.Encoder
}

// NewResults begins to write results: as CSV with a header line, or as JSON lines.
func NewResults(w io.Writer, format Format, columns []string) (*Results, error) {
	r := &Results{columns: columns}
	if format == Lines {
		r.lines = json.NewEncoder(w)
		r.lines.SetEscapeHTML(false)
		return r, nil
	}
	r.table = csv.NewWriter(w)
	r.table.UseCRLF = true
	header := resultColumns[:len(resultColumns):len(resultColumns)]
	for _, name := range columns {
		header = append(header, harmless(name))
	}
	return r, r.table.Write(header)
}

// Write writes one row.
func (r *Results) Write(row *Row) error {
	if r.lines != nil {
		return r.lines.Encode(struct {
			Row        int      `json:"row"`
			State      RowState `json:"state"`
			DocumentID string   `json:"document_id,omitempty"`
			EnvelopeID string   `json:"envelope_id,omitempty"`
			Code       string   `json:"code,omitempty"`
			Reason     string   `json:"reason,omitempty"`
			Values     Values   `json:"values"`
		}{row.Number, row.State, row.DocumentID, row.EnvelopeID, row.Code, row.Reason, row.Values})
	}
	record := []string{strconv.Itoa(row.Number), string(row.State), row.DocumentID, row.EnvelopeID, row.Code, harmless(row.Reason)}
	for _, name := range r.columns {
		cell := row.Values.Text(name)
		if raw := row.Values[name]; len(raw) > 0 && raw[0] == '"' { // a number may begin with a minus
			cell = harmless(cell)
		}
		record = append(record, cell)
	}
	return r.table.Write(record)
}

// End writes what is left.
func (r *Results) End() error {
	if r.table == nil {
		return nil
	}
	r.table.Flush()
	return r.table.Error()
}

// harmless keeps a cell from being read as a formula by the program that opens the
// table: an apostrophe before it makes it a text.
func harmless(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
