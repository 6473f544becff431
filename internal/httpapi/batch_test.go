package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/access"
)

type op = map[string]any

func batchOf(mode string, ops ...op) map[string]any {
	return map[string]any{"mode": mode, "operations": ops}
}

func draftOp(title string) op {
	return op{"method": "POST", "path": "/v1/drafts", "body": map[string]any{"title": title}}
}

func (a *answer) results() BatchResults {
	a.t.Helper()
	var out BatchResults
	a.want(200).into(&out)
	return out
}

// documents counts all documents that the caller sees.
func (c *caller) documents() int {
	c.t.Helper()
	var page Page[Document]
	c.get("/v1/documents?limit=100").want(200).into(&page)
	return len(page.Items)
}

// TestBatchIndependent: each operation is answered as it would be alone, the same
// batch again answers the same, and the keys are good outside of it, too.
func TestBatchIndependent(t *testing.T) {
	onBoth(t, func(s *stack) {
		var d Document
		s.admin.post("/v1/drafts", `{"title":"There before"}`).want(201).into(&d)
		ops := []op{
			draftOp("One"), {"id": "bad", "method": "POST", "path": "/v1/drafts", "body": op{"title": strings.Repeat("x", 3000), "business_unit": "nowhere"}},
			{"method": "GET", "path": "/v1/documents/" + d.ID}, {"method": "PATCH", "path": "/v1/documents/" + d.ID, "body": op{"title": "Renamed"}, "idempotency_key": "mine"},
			{"method": "POST", "path": "/v1/drafts", "body": op{"titel": 1}}, {"method": "GET", "path": "/v1/documents/doc_0"},
		}
		first := s.admin.post("/v1/batch", batchOf("independent", ops...), "Idempotency-Key", "b1")
		got := first.results()
		var status []int
		for _, r := range got.Results {
			status = append(status, r.Status)
		}
		if fmt.Sprint(status) != "[201 422 200 200 422 404]" || got.Succeeded != 3 || got.Failed != 3 {
			t.Fatalf("%v: %s", status, first.body)
		}
		if bad := got.Results[1]; bad.ID != "bad" || bad.Problem.Code != "invalid_document" || len(bad.Problem.Errors) != 2 {
			t.Errorf("%+v", bad.Problem)
		}
		if p := got.Results[4].Problem; p.Code != "invalid_request" || p.Errors[0].Pointer != "/titel" || !strings.HasSuffix(p.RequestID, ".4") {
			t.Errorf("%+v", p)
		}
		var one Document
		if err := json.Unmarshal(got.Results[0].Body, &one); err != nil || one.Title != "One" {
			t.Errorf("%s %v", got.Results[0].Body, err)
		}

		again := s.admin.post("/v1/batch", batchOf("independent", ops...), "Idempotency-Key", "b1").results()
		if !again.Results[0].Replayed || string(again.Results[0].Body) != string(got.Results[0].Body) || !again.Results[3].Replayed || again.Results[1].Status != 422 {
			t.Errorf("%+v", again)
		}
		if n := s.admin.documents(); n != 2 {
			t.Errorf("%d documents", n)
		}
		alone := s.admin.json("PATCH", "/v1/documents/"+d.ID, `{"title":"Renamed"}`, "Idempotency-Key", "mine").want(200)
		if alone.header.Get("Idempotency-Replayed") != "true" {
			t.Error("the key of an operation is another outside of its batch")
		}
		s.admin.post("/v1/batch", batchOf("independent", ops[0]), "Idempotency-Key", "b1").problem(409, "idempotency_key_reused")
		s.caused(d.ID, "document.created", "document.metadata_changed")
		s.caused(one.ID, "document.created")
	})
}

