package service

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"strconv"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
)

// Disposal says why a document is destroyed, and on whose authority. Both stay
// in the log for ever, so they name nobody but who answers for it.
type Disposal struct {
	Reason    string
	Authority string
}

const (
	maxAuthority = 300
	// maxListed bounds the files named in the entry, which has a largest size;
	// their number and a digest over all their ids are always there.
	maxListed = 2000
)

func (d Disposal) check() error {
	var l fault.List
	if d.Authority == "" || len(d.Authority) > maxAuthority {
		l.Add("/authority", "required", "Say on whose authority the document is destroyed, in at most %d bytes.", maxAuthority)
	}
	if len(d.Reason) > MaxComment {
		l.Add("/reason", "too_long", "The reason has %d bytes; at most %d are kept.", len(d.Reason), MaxComment)
	}
	return l.Err("invalid_disposal", "The disposal has faults.")
}

// Dispose destroys a document: in one transaction its key, and everything
// personal in its rows, in the search index and in its entries. From then on
// nobody can read its files, wherever their bytes live on. What stays is its
// tombstone: id, digests, state, and the leaves of the log, so that every proof
// remains valid. The files' bytes are deleted by the operation it gives, once
// the entry stands in a signed checkpoint. For a document that was disposed of
// already it gives that operation again.
//
// Faults: Invalid "invalid_disposal"; Conflict "action_not_allowed", "retention_runs".
func (s *Service) Dispose(ctx context.Context, call Call, docID string, in Disposal) (Result[Operation], error) {
	if err := in.check(); err != nil {
		return Result[Operation]{}, err
	}
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (Operation, error) {
		d, err := c.document(ctx, docID, access.DisposeDocument)
		if err != nil {
			return Operation{}, err
		}
		if d.Disposed() {
			return c.Operation(ctx, d.Org, d.Processing.Operation)
		}
		if err := c.mayDispose(ctx, &d); err != nil {
			return Operation{}, err
		}
		return s.dispose(ctx, c, &d, in)
	})
}

// mayDispose is the one place that decides whether a document may be destroyed
// now: its state must allow it, and the rule of its archive record, which says
// how long it has to be kept, must not stand against it. A record without a rule
// is kept until somebody with authority says otherwise.
func (c *change) mayDispose(ctx context.Context, d *document.Document) error {
	if _, err := d.State.Next(document.Dispose); err != nil {
		return err
	}
	records, err := c.ArchiveRecords(ctx, ArchiveFilter{Org: d.Org, DocumentID: d.ID, Limit: 1})
	if err != nil {
		return err
	}
	for _, r := range records {
		if r.Rule != "" {
			return fault.New(fault.Conflict, "retention_runs", "The document is kept under the rule %s and may not be destroyed.", r.Rule)
		}
	}
	return nil
}

// dispose carries out what was decided.
func (s *Service) dispose(ctx context.Context, c *change, d *document.Document, in Disposal) (Operation, error) {
	key, err := c.DocumentKey(ctx, d.Org, d.ID)
	if fault.KindOf(err) == fault.NotFound {
		return Operation{}, fault.Wrap(err, fault.Unavailable, "store_unavailable", "The document is older than the keys of documents and is about to be given one. Try again in a few minutes.")
	}
	if err != nil {
		return Operation{}, err
	}
	digests, err := c.versionDigests(ctx, d)
	if err != nil {
		return Operation{}, err
	}
	if err := c.supersede(ctx, d, "The document was disposed of."); err != nil {
		return Operation{}, err
	}
	if _, err := c.giveBack(ctx, d); err != nil {
		return Operation{}, err
	}
	if err := c.Erase(ctx, d.Org, d.ID); err != nil {
		return Operation{}, err
	}
	if err := c.OutdateExports(ctx, d.Org, d.Unit); err != nil { // in them it would live on
		return Operation{}, err
	}
	objects, err := c.BlobsUnder(ctx, d.Org, d.ID)
	if err != nil {
		return Operation{}, err
	}
	if err := d.Apply(document.Dispose); err != nil {
		return Operation{}, err
	}
	d.Erase()
	op, err := s.startOperation(ctx, c, d, OpDispose, "")
	if err != nil {
		return op, err
	}
	data := event.Disposed{Document: dataOf(d), Authority: in.Authority, Keys: []string{key.ID}, ObjectsTotal: len(objects), ObjectsDigest: sumOfAll(objects),
		Objects: objects[:min(len(objects), maxListed)], OperationID: op.ID}
	data.Reason = in.Reason
	if err := c.logDocument(d, note{kind: journal.DocumentDisposed, data: data, digests: digests}); err != nil {
		return op, err
	}
	d.UpdatedAt = c.Now()
	if err := c.InsertOperation(ctx, op); err != nil {
		return op, err
	}
	return op, c.UpdateDocument(ctx, d)
}

