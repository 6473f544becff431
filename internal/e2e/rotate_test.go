package e2e

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/server"
	"github.com/paraph/paraph/internal/service"
)

// unitKeys gives the ids of the unit's keys: the one in force, and those that are not.
func (s *stack) unitKeys(unit string) (inForce string, old []string) {
	s.t.Helper()
	s.read(func(ctx context.Context, tx service.Reader) error {
		k, err := tx.Key(ctx, s.admin.Client.Org, unit, service.ClassDocuments)
		if err != nil {
			return err
		}
		inForce = k.ID
		all, err := tx.SupersededKeys(ctx)
		for _, k := range all {
			old = append(old, k.ID)
		}
		return err
	})
	return inForce, old
}

// logged waits until the log tells of the kind so many times, and gives the subjects.
func (s *stack) logged(kind journal.Kind, times int) (subjects []string) {
	s.t.Helper()
	deadline := time.After(time.Minute)
	wake, cancel := s.server.Store.Subscribe(service.TopicJournal)
	defer cancel()
	for {
		subjects = nil
		s.read(func(ctx context.Context, tx service.Reader) error {
			all, err := tx.Entries(ctx, service.EntryFilter{Org: s.admin.Client.Org, Kinds: []string{string(kind)}, Limit: 100})
			for _, e := range all {
				subjects = append(subjects, e.SubjectID)
			}
			return err
		})
		if len(subjects) >= times {
			return subjects
		}
		select {
		case <-wake:
		case <-deadline:
			s.t.Fatalf("the log tells of %s %d times, not %d", kind, len(subjects), times)
		}
	}
}

// TestUnitKeyIsRotated: by the API with its progress, and by the command line
// beside the running server. Files stay readable, the old key is gone, and the log
// tells of it.
func TestUnitKeyIsRotated(t *testing.T) {
	each(t, setup{}, func(t *testing.T, s *stack) {
		s.caller = s.in(t)
		s.post("/v1/business-units/general/rotate-key", nil).problem(409, "unit_without_key")
		s.post("/v1/business-units/nowhere/rotate-key", nil).problem(404, "not_found")
		file := textPDF("Under a key that will be gone")
		var up uploaded
		s.upload("order.pdf", file, nil).want(http.StatusCreated).into(&up)
		before, _ := s.unitKeys("general")
		reader := s.client("reader@example.com", []string{"general"}, "documents:read")
		reader.post("/v1/business-units/general/rotate-key", nil).problem(403, "missing_scope")

		var op operation
		first := s.post("/v1/business-units/general/rotate-key", nil, "Prefer", "wait=60", "Idempotency-Key", "rotate").want(200)
		first.into(&op)
		if op.State != "succeeded" || op.Kind != "rotate_key" {
			t.Fatalf("%+v", op)
		}
		s.post("/v1/business-units/general/rotate-key", nil, "Idempotency-Key", "rotate") // once
		s.get("/v1/operations/" + op.ID).want(200)
		reader.get("/v1/operations/" + op.ID).want(200)
		s.client("stranger@example.com", []string{"elsewhere"}, "documents:read").get("/v1/operations/"+op.ID).problem(404, "not_found")
		now, old := s.unitKeys("general")
		if now == before || len(old) != 0 {
			t.Errorf("%s is in force, before it was %s; out of force and there: %v", now, before, old)
		}
		if got := s.get("/v1/documents/" + up.Document.ID + "/versions/1/content").want(200).body; !bytes.Equal(got, file) {
			t.Error("the file is another")
		}
		if got := s.logged(journal.KeyUnitRotated, 1); !slices.Equal(got, []string{before}) || !slices.Equal(s.logged(journal.KeyUnitDestroyed, 1), got) {
			t.Errorf("the log tells of %v", got)
		}

		if code, out := s.keys("rotate-unit", "general"); code != 0 {
			t.Fatalf("paraph keys rotate-unit: %d %s", code, out)
		}
		if got := s.logged(journal.KeyUnitDestroyed, 2); got[1] != now {
			t.Errorf("destroyed are %v", got)
		}
		if code, _ := s.keys("rotate-unit", "nowhere"); code == 0 {
			t.Error("a unit that is not there was rotated")
		}
		s.get("/v1/documents/" + up.Document.ID + "/versions/1/content").want(200)
	})
}

// TestARetiredMasterKeyIsInTheLog, though a running server holds the log.
func TestARetiredMasterKeyIsInTheLog(t *testing.T) {
	each(t, setup{}, func(t *testing.T, s *stack) {
		s.caller = s.in(t)
		s.draft("Wrapped by the first master key")
		keys, err := server.ListKeys(t.Context(), s.conf)
		if err != nil {
			t.Fatal(err)
		}
		first := keys[0].ID
		if code, out := s.keys("retire", first); code == 0 {
			t.Fatalf("the key in force was retired: %s", out)
		}
		if code, out := s.keys("rotate"); code != 0 {
			t.Fatalf("paraph keys rotate: %d %s", code, out)
		}
		s.logged(journal.KeyMasterRotated, 1)
		until := time.Now().Add(time.Minute)
		for code, out := 1, ""; code != 0; code, out = s.keys("retire", first) { // once nothing needs it
			if time.Now().After(until) {
				t.Fatalf("paraph keys retire: %d %s", code, out)
			}
			if _, err := s.server.Service.Purge(service.Across(t.Context(), "a test")); err != nil {
				t.Fatal(err)
			}
			s.forgetAnswers()
			<-time.After(100 * time.Millisecond)
		}
		if got := s.logged(journal.KeyMasterRetired, 1); !slices.Equal(got, []string{first}) {
			t.Errorf("the log tells of %v", got)
		}
	})
}

// forgetAnswers lets stored answers run out, which would take a week.
func (s *stack) forgetAnswers() {
	s.t.Helper()
	var err error
	if pool := s.server.Store.Pool(); pool != nil {
		err = pgx.BeginFunc(context.Background(), pool, func(tx pgx.Tx) error {
			_, err := tx.Exec(context.Background(), "SELECT set_config('paraph.org', '*', true)") // past the second wall
			if err == nil {
				_, err = tx.Exec(context.Background(), "DELETE FROM idempotency")
			}
			return err
		})
	} else {
		_, err = s.server.Store.DB().Exec("DELETE FROM idempotency")
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// keys runs `paraph keys` beside the running server.
func (s *stack) keys(args ...string) (int, string) {
	flags := []string{"--json", "--data-dir", s.conf.DataDir}
	if url := s.conf.Database.Reveal(); url != "" {
		flags = append(flags, "--database", url)
	}
	return paraph(slices.Concat([]string{"paraph", "keys", args[0]}, flags, args[1:])...)
}
