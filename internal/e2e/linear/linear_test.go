package linear

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/paraph/paraph/internal/e2e/programtest"
	"github.com/paraph/paraph/internal/store/pgtest"
)

const (
	callers   = 8
	documents = 24
	commands  = 60 // of each caller
	kills     = 4
)

// TestLinearizable: callers share documents and keys while the server is killed
// and started again; everything they were told fits one order of events.
func TestLinearizable(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		check(t, "")
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		check(t, pgtest.Database(t))
	})
}

func check(t *testing.T, database string) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := begin(t, database)
	var group sync.WaitGroup
	for n := range callers {
		group.Go(func() { r.work(n, rand.New(rand.NewPCG(seed, uint64(n)))) })
	}
	rnd := rand.New(rand.NewPCG(seed, callers))
	for n := range kills {
		// Somewhere in this part of the whole, between two answers.
		share := int64(callers * commands / (kills + 1))
		r.reach(int64(n)*share + 1 + rnd.Int64N(share))
		r.restart()
	}
	group.Wait()
	if t.Failed() {
		return
	}
	result, info := porcupine.CheckOperationsVerbose(model, r.history, time.Minute)
	if result != porcupine.Ok {
		path := t.Name() + ".html"
		t.Errorf("%d operations: %s, seed %d", len(r.history), result, seed)
		if f, err := os.CreateTemp("", "linear-*.html"); err == nil {
			path = f.Name()
			_ = porcupine.Visualize(model, info, f) // an aid to whoever looks
			_ = f.Close()
		}
		t.Logf("see %s", path)
	}
	agreed(t, r.history)
}

// agreed makes sure that the history is worth checking: keys were shared, and
// some commands were refused.
func agreed(t *testing.T, history []porcupine.Operation) {
	t.Helper()
	seen, twins, refused := map[input]bool{}, 0, 0
	for _, op := range history {
		in := op.Input.(input)
		if in.verb != "read" && seen[in] {
			twins++
		}
		seen[in] = true
		if op.Output.(output).refused != "" {
			refused++
		}
	}
	if twins < 10 || refused < 10 {
		t.Errorf("%d repetitions and %d refusals among %d operations: too few to tell anything", twins, refused, len(history))
	}
}

// run is a server that is killed now and then, with its callers.
type run struct {
	t       *testing.T
	options programtest.Options
	process *programtest.Process
	ana     *programtest.Caller

	mu      sync.Mutex
	history []porcupine.Operation
	docs    [documents]string // ids, once created
	tasks   [documents]string // ana's task, once submitted
	done    atomic.Int64
	wake    chan struct{}
	started time.Time
}

func begin(t *testing.T, database string) *run {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String() // the same after each start
	l.Close()
	r := &run{t: t, options: programtest.Options{Data: t.TempDir(), Database: database, Args: []string{"--listen", address}}, wake: make(chan struct{}, 1), started: time.Now()}
	r.process = programtest.Serve(t, r.options)
	admin, err := programtest.Login(r.process.URL, r.process.ID, r.process.Secret)
	if err != nil {
		t.Fatal(err)
	}
	a, err := admin.Do(http.MethodPost, "/v1/clients", []byte(`{"name":"ana","principal":"ana@example.com","scopes":["documents:read","documents:write","approvals:write","tasks:read","tasks:decide"]}`))
	if err != nil {
		t.Fatal(err)
	}
	var made struct {
		Client struct{ ID string }
		Secret string `json:"client_secret"`
	}
	if err := a.Into(&made); err != nil {
		t.Fatal(err)
	}
	if r.ana, err = programtest.Login(r.process.URL, made.Client.ID, made.Secret); err != nil {
		t.Fatal(err)
	}
	return r
}

// reach waits until so many commands are done.
func (r *run) reach(n int64) {
	for r.done.Load() < n && !r.t.Failed() {
		<-r.wake
	}
}

func (r *run) restart() {
	r.process.Kill()
	// The port may be held a moment longer than the process lives.
	for {
		p, err := programtest.TryServe(r.t, r.options)
		if err == nil {
			r.process = p
			return
		}
		if r.t.Context().Err() != nil {
			return
		}
	}
}

// work lets one caller send its commands.
func (r *run) work(n int, rnd *rand.Rand) {
	for range commands {
		in := input{doc: rnd.IntN(documents), verb: []string{"create", "submit", "submit", "approve", "approve", "void", "read", "read"}[rnd.IntN(8)]}
		r.mu.Lock()
		id, task := r.docs[in.doc], r.tasks[in.doc]
		r.mu.Unlock()
		if id == "" {
			in.verb = "create" // nobody knows its name yet
		} else if in.verb == "approve" && task == "" {
			in.verb = "submit"
		}
		if in.verb == "void" && rnd.IntN(3) > 0 {
			in.verb = "read" // let most documents live
		}
		if in.verb != "read" {
			in.key = fmt.Sprintf("%s-%d-%d", in.verb, in.doc, rnd.IntN(3))
		}
		call := time.Since(r.started).Nanoseconds()
		out := r.send(in, id, task)
		back := time.Since(r.started).Nanoseconds()
		r.mu.Lock()
		r.history = append(r.history, porcupine.Operation{ClientId: n, Input: in, Call: call, Output: out, Return: back})
		r.mu.Unlock()
		r.done.Add(1)
		select {
		case r.wake <- struct{}{}:
		default:
		}
		if r.t.Failed() {
			return
		}
	}
}

// send sends a command until its outcome is known.
func (r *run) send(in input, id, task string) output {
	method, path, body := http.MethodPost, "", ""
	switch in.verb {
	case "create":
		path, body = "/v1/drafts", fmt.Sprintf(`{"title":"Document %d","external_id":"doc-%d"}`, in.doc, in.doc)
	case "submit":
		path, body = "/v1/approvals", `{"document_id":"`+id+`","document_type":"document","initiator":{"user_id":"ana","email":"ana@example.com"},"approvers":["ana@example.com"],"metadata":{}}`
	case "approve":
		path, body = "/v1/tasks/"+task+"/decision", `{"outcome":"approve"}`
	case "void":
		path, body = "/v1/documents/"+id+"/void", `{"reason":"a test"}`
	case "read":
		method, path = http.MethodGet, "/v1/documents/"+id
	}
	for r.t.Context().Err() == nil {
		var header []string
		if in.key != "" {
			header = []string{"Idempotency-Key", in.key}
		}
		a, err := r.ana.Do(method, path, []byte(body), header...)
		if err != nil || a.Status >= 500 {
			continue // it may have happened, or not: the key makes it safe to ask again
		}
		return r.outcome(in, a)
	}
	return output{}
}

func (r *run) outcome(in input, a *programtest.Answer) output {
	if a.Status == http.StatusConflict {
		return output{refused: a.Code()}
	}
	var got struct {
		ID, State string
		Document  struct{ State string }
		Tasks     []struct{ ID string }
	}
	if err := json.Unmarshal(a.Body, &got); err != nil || a.Status/100 != 2 {
		r.t.Errorf("%+v: %d %s", in, a.Status, a.Body)
		return output{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch in.verb {
	case "create":
		r.docs[in.doc] = got.ID
	case "submit":
		if i := slices.IndexFunc(got.Tasks, func(t struct{ ID string }) bool { return t.ID != "" }); i >= 0 {
			r.tasks[in.doc] = got.Tasks[i].ID
		}
	case "read":
		return output{value: got.State}
	}
	return output{value: got.ID}
}
