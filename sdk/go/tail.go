package paraph

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/url"
)

// TailParams says which events are heard; what is empty does not count.
type TailParams struct {
	After      string   // cursor to begin behind; empty: with what happens next
	Types      []string // or beginnings with .* at the end
	DocumentID string
	SubjectID  string
}

// errStop tells that the listener wants no more.
var errStop = errors.New("enough")

// maxEvent bounds one event of a stream, in bytes.
const maxEvent = 16 << 20

// Tail gives events as they happen, until ctx ends or the caller stops. A stream
// that breaks off is taken up behind the last event that came whole, so that none is
// missed and none comes twice; an error comes only where that fails too often.
func (c *Client) Tail(ctx context.Context, p TailParams) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		q := url.Values{}
		setQuery(q, "after", p.After)
		setQuery(q, "type", p.Types)
		setQuery(q, "document_id", p.DocumentID)
		setQuery(q, "subject_id", p.SubjectID)
		r := &request{method: http.MethodGet, path: "/v1/events/stream", query: q, header: http.Header{"Accept": {"text/event-stream"}}}
		err := c.do(ctx, r, nil, func(res *http.Response) error {
			return r.hear(res.Body, func(e Event) bool { return yield(e, nil) })
		})
		if err != nil && !errors.Is(err, errStop) {
			yield(Event{}, err)
		}
	}
}

// hear reads a stream of server-sent events. What counts of one is noted at the
// empty line that ends it: half an event leaves no trace.
func (r *request) hear(body io.Reader, take func(Event) bool) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxEvent)
	var data []byte
	id := ""
	for lines.Scan() {
		name, value, _ := bytes.Cut(lines.Bytes(), []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch {
		case len(lines.Bytes()) == 0:
			if id != "" {
				r.header.Set("Last-Event-ID", id)
				r.moved = true
			}
			if len(data) > 0 {
				var e Event
				if err := json.Unmarshal(data, &e); err != nil {
					return errors.New("paraph: an event of the stream is not JSON")
				}
				if !take(e) {
					return errStop
				}
			}
			data, id = nil, ""
		case string(name) == "id":
			id = string(value)
		case string(name) == "data":
			if data != nil {
				data = append(data, '\n')
			}
			data = append(data, value...)
		}
	}
	err := lines.Err()
	if err == nil {
		err = &ConnectionError{io.ErrUnexpectedEOF} // the server ends streams in order; there is more to hear
	}
	return err
}
