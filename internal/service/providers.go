package service

import (
	"cmp"
	"context"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/approval"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/people"
)

// SavedProvider is what is said of a provider of logins outside.
type SavedProvider struct {
	Name     string
	Settings people.ProviderSettings
	Secret   *string // of our client there; nil: it stays as it is
}

func providerContext(providerID string) []byte { return []byte("login provider\x00" + providerID) }

// nameFree: no other provider of the organisation has the name.
func nameFree(ctx context.Context, c *change, p *people.Provider) error {
	all, err := c.LoginProviders(ctx, p.Org)
	for i := range all {
		if all[i].Name == p.Name && all[i].ID != p.ID {
			return fault.New(fault.Conflict, "exists", "There is already a provider of this name.")
		}
	}
	return err
}

// SaveProvider sets up a provider by which people log in, or changes the one of the id.
// Faults: NotFound; Invalid "invalid_provider"; Conflict "exists"; Forbidden
// "missing_scope", "whole_organisation".
func (s *Service) SaveProvider(ctx context.Context, call Call, providerID string, in SavedProvider) (Result[people.Provider], error) {
	if err := cmp.Or(access.Allowed(call.Actor, access.ManageSettings), managePeople(call.Actor)); err != nil {
		return Result[people.Provider]{}, err
	}
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (p people.Provider, err error) {
		if providerID == "" {
			p = people.Provider{ID: id.New(people.ProviderPrefix, c.Now()), Org: call.Actor.Org, CreatedAt: c.Now(), Revision: 1}
		} else if p, err = providerOfOrg(ctx, c, call.Actor.Org, providerID); err != nil {
			return p, err
		}
		p.Name, p.Settings, p.UpdatedAt = strings.TrimSpace(in.Name), in.Settings, c.Now()
		if err := s.checkProvider(ctx, c, &p); err != nil {
			return p, err
		}
		if err := nameFree(ctx, c, &p); err != nil {
			return p, err
		}
		if in.Secret != nil {
			if p.Sealed, err = s.Secrets.Seal([]byte(*in.Secret), providerContext(p.ID)); err != nil {
				return p, err
			}
		}
		if providerID == "" {
			err = c.InsertLoginProvider(ctx, p)
		} else {
			err = c.UpdateLoginProvider(ctx, &p)
		}
		return p, cmp.Or(err, c.log(p.Org, "", note{kind: journal.LoginProviderSaved, subject: "login_provider", id: p.ID,
			data: map[string]any{"login_provider_id": p.ID, "name": p.Name, "settings": p.Settings, "secret_changed": in.Secret != nil}}))
	})
}

func providerOfOrg(ctx context.Context, tx Reader, org, providerID string) (people.Provider, error) {
	p, err := tx.LoginProvider(ctx, providerID)
	if err == nil && p.Org != org {
		return people.Provider{}, access.NotFound()
	}
	return p, err
}

func (s *Service) checkProvider(ctx context.Context, tx Reader, p *people.Provider) error {
	var l fault.List
	if n := len(p.Name); n < 1 || n > 60 {
		l.Add("/name", "bad_length", "A provider's name, which its button shows, has 1 to 60 bytes.")
	}
	if u, err := url.Parse(p.Settings.Issuer); err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || u.Scheme != "https" && !(u.Scheme == "http" && onThisMachine(u)) {
		l.Add("/issuer", "bad_issuer", "An issuer is an https address without query and fragment.")
	} else if s.Outbound != nil {
		if err := s.Outbound.Check("https://" + u.Host); err != nil {
			l.Add("/issuer", "not_reached", "The issuer is not reached from here: %v.", err)
		}
	}
	if n := len(p.Settings.ClientID); n < 1 || n > 500 {
		l.Add("/client_id", "bad_length", "Name the client by which we are known there, in 1 to 500 bytes.")
	}
	if len(p.Settings.Domains) == 0 {
		l.Add("/domains", "required", "Name the domains of the e-mail addresses that the provider vouches for.")
	}
	for i, d := range p.Settings.Domains {
		if p.Settings.Domains[i] = strings.ToLower(d); !strings.Contains(d, ".") || strings.ContainsAny(d, "@ */:") {
			l.Add("/domains", "bad_domain", "%q is no domain such as example.com.", d)
		}
	}
	if (p.Settings.Claim == "") != (len(p.Settings.Groups) == 0) {
		l.Add("/groups", "claim_and_groups", "A claim and the groups that its values stand for go together.")
	}
	for _, group := range p.Settings.Groups {
		if _, err := tx.Group(ctx, p.Org, group); fault.KindOf(err) == fault.NotFound {
			l.Add("/groups", "unknown_group", "There is no group %s.", group)
		} else if err != nil {
			return err
		}
	}
	return l.Err("invalid_provider", "The provider has faults.")
}

