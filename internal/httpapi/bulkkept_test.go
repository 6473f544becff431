package httpapi

import (
	"strings"
	"testing"
	"time"
)

// TestBulkRowsGo: what rows hold that were not sent goes some time after the end of their
// bulk send, or after it was paused; until then they can be sent. Rows that were sent
// keep theirs.
func TestBulkRowsGo(t *testing.T) {
	onBoth(t, func(s *stack) {
		src := s.admin.draft(nil)
		s.admin.draft(map[string]string{"external_id": "staff-2"})
		rows := "no,name,email\n1,Ann,ann@example.com\n2,Bob,bob@example.com\n3,Cid,cid@example.com\n"
		finished := s.admin.bulk(bulkOf(src.ID, rows, "document", map[string]any{"external_id": "staff-{{no}}"}))
		s.turn(finished, 1)
		paused, cancelled, running := s.admin.bulk(bulkOf(src.ID, many(2))), s.admin.bulk(bulkOf(src.ID, many(2))), s.admin.bulk(bulkOf(src.ID, many(2)))
		for _, b := range []BulkSend{paused, cancelled, running} {
			s.step(b, 1)
		}
		paused, cancelled = s.admin.then(paused, "pause", nil), s.admin.then(cancelled, "cancel", nil)
		ended := s.clock.Now()
		purge := func(before time.Time, want int64) {
			s.t.Helper()
			if n, err := s.svc.PurgeBulkRows(s.t.Context(), before); n != want || err != nil {
				s.t.Errorf("%d rows were purged, want %d: %v", n, want, err)
			}
		}
		purge(ended, 0)
		if got := s.admin.rows(finished.ID, "?state=refused"); !strings.Contains(string(got[0].Values), "bob@example.com") || got[0].Reason == "" {
			s.t.Errorf("it went too early: %+v", got)
		}
		s.clock.Advance(5 * time.Minute)
		s.admin.then(paused, "resume", nil)
		paused = s.admin.then(paused, "pause", nil) // from here on it stands still
		purge(ended.Add(time.Minute), 2)
		for id, state := range map[string]string{finished.ID: "refused", cancelled.ID: "waiting"} {
			got := s.admin.rows(id, "?state="+state)
			if len(got) != 1 || string(got[0].Values) != "{}" || got[0].Reason != "" || got[0].Errors != nil {
				s.t.Errorf("it stayed: %+v %s", got, got[0].Values)
			}
		}
		for _, b := range []BulkSend{paused, running} {
			if got := s.admin.rows(b.ID, "?state=waiting"); len(got) != 1 || !strings.Contains(string(got[0].Values), "person2@example.com") {
				s.t.Errorf("it went too early: %+v", got)
			}
		}
		if got := s.admin.rows(finished.ID, "?state=sent"); len(got) != 2 || !strings.Contains(string(got[0].Values), "ann@example.com") {
			s.t.Errorf("what was sent went: %+v", got)
		}
		s.admin.post("/v1/bulk-sends/"+finished.ID+"/retry", nil).problem(410, "bulk_rows_gone")

		purge(s.clock.Now().Add(time.Minute), 1)
		s.admin.post("/v1/bulk-sends/"+paused.ID+"/resume", nil).problem(410, "bulk_rows_gone")
		s.admin.then(paused, "cancel", nil)
		s.turn(running, 1)
		if b := s.admin.bulkNow(running.ID); b.State != "finished" || b.Rows.Sent != 2 {
			s.t.Errorf("%+v", b)
		}
		purge(s.clock.Now().Add(time.Minute), 0)
	})
}
