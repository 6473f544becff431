package hook

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/paraph/paraph/internal/fault"
)

// Handshake is a question by which a sender makes sure of the receiver: it is
// answered with a value of the question itself.
type Handshake struct {
	// Value is the place of what is echoed; a request without it is no such question.
	Value string `json:"value"`
	// When narrows it further: PLACE=TEXT has to hold as well.
	When string `json:"when,omitempty"`
	// Before: the question comes unsigned. Then nothing but the echo comes of it.
	Before bool `json:"before,omitempty"`
	// Token is the place where an unsigned question carries the secret.
	Token string `json:"token,omitempty"`
	// Event: the request is an event as well, unless it is a GET; the answer to it
	// echoes.
	Event bool `json:"event,omitempty"`
	// Header and Member say how the value is sent back: in a header of that name, as
	// the member of a JSON object; where neither is said as plain text.
	Header string `json:"header,omitempty"`
	Member string `json:"member,omitempty"`
}

// maxEcho bounds what is echoed, in bytes.
const maxEcho = 1024

// Reply is an answer that the HTTP side writes as it is.
type Reply struct {
	Header    map[string]string
	MediaType string
	Body      []byte
	event     bool
}

// shake is a Handshake that was read.
type shake struct {
	*Handshake
	value, when, token Place
	equals             string
}

func (c *compiled) readHandshakes(l *fault.List) {
	for i := range c.Handshakes {
		h := shake{Handshake: &c.Handshakes[i]}
		place := func(name, text string, into *Place) {
			var err error
			if *into, err = ParsePlace(text); err != nil {
				l.Add(fmt.Sprintf("/scheme/handshakes/%d/%s", i, name), "bad_place", "%s.", err)
			}
		}
		place("value", h.Value, &h.value)
		if h.When != "" {
			at, equals, _ := strings.Cut(h.When, "=")
			place("when", at, &h.when)
			h.equals = equals
		}
		if h.Token != "" {
			place("token", h.Token, &h.token)
		}
		if h.Header != "" && (!isToken(h.Header) || secretHeader(h.Header)) {
			l.Add(fmt.Sprintf("/scheme/handshakes/%d/header", i), "bad_header", "%q cannot name a header of an answer.", h.Header)
		}
		if h.Before && h.Event {
			l.Add(fmt.Sprintf("/scheme/handshakes/%d/event", i), "unsigned_event", "An unsigned question is no event.")
		}
		c.shakes = append(c.shakes, h)
	}
}

// ask gives the answer to a request that is a question; nil where it is none.
func (c *compiled) ask(m *message, keys []Key, before bool) *Reply {
	for _, h := range c.shakes {
		if h.Before != before {
			continue
		}
		if reply := h.answer(c, m, keys); reply != nil {
			return reply
		}
	}
	return nil
}

func (h shake) answer(c *compiled, m *message, keys []Key) *Reply {
	if h.When != "" {
		if v, err := m.one(h.when); err != nil || v != h.equals {
			return nil
		}
	}
	if h.Token != "" {
		given, err := m.one(h.token)
		if err != nil || !holds(keys, given) {
			return nil
		}
	}
	v, err := m.one(h.value)
	if err != nil || v == "" || len(v) > maxEcho || strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return nil
	}
	out := &Reply{event: h.Event && m.Method != "GET"}
	if h.Header != "" {
		out.Header = map[string]string{h.Header: v}
	}
	switch {
	case h.Member != "":
		raw, err := json.Marshal(map[string]string{h.Member: v})
		if err != nil {
			return nil
		}
		out.MediaType, out.Body = "application/json", raw
	case h.Header == "":
		out.MediaType, out.Body = "text/plain; charset=utf-8", []byte(v)
	}
	return out
}

// holds tells whether a text is one of the secrets.
func holds(keys []Key, given string) bool {
	if given == "" { // no secret is; a public key has none
		return false
	}
	found := 0
	for _, k := range keys {
		found |= subtle.ConstantTimeCompare([]byte(given), k.secret)
	}
	return found == 1
}
