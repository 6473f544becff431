package service

import (
	"cmp"
	"context"
	"slices"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
)

// RulesOnDevices gives an organisation's device rules, for whoever asks them.
func (s *Service) RulesOnDevices(ctx context.Context, org string) (out []access.DeviceRule, err error) {
	err = s.Store.Read(Within(ctx, org), func(ctx context.Context, tx Reader) error {
		out, err = tx.DeviceRules(ctx, org)
		return err
	})
	return out, err
}

// WantsAttestation tells whether a rule of the organisation asks of which make a
// passkey is, so that new ones have to say so.
func (s *Service) WantsAttestation(ctx context.Context, org string) (bool, error) {
	rules, err := s.RulesOnDevices(ctx, org)
	return slices.ContainsFunc(rules, func(r access.DeviceRule) bool { return !r.Off && r.Demands.Passkey != nil }), err
}

// DeviceRules lists the device rules, by name.
func (s *Service) DeviceRules(ctx context.Context, a access.Actor) ([]access.DeviceRule, error) {
	if err := access.Allowed(a, access.ManageSettings); err != nil {
		return nil, err
	}
	return s.RulesOnDevices(ctx, a.Org)
}

// DeviceRule gives one of them. Fault NotFound.
func (s *Service) DeviceRule(ctx context.Context, a access.Actor, name string) (access.DeviceRule, error) {
	all, err := s.DeviceRules(ctx, a)
	if i := slices.IndexFunc(all, func(r access.DeviceRule) bool { return r.Name == name }); i >= 0 {
		return all[i], nil
	}
	return access.DeviceRule{}, cmp.Or(err, access.NotFound())
}

// SaveDeviceRule makes a device rule, or changes it; it holds within seconds. revision
// is what the caller saw, 0 for any. A rule that would shut out the one who saves it is
// not taken, so that somebody can always take it back.
//
// Faults: Invalid "invalid_device_rule"; Conflict "locks_you_out"; Precondition;
// Forbidden "missing_scope", "confined_to_units", "device_required".
func (s *Service) SaveDeviceRule(ctx context.Context, call Call, in access.DeviceRule, revision int64) (Result[access.DeviceRule], error) {
	return s.changeDeviceRule(ctx, call, in.Name, revision, func(ctx context.Context, c *change, r *access.DeviceRule) error {
		if r.Revision == 0 {
			r.CreatedAt = c.Now()
		}
		r.Title, r.Off, r.For, r.Demands, r.UpdatedAt = in.Title, in.Off, in.For, in.Demands, c.Now()
		roles, err := s.rolesOf(ctx, c, r.Org)
		if err != nil {
			return err
		}
		var l fault.List
		r.Check(roles, &l)
		clients, err := c.Clients(ctx, r.Org)
		if err != nil {
			return err
		}
		for _, id := range r.For.Clients {
			if !slices.ContainsFunc(clients, func(cl access.OAuthClient) bool { return cl.ID == id }) {
				l.Add("/clients", "unknown_client", "There is no client %q.", id)
			}
		}
		if err := cmp.Or(l.Err("invalid_device_rule", "The device rule has faults."), s.keepsOut(ctx, c, r)); err != nil {
			return err
		}
		return cmp.Or(c.logDeviceRule(journal.DeviceRuleSaved, r), c.SaveDeviceRule(ctx, r))
	})
}

// keepsOut refuses a rule by which its own author could not take it back.
func (s *Service) keepsOut(ctx context.Context, c *change, r *access.DeviceRule) error {
	if !r.Concerns(c.actor) || !r.For.Covers(access.ManageSettings) {
		return nil
	}
	login, err := loginOf(ctx, c, c.actor)
	if err != nil {
		return err
	}
	held := s.hold(c.actor, login, []access.DeviceRule{*r})
	if held[0].Lacks == nil {
		return nil
	}
	f := fault.New(fault.Conflict, "locks_you_out", "You do not meet this rule yourself, and could not take it back. Do it from a device that meets it, or leave settings.manage out of it.")
	for _, l := range held[0].Lacks {
		f = f.With(fault.Detail{Pointer: "device/" + l.What, Code: l.Why, Message: l.Remedy})
	}
	return f
}

// RemoveDeviceRule removes a rule. Faults: NotFound; those of SaveDeviceRule.
func (s *Service) RemoveDeviceRule(ctx context.Context, call Call, name string, revision int64) (Result[access.DeviceRule], error) {
	return s.changeDeviceRule(ctx, call, name, revision, func(ctx context.Context, c *change, r *access.DeviceRule) error {
		if r.Revision == 0 {
			return access.NotFound()
		}
		return cmp.Or(c.logDeviceRule(journal.DeviceRuleRemoved, r), c.RemoveDeviceRule(ctx, *r))
	})
}

// changeDeviceRule runs a command about a device rule of the actor's organisation; its
// revision is 0 where there is none.
func (s *Service) changeDeviceRule(ctx context.Context, call Call, name string, revision int64, edit func(context.Context, *change, *access.DeviceRule) error) (Result[access.DeviceRule], error) {
	if err := cmp.Or(access.Allowed(call.Actor, access.ManageSettings), access.WholeOrganisation(call.Actor)); err != nil {
		return Result[access.DeviceRule]{}, err
	}
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (access.DeviceRule, error) {
		all, err := c.DeviceRules(ctx, c.actor.Org)
		r := access.DeviceRule{Org: c.actor.Org, Name: name}
		if i := slices.IndexFunc(all, func(r access.DeviceRule) bool { return r.Name == name }); i >= 0 {
			r = all[i]
		}
		if err = cmp.Or(err, expected(revision, r.Revision)); err != nil {
			return access.DeviceRule{}, err
		}
		if err := edit(ctx, c, &r); err != nil {
			return access.DeviceRule{}, err
		}
		c.Notify(TopicRevoked) // what is remembered of the rules is looked up anew
		return r, nil
	})
}

// SwitchOffDeviceRules switches off all rules of an organisation, for whoever has the
// machine, and gives how many were in force. Fault NotFound.
func (s *Service) SwitchOffDeviceRules(ctx context.Context, org string) (int, error) {
	out, err := run(ctx, s, SystemCall(org, "machine", ""), false, func(ctx context.Context, c *change) (n int, err error) {
		if _, err := c.Organisation(ctx, org); err != nil {
			return 0, err
		}
		all, err := c.DeviceRules(ctx, org)
		for i := range all {
			r := &all[i]
			if err != nil || r.Off {
				continue
			}
			n++
			r.Off, r.UpdatedAt = true, c.Now()
			err = cmp.Or(c.logDeviceRule(journal.DeviceRuleSaved, r), c.SaveDeviceRule(ctx, r))
		}
		c.Notify(TopicRevoked)
		return n, err
	})
	return out.Value, err
}

func (c *change) logDeviceRule(kind journal.Kind, r *access.DeviceRule) error {
	data := event.DeviceRule{Name: r.Name, Title: r.Title, Off: r.Off, Clients: r.For.Clients, Roles: r.For.Roles, Actions: r.For.Actions, Certificate: r.Demands.Certificate != nil}
	if p := r.Demands.Passkey; p != nil {
		data.Passkey, data.Models, data.MaxAge = true, p.Models, int(p.MaxAge.Seconds())
	}
	return c.log(r.Org, "", note{kind: kind, subject: "device_rule", id: r.Name, data: data})
}
