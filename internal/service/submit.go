package service

import (
	"context"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/approval"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/journal"
)

// Submit hands a document in for approval by the canonical payload. Without a
// flow it opens the review itself; without approvers the document is approved
// at once, and the journal says so.
//
// Faults: NotFound; Invalid "invalid_approval" listing everything; Conflict
// "action_not_allowed", "document_processing", "document_quarantined", "document_failed".
func (s *Service) Submit(ctx context.Context, call Call, p approval.Payload) (Result[approval.Approval], error) {
	known := &checks{}
	if n := len(p.Metadata); n > 0 && n <= document.MaxMetadata && document.Slug(p.DocumentType) && !s.schemas.believedOpen(call.Actor.Org, p.DocumentType) {
		known.missing = &said{p.DocumentType, p.Metadata}
		if err := s.look(ctx, call.Actor.Org, known); err != nil {
			return Result[approval.Approval]{}, err
		}
	}
	return s.submit(ctx, call, p, known)
}

// submit is Submit where what was found out about the metadata is known.
func (s *Service) submit(ctx context.Context, call Call, p approval.Payload, known *checks) (Result[approval.Approval], error) {
	return checkedRun(ctx, s, call, known, func(ctx context.Context, c *change) (approval.Approval, error) {
		var l fault.List
		p.Check(&l, c.Now())
		if err := l.Err("invalid_approval", "The approval payload has faults."); err != nil {
			return approval.Approval{}, err
		}
		d, err := c.document(ctx, p.DocumentID, access.SubmitDocument)
		if err != nil {
			return approval.Approval{}, err
		}
		if err := s.acceptSubmission(ctx, c, &d, p, known); err != nil {
			return approval.Approval{}, err
		}
		var v document.Version
		if !d.Fileless() {
			if v, err = c.Version(ctx, d.Org, d.ID, d.Current); err != nil {
				return approval.Approval{}, err
			}
		}
		a := newApproval(c, &d, v, p)
		if a.FourEyes = known.terms.FourEyes; a.FourEyes {
			if err := a.Approvable(d.CreatedBy); err != nil {
				return a, err
			}
		}
		if err := openReview(c, &d, &a); err != nil {
			return a, err
		}
		d.UpdatedAt = c.Now()
		if err := c.InsertApproval(ctx, a); err != nil {
			return a, err
		}
		return a, c.UpdateDocument(ctx, &d)
	})
}

// acceptSubmission checks the payload against the document and moves it to submitted.
func (s *Service) acceptSubmission(ctx context.Context, c *change, d *document.Document, p approval.Payload, known *checks) error {
	if err := d.Apply(document.Submit); err != nil {
		return err
	}
	if !d.Ready() && !d.Fileless() {
		return d.NotReady()
	}
	d.Type, d.ApproverList = p.DocumentType, p.Approvers
	if len(p.Metadata) > 0 {
		d.Metadata = p.Metadata
	}
	if err := s.checkDocument(ctx, c, d, known); err != nil {
		f := fault.From(err)
		if f.Code == "invalid_document" {
			f.Code, f.Message = "invalid_approval", "The approval payload has faults."
		}
		return err
	}
	data := dataOf(d)
	data.Approvers, data.Version, data.Metadata = d.ApproverList, d.Current, d.Metadata
	return c.logDocument(d, note{kind: journal.DocumentSubmitted, data: data, digests: map[string]string{"metadata": hexSum(d.Metadata)}})
}

func newApproval(c *change, d *document.Document, v document.Version, p approval.Payload) approval.Approval {
	mode, quorum, due := p.Terms()
	a := approval.Approval{
		ID: id.New("apr", c.Now()), Org: d.Org, Unit: d.Unit, DocumentID: d.ID, DocumentVersion: v.No, DocumentSHA256: v.SHA256,
		Initiator: p.Initiator, SubmittedBy: c.actor.Principal, Mode: mode, Quorum: quorum, DueAt: due, State: approval.Open, CreatedAt: c.Now(), Revision: 1,
	}
	for i, who := range p.Approvers {
		a.Tasks = append(a.Tasks, approval.Task{
			ID: id.New("task", c.Now()), Org: d.Org, ApprovalID: a.ID, DocumentID: d.ID, Position: i + 1,
			Assignee: approval.Normalise(who), State: approval.Waiting,
		})
	}
	return a
}

// openReview opens the first tasks, or approves at once where nobody is asked.
func openReview(c *change, d *document.Document, a *approval.Approval) error {
	if err := d.Apply(document.OpenReview); err != nil {
		return err
	}
	data := dataOf(d)
	data.Version = d.Current
	if !a.DueAt.IsZero() {
		data.DueAt = &a.DueAt
	}
	if err := c.logDocument(d, note{kind: journal.DocumentInReview, data: data, digests: versionDigest(a)}); err != nil {
		return err
	}
	if len(a.Tasks) > 0 {
		return logTasks(c, d, journal.TaskOpened, a.Start(c.Now()))
	}
	if err := d.Apply(document.Approve); err != nil {
		return err
	}
	a.State, a.ClosedAt = approval.Approved, c.Now()
	data = dataOf(d)
	data.Note = "no approvers were named, so it was approved at once"
	return c.logDocument(d, note{kind: journal.DocumentApproved, data: data, digests: versionDigest(a)})
}

// versionDigest names the bytes that an approval is about; none where the
// document has no file.
func versionDigest(a *approval.Approval) map[string]string {
	if a.DocumentSHA256 == "" {
		return nil
	}
	return map[string]string{"version": a.DocumentSHA256}
}

func logTasks(c *change, d *document.Document, kind journal.Kind, tasks []*approval.Task) error {
	for _, t := range tasks {
		if err := c.logDocument(d, note{kind: kind, subject: "task", id: t.ID, behalf: t.OnBehalfOf, data: event.Task{
			TaskID: t.ID, ApprovalID: t.ApprovalID, DocumentID: d.ID, Type: d.Type, Position: t.Position,
			Assignee: t.Assignee, State: t.State, Comment: t.Comment, DecidedBy: t.DecidedBy,
		}}); err != nil {
			return err
		}
	}
	return nil
}
