package work

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/paraph/paraph/internal/fair"
)

func pathTo(unit, document string) fair.Path {
	return fair.Path{{Name: "org", Weight: 1}, {Name: unit, Weight: 1}, {Name: document, Weight: 1}}
}

// TestAOnePageDocumentPassesAHugeOne: with a thousand pages of one document
// waiting, the page of another goes next, whatever the order they came in.
func TestAOnePageDocumentPassesAHugeOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := NewSlots(2, 0)
		var mu sync.Mutex
		var order []string
		turn := make(chan struct{})
		read := func(unit, document string) {
			slot, err := s.Take(t.Context(), pathTo(unit, document), 1)
			if err != nil {
				t.Error(err)
				return
			}
			<-turn
			mu.Lock()
			order = append(order, document)
			mu.Unlock()
			slot.Free()
		}
		for range 1000 {
			go read("a", "huge")
		}
		synctest.Wait()
		for i := range 3 {
			go read("a", fmt.Sprintf("letter %d", i)) // of the same unit
		}
		go read("b", "note") // of another
		synctest.Wait()
		for range 1004 {
			turn <- struct{}{}
			synctest.Wait()
		}
		at := map[string]int{}
		for i, d := range order {
			at[d] = i
		}
		for d, most := range map[string]int{"note": 4, "letter 0": 10, "letter 1": 10, "letter 2": 10} {
			if at[d] > most {
				t.Errorf("%s was page %d of all", d, at[d])
			}
		}
	})
}

// TestPagesKeepToTheBudgetOfMemory: what does not fit waits and is not overtaken;
// what is larger than everything goes alone; who gives up leaves no trace.
func TestPagesKeepToTheBudgetOfMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := NewSlots(4, 100)
		got := make(chan string, 10)
		take := func(ctx context.Context, name string, memory int64) chan *Slot {
			out := make(chan *Slot, 1)
			go func() {
				slot, err := s.Take(ctx, pathTo("u", name), memory)
				if err == nil {
					got <- name
				}
				out <- slot
			}()
			synctest.Wait()
			return out
		}
		a := <-take(t.Context(), "a", 40)
		a.Needs(70)
		big := take(t.Context(), "big", 500)
		small := take(t.Context(), "small", 10)
		ctx, cancel := context.WithCancel(t.Context())
		gone := take(ctx, "gone", 10)
		if len(got) != 1 {
			t.Fatalf("%d pages are in work beside one that needs 70 of 100", len(got))
		}
		cancel()
		synctest.Wait()
		if <-gone != nil {
			t.Error("who gave up has a place")
		}
		a.Free()
		synctest.Wait()
		if len(got) != 2 {
			t.Errorf("%d pages were given places; the big one goes alone", len(got))
		}
		(<-big).Free()
		(<-small).Free()
		if s.taken != 0 || s.used != 0 || len(s.waiting) != 0 {
			t.Errorf("afterwards %d places and %d bytes are taken, %d wait", s.taken, s.used, len(s.waiting))
		}
	})
}
