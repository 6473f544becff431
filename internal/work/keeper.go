package work

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
)

// keepEvery is how often, at most, the high-water mark follows the log by itself,
// and heedEvery how often each process looks whether the audit has found a fault.
const (
	keepEvery = time.Second
	heedEvery = 5 * time.Second
)

// Keeper stands between the log and the world, in every process. At the start it
// decides whether the log may be gone on with. Then it lets no checkpoint leave
// the process that is not remembered outside the database, and says whether the
// log is sound. It implements service.LogKeeper.
type Keeper struct {
	store    service.Store
	verifier *journal.Verifier
	mark     *HighWater
	log      *slog.Logger
	// mustMark tells that a missing mark is a refusal: where only one process ever
	// has the database, the one before it has kept one.
	mustMark bool
	marked   atomic.Bool                 // service.SettingMarked is set
	broken   atomic.Pointer[fault.Fault] // what this process has met; until its end
	audited  atomic.Pointer[fault.Fault] // what the audit has found; until a clean pass
	// shown is a checkpoint of the log's own that it does not extend; until it does.
	shown atomic.Pointer[service.LogEvidence]
	nudge chan struct{}
}

var _ service.LogKeeper = (*Keeper)(nil)

// NewKeeper makes a Keeper. alone tells that no other process has the database.
func NewKeeper(store service.Store, v *journal.Verifier, mark *HighWater, alone bool, log *slog.Logger) *Keeper {
	return &Keeper{store: store, verifier: v, mark: mark, log: log, mustMark: alone, nudge: make(chan struct{}, 1)}
}

// Open decides whether the log may be gone on with, and then remembers its head
// outside. Faults as journal.Verifier.Resume and HighWater.Load, and Unavailable
// "mark_missing" where the mark was kept once and is not there.
func (k *Keeper) Open(ctx context.Context) error {
	var head service.LogHead
	err := k.store.Read(ctx, func(ctx context.Context, tx service.Reader) (err error) {
		earlier, err := service.EarlierOrigins(ctx, tx)
		if err != nil {
			return err
		}
		seen, err := k.mark.Load(earlier)
		if err != nil {
			return err
		}
		marked, err := isSet(ctx, tx, service.SettingMarked)
		if err != nil {
			return err
		}
		k.marked.Store(marked)
		if err := k.heed(ctx, tx); err != nil {
			return err
		}
		if head, err = tx.LogHead(ctx); err != nil {
			return err
		}
		if _, _, err := k.weigh(ctx, tx, head); err != nil {
			return err
		}
		if seen == nil && marked && k.mustMark {
			return fault.New(fault.Unavailable, "mark_missing", "The file with the log's high-water mark is missing, so nobody can say whether this database is the newest one. Put it back. Where it is lost, or the database was restored from a backup, accept that with `paraph audit accept-restore`.")
		}
		if seen == nil && head.Size > 0 {
			k.log.Warn("the log has no high-water mark here yet; its present head is believed", "entries", head.Size)
		}
		return k.resume(ctx, tx, head, seen, earlier)
	})
	if err != nil {
		return err
	}
	return k.remember(ctx, head.Checkpoint)
}

// remember keeps the mark, and notes in the database that there is one.
func (k *Keeper) remember(ctx context.Context, note string) error {
	if err := k.Release(note); err != nil || note == "" || k.marked.Load() {
		return err
	}
	err := k.store.Write(ctx, func(ctx context.Context, tx service.Tx) error {
		return tx.SetSetting(ctx, service.SettingMarked, "yes")
	})
	if err == nil {
		k.marked.Store(true)
	}
	return err
}

// resume runs the check on what the database holds.
func (k *Keeper) resume(ctx context.Context, tx service.Reader, head service.LogHead, seen *journal.Checkpoint, earlier []string) error {
	r := journal.Resumption{Head: journal.Head{Size: head.Size, Root: head.Root}, Note: head.Checkpoint, Seen: seen, Earlier: earlier}
	return k.verifier.Resume(r, service.HashesOf(ctx, tx), func(from, to int64) ([][]byte, error) { return tx.Leaves(ctx, from, to) })
}

