package httpapi

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/ca"
	"github.com/paraph/paraph/internal/id"
)

// secretWord stands in every name and text of the organisation that is asked after.
const secretWord = "heliotrope"

// wholeHouse are operations on what belongs to the installation, for all organisations.
// Who runs it, TestOrganisations asks.
var wholeHouse = map[string]bool{
	"getAnchor": true, "getAnchorCheckpoint": true, "getAnchorToken": true,
	"listOrganisations": true, "getOrganisation": true, "changeOrganisation": true, "listTokenKeys": true, "withdrawTokenKey": true,
}

// ownName are operations on what is known by a name that others may use too.
var ownName = map[string]bool{"saveDocumentType": true, "saveRole": true, "saveDeviceRule": true}

// organisationWide are operations on what everybody in the organisation may look at.
var organisationWide = map[string]bool{"getDocumentType": true}

// bodies are what operations want to be sent; none: an empty object where something
// is changed.
func (h *house) bodies() map[string]any {
	doc := h.ids["documents"]
	return map[string]any{
		"createApproval": canonical(doc, "mgr@example.com"), "decideTask": `{"outcome":"approve"}`, "saveDocumentType": `{"title":"Mine"}`,
		"shareDocument":         map[string]any{"principal": "eve@example.org", "purpose": "to look", "until": h.clock.Now().Add(time.Hour)},
		"createEnvelope":        map[string]any{"document_id": doc, "recipients": []any{map[string]any{"name": "Ben", "email": "ben@example.com"}}},
		"startBulkSend":         bulkOf(doc, many(1)),
		"disposeDocument":       `{"authority":"eve@example.org"}`,
		"updateDocument":        `{"title":"Mine"}`,
		"changeHookSource":      `{"name":"mine"}`,
		"changeBusinessUnit":    `{"weight":2}`,
		"createWebhookEndpoint": `{"url":"https://eve.example/hook"}`, "changeWebhookEndpoint": `{"description":"mine"}`,
		"saveRole": `{"scopes":["tasks:read"]}`, "saveDeviceRule": deviceRule(h.t, "Mine"),
		"makeDirectoryToken": map[string]any{"name": "mine", "expires_at": h.clock.Now().AddDate(0, 1, 0)}, "changeClient": `{"name":"Mine"}`,
		"createUser": `{"user_name":"eve@example.org"}`, "createGroup": `{"name":"Mine"}`,
		"createLoginProvider": loginProvider("mine"), "saveLoginProvider": loginProvider("mine"),
		"addHookSecret": `{"overlap_seconds":3600}`,
	}
}

