package paraph

import (
	"encoding/json"
	"time"
)

// Document is a document with its state and how far the technical work has come.
type Document struct {
	ID             string            `json:"id"`
	DocumentType   string            `json:"document_type"`
	BusinessUnit   string            `json:"business_unit"`
	Title          string            `json:"title"`
	ExternalID     string            `json:"external_id"`
	Labels         map[string]string `json:"labels"`
	Metadata       json.RawMessage   `json:"metadata"`
	ApproverList   []string          `json:"approver_list"`
	State          string            `json:"state"`
	Processing     Processing        `json:"processing"`
	CurrentVersion int               `json:"current_version"`
	Pages          int               `json:"pages"`
	Revision       int64             `json:"revision"`
	CreatedBy      string            `json:"created_by"`
	CreatedAt      time.Time         `json:"created_at"`
	UpdatedAt      time.Time         `json:"updated_at"`
}

// Processing says what the workers do with a document, and why it is stuck if it is.
type Processing struct {
	Status      string `json:"status"` // pending, running, done, failed, quarantined
	Step        string `json:"step"`
	OperationID string `json:"operation_id"`
	Code        string `json:"code"`
	Reason      string `json:"reason"`
}

// Version is one immutable content of a document.
type Version struct {
	Number      int       `json:"number"`
	Kind        string    `json:"kind"` // original, normalised, searchable, sealed, completion
	DerivedFrom int       `json:"derived_from"`
	MediaType   string    `json:"media_type"`
	FileName    string    `json:"file_name"`
	SHA256      string    `json:"sha256"`
	Size        int64     `json:"size"` // bytes
	Pages       int       `json:"pages"`
	Signatures  int       `json:"signatures"`
	CreatedAt   time.Time `json:"created_at"`
}

// Operation is long work.
type Operation struct {
	ID         string     `json:"id"`
	Kind       string     `json:"kind"`  // capture, seal, archive
	State      string     `json:"state"` // pending, running, succeeded, failed
	DocumentID string     `json:"document_id"`
	EnvelopeID string     `json:"envelope_id"`
	Progress   *Progress  `json:"progress"`
	Attempts   int        `json:"attempts"`
	Code       string     `json:"code"`
	Reason     string     `json:"reason"`
	Retryable  bool       `json:"retryable"`
	CreatedAt  time.Time  `json:"created_at"`
	StartedAt  *time.Time `json:"started_at"`
	EndedAt    *time.Time `json:"ended_at"`
}

// Ended tells whether nothing more will happen by itself.
func (o *Operation) Ended() bool { return o.State == "succeeded" || o.State == "failed" }

// Progress is how far an operation has come.
type Progress struct {
	Step  string `json:"step"`
	Done  int    `json:"done"`
	Total int    `json:"total"`
}

// Uploaded is a document with the version and the operation that its upload made.
type Uploaded struct {
	Document  Document  `json:"document"`
	Version   Version   `json:"version"`
	Operation Operation `json:"operation"`
}

// Page is what is known of one page; lengths are points, as displayed.
type Page struct {
	Number     int     `json:"number"`
	Width      float64 `json:"width"`
	Height     float64 `json:"height"`
	Turned     int     `json:"turned"` // degrees clockwise a reader would turn it
	Blank      bool    `json:"blank"`
	Source     string  `json:"source"` // text_layer, ocr, none
	Engine     string  `json:"engine"`
	Confidence float64 `json:"confidence"` // 0 to 100
	WordCount  int     `json:"word_count"`
	Words      []Word  `json:"words"` // only where one page was asked for
}

// Word is one word with its box, in points from the upper left.
type Word struct {
	Text       string  `json:"text"`
	X          float64 `json:"x"`
	Y          float64 `json:"y"`
	Width      float64 `json:"width"`
	Height     float64 `json:"height"`
	Confidence float64 `json:"confidence"`
	Line       int     `json:"line"`
}

// Hit is a place where a text stands.
type Hit struct {
	DocumentID string `json:"document_id"`
	Title      string `json:"title"`
	Page       int    `json:"page"`
	Words      []Word `json:"words"`
}

// ApprovalRequest is the canonical approval payload, version 1.
type ApprovalRequest struct {
	DocumentID   string          `json:"document_id"`
	DocumentType string          `json:"document_type"`
	Initiator    Initiator       `json:"initiator"`
	Approvers    []string        `json:"approvers"`
	Metadata     json.RawMessage `json:"metadata,omitempty"`
	Policy       *ApprovalPolicy `json:"policy,omitempty"`
}

// Initiator is who hands a document in.
type Initiator struct {
	UserID string `json:"user_id"`
	Email  string `json:"email"`
}

// ApprovalPolicy says how the approvers are asked.
type ApprovalPolicy struct {
	Mode   string     `json:"mode,omitempty"` // sequential, parallel
	Quorum int        `json:"quorum,omitempty"`
	DueAt  *time.Time `json:"due_at,omitempty"`
}

// Approval is one round of review.
type Approval struct {
	ID              string     `json:"id"`
	DocumentID      string     `json:"document_id"`
	DocumentVersion int        `json:"document_version"`
	DocumentSHA256  string     `json:"document_sha256"`
	Mode            string     `json:"mode"`
	Quorum          int        `json:"quorum"`
	State           string     `json:"state"` // open, approved, rejected, returned, cancelled
	Tasks           []Task     `json:"tasks"`
	CreatedAt       time.Time  `json:"created_at"`
	ClosedAt        *time.Time `json:"closed_at"`
}

