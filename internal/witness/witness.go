// Package witness is the second party of a log: a small server, meant for
// another machine and another owner, that cosigns a log's checkpoints as long as
// each extends the one before it. Whoever holds the log's key can rewrite the
// log; they cannot make the witness cosign the rewritten one.
//
// It speaks C2SP tlog-witness v1.0.0 and needs no database: of each log it keeps
// one file, the last checkpoint it cosigned. The file is on the disk, and its
// folder too, before a cosignature leaves the process, so that it never signs
// two histories, whenever it is killed.
//
// This file decides; state.go keeps; http.go speaks.
package witness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
)

// Config is what a witness is made of.
type Config struct {
	Dir      string // holds the state of each log; made where it is missing
	Cosigner *journal.Cosigner
	Logs     []*journal.Verifier // the logs it watches
	Clock    clock.Clock
	Log      *slog.Logger
}

// Witness cosigns the checkpoints of the logs it watches. Its methods are safe
// for concurrent use. One process at a time may have a folder: Open holds a lock.
type Witness struct {
	cosigner *journal.Cosigner
	clock    clock.Clock
	log      *slog.Logger
	logs     map[string]*watched // by origin; fixed
	folder   *folder
	metrics  *metrics
}

// watched is a log and what the witness last cosigned of it.
type watched struct {
	origin    string
	verifiers []*journal.Verifier // a log that changes its key has two for a while
	id        string

	mu     sync.Mutex // held from the comparison to the answer: one history
	head   journal.Head
	signed []byte    // the cosigned checkpoint; nil before the first
	at     time.Time // of that cosignature
}

// Open reads the state of all logs and takes the folder. A state file that
// cannot be read, or that this witness and the log have not both signed, is an
// error and never a fresh start: who forgets can be made to sign anything.
func Open(c Config) (*Witness, error) {
	w := &Witness{cosigner: c.Cosigner, clock: c.Clock, log: c.Log, logs: map[string]*watched{}}
	if w.clock == nil {
		w.clock = clock.System{}
	}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	for _, v := range c.Logs {
		l := w.logs[v.Origin()]
		if l == nil {
			l = &watched{origin: v.Origin(), id: journal.LogID(v.Origin()), head: journal.Tree{}.Head()}
			w.logs[v.Origin()] = l
		}
		l.verifiers = append(l.verifiers, v)
	}
	var err error
	if w.folder, err = openFolder(c.Dir); err != nil {
		return nil, err
	}
	for _, l := range w.logs {
		if err := w.load(l); err != nil {
			return nil, errors.Join(err, w.folder.Close())
		}
	}
	w.metrics = newMetrics(w)
	return w, nil
}

// load reads what was last cosigned of a log.
func (w *Witness) load(l *watched) error {
	signed, err := w.folder.read(l.id)
	if err != nil || signed == nil {
		return err
	}
	for _, v := range l.verifiers {
		cp, sigs, openErr := v.OpenCosigned(signed, w.cosigner.Verifier())
		if openErr == nil && len(sigs) == 1 {
			l.head, l.signed, l.at = cp.Head, signed, sigs[0].At
			return nil
		}
		err = errors.Join(err, openErr)
	}
	return fmt.Errorf("the state of the log %s, file %s, is not a checkpoint that it and this witness have signed; restore the file, or settle with the log's owner where to begin again: %w", l.origin, w.folder.path(l.id), err)
}

// Close gives the folder free.
func (w *Witness) Close() error { return w.folder.Close() }

// AheadError is the answer to a request that does not start from what the
// witness last cosigned.
type AheadError struct{ Size int64 }

// Error tells the size.
func (e *AheadError) Error() string {
	return fmt.Sprintf("the witness stands at %d entries", e.Size)
}

