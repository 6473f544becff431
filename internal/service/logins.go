package service

import (
	"cmp"
	"context"
	"crypto/subtle"
	"time"
	"unicode/utf8"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/approval"
	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/people"
)

// By what people log in, as RFC 8176 names it, and beyond it.
const (
	MethodKey       = "pwd"  // an access key's secret
	MethodPasskey   = "hwk"  // a passkey
	MethodPresence  = "user" // whose holder was verified
	MethodCode      = "otp"  // a code by time
	MethodRecovery  = "kba"  // a recovery code: something that was kept
	MethodMail      = "mail" // a link by e-mail
	MethodFederated = "fed"  // a provider outside
)

// Browser is where somebody logs in.
type Browser struct {
	Source access.Source
	// Old is the cookie of a login that the new one takes the place of; "": none.
	Old string
	// Passkey is the id of the passkey that it is made by; nil: by none.
	Passkey []byte
}

// Login is a login that was just made.
type Login struct {
	Session people.Session
	Cookie  string // what the browser keeps; known nowhere else
}

// personOf is the call of a person who is logging in, or is logged in.
func personOf(org, userID, principal string, src access.Source) Call {
	return Call{Actor: access.Actor{Kind: access.Human, Org: org, ID: userID, Principal: principal, Source: src}}
}

// beginSession writes a login with its entry, in place of the one that the browser had.
func (c *change) beginSession(ctx context.Context, userID string, methods []string, in Browser) (Login, error) {
	cookie := randomText("")
	s := people.Session{Hash: hashText(cookie), ID: id.New(people.SessionPrefix, c.Now()), Org: c.actor.Org, UserID: userID, Methods: methods, Passkey: in.Passkey, Address: in.Source.Address,
		UserAgent: cut(in.Source.UserAgent, 200), CreatedAt: c.Now(), UsedAt: c.Now(), ExpiresAt: c.Now().Add(people.SessionLife), IdleUntil: c.Now().Add(people.SessionIdle)}
	if in.Old != "" {
		if err := c.DropLoginSession(ctx, hashText(in.Old)); err != nil {
			return Login{}, err
		}
	}
	if err := c.InsertLoginSession(ctx, s); err != nil {
		return Login{}, err
	}
	return Login{s, cookie}, c.log(c.actor.Org, "", note{kind: journal.LoginSucceeded, subject: "user", id: userID,
		data: event.Login{UserID: userID, Methods: methods, Address: in.Source.Address}})
}

