package service

import (
	"context"
	"time"

	"github.com/paraph/paraph/internal/people"
)

type peopleReader interface {
	// User finds a user by id alone, since a session and a token name no organisation beside it.
	User(ctx context.Context, id string) (people.User, error)
	UserNamed(ctx context.Context, org, name string) (people.User, error)
	// UsersNamed gives the users of the name in every organisation, by id.
	UsersNamed(ctx context.Context, name string) ([]people.User, error)
	Users(ctx context.Context, f UserFilter) ([]people.User, error) // by id, newest first
	Group(ctx context.Context, org, id string) (people.Group, error)
	Groups(ctx context.Context, f GroupFilter) ([]people.Group, error) // by id, newest first
	GroupsOf(ctx context.Context, userID string) ([]people.Group, error)
	// Members gives the members of the groups, by group and then user.
	Members(ctx context.Context, groupIDs ...string) (map[string][]people.Member, error)

	Passkeys(ctx context.Context, userID string) ([]people.Passkey, error) // oldest first
	TOTP(ctx context.Context, userID string) (people.TOTP, error)
	RecoveryCodes(ctx context.Context, userID string) ([]people.RecoveryCode, error) // also those that were used

	LoginSession(ctx context.Context, hash []byte) (people.Session, error)
	LoginSessions(ctx context.Context, userID string, now time.Time) ([]people.Session, error) // those that last, newest first
	Invitation(ctx context.Context, org, id string) (people.Invitation, error)
	InvitationOf(ctx context.Context, hash []byte) (people.Invitation, error)
	// Invitations lists those of a user, "" for all, newest first.
	Invitations(ctx context.Context, org, userID string, purpose people.Purpose) ([]people.Invitation, error)
	LoginProvider(ctx context.Context, id string) (people.Provider, error)
	LoginProviders(ctx context.Context, org string) ([]people.Provider, error) // by name; "": of every organisation
	// Identity gives the user whom a provider knows by the subject.
	Identity(ctx context.Context, providerID, subject string) (userID string, err error)

	// DirectoryToken finds a token by its hash alone. NotFound.
	DirectoryToken(ctx context.Context, hash []byte) (people.DirectoryToken, error)
	DirectoryTokens(ctx context.Context, org string) ([]people.DirectoryToken, error) // newest first
	// EndingDirectoryTokens gives those in force, of all organisations, that are to be told of.
	EndingDirectoryTokens(ctx context.Context, now time.Time) ([]people.DirectoryToken, error)
}

type peopleWriter interface {
	// InsertUser: Conflict "exists" where the organisation has a user of the name.
	InsertUser(ctx context.Context, u people.User) error
	// UpdateUser compare-and-swaps (Conflict "stale").
	UpdateUser(ctx context.Context, u *people.User) error
	// InsertGroup: Conflict "exists" where the organisation has a group of the name.
	InsertGroup(ctx context.Context, g people.Group) error
	// UpdateGroup compare-and-swaps (Conflict "stale").
	UpdateGroup(ctx context.Context, g *people.Group) error
	// DropGroup deletes a group and who is in it.
	DropGroup(ctx context.Context, id string) error
	// AddMember and DropMember do nothing where it is so already.
	AddMember(ctx context.Context, groupID, userID string) error
	DropMember(ctx context.Context, groupID, userID string) error

	// InsertPasskey: Conflict "exists" where anybody has one of the id.
	InsertPasskey(ctx context.Context, k people.Passkey) error
	// UpdatePasskey compare-and-swaps (Conflict "stale").
	UpdatePasskey(ctx context.Context, k *people.Passkey) error
	DropPasskey(ctx context.Context, userID string, id []byte) error
	// PutTOTP takes the place of the user's that there is.
	PutTOTP(ctx context.Context, o people.TOTP) error
	// UpdateTOTP compare-and-swaps ConfirmedAt and LastStep (Conflict "stale").
	UpdateTOTP(ctx context.Context, o *people.TOTP) error
	DropTOTP(ctx context.Context, userID string) error
	// ReplaceRecoveryCodes takes the place of all that there are.
	ReplaceRecoveryCodes(ctx context.Context, userID string, codes []people.RecoveryCode) error
	// UseRecoveryCode: Conflict "stale" where it was used before.
	UseRecoveryCode(ctx context.Context, userID string, hash []byte, at time.Time) error

	InsertLoginSession(ctx context.Context, l people.Session) error
	// TouchLoginSession writes UsedAt and IdleUntil.
	TouchLoginSession(ctx context.Context, l people.Session) error
	DropLoginSession(ctx context.Context, hash []byte) error
	DropLoginSessions(ctx context.Context, userID string) error
	InsertInvitation(ctx context.Context, i people.Invitation) error
	// UpdateInvitation compare-and-swaps Hash, Tries and EndedAt (Conflict "stale").
	UpdateInvitation(ctx context.Context, i *people.Invitation) error
	// InsertLoginProvider: Conflict "exists" where the organisation has one of the name.
	InsertLoginProvider(ctx context.Context, p people.Provider) error
	// UpdateLoginProvider compare-and-swaps (Conflict "stale").
	UpdateLoginProvider(ctx context.Context, p *people.Provider) error
	// DropLoginProvider deletes a provider and whom it knows.
	DropLoginProvider(ctx context.Context, id string) error
	InsertIdentity(ctx context.Context, providerID, subject, userID string, at time.Time) error

	InsertDirectoryToken(ctx context.Context, d people.DirectoryToken) error
	// UpdateDirectoryToken compare-and-swaps WarnedAt and RevokedAt (Conflict "stale").
	UpdateDirectoryToken(ctx context.Context, d *people.DirectoryToken) error
	// TouchDirectoryToken writes UsedAt.
	TouchDirectoryToken(ctx context.Context, d people.DirectoryToken) error
}

// UserFilter narrows a list of users. Zero fields do not narrow.
type UserFilter struct {
	Org        string // always set
	Name       string // normalised
	ExternalID string
	GroupID    string
	Active     *bool
	Before     string // id: older ones only
	Limit      int    // 0: all
}

// GroupFilter narrows a list of groups. Zero fields do not narrow.
type GroupFilter struct {
	Org        string // always set
	Name       string
	ExternalID string
	Before     string // id: older ones only
	Limit      int    // 0: all
}
