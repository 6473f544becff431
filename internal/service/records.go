package service

import (
	"encoding/json"
	"time"

	"github.com/paraph/paraph/internal/document"
)

// Blob is the row that names an encrypted object and holds its wrapped key.
type Blob struct {
	ID          string
	Org         string
	KeyID       string // the DocumentKey that wraps DataKey; of old files the Key of the unit
	DataKey     []byte // wrapped
	Size        int64  // bytes of plaintext
	SHA256      string // of the plaintext, lower-case hex
	CreatedAt   time.Time
	DestroyedAt time.Time // set when the key was shredded

	Key *DocumentKey // of a new document, to be written with the row; else nil
}

// DocumentKey is the key of one document's files, wrapped by the key of its unit.
type DocumentKey struct {
	ID          string
	Org         string
	DocumentID  string
	KeyID       string // the Key that wraps it
	Wrapped     []byte // nil once it is destroyed
	CreatedAt   time.Time
	DestroyedAt time.Time // zero: in force
}

// Key is a key-encryption key of a business unit and class, wrapped by the master key.
type Key struct {
	ID        string
	Org       string
	Unit      string
	Class     string
	MasterID  string
	Wrapped   []byte
	CreatedAt time.Time
	// SupersededAt is when another key took its place: nothing new is wrapped by it.
	SupersededAt time.Time // zero: in force
}

// OperationState is how far an operation has come.
type OperationState string

// The states of an operation.
const (
	OperationPending   OperationState = "pending"
	OperationRunning   OperationState = "running"
	OperationSucceeded OperationState = "succeeded"
	OperationFailed    OperationState = "failed"
)

// Ended tells whether the operation will not change by itself any more.
func (s OperationState) Ended() bool { return s == OperationSucceeded || s == OperationFailed }

// The kinds of operation.
const (
	OpCapture = "capture" // read an uploaded file
	OpSeal    = "seal"    // make the sealed PDF of an envelope
	OpArchive = "archive" // put a document into the archive
	OpProtect = "protect" // add to a signed PDF what protects its signatures
	OpDispose = "dispose" // delete what is left of a document that was disposed of

	// These belong to no document.
	OpRotateKey = "rotate_key"  // wrap what lies under a unit's old key anew
	OpBulkSend  = "bulk_send"   // send the rows of a bulk send
	OpExport    = "export_unit" // write everything a unit owns into an archive
	OpImport    = "import_unit" // make documents of such an archive
)

// OperationKinds lists the kinds.
func OperationKinds() []string {
	return []string{OpCapture, OpSeal, OpProtect, OpArchive, OpDispose, OpRotateKey, OpBulkSend, OpExport, OpImport}
}

// Operation is long work that a caller can poll, await or hear of.
type Operation struct {
	ID         string
	Org        string
	Unit       string
	Kind       string
	DocumentID string // "" where it belongs to none
	EnvelopeID string // for a seal
	State      OperationState
	Step       string
	Done       int // of Total steps or pages
	Total      int
	Attempts   int
	Code       string // fault code of the last failure
	Reason     string
	Retryable  bool
	CreatedAt  time.Time
	StartedAt  time.Time
	EndedAt    time.Time
	Revision   int64
}

// ArchiveRecord is a document's place in the compliance archive.
type ArchiveRecord struct {
	ID            string
	Org           string
	Unit          string
	DocumentID    string
	Version       int    // the archived version
	SHA256        string // of the archived version
	Package       string // blob of the package
	PackageSHA256 string
	PackageSize   int64
	Files         json.RawMessage // name → {sha256, size}
	Rule          string          // retention rule; "" = keep until a rule says otherwise
	ArchivedAt    time.Time

	Additions []ArchiveAddition // by number; filled in where one record is asked for
}

// ArchiveAddition is a package of its own with what was added to an archived
// document: the bytes behind those in the packages before it, and the entries since.
type ArchiveAddition struct {
	Org           string
	RecordID      string
	No            int // 1, 2, 3 …
	DocumentID    string
	Version       int    // the document's version that it makes of the packages before it
	SHA256        string // of that version
	Package       string // blob
	PackageSHA256 string
	PackageSize   int64
	Files         json.RawMessage // name → {sha256, size}
	AddedAt       time.Time
}

// PendingEntry is an entry that waits for its number.
type PendingEntry struct {
	ID   string
	Leaf []byte
}

// LogHead is the newest state of the log.
type LogHead struct {
	Size       int64
	Root       [32]byte
	Epoch      int64
	Checkpoint string // signed note; "" while the log is empty
}

