package service

import (
	"context"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/approval"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/signing"
)

// Store is the database as the commands and queries need it. It is implemented
// by internal/store for SQLite and PostgreSQL and held to internal/store/storetest.
//
// Every method that names a thing by id returns fault NotFound "not_found" where
// it does not exist in the organisation; database trouble is fault Unavailable
// "store_unavailable" or "storage_full". Times are UTC and cut to microseconds.
type Store interface {
	// Write runs fn in one transaction and returns once it is synced to disk. fn
	// may run more than once, so it does nothing but SQL. It is detached from the
	// caller's cancellation once it has begun. Fault Conflict "stale" (a
	// compare-and-swap that lost) makes Write run fn again, a bounded number of times.
	Write(ctx context.Context, fn func(ctx context.Context, tx Tx) error) error
	// Propose does what Write does, but lets fn decide beside others instead of in
	// turn: fn runs on a snapshot, and what it writes is carried out at its end, at
	// one go, if each compare-and-swap still holds then. Otherwise, and where fn
	// reads what it has written itself, fn runs once more, as in Write: so how a
	// write within fn has ended is certain only once Propose has returned.
	Propose(ctx context.Context, fn func(ctx context.Context, tx Tx) error) error
	// Together runs fn in one transaction, as Write does, and makes every Write,
	// Propose and Read with the context that fn gets a part of it: of the commands
	// that fn calls either all take effect, or, where fn returns an error, none. A
	// part that fails is undone alone.
	Together(ctx context.Context, fn func(ctx context.Context) error) error
	// Read runs fn on one consistent snapshot.
	Read(ctx context.Context, fn func(ctx context.Context, tx Reader) error) error
	// Subscribe gives a channel that receives (coalesced, never blocking the
	// sender) whenever a committed transaction on any process called
	// Tx.Notify(topic). cancel ends it.
	Subscribe(topic string) (wake <-chan struct{}, cancel func())
	// Once tells whether nobody, in any process, has asked for the hash before; it is
	// remembered until then. It is cheap, and not synced to disk: what came before
	// OnceSince may be forgotten. Fault Unavailable "too_much_to_remember".
	Once(ctx context.Context, hash [32]byte, until time.Time) (first bool, err error)
	// OnceSince is since when everything is remembered; zero: always.
	OnceSince() time.Time
}

// Topics of Tx.Notify.
const (
	TopicEntries = "entries" // journal entries wait to be numbered
	TopicJournal = "journal" // numbered entries are there to be read
	TopicBacklog = "backlog" // operations wait for a worker
	TopicLeases  = "leases"  // a leader let go of its lease
	// TopicDeliveries says that deliveries are there to be sent; TopicEndpoints, that
	// an endpoint was changed, or deliveries were sent anew.
	TopicDeliveries = "deliveries"
	TopicEndpoints  = "endpoints"
	TopicReplays    = "replays" // past events are to be sent
)

// LeaseSequencer is the lease without which nobody numbers entries.
const LeaseSequencer = "sequencer"

// Reader is what can be asked.
type Reader interface {
	// Now is the one time of this snapshot or transaction.
	Now() time.Time
	accessReader
	documentReader
	approvalReader
	signingReader
	journalReader
	auditReader
	witnessReader
	anchorReader
	protectionReader
	workReader
	rotationReader
	backlogReader
	keptReader
	queueReader
	delegationReader
	peopleReader
	hookReader
	inboundReader
	webhookReader
	searchReader
	uploadReader
	handoverReader
	reportReader
	bulkReader
}

// Tx is what can be asked and changed inside one transaction.
type Tx interface {
	Reader
	// Notify wakes the subscribers of topic, here and in other processes, after commit.
	Notify(topic string)
	accessWriter
	documentWriter
	approvalWriter
	signingWriter
	journalWriter
	witnessWriter
	anchorWriter
	protectionWriter
	workWriter
	rotationWriter
	backlogWriter
	keptWriter
	delegationWriter
	peopleWriter
	hookWriter
	inboundWriter
	webhookWriter
	searchWriter
	uploadWriter
	bulkWriter
	handoverWriter
}

type accessReader interface {
	Organisation(ctx context.Context, id string) (access.Organisation, error)
	Organisations(ctx context.Context) ([]access.Organisation, error)
	// Client finds a client by id alone, since a token request names no organisation.
	Client(ctx context.Context, id string) (access.OAuthClient, error)
	Clients(ctx context.Context, org string) ([]access.OAuthClient, error)
	// OwnRoles lists the roles that an organisation has made, by name.
	OwnRoles(ctx context.Context, org string) ([]access.OwnRole, error)
	DeviceRules(ctx context.Context, org string) ([]access.DeviceRule, error) // by name
	// SetupLink finds a link by its token's hash. NotFound.
	SetupLink(ctx context.Context, hash []byte) (SetupLink, error)
	// Part gives what the principal has to do with the document; grants count
	// where they run at the time of this reading.
	Part(ctx context.Context, org, documentID, principal string) (access.Relation, error)
	Grant(ctx context.Context, org, id string) (access.Grant, error)
	// Grants lists those of a document, newest first, also those that ended.
	Grants(ctx context.Context, org, documentID string) ([]access.Grant, error)
}

