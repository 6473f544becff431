package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/oauth"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store"
)

// TokenKey is a key that signs tokens, as `paraph keys tokens` shows it.
type TokenKey struct {
	ID          string    `json:"id"`
	Algorithm   string    `json:"algorithm"`
	SignsAt     time.Time `json:"signs_at"` // from when on
	WithdrawnAt time.Time `json:"withdrawn_at,omitzero"`
}

// nextTokenKey stands in a wish for the next key, where others name one to be withdrawn.
const nextTokenKey = "next"

// ListTokenKeys gives the keys that sign tokens, by the time from which they do.
func ListTokenKeys(ctx context.Context, c *config.Config) (out []TokenKey, err error) {
	db, err := store.Open(ctx, store.Options{URL: DatabaseURL(c), KeepSchema: true, Across: "token keys"})
	if err != nil {
		return nil, err
	}
	err = db.Read(ctx, func(ctx context.Context, tx service.Reader) error {
		rows, err := tx.TokenKeys(ctx)
		for _, k := range rows {
			out = append(out, TokenKey{k.ID, k.Algorithm, k.SignsAt, k.WithdrawnAt})
		}
		return err
	})
	return out, errors.Join(err, db.Close())
}

// RotateTokens has the next key that signs tokens made now, or with withdraw the
// named one taken out: here, or on SQLite by the server that is running.
func RotateTokens(ctx context.Context, c *config.Config, withdraw string) (*Rotated, error) {
	err := wish(ctx, c, func(ctx context.Context, db service.Store) (service.KeyWish, error) {
		if withdraw == "" {
			return service.KeyWish{Tokens: nextTokenKey}, nil
		}
		err := db.Read(ctx, func(ctx context.Context, tx service.Reader) error {
			there, err := tx.TokenKeys(ctx)
			if err == nil && !slices.ContainsFunc(there, func(k service.TokenKey) bool { return k.ID == withdraw }) {
				err = fault.New(fault.NotFound, "not_found", "There is no token key %s; see `paraph keys tokens`.", withdraw)
			}
			return err
		})
		return service.KeyWish{Tokens: withdraw}, err
	})
	if err != nil {
		return nil, err
	}
	return granted(ctx, c)
}

// tokens does what is asked for about the keys that sign tokens.
func (r *rotation) tokens(ctx context.Context, wish string) error {
	keys := oauth.NewKeyring(oauth.KeyringConfig{Store: r.service, Sealer: r.keys.Box, Clock: r.clock, Log: r.log})
	if wish == nextTokenKey {
		return keys.Rotate(ctx)
	}
	err := keys.Withdraw(ctx, wish)
	if fault.KindOf(err) == fault.NotFound { // it has run out since
		return nil
	}
	if err != nil {
		return fmt.Errorf("withdrawing the token key %s: %w", wish, err)
	}
	return nil
}
