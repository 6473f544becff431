package work

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/failpoint"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/handover"
	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/pdf"
	"github.com/paraph/paraph/internal/service"
)

// lookEachImports is how many documents are made before the operation is looked at: it
// may have been ended.
const lookEachImports = 20

// Importer makes documents of an archive that a business unit was handed over in. The
// archive's form and every digest are checked before the first is made. Of each line
// is written down what became of it in the step that makes the document, so an attempt
// that breaks off is gone on with, and nothing is doubled. The files themselves nobody
// opens here: they are read in children afterwards, like any that came in.
type Importer struct {
	Service *service.Service
	Vault   service.Vault
	Tools   *pdf.Tools
	Scanner Scanner // nil: files are not looked through for malware
	Log     *slog.Logger
}

// handIn is one attempt at one archive.
type handIn struct {
	*Importer
	job     Job
	of      service.UnitImport
	archive *handover.Archive
}

// Handle implements Handler for operations of kind import_unit.
func (x *Importer) Handle(ctx context.Context, job Job) error {
	m, content, err := x.Service.ImportWork(ctx, job.Operation.Org, job.Operation.ID)
	if err != nil {
		return err
	}
	defer content.Close() //nolint:errcheck // nothing was written
	run := &handIn{Importer: x, job: job, of: m}
	if run.archive, err = handover.Open(content, content.Size()); err != nil {
		return err
	}
	if err := run.check(ctx); err != nil {
		return err
	}
	if err := run.documents(ctx); err != nil {
		return err
	}
	return x.Service.FinishImport(ctx, job.Call, run.of)
}

// check compares every file with its digest, once, and keeps what the archive says of itself.
func (x *handIn) check(ctx context.Context) error {
	if x.of.Manifest != "" {
		return nil // it was, before an attempt broke off
	}
	m := &x.archive.Manifest
	if m.Extract != "" {
		return fault.New(fault.Invalid, handover.Code, "This is the evidence of one document, and no archive of a business unit.")
	}
	total, n := int(m.Counts.Files)+len(m.Files), 0
	err := x.archive.Check(ctx, func(handover.File) error {
		if n++; n%(total/progressSteps+1) != 0 {
			return nil
		}
		return x.Service.Progress(ctx, x.job.Call, x.job.Operation.ID, "check", n, total)
	})
	if err != nil {
		return err
	}
	if err := x.archive.EachDocument(func(*handover.Document) error { return nil }); err != nil {
		return err
	}
	x.of.Manifest, x.of.Documents = x.archive.Digest, m.Counts.Documents
	x.of.Origin = event.Origin{Installation: m.Origin.Installation, OrganisationID: m.Origin.Organisation, OrganisationName: m.Origin.OrganisationName, Unit: m.Origin.Unit,
		ExportID: m.Export, ManifestSHA256: x.archive.Digest}
	if err := x.Service.NoteManifest(ctx, x.job.Call, x.of); err != nil {
		return err
	}
	return x.types(ctx)
}

// types makes the document types that are not there; those that are stay as they are.
// One that cannot be made is told with each document that is of it.
func (x *handIn) types(ctx context.Context) error {
	return x.archive.EachType(func(t *handover.Type) error {
		_, err := x.Service.DocumentType(ctx, x.job.Call.Actor, t.Name)
		if fault.KindOf(err) != fault.NotFound {
			return err
		}
		_, err = x.Service.SaveDocumentType(ctx, x.job.Call, t.Name, service.SavedType{Title: t.Title, Schema: t.Schema, FourEyes: &t.FourEyes})
		if fault.KindOf(err) == fault.Invalid {
			x.Log.Warn("a document type of an archive could not be made", "import", x.of.ID, "type", t.Name, "error", err)
			return nil
		}
		return err
	})
}

// documents goes through the lines of the archive.
func (x *handIn) documents(ctx context.Context) error {
	total, n := int(x.of.Documents), int64(0)
	return x.archive.EachDocument(func(d *handover.Document) error {
		if n++; n%lookEachImports == 1 {
			if err := x.Service.Progress(ctx, x.job.Call, x.job.Operation.ID, "make", int(n-1), total); err != nil {
				return err
			}
		}
		return x.line(ctx, n, d)
	})
}

// line brings one line to its outcome.
func (x *handIn) line(ctx context.Context, n int64, d *handover.Document) error {
	row, seen, err := x.Service.SeenBefore(ctx, &x.of, n, d.ID)
	switch {
	case err != nil:
		return err
	case seen && row.Import == x.of.ID && row.Outcome != service.ImportKnown:
		return nil
	case seen:
		return x.Service.KeepOutcome(ctx, &x.of, n, d.ID, service.ImportKnown, row.Document, nil)
	case document.State(d.State) == document.Disposed:
		return x.Service.KeepOutcome(ctx, &x.of, n, d.ID, service.ImportDisposed, "", nil)
	}
	if err = x.make(ctx, n, d); err == nil {
		return failpoint.Hit(failpoint.ImportMade)
	}
	switch fault.KindOf(err) {
	case fault.Invalid, fault.TooLarge, fault.Unsupported, fault.Gone:
	case fault.Conflict:
		if code := fault.CodeOf(err); code == "operation_ended" || code == "stale" {
			return err
		}
	default:
		return err
	}
	return x.Service.KeepOutcome(ctx, &x.of, n, d.ID, service.ImportFailed, "", err)
}

