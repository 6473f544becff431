package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
)

// rawTypes are the media types a raw body may be declared as. What a file really
// is, the capture finds out.
var rawTypes = []string{"application/octet-stream", "application/pdf", "image/jpeg", "image/png", "image/tiff", "image/webp"}

const (
	multipartForm = "multipart/form-data"
	maxField      = 128 << 10 // bytes of one form field
)

// uploadRoute describes an operation that takes a file.
func uploadRoute(id, path, summary, about string, codes ...string) route {
	return route{id: id, method: http.MethodPost, path: path, tag: "documents", does: access.WriteDocument, status: http.StatusAccepted, stream: true,
		summary: summary, about: about,
		codes: append(codes, "invalid_document", "empty_file", "body_incomplete", "file_too_large", "unsupported_media_type", "storage_full", "unit_limit_reached", "unit_file_limit", "unit_closed")}
}

// upload is the part of an input that streams: it keeps the request until the
// handler reads it, since the body must not be read before the details are known.
type upload struct {
	reader *fileReader
}

// Resolve implements huma.Resolver.
func (u *upload) Resolve(hctx huma.Context) []error {
	r, w := humago.Unwrap(hctx)
	u.reader = &fileReader{body: r.Body, control: http.NewResponseController(w)}
	return nil
}

// Uploaded is a document with the version and the operation that an upload made.
type Uploaded struct {
	Document  Document  `json:"document"`
	Version   Version   `json:"version"`
	Operation Operation `json:"operation"`
}

// uploadOutput is the answer to an upload: 202 while the file is being read, 201
// where the caller waited for the end of it.
type uploadOutput struct {
	Replayed
	Status   int
	Location string `header:"Location" doc:"The operation that reads the file."`
	Body     Uploaded
}

type createDocumentInput struct {
	upload
	Keyed
	DocumentType       string            `query:"document_type" doc:"With a raw body. Default: document."`
	BusinessUnit       string            `query:"business_unit" doc:"With a raw body. Default: the client's only unit, else general."`
	Title              string            `query:"title" doc:"With a raw body. Default: the file's name."`
	ExternalID         string            `query:"external_id" doc:"With a raw body."`
	Label              map[string]string `query:"label,deepObject" doc:"With a raw body: label[cost_centre]=4711."`
	Metadata           string            `query:"metadata" doc:"With a raw body: a JSON object."`
	FileName           string            `query:"file_name" doc:"With a raw body; or in a Content-Disposition header."`
	ContentDisposition string            `header:"Content-Disposition" doc:"With a raw body: attachment; filename=…"`
}

func (a *api) createDocument(ctx context.Context, in *createDocumentInput) (*uploadOutput, error) {
	in.reader.limit(ctx, a)
	var details service.NewDocument
	file, err := in.reader.open(ctx, &details)
	if err != nil {
		return nil, err
	}
	if !in.reader.multipart() {
		details = service.NewDocument{Type: in.DocumentType, Unit: in.BusinessUnit, Title: in.Title, ExternalID: in.ExternalID, Labels: in.Label, Metadata: jsonOf([]byte(in.Metadata))}
		file.Name = fileName(in.FileName, in.ContentDisposition)
	}
	call := callOf(ctx, digestible(details, file)...)
	out, err := a.Service.Upload(ctx, call, details, file)
	return a.uploaded(ctx, in.reader, in.awaited(), out, err)
}

type replaceFileInput struct {
	upload
	DocumentPath
	Keyed
	FileName           string `query:"file_name" doc:"With a raw body; or in a Content-Disposition header."`
	ContentDisposition string `header:"Content-Disposition" doc:"With a raw body: attachment; filename=…"`
}

func (a *api) replaceFile(ctx context.Context, in *replaceFileInput) (*uploadOutput, error) {
	in.reader.limit(ctx, a)
	file, err := in.reader.open(ctx, nil)
	if err != nil {
		return nil, err
	}
	if !in.reader.multipart() {
		file.Name = fileName(in.FileName, in.ContentDisposition)
	}
	out, err := a.Service.Replace(ctx, callOf(ctx, digestible(service.NewDocument{}, file)...), in.ID, file)
	return a.uploaded(ctx, in.reader, in.awaited(), out, err)
}

