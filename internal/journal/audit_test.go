package journal

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"slices"
	"testing"
)

// rows gives the log as an audit reads it.
func (m *memory) rows() iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for i := range m.entries {
			e := m.entries[i]
			if !yield(Row{Index: e.Index, Leaf: e.Leaf, Entry: &e}, nil) {
				return
			}
		}
	}
}

// TestAuditFindsWhatWasDone is the attack table as far as rows and one signed
// checkpoint can show it: what an attacker does to the stored log, and the first
// place the audit names.
func TestAuditFindsWhatWasDone(t *testing.T) {
	t.Parallel()
	const size = 300
	reseal := func(m *memory, i int) {
		e := &m.entries[i]
		if err := Seal(e, e.PrevLeaf); err != nil {
			t.Fatal(err)
		}
		e.Index = int64(i)
	}
	tests := map[string]struct {
		attack func(m *memory)
		index  int64
		code   string // "" where nothing can be found
	}{
		"nothing":                 {func(*memory) {}, 0, ""},
		"edits a row":             {func(m *memory) { m.entries[17].Data = json.RawMessage(`{"amount":1}`) }, 17, "entry"},
		"edits a row's time":      {func(m *memory) { m.entries[17].At = m.entries[17].At.Add(1e6) }, 17, "entry"},
		"edits a row and leaf":    {func(m *memory) { m.entries[17].Org = "org_evil"; reseal(m, 17) }, 17, "hash"},
		"breaks a leaf":           {func(m *memory) { m.entries[17].Leaf = []byte("x") }, 17, "leaf"},
		"deletes a row":           {func(m *memory) { m.entries = slices.Delete(m.entries, 17, 18) }, 17, "gap"},
		"deletes and renumbers":   {func(m *memory) { m.entries = slices.Delete(m.entries, 17, 18); renumber(m) }, 17, "hash"},
		"swaps two rows":          {func(m *memory) { m.entries[3], m.entries[4] = m.entries[4], m.entries[3]; renumber(m) }, 3, "hash"},
		"deletes the last rows":   {func(m *memory) { m.entries = m.entries[:size-3] }, size - 3, "missing"},
		"adds a row":              {func(m *memory) { e := testEntry(t, 5); e.Index = size; m.add(e) }, size, "beyond"},
		"edits a stored hash":     {func(m *memory) { m.hashes[7][0] ^= 1 }, 4, "hash"}, // position 7 is leaf 4
		"deletes stored hashes":   {func(m *memory) { m.hashes = m.hashes[:100] }, size - 1, "hash"},
		"erases a salt":           {func(m *memory) { m.entries[17].Salt = [32]byte{}; m.entries[17].Data = nil }, 0, ""},
		"rewrites rows and tree":  {func(m *memory) { m.entries[17].Org = "org_evil"; reseal(m, 17); rehash(m) }, size, "root"},
		"another leaf in the row": {func(m *memory) { m.entries[17].Leaf = m.entries[18].Leaf }, 17, "entry"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMemory(t, size)
			want := m.tree.Head()
			test.attack(m)
			report, err := Audit(context.Background(), want, m.rows(), m, nil)
			if err != nil {
				t.Fatal(err)
			}
			d := report.Disagreement
			switch {
			case test.code == "" && (d != nil || report.Size != size || report.Root != want.Root || report.Checked+report.Erased != size):
				t.Errorf("report %+v, %+v", report, d)
			case test.code != "" && (d == nil || d.Index != test.index || d.Code != test.code):
				t.Errorf("found %+v, want %s at %d", d, test.code, test.index)
			}
		})
	}
}

func renumber(m *memory) {
	for i := range m.entries {
		m.entries[i].Index = int64(i)
	}
}

func rehash(m *memory) {
	entries := m.entries
	m.tree, m.hashes, m.entries = Tree{}, nil, nil
	for _, e := range entries {
		m.add(e)
	}
}

func TestAuditTellsItsProgressAndStops(t *testing.T) {
	t.Parallel()
	_, m := bigTree(0)
	leaf := testEntry(t, 1).Leaf
	for n := range int64(3*auditBatch + 10) {
		m.add(Entry{Index: n, Leaf: leaf})
	}
	bare := func(yield func(Row, error) bool) {
		for _, e := range m.entries {
			if !yield(Row{Index: e.Index, Leaf: e.Leaf}, nil) {
				return
			}
		}
	}
	var seen []int64
	report, err := Audit(context.Background(), m.tree.Head(), bare, m, func(done, total int64) {
		if total != int64(len(m.entries)) {
			t.Errorf("total %d", total)
		}
		seen = append(seen, done)
	})
	if err != nil || report.Disagreement != nil || !slices.Equal(seen, []int64{auditBatch, 2 * auditBatch, 3 * auditBatch, 3*auditBatch + 10}) {
		t.Errorf("%v, %+v, progress %v", err, report.Disagreement, seen)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Audit(ctx, m.tree.Head(), bare, nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
	broken := errors.New("the database is away")
	failing := func(yield func(Row, error) bool) { yield(Row{}, broken) }
	if _, err := Audit(context.Background(), m.tree.Head(), failing, nil, nil); !errors.Is(err, broken) {
		t.Errorf("ended with %v", err)
	}
}

func TestAChainShowsADeletedEntryWithoutTheTree(t *testing.T) {
	t.Parallel()
	var chain []Link
	var prev Hash
	for n := range 5 {
		e := testEntry(t, n)
		e.DocSeq = int64(n + 1)
		if err := Seal(&e, prev); err != nil {
			t.Fatal(err)
		}
		chain, prev = append(chain, Link{ID: e.ID, DocSeq: e.DocSeq, Leaf: e.Leaf}), e.LeafHash()
	}
	check := func(list []Link) error { return CheckChain(list, 5, prev) }
	if err := check(chain); err != nil {
		t.Fatal(err)
	}
	for at := range chain {
		wantCode(t, check(slices.Delete(slices.Clone(chain), at, at+1)), "chain_broken")
	}
	renumbered := slices.Delete(slices.Clone(chain), 2, 3)
	for i := range renumbered {
		renumbered[i].DocSeq = int64(i + 1)
	}
	wantCode(t, check(renumbered), "chain_broken")
}
