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
	docs []service.DocumentKey
	blob []service.Blob
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

func (k keysOnly) Setting(context.Context, string) (string, error) {
	return "", fault.New(fault.NotFound, "not_found", "no setting")
}

func (k keysOnly) InsertKey(ctx context.Context, key service.Key) error {
	if _, err := k.Key(ctx, key.Org, key.Unit, key.Class); err == nil {
		return fault.New(fault.Conflict, "exists", "there is one")
	}
	k.d.keys = append(k.d.keys, key)
	return nil
}

func (k keysOnly) document(match func(service.DocumentKey) bool) (service.DocumentKey, error) {
	for _, key := range k.d.docs {
		if match(key) {
			return key, nil
		}
	}
	return service.DocumentKey{}, fault.New(fault.NotFound, "not_found", "no key")
}

func (k keysOnly) DocumentKey(_ context.Context, org, doc string) (service.DocumentKey, error) {
	return k.document(func(key service.DocumentKey) bool { return key.Org == org && key.DocumentID == doc })
}

func (k keysOnly) DocumentKeyByID(_ context.Context, id string) (service.DocumentKey, error) {
	return k.document(func(key service.DocumentKey) bool { return key.ID == id })
}

func (k keysOnly) InsertDocumentKey(_ context.Context, key service.DocumentKey) error {
	k.d.docs = append(k.d.docs, key)
	return nil
}

func (k keysOnly) BlobsOf(context.Context, string, string) ([]service.Blob, error) {
	return k.d.blob, nil
}

func (k keysOnly) RewrapBlob(_ context.Context, b service.Blob, from string) error {
	for i := range k.d.blob {
		if k.d.blob[i].ID == b.ID && k.d.blob[i].KeyID == from {
			k.d.blob[i] = b
		}
	}
	return nil
}

type fixture struct {
	*db
	objects *disk.Store
	master  crypt.Wrapper
	clock   *clock.Fake
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	objects, err := disk.Open(filepath.Join(t.TempDir(), "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	master, err := crypt.NewRing(crypt.NamedKey{ID: "key_1", Key: crypt.NewKey()})
	if err != nil {
		t.Fatal(err)
	}
	return &fixture{&db{}, objects, master, clock.NewFake(time.Unix(1795000000, 0))}
}

// vault is a vault as another process would have it.
func (f *fixture) vault() *Vault { return New(f.objects, f.db, f.master, f.clock) }

func (f *fixture) put(t *testing.T, at service.Place, content string) service.Blob {
	t.Helper()
	b, err := f.vault().Put(t.Context(), at, bytes.NewReader([]byte(content)))
	if err != nil {
		t.Fatal(err)
	}
	if b.Org != at.Org || !b.CreatedAt.Equal(f.clock.Now()) {
		t.Errorf("%+v", b)
	}
	if b.Key != nil {
		f.docs = append(f.docs, *b.Key)
	}
	return b
}

func (f *fixture) content(t *testing.T, b service.Blob) (string, error) {
	t.Helper()
	c, err := f.vault().Open(t.Context(), b)
	if err != nil {
		if c != nil {
			t.Error("an error with content")
		}
		return "", err
	}
	defer c.Close()
	got, err := io.ReadAll(c)
	if err != nil || c.Size() != int64(len(got)) {
		t.Errorf("%d of %d bytes, %v", len(got), c.Size(), err)
	}
	return string(got), nil
}

// TestServiceVault: a new document brings its own key, its later files lie under
// the same one, and units have keys apart.
func TestServiceVault(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var stored []service.Blob
	for _, at := range []service.Place{
		{Org: "org_a", Unit: "purchasing", Document: "doc_1", New: true}, {Org: "org_a", Unit: "purchasing", Document: "doc_1"},
		{Org: "org_a", Unit: "purchasing", Document: "doc_2", New: true}, {Org: "org_a", Unit: "finance", Document: "doc_3", New: true},
	} {
		stored = append(stored, f.put(t, at, "content of "+at.Document))
	}
	if len(f.keys) != 2 || len(f.docs) != 3 || stored[0].KeyID != stored[1].KeyID || stored[1].KeyID == stored[2].KeyID {
		t.Errorf("%d keys of units, %d of documents", len(f.keys), len(f.docs))
	}
	if got, err := f.content(t, stored[3]); err != nil || got != "content of doc_3" {
		t.Errorf("%q, %v", got, err)
	}
	if err := f.vault().Remove(t.Context(), stored[3].ID); err != nil {
		t.Fatal(err)
	}
	if _, err := f.content(t, stored[3]); fault.KindOf(err) != fault.NotFound {
		t.Errorf("%v", err)
	}
}

// TestDestroyedKey: with a document's key its files are gone, at once and in
// every process, though their bytes are there; those of others are not.
func TestDestroyedKey(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	mine := f.put(t, service.Place{Org: "org_a", Unit: "u", Document: "doc_1", New: true}, "mine")
	other := f.put(t, service.Place{Org: "org_a", Unit: "u", Document: "doc_2", New: true}, "other")
	warm := f.vault()
	if c, err := warm.Open(t.Context(), mine); err != nil {
		t.Fatal(err)
	} else {
		c.Close()
	}
	kept := f.docs[0]
	f.docs[0].Wrapped, f.docs[0].DestroyedAt = nil, f.clock.Now()
	if _, err := warm.Open(t.Context(), mine); fault.CodeOf(err) != "document_disposed" || fault.KindOf(err) != fault.Gone {
		t.Errorf("opened with a destroyed key: %v", err)
	}
	if _, err := warm.Put(t.Context(), service.Place{Org: "org_a", Unit: "u", Document: "doc_1"}, bytes.NewReader([]byte("more"))); fault.CodeOf(err) != "document_disposed" {
		t.Errorf("put under a destroyed key: %v", err)
	}
	if got, err := f.content(t, other); err != nil || got != "other" {
		t.Errorf("%q, %v", got, err)
	}
	f.docs[0] = kept
	f.docs[0].DocumentID = "doc_2" // a row moved to another document opens nothing
	if _, err := f.content(t, mine); fault.CodeOf(err) != "blob_damaged" {
		t.Errorf("a moved key opens: %v", err)
	}
}

// TestAdoption: files from before document keys stay readable, and come under
// the document's key when it gets one.
func TestAdoption(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	s, err := f.vault().Vault.Put(t.Context(), scopeOf("org_a", "u"), bytes.NewReader([]byte("old")))
	if err != nil {
		t.Fatal(err)
	}
	f.blob = []service.Blob{{ID: s.ID, Org: "org_a", KeyID: s.KeyID, DataKey: s.DataKey, Size: s.Size, SHA256: s.SHA256}}
	if got, err := f.content(t, f.blob[0]); err != nil || got != "old" {
		t.Fatalf("%q, %v", got, err)
	}
	fresh := f.put(t, service.Place{Org: "org_a", Unit: "u", Document: "doc_1"}, "fresh")
	if len(f.docs) != 1 || fresh.KeyID != f.docs[0].ID || f.blob[0].KeyID != f.docs[0].ID {
		t.Fatalf("%+v %+v", f.docs, f.blob)
	}
	if got, err := f.content(t, f.blob[0]); err != nil || got != "old" {
		t.Errorf("%q, %v", got, err)
	}
}
