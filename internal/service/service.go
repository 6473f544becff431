// Package service holds the commands and queries that everything else calls:
// the HTTP API, the signing page, the workers and the command line.
//
// A command is one transaction: it reads what it changes, asks the domain's
// rules, writes the new state by compare-and-swap, appends the journal entries
// and remembers the caller's idempotency key with its typed result. It does no
// I/O but SQL and may run twice. Files are stored before the command that names
// them and are orphans until it has committed.
package service

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/journal"
)

// Vault keeps the bytes of documents, encrypted. It is implemented over
// internal/blob. Faults: Unavailable "storage_full" or "storage_unavailable".
type Vault interface {
	// Put stores all of r and returns the row that will name it, once the object
	// and its folder entry are synced. The row is not written here. Fault Gone
	// "document_disposed" where the document's key was destroyed.
	Put(ctx context.Context, at Place, r io.Reader) (Blob, error)
	// NewKey makes the key of a new document that has no file yet, for the command
	// that makes the document to write.
	NewKey(ctx context.Context, at Place) (DocumentKey, error)
	// Rekey gives the row of a new document's key, which stands nowhere yet, wrapped
	// by the key of the unit that is in force now.
	Rekey(ctx context.Context, unit string, k DocumentKey) (DocumentKey, error)
	// Superseded gives the row of a unit's key for its place out of force.
	Superseded(ctx context.Context, k Key, at time.Time) (Key, error)
	// Open gives the plaintext. Fault Internal "blob_damaged" where the object is
	// not what was stored; reads of damaged parts fail, they never return them.
	Open(ctx context.Context, b Blob) (Content, error)
	// Remove deletes an object that no row names.
	Remove(ctx context.Context, id string) error
}

// Place says whose file is put into the vault.
type Place struct {
	Org, Unit string
	Document  string
	// New: the document is made by the command that will name the file. That
	// command also writes Blob.Key, the key of the new document.
	New bool
	// Key is that of a new document for which NewKey has made one: it stands nowhere yet.
	Key *DocumentKey
}

// Content is a stored file, readable from anywhere.
type Content interface {
	io.Reader
	io.Seeker
	io.ReaderAt
	io.Closer
	Size() int64
}

// Box encrypts small values that rest in the database.
type Box interface {
	Seal(plaintext, context []byte) ([]byte, error)
	Open(ciphertext, context []byte) ([]byte, error)
	// Prefix is how every value begins that is sealed now.
	Prefix() []byte
}

// Conditions compiles what subscribers say of the events they want. Implemented
// over internal/condition.
type Conditions interface {
	// Compile compiles an expression over an event. Its error says for people what is
	// wrong with it.
	Compile(expression string) (Condition, error)
}

// Condition is a compiled expression; safe for concurrent use.
type Condition interface {
	// Holds decides about an event's attributes and data. An error is one of the
	// expression on this event.
	Holds(event map[string]any) (bool, error)
}

// Outbound decides which addresses outside may be called. Implemented over
// internal/safehttp.
type Outbound interface {
	// Check refuses an address that would not be called whatever its name resolves to.
	// Its error says why, for people.
	Check(address string) error
}

// Meter receives what the metrics count. Implemented by internal/telemetry.
type Meter interface {
	// TimeToOCR is from upload to captured, per document type.
	TimeToOCR(documentType string, d time.Duration)
	// TimeToSign is from an envelope's sending to its completion.
	TimeToSign(documentType string, d time.Duration)
	// ApprovalDecided counts closed approvals by outcome.
	ApprovalDecided(outcome string)
}

// Limits bound what callers may ask for.
type Limits struct {
	EnvelopeTTL      time.Duration // how long an envelope can be signed unless it says otherwise
	LinkTTL          time.Duration // how long a signing link works
	ReminderInterval time.Duration // between reminders to a recipient; 0: none
	MaxReminders     int
	IdempotencyTTL   time.Duration
	DelegationTTL    time.Duration // how long a person's delegation lasts at most
	DelegationIdle   time.Duration // and how long when it is not used
}

