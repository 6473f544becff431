package work

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/failpoint"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/handover"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/pdf"
	"github.com/paraph/paraph/internal/service"
)

const (
	// handoverBatch is how many documents are read at a time.
	handoverBatch = 100
	// progressSteps is how often an export or import says how far it has come.
	progressSteps = 100
	// numberPatience is how long an export waits for entries to get their numbers.
	numberPatience = 30 * time.Second
)

// Exporter writes everything that a business unit owns into one archive, as package
// handover describes it. What there is, it reads from one snapshot of the database;
// files never change, so they are read after it. An attempt that breaks off leaves
// nothing behind, and the next begins anew.
type Exporter struct {
	Service      *service.Service
	Vault        service.Vault
	Tools        *pdf.Tools
	Trust        Trust
	Installation string // its address
	Log          *slog.Logger
}

// export is one attempt at one archive.
type export struct {
	*Exporter
	job   Job
	of    service.UnitExport
	files *Files

	// Of the snapshot.
	cut   handover.Cut
	org   string // name
	unit  document.Unit
	types []handover.Type
	names principals
	ends  []handover.Endpoint
	from  []handover.Source

	gathered *os.File // a line for each document: held
	lines    *os.File // documents.jsonl
	listed   *os.File // files.jsonl
	counts   handover.Counts
}

// held is a document of the snapshot with the objects that hold its files.
type held struct {
	Document handover.Document `json:"d"`
	Objects  []string          `json:"o,omitempty"` // of its versions
	Packages []string          `json:"p,omitempty"` // of its archive record
}

// Handle implements Handler for operations of kind export_unit.
func (x *Exporter) Handle(ctx context.Context, job Job) (err error) {
	e, err := x.Service.ExportWork(ctx, job.Operation.Org, job.Operation.ID)
	if err != nil {
		return err
	}
	at := document.Document{ID: e.ID, Org: e.Org, Unit: e.Unit}
	run := &export{Exporter: x, job: job, of: e, files: newFiles(x.Vault, x.Tools, x.Log, &at)}
	defer func() { run.files.done(ctx, err) }()
	for _, f := range []**os.File{&run.gathered, &run.lines, &run.listed} {
		if *f, err = run.files.spool(); err != nil {
			return err
		}
	}
	if err := x.Service.Progress(ctx, job.Call, job.Operation.ID, "gather", 0, 0); err != nil {
		return err
	}
	if err := run.gather(ctx); err != nil {
		return err
	}
	if err := failpoint.Hit(failpoint.ExportGathered); err != nil {
		return err
	}
	written, err := run.write(ctx)
	if err != nil {
		return err
	}
	if err := failpoint.Hit(failpoint.ExportStored); err != nil {
		return err
	}
	run.files.naming()
	return x.Service.FinishExport(ctx, job.Call, e, written)
}

// write stores the archive as it is written.
func (x *export) write(ctx context.Context) (service.Written, error) {
	r, w := io.Pipe()
	defer r.Close() //nolint:errcheck // ends the writing where the vault stops reading before its end
	var digest string
	done := make(chan error, 1)
	go func() {
		var err error
		digest, err = x.archive(ctx, w)
		w.CloseWithError(err) //nolint:errcheck // it never fails
		done <- err
	}()
	blob, err := x.files.keep(ctx, r)
	r.Close() //nolint:errcheck // as above
	if own := <-done; own != nil && !errors.Is(own, io.ErrClosedPipe) {
		err = own
	}
	if errors.Is(err, handover.ErrTooMany) {
		err = fault.New(fault.TooLarge, "export_too_large", "The business unit has more than %d files, which is more than one archive takes.", handover.MaxFiles)
	}
	if err != nil {
		return service.Written{}, err
	}
	counts, err := json.Marshal(x.counts)
	return service.Written{Blob: blob, Manifest: digest, Counts: counts, Documents: x.counts.Documents, LogSize: x.cut.LogSize}, err
}

// archive writes the archive, and gives the digest of its manifest.
func (x *export) archive(ctx context.Context, out io.Writer) (string, error) {
	w := handover.NewWriter(out, x.of.CreatedAt)
	if err := x.head(w); err != nil {
		return "", err
	}
	if err := x.documents(ctx, w); err != nil {
		return "", err
	}
	for _, f := range []struct {
		name string
		from *os.File
	}{{handover.DocumentsName, x.lines}, {handover.FilesName, x.listed}} {
		if err := w.Name(f.name, func(out io.Writer) error { return replay(f.from, out) }); err != nil {
			return "", err
		}
	}
	if err := w.Name(handover.UnitEntries, func(out io.Writer) error { return x.unitEntries(ctx, out) }); err != nil {
		return "", err
	}
	return w.Close(handover.Manifest{
		Schema: x.Installation + handover.SchemaPath, Export: x.of.ID, MadeAt: x.of.CreatedAt, MadeBy: x.of.By, Cut: x.cut, Counts: x.counts,
		Origin: handover.Origin{Installation: x.Installation, Organisation: x.of.Org, OrganisationName: x.org, Unit: x.of.Unit},
	})
}

