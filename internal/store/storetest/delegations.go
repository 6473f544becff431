package storetest

import (
	"context"
	"crypto/sha256"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/delegation"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
)

func hashOf(s string) []byte {
	sum := sha256.Sum256([]byte(s))
	return sum[:]
}

func newDelegation(orgID, user string) delegation.Delegation {
	return delegation.Delegation{
		ID: newID("dlg"), Org: orgID, ClientID: "cli_1", UserID: user, Scopes: []string{"documents:read", "openid"}, Resources: []string{"https://paraph.example"},
		Bound: delegation.Binding{JKT: "j"}, LoginAt: at(1), Methods: []string{"pwd", "otp"}, Passkey: []byte("passkey"), Key: []byte{1, 1, 'k', 9}, Generation: 3, RotatedAt: at(2),
		CreatedAt: at(1), ExpiresAt: at(90), IdleUntil: at(60), Reason: "", Revision: 1,
	}
}

func delegations(t *testing.T, s service.Store) {
	d, foreign, ended := newDelegation(org, "usr_d"), newDelegation(other, "usr_d"), newDelegation(org, "usr_d")
	ended.Revoke(delegation.ReasonPerson, at(5))
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		for _, one := range []delegation.Delegation{d, foreign, ended} {
			if err := tx.InsertDelegation(ctx, one); err != nil {
				return err
			}
		}
		return nil
	})
	refused(t, s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error { return tx.InsertDelegation(ctx, d) }), fault.Conflict, "exists")
	old := d
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		got, err := tx.Delegation(ctx, d.ID)
		if err != nil {
			return err
		}
		same(t, "delegation", got, old)
		got.Rotated(at(7), time.Hour)
		got.Bound = delegation.Binding{X5T: "x"}
		d = got
		if err := tx.UpdateDelegation(ctx, &got); err != nil {
			return err
		}
		d = got
		return nil
	})
	refused(t, s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error {
		lost := old
		return tx.UpdateDelegation(ctx, &lost)
	}), fault.Conflict, "stale")
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		got, err := tx.Delegation(ctx, d.ID)
		same(t, "rotated", got, d)
		if err != nil {
			return err
		}
		_, err = tx.Delegation(ctx, "dlg_x")
		gone(t, "an unknown delegation", err)
		for name, c := range map[string]struct {
			f    service.DelegationFilter
			want []delegation.Delegation
		}{
			"user":        {service.DelegationFilter{UserID: "usr_d"}, []delegation.Delegation{ended, d}},
			"in force":    {service.DelegationFilter{UserID: "usr_d", ClientID: "cli_1", InForce: at(8)}, []delegation.Delegation{d}},
			"idle":        {service.DelegationFilter{UserID: "usr_d", InForce: at(68)}, nil},
			"run out":     {service.DelegationFilter{UserID: "usr_d", InForce: at(95)}, nil},
			"client":      {service.DelegationFilter{UserID: "usr_d", ClientID: "cli_2"}, nil},
			"before":      {service.DelegationFilter{UserID: "usr_d", Before: ended.ID, Limit: 5}, []delegation.Delegation{d}},
			"limit":       {service.DelegationFilter{UserID: "usr_d", Limit: 1}, []delegation.Delegation{ended}},
			"nobody else": {service.DelegationFilter{UserID: "usr_e"}, nil},
		} {
			c.f.Org = org
			got, err := tx.Delegations(ctx, c.f)
			if err != nil {
				return err
			}
			same(t, name, got, c.want)
		}
		for prefix, want := range map[string]int{"\x01\x01k": 0, "\x01\x01z": 2} { // those of both organisations that have a key
			got, err := tx.DelegationsNotSealedBy(ctx, []byte(prefix), "", 10)
			if err != nil {
				return err
			}
			same(t, "not sealed by "+prefix, len(got), want)
			if want > 0 {
				got, err = tx.DelegationsNotSealedBy(ctx, []byte(prefix), got[0].ID, 1)
				same(t, "the rest", len(got), 1)
			}
			if err != nil {
				return err
			}
		}
		until, err := tx.SealedUntil(ctx, []byte("\x01\x01k"))
		same(t, "sealed until", until, at(90))
		return err
	})
	purged(t, s, at(120), func(ctx context.Context, tx service.Reader) error {
		_, err := tx.Delegation(ctx, d.ID)
		return err
	})
}

