package hook

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/fault"
)

// TestSchemesThatPromiseTooMuch: what the proof does not cover cannot be relied on.
func TestSchemesThatPromiseTooMuch(t *testing.T) {
	t.Parallel()
	sig := Pick{Place: "header:X-Sig"}
	for name, c := range map[string]struct {
		scheme Scheme
		codes  string // pointers and codes, sorted as they are found
	}{
		"sound":            {Scheme{Kind: HMAC, Signature: sig}, ""},
		"unsigned time":    {Scheme{Kind: HMAC, Signature: sig, Time: &Time{Pick: Pick{Place: "header:X-Time"}}}, "/scheme/time not_covered"},
		"signed time":      {Scheme{Kind: HMAC, Signature: sig, Payload: "{timestamp}{body}", Time: &Time{Pick: Pick{Place: "header:X-Time"}}}, ""},
		"time in the body": {Scheme{Kind: HMAC, Signature: sig, Time: &Time{Pick: Pick{Place: "body#/at"}}}, ""},
		"no time":          {Scheme{Kind: HMAC, Signature: sig, Payload: "{timestamp}{body}"}, "/scheme/payload bad_place"},
		"unsigned name":    {Scheme{Kind: HMAC, Signature: sig, ID: "{header:X-Id}"}, "/scheme/id not_covered"},
		"with the digest":  {Scheme{Kind: HMAC, Signature: sig, ID: "{header:X-Id}{digest}"}, ""},
		"name in the body": {Scheme{Kind: HMAC, Signature: sig, ID: "{body#/id}"}, ""},
		"unsigned digest":  {Scheme{Kind: HMAC, Signature: sig, Payload: "{method}", Digest: &Digest{Pick: Pick{Place: "header:X-Digest"}}}, "/scheme/digest not_covered"},
		"signed digest":    {Scheme{Kind: HMAC, Signature: sig, Payload: "{header:X-Digest}", Digest: &Digest{Pick: Pick{Place: "header:X-Digest"}}}, ""},
		"nothing signed":   {Scheme{Kind: HMAC, Signature: sig, Payload: "constant"}, "/scheme/payload nothing_signed"},
		"signs itself":     {Scheme{Kind: HMAC, Signature: sig, Payload: "{digest}"}, "/scheme/payload bad_place"},
		"never the same":   {Scheme{Kind: HMAC, Signature: sig, ID: "{received}"}, "/scheme/id bad_place, /scheme/id not_covered"},
		"a signed token":   {Scheme{Kind: Token, Signature: sig, Payload: "{body}"}, "/scheme/kind nothing_signed"},
		"no kind":          {Scheme{Signature: sig}, "/scheme/kind bad_value"},
		"no place":         {Scheme{Kind: HMAC}, "/scheme/signature/place bad_place"},
		"md5":              {Scheme{Kind: HMAC, Hash: "md5", Signature: sig}, "/scheme/hash bad_value"},
		"an open brace":    {Scheme{Kind: HMAC, Signature: sig, Payload: "{body"}, "/scheme/payload bad_template"},
		"keeps passwords":  {Scheme{Kind: HMAC, Signature: sig, Keep: []string{"authorization"}}, "/scheme/keep bad_header"},
		"error answers":    {Scheme{Kind: HMAC, Signature: sig, Answer: Answer{Status: 302}}, "/scheme/answer bad_answer"},
		"unsigned events":  {Scheme{Kind: HMAC, Signature: sig, Handshakes: []Handshake{{Value: "query:c", Before: true, Event: true}}}, "/scheme/handshakes/0/event unsigned_event"},
		"sets cookies":     {Scheme{Kind: HMAC, Signature: sig, Handshakes: []Handshake{{Value: "query:c", Header: "cookie"}}}, "/scheme/handshakes/0/header bad_header"},
		"each of nothing":  {Scheme{Kind: HMAC, Signature: sig, Each: "body"}, "/scheme/each bad_place"},
	} {
		t.Run(name, func(t *testing.T) {
			var l fault.List
			c.scheme.check(&l)
			if got := found(&l); got != c.codes {
				t.Errorf("found %q, want %q", got, c.codes)
			}
		})
	}
}

func found(l *fault.List) string {
	var out []string
	for _, d := range fault.From(l.Err("x", "x")).GetDetails() {
		out = append(out, d.Pointer+" "+d.Code)
	}
	return strings.Join(out, ", ")
}

