package store_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store"
	"github.com/paraph/paraph/internal/store/pgtest"
)

// BenchmarkWrite is one command's worth of rows, a new document with its journal
// entry, synced to disk before each caller has its answer.
func BenchmarkWrite(b *testing.B) {
	for _, engine := range []string{"sqlite", "postgres"} {
		for _, callers := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("%s/%d", engine, callers), func(b *testing.B) {
				url := b.TempDir() + "/paraph.db"
				if engine == "postgres" {
					url = pgtest.Database(b)
				}
				s, err := store.Open(b.Context(), store.Options{URL: url, Across: "bench"})
				if err != nil {
					b.Fatal(err)
				}
				defer s.Close()
				b.ResetTimer()
				durable(b, s, callers)
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
			})
		}
	}
}

func durable(b *testing.B, s *store.Store, callers int) {
	var done sync.WaitGroup
	for c := range callers {
		done.Go(func() {
			for i := c; i < b.N; i += callers {
				id := fmt.Sprintf("doc_%026d", i)
				err := s.Write(context.Background(), func(ctx context.Context, tx service.Tx) error {
					d := document.Document{ID: id, Org: "org_a", Unit: "u", Type: "t", State: document.Draft, CreatedAt: tx.Now(), Revision: 1,
						Metadata: []byte(`{"amount": 12345, "currency": "EUR", "supplier": "Example GmbH"}`)}
					if err := tx.InsertDocument(ctx, d); err != nil {
						return err
					}
					tx.Notify(service.TopicEntries)
					return tx.InsertEntry(ctx, journal.Entry{ID: fmt.Sprintf("evt_%026d", i), Org: "org_a", Unit: "u", Kind: journal.DocumentCreated,
						SubjectType: "document", SubjectID: id, DocumentID: id, DocSeq: 1, At: tx.Now(), Leaf: make([]byte, 480), Data: []byte(`{"document_id":"x"}`)})
				})
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	done.Wait()
}

// BenchmarkNumber gives numbers to batches of waiting entries.
func BenchmarkNumber(b *testing.B) {
	for _, engine := range []string{"sqlite", "postgres"} {
		for _, size := range []int{1, 64, 4096} {
			b.Run(fmt.Sprintf("%s/%d", engine, size), func(b *testing.B) {
				url := b.TempDir() + "/paraph.db"
				if engine == "postgres" {
					url = pgtest.Database(b)
				}
				s, err := store.Open(b.Context(), store.Options{URL: url, Across: "bench"})
				if err != nil {
					b.Fatal(err)
				}
				defer s.Close()
				numberRounds(b, s, size)
			})
		}
	}
}

func numberRounds(b *testing.B, s *store.Store, size int) {
	first := int64(0)
	b.ResetTimer()
	for range b.N {
		b.StopTimer()
		n := service.Numbering{First: first, Hashes: map[int64][32]byte{}}
		err := s.Write(b.Context(), func(ctx context.Context, tx service.Tx) error {
			n.IDs = n.IDs[:0]
			for i := range int64(size) {
				id := fmt.Sprintf("evt_%026d", first+i)
				n.IDs, n.Hashes[2*(first+i)] = append(n.IDs, id), [32]byte{}
				if err := tx.InsertEntry(ctx, journal.Entry{ID: id, Org: "o", Leaf: make([]byte, 480)}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if err := s.Write(b.Context(), func(ctx context.Context, tx service.Tx) error { return tx.Number(ctx, n) }); err != nil {
			b.Fatal(err)
		}
		first += int64(size)
	}
	b.ReportMetric(float64(size*b.N)/b.Elapsed().Seconds(), "entries/s")
}
