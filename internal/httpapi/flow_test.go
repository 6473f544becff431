package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/signing"
)

var intoReview = append(readWell[:4:4], "document.submitted", "document.in_review")

// TestApproval walks both orders of asking, by the canonical payload.
func TestApproval(t *testing.T) {
	onBoth(t, func(s *stack) {
		d := s.admin.draft(nil)
		raw := `{"document_id":"` + d.ID + `","document_type":"document","initiator":{"user_id":"u_42","email":"ana@example.com"},"approvers":["mgr@example.com","cfo@example.com"],"metadata":{"amount": 12345, "rate": 1.10, "big": 12345678901234567890}}`
		var a Approval
		s.admin.post("/v1/approvals", raw).want(201).into(&a)
		if a.State != "open" || len(a.Tasks) != 2 || a.Tasks[0].State != "open" || a.Tasks[1].State != "waiting" || a.Quorum != 2 || a.Mode != "sequential" {
			t.Errorf("%+v", a)
		}
		if res := s.admin.get("/v1/documents/" + d.ID).want(200); !bytes.Contains(res.body, []byte(`{"amount":12345,"rate":1.10,"big":12345678901234567890}`)) {
			t.Errorf("metadata was changed: %s", res.body)
		}
		mgr := s.client("mgr@example.com", []string{}, "tasks:read", "tasks:decide", "documents:read")
		cfo := s.client("cfo@example.com", []string{}, "tasks:read", "tasks:decide")
		var mine Page[Task]
		mgr.get("/v1/tasks?state=open").want(200).into(&mine)
		if len(mine.Items) != 1 || mine.Items[0].ID != a.Tasks[0].ID {
			t.Fatalf("tasks of the manager: %+v", mine)
		}
		mgr.get("/v1/documents/" + d.ID).want(200) // a task gives access across units
		cfo.post("/v1/tasks/"+a.Tasks[0].ID+"/decision", `{"outcome":"approve"}`).problem(403, "not_your_task")
		cfo.post("/v1/tasks/"+a.Tasks[1].ID+"/decision", `{"outcome":"approve"}`).problem(409, "task_not_open")
		cfo.post("/v1/tasks/"+a.Tasks[1].ID+"/decision", `{"outcome":"maybe","why":"x"}`).problem(422, "invalid_request", "/outcome", "/why")
		mgr.post("/v1/tasks/"+a.Tasks[0].ID+"/decision", `{"outcome":"approve","comment":"fine"}`, "Idempotency-Key", "mgr").want(200)
		if res := mgr.post("/v1/tasks/"+a.Tasks[0].ID+"/decision", `{"outcome":"approve","comment":"fine"}`, "Idempotency-Key", "mgr").want(200); res.header.Get("Idempotency-Replayed") != "true" {
			t.Error("a repeated decision was not replayed")
		}
		s.admin.post("/v1/tasks/"+a.Tasks[1].ID+"/decision", `{"outcome":"approve","on_behalf_of":"cfo@example.com"}`).want(200).into(&a)
		if a.State != "approved" || a.Tasks[1].OnBehalfOf != "cfo@example.com" || a.Tasks[1].DecidedBy != s.admin.principal {
			t.Errorf("%+v", a)
		}
		var one Task
		s.admin.get("/v1/tasks/" + a.Tasks[0].ID).want(200).into(&one)
		if one.Comment != "fine" {
			t.Errorf("%+v", one)
		}
		s.admin.get("/v1/approvals/" + a.ID).want(200)
		var all Items[Approval]
		s.admin.get("/v1/documents/" + d.ID + "/approvals").want(200).into(&all)
		if len(all.Items) != 1 {
			t.Errorf("%+v", all)
		}
		s.caused(d.ID, append(intoReview[:6:6], "task.opened", "task.decided", "task.opened", "task.decided", "document.approved")...)
	})
}

