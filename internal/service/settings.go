package service

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
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
	err = s.Store.Read(ctx, func(ctx context.Context, tx Reader) error {
		out, err = tx.Units(ctx, a.Org)
		return err
	})
	return out, err
}

// NewClient is what an administrator says of a client to be made.
type NewClient struct {
	Name      string
	Principal string // whom it speaks for: an e-mail address or a service's name
	Scopes    []access.Scope
	Roles     []access.Role // whose scopes it has too
	Units     []string      // nil: all
}

// ClientSecret is a new client with its secret, which is shown once.
type ClientSecret struct {
	Client access.OAuthClient
	Secret string
}

// CreateClient makes an OAuth client. An administrator may give any scope, but
// one who is confined to business units only within those.
//
// Faults: Invalid "invalid_client_request"; Forbidden "missing_scope".
func (s *Service) CreateClient(ctx context.Context, call Call, in NewClient) (Result[ClientSecret], error) {
	if err := access.Allowed(call.Actor, access.ManageSettings); err != nil {
		return Result[ClientSecret]{}, err
	}
	if err := s.checkClient(in, call.Actor); err != nil {
		return Result[ClientSecret]{}, err
	}
	return run(ctx, s, call, true, func(ctx context.Context, c *change) (ClientSecret, error) {
		return insertClient(ctx, c, call.Actor.Org, in)
	})
}

func (s *Service) checkClient(in NewClient, by access.Actor) error {
	var l fault.List
	if by.Units != nil && len(in.Units) == 0 {
		l.Add("/business_units", "required", "You are confined to business units, so name which of them the client may work in.")
	}
	if n := len(in.Name); n < 1 || n > 200 {
		l.Add("/name", "bad_length", "A client's name has 1 to 200 bytes.")
	}
	if n := len(in.Principal); n < 1 || n > 254 || strings.ContainsAny(in.Principal, " \r\n\x00") {
		l.Add("/principal", "bad_principal", "A principal is an e-mail address or a name without spaces, of 1 to 254 bytes.")
	}
	known := access.Scopes()
	if len(in.Scopes)+len(in.Roles) == 0 {
		l.Add("/scopes", "required", "A client needs at least one scope or role.")
	}
	for _, role := range in.Roles {
		if _, ok := s.Roles[role]; !ok {
			l.Add("/roles", "unknown_role", "There is no role %q. GET /v1/roles lists them.", role)
		}
	}
	for _, sc := range in.Scopes {
		if _, ok := known[sc]; !ok {
			l.Add("/scopes", "unknown_scope", "There is no scope %q.", sc)
		}
	}
	for _, u := range in.Units {
		if !document.Slug(u) {
			l.Add("/business_units", "bad_slug", "%q cannot name a business unit.", u)
		} else if !by.InUnit(u) {
			l.Add("/business_units", "not_yours", "You may not work in %s yourself.", u)
		}
	}
	return l.Err("invalid_client_request", "The client has faults.")
}

func insertClient(ctx context.Context, c *change, org string, in NewClient) (ClientSecret, error) {
	var raw [32]byte
	rand.Read(raw[:]) // never fails: crypto/rand ends the process instead
	secret := base64.RawURLEncoding.EncodeToString(raw[:])
	hash := sha256.Sum256([]byte(secret))
	cl := access.OAuthClient{
		ID: id.New("cli", c.Now()), Org: org, Name: in.Name, Principal: in.Principal,
		Scopes: slices.Clone(in.Scopes), Roles: in.Roles, Units: in.Units, SecretHash: hash[:], CreatedAt: c.Now(),
	}
	if err := c.InsertClient(ctx, cl); err != nil {
		return ClientSecret{}, err
	}
	return ClientSecret{Client: cl, Secret: secret}, c.log(org, "", note{kind: journal.ClientCreated, subject: "client", id: cl.ID,
		data: map[string]any{"client_id": cl.ID, "name": cl.Name, "principal": cl.Principal, "scopes": cl.Scopes, "roles": cl.Roles}})
}