func onThisMachine(u *url.URL) bool {
	addr, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && addr.IsLoopback()
}

// RemoveProvider ends the logins by a provider; whom it knew stay users.
// Faults: NotFound; Forbidden "missing_scope", "whole_organisation".
func (s *Service) RemoveProvider(ctx context.Context, call Call, providerID string) (Result[people.Provider], error) {
	if err := cmp.Or(access.Allowed(call.Actor, access.ManageSettings), managePeople(call.Actor)); err != nil {
		return Result[people.Provider]{}, err
	}
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (people.Provider, error) {
		p, err := providerOfOrg(ctx, c, call.Actor.Org, providerID)
		if err != nil {
			return p, err
		}
		return p, cmp.Or(c.DropLoginProvider(ctx, p.ID), c.log(p.Org, "", note{kind: journal.LoginProviderRemoved, subject: "login_provider", id: p.ID,
			data: map[string]string{"login_provider_id": p.ID, "name": p.Name}}))
	})
}

// Providers lists the organisation's providers of logins, by name.
// Faults: Forbidden "missing_scope", "whole_organisation".
func (s *Service) Providers(ctx context.Context, a access.Actor) (out []people.Provider, err error) {
	if err := cmp.Or(access.Allowed(a, access.ManageSettings), managePeople(a)); err != nil {
		return nil, err
	}
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		out, err = tx.LoginProviders(ctx, a.Org)
		return err
	})
	return out, err
}

// OfferedProviders gives the providers that the login page names: those in use, where
// the installation has one organisation. Of several, none is to learn of the others'.
func (s *Service) OfferedProviders(ctx context.Context) (out []people.Provider, err error) {
	err = s.Store.Read(Across(ctx, "finding a provider of logins"), func(ctx context.Context, tx Reader) error {
		orgs, err := tx.Organisations(ctx)
		if err != nil || len(orgs) != 1 {
			return err
		}
		out, err = tx.LoginProviders(ctx, orgs[0].ID)
		return err
	})
	return slices.DeleteFunc(out, func(p people.Provider) bool { return p.Settings.Disabled }), err
}

// ProviderFor gives the provider in use that vouches for an e-mail address, with the
// secret of our client there. NotFound where there is none.
func (s *Service) ProviderFor(ctx context.Context, address string) (p people.Provider, err error) {
	_, domain, _ := strings.Cut(approval.Normalise(address), "@")
	err = s.Store.Read(Across(ctx, "finding a provider of logins"), func(ctx context.Context, tx Reader) error {
		all, err := tx.LoginProviders(ctx, "")
		if err != nil {
			return err
		}
		for _, p = range all {
			if !p.Settings.Disabled && domain != "" && p.Settings.Vouches(domain) {
				return nil
			}
		}
		return access.NotFound()
	})
	return p, err
}

// ProviderInUse gives a provider with the secret of our client there, "" for none.
// NotFound where nobody logs in by it.
func (s *Service) ProviderInUse(ctx context.Context, providerID string) (p people.Provider, secret string, err error) {
	err = s.Store.Read(Across(ctx, "finding a provider of logins"), func(ctx context.Context, tx Reader) error {
		p, err = tx.LoginProvider(ctx, providerID)
		return err
	})
	if err == nil && p.Settings.Disabled {
		err = access.NotFound()
	}
	if err != nil || p.Sealed == nil {
		return p, "", err
	}
	plain, err := s.Secrets.Open(p.Sealed, providerContext(p.ID))
	return p, string(plain), err
}

// Outsider is whom a provider says that somebody is.
type Outsider struct {
	Subject  string
	Email    string
	Verified bool // the provider has seen that the address is the person's
	Name     string
	Anew     bool     // the person has just proved it there
	Values   []string // of the claim that says which groups
}