type accessWriter interface {
	InsertOrganisation(ctx context.Context, o access.Organisation) error
	InsertClient(ctx context.Context, c access.OAuthClient) error
	// UpdateOrganisation, UpdateClient and SaveRole compare-and-swap by the revision
	// and count it on (Conflict "stale"); SaveRole inserts where it is 0.
	UpdateOrganisation(ctx context.Context, o *access.Organisation) error
	UpdateClient(ctx context.Context, c *access.OAuthClient) error
	SaveRole(ctx context.Context, r *access.OwnRole) error
	RemoveRole(ctx context.Context, r access.OwnRole) error
	// SaveDeviceRule and RemoveDeviceRule are as SaveRole and RemoveRole.
	SaveDeviceRule(ctx context.Context, r *access.DeviceRule) error
	RemoveDeviceRule(ctx context.Context, r access.DeviceRule) error
	InsertSetupLink(ctx context.Context, l SetupLink) error
	// UseSetupLink takes a link away: Conflict "stale" where it is gone.
	UseSetupLink(ctx context.Context, hash []byte) error
	PurgeSetupLinks(ctx context.Context, before time.Time) error
	InsertGrant(ctx context.Context, g access.Grant) error
	// RevokeGrant sets RevokedAt where it is not set yet.
	RevokeGrant(ctx context.Context, org, id string, at time.Time) error
}

type documentReader interface {
	Unit(ctx context.Context, org, name string) (document.Unit, error)
	Units(ctx context.Context, org string) ([]document.Unit, error)
	// UnitUse gives how much of something a unit has used; zero where nothing was counted.
	UnitUse(ctx context.Context, org, unit, what string) (UnitUse, error)
	// StoredBytes adds up the files of a unit's documents.
	StoredBytes(ctx context.Context, org, unit string) (int64, error)
	DocumentType(ctx context.Context, org, name string) (document.Type, error)
	// DocumentTypeTerms gives a type without its texts. NotFound where there is none.
	DocumentTypeTerms(ctx context.Context, org, name string) (document.TypeTerms, error)
	DocumentTypes(ctx context.Context, org string) ([]document.Type, error)
	Document(ctx context.Context, org, id string) (document.Document, error)
	// Documents lists in the order that is asked for: by id, newest first, where none is.
	Documents(ctx context.Context, f DocumentFilter) ([]document.Document, error)
	Version(ctx context.Context, org, documentID string, no int) (document.Version, error)
	Versions(ctx context.Context, org, documentID string) ([]document.Version, error) // by number
	// Pages gives the pages of a version by number, without their Text.
	Pages(ctx context.Context, org, documentID string, version int) ([]document.Page, error)
	// SearchPages finds pages of current versions, or where those were made of one
	// that was read, of that one, whose text contains the query
	// (any substring, case and accents folded as far as the database can).
	SearchPages(ctx context.Context, q PageQuery) ([]PageHit, error)
	Blob(ctx context.Context, org, id string) (Blob, error)
	// Key gives the wrapped key-encryption key of a unit and class. NotFound where none was made.
	Key(ctx context.Context, org, unit, class string) (Key, error)
	KeyByID(ctx context.Context, id string) (Key, error)
	// DocumentKey gives the key of a document. NotFound where it has none.
	DocumentKey(ctx context.Context, org, documentID string) (DocumentKey, error)
	DocumentKeyByID(ctx context.Context, id string) (DocumentKey, error)
	// Unkeyed gives documents of all organisations that have no key yet, by organisation
	// and id, those behind after; nil: from the first.
	Unkeyed(ctx context.Context, after *document.Document, limit int) ([]document.Document, error)
	// BlobsOf gives all the files of a document: its versions, its pages' words,
	// its archive package; by id.
	BlobsOf(ctx context.Context, org, documentID string) ([]Blob, error)
	// BlobsUnder gives the ids of all files that lie under the document's key.
	BlobsUnder(ctx context.Context, org, documentID string) ([]string, error)
	// KnownBlob tells whether any row names the blob, for the collector of orphans.
	KnownBlob(ctx context.Context, id string) (bool, error)
}

