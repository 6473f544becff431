package contract

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/demodata"
	"github.com/paraph/paraph/internal/e2e/programtest"
)

// place is where an operation can be carried out: what its path and its query name, and
// those members of its body that name things. A member of lists and objects is named by
// a JSON pointer.
type place struct {
	Path   map[string]string `json:"path,omitempty"`
	Query  map[string]string `json:"query,omitempty"`
	Header map[string]string `json:"header,omitempty"`
	Body   object            `json:"body,omitempty"`
}

func at(id string) place { return place{Path: map[string]string{"id": id}} }

// ground gives places by operation id.
type ground map[string][]place

func (g ground) add(p place, operations ...string) {
	for _, op := range operations {
		g[op] = append(g[op], p)
	}
}

// prepare makes the things that operations need, n of each. No two operations that use
// something up share it.
func (w *world) prepare(n int) ground {
	g := ground{}
	for i := range n {
		w.settings(g, i)
		w.people(g, i)
		w.endpoints(g, i)
	}
	w.inbound(g, n)
	w.evidence(g, n)
	for i := range n {
		w.documents(g, i)
		w.bulk(g, i)
	}
	return g
}

type made struct {
	ID         string
	Recipients []struct{ ID string }
	Tasks      []struct{ ID string }
	Document   struct{ ID string }
	Operation  struct{ ID string }
	Client     struct{ ID string }
	Endpoint   struct{ ID string }
	Source     struct{ ID string }
	Secret     string
	SecretID   string `json:"secret_id"`
	EventID    string `json:"event_id"`
	URL        string
}

func (w *world) make(path string, body any, header ...string) (m made) {
	w.t.Helper()
	w.do("POST", path, body, &m, header...)
	return m
}

// draft uploads a file and has it read.
func (w *world) draft(i int) string {
	w.t.Helper()
	file := programtest.TextPDF(fmt.Sprintf("BT /F1 24 Tf 72 700 Td (Purchase order %d: ten pallets of paper, delivered to the northern gate) Tj ET", 4711+i))
	return w.make("/v1/documents?file_name=order.pdf", file, "Content-Type", "application/pdf", "Prefer", "wait=60").Document.ID
}

// asked submits a document to the first administrator, who is the caller.
func (w *world) asked(id string) made {
	w.t.Helper()
	return w.make("/v1/approvals", object{"document_id": id, "document_type": "document", "initiator": object{"user_id": "u_42", "email": "mara.lind@tidewater.example"},
		"approvers": []string{w.srv.Admin.Client.Principal}})
}

// approved makes a document that nobody has to approve.
func (w *world) approved(i int) string {
	w.t.Helper()
	id := w.draft(i)
	w.make("/v1/approvals", object{"document_id": id, "document_type": "document", "initiator": object{"user_id": "u_42", "email": "mara.lind@tidewater.example"}, "approvers": []string{}})
	return id
}

func (w *world) envelope(i int, send bool) (env, recipient string) {
	w.t.Helper()
	e := w.make("/v1/envelopes", object{"document_id": w.approved(i), "send": send, "recipients": []object{{"name": "Jonas Meer", "email": "jonas.meer@larkfield.example"}}})
	return e.ID, e.Recipients[0].ID
}