// LogInByProvider logs in whom a provider knows: by the subject that it knew before,
// or else by an e-mail address that it has verified and vouches for. Who is not known
// is made a user where the provider's settings say so. once is the hash of the
// question that the provider has answered. Faults: Forbidden "not_known_here",
// "email_unverified", "domain_not_vouched"; Conflict "used".
func (s *Service) LogInByProvider(ctx context.Context, providerID string, who Outsider, once [32]byte, until time.Time, in Browser) (Login, error) {
	p, _, err := s.ProviderInUse(ctx, providerID)
	if err != nil {
		return Login{}, err
	}
	type outcome struct {
		Login
		refusal error
	}
	call := Call{Actor: access.Actor{Kind: access.System, Org: p.Org, ID: "login by " + p.Name, Source: in.Source, Scopes: []access.Scope{access.Admin}}}
	out, err := run(ctx, s, call, true, func(ctx context.Context, c *change) (o outcome, err error) {
		if err := onceUntil(ctx, c, once, until); err != nil {
			return o, err
		}
		u, err := s.outsider(ctx, c, &p, who)
		if fault.KindOf(err) == fault.Forbidden {
			o.refusal = err
			if u.ID == "" {
				return o, nil
			}
			return o, c.failedLogin(u.ID, MethodFederated, fault.CodeOf(err))
		}
		if err != nil {
			return o, err
		}
		if err := s.followClaim(ctx, c, &p, &u, who.Values); err != nil {
			return o, err
		}
		c.actor = personOf(u.Org, u.ID, u.Name, in.Source).Actor
		methods := []string{MethodFederated}
		if who.Anew {
			methods = append(methods, MethodPresence)
		}
		o.Login, err = c.beginSession(ctx, u.ID, methods, in)
		return o, err
	})
	return out.Value.Login, cmp.Or(err, out.Value.refusal)
}

// outsider finds the user whom a provider means, or makes one.
func (s *Service) outsider(ctx context.Context, c *change, p *people.Provider, who Outsider) (u people.User, err error) {
	known, err := c.Identity(ctx, p.ID, who.Subject)
	if err == nil {
		if u, err = userOfOrg(ctx, c, p.Org, known); err == nil && !u.Active {
			err = notKnownHere()
		}
		return u, err
	}
	if fault.KindOf(err) != fault.NotFound {
		return u, err
	}
	name := approval.Normalise(who.Email)
	_, domain, _ := strings.Cut(name, "@")
	switch {
	case !who.Verified:
		return u, fault.New(fault.Forbidden, "email_unverified", "%s has not verified your e-mail address. Have it verified there, then log in again.", p.Name)
	case !p.Settings.Vouches(domain):
		return u, fault.New(fault.Forbidden, "domain_not_vouched", "%s does not speak for addresses of %s here.", p.Name, domain)
	}
	u, err = c.UserNamed(ctx, p.Org, name)
	if fault.KindOf(err) == fault.NotFound {
		if !p.Settings.Create {
			return u, notKnownHere()
		}
		u, err = s.insertUser(ctx, c, NewUser{Name: name, Display: cut(who.Name, 200)})
	}
	if err == nil && !u.Active {
		err = notKnownHere()
	}
	if err != nil {
		return u, err
	}
	return u, c.InsertIdentity(ctx, p.ID, who.Subject, u.ID, c.Now())
}

func notKnownHere() error {
	return fault.New(fault.Forbidden, "not_known_here", "You are not known here, or may not get in any more. Ask your administrator.")
}

// followClaim puts a user into the groups that the claim's values stand for, and out
// of the provider's other groups.
func (s *Service) followClaim(ctx context.Context, c *change, p *people.Provider, u *people.User, values []string) error {
	if p.Settings.Claim == "" {
		return nil
	}
	has, err := c.GroupsOf(ctx, u.ID)
	if err != nil {
		return err
	}
	is := func(groupID string) bool {
		return slices.ContainsFunc(has, func(g people.Group) bool { return g.ID == groupID })
	}
	in, out := p.Settings.Memberships(values)
	for _, groupID := range append(in, out...) {
		wanted := slices.Contains(in, groupID)
		if wanted == is(groupID) {
			continue
		}
		g, err := c.Group(ctx, p.Org, groupID)
		if fault.KindOf(err) == fault.NotFound {
			continue // it was deleted since
		}
		if err != nil {
			return err
		}
		if wanted {
			err = s.joinGroup(ctx, c, &g, []string{u.ID}, nil)
		} else {
			err = s.joinGroup(ctx, c, &g, nil, []string{u.ID})
		}
		if err != nil {
			return err
		}
	}
	return nil
}
