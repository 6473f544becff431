package paraph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// NewDocument says what an uploaded file is.
type NewDocument struct {
	DocumentType string
	BusinessUnit string
	Title        string
	ExternalID   string
	Labels       map[string]string
	Metadata     json.RawMessage // a JSON object
	FileName     string
	MediaType    string        // of the file; empty: application/octet-stream
	Wait         time.Duration // for the capture to end, at most 60 s; 0: not
}

// Upload streams a file to the server as a new document. file is read from where
// it stands; a file that can seek is sent again where the connection breaks.
func (c *Client) Upload(ctx context.Context, d NewDocument, file io.Reader) (*Uploaded, error) {
	r := &request{method: http.MethodPost, path: "/v1/documents", header: waitHeader(d.Wait), query: url.Values{}, length: -1}
	for name, value := range map[string]string{
		"document_type": d.DocumentType, "business_unit": d.BusinessUnit, "title": d.Title,
		"external_id": d.ExternalID, "metadata": string(d.Metadata), "file_name": d.FileName,
	} {
		if value != "" {
			r.query.Set(name, value)
		}
	}
	for name, value := range d.Labels {
		r.query.Set("label["+name+"]", value)
	}
	if d.MediaType == "" {
		d.MediaType = "application/octet-stream"
	}
	r.header.Set("Content-Type", d.MediaType)
	if err := r.stream(file); err != nil {
		return nil, err
	}
	var out Uploaded
	return &out, c.json(ctx, r, nil, &out)
}

// stream makes a reader the request's body.
func (r *request) stream(file io.Reader) error {
	seeker, ok := file.(io.Seeker)
	if !ok {
		r.once = true
		r.body = func() (io.Reader, error) { return file, nil }
		return nil
	}
	start, err := seeker.Seek(0, io.SeekCurrent)
	if err == nil {
		var end int64
		if end, err = seeker.Seek(0, io.SeekEnd); err == nil {
			r.length = end - start
		}
	}
	if err != nil {
		return fmt.Errorf("paraph: the file: %w", err)
	}
	r.body = func() (io.Reader, error) {
		_, err := seeker.Seek(start, io.SeekStart)
		return file, err
	}
	return nil
}

// Document gives a document as it is now.
func (c *Client) Document(ctx context.Context, id string) (*Document, error) {
	var out Document
	return &out, c.get(ctx, "/v1/documents/"+url.PathEscape(id), nil, &out)
}

// WaitDocument gives the document once ready says so. Between two looks it waits
// for the document's next event, so it needs the scope events:read.
func (c *Client) WaitDocument(ctx context.Context, id string, ready func(*Document) bool) (*Document, error) {
	cursor := ""
	for {
		d, err := c.Document(ctx, id)
		if err != nil || ready(d) {
			return d, err
		}
		page, err := c.Events(ctx, EventFilter{DocumentID: id, After: cursor, Wait: 10 * time.Second, Limit: 200})
		if err != nil {
			return nil, err
		}
		cursor = page.Next
	}
}

// Versions lists a document's versions by number.
func (c *Client) Versions(ctx context.Context, id string) ([]Version, error) {
	var out list[Version]
	err := c.get(ctx, "/v1/documents/"+url.PathEscape(id)+"/versions", nil, &out)
	return out.Items, err
}

// Pages lists the pages of the current version, without their words.
func (c *Client) Pages(ctx context.Context, id string) ([]Page, error) {
	var out list[Page]
	err := c.get(ctx, "/v1/documents/"+url.PathEscape(id)+"/pages", nil, &out)
	return out.Items, err
}

// Page gives one page with its words.
func (c *Client) Page(ctx context.Context, id string, number int) (*Page, error) {
	var out Page
	return &out, c.get(ctx, fmt.Sprintf("/v1/documents/%s/pages/%d", url.PathEscape(id), number), nil, &out)
}

// Search finds a text on a document's pages.
func (c *Client) Search(ctx context.Context, id, text string) ([]Hit, error) {
	var out list[Hit]
	err := c.get(ctx, "/v1/documents/"+url.PathEscape(id)+"/search", url.Values{"q": {text}}, &out)
	return out.Items, err
}

// SearchAll finds a text on all pages the client may see.
func (c *Client) SearchAll(ctx context.Context, text string) ([]Hit, error) {
	var out list[Hit]
	err := c.get(ctx, "/v1/search", url.Values{"q": {text}}, &out)
	return out.Items, err
}

// Content writes a version of a document to w; version 0 is the current one.
func (c *Client) Content(ctx context.Context, id string, version int, w io.Writer) (*Download, error) {
	path := "/v1/documents/" + url.PathEscape(id)
	if version > 0 {
		path += "/versions/" + strconv.Itoa(version)
	}
	return c.download(ctx, path+"/content", w)
}

// Operation gives an operation; wait holds the answer back, 60 s at most, until
// it has ended.
func (c *Client) Operation(ctx context.Context, id string, wait time.Duration) (*Operation, error) {
	var out Operation
	r := &request{method: http.MethodGet, path: "/v1/operations/" + url.PathEscape(id), header: waitHeader(wait)}
	return &out, c.json(ctx, r, nil, &out)
}

// WaitOperation waits for the end of an operation. One that failed comes back
// with an *OperationFailed.
func (c *Client) WaitOperation(ctx context.Context, id string) (*Operation, error) {
	for {
		asked := c.now()
		op, err := c.Operation(ctx, id, 30*time.Second)
		switch {
		case err != nil:
			return nil, err
		case op.State == "failed":
			return op, &OperationFailed{*op}
		case op.Ended():
			return op, nil
		}
		if c.now().Sub(asked) < time.Second { // the server did not wait
			if err := c.pause(ctx, time.Second); err != nil {
				return nil, err
			}
		}
	}
}

// RetryOperation starts a failed operation again.
func (c *Client) RetryOperation(ctx context.Context, id string) (*Operation, error) {
	var out Operation
	return &out, c.post(ctx, "/v1/operations/"+url.PathEscape(id)+"/retry", nil, &out)
}

// OperationFailed is the error of an operation that ended without its result.
type OperationFailed struct{ Operation Operation }

func (e *OperationFailed) Error() string {
	return fmt.Sprintf("the %s of %s failed: %s (%s)", e.Operation.Kind, e.Operation.DocumentID, e.Operation.Reason, e.Operation.Code)
}

// IsCode tells whether an error is a problem with this code.
func IsCode(err error, code string) bool {
	var p *Problem
	return errors.As(err, &p) && p.Code == code
}