// replay copies a spooled file from its beginning.
func replay(f *os.File, out io.Writer) error {
	info, err := f.Stat()
	if err == nil {
		_, err = io.Copy(out, io.NewSectionReader(f, 0, info.Size()))
	}
	return err
}

// head writes the files that are not about documents.
func (x *export) head(w *handover.Writer) error {
	unit, err := json.MarshalIndent(handover.Unit{Name: x.unit.Name, Title: x.unit.Title, CreatedAt: x.unit.CreatedAt, ClosedAt: when(x.unit.ClosedAt)}, "", "  ")
	if err != nil {
		return err
	}
	small := map[string][]byte{handover.ReadmeName: []byte(handover.Readme), handover.UnitName: append(unit, '\n'), handover.LogKeyName: []byte(x.Trust.LogKey + "\n"), handover.CAName: x.Trust.CAPEM}
	names := []string{handover.ReadmeName, handover.UnitName, handover.LogKeyName, handover.CAName}
	if len(x.Trust.TSAPEM) > 0 {
		small[handover.TSAName], names = x.Trust.TSAPEM, append(names, handover.TSAName)
	}
	for _, name := range names {
		if err := w.NameBytes(name, small[name]); err != nil {
			return err
		}
	}
	return errors.Join(nameLines(w, handover.TypesName, x.types), nameLines(w, handover.PeopleName, x.names.lines()),
		nameLines(w, handover.EndpointsName, x.ends), nameLines(w, handover.SourcesName, x.from))
}