// uploaded answers an upload once the command is done, or after the wait the caller asked for.
func (a *api) uploaded(ctx context.Context, r *fileReader, wait Awaited, out service.Result[service.Uploaded], err error) (*uploadOutput, error) {
	if err != nil {
		// The body's own fault says more than what the storage made of it.
		if r.failed != nil {
			return nil, r.failed
		}
		return nil, err
	}
	res := &uploadOutput{Replayed: replayed(out.Replayed), Status: http.StatusAccepted, Location: "/v1/operations/" + out.Value.Operation.ID}
	doc, op := out.Value.Document, out.Value.Operation
	if d := wait.duration(); d > 0 {
		res.applied(wait.applied())
		if op, err = a.Service.AwaitOperation(ctx, actorOf(ctx), op.ID, d); err != nil {
			return nil, err
		}
		if doc, err = a.readableAgain(ctx, doc); err != nil {
			return nil, err
		}
		if op.State.Ended() {
			res.Status = http.StatusCreated
		}
	}
	res.Body = Uploaded{Document: documentOf(&doc), Version: versionOf(&out.Value.Version), Operation: operationOf(&op)}
	return res, nil
}

// digestible gives what of an upload's details belongs to the request's digest;
// the file's own digest is added by the command.
func digestible(d service.NewDocument, f service.File) [][]byte {
	labels, err := json.Marshal(d.Labels) // sorted by key
	if err != nil {
		labels = nil // strings always marshal
	}
	return [][]byte{[]byte(d.Type), []byte(d.Unit), []byte(d.Title), []byte(d.ExternalID), labels, d.Metadata, []byte(f.Name), []byte(f.MediaType)}
}

// jsonOf gives JSON text; nil where there is none.
func jsonOf(text []byte) json.RawMessage {
	if len(text) == 0 {
		return nil
	}
	return text
}

// fileName takes the file's name from the query or the Content-Disposition header.
func fileName(query, disposition string) string {
	if query != "" || disposition == "" {
		return query
	}
	if _, params, err := mime.ParseMediaType(disposition); err == nil {
		return params["filename"]
	}
	return ""
}

// fileReader reads an uploaded file from a request's body, raw or multipart, as
// it arrives. It never holds more than a buffer of it.
type fileReader struct {
	body    io.Reader
	control *http.ResponseController
	media   string
	params  map[string]string
	idle    time.Duration
	max     int64
	failed  error // why the body could not be read to its end
	form    *multipart.Reader
	part    *multipart.Part
	source  io.Reader
}

// limit sets how large the file may be and how long its sender may pause.
func (f *fileReader) limit(ctx context.Context, a *api) {
	rq := requestOf(ctx)
	media, params, err := mime.ParseMediaType(rq.http.Header.Get("Content-Type"))
	if err != nil {
		media = "application/octet-stream"
	}
	f.media, f.params, f.idle, f.max = media, params, a.Idle, a.MaxUpload
	// The form's own fields and boundaries come on top of the file.
	f.body = http.MaxBytesReader(rq.writer, io.NopCloser(patient{f.body, f}), a.MaxUpload+1<<20)
}

func (f *fileReader) multipart() bool { return f.media == multipartForm }

// open reads up to the file's first byte. details takes the form's fields; nil
// where there are none to take.
func (f *fileReader) open(_ context.Context, details *service.NewDocument) (service.File, error) {
	if !f.multipart() {
		if !slices.Contains(rawTypes, f.media) {
			return service.File{}, fault.New(fault.Unsupported, "unsupported_media_type", "Send %s with a part named file, or a raw body as one of %s.", multipartForm, strings.Join(rawTypes, ", "))
		}
		f.source = f.body
		return service.File{MediaType: f.media, Body: f}, nil
	}
	boundary := f.params["boundary"]
	if boundary == "" {
		return service.File{}, fault.New(fault.Invalid, "invalid_request", "The Content-Type names no boundary.").
			With(fault.Detail{Pointer: "header/Content-Type", Code: "bad_value", Message: "A boundary is missing."})
	}
	f.form = multipart.NewReader(f.body, boundary)
	form := formFields{into: details}
	for {
		part, err := f.form.NextRawPart()
		if errors.Is(err, io.EOF) {
			form.faults.Add("/file", "required", "The form has no part named file.")
			return service.File{}, form.err()
		}
		if err != nil {
			return service.File{}, f.fail(err)
		}
		if part.FormName() == "file" {
			f.part, f.source = part, part
			media := part.Header.Get("Content-Type")
			return service.File{Name: part.FileName(), MediaType: media, Body: f}, form.err()
		}
		if err := form.take(part); err != nil {
			return service.File{}, f.fail(err)
		}
	}
}

// Read gives the file's bytes. A body that breaks off, is too large, or goes on
// after the file makes a fault, so that nothing of it is kept.
func (f *fileReader) Read(p []byte) (int, error) {
	if f.failed != nil {
		return 0, f.failed
	}
	n, err := f.source.Read(p)
	if f.max -= int64(n); f.max < 0 {
		return 0, f.tooLarge()
	}
	switch {
	case err == nil:
		return n, nil
	case errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return n, f.end()
	}
	return n, f.fail(err)
}

