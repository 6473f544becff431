package httpapi

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/work"
)

// bulkOf is a request that sends a document to the people of a table.
func bulkOf(docID, rows string, more ...any) map[string]any {
	out := map[string]any{"document_id": docID, "rows": rows, "initiator": map[string]any{"user_id": "u_42", "email": "ana@example.com"},
		"recipients": []any{map[string]any{"name": "{{name}}", "email": "{{ email }}"}}}
	for i := 0; i+1 < len(more); i += 2 {
		out[more[i].(string)] = more[i+1]
	}
	return out
}

func (c *caller) bulk(body map[string]any) (b BulkSend) {
	c.t.Helper()
	c.post("/v1/bulk-sends", body).want(http.StatusAccepted).into(&b)
	return b
}

func (c *caller) bulkNow(id string) (b BulkSend) {
	c.t.Helper()
	c.get("/v1/bulk-sends/" + id).want(200).into(&b)
	return b
}

// then does something with a bulk send.
func (c *caller) then(b BulkSend, verb string, body any) (after BulkSend) {
	c.t.Helper()
	c.post("/v1/bulk-sends/"+b.ID+"/"+verb, body).want(200).into(&after)
	return after
}

func (c *caller) rows(id, query string) []BulkRow {
	c.t.Helper()
	var page Page[BulkRow]
	c.get("/v1/bulk-sends/" + id + "/rows" + query).want(200).into(&page)
	return page.Items
}

// turn plays the worker: it lets a bulk send have up to n turns.
func (s *stack) turn(b BulkSend, n int) {
	s.t.Helper()
	call := service.SystemCall(s.org, service.OpBulkSend, "")
	for range n {
		op, _, err := s.svc.BeginWork(s.t.Context(), call, b.OperationID)
		if err == nil {
			err = (&work.BulkSender{Service: s.svc}).Handle(s.t.Context(), work.Job{Call: call, Operation: op})
		}
		if err == nil || fault.CodeOf(err) == "operation_ended" {
			return
		}
		if !errors.Is(err, work.ErrTurnOver) {
			s.t.Fatal(err)
		}
	}
}

// step lets the worker send n rows.
func (s *stack) step(b BulkSend, n int) {
	s.t.Helper()
	call := service.SystemCall(s.org, service.OpBulkSend, "")
	if _, _, err := s.svc.BeginWork(s.t.Context(), call, b.OperationID); err != nil {
		s.t.Fatal(err)
	}
	for range n {
		if _, err := s.svc.SendBulkRow(s.t.Context(), call, b.OperationID); err != nil {
			s.t.Fatal(err)
		}
	}
}

