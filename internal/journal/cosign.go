package journal

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"

	"github.com/paraph/paraph/internal/fault"
)

// cosignatureType is the key type of Ed25519 cosignatures in C2SP signed notes.
const cosignatureType = 0x04

// cosignatureSize is the length of a timestamped signature: the time in seconds
// and the Ed25519 signature.
const cosignatureSize = 8 + ed25519.SignatureSize

// Cosigner signs the checkpoints of other logs for a witness: C2SP
// tlog-cosignature v1 with Ed25519. It signs what it is given; that a checkpoint
// extends the one before it is the witness' business.
type Cosigner struct {
	verifier *WitnessKey
	key      crypto.Signer
}

// NewCosigner makes a cosigner. name is the witness' name, best a host and path,
// without white space or plus sign; key is an Ed25519 key that signs nothing but
// cosignatures. Anything else is Invalid, "bad_witness_key".
func NewCosigner(name string, key crypto.Signer) (*Cosigner, error) {
	pub, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return nil, badWitnessKey("the key is not an Ed25519 key")
	}
	if !keyName(name) {
		return nil, badWitnessKey("%q cannot be the name of a witness: it must not be empty nor hold white space or plus signs", name)
	}
	return &Cosigner{newWitnessKey(name, pub), key}, nil
}

// VerifierKey gives the witness' public key: name+hash+key.
func (c *Cosigner) VerifierKey() string { return c.verifier.String() }

// Verifier gives the verifier for what the cosigner signs.
func (c *Cosigner) Verifier() *WitnessKey { return c.verifier }

// Cosign states that at the time the checkpoint is the largest consistent head
// of its log that the witness has seen. It gives one line of a signed note, with
// its newline.
func (c *Cosigner) Cosign(cp Checkpoint, at time.Time) ([]byte, error) {
	sec := at.Unix()
	if sec < 0 {
		return nil, fault.New(fault.Internal, "bad_cosignature_time", "a cosignature of the time %s", at)
	}
	sig, err := c.key.Sign(nil, cosigned(checkpointText(cp.Origin, cp.Head), uint64(sec)), crypto.Hash(0))
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "witness_key_unavailable", "The witness' key could not sign.")
	}
	raw := binary.BigEndian.AppendUint32(nil, c.verifier.hash)
	raw = binary.BigEndian.AppendUint64(raw, uint64(sec))
	raw = append(raw, sig...)
	return []byte("— " + c.verifier.name + " " + base64.StdEncoding.EncodeToString(raw) + "\n"), nil
}

// cosigned is the message a cosignature is made over.
func cosigned(text string, sec uint64) []byte {
	return []byte("cosignature/v1\ntime " + strconv.FormatUint(sec, 10) + "\n" + text)
}

// WitnessKey is the public key of a witness. It is a note.Verifier.
type WitnessKey struct {
	name string
	hash uint32
	pub  ed25519.PublicKey
}

func newWitnessKey(name string, pub ed25519.PublicKey) *WitnessKey {
	return &WitnessKey{name, keyHash(name, cosignatureType, pub), pub}
}

// keyHash is the key id of C2SP signed notes.
func keyHash(name string, kind byte, pub []byte) uint32 {
	sum := sha256.Sum256(append([]byte(name+"\n"+string(rune(kind))), pub...))
	return binary.BigEndian.Uint32(sum[:])
}

// keyName tells whether a name may stand in a signed note.
func keyName(name string) bool {
	return name != "" && utf8.ValidString(name) && !strings.ContainsFunc(name, func(r rune) bool {
		return unicode.IsSpace(r) || r == '+' || r < 0x20
	})
}

// ParseWitnessKey reads the public key of a witness, name+hash+key, of the type
// Ed25519 cosignature (4). Invalid, "bad_witness_key".
func ParseWitnessKey(vkey string) (*WitnessKey, error) {
	name, rest, _ := strings.Cut(strings.TrimSpace(vkey), "+")
	hex, key, _ := strings.Cut(rest, "+")
	raw, err := base64.StdEncoding.Strict().DecodeString(key)
	if err != nil || len(hex) != 8 || !keyName(name) || len(raw) == 0 {
		return nil, badWitnessKey("it looks like name+1a2b3c4d+base64")
	}
	switch {
	case raw[0] == 0x01:
		return nil, badWitnessKey("this is the key of a log, not of a witness")
	case raw[0] != cosignatureType:
		return nil, badWitnessKey("keys of type %d are not known here; a witness needs an Ed25519 cosignature key", raw[0])
	case len(raw) != 1+ed25519.PublicKeySize:
		return nil, badWitnessKey("the key is not 32 bytes long")
	}
	k := newWitnessKey(name, raw[1:])
	if k.String() != strings.TrimSpace(vkey) {
		return nil, badWitnessKey("the hash in it is not that of the name and the key")
	}
	return k, nil
}

