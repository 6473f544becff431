// Package handover is the file in which a business unit is handed over: everything
// it owns, in a form that is documented, that people can read, and that anybody can
// check without Paraph. It is a zip file with the documents' files, lines of JSON
// about them, what proves where they come from, and a manifest with the digest of
// each file.
//
// The package says what stands in it (this file), writes it (write.go), and reads
// what strangers made of it (read.go): bounded, and nothing is believed before its
// digest was compared.
package handover

import (
	"encoding/json"
	"time"
)

// Format is the format that this package writes and reads.
const Format = "paraph-unit-export@v1"

// SchemaPath is where the JSON Schema of the manifest and the lines stands, below an
// installation's address.
const SchemaPath = "/schemas/unit-export/v1.json"

// The names of files in the archive.
const (
	ManifestName  = "manifest.json"
	ReadmeName    = "README.txt"
	FilesName     = "files.jsonl"
	DocumentsName = "documents.jsonl"
	TypesName     = "types.jsonl"
	PeopleName    = "people.jsonl"
	EndpointsName = "endpoints.jsonl"
	SourcesName   = "sources.jsonl"
	UnitName      = "unit.json"
	UnitEntries   = "unit/entries.jsonl"
	LogKeyName    = "trust/log.vkey"
	CAName        = "trust/ca.pem"
	TSAName       = "trust/tsa.pem"
)

// Bounds of what is read, and so of what is written.
const (
	MaxFiles    = 1_000_000 // files in one archive
	MaxLine     = 8 << 20   // bytes of one line
	MaxManifest = 1 << 20
	MaxVersions = 1000 // of one document
	// maxDirectory bounds the zip file's directory, which is read as a whole.
	maxDirectory = 256 << 20
	// maxRatio is how much longer a packed file may be than what it was packed to.
	// Text shrinks to a tenth; only what is made to do harm shrinks to a hundredth.
	maxRatio = 200
	// maxPath is the longest name of a file.
	maxPath = 200
)

// Manifest says what is in the archive. It is the last file, so that one that is
// broken off has none.
type Manifest struct {
	Schema string    `json:"$schema"` // address of the JSON Schema
	Format string    `json:"format"`  // paraph-unit-export@v1
	Export string    `json:"export_id"`
	MadeAt time.Time `json:"made_at"`
	MadeBy string    `json:"made_by"`
	// Extract is the SHA-256 of the manifest of which this is the part about one
	// document; "": this is a whole archive.
	Extract string `json:"extract_of,omitempty"`
	Origin  Origin `json:"origin"`
	Cut     Cut    `json:"cut"`
	Counts  Counts `json:"counts"`
	// Files are the files beside those that files.jsonl lists.
	Files []File `json:"files"`
}

// Origin says whose the archive is.
type Origin struct {
	Installation     string `json:"installation"` // its address
	Organisation     string `json:"organisation_id"`
	OrganisationName string `json:"organisation"`
	Unit             string `json:"business_unit"`
}

// Cut says at which moment the unit was looked at: whole, with what was committed
// by then, and nothing later. LogSize is how many entries the log had.
type Cut struct {
	At      time.Time `json:"at"`
	LogSize int64     `json:"log_size"`
}

// Counts count what the archive holds.
type Counts struct {
	Documents int64 `json:"documents"` // lines of documents.jsonl
	Disposed  int64 `json:"disposed"`  // of them those of which a tombstone is left
	Versions  int64 `json:"versions"`  // files of documents
	Packages  int64 `json:"archive_packages"`
	Approvals int64 `json:"approvals"`
	Envelopes int64 `json:"envelopes"`
	Entries   int64 `json:"entries"` // of the log, with their proofs
	Files     int64 `json:"files"`   // of files.jsonl
	Bytes     int64 `json:"bytes"`   // of those files
}

// File names a file with its digest.
type File struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"` // lower-case hex
	Size   int64  `json:"size"`   // bytes
}

// Document is a line of documents.jsonl: a document with all that belongs to it.
type Document struct {
	ID         string            `json:"id"`
	Type       string            `json:"document_type"`
	Title      string            `json:"title,omitempty"`
	ExternalID string            `json:"external_id,omitempty"`
	Labels     map[string]string `json:"labels,omitempty"`
	Metadata   json.RawMessage   `json:"metadata,omitempty"`
	// MetadataText is the metadata byte for byte as they were sent, where they were
	// written in another way than here.
	MetadataText string    `json:"metadata_text,omitempty"`
	State        string    `json:"state"` // disposed: what follows is the tombstone
	Processing   string    `json:"processing"`
	Reason       string    `json:"reason,omitempty"`
	CreatedBy    string    `json:"created_by,omitempty"`
	CreatedAt    time.Time `json:"created_at"`
	UpdatedAt    time.Time `json:"updated_at"`
	Approvers    []string  `json:"approver_list,omitempty"`
	Current      int       `json:"current_version"`
	Pages        int       `json:"pages"`
	Revision     int64     `json:"revision"`
	// Entries is how many entries of the log tell of the document; LastEntry is the leaf
	// hash of the newest, and each names the one before.
	Entries   int64      `json:"entries"`
	LastEntry string     `json:"last_entry"` // base 64
	Journal   File       `json:"entries_file"`
	Versions  []Version  `json:"versions"`
	Approvals []Approval `json:"approvals,omitempty"`
	Envelopes []Envelope `json:"envelopes,omitempty"`
	Archive   *Record    `json:"archive_record,omitempty"`
	Grants    []Grant    `json:"grants,omitempty"`
}