// deviceRule is one that concerns nobody who asks here.
func deviceRule(t *testing.T, title string) map[string]any {
	t.Helper()
	authority, err := ca.LoadOrCreate(t.TempDir(), title, time.Now(), ca.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{"title": title, "actions": []string{"webhook.write"}, "off": true, "certificate": map[string]any{"roots": string(authority.RootPEM())}}
}

func loginProvider(name string) string {
	return `{"name":"` + name + `","issuer":"https://` + name + `.example","client_id":"paraph","client_secret":"s","domains":["` + name + `.example"]}`
}

// house is an organisation with one of everything, and those who look in from outside.
type house struct {
	*stack
	ids     map[string]string // of things, by the path's segment before their id
	secrets []string          // what nobody else may be told
}

// furnish makes one of everything that has an id, in an organisation's unit.
func furnish(s *stack) *house {
	h := &house{stack: s, ids: map[string]string{}}
	fields := map[string]string{"title": secretWord, "labels": `{"colour":"` + secretWord + `"}`}
	s.admin.post("/v1/business-units", `{"name":"buying"}`).want(201)
	s.admin.post("/v1/business-units", `{"name":"`+secretWord+`"}`).want(201)
	s.admin.json("PUT", "/v1/document-types/"+secretWord, `{"title":"`+secretWord+`"}`).want(200)
	s.admin.json("PUT", "/v1/roles/scribe", `{"scopes":["tasks:read"]}`).want(200)
	h.ids["business-units"], h.ids["document-types"], h.ids["roles"] = secretWord, secretWord, "scribe"

	var out UnitExport
	s.admin.post("/v1/business-units/"+secretWord+"/exports", nil).want(202).into(&out)
	var in UnitImport
	s.admin.send("POST", "/v1/business-units/"+secretWord+"/imports", strings.NewReader("an archive"), "Content-Type", "application/zip").want(202).into(&in)
	h.ids["exports"], h.ids["imports"] = out.ID, in.ID

	sealed := s.admin.draft(fields)
	s.admin.post("/v1/approvals", canonical(sealed.ID)).want(201)
	ben := map[string]any{"name": secretWord, "email": "ben@" + secretWord + ".example"}
	var e Envelope
	s.admin.post("/v1/envelopes", map[string]any{"document_id": sealed.ID, "send": true, "recipients": []any{ben}}).want(201).into(&e)
	var link SigningLink
	s.admin.post("/v1/envelopes/"+e.ID+"/recipients/"+e.Recipients[0].ID+"/links", nil).want(201).into(&link)
	s.sign(link.URL[strings.LastIndexByte(link.URL, '/')+1:])
	s.sealAndArchive(sealed.ID)
	var recs Page[ArchiveRecord]
	s.admin.get("/v1/archive-records").want(200).into(&recs)
	h.ids["archive-records"] = recs.Items[0].ID
	h.ids["additions"] = "1"

	d := s.admin.draft(fields)
	h.ids["documents"], h.ids["operations"], h.ids["versions"], h.ids["pages"] = d.ID, d.Processing.OperationID, "1", "1"
	var g Grant
	s.admin.post("/v1/documents/"+d.ID+"/grants", map[string]any{"principal": "guest@" + secretWord + ".example", "purpose": secretWord, "until": s.clock.Now().Add(time.Hour)}).want(201).into(&g)
	h.ids["grants"] = g.ID
	var a Approval
	s.admin.post("/v1/approvals", canonical(d.ID, "ann@"+secretWord+".example")).want(201).into(&a)
	h.ids["approvals"], h.ids["tasks"] = a.ID, a.Tasks[0].ID
	waiting := s.admin.draft(fields)
	s.admin.post("/v1/approvals", canonical(waiting.ID)).want(201)
	s.admin.post("/v1/envelopes", map[string]any{"document_id": waiting.ID, "send": true, "recipients": []any{ben}}).want(201).into(&e)
	h.ids["envelopes"], h.ids["recipients"] = e.ID, e.Recipients[0].ID

	h.ids["bulk-sends"] = s.admin.bulk(bulkOf(waiting.ID, "name,email\n"+secretWord+",ben@"+secretWord+".example\n")).ID

	var shown HookSourceSecret
	s.admin.post("/v1/hook-sources", map[string]any{"preset": "stripe", "name": secretWord, "secret": "whsec_" + secretWord}).want(201).into(&shown)
	source := &sender{s, shown.Source.ID, "whsec_" + secretWord}
	h.ids["hook-sources"], h.ids["secrets"] = source.source, shown.ID
	event := `{"id":"evt_` + secretWord + `","type":"charge.succeeded","data":{"object":{}}}`
	source.send("POST", "", []byte(event), source.stripe(event, 0)).want(200)
	h.ids["inbound-events"] = s.inbounds("")[0].ID

	var made NewSecret
	s.admin.post("/v1/webhook-endpoints", `{"url":"https://`+secretWord+`.example/hook"}`).want(201).into(&made)
	h.ids["webhook-endpoints"] = made.Endpoint.ID
	var replay WebhookReplay
	s.admin.post("/v1/webhook-endpoints/"+made.Endpoint.ID+"/replays", `{}`).want(202).into(&replay)
	h.ids["replays"] = replay.ID
	var clients Items[Client]
	s.client("clerk@"+secretWord+".example", nil, "documents:read")
	s.admin.get("/v1/clients").want(200).into(&clients)
	for _, c := range clients.Items {
		if strings.Contains(c.Principal, secretWord) {
			h.ids["clients"] = c.ID
		}
	}
	h.ids["uploads"] = strings.TrimPrefix(s.admin.begin(10, "title", secretWord), tusPath+"/")
	h.ids["users"] = s.user("dana@" + secretWord + ".example").ID
	var group Group
	s.admin.post("/v1/groups", map[string]any{"name": secretWord, "members": []string{h.ids["users"]}}).want(201).into(&group)
	h.ids["groups"] = group.ID
	var invited Invitation
	s.admin.post("/v1/invitations", map[string]any{"user_id": h.ids["users"], "show": true}).want(201).into(&invited)
	h.ids["invitations"] = invited.ID
	var provider LoginProvider
	s.admin.post("/v1/login-providers", loginProvider(secretWord)).want(201).into(&provider)
	h.ids["login-providers"] = provider.ID
	s.admin.json("PUT", "/v1/device-rules/watch", deviceRule(s.t, secretWord)).want(200)
	h.ids["device-rules"] = "watch"
	var directory DirectoryToken
	s.admin.post("/v1/directory-tokens", map[string]any{"name": secretWord, "expires_at": s.clock.Now().AddDate(0, 1, 0)}).want(201).into(&directory)
	h.ids["directory-tokens"] = directory.ID
	s.sequence()
	var events EventPage
	s.admin.get("/v1/events?limit=200&document_id=" + d.ID).want(200).into(&events)
	h.ids["events"] = events.Items[len(events.Items)-1].ID
	h.ids["deliveries"] = h.ids["events"]

	h.secrets = []string{secretWord, sealed.ID, waiting.ID}
	for _, v := range h.ids {
		if strings.Contains(v, "_") {
			h.secrets = append(h.secrets, v)
		}
	}
	return h
}

// asked is an operation of the contract, with its path filled in.
type asked struct {
	id, method, path string
	op               *huma.Operation
}

var pathPart = regexp.MustCompile(`/([a-z-]+)/\{[a-z_]+\}`)

// fill puts ids of things into a path. It fails on a path nobody has told it of.
func (h *house) fill(path string, ids map[string]string) string {
	return pathPart.ReplaceAllStringFunc(path, func(part string) string {
		kind := pathPart.FindStringSubmatch(part)[1]
		if kind == "anchors" {
			return part
		}
		one, known := ids[kind]
		if !known {
			h.t.Fatalf("%s: make one of %s in furnish, so that others can be asked after it", path, kind)
		}
		return "/" + kind + "/" + one
	})
}

// others are ids as nothing has them, of the same look.
func (h *house) others() map[string]string {
	out := map[string]string{}
	for kind, one := range h.ids {
		if prefix, _, found := strings.Cut(one, "_"); found {
			out[kind] = id.New(prefix, h.clock.Now())
		} else if out[kind] = one; one == secretWord {
			out[kind] = "amaranthus"
		}
	}
	return out
}

// operations lists the contract's operations in an order in which they can be done:
// what ends a thing comes last.
func (h *house) operations() (out []asked) {
	paths := build(Config{}).huma.OpenAPI().Paths
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		for _, op := range operationsOf(paths[path]) {
			if len(op.Security) > 0 && len(op.Security[0]) > 0 { // others are not entered by a token
				out = append(out, asked{id: op.OperationID, method: op.Method, path: path, op: op})
			}
		}
	}
	last := func(a asked) (n int) {
		return 10*strings.Index("GET PATCH PUT POST DELETE", a.method) + 1000*strings.Count(a.path, "dispose") - strings.Count(a.path, "/")
	}
	slices.SortStableFunc(out, func(a, b asked) int { return last(a) - last(b) })
	return out
}

