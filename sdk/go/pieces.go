package paraph

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Made is what became of an upload in pieces, once the file was whole.
type Made struct {
	DocumentID  string
	ImportID    string // instead of a document, where the file is the archive of a business unit
	OperationID string // reads the file
}

// errNoSeek is the refusal of a stream that cannot be taken up in its middle.
var errNoSeek = errors.New("paraph: a file that is sent in pieces has to be one that can seek")

// BeginUpload begins an upload in pieces (tus 1.0.0), for files of many gigabytes and
// lines that break, and gives its id. Keep that to go on after a restart: an upload
// runs out 24 hours after its last piece.
func (c *Client) BeginUpload(ctx context.Context, p CreateDocumentParams, file File, options ...Option) (id string, err error) {
	about := map[string]string{
		"filename": file.Name, "filetype": file.MediaType, "document_type": p.DocumentType, "business_unit": p.BusinessUnit,
		"title": p.Title, "external_id": p.ExternalID, "metadata": p.Metadata,
	}
	if len(p.Label) > 0 {
		raw, err := json.Marshal(p.Label)
		if err != nil {
			return "", err
		}
		about["labels"] = string(raw)
	}
	return c.begin(ctx, about, file, options)
}

// BeginImport is BeginUpload for the archive of a business unit, whose documents are
// then made in the unit.
func (c *Client) BeginImport(ctx context.Context, unit string, file File, options ...Option) (id string, err error) {
	return c.begin(ctx, map[string]string{"filename": file.Name, "import_into": unit}, file, options)
}

func (c *Client) begin(ctx context.Context, about map[string]string, file File, options []Option) (id string, err error) {
	r := &request{}
	if err := r.stream(file.Content); err != nil {
		return "", err
	}
	if r.once {
		return "", errNoSeek
	}
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(about)) {
		if about[name] != "" {
			pairs = append(pairs, name+" "+base64.StdEncoding.EncodeToString([]byte(about[name])))
		}
	}
	begin := &request{method: http.MethodPost, path: "/v1/uploads", header: http.Header{
		"Tus-Resumable": {"1.0.0"}, "Upload-Length": {strconv.FormatInt(r.length, 10)}, "Upload-Metadata": {strings.Join(pairs, ",")},
	}}
	err = c.do(ctx, begin, options, func(res *http.Response) error {
		where := res.Header.Get("Location")
		id = where[strings.LastIndexByte(where, '/')+1:]
		return nil
	})
	return id, err
}

// mostDiffering is how often an upload may be found elsewhere than it was a moment
// ago: what a broken connection still brings is kept meanwhile.
const mostDiffering = 5

// ContinueUpload sends what is still missing of an upload, and gives what was made of
// the file. Where the connection breaks it goes on behind what arrived.
func (c *Client) ContinueUpload(ctx context.Context, id string, file File, options ...Option) (*Made, error) {
	whole := &request{}
	if err := whole.stream(file.Content); err != nil {
		return nil, err
	}
	if whole.once {
		return nil, errNoSeek
	}
	seeker := file.Content.(io.Seeker)
	start, err := seeker.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, err
	}
	made := &Made{}
	r := &request{method: http.MethodPatch, path: "/v1/uploads/" + url.PathEscape(id), header: http.Header{
		"Tus-Resumable": {"1.0.0"}, "Content-Type": {"application/offset+octet-stream"},
	}}
	r.body = func() (io.Reader, error) {
		at, err := c.uploadOffset(ctx, r.path)
		if err != nil {
			return nil, err
		}
		r.moved = at > r.base
		r.base, r.length = at, whole.length-at
		r.header.Set("Upload-Offset", strconv.FormatInt(at, 10))
		if r.length < 0 {
			return nil, fmt.Errorf("paraph: the server has %d bytes of the file, which has only %d", at, whole.length)
		}
		_, err = seeker.Seek(start+at, io.SeekStart)
		return file.Content, err
	}
	for differing := 0; ; differing++ {
		err := c.do(ctx, r, options, func(res *http.Response) error {
			made.DocumentID, made.ImportID, made.OperationID = res.Header.Get("Paraph-Document-Id"), res.Header.Get("Paraph-Import-Id"), res.Header.Get("Paraph-Operation-Id")
			return nil
		})
		if !IsCode(err, "offset_differs") || differing == mostDiffering {
			return made, err
		}
		if err := c.pause(ctx, c.nap(differing)); err != nil {
			return nil, err
		}
	}
}

// uploadOffset asks how much of an upload is kept.
func (c *Client) uploadOffset(ctx context.Context, path string) (at int64, err error) {
	r := &request{method: http.MethodHead, path: path, header: http.Header{"Tus-Resumable": {"1.0.0"}}}
	err = c.do(ctx, r, nil, func(res *http.Response) (err error) {
		at, err = strconv.ParseInt(res.Header.Get("Upload-Offset"), 10, 64)
		return err
	})
	return at, err
}
