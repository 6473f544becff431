package journal

import (
	"testing"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/tlog"
)

// TestTreeAgreesWithTwoOthers compares the tree with the two implementations
// that nobody here wrote: x/mod's stored hashes and merkle's compact range.
func TestTreeAgreesWithTwoOthers(t *testing.T) {
	t.Parallel()
	m := newMemory(t, 0)
	factory := compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}
	theirs := factory.NewEmptyRange(0)
	if got := m.tree.Head().Root; string(got[:]) != string(rfc6962.DefaultHasher.EmptyRoot()) {
		t.Error("the empty root differs")
	}
	for n := range int64(300) {
		e := testEntry(t, int(n))
		want, err := tlog.StoredHashes(n, e.Leaf, m)
		if err != nil {
			t.Fatal(err)
		}
		before := len(m.hashes)
		m.add(e)
		if added := m.hashes[before:]; len(added) != len(want) {
			t.Fatalf("leaf %d: %d hashes, want %d", n, len(added), len(want))
		}
		for i, h := range want {
			if m.hashes[before+i] != h {
				t.Fatalf("leaf %d: hash %d differs", n, i)
			}
		}
		if err := theirs.Append(rfc6962.DefaultHasher.HashLeaf(e.Leaf), nil); err != nil {
			t.Fatal(err)
		}
		root, err := theirs.GetRootHash(nil)
		if err != nil {
			t.Fatal(err)
		}
		head := m.tree.Head()
		if head.Size != n+1 || string(head.Root[:]) != string(root) {
			t.Fatalf("head %v differs from merkle's", head)
		}
		again, err := HeadAt(n+1, m)
		if err != nil || again != head {
			t.Fatalf("recomputed %v, %v; want %v", again, err, head)
		}
		if int64(len(m.hashes)) != StoredHashCount(n+1) {
			t.Fatalf("%d hashes stored for %d leaves", len(m.hashes), n+1)
		}
	}
}

func TestAppendInAnyBatchesGivesTheSameTreeWithOneRead(t *testing.T) {
	t.Parallel()
	whole := newMemory(t, 100)
	for _, first := range []int64{0, 1, 7, 64, 99} {
		m := newMemory(t, int(first))
		leaves, err := whole.leaves(first, 100)
		if err != nil {
			t.Fatal(err)
		}
		stored, head, err := Append(first, m, leaves)
		if err != nil || head != whole.tree.Head() {
			t.Fatalf("after %d: %v, %v", first, head, err)
		}
		if m.reads > 1 {
			t.Errorf("after %d: %d reads", first, m.reads)
		}
		for i, s := range stored {
			if s.Pos != StoredHashCount(first)+int64(i) || s.Hash != whole.hashes[s.Pos] {
				t.Fatalf("after %d: stored hash %d differs", first, i)
			}
		}
	}
}

func TestAFailedTransactionKeepsTheOldTree(t *testing.T) {
	t.Parallel()
	m := newMemory(t, 13)
	old := m.tree
	head := old.Head()
	next, _ := old.Append([]byte("x"), []byte("y"))
	if old.Head() != head || next.Head() == head || next.Size() != 15 {
		t.Error("Append changed the tree it was called on")
	}
}

func TestLoadTreeSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	m := newMemory(t, 13)
	m.hashes = m.hashes[:10]
	_, err := LoadTree(13, m)
	wantCode(t, err, "hash_missing")
	_, err = LoadTree(-1, m)
	wantCode(t, err, "bad_tree_size")
}

// TestProofsPassBothVerifiers makes every proof of every tree up to 40 leaves.
func TestProofsPassBothVerifiers(t *testing.T) {
	t.Parallel()
	const most = 40
	m := newMemory(t, most)
	var heads []Head
	for n := range int64(most + 1) {
		head, err := HeadAt(n, m)
		if err != nil {
			t.Fatal(err)
		}
		heads = append(heads, head)
	}
	raw := func(hs []Hash) (out [][]byte) {
		for _, h := range hs {
			out = append(out, h[:])
		}
		return out
	}
	for size := int64(1); size <= most; size++ {
		head := heads[size]
		for index := range size {
			p, err := ProveInclusion(size, index, m)
			if err != nil {
				t.Fatal(err)
			}
			leaf := m.entries[index].LeafHash()
			if err := VerifyInclusion(head, index, leaf, p); err != nil {
				t.Fatal(err)
			}
			if err := proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(index), uint64(size), leaf[:], raw(p), head.Root[:]); err != nil {
				t.Fatalf("merkle refuses the proof of %d in %d: %v", index, size, err)
			}
			wantCode(t, VerifyInclusion(head, (index+1)%(size+1), leaf, p), "proof_refused")
			wantCode(t, VerifyInclusion(head, index, leaf, append(p, Hash{})), "proof_refused")
		}
		for from := range size + 1 {
			p, err := ProveConsistency(from, size, m)
			if err != nil {
				t.Fatal(err)
			}
			if err := VerifyConsistency(heads[from], head, p); err != nil {
				t.Fatalf("%d to %d: %v", from, size, err)
			}
			if from > 0 {
				if err := proof.VerifyConsistency(rfc6962.DefaultHasher, uint64(from), uint64(size), raw(p), heads[from].Root[:], head.Root[:]); err != nil {
					t.Fatalf("merkle refuses %d to %d: %v", from, size, err)
				}
			}
			forged := heads[from]
			forged.Root[0] ^= 1
			wantCode(t, VerifyConsistency(forged, head, p), "proof_refused")
		}
	}
	_, err := ProveInclusion(5, 5, m)
	wantCode(t, err, "entry_not_in_tree")
	_, err = ProveConsistency(6, 5, m)
	wantCode(t, err, "bad_tree_size")
	wantCode(t, VerifyConsistency(heads[6], heads[5], nil), "proof_refused")
}

func BenchmarkAppend(b *testing.B) {
	leaf := testEntry(b, 1).Leaf
	var tree Tree
	b.ReportAllocs()
	for b.Loop() {
		tree, _ = tree.Append(leaf)
	}
}

func BenchmarkSeal(b *testing.B) {
	e := testEntry(b, 1)
	b.ReportAllocs()
	for b.Loop() {
		if err := Seal(&e, e.PrevLeaf); err != nil {
			b.Fatal(err)
		}
	}
}