// TestBulkSend: each row gets a document of its own with the source's file and an
// envelope that is sent, by the commands that anybody calls, and says what became of it.
func TestBulkSend(t *testing.T) {
	onBoth(t, func(s *stack) {
		src := s.admin.draft(map[string]string{"title": "Contract"})
		rows := "\uFEFFname;email;amount;note\r\nBen Okafor;ben@example.com;1200.50;\"=HYPERLINK(\"\"http://x\"\")\"\r\n\"Lind; Mara\";MARA@example.com;-7;two\nlines\r\n"
		rows = strings.Replace(rows, "two\nlines", "\"two\nlines\"", 1)
		body := bulkOf(src.ID, rows, "delimiter", "semicolon", "column_types", map[string]string{"amount": "number"}, "subject", "For {{name}}", "message", "{{note}}",
			"document", map[string]any{"title": "Contract of {{name}}", "external_id": "c-{{amount}}", "labels": map[string]string{"who": "{{email}}"},
				"metadata": map[string]any{"amount": "{{amount}}", "text": "{{amount}} EUR", "list": []any{"{{name}}", 1}}})
		b := s.admin.bulk(body)
		if b.State != "running" || b.Rows != (BulkCounts{2, 2, 0, 0}) || b.SentBy != s.admin.principal || !slices.Equal(b.Columns, []string{"name", "email", "amount", "note"}) {
			s.t.Fatalf("%+v", b)
		}
		s.turn(b, 1)
		if b = s.admin.bulkNow(b.ID); b.State != "finished" || b.Rows != (BulkCounts{2, 0, 2, 0}) || b.EndedAt == nil {
			s.t.Fatalf("%+v", b)
		}
		var op Operation
		s.admin.get("/v1/operations/" + b.OperationID).want(200).into(&op)
		if op.State != "succeeded" || op.Kind != "bulk_send" || op.Progress.Done != 2 || op.Progress.Total != 2 {
			s.t.Errorf("%+v", op)
		}
		got := s.admin.rows(b.ID, "")
		if len(got) != 2 || got[1].State != "sent" || got[1].EnvelopeID == "" {
			s.t.Fatalf("%+v", got)
		}
		d := s.admin.get("/v1/documents/" + got[1].DocumentID).want(200).document()
		if d.Title != "Contract of Lind; Mara" || d.State != "approved" || d.ExternalID != "c--7" || d.Labels["who"] != "MARA@example.com" || string(d.Metadata) != `{"amount":-7,"list":["Lind; Mara",1],"text":"-7 EUR"}` || d.Pages != 1 {
			s.t.Errorf("%+v %s", d, d.Metadata)
		}
		var e Envelope
		s.admin.get("/v1/envelopes/" + got[1].EnvelopeID).want(200).into(&e)
		if e.State != "sent" || e.Subject != "For Lind; Mara" || e.Message != "two\nlines" || e.Recipients[0].Email != "mara@example.com" || e.Recipients[0].State != "sent" {
			s.t.Errorf("%+v", e)
		}
		s.caused(d.ID, "document.created", "document.captured", "document.submitted", "document.in_review", "document.approved", "envelope.created", "envelope.sent")
		// The copy is whole, with its words, and stays so when the source is destroyed.
		same := string(s.admin.get("/v1/documents/" + src.ID + "/content").want(200).body)
		s.admin.post("/v1/documents/"+src.ID+"/void", nil).want(200)
		s.admin.post("/v1/documents/"+src.ID+"/dispose", `{"authority":"records@example.com"}`).want(202)
		if copied := string(s.admin.get("/v1/documents/" + d.ID + "/content").want(200).body); copied != same || copied == "" {
			s.t.Errorf("the copy is %q", copied)
		}
		var page DocumentPage
		s.admin.get("/v1/documents/"+d.ID+"/pages/1", "Accept", "application/json").want(200).into(&page)
		if len(page.Words) != 4 || page.Words[0].Text != "Purchase" {
			s.t.Errorf("%+v", page)
		}
		s.results(b.ID)
		// What is personal goes with the row's document.
		s.admin.post("/v1/documents/"+d.ID+"/void", nil).want(200)
		s.admin.post("/v1/documents/"+d.ID+"/dispose", `{"authority":"records@example.com"}`).want(202)
		if got := s.admin.rows(b.ID, "?after=1"); len(got) != 1 || string(got[0].Values) != "{}" || got[0].DocumentID != d.ID {
			s.t.Errorf("%+v %s", got, got[0].Values)
		}
		s.sequence()
		if n := s.happened(); n[journal.BulkSendStarted] != 1 || n[journal.BulkSendFinished] != 1 {
			s.t.Errorf("%v", n)
		}
	})
}

// results checks both downloads of what became of the rows.
func (s *stack) results(id string) {
	s.t.Helper()
	a := s.admin.get("/v1/bulk-sends/" + id + "/results").want(200)
	all, err := csv.NewReader(strings.NewReader(string(a.body))).ReadAll()
	if err != nil || len(all) != 3 || !strings.HasPrefix(a.header.Get("Content-Type"), "text/csv") || !strings.HasPrefix(a.header.Get("Content-Disposition"), "attachment") {
		s.t.Fatalf("%s %v", a.body, err)
	}
	if got := all[1]; got[0] != "1" || got[1] != "sent" || got[8] != "1200.50" || got[9] != `'=HYPERLINK("http://x")` || all[2][8] != "-7" {
		s.t.Errorf("%q", all)
	}
	lines := strings.Split(strings.TrimSpace(string(s.admin.get("/v1/bulk-sends/"+id+"/results?as=jsonl&state=sent").want(200).body)), "\n")
	var row struct {
		Row    int
		Values map[string]any
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &row); err != nil || len(lines) != 2 || row.Row != 2 || row.Values["amount"] != -7.0 {
		s.t.Errorf("%q %v", lines, err)
	}
}

