package event

import (
	"encoding/json"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/approval"
	"github.com/paraph/paraph/internal/bulk"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/hook"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/signing"
)

// line is what the catalogue adds to a public kind of entry.
type line struct {
	subject string
	data    any
}

// catalogue has a line for each public kind; a test compares the two tables. The
// examples are complete: what may be there is there.
var catalogue = map[journal.Kind]line{
	journal.DocumentCreated:          doc(document.Draft, nil),
	journal.DocumentCaptured:         doc(document.Draft, func(d *Document) { d.Version, d.Pages = 2, 3 }),
	journal.DocumentProcessingFailed: doc(document.Draft, because("child_crashed", "The file could not be read; the tool ended twice.")),
	journal.DocumentQuarantined:      doc(document.Draft, because("file_unprocessable", "The file is damaged and cannot be opened.")),
	journal.DocumentSubmitted: doc(document.Submitted, func(d *Document) {
		d.Version, d.Approvers, d.Metadata = 2, []string{"anna@example.com", "boris@example.com"}, json.RawMessage(`{"amount":4711,"currency":"EUR"}`)
	}),
	journal.DocumentInReview:        doc(document.InReview, func(d *Document) { d.Version, d.DueAt = 2, &sampleDue }),
	journal.DocumentApproved:        doc(document.Approved, func(d *Document) { d.Version, d.Reason = 2, "Within budget." }),
	journal.DocumentRejected:        doc(document.Rejected, func(d *Document) { d.Version, d.Reason = 2, "Ordered twice." }),
	journal.DocumentReturned:        doc(document.Draft, func(d *Document) { d.Version, d.Reason = 2, "The total is wrong." }),
	journal.DocumentSigned:          doc(document.Signed, func(d *Document) { d.Version, d.Pages, d.Envelope = 3, 4, sampleID("env") }),
	journal.DocumentDeclined:        doc(document.Declined, func(d *Document) { d.Envelope, d.Reason = sampleID("env"), "The date is wrong." }),
	journal.DocumentVoided:          doc(document.Voided, func(d *Document) { d.Reason = "Ordered twice." }),
	journal.DocumentExpired:         doc(document.Expired, func(d *Document) { d.Reason = "The review was not finished in time." }),
	journal.DocumentArchived:        doc(document.Archived, func(d *Document) { d.Version = 3 }),
	journal.DocumentArchiveExtended: doc(document.Archived, func(d *Document) { d.Version = 4 }),
	journal.DocumentVersionAdded:    doc(document.Draft, nil),
	journal.DocumentMetadataChanged: doc(document.Draft, nil),
	journal.DocumentDisposed: {"document", Disposed{
		Document:  Document{DocumentID: sampleID("doc"), Type: "purchase_order", Unit: "purchasing", State: document.Disposed, Reason: "The time for keeping it is over."},
		Authority: "records@example.com", Keys: []string{sampleID("dek")}, Objects: []string{sampleID("blob")}, ObjectsTotal: 1,
		ObjectsDigest: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", OperationID: sampleID("op"),
	}},

	journal.DocumentProtected: {"document", Protection{
		Document:    Document{DocumentID: sampleID("doc"), Type: "purchase_order", Unit: "purchasing", State: document.Signed, Version: 4, Pages: 3},
		DerivedFrom: 3, Level: document.LevelLTA, Wanted: document.LevelLTA, Until: &sampleDue,
	}},
	journal.DocumentProtectionDelayed: {"document", Protection{
		Document: Document{DocumentID: sampleID("doc"), Type: "purchase_order", Unit: "purchasing", State: document.Signed, Version: 3, Code: "timestamp_unavailable", Reason: "No time stamping authority answers."},
		Level:    document.LevelB, Wanted: document.LevelLTA,
	}},
	journal.DocumentShared: {"grant", Grant{
		GrantID: sampleID("gra"), DocumentID: sampleID("doc"), Principal: "auditor@example.com", Purpose: "Audit of the year 2026", From: &sampleDue, Until: &sampleDue,
	}},
	journal.DocumentImported: {"document", Imported{
		Document: Document{DocumentID: sampleID("doc"), Type: "purchase_order", Unit: "purchasing", State: document.Signed, Title: "Order 4711", ExternalID: "PO-4711"},
		ImportID: sampleID("imp"), Origin: sampleOrigin, OriginID: sampleID("doc"), OriginState: document.Archived,
	}},
	journal.DocumentUnshared: {"grant", Grant{GrantID: sampleID("gra"), DocumentID: sampleID("doc"), Principal: "auditor@example.com"}},

	journal.TaskOpened:    task(Task{State: approval.Open}),
	journal.TaskDecided:   task(Task{State: approval.Approved, Comment: "Within budget.", DecidedBy: "anna@example.com"}),
	journal.TaskCancelled: task(Task{State: approval.Cancelled}),

	journal.EnvelopeCreated:   envelope(signing.Created, nil),
	journal.EnvelopeSent:      envelope(signing.Sent, recipient("")),
	journal.EnvelopeDelivered: envelope(signing.Sent, recipient("")),
	journal.EnvelopeViewed:    envelope(signing.Sent, recipient("")),
	journal.EnvelopeConsented: envelope(signing.Sent, recipient("")),
	journal.EnvelopeSigned:    envelope(signing.Sent, recipient("")),
	journal.EnvelopeDeclined:  envelope(signing.Declined, recipient("The date is wrong.")),
	journal.EnvelopeReminded:  envelope(signing.Sent, recipient("")),
	journal.EnvelopeCompleted: envelope(signing.Completed, func(e *Envelope) { e.SealedVersion, e.Pending = 3, 0 }),
	journal.EnvelopeExpired:   envelope(signing.Expired, func(e *Envelope) { e.Reason = "It was not signed in time." }),
	journal.EnvelopeVoided:    envelope(signing.Voided, func(e *Envelope) { e.Reason = "Ordered twice." }),

	journal.OperationStarted:   operation("", ""),
	journal.OperationSucceeded: operation("", ""),
	journal.OperationFailed:    operation("storage_unavailable", "The file storage is away."),
	journal.OperationRetried:   operation("", ""),

	journal.BulkSendStarted: bulkSend(bulk.Running, nil),
	journal.BulkSendPaused: bulkSend(bulk.Paused, func(b *BulkSend) {
		b.Sent, b.Code, b.Reason = 40, "missing_scope", "This token does not carry the right."
	}),
	journal.BulkSendResumed:   bulkSend(bulk.Running, func(b *BulkSend) { b.Sent = 40 }),
	journal.BulkSendFinished:  bulkSend(bulk.Finished, func(b *BulkSend) { b.Sent, b.Refused = 118, 2 }),
	journal.BulkSendCancelled: bulkSend(bulk.Cancelled, func(b *BulkSend) { b.Sent = 40 }),

	journal.InboundReceived:    inbound(hook.Received, nil),
	journal.InboundProcessed:   inbound(hook.Processed, func(i *Inbound) { i.DocumentID, i.Attempts = sampleID("doc"), 1 }),
	journal.InboundQuarantined: inbound(hook.Quarantined, func(i *Inbound) { i.Code, i.Attempts = "not_found", 6 }),
	journal.InboundRedriven:    inbound(hook.Received, nil),
	journal.InboundDiscarded:   inbound(hook.Discarded, nil),
	journal.DelegationGranted: {"delegation", Delegation{
		DelegationID: sampleID("dlg"), ClientID: sampleID("cli"), UserID: "anna@example.com", Scopes: []string{"tasks:read", "tasks:decide"},
	}},
	journal.DelegationRevoked: {"delegation", Delegation{DelegationID: sampleID("dlg"), ClientID: sampleID("cli"), UserID: "anna@example.com", Reason: "client"}},
	journal.DelegationReused:  {"delegation", Delegation{DelegationID: sampleID("dlg"), ClientID: sampleID("cli"), UserID: "anna@example.com", Reason: "refresh_token_reused"}},
	journal.TokenExchanged:    {"client", Exchange{ClientID: sampleID("cli"), Subject: "anna@example.com", FromClientID: sampleID("cli")}},

	journal.WebhookEndpointCreated:  endpoint(Endpoint{Enabled: true}),
	journal.WebhookEndpointChanged:  endpoint(Endpoint{Enabled: true}),
	journal.WebhookEndpointDisabled: endpoint(Endpoint{Code: "gone", Reason: "It answered 410: it wants no more events."}),
	journal.WebhookEndpointEnabled:  endpoint(Endpoint{Enabled: true}),
	journal.WebhookEndpointDeleted:  endpoint(Endpoint{}),
	journal.WebhookSecretRotated:    endpoint(Endpoint{Enabled: true, ExpiresAt: &sampleExpires}),
	journal.WebhookDeliveryDead: {"endpoint", Dead{
		EndpointID: sampleID("ep"), URL: sampleURL, EventID: sampleID("evt"), EventType: "document.signed", DocumentID: sampleID("doc"), Attempts: 10,
		Code: "status_500", Reason: "It answered 500.",
	}},
	journal.WebhookFailing:       {"endpoint", Failing{EndpointID: sampleID("ep"), URL: sampleURL, Share: 70}},
	journal.WebhookRecovered:     {"endpoint", Failing{EndpointID: sampleID("ep"), URL: sampleURL}},
	journal.WebhookTest:          endpoint(Endpoint{Enabled: true}),
	journal.WebhookReplayStarted: {"endpoint", Replay{EndpointID: sampleID("ep"), URL: sampleURL, ReplayID: sampleID("rpl"), Which: "dead", State: "running"}},
	journal.WebhookReplayEnded:   {"endpoint", Replay{EndpointID: sampleID("ep"), URL: sampleURL, ReplayID: sampleID("rpl"), Which: "dead", State: "succeeded", Made: 12, Reason: "The endpoint was deleted."}},

	journal.DocumentTypeSaved: {"document_type", DocumentType{Name: "purchase_order", Revision: 2}},
	journal.UserCreated:       user(User{Active: true, Roles: sampleRoles, Units: sampleUnits, ExternalID: "4711"}),
	journal.UserUpdated:       user(User{Active: true, Roles: sampleRoles, Units: sampleUnits, ExternalID: "4711"}),
	journal.UserDeactivated:   user(User{Roles: sampleRoles, Units: sampleUnits}),
	journal.UserReactivated:   user(User{Active: true, Roles: sampleRoles, Units: sampleUnits}),
	journal.UserInvited:       user(User{Active: true, Roles: sampleRoles, Units: sampleUnits}),
	journal.GroupCreated:      group(Group{Roles: sampleRoles, Units: sampleUnits, Added: []string{sampleID("usr")}}),
	journal.GroupUpdated:      group(Group{Roles: sampleRoles, Units: sampleUnits, Removed: []string{sampleID("usr")}}),
	journal.GroupDeleted:      group(Group{}),
	journal.UserProofAdded:    {"user", Proof{UserID: sampleID("usr"), Kind: "passkey", Name: "Telephone"}},
	journal.UserProofRemoved:  {"user", Proof{UserID: sampleID("usr"), Kind: "totp"}},
	journal.LoginSucceeded:    {"user", Login{UserID: sampleID("usr"), Methods: []string{"hwk", "user"}, Address: "192.0.2.7"}},
	journal.LoginFailed:       {"user", Login{UserID: sampleID("usr"), Methods: []string{"otp"}, Address: "192.0.2.7", Reason: "wrong_code"}},

	journal.UnitCreated:      {"unit", Unit{Name: "purchasing", Weight: 1}},
	journal.UnitChanged:      {"unit", Unit{Name: "purchasing", Weight: 3, Bytes: 50 << 30, Documents: 10_000, FileBytes: 100 << 20, Pages: 500, Closed: true}},
	journal.UnitLimitNeared:  {"unit", UnitLimit{Name: "purchasing", What: "bytes", Used: 40 << 30, Limit: 50 << 30}},
	journal.UnitExported:     {"unit", UnitExport{Name: "purchasing", ExportID: sampleID("exp"), OperationID: sampleID("op"), Documents: 4711, LogSize: 81516, ManifestSHA256: sampleOrigin.ManifestSHA256}},
	journal.UnitImported:     {"unit", UnitImport{Name: "purchasing", ImportID: sampleID("imp"), OperationID: sampleID("op"), Origin: sampleOrigin, Documents: 4711, Made: 4700, Known: 1, Disposed: 9, Failed: 1}},
	journal.UnitLimitReached: {"unit", UnitLimit{Name: "purchasing", What: "documents_per_month", Month: "2026-03", Used: 10_000, Limit: 10_000}},

	journal.OrganisationCreated: {"organisation", Organisation{OrganisationID: sampleID("org"), Name: "Northern Works"}},
	journal.OrganisationChanged: {"organisation", Organisation{OrganisationID: sampleID("org"), Name: "Northern Works", Closed: true}},
	journal.RoleSaved:           {"role", Role{Name: "clerk", Title: "Clerk", Scopes: []access.Scope{access.DocumentsWrite, access.TasksRead}}},
	journal.RoleRemoved:         {"role", Role{Name: "clerk", Title: "Clerk", Scopes: []access.Scope{access.DocumentsWrite, access.TasksRead}}},
	journal.ClientCreated:       client(nil),
	journal.ClientChanged:       client(nil),
	journal.ClientSecretRotated: client(&sampleExpires),
	journal.ClientRevoked:       client(nil),
	journal.SetupCompleted:      client(nil),
	journal.CredentialsFailed: {"client", CredentialsFailed{
		ClientID: sampleID("cli"), Address: "192.0.2.7", Way: WaySecret, Count: 12, Since: &sampleDue, Until: &sampleDue,
	}},
	journal.DirectoryTokenCreated: {"directory_token", sampleDirectoryToken},
	journal.DirectoryTokenRevoked: {"directory_token", sampleDirectoryToken},
	journal.DirectoryTokenEnding:  {"directory_token", sampleDirectoryToken},
	journal.DeviceRuleSaved:       {"device_rule", sampleDeviceRule},
	journal.DeviceRuleRemoved:     {"device_rule", sampleDeviceRule},
	journal.DeviceAccepted:        {"client", deviceDecision("")},
	journal.DeviceRefused:         {"client", deviceDecision("passkey_attested self_attested")},
	journal.TokenKeyAdded:         {"key", TokenKey{KeyID: "tok_1", Algorithm: "ES256", SignsAt: "2026-03-09T17:00:00Z", WithdrawnAt: "2026-04-01T00:00:00Z"}},
	journal.TokenKeyChanged:       {"key", TokenKey{KeyID: "tok_1", Algorithm: "ES256", SignsAt: "2026-03-09T17:00:00Z", WithdrawnAt: "2026-04-01T00:00:00Z"}},
}

