package work

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/approval"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/handover"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/signing"
)

// gather reads everything about the unit from one snapshot of the database.
func (x *export) gather(ctx context.Context) error {
	return x.Service.Store.Read(service.Within(ctx, x.of.Org), func(ctx context.Context, tx service.Reader) error {
		if err := x.about(ctx, tx); err != nil {
			return err
		}
		if _, err := x.gathered.Seek(0, 0); err != nil { // it may run twice
			return err
		}
		if err := x.gathered.Truncate(0); err != nil {
			return err
		}
		out := bufio.NewWriter(x.gathered)
		line := handover.Lines(out)
		x.counts, x.names = handover.Counts{}, principals{}
		types := map[string]bool{}
		var last *document.Document
		for {
			batch, err := service.UnitDocuments(ctx, tx, x.of.Org, x.of.Unit, last, handoverBatch)
			if err != nil {
				return err
			}
			for i := range batch {
				h, err := x.held(ctx, tx, &batch[i])
				if err != nil {
					return err
				}
				if err := line(h); err != nil {
					return err
				}
				types[batch[i].Type] = true
				x.counts.Documents++
			}
			if len(batch) < handoverBatch {
				break
			}
			last = &batch[len(batch)-1]
		}
		if err := out.Flush(); err != nil {
			return err
		}
		return x.surroundings(ctx, tx, types)
	})
}

// about reads when and what the unit is.
func (x *export) about(ctx context.Context, tx service.Reader) error {
	head, err := tx.LogHead(ctx)
	if err != nil {
		return err
	}
	x.cut = handover.Cut{At: tx.Now(), LogSize: head.Size}
	org, err := tx.Organisation(ctx, x.of.Org)
	if err != nil {
		return err
	}
	x.org = org.Name
	x.unit, err = tx.Unit(ctx, x.of.Org, x.of.Unit)
	return err
}

// surroundings reads what the unit's documents refer to, and how it is connected.
// Secrets are not read at all.
func (x *export) surroundings(ctx context.Context, tx service.Reader, used map[string]bool) error {
	types, err := tx.DocumentTypes(ctx, x.of.Org)
	if err != nil {
		return err
	}
	x.types, x.ends, x.from = nil, nil, nil
	for _, t := range types {
		if used[t.Name] {
			x.types = append(x.types, handover.Type{Name: t.Name, Title: t.Title, Schema: t.Schema, FourEyes: t.FourEyes})
		}
	}
	ends, err := tx.Endpoints(ctx, x.of.Org)
	if err != nil {
		return err
	}
	for _, e := range ends {
		if e.Unit == x.of.Unit && e.DeletedAt.IsZero() {
			x.ends = append(x.ends, handover.Endpoint{ID: e.ID, URL: e.URL, Description: e.Description, Types: e.Types, Condition: e.Condition, Order: string(e.Order), Headers: e.Headers, Enabled: e.Enabled})
		}
	}
	sources, err := tx.HookSources(ctx, x.of.Org)
	if err != nil {
		return err
	}
	for _, s := range sources {
		if s.Unit == x.of.Unit {
			x.from = append(x.from, handover.Source{ID: s.ID, Name: s.Name, Preset: s.Preset, Trust: string(s.Trust), Command: s.Command, Program: s.Program, Enabled: !s.Disabled})
		}
	}
	return x.names.known(ctx, tx, x.of.Org)
}

// principals are those that are referred to.
type principals map[string]handover.Person

func (p principals) add(names ...string) {
	for _, name := range names {
		if name != "" {
			p[name] = handover.Person{Principal: name, Kind: "other"}
		}
	}
}

// known says of each what the organisation knows.
func (p principals) known(ctx context.Context, tx service.Reader, org string) error {
	clients, err := tx.Clients(ctx, org)
	if err != nil {
		return err
	}
	for _, c := range clients {
		if _, named := p[c.Principal]; named {
			p[c.Principal] = handover.Person{Principal: c.Principal, Kind: "client", Name: c.Name, Roles: rolesOf(c.Roles)}
		}
	}
	users, err := tx.Users(ctx, service.UserFilter{Org: org})
	for _, u := range users {
		if _, named := p[u.Name]; named {
			p[u.Name] = handover.Person{Principal: u.Name, Kind: "user", Name: u.Display, Roles: rolesOf(u.Roles)}
		}
	}
	return err
}

