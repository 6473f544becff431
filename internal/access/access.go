// Package access decides who may do what: one plain function, default deny,
// which names the rule that decided. The same predicate narrows every list query.
//
// Pure rules: no SQL, no HTTP, no clock.
package access

import (
	"crypto/x509"
	"slices"

	"github.com/paraph/paraph/internal/fault"
)

// Kind is what sort of actor acts.
type Kind string

// The kinds of actor.
const (
	Client    Kind = "client"    // an OAuth client with an access token
	Human     Kind = "user"      // a person, by a client with an access token
	Recipient Kind = "recipient" // a person who followed a signing link
	System    Kind = "system"    // a worker of Paraph itself
)

// Actor is who acts, proved by a credential, and from where.
type Actor struct {
	Kind      Kind
	Org       string
	ID        string   // client id, user id, recipient id, or the worker's name
	Principal string   // e-mail address or name of whom it speaks for
	Scopes    []Scope  // what the credential allows
	Units     []string // business units it is confined to; nil: all of the organisation
	Endpoints []string // endpoints for events it is confined to, by id; nil: all that it may see
	Source    Source
	Limits    RequestLimits // of its client, over those of the installation

	// Client is the OAuth client whose token it is: the actor itself, or the program
	// that a person uses. Delegation is what that person allowed it by.
	Client, Delegation string
	// OnBehalfOf is the principal in whose name a client acts that exchanged
	// somebody's token for its own (RFC 8693); "" where it acts for itself.
	OnBehalfOf string
	// Roles are those of the person and of the program. Devices are the device rules
	// that concern the actor, held against what its request has shown.
	Roles   []Role
	Devices []Device
	// Shown is what the request has shown of the device that it came from.
	Shown Shown
}

// Shown is what a request has shown of its device, beside what its login did.
type Shown struct {
	// Certificates are the client certificate that the access token is bound to, and
	// its issuers as far as they were sent; nil where it is bound to none.
	Certificates []*x509.Certificate
}

// Source is where a request came from. The socket's peer and the header of a
// configured proxy are both kept, so that a forged header shows.
type Source struct {
	Address   string // what is believed: the peer, or what a trusted proxy says
	Peer      string // the socket's other end
	Forwarded string // X-Forwarded-For as received, "" where there was none
	UserAgent string
	RequestID string
	Trace     string // W3C traceparent of the request
}

// Scope is a right that a token carries, in OAuth's sense.
type Scope string

// The scopes. Reading and writing are apart, so that a viewer cannot upload and
// an uploader cannot read.
const (
	DocumentsRead  Scope = "documents:read"
	DocumentsWrite Scope = "documents:write"
	// DocumentsDispose is for administrators: what it does cannot be undone.
	DocumentsDispose Scope = "documents:dispose"
	DocumentsShare   Scope = "documents:share" // let others into documents for a time
	ApprovalsWrite   Scope = "approvals:write"
	TasksRead        Scope = "tasks:read"
	TasksDecide      Scope = "tasks:decide"
	TasksDecideFor   Scope = "tasks:decide_for" // decide for somebody else; the log says so
	EnvelopesRead    Scope = "envelopes:read"
	EnvelopesWrite   Scope = "envelopes:write"
	EventsRead       Scope = "events:read"
	ArchiveRead      Scope = "archive:read"
	WebhooksRead     Scope = "webhooks:read"
	WebhooksWrite    Scope = "webhooks:write"
	Admin            Scope = "admin" // types, units, roles, clients, people
	// PeopleProvision is for the directory that says who works here (SCIM).
	PeopleProvision Scope = "people:provision"
	// Installation is for whoever runs the installation: only who has it can give it.
	Installation Scope = "installation"
)

