package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/service"
)

// TokenKeyring replaces the keys that sign access tokens. Implemented by oauth.Keyring.
type TokenKeyring interface {
	// RotateFor makes the next key, where there is none yet.
	RotateFor(ctx context.Context, by *access.Actor) error
	// WithdrawFor takes a key out with all tokens it has signed. Fault NotFound.
	WithdrawFor(ctx context.Context, by *access.Actor, id string) error
}

// TokenKey is a key that signs access tokens, without the key.
type TokenKey struct {
	ID          string     `json:"id"`
	Algorithm   string     `json:"algorithm" example:"ES256"`
	State       string     `json:"state" enum:"next,signs,before,withdrawn" doc:"next: it is published and signs from signs_at on; before: another signs, and its tokens run out."`
	SignsAt     time.Time  `json:"signs_at"`
	WithdrawnAt *time.Time `json:"withdrawn_at,omitempty"`
}

// tokenKeysOf gives the keys, which come by the time from which they sign, with the
// state that follows from their order.
func tokenKeysOf(rows []service.TokenKey, now time.Time) *struct{ Body Items[TokenKey] } {
	signs := -1
	for i := range rows {
		if rows[i].WithdrawnAt.IsZero() && !rows[i].SignsAt.After(now) {
			signs = i
		}
	}
	i := -1
	return itemsOf(rows, func(k *service.TokenKey) TokenKey {
		i++
		out := TokenKey{ID: k.ID, Algorithm: k.Algorithm, State: "before", SignsAt: k.SignsAt, WithdrawnAt: at(k.WithdrawnAt)}
		switch {
		case !k.WithdrawnAt.IsZero():
			out.State = "withdrawn"
		case i == signs:
			out.State = "signs"
		case k.SignsAt.After(now):
			out.State = "next"
		}
		return out
	})
}

func (a *api) tokenKeys() {
	const tag = "installation"
	handle(a, route{id: "listTokenKeys", method: http.MethodGet, path: "/v1/token-keys", tag: tag, does: access.ManageInstallation,
		summary: "List the keys that sign access tokens", about: "With when each signs. They replace each other by themselves, every 30 days."}, a.listTokenKeys)
	handle(a, route{id: "rotateTokenKey", method: http.MethodPost, path: "/v1/token-keys", tag: tag, does: access.ManageInstallation,
		summary: "Replace the key that signs access tokens", about: "The next key is published at once and signs in a quarter of an hour; nothing stands still. Where there is a next one already, nothing is done."}, a.rotateTokenKey)
	handle(a, route{id: "withdrawTokenKey", method: http.MethodDelete, path: "/v1/token-keys/{id}", tag: tag, does: access.ManageInstallation,
		summary: "Take a key out that signs access tokens", about: "At once, with all tokens that it has signed: for a key that somebody else may know.", codes: []string{"not_found"}}, a.withdrawTokenKey)
}

func (a *api) listTokenKeys(ctx context.Context, _ *struct{}) (*struct{ Body Items[TokenKey] }, error) {
	rows, err := a.Service.ListTokenKeys(ctx, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return tokenKeysOf(rows, a.Clock.Now()), nil
}

type rotateTokenKeyInput struct{ Keyed }

func (a *api) rotateTokenKey(ctx context.Context, _ *rotateTokenKeyInput) (*struct{ Body Items[TokenKey] }, error) {
	by := actorOf(ctx)
	if _, err := a.Service.ListTokenKeys(ctx, by); err != nil { // who may not see them changes none
		return nil, err
	}
	if err := a.TokenKeys.RotateFor(ctx, &by); err != nil {
		return nil, err
	}
	return a.listTokenKeys(ctx, nil)
}

type withdrawTokenKeyInput struct {
	Keyed
	ID string `path:"id" maxLength:"128" example:"Xq3bYz0pN7s4cVw1" doc:"Id of the key."`
}

func (a *api) withdrawTokenKey(ctx context.Context, in *withdrawTokenKeyInput) (*struct{ Body Items[TokenKey] }, error) {
	by := actorOf(ctx)
	if _, err := a.Service.ListTokenKeys(ctx, by); err != nil {
		return nil, err
	}
	if err := a.TokenKeys.WithdrawFor(ctx, &by, in.ID); err != nil {
		return nil, err
	}
	return a.listTokenKeys(ctx, nil)
}
