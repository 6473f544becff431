package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/approval"
	"github.com/paraph/paraph/internal/bulk"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/signing"
)

// maxBulkBody is the bytes of a bulk send: its rows, whose quotes and line ends are
// escaped in JSON, with the template.
const maxBulkBody = bulk.MaxBytes*3/2 + maxBody

// BulkSend is one document that is sent to many.
type BulkSend struct {
	ID           string     `json:"id" example:"blk_01kb0q7m4b1s9v3d8r5x2c6e7f"`
	DocumentID   string     `json:"document_id" doc:"The source: each row gets a document of its own with this one's file."`
	BusinessUnit string     `json:"business_unit"`
	State        string     `json:"state" enum:"running,paused,finished,cancelled"`
	Code         string     `json:"code,omitempty" example:"missing_scope" doc:"Why it is paused: paused where somebody did it, else the code of what keeps it from going on."`
	Reason       string     `json:"reason,omitempty" doc:"The same for people."`
	Columns      []string   `json:"columns"`
	Rows         BulkCounts `json:"rows"`
	OperationID  string     `json:"operation_id" doc:"What sends the rows, or did last."`
	SentBy       string     `json:"sent_by" doc:"As whom they are sent: whoever began it, or resumed it last."`
	CreatedAt    time.Time  `json:"created_at"`
	EndedAt      *time.Time `json:"ended_at,omitempty"`
}

// BulkCounts counts rows by what became of them.
type BulkCounts struct {
	Total   int `json:"total"`
	Waiting int `json:"waiting"`
	Sent    int `json:"sent"`
	Refused int `json:"refused"`
}

func bulkSendOf(b *bulk.Send) BulkSend {
	out := BulkSend{ID: b.ID, DocumentID: b.DocumentID, BusinessUnit: b.Unit, State: string(b.State), Code: b.Code, Reason: b.Reason, Columns: b.Columns,
		Rows: BulkCounts{b.Total, b.Left(), b.Sent, b.Refused}, OperationID: b.Operation, SentBy: b.By.Principal, CreatedAt: b.CreatedAt.UTC(), EndedAt: at(b.EndedAt)}
	if out.Columns == nil {
		out.Columns = []string{}
	}
	return out
}

// BulkRow is one row of a bulk send.
type BulkRow struct {
	Number     int        `json:"number" doc:"From 1, without the header."`
	State      string     `json:"state" enum:"waiting,sent,refused"`
	Values     Object     `json:"values" doc:"Its cells by column; empty once its document was disposed of, or its time is over."`
	DocumentID string     `json:"document_id,omitempty"`
	EnvelopeID string     `json:"envelope_id,omitempty"`
	Code       string     `json:"code,omitempty" example:"external_id_taken" doc:"Why it was refused."`
	Reason     string     `json:"reason,omitempty" doc:"The same for people."`
	Errors     []Detail   `json:"errors,omitempty" doc:"Everything that stands against it."`
	SettledAt  *time.Time `json:"settled_at,omitempty"`
}

func bulkRowOf(r *bulk.Row) BulkRow {
	out := BulkRow{Number: r.Number, State: string(r.State), DocumentID: r.DocumentID, EnvelopeID: r.EnvelopeID, Code: r.Code, Reason: r.Reason, SettledAt: at(r.SettledAt)}
	if raw, err := json.Marshal(r.Values); err == nil {
		out.Values = Object(raw)
	}
	for _, f := range r.Faults {
		out.Errors = append(out.Errors, Detail(f))
	}
	return out
}

