package approval

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/fault"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func round(mode Mode, quorum, n int) *Approval {
	a := &Approval{Mode: mode, Quorum: quorum, State: Open}
	for i := range n {
		a.Tasks = append(a.Tasks, Task{ID: string(rune('a' + i)), Position: i + 1})
	}
	a.Start(noon)
	return a
}

func TestSequentialAsksOneAfterTheOther(t *testing.T) {
	t.Parallel()
	a := round(Sequential, 2, 2)
	if _, _, err := a.Decide("b", Approve, noon); fault.CodeOf(err) != "task_not_open" {
		t.Fatalf("the second before the first: %v", err)
	}
	_, eff, err := a.Decide("a", Approve, noon)
	if err != nil || eff.Closed || len(eff.Opened) != 1 || eff.Opened[0].ID != "b" {
		t.Fatalf("after the first: %+v, %v", eff, err)
	}
	_, eff, err = a.Decide("b", Approve, noon)
	if err != nil || !eff.Closed || a.State != Approved {
		t.Fatalf("after the second: %+v, %v, %s", eff, err, a.State)
	}
}

func TestRejectAndReturnCloseAtOnce(t *testing.T) {
	t.Parallel()
	for out, want := range map[Outcome]State{Reject: Rejected, Return: Returned} {
		a := round(Parallel, 3, 3)
		_, eff, err := a.Decide("b", out, noon)
		if err != nil || !eff.Closed || a.State != want || len(eff.Cancelled) != 2 {
			t.Errorf("%s: %+v, %v, %s", out, eff, err, a.State)
		}
	}
}

// TestNoOrderOfDecisionsBreaksTheRules plays random decisions and holds the
// outcome against what the words of the policy say.
func TestNoOrderOfDecisionsBreaksTheRules(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 7))
		n := 1 + r.IntN(5)
		mode, quorum := Sequential, n
		if r.IntN(2) == 0 {
			mode, quorum = Parallel, 1+r.IntN(n)
		}
		a := round(mode, quorum, n)
		yes := 0
		for range 3 * n {
			before := a.State
			id := string(rune('a' + r.IntN(n)))
			wasOpen := a.Task(id).State == Open
			out := Approve
			if r.IntN(12) == 0 {
				out = Reject
			}
			_, _, err := a.Decide(id, out, noon)
			if (err == nil) != wasOpen {
				t.Fatalf("seed %d: a task that was open=%v gave %v", seed, wasOpen, err)
			}
			if before != Open && err == nil {
				t.Fatalf("seed %d: a decision after the end", seed)
			}
			if err == nil && out == Approve {
				yes++
			}
		}
		if a.State == Approved && yes != quorum {
			t.Fatalf("seed %d: approved with %d of %d", seed, yes, quorum)
		}
		if a.State == Open && yes >= quorum {
			t.Fatalf("seed %d: open with %d of %d", seed, yes, quorum)
		}
	}
}

// TestCanonicalPayload is the guide's example: it must be read as it stands, and
// its metadata kept byte for byte.
func TestCanonicalPayload(t *testing.T) {
	t.Parallel()
	p, err := ParsePayload([]byte(`{"document_id":"doc_1","document_type":"purchase_order","initiator":{"user_id":"u_42","email":"ana@example.com"},"approvers":["mgr@example.com","cfo@example.com"],"metadata":{"amount": 12345, "currency":"EUR"}}`))
	if err != nil {
		t.Fatal(err)
	}
	var l fault.List
	p.Check(&l, noon)
	if err := l.Err("x", "x"); err != nil {
		t.Fatal(err)
	}
	if string(p.Metadata) != `{"amount": 12345, "currency":"EUR"}` {
		t.Errorf("metadata was changed: %s", p.Metadata)
	}
	if mode, quorum, due := p.Terms(); mode != Sequential || quorum != 2 || !due.IsZero() {
		t.Errorf("terms %s %d %v", mode, quorum, due)
	}
}

func TestPayloadFaults(t *testing.T) {
	t.Parallel()
	if _, err := ParsePayload([]byte(`{"document_id":"d","aprovers":[]}`)); fault.CodeOf(err) != "invalid_approval" {
		t.Errorf("an unknown member passed: %v", err)
	}
	p, err := ParsePayload([]byte(`{"initiator":{"email":"nobody"},"approvers":["a@b.c","A@b.c",""],"policy":{"mode":"any","quorum":9,"due_at":"2020-01-01T00:00:00Z"}}`))
	if err != nil {
		t.Fatal(err)
	}
	var l fault.List
	p.Check(&l, noon)
	if f := fault.From(l.Err("x", "x")); len(f.Details) != 9 {
		t.Errorf("want 9 details, got %d: %v", len(f.Details), f.Details)
	}
}
