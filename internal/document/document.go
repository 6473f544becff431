// Package document is what Paraph is about: a document, its immutable versions,
// the metadata everybody filters by, and the table of its life (state.go).
//
// Pure rules: no SQL, no HTTP, no clock.
package document

import (
	"encoding/json"
	"time"

	"github.com/paraph/paraph/internal/fault"
)

// Document is one document of an organisation. Its content lives in Versions.
type Document struct {
	ID           string
	Org          string // tenant; every query carries it
	Unit         string // business unit inside the organisation
	Type         string // name of a Type
	Title        string
	ExternalID   string            // the caller's own reference, unique where set within the organisation
	Labels       map[string]string // free, for filtering
	Metadata     json.RawMessage   // checked against the Type's schema, kept byte for byte as sent
	ApproverList []string          // who was asked, from the last submission
	CreatedBy    string            // principal
	CreatedAt    time.Time
	UpdatedAt    time.Time

	State   State
	Current int // number of the Version that people see and sign
	Pages   int // of the current version; 0 until captured

	Processing Processing

	// Revision counts writes of this row. Every write names the revision it has
	// read and fails where another came first (compare-and-swap).
	Revision int64
	// EntrySeq counts the journal entries of this document and LastLeaf is the
	// hash of the newest one: the document's own chain in the log.
	EntrySeq int64
	LastLeaf []byte
}

// Apply moves the document by an action, or says why it cannot.
func (d *Document) Apply(a Action) error {
	next, err := d.State.Next(a)
	if err != nil {
		return err
	}
	d.State = next
	return nil
}

// Disposed tells whether the document was disposed of: what is left is its tombstone.
func (d *Document) Disposed() bool { return d.State == Disposed }

// Bury makes a tombstone of a document whose key turned out to be destroyed: it
// was disposed of, whatever its row still says.
func (d *Document) Bury() {
	d.State, d.Processing.Status = Disposed, StatusDone
	d.Erase()
}

// Erase takes everything personal out of the document itself. What stays is
// what a tombstone says: that it was, when, where, and how it ended.
func (d *Document) Erase() {
	d.Title, d.ExternalID, d.Labels, d.Metadata, d.ApproverList, d.CreatedBy = "", "", nil, nil, nil, ""
	d.Processing.Reason = ""
}

// Gone is the fault for asking what was in a document that was disposed of; nil
// for any other.
func (d *Document) Gone() error {
	if !d.Disposed() {
		return nil
	}
	return fault.New(fault.Gone, "document_disposed", "The document was disposed of. That it was, its digests and its place in the log stay; its content is destroyed.")
}

// Status is how far the technical work on a document has come.
type Status string

// The statuses of Processing.
const (
	StatusPending     Status = "pending"     // queued
	StatusRunning     Status = "running"     // a worker has it
	StatusDone        Status = "done"        // nothing waits
	StatusFailed      Status = "failed"      // retries are used up; an API call starts it again
	StatusQuarantined Status = "quarantined" // the file cannot be processed; the reason says why
)

// Processing says what the workers do with a document, and why it is stuck if it is.
type Processing struct {
	Status    Status
	Step      string // capture, seal, protect, archive; inside capture: inspect, normalise, read, layer
	Operation string // the operation to poll or retry
	Code      string // fault code where Status is failed or quarantined
	Reason    string // in words for people
}

// Ready tells whether the document's content has been captured, so that it can
// be submitted and signed.
func (d *Document) Ready() bool { return d.Current > 0 && d.Pages > 0 }

// Fileless tells whether the document is its details alone: no file was ever sent.
// It can be approved like any other; to be signed or archived it needs a file.
func (d *Document) Fileless() bool { return d.Current == 0 && d.Processing.Operation == "" }

// NotReady is the fault for an action that needs captured content.
func (d *Document) NotReady() error {
	if d.Fileless() {
		return fault.New(fault.Conflict, "document_without_file", "The document has no file. Add one while it is a draft.")
	}
	switch d.Processing.Status {
	case StatusQuarantined:
		return fault.New(fault.Conflict, "document_quarantined", "The document is in quarantine: %s Upload a new file, or void it.", d.Processing.Reason)
	case StatusFailed:
		return fault.New(fault.Conflict, "document_failed", "The document could not be read: %s Retry operation %s, or void the document.", d.Processing.Reason, d.Processing.Operation)
	default:
		return fault.New(fault.Conflict, "document_processing", "The document is still being read. Wait for operation %s to succeed, then try again.", d.Processing.Operation)
	}
}

