package httpapi

import "github.com/paraph/paraph/internal/fault"

// adviceOn says what to do about a code: its own advice, else that of its kind.
func adviceOn(code string, c codeInfo) string {
	if own := advice[code]; own != "" {
		return own
	}
	if c.http != 0 {
		return "Change the request."
	}
	switch c.kind {
	case fault.TooMany, fault.Unavailable:
		return "Send it again after Retry-After, with the same Idempotency-Key."
	case fault.Internal:
		return "Send it again with the same Idempotency-Key; if it stays, name the request id."
	case fault.Unauthorized:
		return "Get a new access token, or check the client's credentials."
	case fault.Forbidden:
		return "Use a client that has the right; the detail names it."
	case fault.NotFound, fault.Gone:
		return "Check the id and what the client may see."
	case fault.Conflict:
		return "Look at how things stand; the detail says what can be done."
	default:
		return "Change the request; the detail and `errors` say what."
	}
}

// advice is for the codes whose kind says too little.
var advice = map[string]string{
	"malformed_body":            "Send one JSON value in UTF-8, without duplicate members and not nested too deeply; the detail says where reading stopped.",
	"body_incomplete":           "The connection broke off before the body ended. Send it again whole; nothing was kept.",
	"body_too_large":            "A JSON body is 1 MB at most, a batch 4 MB. Send less at once, or a file as an upload.",
	"file_too_large":            "The detail names the largest file taken. Send a large one in pieces, by `POST /v1/uploads`.",
	"unsupported_media_type":    "Name the body's type in Content-Type; the operation lists those it takes.",
	"method_not_allowed":        "The header Allow lists the methods of this path.",
	"no_such_path":              "Compare the path with the reference; versions begin with `/v1`.",
	"not_acceptable":            "Ask for a form that the operation lists, or leave Accept out.",
	"range_not_satisfiable":     "The file is shorter than the range. Ask for its length first, or for all of it.",
	codeKeyRequired:             "Send an Idempotency-Key: a new one for each new request, the same for a repetition.",
	"idempotency_key_reused":    "The key was used for another request. Take a new key; to repeat a request, send exactly the same one.",
	"result_not_repeatable":     "The first request was carried out, and its answer held a secret that is not kept. Make a new one under a new key.",
	"credentials_missing":       "Send an access token: `Authorization: Bearer …`. `POST /oauth/token` gives one.",
	"invalid_token":             "It has run out, was revoked, or is for another server. Get a new one by `POST /oauth/token`.",
	"invalid_dpop_proof":        "Make a new proof for this very request: its method, its address, its time, the token's digest.",
	"use_dpop_nonce":            "Make the proof again with the nonce of the answer's header DPoP-Nonce, and repeat the request.",
	"invalid_client":            "Check client id and secret. A secret that was rotated ends when its overlap does.",
	"missing_scope":             "The detail names the scope. Ask for a token with it, or have an administrator give it to the client.",
	"four_eyes":                 "The document type demands that others decide than those who brought the document in, and each once.",
	"not_your_task":             "Only its assignee decides a task. With the scope `tasks:decide_for`, name the assignee in `on_behalf_of`.",
	"not_found":                 "Check the id. What belongs to others is answered in the same way as what does not exist.",
	"too_many_at_once":          "Wait for requests that are under way to end; the client's `request_limits` say how many may run at once.",
	"above_installation":        "The settings of the installation set the bound. Ask for less, or have the setting changed.",
	"rate_limited":              "Wait as long as Retry-After says. The headers RateLimit and RateLimit-Policy tell what is left.",
	"empty_file":                "The file has no bytes. Send its content.",
	"external_id_taken":         "Find the document by `GET /v1/documents?external_id=…`: it may be this one already.",
	"document_not_draft":        "Only a draft can be changed or handed in. Recall the document, or make a new one.",
	"document_processing":       "Wait for its operation: `GET /v1/operations/{id}` with `Prefer: wait=30`.",
	"document_quarantined":      "The file could not be opened; the document's `processing` says why. Bring a better file by `POST /v1/documents/{id}/versions`.",
	"document_disposed":         "It is gone for good, as its retention said. Its tombstone and its events remain.",
	"document_without_file":     "Bring a file first, by `POST /v1/documents/{id}/versions`.",
	"retention_runs":            "The detail says until when it has to be kept.",
	"version_not_scanned":       "Another version took its place before it was read. Take that one, or upload the file once more.",
	"document_failed":           "Its operation says why. Retry it by `POST /v1/operations/{id}/retry`, or bring a better file.",
	"empty_query":               "Name what to look for in `q`.",
	"blob_damaged":              "The stored bytes are not those that were kept. Restore them from a backup; `paraph audit verify --files` lists all that are damaged.",
	"exists":                    "Choose another name, or change the one that is there.",
	"precondition_failed":       "Read it again, look at what changed, and send the change with the new ETag in If-Match.",
	"not_yours_to_give":         "A client cannot give rights that it does not have itself. Ask one that has them.",
	"confined_to_units":         "The client is confined to business units. Use one of the whole organisation.",
	"role_in_use":               "Take the role from the clients and groups that have it first.",
	"unit_limit_reached":        "Dispose of documents, or have an administrator raise the unit's limit.",
	"unit_closed":               "Choose another unit, or have an administrator open it.",
	"setup_link_gone":           "`paraph admin setup-link` on the machine makes another.",
	"revision_changed":          "Read it again, look at what changed, and send the change with the new revision.",
	"task_not_open":             "It waits for its turn, or has ended. The approval shows all its tasks.",
	"envelope_open":             "A document has one open envelope at a time. Void it, or wait for its end.",
	"fields_not_possible":       "The file is signed or locked in a way that takes no marks on its pages. Leave `fields` out.",
	"envelope_not_open":         "It was not sent yet, or it has ended; its `state` says which.",
	"not_your_turn":             "Those with a lower `order` sign first. The recipient gets a message when it is time.",
	"reminded_enough":           "Reminders to one recipient are at least a minute apart.",
	"link_unknown":              "The link is incomplete, or another one replaced it. The sender can make a new one.",
	"link_expired":              "The sender can make a new link.",
	"shown_something_else":      "The document changed while the page was open. Open the link again and read it anew.",
	"not_sealed_yet":            "Wait for `envelope.completed`; sealing follows the last signature.",
	"tus_version":               "Send `Tus-Resumable: 1.0.0`.",
	"offset_differs":            "Ask for the offset by HEAD, and go on from there.",
	"checksum_mismatch":         "The piece was damaged on its way and was not kept. Send it again.",
	"too_many_uploads":          "End uploads that are not needed by DELETE; others end a day after their last piece.",
	"too_many_parts":            "Send larger pieces.",
	"batch_undone":              "The `errors` name the operation and what was wrong with it. Mend it and send the batch under a new key.",
	"not_begun":                 "Send the batch again under the same key: what was done is not done twice. Or send fewer operations at once.",
	"operation_not_failed":      "Only what failed can be retried; look at its `state`.",
	"operation_not_retryable":   "The reason lies in the file or the request. Bring a better file, or begin anew.",
	"bad_signature":             "Compare the sender's secret with the source's, and sign the bytes as they are sent.",
	"outside_window":            "Set the sender's clock, and send again with a new time.",
	"source_disabled":           "Switch the source on: `PATCH /v1/hook-sources/{id}`.",
	"bad_cursor":                "Give `after` exactly as an earlier answer gave `next`, or leave it out.",
	"not_in_log_yet":            "The log numbers an event moments after its commit. Ask again.",
	"log_damaged":               "Writing has stopped. `paraph audit verify` on the machine says where; restore a backup.",
	"log_forked":                "Writing has stopped: the database is not the one that was signed for. Restore the right one.",
	"log_rolled_back":           "An older database was put in place. Restore the newer one, or accept the loss with `paraph audit accept-restore`.",
	"too_many_endpoints":        "Delete endpoints that are not needed.",
	"too_many_bulk_sends":       "Wait for a running bulk send to end, or pause one.",
	"bulk_send_not_open":        "Look at its state: one that runs can be paused or cancelled, a paused one resumed or cancelled, a finished one retried.",
	"nothing_refused":           "There is nothing to try again.",
	"bulk_rows_gone":            "Begin another bulk send with these rows: the setting bulk-keep says how long rows that were not sent are kept.",
	"bulk_send_needs_own_token": "Get a token by client credentials or for a person, instead of one exchanged from another client's.",
	"invalid_rows":              "Correct the rows that `errors` names, `/rows/17/email` each, and send all of them again: nothing was sent.",
	"too_many_replays":          "Wait for a running replay to end.",
	"timestamps_not_configured": "Name an authority in the setting `timestamp-authorities`.",
	"invalid_level":             "Leave it out for the level of the settings, or name one of `b`, `t`, `lt` and `lta`.",
	"level_reached":             "Nothing is to be done.",
	"stale":                     "Another change came between. Send the same request again.",
	"store_unavailable":         "Send it again after Retry-After, with the same Idempotency-Key. `/readyz` says when the database is back.",
	"storage_unavailable":       "Send it again after Retry-After, with the same Idempotency-Key. `/readyz` says when the storage is back.",
	"storage_full":              "Make room on the storage; nothing was kept of the request.",
	"internal":                  "Send it again with the same Idempotency-Key; if it stays, tell the operator the `request_id`.",
}