func TestApprovalFaults(t *testing.T) {
	onBoth(t, func(s *stack) {
		d := s.admin.draft(nil)
		s.admin.post("/v1/approvals", `{"document_id":1,"aprovers":[],"initiator":{"user_id":"u"},"policy":{"mode":"any"}}`).
			problem(422, "invalid_request", "/document_id", "/document_type", "/aprovers", "/approvers", "/initiator/email", "/policy/mode")
		s.admin.post("/v1/approvals", `{"document_id":"`+d.ID+`","document_type":"document","initiator":{"user_id":"u","email":"nobody"},"approvers":["a@b.c","A@B.C"]}`).
			problem(422, "invalid_approval", "/initiator/email", "/approvers/1")
		s.admin.post("/v1/approvals", canonical("doc_01kb0q7m4b1s9v3d8r5x2c6e7f")).problem(404, "not_found")
		s.admin.post("/v1/approvals", nil).problem(400, "malformed_body")
		var up Uploaded
		s.admin.upload("a.pdf", []byte("x"), nil).want(202).into(&up)
		s.admin.post("/v1/approvals", canonical(up.Document.ID)).problem(409, "document_processing")
		s.caused(d.ID, readWell...)
	})
}

// TestSigning takes an envelope from its making to the sealed PDF and the archive.
func TestSigning(t *testing.T) {
	onBoth(t, func(s *stack) {
		d := s.admin.approved()
		s.admin.post("/v1/envelopes", map[string]any{"document_id": d.ID, "recipients": []any{map[string]any{"name": "", "email": "x"}}}).
			problem(422, "invalid_envelope", "/recipients/0/name", "/recipients/0/email")
		req := map[string]any{"document_id": d.ID, "send": true, "recipients": []any{
			map[string]any{"name": "Ben", "email": "ben@example.com", "order": 1}, map[string]any{"name": "Cleo", "email": "cleo@example.com", "order": 2}}}
		var e Envelope
		s.admin.post("/v1/envelopes", req).want(201).into(&e)
		s.admin.post("/v1/envelopes", req).problem(409, "envelope_open")
		path := "/v1/envelopes/" + e.ID
		s.admin.post(path+"/send", nil).problem(409, "envelope_not_open")
		s.admin.post(path+"/recipients/"+e.Recipients[1].ID+"/remind", nil).problem(409, "not_your_turn")
		s.admin.post(path+"/recipients/"+e.Recipients[0].ID+"/remind", nil).want(200)
		s.admin.post(path+"/recipients/"+e.Recipients[0].ID+"/remind", nil).problem(429, "reminded_enough")
		s.admin.post(path+"/recipients/rcp_01kb0q7m4b1s9v3d8r5x2c6e7f/links", nil).want(404)
		for i, r := range e.Recipients {
			links := path + "/recipients/" + r.ID + "/links"
			var link SigningLink
			s.admin.post(links, nil, "Idempotency-Key", "link-"+r.ID).want(201).into(&link)
			s.admin.post(links, nil, "Idempotency-Key", "link-"+r.ID).problem(409, "result_not_repeatable")
			u, err := url.Parse(link.URL)
			if err != nil || !strings.HasPrefix(u.Path, "/sign/") {
				t.Fatalf("link %q %v", link.URL, err)
			}
			s.sign(strings.TrimPrefix(u.Path, "/sign/"))
			s.admin.get(path).want(200).into(&e)
			if e.Recipients[i].State != "signed" {
				t.Errorf("%+v", e)
			}
		}
		if e.State != "sealing" {
			t.Fatalf("%+v", e)
		}
		s.sealAndArchive(d.ID)
		var recs Page[ArchiveRecord]
		s.admin.get("/v1/archive-records?document_id=" + d.ID).want(200).into(&recs)
		if len(recs.Items) != 1 || recs.Items[0].DocumentID != d.ID {
			t.Fatalf("%+v", recs)
		}
		record := "/v1/archive-records/" + recs.Items[0].ID
		s.admin.get(record).want(200)
		if zip := s.admin.get(record + "/package").want(200); string(zip.body) != "PK package" || zip.header.Get("Content-Type") != "application/zip" {
			t.Errorf("package %q %v", zip.body, zip.header)
		}
		if d := s.admin.get("/v1/documents/" + d.ID).want(200).document(); d.State != "archived" {
			t.Errorf("%+v", d)
		}
	})
}

