package oauth

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
)

// KeyStore keeps the keys that sign tokens. Implemented by internal/service.
type KeyStore interface {
	TokenKeys(ctx context.Context) ([]service.TokenKey, error) // by the time from which they sign
	KeepTokenKeys(ctx context.Context, decide func(now time.Time, there []service.TokenKey) (service.TokenKeyChange, error)) error
}

const (
	// keyAhead is how long a key is published before it signs: longer than anybody
	// keeps the published set.
	keyAhead = 15 * time.Minute
	// keyTrace is how long a key that signs nothing any more, and of which no token
	// can be about, is still listed.
	keyTrace = 24 * time.Hour
	// keyPause is between two looks at the database for a key that is not known: a
	// token can name any.
	keyPause = time.Second
	// DefaultKeyLife is how long a key signs.
	DefaultKeyLife = 30 * 24 * time.Hour
)

// KeyringConfig is what a Keyring is made of.
type KeyringConfig struct {
	Store  KeyStore
	Sealer Sealer
	Clock  clock.Clock
	Log    *slog.Logger
	// Algorithm of new keys: ES256 or EdDSA; "": ES256.
	Algorithm string
	Life      time.Duration // how long a key signs; 0: DefaultKeyLife
	// First is the key that an installation begins with; nil: a new one.
	First *Key
}

// Keyring holds the keys that sign tokens: one that does, the next one, which is
// published already, and those before, as long as a token of theirs may be about.
// It replaces them by itself. All processes have the same keys, from the database.
type Keyring struct {
	KeyringConfig

	mu     sync.Mutex
	keys   []ringKey // by the time from which they sign
	loaded time.Time // when they were last read; zero: they have to be
}

type ringKey struct {
	service.TokenKey
	*Key
}

// NewKeyring makes a Keyring. Keep it before it is used.
func NewKeyring(c KeyringConfig) *Keyring {
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Algorithm == "" {
		c.Algorithm = ES256
	}
	if c.Life <= 0 {
		c.Life = DefaultKeyLife
	}
	return &Keyring{KeyringConfig: c}
}

// Keep makes what is missing, removes what is over, and reads the keys.
func (k *Keyring) Keep(ctx context.Context) error {
	rows, err := k.Store.TokenKeys(ctx)
	if err != nil {
		return err
	}
	do, err := k.decide(k.Clock.Now(), rows)
	if err != nil {
		return err
	}
	if do.Empty() {
		k.take(rows)
		return nil
	}
	if err := k.Store.KeepTokenKeys(ctx, k.decide); err != nil {
		return err
	}
	return k.reload(ctx)
}

// Rotate makes the next key, where there is none yet. It signs in a quarter of an hour.
func (k *Keyring) Rotate(ctx context.Context) error { return k.RotateFor(ctx, nil) }

// RotateFor is Rotate for somebody whom the log then names; nil: Paraph itself.
func (k *Keyring) RotateFor(ctx context.Context, by *access.Actor) error {
	err := k.Store.KeepTokenKeys(ctx, func(now time.Time, there []service.TokenKey) (do service.TokenKeyChange, err error) {
		if slices.ContainsFunc(there, func(t service.TokenKey) bool { return t.SignsAt.After(now) && t.WithdrawnAt.IsZero() }) {
			return do, nil
		}
		do.By = by
		return do, k.add(&do, nil, now, now.Add(keyAhead))
	})
	if err != nil {
		return err
	}
	return k.reload(ctx)
}

// Withdraw takes a key out at once: all tokens that it has signed stop working, and
// another key takes its place. Fault NotFound "not_found".
func (k *Keyring) Withdraw(ctx context.Context, id string) error { return k.WithdrawFor(ctx, nil, id) }