func (w *world) documents(g ground, i int) {
	empty := func() string { return w.make("/v1/drafts", object{"title": fmt.Sprintf("Order %d", i)}).ID }
	seen := w.draft(i)
	soon := time.Now().Add(48 * time.Hour).UTC().Format(time.RFC3339)
	g.add(at(seen), "getDocument", "listDocumentApprovals", "getDocumentContent", "listGrants", "listDocumentPages", "searchDocument", "listDocumentVersions")
	g.add(place{Path: map[string]string{"id": seen}, Body: object{"/until": soon}}, "shareDocument")
	g.add(place{Path: map[string]string{"id": seen}, Query: map[string]string{"client_id": w.srv.Admin.Client.ID}}, "explainAccess")
	g.add(place{Path: map[string]string{"id": seen, "number": "1"}}, "getDocumentPage", "getVersionContent")
	g.add(at(empty()), "updateDocument")
	g.add(at(empty()), "voidDocument")
	g.add(at(empty()), "replaceDocumentFile")
	grant := w.make("/v1/documents/"+seen+"/grants", object{"principal": "auditor@larkfield.example", "purpose": "Yearly audit", "until": soon})
	g.add(place{Path: map[string]string{"id": seen, "grant": grant.ID}}, "unshareDocument")
	g.add(place{Body: object{"/document_id": w.draft(i), "/document_type": "document"}}, "createApproval")
	a := w.asked(w.draft(i))
	g.add(at(a.ID), "getApproval")
	g.add(at(a.Tasks[0].ID), "getTask")
	g.add(at(w.asked(w.draft(i)).Tasks[0].ID), "decideTask")
	recalled := w.draft(i)
	w.asked(recalled)
	g.add(at(recalled), "recallDocument")
	g.add(at(w.approved(i)), "archiveDocument")
	g.add(place{Body: object{"/document_id": w.approved(i)}}, "createEnvelope")

	env, recipient := w.envelope(i, true)
	g.add(place{Path: map[string]string{"id": env, "recipient_id": recipient}}, "remindRecipient", "createSigningLink")
	g.add(at(env), "getEnvelope")
	env, _ = w.envelope(i, false)
	g.add(at(env), "sendEnvelope")
	env, _ = w.envelope(i, true)
	g.add(at(env), "voidEnvelope")
	gone := empty()
	w.do("POST", "/v1/documents/"+gone+"/void", object{"reason": "Made twice"}, nil)
	g.add(at(gone), "disposeDocument")
	// Its picture cannot be read while there is no text recognition.
	up := w.make("/v1/documents?file_name=note.jpg", demodata.DeliveryPhoto(), "Content-Type", "image/jpeg", "Prefer", "wait=60")
	g.add(at(up.Operation.ID), "getOperation", "retryOperation")

	begun, err := w.Do("POST", "/v1/uploads", nil, "Tus-Resumable", "1.0.0", "Upload-Length", "5", "Content-Type", "")
	must(w.t, err)
	upload := strings.TrimPrefix(begun.Header.Get("Location"), "/v1/uploads/")
	g.add(at(upload), "getUpload", "askUpload")
	for _, op := range []string{"appendUpload", "endUpload"} {
		begun, err = w.Do("POST", "/v1/uploads", nil, "Tus-Resumable", "1.0.0", "Upload-Length", "5", "Content-Type", "")
		must(w.t, err)
		g.add(place{Path: map[string]string{"id": strings.TrimPrefix(begun.Header.Get("Location"), "/v1/uploads/")}, Header: map[string]string{"Upload-Offset": "0"}}, op)
	}
}

// bulk makes bulk sends that stand still: in a unit that may take one document, and
// with a row whose external id is taken.
func (w *world) bulk(g ground, i int) {
	source := w.draft(i)
	people := []object{{"name": "{{name}}", "email": "{{email}}"}}
	initiator := object{"user_id": "u_42", "email": "mara.lind@tidewater.example"}
	g.add(place{Body: object{"/document_id": source}}, "startBulkSend")
	g.add(place{Body: object{"/document_id": source, "/document": object{"title": "Order of {{name}}"}, "/subject": "{{name}}", "/recipients": people, "/initiator": initiator,
		"/rows": "name,email\r\nJonas Meer,jonas.meer@larkfield.example\r\n", "/format": "csv", "/delimiter": "comma", "/column_types": object{},
		"/expires_at": time.Now().Add(48 * time.Hour).UTC().Format(time.RFC3339)}}, "startBulkSend")
	stands := func(as, unit string, document object) string {
		document["business_unit"] = unit
		id := w.make("/v1/bulk-sends", object{"document_id": source, "document": document, "recipients": people, "initiator": initiator,
			"rows": "name,email\r\nJonas Meer,jonas.meer@larkfield.example\r\nInes Aldana,ines.aldana@larkfield.example\r\n"}).ID
		w.until("/v1/bulk-sends/"+id, func(m object) bool { return m["state"] == as })
		return id
	}
	for _, op := range []string{"pauseBulkSend", "resumeBulkSend", "cancelBulkSend"} {
		unit := fmt.Sprintf("bulk-%s-%d", strings.ToLower(op), i)
		w.make("/v1/business-units", object{"name": unit, "limits": object{"documents_per_month": 1}})
		g.add(at(stands("paused", unit, object{})), op)
	}
	taken := fmt.Sprintf("of Jonas Meer %d", i)
	w.make("/v1/drafts", object{"title": "Order", "external_id": taken})
	g.add(at(stands("finished", "general", object{"external_id": fmt.Sprintf("of {{name}} %d", i)})), "retryBulkSend", "getBulkSend", "listBulkRows", "getBulkResults")
}

