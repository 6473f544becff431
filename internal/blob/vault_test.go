package blob_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/paraph/paraph/internal/blob"
	"github.com/paraph/paraph/internal/blob/blobtest"
	"github.com/paraph/paraph/internal/blob/crypt"
	"github.com/paraph/paraph/internal/blob/disk"
	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/fault"
)

// rows keeps keys as the database would.
type rows struct {
	mu   sync.Mutex
	list []blob.KeyRow
}

func (r *rows) find(match func(blob.KeyRow) bool) (blob.KeyRow, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, row := range r.list {
		if match(row) {
			return row, nil
		}
	}
	return blob.KeyRow{}, fault.New(fault.NotFound, "not_found", "no key")
}

func (r *rows) KeyFor(_ context.Context, scope blob.Scope) (blob.KeyRow, error) {
	return r.find(func(row blob.KeyRow) bool { return row.Scope == scope })
}

func (r *rows) KeyByID(_ context.Context, keyID string) (blob.KeyRow, error) {
	return r.find(func(row blob.KeyRow) bool { return row.ID == keyID })
}

func (r *rows) DocumentKey(context.Context, string, string) (blob.DocumentKeyRow, error) {
	return blob.DocumentKeyRow{}, errNone
}

func (r *rows) DocumentKeyByID(context.Context, string) (blob.DocumentKeyRow, error) {
	return blob.DocumentKeyRow{}, errNone
}

var errNone = fault.New(fault.NotFound, "not_found", "no key")

func (r *rows) MasterInForce(context.Context) (string, error) { return "", nil }

func (r *rows) InsertKey(ctx context.Context, row blob.KeyRow) error {
	if _, err := r.KeyFor(ctx, row.Scope); err == nil {
		return fault.New(fault.Conflict, "exists", "there is one")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, row)
	return nil
}

var (
	scope = blob.Scope{Org: "org_a", Unit: "unit_1", Class: "documents"}
	clk   = clock.NewFake(time.Unix(1795000000, 0))
)

type fixture struct {
	root   string
	store  *disk.Store
	rows   *rows
	master *crypt.Ring
	vault  *blob.Vault
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{root: filepath.Join(t.TempDir(), "blobs"), rows: &rows{}}
	var err error
	if f.store, err = disk.Open(f.root); err != nil {
		t.Fatal(err)
	}
	if f.master, err = crypt.NewRing(crypt.NamedKey{ID: "key_1", Key: crypt.NewKey()}); err != nil {
		t.Fatal(err)
	}
	f.vault = f.restarted()
	return f
}

// restarted gives a vault that has nothing in memory yet.
func (f *fixture) restarted() *blob.Vault {
	return blob.NewVault(f.store, blob.NewKeyRing(f.rows, f.master, clk), clk)
}

func (f *fixture) path(s blob.Stored) string { return filepath.Join(f.root, s.ID[len(s.ID)-2:], s.ID) }

