package client

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paraph/paraph/internal/e2e/programtest"
	paraph "github.com/paraph/paraph/sdk/go"
)

// TestBulk: a document is sent to everybody in a table, from a terminal, with faults in
// between.
func TestBulk(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.login(d.newClient(paraph.ClientRequest{Name: "Ines", Principal: person, Scopes: everything}))
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(d.home, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("order.pdf", string(programtest.TextPDF("BT /F1 24 Tf 72 700 Td (House rules) Tj ET")))
	id := read[paraph.Uploaded](d, "doc", "upload", "order.pdf").Document.ID
	write("request.json", `{"document_id":"","document":{"external_id":"{{no}}"},"recipients":[{"name":"{{name}}","email":"{{email}}"}],"rows":""}`)
	write("people.csv", "no;name;email\n1;Ben;ben@example.com\n1;Cleo;cleo\n")
	if _, said := d.run(1, "bulk", "start", "--template", "request.json", "--document", id, "--delimiter", "semicolon", "people.csv"); !strings.Contains(said, "/rows/2/email") || !strings.Contains(said, "/rows/2/no") {
		t.Errorf("faults are told as %q", said)
	}
	d.run(2, "bulk", "start", "people.csv")
	write("people.csv", "no;name;email\n1;Ben;ben@example.com\n2;Cleo;cleo@example.com\n")
	start := []string{"bulk", "start", "--template", "request.json", "--document", id, "--delimiter", "semicolon", "--key", "once", "people.csv"}
	b := read[paraph.BulkSend](d, start...)
	if again := read[paraph.BulkSend](d, start...); b.State != "finished" || b.Rows.Sent != 2 || again.ID != b.ID {
		t.Fatalf("%+v, and again %+v", b, again)
	}
	write("more.jsonl", `{"no":2,"name":"Dan","email":"dan@example.com"}`+"\n"+`{"no":3,"name":"Eve","email":"eve@example.com"}`)
	out, said := d.run(1, "bulk", "start", "--template", "request.json", "--document", id, "more.jsonl")
	if !strings.Contains(out, "finished") || !strings.Contains(said, "1 rows were refused") {
		t.Errorf("it says %q %q", out, said)
	}
	other := strings.Fields(strings.Split(out, "\n")[1])[0]
	if out, _ := d.run(0, "bulk", "rows", "--state", "refused", other); !strings.Contains(out, "refused") || strings.Contains(out, "sent") {
		t.Errorf("rows: %q", out)
	}
	if _, said := d.run(1, "bulk", "retry", other); !strings.Contains(said, "refused") {
		t.Errorf("retry: %q", said)
	}
	d.run(1, "bulk", "pause", other)
	if out, _ := d.run(0, "bulk", "list"); strings.Count(out, "blk_") != 2 {
		t.Errorf("list: %q", out)
	}
	if out, _ := d.run(0, "bulk", "show", b.ID); !strings.Contains(out, "finished") {
		t.Errorf("show: %q", out)
	}
	if out, _ := d.run(0, "bulk", "results", b.ID); !strings.HasPrefix(out, "row,state,") || strings.Count(out, "env_") != 2 {
		t.Errorf("results: %q", out)
	}
	out, _ = d.run(0, "bulk", "results", "--json", b.ID)
	var row struct{ Row int }
	if err := json.Unmarshal([]byte(out[:strings.IndexByte(out, '\n')]), &row); err != nil || row.Row != 1 {
		t.Errorf("results: %q %v", out, err)
	}
}
