package httpapi

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/entrance"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
)

// The tus protocol for resumable uploads, version 1.0.0 (https://tus.io): core,
// creation, creation-with-upload, termination, checksum and expiration.
const (
	tusPath       = "/v1/uploads"
	tusVersion    = "1.0.0"
	tusExtensions = "creation,creation-with-upload,termination,checksum,expiration"
	tusChecksums  = "sha256,sha1"
	tusMedia      = "application/offset+octet-stream"
	// statusChecksum is tus's own status for a checksum that does not fit.
	statusChecksum = 460
	maxTusMetadata = 256 << 10
)

// Upload is an upload that can be resumed, as callers see it.
type Upload struct {
	ID          string    `json:"id" example:"upl_01kb0q7m4b1s9v3d8r5x2c6e7f"`
	Offset      int64     `json:"offset" doc:"Bytes that are kept."`
	Length      int64     `json:"length" doc:"Bytes of the whole file."`
	DocumentID  string    `json:"document_id,omitempty" doc:"Made of the file, once it is whole."`
	ImportID    string    `json:"import_id,omitempty" doc:"Instead of a document, where the file is the archive of a business unit."`
	OperationID string    `json:"operation_id,omitempty" doc:"Reads the file."`
	Code        string    `json:"code,omitempty" example:"external_id_taken" doc:"Why no document could be made of the file."`
	Reason      string    `json:"reason,omitempty" doc:"The same for people."`
	CreatedAt   time.Time `json:"created_at"`
	ExpiresAt   time.Time `json:"expires_at" doc:"Moves on with each piece."`
}

// mountTus adds the upload's addresses. They are tus's own in status, headers and
// bodies, and so no operations like the others.
func (a *api) mountTus() {
	a.open().HandleFunc("OPTIONS "+tusPath, a.public(func(w http.ResponseWriter, _ *http.Request) error {
		h := w.Header()
		h.Set("Tus-Resumable", tusVersion)
		h.Set("Tus-Version", tusVersion)
		h.Set("Tus-Extension", tusExtensions)
		h.Set("Tus-Checksum-Algorithm", tusChecksums)
		h.Set("Tus-Max-Size", strconv.FormatInt(a.MaxResumable, 10))
		w.WriteHeader(http.StatusNoContent)
		return nil
	}))
	for pattern, fn := range map[string]func(http.ResponseWriter, *http.Request) error{
		"POST " + tusPath: a.tusCreate, "HEAD " + tusPath + "/{id}": a.tusHead, "PATCH " + tusPath + "/{id}": a.tusPatch,
		"DELETE " + tusPath + "/{id}": a.tusDelete, "GET " + tusPath + "/{id}": a.tusGet,
	} {
		a.mux.To(entrance.Token, entrance.PerClient).For(access.WriteDocument).HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			leave, err := a.tusAdmit(w, r)
			defer leave()
			if err == nil {
				err = fn(w, r)
			}
			if err != nil {
				writeProblem(w, r, err)
			}
		})
	}
}

// tusClasses are the classes of requests, by method.
var tusClasses = map[string]access.Class{http.MethodPost: access.Uploads, http.MethodPatch: access.Uploads, http.MethodDelete: access.Writes, http.MethodHead: access.Reads, http.MethodGet: access.Reads}

// tusAdmit is admit for tus.
func (a *api) tusAdmit(w http.ResponseWriter, r *http.Request) (leave func(), err error) {
	h := w.Header()
	h.Set("Tus-Resumable", tusVersion)
	h.Set("X-Content-Type-Options", "nosniff")
	rq := requestOf(r.Context())
	if leave, err = a.sender(rq, r, w, tusClasses[r.Method]); err == nil {
		err = a.Service.AllowedBy(rq.actor, access.WriteDocument)
	}
	if err != nil {
		return leave, err
	}
	h.Set("Cache-Control", "no-store")
	rq.route, rq.key = r.Method+" "+tusPath, r.Header.Get("Idempotency-Key")
	if r.Method != http.MethodGet && r.Header.Get("Tus-Resumable") != tusVersion {
		h.Set("Tus-Version", tusVersion)
		return leave, httpFault(http.StatusPreconditionFailed, "tus_version", "This server speaks tus %s. Say so in the header Tus-Resumable.", tusVersion)
	}
	return leave, nil
}