func TestSources(t *testing.T) {
	t.Parallel()
	sound := func(change func(*Source)) *Source {
		s := &Source{Name: "DocuSign", Scheme: presets["docusign"].Scheme, Trust: TrustPayload, Tolerance: DefaultTolerance}
		change(s)
		return s
	}
	hint := presets["dropbox_sign"].Scheme
	fetch := func(url string) *Fetch { return &Fetch{URL: url} }
	for name, c := range map[string]struct {
		source *Source
		codes  string
	}{
		"sound":            {sound(func(*Source) {}), ""},
		"without a name":   {sound(func(s *Source) { s.Name = "" }), "/name bad_name"},
		"too tolerant":     {sound(func(s *Source) { s.Tolerance = 2 * time.Hour }), "/tolerance_seconds out_of_range"},
		"nobody acts":      {sound(func(s *Source) { s.Command = "task.decide" }), "/action/client_id required"},
		"maps to nothing":  {sound(func(s *Source) { s.Program = "." }), "/action/map needless"},
		"believes a hint":  {sound(func(s *Source) { s.Scheme = hint }), "/trust not_covered"},
		"believes a token": {sound(func(s *Source) { s.Scheme = presets["salesforce"].Scheme }), ""},
		"acts on a hint":   {sound(func(s *Source) { s.Trust, s.Command, s.Client = TrustHint, "task.decide", "cli_1" }), "/fetch required"},
		"fetches": {sound(func(s *Source) {
			s.Trust, s.Fetch = TrustHint, fetch("https://api.example.com/r/{item#/id}?x={form:a}")
		}), ""},
		"the sender's host": {sound(func(s *Source) { s.Fetch = fetch("https://{item#/host}/") }), "/fetch/url bad_url"},
		"half a host":       {sound(func(s *Source) { s.Fetch = fetch("https://api.example{item#/tld}/") }), "/fetch/url bad_url"},
		"a password":        {sound(func(s *Source) { s.Fetch = fetch("https://a:b@api.example/{item#/x}") }), "/fetch/url bad_url"},
		"another scheme":    {sound(func(s *Source) { s.Fetch = fetch("file:///etc/passwd") }), "/fetch/url bad_url"},
		"a header's value":  {sound(func(s *Source) { s.Fetch = fetch("https://api.example/{header:X-Id}") }), "/fetch/url bad_place"},
	} {
		t.Run(name, func(t *testing.T) {
			var l fault.List
			c.source.Check(&l)
			if got := found(&l); got != c.codes {
				t.Errorf("found %q, want %q", got, c.codes)
			}
		})
	}
}

// TestAddress: a value of an event stays one segment of the address.
func TestAddress(t *testing.T) {
	t.Parallel()
	f := &Fetch{URL: "https://api.example.com/v3/request/{item#/id}?q={item#/q?}"}
	for id, want := range map[string]string{
		"a1": "a1", "../admin": "..%2Fadmin", "a b": "a%20b", "x?y=1&z#f": "x%3Fy%3D1%26z%23f", "ä": "%C3%A4", "%2e": "%252e", "a@evil.example": "a%40evil.example",
	} {
		body, err := json.Marshal(map[string]string{"id": id, "q": "1"})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := f.Address(Content{Body: body}); err != nil || got != "https://api.example.com/v3/request/"+want+"?q=1" {
			t.Errorf("%q: %s %v", id, got, err)
		}
	}
	for _, bad := range []string{`{}`, `{"id":".","q":"1"}`, `{"id":"..","q":"1"}`, `{"id":["a"],"q":"1"}`, `x`, `{"id":"` + strings.Repeat("a", 600) + `","q":"1"}`} {
		if got, err := f.Address(Content{Body: []byte(bad)}); fault.CodeOf(err) != "bad_event" {
			t.Errorf("%s: %s %v", bad, got, err)
		}
	}
}

func TestInput(t *testing.T) {
	t.Parallel()
	e := &Event{SourceID: "hks_1", EventID: "e1", Type: "t", ReceivedAt: at}
	header := func(media string) map[string][]string {
		return map[string][]string{"Content-Type": {media}, "X-Topic": {"a", "b"}}
	}
	for _, c := range []struct{ media, body, want string }{
		{"application/json", `{"n": 12345678901234567890, "t":"ä"}`, `{"n":12345678901234567890,"t":"ä"}`},
		{"application/x-www-form-urlencoded", "a=1&b=2&b=3", `{"a":"1","b":["2","3"]}`},
		{"text/plain", "hello", `"hello"`},
		{"", "", `""`},
	} {
		content := Content{Header: header(c.media), Body: []byte(c.body)}
		raw, err := NewInput(e, "S", content, nil)
		var got struct {
			Event, Fact json.RawMessage
			Headers     map[string]string
		}
		if err == nil {
			err = json.Unmarshal(raw, &got)
		}
		if err != nil || string(got.Event) != c.want || got.Fact != nil || got.Headers["x-topic"] != "a, b" {
			t.Errorf("%s: %s %v", c.body, raw, err)
		}
		// Of a hint nothing is seen but the facts it led to.
		raw, err = NewInput(e, "S", content, []byte(`{"f":1}`))
		if want := `{"source":{"id":"hks_1","name":"S"},"id":"e1","type":"","received_at":"` + at.UTC().Format(time.RFC3339) + `","headers":{},"event":null,"fact":{"f":1}}`; err != nil || string(raw) != want {
			t.Errorf("%s: %s %v, want %s", c.body, raw, err, want)
		}
	}
	for _, bad := range []Content{{Body: []byte{0xff, 0xfe}}, {Header: header("multipart/form-data"), Body: []byte("x")}, {Header: header("application/x-www-form-urlencoded"), Body: []byte("%zz")}} {
		if _, err := NewInput(e, "S", bad, nil); fault.CodeOf(err) != "bad_event" {
			t.Errorf("%q: %v", bad.Body, err)
		}
	}
}

func TestStates(t *testing.T) {
	t.Parallel()
	for _, from := range []State{Received, Processed, Quarantined, Discarded} {
		for do, code := range map[Action]string{Finish: "event_ended", Quarantine: "event_ended", Redrive: "event_not_quarantined", Discard: "event_not_quarantined"} {
			e := Event{State: from, Code: "c", Attempts: 3}
			err := e.Apply(do, at)
			legal := from == Received && (do == Finish || do == Quarantine) || from == Quarantined && (do == Redrive || do == Discard)
			if legal != (err == nil) || !legal && (fault.CodeOf(err) != code || e.State != from) {
				t.Errorf("%s %s: %v", do, from, err)
			}
			if do == Redrive && legal && (!e.EndedAt.IsZero() || e.Attempts != 0 || e.Code != "") {
				t.Errorf("redriven: %+v", e)
			}
		}
	}
}
