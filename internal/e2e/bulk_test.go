package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/e2e/programtest"
	"github.com/paraph/paraph/internal/failpoint"
	"github.com/paraph/paraph/internal/store/pgtest"
	"github.com/paraph/paraph/internal/testneed"
)

// TestKilledBetweenRows kills the program in the middle of a bulk send: behind a row, and
// with the file of a row stored that no row names. It goes on by itself when it is
// started again, and nobody is asked twice, nor left out.
func TestKilledBetweenRows(t *testing.T) {
	t.Parallel()
	testneed.Command(t, "go")
	for name, database := range map[string]func(*testing.T) string{"sqlite": func(*testing.T) string { return "" }, "postgres": func(t *testing.T) string { return pgtest.Database(t) }} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := programtest.Options{Data: t.TempDir(), Program: programtest.Build(t, "failpoints"), Database: database(t)}
			first := programtest.Serve(t, o)
			in := func(p *programtest.Process) *stack {
				client := &http.Client{}
				t.Cleanup(client.CloseIdleConnections)
				return &stack{url: p.URL, http: client, caller: login(t, client, p.URL, first.ID, first.Secret)}
			}
			s := in(first)
			source := s.draft("Contract").ID
			first.Kill()

			const rows = 12
			var table strings.Builder
			table.WriteString("name,email\n")
			for i := range rows {
				fmt.Fprintf(&table, "Person %d,person%d@example.com\n", i, i)
			}
			asked, err := json.Marshal(map[string]any{"document_id": source, "rows": table.String(), "initiator": map[string]any{"user_id": "u_1", "email": "ana@example.com"},
				"recipients": []any{map[string]any{"name": "{{name}}", "email": "{{email}}"}}})
			if err != nil {
				t.Fatal(err)
			}
			for life, point := range []failpoint.Point{failpoint.BulkRowSent, failpoint.BulkRowSent, failpoint.BlobNamed} {
				armed := o
				armed.Env = []string{"PARAPH_FAILPOINTS=" + string(point) + "=kill"}
				p, err := programtest.TryServe(t, armed)
				if err != nil && life > 0 {
					continue // killed before it had said that it serves: the rows go on at once
				}
				if err != nil {
					t.Fatal(err)
				}
				if life == 0 { // a row may have been sent, and the program killed, before this is answered
					_, _ = in(p).try(t.Context(), "POST", "/v1/bulk-sends", bytes.NewReader(asked), "Content-Type", "application/json", "Idempotency-Key", "once")
				}
				select {
				case <-p.Gone():
				case <-time.After(time.Minute):
					t.Fatalf("%s was never reached", point)
				}
			}
			s = in(programtest.Serve(t, o))
			var sends struct{ Items []struct{ ID string } }
			if s.get("/v1/bulk-sends").want(200).into(&sends); len(sends.Items) != 1 {
				t.Fatalf("%d bulk sends", len(sends.Items))
			}
			var b struct {
				State string
				Rows  struct{ Total, Sent, Refused, Waiting int }
			}
			for end := time.Now().Add(time.Minute); b.State != "finished" && time.Now().Before(end); {
				s.get("/v1/bulk-sends/"+sends.Items[0].ID, "Prefer", "wait=5").want(200).into(&b)
			}
			if b.State != "finished" || b.Rows.Sent != rows {
				t.Fatalf("%+v", b)
			}
			var page struct {
				Items []struct {
					ID         string
					State      string
					DocumentID string `json:"document_id"`
					Recipients []struct{ Email string }
				}
			}
			s.get("/v1/envelopes?limit=100").want(200).into(&page)
			people := map[string]int{}
			for _, e := range page.Items {
				people[e.Recipients[0].Email]++
			}
			for who, n := range people {
				if n != 1 {
					t.Errorf("%s was asked %d times", who, n)
				}
			}
			var documents struct{ Items []struct{ ID string } }
			s.get("/v1/documents?limit=100").want(200).into(&documents)
			if len(people) != rows || len(page.Items) != rows || len(documents.Items) != rows+1 {
				t.Errorf("%d people were asked by %d envelopes on %d documents", len(people), len(page.Items), len(documents.Items))
			}
		})
	}
}
