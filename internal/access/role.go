package access

import (
	"maps"
	"regexp"
	"slices"
)

// Role is a name for scopes that go together.
type Role string

// The roles that are always there.
const (
	RoleViewer        Role = "viewer"
	RoleUploader      Role = "uploader"
	RoleApprover      Role = "approver"
	RoleSignerManager Role = "signer_manager"
	RoleAuditor       Role = "auditor"
	RoleIntegration   Role = "integration"
	RoleAdministrator Role = "administrator"
)

// Roles says which scopes each role has.
type Roles map[Role][]Scope

// BuiltIn are the roles that are always there.
func BuiltIn() Roles {
	return Roles{
		RoleViewer:        {DocumentsRead, TasksRead, EnvelopesRead},
		RoleUploader:      {DocumentsWrite},
		RoleApprover:      {DocumentsRead, TasksRead, TasksDecide},
		RoleSignerManager: {DocumentsRead, EnvelopesRead, EnvelopesWrite},
		RoleAuditor:       {DocumentsRead, TasksRead, EnvelopesRead, EventsRead, ArchiveRead},
		RoleIntegration:   {DocumentsRead, DocumentsWrite, ApprovalsWrite, TasksRead, EnvelopesRead, EnvelopesWrite, EventsRead, ArchiveRead, WebhooksRead, WebhooksWrite},
		RoleAdministrator: {Admin, DocumentsRead, DocumentsShare, DocumentsDispose, EventsRead},
	}
}

var roleName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// With gives the roles with an installation's own beside them. Fault texts, one
// for each mistake: a name that is no name or is taken, and scopes that don't exist.
func (r Roles) With(own map[string][]string) (all Roles, mistakes []string) {
	all = maps.Clone(r)
	for _, name := range slices.Sorted(maps.Keys(own)) {
		if !roleName.MatchString(name) {
			mistakes = append(mistakes, "a role's name has 1 to 63 characters of a-z, 0-9 and _, and starts with a letter: "+name)
			continue
		}
		if _, taken := r[Role(name)]; taken {
			mistakes = append(mistakes, "the role "+name+" is built in and stays as it is: choose another name")
			continue
		}
		if len(own[name]) == 0 {
			mistakes = append(mistakes, "the role "+name+" has no scopes")
		}
		scopes := make([]Scope, 0, len(own[name]))
		for _, s := range own[name] {
			if _, known := Scopes()[Scope(s)]; !known {
				mistakes = append(mistakes, "the role "+name+" names the scope "+s+", which does not exist")
			}
			scopes = append(scopes, Scope(s))
		}
		all[Role(name)] = scopes
	}
	return all, mistakes
}

// Of gives the scopes a client has: its own and those of its roles, each once. A
// role that is no longer configured gives nothing.
func (r Roles) Of(c *OAuthClient) []Scope { return r.Worth(c.Scopes, c.Roles) }

// Worth gives the scopes, and those of the roles, each once.
func (r Roles) Worth(own []Scope, roles []Role) []Scope {
	out := slices.Clone(own)
	for _, role := range roles {
		for _, s := range r[role] {
			if !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	return out
}
