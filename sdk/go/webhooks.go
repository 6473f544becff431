package paraph

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// ReplayRequest says which past events are sent to an endpoint; what is empty does
// not count.
type ReplayRequest struct {
	Which     string     `json:"which,omitempty"` // dead, missing or all
	Types     []string   `json:"types,omitempty"`
	Condition string     `json:"condition,omitempty"`
	Since     *time.Time `json:"since,omitempty"`
	Until     *time.Time `json:"until,omitempty"`
	EventIDs  []string   `json:"event_ids,omitempty"`
}

// Replay is past events on their way to an endpoint once more.
type Replay struct {
	ID         string   `json:"id"`
	Which      string   `json:"which"`
	State      string   `json:"state"` // running, succeeded, failed
	Progress   Progress `json:"progress"`
	Deliveries int64    `json:"deliveries"`
	Waiting    string   `json:"waiting,omitempty"`
	Reason     string   `json:"reason,omitempty"`
}

func replaysOf(endpointID string) string {
	return "/v1/webhook-endpoints/" + url.PathEscape(endpointID) + "/replays"
}

// StartReplay begins to send past events to an endpoint.
func (c *Client) StartReplay(ctx context.Context, endpointID string, req ReplayRequest) (*Replay, error) {
	var out Replay
	return &out, c.post(ctx, replaysOf(endpointID), req, &out)
}

// Replay gives a replay; wait holds the answer back, 60 s at most, until it has ended.
func (c *Client) Replay(ctx context.Context, endpointID, replayID string, wait time.Duration) (*Replay, error) {
	var out Replay
	r := &request{method: http.MethodGet, path: replaysOf(endpointID) + "/" + url.PathEscape(replayID), header: waitHeader(wait)}
	return &out, c.json(ctx, r, nil, &out)
}

// PortalRequest says what a link to the page of endpoints shows.
type PortalRequest struct {
	EndpointIDs []string `json:"endpoint_ids,omitempty"` // nil: all that the client may see
	MayWrite    bool     `json:"may_write,omitempty"`
	Lifetime    float64  `json:"lifetime_seconds,omitempty"`
}

// PortalLink is a link to the page of endpoints. It is a secret.
type PortalLink struct {
	URL       string    `json:"url"`
	ExpiresAt time.Time `json:"expires_at"`
}

// PortalLink makes a link to the page of endpoints.
func (c *Client) PortalLink(ctx context.Context, req PortalRequest) (*PortalLink, error) {
	var out PortalLink
	return &out, c.post(ctx, "/v1/webhook-portal-links", req, &out)
}
