package journal

import (
	"crypto/sha256"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/paraph/paraph/internal/fault"
)

// ErrHashMissing is what a HashReader gives, wrapped or not, where a position
// that must hold a hash holds none: the stored tree has a hole.
var ErrHashMissing = fault.New(fault.Internal, "hash_missing", "A stored hash of the log's tree is missing. Run `paraph audit verify`.")

// HashReader reads stored hashes by position, in the order of the positions
// asked for; all of them, or an error such as ErrHashMissing. Positions are those of the tree's dense
// numbering (tlog.StoredHashIndex): the hashes of a tree of n leaves are
// exactly the positions below StoredHashCount(n), and they never change.
type HashReader = tlog.HashReader

// HashReaderFunc makes a HashReader of a function.
type HashReaderFunc = tlog.HashReaderFunc

// StoredHash is one hash of the tree and the position it is stored at.
type StoredHash struct {
	Pos  int64
	Hash Hash
}

// StoredHashCount gives how many hashes are stored for a tree of size leaves.
func StoredHashCount(size int64) int64 { return tlog.StoredHashCount(size) }

// Head is the whole tree in short: how many leaves, and the hash over them all.
type Head struct {
	Size int64
	Root Hash
}

// emptyRoot is the hash of the tree without leaves (RFC 6962, section 2.1).
var emptyRoot = Hash(sha256.Sum256(nil))

// Tree is the right edge of the Merkle tree: enough to add leaves and to know
// the root, at most 63 hashes. It is a value: Append gives a new Tree and leaves
// the old one as it was, so a writer whose transaction fails simply keeps the
// one it had. The zero Tree is the empty one.
type Tree struct {
	size int64
	// edge[l] is the hash of the complete subtree of 2^l leaves that ends the
	// left part of the tree, where bit l of size is set.
	edge [63]Hash
}

// LoadTree reads the right edge of the tree of size leaves, in one read.
func LoadTree(size int64, r HashReader) (Tree, error) {
	if size < 0 {
		return Tree{}, fault.New(fault.Internal, "bad_tree_size", "a tree of %d leaves", size)
	}
	t := Tree{size: size}
	var levels []int
	var positions []int64
	for l := range t.edge {
		if size>>l&1 == 1 {
			levels = append(levels, l)
			positions = append(positions, tlog.StoredHashIndex(l, size>>l-1))
		}
	}
	if len(positions) == 0 {
		return t, nil
	}
	hashes, err := readHashes(r, positions)
	if err != nil {
		return Tree{}, err
	}
	for i, l := range levels {
		t.edge[l] = hashes[i]
	}
	return t, nil
}

// readHashes reads from r and makes sure that everything asked for came.
func readHashes(r HashReader, positions []int64) ([]Hash, error) {
	hashes, err := r.ReadHashes(positions)
	if err != nil {
		return nil, err
	}
	if len(hashes) != len(positions) {
		return nil, ErrHashMissing
	}
	return hashes, nil
}

// Size gives the number of leaves.
func (t Tree) Size() int64 { return t.size }

// Head gives size and root.
func (t Tree) Head() Head {
	if t.size == 0 {
		return Head{Root: emptyRoot}
	}
	l := bits.TrailingZeros64(uint64(t.size))
	root := t.edge[l]
	for l++; l < len(t.edge); l++ {
		if t.size>>l&1 == 1 {
			root = tlog.NodeHash(t.edge[l], root)
		}
	}
	return Head{Size: t.size, Root: root}
}

// Append gives the tree with the leaves added, and the hashes to be stored for
// it, in the order of their positions, without a gap after those of the old tree.
func (t Tree) Append(leaves ...[]byte) (Tree, []StoredHash) {
	stored := make([]StoredHash, 0, 2*len(leaves)+8)
	for _, leaf := range leaves {
		stored = t.add(leaf, stored)
	}
	return t, stored
}

