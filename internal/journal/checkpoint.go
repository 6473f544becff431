package journal

import (
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/paraph/paraph/internal/fault"
)

// Checkpoint is a head of the log, signed: C2SP tlog-checkpoint v1, a note of
// three lines (origin, size, root in base 64) without extension lines.
type Checkpoint struct {
	Origin string // the log's name, for instance paraph.example.com/audit
	Head   Head
	Note   []byte // the signed note, verbatim
}

// MaxCheckpoint is the longest checkpoint read, in bytes: room for the lines of
// many witnesses.
const MaxCheckpoint = 64 << 10

// Signer signs checkpoints with Ed25519 under the log's own name. It never looks
// at what it signed before: whoever calls it makes sure that each head extends
// the one before it.
type Signer struct {
	origin string
	key    crypto.Signer
	vkey   string
	hash   uint32
}

// NewSigner makes a signer for a log. origin is its name, best the host and path
// it is served at, without scheme, white space or plus sign; key is an Ed25519
// key, in memory or elsewhere. Anything else is Invalid, "bad_log_key".
func NewSigner(origin string, key crypto.Signer) (*Signer, error) {
	pub, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return nil, fault.New(fault.Invalid, "bad_log_key", "The log's key must be an Ed25519 key.")
	}
	vkey, err := note.NewEd25519VerifierKey(origin, pub)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "bad_log_key", "%q cannot be the name of a log.", origin)
	}
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "bad_log_key", "%q cannot be the name of a log: white space and plus signs are not allowed.", origin)
	}
	return &Signer{origin, key, vkey, v.KeyHash()}, nil
}

// Origin gives the log's name.
func (s *Signer) Origin() string { return s.origin }

// VerifierKey gives the public key in the form of C2SP signed notes,
// name+hash+key: what a verifier needs, and all it needs.
func (s *Signer) VerifierKey() string { return s.vkey }

// Verifier gives the verifier for what the signer signs.
func (s *Signer) Verifier() *Verifier {
	v, err := NewVerifier(s.vkey)
	if err != nil {
		panic("journal: own verifier key refused: " + err.Error()) // NewSigner has parsed it
	}
	return v
}

// Sign makes the checkpoint of a head. The same head gives the same bytes.
func (s *Signer) Sign(head Head) (Checkpoint, error) {
	signed, err := note.Sign(&note.Note{Text: checkpointText(s.origin, head)}, noteSigner{s})
	if err != nil {
		return Checkpoint{}, fault.Wrap(err, fault.Unavailable, "log_key_unavailable", "The log's key could not sign a checkpoint.")
	}
	return Checkpoint{Origin: s.origin, Head: head, Note: signed}, nil
}

// noteSigner is the Signer as x/mod's note package wants it.
type noteSigner struct{ s *Signer }

func (n noteSigner) Name() string    { return n.s.origin }
func (n noteSigner) KeyHash() uint32 { return n.s.hash }
func (n noteSigner) Sign(msg []byte) ([]byte, error) {
	return n.s.key.Sign(nil, msg, crypto.Hash(0))
}

func checkpointText(origin string, head Head) string {
	return origin + "\n" + strconv.FormatInt(head.Size, 10) + "\n" + head.Root.String() + "\n"
}

// Verifier checks the checkpoints of one log by its public key.
type Verifier struct {
	log  note.Verifier
	vkey string
}

// NewVerifier reads a verifier key, name+hash+key. Invalid, "bad_verifier_key".
func NewVerifier(vkey string) (*Verifier, error) {
	vkey = strings.TrimSpace(vkey)
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "bad_verifier_key", "This is not the public key of a log. It looks like name+1a2b3c4d+base64.")
	}
	return &Verifier{v, vkey}, nil
}

// Origin gives the name of the log.
func (v *Verifier) Origin() string { return v.log.Name() }

// String gives the verifier key, name+hash+key.
func (v *Verifier) String() string { return v.vkey }

// OpenCheckpoint reads a checkpoint and checks that this log has signed it.
// Lines of signers the verifier does not know are left alone, as the standard
// demands. Invalid: "checkpoint_malformed" or, with a wrong or missing signature,
// "checkpoint_refused".
func (v *Verifier) OpenCheckpoint(signed []byte) (Checkpoint, error) {
	if len(signed) > MaxCheckpoint {
		return Checkpoint{}, malformedCheckpoint("longer than %d bytes", MaxCheckpoint)
	}
	n, err := note.Open(signed, note.VerifierList(v.log))
	if err != nil {
		return Checkpoint{}, fault.Wrap(err, fault.Invalid, "checkpoint_refused", "The checkpoint does not carry a valid signature of %s.", v.log.Name())
	}
	// The note package reads base 64 leniently; one text must have one writing.
	for _, s := range n.Sigs {
		if _, err := base64.StdEncoding.Strict().DecodeString(s.Base64); err != nil {
			return Checkpoint{}, malformedCheckpoint("a signature with stray bits")
		}
	}
	origin, head, err := parseCheckpointText(n.Text)
	if err != nil {
		return Checkpoint{}, err
	}
	if origin != v.log.Name() {
		return Checkpoint{}, fault.New(fault.Invalid, "checkpoint_refused", "The checkpoint is one of %s, not of %s.", origin, v.log.Name())
	}
	return Checkpoint{Origin: origin, Head: head, Note: append([]byte(nil), signed...)}, nil
}

// parseCheckpointText reads the three lines of a checkpoint's text.
func parseCheckpointText(text string) (string, Head, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[0] == "" || lines[3] != "" {
		return "", Head{}, malformedCheckpoint("it has not exactly three lines")
	}
	size, ok := parseDecimal(lines[1])
	if !ok {
		return "", Head{}, malformedCheckpoint("the size is no decimal number")
	}
	root, err := parseHash(lines[2])
	if err != nil {
		return "", Head{}, malformedCheckpoint("the root is no hash")
	}
	return lines[0], Head{size, root}, nil
}

func malformedCheckpoint(format string, args ...any) error {
	return fault.New(fault.Invalid, "checkpoint_malformed", "This is not a checkpoint of a log: "+format+".", args...)
}

// parseDecimal reads a number of at least 0 in its one decimal writing. The
// bound keeps positions in the tree, about twice the size, inside an int64.
func parseDecimal(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > 1<<61 || strconv.FormatInt(n, 10) != s {
		return 0, false
	}
	return n, true
}