// VersionKind says how a version came to be.
type VersionKind string

// The kinds of version.
const (
	Original   VersionKind = "original"   // the bytes as they came, kept for ever, untouched
	Normalised VersionKind = "normalised" // a clean PDF made of images, or of a damaged or encrypted PDF
	Searchable VersionKind = "searchable" // the PDF with an invisible text layer added
	Sealed     VersionKind = "sealed"     // signed and sealed; its bytes stay a prefix of whatever follows
	// Completion is the certificate of completion as a sealed file of its own, made
	// where a page inside the document would break an earlier signature.
	Completion VersionKind = "completion"
	// Protected is a signed version with one more revision behind it that protects
	// its signatures: evidence for later, or a time stamp.
	Protected VersionKind = "protected"
	// Evidence is what came with an imported document about its past elsewhere, as a
	// zip file. Nobody signs it, and it is never the current version.
	Evidence VersionKind = "evidence"
)

// Known tells whether k is one of these kinds.
func (k VersionKind) Known() bool {
	switch k {
	case Original, Normalised, Searchable, Sealed, Completion, Protected, Evidence:
		return true
	}
	return false
}

// Version is one immutable content of a document.
type Version struct {
	DocumentID  string
	Org         string
	No          int // 1, 2, 3 …
	Kind        VersionKind
	DerivedFrom int // the version it was made of; 0 for an original
	MediaType   string
	FileName    string // as uploaded; for display only
	Blob        string // id of the blob that holds the bytes
	SHA256      string // of the plaintext, lower-case hex
	Size        int64  // bytes of plaintext
	Pages       int    // 0 where not known
	Signatures  int    // PDF signatures inside
	CreatedAt   time.Time
	Standing    // of those signatures
}

// Page is what is known of one page of a captured version.
type Page struct {
	DocumentID string
	Org        string
	Version    int // the version whose page it is
	No         int // 1, 2, 3 …
	Width      float64
	Height     float64 // points, as displayed
	Turned     int     // degrees clockwise that a reader would turn the page to read it
	Blank      bool
	Source     string  // "text_layer", "ocr", "none"
	Engine     string  // engine, model and settings that read it
	Confidence float64 // mean word confidence 0..100; 100 for a text layer, 0 for a blank page
	Words      int
	Blob       string // the words with their boxes, as JSON; "" where there are none
	Text       string // for the search index
}

// Word is one recognised word and where it stands on the page as displayed.
type Word struct {
	Text       string  `json:"text"`
	X          float64 `json:"x"` // points from the left edge
	Y          float64 `json:"y"` // points from the top edge
	Width      float64 `json:"width"`
	Height     float64 `json:"height"`
	Confidence float64 `json:"confidence"` // 0..100
	Line       int     `json:"line"`       // words with the same number stand in one line
}

// Type is a kind of document an organisation knows, with a JSON Schema (2020-12)
// for the metadata of such documents.
type Type struct {
	Org    string
	Name   string // slug: purchase_order
	Title  string
	Schema json.RawMessage // null or absent: any object
	// Weight is the type's share of the work beside the organisation's other types,
	// 1 to fair.MaxWeight; MaxRunning how many of its documents are in work at once, 0 without limit.
	Weight     int
	MaxRunning int
	// FourEyes: approvals of such documents are decided by others than those who
	// brought them in, and by each of them once.
	FourEyes  bool
	Revision  int64
	CreatedAt time.Time
	UpdatedAt time.Time
}

// TypeTerms are what a submission needs to know of a type beside its schema.
type TypeTerms struct {
	Revision int64
	FourEyes bool
}

// Unit is a business unit: partition, filter and role scope inside an organisation.
type Unit struct {
	Org       string
	Name      string // slug: purchasing
	Title     string
	Weight    int // its share of the work on documents of one type beside other units; 1 to fair.MaxWeight
	CreatedAt time.Time
	ClosedAt  time.Time // zero: it takes new documents
	Limits    UnitLimits
	Revision  int64
}
