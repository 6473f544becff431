package service

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/webhook"
)

// DefaultPortal is how long a link to the page of endpoints works; mostPortal is the longest.
const (
	DefaultPortal = time.Hour
	mostPortal    = 7 * 24 * time.Hour
)

// Portal is a link to the page of endpoints: for a customer to its own, or for an
// operator to all that whoever made it may see.
type Portal struct {
	Token     []byte // SHA-256 of what is in the link
	Org       string
	Units     []string // of whoever made it; nil: all
	Endpoints []string // ids; nil: all
	MayWrite  bool     // send anew, skip, test, enable
	By        string
	Principal string
	CreatedAt time.Time
	ExpiresAt time.Time
}

// Actor is who opens the page by the link: it can do no more than its maker, and
// sees no other endpoints.
func (p *Portal) Actor() access.Actor {
	scopes := []access.Scope{access.WebhooksRead}
	if p.MayWrite {
		scopes = append(scopes, access.WebhooksWrite)
	}
	return access.Actor{Kind: access.Client, Org: p.Org, ID: p.By, Principal: p.Principal, Units: p.Units, Scopes: scopes, Endpoints: p.Endpoints}
}

// PortalLink is a new link.
type PortalLink struct {
	Token     string // for the address; shown once
	ExpiresAt time.Time
}

// OpenPortal makes a link to the page of endpoints. endpoints nil means all that
// the caller may see.
//
// Faults: NotFound where one of the endpoints is not the caller's to see; Invalid "invalid_portal".
func (s *Service) OpenPortal(ctx context.Context, call Call, endpoints []string, mayWrite bool, lifetime time.Duration) (Result[PortalLink], error) {
	do := access.ReadWebhook
	if mayWrite {
		do = access.WriteWebhook
	}
	if lifetime == 0 {
		lifetime = DefaultPortal
	}
	if lifetime < time.Minute || lifetime > mostPortal || len(endpoints) > 100 {
		return Result[PortalLink]{}, fault.New(fault.Invalid, "invalid_portal", "A link works for a minute to seven days, and shows 100 named endpoints at most.")
	}
	return run(ctx, s, call, true, func(ctx context.Context, c *change) (PortalLink, error) {
		if err := access.Allowed(call.Actor, do); err != nil {
			return PortalLink{}, err
		}
		for _, name := range endpoints {
			if _, err := endpointFor(ctx, c, call.Actor, name, do); err != nil {
				return PortalLink{}, err
			}
		}
		var raw [32]byte
		rand.Read(raw[:]) // never fails: crypto/rand ends the process instead
		token := base64.RawURLEncoding.EncodeToString(raw[:])
		p := Portal{Token: hashed(token), Org: call.Actor.Org, Units: call.Actor.Units, Endpoints: endpoints, MayWrite: mayWrite, By: call.Actor.ID,
			Principal: call.Actor.Principal, CreatedAt: c.Now(), ExpiresAt: c.Now().Add(lifetime)}
		data := map[string]any{"endpoints": endpoints, "may_write": mayWrite, "expires_at": p.ExpiresAt}
		if err := c.log(p.Org, "", note{kind: journal.WebhookPortalOpened, subject: "client", id: p.By, data: data}); err != nil {
			return PortalLink{}, err
		}
		return PortalLink{token, p.ExpiresAt}, c.InsertPortal(ctx, p)
	})
}

func hashed(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// PortalBy gives what a link allows. Faults: NotFound "link_unknown"; Gone "link_expired".
func (s *Service) PortalBy(ctx context.Context, token string) (p Portal, err error) {
	err = s.Store.Read(Across(ctx, "finding a portal by its link"), func(ctx context.Context, tx Reader) error {
		if p, err = tx.Portal(ctx, hashed(token)); err != nil {
			return err
		}
		maker, err := tx.Client(ctx, p.By)
		if err == nil && !maker.RevokedAt.IsZero() {
			return access.NotFound()
		}
		return err
	})
	if fault.KindOf(err) == fault.NotFound {
		err = fault.New(fault.NotFound, "link_unknown", "This link is not known. Ask whoever gave it to you for another.")
	}
	if err == nil && !p.ExpiresAt.After(s.Clock.Now()) {
		err = fault.New(fault.Gone, "link_expired", "This link has run out. Ask whoever gave it to you for another.")
	}
	return p, err
}

// seesEndpoint tells whether an actor may see an endpoint of its organisation.
func seesEndpoint(a access.Actor, e *webhook.Endpoint) bool {
	if a.Endpoints != nil && !slices.Contains(a.Endpoints, e.ID) {
		return false
	}
	return a.Units == nil || slices.Contains(a.Units, e.Unit)
}
