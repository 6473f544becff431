package access

import "slices"

// rule is what one action needs: a scope, and beyond the business unit a part in
// the document. Every action of the API has its line in rules.
type rule struct {
	scopes []Scope  // any of these
	parts  Relation // with any of these the actor may do it across business units
}

var rules = map[Action]rule{
	ReadDocument:    {scopes: []Scope{DocumentsRead}, parts: AsCreator | AsApprover | AsRecipient | AsGuest},
	WriteDocument:   {scopes: []Scope{DocumentsWrite}},
	DisposeDocument: {scopes: []Scope{DocumentsDispose}},
	ShareDocument:   {scopes: []Scope{DocumentsShare}},
	SubmitDocument:  {scopes: []Scope{ApprovalsWrite}},
	ReadTask:        {scopes: []Scope{TasksRead}, parts: AsCreator | AsApprover | AsRecipient | AsGuest},
	DecideTask:      {scopes: []Scope{TasksDecide, TasksDecideFor}, parts: AsApprover},
	ReadEnvelope:    {scopes: []Scope{EnvelopesRead}, parts: AsCreator | AsApprover | AsRecipient | AsGuest},
	WriteEnvelope:   {scopes: []Scope{EnvelopesWrite}},
	ReadEvent:       {scopes: []Scope{EventsRead}},
	ReadArchive:     {scopes: []Scope{ArchiveRead}},
	ReadWebhook:     {scopes: []Scope{WebhooksRead, WebhooksWrite, Admin}},
	WriteWebhook:    {scopes: []Scope{WebhooksWrite, Admin}},
	// Any client of the organisation may look at its document types and units.
	ReadSettings:   {scopes: []Scope{Admin, DocumentsRead, DocumentsWrite}},
	ManageSettings: {scopes: []Scope{Admin}},
	RunBatch: {scopes: []Scope{DocumentsWrite, DocumentsRead, DocumentsDispose, DocumentsShare, ApprovalsWrite, TasksRead, TasksDecide, TasksDecideFor,
		EnvelopesRead, EnvelopesWrite, EventsRead, ArchiveRead, WebhooksRead, WebhooksWrite, Admin}},
	ProvisionPeople:    {scopes: []Scope{PeopleProvision}},
	ManageInstallation: {scopes: []Scope{Installation}},
}

// Actions lists every action a client can be allowed.
func Actions() []Action {
	out := make([]Action, 0, len(rules))
	for a := range rules {
		out = append(out, a)
	}
	slices.Sort(out)
	return out
}

// DocumentActions lists what can be done with a document, by name.
func DocumentActions() []Action {
	return []Action{ReadArchive, DisposeDocument, ReadDocument, ShareDocument, SubmitDocument, WriteDocument,
		ReadEnvelope, WriteEnvelope, DecideTask, ReadTask}
}

// Needs lists the scopes of which an action needs any one; none for an action
// that no client can be allowed.
func Needs(do Action) []Scope { return slices.Clone(rules[do].scopes) }

// Parts gives the relations with which an action is open across business units.
// Lists are narrowed by the same relations, so that what is found can be opened.
func Parts(do Action) Relation { return rules[do].parts }

// Resource is what is acted on.
type Resource struct {
	Org  string
	Unit string // "" where the thing belongs to the whole organisation
	// Part is what the actor's principal has to do with the document.
	Part Relation
}

// Decision is the outcome with the rule that led to it, for the log.
type Decision struct {
	Allow bool
	Rule  string
	// Hidden: the caller must not even learn that the thing exists.
	Hidden bool
	// Device is the device rule that decided, or the last of those that were met; nil
	// where none concerns it.
	Device *Device
}

// Can decides whether the actor may do the action on the resource: by the table, and
// then by the device rules that concern it.
func Can(a Actor, do Action, on Resource) Decision {
	d := byTable(a, do, on)
	if !d.Allow || len(a.Devices) == 0 || a.Kind == System {
		return d
	}
	return demanded(a, do, d)
}

func byTable(a Actor, do Action, on Resource) Decision {
	if a.Org == "" || a.Org != on.Org {
		return Decision{Rule: "other organisation", Hidden: true}
	}
	if a.Kind == System {
		return Decision{Allow: true, Rule: "system"}
	}
	r, known := rules[do]
	if a.Kind != Client && a.Kind != Human || !known {
		return Decision{Rule: "no rule"}
	}
	if !a.HasAny(r.scopes...) {
		return Decision{Rule: "scope missing"}
	}
	if on.Unit == "" || a.InUnit(on.Unit) {
		return Decision{Allow: true, Rule: "scope and unit"}
	}
	if part := r.parts & on.Part; part != 0 {
		return Decision{Allow: true, Rule: "scope and part in the document: " + part.String()}
	}
	return Decision{Rule: "other unit", Hidden: true}
}