// DefaultLimits are the limits where nothing is configured.
var DefaultLimits = Limits{
	EnvelopeTTL:      30 * 24 * time.Hour,
	LinkTTL:          14 * 24 * time.Hour,
	ReminderInterval: 3 * 24 * time.Hour,
	MaxReminders:     5,
	IdempotencyTTL:   7 * 24 * time.Hour,
	DelegationTTL:    90 * 24 * time.Hour,
	DelegationIdle:   14 * 24 * time.Hour,
}

// Config is what a Service is made of.
type Config struct {
	Store Store
	Vault Vault
	Clock clock.Clock
	Box   Box
	// Secrets seals what rests for longer than any master key lives.
	Secrets Box
	// Conditions and Outbound are needed for webhooks.
	Conditions Conditions
	Outbound   Outbound
	Cursors    *journal.CursorCodec
	Meter      Meter
	Log        *slog.Logger
	Mapper     Mapper          // makes commands of events that come in; nil: none can be set up
	BusKind    string          // of the event bus: nats or kafka; "": there is none
	Keeper     LogKeeper       // nil: nothing is kept outside the database
	Closing    <-chan struct{} // ends what callers wait for, when closed; nil: nothing does
	Limits     Limits
	Roles      access.Roles // what a client's roles are worth; nil: the built-in ones
	// Witnesses is the policy by which the log's checkpoints are cosigned; nil: the
	// log has no witnesses.
	Witnesses *journal.Policy
	// EvidenceAck is the level that everything before a seal or an archive package
	// must have reached; "" is checkpointed.
	EvidenceAck Ack
	// Anchoring says who time-stamps checkpoints and how often; nil: nobody does.
	Anchoring *AnchorPlan
	// Protection is what is wanted for signed files.
	Protection document.Plan
	// Scans: files are looked through for malware, and handed out once they were.
	Scans     bool
	PublicURL string // without a slash at the end; signing links start with it
	// RequestLimits are those of every client, which its own may go below.
	RequestLimits access.RequestLimits
	FirstName     string // name of the first organisation, where whoever sets up gives none
}

// Service runs commands and answers queries. It is safe for concurrent use and
// holds no state of its own beside a cache of compiled schemas, what it has looked through, devices that
// were vouched for, and the wrong credentials of the last minute.
type Service struct {
	Config
	schemas  schemaCache
	resealed resealedBy
	failed   tallies[failure]
	devices  tallies[deviceDecision]
	vouched  vouchers
}

// New makes a Service.
func New(c Config) *Service {
	if c.Roles == nil {
		c.Roles = access.BuiltIn()
	}
	if c.Limits == (Limits{}) {
		c.Limits = DefaultLimits
	}
	return &Service{Config: c}
}

// Call is who calls, and under which idempotency key.
type Call struct {
	Actor access.Actor
	Idem  *Idempotency // nil: the caller cannot repeat the call
	// Receipt, where it is not nil, is filled once the command has committed.
	Receipt *Receipt
	// Revision, where it is not 0, is that of the document as the caller has seen it:
	// fault Precondition "precondition_failed" where it has been changed since.
	Revision int64

	// across names the work for which the command reaches every organisation.
	across string
}

// Receipt names what a command wrote into the journal, so that its caller can
// wait for the log and its witnesses.
type Receipt struct {
	Org   string
	Entry string // the newest entry; "" where there is none, or it is not known any more
}

// Idempotency names a request so that its repetition returns the first result.
type Idempotency struct {
	Route  string // method and route pattern
	Key    string // as sent by the client
	Digest []byte // SHA-256 over everything in the request that matters
}

// SystemCall is the call of one of Paraph's own workers, for an organisation.
func SystemCall(org, worker, trace string) Call {
	return Call{Actor: access.Actor{Kind: access.System, Org: org, ID: worker, Source: access.Source{Trace: trace}}}
}
