package e2e

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"
)

// atOnce is how many documents of a race are on their way at the same time.
const atOnce = 6

// races is how many documents race; fewer under -short.
func races() int {
	if testing.Short() {
		return 20
	}
	return 200
}

// inParallel runs fn for 0 … n-1, a few at once, and ends the test where one
// failed. fn uses the caller it is given, whose failures end only its own turn.
func inParallel(t *testing.T, n int, fn func(i int)) {
	t.Helper()
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i := range n {
		g.Go(func() error {
			done := make(chan struct{})
			go func() { defer close(done); fn(i) }()
			<-done // Fatal ends the goroutine that calls it, not this one
			return nil
		})
	}
	if err := g.Wait(); err != nil || t.Failed() {
		t.FailNow()
	}
}

// together runs both at the same instant, as far as a machine knows one.
func together(fns ...func()) {
	gun := make(chan struct{})
	var wg sync.WaitGroup
	for _, fn := range fns {
		wg.Go(func() { <-gun; fn() })
	}
	close(gun)
	wg.Wait()
}

func count(kinds []string) map[string]int {
	n := map[string]int{}
	for _, k := range kinds {
		n[k]++
	}
	return n
}

// TestSignersRace: both signers of every envelope sign at the same instant. Each
// envelope completes, and is sealed exactly once.
func TestSignersRace(t *testing.T) {
	each(t, setup{}, func(t *testing.T, s *stack) {
		defer took(t, fmt.Sprintf("%d envelopes", races()))()
		ids := make([]string, races())
		inParallel(t, len(ids), func(i int) {
			d := s.approved(fmt.Sprintf("Order %d", i))
			e := s.envelope(d.ID, person("ben", 1), person("cleo", 1))
			ben, cleo := s.open(s.link(e.ID, e.Recipients[0].ID)), s.open(s.link(e.ID, e.Recipients[1].ID))
			together(ben.sign, cleo.sign)
			ids[i] = d.ID
		})
		inParallel(t, len(ids), func(i int) { s.sealedOnce(ids[i]) })
	})
}

// sealedOnce waits until a document is archived and counts what happened.
func (s *stack) sealedOnce(id string) {
	s.t.Helper()
	s.until(id, "document.archived")
	n := count(kinds(s.events(id)))
	for kind, want := range map[string]int{"document.signed": 1, "envelope.completed": 1, "envelope.signed": 2, "document.archived": 1, "operation.failed": 0, "operation.started": 3, "operation.succeeded": 3} {
		if n[kind] != want {
			s.t.Errorf("%s: %d times %s, want %d: %v", id, n[kind], kind, want, n)
		}
	}
	var versions list[version]
	s.get("/v1/documents/" + id + "/versions").want(200).into(&versions)
	sealed := 0
	for _, v := range versions.Items {
		if v.Kind == "sealed" {
			sealed++
		}
	}
	if sealed != 1 {
		s.t.Errorf("%s has %d sealed versions", id, sealed)
	}
}

// TestApproversRace: of three approvers two have to agree, and do so at the same
// instant. Each document is approved exactly once.
func TestApproversRace(t *testing.T) {
	each(t, setup{}, func(t *testing.T, s *stack) {
		defer took(t, fmt.Sprintf("%d approvals", races()))()
		decide := func(id, who string) {
			s.post("/v1/tasks/"+id+"/decision", map[string]any{"outcome": "approve", "on_behalf_of": who}).want(http.StatusOK)
		}
		inParallel(t, races(), func(i int) {
			d := s.draft(fmt.Sprintf("Order %d", i))
			a := s.submit(d.ID, map[string]any{"mode": "parallel", "quorum": 2}, "ada@example.com", "bo@example.com", "cy@example.com")
			together(func() { decide(a.Tasks[0].ID, "ada@example.com") }, func() { decide(a.Tasks[1].ID, "bo@example.com") })
			n := count(kinds(s.settled(d.ID, "document.approved")))
			if n["document.approved"] != 1 || n["task.decided"] != 2 || n["task.cancelled"] != 1 || s.document(d.ID).State != "approved" {
				t.Errorf("%s: %v", d.ID, n)
			}
		})
	})
}

// settled waits for an event and gives all there are by then.
func (s *stack) settled(id, kind string) []event {
	s.t.Helper()
	s.until(id, kind)
	return s.events(id)
}
