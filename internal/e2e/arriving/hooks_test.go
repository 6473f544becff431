//go:build judges

package arriving

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/e2e/programtest"
	"github.com/paraph/paraph/internal/failpoint"
	"github.com/paraph/paraph/internal/store/pgtest"
)

// house is a Paraph that dies and is started again on the same data.
type house struct {
	t          *testing.T
	options    programtest.Options
	id, secret string

	mu   sync.Mutex
	proc *programtest.Process
}

// each runs fn over a house on each database.
func each(t *testing.T, fn func(t *testing.T, h *house)) {
	t.Parallel()
	program := programtest.Build(t, "failpoints")
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		fn(t, &house{t: t, options: programtest.Options{Data: t.TempDir(), Program: program}})
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		fn(t, &house{t: t, options: programtest.Options{Data: t.TempDir(), Program: program, Database: pgtest.Database(t)}})
	})
}

// start starts the program, which dies as the points say.
func (h *house) start(points string) *programtest.Process {
	h.t.Helper()
	p := h.lives(points)
	if p == nil {
		h.t.Fatal("the program did not start")
	}
	return p
}

// lives is start where the program may die before it has said that it lives: nil.
func (h *house) lives(points string) *programtest.Process {
	h.t.Helper()
	o := h.options
	o.Env = append(append([]string{}, o.Env...), "PARAPH_FAILPOINTS="+points)
	p, err := programtest.TryServe(h.t, o)
	if err != nil {
		h.t.Logf("with %s: %v", points, err)
		return nil
	}
	if h.id == "" {
		h.id, h.secret = p.ID, p.Secret
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.proc = p
	return p
}

func (h *house) url() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.proc.URL
}

func (h *house) login() *programtest.Caller {
	h.t.Helper()
	c, err := programtest.Login(h.url(), h.id, h.secret)
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

// do asks for something that has to work, and reads the answer.
func (h *house) do(c *programtest.Caller, method, path string, body, into any) {
	h.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		h.t.Fatal(err)
	}
	a, err := c.Do(method, path, raw)
	if err == nil && a.Status >= 300 {
		err = fmt.Errorf("%d: %s", a.Status, a.Body)
	}
	if err == nil && into != nil {
		err = a.Into(into)
	}
	if err != nil {
		h.t.Fatalf("%s %s: %v", method, path, err)
	}
}

// client makes a client with the scopes and gives its id.
func (h *house) client(c *programtest.Caller, scopes ...string) string {
	h.t.Helper()
	var made struct{ Client struct{ ID string } }
	h.do(c, "POST", "/v1/clients", map[string]any{"name": "outside", "principal": "outside@example.com", "scopes": scopes}, &made)
	return made.Client.ID
}

// titles counts the documents by title.
func (h *house) titles(c *programtest.Caller) map[string]int {
	h.t.Helper()
	out, after := map[string]int{}, ""
	for {
		var page struct {
			Items []struct{ Title string }
			Next  string
		}
		h.do(c, "GET", "/v1/documents?limit=100"+after, nil, &page)
		for _, d := range page.Items {
			out[d.Title]++
		}
		if page.Next == "" {
			return out
		}
		after = "&after=" + page.Next
	}
}

// settled waits until nothing that came in waits any more, and tells how much of it
// was processed.
func (h *house) settled(c *programtest.Caller, want int) int {
	h.t.Helper()
	after := ""
	for range 60 {
		var open, done struct{ Items []struct{ ID string } }
		h.do(c, "GET", "/v1/inbound-events?limit=100&state=received", nil, &open)
		h.do(c, "GET", "/v1/inbound-events?limit=100&state=processed", nil, &done)
		if len(open.Items) == 0 && len(done.Items) >= want {
			return len(done.Items)
		}
		var page struct{ Next string }
		h.do(c, "GET", "/v1/events?wait=2&limit=200&type=inbound.*&after="+after, nil, &page)
		after = page.Next
	}
	return 0
}

// lives are the ways in which the program ends, one after the other.
func lives(points ...failpoint.Point) (out []string) {
	for _, at := range []int{1, 3} {
		for _, p := range points {
			out = append(out, fmt.Sprintf("%s=kill@%d", p, at))
		}
	}
	return out
}

// TestHooksThroughKills: the program dies between the steps of taking a webhook and of
// processing it. Its sender sends until it hears 200; each event makes one document.
func TestHooksThroughKills(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.start("")
		c := h.login()
		var made struct {
			Source struct{ ID string }
			Secret string
		}
		h.do(c, "POST", "/v1/hook-sources", map[string]any{"name": "s", "preset": "github",
			"action": map[string]any{"command": "document.create", "client_id": h.client(c, "documents:write")}}, &made)
		const events = 30
		var wg sync.WaitGroup
		quit := make(chan struct{})
		defer close(quit)
		for n := range events {
			wg.Go(func() {
				body := fmt.Sprintf(`{"title":"event %d"}`, n)
				for range 400 {
					if h.hook(made.Source.ID, made.Secret, body) == http.StatusOK {
						if n%3 != 0 {
							return
						}
						n = 1 // once more, as senders do that did not hear the answer
						continue
					}
					select {
					case <-quit:
						return
					case <-time.After(100 * time.Millisecond):
					}
				}
				t.Errorf("event %d was never taken", n)
			})
			if n%5 == 4 { // some arrive in each life
				h.dies(n / 5)
			}
		}
		h.proc.Kill()
		h.start("")
		wg.Wait()
		c = h.login()
		if n := h.settled(c, events); n != events {
			t.Errorf("%d of %d events were processed", n, events)
		}
		got := h.titles(c)
		for n := range events {
			if title := fmt.Sprintf("event %d", n); got[title] != 1 {
				t.Errorf("%s made %d documents", title, got[title])
			}
		}
	})
}

// dies ends this life of the program as the plan says.
func (h *house) dies(n int) {
	h.t.Helper()
	plan := lives(failpoint.HookProven, failpoint.HookStored, failpoint.InboundDone)
	h.proc.Kill()
	p := h.lives(plan[n%len(plan)])
	if p == nil {
		return // it died before it had said that it lives
	}
	select {
	case <-p.Gone():
	case <-time.After(20 * time.Second):
		h.t.Errorf("the program did not come to %s", plan[n%len(plan)])
	}
}

// hook sends a webhook and gives the answer's status; 0 where there was none.
func (h *house) hook(source, secret, body string) int {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(body))
	req, err := http.NewRequest(http.MethodPost, h.url()+"/v1/hooks/"+source, strings.NewReader(body))
	if err != nil {
		return 0
	}
	req.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(m.Sum(nil)))
	res, err := (&http.Client{Timeout: 10 * time.Second}).Do(req)
	if err != nil {
		return 0
	}
	res.Body.Close()
	return res.StatusCode
}
