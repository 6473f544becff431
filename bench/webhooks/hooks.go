package main

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/paraph/paraph/internal/service"
)

// hookSecret is what the sender of webhooks signs with.
const hookSecret = "It's a Secret to Everybody"

// hooks measures how soon a webhook of another system is answered: its signature is
// verified and it is stored, synced to the disk; the work comes later.
func (o *options) hooks(ctx context.Context, dir string) error {
	for _, callers := range []int{1, 16} {
		var rate, middle, most []float64
		for round := range o.rounds {
			var lags []time.Duration
			err := trial{dir: dir}.on(ctx, func(h *house) error {
				name := "Sender"
				made, err := h.srv.Service.CreateHookSource(ctx, service.Call{Actor: h.admin}, service.SourceSetting{Name: &name, Preset: "github"}, hookSecret)
				if err != nil {
					return err
				}
				s := sender{address: strings.TrimPrefix(h.srv.URL(), "http://"), source: made.Value.Source.ID}
				if _, err := s.run(callers, time.Second); err != nil { // warm
					return err
				}
				lags, err = s.run(callers, o.span)
				return err
			})
			if err != nil {
				return err
			}
			slices.Sort(lags)
			p50, p99 := lags[len(lags)/2], lags[len(lags)*99/100]
			fmt.Printf("round %d, webhooks in, %2d senders: %.0f/s, answered p50 %s, p99 %s\n", round+1, callers, float64(len(lags))/o.span.Seconds(), ms(p50), ms(p99))
			rate, middle, most = append(rate, float64(len(lags))/o.span.Seconds()), append(middle, p50.Seconds()*1000), append(most, p99.Seconds()*1000)
		}
		same := func(v float64) float64 { return v }
		fmt.Printf("webhooks in, %2d senders: %s/s, answered p50 %s ms, p99 %s ms\n", callers, spread(rate, 0, same), spread(middle, 1, same), spread(most, 1, same))
	}
	return nil
}

// sender sends webhooks as GitHub does.
type sender struct {
	address, source string
	seq             atomic.Int64
}

// run lets so many senders send one after another each, and gives how long each answer took.
func (s *sender) run(senders int, d time.Duration) (lags []time.Duration, err error) {
	end := time.Now().Add(d)
	var mu sync.Mutex
	var group sync.WaitGroup
	for range senders {
		group.Go(func() {
			own, failed := s.send(end)
			mu.Lock()
			defer mu.Unlock()
			if lags = append(lags, own...); failed != nil {
				err = failed
			}
		})
	}
	group.Wait()
	return lags, err
}

func (s *sender) send(end time.Time) (lags []time.Duration, err error) {
	c, err := net.Dial("tcp", s.address)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	in := bufio.NewReader(c)
	for time.Now().Before(end) {
		body := fmt.Sprintf(`{"action":"opened","number":%d,"repository":{"full_name":"example/orders"},"note":"%s"}`, s.seq.Add(1), strings.Repeat("x", 400))
		mac := hmac.New(sha256.New, []byte(hookSecret))
		mac.Write([]byte(body))
		began := time.Now()
		if _, err := fmt.Fprintf(c, "POST /v1/hooks/%s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nX-GitHub-Event: issues\r\nX-Hub-Signature-256: sha256=%s\r\nContent-Length: %d\r\n\r\n%s",
			s.source, s.address, hex.EncodeToString(mac.Sum(nil)), len(body), body); err != nil {
			return nil, err
		}
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			return nil, err
		}
		raw, err := io.ReadAll(res.Body)
		if err != nil {
			return nil, err
		}
		if res.StatusCode/100 != 2 {
			return nil, fmt.Errorf("%s: %s", res.Status, raw)
		}
		lags = append(lags, time.Since(began))
	}
	return lags, nil
}