// Add checks a request and cosigns its checkpoint. It gives the cosignature as a
// line of a signed note.
//
// Faults: Invalid "add_checkpoint_malformed", "checkpoint_malformed",
// "bad_tree_size"; NotFound "unknown_log"; Forbidden "checkpoint_refused" where
// no key of the log has signed it; Invalid "proof_refused" where it does not
// extend what was cosigned before; Unavailable where the state cannot be kept.
// An *AheadError where the request starts from another size, or contradicts the
// checkpoint of the same size.
func (w *Witness) Add(body []byte) (line []byte, err error) {
	req, err := journal.ParseAddCheckpoint(body)
	if err != nil {
		return nil, err
	}
	origin, err := journal.OriginOf(req.Checkpoint)
	if err != nil {
		return nil, err
	}
	l := w.logs[origin]
	if l == nil {
		return nil, fault.New(fault.NotFound, "unknown_log", "This witness does not watch a log of that name.")
	}
	cp, err := l.open(req.Checkpoint)
	if err != nil {
		return nil, fault.Wrap(err, fault.Forbidden, "checkpoint_refused", "No key of this log that the witness knows has signed the checkpoint.")
	}
	if req.Old > cp.Head.Size {
		return nil, fault.New(fault.Invalid, "bad_tree_size", "The old size is larger than that of the checkpoint.")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return w.extend(l, cp, req)
}

// open checks a checkpoint and gives it without the lines of strangers, who
// could make it as long as they like.
func (l *watched) open(signed []byte) (journal.Checkpoint, error) {
	var failed error
	for _, v := range l.verifiers {
		bare, err := v.Bare(signed)
		if err == nil {
			return v.OpenCheckpoint(bare)
		}
		failed = errors.Join(failed, err)
	}
	return journal.Checkpoint{}, failed
}

// extend compares a checkpoint with the last one and cosigns it. The caller
// holds the log's lock.
func (w *Witness) extend(l *watched, cp journal.Checkpoint, req journal.AddCheckpoint) ([]byte, error) {
	if req.Old != l.head.Size {
		if cp.Head.Size < l.head.Size {
			w.refused(l, cp, "smaller")
		}
		return nil, &AheadError{l.head.Size}
	}
	if cp.Head.Size == l.head.Size && cp.Head.Root != l.head.Root {
		w.refused(l, cp, "fork")
		return nil, &AheadError{l.head.Size}
	}
	if err := journal.VerifyConsistency(l.head, cp.Head, req.Proof); err != nil {
		w.refused(l, cp, "proof")
		return nil, err
	}
	now := w.clock.Now()
	line, err := w.cosigner.Cosign(cp, now)
	if err != nil {
		return nil, err
	}
	if cp.Head.Size == l.head.Size && l.signed != nil {
		return line, nil // said before; nothing new to keep
	}
	signed := journal.JoinCosignatures(cp.Note, string(line))
	if err := w.folder.write(l.id, signed); err != nil {
		w.log.Error("the state could not be kept, so nothing was cosigned", "log", l.origin, "error", err)
		return nil, fault.Wrap(err, fault.Unavailable, "state_not_kept", "The witness cannot keep its state at the moment, so it cosigns nothing. Try again later.")
	}
	l.head, l.signed, l.at = cp.Head, signed, now
	return line, nil
}

// refused notes a checkpoint that the log's key has signed and that was not
// cosigned, whole, since it may be evidence. why is "fork" for another root at
// the same size: proof that the log's key has signed two histories. "smaller"
// and "proof" can be a late message, or a stranger's; where they stay and
// nothing is cosigned any more, the log was rolled back or rewritten.
func (w *Witness) refused(l *watched, cp journal.Checkpoint, why string) {
	w.metrics.refused.WithLabelValues(l.origin, why).Inc()
	level, text := slog.LevelWarn, "a signed checkpoint was not cosigned"
	if why == "fork" {
		level, text = slog.LevelError, "ALARM: the log's key has signed two histories"
	}
	w.log.Log(context.Background(), level, text, "log", l.origin, "why", why, "size", cp.Head.Size, "root", cp.Head.Root.String(),
		"cosigned_size", l.head.Size, "cosigned_root", l.head.Root.String(), "checkpoint", string(cp.Note))
}

// Seen is what a witness knows of a log.
type Seen struct {
	ID     string       `json:"id"`
	Origin string       `json:"origin"`
	Head   journal.Head `json:"-"`
	Size   int64        `json:"size"`
	Root   string       `json:"root"`
	At     *time.Time   `json:"cosigned_at,omitempty"`
}

// Seen lists the logs and how far they were cosigned, by origin.
func (w *Witness) Seen() []Seen {
	var out []Seen
	for _, origin := range slices.Sorted(maps.Keys(w.logs)) {
		l := w.logs[origin]
		l.mu.Lock()
		s := Seen{ID: l.id, Origin: origin, Head: l.head, Size: l.head.Size, Root: l.head.Root.String()}
		if !l.at.IsZero() {
			at := l.at
			s.At = &at
		}
		l.mu.Unlock()
		out = append(out, s)
	}
	return out
}

// Latest gives the last checkpoint cosigned of a log, by its LogID, with the
// cosignature. NotFound, "unknown_log" or "log_empty".
func (w *Witness) Latest(id string) ([]byte, error) {
	for _, l := range w.logs {
		if l.id != id {
			continue
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.signed == nil {
			return nil, fault.New(fault.NotFound, "log_empty", "Nothing of this log was cosigned yet.")
		}
		return bytes.Clone(l.signed), nil
	}
	return nil, fault.New(fault.NotFound, "unknown_log", "This witness does not watch a log of that name.")
}
