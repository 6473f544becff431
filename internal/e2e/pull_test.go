package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
)

// pulled are the ids of the events that a consumer has heard, in order.
type pulled struct {
	ids []string
	err error
}

// TestNobodyMissesAnEvent: while many write, and on PostgreSQL some transactions
// commit long after later ones, consumers follow by cursor, by long poll and by a
// stream that breaks off again and again. Each hears every event once, in one order.
func TestNobodyMissesAnEvent(t *testing.T) {
	each(t, setup{}, func(t *testing.T, s *stack) {
		s.caller = s.in(t)
		const writers, units, late = 4, 20, 5
		want := writers * units
		if s.conf.Database != "" {
			want += late
		}
		var start events
		s.get("/v1/events?latest=true").want(200).into(&start)
		ways := map[string]func(ctx context.Context, s *caller, from string, want int) pulled{"cursor": byCursor(0), "long poll": byCursor(5), "stream": byStream}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		heard := map[string]pulled{}
		var mu sync.Mutex
		var all sync.WaitGroup
		for name, follow := range ways {
			all.Go(func() {
				defer took(t, name)()
				got := follow(ctx, s.caller, start.Next, want)
				mu.Lock()
				defer mu.Unlock()
				heard[name] = got
			})
		}
		if s.conf.Database != "" {
			for n := range late {
				all.Go(func() { s.writeLate(n, writers*units/late) })
			}
		}
		for w := range writers {
			all.Go(func() {
				defer took(t, "a writer")()
				for n := range units {
					s.post("/v1/business-units", map[string]any{"name": fmt.Sprintf("unit-%d-%d", w, n)}).want(201)
				}
			})
		}
		all.Wait()
		order := byCursor(0)(t.Context(), s.caller, start.Next, want)
		if order.err != nil || len(order.ids) != want || len(slices.Compact(slices.Sorted(slices.Values(order.ids)))) != want {
			t.Fatalf("the log has %d events of %d: %v", len(order.ids), want, order.err)
		}
		for name, got := range heard {
			if got.err != nil || !slices.Equal(got.ids, order.ids) {
				t.Errorf("by %s: %d of %d events: %v", name, len(got.ids), want, got.err)
			}
		}
	})
}

// writeLate writes an entry whose transaction commits only once behind others that
// began later: after so many of them have been numbered.
func (s *stack) writeLate(n, behind int) {
	e := journal.Entry{
		ID: id.New(journal.Prefix, time.Now().Add(-time.Minute)), Org: s.admin.Client.Org, Kind: journal.UnitCreated, SubjectType: "unit", SubjectID: fmt.Sprintf("late-%d", n),
		At: time.Now(), Actor: journal.Actor{Kind: journal.ActorSystem, ID: "test"}, Data: []byte(`{"business_unit":"late"}`),
	}
	err := journal.Seal(&e, journal.Hash{})
	size := func() (size int64) {
		err := s.server.Store.Read(service.Across(context.Background(), "a test"), func(ctx context.Context, tx service.Reader) error {
			head, err := tx.LogHead(ctx)
			size = head.Size
			return err
		})
		if err != nil {
			s.t.Error(err)
		}
		return size
	}
	if err == nil {
		err = s.server.Store.Write(service.Across(context.Background(), "a test"), func(ctx context.Context, tx service.Tx) error {
			if err := tx.InsertEntry(ctx, e); err != nil {
				return err
			}
			tx.Notify(service.TopicEntries)
			wake, cancel := s.server.Store.Subscribe(service.TopicJournal)
			defer cancel()
			for from := size(); size() < from+int64(behind*n/2); {
				select {
				case <-wake:
				case <-time.After(5 * time.Second): // the writers have ended
					return nil
				}
			}
			return nil
		})
	}
	if err != nil {
		s.t.Error(err)
	}
}

// byCursor reads page after page, each of another size, and waits so many seconds
// where nothing is new.
func byCursor(wait int) func(context.Context, *caller, string, int) pulled {
	return func(ctx context.Context, c *caller, after string, want int) (out pulled) {
		for len(out.ids) < want && ctx.Err() == nil {
			a, err := c.try(ctx, http.MethodGet, fmt.Sprintf("/v1/events?type=unit.*&limit=%d&wait=%d&after=%s", 1+rand.IntN(7), wait, url.QueryEscape(after)), nil)
			if err != nil || a.status != 200 {
				out.err = fmt.Errorf("%v %w", a, err)
				return out
			}
			var page events
			if out.err = json.Unmarshal(a.body, &page); out.err != nil {
				return out
			}
			for _, e := range page.Items {
				out.ids = append(out.ids, e.ID)
			}
			after = page.Next
		}
		out.err = ctx.Err()
		return out
	}
}

// byStream listens to a stream, hangs up in the middle, and comes back with the last
// id it heard, as browsers do.
func byStream(ctx context.Context, c *caller, last string, want int) (out pulled) {
	for len(out.ids) < want && ctx.Err() == nil {
		got, next, err := c.listen(ctx, last, min(1+rand.IntN(9), want-len(out.ids)))
		if err != nil {
			out.err = err
			return out
		}
		out.ids, last = append(out.ids, got...), next
	}
	out.err = ctx.Err()
	return out
}

// listen hears up to n events of a stream and the id behind them.
func (c *caller) listen(ctx context.Context, last string, n int) (ids []string, _ string, err error) {
	ctx, hangUp := context.WithCancel(ctx)
	defer hangUp()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+"/v1/events/stream?type=unit.*", nil)
	if err != nil {
		return nil, last, err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Last-Event-ID", last)
	res, err := c.http.Do(req)
	if err != nil {
		return nil, last, err
	}
	defer res.Body.Close()
	if res.StatusCode != 200 {
		return nil, last, fmt.Errorf("the stream answers %d", res.StatusCode)
	}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	heard := last
	for len(ids) < n && lines.Scan() {
		line := lines.Text()
		if v, ok := strings.CutPrefix(line, "id: "); ok {
			heard = v
		}
		if v, ok := strings.CutPrefix(line, "data: "); ok {
			var e event
			if err := json.Unmarshal([]byte(v), &e); err != nil {
				return ids, last, err
			}
			ids = append(ids, e.ID)
		}
		if line == "" { // the event is whole
			last = heard
		}
	}
	if len(ids) == n {
		last = heard
	}
	return ids, last, nil
}
