package server

import (
	"context"
	"testing"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/delegation"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store/storetest"
)

// TestTokenKeysByWish: what the command line asks for beside a running server is
// done once, by whichever process comes first, and stands in the journal.
func TestTokenKeysByWish(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open storetest.Open) {
		in := install(t, open)
		one, two := in.start(in.db), in.start(in.db)
		keys := func() []service.TokenKey {
			all, err := one.service.TokenKeys(t.Context())
			must(t, err)
			return all
		}
		must(t, one.tokens(t.Context(), nextTokenKey))
		must(t, one.tokens(t.Context(), nextTokenKey))
		first := keys()
		if len(first) != 1 {
			t.Fatalf("%d keys", len(first))
		}
		wish := func(w string) {
			t.Helper()
			must(t, service.WishForKey(t.Context(), in.db, service.KeyWish{Tokens: w}))
			for _, p := range []*process{two, one} {
				_, err := p.pass(t.Context(), true)
				must(t, err)
			}
			left, err := service.KeyWishes(t.Context(), in.db)
			must(t, err)
			if len(left) != 0 {
				t.Errorf("%d wishes are left", len(left))
			}
		}
		wish(first[0].ID)
		now := keys()
		if len(now) != 2 || now[0].WithdrawnAt.IsZero() == now[1].WithdrawnAt.IsZero() {
			t.Errorf("after the withdrawal: %+v", now)
		}
		wish(nextTokenKey)
		wish("a key that has run out since")
		if n := len(keys()); n != 3 {
			t.Errorf("%d keys in the end", n)
		}
		in.logged(string(journal.TokenKeyChanged))
	})
}

// TestRefreshTokensSurviveAMasterRotation: the keys of refresh tokens are sealed
// anew, and the old master key is not needed for them any more.
func TestRefreshTokensSurviveAMasterRotation(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open storetest.Open) {
		in := install(t, open)
		p := in.start(in.db)
		_, err := p.pass(t.Context(), true)
		must(t, err)
		sealed, err := p.keys.Box.Seal(make([]byte, 32), []byte("refresh tokens\x00dlg_1"))
		must(t, err)
		now := in.clock.Now()
		d := delegation.Delegation{ID: "dlg_1", Org: testOrg, ClientID: "cli_1", UserID: "cli_2", Key: sealed, Generation: 1, RotatedAt: now, CreatedAt: now,
			ExpiresAt: now.Add(1e15), IdleUntil: now.Add(1e15), Revision: 1}
		must(t, in.db.Write(t.Context(), func(ctx context.Context, tx service.Tx) error { return tx.InsertDelegation(ctx, d) }))
		token := delegation.RefreshToken(d.ID, [32]byte{}, 1)
		old, _ := in.addMaster()
		done, err := p.pass(t.Context(), true)
		must(t, err)
		if done.Delegations != 1 {
			t.Errorf("%d keys of delegations were sealed anew", done.Delegations)
		}
		must(t, in.db.Read(t.Context(), func(ctx context.Context, tx service.Reader) error {
			left, err := tx.DelegationsNotSealedBy(ctx, p.keys.Box.Prefix(), "", 10)
			if len(left) != 0 {
				t.Errorf("%d are sealed by %s still", len(left), old)
			}
			return err
		}))
		call := service.Call{Actor: access.Actor{Kind: access.Client, Org: testOrg, ID: "cli_1"}}
		g, err := p.service.Refresh(t.Context(), call, token, "cli_1", delegation.Binding{})
		must(t, err)
		if g.Refresh == "" || g.Refresh == token {
			t.Errorf("refreshed to %q", g.Refresh)
		}
	})
}
