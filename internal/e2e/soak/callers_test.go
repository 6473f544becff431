package soak

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/document"
)

// caller is a client that works without an end, and for which kills are pauses.
type caller struct {
	*world
	name string
	rnd  *rand.Rand
	n    int
	// doomed says that the document at hand will be disposed of, and with it what
	// the log and the stored answers say of it.
	doomed bool
}

// employ sets a caller to work.
func (w *world) employ(no int) {
	c := &caller{world: w, name: fmt.Sprintf("c%d", no), rnd: rand.New(rand.NewPCG(w.plan.seed, uint64(100+no)))}
	w.work.Go(func() {
		for !w.ending.Load() {
			c.flow()
		}
	})
}

// flow is one document's way, or a lesser errand.
func (c *caller) flow() {
	c.pause.RLock() // nothing is begun while the program is left alone
	dice := c.rnd.IntN(100)
	c.pause.RUnlock()
	switch {
	case c.doom.CompareAndSwap(true, false), dice >= 97:
		c.disposes()
	case c.turn.CompareAndSwap(true, false), dice == 96:
		c.rotates()
	case c.world.scan.CompareAndSwap(true, false), dice < 3:
		c.reads()
	case dice < 35:
		c.signs()
	case dice < 50:
		c.reviews()
	case dice < 65:
		c.voids()
	case dice < 70:
		c.junk()
	case dice < 95:
		c.details()
	default:
		c.change("unit", http.MethodPost, "/v1/business-units", map[string]any{"name": c.title(), "title": "A part"}, http.StatusCreated)
	}
}

func (c *caller) title() string {
	c.n++
	return fmt.Sprintf("%s-%d", c.name, c.n)
}

// ask repeats a request until its answer is known, whatever dies meanwhile.
func (c *caller) ask(rq request) (got answer, life, tries int) {
	after := -1
	for tries = 1; ; tries++ {
		life, ok := c.gate.enter(after)
		if !ok {
			runtime.Goexit()
		}
		got, err := c.send(rq)
		c.gate.leave()
		if err == nil && got.status < 500 {
			return got, life, tries
		}
		if err == nil {
			c.model.fail(nil, "life %d: %s %s answered %d %s", life, rq.method, rq.path, got.status, got.body)
			runtime.Goexit()
		}
		after = life // nobody is asked again before the next life
	}
}

// change asks for a change with a key of its own and wants it acknowledged.
func (c *caller) change(what, method, path string, body any, want int) answer {
	rq := request{method: method, path: path, body: toJSON(body), header: map[string]string{"Content-Type": "application/json"}}
	if body == nil {
		rq.body, rq.header = nil, nil
	}
	return c.changeBy(what, rq, want)
}

func (c *caller) changeBy(what string, rq request, want int) answer {
	c.n++
	rq.key = fmt.Sprintf("%s-%s-%d", c.name, what, c.n)
	got, life, tries := c.ask(rq)
	c.model.took(&act{what: what, rq: rq, got: got, life: life, doomed: c.doomed}, tries)
	if got.status != want && !(what == "link" && tries > 1 && got.code() == "result_not_repeatable") && !(what == "rotate" && got.code() == "unit_without_key") && !(what == "sign" && tries > 1 && got.status == http.StatusConflict) {
		c.stop("%s was answered with %d %s after %d tries", what, got.status, got.body, tries)
	}
	return got
}

// stop says what is wrong and ends the caller.
func (c *caller) stop(format string, args ...any) {
	c.model.fail(nil, c.name+": "+format, args...)
	runtime.Goexit()
}

func (c *caller) into(a answer, v any) {
	if err := json.Unmarshal(a.body, v); err != nil {
		c.stop("%v: %s", err, a.body)
	}
}

// shown is what a caller reads of a document.
type shown struct {
	ID         string
	State      document.State
	Revision   int64
	Processing struct {
		Status      string
		OperationID string `json:"operation_id"`
	}
}

// upload sends a file as a new draft.
func (c *caller) upload(file []byte, media string) string {
	title := c.title()
	query := url.Values{"title": {title}, "external_id": {"x-" + title}, "metadata": {`{"amount": 4711}`}, "file_name": {title}}
	got := c.changeBy("upload", request{method: http.MethodPost, path: "/v1/documents?" + query.Encode(), body: file, header: map[string]string{"Content-Type": media}}, http.StatusAccepted)
	var up struct {
		Document shown
		Version  struct{ SHA256 string }
	}
	c.into(got, &up)
	if up.Version.SHA256 != hexSum(file) {
		c.stop("the upload's digest is acknowledged as %s, not %s", up.Version.SHA256, hexSum(file))
	}
	c.model.now(up.Document.ID, document.Draft, up.Document.Revision)
	c.model.mu.Lock()
	c.model.documents[up.Document.ID].sum = up.Version.SHA256
	c.model.mu.Unlock()
	return up.Document.ID
}