// TestBatchAtomic: all or nothing, with what the parts do visible to those after
// them, and with nothing in the log of what was undone.
func TestBatchAtomic(t *testing.T) {
	onBoth(t, func(s *stack) {
		s.admin.post("/v1/business-units", `{"name":"fresh"}`).want(201) // its key is made in the batch that is undone
		fresh := draftOp("Undone")
		fresh["body"].(map[string]any)["business_unit"] = "fresh"
		bad := draftOp("Bad")
		bad["body"].(map[string]any)["business_unit"] = "nowhere"
		s.admin.post("/v1/batch", batchOf("atomic", fresh, draftOp("Undone too"), bad), "Idempotency-Key", "b1").
			problem(409, "batch_undone", "/operations/2", "/operations/2/body/business_unit")
		if n := s.admin.documents(); n != 0 {
			t.Fatalf("%d documents of a batch that was refused", n)
		}
		s.sequence()
		var events EventPage
		s.admin.get("/v1/events?limit=200&type=document.*").want(200).into(&events)
		if len(events.Items) != 0 {
			t.Errorf("the log tells of what was undone: %+v", events.Items)
		}
		s.admin.post("/v1/drafts", fresh["body"]).want(201)

		var d Document
		s.admin.post("/v1/drafts", `{"title":"Order"}`).want(201).into(&d)
		ops := []op{
			{"method": "PATCH", "path": "/v1/documents/" + d.ID, "body": op{"title": "Order 1"}},
			{"method": "PATCH", "path": "/v1/documents/" + d.ID, "body": op{"labels": op{"a": "b"}}},
			{"method": "POST", "path": "/v1/approvals", "body": canonical(d.ID, "ana@example.org")},
			draftOp("Beside it"),
		}
		first := s.admin.post("/v1/batch", batchOf("atomic", ops...), "Idempotency-Key", "b2").results()
		if first.Succeeded != 4 {
			t.Fatalf("%+v", first)
		}
		var second Document
		if err := json.Unmarshal(first.Results[1].Body, &second); err != nil || second.Title != "Order 1" || second.Labels["a"] != "b" || second.Revision != 3 {
			t.Errorf("%+v %v", second, err)
		}
		again := s.admin.post("/v1/batch", batchOf("atomic", ops...), "Idempotency-Key", "b2").results()
		for i, r := range again.Results {
			if !r.Replayed || string(r.Body) != string(first.Results[i].Body) {
				t.Errorf("operation %d again: %+v", i, r)
			}
		}
		s.caused(d.ID, "document.created", "document.metadata_changed", "document.metadata_changed", "document.submitted", "document.in_review", "task.opened")
		if n := s.admin.documents(); n != 3 {
			t.Errorf("%d documents", n)
		}
	})
}

// TestBatchRefused: what stands against a batch is listed, and nothing is done.
func TestBatchRefused(t *testing.T) {
	onBoth(t, func(s *stack) {
		up := op{"method": "POST", "path": "/v1/documents"}
		s.admin.post("/v1/batch", batchOf("independent", draftOp("x"), up, op{"method": "GET", "path": "/v1/nothing"}, op{"method": "POST", "path": "/v1/batch"},
			op{"method": "GET", "path": "http://elsewhere.example/v1/documents"}, op{"method": "GET", "path": "/v1/../log/x"}, op{"method": "GET", "path": "/v1/events?wait=20s"})).
			problem(422, "invalid_batch", "/operations/1/path", "/operations/2/path", "/operations/3/path", "/operations/4/path", "/operations/5/path", "/operations/6/path")
		s.admin.post("/v1/batch", batchOf("atomic", draftOp("x"), op{"method": "PUT", "path": "/v1/document-types/x", "body": op{}})).problem(422, "invalid_batch", "/operations/1/path")
		twice := draftOp("x")
		twice["idempotency_key"] = "same"
		s.admin.post("/v1/batch", batchOf("independent", twice, twice)).problem(422, "invalid_batch", "/operations/1/idempotency_key")
		s.admin.post("/v1/batch", batchOf("independent")).problem(422, "invalid_request", "/operations")
		s.admin.post("/v1/batch", batchOf("sometimes", draftOp("x"))).problem(422, "invalid_request", "/mode")
		many := `{"operations":[` + strings.Repeat(`{"method":"GET","path":"/v1/x"},`, 1000) + `{"method":"GET","path":"/v1/x"}]}`
		if over := s.admin.post("/v1/batch", many).problem(422, "invalid_request", "/operations"); !strings.Contains(string(over.body), "1000") {
			t.Errorf("the limit is not told: %s", over.body)
		}
		million := `{"operations":[` + strings.Repeat(`{"method":"GET","path":"/v1/x"},`, 1_000_000) + `{}]}`
		if over := s.admin.post("/v1/batch", million).problem(413, "body_too_large"); !strings.Contains(string(over.body), "4194304") {
			t.Errorf("the limit is not told: %s", over.body)
		}
		if n := s.admin.documents(); n != 0 {
			t.Errorf("%d documents", n)
		}
	})
}

