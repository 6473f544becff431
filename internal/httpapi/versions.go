package httpapi

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/service"
)

// Version is one immutable content of a document.
type Version struct {
	Number      int        `json:"number" example:"1"`
	Kind        string     `json:"kind" enum:"original,normalised,searchable,sealed,completion,protected,evidence"`
	DerivedFrom int        `json:"derived_from,omitempty" doc:"The version it was made of."`
	MediaType   string     `json:"media_type" example:"application/pdf"`
	FileName    string     `json:"file_name,omitempty"`
	SHA256      string     `json:"sha256" example:"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"`
	Size        int64      `json:"size" doc:"Bytes."`
	Pages       int        `json:"pages,omitempty"`
	Signatures  int        `json:"signatures" doc:"PDF signatures inside; time stamps of the document are not counted."`
	Level       string     `json:"level,omitempty" enum:"b,t,lt,lta" doc:"How far the signatures are protected in this version, as a PAdES baseline level."`
	Until       *time.Time `json:"protected_until,omitempty" doc:"Until when, with what is in this version."`
	CreatedAt   time.Time  `json:"created_at"`
}

func versionOf(v *document.Version) Version {
	return Version{
		Number: v.No, Kind: string(v.Kind), DerivedFrom: v.DerivedFrom, MediaType: v.MediaType, FileName: v.FileName,
		SHA256: v.SHA256, Size: v.Size, Pages: v.Pages, Signatures: v.Signatures, CreatedAt: v.CreatedAt,
		Level: string(v.Level), Until: at(v.Until),
	}
}

func (a *api) versions() {
	handle(a, uploadRoute("replaceDocumentFile", "/v1/documents/{id}/versions", "Upload a corrected file",
		"A new original version of a draft, sent as for a new document but without details.", "not_found", "document_not_draft", "document_disposed"), a.replaceFile)
	handle(a, route{id: "listDocumentVersions", method: http.MethodGet, path: "/v1/documents/{id}/versions", tag: "documents", does: access.ReadDocument,
		summary: "List a document's versions", about: "By number. The original stays for ever, untouched.", codes: []string{"not_found"}}, a.listVersions)
	content := "The bytes, as they were stored. Takes Range and If-None-Match; the ETag is their SHA-256."
	handle(a, contentRoute("getDocumentContent", "/v1/documents/{id}/content", "Download the current version", content, access.ReadDocument, "document_processing", "document_quarantined", "document_failed"), a.currentContent)
	handle(a, contentRoute("getVersionContent", "/v1/documents/{id}/versions/{number}/content", "Download one version", content, access.ReadDocument, "document_processing", "document_quarantined", "document_failed", "version_not_scanned"), a.versionContent)
}

