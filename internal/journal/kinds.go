package journal

// Kind is the type of an entry, named subject.past_tense. Kinds are never
// renamed or reused: subscribers and old proofs know them by name.
type Kind string

// The kinds of entry. Each has its line in Kinds.
const (
	DocumentCreated           Kind = "document.created"
	DocumentCaptured          Kind = "document.captured"
	DocumentProcessingFailed  Kind = "document.processing_failed"
	DocumentQuarantined       Kind = "document.quarantined"
	DocumentSubmitted         Kind = "document.submitted"
	DocumentInReview          Kind = "document.in_review"
	DocumentApproved          Kind = "document.approved"
	DocumentRejected          Kind = "document.rejected"
	DocumentReturned          Kind = "document.returned"
	DocumentSigned            Kind = "document.signed"
	DocumentDeclined          Kind = "document.declined"
	DocumentVoided            Kind = "document.voided"
	DocumentExpired           Kind = "document.expired"
	DocumentArchived          Kind = "document.archived"
	DocumentDisposed          Kind = "document.disposed"
	DocumentProtected         Kind = "document.protected"
	DocumentProtectionDelayed Kind = "document.protection_delayed"
	DocumentArchiveExtended   Kind = "document.archive_extended"
	DocumentMetadataChanged   Kind = "document.metadata_changed"
	DocumentVersionAdded      Kind = "document.version_added"
	DocumentShared            Kind = "document.shared"
	DocumentUnshared          Kind = "document.unshared"
	DocumentImported          Kind = "document.imported"

	TaskOpened    Kind = "task.opened"
	TaskDecided   Kind = "task.decided"
	TaskCancelled Kind = "task.cancelled"

	EnvelopeCreated   Kind = "envelope.created"
	EnvelopeSent      Kind = "envelope.sent"
	EnvelopeDelivered Kind = "envelope.delivered"
	EnvelopeViewed    Kind = "envelope.viewed"
	EnvelopeConsented Kind = "envelope.consented"
	EnvelopeSigned    Kind = "envelope.signed"
	EnvelopeDeclined  Kind = "envelope.declined"
	EnvelopeReminded  Kind = "envelope.reminded"
	EnvelopeCompleted Kind = "envelope.completed"
	EnvelopeExpired   Kind = "envelope.expired"
	EnvelopeVoided    Kind = "envelope.voided"
	// EnvelopeLinked matters to whoever weighs the evidence: with the link its
	// maker could have signed.
	EnvelopeLinked Kind = "envelope.link_created"

	OperationStarted   Kind = "operation.started"
	OperationSucceeded Kind = "operation.succeeded"
	OperationFailed    Kind = "operation.failed"
	OperationRetried   Kind = "operation.retried"

	BulkSendStarted   Kind = "bulk_send.started"
	BulkSendPaused    Kind = "bulk_send.paused"
	BulkSendResumed   Kind = "bulk_send.resumed"
	BulkSendFinished  Kind = "bulk_send.finished"
	BulkSendCancelled Kind = "bulk_send.cancelled"

	InboundReceived    Kind = "inbound.received"
	InboundProcessed   Kind = "inbound.processed"
	InboundQuarantined Kind = "inbound.quarantined"
	InboundRedriven    Kind = "inbound.redriven"
	InboundDiscarded   Kind = "inbound.discarded"

	HookSourceCreated Kind = "hook_source.created"
	HookSourceChanged Kind = "hook_source.changed"
	HookSourceRemoved Kind = "hook_source.removed"
	HookSecretAdded   Kind = "hook_source.secret_added"
	HookSecretEnded   Kind = "hook_source.secret_ended"

	DocumentTypeSaved Kind = "document_type.saved"
	UnitCreated       Kind = "unit.created"
	UnitChanged       Kind = "unit.changed"
	UnitLimitNeared   Kind = "unit.limit_neared"
	UnitLimitReached  Kind = "unit.limit_reached"
	UnitExported      Kind = "unit.exported"
	UnitImported      Kind = "unit.imported"

	OrganisationCreated Kind = "organisation.created"
	OrganisationChanged Kind = "organisation.changed"
	RoleSaved           Kind = "role.saved"
	RoleRemoved         Kind = "role.removed"
	DeviceRuleSaved     Kind = "device_rule.saved"
	DeviceRuleRemoved   Kind = "device_rule.removed"
	ClientCreated       Kind = "client.created"
	ClientChanged       Kind = "client.changed"
	ClientSecretRotated Kind = "client.secret_rotated"
	ClientRevoked       Kind = "client.revoked"
	SetupLinkMade       Kind = "setup.link_made"
	SetupCompleted      Kind = "setup.completed"
	CredentialsFailed   Kind = "security.login_failed"
	DeviceAccepted      Kind = "security.device_accepted"
	DeviceRefused       Kind = "security.device_refused"

	WebhookEndpointCreated  Kind = "webhook.endpoint_created"
	WebhookEndpointChanged  Kind = "webhook.endpoint_changed"
	WebhookEndpointDisabled Kind = "webhook.endpoint_disabled"
	WebhookEndpointEnabled  Kind = "webhook.endpoint_enabled"
	WebhookEndpointDeleted  Kind = "webhook.endpoint_deleted"
	WebhookSecretRotated    Kind = "webhook.secret_rotated"
	WebhookDeliveryDead     Kind = "webhook.delivery_dead"
	WebhookFailing          Kind = "webhook.failing"
	WebhookRecovered        Kind = "webhook.recovered"
	WebhookTest             Kind = "webhook.test"
	WebhookReplayStarted    Kind = "webhook.replay_started"
	WebhookReplayEnded      Kind = "webhook.replay_ended"
	WebhookPortalOpened     Kind = "webhook.portal_opened"
	DelegationGranted       Kind = "delegation.granted"
	DelegationRevoked       Kind = "delegation.revoked"
	// DelegationReused: somebody besides the client has a copy of what it was given.
	DelegationReused Kind = "delegation.reuse_detected"
	TokenExchanged   Kind = "token.exchanged"
	TokenRevoked     Kind = "token.revoked"
	TokenKeyAdded    Kind = "token_key.added"
	TokenKeyChanged  Kind = "token_key.changed"

	UserCreated      Kind = "user.created"
	UserUpdated      Kind = "user.updated"
	UserDeactivated  Kind = "user.deactivated"
	UserReactivated  Kind = "user.reactivated"
	UserInvited      Kind = "user.invited"
	UserProofAdded   Kind = "user.proof_added"
	UserProofRemoved Kind = "user.proof_removed"
	GroupCreated     Kind = "group.created"
	GroupUpdated     Kind = "group.updated"
	GroupDeleted     Kind = "group.deleted"
	LoginSucceeded   Kind = "login.succeeded"
	LoginFailed      Kind = "login.failed"
	// LoginLinkAsked is for the letter that it causes, and for whoever looks into it later.
	LoginLinkAsked       Kind = "login.link_requested"
	InvitationRevoked    Kind = "user.invitation_revoked"
	LoginProviderSaved   Kind = "login_provider.saved"
	LoginProviderRemoved Kind = "login_provider.removed"

	DirectoryTokenCreated Kind = "directory_token.created"
	DirectoryTokenRevoked Kind = "directory_token.revoked"
	DirectoryTokenEnding  Kind = "directory_token.ending"

	LogRestored Kind = "log.restored"

	KeyMasterRotated Kind = "key.master_rotated"
	KeyUnitRotated   Kind = "key.unit_rotated"
	KeyUnitDestroyed Kind = "key.unit_destroyed"
	KeyMasterRetired Kind = "key.master_retired"
	LogAnchored      Kind = "log.anchored"

	LogAnchorRequested Kind = "log.anchor_requested"
)

