package service

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/id"
)

// Bootstrap makes the first organisation with its default unit, document type
// and an administrator's client, where no organisation exists. made tells whether it did.
func (s *Service) Bootstrap(ctx context.Context, orgName string) (admin ClientSecret, made bool, err error) {
	ctx = Across(ctx, "the first organisation")
	var there []access.Organisation
	err = s.Store.Read(ctx, func(ctx context.Context, tx Reader) error {
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
	org, err := c.newOrganisation(ctx, orgName)
	if err != nil {
		return ClientSecret{}, err
	}
	return insertClient(ctx, c, org.ID, NewClient{Name: "First administrator", Principal: defaultAdmin(orgName), Scopes: administrator(true)})
}

// administrator gives all scopes; the installation's only to whoever runs that.
func administrator(installation bool) []access.Scope {
	all := slices.Sorted(maps.Keys(access.Scopes()))
	return slices.DeleteFunc(all, func(sc access.Scope) bool { return sc == access.Installation && !installation })
}

func defaultAdmin(orgName string) string { return "admin@" + strings.ToLower(orgSlug(orgName)) }

// newOrganisation makes an organisation with what it needs to begin: a unit and a type.
func (c *change) newOrganisation(ctx context.Context, name string) (access.Organisation, error) {
	org := access.Organisation{ID: id.New("org", c.Now()), Name: name, CreatedAt: c.Now(), Revision: 1}
	if c.actor.Org == "" {
		c.actor.Org = org.ID
	}
	first, err := home(ctx, c)
	if err == nil {
		err = c.InsertOrganisation(ctx, org)
	}
	if err == nil && first == "" {
		err = c.SetSetting(ctx, settingHome, org.ID)
	}
	if err == nil {
		err = c.InsertUnit(ctx, document.Unit{Org: org.ID, Name: "general", Title: "General", CreatedAt: c.Now()})
	}
	if err == nil {
		err = c.SaveDocumentType(ctx, document.Type{Org: org.ID, Name: "document", Title: "Document", CreatedAt: c.Now(), UpdatedAt: c.Now()})
	}
	return org, err
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
		if err := tx.PurgeSetupLinks(ctx, now); err != nil {
			return err
		}
		n, err = tx.PurgeExpired(ctx, now.Add(-time.Minute), now.Add(-linkMemory))
		n += tokens
		return err
	})
	return n, err
}