func (a *api) listVersions(ctx context.Context, in *DocumentPath) (*struct{ Body Items[Version] }, error) {
	rows, err := a.Service.Versions(ctx, actorOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return itemsOf(rows, versionOf), nil
}

// contentRoute describes an operation that answers with a stored file.
func contentRoute(id, path, summary, about string, does access.Action, codes ...string) route {
	return route{id: id, method: http.MethodGet, path: path, tag: "documents", does: does, stream: true, summary: summary, about: about, codes: append(codes, "not_found", "document_disposed", "blob_damaged", "range_not_satisfiable")}
}

// ContentInput are the headers of a download, declared for the contract;
// http.ServeContent reads them.
type ContentInput struct {
	DocumentPath
	Range       string `header:"Range" example:"bytes=0-1023" doc:"Part of the bytes (RFC 9110 section 14)."`
	IfNoneMatch string `header:"If-None-Match" doc:"Answer 304 where the bytes are these."`
}

type versionContentInput struct {
	ContentInput
	Number int `path:"number" minimum:"1" example:"1"`
}

func (a *api) currentContent(ctx context.Context, in *ContentInput) (*huma.StreamResponse, error) {
	v, content, err := a.Service.Content(ctx, actorOf(ctx), in.ID, 0)
	if err != nil {
		return nil, err
	}
	return a.file(content, fileOf(in.ID, &v)), nil
}

func (a *api) versionContent(ctx context.Context, in *versionContentInput) (*huma.StreamResponse, error) {
	v, content, err := a.Service.Content(ctx, actorOf(ctx), in.ID, in.Number)
	if err != nil {
		return nil, err
	}
	return a.file(content, fileOf(in.ID, &v)), nil
}

// storedFile is what a download says of its bytes.
type storedFile struct {
	name, media, sha256 string
	made                time.Time
}

func fileOf(docID string, v *document.Version) storedFile {
	name := v.FileName
	if name == "" {
		name = docID + "-" + string(v.Kind) + "-" + strconv.Itoa(v.No)
		if exts, err := mime.ExtensionsByType(v.MediaType); err == nil && len(exts) > 0 {
			name += exts[len(exts)-1]
		}
	}
	return storedFile{name: name, media: v.MediaType, sha256: v.SHA256, made: v.CreatedAt}
}

// file streams a stored file. A browser that is led here may save it but never
// run it: it is an attachment, its type is not guessed, and it has no rights.
func (a *api) file(content service.Content, f storedFile) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		defer content.Close()
		r, w := humago.Unwrap(hctx)
		h := w.Header()
		h.Set("Content-Type", safeMedia(f.media))
		h.Set("Content-Disposition", disposition(f.name))
		h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
		h.Set("ETag", `"`+f.sha256+`"`)
		if sum, err := hex.DecodeString(f.sha256); err == nil {
			h.Set("Repr-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(sum)+":")
		}
		if !strings.HasPrefix(r.Header.Get("Range"), "bytes=") {
			r.Header.Del("Range") // a unit we do not know is no range (RFC 9110 section 14.2)
		}
		http.ServeContent(&patientWriter{ResponseWriter: w, request: r, control: http.NewResponseController(w), idle: a.Idle}, r, "", f.made, content)
	}}
}

// safeMedia gives the media type of a download. What a caller declared as
// something a browser would show as a page is sent as plain bytes.
func safeMedia(declared string) string {
	media, _, err := mime.ParseMediaType(declared)
	if err != nil || (media != "application/pdf" && media != "application/zip" && !strings.HasPrefix(media, "image/")) || media == "image/svg+xml" {
		return "application/octet-stream"
	}
	return media
}

// disposition makes an attachment header whose file name harms no file system (RFC 6266).
func disposition(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || !unicode.IsPrint(r) || strings.ContainsRune(`/\:*?"<>|`, r) {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(name, "_"))
	name = strings.TrimLeft(name, ". ")
	if runes := []rune(name); len(runes) > 120 {
		name = string(runes[len(runes)-120:]) // the end has the extension
	}
	if name == "" {
		name = "document"
	}
	if header := mime.FormatMediaType("attachment", map[string]string{"filename": name}); header != "" {
		return header
	}
	return "attachment"
}

// patientWriter gives a receiver a fresh time limit for each piece of the answer,
// and says as a problem what http.ServeContent would say as text.
type patientWriter struct {
	http.ResponseWriter
	request *http.Request
	control *http.ResponseController
	idle    time.Duration
	refused bool
}

func (p *patientWriter) WriteHeader(status int) {
	if status != http.StatusRequestedRangeNotSatisfiable {
		p.ResponseWriter.WriteHeader(status)
		return
	}
	p.refused = true
	for _, h := range []string{"Content-Disposition", "ETag", "Repr-Digest", "Last-Modified"} {
		p.Header().Del(h)
	}
	writeProblem(p.ResponseWriter, p.request, httpFault(status, "range_not_satisfiable", "The file ends before this range begins."))
}

func (p *patientWriter) Write(b []byte) (int, error) {
	if p.refused {
		return len(b), nil
	}
	// Where the connection knows no deadlines (a test's recorder) there is none to set.
	_ = p.control.SetWriteDeadline(time.Now().Add(p.idle))
	return p.ResponseWriter.Write(b)
}
