package store

import (
	"fmt"
	"strings"
)

// Kind is what a column holds, in both databases.
type Kind byte

// The kinds of column.
const (
	Text    Kind = 't'
	Integer Kind = '#'
	Real    Kind = '~'
	Boolean Kind = '?'
	Bytes   Kind = '%'
)

// Column is one column of a table.
type Column struct {
	Name string
	Kind Kind
	// Blank is what a personal column holds once its document was disposed of.
	Blank any
}

// Table says of one table what a backup and a disposal have to know: its
// columns, and which of them are personal data of a document. It is the only
// place that decides this: a disposal blanks those columns, and a backup seals
// them under the key of the document.
type Table struct {
	Name     string
	Key      []string // columns that name a row
	Clear    []Column
	Personal []Column
	// Of is the document a row t belongs to, as SQL; "" where rows belong to none.
	Of string
	// Deleted: a disposal deletes the rows instead of blanking them.
	Deleted bool
	// Secret: the table holds keys and goes into the keys part of a backup.
	Secret bool
	// Where leaves rows out of a backup; "" takes all.
	Where string
}

// Columns gives all columns, the clear ones first.
func (t *Table) Columns() []Column {
	return append(t.Clear[:len(t.Clear):len(t.Clear)], t.Personal...)
}

func names(columns []Column) []string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = c.Name
	}
	return out
}

// columns reads a list of columns: a name, the sign of its kind unless it is
// text, and =NULL or =VALUE where its blank is not the empty text.
func columns(list string) []Column {
	var out []Column
	for _, word := range strings.Fields(list) {
		name, blank, given := strings.Cut(word, "=")
		c := Column{Name: name, Kind: Text, Blank: ""}
		if k := Kind(name[len(name)-1]); strings.ContainsRune("#~?%", rune(k)) {
			c.Name, c.Kind = name[:len(name)-1], k
		}
		switch {
		case blank == "NULL":
			c.Blank = nil
		case given && c.Kind == Bytes:
			c.Blank = make([]byte, 32)
		case given:
			c.Blank = blank
		}
		out = append(out, c)
	}
	return out
}

// table makes a Table; key names the columns that name a row.
func table(name, key, clear, personal, of string, change ...func(*Table)) Table {
	t := Table{Name: name, Key: strings.Fields(key), Clear: columns(clear), Personal: columns(personal), Of: of}
	for _, c := range change {
		c(&t)
	}
	return t
}

func deleted(t *Table)                 { t.Deleted = true }
func secret(t *Table)                  { t.Secret = true }
func except(sql string) func(t *Table) { return func(t *Table) { t.Where = sql } }

// entryDocument is the document of an entry: its own, or that of the envelope
// which an entry beside the document's chain is about.
const entryDocument = `CASE WHEN t.document_id <> '' THEN t.document_id
	ELSE (SELECT v.document_id FROM envelope v WHERE v.org = t.org AND v.id = t.subject_id) END`

// eventDocument is the document of what belongs to an event by its place in the log.
const eventDocument = `(SELECT CASE WHEN e.document_id <> '' THEN e.document_id
	ELSE (SELECT v.document_id FROM envelope v WHERE v.org = e.org AND v.id = e.subject_id) END FROM entry e WHERE e.idx = t.idx)`