// WithdrawFor is Withdraw for somebody whom the log then names; nil: Paraph itself.
func (k *Keyring) WithdrawFor(ctx context.Context, by *access.Actor, id string) error {
	err := k.Store.KeepTokenKeys(ctx, func(now time.Time, there []service.TokenKey) (do service.TokenKeyChange, err error) {
		i := slices.IndexFunc(there, func(t service.TokenKey) bool { return t.ID == id })
		if i < 0 {
			return do, fault.New(fault.NotFound, "not_found", "There is no token key %s.", id)
		}
		if !there[i].WithdrawnAt.IsZero() {
			return do, nil
		}
		there[i].WithdrawnAt, there[i].Sealed = now, nil
		withdrawn := there[i]
		do, err = k.decide(now, there)
		do.Change, do.By = append(do.Change, withdrawn), by
		return do, err
	})
	if err != nil {
		return err
	}
	return k.reload(ctx)
}

// decide says what is to be done about the keys.
func (k *Keyring) decide(now time.Time, there []service.TokenKey) (do service.TokenKeyChange, err error) {
	at := -1 // the last that has begun to sign
	for i := range there {
		if begun(&there[i]) && !there[i].SignsAt.After(now) {
			at = i
		}
	}
	var current, next *service.TokenKey
	for i := range there {
		t := &there[i]
		if end, ended := endOf(there, i); ended && now.Sub(end) > keyTrace {
			do.Drop = append(do.Drop, t.ID)
			continue
		}
		switch {
		case !t.WithdrawnAt.IsZero():
		case i < at && t.Sealed != nil: // it will sign nothing any more
			spent := *t
			spent.Sealed = nil
			do.Reseal = append(do.Reseal, spent)
		case i == at && k.keepSealed(&do, t):
			current = t
		case i > at && next == nil && k.keepSealed(&do, t):
			next = t
		}
	}
	switch {
	case current == nil && next != nil: // it cannot wait for its time
		next.SignsAt = now
		do.Change = append(do.Change, *next)
	case current == nil && len(there) == 0:
		return do, k.add(&do, k.First, now, now)
	case current == nil:
		return do, k.add(&do, nil, now, now)
	case next == nil && (current.Algorithm != k.Algorithm || now.Sub(current.SignsAt) >= k.Life-keyAhead):
		return do, k.add(&do, nil, now, now.Add(keyAhead))
	}
	return do, nil
}

// begun tells whether the key ever signs: one that was withdrawn before did not.
func begun(t *service.TokenKey) bool {
	return t.WithdrawnAt.IsZero() || !t.WithdrawnAt.Before(t.SignsAt)
}

// keepSealed tells whether a key can sign here, and has it sealed by the key in force.
func (k *Keyring) keepSealed(do *service.TokenKeyChange, t *service.TokenKey) bool {
	opened, err := openKey(*t, k.Sealer)
	if err != nil || opened.private == nil {
		k.Log.Warn("a key that signs tokens cannot be opened here; another takes its place", "key", t.ID, "error", err)
		return false
	}
	if bytes.HasPrefix(t.Sealed, k.Sealer.Prefix()) {
		return true
	}
	row, err := opened.row(k.Sealer)
	if t.Sealed = row.Sealed; err == nil {
		do.Reseal = append(do.Reseal, *t)
	}
	return err == nil
}

// add adds a key, a new one for nil.
func (k *Keyring) add(do *service.TokenKeyChange, key *Key, now, signs time.Time) (err error) {
	if key == nil {
		if key, err = drawKey(k.Algorithm); err != nil {
			return err
		}
	}
	row, err := key.row(k.Sealer)
	row.CreatedAt, row.SignsAt = now, signs
	do.Add = append(do.Add, row)
	return err
}

// endOf tells until when tokens of a key are taken, by keys in the order in which
// they sign: until the last that it signed before the next one did has run out, or
// until it was withdrawn. false for one that signs still, or will.
func endOf(keys []service.TokenKey, i int) (time.Time, bool) {
	if w := keys[i].WithdrawnAt; !w.IsZero() {
		return w, true
	}
	for j := range keys[i+1:] {
		if later := &keys[i+1+j]; begun(later) && later.SignsAt.After(keys[i].SignsAt) {
			return later.SignsAt.Add(service.MaxTokenLife), true
		}
	}
	return time.Time{}, false
}

