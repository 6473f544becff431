package event

import (
	"encoding/json"
	"time"

	"github.com/paraph/paraph/internal/approval"
	"github.com/paraph/paraph/internal/bulk"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/hook"
	"github.com/paraph/paraph/internal/signing"
)

// The types below are the data of events. Members are only ever added: who reads
// events has to live with more of them, and with states that are new.

// Document is the data of what happened to a document.
type Document struct {
	DocumentID string          `json:"document_id"`
	Type       string          `json:"document_type"`
	Unit       string          `json:"business_unit"`
	State      document.State  `json:"state" doc:"Where the document stands after this."`
	Title      string          `json:"title,omitempty"`
	ExternalID string          `json:"external_id,omitempty" doc:"The caller's own reference."`
	Version    int             `json:"version,omitempty" doc:"The version that this is about."`
	Pages      int             `json:"pages,omitempty"`
	Approvers  []string        `json:"approver_list,omitempty"`
	Envelope   string          `json:"envelope_id,omitempty"`
	Code       string          `json:"code,omitempty" doc:"Why, for programs."`
	Reason     string          `json:"reason,omitempty" doc:"Why, for people."`
	Note       string          `json:"note,omitempty"`
	DueAt      *time.Time      `json:"due_at,omitempty"`
	Metadata   json.RawMessage `json:"metadata,omitempty" doc:"As it was handed in."`
}

// Disposed is the data of a disposal: the proof of what was destroyed.
type Disposed struct {
	Document
	Authority     string   `json:"authority" doc:"On whose authority."`
	Keys          []string `json:"keys_destroyed"`
	Objects       []string `json:"objects" doc:"Ids of the files, as far as there is room."`
	ObjectsTotal  int      `json:"objects_total"`
	ObjectsDigest string   `json:"objects_sha256" doc:"Over all ids, each with a newline."`
	OperationID   string   `json:"operation_id" doc:"What deletes the files."`
}

// Protection is the data of what happened to the protection of a document's signatures.
type Protection struct {
	Document
	DerivedFrom int            `json:"derived_from,omitempty" doc:"The version that the new one was made of."`
	Level       document.Level `json:"level" doc:"How far they are protected now."`
	Wanted      document.Level `json:"wanted_level"`
	Until       *time.Time     `json:"protected_until,omitempty" doc:"When that runs out."`
}

// Grant is the data of a person's way into one document.
type Grant struct {
	GrantID    string     `json:"grant_id"`
	DocumentID string     `json:"document_id"`
	Principal  string     `json:"principal" doc:"Who was let in."`
	Purpose    string     `json:"purpose,omitempty"`
	From       *time.Time `json:"from,omitempty"`
	Until      *time.Time `json:"until,omitempty"`
}

// BulkSend is the data of what happened to a bulk send.
type BulkSend struct {
	BulkSendID  string     `json:"bulk_send_id"`
	SourceID    string     `json:"source_document_id" doc:"The document that each row gets a copy of."`
	State       bulk.State `json:"state"`
	Rows        int        `json:"rows"`
	Sent        int        `json:"sent"`
	Refused     int        `json:"refused"`
	OperationID string     `json:"operation_id" doc:"What sends the rows."`
	Code        string     `json:"code,omitempty" doc:"Why it stands still, for programs."`
	Reason      string     `json:"reason,omitempty" doc:"The same for people."`
}

// Task is the data of what happened to an approver's part.
type Task struct {
	TaskID     string         `json:"task_id"`
	ApprovalID string         `json:"approval_id"`
	DocumentID string         `json:"document_id"`
	Type       string         `json:"document_type"`
	Position   int            `json:"position" doc:"Among the approvers, from 1."`
	Assignee   string         `json:"assignee"`
	State      approval.State `json:"state"`
	Comment    string         `json:"comment,omitempty"`
	DecidedBy  string         `json:"decided_by,omitempty"`
}

// Envelope is the data of what happened to a request for signatures. The
// recipient is named where one acted or was asked.
type Envelope struct {
	EnvelopeID    string        `json:"envelope_id"`
	DocumentID    string        `json:"document_id"`
	Version       int           `json:"version" doc:"The version to be signed."`
	State         signing.State `json:"state"`
	Subject       string        `json:"subject,omitempty"`
	RecipientID   string        `json:"recipient_id,omitempty"`
	Name          string        `json:"recipient_name,omitempty"`
	Email         string        `json:"recipient_email,omitempty"`
	Reason        string        `json:"reason,omitempty"`
	ExpiresAt     *time.Time    `json:"expires_at,omitempty"`
	SealedVersion int           `json:"sealed_version,omitempty" doc:"The version with the seal, once it is there."`
	Pending       int           `json:"pending_recipients" doc:"Who has not signed yet."`
}

