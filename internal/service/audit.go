package service

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
)

// auditReader is what re-reading a whole store needs beside the rest: pages of
// everything, across all organisations, in an order that costs no memory.
type auditReader interface {
	// Checkpoints gives the checkpoints over more than after and at most upTo
	// entries, smallest first.
	Checkpoints(ctx context.Context, after, upTo int64) ([]StoredCheckpoint, error)
	// DocumentsAfter gives up to limit documents of all organisations behind
	// (org, id), in the order of the two.
	DocumentsAfter(ctx context.Context, org, id string, limit int) ([]document.Document, error)
	// Chains gives the entries of the documents, numbered or not, by document and
	// place in its chain. Fault Internal "entry_unreadable" as EntriesFrom.
	Chains(ctx context.Context, documents []string) ([]journal.Link, error)
	// VersionsOf gives the versions of the documents, by document and number.
	VersionsOf(ctx context.Context, org string, documents []string) ([]document.Version, error)
	// PackagesOf gives the archive records of the documents.
	PackagesOf(ctx context.Context, org string, documents []string) ([]ArchiveRecord, error)
	// DocumentEntries counts the entries that tell of documents.
	DocumentEntries(ctx context.Context) (int64, error)
	// StrayEntries gives up to limit ids of entries whose document has no row.
	StrayEntries(ctx context.Context, limit int) ([]string, error)
}

// StoredCheckpoint is a checkpoint as the database keeps it.
type StoredCheckpoint struct {
	Size int64
	Root [32]byte
	Note string
	At   time.Time
}

// AuditFault is one thing that a re-reading of the store has found wrong.
type AuditFault struct {
	// Code is stable: gap, leaf, entry, hash, root, missing or beyond (the log),
	// head, checkpoint, high_water, chain, stray, document, version, package, blob.
	Code  string `json:"code"`
	About string `json:"about"` // in words for people
}

// Faultf makes an AuditFault.
func Faultf(code, format string, args ...any) AuditFault {
	return AuditFault{Code: code, About: fmt.Sprintf(format, args...)}
}

// Unreadable tells whether reading entries ended at a row that holds what no
// entry holds: for an audit a finding, for everybody else an error.
func Unreadable(err error) bool { return err != nil && fault.CodeOf(err) == "entry_unreadable" }

// DocumentAudit is what the database holds of one document.
type DocumentAudit struct {
	Document document.Document
	Chain    []journal.Link // by place
	Versions []document.Version
	Packages []ArchiveRecord
	// Additions are those to the packages, by number.
	Additions []ArchiveAddition
}

// Faults compares the document's rows with its entries: the chain has no hole
// and ends where the row says; state, title and the like are those of the newest
// entry that tells them; every version and every archive package has the digest
// that the journal gave it, and none is missing.
func (a DocumentAudit) Faults() []AuditFault {
	d := &a.Document
	var out []AuditFault
	var last journal.Hash
	copy(last[:], d.LastLeaf)
	if err := journal.CheckChain(a.Chain, d.EntrySeq, last); err != nil {
		out = append(out, Faultf("chain", "document %s: %s", d.ID, fault.From(err).Message))
	}
	for i := range a.Chain {
		if e := &a.Chain[i]; e.Org != d.Org {
			out = append(out, Faultf("chain", "document %s: entry %s is one of another organisation", d.ID, e.ID))
		}
	}
	return append(append(out, a.rowFaults()...), a.digestFaults()...)
}

// rowFaults compares the document's row with the newest entries that tell of it.
func (a DocumentAudit) rowFaults() []AuditFault {
	d := &a.Document
	var out []AuditFault
	differs := func(what, row, entry string) {
		if row != entry {
			out = append(out, Faultf("document", "document %s: its %s is %q, the journal says %q", d.ID, what, row, entry))
		}
	}
	told, metadata := false, false
	for i := range slices.Backward(a.Chain) {
		e := &a.Chain[i]
		if e.Erased || !strings.HasPrefix(string(e.Kind), "document.") {
			continue // erased, or about something else
		}
		if !told {
			var says event.Document
			if json.Unmarshal(e.Data, &says) == nil {
				differs("state", string(d.State), string(says.State))
				differs("type", d.Type, says.Type)
				differs("business unit", d.Unit, says.Unit)
				differs("title", d.Title, says.Title)
			}
			told = true
		}
		if sum, ok := e.Digests["metadata"]; ok && !metadata {
			differs("metadata's SHA-256", "sha256:"+hexSum(d.Metadata), sum)
			metadata = true
		}
	}
	return out
}

// storedKinds are the digests' names that stand for a version each.
var storedKinds = []string{string(document.Original), string(document.Normalised), string(document.Searchable), string(document.Sealed), string(document.Completion), string(document.Protected)}

// digestFaults compares versions and packages with the digests in the journal.
func (a DocumentAudit) digestFaults() []AuditFault {
	d := &a.Document
	var out []AuditFault
	said := map[string]bool{} // name and digest
	for i := range a.Chain {
		for name, sum := range a.Chain[i].Digests {
			said[name+" "+sum] = true
		}
	}
	there := map[string]bool{}
	for _, v := range a.Versions {
		key := string(v.Kind) + " sha256:" + v.SHA256
		// What a disposal has erased, its own entry sums up.
		disposed := fmt.Sprintf("version_%d sha256:%s", v.No, v.SHA256)
		if there[key] = true; !said[key] && !said[disposed] {
			out = append(out, Faultf("version", "document %s: version %d (%s) has another SHA-256 than the journal says", d.ID, v.No, v.Kind))
		}
	}
	for _, p := range a.Packages {
		key := "package sha256:" + p.PackageSHA256
		if there[key] = true; !said[key] && !d.Disposed() {
			out = append(out, Faultf("package", "document %s: the archive package has another SHA-256 than the journal says", d.ID))
		}
	}
	for _, x := range a.Additions {
		key := "addition sha256:" + x.PackageSHA256
		if there[key] = true; !said[key] && !d.Disposed() {
			out = append(out, Faultf("package", "document %s: addition %d to the archive package has another SHA-256 than the journal says", d.ID, x.No))
		}
	}
	for key := range said {
		if name, _, _ := strings.Cut(key, " "); !there[key] && (name == "package" || name == "addition" || slices.Contains(storedKinds, name)) {
			out = append(out, Faultf("version", "document %s: the journal tells of a file (%s) that is not there", d.ID, key))
		}
	}
	slices.SortFunc(out, func(a, b AuditFault) int { return bytes.Compare([]byte(a.About), []byte(b.About)) })
	return out
}