func badWitnessKey(format string, args ...any) error {
	return fault.New(fault.Invalid, "bad_witness_key", "This is not the key of a witness: "+format+".", args...)
}

// String writes the key as it is exchanged: name+hash+key.
func (k *WitnessKey) String() string {
	raw := append([]byte{cosignatureType}, k.pub...)
	return fmt.Sprintf("%s+%08x+%s", k.name, k.hash, base64.StdEncoding.EncodeToString(raw))
}

// Name implements note.Verifier.
func (k *WitnessKey) Name() string { return k.name }

// KeyHash implements note.Verifier.
func (k *WitnessKey) KeyHash() uint32 { return k.hash }

// Verify implements note.Verifier.
func (k *WitnessKey) Verify(text, sig []byte) bool {
	sec, ok := cosignatureTime(sig)
	return ok && ed25519.Verify(k.pub, cosigned(string(text), sec), sig[8:])
}

func cosignatureTime(sig []byte) (sec uint64, ok bool) {
	if len(sig) != cosignatureSize {
		return 0, false
	}
	sec = binary.BigEndian.Uint64(sig)
	return sec, sec < 1<<63
}

// Cosignature is one witness' word on a checkpoint, checked.
type Cosignature struct {
	Witness *WitnessKey
	At      time.Time // as the witness says, in seconds
	Line    string    // of the signed note, with its newline
}

// OpenCosigned reads a checkpoint and checks the log's signature and those of
// the witnesses given; lines of others are left alone. A line that claims to be
// of one of them and is not makes the whole checkpoint refused. Faults as
// OpenCheckpoint.
func (v *Verifier) OpenCosigned(signed []byte, witnesses ...*WitnessKey) (Checkpoint, []Cosignature, error) {
	cp, err := v.OpenCheckpoint(signed)
	if err != nil || len(witnesses) == 0 {
		return cp, nil, err
	}
	known := []note.Verifier{v.log}
	byHash := map[string]*WitnessKey{}
	for _, w := range witnesses {
		known = append(known, w)
		byHash[fmt.Sprintf("%s+%08x", w.name, w.hash)] = w
	}
	n, err := note.Open(signed, note.VerifierList(known...))
	if err != nil {
		return Checkpoint{}, nil, fault.Wrap(err, fault.Invalid, "checkpoint_refused", "A cosignature of the checkpoint is not what its witness has signed.")
	}
	var out []Cosignature
	for _, s := range n.Sigs {
		w := byHash[fmt.Sprintf("%s+%08x", s.Name, s.Hash)]
		if w == nil {
			continue // the log's own
		}
		raw, err := base64.StdEncoding.Strict().DecodeString(s.Base64)
		if err != nil {
			return Checkpoint{}, nil, malformedCheckpoint("a signature with stray bits")
		}
		sec, _ := cosignatureTime(raw[4:])
		out = append(out, Cosignature{w, time.Unix(int64(sec), 0).UTC(), "— " + s.Name + " " + s.Base64 + "\n"})
	}
	return cp, out, nil
}

// Bare gives a checkpoint with the log's own signature alone: lines that nobody
// has checked stay out. Faults as OpenCheckpoint.
func (v *Verifier) Bare(signed []byte) ([]byte, error) {
	cp, err := v.OpenCheckpoint(signed)
	if err != nil {
		return nil, err
	}
	n, err := note.Open(cp.Note, note.VerifierList(v.log))
	if err != nil {
		return nil, err
	}
	out := []byte(n.Text + "\n")
	for _, s := range n.Sigs {
		out = append(out, "— "+s.Name+" "+s.Base64+"\n"...)
	}
	return out, nil
}

// Cosigned checks the lines with which a witness answered about a checkpoint and
// gives its cosignature. Invalid, "cosignature_refused", where there is none.
func (v *Verifier) Cosigned(cp Checkpoint, lines []byte, by *WitnessKey) (Cosignature, error) {
	refused := func(cause error) (Cosignature, error) {
		return Cosignature{}, fault.Wrap(cause, fault.Invalid, "cosignature_refused", "The answer of the witness %s is not its cosignature of this checkpoint.", by.name)
	}
	if len(lines) > MaxCheckpoint || !bytes.HasPrefix(lines, []byte("— ")) || !bytes.HasSuffix(lines, []byte("\n")) {
		return refused(nil)
	}
	_, sigs, err := v.OpenCosigned(append(bytes.Clone(cp.Note), lines...), by)
	if err != nil || len(sigs) != 1 {
		return refused(err)
	}
	return sigs[0], nil
}
