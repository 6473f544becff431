package crypt

import (
	"bytes"
	"context"
	"fmt"
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
// stay in the ring until nothing is wrapped by them any more.
type Ring struct {
	ids  []string
	keys []Key
}

// NewRing makes a ring of at least one named key, the current one first.
func NewRing(keys ...NamedKey) (*Ring, error) {
	if len(keys) == 0 {
		return nil, fmt.Errorf("crypt: a ring without a key")
	}
	r := &Ring{}
	for _, k := range keys {
		r.ids, r.keys = append(r.ids, k.ID), append(r.keys, k.Key)
	}
	return r, nil
}

// NamedKey is a key and the name it goes by.
type NamedKey struct {
	ID  string
	Key Key
}

// KeyID implements Wrapper.
func (r *Ring) KeyID() string { return r.ids[0] }

// Wrap implements Wrapper.
func (r *Ring) Wrap(_ context.Context, key Key, bound []byte) ([]byte, error) {
	return r.keys[0].Derive(wrapPurpose).seal(key[:], []byte(wrapPurpose), []byte(r.ids[0]), bound)
}

// Unwrap implements Wrapper.
func (r *Ring) Unwrap(_ context.Context, keyID string, wrapped, bound []byte) (Key, error) {
	k, ok := r.find(keyID)
	if !ok {
		return Key{}, fmt.Errorf("%w: no key %s at hand", ErrWrongKey, keyID)
	}
	plain, err := k.Derive(wrapPurpose).open(wrapped, []byte(wrapPurpose), []byte(keyID), bound)
	if err != nil || len(plain) != len(Key{}) {
		return Key{}, fmt.Errorf("%w: it was not wrapped by %s for this place", ErrWrongKey, keyID)
	}
	defer clear(plain)
	return Key(plain), nil
}

func (r *Ring) find(keyID string) (Key, bool) {
	for i, id := range r.ids {
		if id == keyID {
			return r.keys[i], true
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
	id := b.ring.ids[0]
	sealed, err := b.ring.keys[0].Derive(boxPurpose).seal(plaintext, []byte(boxPurpose), []byte(id), bound)
	if err != nil {
		return nil, err
	}
	return bytes.Join([][]byte{{1, byte(len(id))}, []byte(id), sealed}, nil), nil
}

// Open reverses Seal. ErrWrongKey where key, context or bytes are others.
func (b *Box) Open(sealed, bound []byte) ([]byte, error) {
	if len(sealed) < 2 || sealed[0] != 1 || len(sealed) < 2+int(sealed[1])+overhead {
		return nil, fmt.Errorf("%w: this is no sealed value", ErrWrongKey)
	}
	id, rest := string(sealed[2:2+sealed[1]]), sealed[2+sealed[1]:]
	k, ok := b.ring.find(id)
	if !ok {
		return nil, fmt.Errorf("%w: no key %q at hand", ErrWrongKey, id)
	}
	return k.Derive(boxPurpose).open(rest, []byte(boxPurpose), []byte(id), bound)
}
