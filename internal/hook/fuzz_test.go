package hook

import (
	"bytes"
	"encoding/json"
	"net/textproto"
	"testing"
	"time"
)

// FuzzReceive throws requests at the scheme of every vector: nothing panics, and
// nothing is taken that differs from the vector in what its signature covers.
func FuzzReceive(f *testing.F) {
	all := vectors(f)
	for i, v := range all {
		header, err := json.Marshal(v.Headers)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), "POST", v.URL, header, []byte(v.Body))
	}
	f.Fuzz(func(t *testing.T, which uint8, method, url string, header, body []byte) {
		v := all[int(which)%len(all)]
		s, keys := v.scheme(t)
		given := map[string]string{}
		if json.Unmarshal(header, &given) != nil {
			given = v.Headers
		}
		r := &Request{Method: method, URL: url, Header: map[string][]string{}, Body: body}
		for name, value := range given {
			r.Header[textproto.CanonicalMIMEHeaderKey(name)] = []string{value}
		}
		got, err := s.Receive(r, keys, v.now(), DefaultTolerance, "1")
		if err != nil || got.Reply != nil {
			return
		}
		// Whoever has no secret can only have repeated the vector.
		if s.CoversBody() && !bytes.Equal(body, []byte(v.Body)) {
			t.Errorf("%s takes another body: %q", v.Preset, body)
		}
	})
}

// FuzzScheme throws schemes and requests: nothing panics, whatever a scheme says
// and whatever is sent to it, and nothing without a secret is taken.
func FuzzScheme(f *testing.F) {
	for _, p := range Presets() {
		raw, err := json.Marshal(p.Scheme)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw, []byte(`{"events":[{"id":1}],"value":[{"clientState":"x"}]}`), "application/json", "x")
	}
	f.Add([]byte(`{"kind":"token","signature":{"place":"form:a#/b/*"},"each":"body#/a/*/b","id":"{item#/x?}"}`), []byte(`a=[1]`), "application/x-www-form-urlencoded", "t=1,v1=2")
	f.Fuzz(func(t *testing.T, scheme, body []byte, media, value string) {
		var s Scheme
		if json.Unmarshal(scheme, &s) != nil {
			return
		}
		c, err := s.compile()
		if err != nil {
			return
		}
		r := &Request{Method: "POST", URL: "https://x/?" + value, Header: map[string][]string{"Content-Type": {media}}, Body: body}
		for _, p := range append([]Place{c.proof.at, c.time.at, c.digest.at}, c.payload.at...) {
			if p.root == rootHeader {
				r.Header[p.name] = []string{value}
			}
		}
		got, err := s.Receive(r, nil, time.Unix(0, 0), time.Hour, "1")
		if err == nil && got.Reply == nil {
			t.Errorf("taken without a secret: %+v", got)
		}
		for _, p := range append(c.id.at, c.kind.at...) { // what only proven requests reach
			if _, err := (&message{Request: r}).values(p); err != nil {
				continue
			}
		}
		if events, err := c.events(&message{Request: r}); err == nil {
			for _, e := range events {
				if e.ID == "" || len(e.ID) > MaxEventID || len(e.Type) > MaxEventType {
					t.Errorf("an event without a proper name: %+v", e)
				}
			}
		}
	})
}
