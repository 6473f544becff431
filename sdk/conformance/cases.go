package conformance

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// testCase is one fault, what a client is told to do under it, and what has to come of it.
type testCase struct {
	name    string
	command Command
	times   int                                                // the command is given; 0: once
	life    int                                                // of tokens, in seconds; 0: 600; below 0: none
	token   func(s *server, w http.ResponseWriter, n int) bool // answers for the token endpoint; false: as ever
	cut     func(n int) bool                                   // drops attempt n before its body is read
	early   func(x *exchange) bool                             // answers an attempt before its body is read; false: as ever
	answer  func(x *exchange)                                  // answers an attempt at the API
	check   func(s *server, r Result) string                   // what is wrong; "" nothing
	memory  bool                                               // what the driver's memory grows by is measured
}

// expect checks the result and the number of attempts; 0 is any number.
func expect(attempts int, want string) func(*server, Result) string {
	return func(s *server, r Result) string {
		if got := said(r); got != want {
			return fmt.Sprintf("got %s, want %s", got, want)
		}
		if n := len(s.attempts); attempts > 0 && n != attempts {
			return fmt.Sprintf("%d attempts, want %d", n, attempts)
		}
		return s.oneKey()
	}
}

// said writes a result as the cases spell it: "ok k=v", or "kind status code".
func said(r Result) string {
	if r.OK {
		parts := []string{"ok"}
		for name, v := range r.Value {
			parts = append(parts, fmt.Sprintf("%s=%v", name, v))
		}
		slices.Sort(parts[1:])
		return strings.Join(parts, " ")
	}
	if r.Error == nil {
		return "nothing"
	}
	out := r.Error.Kind
	if r.Error.Status != 0 {
		out += fmt.Sprintf(" %d", r.Error.Status)
	}
	if r.Error.Code != "" {
		out += " " + r.Error.Code
	}
	return out
}

// oneKey: all attempts of a writing call have one key and one body.
func (s *server) oneKey() string {
	for _, a := range s.attempts {
		first := s.attempts[0]
		switch {
		case a.method == http.MethodGet && a.key != "":
			return "a reading request has an idempotency key"
		case a.method != http.MethodGet && (a.key == "" || a.key != first.key):
			return fmt.Sprintf("the keys of one call are %q and %q", first.key, a.key)
		case a.sum != "" && first.sum != "" && a.sum != first.sum:
			return "an attempt had another body"
		}
	}
	return ""
}

// all puts checks together.
func all(checks ...func(*server, Result) string) func(*server, Result) string {
	return func(s *server, r Result) string {
		for _, check := range checks {
			if why := check(s, r); why != "" {
				return why
			}
		}
		return ""
	}
}

// apart: the second attempt came that long after the first.
func apart(d time.Duration) func(*server, Result) string {
	return func(s *server, _ Result) string {
		if len(s.attempts) > 1 && s.attempts[1].at.Sub(s.attempts[0].at) < d {
			return fmt.Sprintf("it came again after %s, not %s", s.attempts[1].at.Sub(s.attempts[0].at).Round(time.Millisecond), d)
		}
		return ""
	}
}

func do(action string, args map[string]any) Command {
	return Command{Action: action, Args: args, ID: "cli_1", Secret: "s+cret", Retries: 4, BackoffMS: 10, TimeoutMS: 10_000}
}

func (c Command) with(retries, timeoutMS int) Command {
	c.Retries, c.TimeoutMS = retries, timeoutMS
	return c
}

var (
	get    = do("get", map[string]any{"id": "doc_1"})
	create = do("create", map[string]any{"title": "Ä"})

	gotten = `ok created_at=2026-04-17T09:00:00Z id=doc_1 label=b c title=Äpfel & 東京 😀`
	made   = "ok id=doc_1"
)

// first answers the first attempts with one thing and the others with a document.
func first(n int, fault func(x *exchange)) func(*exchange) {
	return func(x *exchange) {
		if x.n <= n {
			fault(x)
			return
		}
		document(x, "doc_1")
	}
}

func status(code int, headers ...string) func(*exchange) {
	return func(x *exchange) {
		for i := 0; i+1 < len(headers); i += 2 {
			x.Header().Set(headers[i], headers[i+1])
		}
		x.WriteHeader(code)
	}
}