// cut shortens a text to at most n bytes, at a border of characters.
func cut(s string, n int) string {
	for len(s) > n {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}

// LogIn logs in the person whose access key it is: a client that may act for itself
// lets whoever holds its secret log in as its principal, with the same rights.
// Fault Unauthorized "invalid_client", the same for every reason.
func (s *Service) LogIn(ctx context.Context, keyID, secret string, in Browser) (Login, error) {
	cl, err := s.Authenticate(ctx, keyID, secret)
	if err == nil && !logsIn(&cl) {
		err = wrongSecret()
	}
	if err != nil {
		return Login{}, err
	}
	out, err := run(ctx, s, personOf(cl.Org, cl.ID, cl.Principal, in.Source), true, func(ctx context.Context, c *change) (Login, error) {
		return c.beginSession(ctx, cl.ID, []string{MethodKey}, in)
	})
	return out.Value, err
}

// FailedLogin notes that somebody could not prove to be a user, or the holder of an
// access key. Nothing is noted of whoever is not known.
func (s *Service) FailedLogin(ctx context.Context, src access.Source, userID, method, reason string) error {
	var org string
	err := s.Store.Read(Across(ctx, "finding a login"), func(ctx context.Context, tx Reader) error {
		if u, err := tx.User(ctx, userID); err == nil {
			org = u.Org
			return nil
		} else if fault.KindOf(err) != fault.NotFound {
			return err
		}
		cl, err := tx.Client(ctx, userID)
		org = cl.Org
		return err
	})
	if fault.KindOf(err) == fault.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	call := Call{Actor: access.Actor{Kind: access.System, Org: org, ID: "login", Source: src}}
	_, err = run(ctx, s, call, false, func(ctx context.Context, c *change) (struct{}, error) {
		return struct{}{}, c.failedLogin(userID, method, reason)
	})
	return err
}

func (c *change) failedLogin(userID, method, reason string) error {
	return c.log(c.actor.Org, "", note{kind: journal.LoginFailed, subject: "user", id: userID,
		data: event.Login{UserID: userID, Methods: []string{method}, Address: c.actor.Source.Address, Reason: reason}})
}

// LoggedIn gives the login of a browser's cookie, and whose it is, as long as it
// lasts and the person may get in. Fault Unauthorized "invalid_token" for any other.
func (s *Service) LoggedIn(ctx context.Context, cookie string) (l people.Session, u access.User, err error) {
	err = s.Store.Read(Across(ctx, "finding a login"), func(ctx context.Context, tx Reader) error {
		l, err = tx.LoginSession(ctx, hashText(cookie))
		return err
	})
	now := s.Clock.Now()
	if fault.KindOf(err) == fault.NotFound || err == nil && !l.Active(now) {
		return l, u, mayNotLogIn()
	}
	if err == nil {
		u, err = s.ActiveUser(ctx, l.UserID)
	}
	if err == nil && l.Touch(now) {
		err = s.Store.Propose(Across(ctx, "finding a login"), func(ctx context.Context, tx Tx) error { return tx.TouchLoginSession(ctx, l) })
	}
	return l, u, err
}

// EndSession ends the login of a browser's cookie.
func (s *Service) EndSession(ctx context.Context, cookie string) error {
	return s.Store.Propose(Across(ctx, "finding a login"), func(ctx context.Context, tx Tx) error { return tx.DropLoginSession(ctx, hashText(cookie)) })
}

// Sessions lists where a person is logged in, newest first.
func (s *Service) Sessions(ctx context.Context, userID string) (out []people.Session, err error) {
	err = s.Store.Read(Across(ctx, "finding a login"), func(ctx context.Context, tx Reader) error {
		out, err = tx.LoginSessions(ctx, userID, s.Clock.Now())
		return err
	})
	return out, err
}

// EndSessionNamed ends a login of the person by its id; nothing where there is none.
func (s *Service) EndSessionNamed(ctx context.Context, userID, sessionID string) error {
	return s.Store.Propose(Across(ctx, "finding a login"), func(ctx context.Context, tx Tx) error {
		all, err := tx.LoginSessions(ctx, userID, s.Clock.Now())
		for _, l := range all {
			if l.ID == sessionID {
				return tx.DropLoginSession(ctx, l.Hash)
			}
		}
		return err
	})
}

// AskLoginLink has a link sent to everybody of the name who can prove themselves
// by a code, as the first half of a login in the browser. It says nothing of whether
// there is anybody, and sends one link a minute at most.
func (s *Service) AskLoginLink(ctx context.Context, name string, browser []byte, src access.Source) error {
	var found []people.User
	err := s.Store.Read(Across(ctx, "finding a login"), func(ctx context.Context, tx Reader) (err error) {
		found, err = tx.UsersNamed(ctx, approval.Normalise(name))
		return err
	})
	for _, u := range found {
		if err != nil {
			return err
		}
		call := Call{Actor: access.Actor{Kind: access.System, Org: u.Org, ID: "login", Source: src}}
		_, err = run(ctx, s, call, false, func(ctx context.Context, c *change) (struct{}, error) {
			return struct{}{}, c.loginLink(ctx, u.ID, browser)
		})
	}
	return err
}

func (c *change) loginLink(ctx context.Context, userID string, browser []byte) error {
	u, err := c.User(ctx, userID)
	if err != nil || !u.Active {
		return err
	}
	p, err := proofsOf(ctx, c, userID)
	if err != nil || !p.HasTOTP && p.CodesLeft == 0 {
		return err
	}
	before, err := c.Invitations(ctx, u.Org, u.ID, people.ToLogIn)
	if err != nil || len(before) > 0 && c.Now().Sub(before[0].CreatedAt) < people.LogInPause {
		return err
	}
	i := people.Invitation{ID: id.New(people.InvitationPrefix, c.Now()), Org: u.Org, UserID: u.ID, Purpose: people.ToLogIn, Browser: browser, By: u.Name,
		CreatedAt: c.Now(), ExpiresAt: c.Now().Add(people.LogInLife), Revision: 1}
	if err := c.InsertInvitation(ctx, i); err != nil {
		return err
	}
	return c.log(u.Org, "", note{kind: journal.LoginLinkAsked, subject: "user", id: u.ID, data: map[string]string{"user_id": u.ID, "invitation_id": i.ID}})
}

// LogInByCode logs in by the link of an e-mail and a code: one by time, or a
// recovery code. The link works in the browser alone that asked for it. Fault
// Unauthorized "wrong_code"; NotFound where the link gets nobody in any more.
func (s *Service) LogInByCode(ctx context.Context, link string, browser []byte, typed string, in Browser) (Login, error) {
	i, u, err := s.InvitationByLink(ctx, link)
	if err != nil {
		return Login{}, err
	}
	if i.Purpose != people.ToLogIn || subtle.ConstantTimeCompare(i.Browser, browser) != 1 {
		return Login{}, access.NotFound()
	}
	type outcome struct {
		Login
		refusal error
	}
	out, err := run(ctx, s, personOf(u.Org, u.ID, u.Name, in.Source), true, func(ctx context.Context, c *change) (o outcome, err error) {
		if i, err = openInvitation(ctx, c, link); err != nil {
			return o, err
		}
		method, err := s.spendCode(ctx, c, u.ID, typed)
		if err != nil {
			return o, err
		}
		if method == "" {
			i.Tries++
			o.refusal = fault.New(fault.Unauthorized, "wrong_code", "The code is wrong, or was used before.")
			c.actor.Kind = access.System // whoever it was
			c.actor.ID, c.actor.Principal = "login", ""
			return o, cmp.Or(c.UpdateInvitation(ctx, &i), c.failedLogin(u.ID, MethodCode, "wrong_code"))
		}
		i.EndedAt = c.Now()
		if err := c.UpdateInvitation(ctx, &i); err != nil {
			return o, err
		}
		o.Login, err = c.beginSession(ctx, u.ID, []string{MethodMail, method, "mfa"}, in)
		return o, err
	})
	return out.Value.Login, cmp.Or(err, out.Value.refusal)
}

// spendCode takes a code of a user, once; the method is "" where it is wrong.
func (s *Service) spendCode(ctx context.Context, c *change, userID, typed string) (method string, err error) {
	if hash := people.RecoveryHash(typed); hash != nil {
		codes, err := c.RecoveryCodes(ctx, userID)
		for _, code := range codes {
			if subtle.ConstantTimeCompare(code.Hash, hash) == 1 && code.UsedAt.IsZero() {
				return MethodRecovery, c.UseRecoveryCode(ctx, userID, hash, c.Now())
			}
		}
		return "", err
	}
	o, err := c.TOTP(ctx, userID)
	if err != nil || o.ConfirmedAt.IsZero() {
		return "", orElse(err, nil)
	}
	secret, err := s.Secrets.Open(o.Sealed, totpContext(userID))
	if err != nil {
		return "", err
	}
	step, ok := o.Check(secret, typed, c.Now())
	if !ok {
		return "", nil
	}
	o.LastStep = step
	return MethodCode, c.UpdateTOTP(ctx, &o)
}

// onceUntil takes what may be used once only. Fault Conflict "used".
func onceUntil(ctx context.Context, c *change, hash [32]byte, until time.Time) error {
	err := c.TakeOnce(ctx, hash, until)
	if fault.CodeOf(err) == "exists" {
		return fault.New(fault.Conflict, "used", "This was used before. Begin anew.")
	}
	return err
}
