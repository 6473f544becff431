package paraph

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Submit hands a document in for approval.
func (c *Client) Submit(ctx context.Context, req ApprovalRequest) (*Approval, error) {
	var out Approval
	return &out, c.post(ctx, "/v1/approvals", req, &out)
}

// Approval gives an approval with its tasks.
func (c *Client) Approval(ctx context.Context, id string) (*Approval, error) {
	var out Approval
	return &out, c.get(ctx, "/v1/approvals/"+url.PathEscape(id), nil, &out)
}

// TaskFilter narrows a list of tasks; what is empty does not count.
type TaskFilter struct{ Assignee, State, DocumentID string }

// Tasks lists tasks, newest first, 100 at most.
func (c *Client) Tasks(ctx context.Context, f TaskFilter) ([]Task, error) {
	q := url.Values{"limit": {"100"}}
	for name, value := range map[string]string{"assignee": f.Assignee, "state": f.State, "document_id": f.DocumentID} {
		if value != "" {
			q.Set(name, value)
		}
	}
	var out list[Task]
	err := c.get(ctx, "/v1/tasks", q, &out)
	return out.Items, err
}

// Decide decides a task and gives the approval as it is then.
func (c *Client) Decide(ctx context.Context, taskID string, d Decision) (*Approval, error) {
	var out Approval
	return &out, c.post(ctx, "/v1/tasks/"+url.PathEscape(taskID)+"/decision", d, &out)
}

// CreateEnvelope asks for signatures on an approved document.
func (c *Client) CreateEnvelope(ctx context.Context, req EnvelopeRequest) (*Envelope, error) {
	var out Envelope
	return &out, c.post(ctx, "/v1/envelopes", req, &out)
}

// Envelope gives an envelope with its recipients.
func (c *Client) Envelope(ctx context.Context, id string) (*Envelope, error) {
	var out Envelope
	return &out, c.get(ctx, "/v1/envelopes/"+url.PathEscape(id), nil, &out)
}

// SigningLink makes a link for a recipient whose turn it is. It is a secret and
// is not kept: where the answer was lost, a repeat gives the problem
// result_not_repeatable, and a new link has to be made.
func (c *Client) SigningLink(ctx context.Context, envelopeID, recipientID string) (*SigningLink, error) {
	var out SigningLink
	return &out, c.post(ctx, "/v1/envelopes/"+url.PathEscape(envelopeID)+"/recipients/"+url.PathEscape(recipientID)+"/links", nil, &out)
}

// EventFilter says which events are wanted; what is empty does not count.
type EventFilter struct {
	After      string   // cursor
	Types      []string // or beginnings with .* at the end
	DocumentID string
	SubjectID  string
	Limit      int           // 1 to 200; 0: the server's choice
	Wait       time.Duration // for an event where there is none; 60 s at most
	Latest     bool          // without After: begin behind the newest event
}

// EventPage is a page of events; Next goes on behind it and is always there.
type EventPage struct {
	Items []Event `json:"items"`
	Next  string  `json:"next"`
}

// Events lists events in the order of the log.
func (c *Client) Events(ctx context.Context, f EventFilter) (*EventPage, error) {
	q := url.Values{}
	set := func(name, value string) {
		if value != "" && value != "0" {
			q.Set(name, value)
		}
	}
	set("after", f.After)
	set("type", strings.Join(f.Types, ","))
	set("document_id", f.DocumentID)
	set("subject_id", f.SubjectID)
	set("limit", strconv.Itoa(f.Limit))
	if f.Latest && f.After == "" {
		q.Set("latest", "true")
	}
	set("wait", strconv.Itoa(min(int(f.Wait.Seconds()), 60)))
	var out EventPage
	return &out, c.get(ctx, "/v1/events", q, &out)
}

// AllEvents gives every event that fits, page by page until an empty one.
func (c *Client) AllEvents(ctx context.Context, f EventFilter) ([]Event, error) {
	var out []Event
	for f.Limit = 200; ; {
		page, err := c.Events(ctx, f)
		if err != nil {
			return out, err
		}
		out = append(out, page.Items...)
		if len(page.Items) == 0 {
			return out, nil
		}
		f.After = page.Next
	}
}

// Proof gives the .tlog-proof file of an event. Shortly after the event the
// problem not_in_log_yet may come instead.
func (c *Client) Proof(ctx context.Context, eventID string) ([]byte, error) {
	return c.file(ctx, "/v1/events/"+url.PathEscape(eventID)+"/proof", false)
}

// ArchiveRecords lists the archive records of a document, newest first.
func (c *Client) ArchiveRecords(ctx context.Context, documentID string) ([]ArchiveRecord, error) {
	var out list[ArchiveRecord]
	err := c.get(ctx, "/v1/archive-records", url.Values{"document_id": {documentID}}, &out)
	return out.Items, err
}

// ArchivePackage writes an archive package, a zip file, to w.
func (c *Client) ArchivePackage(ctx context.Context, id string, w io.Writer) (*Download, error) {
	return c.download(ctx, "/v1/archive-records/"+url.PathEscape(id)+"/package", w)
}

// CreateClient makes an OAuth client. Its secret is shown once.
func (c *Client) CreateClient(ctx context.Context, req ClientRequest) (*Credential, error) {
	var out Credential
	return &out, c.post(ctx, "/v1/clients", req, &out)
}

// SaveDocumentType makes or changes a document type.
func (c *Client) SaveDocumentType(ctx context.Context, t DocumentType) (*DocumentType, error) {
	body := struct {
		Title  string `json:"title,omitempty"`
		Schema any    `json:"schema,omitempty"`
	}{Title: t.Title}
	if len(t.Schema) > 0 {
		body.Schema = t.Schema
	}
	var out DocumentType
	r := &request{method: http.MethodPut, path: "/v1/document-types/" + url.PathEscape(t.Name)}
	return &out, c.json(ctx, r, body, &out)
}

// CreateBusinessUnit makes a business unit.
func (c *Client) CreateBusinessUnit(ctx context.Context, u BusinessUnit) (*BusinessUnit, error) {
	var out BusinessUnit
	return &out, c.post(ctx, "/v1/business-units", u, &out)
}

// LogKey gives the key that verifies the log's checkpoints, in the note format.
func (c *Client) LogKey(ctx context.Context) ([]byte, error) {
	return c.file(ctx, "/.well-known/paraph/log.vkey", true)
}

// CA gives the root certificates of the server's own seals, in PEM.
func (c *Client) CA(ctx context.Context) ([]byte, error) {
	return c.file(ctx, "/.well-known/paraph/ca.pem", true)
}

// file gets a small file whole.
func (c *Client) file(ctx context.Context, path string, open bool) ([]byte, error) {
	res, err := c.do(ctx, &request{method: http.MethodGet, path: path, open: open})
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	var buf bytes.Buffer
	if _, err := io.Copy(&buf, io.LimitReader(res.Body, maxProblem)); err != nil {
		return nil, &connectionError{err}
	}
	return buf.Bytes(), nil
}
