package work

import (
	"context"
	"io"
	"log/slog"
	"os"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/pdf"
	"github.com/paraph/paraph/internal/service"
)

// Files moves documents between the vault and the unnamed private files that
// the sandboxed child can read. It remembers what it stored, so that a job that
// fails, or loses to a twin, leaves no orphans behind.
type Files struct {
	vault  service.Vault
	tools  *pdf.Tools
	log    *slog.Logger
	at     service.Place
	stored []service.Blob
	named  bool // a command that names what was stored has been called
	open   []*os.File
}

func newFiles(vault service.Vault, tools *pdf.Tools, log *slog.Logger, of *document.Document) *Files {
	return &Files{vault: vault, tools: tools, log: log, at: service.Place{Org: of.Org, Unit: of.Unit, Document: of.ID}}
}

// fetch puts a stored file's plaintext into a spooled file.
func (f *Files) fetch(ctx context.Context, b service.Blob) (*os.File, error) {
	content, err := f.vault.Open(ctx, b)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	out, err := f.spool()
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(out, content); err != nil {
		return nil, err
	}
	return out, nil
}

// spool makes an empty private file that closes with the job.
func (f *Files) spool() (*os.File, error) {
	out, err := f.tools.Spool()
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "storage_unavailable", "There is no room for working files.")
	}
	f.open = append(f.open, out)
	return out, nil
}

// keep stores a spooled file, or anything else, in the vault.
func (f *Files) keep(ctx context.Context, r io.Reader) (service.Blob, error) {
	b, err := f.vault.Put(ctx, f.at, r)
	if err == nil {
		f.stored = append(f.stored, b)
	}
	return b, err
}

// keepFile stores a spooled file from its beginning.
func (f *Files) keepFile(ctx context.Context, file *os.File) (service.Blob, error) {
	info, err := file.Stat()
	if err != nil {
		return service.Blob{}, err
	}
	return f.keep(ctx, io.NewSectionReader(file, 0, info.Size()))
}

// naming says that a command follows which names what was stored. It may commit
// and yet come back with an error, when the connection breaks at that moment.
func (f *Files) naming() { f.named = true }

// settled says that what was stored so far is named: it stays, whatever follows.
func (f *Files) settled() { f.stored, f.named = nil, false }

// done closes the working files. With an error, what was stored is removed: no
// row names it. Where that is not certain it is left to the collector of
// orphans, which looks.
func (f *Files) done(ctx context.Context, err error) {
	for _, file := range f.open {
		file.Close()
	}
	if err == nil || (f.named && service.Uncertain(err)) {
		return
	}
	for _, b := range f.stored {
		if rm := f.vault.Remove(context.WithoutCancel(ctx), b.ID); rm != nil {
			f.log.Warn("an orphaned blob stays until the collector comes", "blob", b.ID, "error", rm)
		}
	}
}