// settle waits until no worker has the document, and gives how the last ended.
func (c *caller) settle(id string) string {
	for {
		got, _, _ := c.ask(request{method: http.MethodGet, path: "/v1/documents/" + id})
		if got.status != http.StatusOK {
			c.model.fail(&c.model.lost, "%s was acknowledged and answers %d", id, got.status)
			runtime.Goexit()
		}
		var d shown
		c.into(got, &d)
		if s := d.Processing.Status; s != "pending" && s != "running" {
			return s
		}
		c.ask(request{method: http.MethodGet, path: "/v1/operations/" + d.Processing.OperationID, header: map[string]string{"Prefer": "wait=5"}})
	}
}

// draft uploads a text and waits until it is read.
func (c *caller) draft() string {
	id := c.upload(textPDF(c.title()), "application/pdf")
	if s := c.settle(id); s != "done" {
		c.stop("%s was not read: %s", id, s)
	}
	return id
}

func (c *caller) submit(id string, approvers ...string) (tasks []string) {
	got := c.change("submit", http.MethodPost, "/v1/approvals", map[string]any{
		"document_id": id, "document_type": "document", "initiator": map[string]string{"user_id": "u_42", "email": "ana@example.com"},
		"approvers": append([]string{}, approvers...), "metadata": map[string]any{"amount": 4711},
	}, http.StatusCreated)
	var a struct{ Tasks []struct{ ID string } }
	c.into(got, &a)
	for _, t := range a.Tasks {
		tasks = append(tasks, t.ID)
	}
	state := document.Approved
	if len(approvers) > 0 {
		state = document.InReview
	}
	c.model.now(id, state, 0)
	return tasks
}

// reviews: changed, handed in, decided by two, archived without a signature.
func (c *caller) reviews() {
	id := c.draft()
	var d shown
	c.into(c.change("patch", http.MethodPatch, "/v1/documents/"+id, map[string]any{"title": c.title()}, http.StatusOK), &d)
	c.model.now(id, d.State, d.Revision)
	people := []string{"ada@example.com", "bo@example.com"}
	for i, task := range c.submit(id, people...) {
		c.change("decide", http.MethodPost, "/v1/tasks/"+task+"/decision", map[string]any{"outcome": "approve", "on_behalf_of": people[i]}, http.StatusOK)
	}
	c.model.now(id, document.Approved, 0)
	c.change("archive", http.MethodPost, "/v1/documents/"+id+"/archive", nil, http.StatusAccepted)
	c.settle(id)
	c.model.goal(id, document.Archived)
}

// voids: withdrawn while it is reviewed.
func (c *caller) voids() {
	id := c.draft()
	c.submit(id, "ada@example.com")
	var d shown
	c.into(c.change("void", http.MethodPost, "/v1/documents/"+id+"/void", map[string]any{"reason": "Ordered twice."}, http.StatusOK), &d)
	c.model.now(id, d.State, d.Revision)
	c.model.goal(id, document.Voided)
}

// details: a document without a file, of which every other is approved and the
// rest withdrawn.
func (c *caller) details() {
	var d shown
	c.into(c.change("draft", http.MethodPost, "/v1/drafts", map[string]any{"title": c.title(), "metadata": map[string]any{"text": strings.Repeat("forty chairs ", 300)}}, http.StatusCreated), &d)
	c.model.now(d.ID, d.State, d.Revision)
	tasks := c.submit(d.ID, "ada@example.com")
	if c.n%2 == 0 {
		c.into(c.change("void", http.MethodPost, "/v1/documents/"+d.ID+"/void", map[string]any{"reason": "Ordered twice."}, http.StatusOK), &d)
		c.model.now(d.ID, d.State, d.Revision)
		c.model.goal(d.ID, document.Voided)
		return
	}
	c.change("decide", http.MethodPost, "/v1/tasks/"+tasks[0]+"/decision", map[string]any{"outcome": "approve", "on_behalf_of": "ada@example.com"}, http.StatusOK)
	c.model.now(d.ID, document.Approved, 0)
	c.model.goal(d.ID, document.Approved)
}

// disposes: withdrawn, and then destroyed for good.
func (c *caller) disposes() {
	c.doomed = true
	id := c.draft()
	c.model.mu.Lock()
	c.model.documents[id].doomed = true
	c.model.mu.Unlock()
	var d shown
	c.into(c.change("void", http.MethodPost, "/v1/documents/"+id+"/void", map[string]any{"reason": "Ordered twice."}, http.StatusOK), &d)
	c.model.now(id, d.State, d.Revision)
	c.doomed = false
	var op struct{ ID string }
	c.into(c.change("dispose", http.MethodPost, "/v1/documents/"+id+"/dispose", map[string]any{"authority": "Case " + c.title()}, http.StatusAccepted), &op)
	c.model.now(id, document.Disposed, 0)
	c.await(op.ID)
	c.model.goal(id, document.Disposed)
}

// rotates: the unit of all documents gets another key.
func (c *caller) rotates() {
	var op struct{ ID string }
	got := c.change("rotate", http.MethodPost, "/v1/business-units/general/rotate-key", nil, http.StatusAccepted)
	if got.code() == "unit_without_key" {
		return // another caller has rotated it a moment ago
	}
	c.into(got, &op)
	c.await(op.ID)
}

