// Package people holds the rules about the people of an organisation: users and
// the groups that they are in, what a user may do by both, and by what they prove
// who they are (codes by time and recovery codes; passkeys are checked elsewhere).
//
// Pure rules: no SQL, no HTTP, no clock.
package people

import (
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/fault"
)

// Prefixes of ids.
const (
	UserPrefix       = "usr"
	GroupPrefix      = "grp"
	InvitationPrefix = "inv"
)

// User is a person whom an organisation knows.
type User struct {
	ID         string // usr_…
	Org        string
	Name       string // the e-mail address, normalised: the principal by which documents know the person
	Display    string // as people call them
	Active     bool
	Roles      []access.Role
	Units      []string // where the roles hold; nil: in all business units
	Locale     string   // BCP 47; "": not known
	ExternalID string   // what the system that made the user calls it
	CreatedAt  time.Time
	UpdatedAt  time.Time
	// DeactivatedAt is since when the user is not active; zero: the user is.
	DeactivatedAt time.Time
	// DeletedAt is when a directory deleted the user; zero: never. The user stays as one
	// who is not active, so that the person's keys stay without effect, and comes back
	// when somebody makes a user of the name.
	DeletedAt time.Time
	Revision  int64
}

// Group is a set of users, who have its roles beside their own.
type Group struct {
	ID         string // grp_…
	Org        string
	Name       string
	ExternalID string
	Roles      []access.Role
	Units      []string // where the roles hold; nil: in all business units
	CreatedAt  time.Time
	UpdatedAt  time.Time
	Revision   int64
}

// Same tells whether another state of the user says the same of the person.
func (u *User) Same(o *User) bool {
	return u.Name == o.Name && u.Display == o.Display && u.Active == o.Active && u.Locale == o.Locale && u.ExternalID == o.ExternalID &&
		slices.Equal(u.Roles, o.Roles) && (u.Units == nil) == (o.Units == nil) && slices.Equal(u.Units, o.Units)
}

// Same tells whether another state of the group says the same of it.
func (g *Group) Same(o *Group) bool {
	return g.Name == o.Name && g.ExternalID == o.ExternalID && slices.Equal(g.Roles, o.Roles) && (g.Units == nil) == (o.Units == nil) && slices.Equal(g.Units, o.Units)
}

// Member is a user as a member of a group.
type Member struct {
	UserID, Name, Display string
}

// Rights gives what a user may do: the roles of the user and of all groups, each
// once, and the business units of everything that gives a role; nil is all units.
// Roles and units are not kept in pairs: a role that one gives holds in the units
// that another gives, too.
func Rights(u *User, groups []Group) (roles []access.Role, units []string) {
	units = []string{}
	give := func(r []access.Role, in []string) {
		if len(r) == 0 {
			return
		}
		for _, role := range r {
			if !slices.Contains(roles, role) {
				roles = append(roles, role)
			}
		}
		if in == nil || units == nil {
			units = nil
			return
		}
		for _, unit := range in {
			if !slices.Contains(units, unit) {
				units = append(units, unit)
			}
		}
	}
	give(u.Roles, u.Units)
	for i := range groups {
		give(groups[i].Roles, groups[i].Units)
	}
	return roles, units
}

// Bounds of what is said of users and groups.
const (
	maxName  = 254 // bytes
	maxTitle = 200 // bytes
	maxUnits = 200
)

var localeForm = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$`)

// Check notes everything wrong with the user. known tells which roles there are.
func (u *User) Check(l *fault.List, known access.Roles) {
	if parsed, err := mail.ParseAddress(u.Name); err != nil || parsed.Address != u.Name || len(u.Name) > maxName || strings.ContainsAny(u.Name, " \r\n\x00") {
		l.Add("/user_name", "bad_user_name", "A user's name is an e-mail address of at most %d bytes.", maxName)
	}
	if len(u.Display) > maxTitle {
		l.Add("/name", "bad_length", "A person's name has at most %d bytes.", maxTitle)
	}
	if u.Locale != "" && !localeForm.MatchString(u.Locale) {
		l.Add("/locale", "bad_locale", "A locale is a language tag such as en or de-CH.")
	}
	checkShared(l, u.ExternalID, u.Roles, u.Units, known)
}

// Check notes everything wrong with the group. known tells which roles there are.
func (g *Group) Check(l *fault.List, known access.Roles) {
	if n := len(g.Name); n < 1 || n > maxTitle {
		l.Add("/name", "bad_length", "A group's name has 1 to %d bytes.", maxTitle)
	}
	checkShared(l, g.ExternalID, g.Roles, g.Units, known)
}

func checkShared(l *fault.List, external string, roles []access.Role, units []string, known access.Roles) {
	if len(external) > maxName {
		l.Add("/external_id", "bad_length", "An external id has at most %d bytes.", maxName)
	}
	for _, role := range roles {
		if _, ok := known[role]; !ok {
			l.Add("/roles", "unknown_role", "There is no role %q. GET /v1/roles lists them.", role)
		}
	}
	if len(units) > maxUnits {
		l.Add("/business_units", "too_many", "There can be %d at most.", maxUnits)
	}
	for _, unit := range units {
		if !document.Slug(unit) {
			l.Add("/business_units", "bad_slug", "%q cannot name a business unit.", unit)
		}
	}
}
