package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/paraph/paraph/bench/rig"
	"golang.org/x/sync/errgroup"
)

// question is one kind of request.
type question struct {
	name string
	// path makes the address of one request, from a dice that is thrown anew each time.
	path func(s *sized, dice *rand.Rand) string
	// body makes what is posted; nil: it is a GET.
	body func(n int64) []byte
}

// batch is how many documents one request makes.
const batch = 100

// list asks for twenty documents.
func list(name string, filter func(s *sized, dice *rand.Rand) string) question {
	return question{name: name, path: func(s *sized, dice *rand.Rand) string { return "/v1/documents?limit=20&" + filter(s, dice) }}
}

func always(filter string) func(*sized, *rand.Rand) string {
	return func(*sized, *rand.Rand) string { return filter }
}

func person(dice *rand.Rand) string {
	return url.QueryEscape(fmt.Sprintf("person%d@bench.example", dice.IntN(40)))
}

// label names the batch of a thousand documents, which all stores have.
func label(s *sized, dice *rand.Rand) string {
	return fmt.Sprintf("label[batch]=%d", dice.IntN(max(1, s.documents/1000)))
}

func moment(s *sized, dice *rand.Rand) string { return stamp(born(dice.IntN(s.documents))) }

var questions = []question{
	{name: "one document", path: func(s *sized, dice *rand.Rand) string { return "/v1/documents/" + s.ids[dice.IntN(len(s.ids))] }},
	list("list: newest", always("")),
	list("list: a page in the middle", func(s *sized, dice *rand.Rand) string { return "after=" + s.ids[50+dice.IntN(len(s.ids)-50)] }),
	list("list: one state", always("state=in_review")),
	list("list: three states", always("state=rejected,voided,in_review")),
	list("list: type and state", always("document_type=document&state=rejected")),
	list("list: type and state, not of the newest", always("document_type=document&state=expired")),
	list("list: unit and state", always("business_unit=general&state=voided")),
	list("list: external id", func(s *sized, dice *rand.Rand) string {
		return fmt.Sprintf("external_id=ext-%d", dice.IntN(s.documents))
	}),
	list("list: label", label),
	list("list: label and state", func(s *sized, dice *rand.Rand) string { return label(s, dice) + "&state=rejected" }),
	list("list: label and metadata", func(s *sized, dice *rand.Rand) string { return label(s, dice) + "&metadata[currency]=EUR&state=voided" }),
	list("list: created by", func(_ *sized, dice *rand.Rand) string { return "created_by=" + person(dice) }),
	list("list: approver", func(_ *sized, dice *rand.Rand) string { return "approver=" + person(dice) }),
	list("list: created before", func(s *sized, dice *rand.Rand) string { return "created_before=" + moment(s, dice) }),
	list("list: created in an hour, one state", func(s *sized, dice *rand.Rand) string {
		at := dice.IntN(max(1, s.documents-3600))
		return "state=rejected&created_after=" + stamp(born(at)) + "&created_before=" + stamp(born(at+3600))
	}),
	list("list: changed since, in that order", func(s *sized, dice *rand.Rand) string { return "sort=updated_at&updated_after=" + moment(s, dice) }),
	list("list: changed in the last minutes", func(s *sized, _ *rand.Rand) string {
		return "updated_after=" + stamp(born(s.documents).Add(20*time.Minute))
	}),
	list("list: by title", always("sort=title")),
	list("search: a word of all documents", always("q=invoice")),
	list("search: a word of one in ten", always("q=2026+05")),
	list("search: a word of few", func(s *sized, dice *rand.Rand) string { return fmt.Sprintf("q=%%22ext+%d%%22", dice.IntN(s.documents)) }),
	list("search: two words, one in twenty holds both, one state", func(_ *sized, dice *rand.Rand) string {
		return fmt.Sprintf("q=gmbh+%d&state=approved", 13+dice.IntN(16)) // a day of a month, and what else has that number
	}),
	// These two are not the same question in every store: all of the smallest hold the two
	// words, and three the date.
	list("search: two words that a thousand hold, one state", func(s *sized, dice *rand.Rand) string {
		return fmt.Sprintf("q=gmbh+%d&state=approved", dice.IntN(max(1, s.documents/1000)))
	}),
	list("search: a date that one in three hundred holds, as a phrase", func(_ *sized, dice *rand.Rand) string {
		return fmt.Sprintf("q=%%222026+%02d+%02d%%22", 1+dice.IntN(12), 1+dice.IntN(28))
	}),
	{name: fmt.Sprintf("%d documents made in a batch", batch), path: func(*sized, *rand.Rand) string { return "/v1/batch" }, body: drafts},
}

// made makes keys and external ids of this run its own.
var made = time.Now().UnixNano()

func drafts(n int64) []byte {
	var operations []map[string]any
	for i := range batch {
		operations = append(operations, map[string]any{"method": "POST", "path": "/v1/drafts", "body": map[string]any{"title": fmt.Sprintf("Invoice %d", i), "external_id": fmt.Sprintf("made-%d-%d-%d", made, n, i),
			"labels": map[string]string{"batch": fmt.Sprint("made-", n)}, "metadata": map[string]any{"amount": 4711, "currency": "EUR", "supplier": "Made by a batch"}}})
	}
	raw, err := json.Marshal(map[string]any{"operations": operations})
	if err != nil {
		panic(err) // maps and texts
	}
	return raw
}

// turn is what one turn gave.
type turn struct {
	rate     float64 // requests a second
	p50, p99 float64 // milliseconds
	rows     float64 // items of a page
}

var asked atomic.Int64

// turn lets callers ask for a while.
func (s *sized) turn(ctx context.Context, q question, callers int, length time.Duration) (turn, error) {
	var mu sync.Mutex
	var took []time.Duration
	rows := 0
	began := time.Now()
	end := began.Add(length)
	work, ctx := errgroup.WithContext(ctx)
	for n := range callers {
		dice := rand.New(rand.NewPCG(uint64(n), uint64(began.UnixNano())))
		work.Go(func() error {
			for time.Now().Before(end) {
				var page struct {
					Items  []json.RawMessage
					Failed int
				}
				method, body := "GET", []byte(nil)
				if q.body != nil {
					method, body = "POST", q.body(asked.Add(1))
				}
				path := q.path(s, dice)
				sent := time.Now()
				if err := s.ask(ctx, method, path, body, &page); err != nil {
					return err
				}
				if page.Failed > 0 {
					return fmt.Errorf("%d operations failed", page.Failed)
				}
				mu.Lock()
				took, rows = append(took, time.Since(sent)), rows+len(page.Items)
				mu.Unlock()
			}
			return nil
		})
	}
	if err := work.Wait(); err != nil {
		return turn{}, err
	}
	n := float64(len(took))
	return turn{n / time.Since(began).Seconds(), ms(quantile(took, 0.5)), ms(quantile(took, 0.99)), float64(rows) / n}, nil
}

var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

// ask sends a request and reads its answer.
func (s *sized) ask(ctx context.Context, method, path string, body []byte, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, s.login.URL+strings.ReplaceAll(strings.ReplaceAll(path, "[", "%5B"), "]", "%5D"), bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Idempotency-Key", fmt.Sprint("bench-", made, "-", asked.Add(1)))
	}
	return rig.Answer(client, req, into)
}
