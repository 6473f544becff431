package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"iter"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/paraph/paraph/internal/fault"
)

// Row is one sequenced entry as an audit reads it.
type Row struct {
	Index int64
	Leaf  []byte
	Entry *Entry // nil to look at the leaf only; with it, Check is run as well
	// Checked tells that the caller has run Check, with the outcome Outcome: it
	// costs most of an audit, and can be done for many rows at once.
	Checked bool
	Outcome error
	// Signed is the root that a stored checkpoint gives the log up to and with this
	// row; nil where none was made there.
	Signed *Hash
}

// Report is what an audit has found.
type Report struct {
	Size         int64         // leaves read and found in order
	Root         Hash          // over those leaves
	Checked      int64         // entries that were compared with their leaf
	Erased       int64         // entries whose salt is erased: the leaf stands, the content cannot be compared
	Disagreement *Disagreement // the first; nil where everything agrees
}

// Disagreement is the place where a log stops being what was signed.
type Disagreement struct {
	Index int64  // of the entry; for a root, the size
	Code  string // gap, leaf, entry, hash, root, checkpoint, missing or beyond
	About string // in words for people
}

// auditBatch is how many stored hashes are compared at once.
const auditBatch = 4096

// Audit reads a whole log again: rows in the order of their index, against the
// stored hashes (nil to leave them out) and against a checkpoint whose signature
// the caller has checked. It stops at the first disagreement and reports it; its
// error is only for what keeps it from going on: a read that failed, or ctx.
//
// progress, if not nil, is called after every few thousand entries with how many
// are done and how many there are. Memory does not grow with the log.
func Audit(ctx context.Context, want Head, rows iter.Seq2[Row, error], stored HashReader, progress func(done, total int64)) (Report, error) {
	a := auditor{want: want, stored: stored}
	for row, err := range rows {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = a.row(row)
		}
		if err != nil || a.report.Disagreement != nil {
			return a.done(), err
		}
		if progress != nil && a.tree.size%auditBatch == 0 {
			progress(a.tree.size, want.Size)
		}
	}
	if err := a.compare(); err != nil || a.report.Disagreement != nil {
		return a.done(), err
	}
	switch head := a.tree.Head(); {
	case head.Size < want.Size:
		a.differs(head.Size, "missing", "The checkpoint was signed over more entries than there are.")
	case head.Root != want.Root:
		a.differs(head.Size, "root", "The entries do not give the root that was signed.")
	case progress != nil:
		progress(head.Size, want.Size)
	}
	return a.done(), nil
}

// AuditPart goes on with an audit that looks at the log piece by piece: rows are
// those behind tree, all of them belong to the log of want, and the hashes stored
// for them are compared. Where the last one is the last of want, so is the root.
// It gives the grown tree and the first disagreement, nil where there is none.
func AuditPart(tree Tree, want Head, rows []Row, stored HashReader) (Tree, *Disagreement, error) {
	a := auditor{want: want, stored: stored, tree: tree}
	for _, row := range rows {
		if err := a.row(row); err != nil || a.report.Disagreement != nil {
			return a.tree, a.report.Disagreement, err
		}
	}
	err := a.compare()
	if head := a.tree.Head(); err == nil && a.report.Disagreement == nil && head.Size == want.Size && head.Root != want.Root {
		a.differs(head.Size, "root", "The entries do not give the root that was signed.")
	}
	return a.tree, a.report.Disagreement, err
}

type auditor struct {
	want      Head
	stored    HashReader
	tree      Tree
	pending   []StoredHash // computed, not yet compared with what is stored
	positions []int64      // of pending
	report    Report
}

func (a *auditor) differs(index int64, code, about string) {
	a.report.Disagreement = &Disagreement{index, code, about}
}

func (a *auditor) done() Report {
	head := a.tree.Head()
	a.report.Size, a.report.Root = head.Size, head.Root
	return a.report
}

