package service

import (
	"context"

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
