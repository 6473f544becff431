// Package crypt encrypts Paraph's files and small values at rest.
//
// A file is one object: a header and segments of 256 KiB, each sealed with
// AES-256-GCM under a data key of the object's own (segment.go describes the
// bytes). It is written and read as a stream, and read from anywhere.
//
// Keys stand in four steps. A data key exists for one object only; it is
// wrapped by the key of its document, that by the key-encryption key of a
// business unit and class, and that by the master key. Wrapped keys are bytes
// that the caller keeps in its database, apart from the objects: destroying a
// document's key destroys all its objects.
// The master key lies in a file (keyfile.go) or behind another Wrapper.
//
// Nothing here chooses a nonce: all sealing goes through
// cipher.NewGCMWithRandomNonce, so the package works with GODEBUG=fips140=only.
//
// This is a leaf library: it imports the standard library only, and its errors
// are ErrDamaged, ErrWrongKey and those of the key file.
package crypt

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
)

// Key is a secret of 32 bytes. It never prints itself.
type Key [32]byte

// NewKey draws a key.
func NewKey() Key {
	var k Key
	rand.Read(k[:]) // never fails: crypto/rand ends the process instead
	return k
}

// String implements fmt.Stringer without telling the key.
func (Key) String() string { return "[secret]" }

// GoString implements fmt.GoStringer without telling the key.
func (Key) GoString() string { return "[secret]" }

// Format implements fmt.Formatter without telling the key, whatever the verb.
func (Key) Format(s fmt.State, _ rune) { fmt.Fprint(s, "[secret]") }

// LogValue implements slog.LogValuer without telling the key.
func (Key) LogValue() slog.Value { return slog.StringValue("[secret]") }

// MarshalText refuses: a key is not to be written into JSON by accident.
func (Key) MarshalText() ([]byte, error) {
	return nil, errors.New("crypt: a key is not to be marshalled")
}

var (
	// ErrDamaged says that bytes at rest are not what was written: changed, cut,
	// extended, moved, or taken from another object.
	ErrDamaged = errors.New("crypt: the stored bytes are not what was written")
	// ErrWrongKey says that a wrapped key or value does not open under the key at
	// hand, or that an object was not written with this key.
	ErrWrongKey = errors.New("crypt: the key does not fit")
	// ErrNoKey comes with ErrWrongKey where the key of that name is not at hand.
	ErrNoKey = errors.New("the key is not at hand")
)

// ID names a key without telling it: prefix, underscore and 32 hex digits, of
// an HMAC under the key. Two keys have the same id only if they are the same.
func (k Key) ID(prefix string) string {
	sum := k.tag("paraph-key-id@v1")
	return prefix + "_" + hex.EncodeToString(sum[:16])
}

// Derive gives the key for one purpose, so that no key serves two.
func (k Key) Derive(purpose string) Key { return k.tag("paraph-derive@v1/" + purpose) }

func (k Key) tag(message string) [32]byte {
	h := hmac.New(sha256.New, k[:])
	h.Write([]byte(message))
	return [32]byte(h.Sum(nil))
}

func (k Key) aead() (cipher.AEAD, error) {
	block, err := aes.NewCipher(k[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// overhead is what sealing adds: a nonce of 12 bytes and a tag of 16.
const overhead = 28

// seal encrypts a small value bound to the contexts.
func (k Key) seal(plaintext []byte, contexts ...[]byte) ([]byte, error) {
	aead, err := k.aead()
	if err != nil {
		return nil, err
	}
	return aead.Seal(nil, nil, plaintext, join(contexts)), nil
}

// open reverses seal. ErrWrongKey where key, contexts or bytes are others.
func (k Key) open(sealed []byte, contexts ...[]byte) ([]byte, error) {
	aead, err := k.aead()
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(nil, nil, sealed, join(contexts))
	if err != nil {
		return nil, ErrWrongKey
	}
	return plain, nil
}

// join puts each part's length in front of it, so that no two lists are alike.
func join(list [][]byte) []byte {
	var b []byte
	for _, part := range list {
		b = binary.BigEndian.AppendUint32(b, uint32(len(part)))
		b = append(b, part...)
	}
	return b
}
