//go:build judges

package attack

import (
	"context"
	"crypto/ed25519"
	"log/slog"

	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/server"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store"
)

func openStore(v *victim) (*store.Store, error) {
	return store.Open(v.Context(), store.Options{URL: server.DatabaseURL(&v.conf), KeepSchema: true, Across: "tests", Log: slog.New(slog.DiscardHandler)})
}

// entries reads the whole log.
func (v *victim) entries() (all []journal.Entry) {
	v.Helper()
	v.read(func(ctx context.Context, tx service.Reader) (err error) {
		all, err = tx.EntriesFrom(ctx, 0, 100_000)
		return err
	})
	return all
}

// forge rewrites the whole log as somebody would who knows the program: entries
// changed by change are sealed anew, with them everything that follows in their
// documents' chains, the tree over all, the head, and one checkpoint, signed with
// key. It gives the signed note.
func (v *victim) forge(key ed25519.PrivateKey, change func(all []journal.Entry) []journal.Entry) string {
	v.Helper()
	all := change(v.entries())
	last := map[string]journal.Hash{}
	for i := range all {
		e := &all[i]
		if err := journal.Seal(e, last[e.DocumentID]); err != nil {
			v.Fatal(err)
		}
		if e.DocumentID != "" {
			last[e.DocumentID] = e.LeafHash()
		}
		v.exec("UPDATE entry SET data = ?, prev_leaf = ?, leaf = ? WHERE id = ?", string(e.Data), e.PrevLeaf[:], e.Leaf, e.ID)
	}
	for id, leaf := range last {
		v.exec("UPDATE document SET last_leaf = ? WHERE id = ?", leaf[:], id)
	}
	leaves := make([][]byte, len(all))
	for i := range all {
		leaves[i] = all[i].Leaf
	}
	return v.plant(key, leaves)
}

// plant puts a tree over the leaves into the database, with head and checkpoint.
func (v *victim) plant(key ed25519.PrivateKey, leaves [][]byte) string {
	v.Helper()
	tree, hashes := journal.Tree{}.Append(leaves...)
	v.exec("DELETE FROM tree_hash")
	for _, h := range hashes {
		v.exec("INSERT INTO tree_hash (pos, hash) VALUES (?, ?)", h.Pos, h.Hash[:])
	}
	head := tree.Head()
	cp, err := v.signer(key).Sign(head)
	if err != nil {
		v.Fatal(err)
	}
	v.exec("DELETE FROM checkpoint")
	v.exec("INSERT INTO checkpoint (size, root, epoch, note, at) VALUES (?, ?, 1, ?, 0)", head.Size, head.Root[:], string(cp.Note))
	v.exec("UPDATE log_head SET size = ?, root = ?", head.Size, head.Root[:])
	return string(cp.Note)
}

// lie changes the data of one entry.
func lie(index int64) func(all []journal.Entry) []journal.Entry {
	return func(all []journal.Entry) []journal.Entry {
		all[index].Data = []byte(`{"lie": true}`)
		return all
	}
}