// make stores the files of a document and makes it.
func (x *handIn) make(ctx context.Context, n int64, from *handover.Document) (err error) {
	in, err := x.arrived(n, from)
	if err != nil {
		return err
	}
	d := &in.Document
	if err := x.Service.ImportKey(ctx, d); err != nil {
		return err
	}
	files := newFiles(x.Vault, x.Tools, x.Log, d)
	defer func() {
		files.done(ctx, err)
		if err == nil || service.Uncertain(err) {
			return
		}
		if rm := x.Service.DropImportKey(context.WithoutCancel(ctx), d); rm != nil {
			x.Log.Warn("the key of a document that was not made stays", "document", d.ID, "error", rm)
		}
	}()
	for i := range from.Versions {
		v := &from.Versions[i]
		for _, use := range []func(io.Reader) error{
			func(r io.Reader) error { return harmless(ctx, x.Scanner, r) },
			func(r io.Reader) error { return x.keep(ctx, files, &in, i, r) },
		} {
			content, err := x.archive.Content(handover.File{Path: v.Path, SHA256: v.SHA256, Size: v.Size})
			if err != nil {
				return err
			}
			err = use(content)
			content.Close() //nolint:errcheck // nothing was written
			if err != nil {
				return err
			}
		}
	}
	if err := x.evidence(ctx, files, &in, from); err != nil {
		return err
	}
	if err := failpoint.Hit(failpoint.ImportStored); err != nil {
		return err
	}
	files.naming()
	return x.Service.ImportDocument(ctx, x.job.Call, &x.of, in)
}

func (x *handIn) keep(ctx context.Context, files *Files, in *service.Arrived, i int, r io.Reader) error {
	b, err := files.keep(ctx, r)
	if err != nil {
		return err
	}
	v := &in.Versions[i]
	v.Blob, v.SHA256, v.Size = b.ID, b.SHA256, b.Size
	in.Blobs = append(in.Blobs, b)
	return nil
}

// evidence stores what the archive tells of the document's past as its last version.
func (x *handIn) evidence(ctx context.Context, files *Files, in *service.Arrived, from *handover.Document) error {
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := x.archive.Extract(w, from)
		w.CloseWithError(err) //nolint:errcheck // it never fails
		done <- err
	}()
	err := x.keep(ctx, files, in, len(in.Versions)-1, r)
	r.Close() //nolint:errcheck // ends the writing where the vault stopped reading
	if own := <-done; own != nil && !errors.Is(own, io.ErrClosedPipe) {
		err = own
	}
	return err
}

// arrived gives the document that is made of a line.
func (x *handIn) arrived(n int64, from *handover.Document) (service.Arrived, error) {
	signed := false
	in := service.Arrived{Number: n, OriginID: from.ID, State: document.State(from.State)}
	if !in.State.Valid() {
		return in, fault.New(fault.Invalid, handover.Code, "The document was in a state %.40q, which does not exist.", from.State)
	}
	for _, v := range from.Versions {
		kind := document.VersionKind(v.Kind)
		if !kind.Known() || v.Path == "" || len(v.MediaType) > 200 || len(v.FileName) > 1000 {
			return in, fault.New(fault.Invalid, handover.Code, "Version %d of the document cannot be taken in: its kind is not known, or its file is not there.", v.Number)
		}
		signed = signed || v.Number == from.Current && (kind == document.Sealed || kind == document.Protected)
		in.Versions = append(in.Versions, document.Version{No: v.Number, Kind: kind, DerivedFrom: v.DerivedFrom, MediaType: v.MediaType, FileName: v.FileName, Pages: max(0, v.Pages), Signatures: max(0, v.Signatures)})
	}
	in.Versions = append(in.Versions, document.Version{No: len(from.Versions) + 1, Kind: document.Evidence, MediaType: "application/zip", FileName: from.ID + ".zip"})
	in.Document = document.Document{
		ID: id.New("doc", x.Service.Clock.Now()), Org: x.of.Org, Unit: x.of.Unit, Type: from.Type, Title: from.Title, ExternalID: from.ExternalID, Labels: from.Labels,
		Metadata: json.RawMessage(from.RawMetadata()), State: in.State.Arriving(signed), Current: from.Current,
	}
	return in, nil
}
