package httpapi

import (
	"context"
	"encoding/csv"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/service"
)

// ReportKey says which documents a line of a report is about: each member that it
// was asked to count by.
type ReportKey struct {
	State        string             `json:"state,omitempty" example:"approved"`
	DocumentType string             `json:"document_type,omitempty" example:"invoice"`
	BusinessUnit string             `json:"business_unit,omitempty" example:"purchasing"`
	Month        string             `json:"month,omitempty" example:"2026-03"`
	Metadata     map[string]*string `json:"metadata,omitempty" doc:"By the member's path; null where the documents have no such member."`
}

// DocumentCount is one line of a report over documents.
type DocumentCount struct {
	ReportKey
	Documents int64                `json:"documents"`
	Sums      map[string]ReportSum `json:"sums,omitempty" doc:"By the member's path."`
}

// ReportSum is what the numbers of one member of the metadata add up to.
type ReportSum struct {
	Value     string `json:"value" example:"12345.67" doc:"Decimal, exact to six places. A string, so that no client rounds it."`
	Documents int64  `json:"documents" doc:"In how many the member is a number that was added: one in plain digits, 15 at most before the point."`
}

// DocumentReport is a report over documents.
type DocumentReport struct {
	Rows []DocumentCount `json:"rows" doc:"In the order of what was counted by."`
}

// TimesCount is one line of a report about times.
type TimesCount struct {
	ReportKey
	Count  int64   `json:"count" doc:"Of approvals, or of envelopes."`
	Median float64 `json:"median_seconds" doc:"Half took no longer."`
	Ninth  float64 `json:"p90_seconds" doc:"Nine of ten took no longer."`
}

// TimesReport says how long something took.
type TimesReport struct {
	Rows []TimesCount `json:"rows"`
}

// ReportRequest is part of the input of every report.
type ReportRequest struct {
	Filtered
	By     []string `query:"group_by" maxItems:"4" example:"state,document_type" doc:"What to count by, with commas: state, document_type, business_unit, month, or metadata. with a member's path, such as metadata.currency. Default: all in one."`
	Zone   string   `query:"time_zone" maxLength:"64" default:"UTC" example:"Europe/Zurich" doc:"Of the months; a name of the IANA's list."`
	Format string   `query:"format" enum:"json,csv" default:"json"`
}

func (in *ReportRequest) wanted() service.ReportWanted {
	return service.ReportWanted{Filter: in.filter(), Search: in.Search, By: in.By, Zone: in.Zone}
}

type reportDocumentsInput struct {
	ReportRequest
	Sum []string `query:"sum" maxItems:"5" example:"total" doc:"Members of the metadata whose numbers are added up, with commas. Count by metadata.currency beside it where there are several. Sums and groups by metadata open every document that the filters leave: a million takes ten to twenty seconds, so narrow them by type, unit or time."`
}

type reportTimesInput struct {
	ReportRequest
	Of string `query:"of" enum:"approval,signing" default:"approval" doc:"approval: from a submission to its approval; what nobody was asked about is left out. signing: from an envelope's sending to its completion. Months are those in which it ended."`
}

func (a *api) reports() {
	codes := []string{"invalid_report", "report_too_large", "empty_query"}
	handle(a, route{id: "reportDocuments", method: http.MethodGet, path: "/v1/reports/documents", tag: "reports", does: access.ReadDocument, class: access.Searches,
		summary: "Count documents, and add up their amounts", codes: codes,
		about: "Of the documents that the list of documents would show with these filters, and of no others. As JSON or, with format=csv, for a spreadsheet. At most 10,000 rows."}, a.reportDocuments)
	handle(a, route{id: "reportTimes", method: http.MethodGet, path: "/v1/reports/times", tag: "reports", does: access.ReadDocument, class: access.Searches,
		summary: "Tell how long approvals or signing took", codes: codes,
		about: "Median and ninth decile, by the same filters and groups. Needs tasks:read for approvals and envelopes:read for signing as well."}, a.reportTimes)
}

