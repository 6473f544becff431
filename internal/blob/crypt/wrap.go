package crypt

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
)

// Wrapper wraps keys under a key that it does not hand out: a master key in
// memory, a key service, or a key-encryption key that a master key has opened.
type Wrapper interface {
	// KeyID names the key that Wrap uses now. It is stored beside the wrapped key.
	KeyID() string
	// Wrap encrypts a key, bound to a context: Unwrap needs the same one.
	Wrap(ctx context.Context, key Key, bound []byte) ([]byte, error)
	// Unwrap decrypts what the key named keyID has wrapped, now or in earlier
	// times. ErrWrongKey where it does not fit or is not known.
	Unwrap(ctx context.Context, keyID string, wrapped, bound []byte) (Key, error)
}

// wrapPurpose keeps wrapping apart from any other use of a key.
const wrapPurpose = "wrap"

// Ring is a Wrapper over keys in memory: the first one wraps, all unwrap. It is
// the master key where that lies in a file; after a rotation the earlier keys
// stay in the ring until nothing is wrapped by them any more. It is safe for
// concurrent use, and its keys can be exchanged while it is in use.
type Ring struct {
	keys    atomic.Pointer[[]NamedKey]
	missing func() // nil, or fetches keys that came meanwhile
}

// NewRing makes a ring of at least one named key, the current one first.
func NewRing(keys ...NamedKey) (*Ring, error) {
	r := &Ring{}
	return r, r.Exchange(keys...)
}

// NamedKey is a key and the name it goes by.
type NamedKey struct {
	ID  string
	Key Key
}

// Exchange puts other keys into the ring, at least one, the current one first.
func (r *Ring) Exchange(keys ...NamedKey) error {
	if len(keys) == 0 {
		return fmt.Errorf("crypt: a ring without a key")
	}
	keys = slices.Clone(keys)
	r.keys.Store(&keys)
	return nil
}

// OnMissing names what is called where a key is asked for that the ring does not
// hold: it may Exchange the keys. Call it before the ring is used.
func (r *Ring) OnMissing(fetch func()) { r.missing = fetch }

func (r *Ring) current() NamedKey { return (*r.keys.Load())[0] }

// KeyID implements Wrapper.
func (r *Ring) KeyID() string { return r.current().ID }

// Wrap implements Wrapper.
func (r *Ring) Wrap(_ context.Context, key Key, bound []byte) ([]byte, error) {
	k := r.current()
	return k.Key.Derive(wrapPurpose).seal(key[:], []byte(wrapPurpose), []byte(k.ID), bound)
}

// Fixed gives the wrapper as it is at this moment: what it wraps is wrapped by
// its KeyID, whatever Exchange does meanwhile.
func Fixed(w Wrapper) Wrapper {
	if r, ok := w.(*Ring); ok {
		fixed := &Ring{missing: r.missing}
		fixed.keys.Store(r.keys.Load())
		return fixed
	}
	return w
}

// Named gives a ring of the key of that name alone. ErrNoKey where it is not at hand.
func (r *Ring) Named(keyID string) (*Ring, error) {
	k, ok := r.find(keyID)
	if !ok {
		return nil, fmt.Errorf("%w: %w: %s", ErrWrongKey, ErrNoKey, keyID)
	}
	return NewRing(NamedKey{keyID, k})
}

// Unwrap implements Wrapper.
func (r *Ring) Unwrap(_ context.Context, keyID string, wrapped, bound []byte) (Key, error) {
	k, ok := r.find(keyID)
	if !ok {
		return Key{}, fmt.Errorf("%w: %w: %s", ErrWrongKey, ErrNoKey, keyID)
	}
	plain, err := k.Derive(wrapPurpose).open(wrapped, []byte(wrapPurpose), []byte(keyID), bound)
	if err != nil || len(plain) != len(Key{}) {
		return Key{}, fmt.Errorf("%w: it was not wrapped by %s for this place", ErrWrongKey, keyID)
	}
	defer clear(plain)
	return Key(plain), nil
}

func (r *Ring) find(keyID string) (Key, bool) {
	if k, ok := r.look(keyID); ok || r.missing == nil {
		return k, ok
	}
	r.missing()
	return r.look(keyID)
}

func (r *Ring) look(keyID string) (Key, bool) {
	for _, k := range *r.keys.Load() {
		if k.ID == keyID {
			return k.Key, true
		}
	}
	return Key{}, false
}

// NewKEK draws a key-encryption key and gives it as a Wrapper, named id, and
// wrapped by master for the place that bound names.
func NewKEK(ctx context.Context, master Wrapper, id string, bound []byte) (kek *Ring, wrapped []byte, err error) {
	key := NewKey()
	wrapped, err = master.Wrap(ctx, key, bound)
	if err != nil {
		return nil, nil, err
	}
	kek, err = NewRing(NamedKey{id, key})
	return kek, wrapped, err
}

// OpenKEK gives a stored key-encryption key as a Wrapper. ErrWrongKey as Unwrap.
func OpenKEK(ctx context.Context, master Wrapper, masterID, id string, wrapped, bound []byte) (*Ring, error) {
	key, err := master.Unwrap(ctx, masterID, wrapped, bound)
	if err != nil {
		return nil, err
	}
	return NewRing(NamedKey{id, key})
}

// Box encrypts small values that rest in the database, such as stored results.
// A box names the key inside the sealed value, so values sealed before a
// rotation still open.
type Box struct{ ring *Ring }

// boxPurpose keeps boxes apart from any other use of a key.
const boxPurpose = "box"

// NewBox makes a box over the keys of a ring; the first one seals.
func NewBox(ring *Ring) *Box { return &Box{ring} }

// Seal encrypts plaintext, bound to a context: Open needs the same one. The
// form is version 1, the length of the key's name, the name, nonce, ciphertext, tag.
func (b *Box) Seal(plaintext, bound []byte) ([]byte, error) {
	k := b.ring.current()
	id := k.ID
	sealed, err := k.Key.Derive(boxPurpose).seal(plaintext, []byte(boxPurpose), []byte(id), bound)
	if err != nil {
		return nil, err
	}
	return append(SealedBy(id), sealed...), nil
}

// SealedBy is how every value begins that the key of that name has sealed.
func SealedBy(keyID string) []byte { return append([]byte{1, byte(len(keyID))}, keyID...) }

// Prefix is how every value begins that the box seals now.
func (b *Box) Prefix() []byte { return SealedBy(b.ring.KeyID()) }

// Open reverses Seal. ErrWrongKey where key, context or bytes are others.
func (b *Box) Open(sealed, bound []byte) ([]byte, error) {
	if len(sealed) < 2 || sealed[0] != 1 || len(sealed) < 2+int(sealed[1])+overhead {
		return nil, fmt.Errorf("%w: this is no sealed value", ErrWrongKey)
	}
	id, rest := string(sealed[2:2+sealed[1]]), sealed[2+sealed[1]:]
	k, ok := b.ring.find(id)
	if !ok {
		return nil, fmt.Errorf("%w: %w: %q", ErrWrongKey, ErrNoKey, id)
	}
	return k.Derive(boxPurpose).open(rest, []byte(boxPurpose), []byte(id), bound)
}