// purged checks that what ask finds is gone once everything by a time was purged.
func purged(t *testing.T, s service.Store, by time.Time, ask func(context.Context, service.Reader) error) {
	t.Helper()
	read(t, s, ask)
	var n int64
	write(t, s, func(ctx context.Context, tx service.Tx) (err error) {
		n, err = tx.PurgeTokens(ctx, by, by)
		return err
	})
	if n < 1 {
		t.Errorf("%d rows purged", n)
	}
	gone(t, "what was purged", s.Read(t.Context(), ask))
}

func codes(t *testing.T, s service.Store) {
	c := delegation.Code{Hash: hashOf("code"), DelegationID: "dlg_1", ClientID: "cli_1", RedirectURI: "https://app.example/done", Challenge: "c", JKT: "j", Nonce: "n", CreatedAt: at(1), ExpiresAt: at(2)}
	p := service.PushedRequest{Hash: hashOf("pushed"), ClientID: "cli_1", Form: "a=b&c=%20", ExpiresAt: at(2)}
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		if err := tx.InsertPushedRequest(ctx, p); err != nil {
			return err
		}
		return tx.InsertAuthorizationCode(ctx, c)
	})
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		got, err := tx.AuthorizationCode(ctx, c.Hash)
		same(t, "code", got, c)
		if err != nil {
			return err
		}
		_, err = tx.AuthorizationCode(ctx, hashOf("x"))
		gone(t, "an unknown code", err)
		request, err := tx.PushedRequest(ctx, p.Hash)
		same(t, "pushed request", request, p)
		return err
	})
	use := func(ctx context.Context, tx service.Tx) error { return tx.UseAuthorizationCode(ctx, c.Hash, at(3)) }
	write(t, s, use)
	refused(t, s.Write(t.Context(), use), fault.Conflict, "stale")
	drop := func(ctx context.Context, tx service.Tx) error { return tx.DropPushedRequest(ctx, p.Hash) }
	write(t, s, drop)
	refused(t, s.Write(t.Context(), drop), fault.Conflict, "stale")
	purged(t, s, at(5), func(ctx context.Context, tx service.Reader) error {
		got, err := tx.AuthorizationCode(ctx, c.Hash)
		if err == nil {
			same(t, "used at", got.UsedAt, at(3))
		}
		return err
	})
}

func devices(t *testing.T, s service.Store) {
	d := delegation.Device{Hash: hashOf("device"), UserHash: hashOf("user"), Org: org, ClientID: "cli_1", Scopes: []string{"documents:read"}, Resources: []string{"r"}, JKT: "j",
		State: delegation.DeviceWaits, Interval: 5 * time.Second, CreatedAt: at(1), ExpiresAt: at(11), Revision: 1}
	write(t, s, func(ctx context.Context, tx service.Tx) error { return tx.InsertDevice(ctx, d) })
	twin := d
	twin.Hash = hashOf("another device")
	refused(t, s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error { return tx.InsertDevice(ctx, twin) }), fault.Conflict, "exists")
	old := d
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		got, err := tx.DeviceOf(ctx, old.UserHash)
		if err != nil {
			return err
		}
		same(t, "by its user code", got, old)
		got.State, got.DelegationID, got.Interval, got.PolledAt = delegation.DeviceAllowed, "dlg_1", 10*time.Second, at(2)
		d = got
		if err := tx.UpdateDevice(ctx, &got); err != nil {
			return err
		}
		d = got
		return nil
	})
	refused(t, s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error {
		lost := old
		return tx.UpdateDevice(ctx, &lost)
	}), fault.Conflict, "stale")
	purged(t, s, at(15), func(ctx context.Context, tx service.Reader) error {
		got, err := tx.Device(ctx, d.Hash)
		if err == nil {
			same(t, "device", got, d)
		}
		return err
	})
}

