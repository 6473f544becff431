package access

import (
	"slices"
	"strings"
	"testing"
)

// The words of the policy, kept apart from the table: which scopes open an
// action, and which parts in a document open it across business units. A line
// that is dropped or widened on either side turns TestExhaustive red.
const policy = `
archive.read    | archive:read                                |
document.dispose| documents:dispose                           |
batch.run       | documents:write documents:read documents:dispose documents:share approvals:write tasks:read tasks:decide tasks:decide_for envelopes:read envelopes:write events:read archive:read webhooks:read webhooks:write admin |
document.read   | documents:read                              | creator approver recipient guest
document.share  | documents:share                             |
document.submit | approvals:write                             |
document.write  | documents:write                             |
envelope.read   | envelopes:read                              | creator approver recipient guest
envelope.write  | envelopes:write                             |
event.read      | events:read                                 |
installation.manage | installation                         |
people.provision| people:provision                            |
settings.manage | admin                                       |
settings.read   | admin documents:read documents:write        |
webhook.read    | webhooks:read webhooks:write admin          |
webhook.write   | webhooks:write admin                        |
task.decide     | tasks:decide tasks:decide_for               | approver
task.read       | tasks:read                                  | creator approver recipient guest
`

type line struct{ scopes, parts []string }

func oracle() map[Action]line {
	out := map[Action]line{}
	for l := range strings.Lines(strings.TrimSpace(policy)) {
		f := strings.Split(l, "|")
		out[Action(strings.TrimSpace(f[0]))] = line{strings.Fields(f[1]), strings.Fields(f[2])}
	}
	return out
}

// allowed is the rule in words: same organisation; the system may all; a client or
// a person needs one of the action's scopes; then its unit, or a part in the document
// where the action knows such parts.
func (l line) allowed(a Actor, on Resource) bool {
	switch {
	case a.Org != on.Org || a.Org == "":
		return false
	case a.Kind == System:
		return true
	case a.Kind != Client && a.Kind != Human || !slices.ContainsFunc(a.Scopes, func(s Scope) bool { return slices.Contains(l.scopes, string(s)) }):
		return false
	case on.Unit == "" || a.Units == nil || slices.Contains(a.Units, on.Unit):
		return true
	}
	return slices.ContainsFunc(Relations(), func(r Relation) bool { return on.Part&r != 0 && slices.Contains(l.parts, r.String()) })
}

// subjects are every actor that differs in a way the decision looks at.
func subjects(yield func(Actor) bool) {
	for _, kind := range []Kind{Client, Human, Recipient, System} {
		for _, org := range []string{"", "o1", "o2"} {
			for _, units := range [][]string{nil, {}, {"a"}, {"b", "a"}} {
				for scope := range Scopes() {
					if !yield(Actor{Kind: kind, Org: org, Scopes: []Scope{scope}, Units: units}) {
						return
					}
				}
				for role, scopes := range BuiltIn() {
					if !yield(Actor{Kind: kind, Org: org, ID: string(role), Scopes: scopes, Units: units}) {
						return
					}
				}
			}
		}
	}
}

// TestExhaustive holds Can against the policy in words for every action, kind of
// actor, scope, role, unit, organisation and set of relations.
func TestExhaustive(t *testing.T) {
	t.Parallel()
	words := oracle()
	if got := Actions(); len(got) != len(words) {
		t.Fatalf("the table has %v; the policy %d lines", got, len(words))
	}
	n, allowed := 0, 0
	for _, do := range append(Actions(), "unknown.action", SignAsRecipient) {
		for a := range subjects {
			for _, on := range []Resource{{}, {Org: "o1"}, {Org: "o1", Unit: "a"}, {Org: "o1", Unit: "c"}, {Org: "o2", Unit: "a"}} {
				for part := range Relation(1 << len(Relations())) {
					on.Part = part
					got, want := Can(a, do, on), words[do].allowed(a, on)
					if got.Allow != want || got.Rule == "" || (got.Allow && got.Hidden) {
						t.Fatalf("%+v does %s on %+v: %+v, want %v", a, do, on, got, want)
					}
					n++
					if got.Allow {
						allowed++
					}
				}
			}
		}
	}
	if d := Can(Actor{Kind: Client, Org: "o1", Scopes: []Scope{Admin}}, "unknown.action", Resource{Org: "o1"}); d.Rule != "no rule" {
		t.Errorf("an unknown action is refused by the rule %q", d.Rule)
	}
	if allowed == 0 || allowed == n {
		t.Fatalf("%d of %d allowed: the test compares nothing", allowed, n)
	}
	t.Logf("%d of %d decisions allow", allowed, n)
}