// await waits for the good end of an operation.
func (c *caller) await(id string) {
	for {
		got, _, _ := c.ask(request{method: http.MethodGet, path: "/v1/operations/" + id, header: map[string]string{"Prefer": "wait=5"}})
		var op struct{ State, Code, Reason string }
		c.into(got, &op)
		switch op.State {
		case "succeeded":
			return
		case "failed":
			c.stop("operation %s failed: %s %s", id, op.Code, op.Reason)
		}
	}
}

// junk: a file that is none goes into quarantine.
func (c *caller) junk() {
	id := c.upload([]byte("This is no PDF, whatever "+c.title()+" says."), "application/pdf")
	if s := c.settle(id); s != "quarantined" {
		c.stop("%s is no PDF, and is %s", id, s)
	}
	c.model.goal(id, document.Draft)
}

// reads: a scan is recognised.
func (c *caller) reads() {
	picture, err := scan("Order " + c.title())
	if err != nil {
		c.stop("no scan: %v", err)
	}
	id := c.upload(picture, "image/png")
	if s := c.settle(id); s != "done" {
		c.stop("the scan %s was not read: %s", id, s)
	}
	c.model.goal(id, document.Draft)
}

var (
	shownDigest   = regexp.MustCompile(`name="document" value="([0-9a-f]{64})"`)
	consentDigest = regexp.MustCompile(`name="consent" value="([0-9a-f]{64})"`)
)

// signs: approved by itself, signed by two on the signing page, sealed, archived.
func (c *caller) signs() {
	id := c.draft()
	c.submit(id)
	people := []map[string]any{{"name": "Ben Example", "email": "ben@example.com", "order": 1}, {"name": "Cleo Example", "email": "cleo@example.com", "order": 1}}
	var e struct {
		ID         string
		Recipients []struct{ ID string }
	}
	c.into(c.change("envelope", http.MethodPost, "/v1/envelopes", map[string]any{"document_id": id, "send": true, "recipients": people}, http.StatusCreated), &e)
	for _, r := range e.Recipients {
		c.sign(e.ID, r.ID)
	}
	c.settle(id)
	c.model.mu.Lock()
	c.model.documents[id].signers = len(people)
	c.model.mu.Unlock()
	c.model.goal(id, document.Archived)
}

// sign is a person with a browser and a link.
func (c *caller) sign(envelopeID, recipientID string) {
	var link struct{ URL string }
	for link.URL == "" { // a link whose answer was lost is not told again: a new one is made
		if got := c.change("link", http.MethodPost, "/v1/envelopes/"+envelopeID+"/recipients/"+recipientID+"/links", nil, http.StatusCreated); got.ok() {
			c.into(got, &link)
		}
	}
	page, _, _ := c.ask(request{method: http.MethodGet, path: link.URL})
	document, consent := shownDigest.FindSubmatch(page.body), consentDigest.FindSubmatch(page.body)
	if document == nil || consent == nil {
		c.stop("the signing page answers %d %s", page.status, page.body)
	}
	form := url.Values{"document": {string(document[1])}, "consent": {string(consent[1])}, "zone": {"Europe/Berlin"}, "kind": {"typed"}, "text": {"Ben Example"}}
	c.changeBy("sign", request{method: http.MethodPost, path: link.URL + "/sign", body: []byte(form.Encode()),
		header: map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}}, http.StatusOK)
}

// follower reads the events by a cursor, through all kills.
type follower struct {
	cursor string
	size   int
	ids    []string
}

// page reads the next page into the follower; nothing is noted of one that did
// not come whole.
func (f *follower) page(w *world, wait int) (int, error) {
	got, err := w.send(request{method: http.MethodGet, path: fmt.Sprintf("/v1/events?limit=%d&wait=%d&after=%s", f.size, wait, url.QueryEscape(f.cursor))})
	if err != nil {
		return 0, err
	}
	var page struct {
		Items []struct{ ID string }
		Next  string
	}
	if err := json.Unmarshal(got.body, &page); err != nil || got.status != http.StatusOK {
		return 0, fmt.Errorf("the events answer %d %s: %w", got.status, got.body, err)
	}
	for _, e := range page.Items {
		f.ids = append(f.ids, e.ID)
	}
	f.cursor = page.Next
	return len(page.Items), nil
}

// follow sets a follower to work, each with pages of another size.
func (w *world) follow() {
	f := &follower{size: []int{3, 50, 200}[len(w.read)%3]}
	w.read = append(w.read, f)
	w.busy.Go(func() {
		after := -1
		for {
			life, ok := w.gate.enter(after)
			if !ok {
				return
			}
			_, err := f.page(w, 2)
			w.gate.leave()
			if after = -1; err != nil {
				after = life
			}
		}
	})
}

// wait lets the callers end what they began; false where they do not.
func (w *world) wait() bool {
	w.ending.Store(true)
	done := make(chan struct{})
	go func() { defer close(done); w.work.Wait() }()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}