func (a *api) bulkSends() {
	const base, tag = "/v1/bulk-sends", "bulk"
	handle(a, route{id: "startBulkSend", method: http.MethodPost, path: base, tag: tag, does: access.WriteEnvelope, status: http.StatusAccepted, maxBody: maxBulkBody,
		summary: "Send a document to many",
		about: "Each row of a table in CSV or JSON lines gets a document of its own with the source's file, approved at once, and an envelope, made of a template whose texts hold placeholders: `{{column}}`. " +
			"All rows are checked first, and nothing is sent unless all are sound; at most 10,000 rows, 100 columns and 8 MB. " +
			"Then they are sent one after the other: each is sent once, whatever dies meanwhile, and one that is refused keeps its reason while the others go on.",
		codes: []string{"not_found", "invalid_bulk_send", "invalid_rows", "fields_not_possible", "too_many_bulk_sends", "bulk_send_needs_own_token", "not_begun",
			"document_without_file", "document_processing", "document_quarantined", "document_failed", "document_disposed"}}, a.startBulkSend)
	handle(a, route{id: "listBulkSends", method: http.MethodGet, path: base, tag: tag, does: access.ReadEnvelope,
		summary: "List bulk sends", about: "Newest first."}, a.listBulkSends)
	handle(a, route{id: "getBulkSend", method: http.MethodGet, path: base + "/{id}", tag: tag, does: access.ReadEnvelope,
		summary: "Get a bulk send, or wait for its end", about: "With its rows counted. With `Prefer: wait=10` the answer is held back until it does not run any more, or for so many seconds.", codes: []string{"not_found"}}, a.getBulkSend)
	handle(a, route{id: "listBulkRows", method: http.MethodGet, path: base + "/{id}/rows", tag: tag, does: access.ReadEnvelope,
		summary: "List the rows of a bulk send", about: "By number, with what became of each.", codes: []string{"not_found"}}, a.listBulkRows)
	handle(a, route{id: "getBulkResults", method: http.MethodGet, path: base + "/{id}/results", tag: tag, does: access.ReadEnvelope, stream: true,
		summary: "Download what became of the rows", about: "All rows with their cells: as CSV for a spreadsheet, in which no cell can act as a formula, or as JSON lines.", codes: []string{"not_found"}}, a.bulkResults)
	for _, c := range []struct {
		id, verb, summary, about string
		codes                    []string
		run                      func(*service.Service, context.Context, service.Call, string) (service.Result[bulk.Send], error)
	}{
		{"cancelBulkSend", "cancel", "End a bulk send", "What was sent stays sent; to withdraw that, void its envelopes. The rows that wait are never sent.", nil, (*service.Service).CancelBulkSend},
		{"resumeBulkSend", "resume", "Let a paused bulk send go on", "From the first row that waits, as whoever resumes it.", []string{"bulk_send_needs_own_token", "bulk_rows_gone"}, (*service.Service).ResumeBulkSend},
		{"retryBulkSend", "retry", "Try the refused rows again", "Of a bulk send that is finished or paused, as whoever asks for it.", []string{"bulk_send_needs_own_token", "nothing_refused", "bulk_rows_gone"}, (*service.Service).RetryBulkSend},
	} {
		handle(a, route{id: c.id, atomic: true, method: http.MethodPost, path: base + "/{id}/" + c.verb, tag: tag, does: access.WriteEnvelope,
			summary: c.summary, about: c.about, codes: append(c.codes, "not_found", "bulk_send_not_open")},
			func(ctx context.Context, in *changeBulkInput) (*oneBulkSend, error) {
				return bulkAnswer(c.run(a.Service, ctx, callOf(ctx), in.ID))
			})
	}
	handle(a, route{id: "pauseBulkSend", atomic: true, method: http.MethodPost, path: base + "/{id}/pause", tag: tag, does: access.WriteEnvelope,
		summary: "Pause a bulk send", about: "Between two rows. It stands still until it is resumed.", codes: []string{"not_found", "bulk_send_not_open"}}, a.pauseBulkSend)
}

// BulkSendRequest sends a document to many.
type BulkSendRequest struct {
	DocumentID string             `json:"document_id" example:"doc_01kb0q7m4b1s9v3d8r5x2c6e7f" doc:"The source. Any document with a file that was read; its state does not matter, and it stays as it is."`
	Document   BulkDocument       `json:"document,omitempty" doc:"Details of each row's document."`
	Subject    string             `json:"subject,omitempty" example:"Your contract, {{name}}" doc:"Of each envelope, with placeholders. Default: the document's title."`
	Message    string             `json:"message,omitempty" doc:"To the recipients, with placeholders."`
	Recipients []RecipientRequest `json:"recipients" doc:"As of an envelope; name and email with placeholders."`
	ExpiresAt  *time.Time         `json:"expires_at,omitempty" doc:"Of each envelope. Default: 30 days from its sending."`
	Initiator  *Initiator         `json:"initiator,omitempty" doc:"Who hands the documents in. Default: the caller, whose principal has to be an e-mail address then."`

	Rows            string            `json:"rows" minLength:"1" example:"name,email\r\nBen Okafor,ben@example.com\r\n" doc:"The table's text, in UTF-8."`
	Format          string            `json:"format,omitempty" enum:"csv,jsonl" default:"csv" doc:"csv: RFC 4180, with a header line that names the columns. jsonl: one JSON object a line, whose values are texts, numbers, booleans or null."`
	Delimiter       string            `json:"delimiter,omitempty" enum:"comma,semicolon,tab" default:"comma" doc:"What divides the fields of CSV."`
	ColumnTypes     map[string]string `json:"column_types,omitempty" example:"{\"amount\":\"number\"}" doc:"Columns of CSV that hold a number or a boolean, so that they stand in the metadata as such: text, number or boolean."`
	AllowDuplicates bool              `json:"allow_duplicates,omitempty" doc:"Let a row be as one before it. Otherwise such a row is a fault: the same person would be asked twice."`
}

