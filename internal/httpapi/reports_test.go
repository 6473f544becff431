package httpapi

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// report gives the rows of a report, each as its cells in the table.
func (c *caller) report(path string) []string {
	c.t.Helper()
	a := c.get(path + "&format=csv").want(200)
	if got := a.header.Get("Content-Type"); got != "text/csv; charset=utf-8; header=present" {
		c.t.Fatalf("%s: %s", path, got)
	}
	rows, err := csv.NewReader(strings.NewReader(string(a.body))).ReadAll()
	if err != nil {
		c.t.Fatal(err)
	}
	var out []string
	for _, r := range rows[1:] {
		out = append(out, strings.Join(r, "|"))
	}
	return out
}

func (c *caller) reports(query string, want ...string) {
	c.t.Helper()
	c.same(query, c.report("/v1/reports/documents?"+query), want...)
}

func reportScene(s *stack) {
	s.admin.post("/v1/business-units", `{"name":"buying"}`).want(201)
	for _, one := range []struct{ unit, kind, metadata string }{
		{"general", "invoice", `{"total":0.1,"currency":"EUR","paid":true,"site":{"name":"Łódź"}}`},
		{"general", "invoice", `{"total":0.2,"currency":"EUR","paid":false}`},
		{"general", "invoice", `{"total":-12.345678,"currency":"CHF","no":1.50}`},
		{"general", "order", `{"total":123456789012.35,"currency":"EUR"}`},
		{"buying", "order", `{"total":7,"currency":"=HYPERLINK(1)"}`},
		{"buying", "order", `{"total":"7","currency":["EUR"]}`},
		{"buying", "order", `{"total":1e300,"currency":null}`},
		{"buying", "order", `{"total":9999999999999999}`},
		{"buying", "order", `{"total":-0.5,"currency":"-0.5"}`},
	} {
		s.admin.post("/v1/drafts", fmt.Sprintf(`{"title":"x","business_unit":%q,"document_type":%q,"metadata":%s}`, one.unit, one.kind, one.metadata)).want(201)
	}
}

// TestReportAmounts: documents are counted by what was asked for, and amounts add
// up to the last digit, alike on both databases.
func TestReportAmounts(t *testing.T) {
	onBoth(t, func(s *stack) {
		for _, name := range []string{"invoice", "order"} {
			s.admin.send(http.MethodPut, "/v1/document-types/"+name, strings.NewReader(`{"title":"T"}`), "Content-Type", "application/json")
		}
		reportScene(s)
		s.admin.reports("group_by=document_type", "invoice|3", "order|6")
		s.admin.reports("group_by=state,business_unit", "draft|buying|5", "draft|general|4")
		s.admin.reports("sum=total", "9|123456789006.804322|6")
		s.admin.reports("group_by=metadata.currency&sum=total&document_type=invoice", "CHF|1|-12.345678|1", "EUR|2|0.3|2")
		s.admin.reports("group_by=metadata.paid,metadata.site.name&document_type=invoice&business_unit=general&metadata[currency]=EUR", "false||1", "true|Łódź|1")
		s.admin.reports("group_by=metadata.no&metadata[currency]=CHF", "1.50|1")
		s.admin.reports("group_by=business_unit&business_unit=nowhere")
		s.admin.reports("business_unit=nowhere&sum=total", "0|0|0")
		if got := s.admin.report("/v1/reports/documents?group_by=metadata.currency&business_unit=buying"); !strings.Contains(fmt.Sprint(got), "'=HYPERLINK(1)|1") || !strings.Contains(fmt.Sprint(got), "'-0.5|1") {
			t.Errorf("a formula reaches the spreadsheet: %q", got)
		}
		var out DocumentReport
		s.admin.get("/v1/reports/documents?group_by=metadata.currency,month&sum=total&business_unit=buying").want(200).into(&out)
		nothing := 0
		for _, r := range out.Rows {
			if v, there := r.Metadata["currency"]; there && v == nil {
				nothing++
				if r.Documents != 3 || r.Sums["total"].Documents != 0 || r.Month != "2026-03" {
					t.Errorf("without a currency: %+v", r)
				}
			}
		}
		if nothing != 1 {
			t.Errorf("%d rows are without a currency, of %+v", nothing, out.Rows)
		}
		for query, at := range map[string]string{
			"group_by=title": "query/group_by", "group_by=state,state": "query/group_by", "group_by=metadata.": "query/group_by", "group_by=metadata.a..b": "query/group_by",
			"sum=" + url.QueryEscape(`a"b`): "query/sum", "time_zone=Mars/Olympus": "query/time_zone", "time_zone=../etc/passwd": "query/time_zone", "time_zone=Local": "query/time_zone",
		} {
			s.admin.get("/v1/reports/documents?"+query).problem(422, "invalid_report", at)
		}
		s.admin.get("/v1/reports/documents?group_by=state,document_type,business_unit,month,metadata.a").want(422)
		s.admin.get("/v1/reports/documents?nonsense=1").want(422)
	})
}

