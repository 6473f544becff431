package event

import "time"

// User is the data of what happened to a person whom the organisation knows.
type User struct {
	UserID     string   `json:"user_id"`
	UserName   string   `json:"user_name" doc:"The e-mail address by which documents know the person."`
	Name       string   `json:"name,omitempty"`
	Active     bool     `json:"active"`
	Roles      []string `json:"roles,omitempty" doc:"Beside those of groups."`
	Units      []string `json:"business_units,omitempty" doc:"Where the roles hold; absent: everywhere."`
	ExternalID string   `json:"external_id,omitempty"`
	Reason     string   `json:"reason,omitempty" doc:"What it came from, for programs."`
}

// Group is the data of what happened to a group of users.
type Group struct {
	GroupID    string   `json:"group_id"`
	Name       string   `json:"name"`
	Roles      []string `json:"roles,omitempty"`
	Units      []string `json:"business_units,omitempty" doc:"Where the roles hold; absent: everywhere."`
	ExternalID string   `json:"external_id,omitempty"`
	Added      []string `json:"members_added,omitempty" doc:"Ids of users."`
	Removed    []string `json:"members_removed,omitempty" doc:"Ids of users."`
}

// Proof is the data of a change of what a person proves who they are by.
type Proof struct {
	UserID string `json:"user_id"`
	Kind   string `json:"kind" doc:"passkey, totp, recovery_codes or all."`
	Name   string `json:"name,omitempty" doc:"What the person calls it."`
}

// Login is the data of a login or of an attempt at one.
type Login struct {
	UserID  string   `json:"user_id" doc:"Of the user, or of the access key."`
	Methods []string `json:"methods" doc:"By what, as RFC 8176 names it; mail for a link by e-mail, fed for a provider outside."`
	Address string   `json:"address,omitempty"`
	Reason  string   `json:"reason,omitempty" doc:"Why it failed, for programs."`
}

// DirectoryToken is the data of what happened to a directory's token.
type DirectoryToken struct {
	TokenID   string     `json:"token_id"`
	Name      string     `json:"name" doc:"Which directory has it."`
	ExpiresAt *time.Time `json:"expires_at"`
	UsedAt    *time.Time `json:"used_at,omitempty" doc:"When it was last used; absent: never."`
}

var sampleDirectoryToken = DirectoryToken{TokenID: sampleID("dirt"), Name: "Entra ID", ExpiresAt: &sampleExpires, UsedAt: &sampleDue}

func user(u User) line {
	u.UserID, u.UserName, u.Name = sampleID("usr"), "anna@example.com", "Anna Berg"
	return line{"user", u}
}

func group(g Group) line {
	g.GroupID, g.Name = sampleID("grp"), "Purchasing"
	return line{"group", g}
}

var sampleRoles, sampleUnits = []string{"approver"}, []string{"purchasing"}
