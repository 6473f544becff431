package store

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
)

// threeEntries writes and numbers three entries.
func threeEntries(t *testing.T, s *Store) []journal.Entry {
	t.Helper()
	var all []journal.Entry
	err := s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error {
		n := service.Numbering{Hashes: map[int64][32]byte{}, Note: "note"}
		for i := range int64(3) {
			e := journal.Entry{ID: id.New(journal.Prefix, time.Unix(2e9+i, 0)), Index: i, Org: "org_a", Unit: "unit", Kind: journal.ClientCreated, SubjectType: "client",
				SubjectID: "cli_a", At: time.Unix(2e9, 0).UTC(), Actor: journal.Actor{Kind: journal.ActorClient, ID: "cli_a"}, Data: []byte(`{"a": 1}`)}
			rand.Read(e.Salt[:])
			if err := journal.Seal(&e, journal.Hash{}); err != nil {
				return err
			}
			if err := tx.InsertEntry(ctx, e); err != nil {
				return err
			}
			e.Index = i
			all, n.IDs = append(all, e), append(n.IDs, e.ID)
		}
		return tx.Number(ctx, n)
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestAPlantedZeroByteMovesNothing: whoever writes into the file itself can put
// a zero byte into a text. It must not pass for the border of two columns.
func TestAPlantedZeroByteMovesNothing(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	threeEntries(t, s)
	if _, err := s.DB().ExecContext(t.Context(), "UPDATE entry SET org = org || char(0) || unit, unit = kind, kind = subject_type WHERE idx = 1"); err != nil {
		t.Fatal(err)
	}
	err := s.Read(t.Context(), func(ctx context.Context, tx service.Reader) error {
		got, err := tx.EntriesFrom(ctx, 0, 10)
		if err != nil || len(got) != 3 {
			t.Fatalf("%d entries, %v", len(got), err)
		}
		if e := got[1]; e.Org != "org_a\x00unit" || e.Unit != string(journal.ClientCreated) || e.Kind != "client" || journal.Check(&e) == nil {
			t.Errorf("read as %+v", e)
		}
		if journal.Check(&got[0]) != nil || journal.Check(&got[2]) != nil {
			t.Error("its neighbours are read as others")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestWhatIsNoEntryEndsTheReading: with those before it, and a code for audits.
func TestWhatIsNoEntryEndsTheReading(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]string{
		"a short salt":      "salt = x'01'",
		"a number as text":  "doc_seq = 'three'",
		"digests of a kind": "digests = '[1]'",
	} {
		s := openTest(t)
		want := threeEntries(t, s)
		if _, err := s.DB().ExecContext(t.Context(), "UPDATE entry SET "+change+" WHERE idx = 1"); err != nil {
			t.Fatal(err)
		}
		err := s.Read(t.Context(), func(ctx context.Context, tx service.Reader) error {
			got, err := tx.EntriesFrom(ctx, 0, 10)
			if !service.Unreadable(err) || len(got) != 1 || got[0].ID != want[0].ID {
				t.Errorf("%s: %d entries, %v", name, len(got), err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