// TestBatchIsNoWayAround: what a client may not do alone it may not do in a batch,
// and each operation counts against its rate.
func TestBatchIsNoWayAround(t *testing.T) {
	onBoth(t, func(s *stack) {
		var d Document
		s.admin.post("/v1/drafts", `{"title":"Not theirs"}`).want(201).into(&d)
		s.admin.post("/v1/business-units", `{"name":"buying"}`).want(201)
		reader := s.client("reader@example.org", []string{"buying"}, "documents:read")
		got := reader.post("/v1/batch", batchOf("independent", draftOp("x"), op{"method": "GET", "path": "/v1/documents/" + d.ID}, op{"method": "GET", "path": "/v1/documents"})).results()
		if got.Results[0].Problem.Code != "missing_scope" || got.Results[1].Problem.Code != "not_found" || got.Results[2].Status != 200 {
			t.Errorf("%+v", got)
		}
		reader.post("/v1/batch", batchOf("atomic", draftOp("x"))).problem(409, "batch_undone", "/operations/0")
		ops := make([]op, 50)
		for i := range ops {
			ops[i] = op{"method": "GET", "path": "/v1/documents"}
		}
		reader.post("/v1/batch", batchOf("independent", ops...)).results()
		if limited := reader.get("/v1/documents").problem(429, "rate_limited"); limited.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		(&caller{stack: s}).post("/v1/batch", batchOf("independent", draftOp("x"))).problem(401, "credentials_missing")
	}, func(c *Config) {
		c.Limiter = NewLimiter(access.RequestLimits{access.Reads: {PerSecond: 1, Burst: 20}}, access.RequestLimit{})
	})
}

// TestBatchGoesOn: what a batch's time did not reach is not begun; the batch sent
// again does it, and nothing twice.
func TestBatchGoesOn(t *testing.T) {
	onBoth(t, func(s *stack) {
		a := build(Config{Service: s.svc, Clock: s.clock})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		a.Observer = hangUp(func(left int) {
			if left == 3 {
				cancel() // as where the caller goes, or the time is over
			}
		}, 6)
		var ops []BatchOperation
		for i := range 6 {
			ops = append(ops, BatchOperation{Method: "POST", Path: "/v1/drafts", Body: AnyJSON(fmt.Sprintf(`{"title":"Row %d"}`, i))})
		}
		send := func(ctx context.Context) BatchResults {
			t.Helper()
			in := &batchInput{Keyed: Keyed{IdempotencyKey: "b"}, Body: Batch{Mode: batchIndependent, Operations: ops}}
			r := httptest.NewRequest("POST", "/v1/batch", nil)
			rq := &request{actor: s.actor(), http: r, route: "POST /v1/batch", key: "b", log: slog.New(slog.DiscardHandler)}
			out, err := a.runBatch(context.WithValue(ctx, requestKey{}, rq), in)
			if err != nil {
				t.Fatal(err)
			}
			return out.Body
		}
		broken := send(ctx)
		if broken.Succeeded != 3 || broken.Failed != 3 || broken.Results[3].Problem.Code != "not_begun" || s.admin.documents() != 3 {
			t.Fatalf("%+v", broken)
		}
		whole := send(t.Context())
		if whole.Succeeded != 6 || s.admin.documents() != 6 {
			t.Errorf("%+v, and %d documents", whole, s.admin.documents())
		}
		for i, r := range whole.Results {
			if r.Replayed != (i < 3) {
				t.Errorf("operation %d done again: %v", i, !r.Replayed)
			}
		}
	})
}

// hangUp tells how many of the operations are left after each.
func hangUp(tell func(left int), of int) Observer { return &countdown{of, tell} }

type countdown struct {
	left int
	tell func(int)
}

func (c *countdown) ObserveRequest(string, string, int, time.Duration) {
	c.left--
	c.tell(c.left)
}

// actor is the administrator as the API sees it.
func (s *stack) actor() access.Actor {
	c := s.first.Client
	return access.Actor{Kind: access.Client, Org: s.org, ID: c.ID, Principal: c.Principal, Scopes: c.Scopes, Client: c.ID}
}
