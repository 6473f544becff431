package soak

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/journal"
)

// entryOf gives the entry of which a letter tells.
func entryOf(letter string) string {
	id, _, _ := strings.Cut(letter, ".")
	return id
}

// act is one change that a caller asked for until it was known what became of it.
type act struct {
	what string // "upload", "submit", …
	rq   request
	got  answer
	life int // in which it was answered
	// doomed is about a document that is disposed of in the end: its entries are
	// blanked then, and the answer cannot be asked for again.
	doomed bool
}

// cause is the entry that an acknowledged change leaves exactly once.
var cause = map[string]journal.Kind{
	"upload": journal.DocumentCreated, "draft": journal.DocumentCreated, "patch": journal.DocumentMetadataChanged, "submit": journal.DocumentSubmitted,
	"decide": journal.TaskDecided, "void": journal.DocumentVoided, "archive": journal.OperationStarted, "unit": journal.UnitCreated,
	"envelope": journal.EnvelopeCreated, "link": journal.EnvelopeLinked, "sign": journal.EnvelopeSigned,
	"dispose": journal.DocumentDisposed, "rotate": journal.KeyUnitRotated,
}

// known is what the model holds of a document.
type known struct {
	id       string
	sum      string // of the file that was sent; "": there is none
	revision int64
	state    document.State // at least
	goal     document.State // at the end
	signers  int
	doomed   bool // it is disposed of in the end
}

// model is everything that was acknowledged.
type model struct {
	w          *world
	id, secret string // of the first administrator

	mu           sync.Mutex
	rnd          *rand.Rand
	fresh        []*act            // answered since the last comparison
	old          []*act            // some of those before
	documents    map[string]*known // by id
	touched      map[string]bool   // documents since the last comparison
	noted        map[string]int    // entry → life in which the queue was seen to hold its letters for sent
	acknowledged int
	repeated     int // answers that were lost, and asked for again
	lost         int
	doubled      int
	wrong        int
}

func newModel(w *world, seed uint64) *model {
	return &model{w: w, rnd: rand.New(rand.NewPCG(seed, 2)), documents: map[string]*known{}, touched: map[string]bool{}, noted: map[string]int{}}
}

// fail counts something that is not as it must be, and says it. count nil: it is
// neither lost nor doubled, but wrong.
func (m *model) fail(count *int, format string, args ...any) {
	m.mu.Lock()
	if count == nil {
		count = &m.wrong
	}
	*count++
	m.mu.Unlock()
	m.w.t.Errorf(m.w.name+": "+format, args...)
}

// took notes an answer, from whichever try it came.
func (m *model) took(a *act, tries int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.repeated += tries - 1
	if a.got.ok() {
		m.acknowledged++
	}
	m.fresh = append(m.fresh, a)
}

// now notes that a document was acknowledged to be in a state.
func (m *model) now(id string, state document.State, revision int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.documents[id]
	if d == nil {
		d = &known{id: id}
		m.documents[id] = d
	}
	d.state, d.revision = state, max(d.revision, revision)
	m.touched[id] = true
}

func (m *model) goal(id string, state document.State) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.documents[id].goal = state
}

// confirm looks for the entries of all answered changes: one of each that was
// acknowledged, none of those that were refused.
func (m *model) confirm(h *history) {
	m.mu.Lock()
	acts := m.fresh
	m.mu.Unlock()
	for _, a := range acts {
		n := h.byRequest[a.rq.key][cause[a.what]]
		switch {
		case a.doomed: // the disposal may have blanked it already
		case a.got.ok() && n == 0:
			m.fail(&m.lost, "%s %s was acknowledged in life %d (%d) and stands nowhere in the log", a.what, a.rq.key, a.life, a.got.status)
		case n > 1:
			m.fail(&m.doubled, "%s %s stands %d times in the log", a.what, a.rq.key, n)
		case !a.got.ok() && n > 0 && a.what != "sign" && a.what != "link":
			m.fail(nil, "%s %s was refused (%d %s) and stands in the log", a.what, a.rq.key, a.got.status, a.got.code())
		}
	}
}