var (
	sampleDue     = time.Date(2026, 3, 9, 17, 0, 0, 0, time.UTC)
	sampleExpires = time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
)

func doc(state document.State, more func(*Document)) line {
	d := Document{DocumentID: sampleID("doc"), Type: "purchase_order", Unit: "purchasing", State: state, Title: "Purchase order 4711", ExternalID: "PO-4711"}
	if more != nil {
		more(&d)
	}
	return line{"document", d}
}

func because(code, reason string) func(*Document) {
	return func(d *Document) { d.Code, d.Reason = code, reason }
}

func task(t Task) line {
	t.TaskID, t.ApprovalID, t.DocumentID, t.Type, t.Position, t.Assignee = sampleID("task"), sampleID("apr"), sampleID("doc"), "purchase_order", 1, "anna@example.com"
	return line{"task", t}
}

func envelope(state signing.State, more func(*Envelope)) line {
	e := Envelope{EnvelopeID: sampleID("env"), DocumentID: sampleID("doc"), Version: 2, State: state, Subject: "Please sign: Purchase order 4711", ExpiresAt: &sampleExpires, Pending: 1}
	if more != nil {
		more(&e)
	}
	return line{"envelope", e}
}

func recipient(reason string) func(*Envelope) {
	return func(e *Envelope) {
		e.RecipientID, e.Name, e.Email, e.Reason = sampleID("rcp"), "Mara Lind", "mara@example.com", reason
	}
}