// RawMetadata gives the metadata byte for byte as they were sent; nil where there are none.
func (d *Document) RawMetadata() json.RawMessage {
	if d.MetadataText != "" {
		return json.RawMessage(d.MetadataText)
	}
	return d.Metadata
}

// Version is one immutable content of a document. Path is "" where the document
// was disposed of: its digest is what is left.
type Version struct {
	Number      int        `json:"number"`
	Kind        string     `json:"kind"`
	DerivedFrom int        `json:"derived_from,omitempty"`
	MediaType   string     `json:"media_type"`
	FileName    string     `json:"file_name,omitempty"`
	SHA256      string     `json:"sha256"`
	Size        int64      `json:"size"`
	Pages       int        `json:"pages,omitempty"`
	Signatures  int        `json:"signatures,omitempty"`
	Level       string     `json:"protection_level,omitempty"`
	Until       *time.Time `json:"protected_until,omitempty"`
	CreatedAt   time.Time  `json:"created_at"`
	Path        string     `json:"path,omitempty"`
}

// Approval is a round of review with its decisions. Payload is the canonical
// payload by which it was asked for; what its metadata were is told by the entry
// document.submitted of its time.
type Approval struct {
	ID          string          `json:"id"`
	Version     int             `json:"document_version,omitempty"`
	SHA256      string          `json:"document_sha256,omitempty"`
	Payload     json.RawMessage `json:"payload"`
	SubmittedBy string          `json:"submitted_by"`
	Mode        string          `json:"mode"`
	Quorum      int             `json:"quorum"`
	FourEyes    bool            `json:"four_eyes,omitempty"`
	State       string          `json:"state"`
	CreatedAt   time.Time       `json:"created_at"`
	ClosedAt    *time.Time      `json:"closed_at,omitempty"`
	Tasks       []Task          `json:"tasks"`
}

// Task is one approver's part.
type Task struct {
	ID         string     `json:"id"`
	Position   int        `json:"position"`
	Assignee   string     `json:"assignee"`
	State      string     `json:"state"`
	Comment    string     `json:"comment,omitempty"`
	DecidedBy  string     `json:"decided_by,omitempty"`
	OnBehalfOf string     `json:"on_behalf_of,omitempty"`
	OpenedAt   *time.Time `json:"opened_at,omitempty"`
	DecidedAt  *time.Time `json:"decided_at,omitempty"`
}

// Envelope is a request for signatures with the evidence of each.
type Envelope struct {
	ID         string      `json:"id"`
	Version    int         `json:"document_version"`
	SHA256     string      `json:"document_sha256"`
	Sealed     int         `json:"sealed_version,omitempty"`
	Subject    string      `json:"subject,omitempty"`
	Message    string      `json:"message,omitempty"`
	Sender     string      `json:"sender,omitempty"`
	State      string      `json:"state"`
	Reason     string      `json:"reason,omitempty"`
	CreatedAt  time.Time   `json:"created_at"`
	SentAt     *time.Time  `json:"sent_at,omitempty"`
	ExpiresAt  *time.Time  `json:"expires_at,omitempty"`
	ClosedAt   *time.Time  `json:"closed_at,omitempty"`
	Recipients []Recipient `json:"recipients"`
}

// Recipient is one who was asked to sign.
type Recipient struct {
	ID          string          `json:"id"`
	Order       int             `json:"order"`
	Name        string          `json:"name"`
	Email       string          `json:"email"`
	State       string          `json:"state"`
	Reason      string          `json:"reason,omitempty"`
	SentAt      *time.Time      `json:"sent_at,omitempty"`
	DeliveredAt *time.Time      `json:"delivered_at,omitempty"`
	ViewedAt    *time.Time      `json:"viewed_at,omitempty"`
	ConsentedAt *time.Time      `json:"consented_at,omitempty"`
	SignedAt    *time.Time      `json:"signed_at,omitempty"`
	DeclinedAt  *time.Time      `json:"declined_at,omitempty"`
	Fields      json.RawMessage `json:"fields,omitempty"`
	Evidence    json.RawMessage `json:"evidence,omitempty"`
	Signature   json.RawMessage `json:"signature,omitempty"`
}

