package server

import (
	"context"
	"net/url"

	"github.com/paraph/paraph/internal/condition"
	"github.com/paraph/paraph/internal/safehttp"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/telemetry"
	"github.com/paraph/paraph/internal/webhook"
	"github.com/paraph/paraph/internal/work"
)

// conditions is the language in which subscribers say which events they want.
type conditions struct{ *condition.Language }

// Compile implements service.Conditions.
func (c conditions) Compile(expression string) (service.Condition, error) {
	return c.Language.Compile(expression)
}

func newConditions() (conditions, error) {
	l, err := condition.New("event")
	return conditions{l}, err
}

// outbound decides which addresses endpoints may have.
type outbound struct{ https, http safehttp.Options }

func newOutbound(o safehttp.Options) outbound {
	plain := o
	plain.PlainHTTP, plain.AllowedOnly = true, true
	return outbound{o, plain}
}

// Check implements service.Outbound.
func (o outbound) Check(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	if u.Scheme == "http" {
		return o.http.Check(u)
	}
	return o.https.Check(u)
}

// outboundOptions are what endpoints are called with.
func (s *Server) outboundOptions() (safehttp.Options, error) {
	allow, err := s.Config.Outbound()
	return safehttp.Options{Allow: allow}, err
}

// courier sends deliveries.
func (s *Server) courier() (*work.Courier, error) {
	o, err := s.outboundOptions()
	if err != nil {
		return nil, err
	}
	return work.NewCourier(work.CourierConfig{
		Store: s.Store, Service: s.Service, Post: work.NewHTTPPoster(s.Service, o), Clock: s.clock, By: s.leaseholder(), Meter: s.Metrics, Log: s.log,
	}), nil
}

// startWebhooks starts what this process does for webhooks.
func (s *Server) startWebhooks(ctx context.Context, dispatches, delivers bool) error {
	if dispatches {
		s.goPart(ctx, "webhook dispatcher", work.NewDeliveryDispatcher(s.Service, s.URL(), s.leaseholder(), s.log).Run)
		s.goPart(ctx, "webhook replays", work.NewReplayer(s.Service, s.URL(), s.leaseholder(), s.log).Run)
	}
	if delivers {
		c, err := s.courier()
		if err != nil {
			return err
		}
		s.goPart(ctx, "webhooks", c.Run)
	}
	return nil
}

// webhookState gathers what the gauges show of endpoints.
func webhookState(ctx context.Context, tx service.Reader) (out telemetry.Webhooks, err error) {
	endpoints, err := tx.Endpoints(ctx, "")
	if err != nil {
		return out, err
	}
	queues, err := tx.WebhookQueues(ctx)
	if err != nil {
		return out, err
	}
	by := make(map[int64]webhook.Queue, len(queues))
	for _, q := range queues {
		by[q.Endpoint] = q
	}
	for _, e := range endpoints {
		q := by[e.No]
		out.Pending, out.Dead = out.Pending+q.Pending, out.Dead+q.Dead
		if q.Behind >= 0 {
			out.Behind++
		}
		v := service.EndpointView{Endpoint: e, Queue: q}
		switch v.Standing() {
		case service.Disabled:
			out.Disabled++
		case service.Blocked:
			out.Blocked++
		case service.Resting:
			out.Resting++
		}
	}
	return out, nil
}

// sweepWebhooks lets go of deliveries that ended long ago.
func (s *Server) sweepWebhooks(ctx context.Context) {
	keeper := work.DeliveryKeeper{Store: s.Store, Done: s.Config.WebhookHistory, Dead: s.Config.WebhookDeadHistory}
	n, err := keeper.Sweep(ctx)
	if err != nil && ctx.Err() == nil {
		s.log.Warn("letting go of old deliveries failed; it is tried again", "error", err)
	}
	if n > 0 {
		s.log.Info("old deliveries were let go", "deliveries", n)
	}
}
