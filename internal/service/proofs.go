package service

import (
	"bytes"
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/delegation"
	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/people"
)

// Proofs is what a user can prove to be who they are by.
type Proofs struct {
	Passkeys  []people.Passkey
	HasTOTP   bool
	CodesLeft int // recovery codes that were not used
}

// Any tells whether there is a way to log in by them.
func (p *Proofs) Any() bool { return len(p.Passkeys) > 0 || p.HasTOTP || p.CodesLeft > 0 }

func proofsOf(ctx context.Context, tx Reader, userID string) (p Proofs, err error) {
	if p.Passkeys, err = tx.Passkeys(ctx, userID); err != nil {
		return p, err
	}
	o, err := tx.TOTP(ctx, userID)
	if err = orElse(err, nil); err != nil {
		return p, err
	}
	p.HasTOTP = !o.ConfirmedAt.IsZero()
	codes, err := tx.RecoveryCodes(ctx, userID)
	for _, c := range codes {
		if c.UsedAt.IsZero() {
			p.CodesLeft++
		}
	}
	return p, err
}

// ProofsOf gives what a user can prove to be who they are by.
func (s *Service) ProofsOf(ctx context.Context, userID string) (p Proofs, err error) {
	err = s.Store.Read(Across(ctx, "finding a person"), func(ctx context.Context, tx Reader) error {
		p, err = proofsOf(ctx, tx, userID)
		return err
	})
	return p, err
}

// change runs a command of a user about the user's own proofs.
func (s *Service) ownProofs(ctx context.Context, u access.User, src access.Source, fn func(context.Context, *change) error) error {
	_, err := run(ctx, s, personOf(u.Org, u.ID, u.Principal, src), true, func(ctx context.Context, c *change) (struct{}, error) {
		return struct{}{}, fn(ctx, c)
	})
	return err
}

func (c *change) logProof(kind journal.Kind, userID, proof, name string) error {
	return c.log(c.actor.Org, "", note{kind: kind, subject: "user", id: userID, data: event.Proof{UserID: userID, Kind: proof, Name: name}})
}

// AddPasskey keeps a new passkey of a user. challenge is the hash of what it was
// made over, which works once. Faults: Conflict "exists", "used", "too_many_passkeys".
func (s *Service) AddPasskey(ctx context.Context, u access.User, src access.Source, k people.Passkey, challenge [32]byte, until time.Time) error {
	return s.ownProofs(ctx, u, src, func(ctx context.Context, c *change) error {
		all, err := c.Passkeys(ctx, u.ID)
		if err != nil {
			return err
		}
		if len(all) >= people.MaxPasskeys {
			return fault.New(fault.Conflict, "too_many_passkeys", "There can be %d passkeys. Remove one first.", people.MaxPasskeys)
		}
		k.UserID, k.CreatedAt, k.Revision = u.ID, c.Now(), 1
		if k.Name = cut(strings.TrimSpace(k.Name), 100); k.Name == "" {
			k.Name = "Passkey of " + c.Now().Format("2 January 2006")
		}
		return cmp.Or(onceUntil(ctx, c, challenge, until), c.InsertPasskey(ctx, k), c.logProof(journal.UserProofAdded, u.ID, "passkey", k.Name))
	})
}

// RemovePasskey takes a passkey from a user. NotFound where the user has none of the id.
func (s *Service) RemovePasskey(ctx context.Context, u access.User, src access.Source, keyID []byte) error {
	return s.ownProofs(ctx, u, src, func(ctx context.Context, c *change) error {
		all, err := c.Passkeys(ctx, u.ID)
		if err != nil {
			return err
		}
		for _, k := range all {
			if bytes.Equal(k.ID, keyID) {
				return cmp.Or(c.DropPasskey(ctx, u.ID, keyID), c.logProof(journal.UserProofRemoved, u.ID, "passkey", k.Name))
			}
		}
		return access.NotFound()
	})
}

// PasskeyHolder gives a user with the passkeys, for a login by one.
// Fault Unauthorized "invalid_token" for whoever may not get in.
func (s *Service) PasskeyHolder(ctx context.Context, userID string) (u access.User, keys []people.Passkey, err error) {
	if u, err = s.activeUser(ctx, userID); err != nil {
		return u, nil, err
	}
	err = s.Store.Read(Across(ctx, "finding a person"), func(ctx context.Context, tx Reader) error {
		keys, err = tx.Passkeys(ctx, userID)
		return err
	})
	return u, keys, err
}

// LogInByPasskey logs in by a passkey whose assertion was checked. The passkey is
// written as its authenticator left it; of two logins with one state of it, one
// fails. Fault Conflict "used" where the challenge has been answered before.
func (s *Service) LogInByPasskey(ctx context.Context, u access.User, k people.Passkey, challenge [32]byte, until time.Time, in Browser) (Login, error) {
	out, err := run(ctx, s, personOf(u.Org, u.ID, u.Principal, in.Source), true, func(ctx context.Context, c *change) (Login, error) {
		k := k // a command may run twice
		k.UsedAt = c.Now()
		if err := cmp.Or(onceUntil(ctx, c, challenge, until), c.UpdatePasskey(ctx, &k)); err != nil {
			return Login{}, err
		}
		in := in
		in.Passkey = k.ID
		return c.beginSession(ctx, u.ID, []string{MethodPasskey, MethodPresence, "mfa"}, in)
	})
	return out.Value, err
}

