package work

import (
	"context"
	"strings"

	"github.com/paraph/paraph/internal/failpoint"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
)

// keysPerTurn is how many keys a rotation wraps anew before others that wait get
// its place.
const keysPerTurn = 10_000

// Rewrapper wraps keys of documents anew. Implemented by internal/blob/vault.
type Rewrapper interface {
	// RewrapDocuments wraps some of the keys that lie under one out of force by the
	// one that took its place, and tells how many; 0 once none is left.
	RewrapDocuments(ctx context.Context, old service.Key) (int, error)
}

// Rotator ends the rotation of a unit's key: it wraps the keys of the unit's
// documents by the key in force, and then destroys those that are not. It asks the
// database what is left to do, so every step may be repeated.
type Rotator struct {
	Service *service.Service
	Keys    Rewrapper
	Version string // of this program
}

// Handle implements Handler for operations of kind rotate_key.
func (r *Rotator) Handle(ctx context.Context, job Job) error {
	op := &job.Operation
	old, under, err := r.Service.SupersededKeys(ctx, op.Org, op.Unit)
	if err != nil {
		return err
	}
	total := max(op.Total, under)
	done := total - under
	if err := r.Service.Progress(ctx, job.Call, op.ID, "rewrap", done, total); err != nil {
		return err
	}
	for fresh := 0; ; {
		n := 0
		for _, k := range old {
			if n, err = r.Keys.RewrapDocuments(ctx, k); err != nil || n > 0 {
				break
			}
		}
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		done, fresh = done+n, fresh+n
		if err := r.Service.Progress(ctx, job.Call, op.ID, "rewrap", min(done, total), total); err != nil {
			return err
		}
		if err := failpoint.Hit(failpoint.RotateRewrapped); err != nil {
			return err
		}
		if fresh >= keysPerTurn {
			return ErrTurnOver
		}
	}
	if err := r.alike(ctx); err != nil {
		return err
	}
	for _, k := range old {
		if err := failpoint.Hit(failpoint.RotateEmptied); err != nil {
			return err
		}
		if err := r.Service.DestroyKey(ctx, k); err != nil {
			return err
		}
	}
	if err := failpoint.Hit(failpoint.RotateDestroyed); err != nil {
		return err
	}
	return r.Service.FinishRotation(ctx, job.Call, op.ID)
}

// alike refuses to go on beside processes of another version: an older one may
// still bring something under a key that is out of force.
func (r *Rotator) alike(ctx context.Context) error {
	others, err := r.Service.OtherVersions(ctx, r.Version)
	if err != nil || len(others) == 0 {
		return err
	}
	return fault.New(fault.Unavailable, "upgrade_running", "Processes of another version are there: %s. The old key is destroyed once there are none; bring the upgrade to its end, then retry.", strings.Join(others, ", "))
}
