package vault

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/blob/crypt"
	"github.com/paraph/paraph/internal/blob/disk"
	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
)

// db is a database that knows keys only; it is also its own transaction.
type db struct {
	service.Store
	service.Tx
	mu   sync.Mutex
	keys []service.Key
}

func (d *db) Read(ctx context.Context, fn func(context.Context, service.Reader) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return fn(ctx, keysOnly{Tx: d.Tx, d: d})
}

func (d *db) Write(ctx context.Context, fn func(context.Context, service.Tx) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return fn(ctx, keysOnly{Tx: d.Tx, d: d})
}

type keysOnly struct {
	service.Tx
	d *db
}

func (k keysOnly) find(match func(service.Key) bool) (service.Key, error) {
	for _, key := range k.d.keys {
		if match(key) {
			return key, nil
		}
	}
	return service.Key{}, fault.New(fault.NotFound, "not_found", "no key")
}

func (k keysOnly) Key(_ context.Context, org, unit, class string) (service.Key, error) {
	return k.find(func(key service.Key) bool { return key.Org == org && key.Unit == unit && key.Class == class })
}

func (k keysOnly) KeyByID(_ context.Context, id string) (service.Key, error) {
	return k.find(func(key service.Key) bool { return key.ID == id })
}

func (k keysOnly) InsertKey(ctx context.Context, key service.Key) error {
	if _, err := k.Key(ctx, key.Org, key.Unit, key.Class); err == nil {
		return fault.New(fault.Conflict, "exists", "there is one")
	}
	k.d.keys = append(k.d.keys, key)
	return nil
}

func TestServiceVault(t *testing.T) {
	t.Parallel()
	objects, err := disk.Open(filepath.Join(t.TempDir(), "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	master, err := crypt.NewRing(crypt.NamedKey{ID: "key_1", Key: crypt.NewKey()})
	if err != nil {
		t.Fatal(err)
	}
	d := &db{}
	clk := clock.NewFake(time.Unix(1795000000, 0))
	var stored []service.Blob
	for _, unit := range []string{"purchasing", "purchasing", "finance"} {
		b, err := New(objects, d, master, clk).Put(t.Context(), "org_a", unit, bytes.NewReader([]byte("content of "+unit)))
		if err != nil {
			t.Fatal(err)
		}
		if b.Org != "org_a" || !b.CreatedAt.Equal(clk.Now()) {
			t.Errorf("%+v", b)
		}
		stored = append(stored, b)
	}
	if len(d.keys) != 2 || stored[0].KeyID != stored[1].KeyID || stored[0].KeyID == stored[2].KeyID {
		t.Errorf("%d keys for two units", len(d.keys))
	}
	v := New(objects, d, master, clk)
	content, err := v.Open(t.Context(), stored[2])
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	if got, err := io.ReadAll(content); err != nil || string(got) != "content of finance" || content.Size() != int64(len(got)) {
		t.Errorf("%q, %v", got, err)
	}
	if err := v.Remove(t.Context(), stored[2].ID); err != nil {
		t.Fatal(err)
	}
	missing, err := v.Open(t.Context(), stored[2])
	if fault.KindOf(err) != fault.NotFound || missing != nil {
		t.Errorf("%v, %v", missing, err)
	}
}
