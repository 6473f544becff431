package soak

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/server"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store"
)

// history is what the log says, read from the database as it grows.
type history struct {
	next      int64
	ids       map[string]bool
	public    []string                        // ids, in the order of the log
	private   int                             // entries that subscribers do not hear of
	sequence  map[string]int64                // document → its last number
	byRequest map[string]map[journal.Kind]int // request id → what it caused
	times     map[subject]int
	completed []journal.Entry // envelope.completed
}

// subject is one thing that can happen to one thing only once.
type subject struct {
	kind journal.Kind
	id   string
}

// once are the kinds that one subject may meet only once, in the flows of the callers.
var once = map[journal.Kind]bool{
	journal.DocumentCreated: true, journal.DocumentCaptured: true, journal.DocumentSubmitted: true, journal.DocumentInReview: true,
	journal.DocumentApproved: true, journal.DocumentSigned: true, journal.DocumentArchived: true, journal.DocumentVoided: true,
	journal.DocumentQuarantined: true, journal.DocumentMetadataChanged: true,
	journal.TaskOpened: true, journal.TaskDecided: true, journal.TaskCancelled: true,
	journal.EnvelopeCreated: true, journal.EnvelopeCompleted: true, journal.EnvelopeVoided: true,
	journal.OperationStarted: true, journal.OperationSucceeded: true, journal.OperationFailed: true,
	journal.UnitCreated: true, journal.DocumentDisposed: true, journal.KeyUnitRotated: true, journal.KeyUnitDestroyed: true,
}

func newHistory() *history {
	return &history{ids: map[string]bool{}, sequence: map[string]int64{}, byRequest: map[string]map[journal.Kind]int{}, times: map[subject]int{}}
}

// add takes the next entry of the log.
func (h *history) add(m *model, e *journal.Entry) {
	if e.Index != h.next {
		m.fail(&m.lost, "after entry %d the log goes on with %d", h.next-1, e.Index)
	}
	h.next = e.Index + 1
	if h.ids[e.ID] {
		m.fail(&m.doubled, "entry %s stands twice in the log", e.ID)
	}
	h.ids[e.ID] = true
	if e.Kind.Public() {
		h.public = append(h.public, e.ID)
	} else {
		h.private++
	}
	if e.DocumentID != "" {
		h.sequence[e.DocumentID]++
		if e.DocSeq != h.sequence[e.DocumentID] {
			m.fail(&m.lost, "%s: after its entry %d comes %d (%s)", e.DocumentID, h.sequence[e.DocumentID]-1, e.DocSeq, e.Kind)
		}
	}
	if id := e.Source.RequestID; id != "" {
		if h.byRequest[id] == nil {
			h.byRequest[id] = map[journal.Kind]int{}
		}
		h.byRequest[id][e.Kind]++
	}
	what := subject{e.Kind, e.SubjectID}
	if h.times[what]++; once[e.Kind] && h.times[what] > 1 {
		m.fail(&m.doubled, "%s happened to %s %d times", e.Kind, e.SubjectID, h.times[what])
	}
	if e.Kind == journal.OperationFailed && !bytes.Contains(e.Data, []byte(`"code":"file_unsupported"`)) { // what is no PDF has to fail
		m.fail(nil, "an operation failed: %s", e.Data)
	}
	if e.Kind == journal.EnvelopeCompleted {
		h.completed = append(h.completed, *e)
	}
}