func bulkSend(state bulk.State, more func(*BulkSend)) line {
	b := BulkSend{BulkSendID: sampleID("blk"), SourceID: sampleID("doc"), State: state, Rows: 120, OperationID: sampleID("op")}
	if more != nil {
		more(&b)
	}
	return line{"bulk_send", b}
}

func inbound(state hook.State, more func(*Inbound)) line {
	i := Inbound{InboundID: sampleID("inb"), Via: hook.ViaHook, SourceID: sampleID("hks"), Type: "envelope-completed", Trust: hook.TrustPayload, State: state}
	if more != nil {
		more(&i)
	}
	return line{"inbound_event", i}
}

func client(old *time.Time) line {
	return line{"client", Client{
		ClientID: sampleID("cli"), Name: "ERP", Principal: "erp@example.com", Scopes: []access.Scope{access.DocumentsWrite}, Roles: []access.Role{access.RoleViewer},
		Units: []string{"purchasing"}, AuthMethod: "client_secret", OldUntil: old,
	}}
}

const sampleURL = "https://erp.example.com/paraph"

func endpoint(e Endpoint) line {
	e.EndpointID, e.URL, e.Unit = sampleID("ep"), sampleURL, "purchasing"
	return line{"endpoint", e}
}

func operation(code, reason string) line {
	return line{"operation", Operation{OperationID: sampleID("op"), Kind: "capture", DocumentID: sampleID("doc"), DocumentType: "purchase_order", Code: code, Reason: reason}}
}