// RevokeClient ends a client's access; its tokens run out within minutes.
// Faults: NotFound; Forbidden "missing_scope".
func (s *Service) RevokeClient(ctx context.Context, call Call, clientID string) (Result[access.OAuthClient], error) {
	if err := access.Allowed(call.Actor, access.ManageSettings); err != nil {
		return Result[access.OAuthClient]{}, err
	}
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (access.OAuthClient, error) {
		cl, err := c.Client(ctx, clientID)
		if err != nil {
			return cl, err
		}
		if cl.Org != call.Actor.Org || !manages(call.Actor, cl) {
			return access.OAuthClient{}, access.NotFound()
		}
		if err := c.RevokeClient(ctx, cl.Org, cl.ID, c.Now()); err != nil {
			return cl, err
		}
		cl.RevokedAt = c.Now()
		return cl, c.log(cl.Org, "", note{kind: journal.ClientRevoked, subject: "client", id: cl.ID, data: map[string]string{"client_id": cl.ID}})
	})
}

// manages tells whether an administrator may see and end a client: one who is
// confined to business units only those confined to the same or fewer.
func manages(by access.Actor, cl access.OAuthClient) bool {
	if by.Units == nil {
		return true
	}
	return len(cl.Units) > 0 && !slices.ContainsFunc(cl.Units, func(u string) bool { return !by.InUnit(u) })
}

// Clients lists the organisation's clients, as far as the administrator manages them.
func (s *Service) Clients(ctx context.Context, a access.Actor) (out []access.OAuthClient, err error) {
	if err := access.Allowed(a, access.ManageSettings); err != nil {
		return nil, err
	}
	err = s.Store.Read(ctx, func(ctx context.Context, tx Reader) error {
		out, err = tx.Clients(ctx, a.Org)
		out = slices.DeleteFunc(out, func(cl access.OAuthClient) bool { return !manages(a, cl) })
		return err
	})
	return out, err
}

// Authenticate checks a client's secret (OAuth 2, RFC 6749 section 2.3.1).
// Fault Unauthorized "invalid_client", the same for every reason.
func (s *Service) Authenticate(ctx context.Context, clientID, secret string) (cl access.OAuthClient, err error) {
	err = s.Store.Read(ctx, func(ctx context.Context, tx Reader) error {
		cl, err = tx.Client(ctx, clientID)
		return err
	})
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return cl, err
	}
	hash := sha256.Sum256([]byte(secret))
	// An unknown client is compared too, against nothing that can match.
	if subtle.ConstantTimeCompare(hash[:], padded(cl.SecretHash)) != 1 || !cl.RevokedAt.IsZero() {
		return access.OAuthClient{}, fault.New(fault.Unauthorized, "invalid_client", "The client id or secret is wrong, or the client was revoked.")
	}
	cl.Scopes = s.Roles.Of(&cl)
	return cl, nil
}

func padded(hash []byte) []byte {
	out := make([]byte, sha256.Size)
	copy(out, hash)
	return out
}

// ActiveClient gives a client whose token is being used, so that a revocation
// holds before the token runs out. Fault Unauthorized "invalid_token".
func (s *Service) ActiveClient(ctx context.Context, clientID string) (cl access.OAuthClient, err error) {
	err = s.Store.Read(ctx, func(ctx context.Context, tx Reader) error {
		cl, err = tx.Client(ctx, clientID)
		return err
	})
	if fault.KindOf(err) == fault.NotFound || (err == nil && !cl.RevokedAt.IsZero()) {
		return cl, fault.New(fault.Unauthorized, "invalid_token", "The token's client was revoked.")
	}
	cl.Scopes = s.Roles.Of(&cl)
	return cl, err
}

// Bootstrap makes the first organisation with its default unit, document type
// and an administrator's client, where no organisation exists. made tells whether it did.
func (s *Service) Bootstrap(ctx context.Context, orgName string) (admin ClientSecret, made bool, err error) {
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

// Purge removes idempotency records and links that have run out.
func (s *Service) Purge(ctx context.Context) (n int64, err error) {
	err = s.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		n, err = tx.PurgeExpired(ctx, tx.Now().Add(-time.Minute), tx.Now().Add(-linkMemory))
		return err
	})
	return n, err
}