// Tables are the tables that a backup holds, each after those it refers to.
// Not among them is what a start or a restore makes by itself: the schema's own
// table, the probe, the processes, the search index, and the hashes of the tree;
// and links to pages, which run out within days.
var Tables = []Table{
	table("organisation", "id", "id name created_at# closed_at# revision#", "", ""),
	table("client", "id", `id org name principal scopes units roles secret_hash% created_at# revoked_at# profile={}
		revision# old_secret_hash% old_secret_until#`, "", ""),
	table("person", "id", "id org name display active? roles units locale external_id created_at# updated_at# deactivated_at# deleted_at# revision#", "", ""),
	table("people_group", "id", "id org name external_id roles units created_at# updated_at# revision#", "", ""),
	table("group_member", "group_id user_id", "group_id user_id", "", ""),
	table("passkey", "id", "id% user_id name credential created_at# used_at# revision#", "", ""),
	table("totp", "user_id", "user_id sealed% created_at# confirmed_at# last_step# revision#", "", ""),
	table("recovery_code", "user_id hash", "user_id hash% created_at# used_at#", "", ""),
	table("login_provider", "id", "id org name settings sealed% created_at# updated_at# revision#", "", ""),
	table("login_identity", "provider_id subject", "provider_id subject user_id created_at#", "", ""),
	table("directory_token", "id", "id org name hash% made_by created_at# expires_at# warn_at# used_at# warned_at# revoked_at# revision#", "", ""),
	table("unit", "org name", "org name title created_at# weight# closed_at# limits={} revision#", "", ""),
	table("unit_use", "org unit what", "org unit what used# told#", "", ""),
	table("org_role", "org name", "org name title scopes revision# created_at# updated_at#", "", ""),
	table("device_rule", "org name", "org name title off? holds demands revision# created_at# updated_at#", "", ""),
	table("document_type", "org name", "org name title schema revision# created_at# updated_at# weight# max_running# four_eyes?", "", ""),
	table("unit_key", "id", "id org unit class master_id wrapped% created_at# superseded_at#", "", "", secret),
	table("document_key", "id", "id org document_id key_id wrapped% created_at# destroyed_at#", "", "", secret),
	table("document", "org id", `org id unit doc_type created_at# updated_at# state current_version# pages# proc_status proc_step
		proc_operation proc_code revision# entry_seq# last_leaf%`,
		"title external_id labels={} metadata=NULL approvers=[] created_by proc_reason", "t.id"),
	table("version", "org document_id number", `org document_id number# kind derived_from# media_type blob sha256 size# pages#
		signatures# created_at# level protected_until# protected_by stamped_at#`, "file_name", "t.document_id"),
	table("page", "org document_id version number", `org document_id version# number# width~ height~ turned# blank? source engine
		confidence~ words# blob`, "text", "t.document_id", deleted),
	// Made again from the journal, by whoever keeps the index.
	table("search_document", "org document_id", "org document_id", "words", "t.document_id", deleted, except("1 = 0")),
	table("blob", "id", "id org key_id size# created_at# destroyed_at#", "data_key%=NULL sha256",
		"(SELECT b.document_id FROM document_key b WHERE b.id = t.key_id)"),
	table("document_grant", "org id", "org id document_id from_at# until_at# created_at# revoked_at#", "principal purpose granted_by", "t.document_id"),
	table("approval", "org id", `org id unit document_id document_version# document_sha256 mode quorum# due_at# state created_at#
		closed_at# revision# four_eyes?`, "initiator_user initiator_email submitted_by", "t.document_id"),
	table("task", "org id", "org id approval_id document_id position# state opened_at# decided_at#",
		"assignee comment decided_by on_behalf_of", "t.document_id"),
	table("envelope", "org id", `org id unit document_id version# sha256 state expires_at# created_at# sent_at# closed_at# revision#
		sealed_version#`, "subject message sender_id reason", "t.document_id"),
	table("recipient", "org id", `org id envelope_id document_id position# sign_order# state sent_at# delivered_at# viewed_at#
		consented_at# signed_at# declined_at# reminders# reminded_at# fields`, "name email reason evidence={} signature={}", "t.document_id"),
	table("link", "token_hash", "org envelope_id recipient_id channel created_at# expires_at#", "token_hash%=NULL",
		"(SELECT v.document_id FROM envelope v WHERE v.org = t.org AND v.id = t.envelope_id)", deleted),
	table("entry", "id", `id idx# org unit kind subject_type subject_id document_id doc_version# doc_seq# at# actor_kind prev_leaf% leaf%`,
		"actor_id principal on_behalf_of peer forwarded user_agent request_id digests={} data=NULL trace salt%=0", entryDocument),
	table("checkpoint", "size", "size# root% epoch# note at#", "", ""),
	table("witness_state", "witness", "witness size# at# tried_at# code reason", "", ""),
	table("witnessed", "only_row", "only_row# size# note at#", "", ""),
	table("anchor", "id", "id size# note tsa token% stamped_at# at#", "", ""),
	table("log_head", "only_row", "only_row# size# root% epoch#", "", ""),
	table("lease", "name", "name holder epoch# until#", "", "", except("t.name NOT LIKE 'worker/%'")),
	table("operation", "org id", `org id unit kind document_id envelope_id state step done# total# attempts# code retryable? created_at#
		started_at# ended_at# revision#`, "reason", "t.document_id"),
	table("backlog", "org operation_id", `org operation_id kind doc_type unit document_id trace enqueued_at# due_at# holder token#
		failures# deaths# alone? code parent first_page# last_page# parts#`, "reason", "t.document_id"),
	table("turn", "kind level org doc_type unit", "kind level# org doc_type unit clock# finish#", "", ""),
	// Made again by whoever goes on with the capture.
	table("kept_page", "org operation_id number", "org operation_id number#", "data%=NULL",
		"(SELECT o.document_id FROM operation o WHERE o.org = t.org AND o.id = t.operation_id)", deleted, except("1 = 0")),
	table("archive_record", "org id", `org id unit document_id version# sha256 package package_sha256 package_size# files rule
		archived_at#`, "", "t.document_id"),
	table("archive_addition", "org record_id number", "org record_id number# document_id version# sha256 package package_sha256 package_size# files added_at#", "", "t.document_id"),
	table("protection", "org document_id line", `org document_id line# version# own? level until# stamped_at# because wanted renew? code since#
		attempts# due_at#`, "reason", "t.document_id", deleted),
	table("webhook_endpoint", "no", `no# id org unit url description types condition event_order on_dead rate~ timeout# retries headers certificate sealed%
		enabled? disabled_at# disabled_by reason since created_at# updated_at# deleted_at# revision#`, "", ""),
	table("webhook_secret", "endpoint number", "endpoint# number# signing sealed% public created_at# expires_at#", "", ""),
	table("webhook_queue", "endpoint", `endpoint# pending# dead# behind# strikes# struck# rests# open_until# slowed# slow_until# last_success# last_failure#
		failing_since# recent# recent_n# alerted# blocked# poked#`, "", ""),
	table("webhook_form", "no", "no# form# source", "", ""),
	table("webhook_replay", "id", "id org endpoint# selection state waiting reason entry first# place# last# made# made_by created_at# ended_at#", "", ""),
	table("delivery", "idx endpoint", "idx# endpoint# state# order_key form# attempts# tries# next_at# ended_at# status# code", "", ""),
	// What an endpoint answered may repeat what it was sent.
	table("attempt", "idx endpoint number", "idx# endpoint# number# at# took# status# code probe? cut?", "reason header=NULL answer%=NULL", eventDocument),
	table("dispatch_cursor", "name", "name next#", "", ""),
	table("setting", "name", "name value", "", "", except("t.name <> 'restore_unfinished'")),
	table("hook_source", "id", `org id unit name preset scheme trust tolerance# client_id command program facts disabled? created_at# updated_at#
		revision#`, "", ""),
	table("hook_secret", "id", "org id source_id purpose sealed% created_at# expires_at#", "", ""),
	table("inbound", "org id", `org id unit via source_id event_id kind trust state code attempts# document_id size# received_at# ended_at#
		revision# forgettable?`, "reason payload%=NULL", "t.document_id"),
	table("bulk_send", "org id", `org id unit document_id template columns caller operation_id state code reason total# sent# refused# created_at# ended_at#
		revision#`, "", ""),
	table("bulk_row", "org bulk_id number", "org bulk_id number# state document_id envelope_id code settled_at#", "cells=NULL reason faults=NULL", "t.document_id"),
	table("unit_export", "org id", `org id unit operation_id state code made_by manifest_sha256 counts log_size# size# sha256 created_at# ended_at# expires_at#
		revision#`, "", ""),
	table("unit_import", "org id", `org id unit operation_id state code made_by size# sha256 manifest_sha256 origin documents# made# known# disposed# failed#
		created_at# ended_at# revision#`, "", ""),
	table("import_row", "org import_id number", "org import_id number# unit manifest_sha256 origin_id document_id outcome code", "reason", "t.document_id"),
	table("idempotency", "client route name", "client route name digest% secret? created_at# expires_at# document_id entry", "result%=NULL", "t.document_id"),
}

// computed are columns that are made of others.
var computed = []string{"page.rid", "page.folded", "search_document.rid", "search_document.given"}

// left are tables that no backup holds. What people and clients were given for a
// while is among them: a refresh token that was replaced since must not come back
// into force, nor a code that was used; a file that had not come whole is sent again,
// and an archive of a business unit is written again.
var left = []string{"schema_migration", "probe", "tree_hash", "process", "webhook_portal", "search_cursor", "search_squeeze", "upload", "upload_part",
	"delegation", "authorization_code", "pushed_request", "device_code", "used_once", "revocation", "token_key", "setup_link",
	"login_session", "invitation", "handover_file", "document_mark"}

// TableOf gives a table by its name.
func TableOf(name string) (*Table, error) {
	for i := range Tables {
		if Tables[i].Name == name {
			return &Tables[i], nil
		}
	}
	return nil, fmt.Errorf("there is no table %q", name)
}
