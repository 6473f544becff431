package scim

import (
	"github.com/paraph/paraph/internal/access"
)

// config says what the room can do (RFC 7643 section 5).
func (s *Server) config(*request) (any, error) {
	no, yes := object{"supported": false}, object{"supported": true}
	return object{"schemas": []string{configSchema}, "patch": yes, "etag": yes, "sort": no, "changePassword": no,
		"bulk":   object{"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
		"filter": object{"supported": true, "maxResults": maxCount},
		"authenticationSchemes": []object{{"type": "oauthbearertoken", "name": "OAuth 2.0", "description": "An access token of a client with the scope people:provision.",
			"specUri": "https://www.rfc-editor.org/rfc/rfc6750", "primary": true}},
		"meta": object{"resourceType": "ServiceProviderConfig", "location": s.base + "/ServiceProviderConfig"}}, nil
}

// described gives the one of the id, or all as a list.
func described(r *request, all []object) (any, error) {
	id := r.PathValue("id")
	if id == "" {
		return r.list(all)
	}
	for _, m := range all {
		if m["id"] == id {
			return m, nil
		}
	}
	return nil, access.NotFound()
}

// types says which resources there are (RFC 7643 section 6).
func (s *Server) types(r *request) (any, error) {
	one := func(name, schema, about string) object {
		return object{"schemas": []string{typeSchema}, "id": name, "name": name, "endpoint": "/" + name + "s", "description": about, "schema": schema,
			"meta": object{"resourceType": "ResourceType", "location": s.base + "/ResourceTypes/" + name}}
	}
	return described(r, []object{one("User", userSchema, "A person whom the organisation knows."), one("Group", groupSchema, "A set of users.")})
}

// schemas says what resources hold (RFC 7643 section 7).
func (s *Server) schemas(r *request) (any, error) {
	attr := func(name, kind, about string, more object) object {
		a := object{"name": name, "type": kind, "description": about, "multiValued": false, "required": false, "caseExact": false, "mutability": "readWrite", "returned": "default", "uniqueness": "none"}
		for k, v := range more {
			a[k] = v
		}
		return a
	}
	fixed := object{"mutability": "readOnly"}
	value := attr("value", "string", "Its id.", object{"caseExact": true})
	one := func(id, name, about string, attributes ...object) object {
		return object{"schemas": []string{schemaSchema}, "id": id, "name": name, "description": about, "attributes": attributes, "meta": object{"resourceType": "Schema", "location": s.base + "/Schemas/" + id}}
	}
	return described(r, []object{
		one(userSchema, "User", "A person whom the organisation knows.",
			attr("userName", "string", "The person's e-mail address, by which documents know the person.", object{"required": true, "uniqueness": "server"}),
			attr("displayName", "string", "As people call the person.", nil),
			attr("name", "complex", "The same, in its parts.", object{"subAttributes": []object{attr("formatted", "string", "The whole.", nil), attr("givenName", "string", "Taken with familyName.", object{"returned": "never"}),
				attr("familyName", "string", "Taken with givenName.", object{"returned": "never"})}}),
			attr("active", "boolean", "Whether the person may get in.", nil), attr("locale", "string", "A language tag.", nil),
			attr("emails", "complex", "The address that is the userName.", object{"multiValued": true, "mutability": "readOnly", "subAttributes": []object{attr("value", "string", "The address.", fixed),
				attr("type", "string", "work", fixed), attr("primary", "boolean", "true", fixed)}}),
			attr("groups", "complex", "Where the user is a member; of one that is asked for alone.", object{"multiValued": true, "mutability": "readOnly", "subAttributes": []object{value, attr("display", "string", "The group's name.", fixed)}})),
		one(groupSchema, "Group", "A set of users.",
			attr("displayName", "string", "Its name.", object{"required": true, "uniqueness": "server"}),
			attr("members", "complex", "The users in it.", object{"multiValued": true, "subAttributes": []object{value, attr("display", "string", "The user's name.", fixed)}})),
	})
}