// TestBulkRefused: a row that is refused keeps its reason, the others go on, and it can
// be tried again once the reason has gone.
func TestBulkRefused(t *testing.T) {
	onBoth(t, func(s *stack) {
		src := s.admin.draft(nil)
		taken := s.admin.draft(map[string]string{"external_id": "staff-2"})
		rows := `{"no":1,"name":"Ann","email":"ann@example.com"}` + "\n" + `{"no":2,"name":"Bob","email":"bob@example.com"}` + "\n" + `{"no":3,"name":"Cid","email":"cid@example.com"}`
		b := s.admin.bulk(bulkOf(src.ID, rows, "format", "jsonl", "document", map[string]any{"external_id": "staff-{{no}}"}))
		s.turn(b, 1)
		if b = s.admin.bulkNow(b.ID); b.State != "finished" || b.Rows != (BulkCounts{3, 0, 2, 1}) {
			s.t.Fatalf("%+v", b)
		}
		refused := s.admin.rows(b.ID, "?state=refused")
		if len(refused) != 1 || refused[0].Number != 2 || refused[0].Code != "external_id_taken" || refused[0].Reason == "" || refused[0].DocumentID != "" || refused[0].SettledAt == nil {
			s.t.Fatalf("%+v", refused)
		}
		files := s.files()
		s.admin.post("/v1/bulk-sends/"+b.ID+"/pause", nil).problem(409, "bulk_send_not_open")
		s.admin.post("/v1/bulk-sends/"+b.ID+"/resume", nil).problem(409, "bulk_send_not_open")
		s.admin.json(http.MethodPatch, "/v1/documents/"+taken.ID, `{"external_id":"other"}`).want(200)
		b = s.admin.then(b, "retry", nil)
		if b.State != "running" || b.Rows != (BulkCounts{3, 1, 2, 0}) {
			s.t.Fatalf("%+v", b)
		}
		s.turn(b, 1)
		if b = s.admin.bulkNow(b.ID); b.State != "finished" || b.Rows != (BulkCounts{3, 0, 3, 0}) {
			s.t.Fatalf("%+v", b)
		}
		if n := s.files(); n != files+2 { // the file and the words of its page
			s.t.Errorf("%d files, and %d before the row was sent", n, files)
		}
		s.admin.post("/v1/bulk-sends/"+b.ID+"/retry", nil).problem(409, "nothing_refused")
		s.sequence()
		if n := s.happened(); n[journal.BulkSendResumed] != 1 || n[journal.BulkSendFinished] != 2 || n[journal.EnvelopeSent] != 3 {
			s.t.Errorf("%v", n)
		}
	})
}

// TestBulkRights: each row asks anew what its caller may. Who has lost the right stops
// the whole, which says so, and somebody else lets it go on.
func TestBulkRights(t *testing.T) {
	onBoth(t, func(s *stack) {
		src := s.admin.draft(nil)
		clerk := s.client("clerk@example.com", []string{"general"}, "documents:read", "documents:write", "approvals:write", "envelopes:read", "envelopes:write")
		b := clerk.bulk(bulkOf(src.ID, many(3)))
		s.step(b, 1)
		s.admin.json(http.MethodPatch, "/v1/clients/"+clerk.id, `{"scopes":["documents:read","documents:write","envelopes:read","envelopes:write"]}`).want(200)
		s.turn(b, 1)
		if b = s.admin.bulkNow(b.ID); b.State != "paused" || b.Code != "missing_scope" || b.Reason == "" || b.Rows != (BulkCounts{3, 2, 1, 0}) {
			s.t.Fatalf("%+v", b)
		}
		var op Operation
		s.admin.get("/v1/operations/" + b.OperationID).want(200).into(&op)
		if op.State != "failed" || op.Code != "missing_scope" || op.Retryable {
			s.t.Errorf("%+v", op)
		}
		s.admin.post("/v1/operations/"+op.ID+"/retry", nil).problem(409, "operation_not_retryable")
		s.clock.Advance(time.Minute) // what the door remembers of the clerk
		clerk.post("/v1/bulk-sends/"+b.ID+"/resume", nil).problem(403, "missing_scope")
		b = s.admin.then(b, "resume", nil)
		if b.SentBy != s.admin.principal || b.Code != "" {
			s.t.Errorf("%+v", b)
		}
		s.turn(b, 1)
		if b = s.admin.bulkNow(b.ID); b.State != "finished" || b.Rows != (BulkCounts{3, 0, 3, 0}) {
			s.t.Fatalf("%+v", b)
		}
		// One that was revoked altogether, and a unit that has no room.
		b = clerk2(s).bulk(bulkOf(src.ID, many(2)))
		s.admin.send(http.MethodDelete, "/v1/clients/"+s.id("clerk2@example.com"), nil).want(200)
		s.turn(b, 1)
		if b = s.admin.bulkNow(b.ID); b.State != "paused" || b.Code != "invalid_token" {
			s.t.Fatalf("%+v", b)
		}
		s.admin.json(http.MethodPatch, "/v1/business-units/general", `{"limits":{"documents_per_month":5}}`).want(200)
		b = s.admin.then(b, "resume", nil)
		s.turn(b, 1)
		if b = s.admin.bulkNow(b.ID); b.State != "paused" || b.Code != "unit_limit_reached" || b.Rows.Sent != 1 {
			s.t.Fatalf("%+v", b)
		}
		b = s.admin.then(b, "cancel", nil)
		if b.State != "cancelled" || b.Rows != (BulkCounts{2, 1, 1, 0}) || b.EndedAt == nil {
			s.t.Errorf("%+v", b)
		}
		s.sequence()
		if n := s.happened(); n[journal.BulkSendPaused] != 3 || n[journal.BulkSendCancelled] != 1 || n[journal.BulkSendResumed] != 2 {
			s.t.Errorf("%v", n)
		}
	})
}

