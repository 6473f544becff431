package service

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // time zones for machines that have none

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
)

// What a report counts by.
const (
	ByState = "state"
	ByType  = "document_type"
	ByUnit  = "business_unit"
	ByMonth = "month"
	// byMetadata begins a member of the metadata, named by its path with dots.
	byMetadata = "metadata."
)

// Bounds of one report.
const (
	MaxReportRows   = 10_000
	MaxReportMonths = 600
	maxReportGroups = 4
	maxReportSums   = 5
)

// ReportOf is what times are reported of.
type ReportOf string

// From what to what a report's times run. What was approved at once, because nobody
// was asked, is not among them.
const (
	TimesOfApproval ReportOf = "approval" // from a submission to the approval
	TimesOfSigning  ReportOf = "signing"  // from an envelope's sending to its completion
)

// ReportGroup is one thing that a report counts by: a column, or a member of the metadata.
type ReportGroup struct {
	Name   string
	Column string // "": Path
	Path   []string
}

// ReportQuery asks for a report over the documents that a filter leaves.
type ReportQuery struct {
	DocumentFilter
	By   []ReportGroup
	Sums [][]string     // members of the metadata whose numbers are added up
	Zone *time.Location // of the months
}

// ByMonth tells whether months are asked for.
func (q *ReportQuery) ByMonth() bool {
	return slices.ContainsFunc(q.By, func(g ReportGroup) bool { return g.Column == ByMonth })
}

// Months gives the beginnings of the months from that of first to that of last, and
// at most one more than MaxReportMonths.
func (q *ReportQuery) Months(first, last time.Time) []time.Time {
	first = first.In(q.Zone)
	var out []time.Time
	for n := 0; len(out) <= MaxReportMonths; n++ {
		m := time.Date(first.Year(), first.Month()+time.Month(n), 1, 0, 0, 0, 0, q.Zone)
		if n > 0 && m.After(last) {
			break
		}
		out = append(out, m)
	}
	return out
}

// ReportRow is one line of a report.
type ReportRow struct {
	Keys      []*string // in the order of By; nil where a document has no such member
	Documents int64
	Sums      []ReportSum // in the order of Sums
}

// ReportSum is what a member's numbers add up to.
type ReportSum struct {
	Value     string // decimal, exact to six places
	Documents int64  // in how many the member is a number that was added
}

// TimesRow is one line of a report about times.
type TimesRow struct {
	Keys          []*string
	Documents     int64 // approvals, or envelopes
	Median, Ninth time.Duration
}

type reportReader interface {
	// ReportDocuments counts documents, ordered by what they are counted by; at most
	// MaxReportRows and one more. Fault Invalid "report_too_large".
	ReportDocuments(ctx context.Context, q ReportQuery) ([]ReportRow, error)
	// ReportTimes gives how long approvals or envelopes took, likewise.
	ReportTimes(ctx context.Context, q ReportQuery, of ReportOf) ([]TimesRow, error)
}

// ReportWanted is what somebody asks a report for, in the words of the contract.
type ReportWanted struct {
	Filter DocumentFilter
	Search string
	By     []string // ByState, ByType, ByUnit, ByMonth or "metadata." with a path
	Sums   []string // "metadata." with a path, or the path alone
	Zone   string   // of the IANA's list; "": UTC
}

// ReportDocuments counts the documents the actor may see, as a list would show them.
//
// Faults: Invalid "invalid_report" listing everything, "report_too_large", "empty_query".
func (s *Service) ReportDocuments(ctx context.Context, a access.Actor, want ReportWanted) (out []ReportRow, err error) {
	q, err := reportQuery(a, access.ReadDocument, want)
	if err != nil {
		return nil, err
	}
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		out, err = tx.ReportDocuments(ctx, q)
		return err
	})
	return out, bounded(len(out), err)
}

// ReportTimes tells how long approvals or signing took, of the documents whose tasks
// or envelopes the actor may see. Months are those in which it ended.
//
// Faults: as ReportDocuments.
func (s *Service) ReportTimes(ctx context.Context, a access.Actor, of ReportOf, want ReportWanted) (out []TimesRow, err error) {
	do := access.ReadTask
	if of == TimesOfSigning {
		do = access.ReadEnvelope
	}
	q, err := reportQuery(a, do, want)
	if err != nil {
		return nil, err
	}
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		out, err = tx.ReportTimes(ctx, q, of)
		return err
	})
	out = slices.DeleteFunc(out, func(r TimesRow) bool { return r.Documents == 0 })
	return out, bounded(len(out), err)
}

func bounded(rows int, err error) error {
	if err == nil && rows > MaxReportRows {
		err = fault.New(fault.Invalid, "report_too_large", "The report would have more than %d rows. Count by less, or filter the documents.", MaxReportRows)
	}
	return err
}

// reportQuery checks what is asked for, and confines it to what the actor may see.
func reportQuery(a access.Actor, do access.Action, want ReportWanted) (q ReportQuery, err error) {
	if err := access.Allowed(a, access.ReadDocument); err != nil {
		return q, err
	}
	if err := access.Allowed(a, do); err != nil {
		return q, err
	}
	q.DocumentFilter = want.Filter
	q.Org, q.Units, q.Principal = a.Org, a.Units, a.Principal
	if want.Search != "" {
		if q.Search, err = parseSearch(want.Search); err != nil {
			return q, err
		}
	}
	var l fault.List
	for _, name := range want.By {
		g := ReportGroup{Name: name}
		switch {
		case slices.Contains([]string{ByState, ByType, ByUnit, ByMonth}, name):
			g.Column = name
		case strings.HasPrefix(name, byMetadata):
			g.Path = memberPath(&l, "query/group_by", name)
		default:
			l.Add("query/group_by", "bad_value", "Documents are counted by state, document_type, business_unit, month, or metadata. with the name of a member; not by %q.", name)
		}
		if slices.ContainsFunc(q.By, func(o ReportGroup) bool { return o.Name == name }) {
			l.Add("query/group_by", "repeated", "%s stands there twice.", name)
		}
		q.By = append(q.By, g)
	}
	for _, name := range want.Sums {
		q.Sums = append(q.Sums, memberPath(&l, "query/sum", name))
	}
	if len(q.By) > maxReportGroups || len(q.Sums) > maxReportSums {
		l.Add("query", "too_many", "A report counts by %d things at most, and has %d sums.", maxReportGroups, maxReportSums)
	}
	if q.Zone, err = time.LoadLocation(want.Zone); err != nil || want.Zone == "Local" {
		l.Add("query/time_zone", "bad_value", "%q is no time zone. Take a name of the IANA's list, such as Europe/Zurich.", want.Zone)
	}
	return q, l.Err("invalid_report", "The report cannot be made as it was asked for.")
}

// memberPath reads the name of a member of the metadata.
func memberPath(l *fault.List, at, name string) []string {
	path := strings.Split(strings.TrimPrefix(name, byMetadata), ".")
	if slices.Contains(path, "") || strings.ContainsAny(name, "\"\x1f\x00") || len(name) > 200 {
		l.Add(at, "bad_value", "%s is not the name of a member of the metadata.", fmt.Sprintf("%.100q", name))
	}
	return path
}
