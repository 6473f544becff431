package blob

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/paraph/paraph/internal/blob/crypt"
	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/id"
)

// KeyPrefix is the id prefix of a key-encryption key: kek_….
const KeyPrefix = "kek"

// KeyRow is a key-encryption key as the database keeps it.
type KeyRow struct {
	ID        string
	Scope     Scope
	MasterID  string // the master key that wraps it
	Wrapped   []byte
	CreatedAt time.Time
}

// KeyRows is where key-encryption keys are kept: the database.
type KeyRows interface {
	// KeyFor gives the newest key of a scope; a NotFound fault where there is none.
	KeyFor(ctx context.Context, scope Scope) (KeyRow, error)
	// KeyByID gives the key of that id; a NotFound fault.
	KeyByID(ctx context.Context, keyID string) (KeyRow, error)
	// InsertKey keeps a new key, for good when it returns; a Conflict fault where
	// another writer has made one for the scope first. Unavailable, CodeRotated,
	// where the master key that wraps it is not in force.
	InsertKey(ctx context.Context, row KeyRow) error
	// MasterInForce names the master key to wrap by; "" where none is named.
	MasterInForce(ctx context.Context) (string, error)
	// DocumentKey gives the key of a document; a NotFound fault where it has none.
	DocumentKey(ctx context.Context, org, documentID string) (DocumentKeyRow, error)
	// DocumentKeyByID gives the document key of that id; a NotFound fault.
	DocumentKeyByID(ctx context.Context, keyID string) (DocumentKeyRow, error)
}

// KeyRing implements Keys over the database's rows and a master key. It keeps
// opened keys in memory, a few hundred bytes each.
type KeyRing struct {
	rows   KeyRows
	master crypt.Wrapper
	clock  clock.Clock

	mu     sync.Mutex
	scopes map[Scope]known
	opened map[string]*crypt.Ring
}

// known is the key that was in force for a scope when the database was asked.
type known struct {
	keyID string
	asked time.Time
}

// knownFor is how long a key counts as in force without asking again. It is far
// below the time for which a key stays after another has taken its place.
const knownFor = time.Minute

// NewKeyRing makes a key ring.
func NewKeyRing(rows KeyRows, master crypt.Wrapper, clk clock.Clock) *KeyRing {
	return &KeyRing{rows: rows, master: master, clock: clk, scopes: map[Scope]known{}, opened: map[string]*crypt.Ring{}}
}

// boundKey ties a wrapped key-encryption key to its place, so that a row copied
// to another organisation opens nothing.
func boundKey(keyID string, s Scope) []byte {
	return []byte(strings.Join([]string{"kek", keyID, s.Org, s.Unit, s.Class}, "\x00"))
}

// For implements Keys.
func (k *KeyRing) For(ctx context.Context, scope Scope) (crypt.Wrapper, error) {
	now := k.clock.Now()
	k.mu.Lock()
	last := k.scopes[scope]
	ring := k.opened[last.keyID]
	k.mu.Unlock()
	if ring != nil && now.Sub(last.asked) < knownFor {
		return ring, nil
	}
	row, err := k.rows.KeyFor(ctx, scope)
	if fault.KindOf(err) == fault.NotFound {
		row, err = k.create(ctx, scope)
	}
	if err != nil {
		return nil, err
	}
	if ring, err = k.open(ctx, row); err != nil {
		return nil, err
	}
	k.mu.Lock()
	k.scopes[scope] = known{row.ID, now}
	k.mu.Unlock()
	return ring, nil
}

// create makes the key of a scope, or finds the one that came first. Where the
// master key is rotated at this very moment, the second try follows it.
func (k *KeyRing) create(ctx context.Context, scope Scope) (row KeyRow, err error) {
	for range 2 {
		var master crypt.Wrapper
		if master, err = k.inForce(ctx); err != nil {
			return KeyRow{}, err
		}
		now := k.clock.Now()
		row = KeyRow{ID: id.New(KeyPrefix, now), Scope: scope, MasterID: master.KeyID(), CreatedAt: now}
		if _, row.Wrapped, err = crypt.NewKEK(ctx, master, row.ID, boundKey(row.ID, scope)); err != nil {
			return KeyRow{}, Away(err)
		}
		err = k.rows.InsertKey(ctx, row)
		if fault.KindOf(err) == fault.Conflict {
			return k.rows.KeyFor(ctx, scope)
		}
		if fault.CodeOf(err) != CodeRotated {
			return row, err
		}
	}
	return row, err
}

// CodeRotated is the code of KeyRows.InsertKey's fault for a master key that is
// not in force.
const CodeRotated = "master_key_rotated"

// inForce gives the master key that the database names, whatever this process
// has heard of a rotation.
func (k *KeyRing) inForce(ctx context.Context) (crypt.Wrapper, error) {
	master := crypt.Fixed(k.master)
	want, err := k.rows.MasterInForce(ctx)
	if err != nil || want == "" || want == master.KeyID() {
		return master, err
	}
	ring, ok := k.master.(*crypt.Ring)
	if !ok {
		return nil, Away(fmt.Errorf("the master key %s is in force, not %s", want, master.KeyID()))
	}
	named, err := ring.Named(want)
	if err != nil {
		return nil, Away(err)
	}
	return named, nil
}

// ByID implements Keys.
func (k *KeyRing) ByID(ctx context.Context, keyID string) (crypt.Wrapper, error) {
	if strings.HasPrefix(keyID, DocumentKeyPrefix+"_") {
		return k.openDocument(ctx, func() (DocumentKeyRow, error) { return k.rows.DocumentKeyByID(ctx, keyID) })
	}
	k.mu.Lock()
	ring := k.opened[keyID]
	k.mu.Unlock()
	if ring != nil {
		return ring, nil
	}
	row, err := k.rows.KeyByID(ctx, keyID)
	if err != nil {
		return nil, err
	}
	return k.open(ctx, row)
}

// open unwraps a row's key and keeps it at hand.
func (k *KeyRing) open(ctx context.Context, row KeyRow) (*crypt.Ring, error) {
	ring, err := crypt.OpenKEK(ctx, k.master, row.MasterID, row.ID, row.Wrapped, boundKey(row.ID, row.Scope))
	if err != nil {
		return nil, unopened(err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.opened[row.ID] = ring
	return ring, nil
}

// unopened is the fault of a key that did not open: it is damaged, or the key that
// wraps it has not come to this process, which a person can mend.
func unopened(err error) error {
	if errors.Is(err, crypt.ErrWrongKey) && !errors.Is(err, crypt.ErrNoKey) {
		return because(err, ErrDamaged)
	}
	return Away(err)
}

// Opened names the keys of units that are kept in memory.
func (k *KeyRing) Opened() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Sorted(maps.Keys(k.opened))
}

// Forget drops what is kept in memory of a key, or of all keys with "": after a
// rotation, or where a key was destroyed. Other processes have to be told too.
func (k *KeyRing) Forget(keyID string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if keyID == "" {
		clear(k.opened)
		clear(k.scopes)
		return
	}
	delete(k.opened, keyID)
}
