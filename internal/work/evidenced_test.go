package work

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
)

// keeper is that of another process on the log.
func (l *watchedLog) keeper() *Keeper {
	l.t.Helper()
	v := l.signer.Verifier()
	k := NewKeeper(l.store, v, NewHighWater(filepath.Join(l.t.TempDir(), "mark"), v), false, slog.New(slog.DiscardHandler))
	if err := k.Open(l.t.Context()); err != nil {
		l.t.Fatal(err)
	}
	return k
}

// follows lets keepers look, and checks what each says then.
func (l *watchedLog) follows(want string, all ...*Keeper) {
	l.t.Helper()
	for i, k := range all {
		if err := k.follow(l.t.Context()); err != nil {
			l.t.Fatal(err)
		}
		if got := fault.CodeOf(k.Sound()); want == "" && k.Sound() != nil || want != "" && got != want {
			l.t.Errorf("process %d says %v, want %q", i, k.Sound(), want)
		}
	}
}

func against(code, note string) error {
	return shown{fault.New(fault.Unavailable, code, "A witness has shown it."), note}
}

// TestEvidenceReachesEveryProcess, and is gone once the log extends it again.
func TestEvidenceReachesEveryProcess(t *testing.T) {
	t.Parallel()
	here := newWatchedLog(t, "true").grow(2)
	longer := newWatchedLog(t, "true").grow(4)
	first, second := here.keeper(), here.keeper()
	here.follows("", first, second)
	first.Halt(against("log_rolled_back", longer.head().Checkpoint))
	if fault.CodeOf(first.Sound()) != "log_rolled_back" {
		t.Errorf("who was shown it goes on: %v", first.Sound())
	}
	here.follows("log_rolled_back", first, second, here.keeper())
	here.grow(1)
	here.follows("log_rolled_back", second, first)
	here.grow(1) // as if the newer database was put back
	here.follows("", second, first, here.keeper())
	here.read(func(ctx context.Context, tx service.Reader) error {
		e, err := service.ReadLogEvidence(ctx, tx)
		if e != nil {
			t.Errorf("what was shown is still written down: %+v", e)
		}
		return err
	})
}

// TestAForkIsNotOutgrown: another history stays another, however long this one is.
func TestAForkIsNotOutgrown(t *testing.T) {
	t.Parallel()
	here, other := newWatchedLog(t, "true").grow(3), newWatchedLog(t, "false").grow(3)
	first, second := here.keeper(), here.keeper()
	first.Halt(against("log_forked", other.head().Checkpoint))
	here.follows("log_forked", first, second)
	here.grow(3)
	here.follows("log_forked", first, second)
	// The operator accepts the loss: the log goes on under another name, of which
	// nothing was shown.
	here.write(func(ctx context.Context, tx service.Tx) error { return service.KeepLogEvidence(ctx, tx, nil) })
	here.follows("", here.keeper())
}

// TestNobodyIsStoppedByWords: what is written down has to carry a checkpoint that
// the log's own key has signed.
func TestNobodyIsStoppedByWords(t *testing.T) {
	t.Parallel()
	here := newWatchedLog(t, "true").grow(3)
	k := here.keeper()
	for name, note := range map[string]string{"nothing": "", "words": "the log is wrong\n", "its own": here.head().Checkpoint, "a changed one": here.head().Checkpoint[:20] + "9" + here.head().Checkpoint[20:]} {
		here.write(func(ctx context.Context, tx service.Tx) error {
			return service.KeepLogEvidence(ctx, tx, &service.LogEvidence{Code: "log_forked", Reason: name, Checkpoint: note})
		})
		here.follows("", k, here.keeper())
	}
}