// once: of many who use the same thing at once, one is first; also after it was
// remembered, and by either way.
func once(t *testing.T, s service.Store) {
	hash := sha256.Sum256([]byte("once"))
	for name, take := range map[string]func(h [32]byte) bool{
		"quick": func(h [32]byte) bool {
			first, err := s.Once(t.Context(), h, at(60))
			if err != nil {
				t.Error(err)
			}
			return first
		},
		"synced": func(h [32]byte) bool {
			err := s.Propose(t.Context(), func(ctx context.Context, tx service.Tx) error { return tx.TakeOnce(ctx, h, at(60)) })
			if err != nil && fault.CodeOf(err) != "exists" {
				t.Error(err)
			}
			return err == nil
		},
	} {
		hash[0]++
		var won atomic.Int64
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if take(hash) {
					won.Add(1)
				}
			})
		}
		wg.Wait()
		other := hash
		other[31]++
		if won.Load() != 1 || take(hash) || !take(other) {
			t.Errorf("%s: %d were first", name, won.Load())
		}
	}
	if since := s.OnceSince(); since.After(Start) {
		t.Errorf("remembered since %v", since)
	}
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		if err := tx.InsertRevocation(ctx, "dlg_r", at(10)); err != nil {
			return err
		}
		return tx.InsertRevocation(ctx, "jti_r", at(5))
	})
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		if err := tx.InsertRevocation(ctx, "dlg_r", at(8)); err != nil {
			return err
		}
		return tx.InsertRevocation(ctx, "jti_r", at(20))
	})
	for minute, want := range map[int][]string{4: {"dlg_r", "jti_r"}, 9: {"dlg_r", "jti_r"}, 15: {"jti_r"}, 20: nil} {
		read(t, s, func(ctx context.Context, tx service.Reader) error {
			got, err := tx.Revocations(ctx, at(minute))
			same(t, "revoked", got, want)
			return err
		})
	}
}

func tokenKeys(t *testing.T, s service.Store) {
	a := service.TokenKey{ID: "kid_a", Algorithm: "ES256", Public: []byte(`{"kty": "EC"}`), Sealed: []byte{1, 1, 'q', 7}, CreatedAt: at(1), SignsAt: at(9)}
	b := service.TokenKey{ID: "kid_b", Algorithm: "EdDSA", Public: []byte(`{"kty":"OKP"}`), Sealed: []byte{1, 1, 'r', 7}, CreatedAt: at(2), SignsAt: at(3)}
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		if err := tx.InsertTokenKey(ctx, a); err != nil {
			return err
		}
		return tx.InsertTokenKey(ctx, b)
	})
	refused(t, s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error { return tx.InsertTokenKey(ctx, b) }), fault.Conflict, "exists")
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		got, err := tx.TokenKeys(ctx)
		same(t, "token keys", got, []service.TokenKey{b, a})
		if err != nil {
			return err
		}
		until, err := tx.SealedUntil(ctx, []byte("\x01\x01q"))
		same(t, "sealed until", until, service.UntilResealed)
		return err
	})
	a.SignsAt, a.WithdrawnAt, a.Sealed = at(2), at(4), nil
	write(t, s, func(ctx context.Context, tx service.Tx) error { return tx.UpdateTokenKey(ctx, a) })
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		got, err := tx.TokenKeys(ctx)
		same(t, "token keys", got, []service.TokenKey{a, b})
		return err
	})
	write(t, s, func(ctx context.Context, tx service.Tx) error { return tx.DropTokenKey(ctx, a.ID) })
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		got, err := tx.TokenKeys(ctx)
		same(t, "token keys", got, []service.TokenKey{b})
		return err
	})
}

// fullProfile has every member set.
var fullProfile = access.Profile{
	Auth: access.AuthKey, Grants: []access.GrantType{access.GrantCode, access.GrantRefresh}, RedirectURIs: []string{"https://app.example/done?a=\"b\""},
	Keys: []byte(`{"keys":[{"kty":"OKP"}]}`), Subject: access.CertificateSubject{DNS: "erp.example"}, DPoP: true, Certificate: true, Pushed: true,
	Resources: []string{"https://a.example"}, Serves: []string{"https://b.example"},
}