// row takes in one row.
func (a *auditor) row(row Row) error {
	switch {
	case row.Index != a.tree.size:
		a.differs(a.tree.size, "gap", "The entry is missing, or another stands in its place.")
		return nil
	case row.Index >= a.want.Size:
		a.differs(row.Index, "beyond", "The entry comes after those the checkpoint was signed over.")
		return nil
	}
	e, err := row.Entry, row.Outcome
	if e != nil && !row.Checked {
		err = Check(e)
	}
	if e == nil || err != nil || !bytes.Equal(e.Leaf, row.Leaf) { // an entry that passed its check has a leaf that is one
		if _, err := parseRecord(row.Leaf); err != nil {
			a.differs(row.Index, "leaf", err.Error())
			return nil
		}
	}
	if e != nil {
		switch {
		case !bytes.Equal(e.Leaf, row.Leaf):
			a.differs(row.Index, "entry", "The entry carries another leaf than the row.")
			return nil
		case e.Erased():
			a.report.Erased++
		case err != nil:
			a.differs(row.Index, "entry", fault.From(err).Message)
			return nil
		default:
			a.report.Checked++
		}
	}
	if a.pending = a.tree.add(row.Leaf, a.pending); a.stored == nil {
		a.pending = a.pending[:0]
	}
	if row.Signed != nil && a.tree.Head().Root != *row.Signed {
		if err := a.compare(); err != nil || a.report.Disagreement != nil {
			return err // it says more closely where
		}
		a.differs(a.tree.size, "checkpoint", "The stored checkpoint of this size has another root than the entries.")
		return nil
	}
	if len(a.pending) >= auditBatch {
		return a.compare()
	}
	return nil
}

// compare checks the pending hashes against those that are stored.
func (a *auditor) compare() error {
	if len(a.pending) == 0 {
		return nil
	}
	a.positions = a.positions[:0]
	for _, s := range a.pending {
		a.positions = append(a.positions, s.Pos)
	}
	got, err := readHashes(a.stored, a.positions)
	if errors.Is(err, ErrHashMissing) {
		a.differs(a.tree.size-1, "hash", "A stored hash of the tree is missing, here or up to a few thousand entries before.")
		return nil
	}
	if err != nil {
		return err
	}
	for i, s := range a.pending {
		if got[i] != s.Hash {
			level, n := tlog.SplitStoredHashIndex(s.Pos)
			a.differs((n+1)<<level-1, "hash", "The stored hash of the tree is not that of the entries.")
			break
		}
	}
	a.pending = a.pending[:0]
	return nil
}

// Link is what of an entry its document's chain is checked by.
type Link struct {
	Index      int64 // Unsequenced until the sequencer has been
	ID, Org    string
	Kind       Kind
	DocumentID string
	DocSeq     int64
	Digests    map[string]string
	Data       json.RawMessage
	Erased     bool
	Leaf       []byte
}

// CheckChain compares the entries of one document, in the order of DocSeq, with
// each other: sequence without a hole, each with the hash of the one before, and
// the last one as the document's row has it (seq and hash of the newest entry).
// It needs no tree, so it also covers entries that are not sequenced yet; what
// else the leaves of those that are say is for Audit to compare.
// Invalid, "chain_broken", or "leaf_malformed".
func CheckChain(chain []Link, lastSeq int64, lastLeaf Hash) error {
	var seq int64
	var prev Hash
	broken := func(format string, args ...any) error {
		return fault.New(fault.Invalid, "chain_broken", "The document's entries are not complete: "+format+".", args...)
	}
	for i := range chain {
		e := &chain[i]
		id, before, ok := link(e.Leaf)
		if !ok || e.Index == Unsequenced {
			rec, err := parseRecord(e.Leaf)
			if err != nil {
				return err
			}
			id, before = []byte(rec.id), rec.prev
		}
		if e.DocSeq != seq+1 {
			return broken("after entry %d of the document comes entry %d", seq, e.DocSeq)
		}
		if before != prev || string(id) != e.ID {
			return broken("entry %d of the document does not follow from the one before it", e.DocSeq)
		}
		seq, prev = e.DocSeq, tlog.RecordHash(e.Leaf)
	}
	if seq != lastSeq || prev != lastLeaf {
		return broken("the document counts %d entries, %d are there, or the last one is another", lastSeq, seq)
	}
	return nil
}
