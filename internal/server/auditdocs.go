package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"path/filepath"

	"github.com/paraph/paraph/internal/blob"
	"github.com/paraph/paraph/internal/blob/disk"
	"github.com/paraph/paraph/internal/blob/vault"
	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
)

// documents re-reads every document with its chain, versions and packages.
func (a *storeAudit) documents(ctx context.Context) error {
	return a.db.Read(ctx, func(ctx context.Context, tx service.Reader) error {
		figures, err := tx.Figures(ctx)
		if err != nil {
			return err
		}
		var total, done, entries int64
		for _, n := range figures.DocumentsByState {
			total += n
		}
		org, id := "", ""
		for {
			page, err := tx.DocumentsAfter(ctx, org, id, auditDocuments)
			if err != nil {
				return err
			}
			if len(page) == 0 {
				return a.strays(ctx, tx, entries)
			}
			page = sameOrganisation(page)
			n, err := a.page(ctx, tx, page)
			if err != nil {
				return err
			}
			entries += n
			last := page[len(page)-1]
			org, id = last.Org, last.ID
			done += int64(len(page))
			a.progress("documents", done, total)
		}
	})
}

// sameOrganisation gives the first documents, as far as they are of one organisation.
func sameOrganisation(page []document.Document) []document.Document {
	for i := range page {
		if page[i].Org != page[0].Org {
			return page[:i]
		}
	}
	return page
}

// page compares some documents of one organisation with the journal, and counts
// their entries.
func (a *storeAudit) page(ctx context.Context, tx service.Reader, page []document.Document) (entries int64, err error) {
	ids := make([]string, len(page))
	for i := range page {
		ids[i] = page[i].ID
	}
	chains, err := tx.Chains(ctx, ids)
	if service.Unreadable(err) {
		a.fault(service.Faultf("chain", "documents %s to %s: %s", ids[0], ids[len(ids)-1], fault.From(err).Message))
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	versions, err := tx.VersionsOf(ctx, page[0].Org, ids)
	if err != nil {
		return 0, err
	}
	packages, err := tx.PackagesOf(ctx, page[0].Org, ids)
	if err != nil {
		return 0, err
	}
	chainOf := runs(chains, func(e *journal.Link) string { return e.DocumentID })
	versionsOf := runs(versions, func(v *document.Version) string { return v.DocumentID })
	packagesOf := runs(packages, func(p *service.ArchiveRecord) string { return p.DocumentID })
	for i := range chains {
		if chains[i].Org == page[0].Org {
			entries++
		}
	}
	additions, err := tx.AdditionsOf(ctx, page[0].Org, ids)
	if err != nil {
		return 0, err
	}
	additionsOf := runs(additions, func(x *service.ArchiveAddition) string { return x.DocumentID })
	for _, d := range page {
		a.fault(service.DocumentAudit{Document: d, Chain: chainOf[d.ID], Versions: versionsOf[d.ID], Packages: packagesOf[d.ID], Additions: additionsOf[d.ID]}.Faults()...)
	}
	a.count(func(r *AuditReport) {
		r.Documents += int64(len(page))
		r.Versions += int64(len(versions))
	})
	if a.vault == nil {
		return entries, nil
	}
	return entries, a.files(ctx, tx, page, versions, packages, additions)
}

// files reads the stored files of some documents.
func (a *storeAudit) files(ctx context.Context, tx service.Reader, page []document.Document, versions []document.Version, packages []service.ArchiveRecord, additions []service.ArchiveAddition) error {
	gone := map[string]bool{} // disposed of: their files are destroyed
	for i := range page {
		gone[page[i].ID] = page[i].Disposed()
	}
	for _, v := range versions {
		if gone[v.DocumentID] {
			continue
		}
		if err := a.file(ctx, tx, v.Org, v.Blob, v.SHA256); err != nil {
			return err
		}
	}
	for _, p := range packages {
		if gone[p.DocumentID] {
			continue
		}
		if err := a.file(ctx, tx, p.Org, p.Package, p.PackageSHA256); err != nil {
			return err
		}
	}
	for _, x := range additions {
		if gone[x.DocumentID] {
			continue
		}
		if err := a.file(ctx, tx, x.Org, x.Package, x.PackageSHA256); err != nil {
			return err
		}
	}
	return nil
}

// runs cuts a list into the parts that have one key; such stand together in it.
func runs[T any](all []T, key func(*T) string) map[string][]T {
	out := map[string][]T{}
	for from := 0; from < len(all); {
		name, to := key(&all[from]), from+1
		for to < len(all) && key(&all[to]) == name {
			to++
		}
		out[name], from = all[from:to], to
	}
	return out
}

// strays looks for entries of documents that are not there, if more entries tell
// of documents than those that are there have.
func (a *storeAudit) strays(ctx context.Context, tx service.Reader, seen int64) error {
	all, err := tx.DocumentEntries(ctx)
	if err != nil || all == seen {
		return err
	}
	ids, err := tx.StrayEntries(ctx, auditFaults)
	for _, id := range ids {
		a.fault(service.Faultf("stray", "entry %s tells of a document that is not there", id))
	}
	return err
}

// file reads a stored file to its end and compares it with its digest.
func (a *storeAudit) file(ctx context.Context, tx service.Reader, org, id, want string) error {
	b, err := tx.Blob(ctx, org, id)
	if fault.KindOf(err) == fault.NotFound && err != nil {
		a.fault(service.Faultf("blob", "file %s has no row", id))
		return nil
	}
	if err != nil {
		return err
	}
	if !b.DestroyedAt.IsZero() {
		return nil
	}
	sum := sha256.New()
	content, err := a.vault.Open(ctx, b)
	var n int64
	if err == nil {
		n, err = io.Copy(sum, content)
		content.Close()
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		a.fault(service.Faultf("blob", "file %s cannot be read: %s", id, fault.From(err).Message))
	case hex.EncodeToString(sum.Sum(nil)) != want:
		a.fault(service.Faultf("blob", "file %s is not the one whose SHA-256 the journal has", id))
	}
	a.count(func(r *AuditReport) {
		r.Files++
		r.FileBytes += n
	})
	return nil
}

// auditVault opens the stored files for reading.
func auditVault(ctx context.Context, c *config.Config, db service.Store) (service.Vault, error) {
	keys, err := LoadKeys(c, clock.System{})
	if err != nil {
		return nil, err
	}
	var objects blob.Store
	if c.Blobs == "" {
		objects, err = disk.Open(filepath.Join(c.DataDir, "blobs"))
	} else {
		objects, err = openBucket(ctx, c)
	}
	if err != nil {
		return nil, err
	}
	return vault.New(objects, db, keys.Master, clock.System{}), nil
}