// KindInfo describes one kind.
type KindInfo struct {
	Kind   Kind
	Public bool   // subscribers may hear of it; the others are for audit only
	About  string // one line for people
}

// Kinds lists every kind an entry may have, in the order of the guide.
var Kinds = []KindInfo{
	{DocumentCreated, true, "A document was taken in."},
	{DocumentCaptured, true, "Its pages were read; text and pages are there."},
	{DocumentProcessingFailed, true, "A step kept failing; the reason stands on the document."},
	{DocumentQuarantined, true, "The file cannot be processed safely and was put aside."},
	{DocumentSubmitted, true, "It was handed in for approval."},
	{DocumentInReview, true, "Its review was opened."},
	{DocumentApproved, true, "Every approver needed said yes."},
	{DocumentRejected, true, "An approver rejected it."},
	{DocumentReturned, true, "It went back for correction."},
	{DocumentSigned, true, "Every signer has signed and the PDF is sealed."},
	{DocumentDeclined, true, "A signer declined to sign."},
	{DocumentVoided, true, "It was withdrawn."},
	{DocumentExpired, true, "Its time ran out before it was finished."},
	{DocumentArchived, true, "Its archive package was written and checked."},
	{DocumentProtected, true, "Its signatures were protected further, by evidence or a time stamp."},
	{DocumentProtectionDelayed, true, "A level of protection could not be reached yet; the reason stands on the document."},
	{DocumentArchiveExtended, true, "An addition to its archive package was written and checked."},
	{DocumentDisposed, true, "Its key was destroyed and its content with it; a tombstone stays."},
	{DocumentVersionAdded, true, "A corrected file was added."},
	{DocumentMetadataChanged, true, "Its title, labels or metadata changed."},
	{DocumentShared, true, "A person was let into it for a time."},
	{DocumentUnshared, true, "A person was let out of it before that time ended."},
	{DocumentImported, true, "It was taken in from the archive of another unit, with the evidence of its past as a file."},

	{TaskOpened, true, "Somebody was asked to decide."},
	{TaskDecided, true, "An approver decided."},
	{TaskCancelled, true, "A decision is no longer needed."},

	{EnvelopeCreated, true, "A signature request was made."},
	{EnvelopeSent, true, "A recipient was sent the link."},
	{EnvelopeDelivered, true, "A recipient opened the signing link."},
	{EnvelopeViewed, true, "A recipient saw the document."},
	{EnvelopeConsented, true, "A recipient agreed to sign electronically."},
	{EnvelopeSigned, true, "A recipient signed."},
	{EnvelopeDeclined, true, "A recipient declined."},
	{EnvelopeReminded, true, "A recipient was reminded."},
	{EnvelopeCompleted, true, "All recipients have signed."},
	{EnvelopeExpired, true, "The signature request ran out."},
	{EnvelopeVoided, true, "The signature request was withdrawn."},
	{EnvelopeLinked, false, "A client was handed a recipient's signing link."},

	{OperationStarted, true, "Longer work began."},
	{OperationSucceeded, true, "Longer work is done."},
	{OperationFailed, true, "Longer work failed after its retries."},
	{OperationRetried, true, "Failed work was started again."},

	{BulkSendStarted, true, "One document is being sent to many, row by row."},
	{BulkSendPaused, true, "A bulk send stands still: somebody paused it, or it cannot go on; its code says which."},
	{BulkSendResumed, true, "A bulk send goes on, or tries its refused rows again."},
	{BulkSendFinished, true, "Every row of a bulk send was sent or refused."},
	{BulkSendCancelled, true, "A bulk send was ended; its rows that wait are not sent."},

	{InboundReceived, true, "An event came in from outside and was stored."},
	{InboundProcessed, true, "An event that came in has taken effect, or there was nothing to do."},
	{InboundQuarantined, true, "An event that came in cannot be processed; its code says why."},
	{InboundRedriven, true, "An event in quarantine is processed once more."},
	{InboundDiscarded, true, "Somebody decided that nothing comes of an event in quarantine."},

	{HookSourceCreated, false, "A source of webhooks was set up."},
	{HookSourceChanged, false, "A source of webhooks was changed."},
	{HookSourceRemoved, false, "A source of webhooks was removed."},
	{HookSecretAdded, false, "A source of webhooks got a secret; those before it end after the overlap."},
	{HookSecretEnded, false, "A secret of a source of webhooks was ended."},

	{DocumentTypeSaved, true, "A document type was made or changed."},
	{UnitCreated, true, "A business unit was made."},
	{UnitChanged, true, "A business unit was changed, closed or opened again."},
	{UnitLimitNeared, true, "A business unit has used four fifths of what it may take up."},
	{UnitLimitReached, true, "A business unit has used up what it may take up."},
	{UnitExported, true, "Everything that a business unit owns was written into an archive."},
	{UnitImported, true, "The archive of a business unit was gone through to its end."},

	{OrganisationCreated, true, "An organisation was made."},
	{OrganisationChanged, true, "An organisation was renamed, closed or opened again."},
	{RoleSaved, true, "A role of the organisation was made or changed."},
	{RoleRemoved, true, "A role of the organisation was removed."},
	{DeviceRuleSaved, true, "A rule on trusted devices was made, changed, or switched off or on."},
	{DeviceRuleRemoved, true, "A rule on trusted devices was removed."},
	{ClientCreated, true, "An API client was made."},
	{ClientChanged, true, "An API client's name, rights or ways to prove itself were changed."},
	{ClientSecretRotated, true, "An API client got a new secret; the one before works until the overlap ends."},
	{ClientRevoked, true, "An API client lost its access."},
	{SetupLinkMade, false, "A set-up link was made for an organisation."},
	{SetupCompleted, true, "Somebody became administrator by a set-up link."},
	{CredentialsFailed, true, "Wrong credentials came from an address; one event for all of a minute."},
	{DeviceAccepted, true, "Something that a device rule concerns was let happen, and why; one event for all alike of a minute."},
	{DeviceRefused, true, "Something was refused because a device rule was not met, and why; one event for all alike of a minute."},

	{WebhookEndpointCreated, true, "An endpoint for events was made."},
	{WebhookEndpointChanged, true, "An endpoint's settings were changed."},
	{WebhookEndpointDisabled, true, "An endpoint takes no events for now; its queue is kept."},
	{WebhookEndpointEnabled, true, "An endpoint takes events again."},
	{WebhookEndpointDeleted, true, "An endpoint was deleted, and what waited for it."},
	{WebhookSecretRotated, true, "An endpoint has a new secret; the old one signs too until it runs out."},
	{WebhookDeliveryDead, true, "An event did not reach an endpoint in any of its attempts."},
	{WebhookFailing, true, "A large share of the attempts at an endpoint fails."},
	{WebhookRecovered, true, "The attempts at an endpoint succeed again."},
	{WebhookTest, true, "Somebody sent a test event to an endpoint."},
	{WebhookReplayStarted, true, "Past events are being sent to an endpoint anew."},
	{WebhookReplayEnded, true, "A replay has come to its end, or could not go on."},
	{WebhookPortalOpened, false, "A link to the page of endpoints was made."},
	{DelegationGranted, true, "A person let a client act in their name."},
	{DelegationRevoked, true, "A client may no longer act in a person's name."},
	{DelegationReused, true, "A code or refresh token came back that was used before: everything that came of it was revoked."},
	{TokenExchanged, true, "A client exchanged somebody's token to act in their name."},
	{TokenRevoked, false, "A client gave back an access token."},
	{TokenKeyAdded, true, "A key that signs access tokens was made."},
	{TokenKeyChanged, true, "A key that signs access tokens was put in force at once, or taken out."},

	{UserCreated, true, "A person was made known to the organisation."},
	{UserUpdated, true, "What is known of a user, or what the user may do, was changed."},
	{UserDeactivated, true, "A user may no longer get in; sessions and tokens ended with it."},
	{UserReactivated, true, "A user may get in again."},
	{UserInvited, true, "A user was sent a link by which to get in for the first time."},
	{UserProofAdded, true, "A user got a passkey, a source of codes or recovery codes."},
	{UserProofRemoved, true, "A user lost a passkey, a source of codes or recovery codes."},
	{GroupCreated, true, "A group of users was made."},
	{GroupUpdated, true, "A group, or who is in it, was changed."},
	{GroupDeleted, true, "A group was deleted; its members are no longer what they were by it."},
	{LoginSucceeded, true, "Somebody logged in."},
	{LoginFailed, true, "Somebody tried to log in as a user and could not prove to be them."},
	{LoginLinkAsked, false, "A link to log in by e-mail was asked for."},
	{InvitationRevoked, false, "An invitation was taken back."},
	{LoginProviderSaved, false, "A provider of logins outside was set up or changed."},
	{LoginProviderRemoved, false, "A provider of logins outside was removed."},
	{DirectoryTokenCreated, true, "A directory got a token by which to say who works here."},
	{DirectoryTokenRevoked, true, "A directory's token was ended."},
	{DirectoryTokenEnding, true, "A directory's token is about to run out; make the next one."},

	{LogAnchorRequested, false, "A time stamp over the log was asked for beside the schedule."},
	{LogAnchored, false, "A checkpoint was time-stamped by an outside authority."},
	{LogRestored, false, "A restored backup was accepted; the log goes on under a new name."},
	{KeyMasterRotated, false, "Another master key was put in force; keys are wrapped by it anew."},
	{KeyMasterRetired, false, "A master key under which nothing lay any more was taken out of the key file."},
	{KeyUnitRotated, false, "The key of a unit was taken out of force; the next use makes a new one."},
	{KeyUnitDestroyed, false, "A unit's key that was out of force, with nothing left under it, was destroyed."},
}

// Info gives the description of the kind; false for a kind nobody registered.
func (k Kind) Info() (KindInfo, bool) {
	for _, info := range Kinds {
		if info.Kind == k {
			return info, true
		}
	}
	return KindInfo{}, false
}

// Public tells whether subscribers may hear of entries of this kind.
func (k Kind) Public() bool {
	info, ok := k.Info()
	return ok && info.Public
}

// wellFormed tells whether k is made of lower-case letters, digits, underscores
// and dots, as everything in the leaf must be that is not base 64.
func (k Kind) wellFormed() bool {
	if k == "" || len(k) > 64 {
		return false
	}
	for _, c := range []byte(k) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '.' {
			return false
		}
	}
	return true
}
