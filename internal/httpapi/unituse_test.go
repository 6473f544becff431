package httpapi

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
)

func limitScenes(s *scene) {
	s.admin.post("/v1/business-units", `{"name":"small","limits":{"documents_per_month":5}}`).want(201)
	for range 5 {
		s.admin.post("/v1/drafts", `{"business_unit":"small"}`).want(201)
	}
}

// uses gives what a unit uses.
func (c *caller) uses(unit string) UnitUse {
	c.t.Helper()
	var u BusinessUnitState
	c.get("/v1/business-units/" + unit).want(200).into(&u)
	return u.Use
}

// TestUnitLimits: what a unit stores is counted to the byte and given back by a disposal;
// at the limit a fault says what is used, and an event is written once at four fifths
// and once at all of it.
func TestUnitLimits(t *testing.T) {
	onBoth(t, func(s *stack) {
		s.admin.post("/v1/business-units", `{"name":"small","limits":{"bytes":-1}}`).problem(422, "invalid_unit", "/limits/bytes")
		s.admin.post("/v1/business-units", `{"name":"small","limits":{"bytes":1000,"bytes_per_file":500}}`).want(201)
		put := func(size int) *answer {
			return s.admin.upload("a.pdf", []byte(strings.Repeat("x", size)), map[string]string{"business_unit": "small"})
		}
		put(501).problem(413, "unit_file_limit")
		first := put(400).want(http.StatusAccepted).document()
		put(350).want(http.StatusAccepted)
		if u := s.admin.uses("small"); u.Bytes != 750 || u.Documents != 2 || u.Month != "2026-03" {
			t.Errorf("%+v", u)
		}
		if n := s.admin.logged(string(journal.UnitLimitNeared), "small"); n != 0 {
			t.Error("the event came too early")
		}
		put(50).want(http.StatusAccepted)
		put(40).want(http.StatusAccepted)
		if n := s.admin.logged(string(journal.UnitLimitNeared), "small"); n != 1 {
			t.Errorf("%d events at four fifths", n)
		}
		res := put(161).problem(409, "unit_limit_reached")
		if !strings.Contains(string(res.body), "1000") || !strings.Contains(string(res.body), "840") || !strings.Contains(string(res.body), "administrator") {
			t.Errorf("%s", res.body)
		}
		put(160).want(http.StatusAccepted)
		put(1).problem(409, "unit_limit_reached")
		if n := s.admin.logged(string(journal.UnitLimitReached), "small"); n != 1 {
			t.Errorf("%d events at the limit", n)
		}
		s.admin.post("/v1/documents/"+first.ID+"/void", `{"reason":"twice"}`).want(200)
		s.admin.post("/v1/documents/"+first.ID+"/dispose", `{"authority":"records@example.com"}`).want(202)
		if u := s.admin.uses("small"); u.Bytes != 600 {
			t.Errorf("after a disposal: %+v", u)
		}
		put(300).want(http.StatusAccepted)
		if n := s.admin.logged(string(journal.UnitLimitNeared), "small"); n != 2 {
			t.Errorf("%d events when it is near again", n)
		}

		// Drafts move with what they hold.
		s.admin.post("/v1/business-units", `{"name":"other","limits":{"bytes":100}}`).want(201)
		d := s.admin.upload("b.pdf", []byte(strings.Repeat("y", 90)), map[string]string{"business_unit": "other"}).want(202).document()
		s.admin.json("PATCH", "/v1/documents/"+d.ID, `{"business_unit":"small"}`).want(200)
		if a, b := s.admin.uses("small"), s.admin.uses("other"); a.Bytes != 990 || b.Bytes != 0 {
			t.Errorf("%+v %+v", a, b)
		}
		big := s.admin.upload("c.pdf", []byte(strings.Repeat("z", 95)), map[string]string{"business_unit": "general"}).want(202).document()
		s.admin.json("PATCH", "/v1/documents/"+big.ID, `{"business_unit":"small"}`).problem(409, "unit_limit_reached")
		s.admin.json("PATCH", "/v1/business-units/other", `{"closed":true}`).want(200)
		s.admin.json("PATCH", "/v1/documents/"+big.ID, `{"business_unit":"other"}`).problem(409, "unit_closed")
		s.admin.post("/v1/drafts", `{"business_unit":"other"}`).problem(409, "unit_closed")

		// A count from what is stored finds the same.
		before := s.admin.uses("small").Bytes
		if err := s.svc.CountUse(t.Context(), "next"); err != nil {
			t.Fatal(err)
		}
		if after := s.admin.uses("small").Bytes; after != before {
			t.Errorf("counted anew: %d, before %d", after, before)
		}
	})
}

// TestUnitLimitsAtOnce: many who upload at once never pass a limit, and use all of it.
func TestUnitLimitsAtOnce(t *testing.T) {
	onBoth(t, func(s *stack) {
		s.admin.post("/v1/business-units", `{"name":"small","limits":{"bytes":1000,"documents_per_month":15}}`).want(201)
		var all sync.WaitGroup
		var mu sync.Mutex
		got := map[int]int{}
		for i := range 24 {
			all.Go(func() {
				res := s.admin.upload("a.pdf", []byte(strings.Repeat("x", 100)), map[string]string{"business_unit": "small", "external_id": fmt.Sprint(i)})
				mu.Lock()
				got[res.status]++
				mu.Unlock()
			})
		}
		all.Wait()
		if u := s.admin.uses("small"); got[202] != 10 || got[409] != 14 || u.Bytes != 1000 || u.Documents != 10 {
			t.Errorf("%v %+v", got, u)
		}
		if a, b := s.admin.logged(string(journal.UnitLimitNeared), "small"), s.admin.logged(string(journal.UnitLimitReached), "small"); a != 1 || b != 1 {
			t.Errorf("%d and %d events", a, b)
		}
		s.admin.json("PATCH", "/v1/business-units/small", `{"limits":{"bytes":0}}`).want(200)
		for range 7 {
			all.Go(func() { s.admin.post("/v1/drafts", `{"business_unit":"small"}`) })
		}
		all.Wait()
		if u := s.admin.uses("small"); u.Documents != 15 {
			t.Errorf("%+v", u)
		}
	})
}

// TestUnitPages: a document with more pages than its unit takes is put aside with the
// reason, and read again once the limit was raised.
func TestUnitPages(t *testing.T) {
	onBoth(t, func(s *stack) {
		s.admin.json("PATCH", "/v1/business-units/general", `{"limits":{"pages_per_document":1}}`).want(200)
		var up Uploaded
		s.admin.upload("a.pdf", []byte("%PDF-1.7"), nil).want(202).into(&up)
		call := service.SystemCall(s.org, "capture", "")
		err := s.svc.FinishCapture(t.Context(), call, up.Operation.ID, up.Version.Number, service.Captured{MediaType: "application/pdf", Pages: twoPages()})
		if err == nil || !strings.Contains(err.Error(), "2 pages") {
			t.Errorf("two pages: %v", err)
		}
		s.admin.json("PATCH", "/v1/business-units/general", `{"limits":{"pages_per_document":2}}`).want(200)
		if err := s.svc.FinishCapture(t.Context(), call, up.Operation.ID, up.Version.Number, service.Captured{MediaType: "application/pdf", Pages: twoPages()}); err != nil {
			t.Errorf("two pages, allowed: %v", err)
		}
	})
}

func twoPages() []document.Page {
	return []document.Page{{No: 1, Width: 595, Height: 842, Source: "ocr"}, {No: 2, Width: 595, Height: 842, Source: "ocr"}}
}
