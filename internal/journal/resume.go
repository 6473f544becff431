package journal

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/paraph/paraph/internal/fault"
)

// resumeTail is how many of the newest leaves Resume hashes again.
const resumeTail = 256

// Resumption is what is known of a log before it is gone on with.
type Resumption struct {
	Head Head   // as the database says it
	Note string // the newest checkpoint in the database, "" where there is none
	// Seen is the high-water mark: the newest checkpoint that was remembered
	// outside the database. nil where nothing was.
	Seen *Checkpoint
	// Earlier are the names the log had before restored backups were accepted.
	Earlier []string
}

// Resume decides whether a log may be gone on with: nothing is signed and no
// checkpoint is handed out before it has said yes. It recomputes the head from
// the stored hashes, hashes the newest leaves again, checks the signature of the
// newest checkpoint, and demands that the log extends what was seen outside the
// database. It reads some hundred rows, however long the log is; the rest is the
// business of Audit.
//
// Each refusal is Unavailable and says what disagrees: "log_damaged" (rows,
// hashes and head contradict one another), "checkpoint_forged" (the newest
// checkpoint is not signed by the log's key), "log_rolled_back" (the log was
// longer before), "log_forked" (the log was another before).
func (v *Verifier) Resume(r Resumption, stored HashReader, leaves LeafReader) error {
	head, err := HeadAt(r.Head.Size, stored)
	if missing(err) {
		return damaged("a stored hash of the tree of %d entries is missing", r.Head.Size)
	}
	if err != nil {
		return err
	}
	if head.Root != r.Head.Root {
		return damaged("the stored hashes do not give the root of the head, %d entries", r.Head.Size)
	}
	if err := v.resumeTail(head, stored, leaves); err != nil {
		return err
	}
	if err := v.resumeNote(head, r.Note); err != nil {
		return err
	}
	return v.resumeSeen(head, r, stored)
}

// resumeTail compares the newest leaves with their stored hashes, and makes sure
// that none stands behind the end.
func (v *Verifier) resumeTail(head Head, stored HashReader, leaves LeafReader) error {
	from := max(0, head.Size-resumeTail)
	rows, err := leaves(from, head.Size+1)
	if err != nil {
		return err
	}
	if int64(len(rows)) != head.Size-from {
		return damaged("of the last %d entries %d are there", head.Size-from, len(rows))
	}
	positions := make([]int64, len(rows))
	for i := range rows {
		positions[i] = tlog.StoredHashIndex(0, from+int64(i))
	}
	if len(rows) == 0 {
		return nil
	}
	hashes, err := readHashes(stored, positions)
	if missing(err) {
		return damaged("a stored hash of the last entries is missing")
	}
	if err != nil {
		return err
	}
	for i, leaf := range rows {
		if tlog.RecordHash(leaf) != hashes[i] {
			return damaged("entry %d is not the one whose hash is in the tree", from+int64(i))
		}
	}
	return nil
}

// resumeNote compares the head with the newest checkpoint.
func (v *Verifier) resumeNote(head Head, note string) error {
	if note == "" {
		if head.Size > 0 {
			return damaged("the log has %d entries and no checkpoint", head.Size)
		}
		return nil
	}
	cp, err := v.OpenCheckpoint([]byte(note))
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "checkpoint_forged", "The newest checkpoint in the database is not signed by the log's key under the name %s: somebody has changed it, or the key file. Nothing is signed and nothing written until that is cleared up: run `paraph audit verify`, and restore what was changed.", v.Origin())
	}
	if cp.Head != head {
		return damaged("the head has %d entries, the newest checkpoint %d, or another root", head.Size, cp.Head.Size)
	}
	return nil
}

// resumeSeen demands that the log extends what was remembered outside.
func (v *Verifier) resumeSeen(head Head, r Resumption, stored HashReader) error {
	seen := r.Seen
	if seen == nil {
		return nil
	}
	if seen.Origin != v.Origin() {
		if slices.Contains(r.Earlier, seen.Origin) {
			return nil // a restored backup was accepted, under the new name
		}
		return forked("the high-water mark is one of the log %s, this is %s", seen.Origin, v.Origin())
	}
	if seen.Head.Size > head.Size {
		return fault.New(fault.Unavailable, "log_rolled_back", "The log has %d entries, but a checkpoint over %d was signed before: the database is older than what was vouched for. Restore the newer database. Where there is none, accept the loss with `paraph audit accept-restore`, which gives the log a new name, since a log never shows two histories under one.", head.Size, seen.Head.Size)
	}
	proof, err := ProveConsistency(seen.Head.Size, head.Size, stored)
	if missing(err) {
		return damaged("a stored hash of the tree is missing")
	}
	if err != nil {
		return err
	}
	if VerifyConsistency(seen.Head, head, proof) != nil {
		return forked("its first %d entries are not those that were signed before", seen.Head.Size)
	}
	return nil
}

// missing tells that a stored hash is not there. A store says NotFound.
func missing(err error) bool {
	return errors.Is(err, ErrHashMissing) || err != nil && fault.KindOf(err) == fault.NotFound
}

func damaged(format string, args ...any) error {
	return fault.New(fault.Unavailable, "log_damaged", "The log contradicts itself: "+format+". Nothing is signed and nothing written until that is cleared up: run `paraph audit verify`, and restore what was changed.", args...)
}

func forked(format string, args ...any) error {
	return fault.New(fault.Unavailable, "log_forked", "This is not the log that was signed before: "+format+". Restore the right database. Where there is none, accept the loss with `paraph audit accept-restore`, which gives the log a new name, since a log never shows two histories under one.", args...)
}

// Under gives the verifier of the same key for a log of another name: what was
// signed before a restored backup was accepted stands under an earlier one.
// Invalid, "bad_verifier_key", where the name cannot be one.
func (v *Verifier) Under(origin string) (*Verifier, error) {
	parts := strings.SplitN(v.vkey, "+", 3)
	raw, err := base64.StdEncoding.DecodeString(parts[2]) // NewVerifier has read it: type, then key
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "bad_verifier_key", "This is not the public key of a log.")
	}
	vkey, err := note.NewEd25519VerifierKey(origin, ed25519.PublicKey(raw[1:]))
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "bad_verifier_key", "%q cannot be the name of a log.", origin)
	}
	return NewVerifier(vkey)
}