func (w *world) settings(g ground, i int) {
	named := func(name string) place { return place{Path: map[string]string{"name": name}} }
	unit := fmt.Sprintf("unit-%d", i)
	w.make("/v1/business-units", object{"name": unit, "title": "Purchasing"})
	w.make("/v1/drafts", object{"business_unit": unit, "title": "Its first"})
	w.make("/v1/documents?file_name=order.pdf&business_unit="+unit, programtest.TextPDF("BT /F1 24 Tf 72 700 Td (Purchase order of ten pallets of paper, delivered to the northern gate) Tj ET"), "Content-Type", "application/pdf", "Prefer", "wait=60")
	g.add(named(unit), "getBusinessUnit", "changeBusinessUnit", "rotateUnitKey")
	w.handover(g, unit)
	w.do("PUT", "/v1/document-types/"+fmt.Sprintf("type-%d", i), object{"title": "Order"}, nil)
	g.add(named(fmt.Sprintf("type-%d", i)), "getDocumentType", "saveDocumentType")
	for _, op := range []string{"saveRole", "removeRole"} {
		role := fmt.Sprintf("role_%s_%d", strings.ToLower(op), i)
		w.do("PUT", "/v1/roles/"+role, object{"scopes": []string{"tasks:read"}}, nil)
		g.add(named(role), op)
	}
	for _, op := range []string{"getDeviceRule", "saveDeviceRule", "removeDeviceRule"} {
		rule := fmt.Sprintf("rule-%s-%d", strings.ToLower(op), i)
		w.do("PUT", "/v1/device-rules/"+rule, object{"roles": []string{"approver"}, "actions": []string{"task.decide"}, "certificate": object{"roots": w.deviceRoot}}, nil)
		g.add(named(rule), op)
	}
	client := func() string {
		return w.make("/v1/clients", object{"name": "ERP", "principal": "erp@tidewater.example", "scopes": []string{"documents:read"}}).Client.ID
	}
	g.add(at(client()), "getClient", "changeClient", "rotateClientSecret")
	g.add(at(client()), "revokeClient")
	provider := func(op string) string {
		return w.make("/v1/login-providers", object{"name": fmt.Sprintf("Directory to %s %d", op, i), "issuer": "https://login.larkfield.example", "client_id": "paraph", "client_secret": "s3cret-s3cret-s3cret",
			"domains": []string{fmt.Sprintf("%s%d.larkfield.example", strings.ToLower(op), i)}}).ID
	}
	g.add(at(provider("save")), "saveLoginProvider")
	g.add(at(provider("remove")), "removeLoginProvider")
	var org struct{ Organisation struct{ ID string } }
	w.do("POST", "/v1/organisations", object{"name": fmt.Sprintf("Northern Works %d", i)}, &org)
	g.add(at(org.Organisation.ID), "getOrganisation", "changeOrganisation")
}

func (w *world) people(g ground, i int) {
	user := func(what string) string {
		return w.make("/v1/users", object{"user_name": fmt.Sprintf("%s-%d@tidewater.example", what, i), "name": "Ines Aldana"}).ID
	}
	g.add(at(user("seen")), "getUser", "resetUser")
	g.add(at(user("changed")), "changeUser")
	group := func(what string) string {
		return w.make("/v1/groups", object{"name": fmt.Sprintf("%s %d", what, i)}).ID
	}
	g.add(at(group("Seen")), "getGroup", "changeGroup")
	g.add(at(group("Gone")), "deleteGroup")
	until := time.Now().Add(90 * 24 * time.Hour).UTC().Format(time.RFC3339)
	g.add(place{Body: object{"/expires_at": until}}, "makeDirectoryToken")
	g.add(at(w.make("/v1/directory-tokens", object{"name": "Entra ID", "expires_at": until}).ID), "revokeDirectoryToken")
	g.add(at(w.make("/v1/invitations", object{"user_name": fmt.Sprintf("guest-%d@tidewater.example", i)}).ID), "revokeInvitation")
	g.add(place{Body: object{"/user_name": fmt.Sprintf("invited-%d@tidewater.example", i)}}, "invite")
}

