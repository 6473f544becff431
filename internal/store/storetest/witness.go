package storetest

import (
	"context"
	"testing"

	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
)

// witnesses keeps what outsiders say about the log.
func witnesses(t *testing.T, s service.Store) {
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		w, err := tx.Witnessed(ctx)
		same(t, "before the first", w, service.Witnessed{})
		return err
	})
	first := service.WitnessState{Witness: "b+1+x", Size: 3, At: at(1), TriedAt: at(2)}
	second := service.WitnessState{Witness: "a+1+x", TriedAt: at(1), Code: "witness_unreachable", Reason: "away"}
	newer := service.WitnessState{Witness: "a+1+x", Size: 9, At: at(3), TriedAt: at(3)}
	anchors := []service.Anchor{
		{ID: newID("anc"), Size: 3, Note: "log\none\n", TSA: "http://tsa.example", Token: []byte{1, 2}, StampedAt: at(1), At: at(2)},
		{ID: newID("anc"), Size: 5, Note: "log/2\nother\n", TSA: "http://tsa.example", Token: []byte{9}, StampedAt: at(2), At: at(3)},
		{ID: newID("anc"), Size: 9, Note: "log\ntwo\n", TSA: "http://tsa.example", Token: []byte{3}, StampedAt: at(3), At: at(4)},
	}
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		for _, w := range []service.WitnessState{first, second, newer} {
			if err := tx.SaveWitnessState(ctx, w); err != nil {
				return err
			}
		}
		for _, w := range []service.Witnessed{{Size: 3, Note: "n3", At: at(1)}, {Size: 9, Note: "n9", At: at(3)}} {
			if err := tx.SaveWitnessed(ctx, w); err != nil {
				return err
			}
		}
		for _, a := range anchors {
			if err := tx.InsertAnchor(ctx, a); err != nil {
				return err
			}
		}
		return nil
	})
	err := s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error { return tx.InsertAnchor(ctx, anchors[0]) })
	refused(t, err, fault.Conflict, "exists")
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		states, err := tx.WitnessStates(ctx)
		if err != nil {
			return err
		}
		same(t, "states", states, []service.WitnessState{newer, first})
		w, err := tx.Witnessed(ctx)
		if err != nil {
			return err
		}
		same(t, "witnessed", w, service.Witnessed{Size: 9, Note: "n9", At: at(3)})
		all, err := tx.Anchors(ctx, service.AnchorFilter{})
		if err != nil {
			return err
		}
		same(t, "anchors", all, []service.Anchor{anchors[2], anchors[1], anchors[0]})
		older, err := tx.Anchors(ctx, service.AnchorFilter{Before: anchors[1].ID, Limit: 1})
		if err != nil {
			return err
		}
		same(t, "older anchors", older, anchors[:1])
		one, err := tx.Anchor(ctx, anchors[1].ID)
		if err != nil {
			return err
		}
		same(t, "an anchor", one, anchors[1])
		n, err := tx.CountAnchors(ctx)
		same(t, "their number", n, int64(3))
		return err
	})
	covering := func(origin string, index int64) (a service.Anchor, err error) {
		rerr := s.Read(t.Context(), func(ctx context.Context, tx service.Reader) error {
			a, err = tx.AnchorCovering(ctx, origin, index)
			return nil
		})
		if rerr != nil {
			t.Fatal(rerr)
		}
		return a, err
	}
	for index, want := range map[int64]service.Anchor{0: anchors[0], 2: anchors[0], 3: anchors[2], 8: anchors[2]} {
		a, err := covering("log", index)
		if err != nil {
			t.Error(err)
		}
		same(t, "the anchor that covers an entry", a, want)
	}
	_, err = covering("log", 9)
	refused(t, err, fault.NotFound, "not_found")
	_, err = covering("lo", 0)
	refused(t, err, fault.NotFound, "not_found")
}
