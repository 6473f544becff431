package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/service"
)

// tokenType is the media type of a bare time stamp token.
const tokenType = "application/vnd.etsi.timestamp-token"

// Anchor is a time stamp (RFC 3161) over a checkpoint.
type Anchor struct {
	ID         string    `json:"id" example:"anc_01kb0q7m4b1s9v3d8r5x2c6e7f"`
	Size       int64     `json:"size" doc:"Entries under the checkpoint."`
	Checkpoint string    `json:"checkpoint" doc:"The bytes that were stamped, verbatim: text, empty line, the log's signature line, and the newline at the end."`
	SHA256     string    `json:"checkpoint_sha256" doc:"SHA-256 of these bytes, in hex: what the token is over."`
	TSA        string    `json:"tsa" doc:"Address of the time stamping authority."`
	Token      []byte    `json:"token" doc:"The time stamp token, DER, in base 64."`
	StampedAt  time.Time `json:"stamped_at" doc:"As the authority says."`
	CreatedAt  time.Time `json:"created_at"`
}

func anchorOf(a *service.Anchor) Anchor {
	sum := sha256.Sum256([]byte(a.Note))
	return Anchor{ID: a.ID, Size: a.Size, Checkpoint: a.Note, SHA256: hex.EncodeToString(sum[:]), TSA: a.TSA, Token: a.Token, StampedAt: a.StampedAt, CreatedAt: a.At}
}

// Anchoring is how the time-stamping of the log goes.
type Anchoring struct {
	Interval    int               `json:"interval" doc:"Seconds between time stamps while something is logged; each day's end has one in any case."`
	DueSince    *time.Time        `json:"due_since,omitempty" doc:"Since when a time stamp is due that no authority gave; absent: all is well."`
	TriedAt     *time.Time        `json:"tried_at,omitempty"`
	RetryAt     *time.Time        `json:"retry_at,omitempty" doc:"When the authorities are asked again."`
	Attempts    int               `json:"attempts" doc:"How often it was tried since then."`
	Code        string            `json:"code,omitempty" example:"timestamp_unreachable" doc:"Why the first authority gave none."`
	Reason      string            `json:"reason,omitempty" doc:"The reasons of all, for people."`
	Authorities []AnchorAuthority `json:"authorities" doc:"In the order in which they are asked."`
}

// AnchorAuthority is one time stamping authority.
type AnchorAuthority struct {
	Address string     `json:"address" example:"https://tsa.example.com/tsr"`
	Code    string     `json:"code,omitempty" example:"timestamp_untrusted" doc:"Why it gave no time stamp when it was asked last."`
	Reason  string     `json:"reason,omitempty" doc:"The same for people."`
	RestsTo *time.Time `json:"rests_until,omitempty" doc:"It failed and is passed over until then."`
}

func anchoringOf(p *service.AnchorPlan, s *service.Anchoring) *Anchoring {
	out := &Anchoring{Interval: int(p.Interval.Seconds()), DueSince: at(s.DueSince), TriedAt: at(s.TriedAt), RetryAt: at(s.RetryAt),
		Attempts: s.Attempts, Code: s.Code, Reason: s.Reason, Authorities: []AnchorAuthority{}}
	for _, address := range p.Authorities {
		one := AnchorAuthority{Address: address}
		for _, failed := range s.Authorities {
			if failed.Address == address {
				one = AnchorAuthority{Address: address, Code: failed.Code, Reason: failed.Reason, RestsTo: at(failed.Until)}
			}
		}
		out.Authorities = append(out.Authorities, one)
	}
	return out
}

func (a *api) anchors() {
	handle(a, route{id: "listAnchors", method: http.MethodGet, path: "/v1/log/anchors", tag: "events", does: access.ReadSettings,
		summary: "List time stamps over checkpoints", about: "Newest first, each with what was stamped and the token."}, a.listAnchors)
	handle(a, route{id: "requestAnchor", method: http.MethodPost, path: "/v1/log/anchors", tag: "events", does: access.ManageSettings, status: http.StatusAccepted,
		summary: "Have the log time-stamped now", about: "Beside the schedule, for instance once an authority answers again. What came of it shows `GET /v1/log`.", codes: []string{"timestamps_not_configured", "timestamp_requested"}}, a.requestAnchor)
	handle(a, route{id: "getAnchor", method: http.MethodGet, path: "/v1/log/anchors/{id}", tag: "events", does: access.ReadSettings,
		summary: "Get a time stamp over a checkpoint", about: "As in the list.", codes: []string{"not_found"}}, a.getAnchor)
	handle(a, route{id: "getAnchorToken", method: http.MethodGet, path: "/v1/log/anchors/{id}/token", tag: "events", does: access.ReadSettings,
		summary: "Download a time stamp token", about: "DER, as `openssl ts -verify -token_in -in TOKEN -data CHECKPOINT -CAfile ROOTS` takes it.", codes: []string{"not_found"}}, a.anchorToken)
	handle(a, route{id: "getAnchorCheckpoint", method: http.MethodGet, path: "/v1/log/anchors/{id}/checkpoint", tag: "events", does: access.ReadSettings,
		summary: "Download the checkpoint that was time-stamped", about: "Byte for byte what the token is over: the checkpoint as the log signed it, with its signature line and the newline at its end, without cosignatures.", codes: []string{"not_found"}}, a.anchorCheckpoint)
}

func (a *api) listAnchors(ctx context.Context, in *Paged) (*Listed[Anchor], error) {
	rows, err := a.Service.Anchors(ctx, actorOf(ctx), service.AnchorFilter{Before: in.After, Limit: in.want()})
	if err != nil {
		return nil, err
	}
	return pageOf(rows, *in, anchorOf, func(a *service.Anchor) string { return a.ID }), nil
}

// AnchorRequested says that a time stamp was asked for.
type AnchorRequested struct {
	RequestedAt time.Time `json:"requested_at"`
}

type anchorRequested struct {
	Replayed
	Body AnchorRequested
}

func (a *api) requestAnchor(ctx context.Context, _ *struct{ Keyed }) (*anchorRequested, error) {
	out, err := a.Service.RequestAnchor(ctx, callOf(ctx))
	if err != nil {
		return nil, err
	}
	return &anchorRequested{Replayed: replayed(out.Replayed), Body: AnchorRequested{out.Value}}, nil
}

// AnchorPath is the path parameter of one time stamp.
type AnchorPath struct {
	ID string `path:"id" maxLength:"64" example:"anc_01kb0q7m4b1s9v3d8r5x2c6e7f" doc:"Id of the time stamp."`
}

func (a *api) getAnchor(ctx context.Context, in *AnchorPath) (*struct{ Body Anchor }, error) {
	one, err := a.Service.Anchor(ctx, actorOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &struct{ Body Anchor }{anchorOf(&one)}, nil
}

func (a *api) anchorToken(ctx context.Context, in *AnchorPath) (*huma.StreamResponse, error) {
	one, err := a.Service.Anchor(ctx, actorOf(ctx), in.ID)
	return small(one.ID+".tst", tokenType, one.Token), err
}

func (a *api) anchorCheckpoint(ctx context.Context, in *AnchorPath) (*huma.StreamResponse, error) {
	one, err := a.Service.Anchor(ctx, actorOf(ctx), in.ID)
	return small(one.ID+".checkpoint", "text/plain; charset=utf-8", []byte(one.Note)), err
}

// small answers with a small file.
func small(name, media string, content []byte) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		_, w := humago.Unwrap(hctx)
		w.Header().Set("Content-Type", media)
		w.Header().Set("Content-Disposition", disposition(name))
		writeBody(w, content)
	}}
}