func (w *world) endpoints(g ground, i int) {
	endpoint := func(on string) string {
		// Nobody listens there: what is sent is dead after a second.
		return w.make("/v1/webhook-endpoints", object{"url": "http://127.0.0.1:9/hook", "types": []string{on}, "retry_seconds": []int{1}, "on_dead": "block", "order": "strict"}).Endpoint.ID
	}
	id := endpoint("user.created")
	g.add(at(id), "getWebhookEndpoint", "listWebhookDeliveries", "listWebhookReplays", "startWebhookReplay", "rotateWebhookSecret", "testWebhookEndpoint")
	g.add(at(endpoint("user.created")), "changeWebhookEndpoint")
	g.add(at(endpoint("user.created")), "deleteWebhookEndpoint")
	g.add(place{Body: object{"/endpoint_ids/0": id}}, "createWebhookPortalLink")
	sent := w.make("/v1/webhook-endpoints/"+id+"/test", nil).EventID
	g.add(place{Path: map[string]string{"id": id, "event": sent}}, "getWebhookDelivery")
	replay := w.make("/v1/webhook-endpoints/"+id+"/replays", object{"which": "dead"}).ID
	g.add(place{Path: map[string]string{"id": id, "replay": replay}}, "getWebhookReplay")
	for _, op := range []string{"redriveWebhookDelivery", "skipWebhookDelivery"} {
		other := endpoint("user.created")
		event := w.make("/v1/webhook-endpoints/"+other+"/test", nil).EventID
		w.until("/v1/webhook-endpoints/"+other+"/deliveries/"+event, func(m map[string]any) bool { return m["state"] == "dead" })
		g.add(place{Path: map[string]string{"id": other, "event": event}}, op)
	}
}

// until asks for something until it is as wanted.
func (w *world) until(path string, as func(object) bool) {
	w.t.Helper()
	for end := time.Now().Add(time.Minute); ; {
		var m object
		a, err := w.Do("GET", path, nil)
		must(w.t, err)
		if a.Status == http.StatusOK {
			must(w.t, a.Into(&m))
		}
		if m != nil && as(m) {
			return
		}
		if time.Now().After(end) {
			w.t.Fatalf("%s is %v", path, m)
		}
		w.do("GET", "/v1/events?wait=1&latest=true", nil, nil)
	}
}

// inbound has a system send in what cannot be understood.
func (w *world) inbound(g ground, n int) {
	source := func() made {
		return w.make("/v1/hook-sources", object{"name": "Repository", "preset": "github", "action": object{"command": "document.create", "client_id": w.srv.Admin.Client.ID, "map": `error("not yet")`}})
	}
	for range n {
		s := source()
		g.add(at(s.Source.ID), "getHookSource", "changeHookSource", "addHookSecret")
		g.add(at(source().Source.ID), "removeHookSource")
		ended := source()
		g.add(place{Path: map[string]string{"id": ended.Source.ID, "secret_id": ended.SecretID}}, "endHookSecret")
		for _, op := range []string{"getInboundEvent getInboundEventContent", "redriveInboundEvent", "discardInboundEvent"} {
			s := source() // of its own: the one above is changed
			body := fmt.Sprintf(`{"title":"for %s"}`, op)
			w.hook(s, body)
			var page struct{ Items []struct{ ID string } }
			w.do("GET", "/v1/inbound-events?limit=1&source_id="+s.Source.ID, nil, &page)
			id := page.Items[0].ID
			w.until("/v1/inbound-events/"+id, func(m object) bool { return m["state"] == "quarantined" })
			g.add(at(id), strings.Fields(op)...)
		}
	}
	s := source()
	signed, body := w.signature(s, `{"zen":"Keep it logically awesome."}`)
	g.add(place{Path: map[string]string{"source": s.Source.ID}, Header: map[string]string{"X-Hub-Signature-256": signed, "Content-Type": "application/json"}, Body: object{"": body}}, "receiveHook")
}

