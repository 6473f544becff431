package cli

import (
	"context"
	"strconv"
	"strings"
	"time"

	paraph "github.com/paraph/paraph/sdk/go"
)

// runReport counts documents, or tells how long things took.
func runReport(ctx context.Context, env *Env, args []string) int {
	fs := flags(env, "report")
	var params paraph.ReportDocumentsParams
	by := fs.String("by", "state", "What to count by, with commas: state, document_type, business_unit, month, metadata.NAME. Empty: all in one.")
	sums := fs.String("sum", "", "Members of the metadata whose numbers are added up, with commas.")
	times := fs.String("times", "", "Tell how long it took instead: approval or signing.")
	states := fs.String("state", "", "Only in these states, with commas.")
	types := fs.String("type", "", "Only of these document types, with commas.")
	fs.StringVar(&params.BusinessUnit, "unit", "", "Only of this business unit.")
	since := fs.String("since", "", "Only those created on this day (2026-01-31) or later.")
	fs.StringVar(&params.TimeZone, "time-zone", "UTC", "Time zone of the months, such as Europe/Zurich.")
	asJSON := fs.Bool("json", false, "Write JSON.")
	connect := apiFlags(env, fs)
	if rest, code, done := parseMixed(fs, args); done || len(rest) > 0 {
		if !done {
			return wrong(env, "report takes flags only")
		}
		return code
	}
	if *times != "" && *times != "approval" && *times != "signing" || *times != "" && *sums != "" {
		return wrong(env, "--times is approval or signing, and has no sums")
	}
	if *since != "" {
		day, err := time.Parse(time.DateOnly, *since)
		if err != nil {
			return wrong(env, "--since is a day such as 2026-01-31")
		}
		params.CreatedAfter = day
	}
	params.GroupBy, params.Sum, params.DocumentType = split(*by), split(*sums), split(*types)
	for _, s := range split(*states) {
		params.State = append(params.State, paraph.DocumentState(s))
	}
	client, err := connect()
	if err != nil {
		return fail(env, err)
	}
	if *times != "" {
		return reportTimes(ctx, env, client, params, *times, *asJSON)
	}
	report, err := client.ReportDocuments(ctx, params)
	if err != nil {
		return failAPI(env, err)
	}
	if *asJSON {
		printJSON(env, report)
		return exitOK
	}
	head := append(heads(params.GroupBy), "DOCUMENTS")
	for _, name := range params.Sum {
		head = append(head, strings.ToUpper(name))
	}
	var rows [][]string
	for _, r := range report.Rows {
		row := append(reportKeys(params.GroupBy, r.State, r.DocumentType, r.BusinessUnit, r.Month, r.Metadata), strconv.Itoa(r.Documents))
		for _, name := range params.Sum {
			row = append(row, r.Sums[name].Value)
		}
		rows = append(rows, row)
	}
	table(env.Stdout, head, rows)
	return exitOK
}

func reportTimes(ctx context.Context, env *Env, client *paraph.Client, p paraph.ReportDocumentsParams, of string, asJSON bool) int {
	report, err := client.ReportTimes(ctx, paraph.ReportTimesParams{
		Of: of, GroupBy: p.GroupBy, State: p.State, DocumentType: p.DocumentType, BusinessUnit: p.BusinessUnit, CreatedAfter: p.CreatedAfter, TimeZone: p.TimeZone,
	})
	if err != nil {
		return failAPI(env, err)
	}
	if asJSON {
		printJSON(env, report)
		return exitOK
	}
	var rows [][]string
	for _, r := range report.Rows {
		rows = append(rows, append(reportKeys(p.GroupBy, r.State, r.DocumentType, r.BusinessUnit, r.Month, r.Metadata),
			strconv.Itoa(r.Count), took(r.MedianSeconds), took(r.P90Seconds)))
	}
	table(env.Stdout, append(heads(p.GroupBy), "COUNT", "HALF TOOK NO LONGER", "NINE OF TEN"), rows)
	return exitOK
}

func heads(by []string) []string {
	out := make([]string, len(by))
	for i, name := range by {
		out[i] = strings.ToUpper(strings.TrimPrefix(name, "metadata."))
	}
	return out
}

// reportKeys gives what a line of a report is about, in the order that was asked for.
func reportKeys(by []string, state, kind, unit, month string, metadata map[string]string) []string {
	known := map[string]string{"state": state, "document_type": kind, "business_unit": unit, "month": month}
	out := make([]string, len(by))
	for i, name := range by {
		if member, ok := strings.CutPrefix(name, "metadata."); ok {
			out[i] = metadata[member]
			continue
		}
		out[i] = known[name]
	}
	return out
}

// took writes a time that something took, for people.
func took(seconds float64) string {
	switch d := time.Duration(seconds * float64(time.Second)); {
	case d < time.Minute:
		return strconv.Itoa(int(d.Seconds())) + " s"
	case d < 2*time.Hour:
		return strconv.Itoa(int(d.Minutes())) + " min"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d.Hours())) + " h"
	default:
		return strconv.Itoa(int(d.Hours()/24)) + " days"
	}
}
