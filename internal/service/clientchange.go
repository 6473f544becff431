package service

import (
	"context"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
)

// How long a client's secret works beside the one that takes its place.
const (
	DefaultSecretOverlap = 24 * time.Hour
	MaxSecretOverlap     = 30 * 24 * time.Hour
)

// expected refuses a change of something that is not as its caller believes it to be.
// want is the revision that the caller saw, 0 where it does not say.
// Fault Precondition "precondition_failed".
func expected(want, have int64) error {
	if want == 0 || want == have {
		return nil
	}
	return fault.New(fault.Precondition, "precondition_failed", "It was changed since you read it: it has revision %d. Read it again, then repeat.", have)
}

// ChangeClient changes what edit changes of a client. Its tokens follow within
// seconds. revision is what the caller saw, 0 for any. edit may run twice.
//
// Faults: NotFound; Precondition; Conflict "client_revoked"; those of CreateClient.
func (s *Service) ChangeClient(ctx context.Context, call Call, clientID string, revision int64, edit func(*NewClient) error) (Result[access.OAuthClient], error) {
	return s.changeClient(ctx, call, clientID, revision, func(ctx context.Context, c *change, cl *access.OAuthClient) error {
		had, err := s.scopesOf(ctx, c, cl)
		if err != nil {
			return err
		}
		in := NewClient{Name: cl.Name, Principal: cl.Principal, Scopes: cl.Scopes, Roles: cl.Roles, Units: cl.Units, Profile: cl.Profile}
		if err := edit(&in); err != nil {
			return err
		}
		before := *cl
		*cl = in.of(*cl)
		if err := s.checkClient(ctx, c, cl, had); err != nil {
			return err
		}
		if err := s.mayTakeOver(c.actor, &before, cl, had); err != nil {
			return err
		}
		if cl.Profile.Auth != access.AuthSecret {
			cl.SecretHash, cl.OldHash, cl.OldUntil = nil, nil, time.Time{}
		}
		return c.logClient(journal.ClientChanged, cl, clientData(cl))
	})
}

// mayTakeOver refuses a change of how a client proves itself, by somebody who may not
// give what the client has: whoever names its keys can act as it.
func (s *Service) mayTakeOver(by access.Actor, before, after *access.OAuthClient, had []access.Scope) error {
	if before.Principal == after.Principal && access.SameProof(&before.Profile, &after.Profile) {
		return nil
	}
	return mayGive(by, had)
}

// changeClient runs edit on a client in force that the caller manages, and writes it.
func (s *Service) changeClient(ctx context.Context, call Call, clientID string, revision int64, edit func(context.Context, *change, *access.OAuthClient) error) (Result[access.OAuthClient], error) {
	if err := access.Allowed(call.Actor, access.ManageSettings); err != nil {
		return Result[access.OAuthClient]{}, err
	}
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (access.OAuthClient, error) {
		return c.changeClient(ctx, clientID, revision, edit)
	})
}

func (c *change) changeClient(ctx context.Context, clientID string, revision int64, edit func(context.Context, *change, *access.OAuthClient) error) (access.OAuthClient, error) {
	cl, err := managed(ctx, c, c.actor, clientID)
	if err == nil {
		err = expected(revision, cl.Revision)
	}
	if err == nil && !cl.RevokedAt.IsZero() {
		err = fault.New(fault.Conflict, "client_revoked", "The client was revoked, and stays so. Make another.")
	}
	if err == nil {
		err = edit(ctx, c, &cl)
	}
	if err != nil {
		return access.OAuthClient{}, err
	}
	c.Notify(TopicRevoked) // what is remembered of it is looked up anew
	return cl, c.UpdateClient(ctx, &cl)
}

// RotateClientSecret gives a client a new secret, shown once. The one before works
// for overlap longer; one from before that ends. revision as in ChangeClient.
//
// Faults: NotFound; Precondition; Invalid "invalid_client_request" for an overlap out
// of range; Conflict "client_revoked", "client_without_secret"; Forbidden "not_yours_to_give".
func (s *Service) RotateClientSecret(ctx context.Context, call Call, clientID string, revision int64, overlap time.Duration) (Result[ClientSecret], error) {
	if err := access.Allowed(call.Actor, access.ManageSettings); err != nil {
		return Result[ClientSecret]{}, err
	}
	var l fault.List
	if overlap < 0 || overlap > MaxSecretOverlap {
		l.Add("/overlap_seconds", "out_of_range", "The secret before works for 0 to %d seconds longer.", int(MaxSecretOverlap.Seconds()))
	}
	if err := l.Err("invalid_client_request", "The rotation has faults."); err != nil {
		return Result[ClientSecret]{}, err
	}
	secret := randomText("")
	out, err := run(ctx, s, call, true, func(ctx context.Context, c *change) (access.OAuthClient, error) {
		return c.changeClient(ctx, clientID, revision, func(ctx context.Context, c *change, cl *access.OAuthClient) error {
			if cl.Profile.Auth != access.AuthSecret {
				return fault.New(fault.Conflict, "client_without_secret", "The client proves itself by %s and has no secret.", cl.Profile.Auth)
			}
			has, err := s.scopesOf(ctx, c, cl)
			if err == nil {
				err = mayGive(c.actor, has)
			}
			if err != nil {
				return err
			}
			cl.OldHash, cl.OldUntil = cl.SecretHash, c.Now().Add(overlap)
			if overlap == 0 || cl.SecretHash == nil {
				cl.OldHash, cl.OldUntil = nil, time.Time{}
			}
			cl.SecretHash = hashText(secret)
			data := clientData(cl)
			if !cl.OldUntil.IsZero() {
				data.OldUntil = &cl.OldUntil
			}
			return c.logClient(journal.ClientSecretRotated, cl, data)
		})
	})
	return Result[ClientSecret]{Value: ClientSecret{Client: out.Value, Secret: secret}, Replayed: out.Replayed}, err
}

// RevokeClient ends a client's access; its tokens stop working at once. To repeat it
// does nothing. Faults: NotFound; Forbidden "missing_scope".
func (s *Service) RevokeClient(ctx context.Context, call Call, clientID string) (Result[access.OAuthClient], error) {
	if err := access.Allowed(call.Actor, access.ManageSettings); err != nil {
		return Result[access.OAuthClient]{}, err
	}
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (access.OAuthClient, error) {
		if cl, err := managed(ctx, c, c.actor, clientID); err != nil || !cl.RevokedAt.IsZero() {
			return cl, err
		}
		return c.changeClient(ctx, clientID, 0, func(_ context.Context, c *change, cl *access.OAuthClient) error {
			cl.RevokedAt, cl.OldHash, cl.OldUntil = c.Now(), nil, time.Time{}
			return c.logClient(journal.ClientRevoked, cl, clientData(cl))
		})
	})
}