// BulkDocument are the details of a row's document.
type BulkDocument struct {
	DocumentType string            `json:"document_type,omitempty" doc:"Default: document."`
	BusinessUnit string            `json:"business_unit,omitempty" doc:"Default: the client's only unit, else general."`
	Title        string            `json:"title,omitempty" example:"Contract of {{name}}" doc:"With placeholders. Default: the source's."`
	ExternalID   string            `json:"external_id,omitempty" example:"staff-{{number}}" doc:"With placeholders; unique in the organisation."`
	Labels       map[string]string `json:"labels,omitempty" doc:"With placeholders in the values."`
	Metadata     Object            `json:"metadata,omitempty" doc:"A JSON object with placeholders in its texts. A text that is one placeholder and nothing else becomes the cell itself: a number stays a number."`
}

type startBulkSendInput struct {
	Keyed
	Body BulkSendRequest
}

type oneBulkSend struct {
	Replayed
	Location string `header:"Location" doc:"The bulk send."`
	Body     BulkSend
}

func bulkAnswer(out service.Result[bulk.Send], err error) (*oneBulkSend, error) {
	if err != nil {
		return nil, err
	}
	return &oneBulkSend{Replayed: replayed(out.Replayed), Location: "/v1/bulk-sends/" + out.Value.ID, Body: bulkSendOf(&out.Value)}, nil
}

func (a *api) startBulkSend(ctx context.Context, in *startBulkSendInput) (*oneBulkSend, error) {
	b := &in.Body
	t := bulk.Template{Type: b.Document.DocumentType, Unit: b.Document.BusinessUnit, Title: b.Document.Title, ExternalID: b.Document.ExternalID, Labels: b.Document.Labels,
		Metadata: json.RawMessage(b.Document.Metadata), Subject: b.Subject, Message: b.Message}
	if b.ExpiresAt != nil {
		t.ExpiresAt = *b.ExpiresAt
	}
	if b.Initiator != nil {
		t.Initiator = approval.Initiator(*b.Initiator)
	}
	for _, r := range b.Recipients {
		to := bulk.Recipient{Name: r.Name, Email: r.Email, Order: r.Order}
		for _, f := range r.Fields {
			to.Fields = append(to.Fields, signing.Field(f))
		}
		t.Recipients = append(t.Recipients, to)
	}
	table := bulk.Table{Format: bulk.Format(b.Format), Delimiter: map[string]string{"semicolon": ";", "tab": "\t"}[b.Delimiter], Repeats: b.AllowDuplicates, Types: map[string]bulk.Type{}}
	for name, typ := range b.ColumnTypes {
		table.Types[name] = bulk.Type(typ)
	}
	return bulkAnswer(a.Service.StartBulkSend(ctx, callOf(ctx), service.NewBulkSend{DocumentID: b.DocumentID, Template: t, Table: table, Rows: []byte(b.Rows)}))
}

type listBulkSendsInput struct {
	Paged
	State      string `query:"state" enum:"running,paused,finished,cancelled"`
	DocumentID string `query:"document_id" doc:"The source."`
}

func (a *api) listBulkSends(ctx context.Context, in *listBulkSendsInput) (*Listed[BulkSend], error) {
	rows, err := a.Service.BulkSends(ctx, actorOf(ctx), service.BulkFilter{State: in.State, DocumentID: in.DocumentID, Before: in.After, Limit: in.want()})
	if err != nil {
		return nil, err
	}
	return pageOf(rows, in.Paged, bulkSendOf, func(b *bulk.Send) string { return b.ID }), nil
}