// end checks that nothing follows the file, and lets the connection live on.
func (f *fileReader) end() error {
	if f.form != nil {
		next, err := f.form.NextRawPart()
		if err == nil {
			f.failed = fault.New(fault.Invalid, "invalid_request", "The part named file has to be the last of the form.").
				With(fault.Detail{Pointer: "/" + escapePointer(next.FormName()), Code: "after_file", Message: "This part comes after the file."})
			return f.failed
		}
		if !errors.Is(err, io.EOF) {
			return f.fail(err)
		}
	}
	if err := f.control.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return f.fail(err)
	}
	return io.EOF
}

// fail keeps why the body could not be read, as a fault.
func (f *fileReader) fail(err error) error {
	var large *http.MaxBytesError
	var known *fault.Fault
	switch {
	case errors.As(err, &large):
		return f.tooLarge()
	case errors.As(err, &known):
		f.failed = err
	default:
		f.failed = httpFault(http.StatusBadRequest, "body_incomplete", "The file did not arrive whole. Nothing was kept of it; send it again.")
	}
	return f.failed
}

func (f *fileReader) tooLarge() error {
	f.failed = fault.New(fault.TooLarge, "file_too_large", "The file is larger than this server takes.")
	return f.failed
}

// patient gives a sender a fresh time limit for each piece of the body.
type patient struct {
	io.Reader
	f *fileReader
}

func (p patient) Read(b []byte) (int, error) {
	if err := p.f.control.SetReadDeadline(time.Now().Add(p.f.idle)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	return p.Reader.Read(b)
}

// formFields gathers a document's details from the fields of a form.
type formFields struct {
	into   *service.NewDocument
	faults fault.List
	fields int
}

func (f *formFields) err() error {
	return f.faults.Err("invalid_request", "The form has faults. Every fault is listed.")
}

// take reads one field. Only trouble with the body itself is returned at once.
func (f *formFields) take(part *multipart.Part) error {
	name := part.FormName()
	value, err := io.ReadAll(io.LimitReader(part, maxField+1))
	if err != nil {
		return err
	}
	if f.fields++; f.fields > 50 {
		return fault.New(fault.Invalid, "invalid_request", "The form has too many fields.")
	}
	at := "/" + escapePointer(name)
	if len(value) > maxField {
		f.faults.Add(at, "too_long", "A field has at most %d bytes.", maxField)
		_, err := io.Copy(io.Discard, part)
		return err
	}
	if f.into == nil {
		f.faults.Add(at, "unknown_member", "There is no such field here.")
		return nil
	}
	f.set(name, at, value)
	return nil
}

func (f *formFields) set(name, at string, value []byte) {
	d := f.into
	switch name {
	case "document":
		f.setAll(at, value)
	case "document_type":
		d.Type = string(value)
	case "business_unit":
		d.Unit = string(value)
	case "title":
		d.Title = string(value)
	case "external_id":
		d.ExternalID = string(value)
	case "labels":
		f.decode(at, value, &d.Labels)
	case "metadata":
		d.Metadata = jsonOf(value)
	default:
		f.faults.Add(at, "unknown_member", "There is no such field here.")
	}
}

// setAll reads the JSON part named document: each member by itself, so that the
// faults of all of them are told.
func (f *formFields) setAll(at string, value []byte) {
	members := map[string]json.RawMessage{}
	if !f.decode(at, value, &members) {
		return
	}
	d := f.into
	known := map[string]any{"document_type": &d.Type, "business_unit": &d.Unit, "title": &d.Title, "external_id": &d.ExternalID, "labels": &d.Labels, "metadata": &d.Metadata}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		into, ok := known[name]
		if !ok {
			f.faults.Add(at+"/"+escapePointer(name), "unknown_member", "There is no such member here.")
			continue
		}
		f.decode(at+"/"+escapePointer(name), members[name], into)
	}
}

func (f *formFields) decode(at string, value []byte, into any) bool {
	dec := json.NewDecoder(bytes.NewReader(value))
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	if err == nil && dec.More() {
		err = errors.New("there is something after the JSON value")
	}
	if err == nil {
		return true
	}
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) && wrong.Field != "" {
		at += "/" + strings.ReplaceAll(wrong.Field, ".", "/")
	}
	if unknown, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		if field, uerr := strconv.Unquote(unknown); uerr == nil {
			at += "/" + escapePointer(field)
		}
		f.faults.Add(at, "unknown_member", "There is no such member here.")
		return false
	}
	if wrong != nil {
		f.faults.Add(at, "wrong_type", "This is of JSON type %s; %s is wanted.", wrong.Value, wanted(wrong.Type))
		return false
	}
	f.faults.Add(at, "bad_json", "This is not valid JSON: %s.", strings.TrimPrefix(err.Error(), "json: "))
	return false
}

// wanted names a Go type as JSON calls it.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Struct, reflect.Map:
		return "an object"
	}
	return "another type"
}