// TestReportMonths: months begin where the time zone says, in summer and in winter.
func TestReportMonths(t *testing.T) {
	onBoth(t, func(s *stack) {
		for _, at := range []time.Time{
			time.Date(2026, 3, 31, 21, 59, 0, 0, time.UTC), time.Date(2026, 3, 31, 22, 0, 0, 0, time.UTC), // midnight in Zurich
			time.Date(2026, 10, 31, 22, 59, 0, 0, time.UTC), time.Date(2026, 10, 31, 23, 0, 0, 0, time.UTC),
		} {
			s.clock.Set(at)
			s.admin = s.caller(s.first)
			s.admin.post("/v1/drafts", `{"title":"x"}`).want(201)
		}
		s.admin.reports("group_by=month", "2026-03|2", "2026-10|2")
		s.admin.reports("group_by=month&time_zone=Europe/Zurich", "2026-03|1", "2026-04|1", "2026-10|1", "2026-11|1")
		s.admin.reports("group_by=month&time_zone=Asia/Kathmandu", "2026-04|2", "2026-11|2")
		s.admin.reports("group_by=month&created_after=2026-10-01T00:00:00Z", "2026-10|2")
	})
}

// TestReportsCountWhatListsShow: whoever asks, a report counts the documents that the
// list shows, and not one more.
func TestReportsCountWhatListsShow(t *testing.T) {
	onBoth(t, func(s *stack) {
		s.admin.post("/v1/business-units", `{"name":"buying"}`).want(201)
		scopes := []string{"documents:read", "documents:write", "tasks:read", "envelopes:read"}
		callers := []*caller{s.admin}
		for _, who := range []string{"ann@example.com", "guest@example.org", "signer@example.org", "nobody@example.org"} {
			callers = append(callers, s.client(who, []string{"buying"}, scopes...))
		}
		callers = append(callers, s.client("app", []string{}, scopes...), s.client("other-app", []string{"general"}, scopes...))
		for range 3 {
			s.admin.draft(map[string]string{"business_unit": "buying"})
			s.admin.post("/v1/approvals", canonical(s.admin.draft(nil).ID, "Ann@example.com")).want(201)
		}
		s.admin.post("/v1/documents/"+s.admin.draft(nil).ID+"/grants", map[string]any{"principal": "guest@example.org", "purpose": "audit", "until": s.clock.Now().Add(time.Hour)}).want(201)
		s.admin.post("/v1/envelopes", map[string]any{"document_id": s.admin.approved().ID, "send": true, "recipients": []any{map[string]any{"name": "S", "email": "signer@example.org"}}}).want(201)
		counts := map[string]bool{}
		for _, c := range callers {
			for _, filter := range []string{"", "&state=in_review,approved", "&q=purchase", "&created_by=nobody"} {
				want := 0
				for after := ""; ; {
					var page Page[FoundDocument]
					c.get("/v1/documents?limit=100" + filter + after).want(200).into(&page)
					want += len(page.Items)
					if page.Next == "" {
						break
					}
					after = "&after=" + page.Next
				}
				var got DocumentReport
				c.get("/v1/reports/documents?group_by=state,business_unit" + filter).want(200).into(&got)
				sum := 0
				for _, r := range got.Rows {
					sum += int(r.Documents)
				}
				if sum != want {
					t.Errorf("%s%s: the list shows %d, the report counts %d", c.principal, filter, want, sum)
				}
				counts[fmt.Sprint(filter, want)] = true
			}
		}
		if len(counts) < 10 {
			t.Errorf("the callers hardly differ: %v", counts)
		}
	})
}

// TestReportTimes: medians of what was waited for, by whoever may see it.
func TestReportTimes(t *testing.T) {
	onBoth(t, func(s *stack) {
		s.admin.approved() // nobody was asked: it is in no report
		for _, hours := range []int{1, 2, 3, 4, 10} {
			var a Approval
			s.admin.post("/v1/approvals", canonical(s.admin.draft(nil).ID, "ann@example.com")).want(201).into(&a)
			s.clock.Advance(time.Duration(hours) * time.Hour)
			s.admin = s.caller(s.first)
			s.admin.post("/v1/tasks/"+a.Tasks[0].ID+"/decision", `{"outcome":"approve","on_behalf_of":"ann@example.com"}`).want(200)
		}
		times := "/v1/reports/times?"
		s.admin.same("all", s.admin.report(times+"of=approval"), "5|10800|36000")
		s.admin.same("by type and month", s.admin.report(times+"group_by=document_type,month"), "document|2026-03|5|10800|36000")
		s.admin.same("signing", s.admin.report(times+"of=signing"))
		d := s.admin.approved()
		var e Envelope
		s.admin.post("/v1/envelopes", map[string]any{"document_id": d.ID, "send": true, "recipients": []any{map[string]any{"name": "Ben", "email": "ben@example.com"}}}).want(201).into(&e)
		var link SigningLink
		s.admin.post("/v1/envelopes/"+e.ID+"/recipients/"+e.Recipients[0].ID+"/links", nil).want(201).into(&link)
		s.clock.Advance(90 * time.Minute)
		s.sign(link.URL[strings.LastIndexByte(link.URL, '/')+1:])
		s.admin = s.caller(s.first)
		s.sealAndArchive(d.ID)
		s.admin.same("signed", s.admin.report(times+"of=signing&group_by=business_unit"), "general|1|5400|5400")
		var out TimesReport
		s.admin.get(times + "group_by=month").want(200).into(&out)
		if len(out.Rows) != 1 || out.Rows[0].Median != 10800 || out.Rows[0].Count != 5 {
			t.Errorf("%+v", out)
		}
		reader := s.client("reader", nil, "documents:read")
		reader.get(times+"of=approval").problem(403, "missing_scope")
		reader.get(times+"of=signing").problem(403, "missing_scope")
		s.client("elsewhere", []string{"nowhere"}, "documents:read", "tasks:read").get(times).want(200)
	})
}