type documentWriter interface {
	// InsertUnit and SaveDocumentType: Conflict "exists" for a second unit of the
	// name; a type is inserted when Revision is 0 and else compare-and-swapped (Conflict "stale").
	InsertUnit(ctx context.Context, u document.Unit) error
	UpdateUnit(ctx context.Context, u *document.Unit) error // compare-and-swapped (Conflict "stale")
	// AddUse counts n more of something for a unit. With below above 0, only where that
	// stays below it: else Conflict "stale".
	AddUse(ctx context.Context, org, unit, what string, n, below int64) error
	// LockUse gives what is counted, and keeps it as it is until this transaction ends.
	LockUse(ctx context.Context, org, unit, what string) (UnitUse, error)
	SetUse(ctx context.Context, org, unit, what string, u UnitUse) error
	SaveDocumentType(ctx context.Context, t document.Type) error
	// InsertDocument: Conflict "external_id_taken" where the organisation has another
	// document of the same external id.
	InsertDocument(ctx context.Context, d document.Document) error
	// UpdateDocument writes d where its row still has revision d.Revision and sets
	// d.Revision one higher. Conflict "stale" where another write came first.
	UpdateDocument(ctx context.Context, d *document.Document) error
	InsertVersion(ctx context.Context, v document.Version) error
	// DescribeVersion notes what reading a version's file found: its real media
	// type, its pages and its PDF signatures. The bytes and their digest stay.
	// NotFound where there is no such version.
	DescribeVersion(ctx context.Context, org, documentID string, no int, mediaType string, pages, signatures int) error
	InsertPages(ctx context.Context, pages []document.Page) error
	InsertBlob(ctx context.Context, b Blob) error
	// Erase destroys the document's key and takes everything personal out of the
	// rows that belong to the document, its entries included; the leaves stay. The
	// document's own row is for the caller to write.
	Erase(ctx context.Context, org, documentID string) error
	// InsertKey: Conflict "exists" where another transaction made it first.
	InsertKey(ctx context.Context, k Key) error
	// InsertDocumentKey: Conflict "exists" where the document has one already;
	// Unavailable CodeKeyRotated where the unit's key that wraps it is out of force.
	InsertDocumentKey(ctx context.Context, k DocumentKey) error
	// RewrapBlob writes the blob's KeyID and DataKey where it still lies under the
	// key from, and does nothing where it does not.
	RewrapBlob(ctx context.Context, b Blob, from string) error
}

type approvalReader interface {
	// Approval gives an approval with its tasks in order.
	Approval(ctx context.Context, org, id string) (approval.Approval, error)
	// OpenApproval gives the document's approval that is open. NotFound where none is.
	OpenApproval(ctx context.Context, org, documentID string) (approval.Approval, error)
	Approvals(ctx context.Context, org, documentID string) ([]approval.Approval, error) // oldest first
	Task(ctx context.Context, org, id string) (approval.Task, error)
	Tasks(ctx context.Context, f TaskFilter) ([]approval.Task, error) // by id, newest first
}

type approvalWriter interface {
	InsertApproval(ctx context.Context, a approval.Approval) error
	// UpdateApproval compare-and-swaps the approval (Conflict "stale") and writes all its tasks.
	UpdateApproval(ctx context.Context, a *approval.Approval) error
}

type signingReader interface {
	// Envelope gives an envelope with its recipients in order.
	Envelope(ctx context.Context, org, id string) (signing.Envelope, error)
	Envelopes(ctx context.Context, f EnvelopeFilter) ([]signing.Envelope, error) // by id, newest first
	// CompletedSignature finds an earlier signature of the document by the e-mail
	// address, in any envelope that was not voided, declined or expired. NotFound where there is none.
	CompletedSignature(ctx context.Context, org, documentID, email string) (signing.Recipient, error)
	// Link finds a link by its token's hash alone: whoever holds the token has named
	// the organisation by it. NotFound where there is none.
	Link(ctx context.Context, tokenHash []byte) (signing.Link, error)
}

type signingWriter interface {
	InsertEnvelope(ctx context.Context, e signing.Envelope) error
	// UpdateEnvelope compare-and-swaps the envelope (Conflict "stale") and writes all its recipients.
	UpdateEnvelope(ctx context.Context, e *signing.Envelope) error
	InsertLink(ctx context.Context, l signing.Link) error
}

