package work

import (
	"context"

	"github.com/paraph/paraph/internal/anchor"
	"github.com/paraph/paraph/internal/journal"
)

// addAnchors puts the time stamps into a package that were the first to cover the
// document's entries, each with the entries' proofs under the stamped checkpoint.
// One that does not verify is left out: it proves nothing, and the document has to
// be archived all the same. `paraph audit verify` names it.
func (a *Archiver) addAnchors(ctx context.Context, b *bag, entries []journal.Entry) error {
	anchors, err := a.Service.EntryAnchors(ctx, entries)
	if err != nil || len(anchors) == 0 {
		return err
	}
	verifier, err := journal.NewVerifier(a.Trust.LogKey)
	if err != nil {
		return err
	}
	for i := range anchors {
		one := &anchors[i]
		shown, err := anchor.Verify([]byte(one.Note), one.Token, verifier, nil)
		if err != nil || shown.Checkpoint.Head.Size != one.Size {
			a.Log.Error("a stored time stamp over the log is not good; it is left out of the archive package", "anchor", one.ID, "error", err)
			continue
		}
		b.add(anchor.CheckpointName(one.ID), []byte(one.Note))
		b.add(anchor.TokenName(one.ID), one.Token)
		for _, p := range one.Proofs {
			b.add(anchor.ProofName(one.ID, p.Entry.ID), p.Proof)
		}
	}
	if len(a.Trust.TSAPEM) > 0 {
		b.add("data/trust/tsa.pem", a.Trust.TSAPEM)
	}
	return nil
}
