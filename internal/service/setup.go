package service

import (
	"cmp"
	"context"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
)

// SetupLife is how long a set-up link works.
const SetupLife = 24 * time.Hour

const setupPrefix = "psl_"

// SetupLink lets whoever has its token become an administrator, once: of the
// organisation, or where that is empty, of the first one, which it makes.
type SetupLink struct {
	Hash      []byte // of the token
	Org       string
	CreatedAt time.Time
	ExpiresAt time.Time
}

// Works tells whether the link may still be used.
func (l *SetupLink) Works(now time.Time) bool { return now.Before(l.ExpiresAt) }

// NewSetupLink makes a link for whoever has the machine: beside a running server, and
// before there is an organisation. It writes no entry of the log; its use does.
// Faults: NotFound where there is no such organisation; Conflict "set_up" where none is
// named and there is one.
func NewSetupLink(ctx context.Context, db Store, org string) (token string, until time.Time, err error) {
	token = randomText(setupPrefix)
	err = db.Write(ctx, func(ctx context.Context, tx Tx) error {
		if err := setupFor(ctx, tx, org); err != nil {
			return err
		}
		until = tx.Now().Add(SetupLife)
		return tx.InsertSetupLink(ctx, SetupLink{Hash: hashText(token), Org: org, CreatedAt: tx.Now(), ExpiresAt: until})
	})
	return token, until, err
}

// setupFor refuses a link that nobody could use.
func setupFor(ctx context.Context, tx Reader, org string) error {
	if org != "" {
		o, err := tx.Organisation(ctx, org)
		if err == nil && !o.ClosedAt.IsZero() {
			err = fault.New(fault.Conflict, "organisation_closed", "The organisation %s is closed. Open it first.", o.Name)
		}
		return err
	}
	first, err := home(ctx, tx)
	if err == nil && first != "" {
		err = fault.New(fault.Conflict, "set_up", "The first organisation is there already. Name the organisation that needs another administrator; the first one is %s.", first)
	}
	return err
}

// newSetupLink makes a link inside a command.
func (c *change) newSetupLink(ctx context.Context, org string) (token string, until time.Time, err error) {
	token, until = randomText(setupPrefix), c.Now().Add(SetupLife)
	if err := c.InsertSetupLink(ctx, SetupLink{Hash: hashText(token), Org: org, CreatedAt: c.Now(), ExpiresAt: until}); err != nil {
		return "", until, err
	}
	return token, until, c.log(org, "", note{kind: journal.SetupLinkMade, subject: "organisation", id: org, data: map[string]string{"organisation_id": org, "expires_at": until.Format(time.RFC3339)}})
}

// Setup is what whoever has a set-up link says.
type Setup struct {
	Organisation string // name of the first organisation, if that is to be made; "": the default
	Principal    string // the administrator's e-mail address or name; "": one made of the organisation's name
}

// CheckSetup tells for which organisation a link works: its name, "" for the first one.
// Fault Gone "setup_link_gone", the same for every reason.
func (s *Service) CheckSetup(ctx context.Context, token string) (organisation string, err error) {
	err = s.Store.Read(ctx, func(ctx context.Context, tx Reader) error {
		l, err := setupLink(ctx, tx, token)
		if err != nil || l.Org == "" {
			return err
		}
		o, err := tx.Organisation(ctx, l.Org)
		organisation = o.Name
		return err
	})
	return organisation, err
}

func setupLink(ctx context.Context, tx Reader, token string) (SetupLink, error) {
	l, err := tx.SetupLink(ctx, hashText(token))
	if err == nil && l.Works(tx.Now()) {
		if err = setupFor(ctx, tx, l.Org); err == nil {
			return l, nil
		}
	}
	if kind := fault.KindOf(err); err != nil && kind != fault.NotFound && kind != fault.Conflict {
		return l, err
	}
	return SetupLink{}, fault.New(fault.Gone, "setup_link_gone", "This set-up link was used, has run out, or never was. On the machine, `paraph admin setup-link` makes another.")
}

// SetUp uses a set-up link up and makes an administrator's client, whose secret is
// shown this once. Of two at once, one gets it.
//
// Faults: Gone "setup_link_gone"; Invalid "invalid_organisation", "invalid_client_request".
func (s *Service) SetUp(ctx context.Context, source access.Source, token string, in Setup) (ClientSecret, error) {
	in.Organisation = cmp.Or(in.Organisation, s.FirstName, "Paraph")
	if err := checkOrganisation(in.Organisation); err != nil {
		return ClientSecret{}, err
	}
	call := Call{Actor: access.Actor{Kind: access.System, ID: "setup", Source: source}}
	out, err := run(ctx, s, call, true, func(ctx context.Context, c *change) (ClientSecret, error) {
		// Of two links that are used at once, one waits here for the other.
		if _, _, err := c.Lease(ctx, "bootstrap", "bootstrap", time.Second); err != nil {
			return ClientSecret{}, err
		}
		l, err := setupLink(ctx, c, token)
		if err != nil {
			return ClientSecret{}, err
		}
		if err := c.UseSetupLink(ctx, l.Hash); err != nil {
			return ClientSecret{}, err
		}
		return s.setUp(ctx, c, l.Org, in)
	})
	return out.Value, err
}

func (s *Service) setUp(ctx context.Context, c *change, orgID string, in Setup) (ClientSecret, error) {
	first, err := home(ctx, c)
	if err != nil {
		return ClientSecret{}, err
	}
	org, name := access.Organisation{}, "Administrator by set-up link"
	if orgID == "" {
		name = "First administrator"
		org, err = c.newOrganisation(ctx, in.Organisation)
	} else {
		c.actor.Org = orgID
		org, err = c.Organisation(ctx, orgID)
	}
	if err != nil {
		return ClientSecret{}, err
	}
	n := NewClient{Name: name, Principal: cmp.Or(in.Principal, defaultAdmin(org.Name)), Scopes: administrator(first == "" || first == org.ID)}
	cl := n.of(access.OAuthClient{Org: org.ID})
	var l fault.List
	cl.Check(s.Roles, c.actor, &l)
	if err := l.Err("invalid_client_request", "The administrator has faults."); err != nil {
		return ClientSecret{}, err
	}
	made, err := insertClient(ctx, c, org.ID, n)
	if err != nil {
		return made, err
	}
	return made, c.logClient(journal.SetupCompleted, &made.Client, clientData(&made.Client))
}

// SetupPath is where people use a set-up link.
const SetupPath = "/setup"

// SetupURL is the link of a token under a server's address. The token stands behind
// the #, which no server logs.
func SetupURL(base, token string) string { return base + SetupPath + "#" + token }