// sign plays a person on the signing page.
func (s *stack) sign(token string) {
	s.t.Helper()
	view, err := s.svc.OpenLink(s.t.Context(), token)
	if err != nil {
		s.t.Fatal(err)
	}
	consent := sha256Hex(service.ConsentText)
	_, err = s.svc.Sign(s.t.Context(), token, access.Source{Address: "192.0.2.7", Peer: "192.0.2.7"}, service.Act{
		Signature: signing.Signature{Kind: signing.Typed, Text: view.Recipient.Name}, Consent: consent, Document: view.Envelope.SHA256,
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// sealAndArchive plays the workers that seal and archive.
func (s *stack) sealAndArchive(docID string) {
	s.t.Helper()
	ctx, call := s.t.Context(), service.SystemCall(s.org, "seal", "")
	put := func(content string) service.Blob {
		b, err := s.vault.Put(ctx, service.Place{Org: s.org, Unit: "general", Document: docID}, strings.NewReader(content))
		if err != nil {
			s.t.Fatal(err)
		}
		return b
	}
	seal := s.open("seal", docID).ID
	if err := s.svc.FinishSeal(ctx, call, seal, service.Sealed{PDF: service.Derived{Kind: document.Sealed, Blob: put("%PDF sealed"), Pages: 2, Signatures: 1}, Evidence: sha256Hex("evidence")}); err != nil {
		s.t.Fatal(err)
	}
	pack := put("PK package")
	err := s.svc.FinishArchive(ctx, call, s.open("archive", docID).ID, service.ArchiveRecord{ID: id.New("arc", s.clock.Now()), Version: 3, SHA256: sha256Hex("sealed")}, map[string]service.PackageFile{"document.pdf": {SHA256: pack.SHA256, Size: 1}}, pack)
	if err != nil {
		s.t.Fatal(err)
	}
}

// open gives the pending operation of a kind on a document.
func (s *stack) open(kind, docID string) Operation {
	s.t.Helper()
	var list Page[Operation]
	s.admin.get("/v1/operations?state=pending&kind=" + kind + "&document_id=" + docID).want(200).into(&list)
	if len(list.Items) != 1 {
		s.t.Fatalf("%d pending operations of kind %s", len(list.Items), kind)
	}
	return list.Items[0]
}

func TestVoidEnvelopeAndArchiveWithoutSignature(t *testing.T) {
	onBoth(t, func(s *stack) {
		d := s.admin.approved()
		var e Envelope
		s.admin.post("/v1/envelopes", map[string]any{"document_id": d.ID, "recipients": []any{map[string]any{"name": "Ben", "email": "ben@example.com"}}}).want(201).into(&e)
		s.admin.post("/v1/envelopes/"+e.ID+"/send", nil).want(200)
		s.admin.post("/v1/documents/"+d.ID+"/archive", nil).problem(409, "envelope_open")
		s.admin.post("/v1/envelopes/"+e.ID+"/void", `{"reason":"wrong person"}`).want(200).into(&e)
		if e.State != "voided" || e.Reason != "wrong person" {
			t.Errorf("%+v", e)
		}
		var list Page[Envelope]
		s.admin.get("/v1/envelopes?state=voided").want(200).into(&list)
		if len(list.Items) != 1 {
			t.Errorf("%+v", list)
		}
		res := s.admin.post("/v1/documents/"+d.ID+"/archive", nil).want(202)
		if res.header.Get("Location") != "/v1/operations/"+s.open("archive", d.ID).ID {
			t.Errorf("%v", res.header)
		}
		s.caused(d.ID, append(intoReview[:6:6], "document.approved", "envelope.created", "envelope.sent", "envelope.voided", "operation.started")...)
	})
}

func TestOperationThatFailed(t *testing.T) {
	onBoth(t, func(s *stack) {
		var up Uploaded
		s.admin.upload("a.pdf", []byte("x"), nil).want(202).into(&up)
		retry := "/v1/operations/" + up.Operation.ID + "/retry"
		s.admin.post(retry, nil).problem(409, "operation_not_failed")
		fail := func(f service.Failure) {
			t.Helper()
			if err := s.svc.FailWork(t.Context(), service.SystemCall(s.org, "capture", ""), up.Operation.ID, f); err != nil {
				t.Fatal(err)
			}
		}
		fail(service.Failure{Code: "child_crashed", Reason: "The reader crashed.", Retryable: true})
		if d := s.admin.get("/v1/documents/" + up.Document.ID).want(200).document(); d.Processing.Status != "failed" || d.Processing.Code != "child_crashed" {
			t.Errorf("%+v", d.Processing)
		}
		s.admin.post(retry, nil).want(202)
		fail(service.Failure{Code: "password_protected", Reason: "It needs a password.", Quarantine: true})
		s.admin.post(retry, nil).problem(409, "operation_not_retryable")
		s.admin.get("/v1/documents/"+up.Document.ID+"/pages").problem(409, "document_quarantined")
		s.caused(up.Document.ID, append(created[:2:2], "document.processing_failed", "operation.failed", "operation.retried", "document.quarantined", "operation.failed")...)
	})
}

func TestSettings(t *testing.T) {
	onBoth(t, func(s *stack) {
		schema := `{"title":"Order","schema":{"type":"object","required":["amount"],"properties":{"amount":{"type":"integer"}}}}`
		s.admin.json("PUT", "/v1/document-types/purchase_order", schema).want(200)
		var dt DocumentType
		s.admin.get("/v1/document-types/purchase_order").want(200).into(&dt)
		if dt.Revision != 1 || dt.Schema == nil {
			t.Errorf("%+v", dt)
		}
		s.admin.json("PUT", "/v1/document-types/No%20Slug", `{}`).problem(422, "invalid_document_type", "path/name")
		s.admin.json("PUT", "/v1/document-types/x", `{"schema":{"type":1}}`).problem(422, "invalid_document_type", "/schema")
		s.admin.get("/v1/document-types/none").problem(404, "not_found")
		s.admin.upload("a.pdf", []byte("x"), map[string]string{"document_type": "purchase_order", "metadata": `{"amount":"much"}`}).problem(422, "invalid_document", "/metadata/amount")
		s.admin.post("/v1/business-units", `{"name":"finance"}`).want(201)
		s.admin.post("/v1/business-units", `{"name":"finance"}`).problem(409, "exists")
		s.admin.post("/v1/business-units", `{"name":"Fin Ance"}`).problem(422, "invalid_unit", "/name")
		var units Items[BusinessUnit]
		s.admin.get("/v1/business-units").want(200).into(&units)
		if len(units.Items) != 2 {
			t.Errorf("%+v", units)
		}
		s.admin.post("/v1/clients", `{"name":"","principal":"a b","scopes":["root"]}`).problem(422, "invalid_client_request", "/name", "/principal", "/scopes")
		body := `{"name":"ERP","principal":"erp@example.com","scopes":["documents:read"]}`
		s.admin.post("/v1/clients", body, "Idempotency-Key", "erp").want(201)
		s.admin.post("/v1/clients", body, "Idempotency-Key", "erp").problem(409, "result_not_repeatable")
		var list Items[Client]
		s.admin.get("/v1/clients").want(200).into(&list)
		if len(list.Items) != 2 {
			t.Errorf("%+v", list)
		}
	})
}

// TestNotYours: what belongs to others cannot be told from what does not exist.
func TestNotYours(t *testing.T) {
	onBoth(t, func(s *stack) {
		s.admin.post("/v1/business-units", `{"name":"finance"}`).want(201)
		d := s.admin.draft(nil)
		var a Approval
		s.admin.post("/v1/approvals", canonical(d.ID, "mgr@example.com")).want(201).into(&a)
		s.sequence()
		var page EventPage
		s.admin.get("/v1/events?document_id=" + d.ID).want(200).into(&page)
		all := []string{"documents:read", "documents:write", "approvals:write", "tasks:read", "tasks:decide", "envelopes:read", "envelopes:write", "events:read", "archive:read"}
		other := s.client("eve@example.com", []string{"finance"}, all...)
		foreign := s.foreign(all)
		for _, who := range []*caller{other, foreign} {
			for _, path := range []string{"", "/content", "/versions", "/versions/1/content", "/pages", "/pages/1", "/search?q=Total", "/approvals"} {
				who.get("/v1/documents/"+d.ID+path).problem(404, "not_found")
			}
			who.get("/v1/operations/"+d.Processing.OperationID).problem(404, "not_found")
			who.get("/v1/approvals/"+a.ID).problem(404, "not_found")
			who.get("/v1/tasks/"+a.Tasks[0].ID).problem(404, "not_found")
			who.get("/v1/events/"+page.Items[0].ID).problem(404, "not_found")
			who.get("/v1/events/"+page.Items[0].ID+"/proof").problem(404, "not_found")
			who.post("/v1/documents/"+d.ID+"/void", nil).problem(404, "not_found")
			who.post("/v1/tasks/"+a.Tasks[0].ID+"/decision", `{"outcome":"approve"}`).problem(404, "not_found")
			who.post("/v1/envelopes", map[string]any{"document_id": d.ID, "recipients": []any{map[string]any{"name": "Ben", "email": "b@example.com"}}}).problem(404, "not_found")
			who.json("PATCH", "/v1/documents/"+d.ID, `{"title":"mine"}`).problem(404, "not_found")
			for _, list := range []string{"/v1/documents", "/v1/tasks", "/v1/operations", "/v1/envelopes", "/v1/archive-records"} {
				var got Page[json.RawMessage]
				who.get(list).want(200).into(&got)
				if len(got.Items) != 0 {
					t.Errorf("%s lists %s to %s", list, got.Items, who.principal)
				}
			}
			var hits Items[Hit]
			who.get("/v1/search?q=Total").want(200).into(&hits)
			if len(hits.Items) != 0 {
				t.Errorf("search finds %v for %s", hits.Items, who.principal)
			}
		}
		foreign.get("/v1/events?after="+page.Next).problem(422, "bad_cursor")
	})
}

// foreign makes a client of another organisation.
func (s *stack) foreign(scopes []string) *caller {
	s.t.Helper()
	secret := "a secret of another organisation"
	c := access.OAuthClient{ID: "cli_00000000000000000000000000", Org: "org_00000000000000000000000000", Name: "other", Principal: "mgr@example.com", SecretHash: sha256Raw(secret), CreatedAt: s.clock.Now()}
	for _, sc := range scopes {
		c.Scopes = append(c.Scopes, access.Scope(sc))
	}
	err := s.store.Write(s.t.Context(), func(ctx context.Context, tx service.Tx) error {
		if err := tx.InsertOrganisation(ctx, access.Organisation{ID: c.Org, Name: "Other", CreatedAt: tx.Now()}); err != nil {
			return err
		}
		return tx.InsertClient(ctx, c)
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return s.caller(service.ClientSecret{Client: c, Secret: secret})
}

// TestScopes calls every operation with a token that carries all scopes but those it
// needs. What was sent along is wrong in every way, and nobody says so: who may not do it is
// refused at the door, before anything is read. The command behind would refuse it too.
func TestScopes(t *testing.T) {
	onBoth(t, func(s *stack) {
		tokens := map[access.Action]*caller{}
		for path, item := range build(Config{}).huma.OpenAPI().Paths {
			if path == hookPath || path == setupPath {
				continue // who calls it proves itself otherwise
			}
			for _, op := range operationsOf(item) {
				do := op.Metadata[metaAction].(access.Action)
				if do == access.RunBatch {
					continue // open with any scope: TestBatchIsNoWayAround
				}
				if tokens[do] == nil {
					var rest []string
					for sc := range access.Scopes() {
						if !(access.Actor{Scopes: access.Needs(do)}).HasAny(sc) {
							rest = append(rest, string(sc))
						}
					}
					tokens[do] = s.client("no-"+string(do), nil, rest...)
				}
				filled := strings.NewReplacer("{id}", "x", "{number}", "1", "{name}", "x", "{recipient_id}", "x", "{secret_id}", "x").Replace(path)
				res := tokens[do].json(op.Method, filled+"?no-such=parameter", "{", "Idempotency-Key", "")
				var p struct{ Code string }
				if err := json.Unmarshal(res.body, &p); err != nil || res.status != 403 || p.Code != "missing_scope" || !strings.Contains(res.header.Get("WWW-Authenticate"), "insufficient_scope") {
					t.Errorf("%s %s is not refused: %d %v %s", op.Method, path, res.status, res.header, res.body)
				}
			}
		}
	})
}

func TestCredentials(t *testing.T) {
	onBoth(t, func(s *stack) {
		anyone := &caller{stack: s}
		anyone.get("/v1/documents").problem(401, "credentials_missing")
		anyone.get("/v1/documents", "Authorization", "Basic abc").problem(401, "credentials_missing")
		if res := anyone.get("/v1/documents", "Authorization", "Bearer abc").problem(401, "invalid_token"); !strings.Contains(res.header.Get("WWW-Authenticate"), "invalid_token") {
			t.Errorf("%v", res.header)
		}
		c := s.client("x@example.com", nil, "documents:read")
		c.get("/v1/documents").want(200)
		var list Items[Client]
		s.admin.get("/v1/clients").want(200).into(&list)
		for _, cl := range list.Items {
			if cl.Principal == "x@example.com" {
				s.admin.send("DELETE", "/v1/clients/"+cl.ID, nil).want(200)
			}
		}
		s.clock.Advance(6e9)
		c.get("/v1/documents").problem(401, "invalid_token")
		s.clock.Advance(600e9)
		s.admin.get("/v1/documents").problem(401, "invalid_token")
	})
}

func TestEvents(t *testing.T) {
	onBoth(t, func(s *stack) {
		var start EventPage
		s.sequence()
		s.admin.get("/v1/events?latest=true").want(200).into(&start)
		got := make(chan *answer)
		go func() { got <- s.admin.get("/v1/events?wait=60&after=" + start.Next) }()
		var up Uploaded
		s.admin.upload("a.pdf", []byte("x"), nil, "Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "X-Request-Id", "erp-77", "X-Forwarded-For", "203.0.113.9").want(202).into(&up)
		s.sequence()
		var page EventPage
		(<-got).want(200).into(&page)
		if len(page.Items) == 0 {
			t.Fatal("the long poll brought nothing")
		}
		e := page.Items[0]
		if e.SpecVersion != "1.0" || e.Type != "document.created" || e.Source != "https://paraph.example" || e.Subject != "document/"+up.Document.ID || e.Organisation != s.org ||
			e.BusinessUnit != "general" || e.ActorPrincipal != s.admin.principal || e.RequestID != "erp-77" || e.DocumentSeq != 1 || !strings.HasPrefix(e.TraceParent, "00-4bf92f3577b34da6a3ce929d0e0e4736-") {
			t.Errorf("%+v", e)
		}
		var rest EventPage
		s.admin.get("/v1/events?after=" + e.Cursor).want(200).into(&rest)
		if len(rest.Items) != 1 || rest.Items[0].Type != "operation.started" {
			t.Errorf("after the first: %+v", rest)
		}
		s.admin.get("/v1/events?type=operation.*&document_id=" + up.Document.ID).want(200).into(&rest)
		if len(rest.Items) != 1 {
			t.Errorf("by type: %+v", rest)
		}
		s.admin.get("/v1/events?after=nonsense").problem(422, "bad_cursor")
		s.admin.get("/v1/events/" + e.ID).want(200)
		s.checkProof(e.ID)
	})
}

// checkProof checks an event's proof with nothing but what anyone can fetch.
func (s *stack) checkProof(id string) {
	s.t.Helper()
	anyone := &caller{stack: s}
	vkey := anyone.get("/.well-known/paraph/log.vkey").want(200)
	verifier, err := journal.NewVerifier(string(vkey.body))
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := verifier.OpenCheckpoint(anyone.get("/log/checkpoint").want(200).body); err != nil {
		s.t.Fatal(err)
	}
	text := s.admin.get("/v1/events/" + id + "/proof").want(200)
	if !strings.HasPrefix(text.header.Get("Content-Type"), "text/plain") || !bytes.HasPrefix(text.body, []byte("c2sp.org/tlog-proof")) {
		s.t.Errorf("%v %s", text.header, text.body)
	}
	var out EventProof
	s.admin.get("/v1/events/"+id+"/proof", "Accept", "application/json").want(200).into(&out)
	if out.Proof != string(text.body) || len(out.Leaf) == 0 || len(out.Entry) == 0 {
		s.t.Errorf("%+v", out)
	}
	tile := anyone.get("/log/tile/0/000.p/1").want(200)
	if len(tile.body) != 32 || tile.header.Get("Content-Type") != "application/octet-stream" {
		s.t.Errorf("tile of %d bytes, %v", len(tile.body), tile.header)
	}
	anyone.get("/log/tile/0/999").problem(404, "no_such_tile")
	anyone.get("/log/tile/entries/000.p/1").want(200)
	if res := anyone.get("/.well-known/paraph/ca.pem").want(200); res.header.Get("Content-Type") != "application/pem-certificate-chain" {
		s.t.Errorf("%v", res.header)
	}
}

func TestEventStream(t *testing.T) {
	onBoth(t, func(s *stack) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.server.URL+"/v1/events/stream?type=document.*", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+s.admin.token)
		res, err := s.server.Client().Do(req)
		if err != nil || res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" {
			t.Fatal(res, err)
		}
		defer res.Body.Close()
		lines := bufio.NewScanner(res.Body)
		if !lines.Scan() || lines.Text() != ": nothing new" {
			t.Fatalf("the stream begins with %q", lines.Text())
		}
		s.admin.upload("a.pdf", []byte("x"), nil).want(202)
		s.sequence()
		var id, data string
		for data == "" && lines.Scan() {
			if v, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
				id = v
			}
			if v, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				data = v
			}
		}
		var e Event
		if err := json.Unmarshal([]byte(data), &e); err != nil || e.Type != "document.created" || e.Cursor != id {
			t.Errorf("%s %v", data, err)
		}
		s.admin.upload("b.pdf", []byte("y"), nil).want(202)
		s.sequence()
		var page EventPage
		s.admin.get("/v1/events?type=document.*&after=" + id).want(200).into(&page)
		if len(page.Items) != 1 {
			t.Errorf("%+v", page)
		}
		s.admin.get("/v1/events/stream", "Last-Event-ID", "nonsense").problem(422, "bad_cursor")
		close(s.closing)
		for lines.Scan() { // ends, since the server is closing
		}
	})
}
