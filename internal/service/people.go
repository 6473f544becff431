package service

import (
	"context"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
)

// LogIn gives the person whose access key it is: a client that may act for itself
// lets whoever holds its secret log in as its principal, with the same rights.
// Fault Unauthorized "invalid_client", the same for every reason.
func (s *Service) LogIn(ctx context.Context, keyID, secret string) (access.User, error) {
	cl, err := s.Authenticate(ctx, keyID, secret)
	if err == nil && !logsIn(&cl) {
		err = wrongSecret()
	}
	if err != nil {
		return access.User{}, err
	}
	return userOf(&cl), nil
}

// ActiveUser gives a person who has logged in, as long as their key was not
// revoked. Fault Unauthorized "invalid_token".
func (s *Service) ActiveUser(ctx context.Context, id string) (access.User, error) {
	cl, err := s.ActiveClient(ctx, id)
	if err == nil && !logsIn(&cl) {
		err = fault.New(fault.Unauthorized, "invalid_token", "The token's person may not log in.")
	}
	if err != nil {
		return access.User{}, err
	}
	return userOf(&cl), nil
}

// logsIn tells whether a client is a person's access key, too: one with a secret
// that may do for itself whatever it may. A program's own secret is not.
func logsIn(cl *access.OAuthClient) bool {
	return cl.Profile.Auth == access.AuthSecret && cl.Profile.May(access.GrantClient)
}

func userOf(cl *access.OAuthClient) access.User {
	return access.User{ID: cl.ID, Org: cl.Org, Name: cl.Name, Principal: cl.Principal, Scopes: cl.Scopes, Units: cl.Units}
}

// EndSession remembers that a login was ended, until it would have run out.
func (s *Service) EndSession(ctx context.Context, sessionID string, until time.Time) error {
	return s.Store.Propose(ctx, func(ctx context.Context, tx Tx) error { return tx.InsertRevocation(ctx, sessionID, until) })
}
