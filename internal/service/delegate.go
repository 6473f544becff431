package service

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"slices"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/delegation"
	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/journal"
)

// MaxTokenLife is longer than any access token works: for as long a revocation has
// to be remembered, and a key that signed one to be published.
const MaxTokenLife = time.Hour + time.Minute

// What codes begin with, so that people who look for secrets in the wrong places know them.
const (
	codePrefix   = "pac_"
	devicePrefix = "pdc_"
)

// NewDelegation is what a person has agreed to.
type NewDelegation struct {
	ClientID  string
	Scopes    []string
	Resources []string
	Session   access.Session
}

// NewCode is what an authorization code is bound to.
type NewCode struct {
	RedirectURI string
	Challenge   string // S256
	JKT         string // "" for none
	Nonce       string // "" for none
	Pushed      []byte // hash of the pushed request that it answers, which is then used up; nil: none
}

// Granted is a delegation of which access tokens may be made now.
type Granted struct {
	Delegation delegation.Delegation
	Refresh    string // refresh token; "": none
	Nonce      string // of OpenID Connect
}

// IssueCode notes that a person lets a client act in their name, and gives the
// authorization code with which the client begins. The call is the person's.
// Fault Conflict "request_used" where the pushed request has been answered before.
func (s *Service) IssueCode(ctx context.Context, call Call, in NewDelegation, bound NewCode) (string, error) {
	text := randomText(codePrefix)
	_, err := run(ctx, s, call, false, func(ctx context.Context, c *change) (struct{}, error) {
		if bound.Pushed != nil {
			if _, err := c.PushedRequest(ctx, bound.Pushed); err != nil {
				return struct{}{}, requestUsed(err)
			}
		}
		d, err := s.delegate(ctx, c, in)
		if err != nil {
			return struct{}{}, err
		}
		if bound.Pushed != nil {
			if err := c.DropPushedRequest(ctx, bound.Pushed); err != nil {
				return struct{}{}, err
			}
		}
		return struct{}{}, c.InsertAuthorizationCode(ctx, delegation.Code{
			Hash: hashText(text), DelegationID: d.ID, ClientID: d.ClientID, RedirectURI: bound.RedirectURI, Challenge: bound.Challenge,
			JKT: bound.JKT, Nonce: bound.Nonce, CreatedAt: c.Now(), ExpiresAt: c.Now().Add(delegation.CodeLife),
		})
	})
	return text, err
}

func requestUsed(err error) error {
	if fault.KindOf(err) != fault.NotFound {
		return err
	}
	return fault.New(fault.Conflict, "request_used", "This request was answered before, or has run out. Begin anew where you came from.")
}

// delegate writes a new delegation with its entry. It has no refresh tokens yet.
func (s *Service) delegate(ctx context.Context, c *change, in NewDelegation) (delegation.Delegation, error) {
	now := c.Now()
	d := delegation.Delegation{
		ID: id.New(delegation.Prefix, now), Org: c.actor.Org, ClientID: in.ClientID, UserID: c.actor.ID, Scopes: in.Scopes, Resources: in.Resources,
		LoginAt: in.Session.At, Methods: in.Session.Methods, Passkey: in.Session.Passkey, CreatedAt: now, ExpiresAt: now.Add(s.Limits.DelegationTTL), IdleUntil: now.Add(s.Limits.DelegationIdle), Revision: 1,
	}
	if err := c.InsertDelegation(ctx, d); err != nil {
		return d, err
	}
	return d, c.log(d.Org, "", note{kind: journal.DelegationGranted, subject: "delegation", id: d.ID, data: event.Delegation{
		DelegationID: d.ID, ClientID: d.ClientID, UserID: d.UserID, Scopes: d.Scopes, Resources: d.Resources,
	}})
}

// begun is what a command has decided that writes something and refuses all the same.
type begun struct {
	Granted
	refusal error
}

