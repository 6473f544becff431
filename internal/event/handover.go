package event

import "github.com/paraph/paraph/internal/document"

// UnitExport is the data of an archive of a business unit that was written.
type UnitExport struct {
	Name           string `json:"name"`
	ExportID       string `json:"export_id"`
	OperationID    string `json:"operation_id"`
	Documents      int64  `json:"documents"`
	LogSize        int64  `json:"log_size"` // entries of the log when the unit was looked at
	ManifestSHA256 string `json:"manifest_sha256"`
}

// Origin says which archive something came in by, and whose it was.
type Origin struct {
	Installation     string `json:"origin_installation"`
	OrganisationID   string `json:"origin_organisation_id"`
	OrganisationName string `json:"origin_organisation"`
	Unit             string `json:"origin_business_unit"`
	ExportID         string `json:"origin_export_id"`
	ManifestSHA256   string `json:"manifest_sha256"`
}

// UnitImport is the data of an archive that was gone through.
type UnitImport struct {
	Name        string `json:"name"`
	ImportID    string `json:"import_id"`
	OperationID string `json:"operation_id"`
	Origin
	Documents int64 `json:"documents"` // in the archive
	Made      int64 `json:"made"`
	Known     int64 `json:"known"`    // of an earlier import of it
	Disposed  int64 `json:"disposed"` // of which a tombstone was left
	Failed    int64 `json:"failed"`
}

// Imported is the data of a document that was taken in from an archive. What happened
// to it before is told by its evidence, not by this log.
type Imported struct {
	Document
	ImportID string `json:"import_id"`
	Origin
	OriginID    string         `json:"origin_document_id"`
	OriginState document.State `json:"origin_state"`
}

var sampleOrigin = Origin{
	Installation: "https://paraph.example.org", OrganisationID: sampleID("org"), OrganisationName: "Example Ltd", Unit: "procurement", ExportID: sampleID("exp"),
	ManifestSHA256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
}
