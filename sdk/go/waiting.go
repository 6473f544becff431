package paraph

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// looks is how long the server may hold back an answer while something is awaited.
const looks = 30 * time.Second

// Ended tells whether nothing more will happen by itself.
func (o *Operation) Ended() bool {
	return o.State == OperationStateSucceeded || o.State == OperationStateFailed
}

// OperationFailed is the error of an operation that ended without its result.
type OperationFailed struct{ Operation Operation }

func (e *OperationFailed) Error() string {
	return fmt.Sprintf("the %s of %s failed: %s (%s)", e.Operation.Kind, e.Operation.DocumentID, e.Operation.Reason, e.Operation.Code)
}

// WaitOperation waits for the end of an operation. One that failed comes back
// with an *OperationFailed.
func (c *Client) WaitOperation(ctx context.Context, id string) (*Operation, error) {
	for {
		asked := c.now()
		op, err := c.GetOperation(ctx, id, Wait(looks))
		switch {
		case err != nil:
			return nil, err
		case op.State == OperationStateFailed:
			return op, &OperationFailed{*op}
		case op.Ended():
			return op, nil
		}
		if c.now().Sub(asked) < time.Second { // the server did not wait
			if err := c.pause(ctx, time.Second); err != nil {
				return nil, err
			}
		}
	}
}

// WaitDocument gives the document once ready says so. Between two looks it waits
// for the document's next event, so it needs the scope events:read.
func (c *Client) WaitDocument(ctx context.Context, id string, ready func(*Document) bool) (*Document, error) {
	return await(ctx, c, ListEventsParams{DocumentID: id}, func() (*Document, error) { return c.GetDocument(ctx, id) }, ready)
}

// WaitEnvelope is WaitDocument for an envelope.
func (c *Client) WaitEnvelope(ctx context.Context, id string, ready func(*Envelope) bool) (*Envelope, error) {
	return await(ctx, c, ListEventsParams{SubjectID: id}, func() (*Envelope, error) { return c.GetEnvelope(ctx, id) }, ready)
}

// await looks, and looks again after each event that p lets through.
func await[T any](ctx context.Context, c *Client, p ListEventsParams, look func() (*T, error), ready func(*T) bool) (*T, error) {
	p.Wait, p.Limit = int(looks.Seconds()), 200
	for {
		v, err := look()
		if err != nil || ready(v) {
			return v, err
		}
		page, err := c.ListEvents(ctx, p, Wait(0))
		if err != nil {
			return nil, err
		}
		p.After = page.Next
	}
}

// IsCode tells whether an error is a problem with this code.
func IsCode(err error, code string) bool {
	var p *Problem
	return errors.As(err, &p) && p.Code == code
}

// ProofFile gives the .tlog-proof file of an event. Shortly after the event the
// problem not_in_log_yet may come instead.
func (c *Client) ProofFile(ctx context.Context, eventID string) (string, error) {
	return c.text(ctx, &request{method: http.MethodGet, path: "/v1/events/" + url.PathEscape(eventID) + "/proof"}, nil)
}

// LogKey gives the key that verifies the log's checkpoints, in the note format.
func (c *Client) LogKey(ctx context.Context) (string, error) {
	return c.text(ctx, &request{method: http.MethodGet, path: "/.well-known/paraph/log.vkey", open: true}, nil)
}

// CA gives the root certificates of the server's own seals, in PEM.
func (c *Client) CA(ctx context.Context) (string, error) {
	return c.text(ctx, &request{method: http.MethodGet, path: "/.well-known/paraph/ca.pem", open: true}, nil)
}