func (h *house) ask(who *caller, a asked, ids map[string]string) *answer {
	path := h.fill(a.path, ids)
	switch a.id {
	case "explainAccess":
		path += "?client_id=" + h.first.Client.ID
	case "searchDocument":
		path += "?q=Total"
	}
	switch {
	case a.method == http.MethodGet:
		return who.get(path)
	case a.id == "addVersion" || strings.HasSuffix(a.path, "/versions"):
		body, media := form(h.t, "b.pdf", []byte("%PDF-1.7 b"), nil)
		return who.send(a.method, path, bytes.NewReader(body), "Content-Type", media)
	case strings.HasPrefix(a.path, tusPath):
		return who.tus(a.method, path, strings.NewReader("hello"), "Content-Type", tusMedia, "Upload-Offset", "0", "Upload-Length", "5")
	case a.method == http.MethodDelete:
		return who.send(a.method, path, nil)
	}
	body := h.bodies()[a.id]
	if body == nil {
		body = `{}`
	}
	return who.json(a.method, path, body)
}

// same compares an answer about a thing with one about nothing: status, headers and
// body, but for ids that the caller sent and the request's own.
func (h *house) same(is, nothing *answer, ids, others map[string]string) error {
	blank := func(a *answer, ids map[string]string) string {
		var b strings.Builder
		fmt.Fprintln(&b, a.status)
		for _, name := range slices.Sorted(maps.Keys(a.header)) {
			if name != "Date" && name != "X-Request-Id" && name != "Ratelimit" {
				fmt.Fprintln(&b, name, a.header[name])
			}
		}
		text := strings.ReplaceAll(string(a.body), a.header.Get("X-Request-Id"), "REQUEST")
		for _, one := range ids {
			if len(one) > 2 {
				text = strings.ReplaceAll(text, one, "ID")
			}
		}
		b.WriteString(text)
		return b.String()
	}
	if a, b := blank(is, ids), blank(nothing, others); a != b {
		return fmt.Errorf("%s is answered\n%s\nand of nothing it is said\n%s", is.what, a, b)
	}
	return nil
}