// Scopes lists every scope with a sentence for the consent page and the docs.
func Scopes() map[Scope]string {
	return map[Scope]string{
		DocumentsRead:    "Read documents, their pages, text and versions.",
		DocumentsWrite:   "Upload documents, change their metadata, void them, retry their processing.",
		DocumentsDispose: "Destroy documents for good, leaving their tombstones.",
		DocumentsShare:   "Let somebody read a document for a time, and end that again.",
		ApprovalsWrite:   "Hand documents in for approval.",
		TasksRead:        "Read approvals and tasks.",
		TasksDecide:      "Decide one's own tasks.",
		TasksDecideFor:   "Decide tasks on behalf of their assignee.",
		EnvelopesRead:    "Read envelopes and their recipients.",
		EnvelopesWrite:   "Send envelopes for signature, remind, void, and make signing links.",
		EventsRead:       "Read events and their proofs.",
		ArchiveRead:      "Read archive records and their packages.",
		WebhooksRead:     "Read endpoints for events, their deliveries and attempts.",
		WebhooksWrite:    "Make and change endpoints for events, and send events anew. Whoever has it can have every event of its units sent to it.",
		Admin:            "Manage document types, business units, roles, clients, users and groups.",
		PeopleProvision:  "Make, change and deactivate users and groups, as a directory does by SCIM. Roles are not its to give.",
		Installation:     "Make organisations, and raise what the installation limits. It reads nothing of what is in them.",
	}
}

// Action is something an operation of the API does.
type Action string

// The actions. Every API operation names exactly one.
const (
	ReadDocument    Action = "document.read"
	WriteDocument   Action = "document.write"
	DisposeDocument Action = "document.dispose"
	ShareDocument   Action = "document.share"
	SubmitDocument  Action = "document.submit"
	ReadTask        Action = "task.read"
	DecideTask      Action = "task.decide"
	ReadEnvelope    Action = "envelope.read"
	WriteEnvelope   Action = "envelope.write"
	ReadEvent       Action = "event.read"
	ReadArchive     Action = "archive.read"
	ReadWebhook     Action = "webhook.read"
	WriteWebhook    Action = "webhook.write"
	ReadSettings    Action = "settings.read"
	ManageSettings  Action = "settings.manage"
	ProvisionPeople Action = "people.provision"
	SignAsRecipient Action = "envelope.sign"
	// RunBatch is open with any scope: each operation of a batch is decided by itself.
	RunBatch Action = "batch.run"
	// ManageInstallation is about organisations, not about what is in them.
	ManageInstallation Action = "installation.manage"
)

// Check is Can as an error: fault NotFound "not_found" where the thing must stay
// hidden, fault Forbidden "missing_scope" where the right is missing, or a
// DeviceRefusal.
func Check(a Actor, do Action, on Resource) error {
	d := Can(a, do, on)
	return d.Refusal(do)
}

// Refusal is the decision as an error, as Check gives it.
func (d *Decision) Refusal(do Action) error {
	switch {
	case d.Allow:
		return nil
	case d.Hidden:
		return NotFound()
	case d.Device != nil:
		return deviceRequired(d.Device)
	}
	return MissingScope(do)
}

// NotFound is the one answer for what does not exist and for what is not yours.
func NotFound() error {
	return fault.New(fault.NotFound, "not_found", "There is nothing here under this id, or it is not yours to see.")
}

// MissingScope is fault Forbidden "missing_scope" with the scope that would do.
func MissingScope(do Action) error {
	need := "a scope this client cannot have"
	if r, ok := rules[do]; ok {
		need = string(r.scopes[0])
	}
	return fault.New(fault.Forbidden, "missing_scope", "This token does not carry the right. Ask for the scope %s.", need)
}

// Allowed tells whether the actor's credential carries the action at all,
// before anything is looked up. Faults: Forbidden "missing_scope", "device_required".
func Allowed(a Actor, do Action) error {
	return Check(a, do, Resource{Org: a.Org})
}

// HasAny tells whether the actor carries one of the scopes.
func (a Actor) HasAny(scopes ...Scope) bool {
	for _, s := range scopes {
		if slices.Contains(a.Scopes, s) {
			return true
		}
	}
	return false
}

// InUnit tells whether the actor may act in the business unit.
func (a Actor) InUnit(unit string) bool { return a.Units == nil || slices.Contains(a.Units, unit) }