func (a *api) tusCreate(w http.ResponseWriter, r *http.Request) error {
	length, details, err := a.tusWanted(r)
	if err != nil {
		return err
	}
	rq := requestOf(r.Context())
	call := service.Call{Actor: rq.actor}
	if rq.key != "" {
		call.Idem = &service.Idempotency{Route: rq.route, Key: rq.key, Digest: requestDigest(r, []byte(r.Header.Get("Upload-Length")), []byte(r.Header.Get("Upload-Metadata")))}
	}
	out, err := a.Service.BeginUpload(r.Context(), call, length, details)
	if err != nil {
		return err
	}
	u := out.Value
	if out.Replayed {
		w.Header().Set("Idempotency-Replayed", "true")
		if u, err = a.Service.ResumableUpload(r.Context(), call, u.ID); err != nil {
			return err
		}
	}
	w.Header().Set("Location", tusPath+"/"+u.ID)
	if media := r.Header.Get("Content-Type"); media == tusMedia {
		if u, err = a.tusTake(w, r, u.ID, u.Position); err != nil {
			return err
		}
	} else if r.ContentLength > 0 {
		return fault.New(fault.Unsupported, "unsupported_media_type", "The upload was begun, and nothing of the body was kept: send the file's bytes as %s.", tusMedia)
	}
	tusState(w, &u)
	w.WriteHeader(http.StatusCreated)
	return nil
}

// tusWanted reads what is to be uploaded, and lists everything wrong with it.
func (a *api) tusWanted(r *http.Request) (length int64, d service.UploadDetails, err error) {
	var l fault.List
	text := r.Header.Get("Upload-Length")
	length, err = strconv.ParseInt(text, 10, 64)
	switch {
	case text == "":
		l.Add("header/Upload-Length", "required", "This header is missing. The length has to be known from the beginning.")
	case err != nil || length < 0:
		l.Add("header/Upload-Length", "bad_value", "This is no number of bytes.")
	case length == 0:
		l.Add("header/Upload-Length", "bad_value", "The file is empty.")
	}
	if r.Header.Get("Upload-Concat") != "" {
		l.Add("header/Upload-Concat", "unknown_parameter", "Uploads cannot be put together from others here.")
	}
	if length > a.MaxResumable {
		return 0, d, fault.New(fault.TooLarge, "file_too_large", "The file is larger than the %d bytes that this server takes.", a.MaxResumable)
	}
	form := formFields{into: &d.Document}
	for name, value := range tusMetadata(&l, r.Header.Get("Upload-Metadata")) {
		switch name {
		case "filename", "name":
			d.FileName = value
		case "filetype", "type":
			d.MediaType = value
		case "document_id":
			d.Replace = value
		case "import_into":
			d.Import = value
		default:
			form.set(name, "header/Upload-Metadata/"+escapePointer(name), []byte(value))
		}
	}
	for _, f := range fault.From(form.err()).GetDetails() {
		l.Add(f.Pointer, f.Code, "%s", f.Message)
	}
	return length, d, l.Err("invalid_upload", "The upload has faults, and was not begun. Every fault is listed.")
}

// tusMetadata reads an Upload-Metadata header: names, each with its value in base 64.
func tusMetadata(l *fault.List, header string) map[string]string {
	out := map[string]string{}
	if len(header) > maxTusMetadata {
		l.Add("header/Upload-Metadata", "too_long", "This header has at most %d bytes.", maxTusMetadata)
		return out
	}
	for pair := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(pair), " ")
		if name == "" {
			continue
		}
		raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(value))
		if _, twice := out[name]; twice || err != nil {
			l.Add("header/Upload-Metadata/"+escapePointer(name), "bad_value", "Each name stands here once, with its value in base 64.")
		}
		out[name] = string(raw)
	}
	return out
}

// tusState says in headers where an upload stands.
func tusState(w http.ResponseWriter, u *service.ResumableUpload) {
	h := w.Header()
	h.Set("Upload-Offset", strconv.FormatInt(u.Position, 10))
	h.Set("Upload-Length", strconv.FormatInt(u.Length, 10))
	h.Set("Upload-Expires", u.ExpiresAt.UTC().Format(http.TimeFormat))
	if u.DocumentID != "" {
		h.Set(madeOf(u, "Paraph-Document-Id", "Paraph-Import-Id"), u.DocumentID)
		h.Set("Paraph-Operation-Id", u.OperationID)
	}
}

// madeOf chooses the name for what was made of a file: a document, or an import.
func madeOf(u *service.ResumableUpload, document, imported string) string {
	if u.Details.Import != "" {
		return imported
	}
	return document
}