func rolesOf(roles []access.Role) (out []string) {
	for _, r := range roles {
		out = append(out, string(r))
	}
	return out
}

func (p principals) lines() (out []handover.Person) {
	for _, name := range slices.Sorted(maps.Keys(p)) {
		out = append(out, p[name])
	}
	return out
}

// held reads one document of the snapshot.
func (x *export) held(ctx context.Context, tx service.Reader, d *document.Document) (h held, err error) {
	h.Document = handover.Document{
		ID: d.ID, Type: d.Type, Title: d.Title, ExternalID: d.ExternalID, Labels: d.Labels, State: string(d.State), Processing: string(d.Processing.Status), Reason: d.Processing.Reason,
		CreatedBy: d.CreatedBy, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt, Approvers: d.ApproverList, Current: d.Current, Pages: d.Pages, Revision: d.Revision,
		Entries: d.EntrySeq, LastEntry: base64.StdEncoding.EncodeToString(d.LastLeaf), Versions: []handover.Version{},
	}
	if len(d.Metadata) > 0 && json.Valid(d.Metadata) {
		h.Document.Metadata = d.Metadata
		if plain := compacted(d.Metadata); !bytes.Equal(plain, d.Metadata) {
			h.Document.MetadataText = string(d.Metadata)
		}
	}
	x.names.add(d.CreatedBy)
	x.names.add(d.ApproverList...)
	if err := x.versions(ctx, tx, d, &h); err != nil {
		return h, err
	}
	if d.Disposed() {
		return h, nil
	}
	if err := x.decisions(ctx, tx, d, &h.Document); err != nil {
		return h, err
	}
	return h, x.record(ctx, tx, d, &h)
}

// compacted is how JSON text is written in a line.
func compacted(raw json.RawMessage) []byte {
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		return nil
	}
	return b.Bytes()
}

func (x *export) versions(ctx context.Context, tx service.Reader, d *document.Document, h *held) error {
	versions, err := tx.Versions(ctx, d.Org, d.ID)
	for i := range versions {
		v := &versions[i]
		line := handover.Version{Number: v.No, Kind: string(v.Kind), DerivedFrom: v.DerivedFrom, MediaType: v.MediaType, FileName: v.FileName, SHA256: v.SHA256, Size: v.Size,
			Pages: v.Pages, Signatures: v.Signatures, Level: string(v.Level), Until: when(v.Until), CreatedAt: v.CreatedAt}
		if !d.Disposed() {
			line.Path, h.Objects = versionPath(d.ID, v), append(h.Objects, v.Blob)
		}
		h.Document.Versions = append(h.Document.Versions, line)
	}
	return err
}

// versionPath names a version's file in the archive.
func versionPath(id string, v *document.Version) string {
	ext := ".zip"
	if v.Kind != document.Evidence {
		ext = extension(*v)
	}
	return "documents/" + id + "/" + strconv.Itoa(v.No) + "-" + string(v.Kind) + ext
}

// decisions reads approvals, envelopes and grants of a document.
func (x *export) decisions(ctx context.Context, tx service.Reader, d *document.Document, out *handover.Document) error {
	approvals, err := tx.Approvals(ctx, d.Org, d.ID)
	if err != nil {
		return err
	}
	for i := range approvals {
		a, err := x.approval(d, &approvals[i], i == len(approvals)-1)
		if err != nil {
			return err
		}
		out.Approvals = append(out.Approvals, a)
	}
	envelopes, err := tx.Envelopes(ctx, service.EnvelopeFilter{Org: d.Org, DocumentID: d.ID})
	if err != nil {
		return err
	}
	slices.Reverse(envelopes) // oldest first
	for i := range envelopes {
		e, err := x.envelope(&envelopes[i])
		if err != nil {
			return err
		}
		out.Envelopes = append(out.Envelopes, e)
	}
	grants, err := tx.Grants(ctx, d.Org, d.ID)
	for _, g := range grants {
		out.Grants = append(out.Grants, handover.Grant{Principal: g.Principal, Purpose: g.Purpose, GrantedBy: g.By, From: g.From, Until: g.Until, RevokedAt: when(g.RevokedAt)})
		x.names.add(g.Principal, g.By)
	}
	return err
}