// Numbering is what the sequencer writes for one batch.
type Numbering struct {
	First  int64    // index of the first of IDs; the head's size before
	Holder string   // who numbers: the holder of LeaseSequencer
	Epoch  int64    // the holder's epoch
	IDs    []string // entry ids in order
	Hashes map[int64][32]byte
	Root   [32]byte
	Note   string // the signed checkpoint of size First+len(IDs)
}

// IdempotencyRecord remembers a command's result under the caller's key.
type IdempotencyRecord struct {
	Client string
	Route  string // method and route pattern
	Key    string
	Digest []byte // SHA-256 of the request
	Result []byte // encrypted typed result; nil where it must not be repeated
	Secret bool   // the result held a secret and was not kept
	Entry  string // the newest journal entry of the command; "" where it made none
	// DocumentID is the document whose details the result holds, "" for none:
	// with the document they go too.
	DocumentID string
	CreatedAt  time.Time
	ExpiresAt  time.Time
}

// Figures are counts for gauges and reports.
type Figures struct {
	DocumentsByState map[string]int64
	Unnumbered       int64
	OldestUnnumbered time.Time // zero: none
	LogSize          int64
	OpenOperations   map[string]int64     // by kind
	OldestOperation  map[string]time.Time // by kind
	Cursors          map[string]int64
	Quarantined      int64 // events that came in and could not be processed
}

// DocumentFilter narrows a list of documents. Zero fields do not narrow.
type DocumentFilter struct {
	Org string
	// Units confines the list to these units, plus documents Principal has a part
	// in; nil: all units.
	Units      []string
	Principal  string
	Unit       string
	States     []string
	Types      []string
	CreatedBy  string
	Approver   string // stands in the approver list
	ExternalID string
	Labels     map[string]string
	Since      time.Time // created at or after
	Until      time.Time // created before
	// ProtectedUntil keeps those whose signatures are protected no longer than that.
	ProtectedUntil    time.Time
	ProtectionDelayed bool // keeps those that lack something for the level that is wanted
	// Metadata are members, named by their path with dots, and what they are.
	Metadata     map[string]string
	UpdatedSince time.Time      // updated at or after
	Search       []SearchClause // what the full text holds; nil: anything
	Sort         DocumentSort
	Before       string // id: older than this one; only where Sort is the zero value
	Limit        int
}

// DocumentSort is an order of documents; the zero value is by id, newest first.
type DocumentSort struct {
	By   string // created_at, updated_at, title; "": id
	Down bool
	// After is the last document of the page before: its value and id. nil: from the start.
	After *SortPlace
}

// SortPlace is a place in an order.
type SortPlace struct {
	Text string    // of title
	Time time.Time // of the others
	ID   string
}

// PageQuery asks for pages by their text.
type PageQuery struct {
	Org        string
	Units      []string // nil: all
	Principal  string   // pages of documents it has a part in are found whatever the unit
	DocumentID string   // "": all documents
	Text       string
	After      PageHit // zero: from the start
	Limit      int
}

// PageHit is one page that contains the query.
type PageHit struct {
	Document document.Document
	Page     document.Page
}

// TaskFilter narrows a list of tasks.
type TaskFilter struct {
	Org        string
	Units      []string // of the documents; nil: all
	Principal  string   // tasks on documents it has a part in are listed whatever the unit
	Assignee   string
	State      string
	DocumentID string
	Before     string
	Limit      int
}

// EnvelopeFilter narrows a list of envelopes.
type EnvelopeFilter struct {
	Org        string
	Units      []string // nil: all
	Principal  string   // envelopes of documents it has a part in are listed whatever the unit
	State      string
	DocumentID string
	Before     string
	Limit      int
}

// OperationFilter narrows a list of operations.
type OperationFilter struct {
	Org        string
	Units      []string
	State      string
	Kind       string
	DocumentID string
	Before     string
	Limit      int
}

// ArchiveFilter narrows a list of archive records.
type ArchiveFilter struct {
	Org        string
	Units      []string
	DocumentID string
	Before     string
	Limit      int
}

// EntryFilter narrows a list of journal entries of one organisation.
type EntryFilter struct {
	Org        string
	Units      []string // nil: all, with entries that belong to no unit
	From       int64    // index of the first entry to look at
	Kinds      []string // exact kinds, or prefixes that end in ".*"
	DocumentID string
	SubjectID  string
	PublicOnly bool
	Limit      int
}

// Process is one process of the installation, as it says of itself.
type Process struct {
	ID        string // as in leases and job records
	Roles     []string
	Version   string
	StartedAt time.Time     // by its own clock
	Silent    time.Duration // since it was last heard of; not written
}

// Leader is the process that leads in some work.
type Leader struct {
	Work    string // the lease's name
	Process string
	Epoch   int64
}
