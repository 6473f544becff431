package httpapi

import (
	"net/http"

	"github.com/paraph/paraph/internal/fault"
)

// codeInfo explains one code of the contract.
type codeInfo struct {
	kind  fault.Kind
	title string // the same for every occurrence
	http  int    // where no kind stands for the status; else 0
}

func (c codeInfo) status() int {
	if c.http != 0 {
		return c.http
	}
	return statuses[c.kind]
}

// titleOf gives the title of a fault: that of its code, else that of its kind.
func titleOf(f *fault.Fault) string {
	if info, ok := catalogue[f.Code]; ok {
		return info.title
	}
	return http.StatusText(statuses[f.Kind])
}

// catalogue lists every code a caller of the API can meet; /docs/errors shows it.
var catalogue = map[string]codeInfo{
	"export_running":         {kind: fault.Conflict, title: "An export of the business unit is being written"},
	"export_not_ready":       {kind: fault.Conflict, title: "The archive is not written yet"},
	"export_gone":            {kind: fault.Gone, title: "The archive is not there any more"},
	"export_refused":         {kind: fault.Invalid, title: "The archive is not a sound export of a business unit"},
	"export_outdated":        {kind: fault.Unavailable, title: "A document was destroyed while the archive was written"},
	"export_too_large":       {kind: fault.TooLarge, title: "The business unit has more files than one archive takes"},
	"import_running":         {kind: fault.Conflict, title: "An import into the business unit has not come to its end"},
	"import_without_archive": {kind: fault.Invalid, title: "The archive did not come back with a backup"},
	"signature_missing":      {kind: fault.Invalid, title: "A file that came in as signed carries no signature"},
	"invalid_request":        {kind: fault.Invalid, title: "The request does not fit the contract"},
	"malformed_body":         {http: http.StatusBadRequest, title: "The body cannot be read"},
	"body_incomplete":        {http: http.StatusBadRequest, title: "The body did not arrive whole"},
	"body_too_large":         {kind: fault.TooLarge, title: "The body is too large"},
	"file_too_large":         {kind: fault.TooLarge, title: "The file is too large"},
	"unsupported_media_type": {kind: fault.Unsupported, title: "The media type is not taken"},
	"method_not_allowed":     {http: http.StatusMethodNotAllowed, title: "The path does not take this method"},
	"no_such_path":           {kind: fault.NotFound, title: "There is nothing at this path"},
	"not_acceptable":         {http: http.StatusNotAcceptable, title: "The answer has no such form"},
	"range_not_satisfiable":  {http: http.StatusRequestedRangeNotSatisfiable, title: "The file has no such range"},

	codeKeyRequired:          {kind: fault.Invalid, title: "The Idempotency-Key is missing"},
	"idempotency_key_reused": {kind: fault.Conflict, title: "The Idempotency-Key belongs to another request"},
	"result_not_repeatable":  {kind: fault.Conflict, title: "The first answer held a secret and was not kept"},

	"credentials_missing":  {kind: fault.Unauthorized, title: "No access token was sent"},
	"invalid_token":        {kind: fault.Unauthorized, title: "The access token is not valid"},
	"invalid_dpop_proof":   {kind: fault.Unauthorized, title: "The DPoP proof is not valid"},
	"use_dpop_nonce":       {kind: fault.Unauthorized, title: "The DPoP proof needs the nonce of this server"},
	"too_much_to_remember": {kind: fault.Unavailable, title: "Too many proofs came at once"},
	"invalid_client":       {kind: fault.Unauthorized, title: "The client is not known"},
	"missing_scope":        {kind: fault.Forbidden, title: "The access token lacks the right"},
	"device_required":      {kind: fault.Forbidden, title: "It can be done from trusted devices only"},
	"four_eyes":            {kind: fault.Forbidden, title: "Somebody else has to decide"},
	"not_your_task":        {kind: fault.Forbidden, title: "The task is assigned to somebody else"},
	"not_found":            {kind: fault.NotFound, title: "There is nothing here, or it is not yours"},
	"too_many_at_once":     {kind: fault.TooMany, title: "Too many requests at once"},
	"above_installation":   {kind: fault.Forbidden, title: "The installation allows less"},
	"rate_limited":         {kind: fault.TooMany, title: "Too many requests"},

	"invalid_document":        {kind: fault.Invalid, title: "The document's details have faults"},
	"empty_file":              {kind: fault.Invalid, title: "The file is empty"},
	"external_id_taken":       {kind: fault.Conflict, title: "Another document has this external id"},
	"document_not_draft":      {kind: fault.Conflict, title: "The document is not a draft"},
	"document_processing":     {kind: fault.Conflict, title: "The document is still being read"},
	"document_quarantined":    {kind: fault.Conflict, title: "The document is in quarantine"},
	"document_disposed":       {kind: fault.Gone, title: "The document was disposed of"},
	"document_without_file":   {kind: fault.Conflict, title: "The document has no file"},
	"invalid_disposal":        {kind: fault.Invalid, title: "The disposal has faults"},
	"retention_runs":          {kind: fault.Conflict, title: "The document has to be kept"},
	"document_failed":         {kind: fault.Conflict, title: "The document could not be read"},
	"version_not_scanned":     {kind: fault.Conflict, title: "The version was not looked through for malware"},
	"action_not_allowed":      {kind: fault.Conflict, title: "The document's state does not allow this"},
	"invalid_void":            {kind: fault.Invalid, title: "The withdrawal has faults"},
	"bad_character":           {kind: fault.Invalid, title: "The text holds what cannot be kept"},
	"empty_query":             {kind: fault.Invalid, title: "The search text is missing"},
	"blob_damaged":            {kind: fault.Internal, title: "The stored file is damaged"},
	"invalid_document_type":   {kind: fault.Invalid, title: "The document type has faults"},
	"invalid_unit":            {kind: fault.Invalid, title: "The business unit has faults"},
	"exists":                  {kind: fault.Conflict, title: "There is one of this name already"},
	"precondition_failed":     {kind: fault.Precondition, title: "It was changed since it was read"},
	"not_yours_to_give":       {kind: fault.Forbidden, title: "You can give only what you have"},
	"confined_to_units":       {kind: fault.Forbidden, title: "This belongs to the whole organisation"},
	"client_revoked":          {kind: fault.Conflict, title: "The client was revoked"},
	"client_without_secret":   {kind: fault.Conflict, title: "The client has no secret"},
	"invalid_role":            {kind: fault.Invalid, title: "The role has faults"},
	"invalid_directory_token": {kind: fault.Invalid, title: "The directory's token has faults"},
	"invalid_device_rule":     {kind: fault.Invalid, title: "The device rule has faults"},
	"locks_you_out":           {kind: fault.Conflict, title: "The rule would shut you out yourself"},
	"role_in_use":             {kind: fault.Conflict, title: "The role is in use"},
	"invalid_organisation":    {kind: fault.Invalid, title: "The organisation has faults"},
	"own_organisation":        {kind: fault.Conflict, title: "The organisation runs the installation"},
	"unit_limit_reached":      {kind: fault.Conflict, title: "The business unit has used up its limit"},
	"unit_file_limit":         {kind: fault.TooLarge, title: "The business unit takes no file this large"},
	"unit_page_limit":         {kind: fault.TooLarge, title: "The business unit takes no document this long"},
	"unit_closed":             {kind: fault.Conflict, title: "The business unit takes no new documents"},
	"set_up":                  {kind: fault.Conflict, title: "The first organisation is there already"},
	"organisation_closed":     {kind: fault.Conflict, title: "The organisation is closed"},
	"setup_link_gone":         {kind: fault.Gone, title: "The set-up link does not work, or not any more"},
	"invalid_grant_request":   {kind: fault.Invalid, title: "The grant has faults"},
	"invalid_user":            {kind: fault.Invalid, title: "The user has faults"},
	"invalid_group":           {kind: fault.Invalid, title: "The group has faults"},
	"invalid_provider":        {kind: fault.Invalid, title: "The provider of logins has faults"},
	"user_inactive":           {kind: fault.Conflict, title: "The user is not active"},
	"whole_organisation":      {kind: fault.Forbidden, title: "People belong to the whole organisation"},
	"revision_changed":        {kind: fault.Conflict, title: "It was changed since it was read"},
	"invalid_client_request": {kind: fault.Invalid,
		title: "The client has faults"},

	"invalid_approval": {kind: fault.Invalid, title: "The approval payload has faults"},
	"invalid_decision": {kind: fault.Invalid, title: "The decision has faults"},
	"task_not_open":    {kind: fault.Conflict, title: "The task is not open"},
	"task_not_found":   {kind: fault.NotFound, title: "There is no such task"},

	"invalid_bulk_send":         {kind: fault.Invalid, title: "The bulk send has faults"},
	"invalid_rows":              {kind: fault.Invalid, title: "The rows have faults"},
	"too_many_bulk_sends":       {kind: fault.Conflict, title: "Too many bulk sends are running"},
	"bulk_send_not_open":        {kind: fault.Conflict, title: "The bulk send does not stand for this"},
	"nothing_refused":           {kind: fault.Conflict, title: "No row was refused"},
	"bulk_rows_gone":            {kind: fault.Gone, title: "The rows of the bulk send are not kept any more"},
	"bulk_send_needs_own_token": {kind: fault.Forbidden, title: "A bulk send needs a token of the client's own, or of a person"},

	"invalid_envelope":     {kind: fault.Invalid, title: "The envelope has faults"},
	"envelope_open":        {kind: fault.Conflict, title: "The document is being signed already"},
	"fields_not_possible":  {kind: fault.Conflict, title: "The file takes no marks on its pages"},
	"envelope_not_open":    {kind: fault.Conflict, title: "The envelope is not open"},
	"envelope_not_sealing": {kind: fault.Conflict, title: "The envelope is not being sealed"},
	"already_signed":       {kind: fault.Conflict, title: "This person has signed already"},
	"already_declined":     {kind: fault.Conflict, title: "This person has declined already"},
	"not_your_turn":        {kind: fault.Conflict, title: "It is not this recipient's turn"},
	"recipient_not_found":  {kind: fault.NotFound, title: "There is no such recipient"},
	"reminded_enough":      {kind: fault.TooMany, title: "The recipient was reminded a moment ago"},
	"link_unknown":         {kind: fault.NotFound, title: "The signing link is not known"},
	"link_expired":         {kind: fault.Gone, title: "The signing link has run out"},
	"shown_something_else": {kind: fault.Conflict, title: "What was shown is not what would be signed"},
	"invalid_signature":    {kind: fault.Invalid, title: "The signature is not complete"},
	"invalid_reason":       {kind: fault.Invalid, title: "The reason has faults"},
	"not_sealed_yet":       {kind: fault.NotFound, title: "The sealed PDF is not there yet"},

	"tus_version":       {http: http.StatusPreconditionFailed, title: "The request speaks another version of tus"},
	"invalid_upload":    {kind: fault.Invalid, title: "The upload has faults"},
	"offset_differs":    {kind: fault.Conflict, title: "The upload is at another place"},
	"checksum_mismatch": {http: statusChecksum, title: "The bytes are not those of the checksum"},
	"too_many_uploads":  {kind: fault.Conflict, title: "There are too many open uploads"},
	"too_many_parts":    {kind: fault.Conflict, title: "The upload came in too many pieces"},

	"invalid_report":   {kind: fault.Invalid, title: "The report cannot be made so"},
	"report_too_large": {kind: fault.Invalid, title: "The report would be too large"},
	"invalid_batch":    {kind: fault.Invalid, title: "The batch has faults"},
	"batch_undone":     {kind: fault.Conflict, title: "An operation of the batch was refused, and nothing was done"},
	"not_begun":        {kind: fault.Unavailable, title: "The operation was not begun"},

	"operation_not_failed":    {kind: fault.Conflict, title: "The operation has not failed"},
	"operation_not_retryable": {kind: fault.Conflict, title: "Trying again cannot help"},
	"operation_ended":         {kind: fault.Conflict, title: "The operation has ended"},

	"bad_signature":         {kind: fault.Unauthorized, title: "The webhook is not signed with a secret of its source"},
	"outside_window":        {kind: fault.Unauthorized, title: "The webhook was signed at another time"},
	"bad_event":             {kind: fault.Invalid, title: "The webhook cannot be understood"},
	"too_many_events":       {kind: fault.TooLarge, title: "The webhook tells of too many events"},
	"too_many_bodies":       {kind: fault.Unavailable, title: "Too many webhooks arrive at once"},
	"source_disabled":       {kind: fault.Unavailable, title: "The source is switched off"},
	"invalid_hook_source":   {kind: fault.Invalid, title: "The source of webhooks has faults"},
	"bad_secret":            {kind: fault.Invalid, title: "The secret cannot be used"},
	"too_many_secrets":      {kind: fault.Conflict, title: "There are enough secrets in force"},
	"no_bus":                {kind: fault.NotFound, title: "There is no event bus"},
	"bad_mapping":           {kind: fault.Invalid, title: "The mapping cannot be used"},
	"mapping_unavailable":   {kind: fault.Unavailable, title: "Mappings cannot be run just now"},
	"event_not_quarantined": {kind: fault.Conflict, title: "The event is not in quarantine"},
	"payload_gone":          {kind: fault.Gone, title: "What came with the event is not kept any more"},

	"bad_cursor":      {kind: fault.Invalid, title: "The cursor is not one of ours"},
	"not_in_log_yet":  {kind: fault.Conflict, title: "The event is not in the log yet"},
	"no_such_tile":    {kind: fault.NotFound, title: "The log has no such tile"},
	"log_empty":       {kind: fault.NotFound, title: "The log has no entries yet"},
	"log_damaged":     {kind: fault.Unavailable, title: "The log contradicts itself"},
	"log_forked":      {kind: fault.Unavailable, title: "The log is not the one that was signed before"},
	"log_rolled_back": {kind: fault.Unavailable, title: "The log was longer before"},
	"checkpoint_forged": {kind: fault.Unavailable,
		title: "The newest checkpoint is not signed by the log"},
	"entry_not_found": {kind: fault.NotFound, title: "There is no such event"},

	"invalid_endpoint":   {kind: fault.Invalid, title: "The endpoint has faults"},
	"too_many_endpoints": {kind: fault.Conflict, title: "There are too many endpoints"},
	"invalid_replay":     {kind: fault.Invalid, title: "The replay has faults"},
	"too_many_replays":   {kind: fault.Conflict, title: "Too many replays are running"},
	"invalid_portal":     {kind: fault.Invalid, title: "The link has faults"},
	"delivery_pending":   {kind: fault.Conflict, title: "The event waits to be sent already"},
	"delivery_ended":     {kind: fault.Conflict, title: "The delivery has ended"},

	"timestamps_not_configured": {kind: fault.Conflict, title: "There is no time stamping authority"},
	"invalid_level":             {kind: fault.Invalid, title: "There is no such level of protection"},
	"level_reached":             {kind: fault.Conflict, title: "The signatures are protected that far already"},
	"document_unsigned":         {kind: fault.Conflict, title: "The document carries no PDF signature"},
	"timestamp_requested":       {kind: fault.TooMany, title: "A time stamp was asked for a moment ago"},

	"stale":               {kind: fault.Conflict, title: "Somebody else was faster"},
	"metadata_unchecked":  {kind: fault.Conflict, title: "The document type was changed a moment ago"},
	"internal":            {kind: fault.Internal, title: "Something went wrong on our side"},
	"store_unavailable":   {kind: fault.Unavailable, title: "The database is away"},
	"storage_unavailable": {kind: fault.Unavailable, title: "The file storage is away"},
	"wrong_master_key":    {kind: fault.Unavailable, title: "The master key in force is not in the key file"},
	"master_key_rotated":  {kind: fault.Unavailable, title: "The master key was rotated a moment ago"},
	"unit_key_rotated":    {kind: fault.Unavailable, title: "The business unit's key was rotated a moment ago"},
	"unit_without_key":    {kind: fault.Conflict, title: "The business unit has no key in force"},
	"upgrade_running":     {kind: fault.Unavailable, title: "Processes of another version are running"},
	"key_in_use":          {kind: fault.Conflict, title: "Something still lies under the key"},
	"storage_full":        {kind: fault.Unavailable, title: "The storage is full"},
}