// database opens the store beside the program that runs on it.
func (w *world) openStore() *store.Store {
	w.t.Helper()
	s, err := store.Open(context.Background(), store.Options{URL: server.DatabaseURL(&w.conf), KeepSchema: true, Across: "tests", MaxConns: 2, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// catchUp reads what the log says since the last time, as soon as no entry waits
// for its number. It gives false where the life ended before it had numbered
// them all: what was acknowledged may then still wait.
func (w *world) catchUp() (whole bool) {
	w.t.Helper()
	s := w.openStore()
	defer func() {
		if err := s.Close(); err != nil {
			w.t.Error(err)
		}
	}()
	numbered := w.until(10*time.Second, func() bool {
		var f service.Figures
		err := s.Read(context.Background(), func(ctx context.Context, tx service.Reader) (err error) {
			f, err = tx.Figures(ctx)
			return err
		})
		whole = err == nil && f.Unnumbered == 0
		return whole || w.life.over(0)
	})
	if !numbered {
		w.model.fail(&w.model.lost, "life %d: entries wait for their numbers", w.life.no)
	}
	for more := true; more; {
		err := s.Read(context.Background(), func(ctx context.Context, tx service.Reader) error {
			entries, err := tx.EntriesFrom(ctx, w.log.next, 1000)
			for i := range entries {
				w.log.add(w.model, &entries[i])
			}
			more = len(entries) > 0
			return err
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
	w.letters(s)
	w.tired = w.begun(s) >= tiring
	return whole
}

// tiring is how often an operation may be begun before a life lets it end. The
// program itself takes a file in whose work it dies again and again for one that
// brings it down: it lets it wait until nothing else is in work, and gives up
// after service.MaxDeaths.
const tiring = service.MaxDeaths - 3

// begun tells how often the unluckiest open operation was begun.
func (w *world) begun(s *store.Store) (most int) {
	w.t.Helper()
	err := s.Read(context.Background(), func(ctx context.Context, tx service.Reader) error {
		orgs, err := tx.Organisations(ctx)
		if err != nil {
			return err
		}
		open, err := tx.Operations(ctx, service.OperationFilter{Org: orgs[0].ID, State: "running", Limit: 200})
		for _, op := range open {
			most = max(most, op.Attempts)
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return most
}

// rest leaves the program alone until nothing is open that was begun too often.
// The callers begin nothing new meanwhile.
func (w *world) rest() {
	w.t.Helper()
	w.pause.Lock()
	defer w.pause.Unlock()
	s := w.openStore()
	defer func() {
		if err := s.Close(); err != nil {
			w.t.Error(err)
		}
	}()
	if !w.until(patience, func() bool { return w.begun(s) < tiring || w.life.over(0) }) {
		w.t.Errorf("%s: what was begun again and again does not end though it is left alone", w.name)
	}
}

// until asks again and again whether it is so, at most so long.
func (w *world) until(most time.Duration, so func() bool) bool {
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if so() {
			return true
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
}

// job is a row of the queue.
type job struct {
	kind, args string
	count      int
}

// jobs lists the queue: how many jobs there are of each kind and content.
func (w *world) jobs(s *store.Store, where string) (out []job) {
	w.t.Helper()
	args := "json(args)"
	if s.Pool() != nil {
		args = "CAST(args AS text)"
	}
	w.query(s, "SELECT kind, "+args+", count(*) FROM river_job WHERE "+where+" GROUP BY 1, 2", func(scan func(...any) error) error {
		var j job
		err := scan(&j.kind, &j.args, &j.count)
		out = append(out, j)
		return err
	})
	return out
}

// backlog gives the operations that wait, or that a worker has.
func (w *world) backlog(s *store.Store) (out []string) {
	w.t.Helper()
	w.query(s, "SELECT operation_id FROM backlog", func(scan func(...any) error) error {
		var id string
		err := scan(&id)
		out = append(out, id)
		return err
	})
	return out
}

// query looks into the database past the program's own reading.
func (w *world) query(s *store.Store, text string, each func(scan func(...any) error) error) {
	w.t.Helper()
	var err error
	if pool := s.Pool(); pool != nil {
		err = pgx.BeginFunc(context.Background(), pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(context.Background(), "SELECT set_config('paraph.org', '*', true)"); err != nil { // past the second wall
				return err
			}
			rows, err := tx.Query(context.Background(), text)
			for err == nil && rows.Next() {
				err = each(rows.Scan)
			}
			rows.Close()
			return errors.Join(err, rows.Err())
		})
	} else {
		var rows *sql.Rows
		if rows, err = s.DB().QueryContext(context.Background(), text); err == nil {
			for err == nil && rows.Next() {
				err = each(rows.Scan)
			}
			err = errors.Join(err, rows.Err(), rows.Close())
		}
	}
	if err != nil {
		w.t.Fatalf("%s: %v", text, err)
	}
}

// letters checks what at-least-once allows: a letter may come again from a later
// life where the kill came between the mail server and the queue's note. Never
// twice from one life, and never again once the queue has its note.
func (w *world) letters(s *store.Store) {
	w.t.Helper()
	for _, j := range w.jobs(s, "kind = 'mail' AND state = 'completed'") {
		var args struct {
			EventID string `json:"event_id"`
		}
		if err := json.Unmarshal([]byte(j.args), &args); err != nil {
			w.t.Fatal(err)
		}
		if _, known := w.model.noted[args.EventID]; !known {
			w.model.noted[args.EventID] = w.life.no
		}
	}
	w.post.mu.Lock()
	defer w.post.mu.Unlock()
	for id, lives := range w.post.sent {
		seen := map[int]bool{}
		for _, no := range lives {
			if seen[no] {
				w.model.fail(&w.model.doubled, "life %d sent letter %s twice", no, id)
			}
			seen[no] = true
			if noted, ok := w.model.noted[entryOf(id)]; ok && no > noted {
				w.model.fail(&w.model.doubled, "life %d sent letter %s, which the queue held for done in life %d", no, id, noted)
			}
		}
	}
}
