package service

import (
	"context"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/webhook"
)

const (
	// DefaultOverlap is how long the secrets before sign too, after a rotation.
	DefaultOverlap = 24 * time.Hour
	mostOverlap    = 30 * 24 * time.Hour
	// mostSecrets may be in force at once.
	mostSecrets = 5
)

// UpdateEndpoint changes settings of an endpoint, and enables or disables it. What
// waits for it stays, and is sent by the new settings.
//
// Faults: NotFound; Invalid "invalid_endpoint"; Conflict "stale".
func (s *Service) UpdateEndpoint(ctx context.Context, call Call, endpointID string, in EndpointSettings, enabled *bool) (Result[webhook.Endpoint], error) {
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (webhook.Endpoint, error) {
		e, err := endpointFor(ctx, c, call.Actor, endpointID, access.WriteWebhook)
		if err != nil {
			return e, err
		}
		sealed, err := c.EndpointSealed(ctx, e.No)
		if err != nil {
			return e, err
		}
		parts, err := s.openParts(e.ID, sealed)
		if err != nil {
			return e, err
		}
		var l fault.List
		s.settle(&e, &parts, in, &l)
		if err := l.Err("invalid_endpoint", "The endpoint has faults."); err != nil {
			return e, err
		}
		if err := s.mayUseUnit(call.Actor, e.Unit); err != nil {
			return e, err
		}
		if in != (EndpointSettings{}) {
			if err := c.log(e.Org, e.Unit, note{kind: journal.WebhookEndpointChanged, subject: "endpoint", id: e.ID, data: endpointData(&e)}); err != nil {
				return e, err
			}
		}
		if in.Headers != nil || in.Certificate != nil || in.TLSKey != nil {
			if sealed, err = s.sealParts(e.ID, parts); err != nil {
				return e, err
			}
			if err := c.SaveEndpointSealed(ctx, e.No, sealed); err != nil {
				return e, err
			}
		}
		return e, c.switchEndpoint(ctx, &e, enabled)
	})
}

// switchEndpoint enables or disables an endpoint where that is wanted, and writes it.
func (c *change) switchEndpoint(ctx context.Context, e *webhook.Endpoint, enabled *bool) error {
	e.UpdatedAt = c.Now()
	if enabled != nil && *enabled != e.Enabled {
		kind := journal.WebhookEndpointEnabled
		e.Enabled, e.DisabledAt, e.DisabledBy, e.Reason = true, time.Time{}, "", ""
		if !*enabled {
			kind = journal.WebhookEndpointDisabled
			e.Enabled, e.DisabledAt, e.DisabledBy, e.Reason = false, c.Now(), webhook.DisabledByOwner, "It was disabled by "+c.actor.ID+"."
		}
		if err := c.log(e.Org, e.Unit, note{kind: kind, subject: "endpoint", id: e.ID, data: endpointData(e)}); err != nil {
			return err
		}
	}
	c.Notify(TopicEndpoints)
	return c.UpdateEndpoint(ctx, e)
}

// DeleteEndpoint deletes an endpoint with everything that waits for it. Its
// secrets are destroyed at once, its deliveries go bit by bit.
//
// Faults: NotFound.
func (s *Service) DeleteEndpoint(ctx context.Context, call Call, endpointID string) (Result[webhook.Endpoint], error) {
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (webhook.Endpoint, error) {
		e, err := endpointFor(ctx, c, call.Actor, endpointID, access.WriteWebhook)
		if err != nil {
			return e, err
		}
		e.Enabled, e.DeletedAt, e.UpdatedAt, e.Certificate = false, c.Now(), c.Now(), ""
		if err := c.log(e.Org, e.Unit, note{kind: journal.WebhookEndpointDeleted, subject: "endpoint", id: e.ID, data: endpointData(&e)}); err != nil {
			return e, err
		}
		if err := c.DropSecrets(ctx, e.No); err != nil {
			return e, err
		}
		c.Notify(TopicEndpoints)
		return e, c.UpdateEndpoint(ctx, &e)
	})
}

// Rotation is how a secret is replaced.
type Rotation struct {
	Signing webhook.Signing // "": as before
	Secret  string          // to be used; "": a new one is drawn
	Overlap time.Duration   // for which the secrets before sign too; 0: they run out at once
}