func sumOfAll(ids []string) string {
	h := sha256.New()
	for _, id := range ids {
		io.WriteString(h, id+"\n")
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Remains are what has to be deleted of a document that was disposed of.
type Remains struct {
	Document   document.Document
	Blobs      []string
	Operations []string // ids of all its operations
	Envelopes  []string
}

// Remains reads what is to be deleted. Fault Conflict "operation_ended" where
// the document was not disposed of.
func (s *Service) Remains(ctx context.Context, org, docID string) (r Remains, err error) {
	err = s.Store.Read(Within(ctx, org), func(ctx context.Context, tx Reader) error {
		if r.Document, err = tx.Document(ctx, org, docID); err != nil {
			return err
		}
		if !r.Document.Disposed() {
			return fault.New(fault.Conflict, "operation_ended", "The document was not disposed of.")
		}
		if r.Blobs, err = tx.BlobsUnder(ctx, org, docID); err != nil {
			return err
		}
		ops, err := tx.Operations(ctx, OperationFilter{Org: org, DocumentID: docID})
		if err != nil {
			return err
		}
		for _, o := range ops {
			r.Operations = append(r.Operations, o.ID)
		}
		envelopes, err := tx.Envelopes(ctx, EnvelopeFilter{Org: org, DocumentID: docID})
		for _, e := range envelopes {
			r.Envelopes = append(r.Envelopes, e.ID)
		}
		return err
	})
	return r, err
}

// FinishDispose records that nothing is left. Fault Conflict "operation_ended"
// where a twin was first.
func (s *Service) FinishDispose(ctx context.Context, call Call, opID string) error {
	_, err := run(ctx, s, call, false, func(ctx context.Context, c *change) (Operation, error) {
		op, err := c.Operation(ctx, call.Actor.Org, opID)
		if err != nil {
			return op, err
		}
		if op.State.Ended() {
			return op, fault.New(fault.Conflict, "operation_ended", "What was left of the document has been deleted already.")
		}
		d, err := c.Document(ctx, op.Org, op.DocumentID)
		if err != nil {
			return op, err
		}
		if err := c.succeed(ctx, &op, &d); err != nil {
			return op, err
		}
		d.UpdatedAt = c.Now()
		return op, c.UpdateDocument(ctx, &d)
	})
	return err
}

// Bury notes that a document was disposed of after the backup was taken from
// which it has just been restored: its key is destroyed, and nothing of it came
// back but its tombstone.
func (s *Service) Bury(ctx context.Context, org, docID, backup string) error {
	_, err := run(ctx, s, SystemCall(org, "restore", ""), false, func(ctx context.Context, c *change) (struct{}, error) {
		d, err := c.Document(ctx, org, docID)
		if err != nil || d.Disposed() {
			return struct{}{}, err
		}
		key, err := c.DocumentKey(ctx, org, docID)
		if err != nil {
			return struct{}{}, err
		}
		digests, err := c.versionDigests(ctx, &d)
		if err != nil {
			return struct{}{}, err
		}
		d.Bury()
		data := event.Disposed{Document: dataOf(&d), Authority: "restore of backup " + backup, Keys: []string{key.ID}, Objects: []string{}, ObjectsDigest: sumOfAll(nil)}
		data.Reason = "The document was disposed of after this backup was taken; the entry of that is not in the backup."
		if err := c.logDocument(&d, note{kind: journal.DocumentDisposed, data: data, digests: digests}); err != nil {
			return struct{}{}, err
		}
		d.UpdatedAt = c.Now()
		return struct{}{}, c.UpdateDocument(ctx, &d)
	})
	return err
}

// versionDigests names the digest of each version, for the entry of a disposal.
func (c *change) versionDigests(ctx context.Context, d *document.Document) (map[string]string, error) {
	versions, err := c.Versions(ctx, d.Org, d.ID)
	digests := map[string]string{}
	for _, v := range versions {
		digests["version_"+strconv.Itoa(v.No)] = v.SHA256
	}
	return digests, err
}
