package service

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"slices"

	"github.com/go-jose/go-jose/v4"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/jwks"
)

// NewClient is what an administrator says of a client to be made.
type NewClient struct {
	Name      string
	Principal string // whom it speaks for: an e-mail address or a service's name
	Scopes    []access.Scope
	Roles     []access.Role // whose scopes it has too
	Units     []string      // nil: all
	Profile   access.Profile
}

// ClientSecret is a new client with its secret, which is shown once; "" for one
// that proves itself otherwise.
type ClientSecret struct {
	Client access.OAuthClient
	Secret string
}

// of gives the client that an administrator wants, laid over what it was.
func (n *NewClient) of(cl access.OAuthClient) access.OAuthClient {
	cl.Name, cl.Principal, cl.Scopes, cl.Roles, cl.Units, cl.Profile = n.Name, n.Principal, slices.Clone(n.Scopes), n.Roles, n.Units, n.Profile
	return cl
}

// CreateClient makes an OAuth client. An organisation's administrator may give any
// scope but the installation's; one who is confined to business units only what is
// its own, and only within those.
//
// Faults: Invalid "invalid_client_request"; Forbidden "missing_scope", "not_yours_to_give".
func (s *Service) CreateClient(ctx context.Context, call Call, in NewClient) (Result[ClientSecret], error) {
	if err := access.Allowed(call.Actor, access.ManageSettings); err != nil {
		return Result[ClientSecret]{}, err
	}
	return run(ctx, s, call, true, func(ctx context.Context, c *change) (ClientSecret, error) {
		cl := in.of(access.OAuthClient{Org: call.Actor.Org})
		if err := s.checkClient(ctx, c, &cl, nil); err != nil {
			return ClientSecret{}, err
		}
		return insertClient(ctx, c, cl.Org, in)
	})
}

// checkClient lists everything wrong with a client as an administrator wants it, and
// refuses to give what the administrator may not give. had are the scopes that the
// client has already.
func (s *Service) checkClient(ctx context.Context, c *change, cl *access.OAuthClient, had []access.Scope) error {
	roles, err := s.rolesOf(ctx, c, cl.Org)
	if err != nil {
		return err
	}
	var l fault.List
	cl.Check(roles, c.actor, &l)
	for _, u := range cl.Units {
		if !document.Slug(u) {
			l.Add("/business_units", "bad_slug", "%q cannot name a business unit.", u)
		}
	}
	checkKeys(&cl.Profile, &l)
	if err := l.Err("invalid_client_request", "The client has faults."); err != nil {
		return err
	}
	if class := cl.Profile.Limits.Exceed(s.RequestLimits); class != "" && !c.actor.HasAny(access.Installation) {
		return fault.New(fault.Forbidden, "above_installation", "The installation allows a client fewer %s than that. Whoever runs it can allow this one more.", class)
	}
	gets := slices.DeleteFunc(roles.Of(cl), func(sc access.Scope) bool { return slices.Contains(had, sc) })
	return mayGive(c.actor, gets)
}

// mayGive refuses to let an actor give scopes, or take over who has them.
// Fault Forbidden "not_yours_to_give".
func mayGive(a access.Actor, scopes []access.Scope) error {
	withheld := a.Withheld(scopes)
	if len(withheld) == 0 {
		return nil
	}
	return fault.New(fault.Forbidden, "not_yours_to_give", "You do not have %s yourself, and so cannot give it, nor the secret of who has it. Ask somebody who has.", withheld[0])
}

// rolesOf gives the roles that count in an organisation: the installation's, and its own.
func (s *Service) rolesOf(ctx context.Context, tx Reader, org string) (access.Roles, error) {
	own, err := tx.OwnRoles(ctx, org)
	return s.Roles.And(own), err
}

// scopesOf gives all scopes that a client has. The organisation's roles are looked up
// only where the client has any.
func (s *Service) scopesOf(ctx context.Context, tx Reader, cl *access.OAuthClient) (_ []access.Scope, err error) {
	roles := s.Roles
	if !roles.Has(cl) {
		roles, err = s.rolesOf(ctx, tx, cl.Org)
	}
	return roles.Of(cl), err
}

// checkKeys notes what is wrong with the profile's keys.
func checkKeys(p *access.Profile, l *fault.List) {
	if len(p.Keys) == 0 {
		return
	}
	keys, err := jwks.Parse(p.Keys)
	if err != nil {
		l.Add("/jwks", "bad_keys", "The keys cannot be taken: %v.", err)
		return
	}
	if p.Auth == access.AuthSelfSigned && slices.ContainsFunc(keys, func(k jose.JSONWebKey) bool { return len(k.Certificates) == 0 }) {
		l.Add("/jwks", "no_certificate", "With self_signed_tls_client_auth each key holds its certificate in x5c.")
	}
}

