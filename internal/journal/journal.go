// Package journal is the spine of Paraph: the record of who did what, when,
// from where and to which bytes. It is at once the audit log, the event log
// that subscribers replay, and the outbox that makes work start.
//
// The package holds the rules only. An Entry is written in the transaction of
// the change it tells of (internal/store); the sequencer (internal/work) then
// numbers it, adds its leaf to a Merkle tree and signs a checkpoint. Here is
// what an entry is (this file, kinds.go), how its leaf commits to it without
// holding personal data (leaf.go, disclose.go), the tree and its proofs (tree.go),
// and the public formats: checkpoints (checkpoint.go), .tlog-proof files
// (proof.go), tiles (tile.go). audit.go re-reads a whole log; cursor.go makes
// the opaque cursors of the event list.
//
// Tree and proofs are those of RFC 6962, section 2.1; the text formats are
// C2SP's tlog-checkpoint v1, tlog-proof v1 and tlog-tiles v0.1, so that tools
// nobody here wrote can check them.
package journal

import (
	"encoding/json"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// Prefix is the id prefix of an entry: evt_….
const Prefix = "evt"

// Hash is a SHA-256 of the tree: of a leaf or of an inner node.
type Hash = tlog.Hash

// Unsequenced is the Index of an entry that has no place in the log yet.
const Unsequenced int64 = -1

// Entry is one thing that happened. The transaction that makes it happen writes
// it, so there is no change without its entry.
type Entry struct {
	ID    string // evt_…
	Index int64  // place in the log, from 0; Unsequenced until the sequencer has been

	Org  string // the tenant; every query carries it
	Unit string // the business unit inside it
	Kind Kind

	SubjectType string // what the entry is about: "document", "envelope", "client", …
	SubjectID   string

	DocumentID string // "" for entries without a document
	// DocVersion is the document's optimistic-lock revision after the change,
	// 0 without a document. One change may write several entries of one revision.
	DocVersion int64
	// DocSeq counts the entries of the document: 1, 2, 3 … without a gap, unique
	// per document, 0 without one. A deleted entry leaves a hole.
	DocSeq int64

	At     time.Time // UTC, microseconds
	Actor  Actor
	Source Source

	// Digests name what changed and its SHA-256, as "sha256:" and 64 lower-case
	// hex digits.
	Digests map[string]string
	// Data is the event's public data: one JSON value, kept byte for byte. "" and
	// null are both allowed and differ.
	Data json.RawMessage

	Trace string // W3C traceparent of the request; not committed to

	Salt     [32]byte // secret; without it (erased) the commitments tell nothing
	PrevLeaf Hash     // LeafHash of the document's previous entry; zero for the first
	Leaf     []byte   // what the tree holds; see leaf.go
}

// LeafHash is the hash of the entry's leaf in the tree (RFC 6962, section 2.1)
// and the PrevLeaf of the document's next entry.
func (e *Entry) LeafHash() Hash { return LeafHashOf(e.Leaf) }

// LeafHashOf is LeafHash of an entry of which only the leaf is known.
func LeafHashOf(leaf []byte) Hash { return tlog.RecordHash(leaf) }

// Erased tells whether the entry's content was erased: its leaf stands, and with
// it every proof, but nobody can say any more what it commits to.
func (e *Entry) Erased() bool { return e.Salt == [32]byte{} }

// ActorKind says what kind of party acted.
type ActorKind string

// The kinds of actor.
const (
	ActorClient    ActorKind = "client"    // an API client
	ActorUser      ActorKind = "user"      // a person signed in
	ActorRecipient ActorKind = "recipient" // a signer on the signing page
	ActorSystem    ActorKind = "system"    // Paraph itself: timers, workers
)

// Actor is who did it.
type Actor struct {
	Kind       ActorKind
	ID         string // id of the client, user or recipient; a part's name for the system
	Principal  string // e-mail address of the person, where known
	OnBehalfOf string // e-mail address of the person acted for, where another acted
}

// Source is where the request came from. Peer and Forwarded are both kept: the
// first is a fact, the second is what a configured proxy said.
type Source struct {
	Peer      string // address of the socket's other end
	Forwarded string // client address as told by a configured proxy; "" otherwise
	UserAgent string
	RequestID string
}
