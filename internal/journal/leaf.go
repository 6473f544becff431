package journal

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/id"
)

// The leaf is what the Merkle tree holds of an entry. It is public to whoever
// may read the tiles, so it names nobody: it is ten lines of ASCII, each ended
// by a newline, in this order:
//
//	paraph-leaf@v1
//	id evt_01jd…              the entry's id
//	kind document.submitted   the entry's kind
//	prev <hash>               leaf hash of the document's previous entry, or zeros
//	document <commitment>     org, unit, subject type, subject id, document id, revision, sequence
//	actor <commitment>        kind, id, principal, on behalf of
//	source <commitment>       peer, forwarded, user agent, request id
//	digests <commitment>      name, value, name, value … sorted by the bytes of the names
//	data <commitment>         the exact bytes of the event data
//	time <commitment>         2006-01-02T15:04:05.000000Z, UTC, always six decimals
//
// Hashes and commitments are 32 bytes in standard base 64 with padding.
//
// A commitment is HMAC-SHA256(key, value). The key is 32 bytes,
// HMAC-SHA256(salt, "paraph-leaf@v1/" + the line's name), and the salt 32 random
// bytes of the entry's own. So a field can be shown alone, by its value and its
// key, and once the salt is erased nobody can guess an address or a name from
// the leaf, while every proof stays valid.
//
// The value is the concatenation of the listed parts, each with its length in
// front as a 32-bit big-endian number; numbers are written in decimal. All text
// is UTF-8. An absent part is an empty one, so a leaf does not tell whether a
// field is there.
const leafVersion = "paraph-leaf@v1"

// Field names one committed line of the leaf.
type Field string

// The committed fields, in the order of their lines.
const (
	FieldDocument Field = "document"
	FieldActor    Field = "actor"
	FieldSource   Field = "source"
	FieldDigests  Field = "digests"
	FieldData     Field = "data"
	FieldTime     Field = "time"
)

// fields are all committed fields in the order of their lines.
var fields = [...]Field{FieldDocument, FieldActor, FieldSource, FieldDigests, FieldData, FieldTime}

// Fields lists all committed fields in the order of their lines.
var Fields = fields[:]

const (
	// MaxData is the largest Data of an entry, in bytes.
	MaxData = 256 << 10
	// maxText is the longest text kept of a field that comes from outside.
	maxText = 1024
	// timeForm writes the time of an entry; six decimals, never fewer.
	timeForm = "2006-01-02T15:04:05.000000Z"
)

// Seal makes the entry ready to be written: it brings time and texts to the
// form the stores keep, draws a salt where there is none, and fills PrevLeaf and
// Leaf. prev is the LeafHash of the document's previous entry, the zero Hash for
// the first one and for entries without a document.
//
// Texts from outside are kept valid: what is not UTF-8, and NUL, which
// PostgreSQL cannot hold, becomes U+FFFD; what is longer than 1024 bytes is cut.
// An entry that breaks a rule of this package is our own mistake: Internal,
// "bad_entry".
func Seal(e *Entry, prev Hash) error {
	for _, text := range []*string{
		&e.Actor.ID, &e.Actor.Principal, &e.Actor.OnBehalfOf,
		&e.Source.Peer, &e.Source.Forwarded, &e.Source.UserAgent, &e.Source.RequestID,
	} {
		*text = clean(*text)
	}
	e.At = clock.Cut(e.At)
	if err := e.wellFormed(prev); err != nil {
		return err
	}
	if e.Salt == [32]byte{} {
		rand.Read(e.Salt[:]) // never fails: crypto/rand ends the process instead
	}
	e.Index = Unsequenced
	e.PrevLeaf = prev
	e.Leaf = e.makeLeaf()
	return nil
}

