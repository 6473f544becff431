package event

import (
	"time"

	"github.com/paraph/paraph/internal/access"
)

// Organisation is the data of a change to an organisation.
type Organisation struct {
	OrganisationID string `json:"organisation_id"`
	Name           string `json:"name"`
	Closed         bool   `json:"closed,omitempty" doc:"None of its clients and people gets in."`
}

// Role is the data of a change to one of an organisation's own roles.
type Role struct {
	Name   access.Role    `json:"name"`
	Title  string         `json:"title,omitempty"`
	Scopes []access.Scope `json:"scopes"`
}

// Client is the data of what happened to an API client.
type Client struct {
	ClientID   string         `json:"client_id"`
	Name       string         `json:"name"`
	Principal  string         `json:"principal"`
	Scopes     []access.Scope `json:"scopes,omitempty"`
	Roles      []access.Role  `json:"roles,omitempty"`
	Units      []string       `json:"business_units,omitempty" doc:"Units that it is confined to."`
	AuthMethod string         `json:"auth_method"`
	OldUntil   *time.Time     `json:"old_secret_until,omitempty" doc:"How long the secret before works too."`
}

// UnitLimit is the data of a limit of a business unit that is near or used up.
type UnitLimit struct {
	Name  string `json:"business_unit"`
	What  string `json:"what" doc:"bytes, or documents_per_month."`
	Month string `json:"month,omitempty" doc:"The month that is counted, YYYY-MM."`
	Used  int64  `json:"used"`
	Limit int64  `json:"limit"`
}

// WaySecret is the way in of a client at the token endpoint. People who log in are told
// of by events of their own.
const WaySecret = "client"

// WayDirectory is the way in of a directory with a token that lasts.
const WayDirectory = "directory"

// CredentialsFailed is the data of wrong credentials from one address within a minute.
type CredentialsFailed struct {
	ClientID string     `json:"client_id,omitempty" doc:"Whose they were to be; absent where there is no such client, or for what is counted together."`
	Address  string     `json:"address,omitempty" doc:"Absent where many addresses are counted together."`
	Way      string     `json:"way,omitempty" doc:"client: at the token endpoint; directory: by a token of a directory."`
	Count    int        `json:"count"`
	Since    *time.Time `json:"since"`
	Until    *time.Time `json:"until"`
}

// TokenKey is the data of what happened to a key that signs access tokens.
type TokenKey struct {
	KeyID       string `json:"key_id"`
	Algorithm   string `json:"algorithm"`
	SignsAt     string `json:"signs_at"`
	WithdrawnAt string `json:"withdrawn_at,omitempty"`
}
