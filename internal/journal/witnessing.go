package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/paraph/paraph/internal/fault"
)

// What log and witness say to each other: C2SP tlog-witness v1.0.0.
const (
	// MaxAddCheckpoint is the longest request read, in bytes.
	MaxAddCheckpoint = MaxCheckpoint + 4<<10
	// maxConsistency is the most hashes a consistency proof may have.
	maxConsistency = 63
	// SizeMedia is the media type of the size with which a witness answers 409.
	SizeMedia = "text/x.tlog.size"
)

// AddCheckpoint is the request of a log to its witness: cosign this checkpoint,
// which extends the one of size Old.
type AddCheckpoint struct {
	Old        int64
	Proof      []Hash // of consistency, from Old to the checkpoint
	Checkpoint []byte // the signed note
}

// Encode writes the body of the request.
func (a AddCheckpoint) Encode() []byte {
	var b bytes.Buffer
	b.WriteString("old " + strconv.FormatInt(a.Old, 10) + "\n")
	for _, h := range a.Proof {
		b.WriteString(h.String() + "\n")
	}
	b.WriteString("\n")
	b.Write(a.Checkpoint)
	return b.Bytes()
}

// ParseAddCheckpoint reads the body of a request, strictly: what it accepts is
// what Encode writes. Invalid, "add_checkpoint_malformed".
func ParseAddCheckpoint(body []byte) (AddCheckpoint, error) {
	malformed := func(why string) (AddCheckpoint, error) {
		return AddCheckpoint{}, fault.New(fault.Invalid, "add_checkpoint_malformed", "This is not an add-checkpoint request: %s.", why)
	}
	if len(body) > MaxAddCheckpoint {
		return malformed("it is too long")
	}
	head, checkpoint, ok := bytes.Cut(body, []byte("\n\n"))
	if !ok || len(checkpoint) == 0 || len(checkpoint) > MaxCheckpoint {
		return malformed("no checkpoint follows an empty line")
	}
	lines := strings.Split(string(head), "\n")
	text, ok := strings.CutPrefix(lines[0], "old ")
	old, ok := parseDecimalIf(text, ok)
	if !ok {
		return malformed("the first line is not the old size")
	}
	if len(lines) > 1+maxConsistency {
		return malformed("the proof has more than 63 hashes")
	}
	a := AddCheckpoint{Old: old, Checkpoint: bytes.Clone(checkpoint)}
	for _, line := range lines[1:] {
		h, err := parseHash(line)
		if err != nil {
			return malformed("a line of the proof is no hash")
		}
		a.Proof = append(a.Proof, h)
	}
	return a, nil
}

// OriginOf gives the log a signed note claims to be a checkpoint of. Nothing has
// been checked by then. Invalid, "checkpoint_malformed".
func OriginOf(signed []byte) (string, error) {
	text, _, ok := bytes.Cut(signed, []byte("\n\n"))
	if !ok || len(signed) > MaxCheckpoint {
		return "", malformedCheckpoint("it is no signed note")
	}
	origin, _, err := parseCheckpointText(string(text) + "\n")
	return origin, err
}

// LogID names a log in the paths of a witness: the SHA-256 of its origin in
// hexadecimal.
func LogID(origin string) string {
	sum := sha256.Sum256([]byte(origin))
	return hex.EncodeToString(sum[:])
}

// EncodeSize writes the size with which a witness answers 409.
func EncodeSize(size int64) []byte { return []byte(strconv.FormatInt(size, 10) + "\n") }

// ParseSize reads it. Invalid, "bad_tree_size".
func ParseSize(body []byte) (int64, error) {
	text, ok := strings.CutSuffix(string(body), "\n")
	size, ok := parseDecimalIf(text, ok)
	if !ok {
		return 0, fault.New(fault.Invalid, "bad_tree_size", "The witness did not answer with the size of a log.")
	}
	return size, nil
}

// JoinCosignatures gives the checkpoint with the witnesses' lines below the
// log's own. Lines that stand there already are not added twice.
func JoinCosignatures(signed []byte, lines ...string) []byte {
	out := bytes.Clone(signed)
	for _, line := range lines {
		if !bytes.Contains(out, []byte("\n"+line)) {
			out = append(out, line...)
		}
	}
	return out
}

// strictBase64 tells whether s is base 64 in its one writing.
func strictBase64(s string) bool {
	_, err := base64.StdEncoding.Strict().DecodeString(s)
	return err == nil
}
