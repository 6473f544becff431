package service

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/people"
)

// JoinPath is where the links of e-mails lead, with the secret behind it.
const JoinPath = "/join/"

// InvitationSent is the reason in an entry whose link is to be sent; the others were shown.
const InvitationSent = "sent"

// invitePrefix begins a link's secret, so that people who look for secrets in the
// wrong places know it.
const invitePrefix = "pin_"

// NewInvitation says who is invited: a user who is there, by id, or one to be made.
type NewInvitation struct {
	UserID string
	User   NewUser
	// Show gives the link to whoever invites, to be handed over some other way,
	// instead of sending it.
	Show bool
}

// Invited is an invitation with its user, and its link where it was not sent.
type Invited struct {
	people.Invitation
	User people.User
	Link string
}

// Invite lets a user set up what to log in by, with a link that works once and runs
// out. It is sent by e-mail, unless it is shown.
// Faults: NotFound; Invalid "invalid_user"; Conflict "exists", "user_inactive";
// Forbidden "missing_scope", "whole_organisation".
func (s *Service) Invite(ctx context.Context, call Call, in NewInvitation) (Result[Invited], error) {
	if err := cmp.Or(access.Allowed(call.Actor, access.ManageSettings), managePeople(call.Actor)); err != nil {
		return Result[Invited]{}, err
	}
	return run(ctx, s, call, in.Show, func(ctx context.Context, c *change) (out Invited, err error) {
		if in.UserID == "" {
			out.User, err = s.insertUser(ctx, c, in.User)
		} else {
			out.User, err = userOfOrg(ctx, c, call.Actor.Org, in.UserID)
		}
		if err != nil {
			return out, err
		}
		if !out.User.Active {
			return out, fault.New(fault.Conflict, "user_inactive", "The user is not active. Reactivate the user first.")
		}
		out.Invitation = people.Invitation{ID: id.New(people.InvitationPrefix, c.Now()), Org: call.Actor.Org, UserID: out.User.ID, Purpose: people.ToJoin, By: call.Actor.Principal,
			CreatedAt: c.Now(), ExpiresAt: c.Now().Add(people.JoinLife), Revision: 1}
		reason := InvitationSent
		if in.Show {
			secret := randomText(invitePrefix)
			out.Hash, out.Link, reason = hashText(secret), s.PublicURL+JoinPath+secret, "shown"
		}
		if err := c.InsertInvitation(ctx, out.Invitation); err != nil {
			return out, err
		}
		n := userNote(journal.UserInvited, &out.User, reason)
		n.subject, n.id = "user", out.User.ID
		return out, c.log(out.Org, "", n)
	})
}

// Invitations lists the organisation's invitations, newest first, with their users.
// Faults: Forbidden "missing_scope", "whole_organisation".
func (s *Service) Invitations(ctx context.Context, a access.Actor) (out []Invited, err error) {
	if err := cmp.Or(access.Allowed(a, access.ManageSettings), managePeople(a)); err != nil {
		return nil, err
	}
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		all, err := tx.Invitations(ctx, a.Org, "", people.ToJoin)
		if err != nil {
			return err
		}
		for _, i := range all {
			u, err := tx.User(ctx, i.UserID)
			if err != nil {
				return err
			}
			out = append(out, Invited{Invitation: i, User: u})
		}
		return nil
	})
	return out, err
}