// bulkScenes has a bulk send go through all that can happen to it.
func bulkScenes(s *scene) {
	src := s.admin.draft(nil)
	b := s.admin.bulk(bulkOf(src.ID, many(2)))
	s.step(b, 1)
	b = s.admin.then(b, "pause", nil)
	b = s.admin.then(b, "resume", nil)
	s.turn(b, 1)
	s.admin.then(s.admin.bulk(bulkOf(src.ID, many(1))), "cancel", nil)
}

func clerk2(s *stack) *caller {
	return s.client("clerk2@example.com", nil, "documents:read", "documents:write", "approvals:write", "envelopes:read", "envelopes:write")
}

// id gives the id of the client that speaks for a principal.
func (s *stack) id(principal string) string {
	s.t.Helper()
	var clients Items[Client]
	s.admin.get("/v1/clients").want(200).into(&clients)
	for _, c := range clients.Items {
		if c.Principal == principal {
			return c.ID
		}
	}
	s.t.Fatalf("there is no client of %s", principal)
	return ""
}

// many makes a table of n people.
func many(n int) string {
	var b strings.Builder
	b.WriteString("name,email\n")
	for i := range n {
		fmt.Fprintf(&b, "Person %d,person%d@example.com\n", i+1, i+1)
	}
	return b.String()
}

// TestBulkPaused: what was paused between two rows is not sent, and goes on where it was.
// A worker that has not heard of it sends nothing.
func TestBulkPaused(t *testing.T) {
	onBoth(t, func(s *stack) {
		src := s.admin.draft(nil)
		b := s.admin.bulk(bulkOf(src.ID, many(3)))
		s.step(b, 1)
		before := b
		b = s.admin.then(b, "pause", `{"reason":"Wrong text."}`)
		if b.State != "paused" || b.Code != "paused" || b.Reason != "Wrong text." || b.Rows.Waiting != 2 {
			s.t.Fatalf("%+v", b)
		}
		if _, err := s.svc.SendBulkRow(s.t.Context(), service.SystemCall(s.org, service.OpBulkSend, ""), b.OperationID); fault.CodeOf(err) != "operation_ended" {
			s.t.Errorf("a paused one is sent on: %v", err)
		}
		if again := s.admin.then(b, "pause", nil); again.State != "paused" || again.Reason == b.Reason {
			s.t.Errorf("%+v", again)
		}
		b = s.admin.then(b, "resume", nil)
		if b.OperationID == before.OperationID {
			s.t.Error("it goes on under the operation that was ended")
		}
		if _, err := s.svc.SendBulkRow(s.t.Context(), service.SystemCall(s.org, service.OpBulkSend, ""), before.OperationID); fault.CodeOf(err) != "operation_ended" {
			s.t.Errorf("the worker of before sends on: %v", err)
		}
		s.turn(b, 1)
		if b = s.admin.bulkNow(b.ID); b.State != "finished" || b.Rows.Sent != 3 {
			s.t.Fatalf("%+v", b)
		}
		s.admin.post("/v1/bulk-sends/"+b.ID+"/cancel", nil).problem(409, "bulk_send_not_open")
		s.sequence()
		if n := s.happened(); n[journal.EnvelopeSent] != 3 {
			s.t.Errorf("%v", n)
		}
		var page Page[BulkSend]
		s.admin.get("/v1/bulk-sends?state=finished&document_id=" + src.ID).want(200).into(&page)
		if len(page.Items) != 1 || page.Items[0].ID != b.ID {
			s.t.Errorf("%+v", page)
		}
	})
}