func (x *export) approval(d *document.Document, a *approval.Approval, newest bool) (handover.Approval, error) {
	payload := approval.Payload{DocumentID: d.ID, DocumentType: d.Type, Initiator: a.Initiator, Approvers: []string{}, Policy: &approval.Policy{Mode: a.Mode, Quorum: a.Quorum, DueAt: when(a.DueAt)}}
	if newest {
		payload.Metadata = d.Metadata
	}
	out := handover.Approval{ID: a.ID, Version: a.DocumentVersion, SHA256: a.DocumentSHA256, SubmittedBy: a.SubmittedBy, Mode: string(a.Mode), Quorum: a.Quorum, FourEyes: a.FourEyes,
		State: string(a.State), CreatedAt: a.CreatedAt, ClosedAt: when(a.ClosedAt), Tasks: []handover.Task{}}
	x.names.add(a.SubmittedBy, a.Initiator.Email)
	for _, t := range a.Tasks {
		payload.Approvers = append(payload.Approvers, t.Assignee)
		out.Tasks = append(out.Tasks, handover.Task{ID: t.ID, Position: t.Position, Assignee: t.Assignee, State: string(t.State), Comment: t.Comment, DecidedBy: t.DecidedBy,
			OnBehalfOf: t.OnBehalfOf, OpenedAt: when(t.OpenedAt), DecidedAt: when(t.DecidedAt)})
		x.names.add(t.Assignee, t.DecidedBy, t.OnBehalfOf)
	}
	raw, err := json.Marshal(payload)
	out.Payload = raw
	return out, err
}

func (x *export) envelope(e *signing.Envelope) (handover.Envelope, error) {
	out := handover.Envelope{ID: e.ID, Version: e.Version, SHA256: e.SHA256, Sealed: e.SealedVersion, Subject: e.Subject, Message: e.Message, Sender: e.SenderID, State: string(e.State),
		Reason: e.Reason, CreatedAt: e.CreatedAt, SentAt: when(e.SentAt), ExpiresAt: when(e.ExpiresAt), ClosedAt: when(e.ClosedAt), Recipients: []handover.Recipient{}}
	x.names.add(e.SenderID)
	for i := range e.Recipients {
		r := &e.Recipients[i]
		line := handover.Recipient{ID: r.ID, Order: r.Order, Name: r.Name, Email: r.Email, State: string(r.State), Reason: r.Reason, SentAt: when(r.SentAt), DeliveredAt: when(r.DeliveredAt),
			ViewedAt: when(r.ViewedAt), ConsentedAt: when(r.ConsentedAt), SignedAt: when(r.SignedAt), DeclinedAt: when(r.DeclinedAt)}
		for into, value := range map[*json.RawMessage]any{&line.Fields: r.Fields, &line.Evidence: r.Evidence, &line.Signature: r.Signature} {
			raw, err := json.Marshal(value)
			if err != nil {
				return out, err
			}
			*into = raw
		}
		out.Recipients = append(out.Recipients, line)
		x.names.add(r.Email)
	}
	return out, nil
}

// record reads a document's place in the compliance archive.
func (x *export) record(ctx context.Context, tx service.Reader, d *document.Document, h *held) error {
	records, err := tx.ArchiveRecords(ctx, service.ArchiveFilter{Org: d.Org, DocumentID: d.ID, Limit: 1})
	if err != nil || len(records) == 0 {
		return err
	}
	r := records[0]
	additions, err := tx.Additions(ctx, d.Org, r.ID)
	if err != nil {
		return err
	}
	out := handover.Record{ID: r.ID, Version: r.Version, Rule: r.Rule, ArchivedAt: r.ArchivedAt.UTC().Truncate(time.Microsecond),
		Packages: []handover.File{{Path: "archive/" + r.ID + ".zip", SHA256: r.PackageSHA256, Size: r.PackageSize}}}
	h.Packages = []string{r.Package}
	for _, a := range additions {
		out.Packages = append(out.Packages, handover.File{Path: "archive/" + r.ID + "-" + strconv.Itoa(a.No) + ".zip", SHA256: a.PackageSHA256, Size: a.PackageSize})
		h.Packages = append(h.Packages, a.Package)
	}
	h.Document.Archive = &out
	return nil
}
