package journal

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/paraph/paraph/internal/fault"
)

// proofHeader is the first line of a .tlog-proof file.
const proofHeader = "c2sp.org/tlog-proof@v1"

// MaxProof is the longest .tlog-proof file read, in bytes.
const MaxProof = 1 << 20

// Proof is the content of a .tlog-proof file (C2SP tlog-proof v1): everything
// that is needed, besides the leaf and the log's public key, to check offline
// that an entry is in the log.
type Proof struct {
	Extra      []byte // nil, or the entry's Disclosed in canonical form
	Index      int64
	Hashes     []Hash // from the leaf's sibling upwards
	Checkpoint []byte // the signed note, verbatim
}

// NewProof makes the proof that the entry at index is in the log of the
// checkpoint. extra may be nil. Faults as ProveInclusion.
func NewProof(cp Checkpoint, index int64, r HashReader, extra []byte) (Proof, error) {
	hashes, err := ProveInclusion(cp.Head.Size, index, r)
	if err != nil {
		return Proof{}, err
	}
	return Proof{Extra: extra, Index: index, Hashes: hashes, Checkpoint: cp.Note}, nil
}

// Encode writes the file.
func (p Proof) Encode() []byte {
	var b bytes.Buffer
	b.WriteString(proofHeader + "\n")
	if len(p.Extra) > 0 {
		b.WriteString("extra " + base64.StdEncoding.EncodeToString(p.Extra) + "\n")
	}
	b.WriteString("index " + strconv.FormatInt(p.Index, 10) + "\n")
	for _, h := range p.Hashes {
		b.WriteString(h.String() + "\n")
	}
	b.WriteString("\n")
	b.Write(p.Checkpoint)
	return b.Bytes()
}

// ParseProof reads a .tlog-proof file, strictly: every accepted file is what
// Encode writes for it. Invalid, "proof_malformed". Nothing in it is to be
// believed before Verify.
func ParseProof(file []byte) (Proof, error) {
	malformed := func(why string) (Proof, error) {
		return Proof{}, fault.New(fault.Invalid, "proof_malformed", "This is not a .tlog-proof file, version 1: %s.", why)
	}
	if len(file) > MaxProof {
		return malformed("it is too long")
	}
	head, checkpoint, ok := bytes.Cut(file, []byte("\n\n"))
	if !ok || len(checkpoint) == 0 || len(checkpoint) > MaxCheckpoint {
		return malformed("no checkpoint follows an empty line")
	}
	lines := strings.Split(string(head), "\n")
	if lines[0] != proofHeader || len(lines) < 2 {
		return malformed("the first line is not " + proofHeader)
	}
	p := Proof{Checkpoint: bytes.Clone(checkpoint)}
	lines = lines[1:]
	if text, ok := strings.CutPrefix(lines[0], "extra "); ok {
		extra, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil || len(extra) == 0 {
			return malformed("the extra data is not base 64")
		}
		p.Extra, lines = extra, lines[1:]
	}
	if len(lines) == 0 || len(lines) > 1+64 {
		return malformed("no index, or too many hashes")
	}
	text, ok := strings.CutPrefix(lines[0], "index ")
	if p.Index, ok = parseDecimalIf(text, ok); !ok {
		return malformed("the index is no decimal number")
	}
	for _, line := range lines[1:] {
		h, err := parseHash(line)
		if err != nil {
			return malformed("a line is no hash")
		}
		p.Hashes = append(p.Hashes, h)
	}
	if !bytes.Equal(p.Encode(), file) { // base64 decoding skips line breaks; nothing else differs
		return malformed("it has stray bytes")
	}
	return p, nil
}

func parseDecimalIf(s string, ok bool) (int64, bool) {
	if !ok {
		return 0, false
	}
	return parseDecimal(s)
}

// Verified is what a proof has shown.
type Verified struct {
	Index      int64
	Leaf       []byte
	Checkpoint Checkpoint
	Disclosed  *Disclosed // what the file says of the entry, checked; nil without extra data
}

// Verify checks the proof offline, with the log's public key alone.
//
// leaf is the entry's leaf. It may be nil where the file carries the entry's
// disclosure as extra data, from which the leaf follows. Extra data is not
// covered by the format's own signature, so extra data that is no disclosure of
// this very leaf is refused. Invalid: "proof_refused", "checkpoint_refused",
// "checkpoint_malformed", "disclosure_malformed", "leaf_malformed".
func (p Proof) Verify(v *Verifier, leaf []byte) (Verified, error) {
	out := Verified{Index: p.Index, Leaf: leaf}
	if len(p.Extra) > 0 {
		d, err := ParseDisclosed(p.Extra)
		if err != nil {
			return Verified{}, err
		}
		claimed, err := d.Leaf()
		if err != nil {
			return Verified{}, err
		}
		if leaf != nil && !bytes.Equal(leaf, claimed) {
			return Verified{}, refused("it is about another entry, %s", d.ID)
		}
		out.Leaf, out.Disclosed = claimed, &d
	}
	if out.Leaf == nil {
		return Verified{}, refused("neither the entry's leaf nor a disclosure of it is given")
	}
	if _, err := parseRecord(out.Leaf); err != nil {
		return Verified{}, err
	}
	cp, err := v.OpenCheckpoint(p.Checkpoint)
	if err != nil {
		return Verified{}, err
	}
	if err := VerifyInclusion(cp.Head, p.Index, tlog.RecordHash(out.Leaf), p.Hashes); err != nil {
		return Verified{}, err
	}
	out.Checkpoint = cp
	return out, nil
}

// VerifyProof reads and checks a .tlog-proof file in one step; see ParseProof
// and Proof.Verify for the faults.
func VerifyProof(file []byte, v *Verifier, leaf []byte) (Verified, error) {
	p, err := ParseProof(file)
	if err != nil {
		return Verified{}, err
	}
	return p.Verify(v, leaf)
}