// whole is a document's JSON, to be sent in parts.
var whole = []byte(documentJSON("doc_1"))

// requestCases are about single requests and their answers.
func requestCases() []testCase {
	return []testCase{
		{name: "an answer with members of tomorrow", command: get, answer: first(0, nil), check: expect(1, gotten)},
		{name: "a refusal with two faults", command: get,
			answer: func(x *exchange) { problem(x, 422, "validation_failed") },
			check: all(expect(1, "problem 422 validation_failed"), func(_ *server, r Result) string {
				if r.Error.RequestID != "req_1" || fmt.Sprint(r.Error.Faults) != "[/a required /b wrong_type]" {
					return fmt.Sprintf("request %q, faults %q", r.Error.RequestID, r.Error.Faults)
				}
				return ""
			})},
		{name: "dropped before it was handled", command: create, cut: func(n int) bool { return n <= 2 }, answer: first(0, nil), check: expect(0, made)},
		{name: "dropped after it was handled", command: create, answer: first(2, func(x *exchange) { drop(x) }), check: expect(0, made)},
		{name: "dropped while reading", command: get, answer: first(2, func(x *exchange) { drop(x) }), check: expect(0, gotten)},
		{name: "half an answer", command: create, answer: first(2, func(x *exchange) { half(x, 200, len(whole), whole[:40]) }), check: expect(3, made)},
		{name: "half an answer in chunks", command: create, answer: first(1, func(x *exchange) {
			_, _ = x.Write(whole[:40]) // the fault is what follows
			x.flush()
			panic(http.ErrAbortHandler)
		}), check: expect(2, made)},
		{name: "half a refusal", command: create, answer: first(1, func(x *exchange) { half(x, 503, 1000, []byte(`{"code":`)) }), check: expect(2, made)},
		{name: "429 that asks for a second", command: create, answer: first(1, status(429, "Retry-After", "1")), check: all(expect(2, made), apart(time.Second))},
		{name: "503 until a date", command: create, answer: first(1, func(x *exchange) {
			status(503, "Retry-After", time.Now().Add(2*time.Second).UTC().Format(http.TimeFormat))(x)
		}), check: all(expect(2, made), apart(900*time.Millisecond))},
		{name: "a burst of 503, 502, 504, 429", command: create, answer: first(4, func(x *exchange) { status([]int{503, 502, 504, 429}[x.n-1])(x) }), check: expect(5, made)},
		{name: "429 that asks for an hour", command: create, answer: status(429, "Retry-After", "3600"),
			check: all(expect(1, "problem 429 http_429"), func(_ *server, r Result) string {
				if r.Error.RetryAfter != 3600 {
					return fmt.Sprintf("the caller is told %v seconds", r.Error.RetryAfter)
				}
				return ""
			})},
		{name: "503 without end", command: create.with(2, 10_000), answer: status(503), check: expect(3, "problem 503 http_503")},
		{name: "500 is not repeated", command: create, answer: func(x *exchange) { problem(x, 500, "internal") }, check: expect(1, "problem 500 internal")},
		{name: "two calls have two keys", command: create, times: 2, answer: first(0, nil), check: func(s *server, r Result) string {
			if !r.OK || len(s.attempts) != 2 || s.attempts[0].key == s.attempts[1].key {
				return fmt.Sprintf("%s after %d attempts", said(r), len(s.attempts))
			}
			return ""
		}},
		{name: "a change to the empty string", command: do("update", map[string]any{"id": "doc_1", "title": ""}), answer: first(0, nil), check: func(s *server, r Result) string {
			if !r.OK || s.attempts[0].method != "PATCH" || strings.ReplaceAll(s.attempts[0].body, " ", "") != `{"title":""}` {
				return fmt.Sprintf("%s; %s with %s", said(r), s.attempts[0].method, s.attempts[0].body)
			}
			return ""
		}},
		{name: "an error page of 64 MB", command: get.with(0, 10_000), answer: func(x *exchange) {
			x.Header().Set("Content-Type", "text/html")
			x.WriteHeader(500)
			page := pattern(1 << 20)
			for range 64 {
				if _, err := x.Write(page); err != nil {
					return
				}
			}
		}, check: expect(1, "problem 500 http_500")},
		{name: "a redirect to elsewhere", command: get, answer: func(x *exchange) { http.Redirect(x, x.r, "/elsewhere", http.StatusTemporaryRedirect) },
			check: all(expect(1, "problem 307 http_307"), func(s *server, _ Result) string {
				if s.elsewhere > 0 {
					return "it was followed"
				}
				return ""
			})},
		{name: "an answer that is no JSON", command: get, answer: func(x *exchange) { fmt.Fprint(x, "<html>Welcome to the hotel's network") }, check: expect(1, "other")},
		{name: "no answer at all", command: get.with(1, 400), answer: func(x *exchange) { x.silence() }, check: expect(2, "timeout")},
		{name: "a slow answer", command: get.with(0, 1000), answer: func(x *exchange) {
			for part := range slices.Chunk(whole, len(whole)/12) {
				_, _ = x.Write(part) // a client that went away is seen in the result
				x.flush()
				x.tick()
			}
		}, check: expect(1, gotten)},
		{name: "an answer that stops", command: create.with(2, 400), answer: first(1, func(x *exchange) {
			_, _ = x.Write(whole[:40]) // the fault is what follows
			x.silence()
		}), check: expect(2, made)},
	}
}