// TestWalls asks every operation of the contract after things of another organisation,
// and after things of a business unit in which one has no part. What exists is answered
// like what does not, to the byte; no list, count, filter, cursor or search shows it;
// and nothing was changed or noted. Who belongs there is answered otherwise, so the
// questions are the right ones.
func TestWalls(t *testing.T) {
	onBoth(t, func(s *stack) {
		h := furnish(s)
		every := slices.Sorted(maps.Keys(access.Scopes()))
		scopes := make([]string, len(every))
		for i, one := range every {
			scopes[i] = string(one)
		}
		belongs := s.client("chief@example.com", nil, scopes...)
		inside := slices.DeleteFunc(slices.Clone(scopes), func(one string) bool { return one == "admin" })
		outsiders := map[string]*caller{
			"another organisation's administrator": s.foreign(scopes),
			"a stranger in another unit":           s.client("eve@example.com", []string{"buying"}, inside...),
		}
		s.sequence()
		before := s.journal()
		asked, lists := 0, 0
		for name, who := range outsiders {
			for _, op := range h.operations() {
				switch {
				case wholeHouse[op.id] || ownName[op.id] || organisationWide[op.id] && strings.Contains(name, "stranger"):
				case strings.Contains(op.path, "{") || h.names(op):
					asked++
					h.knock(name, who, op)
				case op.method == http.MethodGet && !strings.HasSuffix(op.path, "/stream"):
					lists++
					h.look(name, who, op)
				}
			}
		}
		if asked < 100 || lists < 40 {
			t.Errorf("only %d questions and %d lists: the test has shrunk", asked, lists)
		}
		s.sequence()
		if after := s.journal(); after != before {
			t.Errorf("%d entries before, %d after: something was changed or noted", before, after)
		}
		for _, op := range h.operations() {
			if strings.Contains(op.path, "{") && !wholeHouse[op.id] && !elsewhereMade[op.id] {
				who := belongs
				if strings.HasPrefix(op.path, tusPath) {
					who = s.admin // an upload is seen by nobody but who began it
				}
				if a := h.ask(who, op, h.ids); a.status == http.StatusNotFound || bytes.Contains(a.body, []byte("missing_scope")) {
					t.Errorf("who belongs there is answered %d too, so the question says nothing: %s %s", a.status, a.what, a.body)
				}
			}
		}
	})
}

