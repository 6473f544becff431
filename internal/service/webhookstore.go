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
	CountEndpoints(ctx context.Context, org string) (int64, error)
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

	// Deliveries lists deliveries of an endpoint, newest event first.
	Deliveries(ctx context.Context, f DeliveryFilter) ([]webhook.Delivery, error)
	// DeadDeliveries gives the dead deliveries of an endpoint with from ≤ index < to, in order.
	DeadDeliveries(ctx context.Context, endpoint, from, to int64, limit int) ([]webhook.Delivery, error)
	// DeliveriesAt gives the deliveries of an endpoint at these indexes that there are.
	DeliveriesAt(ctx context.Context, endpoint int64, indexes []int64) ([]webhook.Delivery, error)
	// Attempts gives the attempts at a delivery, in order.
	Attempts(ctx context.Context, endpoint, index int64) ([]webhook.Attempt, error)
	// DeletedEndpoints names the endpoints that were deleted and whose deliveries are still there.
	DeletedEndpoints(ctx context.Context) ([]int64, error)
	Replay(ctx context.Context, endpoint int64, id string) (webhook.Replay, error)
	// Replays lists the replays of an endpoint, newest first.
	Replays(ctx context.Context, endpoint int64, before string, limit int) ([]webhook.Replay, error)
	RunningReplays(ctx context.Context) ([]webhook.Replay, error)
	// Portal gives the link whose token has this SHA-256.
	Portal(ctx context.Context, token []byte) (Portal, error)
}

// DeliveryFilter selects deliveries of an endpoint.
type DeliveryFilter struct {
	Endpoint     int64
	States       []webhook.State
	From, Before int64 // From ≤ index < Before
	Limit        int
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
	// SettleDeliveries writes what became of deliveries, and tells of each whether it
	// was pending: otherwise it stays as it is.
	SettleDeliveries(ctx context.Context, rows []webhook.Delivery) (settled []bool, err error)
	InsertAttempts(ctx context.Context, rows []webhook.Attempt) error
	// SaveWebhookQueue writes the health of an endpoint, adds to its counts, and notes
	// what blocks it, where something does (Blocked ≥ 0).
	SaveWebhookQueue(ctx context.Context, q webhook.Queue) error

	// Poke adds to the counts of a queue, and tells its courier to look anew. Nobody
	// else pokes the endpoint until the transaction ends.
	Poke(ctx context.Context, endpoint int64, pending, dead int64, unblock bool) error
	// SendAnew makes deliveries, or makes them pending once more where they are there.
	SendAnew(ctx context.Context, rows []webhook.Delivery) error
	// SkipDelivery gives up a delivery; false where it is not in d.State any more.
	SkipDelivery(ctx context.Context, d webhook.Delivery) (bool, error)
	// CatchUp counts n deliveries as pending and moves where the endpoint is behind from one
	// place to another (-1: it is not any more); false where there is no room.
	CatchUp(ctx context.Context, endpoint, from, to int64, n, most int) (bool, error)
	// ForgetDeliveries deletes deliveries of a state that ended before a time, with
	// their attempts, and tells how many there were.
	ForgetDeliveries(ctx context.Context, endpoint int64, state webhook.State, before time.Time, limit int) (int, error)
	// ForgetEndpoint deletes deliveries of an endpoint that was deleted, and in the end its queue.
	ForgetEndpoint(ctx context.Context, endpoint int64, limit int) (int, error)
	InsertReplay(ctx context.Context, r webhook.Replay) error
	// SaveReplay compare-and-swaps on the place; false where it is not there, or has ended.
	SaveReplay(ctx context.Context, r webhook.Replay, from int64) (bool, error)
	// DropSecrets destroys what is secret of an endpoint.
	DropSecrets(ctx context.Context, endpoint int64) error
	SaveEndpointSealed(ctx context.Context, endpoint int64, sealed []byte) error
	// ExpireSecrets lets the secrets of an endpoint run out, at the latest then.
	ExpireSecrets(ctx context.Context, endpoint int64, until time.Time) error
	InsertPortal(ctx context.Context, p Portal) error
}

// WebhookForm is a form in which events are written.
type WebhookForm struct {
	Form   int    // as of event.Render
	Source string // the events' source
}
