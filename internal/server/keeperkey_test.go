package server

import (
	"context"
	"crypto"
	"errors"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/sealkey"
	"github.com/paraph/paraph/internal/sealkey/sealkeytest"
)

// untouched is a keeper that is not to be asked.
type untouched struct{ *testing.T }

// Address implements sealkey.Keeper.
func (u untouched) Address() string { return "untouched" }

// SignDigest implements sealkey.Keeper.
func (u untouched) SignDigest(context.Context, []byte, crypto.SignerOpts) ([]byte, error) {
	u.Error("another key was asked to sign")
	return nil, errors.New("it was")
}

// TestKeeperWithAnotherKey: a keeper that comes back with another key is not asked for a seal.
func TestKeeperWithAnotherKey(t *testing.T) {
	t.Parallel()
	k := &keeper{public: sealkeytest.NewKey(t).Public(), opened: sealkey.New(sealkeytest.NewKey(t).Public(), nil, untouched{t}, time.Minute)}
	if _, err := k.SignDigest(t.Context(), make([]byte, 32), crypto.SHA256); sealkey.ReasonOf(err) != sealkey.Unfit {
		t.Errorf("want unfit, got %v", err)
	}
}