func totpContext(userID string) []byte { return []byte("totp\x00" + userID) }

// BeginTOTP draws a secret for a user's source of codes. It counts for nothing
// until its first code was typed; a confirmed one stays until then.
func (s *Service) BeginTOTP(userID string) (secret, sealed []byte, err error) {
	secret = people.NewTOTPSecret()
	sealed, err = s.Secrets.Seal(secret, totpContext(userID))
	return secret, sealed, err
}

// OpenTOTP opens what BeginTOTP sealed.
func (s *Service) OpenTOTP(userID string, sealed []byte) ([]byte, error) {
	return s.Secrets.Open(sealed, totpContext(userID))
}

// ConfirmTOTP makes a drawn secret the user's source of codes by its first code.
// Fault Unauthorized "wrong_code".
func (s *Service) ConfirmTOTP(ctx context.Context, u access.User, src access.Source, sealed []byte, typed string) error {
	secret, err := s.OpenTOTP(u.ID, sealed)
	if err != nil {
		return err
	}
	return s.ownProofs(ctx, u, src, func(ctx context.Context, c *change) error {
		o := people.TOTP{UserID: u.ID, Sealed: sealed, CreatedAt: c.Now(), ConfirmedAt: c.Now(), Revision: 1}
		step, ok := o.Check(secret, typed, c.Now())
		if !ok {
			return fault.New(fault.Unauthorized, "wrong_code", "The code is wrong. Look whether the device's clock is right, and type the code that it shows now.")
		}
		o.LastStep = step
		return cmp.Or(c.PutTOTP(ctx, o), c.logProof(journal.UserProofAdded, u.ID, "totp", ""))
	})
}

// RemoveTOTP takes the source of codes from a user.
func (s *Service) RemoveTOTP(ctx context.Context, u access.User, src access.Source) error {
	return s.ownProofs(ctx, u, src, func(ctx context.Context, c *change) error {
		return cmp.Or(c.DropTOTP(ctx, u.ID), c.logProof(journal.UserProofRemoved, u.ID, "totp", ""))
	})
}

// NewRecoveryCodes draws a user's recovery codes in place of those before. They are
// shown once.
func (s *Service) NewRecoveryCodes(ctx context.Context, u access.User, src access.Source) ([]string, error) {
	codes := people.NewRecoveryCodes()
	err := s.ownProofs(ctx, u, src, func(ctx context.Context, c *change) error {
		kept := make([]people.RecoveryCode, 0, len(codes))
		for _, code := range codes {
			kept = append(kept, people.RecoveryCode{UserID: u.ID, Hash: people.RecoveryHash(code), CreatedAt: c.Now()})
		}
		return cmp.Or(c.ReplaceRecoveryCodes(ctx, u.ID, kept), c.logProof(journal.UserProofAdded, u.ID, "recovery_codes", ""))
	})
	return codes, err
}

// RenewSession draws a login anew after the first proof of somebody who came by an
// invitation: what they had until then lets nobody in.
func (s *Service) RenewSession(ctx context.Context, u access.User, methods []string, in Browser) (Login, error) {
	out, err := run(ctx, s, personOf(u.Org, u.ID, u.Principal, in.Source), true, func(ctx context.Context, c *change) (Login, error) {
		return c.beginSession(ctx, u.ID, methods, in)
	})
	return out.Value, err
}

// ResetUser takes every proof from a user, and ends every login and everything that
// clients may do in the user's name: for one who has lost a device. An invitation
// gets the user in again. Faults: NotFound; Forbidden "missing_scope", "whole_organisation".
func (s *Service) ResetUser(ctx context.Context, call Call, userID string) (Result[UserDetail], error) {
	if err := cmp.Or(access.Allowed(call.Actor, access.ManageSettings), managePeople(call.Actor)); err != nil {
		return Result[UserDetail]{}, err
	}
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (UserDetail, error) {
		u, err := userOfOrg(ctx, c, call.Actor.Org, userID)
		if err != nil {
			return UserDetail{}, err
		}
		keys, err := c.Passkeys(ctx, u.ID)
		if err != nil {
			return UserDetail{}, err
		}
		d, err := s.detail(ctx, c, u)
		if err != nil {
			return d, err
		}
		if err := c.logOut(ctx, &u, delegation.ReasonAdmin); err != nil {
			return d, err
		}
		for _, k := range keys {
			if err := c.DropPasskey(ctx, u.ID, k.ID); err != nil {
				return d, err
			}
		}
		return d, cmp.Or(c.DropTOTP(ctx, u.ID), c.ReplaceRecoveryCodes(ctx, u.ID, nil), c.logProof(journal.UserProofRemoved, u.ID, "all", ""))
	})
}