func nameLines[T any](w *handover.Writer, name string, rows []T) error {
	return w.Name(name, func(out io.Writer) error {
		line := handover.Lines(out)
		for i := range rows {
			if err := line(&rows[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// documents writes the files of all documents, and gathers the lines about them.
func (x *export) documents(ctx context.Context, w *handover.Writer) error {
	info, err := x.gathered.Stat()
	if err != nil {
		return err
	}
	in := json.NewDecoder(bufio.NewReaderSize(io.NewSectionReader(x.gathered, 0, info.Size()), 256<<10))
	lines, listed := bufio.NewWriter(x.lines), bufio.NewWriter(x.listed)
	line, list := handover.Lines(lines), handover.Lines(listed)
	note := func(f handover.File) error {
		x.counts.Files, x.counts.Bytes = x.counts.Files+1, x.counts.Bytes+f.Size
		return list(f)
	}
	total := int(x.counts.Documents)
	for n := range total {
		var h held
		if err := in.Decode(&h); err != nil {
			return err
		}
		if err := x.document(ctx, w, &h, note); err != nil {
			return err
		}
		if err := line(&h.Document); err != nil {
			return err
		}
		if n%(total/progressSteps+1) == 0 {
			if err := x.Service.Progress(ctx, x.job.Call, x.job.Operation.ID, "write", n, total); err != nil {
				return err
			}
		}
	}
	return errors.Join(lines.Flush(), listed.Flush())
}

// document writes the files of one document.
func (x *export) document(ctx context.Context, w *handover.Writer, h *held, note func(handover.File) error) error {
	d := &h.Document
	for i, object := range h.Objects {
		v := &d.Versions[i]
		f, err := x.object(ctx, w, v.Path, object)
		if err == nil && (f.SHA256 != v.SHA256 || f.Size != v.Size) {
			err = fault.New(fault.Unavailable, "blob_damaged", "Version %d of document %s is not what was stored.", v.Number, d.ID)
		}
		if err != nil {
			return err
		}
		if err := note(f); err != nil {
			return err
		}
		x.counts.Versions++
	}
	for i, object := range h.Packages {
		f, err := x.object(ctx, w, d.Archive.Packages[i].Path, object)
		if err != nil {
			return err
		}
		if err := note(f); err != nil {
			return err
		}
		x.counts.Packages++
	}
	f, err := w.Add(handover.EntriesOf(d.ID), func(out io.Writer) error { return x.entries(ctx, d, out) })
	if err != nil {
		return err
	}
	d.Journal = f
	x.counts.Approvals, x.counts.Envelopes = x.counts.Approvals+int64(len(d.Approvals)), x.counts.Envelopes+int64(len(d.Envelopes))
	if d.State == string(document.Disposed) {
		x.counts.Disposed++
	}
	return note(f)
}

// object writes a stored file. One whose document was destroyed since the snapshot
// makes everything begin anew.
func (x *export) object(ctx context.Context, w *handover.Writer, path, id string) (handover.File, error) {
	var b service.Blob
	err := x.Service.Store.Read(service.Within(ctx, x.of.Org), func(ctx context.Context, tx service.Reader) (err error) {
		b, err = tx.Blob(ctx, x.of.Org, id)
		return err
	})
	if err == nil && !b.DestroyedAt.IsZero() {
		err = fault.New(fault.Unavailable, "export_outdated", "A document of the business unit was destroyed while the archive was written. It is written anew.")
	}
	if err != nil {
		return handover.File{}, err
	}
	content, err := x.Vault.Open(ctx, b)
	if err != nil {
		return handover.File{}, fmt.Errorf("%s: %w", path, err)
	}
	defer content.Close() //nolint:errcheck // nothing was written
	f, err := w.Add(path, func(out io.Writer) error { _, err := io.Copy(out, content); return err })
	if err == nil {
		err = failpoint.Hit(failpoint.ExportFile)
	}
	return f, err
}

// entries writes what the log tells of a document, up to the moment of the snapshot.
// Entries that had no number then have one moments later.
func (x *export) entries(ctx context.Context, d *handover.Document, out io.Writer) error {
	wake, stop := x.Service.Store.Subscribe(service.TopicJournal)
	defer stop()
	over := time.NewTimer(numberPatience)
	defer over.Stop()
	for {
		own, err := x.numbered(ctx, d)
		if err != nil {
			return err
		}
		if int64(len(own)) >= d.Entries {
			return x.proven(ctx, own, out)
		}
		select {
		case <-wake:
		case <-over.C:
			return fault.New(fault.Unavailable, "not_in_log_yet", "Entries of document %s have not got their numbers in the log. It is tried again.", d.ID)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// numbered gives the document's own entries of the snapshot that have a number.
func (x *export) numbered(ctx context.Context, d *handover.Document) (own []journal.Entry, err error) {
	err = x.Service.Store.Read(service.Within(ctx, x.of.Org), func(ctx context.Context, tx service.Reader) error {
		own = own[:0]
		f := service.EntryFilter{Org: x.of.Org, DocumentID: d.ID, Limit: 500}
		for {
			batch, err := tx.Entries(ctx, f)
			if err != nil {
				return err
			}
			for _, e := range batch {
				if e.DocSeq <= d.Entries {
					own = append(own, e)
				}
			}
			if len(batch) < f.Limit || int64(len(own)) >= d.Entries {
				return nil
			}
			f.From = batch[len(batch)-1].Index + 1
		}
	})
	return own, err
}

// proven writes entries with the proofs that they stand in the log.
func (x *export) proven(ctx context.Context, entries []journal.Entry, out io.Writer) error {
	proofs, err := x.Service.EntryProofs(ctx, entries)
	if err != nil {
		return err
	}
	line := handover.Lines(out)
	for _, p := range proofs {
		proof, err := journal.ParseProof(p.Proof)
		if err != nil {
			return err
		}
		proof.Extra = nil // it is the entry, which stands beside it
		if err := line(handover.Entry{Entry: p.Disclosed, Proof: string(proof.Encode())}); err != nil {
			return err
		}
		x.counts.Entries++
	}
	return nil
}

// unitEntries writes what the log tells of the unit beside its documents.
func (x *export) unitEntries(ctx context.Context, out io.Writer) error {
	f := service.EntryFilter{Org: x.of.Org, Units: []string{x.of.Unit}, Limit: 500}
	for {
		var batch, own []journal.Entry
		err := x.Service.Store.Read(service.Within(ctx, x.of.Org), func(ctx context.Context, tx service.Reader) (err error) {
			batch, err = tx.Entries(ctx, f)
			return err
		})
		if err != nil {
			return err
		}
		for _, e := range batch {
			if e.DocumentID == "" && e.Index < x.cut.LogSize {
				own = append(own, e)
			}
		}
		if err := x.proven(ctx, own, out); err != nil {
			return err
		}
		if len(batch) < f.Limit || batch[len(batch)-1].Index >= x.cut.LogSize {
			return nil
		}
		f.From = batch[len(batch)-1].Index + 1
	}
}

// when gives a time for JSON; nil for none.
func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
