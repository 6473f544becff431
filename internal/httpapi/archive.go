package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/service"
)

// ArchiveRecord is a document's place in the compliance archive.
type ArchiveRecord struct {
	ID              string          `json:"id" example:"arc_01kb0q7m4b1s9v3d8r5x2c6e7f"`
	DocumentID      string          `json:"document_id"`
	DocumentVersion int             `json:"document_version"`
	DocumentSHA256  string          `json:"document_sha256"`
	BusinessUnit    string          `json:"business_unit"`
	PackageSHA256   string          `json:"package_sha256"`
	PackageSize     int64           `json:"package_size" doc:"Bytes."`
	Files           json.RawMessage `json:"files,omitempty" doc:"What the package holds: name, digest and size."`
	RetentionRule   string          `json:"retention_rule,omitempty" doc:"Absent: kept until a rule says otherwise."`
	ArchivedAt      time.Time       `json:"archived_at"`

	Additions []ArchiveAddition `json:"additions,omitempty" doc:"What was added since, where one record is asked for. The package itself never changes."`
}

// ArchiveAddition is what was added to an archived document after its package was closed.
type ArchiveAddition struct {
	Number          int             `json:"number" example:"1"`
	DocumentVersion int             `json:"document_version" doc:"What the package and the additions up to this one hold together."`
	DocumentSHA256  string          `json:"document_sha256"`
	PackageSHA256   string          `json:"package_sha256"`
	PackageSize     int64           `json:"package_size" doc:"Bytes."`
	Files           json.RawMessage `json:"files,omitempty" doc:"What the addition holds: name, digest and size."`
	AddedAt         time.Time       `json:"added_at"`
}

func archiveRecordOf(r *service.ArchiveRecord) ArchiveRecord {
	out := ArchiveRecord{
		ID: r.ID, DocumentID: r.DocumentID, DocumentVersion: r.Version, DocumentSHA256: r.SHA256, BusinessUnit: r.Unit,
		PackageSHA256: r.PackageSHA256, PackageSize: r.PackageSize, Files: r.Files, RetentionRule: r.Rule, ArchivedAt: r.ArchivedAt,
	}
	for _, x := range r.Additions {
		out.Additions = append(out.Additions, ArchiveAddition{Number: x.No, DocumentVersion: x.Version, DocumentSHA256: x.SHA256,
			PackageSHA256: x.PackageSHA256, PackageSize: x.PackageSize, Files: x.Files, AddedAt: x.AddedAt})
	}
	return out
}

func (a *api) archive() {
	handle(a, route{id: "listArchiveRecords", method: http.MethodGet, path: "/v1/archive-records", tag: "archive", does: access.ReadArchive,
		summary: "List archive records", about: "Newest first."}, a.listArchiveRecords)
	handle(a, route{id: "getArchiveRecord", method: http.MethodGet, path: "/v1/archive-records/{id}", tag: "archive", does: access.ReadArchive,
		summary: "Get an archive record", about: "What was archived, when, under which rule, and the digests of its package.", codes: []string{"not_found"}}, a.getArchiveRecord)
	download := contentRoute("getArchivePackage", "/v1/archive-records/{id}/package", "Download an archive package",
		"A zip file with the PDF, the evidence, the events, the proof and the digests of all of them.", access.ReadArchive)
	download.tag = "archive"
	handle(a, download, a.archivePackage)
	addition := contentRoute("getArchiveAddition", "/v1/archive-records/{id}/additions/{number}/package", "Download an addition to an archive package",
		"A zip file with the bytes that belong behind those of the package's files, the events since, and their proofs.", access.ReadArchive)
	addition.tag = "archive"
	handle(a, addition, a.archiveAddition)
}

type listArchiveInput struct {
	Paged
	DocumentID string `query:"document_id"`
}

func (a *api) listArchiveRecords(ctx context.Context, in *listArchiveInput) (*Listed[ArchiveRecord], error) {
	rows, err := a.Service.ArchiveRecords(ctx, actorOf(ctx), service.ArchiveFilter{DocumentID: in.DocumentID, Before: in.After, Limit: in.want()})
	if err != nil {
		return nil, err
	}
	return pageOf(rows, in.Paged, archiveRecordOf, func(r *service.ArchiveRecord) string { return r.ID }), nil
}

// ArchivePath is the path parameter of one archive record.
type ArchivePath struct {
	ID string `path:"id" maxLength:"64" example:"arc_01kb0q7m4b1s9v3d8r5x2c6e7f" doc:"Id of the archive record."`
}

func (a *api) getArchiveRecord(ctx context.Context, in *ArchivePath) (*struct{ Body ArchiveRecord }, error) {
	r, err := a.Service.ArchiveRecord(ctx, actorOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &struct{ Body ArchiveRecord }{archiveRecordOf(&r)}, nil
}

// ArchivePackageInput is exported for being embedded: parameters of embedded types
// that are not are left out.
type ArchivePackageInput struct {
	ArchivePath
	Range       string `header:"Range" example:"bytes=0-1023" doc:"Part of the bytes (RFC 9110 section 14)."`
	IfNoneMatch string `header:"If-None-Match" doc:"Answer 304 where the bytes are these."`
}

func (a *api) archivePackage(ctx context.Context, in *ArchivePackageInput) (*huma.StreamResponse, error) {
	r, content, err := a.Service.ArchivePackage(ctx, actorOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return a.file(content, storedFile{name: r.DocumentID + ".zip", media: "application/zip", sha256: r.PackageSHA256, made: r.ArchivedAt}), nil
}

type archiveAdditionInput struct {
	ArchivePackageInput
	Number int `path:"number" minimum:"1" example:"1"`
}

func (a *api) archiveAddition(ctx context.Context, in *archiveAdditionInput) (*huma.StreamResponse, error) {
	x, content, err := a.Service.ArchiveAddition(ctx, actorOf(ctx), in.ID, in.Number)
	if err != nil {
		return nil, err
	}
	return a.file(content, storedFile{name: x.DocumentID + "-addition-" + strconv.Itoa(x.No) + ".zip", media: "application/zip", sha256: x.PackageSHA256, made: x.AddedAt}), nil
}