// tusFound gives an upload. One whose last bytes came, but whose sender did not
// hear so, becomes its document now.
func (a *api) tusFound(r *http.Request) (service.ResumableUpload, error) {
	call := service.Call{Actor: requestOf(r.Context()).actor}
	u, err := a.Service.ResumableUpload(r.Context(), call, r.PathValue("id"))
	if err == nil && u.Whole() && u.DocumentID == "" && u.Code == "" {
		done, err := a.Service.FinishUpload(context.WithoutCancel(r.Context()), call, u)
		if err != nil && service.Uncertain(err) {
			return u, err
		}
		return done, nil
	}
	return u, err
}

func (a *api) tusHead(w http.ResponseWriter, r *http.Request) error {
	u, err := a.tusFound(r)
	if err != nil {
		return err
	}
	tusState(w, &u)
	w.WriteHeader(http.StatusOK)
	return nil
}

func (a *api) tusGet(w http.ResponseWriter, r *http.Request) error {
	u, err := a.tusFound(r)
	if err != nil {
		return err
	}
	tusState(w, &u)
	view := Upload{ID: u.ID, Offset: u.Position, Length: u.Length, OperationID: u.OperationID, Code: u.Code, Reason: u.Reason, CreatedAt: u.CreatedAt, ExpiresAt: u.ExpiresAt}
	if view.DocumentID = u.DocumentID; u.Details.Import != "" {
		view.DocumentID, view.ImportID = "", u.DocumentID
	}
	writeJSON(w, http.StatusOK, view)
	return nil
}

func (a *api) tusPatch(w http.ResponseWriter, r *http.Request) error {
	if r.Header.Get("Content-Type") != tusMedia {
		return fault.New(fault.Unsupported, "unsupported_media_type", "Send the file's bytes as %s.", tusMedia)
	}
	offset, err := strconv.ParseInt(r.Header.Get("Upload-Offset"), 10, 64)
	if err != nil || offset < 0 {
		return fault.New(fault.Invalid, "invalid_upload", "The request does not say where its bytes belong.").
			With(fault.Detail{Pointer: "header/Upload-Offset", Code: "bad_value", Message: "This is no number of bytes."})
	}
	u, err := a.tusTake(w, r, r.PathValue("id"), offset)
	if err != nil {
		return err
	}
	tusState(w, &u)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// tusTake takes the bytes of a request, and makes the document once they are all there.
func (a *api) tusTake(w http.ResponseWriter, r *http.Request, uploadID string, offset int64) (service.ResumableUpload, error) {
	call := service.Call{Actor: requestOf(r.Context()).actor}
	body := &fileReader{body: r.Body, control: http.NewResponseController(w), idle: a.Idle}
	in := io.Reader(patient{r.Body, body})
	check, err := tusChecksum(r, &in)
	if err != nil {
		return service.ResumableUpload{}, err
	}
	u, err := a.Service.AppendUpload(context.WithoutCancel(r.Context()), call, uploadID, offset, in, check)
	if u.ID != "" {
		w.Header().Set("Upload-Offset", strconv.FormatInt(u.Position, 10))
	}
	if err == nil && u.Whole() {
		u, err = a.Service.FinishUpload(context.WithoutCancel(r.Context()), call, u)
	}
	if none := body.control.SetReadDeadline(time.Time{}); err == nil && none != nil && !errors.Is(none, http.ErrNotSupported) {
		err = none
	}
	return u, err
}

// tusChecksum lets in be hashed where the request names a checksum, and gives what
// compares the two at the end; nil where there is none.
func tusChecksum(r *http.Request, in *io.Reader) (func() error, error) {
	header := r.Header.Get("Upload-Checksum")
	if header == "" {
		return nil, nil
	}
	name, value, _ := strings.Cut(header, " ")
	sums := map[string]func() hash.Hash{"sha256": sha256.New, "sha1": sha1.New}
	want, err := base64.StdEncoding.DecodeString(value)
	if sums[name] == nil || err != nil {
		return nil, httpFault(http.StatusBadRequest, "invalid_upload", "The header Upload-Checksum is one of %s, a space, and the sum in base 64.", tusChecksums)
	}
	h := sums[name]()
	*in = io.TeeReader(*in, h)
	return func() error {
		if !bytes.Equal(h.Sum(nil), want) {
			return httpFault(statusChecksum, "checksum_mismatch", "The bytes that arrived are not those of the checksum. None of them was kept; send them again.")
		}
		return nil
	}, nil
}

func (a *api) tusDelete(w http.ResponseWriter, r *http.Request) error {
	if err := a.Service.EndUpload(r.Context(), service.Call{Actor: requestOf(r.Context()).actor}, r.PathValue("id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