// compare asks the life that has just begun for what the model holds: everything
// of late, and some of before. An error means that the life ended meanwhile.
func (m *model) compare() error {
	m.mu.Lock()
	acts, docs := pick(m, m.fresh, 8), []string{}
	acts = append(acts, pick(m, m.old, 2)...)
	for id := range m.touched {
		docs = append(docs, id)
	}
	m.mu.Unlock()
	for _, id := range docs {
		if err := m.compareDocument(id); err != nil {
			return err
		}
	}
	for _, a := range acts {
		if err := m.repeat(a); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.old = append(m.old, pick(m, m.fresh, 3)...)
	m.fresh, m.touched = nil, map[string]bool{}
	for _, id := range docs[:min(len(docs), 2)] { // once more in the life after
		m.touched[id] = m.rnd.IntN(2) == 0
		if !m.touched[id] {
			delete(m.touched, id)
		}
	}
	return nil
}

// pick gives up to n of the acts that can be repeated.
func pick(m *model, from []*act, n int) (out []*act) {
	for _, i := range m.rnd.Perm(len(from)) {
		if a := from[i]; a.got.ok() && !a.doomed && a.what != "sign" && len(out) < n {
			out = append(out, a)
		}
	}
	return out
}

// repeat asks for an acknowledged change once more under its key: the first
// answer comes back, byte for byte. A secret is not repeated.
func (m *model) repeat(a *act) error {
	got, err := m.w.send(a.rq)
	if err != nil {
		return err
	}
	same := got.status == a.got.status && bytes.Equal(got.body, a.got.body) && got.header.Get("Idempotency-Replayed") == "true"
	if a.what == "link" {
		same = got.code() == "result_not_repeatable"
	}
	if !same {
		m.fail(nil, "%s %s was answered with %d %s; repeated, with %d %s", a.what, a.rq.key, a.got.status, a.got.body, got.status, got.body)
	}
	return nil
}

// compareDocument looks whether a document is at least where it was, and whether
// its bytes are those that were sent.
func (m *model) compareDocument(id string) error {
	m.mu.Lock()
	want := *m.documents[id]
	m.mu.Unlock()
	got, err := m.w.send(request{method: http.MethodGet, path: "/v1/documents/" + id})
	if err != nil {
		return err
	}
	var d struct {
		State    document.State
		Revision int64
	}
	if err := json.Unmarshal(got.body, &d); err != nil || got.status != http.StatusOK {
		m.fail(&m.lost, "%s was acknowledged and answers %d %s", id, got.status, got.body)
		return nil
	}
	if d.Revision < want.revision || !leads(want.state, d.State) {
		m.fail(&m.lost, "%s was acknowledged as %s, revision %d, and is %s, revision %d", id, want.state, want.revision, d.State, d.Revision)
	}
	if want.doomed && d.State == document.Disposed {
		return m.compareGone(id)
	}
	return m.compareBytes(&want)
}

// compareGone looks whether a document that was disposed of is unreadable.
func (m *model) compareGone(id string) error {
	got, err := m.w.send(request{method: http.MethodGet, path: "/v1/documents/" + id + "/versions/1/content"})
	if err == nil && got.status != http.StatusGone {
		m.fail(nil, "%s was disposed of, and its content answers %d", id, got.status)
	}
	return err
}

func (m *model) compareBytes(want *known) error {
	if want.sum == "" {
		return nil
	}
	got, err := m.w.send(request{method: http.MethodGet, path: "/v1/documents/" + want.id + "/versions/1/content"})
	if err != nil {
		return err
	}
	if sum := hexSum(got.body); got.status != http.StatusOK || sum != want.sum {
		m.fail(&m.lost, "the bytes of %s were acknowledged as %s and are %s (%d)", want.id, want.sum, sum, got.status)
	}
	return nil
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// leads tells whether a document can come from one state to the other.
func leads(from, to document.State) bool {
	if from == to {
		return true
	}
	for _, a := range document.Actions() {
		// A way back to draft would let every loss look like progress; no caller takes it.
		if next, err := from.Next(a); err == nil && next != document.Draft && leads(next, to) {
			return true
		}
	}
	return false
}
