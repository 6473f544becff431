package server

import (
	"bytes"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/config"
)

// TestKeysAreMadeOnce: processes that start at once on an empty folder of keys
// end up with the same ones.
func TestKeysAreMadeOnce(t *testing.T) {
	t.Parallel()
	c := config.Default()
	c.DataDir, c.KeysDir = t.TempDir(), filepath.Join(t.TempDir(), "keys")
	all := make([]*Keys, 8)
	gun := make(chan struct{})
	var starters sync.WaitGroup
	for i := range all {
		starters.Go(func() {
			<-gun
			k, err := LoadKeys(&c, clock.System{})
			if err != nil {
				t.Error(err)
			}
			all[i] = k
		})
	}
	close(gun)
	starters.Wait()
	for _, k := range all[1:] {
		if k == nil || all[0] == nil {
			t.FailNow()
		}
		if !slices.Equal(k.ids(), all[0].ids()) || !bytes.Equal(k.logKey, all[0].logKey) ||
			!bytes.Equal(k.Authority.RootPEM(), all[0].Authority.RootPEM()) || !k.Authority.Seal.Equal(all[0].Authority.Seal) {
			t.Error("two processes have made keys of their own")
		}
	}
}