func insertClient(ctx context.Context, c *change, org string, in NewClient) (ClientSecret, error) {
	cl := in.of(access.OAuthClient{ID: id.New("cli", c.Now()), Org: org, CreatedAt: c.Now(), Revision: 1})
	secret := ""
	if in.Profile.Auth == access.AuthSecret {
		secret = randomText("")
		cl.SecretHash = hashText(secret)
	}
	if err := c.InsertClient(ctx, cl); err != nil {
		return ClientSecret{}, err
	}
	return ClientSecret{Client: cl, Secret: secret}, c.logClient(journal.ClientCreated, &cl, clientData(&cl))
}

// logClient notes what happened to a client.
func (c *change) logClient(kind journal.Kind, cl *access.OAuthClient, data event.Client) error {
	return c.log(cl.Org, "", note{kind: kind, subject: "client", id: cl.ID, data: data})
}

func clientData(cl *access.OAuthClient) event.Client {
	return event.Client{ClientID: cl.ID, Name: cl.Name, Principal: cl.Principal, Scopes: cl.Scopes, Roles: cl.Roles, Units: cl.Units, AuthMethod: cmp.Or(string(cl.Profile.Auth), "client_secret")}
}

// randomText draws 256 bits and writes them behind a prefix by which people who
// look for secrets in the wrong places know what it is.
func randomText(prefix string) string {
	var raw [32]byte
	rand.Read(raw[:]) // never fails: crypto/rand ends the process instead
	return prefix + base64.RawURLEncoding.EncodeToString(raw[:])
}

// hashText is what is kept of a secret of 256 random bits.
func hashText(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
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

// Client gives one of those. Fault NotFound.
func (s *Service) Client(ctx context.Context, a access.Actor, clientID string) (cl access.OAuthClient, err error) {
	if err := access.Allowed(a, access.ManageSettings); err != nil {
		return cl, err
	}
	err = s.Store.Read(ctx, func(ctx context.Context, tx Reader) error {
		cl, err = managed(ctx, tx, a, clientID)
		return err
	})
	return cl, err
}

// managed gives a client that an administrator manages. Fault NotFound.
func managed(ctx context.Context, tx Reader, a access.Actor, clientID string) (access.OAuthClient, error) {
	cl, err := tx.Client(ctx, clientID)
	if err == nil && (cl.Org != a.Org || !manages(a, cl)) {
		err = access.NotFound()
	}
	if err != nil {
		return access.OAuthClient{}, err
	}
	return cl, nil
}

// Authenticate checks a client's secret (OAuth 2, RFC 6749 section 2.3.1). While a
// rotation overlaps, the one before is right too.
// Fault Unauthorized "invalid_client", the same for every reason.
func (s *Service) Authenticate(ctx context.Context, clientID, secret string) (cl access.OAuthClient, err error) {
	left := false
	err = s.Store.Read(ctx, func(ctx context.Context, tx Reader) error {
		if cl, err = tx.Client(ctx, clientID); err != nil {
			return err
		}
		if left, err = speaksForLeaver(ctx, tx, &cl); err != nil {
			return err
		}
		cl.Scopes, err = s.scopesOf(ctx, tx, &cl)
		return err
	})
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return cl, err
	}
	// An unknown client is compared too, against nothing that can match.
	given := hashText(secret)
	right := subtle.ConstantTimeCompare(given, padded(cl.SecretHash))
	before := subtle.ConstantTimeCompare(given, padded(cl.OldHash))
	if right != 1 && (before != 1 || !s.Clock.Now().Before(cl.OldUntil)) || !cl.Stands() || left {
		return access.OAuthClient{}, wrongSecret()
	}
	return cl, nil
}

func wrongSecret() error {
	return fault.New(fault.Unauthorized, "invalid_client", "The client id or secret is wrong, or the client was revoked.")
}

func padded(hash []byte) []byte {
	out := make([]byte, sha256.Size)
	copy(out, hash)
	return out
}

// ActiveClient gives a client whose token is being used, so that a revocation
// holds before the token runs out. Fault Unauthorized "invalid_token".
func (s *Service) ActiveClient(ctx context.Context, clientID string) (cl access.OAuthClient, err error) {
	left := false
	err = s.Store.Read(ctx, func(ctx context.Context, tx Reader) error {
		if cl, err = tx.Client(ctx, clientID); err != nil {
			return err
		}
		if left, err = speaksForLeaver(ctx, tx, &cl); err != nil {
			return err
		}
		cl.Scopes, err = s.scopesOf(ctx, tx, &cl)
		return err
	})
	if fault.KindOf(err) == fault.NotFound || (err == nil && (left || !cl.Stands())) {
		return cl, fault.New(fault.Unauthorized, "invalid_token", "The token's client was revoked.")
	}
	return cl, err
}