// clean keeps text to valid UTF-8 without NUL and at most maxText bytes.
func clean(s string) string {
	if len(s) > maxText {
		s = s[:maxText]
		for len(s) > 0 && !utf8.RuneStart(s[len(s)-1]) {
			s = s[:len(s)-1]
		}
		if r, _ := utf8.DecodeLastRuneInString(s); r == utf8.RuneError && len(s) > 0 {
			s = s[:len(s)-1]
		}
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	return strings.ReplaceAll(s, "\x00", "\uFFFD")
}

// wellFormed checks what only our own code can get wrong.
func (e *Entry) wellFormed(prev Hash) error {
	bad := func(format string, args ...any) error {
		return fault.New(fault.Internal, "bad_entry", "journal entry "+string(e.Kind)+": "+format, args...)
	}
	if !id.Valid(Prefix, e.ID) {
		return bad("%q is not an entry id", e.ID)
	}
	if _, ok := e.Kind.Info(); !ok || !e.Kind.wellFormed() {
		return bad("the kind is not in the list of kinds")
	}
	if (e.DocumentID == "") != (e.DocSeq == 0) || e.DocSeq < 0 || e.DocVersion < 0 {
		return bad("document %q with sequence %d and revision %d", e.DocumentID, e.DocSeq, e.DocVersion)
	}
	if (prev == Hash{}) != (e.DocSeq <= 1) {
		return bad("entry %d of the document with previous leaf %s", e.DocSeq, prev)
	}
	for _, text := range []string{e.Org, e.Unit, e.SubjectType, e.SubjectID, e.DocumentID, string(e.Actor.Kind), string(e.Data)} {
		if !utf8.ValidString(text) {
			return bad("text that is not UTF-8")
		}
	}
	if len(e.Data) > MaxData || len(e.Data) > 0 && !json.Valid(e.Data) {
		return bad("data that is not JSON or longer than %d bytes", MaxData)
	}
	for name, digest := range e.Digests {
		if !validDigest(digest) || !utf8.ValidString(name) {
			return bad("digest %q of %q", digest, name)
		}
	}
	if year := e.At.Year(); year < 1970 || year > 9999 {
		return bad("the time %s", e.At)
	}
	return nil
}

// Digest writes a SHA-256 the way Digests hold it.
func Digest(sum [32]byte) string { return "sha256:" + hex.EncodeToString(sum[:]) }

func validDigest(s string) bool {
	rest, ok := strings.CutPrefix(s, "sha256:")
	raw, err := hex.DecodeString(rest)
	return ok && err == nil && len(raw) == 32 && rest == strings.ToLower(rest)
}

// Check recomputes the leaf from the entry and its salt. It gives an Invalid
// fault: "leaf_malformed" where the leaf is no leaf, "entry_mismatch" where it
// is that of another entry; the detail's pointer names the first field that
// disagrees.
func Check(e *Entry) error {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	want := s.record(e)
	// A leaf has one form. So whole logs are checked by comparing bytes, and a leaf
	// is taken apart only to say what is wrong with it.
	s.leaf = want.append(s.leaf[:0])
	if bytes.Equal(s.leaf, e.Leaf) && id.Valid(Prefix, e.ID) && e.Kind.wellFormed() {
		return nil
	}
	got, err := parseRecord(e.Leaf)
	if err != nil {
		return err
	}
	return got.compare(want)
}

// record is a leaf in parts.
type record struct {
	id      string
	kind    Kind
	prev    Hash
	commits [len(fields)]Hash // in the order of fields
}

// append writes the leaf behind b.
func (r *record) append(b []byte) []byte {
	b = append(b, leafVersion+"\nid "...)
	b = append(b, r.id...)
	b = append(b, "\nkind "...)
	b = append(b, r.kind...)
	b = append(b, "\nprev "...)
	b = append(base64.StdEncoding.AppendEncode(b, r.prev[:]), '\n')
	for i, f := range fields {
		b = append(append(b, f...), ' ')
		b = append(base64.StdEncoding.AppendEncode(b, r.commits[i][:]), '\n')
	}
	return b
}

// parseRecord reads a leaf, and only one written exactly as encode writes it.
func parseRecord(leaf []byte) (record, error) {
	malformed := func(why string) (record, error) {
		return record{}, fault.New(fault.Invalid, "leaf_malformed", "This is not a leaf of Paraph's log, version 1: %s.", why)
	}
	lines := strings.Split(string(leaf), "\n")
	if len(lines) != 4+len(fields)+1 || lines[0] != leafVersion || lines[len(lines)-1] != "" {
		return malformed("wrong first line or number of lines")
	}
	var r record
	var okID, okKind, okPrev bool
	var kind, prev string
	r.id, okID = strings.CutPrefix(lines[1], "id ")
	kind, okKind = strings.CutPrefix(lines[2], "kind ")
	prev, okPrev = strings.CutPrefix(lines[3], "prev ")
	r.kind = Kind(kind)
	if !okID || !id.Valid(Prefix, r.id) || !okKind || !r.kind.wellFormed() || !okPrev {
		return malformed("id, kind or prev")
	}
	var err error
	if r.prev, err = parseHash(prev); err != nil {
		return malformed("prev is not a hash")
	}
	for i, f := range fields {
		text, ok := strings.CutPrefix(lines[4+i], string(f)+" ")
		if r.commits[i], err = parseHash(text); err != nil || !ok {
			return malformed("line " + string(f))
		}
	}
	return r, nil
}

// link reads whose leaf it is and which came before it, and nothing else.
func link(leaf []byte) (id []byte, prev Hash, ok bool) {
	rest, ok := bytes.CutPrefix(leaf, []byte(leafVersion+"\nid "))
	id, rest, found := bytes.Cut(rest, []byte("\nkind "))
	_, rest, more := bytes.Cut(rest, []byte("\nprev "))
	hash, _, end := bytes.Cut(rest, []byte("\n"))
	if !ok || !found || !more || !end || len(hash) != hashText {
		return nil, Hash{}, false
	}
	var raw [33]byte // what the decoder writes before it knows of the padding
	n, err := base64.StdEncoding.Strict().Decode(raw[:], hash)
	return id, Hash(raw[:32]), err == nil && n == 32
}

// compare names the first part in which two leaves differ.
func (r record) compare(want record) error {
	field := ""
	switch {
	case r.id != want.id:
		field = "id"
	case r.kind != want.kind:
		field = "kind"
	case r.prev != want.prev:
		field = "prev"
	default:
		for i, f := range fields {
			if r.commits[i] != want.commits[i] {
				field = string(f)
				break
			}
		}
	}
	if field == "" {
		return nil
	}
	return mismatch(r.id, field)
}

func mismatch(entry, field string) error {
	return fault.New(fault.Invalid, "entry_mismatch", "Entry %s is not what the log holds: %s differs.", entry, field).
		With(fault.Detail{Pointer: "/" + field, Code: "differs", Message: "not what the leaf commits to"})
}

// hashText is the length of a hash in base 64.
const hashText = 44

// parseHash reads 32 bytes of standard base 64, padded, with no stray bits.
func parseHash(s string) (Hash, error) {
	if len(s) != hashText {
		return Hash{}, fault.New(fault.Invalid, "bad_hash", "A hash is 44 characters of base 64.")
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(raw) != 32 {
		return Hash{}, fault.New(fault.Invalid, "bad_hash", "A hash is 32 bytes in base 64.")
	}
	return Hash(raw), nil
}
