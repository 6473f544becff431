package access

import (
	"bytes"
	"regexp"
	"slices"
	"time"

	"github.com/paraph/paraph/internal/fault"
)

// Withheld gives those of the scopes that an actor may not give to others, nor take
// over by changing who has them. An organisation's administrator may give all but
// Installation; one who is confined to business units only what is its own.
func (a Actor) Withheld(scopes []Scope) (out []Scope) {
	for _, s := range scopes {
		if a.Kind != System && (s == Installation || a.Units != nil) && !a.HasAny(s) && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// WholeOrganisation refuses an actor who is confined to business units, for what
// belongs to all of the organisation. Fault Forbidden "confined_to_units".
func WholeOrganisation(a Actor) error {
	if a.Units == nil {
		return nil
	}
	return fault.New(fault.Forbidden, "confined_to_units", "This belongs to the whole organisation, and you are confined to business units. Ask an administrator who is not.")
}

// OwnRole is a role that an organisation has made for itself.
type OwnRole struct {
	Org       string
	Name      Role
	Title     string
	Scopes    []Scope
	Revision  int64
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Check notes what is wrong with the role beside those that are there already.
func (r *OwnRole) Check(there Roles, l *fault.List) {
	if !roleName.MatchString(string(r.Name)) {
		l.Add("/name", "bad_name", "A role's name has 1 to 63 characters of a-z, 0-9 and _, and starts with a letter.")
	}
	if _, taken := there[r.Name]; taken {
		l.Add("/name", "taken", "The role %s belongs to the installation and stays as it is. Choose another name.", r.Name)
	}
	if len(r.Title) > 200 {
		l.Add("/title", "bad_length", "A title has at most 200 bytes.")
	}
	if len(r.Scopes) == 0 {
		l.Add("/scopes", "required", "A role has at least one scope.")
	}
	checkScopes(r.Scopes, l)
}

// checkScopes notes scopes that do not exist.
func checkScopes(scopes []Scope, l *fault.List) {
	known := Scopes()
	for _, s := range scopes {
		if _, ok := known[s]; !ok {
			l.Add("/scopes", "unknown_scope", "There is no scope %q.", s)
		}
	}
}

// And gives the roles with an organisation's own beside them. Where both know a
// name, it is the installation's.
func (r Roles) And(own []OwnRole) Roles {
	if len(own) == 0 {
		return r
	}
	all := Roles{}
	for _, o := range own {
		all[o.Name] = o.Scopes
	}
	for name, scopes := range r {
		all[name] = scopes
	}
	return all
}

// Has tells whether the client has only roles that are among these.
func (r Roles) Has(c *OAuthClient) bool {
	return !slices.ContainsFunc(c.Roles, func(name Role) bool { _, ok := r[name]; return !ok })
}

// Check notes what is wrong with what an administrator says of a client. roles are
// those of its organisation, units those that the administrator may work in.
func (c *OAuthClient) Check(roles Roles, by Actor, l *fault.List) {
	if n := len(c.Name); n < 1 || n > 200 {
		l.Add("/name", "bad_length", "A client's name has 1 to 200 bytes.")
	}
	if n := len(c.Principal); n < 1 || n > 254 || badPrincipal.MatchString(c.Principal) {
		l.Add("/principal", "bad_principal", "A principal is an e-mail address or a name without spaces, of 1 to 254 bytes.")
	}
	if len(c.Scopes)+len(c.Roles) == 0 {
		l.Add("/scopes", "required", "A client needs at least one scope or role.")
	}
	for _, role := range c.Roles {
		if _, ok := roles[role]; !ok {
			l.Add("/roles", "unknown_role", "There is no role %q. GET /v1/roles lists them.", role)
		}
	}
	checkScopes(c.Scopes, l)
	if by.Units != nil && len(c.Units) == 0 {
		l.Add("/business_units", "required", "You are confined to business units, so name which of them the client may work in.")
	}
	for _, u := range c.Units {
		if !by.InUnit(u) {
			l.Add("/business_units", "not_yours", "You may not work in %s yourself.", u)
		}
	}
	c.Profile.Check(l)
}

var badPrincipal = regexp.MustCompile(`[ \r\n\x00]`)

// SameProof tells whether clients of two profiles prove themselves alike, and send
// people back to the same places: whoever changes that can act as the client.
func SameProof(a, b *Profile) bool {
	return a.Auth == b.Auth && a.Subject == b.Subject && bytes.Equal(a.Keys, b.Keys) && slices.Equal(a.RedirectURIs, b.RedirectURIs)
}