// Task is one approver's part.
type Task struct {
	ID         string     `json:"id"`
	ApprovalID string     `json:"approval_id"`
	DocumentID string     `json:"document_id"`
	Position   int        `json:"position"`
	Assignee   string     `json:"assignee"`
	State      string     `json:"state"` // waiting, open, approved, rejected, returned, cancelled
	Comment    string     `json:"comment"`
	DecidedBy  string     `json:"decided_by"`
	OnBehalfOf string     `json:"on_behalf_of"`
	DecidedAt  *time.Time `json:"decided_at"`
}

// Decision is what an approver says.
type Decision struct {
	Outcome    string `json:"outcome"` // approve, reject, return
	Comment    string `json:"comment,omitempty"`
	OnBehalfOf string `json:"on_behalf_of,omitempty"`
}

// EnvelopeRequest asks for signatures.
type EnvelopeRequest struct {
	DocumentID string             `json:"document_id"`
	Subject    string             `json:"subject,omitempty"`
	Message    string             `json:"message,omitempty"`
	Recipients []RecipientRequest `json:"recipients"`
	ExpiresAt  *time.Time         `json:"expires_at,omitempty"`
	Send       bool               `json:"send,omitempty"`
}

// RecipientRequest is somebody who is to sign; lower orders are asked first.
type RecipientRequest struct {
	Name  string `json:"name"`
	Email string `json:"email"`
	Order int    `json:"order,omitempty"`
}

// Envelope is a signature request.
type Envelope struct {
	ID             string      `json:"id"`
	DocumentID     string      `json:"document_id"`
	DocumentSHA256 string      `json:"document_sha256"`
	Subject        string      `json:"subject"`
	State          string      `json:"state"` // created, sent, sealing, completed, declined, voided, expired
	Reason         string      `json:"reason"`
	SealedVersion  int         `json:"sealed_version"`
	Recipients     []Recipient `json:"recipients"`
	ExpiresAt      time.Time   `json:"expires_at"`
	CreatedAt      time.Time   `json:"created_at"`
	ClosedAt       *time.Time  `json:"closed_at"`
}

// Recipient is one person who is asked to sign.
type Recipient struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"`
	Email    string     `json:"email"`
	Order    int        `json:"order"`
	State    string     `json:"state"` // waiting, sent, delivered, viewed, signed, declined, cancelled
	SignedAt *time.Time `json:"signed_at"`
	Reason   string     `json:"reason"`
}

// SigningLink lets one recipient open one envelope. The URL is a secret.
type SigningLink struct {
	URL       string    `json:"url"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Event is an entry of the log as a CloudEvent 1.0.
type Event struct {
	ID             string          `json:"id"`
	Source         string          `json:"source"`
	Type           string          `json:"type"`
	Subject        string          `json:"subject"`
	Time           time.Time       `json:"time"`
	Organisation   string          `json:"organisation"`
	BusinessUnit   string          `json:"businessunit"`
	DocumentID     string          `json:"documentid"`
	DocumentSeq    int64           `json:"documentsequence"`
	ActorKind      string          `json:"actorkind"`
	ActorID        string          `json:"actorid"`
	ActorPrincipal string          `json:"actorprincipal"`
	OnBehalfOf     string          `json:"onbehalfof"`
	RequestID      string          `json:"requestid"`
	TraceParent    string          `json:"traceparent"`
	Erased         bool            `json:"erased"`
	Cursor         string          `json:"cursor"`
	Data           json.RawMessage `json:"data"`
}

// ArchiveRecord is a document's place in the archive.
type ArchiveRecord struct {
	ID              string    `json:"id"`
	DocumentID      string    `json:"document_id"`
	DocumentVersion int       `json:"document_version"`
	DocumentSHA256  string    `json:"document_sha256"`
	PackageSHA256   string    `json:"package_sha256"`
	PackageSize     int64     `json:"package_size"` // bytes
	ArchivedAt      time.Time `json:"archived_at"`
}

// DocumentType is a kind of document.
type DocumentType struct {
	Name     string          `json:"name"`
	Title    string          `json:"title"`
	Schema   json.RawMessage `json:"schema,omitempty"`
	Revision int64           `json:"revision"`
}

// BusinessUnit is a part of an organisation.
type BusinessUnit struct {
	Name  string `json:"name"`
	Title string `json:"title"`
}

// ClientRequest is what an OAuth client is made of.
type ClientRequest struct {
	Name          string   `json:"name"`
	Principal     string   `json:"principal"`
	Scopes        []string `json:"scopes"`
	BusinessUnits []string `json:"business_units,omitempty"`
}

// OAuthClient is a program that may ask for access tokens.
type OAuthClient struct {
	ID            string   `json:"id"`
	Name          string   `json:"name"`
	Principal     string   `json:"principal"`
	Scopes        []string `json:"scopes"`
	BusinessUnits []string `json:"business_units"`
}

// Credential is a new OAuth client with its secret, which is shown once.
type Credential struct {
	Client OAuthClient `json:"client"`
	Secret string      `json:"client_secret"`
}

type list[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next"`
}