// Record is a document's place in the compliance archive, with its packages.
type Record struct {
	ID         string    `json:"id"`
	Version    int       `json:"document_version"`
	Rule       string    `json:"retention_rule,omitempty"`
	ArchivedAt time.Time `json:"archived_at"`
	Packages   []File    `json:"packages"` // the package, then its additions
}

// Grant is a person's way to read the document for a time.
type Grant struct {
	Principal string     `json:"principal"`
	Purpose   string     `json:"purpose,omitempty"`
	GrantedBy string     `json:"granted_by,omitempty"`
	From      time.Time  `json:"from"`
	Until     time.Time  `json:"until"`
	RevokedAt *time.Time `json:"revoked_at,omitempty"`
}

// Entry is a line of an entries.jsonl: an entry of the log, as it is disclosed in
// its canonical form, and the .tlog-proof (without extra data) that it stands there.
type Entry struct {
	Entry json.RawMessage `json:"entry"`
	Proof string          `json:"proof"`
}

// Type is a line of types.jsonl.
type Type struct {
	Name     string          `json:"name"`
	Title    string          `json:"title,omitempty"`
	Schema   json.RawMessage `json:"schema,omitempty"`
	FourEyes bool            `json:"four_eyes,omitempty"`
}

// Unit is unit.json.
type Unit struct {
	Name      string     `json:"name"`
	Title     string     `json:"title,omitempty"`
	CreatedAt time.Time  `json:"created_at"`
	ClosedAt  *time.Time `json:"closed_at,omitempty"`
}

// Person is a line of people.jsonl: a name that documents, decisions and envelopes
// refer to, with the roles that it had.
type Person struct {
	Principal string   `json:"principal"`
	Kind      string   `json:"kind"` // user, client, other
	Name      string   `json:"name,omitempty"`
	Roles     []string `json:"roles,omitempty"`
}

// Endpoint is a line of endpoints.jsonl: where events of the unit went. Secrets,
// values of headers and client certificates' keys are not in it.
type Endpoint struct {
	ID          string   `json:"id"`
	URL         string   `json:"url"`
	Description string   `json:"description,omitempty"`
	Types       []string `json:"types,omitempty"`
	Condition   string   `json:"condition,omitempty"`
	Order       string   `json:"order"`
	Headers     []string `json:"headers,omitempty"` // names alone
	Enabled     bool     `json:"enabled"`
}

// Source is a line of sources.jsonl: a system that sent webhooks in. Its secrets
// are not in it.
type Source struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Preset  string `json:"preset"`
	Trust   string `json:"trust"`
	Command string `json:"command,omitempty"`
	Program string `json:"mapping,omitempty"`
	Enabled bool   `json:"enabled"`
}

// Forms are the forms of the files of an archive, for its schema.
type Forms struct {
	Manifest Manifest `json:"manifest" doc:"manifest.json"`
	Unit     Unit     `json:"unit" doc:"unit.json"`
	File     File     `json:"file" doc:"A line of files.jsonl."`
	Document Document `json:"document" doc:"A line of documents.jsonl."`
	Entry    Entry    `json:"entry" doc:"A line of an entries.jsonl."`
	Type     Type     `json:"type" doc:"A line of types.jsonl."`
	Person   Person   `json:"person" doc:"A line of people.jsonl."`
	Endpoint Endpoint `json:"endpoint" doc:"A line of endpoints.jsonl."`
	Source   Source   `json:"source" doc:"A line of sources.jsonl."`
}

// Readme tells people what the archive is.
const Readme = `This archive holds everything that a business unit of Paraph owned at one moment.

manifest.json      what is in here: whose it was, when it was looked at, counts, and
                   the SHA-256 and size of each of the files of this list
files.jsonl        the same for the files of documents, one line each
documents.jsonl    one line for each document: its details, its versions with the path
                   of each file, approvals with their decisions, envelopes with the
                   evidence of each signature, and its place in the archive
documents/ID/      the files of a document: NUMBER-KIND, byte for byte; in
                   entries.jsonl what the log tells of it, each entry with its proof
archive/           packages of the compliance archive
unit.json          the unit itself; unit/entries.jsonl what the log tells of it
types.jsonl        the types of its documents with their JSON Schemas
people.jsonl       the names that are referred to, with their roles
endpoints.jsonl    where its events were sent, and sources.jsonl who sent events in;
                   secrets are not in here and have to be made anew
trust/             the key of the log and the root of the seals

A document in state "disposed" was destroyed: its digests and its place in the log
are what is left of it.

Check it offline, without asking whoever gave it to you:
  paraph verify --log-key trust/log.vkey --ca trust/ca.pem ARCHIVE.zip
Compare trust/log.vkey with the key that the installation publishes at
/.well-known/paraph/log.vkey, or with one that you have kept.
`