// RotateSecret gives an endpoint a new secret.
//
// Faults: NotFound; Invalid "invalid_endpoint"; Conflict "too_many_secrets".
func (s *Service) RotateSecret(ctx context.Context, call Call, endpointID string, in Rotation) (Result[EndpointSecret], error) {
	if in.Overlap < 0 || in.Overlap > mostOverlap {
		return Result[EndpointSecret]{}, fault.New(fault.Invalid, "invalid_endpoint", "The endpoint has faults.").With(fault.Detail{
			Pointer: "/overlap_seconds", Code: "out_of_range", Message: "The old secrets can be kept for 30 days at most."})
	}
	return run(ctx, s, call, true, func(ctx context.Context, c *change) (EndpointSecret, error) {
		e, err := endpointFor(ctx, c, call.Actor, endpointID, access.WriteWebhook)
		if err != nil {
			return EndpointSecret{}, err
		}
		rows, err := c.WebhookSecrets(ctx, e.No, c.Now())
		if err != nil {
			return EndpointSecret{}, err
		}
		if len(rows) >= mostSecrets && in.Overlap > 0 {
			return EndpointSecret{}, fault.New(fault.Conflict, "too_many_secrets", "%d secrets are in force already. Let the old ones run out at once, or wait until they have.", len(rows))
		}
		last := rows[len(rows)-1]
		if in.Signing == "" {
			in.Signing = last.Signing
		}
		secret, public, err := drawn(&in.Signing, in.Secret)
		if err != nil {
			return EndpointSecret{}, err
		}
		until := c.Now().Add(in.Overlap)
		told := endpointData(&e)
		if in.Overlap > 0 {
			told.ExpiresAt = &until
		}
		if err := c.log(e.Org, e.Unit, note{kind: journal.WebhookSecretRotated, subject: "endpoint", id: e.ID, data: told}); err != nil {
			return EndpointSecret{}, err
		}
		if err := c.ExpireSecrets(ctx, e.No, until); err != nil {
			return EndpointSecret{}, err
		}
		out, err := s.addSecret(ctx, c, e, last.No+1, in.Signing, secret, public)
		if err != nil {
			return out, err
		}
		if in.Overlap > 0 {
			out.OldUntil = until
		}
		out.Endpoint.UpdatedAt = c.Now()
		c.Notify(TopicEndpoints)
		return out, c.UpdateEndpoint(ctx, &out.Endpoint) // a new revision makes its courier read the secrets again
	})
}

// drawn gives the secret that was brought along, or draws one.
func drawn(signing *webhook.Signing, given string) (secret, public string, err error) {
	if given != "" {
		signer, err := webhook.NewSigner(given)
		if err != nil {
			return "", "", err
		}
		*signing, public = signer.Signing()
		return given, public, nil
	}
	if *signing != webhook.HMAC && *signing != webhook.Ed25519 {
		return "", "", fault.New(fault.Invalid, "invalid_endpoint", "The endpoint has faults.").With(fault.Detail{
			Pointer: "/signing", Code: "unknown_choice", Message: "There are the signatures hmac-sha256 and ed25519."})
	}
	secret, public = webhook.NewSecret(*signing)
	return secret, public, nil
}

// TestEndpoint sends a test event to an endpoint, and to no other. It gives the event's id.
//
// Faults: NotFound.
func (s *Service) TestEndpoint(ctx context.Context, call Call, endpointID string) (Result[string], error) {
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (string, error) {
		e, err := endpointFor(ctx, c, call.Actor, endpointID, access.WriteWebhook)
		if err != nil {
			return "", err
		}
		err = c.log(e.Org, e.Unit, note{kind: journal.WebhookTest, subject: "endpoint", id: e.ID, data: endpointData(&e)})
		return c.lastID, err
	})
}

// replayData is what subscribers hear of a replay.
func replayData(e *webhook.Endpoint, r *webhook.Replay) event.Replay {
	return event.Replay{EndpointID: e.ID, URL: e.URL, ReplayID: r.ID, Which: string(r.Which), State: r.State, Made: r.Made, Reason: r.Reason}
}