func (a *api) reportDocuments(ctx context.Context, in *reportDocumentsInput) (*huma.StreamResponse, error) {
	want := in.wanted()
	want.Sums = in.Sum
	rows, err := a.Service.ReportDocuments(ctx, actorOf(ctx), want)
	if err != nil {
		return nil, err
	}
	out := DocumentReport{Rows: make([]DocumentCount, len(rows))}
	head := append(append([]string(nil), in.By...), "documents")
	for _, name := range in.Sum {
		head = append(head, "sum of "+name, "documents with "+name)
	}
	cells := make([][]string, len(rows))
	for i, r := range rows {
		v := DocumentCount{ReportKey: keyOf(in.By, r.Keys), Documents: r.Documents}
		cells[i] = append(cellsOf(r.Keys), strconv.FormatInt(r.Documents, 10))
		for n, s := range r.Sums {
			if v.Sums == nil {
				v.Sums = map[string]ReportSum{}
			}
			v.Sums[in.Sum[n]] = ReportSum(s)
			cells[i] = append(cells[i], s.Value, strconv.FormatInt(s.Documents, 10))
		}
		out.Rows[i] = v
	}
	return answerReport(in.Format, out, head, cells), nil
}

func (a *api) reportTimes(ctx context.Context, in *reportTimesInput) (*huma.StreamResponse, error) {
	rows, err := a.Service.ReportTimes(ctx, actorOf(ctx), service.ReportOf(in.Of), in.wanted())
	if err != nil {
		return nil, err
	}
	out := TimesReport{Rows: make([]TimesCount, len(rows))}
	cells := make([][]string, len(rows))
	for i, r := range rows {
		out.Rows[i] = TimesCount{ReportKey: keyOf(in.By, r.Keys), Count: r.Documents, Median: r.Median.Seconds(), Ninth: r.Ninth.Seconds()}
		cells[i] = append(cellsOf(r.Keys), strconv.FormatInt(r.Documents, 10), inSeconds(out.Rows[i].Median), inSeconds(out.Rows[i].Ninth))
	}
	return answerReport(in.Format, out, append(append([]string(nil), in.By...), "count", "median_seconds", "p90_seconds"), cells), nil
}

func inSeconds(s float64) string { return strconv.FormatFloat(s, 'f', -1, 64) }

// keyOf names what a line is about.
func keyOf(by []string, keys []*string) (k ReportKey) {
	for i, name := range by {
		var value string
		if keys[i] != nil {
			value = *keys[i]
		}
		switch name {
		case service.ByState:
			k.State = value
		case service.ByType:
			k.DocumentType = value
		case service.ByUnit:
			k.BusinessUnit = value
		case service.ByMonth:
			k.Month = value
		default:
			if k.Metadata == nil {
				k.Metadata = map[string]*string{}
			}
			k.Metadata[strings.TrimPrefix(name, "metadata.")] = keys[i]
		}
	}
	return k
}

func cellsOf(keys []*string) []string {
	out := make([]string, len(keys))
	for i, k := range keys {
		if k != nil {
			out[i] = inert(*k)
		}
	}
	return out
}

// inert keeps a spreadsheet from reading a text as a formula: what begins as one
// gets an apostrophe before it (OWASP, CSV Injection).
func inert(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n|%", rune(s[0])) {
		return "'" + s
	}
	return s
}

// answerReport writes a report as JSON, or as the rows of a table (RFC 4180).
func answerReport(format string, report any, head []string, cells [][]string) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		_, w := humago.Unwrap(hctx)
		if format != "csv" {
			writeJSON(w, http.StatusOK, report)
			return
		}
		for i := range head {
			head[i] = inert(head[i])
		}
		writeCSV(w, "report.csv", append([][]string{head}, cells...))
	}}
}

// writeCSV answers with a table as a file.
func writeCSV(w http.ResponseWriter, name string, rows [][]string) {
	w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	out := csv.NewWriter(w)
	out.UseCRLF = true
	_ = out.WriteAll(rows) // who does not read it to the end has gone
}

// describeReports declares the answers that come as JSON or as a table.
func describeReports(o *huma.OpenAPI) {
	for path, schema := range map[string]*huma.Schema{
		"/v1/reports/documents": refTo[DocumentReport](o.Components.Schemas, "DocumentReport"),
		"/v1/reports/times":     refTo[TimesReport](o.Components.Schemas, "TimesReport"),
	} {
		o.Paths[path].Get.Responses["200"] = &huma.Response{Description: "The report.", Content: map[string]*huma.MediaType{
			"application/json": {Schema: schema}, "text/csv": {Schema: &huma.Schema{Type: huma.TypeString}},
		}}
	}
}
