package service

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/document"
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
	in.Profile.Check(&l)
	checkKeys(&in.Profile, &l)
	return l.Err("invalid_client_request", "The client has faults.")
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
	cl := access.OAuthClient{
		ID: id.New("cli", c.Now()), Org: org, Name: in.Name, Principal: in.Principal,
		Scopes: slices.Clone(in.Scopes), Roles: in.Roles, Units: in.Units, CreatedAt: c.Now(), Profile: in.Profile,
	}
	secret := ""
	if in.Profile.Auth == access.AuthSecret {
		secret = randomText("")
		cl.SecretHash = hashText(secret)
	}
	if err := c.InsertClient(ctx, cl); err != nil {
		return ClientSecret{}, err
	}
	return ClientSecret{Client: cl, Secret: secret}, c.log(org, "", note{kind: journal.ClientCreated, subject: "client", id: cl.ID,
		data: map[string]any{"client_id": cl.ID, "name": cl.Name, "principal": cl.Principal, "scopes": cl.Scopes, "roles": cl.Roles, "auth_method": cmp.Or(cl.Profile.Auth, "client_secret")}})
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

// RevokeClient ends a client's access; its tokens stop working at once.
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
		c.Notify(TopicRevoked)
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
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		out, err = tx.Clients(ctx, a.Org)
		out = slices.DeleteFunc(out, func(cl access.OAuthClient) bool { return !manages(a, cl) })
		return err
	})
	return out, err
}

// Authenticate checks a client's secret (OAuth 2, RFC 6749 section 2.3.1).
// Fault Unauthorized "invalid_client", the same for every reason.
func (s *Service) Authenticate(ctx context.Context, clientID, secret string) (cl access.OAuthClient, err error) {
	left := false
	err = s.Store.Read(Across(ctx, "finding a client"), func(ctx context.Context, tx Reader) error {
		if cl, err = tx.Client(ctx, clientID); err != nil {
			return err
		}
		left, err = speaksForLeaver(ctx, tx, &cl)
		return err
	})
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return cl, err
	}
	// An unknown client is compared too, against nothing that can match.
	if subtle.ConstantTimeCompare(hashText(secret), padded(cl.SecretHash)) != 1 || !cl.RevokedAt.IsZero() || left {
		return access.OAuthClient{}, wrongSecret()
	}
	cl.Scopes = s.Roles.Of(&cl)
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
	err = s.Store.Read(Across(ctx, "finding a client"), func(ctx context.Context, tx Reader) error {
		if cl, err = tx.Client(ctx, clientID); err != nil {
			return err
		}
		left, err = speaksForLeaver(ctx, tx, &cl)
		return err
	})
	if fault.KindOf(err) == fault.NotFound || (err == nil && (left || !cl.RevokedAt.IsZero())) {
		return cl, fault.New(fault.Unauthorized, "invalid_token", "The token's client was revoked.")
	}
	cl.Scopes = s.Roles.Of(&cl)
	return cl, err
}