func (k *Keyring) reload(ctx context.Context) error {
	rows, err := k.Store.TokenKeys(ctx)
	if err == nil {
		k.take(rows)
	}
	return err
}

// take makes the rows the keys that are known.
func (k *Keyring) take(rows []service.TokenKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var keys []ringKey
	for _, row := range rows {
		i := slices.IndexFunc(k.keys, func(known ringKey) bool { return known.TokenKey.ID == row.ID && known.private != nil })
		if i >= 0 {
			keys = append(keys, ringKey{row, k.keys[i].Key})
			continue
		}
		opened, err := openKey(row, k.Sealer)
		if err != nil {
			k.Log.Error("a key that signs tokens is damaged", "error", err)
			continue
		}
		keys = append(keys, ringKey{row, opened})
	}
	k.keys, k.loaded = keys, k.Clock.Now()
}

// usable gives the keys whose tokens are taken at a time.
func (k *Keyring) usable(now time.Time) []ringKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	rows := make([]service.TokenKey, len(k.keys))
	for i := range k.keys {
		rows[i] = k.keys[i].TokenKey
	}
	var out []ringKey
	for i, key := range k.keys {
		if end, ended := endOf(rows, i); key.WithdrawnAt.IsZero() && (!ended || now.Before(end)) {
			out = append(out, key)
		}
	}
	return out
}

// signing gives the key that signs now. Fault Unavailable "no_token_key".
func (k *Keyring) signing(ctx context.Context) (*Key, error) {
	for try := 0; ; try++ {
		var found *Key
		now := k.Clock.Now()
		for _, key := range k.usable(now) {
			if key.private != nil && !key.SignsAt.After(now) {
				found = key.Key
			}
		}
		if found != nil {
			return found, nil
		}
		if try > 0 {
			return nil, fault.New(fault.Unavailable, "no_token_key", "There is no key to sign tokens with. Try again in a moment.")
		}
		if err := k.Keep(ctx); err != nil {
			return nil, err
		}
	}
}

// checking gives the key of a name whose tokens are taken; nil where there is none.
func (k *Keyring) checking(ctx context.Context, id string) (*Key, error) {
	for {
		now := k.Clock.Now()
		for _, key := range k.usable(now) {
			if key.TokenKey.ID == id {
				return key.Key, nil
			}
		}
		k.mu.Lock()
		fresh := !k.loaded.IsZero() && now.Sub(k.loaded).Abs() < keyPause
		k.mu.Unlock()
		if fresh {
			return nil, nil
		}
		if err := k.reload(ctx); err != nil {
			return nil, err
		}
	}
}

// Published gives the public keys: those that sign or have signed, and the next one.
func (k *Keyring) Published(ctx context.Context) (set jose.JSONWebKeySet, err error) {
	if now := k.Clock.Now(); len(k.usable(now)) == 0 {
		if err := k.reload(ctx); err != nil {
			return set, err
		}
	}
	set.Keys = []jose.JSONWebKey{}
	for _, key := range k.usable(k.Clock.Now()) {
		set.Keys = append(set.Keys, key.jwk())
	}
	return set, nil
}

// keepEvery is how often the keys are looked after.
const keepEvery = time.Minute

// Run looks after the keys until ctx ends. wake says that another process has
// changed them.
func (k *Keyring) Run(ctx context.Context, wake <-chan struct{}) error {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			err = k.Keep(ctx)
		case <-wake:
			err = k.reload(ctx)
		}
		if err != nil && ctx.Err() == nil {
			k.Log.Warn("the keys that sign tokens could not be looked after; it is tried again", "error", err)
		}
	}
}
