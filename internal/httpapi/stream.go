package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/service"
)

const (
	heartbeat = 15 * time.Second // silence after which a stream says it is alive
	// streamLife is how long a stream lives before the caller has to come again
	// with a token that is still good.
	streamLife = 10 * time.Minute
)

type streamEventsInput struct {
	EventFilter
	LastEventID string `header:"Last-Event-ID" maxLength:"64" doc:"Cursor of the last event heard; goes before after."`
}

func (a *api) streamEvents(ctx context.Context, in *streamEventsInput) (*huma.StreamResponse, error) {
	q := in.query()
	if in.LastEventID != "" {
		q.After = in.LastEventID
	}
	q.Latest, q.Limit = q.After == "", 100
	first, err := a.Service.Events(ctx, actorOf(ctx), q) // says what is wrong before the stream begins
	if err != nil {
		return nil, err
	}
	q.Wait, q.Latest = heartbeat, false
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		r, w := humago.Unwrap(hctx)
		h := w.Header()
		h.Set("Content-Type", "text/event-stream")
		h.Set("Cache-Control", "no-store")
		h.Set("X-Accel-Buffering", "no")
		s := &eventStream{api: a, w: w, control: http.NewResponseController(w)}
		s.run(r.Context(), actorOf(r.Context()), q, first)
	}}, nil
}

// eventStream writes events to one listener.
type eventStream struct {
	*api
	w       http.ResponseWriter
	control *http.ResponseController
}

// run writes pages until the listener goes, the server closes, or its time is over.
func (s *eventStream) run(ctx context.Context, actor access.Actor, q service.EventQuery, page service.EventPage) {
	ctx, cancel := context.WithTimeout(ctx, streamLife)
	defer cancel()
	if s.Closing != nil {
		go func() {
			select {
			case <-s.Closing:
				cancel()
			case <-ctx.Done():
			}
		}()
	}
	for {
		if err := s.write(page); err != nil || ctx.Err() != nil {
			return
		}
		q.After = page.Next
		var err error
		if page, err = s.Service.Events(ctx, actor, q); err != nil {
			if ctx.Err() == nil {
				s.Log.Warn("an event stream ends", "client", actor.ID, "error", err)
			}
			return
		}
	}
}

// write sends one page. An empty one is a sign of life that moves the
// listener's place on, so that it need not read again what did not concern it.
func (s *eventStream) write(page service.EventPage) error {
	if err := s.control.SetWriteDeadline(time.Now().Add(s.Idle)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	for i := range page.Events {
		data, err := json.Marshal(s.eventOf(&page.Events[i]))
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(s.w, "id: %s\nevent: %s\ndata: %s\n\n", s.Service.CursorAfter(page.Events[i]), page.Events[i].Kind, data); err != nil {
			return err
		}
	}
	if len(page.Events) == 0 {
		if _, err := fmt.Fprintf(s.w, ": nothing new\nid: %s\n\n", page.Next); err != nil {
			return err
		}
	}
	return s.control.Flush()
}