// BulkPath is the path parameter of one bulk send.
type BulkPath struct {
	ID string `path:"id" maxLength:"64" example:"blk_01kb0q7m4b1s9v3d8r5x2c6e7f" doc:"Id of the bulk send."`
}

type getBulkSendInput struct {
	BulkPath
	Awaited
}

type getBulkSendOutput struct {
	PreferenceApplied string `header:"Preference-Applied"`
	Body              BulkSend
}

func (a *api) getBulkSend(ctx context.Context, in *getBulkSendInput) (*getBulkSendOutput, error) {
	b, err := a.Service.AwaitBulkSend(ctx, actorOf(ctx), in.ID, in.duration())
	if err != nil {
		return nil, err
	}
	out := &getBulkSendOutput{Body: bulkSendOf(&b)}
	if in.duration() > 0 {
		out.PreferenceApplied = in.applied()
	}
	return out, nil
}

type listBulkRowsInput struct {
	BulkPath
	Limit int    `query:"limit" minimum:"1" maximum:"100" default:"50" doc:"Items of a page."`
	After string `query:"after" pattern:"^[0-9]{1,9}$" example:"50" doc:"The next of the page before: the number of its last row."`
	State string `query:"state" enum:"waiting,sent,refused"`
}

func (a *api) listBulkRows(ctx context.Context, in *listBulkRowsInput) (*Listed[BulkRow], error) {
	p := Paged{Limit: in.Limit}
	after, _ := strconv.Atoi(in.After) // "" is 0: from the first
	rows, err := a.Service.BulkRows(ctx, actorOf(ctx), in.ID, bulk.RowState(in.State), after, p.want())
	if err != nil {
		return nil, err
	}
	return pageOf(rows, p, bulkRowOf, func(r *bulk.Row) string { return strconv.Itoa(r.Number) }), nil
}

type bulkResultsInput struct {
	BulkPath
	As    string `query:"as" enum:"csv,jsonl" default:"csv" doc:"The form of the answer."`
	State string `query:"state" enum:"waiting,sent,refused" doc:"Only these rows."`
}

func (a *api) bulkResults(ctx context.Context, in *bulkResultsInput) (*huma.StreamResponse, error) {
	b, err := a.Service.BulkSend(ctx, actorOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	media := map[string]string{"csv": "text/csv; charset=utf-8; header=present", "jsonl": "application/jsonl"}[in.As]
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		r, w := humago.Unwrap(hctx)
		h := w.Header()
		h.Set("Content-Type", media)
		h.Set("Content-Disposition", disposition(b.ID+"."+in.As))
		h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
		h.Set("Cache-Control", "no-store")
		out := &patientWriter{ResponseWriter: w, request: r, control: http.NewResponseController(w), idle: a.Idle}
		if err := a.writeResults(r.Context(), out, &b, in); err != nil {
			a.Log.Warn("the results of a bulk send broke off", "bulk_send", b.ID, "error", err)
			panic(http.ErrAbortHandler) // so that nobody takes a part for the whole
		}
	}}, nil
}

func (a *api) writeResults(ctx context.Context, w http.ResponseWriter, b *bulk.Send, in *bulkResultsInput) error {
	results, err := bulk.NewResults(w, bulk.Format(in.As), b.Columns)
	for after, more := 0, true; more && err == nil; {
		var rows []bulk.Row
		if rows, err = a.Service.BulkRows(ctx, actorOf(ctx), b.ID, bulk.RowState(in.State), after, 200); err != nil {
			return err
		}
		for i := range rows {
			if err = results.Write(&rows[i]); err != nil {
				return err
			}
			after = rows[i].Number
		}
		more = len(rows) == 200
	}
	if err != nil {
		return err
	}
	return results.End()
}

type changeBulkInput struct {
	BulkPath
	Keyed
}

type pauseBulkSendInput struct {
	BulkPath
	Keyed
	Body *Reason
}

func (a *api) pauseBulkSend(ctx context.Context, in *pauseBulkSendInput) (*oneBulkSend, error) {
	why := ""
	if in.Body != nil {
		why = in.Body.Reason
	}
	return bulkAnswer(a.Service.PauseBulkSend(ctx, callOf(ctx), in.ID, why))
}