// RedeemCode begins the delegation of an authorization code. With refresh it has
// refresh tokens, bound as bound says. A code that comes a second time ends
// everything that came of it (RFC 6749 section 4.1.2); one that was sent with
// something wrong cannot be used any more. Fault Invalid "invalid_grant".
func (s *Service) RedeemCode(ctx context.Context, call Call, text string, r delegation.Redemption, refresh bool, bound delegation.Binding) (Granted, error) {
	out, err := run(ctx, s, call, false, func(ctx context.Context, c *change) (b begun, err error) {
		code, err := c.AuthorizationCode(ctx, hashText(text))
		if err != nil {
			return b, orElse(err, delegation.UnknownCode())
		}
		if code.ClientID != r.ClientID {
			return b, delegation.UnknownCode()
		}
		if b.Delegation, err = c.Delegation(ctx, code.DelegationID); err != nil {
			return b, orElse(err, delegation.UnknownCode())
		}
		if !code.UsedAt.IsZero() {
			b.refusal = delegation.UnknownCode()
			return b, c.revoke(ctx, &b.Delegation, journal.DelegationReused, delegation.ReasonReplay)
		}
		if b.refusal = code.Redeem(r, c.Now()); b.refusal == nil && !b.Delegation.Active(c.Now()) {
			b.refusal = delegation.UnknownCode()
		}
		if err := c.UseAuthorizationCode(ctx, code.Hash, c.Now()); err != nil || b.refusal != nil {
			return b, err
		}
		b.Nonce = code.Nonce
		return b, s.begin(ctx, c, &b.Granted, refresh, bound)
	})
	return out.Value.Granted, cmp.Or(err, out.Value.refusal)
}

// begin gives a delegation its first refresh token, where it is to have any.
func (s *Service) begin(ctx context.Context, c *change, g *Granted, refresh bool, bound delegation.Binding) error {
	if !refresh {
		return nil
	}
	d := &g.Delegation
	var key [32]byte
	rand.Read(key[:]) // never fails: crypto/rand ends the process instead
	var err error
	if d.Key, err = s.Box.Seal(key[:], refreshContext(d.ID)); err != nil {
		return err
	}
	d.Bound = bound
	d.Rotated(c.Now(), s.Limits.DelegationIdle)
	g.Refresh = delegation.RefreshToken(d.ID, key, d.Generation)
	return c.UpdateDelegation(ctx, d)
}

func refreshContext(id string) []byte { return []byte("refresh tokens\x00" + id) }

// refreshKey opens the key of a delegation's refresh tokens; false where it has none.
func (s *Service) refreshKey(d *delegation.Delegation) (key [32]byte, ok bool) {
	if d.Key == nil {
		return key, false
	}
	plain, err := s.Box.Open(d.Key, refreshContext(d.ID))
	if err != nil || len(plain) != len(key) {
		return key, false // its master key was retired: the person logs in again
	}
	return [32]byte(plain), true
}

// presentedToken finds the delegation whose key has made a refresh token, for its
// client. NotFound for whatever was never made.
func (s *Service) presentedToken(ctx context.Context, tx Reader, text, clientID string) (d delegation.Delegation, p delegation.Presented, key [32]byte, err error) {
	p, ok := delegation.ParseRefreshToken(text)
	if !ok {
		return d, p, key, access.NotFound()
	}
	if d, err = tx.Delegation(ctx, p.ID); err != nil {
		return d, p, key, err
	}
	if key, ok = s.refreshKey(&d); !ok || d.ClientID != clientID || !p.Made(key) {
		return delegation.Delegation{}, p, key, access.NotFound()
	}
	return d, p, key, nil
}

