package service

import (
	"context"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
)

// settingHome names the organisation of whoever runs the installation.
const settingHome = "home_organisation"

// home is that organisation, the first one; "" before there is one.
func home(ctx context.Context, tx Reader) (string, error) {
	kept, err := tx.Setting(ctx, settingHome)
	if err == nil || fault.KindOf(err) != fault.NotFound {
		return kept, err
	}
	all, err := tx.Organisations(ctx) // a version before has made it
	if err != nil || len(all) == 0 {
		return "", err
	}
	return all[0].ID, nil
}

// runsInstallation refuses everybody but who has the installation's scope in the
// first organisation: the scope alone, were it ever to get elsewhere, is not enough.
func runsInstallation(ctx context.Context, tx Reader, a access.Actor) error {
	if err := access.Allowed(a, access.ManageInstallation); err != nil {
		return err
	}
	first, err := home(ctx, tx)
	if err == nil && first != a.Org {
		err = access.MissingScope(access.ManageInstallation)
	}
	return err
}

// ofInstallation lets whoever has the installation's scope reach every organisation,
// where that is what is asked for. runsInstallation decides whether that is so.
func ofInstallation(ctx context.Context, a access.Actor) context.Context {
	if access.Allowed(a, access.ManageInstallation) != nil {
		return Within(ctx, a.Org)
	}
	return Across(ctx, acrossInstallation)
}

// ofInstallation is the same for a command.
func (c Call) ofInstallation() Call {
	if access.Allowed(c.Actor, access.ManageInstallation) == nil {
		c.across = acrossInstallation
	}
	return c
}

const acrossInstallation = "running the installation"

// Organisations lists the organisations by id. Fault Forbidden "missing_scope".
func (s *Service) Organisations(ctx context.Context, a access.Actor) (out []access.Organisation, err error) {
	err = s.Store.Read(ofInstallation(ctx, a), func(ctx context.Context, tx Reader) error {
		if err := runsInstallation(ctx, tx, a); err != nil {
			return err
		}
		out, err = tx.Organisations(ctx)
		return err
	})
	return out, err
}

// Organisation gives the actor's own organisation, or any to whoever runs the
// installation; id "" is the own one. Faults: NotFound; Forbidden "missing_scope".
func (s *Service) Organisation(ctx context.Context, a access.Actor, id string) (out access.Organisation, err error) {
	err = s.Store.Read(ofInstallation(ctx, a), func(ctx context.Context, tx Reader) error {
		out, err = organisationFor(ctx, tx, a, id)
		return err
	})
	return out, err
}

func organisationFor(ctx context.Context, tx Reader, a access.Actor, id string) (access.Organisation, error) {
	if id == "" || id == a.Org {
		if err := access.Allowed(a, access.ManageSettings); err == nil || id == "" {
			if err != nil {
				return access.Organisation{}, err
			}
			return tx.Organisation(ctx, a.Org)
		}
	}
	if err := runsInstallation(ctx, tx, a); err != nil {
		if id != a.Org {
			err = access.NotFound() // whether it exists is nobody else's business
		}
		return access.Organisation{}, err
	}
	return tx.Organisation(ctx, id)
}

// NewOrganisation is an organisation with the token of the link by which its first
// administrator is made.
type NewOrganisation struct {
	Organisation access.Organisation
	Link         string
	Until        time.Time
}

// CreateOrganisation makes an organisation with a unit and a type to begin with.
// Faults: Invalid "invalid_organisation"; Forbidden "missing_scope".
func (s *Service) CreateOrganisation(ctx context.Context, call Call, name string) (Result[NewOrganisation], error) {
	if err := checkOrganisation(name); err != nil {
		return Result[NewOrganisation]{}, err
	}
	return run(ctx, s, call.ofInstallation(), true, func(ctx context.Context, c *change) (out NewOrganisation, err error) {
		if err := runsInstallation(ctx, c, c.actor); err != nil {
			return out, err
		}
		if out.Organisation, err = c.newOrganisation(ctx, name); err != nil {
			return out, err
		}
		if err := c.logOrganisation(journal.OrganisationCreated, &out.Organisation); err != nil {
			return out, err
		}
		out.Link, out.Until, err = c.newSetupLink(ctx, out.Organisation.ID)
		return out, err
	})
}

func checkOrganisation(name string) error {
	var l fault.List
	if n := len(name); n < 1 || n > 200 {
		l.Add("/name", "bad_length", "An organisation's name has 1 to 200 bytes.")
	}
	return l.Err("invalid_organisation", "The organisation has faults.")
}

// logOrganisation notes what happened to an organisation in its own log, and in that
// of whoever did it.
func (c *change) logOrganisation(kind journal.Kind, o *access.Organisation) error {
	n := note{kind: kind, subject: "organisation", id: o.ID, data: event.Organisation{OrganisationID: o.ID, Name: o.Name, Closed: !o.ClosedAt.IsZero()}}
	if err := c.log(o.ID, "", n); err != nil || c.actor.Org == o.ID {
		return err
	}
	return c.log(c.actor.Org, "", n)
}

// ChangeOrganisation renames, closes or opens an organisation; nil leaves it. Renaming
// the own one is for its administrators, the rest for whoever runs the installation.
// Nobody of a closed organisation gets in; what runs is finished. revision is what the
// caller saw, 0 for any.
//
// Faults: NotFound; Precondition; Invalid "invalid_organisation"; Conflict
// "own_organisation" for closing the first one; Forbidden "missing_scope", "confined_to_units".
func (s *Service) ChangeOrganisation(ctx context.Context, call Call, id string, revision int64, name *string, closed *bool) (Result[access.Organisation], error) {
	return run(ctx, s, call.ofInstallation(), false, func(ctx context.Context, c *change) (access.Organisation, error) {
		o, err := organisationFor(ctx, c, c.actor, id)
		if err == nil {
			err = access.WholeOrganisation(c.actor)
		}
		if err == nil {
			err = expected(revision, o.Revision)
		}
		if err == nil && closed != nil {
			err = runsInstallation(ctx, c, c.actor)
		}
		if err != nil {
			return access.Organisation{}, err
		}
		if name != nil {
			o.Name = *name
		}
		switch {
		case closed == nil || *closed == !o.ClosedAt.IsZero():
		case !*closed:
			o.ClosedAt = time.Time{}
		case o.ID == c.actor.Org:
			return o, fault.New(fault.Conflict, "own_organisation", "This is the organisation that runs the installation. If it were closed, nobody could open it again.")
		default:
			o.ClosedAt = c.Now()
		}
		if err := checkOrganisation(o.Name); err != nil {
			return o, err
		}
		c.Notify(TopicRevoked)
		if err := c.logOrganisation(journal.OrganisationChanged, &o); err != nil {
			return o, err
		}
		return o, c.UpdateOrganisation(ctx, &o)
	})
}
