// Package anchor says what a time stamp over the log is, and checks it: for the
// worker that has it made, for whoever packs or audits it, and for whoever
// verifies a package years later.
//
// What is stamped is the SHA-256 of a checkpoint as the log signed it, byte for
// byte: the three lines of its text, the empty line, and the log's own signature
// line with the newline at its end. Cosignatures of witnesses are not part of it.
// So `openssl ts -verify -token_in -in TOKEN -data CHECKPOINT` checks it with
// nothing of Paraph's.
//
// A time stamp says that the checkpoint was there at its time, and so every entry
// under the checkpoint: whoever rewrites the log later would need the authority's
// key, too. It says nothing about entries that came afterwards.
package anchor

import (
	"crypto"
	"crypto/sha256"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/pades/tsp"
)

// Hash is the function whose digest of a checkpoint is stamped.
const Hash = crypto.SHA256

// Digest gives what is stamped of a checkpoint.
func Digest(note []byte) []byte {
	d := sha256.Sum256(note)
	return d[:]
}

// Verified is a time stamp that was found good.
type Verified struct {
	Checkpoint journal.Checkpoint
	At         time.Time
	Accuracy   time.Duration // around At; 0: not said
	Authority  string        // the name in its certificate
	Trusted    bool          // its certificate leads to a root that was given
}

// String says it in words.
func (v Verified) String() string {
	trust := ", whom nobody said to trust"
	if v.Trusted {
		trust = ""
	}
	at := v.At.UTC().Format("2 January 2006 15:04:05 UTC")
	if v.Accuracy > 0 {
		at += " ± " + v.Accuracy.String()
	}
	return at + " by " + v.Authority + trust
}

// Verify checks that log has signed the checkpoint and that the token is a good
// time stamp over it. chain may be nil: then nobody said whom to trust. Faults:
// Invalid "checkpoint_malformed", "checkpoint_refused"; Invalid
// "timestamp_refused", with a *tsp.Error below it.
func Verify(note, token []byte, log *journal.Verifier, chain tsp.ChainVerifier) (Verified, error) {
	cp, err := log.OpenCheckpoint(note)
	if err != nil {
		return Verified{}, err
	}
	t, err := tsp.Parse(token)
	if err != nil {
		return Verified{}, refused(err)
	}
	v, err := t.Verify(Digest(note), tsp.VerifyOptions{Chain: chain})
	if err != nil {
		return Verified{}, refused(err)
	}
	name := v.Signer.Subject.CommonName
	if name == "" {
		name = v.Signer.Subject.String()
	}
	return Verified{Checkpoint: cp, At: t.Time, Accuracy: t.Accuracy, Authority: name, Trusted: v.Chain != nil}, nil
}

func refused(err error) error {
	return fault.Wrap(err, fault.Invalid, "timestamp_refused", "The time stamp over the checkpoint is not good: %v.", err)
}

// Where an archive package keeps its anchors: a folder for each, named by its id,
// with the checkpoint, the token over it, and a .tlog-proof under that very
// checkpoint for each entry that it was the first to cover.
const (
	folder         = "data/anchors/"
	checkpointFile = "checkpoint"
	tokenFile      = "token.tst"
	proofSuffix    = ".tlog-proof"
)

// CheckpointName gives the name of an anchor's checkpoint in a package.
func CheckpointName(id string) string { return folder + id + "/" + checkpointFile }

// TokenName gives the name of an anchor's token in a package.
func TokenName(id string) string { return folder + id + "/" + tokenFile }

// ProofName gives the name of an entry's proof under an anchor.
func ProofName(id, entry string) string { return folder + id + "/" + entry + proofSuffix }

// Packed is an anchor as a package holds it.
type Packed struct {
	ID         string
	Checkpoint []byte
	Token      []byte
	Proofs     map[string][]byte // .tlog-proof files by the entry's id
}

// Unpack sorts a file of a package to its anchor in all, by id; false where the
// name is none of an anchor's.
func Unpack(all map[string]*Packed, name string, content []byte) bool {
	rest, ok := strings.CutPrefix(name, folder)
	id, file, both := strings.Cut(rest, "/")
	if !ok || !both {
		return false
	}
	p := all[id]
	if p == nil {
		p = &Packed{ID: id, Proofs: map[string][]byte{}}
		all[id] = p
	}
	switch entry, isProof := strings.CutSuffix(file, proofSuffix); {
	case file == checkpointFile:
		p.Checkpoint = content
	case file == tokenFile:
		p.Token = content
	case isProof:
		p.Proofs[entry] = content
	default:
		return false
	}
	return true
}

// Verify checks the anchor, and that each of its proofs stands under the stamped
// checkpoint and is about an entry of leaves, by id: those that the package has
// proved. Faults: as Verify and journal.VerifyProof; Invalid "proof_refused".
func (p *Packed) Verify(log *journal.Verifier, chain tsp.ChainVerifier, leaves map[string][]byte) (Verified, error) {
	v, err := Verify(p.Checkpoint, p.Token, log, chain)
	if err != nil {
		return v, err
	}
	for entry, file := range p.Proofs {
		leaf, ok := leaves[entry]
		if !ok {
			return v, fault.New(fault.Invalid, "proof_refused", "The time stamp %s names the entry %s, which the package does not prove.", p.ID, entry)
		}
		shown, err := journal.VerifyProof(file, log, leaf)
		if err != nil {
			return v, err
		}
		if string(shown.Checkpoint.Note) != string(p.Checkpoint) {
			return v, fault.New(fault.Invalid, "proof_refused", "The proof of %s under the time stamp %s stands under another checkpoint than the stamped one.", entry, p.ID)
		}
	}
	return v, nil
}
