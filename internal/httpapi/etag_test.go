package httpapi

import (
	"strings"
	"testing"
)

// TestConditional: what was read is not sent again, and what was changed since is not overwritten.
func TestConditional(t *testing.T) {
	onBoth(t, func(s *stack) {
		var d Document
		s.admin.post("/v1/drafts", `{"title":"One"}`).want(201).into(&d)
		path := "/v1/documents/" + d.ID
		tag := s.admin.get(path).want(200).header.Get("ETag")
		if !strings.HasPrefix(tag, `"1.`) {
			t.Fatalf("ETag %s", tag)
		}
		for _, list := range []string{tag, "W/" + tag, `"x", ` + tag, "*"} {
			if a := s.admin.get(path, "If-None-Match", list).want(304); len(a.body) != 0 || a.header.Get("ETag") != tag {
				t.Errorf("%v %s", a.header, a.body)
			}
		}
		s.admin.get(path, "If-None-Match", `"1.x"`).want(200)
		for _, list := range []string{"/v1/documents", "/v1/clients", "/v1/business-units", "/v1/tasks"} {
			s.admin.get(list, "If-None-Match", s.admin.get(list).want(200).header.Get("ETag")).want(304)
		}
		first := s.admin.json("PATCH", path, `{"title":"Two"}`, "If-Match", tag, "Idempotency-Key", "k").want(200)
		s.admin.json("PATCH", path, `{"title":"Three"}`, "If-Match", tag).problem(412, "precondition_failed")
		again := s.admin.json("PATCH", path, `{"title":"Two"}`, "If-Match", tag, "Idempotency-Key", "k").want(200)
		if string(first.body) != string(again.body) {
			t.Errorf("%s, then %s", first.body, again.body)
		}
		s.admin.get(path, "If-None-Match", tag).want(200)
		s.admin.json("PATCH", path, `{"title":"Three"}`, "If-Match", `"2"`).want(200)
		s.admin.json("PATCH", path, `{"title":"Four"}`, "If-Match", "*").want(200)
		s.admin.json("PATCH", path, `{"title":"Five"}`, "If-Match", "three").problem(412, "precondition_failed")
		s.admin.post(path+"/void", `{}`, "If-Match", tag).problem(412, "precondition_failed")
		s.admin.post("/v1/batch", batchOf("atomic", op{"method": "PATCH", "path": path, "body": op{"title": "Six"}, "if_match": `"4"`},
			op{"method": "PATCH", "path": path, "body": op{"title": "Seven"}, "if_match": `"4"`})).problem(409, "batch_undone", "/operations/1")
		s.caused(d.ID, "document.created", "document.metadata_changed", "document.metadata_changed", "document.metadata_changed")
	})
}