// Refresh takes a refresh token and gives its successor. Of many that come at
// once one makes the successor, and all get it. One that comes back later means
// that somebody has a copy: then the whole delegation ends (RFC 9700 section
// 4.14.2). Fault Invalid "invalid_grant".
func (s *Service) Refresh(ctx context.Context, call Call, text, clientID string, proved delegation.Binding) (Granted, error) {
	out, err := run(ctx, s, call, false, func(ctx context.Context, c *change) (b begun, err error) {
		d, p, key, err := s.presentedToken(ctx, c, text, clientID)
		if err != nil {
			return b, orElse(err, delegation.Invalid())
		}
		if d.Bound.JKT != "" && d.Bound.JKT != proved.JKT || d.Bound.X5T != "" && d.Bound.X5T != proved.X5T {
			return b, fault.New(fault.Invalid, "invalid_grant", "The refresh token is bound to another key.")
		}
		use, err := d.Refresh(p.Generation, c.Now())
		if err != nil {
			return b, err
		}
		b.Delegation = d
		switch use {
		case delegation.Reuse:
			b.refusal = delegation.Invalid()
			return b, c.revoke(ctx, &b.Delegation, journal.DelegationReused, delegation.ReasonReuse)
		case delegation.Rotate:
			b.Delegation.Rotated(c.Now(), s.Limits.DelegationIdle)
			if !bytes.HasPrefix(d.Key, s.Box.Prefix()) { // another master key is in force
				if b.Delegation.Key, err = s.Box.Seal(key[:], refreshContext(d.ID)); err != nil {
					return b, err
				}
			}
			if err := c.UpdateDelegation(ctx, &b.Delegation); err != nil {
				return b, err
			}
		}
		b.Granted.Refresh = delegation.RefreshToken(d.ID, key, b.Delegation.Generation)
		return b, nil
	})
	return out.Value.Granted, cmp.Or(err, out.Value.refusal)
}

// revoke ends a delegation with all its tokens, and says so in the journal. One
// that has ended already stays as it is.
func (c *change) revoke(ctx context.Context, d *delegation.Delegation, kind journal.Kind, reason string) error {
	if !d.Revoke(reason, c.Now()) {
		return nil
	}
	if err := c.UpdateDelegation(ctx, d); err != nil {
		return err
	}
	if err := c.InsertRevocation(ctx, d.ID, c.Now().Add(MaxTokenLife)); err != nil {
		return err
	}
	c.Notify(TopicRevoked)
	return c.log(d.Org, "", note{kind: kind, subject: "delegation", id: d.ID, data: event.Delegation{
		DelegationID: d.ID, ClientID: d.ClientID, UserID: d.UserID, Reason: reason,
	}})
}

// RefreshToken gives the delegation of a refresh token that would be taken now,
// for its client to look at. Fault NotFound where it would not.
func (s *Service) RefreshToken(ctx context.Context, text, clientID string) (d delegation.Delegation, err error) {
	err = s.Store.Read(Across(ctx, "finding a delegation by its token"), func(ctx context.Context, tx Reader) error {
		var p delegation.Presented
		if d, p, _, err = s.presentedToken(ctx, tx, text, clientID); err != nil {
			return err
		}
		if use, err := d.Refresh(p.Generation, s.Clock.Now()); err != nil || use == delegation.Reuse {
			return access.NotFound()
		}
		return nil
	})
	return d, err
}

// RevokeRefreshToken ends the delegation of a refresh token, of whatever
// generation, for its client (RFC 7009). NotFound where it was never made.
func (s *Service) RevokeRefreshToken(ctx context.Context, call Call, text, clientID string) error {
	_, err := run(ctx, s, call, false, func(ctx context.Context, c *change) (struct{}, error) {
		d, _, _, err := s.presentedToken(ctx, c, text, clientID)
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, c.revoke(ctx, &d, journal.DelegationRevoked, delegation.ReasonClient)
	})
	return err
}