func (*world) signature(s made, body string) (string, string) {
	m := hmac.New(sha256.New, []byte(s.Secret))
	m.Write([]byte(body))
	return "sha256=" + hex.EncodeToString(m.Sum(nil)), body
}

func (w *world) hook(s made, body string) {
	w.t.Helper()
	signed, _ := w.signature(s, body)
	w.do("POST", "/v1/hooks/"+s.Source.ID, []byte(body), nil, "X-Hub-Signature-256", signed)
}

// evidence has something signed, kept, and stamped.
func (w *world) evidence(g ground, n int) {
	w.until("/v1/log/anchors", func(m object) bool { return len(m["items"].([]any)) > 0 })
	var list struct{ Items []struct{ ID string } }
	w.do("GET", "/v1/log/anchors", nil, &list)
	g.add(at(list.Items[0].ID), "getAnchor", "getAnchorCheckpoint", "getAnchorToken")
	w.do("GET", "/v1/events?limit=1", nil, &list)
	g.add(at(list.Items[0].ID), "getEvent", "getEventProof")
	g.add(place{Query: map[string]string{"after": list.Items[0].ID}}, "streamEvents")
	w.do("POST", "/v1/token-keys", nil, nil)
	for range n {
		env, recipient := w.envelope(0, true)
		var e struct {
			DocumentID string `json:"document_id"`
		}
		w.do("GET", "/v1/envelopes/"+env, nil, &e)
		w.sign(w.make("/v1/envelopes/"+env+"/recipients/"+recipient+"/links", nil).URL)
		w.until("/v1/documents/"+e.DocumentID, func(m object) bool { return m["state"] == "archived" })
		w.do("GET", "/v1/archive-records?document_id="+e.DocumentID, nil, &list)
		record := list.Items[0].ID
		g.add(at(record), "getArchiveRecord", "getArchivePackage")
		w.do("POST", "/v1/documents/"+e.DocumentID+"/protect", object{"level": "t"}, nil, "Prefer", "wait=60")
		w.until("/v1/archive-records/"+record, func(m object) bool { a, _ := m["additions"].([]any); return len(a) > 0 })
		g.add(place{Path: map[string]string{"id": record, "number": "1"}}, "getArchiveAddition")
		g.add(place{Path: map[string]string{"id": e.DocumentID}, Body: object{"/level": "lta"}}, "protectDocument")
	}
}

var (
	shown   = regexp.MustCompile(`name="document" value="([0-9a-f]{64})"`)
	consent = regexp.MustCompile(`name="consent" value="([0-9a-f]{64})"`)
)

// sign signs as the page's script does.
func (w *world) sign(link string) {
	w.t.Helper()
	send := func(method, path string, form url.Values) string {
		header := []string{"Authorization", "", "Accept", "application/json", "User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"}
		if method == http.MethodPost {
			header = append(header, "Content-Type", "application/x-www-form-urlencoded")
		}
		a, err := (&programtest.Caller{HTTP: w.HTTP, URL: link}).Do(method, path, []byte(form.Encode()), header...)
		must(w.t, err)
		if a.Status >= 300 {
			w.t.Fatalf("%s of the signing page: %d %s", path, a.Status, a.Body)
		}
		return string(a.Body)
	}
	page := send(http.MethodGet, "", nil)
	form := url.Values{"document": shown.FindStringSubmatch(page)[1:], "consent": consent.FindStringSubmatch(page)[1:], "zone": {"Europe/Berlin"}, "kind": {"typed"}, "text": {"Jonas Meer"}}
	send(http.MethodGet, "/pages/1/image", nil)
	send(http.MethodPost, "/viewed", nil)
	send(http.MethodPost, "/consented", nil)
	send(http.MethodPost, "/sign", form)
}
