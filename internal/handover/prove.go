package handover

import (
	"github.com/paraph/paraph/internal/journal"
)

// Prove goes through what the archive tells of a document, and looks whether each entry
// stands in the log of the key, names the one before, and none is missing or too many
// up to the moment at which the unit was looked at. seen is told of each entry; erased
// ones disclose nothing. Fault Invalid "export_refused".
func (a *Archive) Prove(d *Document, log *journal.Verifier, seen func(journal.Verified)) error {
	n, last := int64(0), journal.Hash{}
	err := a.EachEntry(d.Journal, func(e *Entry) error {
		v, err := e.verify(log)
		if err != nil {
			return refused("entry %d of document %s: %v", n+1, d.ID, err)
		}
		if v.Disclosed.Prev != last.String() {
			return refused("entry %d of document %s does not follow the one before it", n+1, d.ID)
		}
		if doc := v.Disclosed.Document; doc != nil && (doc.Document != d.ID || doc.Organisation != a.Manifest.Origin.Organisation) {
			return refused("entry %d of document %s is about another document", n+1, d.ID)
		}
		n, last = n+1, journal.LeafHashOf(v.Leaf)
		seen(v)
		return nil
	})
	if err == nil && (n != d.Entries || last.String() != d.LastEntry) {
		err = refused("the entries of document %s are not all there", d.ID)
	}
	return err
}

// ProveUnit does what Prove does for the entries beside documents, which form no chain.
func (a *Archive) ProveUnit(log *journal.Verifier) error {
	f, ok := a.named[UnitEntries]
	if !ok {
		return nil
	}
	return a.EachEntry(f, func(e *Entry) error {
		if _, err := e.verify(log); err != nil {
			return refused("an entry of the unit: %v", err)
		}
		return nil
	})
}

// verify checks that an entry stands in the log.
func (e *Entry) verify(log *journal.Verifier) (journal.Verified, error) {
	p, err := journal.ParseProof([]byte(e.Proof))
	if err != nil {
		return journal.Verified{}, err
	}
	p.Extra = e.Entry
	return p.Verify(log, nil)
}
