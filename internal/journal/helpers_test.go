package journal

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/fault"
)

// testEntry gives a sealed entry with every field set, the same for the same n.
func testEntry(t testing.TB, n int) Entry {
	t.Helper()
	e := Entry{
		ID: fmt.Sprintf("evt_%026d", n), Org: "org_acme", Unit: "unit_purchasing", Kind: DocumentSubmitted,
		SubjectType: "document", SubjectID: "doc_00000000000000000000000001",
		DocumentID: "doc_00000000000000000000000001", DocVersion: 7, DocSeq: 3,
		At:      time.Date(2026, 11, 23, 12, 0, n, 123456789, time.UTC),
		Actor:   Actor{ActorClient, "cli_00000000000000000000000001", "alice@example.com", "bob@example.com"},
		Source:  Source{"10.0.0.1", "203.0.113.7", "curl/8.5", "req_1"},
		Digests: map[string]string{"metadata": Digest(sha256.Sum256([]byte("m"))), "content": Digest(sha256.Sum256([]byte("c")))},
		Data:    json.RawMessage(fmt.Sprintf(`{"title": "Purchase order <%d>", "amount": 12345}`, n)),
		Salt:    sha256.Sum256(fmt.Appendf(nil, "salt %d", n)),
	}
	if err := Seal(&e, sha256.Sum256([]byte("earlier"))); err != nil {
		t.Fatal(err)
	}
	return e
}

// memory holds a log as a store would.
type memory struct {
	tree    Tree
	hashes  []Hash
	entries []Entry
	signer  *Signer
	reads   int
}

func newMemory(t testing.TB, size int) *memory {
	t.Helper()
	m := &memory{signer: testSigner(t)}
	for n := range size {
		e := testEntry(t, n)
		e.Index = int64(n)
		m.add(e)
	}
	return m
}

func (m *memory) add(e Entry) {
	m.entries = append(m.entries, e)
	var stored []StoredHash
	m.tree, stored = m.tree.Append(e.Leaf)
	for _, s := range stored {
		if s.Pos != int64(len(m.hashes)) {
			panic("positions with a gap")
		}
		m.hashes = append(m.hashes, s.Hash)
	}
}

// ReadHashes implements HashReader.
func (m *memory) ReadHashes(positions []int64) ([]Hash, error) {
	m.reads++
	out := make([]Hash, len(positions))
	for i, p := range positions {
		if p < 0 || p >= int64(len(m.hashes)) {
			return nil, ErrHashMissing
		}
		out[i] = m.hashes[p]
	}
	return out, nil
}

func (m *memory) leaves(from, to int64) ([][]byte, error) {
	var out [][]byte
	for _, e := range m.entries[from:to] {
		out = append(out, e.Leaf)
	}
	return out, nil
}

func (m *memory) checkpoint(t testing.TB) Checkpoint {
	t.Helper()
	cp, err := m.signer.Sign(m.tree.Head())
	if err != nil {
		t.Fatal(err)
	}
	return cp
}

func testSigner(t testing.TB) *Signer {
	t.Helper()
	seed := sha256.Sum256([]byte("a log key for tests"))
	s, err := NewSigner("paraph.example.com/audit", ed25519.NewKeyFromSeed(seed[:]))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func wantCode(t testing.TB, err error, codes ...string) {
	t.Helper()
	for _, code := range codes {
		if err != nil && fault.CodeOf(err) == code {
			return
		}
	}
	t.Errorf("got error %v, want one of %v", err, codes)
}
