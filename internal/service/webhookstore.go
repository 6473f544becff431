package service

import (
	"context"
	"time"

	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/webhook"
)

// webhookReader tells where events are sent and what is on its way. Endpoints that
// were deleted are found by none of its lists.
type webhookReader interface {
	Endpoint(ctx context.Context, org, id string) (webhook.Endpoint, error)
	// Endpoints lists the endpoints of an organisation, "" of all, by id.
	Endpoints(ctx context.Context, org string) ([]webhook.Endpoint, error)
	// EndpointSealed gives what is secret of an endpoint beside its signing secrets.
	EndpointSealed(ctx context.Context, no int64) ([]byte, error)
	// WebhookSecrets gives the secrets of an endpoint that have not run out by now, oldest first.
	WebhookSecrets(ctx context.Context, no int64, now time.Time) ([]webhook.Secret, error)
	// WebhookQueue gives the queue of an endpoint.
	WebhookQueue(ctx context.Context, no int64) (webhook.Queue, error)
	// WebhookQueues gives the queues of all endpoints, the deleted included.
	WebhookQueues(ctx context.Context) ([]webhook.Queue, error)
	// WebhookForms gives the forms in which events were written, by their number.
	WebhookForms(ctx context.Context) (map[int64]WebhookForm, error)
	// EntriesAt gives the entries of these indexes, in order.
	EntriesAt(ctx context.Context, indexes []int64) ([]journal.Entry, error)

	// FreshDeliveries gives pending deliveries with from ≤ index < to that are to go in
	// their place, in order.
	FreshDeliveries(ctx context.Context, from, to int64) ([]webhook.Delivery, error)
	// WaitingDeliveries gives such deliveries of an endpoint behind an index.
	WaitingDeliveries(ctx context.Context, endpoint, after int64, limit int) ([]webhook.Delivery, error)
	// DueDeliveries gives pending deliveries of an endpoint whose own time has come, by that time.
	// It begins behind after, by time and index.
	DueDeliveries(ctx context.Context, endpoint int64, after webhook.Delivery, now time.Time, limit int) ([]webhook.Delivery, error)
	// NextDue gives when the first delivery of an endpoint behind after that waits for
	// its own time is due; zero: none does.
	NextDue(ctx context.Context, endpoint int64, after webhook.Delivery) (time.Time, error)
	// KeyedDeliveries gives the pending deliveries of an endpoint and key, in order.
	KeyedDeliveries(ctx context.Context, endpoint int64, key string, limit int) ([]webhook.Delivery, error)
}

// webhookWriter writes endpoints and deliveries.
type webhookWriter interface {
	// InsertEndpoint gives the endpoint its No, and makes its empty queue.
	InsertEndpoint(ctx context.Context, e *webhook.Endpoint, sealed []byte) error
	// UpdateEndpoint compare-and-swaps (Conflict "stale").
	UpdateEndpoint(ctx context.Context, e *webhook.Endpoint) error
	InsertWebhookSecret(ctx context.Context, s webhook.Secret) error
	// WebhookForm gives the number of a form, new where it was never used.
	WebhookForm(ctx context.Context, f WebhookForm) (int64, error)

	// Queued makes room for n deliveries of an endpoint and counts them as pending;
	// false, and nothing is changed, where it is full or behind.
	Queued(ctx context.Context, endpoint int64, n, most int) (bool, error)
	// FallBehind notes from where on an endpoint is behind, unless it is already.
	FallBehind(ctx context.Context, endpoint, index int64) error
	InsertDeliveries(ctx context.Context, rows []webhook.Delivery) error
	// HoldRounds tells which of the rounds the holder has, with the epochs of their
	// leases. They stay its own until the transaction ends.
	HoldRounds(ctx context.Context, holder string, rounds []int) (map[int]int64, error)
	// SettleDeliveries writes what became of deliveries that were pending.
	SettleDeliveries(ctx context.Context, rows []webhook.Delivery) error
	InsertAttempts(ctx context.Context, rows []webhook.Attempt) error
	// SaveWebhookQueue writes the health of an endpoint, adds to its counts, and notes
	// what blocks it, where something does (Blocked ≥ 0).
	SaveWebhookQueue(ctx context.Context, q webhook.Queue) error
}

// WebhookForm is a form in which events are written.
type WebhookForm struct {
	Form   int    // as of event.Render
	Source string // the events' source
}