// TestBulkFaults: nothing is sent of a table that has a fault, and all faults are told.
func TestBulkFaults(t *testing.T) {
	onBoth(t, func(s *stack) {
		src := s.admin.draft(nil)
		s.admin.json("PUT", "/v1/document-types/order", `{"title":"Order","schema":{"type":"object","properties":{"n":{"type":"integer"}}}}`).want(200)
		s.admin.json("PUT", "/v1/document-types/watched", `{"title":"Watched","four_eyes":true}`).want(200)
		post := func(body map[string]any) *answer { return s.admin.post("/v1/bulk-sends", body) }
		one := "name,email\nBen,ben@example.com\n"
		post(bulkOf(src.ID, "name,email,name\nBen,ben@example.com,x\n")).problem(422, "invalid_rows", "/rows/name")
		post(bulkOf(src.ID, "name,email\nBen\nMara,mara@example.com\nMara,mara@example.com\nEve,nobody\n,eve@example.com\n")).problem(422, "invalid_rows", "/rows/1", "/rows/3")
		post(bulkOf(src.ID, "name,email\nMara,mara@example.com\nEve,nobody\n,eve@example.com\n")).problem(422, "invalid_rows", "/rows/2/email", "/rows/3/name")
		post(bulkOf(src.ID, one, "subject", "{{nam}}", "document", map[string]any{"title": "{{x", "business_unit": "nowhere", "document_type": "nothing"})).
			problem(422, "invalid_bulk_send", "/subject", "/document/title", "/document/business_unit", "/document/document_type")
		post(bulkOf(src.ID, one, "document", map[string]any{"document_type": "watched"})).problem(422, "invalid_bulk_send", "/document/document_type")
		post(bulkOf(src.ID, "name,email,n\nBen,ben@example.com,1\nMara,mara@example.com,1.5\n", "column_types", map[string]string{"n": "number"},
			"document", map[string]any{"document_type": "order", "metadata": map[string]any{"n": "{{n}}"}})).problem(422, "invalid_rows", "/rows/2/n")
		post(bulkOf(src.ID, "name,email\nBen,ben@example.com\nMara,mara@example.com\n", "document", map[string]any{"external_id": "same"})).problem(422, "invalid_rows", "/rows/2")
		post(bulkOf("doc_01kb0q7m4b1s9v3d8r5x2c6e7f", one)).problem(404, "not_found")
		field := []any{map[string]any{"page": 2, "x": 10, "y": 10, "width": 100, "height": 20}}
		post(bulkOf(src.ID, one, "recipients", []any{map[string]any{"name": "{{name}}", "email": "{{email}}", "fields": field}})).problem(422, "invalid_bulk_send", "/recipients/0/fields/0/page")
		var page Page[BulkSend]
		if s.admin.get("/v1/bulk-sends").want(200).into(&page); len(page.Items) != 0 {
			s.t.Errorf("%+v", page)
		}
	})
}

var bulkRows = flag.Int("bulk-rows", 60, "rows that TestBulkMany sends")

// TestBulkMany prints what many rows take, a thousand of them with `make bulk`.
func TestBulkMany(t *testing.T) {
	onBoth(t, func(s *stack) {
		n := *bulkRows
		src := s.admin.draft(nil)
		began := time.Now()
		b := s.admin.bulk(bulkOf(src.ID, many(n)))
		checked := time.Since(began)
		s.turn(b, n/50+1)
		took := time.Since(began)
		if b = s.admin.bulkNow(b.ID); b.State != "finished" || b.Rows.Sent != n {
			s.t.Fatalf("%+v", b)
		}
		seen := map[string]bool{}
		for after := 0; after < n; after += 100 {
			for _, r := range s.admin.rows(b.ID, fmt.Sprintf("?limit=100&after=%d", after)) {
				seen[r.DocumentID], seen[r.EnvelopeID] = true, true
			}
		}
		if len(seen) != 2*n {
			s.t.Errorf("%d documents and envelopes", len(seen))
		}
		s.t.Logf("%d rows: begun in %s, sent in %s, %.1f ms each", n, checked.Round(time.Millisecond), took.Round(time.Millisecond), float64(took.Milliseconds())/float64(n))
	})
}
