package service

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
)

// settingKeyWishes holds what the command line has asked for: beside a running
// server it cannot write entries of the log itself.
const settingKeyWishes = "key_wishes"

// KeyWish is something the command line wants done to keys.
type KeyWish struct {
	// Unit, with its Org, is to be given another key.
	Org  string `json:"org,omitempty"`
	Unit string `json:"unit,omitempty"`
	// Retired is a master key that is being taken out of the key file.
	Retired string `json:"retired,omitempty"`
	// Tokens is what is wanted of the keys that sign tokens. Who grants it has done so
	// before, and the log says it already.
	Tokens string `json:"tokens,omitempty"`
}

// WishForKey asks the installation for something about keys; once for the same.
// What plainly cannot be done is refused at once: the faults of RotateUnitKey.
func WishForKey(ctx context.Context, db Store, w KeyWish) error {
	return db.Write(ctx, func(ctx context.Context, tx Tx) error {
		if err := alone(ctx, tx); err != nil {
			return err
		}
		if w.Unit != "" {
			if err := rotatable(ctx, tx, w.Org, w.Unit); err != nil {
				return err
			}
		}
		wishes, err := keyWishes(ctx, tx)
		if err != nil || slices.Contains(wishes, w) {
			return err
		}
		return setKeyWishes(ctx, tx, append(wishes, w))
	})
}

// KeyWishes gives what is asked for and not done.
func KeyWishes(ctx context.Context, db Store) (wishes []KeyWish, err error) {
	err = db.Read(ctx, func(ctx context.Context, tx Reader) error {
		wishes, err = keyWishes(ctx, tx)
		return err
	})
	return wishes, err
}

// GrantKeyWish does what is asked for, if nobody has done it yet. The operation is
// empty where it starts none.
func (s *Service) GrantKeyWish(ctx context.Context, w KeyWish) (Operation, error) {
	org := w.Org
	out, err := run(ctx, s, SystemCall(org, "keys", ""), false, func(ctx context.Context, c *change) (op Operation, err error) {
		if err := alone(ctx, c.Tx); err != nil {
			return op, err
		}
		wishes, err := keyWishes(ctx, c)
		i := slices.Index(wishes, w)
		if err != nil || i < 0 {
			return op, err
		}
		if err := setKeyWishes(ctx, c.Tx, slices.Delete(wishes, i, i+1)); err != nil {
			return op, err
		}
		switch {
		case w.Unit != "":
			return s.rotateUnitKey(ctx, c, w.Unit)
		case w.Tokens != "":
			return op, nil
		}
		return op, logKey(ctx, c.Tx, "", journal.KeyMasterRetired, w.Retired, map[string]string{"id": w.Retired})
	})
	return out.Value, err
}

func keyWishes(ctx context.Context, tx Reader) (wishes []KeyWish, err error) {
	text, err := tx.Setting(ctx, settingKeyWishes)
	if fault.KindOf(err) == fault.NotFound || err == nil && text == "" {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &wishes)
	}
	return wishes, err
}

func setKeyWishes(ctx context.Context, tx Tx, wishes []KeyWish) error {
	raw, err := json.Marshal(wishes)
	if err != nil {
		return err
	}
	return tx.SetSetting(ctx, settingKeyWishes, string(raw))
}
