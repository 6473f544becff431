package scim

import (
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
)

func (s *Server) listUsers(r *request) (any, error) {
	f := service.UserFilter{}
	switch name, value := equals(r.URL.Query().Get("filter")); name {
	case "username":
		f.Name = value
	case "externalid":
		f.ExternalID = value
	}
	rows, err := s.Service.Users(r.Context(), r.actor, f)
	if err != nil {
		return nil, err
	}
	all := make([]object, 0, len(rows))
	for _, u := range reversed(rows) { // without their groups, which only one that is asked for alone shows
		m := s.user(&service.UserDetail{User: u})
		delete(m, "groups")
		all = append(all, m)
	}
	return r.list(all)
}

func (s *Server) createUser(r *request) (any, error) {
	m, err := r.resource(userSchema)
	if err != nil {
		return nil, err
	}
	u, err := userSaid(m, "")
	if err != nil {
		return nil, err
	}
	out, err := s.Service.CreateUser(r.Context(), r.call(), service.NewUser{Name: u.name, Display: u.display, Locale: u.locale, ExternalID: u.external, Inactive: !u.active})
	if err != nil {
		return nil, err
	}
	return made(s.user(&out.Value)), nil
}

func (s *Server) getUser(r *request) (any, error) {
	d, err := s.Service.UserByID(r.Context(), r.actor, r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return s.user(&d), nil
}

func (s *Server) putUser(r *request) (any, error) {
	m, err := r.resource(userSchema)
	if err != nil {
		return nil, err
	}
	return s.replaceUser(r, func(object) (object, error) { return m, nil })
}

func (s *Server) patchUser(r *request) (any, error) {
	var p patchRequest
	if err := r.body(&p); err != nil {
		return nil, err
	}
	return s.replaceUser(r, func(m object) (object, error) { return m, p.apply(m) })
}

// replaceUser changes a user into what become makes of the user's resource. Of two
// that change one user at once, one is told.
func (s *Server) replaceUser(r *request, become func(object) (object, error)) (any, error) {
	revision, err := r.revision()
	if err != nil {
		return nil, err
	}
	d, err := s.Service.UserByID(r.Context(), r.actor, r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	m, err := copyOf(s.user(&d))
	if err == nil {
		m, err = become(m)
	}
	if err != nil {
		return nil, err
	}
	u, err := userSaid(m, d.Display)
	if err != nil {
		return nil, err
	}
	if revision == 0 {
		revision = d.Revision
	}
	out, err := s.Service.ChangeUser(r.Context(), r.call(), d.ID, service.UserChange{Name: &u.name, Display: &u.display, Locale: &u.locale, ExternalID: &u.external, Active: &u.active, Revision: revision})
	if err != nil {
		return nil, err
	}
	return s.user(&out.Value), nil
}

func (s *Server) deleteUser(r *request) (any, error) {
	revision, err := r.revision()
	if err != nil {
		return nil, err
	}
	return nil, s.Service.DeleteUser(r.Context(), r.call(), r.PathValue("id"), revision)
}

func (s *Server) listGroups(r *request) (any, error) {
	f := service.GroupFilter{}
	switch name, value := equals(r.URL.Query().Get("filter")); name {
	case "externalid":
		f.ExternalID = value
	}
	rows, err := s.Service.Groups(r.Context(), r.actor, f)
	if err != nil {
		return nil, err
	}
	all := make([]object, 0, len(rows))
	for _, g := range reversed(rows) {
		all = append(all, s.group(&g))
	}
	return r.list(all)
}

func (s *Server) createGroup(r *request) (any, error) {
	m, err := r.resource(groupSchema)
	if err != nil {
		return nil, err
	}
	out, err := s.Service.CreateGroup(r.Context(), r.call(), service.NewGroup{Name: text(m, "displayName"), ExternalID: text(m, "externalId"), Members: membersSaid(m)})
	if err != nil {
		return nil, memberUnknown(err)
	}
	return made(s.group(&out.Value)), nil
}

func (s *Server) getGroup(r *request) (any, error) {
	d, err := s.Service.GroupByID(r.Context(), r.actor, r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return s.group(&d), nil
}

func (s *Server) putGroup(r *request) (any, error) {
	m, err := r.resource(groupSchema)
	if err != nil {
		return nil, err
	}
	return s.replaceGroup(r, func(object) (object, error) { return m, nil })
}

func (s *Server) patchGroup(r *request) (any, error) {
	var p patchRequest
	if err := r.body(&p); err != nil {
		return nil, err
	}
	return s.replaceGroup(r, func(m object) (object, error) { return m, p.apply(m) })
}

// replaceGroup changes a group into what become makes of its resource.
func (s *Server) replaceGroup(r *request, become func(object) (object, error)) (any, error) {
	revision, err := r.revision()
	if err != nil {
		return nil, err
	}
	d, err := s.Service.GroupByID(r.Context(), r.actor, r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	m, err := copyOf(s.group(&d))
	if err == nil {
		m, err = become(m)
	}
	if err != nil {
		return nil, err
	}
	if revision == 0 {
		revision = d.Revision
	}
	name, external, members := text(m, "displayName"), text(m, "externalId"), membersSaid(m)
	out, err := s.Service.ChangeGroup(r.Context(), r.call(), d.ID, service.GroupChange{Name: &name, ExternalID: &external, Members: &members, Revision: revision})
	if err != nil {
		return nil, memberUnknown(err)
	}
	return s.group(&out.Value), nil
}

// memberUnknown says of a group's member who is not there that the value is wrong: the
// group itself is there.
func memberUnknown(err error) error {
	if fault.KindOf(err) == fault.NotFound {
		return invalid("invalidValue", "A member is not known here.")
	}
	return err
}

func (s *Server) deleteGroup(r *request) (any, error) {
	revision, err := r.revision()
	if err != nil {
		return nil, err
	}
	_, err = s.Service.DeleteGroup(r.Context(), r.call(), r.PathValue("id"), revision)
	return nil, err
}
