package scim

import (
	"cmp"
	"encoding/json"
	"strconv"
	"time"

	"github.com/paraph/paraph/internal/service"
)

// The schemas (RFC 7643 section 10.2, RFC 7644 section 3).
const (
	userSchema   = "urn:ietf:params:scim:schemas:core:2.0:User"
	groupSchema  = "urn:ietf:params:scim:schemas:core:2.0:Group"
	listSchema   = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	patchSchema  = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	errorSchema  = "urn:ietf:params:scim:api:messages:2.0:Error"
	configSchema = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
	typeSchema   = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
	schemaSchema = "urn:ietf:params:scim:schemas:core:2.0:Schema"
)

// object is a resource as JSON has it.
type object = map[string]any

func (s *Server) meta(kind, id string, created, changed time.Time, revision int64) object {
	return object{"resourceType": kind, "created": created.UTC().Format(time.RFC3339Nano), "lastModified": changed.UTC().Format(time.RFC3339Nano), "location": s.base + "/" + kind + "s/" + id, "version": version(revision)}
}

// version is a resource's ETag.
func version(revision int64) string { return `W/"` + strconv.FormatInt(revision, 10) + `"` }

func (s *Server) user(d *service.UserDetail) object {
	u := &d.User
	m := object{"schemas": []any{userSchema}, "id": u.ID, "userName": u.Name, "active": u.Active, "emails": []any{object{"value": u.Name, "type": "work", "primary": true}},
		"meta": s.meta("User", u.ID, u.CreatedAt, u.UpdatedAt, u.Revision)}
	if u.Display != "" {
		m["displayName"], m["name"] = u.Display, object{"formatted": u.Display}
	}
	if u.Locale != "" {
		m["locale"] = u.Locale
	}
	if u.ExternalID != "" {
		m["externalId"] = u.ExternalID
	}
	groups := []any{}
	for _, g := range d.Groups {
		groups = append(groups, object{"value": g.ID, "display": g.Name, "type": "direct", "$ref": s.base + "/Groups/" + g.ID})
	}
	m["groups"] = groups
	return m
}

func (s *Server) group(d *service.GroupDetail) object {
	members := []any{}
	for _, one := range d.Members {
		members = append(members, object{"value": one.UserID, "display": cmp.Or(one.Display, one.Name), "type": "User", "$ref": s.base + "/Users/" + one.UserID})
	}
	m := object{"schemas": []any{groupSchema}, "id": d.ID, "displayName": d.Name, "members": members, "meta": s.meta("Group", d.ID, d.CreatedAt, d.UpdatedAt, d.Revision)}
	if d.ExternalID != "" {
		m["externalId"] = d.ExternalID
	}
	return m
}

// text gives an attribute that is a text; "" where it is not there.
func text(m object, path string) string {
	for _, v := range valuesAt(m, path) {
		if s, ok := v.(string); ok {
			return s
		}
	}
	return ""
}

// said is what a resource says of a user.
type said struct {
	name, display, locale, external string
	active                          bool
}

// userSaid reads a user. was is what the user is called now, "" for a new one: of several
// names the one that has changed counts. Error 400 "invalidValue".
func userSaid(m object, was string) (u said, err error) {
	u = said{name: text(m, "userName"), locale: cmp.Or(text(m, "locale"), text(m, "preferredLanguage")), external: text(m, "externalId"), active: true}
	parts := ""
	if given, family := text(m, "name.givenName"), text(m, "name.familyName"); given != "" && family != "" {
		parts = given + " " + family
	}
	for _, one := range []string{parts, text(m, "name.formatted"), text(m, "displayName")} {
		if one != "" && (one != was || u.display == "") {
			u.display = one
		}
	}
	if raw, there := m[key(m, "active")]; there && raw != nil {
		switch v := raw.(type) {
		case bool:
			u.active = v
		case string: // as Entra ID writes it
			if u.active, err = strconv.ParseBool(v); err != nil {
				return u, invalid("invalidValue", "active is true or false.")
			}
		default:
			return u, invalid("invalidValue", "active is true or false.")
		}
	}
	if u.name == "" {
		return u, invalid("invalidValue", "A user needs a userName.")
	}
	return u, nil
}

// membersSaid gives the ids of a group's members.
func membersSaid(m object) []string {
	out := []string{}
	for _, v := range valuesAt(m, "members") {
		if id, ok := plain(v, true).(string); ok && id != "" {
			out = append(out, id)
		}
	}
	return out
}

// newest first, as the service lists them, is turned round: who pages through a list by
// number finds what is new at its end.
func reversed[T any](list []T) []T {
	out := make([]T, 0, len(list))
	for i := len(list) - 1; i >= 0; i-- {
		out = append(out, list[i])
	}
	return out
}

// copyOf gives a resource that may be changed, with plain JSON values.
func copyOf(m object) (out object, err error) {
	raw, err := json.Marshal(m)
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	return out, err
}
