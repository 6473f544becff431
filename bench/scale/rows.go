package main

import (
	"context"
	"encoding/json"
	"time"

	"github.com/paraph/paraph/internal/journal"
)

// table is one table's rows, values in the order of the columns.
type table struct {
	name    string
	columns []string
	rows    [][]any
}

var (
	documentColumns = []string{"org", "id", "unit", "doc_type", "title", "external_id", "labels", "metadata", "approvers",
		"created_by", "created_at", "updated_at", "state", "current_version", "pages", "proc_status", "proc_step",
		"proc_operation", "proc_code", "proc_reason", "revision", "entry_seq", "last_leaf"}
	approvalColumns = []string{"org", "id", "unit", "document_id", "document_version", "document_sha256", "initiator_user",
		"initiator_email", "mode", "quorum", "due_at", "state", "created_at", "closed_at", "revision"}
	taskColumns = []string{"org", "id", "approval_id", "document_id", "position", "assignee", "state", "comment",
		"decided_by", "on_behalf_of", "opened_at", "decided_at"}
	entryColumns = []string{"id", "idx", "org", "unit", "kind", "subject_type", "subject_id", "document_id", "doc_version",
		"doc_seq", "at", "actor_kind", "actor_id", "principal", "on_behalf_of", "peer", "forwarded", "user_agent",
		"request_id", "digests", "data", "trace", "salt", "prev_leaf", "leaf"}
	keyColumns        = []string{"id", "org", "document_id", "key_id", "wrapped", "created_at"}
	hashColumns       = []string{"pos", "hash"}
	checkpointColumns = []string{"size", "root", "epoch", "note", "at"}
)

// loaded are the tables whose secondary indexes and triggers are made anew after loading.
var loaded = []string{"document", "document_mark", "document_key", "approval", "task", "entry", "checkpoint"}

func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

func text(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // lists and maps of strings
	}
	return string(raw)
}

func (l *life) documentRow() []any {
	d := &l.doc
	return []any{d.Org, d.ID, d.Unit, d.Type, d.Title, d.ExternalID, text(d.Labels), string(d.Metadata), text(d.ApproverList),
		d.CreatedBy, micros(d.CreatedAt), micros(d.UpdatedAt), string(d.State), int64(0), int64(0), "ready", "", "", "", "", d.Revision, d.EntrySeq, d.LastLeaf}
}

func (l *life) keyRow() []any {
	k := &l.key
	return []any{k.ID, k.Org, k.Document, k.KeyID, k.Wrapped, micros(k.CreatedAt)}
}

func (l *life) approvalRow() []any {
	a := &l.approval
	return []any{a.Org, a.ID, a.Unit, a.DocumentID, int64(0), "", a.Initiator.UserID, a.Initiator.Email, string(a.Mode),
		int64(a.Quorum), nil, string(a.State), micros(a.CreatedAt), micros(a.ClosedAt), a.Revision}
}

func (l *life) taskRow() []any {
	t := &l.approval.Tasks[0]
	return []any{t.Org, t.ID, t.ApprovalID, t.DocumentID, int64(t.Position), t.Assignee, string(t.State), "", t.DecidedBy, "", micros(t.OpenedAt), micros(t.DecidedAt)}
}

func entryRow(e *journal.Entry) []any {
	digests := "{}"
	if len(e.Digests) > 0 {
		digests = text(e.Digests)
	}
	return []any{e.ID, e.Index, e.Org, e.Unit, string(e.Kind), e.SubjectType, e.SubjectID, e.DocumentID, int64(e.DocVersion),
		int64(e.DocSeq), micros(e.At), string(e.Actor.Kind), e.Actor.ID, e.Actor.Principal, "", e.Source.Peer, "", e.Source.UserAgent,
		e.Source.RequestID, digests, string(e.Data), "", append([]byte(nil), e.Salt[:]...), append([]byte(nil), e.PrevLeaf[:]...), e.Leaf}
}

// block is the rows of some documents and of the part of the log they fill.
type block struct {
	tables  []table
	entries int
}

// group is how many entries one checkpoint covers, as in a busy group commit.
const group = 64

// log adds entries to the tree and writes their hashes and checkpoints.
type log struct {
	signer *journal.Signer
	tree   journal.Tree
	note   string // the newest checkpoint
	at     time.Time
}

func (g *log) add(entries []*journal.Entry, hashes, checkpoints *table) error {
	for from := 0; from < len(entries); from += group {
		part := entries[from:min(from+group, len(entries))]
		leaves := make([][]byte, len(part))
		for i, e := range part {
			e.Index = g.tree.Size() + int64(i)
			leaves[i] = e.Leaf
		}
		grown, stored := g.tree.Append(leaves...)
		for _, h := range stored {
			hashes.rows = append(hashes.rows, []any{h.Pos, append([]byte(nil), h.Hash[:]...)})
		}
		cp, err := g.signer.Sign(grown.Head())
		if err != nil {
			return err
		}
		root := grown.Head().Root
		g.tree, g.note, g.at = grown, string(cp.Note), part[len(part)-1].At
		checkpoints.rows = append(checkpoints.rows, []any{grown.Size(), append([]byte(nil), root[:]...), int64(1), g.note, micros(g.at)})
	}
	return nil
}

// write makes the block of documents from to to (exclusive). Their entries
// stand in the log mixed, one step of every document after the other.
func (s *scribe) write(ctx context.Context, g *log, from, to int) (*block, error) {
	lives := make([]*life, 0, to-from)
	for n := from; n < to; n++ {
		l, err := s.live(ctx, n)
		if err != nil {
			return nil, err
		}
		lives = append(lives, l)
	}
	documents, approvals, tasks := table{name: "document", columns: documentColumns}, table{name: "approval", columns: approvalColumns}, table{name: "task", columns: taskColumns}
	keys := table{name: "document_key", columns: keyColumns}
	hashes, checkpoints := table{name: "tree_hash", columns: hashColumns}, table{name: "checkpoint", columns: checkpointColumns}
	entries := table{name: "entry", columns: entryColumns}
	var mixed []*journal.Entry
	for step := range s.steps {
		for _, l := range lives {
			mixed = append(mixed, &l.entries[step])
		}
	}
	if err := g.add(mixed, &hashes, &checkpoints); err != nil {
		return nil, err
	}
	for _, e := range mixed {
		entries.rows = append(entries.rows, entryRow(e))
	}
	for _, l := range lives {
		documents.rows = append(documents.rows, l.documentRow())
		keys.rows = append(keys.rows, l.keyRow())
		approvals.rows = append(approvals.rows, l.approvalRow())
		tasks.rows = append(tasks.rows, l.taskRow())
	}
	return &block{tables: []table{documents, keys, approvals, tasks, entries, hashes, checkpoints}, entries: len(mixed)}, nil
}
