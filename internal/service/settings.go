package service

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/journal"
)

// CreateUnit makes a business unit.
// Faults: Invalid "invalid_unit"; Conflict "exists"; Forbidden "missing_scope".
func (s *Service) CreateUnit(ctx context.Context, call Call, name, title string, weight int) (Result[document.Unit], error) {
	if err := access.Allowed(call.Actor, access.ManageSettings); err != nil {
		return Result[document.Unit]{}, err
	}
	if !document.Slug(name) {
		return Result[document.Unit]{}, fault.New(fault.Invalid, "invalid_unit", "The business unit has faults.").With(
			fault.Detail{Pointer: "/name", Code: "bad_slug", Message: "A business unit is 1 to 63 characters of a-z, 0-9, _ and -, and starts with a letter or digit."})
	}
	if err := checkWeight("invalid_unit", "The business unit has faults.", weight); err != nil {
		return Result[document.Unit]{}, err
	}
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (document.Unit, error) {
		u := document.Unit{Org: call.Actor.Org, Name: name, Title: title, Weight: weight, CreatedAt: c.Now()}
		if err := c.InsertUnit(ctx, u); err != nil {
			return u, err
		}
		return u, c.log(u.Org, name, note{kind: journal.UnitCreated, subject: "unit", id: name, data: event.Unit{Name: name, Weight: u.Weight}})
	})
}

// Units lists the organisation's business units by name.
func (s *Service) Units(ctx context.Context, a access.Actor) (out []document.Unit, err error) {
	if err := access.Allowed(a, access.ReadSettings); err != nil {
		return nil, err
	}
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		out, err = tx.Units(ctx, a.Org)
		return err
	})
	return out, err
}

// Bootstrap makes the first organisation with its default unit, document type
// and an administrator's client, where no organisation exists. made tells whether it did.
func (s *Service) Bootstrap(ctx context.Context, orgName string) (admin ClientSecret, made bool, err error) {
	ctx = Across(ctx, "the first organisation")
	var there []access.Organisation
	err = s.Store.Read(Across(ctx, "the first organisation"), func(ctx context.Context, tx Reader) error {
		there, err = tx.Organisations(ctx)
		return err
	})
	if err != nil || len(there) > 0 {
		return ClientSecret{}, false, err // nothing to write: a server can start while writing is stopped
	}
	out, err := run(ctx, s, Call{Actor: access.Actor{Kind: access.System, ID: "bootstrap"}}, false, func(ctx context.Context, c *change) (ClientSecret, error) {
		made = false
		orgs, err := c.Organisations(ctx)
		if err != nil || len(orgs) > 0 {
			return ClientSecret{}, err
		}
		// Of two processes at their first start, one waits here for the other.
		if _, _, err := c.Lease(ctx, "bootstrap", "bootstrap", time.Second); err != nil {
			return ClientSecret{}, err
		}
		if orgs, err = c.Organisations(ctx); err != nil || len(orgs) > 0 {
			return ClientSecret{}, err
		}
		made = true
		return bootstrap(ctx, c, orgName)
	})
	return out.Value, made, err
}

func bootstrap(ctx context.Context, c *change, orgName string) (ClientSecret, error) {
	org := access.Organisation{ID: id.New("org", c.Now()), Name: orgName, CreatedAt: c.Now()}
	c.actor.Org = org.ID
	if err := c.InsertOrganisation(ctx, org); err != nil {
		return ClientSecret{}, err
	}
	if err := c.InsertUnit(ctx, document.Unit{Org: org.ID, Name: "general", Title: "General", CreatedAt: c.Now()}); err != nil {
		return ClientSecret{}, err
	}
	if err := c.SaveDocumentType(ctx, document.Type{Org: org.ID, Name: "document", Title: "Document", CreatedAt: c.Now(), UpdatedAt: c.Now()}); err != nil {
		return ClientSecret{}, err
	}
	all := make([]access.Scope, 0)
	for sc := range access.Scopes() {
		all = append(all, sc)
	}
	slices.Sort(all)
	return insertClient(ctx, c, org.ID, NewClient{Name: "First administrator", Principal: "admin@" + strings.ToLower(orgSlug(orgName)), Scopes: all})
}

// orgSlug makes a host-like name of an organisation's name.
func orgSlug(name string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		default:
			return '-'
		}
	}, name), "-") + ".example"
}

// linkMemory is how long a link that has run out is still known as such, so that
// people read that it ran out and not that it never was.
const linkMemory = 90 * 24 * time.Hour

const (
	// codeMemory is how long a code that has run out is still known, so that one that
	// comes again is recognised.
	codeMemory = time.Hour
	// delegationMemory is how long a delegation that has ended can be looked at.
	delegationMemory = 30 * 24 * time.Hour
)

// Purge removes idempotency records, links and what belongs to tokens once it has run out.
func (s *Service) Purge(ctx context.Context) (n int64, err error) {
	err = s.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		now := tx.Now()
		tokens, err := tx.PurgeTokens(ctx, now.Add(-codeMemory), now.Add(-delegationMemory))
		if err != nil {
			return err
		}
		n, err = tx.PurgeExpired(ctx, now.Add(-time.Minute), now.Add(-linkMemory))
		n += tokens
		return err
	})
	return n, err
}
