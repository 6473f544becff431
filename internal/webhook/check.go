package webhook

import (
	"net/textproto"
	"slices"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
)

// Limits of an endpoint.
const (
	maxURL         = 2000
	maxDescription = 500
	maxTypes       = 100
	maxHeaders     = 20
	maxHeaderBytes = 4000
	maxRetries     = 20
	leastRetry     = time.Second
	mostRetry      = 7 * 24 * time.Hour
	mostRate       = 10_000
	leastTimeout   = time.Second
	mostTimeout    = 30 * time.Second
	// DefaultTimeout is how long an endpoint may take to answer unless it says otherwise.
	DefaultTimeout = 15 * time.Second
)

// Check lists everything wrong with the endpoint's settings into l. Whether its
// address may be reached and its condition can be decided is checked by those who know.
func (e *Endpoint) Check(l *fault.List) {
	if e.URL == "" || len(e.URL) > maxURL {
		l.Add("/url", "bad_length", "An address has 1 to %d bytes.", maxURL)
	}
	if len(e.Description) > maxDescription {
		l.Add("/description", "too_long", "The description has %d bytes; at most %d are kept.", len(e.Description), maxDescription)
	}
	if len(e.Types) > maxTypes {
		l.Add("/types", "too_many", "At most %d types can be named. Use beginnings with .* at their end.", maxTypes)
	}
	for _, t := range e.Types {
		if len(KindsOf([]string{t})) == 0 {
			l.Add("/types", "unknown_type", "There is no type of event %q. The types are listed at /docs/events.", t)
		}
	}
	if !slices.Contains(Orders(), e.Order) {
		l.Add("/order", "unknown_order", "There is no order %q; there are none, by_document and strict.", e.Order)
	}
	if e.OnDead != Block && e.OnDead != Skip {
		l.Add("/on_dead", "unknown_choice", "A strict queue can block or skip, but not %q.", e.OnDead)
	}
	if e.Rate < 0 || e.Rate > mostRate {
		l.Add("/rate", "out_of_range", "A rate is 0, for none, to %d a second.", mostRate)
	}
	if e.Timeout < leastTimeout || e.Timeout > mostTimeout {
		l.Add("/timeout_seconds", "out_of_range", "An endpoint can be given %d to %d seconds.", int(leastTimeout.Seconds()), int(mostTimeout.Seconds()))
	}
	if len(e.Retries) > maxRetries {
		l.Add("/retry_seconds", "too_many", "There are %d waits between attempts; at most %d are kept.", len(e.Retries), maxRetries)
	}
	for _, w := range e.Retries {
		if w < leastRetry || w > mostRetry {
			l.Add("/retry_seconds", "out_of_range", "A wait is one second to seven days.")
			break
		}
	}
}

// reserved are headers that are Paraph's to set, or the connection's.
var reserved = []string{"Host", "Content-Length", "Transfer-Encoding", "Connection", "Upgrade", "Te", "Trailer", "Keep-Alive", "Proxy-Connection",
	"Proxy-Authorization", "Expect", "Idempotency-Key", "Accept-Encoding", HeaderID, HeaderTimestamp, HeaderSignature}

// CheckHeaders lists everything wrong with additional headers, and gives them
// under the names that are sent.
func CheckHeaders(headers map[string]string, l *fault.List) map[string]string {
	out := make(map[string]string, len(headers))
	bytes := 0
	for name, value := range headers {
		bytes += len(name) + len(value)
		sent := textproto.CanonicalMIMEHeaderKey(name)
		switch {
		case name == "" || strings.ContainsFunc(name, notInToken):
			l.Add("/headers", "bad_name", "%q cannot name a header.", name)
		case slices.Contains(reserved, sent):
			l.Add("/headers", "reserved", "The header %s cannot be set.", sent)
		case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }):
			l.Add("/headers", "bad_value", "The value of %s holds a character that no header can carry.", sent)
		}
		out[sent] = value
	}
	if len(headers) > maxHeaders || bytes > maxHeaderBytes {
		l.Add("/headers", "too_many", "At most %d headers with %d bytes together are sent.", maxHeaders, maxHeaderBytes)
	}
	return out
}

// notInToken finds what a header's name cannot hold (RFC 9110 section 5.6.2).
func notInToken(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}

// KindsOf gives the kinds that a list of types means: exact ones, beginnings that
// end in ".*", and "*" for all. An empty list means all. Tests always come.
func KindsOf(types []string) map[journal.Kind]bool {
	out := map[journal.Kind]bool{}
	for _, t := range event.Types() {
		kind := string(t.Kind)
		wanted := len(types) == 0
		for _, pattern := range types {
			stem, open := strings.CutSuffix(pattern, "*")
			wanted = wanted || kind == pattern || pattern == "*" || open && strings.HasSuffix(stem, ".") && strings.HasPrefix(kind, stem)
		}
		if wanted {
			out[t.Kind] = true
		}
	}
	return out
}
