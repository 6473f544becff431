package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/service"
)

const codeKeyRequired = "idempotency_key_required"

// Keyed is part of the input of every operation that changes something.
type Keyed struct {
	IdempotencyKey string `header:"Idempotency-Key" required:"true" minLength:"1" maxLength:"255" pattern:"^[\\x21-\\x7e]+$" example:"3f6b1c9e-5c0e-4a58-9d2a-0f6f1f2f7b11" doc:"Names this request: 1 to 255 visible ASCII characters, new for each new request. Repeating it returns the first answer, marked Idempotency-Replayed, for 7 days."`
	Prefer         string `header:"Prefer" example:"ack=checkpointed" doc:"ack=checkpointed holds the answer back until the change stands in the log under a signed checkpoint, ack=witnessed until the log's witnesses have cosigned one: for 5 seconds at most, or for as many as wait=N says, 60 at most. The change is committed whatever comes of it; Preference-Applied names the level that was reached. Where the answer is an operation, wait=N also waits for its end."`
}

func (k Keyed) awaited() Awaited { return Awaited{Prefer: k.Prefer} }

// Replayed is part of the output of every operation that changes something.
type Replayed struct {
	Replayed          string `header:"Idempotency-Replayed" doc:"true where this is the first answer to a repeated request."`
	PreferenceApplied string `header:"Preference-Applied" doc:"What was done about Prefer: wait=N, and ack= with the level that was reached: committed, checkpointed or witnessed."`
}

// applied notes a preference that was taken into account.
func (r *Replayed) applied(preference string) {
	if r.PreferenceApplied != "" {
		preference = r.PreferenceApplied + ", " + preference
	}
	r.PreferenceApplied = preference
}

func replayed(yes bool) Replayed {
	if yes {
		return Replayed{Replayed: "true"}
	}
	return Replayed{}
}

// callOf gives who calls under which idempotency key. extra stands in for a body
// that is not read before the command (an upload).
func callOf(ctx context.Context, extra ...[]byte) service.Call {
	rq := requestOf(ctx)
	body := extra
	if rq.body != nil {
		body = append(body, rq.body.Sum(nil))
	}
	return service.Call{Actor: rq.actor, Receipt: &rq.receipt, Idem: &service.Idempotency{
		Route: rq.route, Key: rq.key, Digest: requestDigest(rq.http, body...),
	}}
}

// callIf is callOf for a change of something that the caller has seen in a certain revision.
func callIf(ctx context.Context, m IfMatch) service.Call {
	call := callOf(ctx)
	call.Revision = m.revision()
	return call
}

// requestDigest is the SHA-256 over everything in a request that decides what it
// does: method, path with its ids, query in a fixed order, media type and body.
// Each part is preceded by its length, so that no two requests run together.
func requestDigest(r *http.Request, body ...[]byte) []byte {
	h := sha256.New()
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		media = ""
	}
	for _, part := range []string{r.Method, r.URL.EscapedPath(), r.URL.Query().Encode(), media} {
		writePart(h, []byte(part))
	}
	for _, part := range body {
		writePart(h, part)
	}
	return h.Sum(nil)
}

func writePart(h hash.Hash, part []byte) {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(part)))
	h.Write(n[:])
	h.Write(part)
}

// hashBody lets the body be hashed while it is read, and has one in JSON looked through
// at its end: for what can be read in more than one way, and for what also refuses.
func (rq *request) hashBody(r *http.Request, also func(raw []byte) error) {
	rq.body = sha256.New()
	if r.Body == nil || r.Body == http.NoBody {
		return
	}
	in := io.TeeReader(r.Body, rq.body)
	if isJSON(r) {
		in = &scanned{from: in, also: also}
	}
	r.Body = &hashedBody{Reader: in, Closer: r.Body}
}

type hashedBody struct {
	io.Reader
	io.Closer
}

// preference gives the value of one preference of a Prefer header (RFC 7240), ""
// where it is not there.
func preference(header, wanted string) string {
	for pref := range strings.FieldsFuncSeq(header, func(r rune) bool { return r == ',' || r == ';' }) {
		name, value, _ := strings.Cut(pref, "=")
		if strings.EqualFold(strings.TrimSpace(name), wanted) {
			return strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	return ""
}

// preferWait reads "wait=N" of a Prefer header (RFC 7240 section 4.3), at most
// maxWait. What cannot be read is no preference.
func preferWait(header string) time.Duration {
	n, err := strconv.Atoi(preference(header, "wait"))
	if err != nil || n < 0 {
		return 0
	}
	return min(time.Duration(min(n, 3600))*time.Second, maxWait)
}

// preferAck reads "ack=LEVEL" of a Prefer header and how long to wait for it; ""
// where no level is asked for.
func preferAck(header string) (service.Ack, time.Duration) {
	level := service.Ack(strings.ToLower(preference(header, "ack")))
	if !level.Valid() {
		return "", 0
	}
	wait := preferWait(header)
	if wait == 0 {
		wait = defaultAck
	}
	return level, wait
}

// acknowledged wraps the handler of every operation that changes something:
// after its command has committed, the answer is held back until the level asked
// for is reached, and says which was.
func acknowledged[I, O any](a *api, fn func(context.Context, *I) (*O, error)) func(context.Context, *I) (*O, error) {
	return func(ctx context.Context, in *I) (*O, error) {
		out, err := fn(ctx, in)
		answer, ok := any(out).(interface{ applied(string) })
		if err != nil || !ok {
			return out, err
		}
		rq := requestOf(ctx)
		if level, wait := preferAck(strings.Join(rq.http.Header.Values("Prefer"), ",")); level != "" {
			answer.applied("ack=" + string(a.Service.AwaitAck(ctx, rq.receipt, level, wait)))
		}
		return out, nil
	}
}