// tokenCases are about getting in.
func tokenCases() []testCase {
	bound := get
	bound.DPoP = true
	boundWrite := create
	boundWrite.DPoP = true
	wrong := get
	wrong.Secret = "wrong"
	return []testCase{
		{name: "a token that ends in mid-call", command: create, answer: first(1, func(x *exchange) {
			x.s.mu.Lock()
			x.s.valid = "another"
			x.s.mu.Unlock()
			status(503)(x)
		}), check: all(expect(2, made), tokens(2))},
		{name: "a token that is never taken", command: get, answer: func(x *exchange) { problem(x, 401, "token_invalid") }, check: all(expect(2, "problem 401 token_invalid"), tokens(2))},
		{name: "tokens that end at once", command: do("list", nil), life: -1, answer: threePages, check: all(expect(4, "ok ids=[doc_1 doc_2 doc_3 doc_4 doc_5]"), tokens(4))},
		{name: "a token endpoint that is away", command: create, token: func(_ *server, w http.ResponseWriter, n int) bool {
			if n <= 2 {
				w.WriteHeader(503)
			}
			return n <= 2
		}, answer: first(0, nil), check: all(expect(1, made), tokens(1))},
		{name: "a token endpoint that drops", command: create, token: func(_ *server, w http.ResponseWriter, n int) bool {
			if n == 1 {
				drop(w)
			} else if n == 2 {
				half(w, 200, 500, []byte(`{"access_token":`))
			}
			return n <= 2
		}, answer: first(0, nil), check: all(expect(1, made), tokens(1))},
		{name: "a wrong secret", command: wrong, answer: first(0, nil), check: func(s *server, r Result) string {
			if said(r) != "problem 401 invalid_client" || s.asked != 1 {
				return fmt.Sprintf("%s after asking %d times", said(r), s.asked)
			}
			return ""
		}},
		{name: "a token bound to a key", command: bound, answer: first(0, nil), check: expect(0, gotten)},
		{name: "a bound token, dropped", command: boundWrite, answer: first(1, func(x *exchange) { drop(x) }), check: expect(0, made)},
	}
}

// tokens were handed out that often.
func tokens(n int) func(*server, Result) string {
	return func(s *server, _ Result) string {
		if s.tokens != n {
			return fmt.Sprintf("%d tokens were asked for, want %d", s.tokens, n)
		}
		return ""
	}
}

// threePages is a list of five documents; its second page comes at the second try.
func threePages(x *exchange) {
	q := x.r.URL.Query()
	if q.Get("state") != "draft,approved" || q.Get("label[a]") != "b c" {
		x.s.fault("the filter came as %s", x.r.URL.RawQuery)
	}
	switch q.Get("after") {
	case "":
		fmt.Fprintf(x, `{"items":[%s,%s],"next":"cursor of 2"}`, documentJSON("doc_1"), documentJSON("doc_2"))
	case "cursor of 2":
		if x.n == 2 {
			status(503)(x)
			return
		}
		fmt.Fprintf(x, `{"items":[%s,%s],"next":"c4"}`, documentJSON("doc_3"), documentJSON("doc_4"))
	default:
		fmt.Fprintf(x, `{"items":[%s]}`, documentJSON("doc_5"))
	}
}