// elsewhereMade are operations on what only workers make; internal/e2e/webhooks and
// internal/e2e ask for what is another's.
var elsewhereMade = map[string]bool{
	"getWebhookDelivery": true, "redriveWebhookDelivery": true, "skipWebhookDelivery": true, "getArchiveAddition": true,
}

// names tells whether an operation names a thing of others in its body.
func (h *house) names(a asked) bool { return a.id == "createApproval" || a.id == "createEnvelope" }

// knock asks for a thing, and for one that does not exist.
func (h *house) knock(name string, who *caller, op asked) {
	h.t.Helper()
	others := h.others()
	is := h.ask(who, op, h.ids)
	real := h.ids
	h.ids = others // bodies name things, too
	nothing := h.ask(who, op, others)
	h.ids = real
	if err := h.same(is, nothing, real, others); err != nil {
		h.t.Errorf("%s: %v", name, err)
	}
	refused := is.status == http.StatusForbidden && bytes.Contains(is.body, []byte("missing_scope"))
	if is.status != http.StatusNotFound && !refused {
		h.t.Errorf("%s: %s is answered %d: %s", name, is.what, is.status, is.body)
	}
	if refused && strings.Contains(name, "administrator") {
		h.t.Errorf("%s lacks a scope for %s", name, op.id)
	}
	h.tells(name, is)
}

// look reads a list as it is, and narrowed to what others have.
func (h *house) look(name string, who *caller, op asked) {
	h.t.Helper()
	base := op.path
	if op.id == "searchPages" || strings.HasSuffix(op.path, "/search") {
		base += "?q=Total"
	}
	whole := who.get(base)
	h.tells(name, whole)
	for _, p := range op.op.Parameters {
		kind, isID := map[string]string{"document_id": "documents", "subject_id": "documents", "source_id": "hook-sources"}[p.Name]
		if p.In != "query" || !isID && p.Name != "after" && p.Name != "business_unit" && p.Name != "created_by" {
			continue
		}
		one, other := h.ids[kind], h.others()[kind]
		switch p.Name {
		case "after":
			continue // cursors of others are tested with the lists that have them
		case "business_unit":
			one, other = secretWord, "amaranthus"
		case "created_by":
			one, other = h.first.Client.Principal, "nobody"
		}
		join := "?"
		if strings.Contains(base, "?") {
			join = "&"
		}
		is, nothing := who.get(base+join+p.Name+"="+one), who.get(base+join+p.Name+"="+other)
		if err := h.same(is, nothing, h.ids, h.others()); err != nil {
			h.t.Errorf("%s: %v", name, err)
		}
		h.tells(name, is)
	}
}

// tells looks for what an answer must not hold.
func (h *house) tells(name string, a *answer) {
	h.t.Helper()
	said := string(a.body) + fmt.Sprint(a.header)
	for _, secret := range h.secrets {
		// Units and types of one's own organisation may be known to all in it; and an
		// answer may repeat what it was asked.
		known := secret == secretWord && strings.Contains(name, "stranger") && (strings.HasSuffix(a.what, "/business-units") || strings.Contains(a.what, "/document-types"))
		if strings.Contains(said, secret) && !known && !strings.Contains(a.what, secret) {
			h.t.Errorf("%s: %s tells of %s: %s", name, a.what, secret, a.body)
		}
	}
}

// journal counts the entries of the organisation.
func (s *stack) journal() (n int) {
	s.t.Helper()
	after := ""
	for {
		var page EventPage
		s.admin.get("/v1/events?limit=200&after=" + after).want(200).into(&page)
		if len(page.Items) == 0 {
			return n
		}
		n, after = n+len(page.Items), page.Next
	}
}
