package service

import (
	"context"
	"time"

	"github.com/paraph/paraph/internal/delegation"
)

// TopicRevoked is notified when somebody or something has lost its access, so
// that what is remembered of it is forgotten, and when token keys change.
const TopicRevoked = "revoked"

type delegationReader interface {
	// Delegation finds a delegation by id alone, since a refresh token names no organisation.
	Delegation(ctx context.Context, id string) (delegation.Delegation, error)
	Delegations(ctx context.Context, f DelegationFilter) ([]delegation.Delegation, error) // by id, newest first
	// DelegationsNotSealedBy gives delegations behind an id whose key does not begin
	// with the prefix, by id.
	DelegationsNotSealedBy(ctx context.Context, prefix []byte, after string, limit int) ([]delegation.Delegation, error)
	// AuthorizationCode, Device, DeviceOf and PushedRequest find what they are named
	// after by its hash alone.
	AuthorizationCode(ctx context.Context, hash []byte) (delegation.Code, error)
	Device(ctx context.Context, hash []byte) (delegation.Device, error)
	DeviceOf(ctx context.Context, userHash []byte) (delegation.Device, error)
	PushedRequest(ctx context.Context, hash []byte) (PushedRequest, error)
	// Revocations gives the subjects of those that hold at the time.
	Revocations(ctx context.Context, now time.Time) ([]string, error)
	TokenKeys(ctx context.Context) ([]TokenKey, error) // by the time from which they sign, then id
}

type delegationWriter interface {
	InsertDelegation(ctx context.Context, d delegation.Delegation) error
	// UpdateDelegation compare-and-swaps (Conflict "stale").
	UpdateDelegation(ctx context.Context, d *delegation.Delegation) error
	InsertAuthorizationCode(ctx context.Context, c delegation.Code) error
	// UseAuthorizationCode notes that a code was used: Conflict "stale" where it was before.
	UseAuthorizationCode(ctx context.Context, hash []byte, at time.Time) error
	// InsertDevice: Conflict "exists" where its user code is taken.
	InsertDevice(ctx context.Context, d delegation.Device) error
	// UpdateDevice compare-and-swaps (Conflict "stale").
	UpdateDevice(ctx context.Context, d *delegation.Device) error
	InsertPushedRequest(ctx context.Context, r PushedRequest) error
	// DropPushedRequest: Conflict "stale" where it is gone.
	DropPushedRequest(ctx context.Context, hash []byte) error
	// TakeOnce: Conflict "exists" where the hash was taken before.
	TakeOnce(ctx context.Context, hash [32]byte, until time.Time) error
	// InsertRevocation revokes a subject; one that is revoked already stays so.
	InsertRevocation(ctx context.Context, subject string, until time.Time) error
	// InsertTokenKey: Conflict "exists" for a second key of the id.
	InsertTokenKey(ctx context.Context, k TokenKey) error
	// UpdateTokenKey writes Sealed, SignsAt and WithdrawnAt.
	UpdateTokenKey(ctx context.Context, k TokenKey) error
	DropTokenKey(ctx context.Context, id string) error
	// PurgeTokens removes what has run out: codes, devices, requests, what was used
	// once and revocations by before, delegations that ended by ended.
	PurgeTokens(ctx context.Context, before, ended time.Time) (int64, error)
}

// DelegationFilter narrows a list of delegations. Zero fields do not narrow.
type DelegationFilter struct {
	Org      string // always set
	UserID   string
	ClientID string
	InForce  time.Time // in force at this time
	Before   string    // id: older ones only
	Limit    int       // 0: all
}

// PushedRequest is an authorization request that a client sent ahead (RFC 9126).
type PushedRequest struct {
	Hash      []byte // SHA-256 of its request_uri
	ClientID  string
	Form      string // form-encoded
	ExpiresAt time.Time
}

// TokenKey is a key that signs tokens.
type TokenKey struct {
	ID        string // kid
	Algorithm string // ES256 or EdDSA
	Public    []byte // JWK
	Sealed    []byte // the private key, PKCS #8, sealed
	CreatedAt time.Time
	// SignsAt is when it becomes the one that signs; it is published before.
	SignsAt time.Time
	// WithdrawnAt is when it was taken out with all tokens that it had signed; zero: never.
	WithdrawnAt time.Time
}