type journalReader interface {
	// Entry gives one entry of the organisation.
	Entry(ctx context.Context, org, id string) (journal.Entry, error)
	// Entries lists numbered entries in the order of the log.
	Entries(ctx context.Context, f EntryFilter) ([]journal.Entry, error)
	// EntriesFrom gives up to limit numbered entries of all organisations with
	// index ≥ from, in order: for dispatchers and audits. Fault Internal
	// "entry_unreadable" at a row that is no entry, with those before it.
	EntriesFrom(ctx context.Context, from int64, limit int) ([]journal.Entry, error)
	// EntriesOf gives the entries of the kinds with from ≤ index < to, in order.
	EntriesOf(ctx context.Context, from, to int64, kinds []journal.Kind) ([]journal.Entry, error)
	// LogHead gives size, epoch of the last sequencer and the newest checkpoint note ("" before the first).
	LogHead(ctx context.Context) (LogHead, error)
	// TreeHashes gives the stored hashes at the positions, in their order.
	TreeHashes(ctx context.Context, positions []int64) ([][32]byte, error)
	// Leaves gives the records of the tree with from ≤ index < to, in order.
	Leaves(ctx context.Context, from, to int64) ([][]byte, error)
}

type journalWriter interface {
	// InsertEntry writes an entry that has no index yet.
	InsertEntry(ctx context.Context, e journal.Entry) error
	// Unnumbered gives entries without an index, oldest id first.
	Unnumbered(ctx context.Context, limit int) ([]PendingEntry, error)
	// Number gives the entries their indexes from first on, stores the tree's new
	// hashes and the checkpoint, and moves the head from {first, epoch}. Conflict
	// "stale" where the head is elsewhere, the epoch is past, or LeaseSequencer is
	// another's; that lease cannot change hands before the transaction ends.
	Number(ctx context.Context, n Numbering) error
	// Lease takes or renews a named lease for holder until now+ttl. It returns the
	// epoch (one higher for each new holder) and whether holder has it. Who has it
	// keeps it until the transaction ends, whatever the time: so what the same
	// transaction changes is changed by the one leader. A holder that stands still
	// within the transaction has it undone by the database after about ttl.
	Lease(ctx context.Context, name, holder string, ttl time.Duration) (epoch int64, held bool, err error)
	// Release ends holder's lease, if it has it, and wakes TopicLeases. The row
	// stays, so that the next holder has a higher epoch.
	Release(ctx context.Context, name, holder string) error
}

type workReader interface {
	Operation(ctx context.Context, org, id string) (Operation, error)
	Operations(ctx context.Context, f OperationFilter) ([]Operation, error) // by id, newest first
	ArchiveRecord(ctx context.Context, org, id string) (ArchiveRecord, error)
	ArchiveRecords(ctx context.Context, f ArchiveFilter) ([]ArchiveRecord, error) // by id, newest first
	// Cursor gives a dispatcher's place: the index of the next entry to read.
	Cursor(ctx context.Context, name string) (int64, error)
	// Idempotency gives what was kept under a key that has not run out by now. NotFound
	// where nothing was.
	Idempotency(ctx context.Context, client, route, key string, now time.Time) (IdempotencyRecord, error)
	// Setting gives a value of the installation; NotFound where it was never set.
	Setting(ctx context.Context, key string) (string, error)
	// Processes lists the processes that were seen lately, the dead included.
	Processes(ctx context.Context) ([]Process, error)
	// Leaders tells which process leads in what, by the database's clock.
	Leaders(ctx context.Context) ([]Leader, error)
	// Figures counts what gauges show.
	Figures(ctx context.Context) (Figures, error)
}

type workWriter interface {
	InsertOperation(ctx context.Context, o Operation) error
	// LockOperation gives an operation, and keeps it as it is until this transaction ends.
	LockOperation(ctx context.Context, org, id string) (Operation, error)
	// UpdateOperation compare-and-swaps (Conflict "stale").
	UpdateOperation(ctx context.Context, o *Operation) error
	// InsertArchiveRecord: Conflict "exists" where the document has one already.
	InsertArchiveRecord(ctx context.Context, r ArchiveRecord) error
	// SetCursor moves a dispatcher's place on. Conflict "stale" where it is there or
	// beyond already: somebody else dispatched those entries.
	SetCursor(ctx context.Context, name string, next int64) error
	SetSetting(ctx context.Context, key, value string) error
	// SeeProcess notes that a process lives; ForgetProcess, that it ended in order.
	SeeProcess(ctx context.Context, p Process) error
	ForgetProcess(ctx context.Context, id string) error
	// KeepIdempotency keeps a result under (client, route, key). Where another
	// transaction holds that key, it waits for it. Conflict "stale" where the key has
	// been taken: who runs again finds it by Idempotency.
	KeepIdempotency(ctx context.Context, r IdempotencyRecord) error
	// PurgeExpired removes idempotency rows that ended before keys, and links that
	// ended before links.
	PurgeExpired(ctx context.Context, keys, links time.Time) (int64, error)
}
