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
		{ID: newID("anc"), Size: 3, Note: "one\n", TSA: "http://tsa.example", Token: []byte{1, 2}, StampedAt: at(1), At: at(2)},
		{ID: newID("anc"), Size: 9, Note: "two\n", TSA: "http://tsa.example", Token: []byte{3}, StampedAt: at(3), At: at(4)},
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
		same(t, "anchors", all, []service.Anchor{anchors[1], anchors[0]})
		older, err := tx.Anchors(ctx, service.AnchorFilter{Before: anchors[1].ID, Limit: 1})
		same(t, "older anchors", older, anchors[:1])
		return err
	})
}
