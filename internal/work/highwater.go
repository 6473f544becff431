package work

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/paraph/paraph/internal/durable"
	"github.com/paraph/paraph/internal/failpoint"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
)

// HighWater is the log's high-water mark: the newest checkpoint that this
// process has signed or handed out, kept in a file outside the database. A
// database that falls behind it was rolled back; one that does not extend it is
// another log. The file holds the signed note itself, so a forged mark shows.
type HighWater struct {
	path string
	log  *journal.Verifier

	mu   sync.Mutex
	kept journal.Checkpoint
	// last is the note that was looked at last, so that the common case, the same
	// checkpoint again, costs one comparison.
	last atomic.Pointer[string]
}

// NewHighWater gives the mark in the file, of the log of the verifier. Nothing
// is read or written yet.
func NewHighWater(path string, log *journal.Verifier) *HighWater {
	return &HighWater{path: path, log: log}
}

// Load reads the mark: nil where there is none. earlier are names the log had
// before. Unavailable, "mark_damaged", where the file is not a checkpoint that
// the log's key has signed.
func (h *HighWater) Load(earlier []string) (*journal.Checkpoint, error) {
	raw, err := os.ReadFile(h.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the log's high-water mark: %w", err)
	}
	cp, err := h.log.OpenCheckpoint(raw)
	for _, name := range earlier {
		if err == nil {
			break
		}
		if before, uerr := h.log.Under(name); uerr == nil {
			cp, err = before.OpenCheckpoint(raw)
		}
	}
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "mark_damaged", "The log's high-water mark, %s, is not a checkpoint that this log's key has signed: somebody has changed it, or it belongs to another log. Put the right file back; or accept the loss of what it remembered with `paraph audit accept-restore`.", h.path)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if cp.Origin == h.log.Origin() {
		h.kept = cp
	}
	return &cp, nil
}

// Keep makes sure that the mark is not below the checkpoint: once it returns,
// the mark is synced. A checkpoint below the mark changes nothing. Unavailable:
// "checkpoint_forged" for one that the log's key has not signed, "log_forked"
// for one that contradicts the mark, "storage_full" or "storage_unavailable"
// where the file cannot be written.
func (h *HighWater) Keep(note string) error {
	if note == "" {
		return nil
	}
	if last := h.last.Load(); last != nil && *last == note {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if last := h.last.Load(); last != nil && *last == note {
		return nil
	}
	cp, err := h.log.OpenCheckpoint([]byte(note))
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "checkpoint_forged", "The newest checkpoint in the database is not signed by the log's key; it is not handed out. Run `paraph audit verify`.")
	}
	switch {
	case h.kept.Note != nil && cp.Head.Size < h.kept.Head.Size:
		return nil // of an older snapshot
	case h.kept.Note != nil && cp.Head.Size == h.kept.Head.Size && cp.Head != h.kept.Head:
		return fault.New(fault.Unavailable, "log_forked", "Two checkpoints over %d entries contradict each other; none is handed out. Run `paraph audit verify`.", cp.Head.Size)
	}
	if err := h.write(cp.Note); err != nil {
		code := "storage_unavailable"
		if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
			code = "storage_full"
		}
		return fault.Wrap(err, fault.Unavailable, code, "The log's high-water mark cannot be written, so no newer checkpoint is handed out.")
	}
	h.kept = cp
	h.last.Store(&note)
	return nil
}

// Kept gives the mark's tree; the zero Head where nothing is kept yet.
func (h *HighWater) Kept() journal.Head {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.kept.Head
}

// Note gives the mark itself, the signed checkpoint; "" where nothing is kept yet.
func (h *HighWater) Note() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return string(h.kept.Note)
}

// SetAside copies the mark, as evidence, beside its own file under a name that is
// free, and gives the path; "" where there is no mark.
func (h *HighWater) SetAside() (string, error) {
	raw, err := os.ReadFile(h.path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	for n := 1; ; n++ {
		path := fmt.Sprintf("%s.%d", h.path, n)
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			return path, durable.Create(path, raw, 0o600)
		}
	}
}

// write puts the mark in the place of the one before.
func (h *HighWater) write(note []byte) error {
	if err := failpoint.Hit(failpoint.MarkBefore); err != nil {
		return err
	}
	if err := durable.Replace(h.path, note, 0o600); err != nil {
		return err
	}
	return failpoint.Hit(failpoint.MarkAfter)
}
