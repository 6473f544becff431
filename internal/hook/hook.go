// Package hook is the domain of webhooks that come in: how a request proves
// whom it comes from, said as data (Scheme, in scheme.go; what may stand where,
// in place.go; the proof itself, in verify.go; the questions some senders ask
// first, in handshake.go), the schemes of known senders (presets.go), a Source
// with its secrets, and what becomes of an event that came in (event.go).
//
// Pure rules: no SQL, no HTTP, no clock but the one handed in. Everything here
// reads strangers' bytes, so nothing here panics on them.
package hook

import (
	"net/url"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/fault"
)

// Prefixes of ids.
const (
	SourcePrefix = "hks" // of a source
	SecretPrefix = "hsec"
	EventPrefix  = "inb" // of an event that came in
)

// Trust says what of a request may be believed.
type Trust string

// The kinds of trust.
const (
	// TrustPayload: what was sent is what the sender meant, and can be acted on.
	TrustPayload Trust = "payload"
	// TrustHint: only that something happened. The facts are fetched from the
	// sender's own interface before anything acts on them.
	TrustHint Trust = "hint"
)

// Bounds of a source.
const (
	DefaultTolerance = 5 * time.Minute
	MaxTolerance     = time.Hour
	MaxSecrets       = 10   // in force at once
	MaxSecret        = 8192 // bytes; a public key in PEM fits
	MaxName          = 100
	MaxProgram       = 16 << 10 // bytes of a mapping
)

// Source is a system that may send events in, with how it proves itself and
// what its events do.
type Source struct {
	ID     string
	Org    string
	Unit   string // "" where it belongs to the whole organisation
	Name   string
	Preset string // the preset its scheme was made of; "custom" where none
	Scheme Scheme
	Trust  Trust
	// Tolerance is how far a signed time may lie from ours, both ways.
	Tolerance time.Duration
	// Client is the OAuth client as which its events act: they can do what its
	// scopes and units allow. "" where they do nothing.
	Client    string
	Command   string // what each event does; "" nothing: it is an event for others
	Program   string // jq: makes the command's data of the event
	Fetch     *Fetch // where the facts of a hint are
	Disabled  bool
	CreatedAt time.Time
	UpdatedAt time.Time
	Revision  int64
}

// Fetch says where the facts behind a hint are read.
type Fetch struct {
	// URL is a template whose host stands there as it is: only path and query may
	// hold places, of the event only. The values are escaped.
	URL string `json:"url"`
	// Header is the header that carries the secret of purpose fetch, such as
	// Authorization; "": none is sent.
	Header string `json:"header,omitempty"`
}

// Purpose says what a secret is for.
type Purpose string

// The purposes.
const (
	ForVerify Purpose = "verify" // to check what comes in
	ForFetch  Purpose = "fetch"  // value of Fetch.Header
)

// Secret is a secret of a source. Its value is sealed.
type Secret struct {
	ID        string
	Org       string
	SourceID  string
	Purpose   Purpose
	Sealed    []byte
	CreatedAt time.Time
	ExpiresAt time.Time // zero: until it is taken away
}

// InForce tells whether the secret still counts.
func (s *Secret) InForce(now time.Time) bool { return s.ExpiresAt.IsZero() || now.Before(s.ExpiresAt) }

// Check lists everything wrong with a source's own fields.
func (s *Source) Check(l *fault.List) {
	if n := len(s.Name); n < 1 || n > MaxName || strings.ContainsAny(s.Name, "\r\n\x00") {
		l.Add("/name", "bad_name", "A source's name is one line of 1 to %d bytes.", MaxName)
	}
	if s.Tolerance < time.Second || s.Tolerance > MaxTolerance {
		l.Add("/tolerance_seconds", "out_of_range", "The tolerance is 1 second to %d seconds.", int(MaxTolerance.Seconds()))
	}
	s.Scheme.check(l)
	if len(s.Program) > MaxProgram {
		l.Add("/action/map", "too_long", "A mapping has at most %d bytes.", MaxProgram)
	}
	if s.Command == "" && s.Program != "" {
		l.Add("/action/map", "needless", "Without a command there is nothing to map to.")
	}
	if s.Command != "" && s.Client == "" {
		l.Add("/action/client_id", "required", "Name the client as which the events act; its scopes and units bound what they can do.")
	}
	s.checkTrust(l)
	s.Fetch.check(l)
}

// checkTrust: what the proof does not cover is a hint. A token's holder may be
// believed where somebody says so, since the token stands for all it sends.
func (s *Source) checkTrust(l *fault.List) {
	switch {
	case s.Trust == TrustHint:
		if s.Command != "" && s.Fetch == nil {
			l.Add("/fetch", "required", "What this source sends is a hint. Say where its facts are fetched, or let its events do nothing.")
		}
	case s.Trust != TrustPayload:
		l.Add("/trust", "bad_trust", "Trust is payload or hint.")
	case !s.Scheme.CoversBody() && !s.Scheme.bearer():
		l.Add("/trust", "not_covered", "The signature of this source does not cover what it sends, so it is a hint.")
	}
}

// Host is where facts are fetched from: scheme and host. "" for nil.
func (f *Fetch) Host() string {
	if f == nil {
		return ""
	}
	scheme, rest, _ := strings.Cut(f.URL, "://")
	host, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + host
}

func (f *Fetch) check(l *fault.List) {
	if f == nil {
		return
	}
	t, err := ParseTemplate(f.URL)
	if err != nil {
		l.Add("/fetch/url", "bad_template", "%s", err)
		return
	}
	rest, ok := strings.CutPrefix(t.head(), "https://")
	if !ok {
		rest, ok = strings.CutPrefix(t.head(), "http://")
	}
	host, _, slash := strings.Cut(rest, "/")
	if u, err := url.Parse("https://" + host); !ok || !slash || err != nil || u.Host == "" || u.User != nil {
		l.Add("/fetch/url", "bad_url", "The address begins with https:// and a host that stands there as it is, then a slash.")
	}
	for _, p := range t.places() {
		if p.root != rootItem && p.root != rootForm {
			l.Add("/fetch/url", "bad_place", "An address is made of the event: {item#/…} or {form:…}.")
			break
		}
	}
	if f.Header != "" && !isToken(f.Header) {
		l.Add("/fetch/header", "bad_header", "%q cannot name a header.", f.Header)
	}
}

// DefaultTrust is what a scheme allows where nobody says more.
func (s *Scheme) DefaultTrust() Trust {
	if s.CoversBody() {
		return TrustPayload
	}
	return TrustHint
}