// RevokeInvitation takes an invitation back; one that has ended stays as it is.
// Faults: NotFound; Forbidden "missing_scope", "whole_organisation".
func (s *Service) RevokeInvitation(ctx context.Context, call Call, invitationID string) (Result[Invited], error) {
	if err := cmp.Or(access.Allowed(call.Actor, access.ManageSettings), managePeople(call.Actor)); err != nil {
		return Result[Invited]{}, err
	}
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (out Invited, err error) {
		if out.Invitation, err = c.Invitation(ctx, call.Actor.Org, invitationID); err != nil {
			return out, err
		}
		if out.Purpose != people.ToJoin {
			return Invited{}, access.NotFound()
		}
		if out.User, err = c.User(ctx, out.UserID); err != nil || !out.EndedAt.IsZero() {
			return out, err
		}
		out.EndedAt = c.Now()
		if err := c.UpdateInvitation(ctx, &out.Invitation); err != nil {
			return out, err
		}
		return out, c.log(out.Org, "", note{kind: journal.InvitationRevoked, subject: "user", id: out.UserID, data: map[string]string{"user_id": out.UserID, "invitation_id": out.ID}})
	})
}

// MailedLink is a link that was made to be sent.
type MailedLink struct {
	URL, To, Name, By string
	ExpiresAt         time.Time
	Purpose           people.Purpose
}

// NewestLink makes the link of a user's newest invitation for the letter that takes
// it there; one that was made before, for a letter that did not leave, ends.
// NotFound where there is nothing to be sent.
func (s *Service) NewestLink(ctx context.Context, call Call, userID string, purpose people.Purpose) (MailedLink, error) {
	out, err := run(ctx, s, call, true, func(ctx context.Context, c *change) (l MailedLink, err error) {
		u, err := userOfOrg(ctx, c, call.Actor.Org, userID)
		if err != nil {
			return l, err
		}
		all, err := c.Invitations(ctx, u.Org, u.ID, purpose)
		if err != nil || len(all) == 0 || !all[0].Open(c.Now()) || !u.Active {
			return l, cmp.Or(err, access.NotFound())
		}
		i, secret := all[0], randomText(invitePrefix)
		i.Hash = hashText(secret)
		l = MailedLink{URL: s.PublicURL + JoinPath + secret, To: u.Name, Name: u.Display, By: i.By, ExpiresAt: i.ExpiresAt, Purpose: purpose}
		return l, c.UpdateInvitation(ctx, &i)
	})
	return out.Value, err
}

// openInvitation finds an invitation that stands by its link's secret.
func openInvitation(ctx context.Context, tx Reader, secret string) (people.Invitation, error) {
	if !strings.HasPrefix(secret, invitePrefix) {
		return people.Invitation{}, access.NotFound()
	}
	i, err := tx.InvitationOf(ctx, hashText(secret))
	if err == nil && !i.Open(tx.Now()) {
		return people.Invitation{}, access.NotFound()
	}
	return i, err
}

// InvitationByLink gives an invitation that stands, and its user, by the link's
// secret. NotFound for any other, the same for every reason.
func (s *Service) InvitationByLink(ctx context.Context, secret string) (i people.Invitation, u people.User, err error) {
	err = s.Store.Read(Across(ctx, "finding an invitation"), func(ctx context.Context, tx Reader) error {
		if i, err = openInvitation(ctx, tx, secret); err != nil {
			return err
		}
		if u, err = tx.User(ctx, i.UserID); err == nil && !u.Active {
			err = access.NotFound()
		}
		return err
	})
	return i, u, err
}

// Join takes an invitation: its link works no more, and its user has a login that is
// good for setting up proofs only. NotFound where it does not stand.
func (s *Service) Join(ctx context.Context, secret string, in Browser) (Login, error) {
	_, u, err := s.InvitationByLink(ctx, secret)
	if err != nil {
		return Login{}, err
	}
	out, err := run(ctx, s, personOf(u.Org, u.ID, u.Name, in.Source), true, func(ctx context.Context, c *change) (Login, error) {
		i, err := openInvitation(ctx, c, secret)
		if err != nil || i.Purpose != people.ToJoin {
			return Login{}, cmp.Or(err, access.NotFound())
		}
		i.EndedAt = c.Now()
		if err := c.UpdateInvitation(ctx, &i); err != nil {
			return Login{}, err
		}
		return c.beginSession(ctx, u.ID, []string{MethodMail}, in)
	})
	return out.Value, err
}