// add adds a leaf to the tree in its place, and its hashes to stored.
func (t *Tree) add(leaf []byte, stored []StoredHash) []StoredHash {
	pos := tlog.StoredHashCount(t.size)
	h := tlog.RecordHash(leaf)
	stored = append(stored, StoredHash{pos, h})
	l := 0
	for ; t.size>>l&1 == 1; l++ {
		pos++
		h = tlog.NodeHash(t.edge[l], h)
		stored = append(stored, StoredHash{pos, h})
	}
	t.edge[l] = h
	t.size++
	return stored
}

// Append adds leaves to the tree of size leaves whose hashes r reads: one read,
// whatever the number of leaves. It gives the hashes to store and the new head.
// A caller that appends often keeps a Tree instead and needs no read at all.
func Append(size int64, r HashReader, leaves [][]byte) ([]StoredHash, Head, error) {
	t, err := LoadTree(size, r)
	if err != nil {
		return nil, Head{}, err
	}
	t, stored := t.Append(leaves...)
	return stored, t.Head(), nil
}

// HeadAt recomputes the head of the tree of size leaves from the stored hashes.
func HeadAt(size int64, r HashReader) (Head, error) {
	t, err := LoadTree(size, r)
	if err != nil {
		return Head{}, err
	}
	return t.Head(), nil
}

// ProveInclusion makes the proof that the leaf at index is in the tree of size
// leaves (RFC 6962, section 2.1.1). A leaf that is not in that tree is NotFound,
// "entry_not_in_tree".
func ProveInclusion(size, index int64, r HashReader) ([]Hash, error) {
	if index < 0 || index >= size {
		return nil, fault.New(fault.NotFound, "entry_not_in_tree", "The log of %d entries has no entry %d yet. Ask again when a newer checkpoint is there.", size, index)
	}
	return tlog.ProveRecord(size, index, r)
}

// VerifyInclusion checks that proof puts the leaf with the given hash at index
// of the tree. Invalid, "proof_refused", if it does not.
func VerifyInclusion(head Head, index int64, leaf Hash, proof []Hash) error {
	if index < 0 || index >= head.Size {
		return refused("entry %d lies outside a log of %d entries", index, head.Size)
	}
	if err := tlog.CheckRecord(proof, head.Size, head.Root, index, leaf); err != nil {
		return refused("the hashes do not lead from entry %d to the signed root", index)
	}
	return nil
}

// ProveConsistency makes the proof that the tree of from leaves is a prefix of
// the tree of to leaves (RFC 6962, section 2.1.2); it is empty where from is 0
// or equal to to. Sizes that are no such pair are Invalid, "bad_tree_size".
func ProveConsistency(from, to int64, r HashReader) ([]Hash, error) {
	if from < 0 || from > to {
		return nil, fault.New(fault.Invalid, "bad_tree_size", "A log of %d entries cannot be a prefix of one of %d.", from, to)
	}
	if from == 0 || from == to {
		return nil, nil
	}
	return tlog.ProveTree(to, from, r)
}

// VerifyConsistency checks that from is a prefix of to. Invalid,
// "proof_refused", if the proof does not show it.
func VerifyConsistency(from, to Head, proof []Hash) error {
	switch {
	case from.Size < 0 || from.Size > to.Size:
		return refused("a log of %d entries cannot have grown into one of %d", from.Size, to.Size)
	case from.Size == 0 || from.Size == to.Size:
		want := from.Root
		if from.Size == 0 {
			want = emptyRoot
		}
		if from.Root != want || len(proof) != 0 || from.Size == to.Size && from.Root != to.Root {
			return refused("the roots differ at the same size")
		}
		return nil
	}
	if err := tlog.CheckTree(proof, to.Size, to.Root, from.Size, from.Root); err != nil {
		return refused("the log of %d entries is not a prefix of the log of %d", from.Size, to.Size)
	}
	return nil
}

func refused(format string, args ...any) error {
	return fault.New(fault.Invalid, "proof_refused", "The proof does not hold: "+format+".", args...)
}