// Delegation is the data of a client that acts in a person's name.
type Delegation struct {
	DelegationID string   `json:"delegation_id"`
	ClientID     string   `json:"client_id"`
	UserID       string   `json:"user_id" doc:"The person."`
	Scopes       []string `json:"scopes,omitempty" doc:"What was allowed, where it was."`
	Resources    []string `json:"resources,omitempty" doc:"Where it holds; absent: here."`
	Reason       string   `json:"reason,omitempty" doc:"Why it ended, for programs."`
}

// Exchange is the data of a token that a client got for somebody's token.
type Exchange struct {
	ClientID     string `json:"client_id"`
	Subject      string `json:"subject" doc:"In whose name the client acts."`
	FromClientID string `json:"from_client_id,omitempty" doc:"Whose token it showed."`
	Resource     string `json:"resource,omitempty"`
}

// Operation is the data of longer work.
type Operation struct {
	OperationID  string `json:"operation_id"`
	Kind         string `json:"kind"`
	DocumentID   string `json:"document_id,omitempty" doc:"Absent where it belongs to none."`
	DocumentType string `json:"document_type,omitempty"`
	EnvelopeID   string `json:"envelope_id,omitempty"`
	Code         string `json:"code,omitempty" doc:"Why it failed, for programs."`
	Reason       string `json:"reason,omitempty" doc:"Why it failed, for people."`
}

// DocumentType is the data of a change to a document type.
type DocumentType struct {
	Name     string `json:"document_type"`
	Revision int64  `json:"revision"`
	FourEyes bool   `json:"four_eyes,omitempty" doc:"Whoever brought such a document in does not decide on it."`
}

// Unit is the data of a change to a business unit.
type Unit struct {
	Name      string `json:"business_unit"`
	Weight    int    `json:"weight,omitempty" doc:"Its share of the work beside other units."`
	Bytes     int64  `json:"limit_bytes,omitempty" doc:"What it may store."`
	Documents int64  `json:"limit_documents_per_month,omitempty"`
	FileBytes int64  `json:"limit_bytes_per_file,omitempty"`
	Pages     int    `json:"limit_pages_per_document,omitempty"`
	Closed    bool   `json:"closed,omitempty" doc:"It takes no new documents."`
}

// Inbound is the data of what became of an event that came in. What came itself is
// not in it: it may hold anything, and is read under /v1/inbound-events.
type Inbound struct {
	InboundID  string     `json:"inbound_event_id"`
	Via        hook.Via   `json:"via" doc:"hook: a webhook; bus: a message of the event bus."`
	SourceID   string     `json:"source_id" doc:"The source, or the client that sent the message."`
	Type       string     `json:"type,omitempty" doc:"What happened, in the sender's words."`
	Trust      hook.Trust `json:"trust" doc:"hint: the facts are fetched before anything acts on it."`
	State      hook.State `json:"state"`
	DocumentID string     `json:"document_id,omitempty" doc:"The document that it changed."`
	Code       string     `json:"code,omitempty" doc:"Why it is in quarantine, for programs."`
	Attempts   int        `json:"attempts,omitempty"`
}

// Endpoint is the data of what happened to an endpoint for events.
type Endpoint struct {
	EndpointID string     `json:"endpoint_id"`
	URL        string     `json:"url"`
	Unit       string     `json:"business_unit,omitempty" doc:"Only events of this business unit go there; absent: all."`
	Enabled    bool       `json:"enabled"`
	Code       string     `json:"code,omitempty" doc:"Why it is disabled, for programs: by_owner, gone or failing."`
	Reason     string     `json:"reason,omitempty" doc:"Why it is disabled, for people."`
	ExpiresAt  *time.Time `json:"old_secrets_expire_at,omitempty" doc:"Until when the secrets before sign too."`
}

// Dead is the data of an event that did not reach an endpoint.
type Dead struct {
	EndpointID string `json:"endpoint_id"`
	URL        string `json:"url"`
	EventID    string `json:"event_id"`
	EventType  string `json:"event_type"`
	DocumentID string `json:"document_id,omitempty"`
	Attempts   int    `json:"attempts"`
	Code       string `json:"code" doc:"Of the last attempt, for programs."`
	Reason     string `json:"reason" doc:"The same for people."`
}

// Failing is the data of an endpoint whose share of failed attempts crossed a mark.
type Failing struct {
	EndpointID string `json:"endpoint_id"`
	URL        string `json:"url"`
	Share      int    `json:"failed_percent" doc:"Of the last attempts; the mark that was reached: 50, 70, 90 or 100; 0: it is well again."`
}

// Replay is the data of past events that are sent to an endpoint anew.
type Replay struct {
	EndpointID string `json:"endpoint_id"`
	URL        string `json:"url"`
	ReplayID   string `json:"replay_id"`
	Which      string `json:"which" doc:"dead, missing or all."`
	State      string `json:"state" doc:"running, succeeded or failed."`
	Made       int64  `json:"deliveries,omitempty" doc:"How many it made."`
	Reason     string `json:"reason,omitempty" doc:"Why it failed, for people."`
}