// Recheck is Open's check again, for a sequencer that takes the log over from
// another process: the head inside tx must extend what this process has seen.
func (k *Keeper) Recheck(ctx context.Context, tx service.Reader, head service.LogHead) error {
	var seen *journal.Checkpoint
	if kept := k.mark.Kept(); kept.Size > 0 {
		seen = &journal.Checkpoint{Origin: k.verifier.Origin(), Head: kept}
	}
	err := k.resume(ctx, tx, head, seen, nil)
	if err != nil && isLogFault(fault.From(err)) {
		k.Halt(k.against(err))
	}
	return err
}

// isLogFault tells faults of the log itself from those of the way to it.
func isLogFault(f *fault.Fault) bool {
	switch f.Code {
	case "log_damaged", "log_forked", "log_rolled_back", "checkpoint_forged":
		return true
	}
	return false
}

// Found takes in what the audit has found: a fault halts, nil ends that halt.
func (k *Keeper) Found(f *service.LogFault) {
	if f == nil {
		if k.audited.Swap(nil) != nil {
			k.log.Warn("the log's audit is clean again: writing goes on")
		}
		return
	}
	if k.audited.Swap(f.Err()) == nil {
		k.log.Error("THE LOG IS NOT SOUND: writing stops, reading goes on", "code", f.Code, "entry", f.Index, "reason", f.About)
	}
}

// heed looks at what the audit, in whatever process, has written down.
func (k *Keeper) heed(ctx context.Context, tx service.Reader) error {
	a, err := service.ReadLogAudit(ctx, tx)
	if err == nil {
		k.Found(a.Fault)
	}
	return err
}

// Sound implements service.LogKeeper.
func (k *Keeper) Sound() error {
	if f := k.broken.Load(); f != nil {
		return f
	}
	if e := k.shown.Load(); e != nil {
		return e.Err()
	}
	if f := k.audited.Load(); f != nil {
		return f
	}
	return nil
}

// against adds the high-water mark to a fault that it proves: it is a checkpoint
// with the log's own signature.
func (k *Keeper) against(err error) error {
	if code := fault.CodeOf(err); code != "log_rolled_back" && code != "log_forked" {
		return err
	}
	if note := k.mark.Note(); note != "" {
		return shown{err, note}
	}
	return err
}

// Release implements service.LogKeeper.
func (k *Keeper) Release(note string) error {
	err := k.mark.Keep(note)
	if err != nil && isLogFault(fault.From(err)) {
		k.Halt(k.against(err))
	}
	return err
}

// Run lets the high-water mark follow the log until ctx ends, and once more
// then: a database that is rolled back is noticed even if nobody ever asked for
// a checkpoint.
func (k *Keeper) Run(ctx context.Context) error {
	wake, cancel := k.store.Subscribe(service.TopicJournal)
	defer cancel()
	for {
		if err := k.follow(context.WithoutCancel(ctx)); err != nil {
			k.log.Error("the log's high-water mark could not follow; it is tried again", "error", err)
		}
		pause := time.NewTimer(keepEvery)
		select {
		case <-ctx.Done():
		case <-k.nudge:
			pause.Stop()
			continue
		case <-pause.C:
		}
		pause.Reset(heedEvery)
		select {
		case <-ctx.Done():
			pause.Stop()
			return k.follow(context.WithoutCancel(ctx))
		case <-wake:
		case <-k.nudge:
		case <-pause.C:
		}
		pause.Stop()
	}
}

func (k *Keeper) follow(ctx context.Context) error {
	var head service.LogHead
	var evidence *service.LogEvidence
	var write bool
	err := k.store.Read(ctx, func(ctx context.Context, tx service.Reader) (err error) {
		if head, err = tx.LogHead(ctx); err != nil {
			return err
		}
		if err := k.heed(ctx, tx); err != nil {
			return err
		}
		evidence, write, err = k.weigh(ctx, tx, head)
		return err
	})
	if err != nil {
		return err
	}
	if write {
		if err := k.tell(ctx, evidence); err != nil {
			return err
		}
	}
	return k.remember(ctx, head.Checkpoint)
}

func isSet(ctx context.Context, tx service.Reader, name string) (bool, error) {
	_, err := tx.Setting(ctx, name)
	if fault.KindOf(err) == fault.NotFound {
		return false, nil
	}
	return err == nil, err
}