// TestNeeds: each action's scopes are the policy's, in its order: the first is
// what a refusal asks for.
func TestNeeds(t *testing.T) {
	t.Parallel()
	for do, l := range oracle() {
		var got []string
		for _, s := range Needs(do) {
			got = append(got, string(s))
		}
		if !slices.Equal(got, l.scopes) {
			t.Errorf("%s needs %v, the policy says %v", do, got, l.scopes)
		}
	}
}

// TestRoles: what each built-in role may do at all, in words.
func TestRoles(t *testing.T) {
	t.Parallel()
	want := map[Role]string{
		RoleViewer:        "batch.run document.read envelope.read settings.read task.read",
		RoleUploader:      "batch.run document.write settings.read",
		RoleApprover:      "batch.run document.read settings.read task.decide task.read",
		RoleSignerManager: "batch.run document.read envelope.read envelope.write settings.read",
		RoleAuditor:       "archive.read batch.run document.read envelope.read event.read settings.read task.read",
		RoleIntegration:   "archive.read batch.run document.read document.submit document.write envelope.read envelope.write event.read settings.read task.read webhook.read webhook.write",
		RoleAdministrator: "batch.run document.dispose document.read document.share event.read settings.manage settings.read webhook.read webhook.write",
	}
	if len(want) != len(BuiltIn()) {
		t.Errorf("%d roles, %d in words", len(BuiltIn()), len(want))
	}
	scopesOf := map[Role]string{
		RoleViewer: "documents:read tasks:read envelopes:read", RoleUploader: "documents:write", RoleApprover: "documents:read tasks:read tasks:decide",
		RoleSignerManager: "documents:read envelopes:read envelopes:write", RoleAuditor: "documents:read tasks:read envelopes:read events:read archive:read",
		RoleIntegration:   "documents:read documents:write approvals:write tasks:read envelopes:read envelopes:write events:read archive:read webhooks:read webhooks:write",
		RoleAdministrator: "admin documents:read documents:share documents:dispose events:read",
	}
	for role, scopes := range BuiltIn() {
		var may, has []string
		for _, s := range scopes {
			has = append(has, string(s))
		}
		if got := strings.Join(has, " "); got != scopesOf[role] {
			t.Errorf("%s has %s, want %s", role, got, scopesOf[role])
		}
		for _, do := range Actions() {
			if Allowed(Actor{Kind: Client, Org: "o", Scopes: scopes}, do) == nil {
				may = append(may, string(do))
			}
		}
		if got := strings.Join(may, " "); got != want[role] {
			t.Errorf("%s may %s, want %s", role, got, want[role])
		}
	}
}

// TestOwnRoles: an installation's roles stand beside the built-in ones, or are refused.
func TestOwnRoles(t *testing.T) {
	t.Parallel()
	all, mistakes := BuiltIn().With(map[string][]string{"clerk": {"documents:write", "tasks:read"}})
	if len(mistakes) != 0 || len(all) != len(BuiltIn())+1 {
		t.Fatalf("%v, %v", all, mistakes)
	}
	c := OAuthClient{Scopes: []Scope{TasksRead, EventsRead}, Roles: []Role{"clerk", RoleUploader, "gone"}}
	if got := all.Of(&c); !slices.Equal(got, []Scope{TasksRead, EventsRead, DocumentsWrite}) {
		t.Errorf("the client has %v", got)
	}
	for name, scopes := range map[string][]string{"viewer": {"admin"}, "Clerk": {"admin"}, "empty": {}, "odd": {"documents:eat"}, "": {"admin"}} {
		if _, mistakes := BuiltIn().With(map[string][]string{name: scopes}); len(mistakes) != 1 {
			t.Errorf("%q %v: %q", name, scopes, mistakes)
		}
	}
}
