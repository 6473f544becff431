package crypt

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func named(keys ...Key) []NamedKey {
	var out []NamedKey
	for _, k := range keys {
		out = append(out, NamedKey{k.ID("key"), k})
	}
	return out
}

func mustRing(t testing.TB, keys ...NamedKey) *Ring {
	t.Helper()
	r, err := NewRing(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWrappingBindsKeyAndPlace(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	old, now := NewKey(), NewKey()
	before, after := mustRing(t, named(old)...), mustRing(t, named(now, old)...)
	dek := NewKey()
	wrapped, err := before.Wrap(ctx, dek, []byte("object/1"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := after.Unwrap(ctx, before.KeyID(), wrapped, []byte("object/1")); err != nil || got != dek {
		t.Errorf("after a rotation: %v", err)
	}
	if after.KeyID() == before.KeyID() {
		t.Error("the rotated ring wraps with the old key")
	}
	bitFlip := bytes.Clone(wrapped)
	bitFlip[20] ^= 1
	for name, try := range map[string]func() (Key, error){
		"other place":   func() (Key, error) { return before.Unwrap(ctx, before.KeyID(), wrapped, []byte("object/2")) },
		"other key":     func() (Key, error) { return after.Unwrap(ctx, after.KeyID(), wrapped, []byte("object/1")) },
		"unknown key":   func() (Key, error) { return before.Unwrap(ctx, "key_0", wrapped, []byte("object/1")) },
		"flipped bit":   func() (Key, error) { return before.Unwrap(ctx, before.KeyID(), bitFlip, []byte("object/1")) },
		"nothing":       func() (Key, error) { return before.Unwrap(ctx, before.KeyID(), nil, []byte("object/1")) },
		"truncated end": func() (Key, error) { return before.Unwrap(ctx, before.KeyID(), wrapped[:40], []byte("object/1")) },
	} {
		if got, err := try(); !errors.Is(err, ErrWrongKey) || got != (Key{}) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeysInThreeSteps(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	master := mustRing(t, named(NewKey())...)
	kek, row, err := NewKEK(ctx, master, "kek_1", []byte("unit 1"))
	if err != nil {
		t.Fatal(err)
	}
	dek := NewKey()
	wrapped, err := kek.Wrap(ctx, dek, []byte("object/1"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := OpenKEK(ctx, master, master.KeyID(), "kek_1", row, []byte("unit 1"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.Unwrap(ctx, "kek_1", wrapped, []byte("object/1")); err != nil || got != dek {
		t.Errorf("unwrapped: %v", err)
	}
	if _, err := OpenKEK(ctx, master, master.KeyID(), "kek_1", row, []byte("unit 2")); !errors.Is(err, ErrWrongKey) {
		t.Errorf("another unit's row opens: %v", err)
	}
}

func TestBox(t *testing.T) {
	t.Parallel()
	old, now := NewKey(), NewKey()
	before, after := NewBox(mustRing(t, named(old)...)), NewBox(mustRing(t, named(now, old)...))
	for _, plain := range [][]byte{nil, []byte("{}"), content(100_000)} {
		sealed, err := before.Seal(plain, []byte("idempotency/1"))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := after.Open(sealed, []byte("idempotency/1")); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes: %v", len(plain), err)
		}
		if _, err := after.Open(sealed, []byte("idempotency/2")); !errors.Is(err, ErrWrongKey) {
			t.Errorf("another place's value opens: %v", err)
		}
		for at := range min(len(sealed), 100) {
			bad := bytes.Clone(sealed)
			bad[at] ^= 1
			if _, err := before.Open(bad, []byte("idempotency/1")); !errors.Is(err, ErrWrongKey) {
				t.Fatalf("byte %d changed: %v", at, err)
			}
			if _, err := before.Open(sealed[:at], []byte("idempotency/1")); !errors.Is(err, ErrWrongKey) {
				t.Fatalf("cut at %d: %v", at, err)
			}
		}
	}
}

func TestAKeyNeverTellsItself(t *testing.T) {
	t.Parallel()
	key := NewKey()
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "key", key, "named", NamedKey{"id", key})
	text := fmt.Sprintf("%v %+v %#v %s %x %d %v", key, key, key, key, key, key, NamedKey{"id", key}) + log.String()
	for _, form := range []string{"%x", "%d", "%s"} {
		if strings.Contains(text, fmt.Sprintf(form, key[:])) {
			t.Errorf("told as %s: %s", form, text)
		}
	}
	if b, err := json.Marshal(NamedKey{"id", key}); err == nil {
		t.Errorf("marshalled as %s", b)
	}
	if key.ID("key") == NewKey().ID("key") || key.Derive("a") == key.Derive("b") {
		t.Error("ids or derived keys coincide")
	}
}

// TestUnderFIPSOnly runs the package's tests once more in the mode in which Go
// refuses whatever FIPS 140-3 does not approve.
func TestUnderFIPSOnly(t *testing.T) {
	t.Parallel()
	if strings.Contains(os.Getenv("GODEBUG"), "fips140=only") {
		t.Skip("this is the inner run")
	}
	cmd := exec.Command(os.Args[0], "-test.short")
	cmd.Env = append(os.Environ(), "GODEBUG=fips140=only")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
