//go:build judges

package attack

import (
	"context"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/server"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store/pgtest"
)

// TestLateCommit: on PostgreSQL a transaction may commit after entries with later
// ids were numbered. Its entry gets into the log all the same. (SQLite has one
// writer, which numbers within the commit.)
func TestLateCommit(t *testing.T) {
	t.Parallel()
	v := newVictim(t, pgtest.Database(t))
	late := journal.Entry{
		ID: id.New(journal.Prefix, time.Now().Add(-time.Minute)), Org: v.actor.Org, Kind: journal.UnitCreated, SubjectType: "unit", SubjectID: "late",
		At: time.Now(), Actor: journal.Actor{Kind: journal.ActorSystem, ID: "test"}, Data: []byte("{}"),
	}
	if err := journal.Seal(&late, journal.Hash{}); err != nil {
		t.Fatal(err)
	}
	before := v.size()
	v.run(func(s *server.Server) {
		written, commit, done := make(chan struct{}), make(chan struct{}), make(chan error)
		go func() {
			done <- s.Store.Write(service.Across(context.Background(), "a test"), func(ctx context.Context, tx service.Tx) error {
				if err := tx.InsertEntry(ctx, late); err != nil {
					return err
				}
				tx.Notify(service.TopicEntries)
				close(written)
				<-commit
				return nil
			})
		}()
		<-written
		v.work(s, 3)
		v.settle(s) // everything that is committed has its number, the late one does not
		close(commit)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
	all := v.entries()
	last := all[len(all)-1]
	if last.ID != late.ID || int64(len(all)) <= before+1 {
		t.Errorf("the late entry is not the last of %d: %s", len(all), last.ID)
	}
	if got := v.onAudit(); len(got) > 0 {
		t.Errorf("the audit finds %q", got)
	}
}