func (f *fixture) put(t testing.TB, content []byte) blob.Stored {
	t.Helper()
	s, err := f.vault.Put(context.Background(), scope, bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestFilesComeBackAndRestEncrypted(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, size := range []int{0, 1, 1000, crypt.SegmentSize, 2*crypt.SegmentSize + 5} {
		content := blobtest.Bytes(size)
		s := f.put(t, content)
		sum := sha256.Sum256(content)
		if s.Size != int64(size) || s.SHA256 != hex.EncodeToString(sum[:]) {
			t.Errorf("stored %+v", s)
		}
		vault := f.restarted()
		file, err := vault.Open(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		if err := iotest.TestReader(file, content); err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
		if err := errors.Join(file.Close(), vault.Verify(t.Context(), s)); err != nil {
			t.Error(err)
		}
		rest, err := os.ReadFile(f.path(s))
		if err != nil || int64(len(rest)) != crypt.SealedSize(int64(size)) || size > 16 && bytes.Contains(rest, content[:16]) {
			t.Errorf("%d bytes at rest, %v", len(rest), err)
		}
	}
	if len(f.rows.list) != 1 {
		t.Errorf("%d keys for one scope", len(f.rows.list))
	}
}

func TestManyFirstUploadsMakeOneKey(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			s, err := f.restarted().Put(context.Background(), scope, bytes.NewReader([]byte("x")))
			if err != nil {
				t.Error(err)
				return
			}
			if err := f.restarted().Verify(context.Background(), s); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(f.rows.list) != 1 {
		t.Errorf("%d keys", len(f.rows.list))
	}
}

// TestWhatIsNotWhatWasStoredIsNotRead changes stored bytes, row and keys.
func TestWhatIsNotWhatWasStoredIsNotRead(t *testing.T) {
	t.Parallel()
	content := blobtest.Bytes(2*crypt.SegmentSize + 5)
	tests := map[string]func(t *testing.T, f *fixture, s, other *blob.Stored){
		"another object in its place": func(t *testing.T, f *fixture, s, other *blob.Stored) {
			check(t, os.Rename(f.path(*other), f.path(*s)))
		},
		"a row that points to another object": func(_ *testing.T, _ *fixture, s, other *blob.Stored) { s.ID = other.ID },
		"another object's key":                func(_ *testing.T, _ *fixture, s, other *blob.Stored) { s.DataKey = other.DataKey },
		"another size":                        func(_ *testing.T, _ *fixture, s, _ *blob.Stored) { s.Size-- },
		"another digest":                      func(_ *testing.T, _ *fixture, s, other *blob.Stored) { s.SHA256 = other.SHA256 },
		"cut at a segment": func(t *testing.T, f *fixture, s, _ *blob.Stored) {
			check(t, os.Truncate(f.path(*s), crypt.SealedSize(crypt.SegmentSize)))
		},
		"a flipped bit": func(t *testing.T, f *fixture, s, _ *blob.Stored) {
			b, err := os.ReadFile(f.path(*s))
			check(t, err)
			b[1000] ^= 1
			check(t, os.WriteFile(f.path(*s), b, 0o600))
		},
		"another unit's key row": func(_ *testing.T, f *fixture, _, _ *blob.Stored) { f.rows.list[0].Scope.Unit = "unit_2" },
		"another master key": func(t *testing.T, f *fixture, _, _ *blob.Stored) {
			var err error
			f.master, err = crypt.NewRing(crypt.NamedKey{ID: "key_1", Key: crypt.NewKey()})
			check(t, err)
		},
	}
	for name, attack := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			s, other := f.put(t, content), f.put(t, blobtest.Bytes(100))
			attack(t, f, &s, &other)
			if err := f.restarted().Verify(t.Context(), s); !errors.Is(err, blob.ErrDamaged) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestADestroyedKeyDestroysTheFiles(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	s := f.put(t, []byte("personal"))
	f.rows.list = nil
	if err := f.restarted().Verify(t.Context(), s); fault.KindOf(err) != fault.NotFound {
		t.Errorf("got %v", err)
	}
}

func TestRewrapLeavesTheObjectAlone(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	s := f.put(t, []byte("content"))
	before, err := os.ReadFile(f.path(s))
	check(t, err)
	moved, err := f.vault.Rewrap(t.Context(), s, blob.Scope{Org: "org_a", Unit: "unit_2", Class: "documents"})
	check(t, err)
	if moved.KeyID == s.KeyID || bytes.Equal(moved.DataKey, s.DataKey) || moved.ID != s.ID {
		t.Errorf("rewrapped %+v", moved)
	}
	check(t, f.restarted().Verify(t.Context(), moved))
	after, err := os.ReadFile(f.path(s))
	if check(t, err); !bytes.Equal(before, after) {
		t.Error("the object was changed")
	}
}

func TestAnUploadThatFailsLeavesNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	broken := fault.New(fault.TooLarge, "too_large", "over the limit")
	_, err := f.vault.Put(t.Context(), scope, io.MultiReader(bytes.NewReader(blobtest.Bytes(400_000)), iotest.ErrReader(broken)))
	if fault.CodeOf(err) != "too_large" {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = f.vault.Put(ctx, scope, io.MultiReader(bytes.NewReader(blobtest.Bytes(400_000)), readerFunc(func(p []byte) (int, error) {
		cancel()
		return len(p), nil
	})))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	files := 0
	check(t, filepath.WalkDir(f.root, func(_ string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			files++
		}
		return err
	}))
	if files != 0 {
		t.Errorf("%d files left", files)
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestMemoryStaysFlat stores and reads 200 MB and counts what is allocated on
// the way, all in all: not what is held at once, which is less.
func TestMemoryStaysFlat(t *testing.T) {
	f := newFixture(t)
	const size = 200 << 20
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	zeros := readerFunc(func(p []byte) (int, error) { clear(p); return len(p), nil })
	s, err := f.vault.Put(t.Context(), scope, io.LimitReader(zeros, size))
	check(t, err)
	check(t, f.vault.Verify(t.Context(), s))
	runtime.ReadMemStats(&after)
	const limit = 4 << 20
	if got := after.TotalAlloc - before.TotalAlloc; s.Size != size || got > limit {
		t.Errorf("%d bytes stored with %d bytes allocated, limit %d", s.Size, got, limit)
	}
}

func BenchmarkPut(b *testing.B) {
	f := newFixture(b)
	content := blobtest.Bytes(64 << 20)
	b.SetBytes(int64(len(content)))
	for b.Loop() {
		s := f.put(b, content)
		if err := f.store.Delete(context.Background(), s.ID); err != nil {
			b.Fatal(err)
		}
	}
}
