package signing

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/fault"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func envelope(orders ...int) *Envelope {
	e := &Envelope{State: Created}
	for i, o := range orders {
		e.Recipients = append(e.Recipients, Recipient{ID: string(rune('a' + i)), Order: o})
	}
	return e
}

func TestOrderIsKept(t *testing.T) {
	t.Parallel()
	e := envelope(2, 1, 1, 3)
	asked, err := e.Send(noon)
	if err != nil || len(asked) != 2 {
		t.Fatalf("first asked: %v, %v", asked, err)
	}
	if _, _, err := e.Sign("a", Signature{}, Evidence{}, noon); fault.CodeOf(err) != "not_your_turn" {
		t.Fatalf("order 2 before order 1: %v", err)
	}
	sign := func(id string, wantAsked int, wantAll bool) {
		t.Helper()
		asked, all, err := e.Sign(id, Signature{}, Evidence{}, noon)
		if err != nil || len(asked) != wantAsked || all != wantAll {
			t.Fatalf("%s: asked %d, all %v, %v", id, len(asked), all, err)
		}
	}
	sign("b", 0, false)
	sign("c", 1, false)
	sign("a", 1, false)
	sign("d", 0, true)
	if e.State != Sealing {
		t.Fatalf("state %s", e.State)
	}
	if _, _, err := e.Sign("d", Signature{}, Evidence{}, noon); fault.CodeOf(err) != "already_signed" {
		t.Fatalf("signed twice: %v", err)
	}
	if err := e.Complete(4, noon); err != nil || e.State != Completed {
		t.Fatal(err)
	}
	if err := e.Complete(5, noon); fault.CodeOf(err) != "envelope_not_sealing" {
		t.Fatalf("sealed twice: %v", err)
	}
}

func TestDeclineEndsItForAll(t *testing.T) {
	t.Parallel()
	e := envelope(1, 1)
	e.Send(noon)
	if err := e.Decline("a", "wrong price", Evidence{}, noon); err != nil {
		t.Fatal(err)
	}
	if e.State != Declined || e.Recipients[1].State != RecipientCancelled {
		t.Fatalf("%+v", e)
	}
	if _, _, err := e.Sign("b", Signature{}, Evidence{}, noon); fault.CodeOf(err) != "envelope_not_open" {
		t.Fatalf("signed after the end: %v", err)
	}
}

// TestRandomPlay: however the acts fall, an envelope is sealing exactly when all
// have signed, nobody signs out of turn, and nothing happens after an end.
func TestRandomPlay(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 11))
		n := 1 + r.IntN(5)
		orders := make([]int, n)
		for i := range orders {
			orders[i] = 1 + r.IntN(3)
		}
		e := envelope(orders...)
		e.Send(noon)
		for range 4 * n {
			ended := e.State != Sent
			id := string(rune('a' + r.IntN(n)))
			rec := e.Recipient(id)
			var err error
			if r.IntN(20) == 0 {
				err = e.Decline(id, "no", Evidence{}, noon)
			} else {
				_, _, err = e.Sign(id, Signature{}, Evidence{}, noon)
			}
			if err == nil && ended {
				t.Fatalf("seed %d: an act after the end", seed)
			}
			if err == nil {
				for _, other := range e.Recipients {
					if other.Order < rec.Order && other.State != RecipientSigned {
						t.Fatalf("seed %d: out of turn", seed)
					}
				}
			}
		}
		all := true
		for _, rec := range e.Recipients {
			all = all && rec.State == RecipientSigned
		}
		if all != (e.State == Sealing) {
			t.Fatalf("seed %d: all signed %v, state %s", seed, all, e.State)
		}
	}
}

func TestSignatureFaults(t *testing.T) {
	t.Parallel()
	good := Signature{Kind: Drawn, Width: 100, Height: 40, Strokes: [][]Point{{{1, 1}, {9, 9}}}}
	for name, tc := range map[string]struct {
		sig  Signature
		want int
	}{
		"typed":       {Signature{Kind: Typed, Text: "Mara Lind"}, 0},
		"drawn":       {good, 0},
		"no kind":     {Signature{}, 1},
		"typed empty": {Signature{Kind: Typed}, 1},
		"drawn empty": {Signature{Kind: Drawn, Width: 10, Height: 10}, 1},
		"outside":     {Signature{Kind: Drawn, Width: 5, Height: 5, Strokes: good.Strokes}, 1},
		"no box":      {Signature{Kind: Drawn, Strokes: [][]Point{{{0, 0}, {0, 0}}}}, 1},
	} {
		var l fault.List
		tc.sig.Check(&l)
		if got := len(fault.From(l.Err("x", "x")).GetDetails()); got != tc.want {
			t.Errorf("%s: %d faults, want %d", name, got, tc.want)
		}
	}
}