// RevokeAccessToken ends one access token, by its jti.
func (s *Service) RevokeAccessToken(ctx context.Context, call Call, jti string, until time.Time) error {
	_, err := run(ctx, s, call, false, func(ctx context.Context, c *change) (struct{}, error) {
		if err := c.InsertRevocation(ctx, jti, until); err != nil {
			return struct{}{}, err
		}
		c.Notify(TopicRevoked)
		return struct{}{}, c.log(call.Actor.Org, "", note{kind: journal.TokenRevoked, subject: "client", id: call.Actor.ID, data: map[string]any{"client_id": call.Actor.ID, "jti": jti}})
	})
	return err
}

// RevokeDelegation ends a delegation for the person whose it is, or for an
// administrator. NotFound where it is neither's.
func (s *Service) RevokeDelegation(ctx context.Context, call Call, delegationID string) (Result[delegation.Delegation], error) {
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (delegation.Delegation, error) {
		d, err := c.Delegation(ctx, delegationID)
		if err != nil {
			return d, err
		}
		admin := access.Allowed(call.Actor, access.ManageSettings) == nil && call.Actor.Units == nil
		own := call.Actor.Kind == access.Human && d.UserID == call.Actor.ID
		if d.Org != call.Actor.Org || !own && !admin {
			return delegation.Delegation{}, access.NotFound()
		}
		reason := delegation.ReasonAdmin
		if own {
			reason = delegation.ReasonPerson
		}
		return d, c.revoke(ctx, &d, journal.DelegationRevoked, reason)
	})
}

// LetIn is a client that may act in a person's name.
type LetIn struct {
	Delegation delegation.Delegation
	Client     string // its name; "" where it is gone
}

// LetIns lists what a person lets clients do, newest first.
func (s *Service) LetIns(ctx context.Context, u access.User) (out []LetIn, err error) {
	err = s.Store.Read(Within(ctx, u.Org), func(ctx context.Context, tx Reader) error {
		given, err := tx.Delegations(ctx, DelegationFilter{Org: u.Org, UserID: u.ID, InForce: s.Clock.Now()})
		if err != nil {
			return err
		}
		out = make([]LetIn, len(given))
		for i, d := range given {
			cl, err := tx.Client(ctx, d.ClientID)
			if err != nil && fault.KindOf(err) != fault.NotFound {
				return err
			}
			out[i] = LetIn{Delegation: d, Client: cl.Name}
		}
		return nil
	})
	return out, err
}

// ShutOut ends a delegation for the person whose it is. NotFound where it is another's.
func (s *Service) ShutOut(ctx context.Context, u access.User, src access.Source, delegationID string) error {
	_, err := s.RevokeDelegation(ctx, personOf(u.Org, u.ID, u.Principal, src), delegationID)
	return err
}

// Delegated tells whether the person lets the client do all of this already.
func (s *Service) Delegated(ctx context.Context, u access.User, clientID string, scopes, resources []string) (yes bool, err error) {
	err = s.Store.Read(Within(ctx, u.Org), func(ctx context.Context, tx Reader) error {
		given, err := tx.Delegations(ctx, DelegationFilter{Org: u.Org, UserID: u.ID, ClientID: clientID, InForce: s.Clock.Now()})
		yes = slices.ContainsFunc(given, func(d delegation.Delegation) bool {
			return covers(d.Scopes, scopes) && covers(d.Resources, resources)
		})
		return err
	})
	return yes, err
}

func covers(has, wanted []string) bool {
	return !slices.ContainsFunc(wanted, func(w string) bool { return !slices.Contains(has, w) })
}

// Revocations gives what was revoked before its time: ids of delegations and jtis.
func (s *Service) Revocations(ctx context.Context) (out []string, err error) {
	err = s.Store.Read(ctx, func(ctx context.Context, tx Reader) error {
		out, err = tx.Revocations(ctx, s.Clock.Now())
		return err
	})
	return out, err
}

// orElse gives another error for NotFound.
func orElse(err, other error) error {
	if fault.KindOf(err) == fault.NotFound {
		return other
	}
	return err
}
