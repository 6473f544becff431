package service

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"strings"

	json "github.com/go-json-experiment/json/v1"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/failpoint"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/journal"
)

// change is one command's transaction with the actor who caused it. Journal
// entries are gathered and written at the end, in the order they were noted.
type change struct {
	Tx
	actor   access.Actor
	entries []journal.Entry
	lastID  string // of the newest entry: ids of one command keep their order
	docID   string // the document it changes, "" for none
	seen    int64  // as of Call.Revision
	spent   map[spent]int64
	units   map[string]document.Unit // as far as they were read
	held    bool                     // limits of units are held
}

// Result is a command's typed result.
type Result[R any] struct {
	Value    R
	Replayed bool // the key was known: this is the first call's result
}

// run executes fn as the one transaction of a command. With an idempotency key
// the result is kept, encrypted, in the same transaction; a repetition gets it
// back without running fn. secret results are not kept: their repetition is
// fault Conflict "result_not_repeatable".
func run[R any](ctx context.Context, s *Service, call Call, secret bool, fn func(context.Context, *change) (R, error)) (Result[R], error) {
	var out Result[R]
	if err := s.sound(); err != nil {
		return out, err
	}
	if call.Idem != nil {
		if err := failpoint.Hit(failpoint.RequestRead); err != nil {
			return out, err
		}
	}
	var receipt Receipt
	var earlier *IdempotencyRecord
	again := false
	err := s.Store.Propose(ctx, func(ctx context.Context, tx Tx) (err error) {
		out, receipt, earlier = Result[R]{}, Receipt{Org: call.Actor.Org}, nil
		c := &change{Tx: tx, actor: call.Actor, seen: call.Revision}
		// Most keys are new, and a known one cannot be kept once more. So it is asked
		// for only when the command runs again, or has been refused.
		if again {
			if earlier, err = c.earlier(ctx, call); err != nil || earlier != nil {
				return cmp.Or(err, errKnown)
			}
		}
		again = true
		if out.Value, err = fn(ctx, c); err != nil {
			if earlier, _ = c.earlier(ctx, call); earlier != nil {
				return errKnown
			}
			return err
		}
		if err = c.settle(ctx); err == nil {
			err = c.flush(ctx)
		}
		if err != nil {
			return err
		}
		receipt.Entry = c.lastID
		return s.remember(ctx, c, call, secret, out.Value)
	})
	if earlier != nil {
		out, receipt.Entry = Result[R]{Replayed: true}, earlier.Entry
		err = s.replay(earlier, call, &out.Value)
	}
	if err == nil && call.Receipt != nil {
		*call.Receipt = receipt
	}
	return out, err
}

// errKnown undoes whatever a command has written whose key is known: its result
// is the earlier one.
var errKnown = errors.New("the key is known")

// Uncertain tells whether a command that returned err may have taken effect all
// the same: the connection broke, or the server stopped, while it committed.
func Uncertain(err error) bool {
	kind := fault.KindOf(err)
	return (kind == fault.Unavailable && fault.CodeOf(err) != "storage_full") || kind == fault.Internal
}

// earlier gives the record of the call's key, nil where it is new.
func (c *change) earlier(ctx context.Context, call Call) (*IdempotencyRecord, error) {
	if call.Idem == nil {
		return nil, nil
	}
	r, err := c.Idempotency(ctx, call.idemClient(), call.Idem.Route, call.Idem.Key, c.Now())
	switch {
	case fault.KindOf(err) == fault.NotFound:
		return nil, nil
	case err != nil:
		return nil, err
	}
	return &r, nil
}

// idemClient is whose key it is: the client's or person's own, or a client's in
// somebody's name.
func (c Call) idemClient() string {
	if c.Actor.OnBehalfOf != "" {
		return c.Actor.Org + "/" + c.Actor.ID + "/" + c.Actor.OnBehalfOf
	}
	return c.Actor.Org + "/" + c.Actor.ID
}

// replay gives the stored result of an earlier call under the same key.
func (s *Service) replay(r *IdempotencyRecord, call Call, into any) error {
	if !bytes.Equal(r.Digest, call.Idem.Digest) {
		return fault.New(fault.Conflict, "idempotency_key_reused", "This Idempotency-Key was used for another request. Use a new key for a new request.")
	}
	if r.Secret {
		return fault.New(fault.Conflict, "result_not_repeatable", "This request was carried out before, and its result held a secret that is not kept. Look at what exists, and make a new one if the secret is lost.")
	}
	plain, err := s.Box.Open(r.Result, idemContext(r))
	if err != nil {
		return fault.Wrap(err, fault.Internal, "internal", "The stored result cannot be opened.")
	}
	return json.Unmarshal(plain, into)
}

// remember keeps the result under the call's key. A twin that ran at the same
// time and was first makes this command run again, and find the twin's result.
func (s *Service) remember(ctx context.Context, c *change, call Call, secret bool, value any) error {
	if call.Idem == nil {
		return nil
	}
	row := IdempotencyRecord{
		Client: call.idemClient(), Route: call.Idem.Route, Key: call.Idem.Key, Digest: call.Idem.Digest, Secret: secret,
		CreatedAt: c.Now(), ExpiresAt: c.Now().Add(s.Limits.IdempotencyTTL), DocumentID: c.docID, Entry: c.lastID,
	}
	if !secret {
		plain, err := json.Marshal(value)
		if err != nil {
			return err
		}
		if row.Result, err = s.Box.Seal(plain, idemContext(&row)); err != nil {
			return err
		}
	}
	return c.KeepIdempotency(ctx, row)
}

func idemContext(r *IdempotencyRecord) []byte {
	return []byte(strings.Join([]string{"idempotency", r.Client, r.Route, r.Key}, "\x00"))
}

// note is what a command says of one thing that happened.
type note struct {
	kind    journal.Kind
	subject string // "document", "task", …
	id      string
	data    any               // public event data
	digests map[string]string // name → lower-case hex of a SHA-256
	behalf  string            // who was acted for
}

// log notes an entry that belongs to no document.
func (c *change) log(org, unit string, n note) error {
	e, err := c.newEntry(org, unit, n)
	if err != nil {
		return err
	}
	if err := journal.Seal(&e, journal.Hash{}); err != nil {
		return err
	}
	c.entries = append(c.entries, e)
	return nil
}

// logDocument notes an entry of a document's own chain. The caller writes the
// document afterwards, with UpdateDocument or InsertDocument.
func (c *change) logDocument(d *document.Document, n note) error {
	if n.subject == "" {
		n.subject, n.id = "document", d.ID
	}
	e, err := c.newEntry(d.Org, d.Unit, n)
	if err != nil {
		return err
	}
	d.EntrySeq++
	c.docID = d.ID
	e.DocumentID, e.DocSeq, e.DocVersion = d.ID, d.EntrySeq, d.Revision+1
	var prev journal.Hash
	copy(prev[:], d.LastLeaf)
	if err := journal.Seal(&e, prev); err != nil {
		return err
	}
	leaf := e.LeafHash()
	d.LastLeaf = leaf[:]
	c.entries = append(c.entries, e)
	return nil
}

func (c *change) newEntry(org, unit string, n note) (journal.Entry, error) {
	data, err := json.Marshal(n.data)
	if err != nil {
		return journal.Entry{}, err
	}
	digests := make(map[string]string, len(n.digests))
	for name, hex := range n.digests {
		digests[name] = "sha256:" + hex
	}
	src := c.actor.Source
	if c.lastID == "" {
		c.lastID = id.New(journal.Prefix, c.Now())
	} else {
		c.lastID = id.Next(c.lastID)
	}
	return journal.Entry{
		ID: c.lastID, Org: org, Unit: unit, Kind: n.kind,
		SubjectType: n.subject, SubjectID: n.id, At: c.Now(),
		Actor:   journal.Actor{Kind: journal.ActorKind(c.actor.Kind), ID: c.actor.ID, Principal: c.actor.Principal, OnBehalfOf: cmp.Or(n.behalf, c.actor.OnBehalfOf)},
		Source:  journal.Source{Peer: src.Peer, Forwarded: src.Forwarded, UserAgent: src.UserAgent, RequestID: src.RequestID},
		Digests: digests, Data: data, Trace: src.Trace,
	}, nil
}

func (c *change) flush(ctx context.Context) error {
	for _, e := range c.entries {
		if err := c.InsertEntry(ctx, e); err != nil {
			return err
		}
	}
	if len(c.entries) > 0 {
		c.Notify(TopicEntries)
	}
	return nil
}

// document reads a document and checks that the actor may do the action on it.
func (c *change) document(ctx context.Context, docID string, do access.Action) (document.Document, error) {
	d, err := documentFor(ctx, c, c.actor, docID, do)
	if err == nil {
		err = expected(c.seen, d.Revision)
	}
	return d, err
}

// documentFor reads a document for an actor: fault NotFound where it does not
// exist or is not theirs to see, Forbidden where the right is missing.
func documentFor(ctx context.Context, tx Reader, a access.Actor, docID string, do access.Action) (document.Document, error) {
	if err := access.Allowed(a, do); err != nil {
		return document.Document{}, err
	}
	d, err := tx.Document(ctx, a.Org, docID)
	if err != nil {
		return d, err
	}
	return d, check(ctx, tx, a, do, d.Unit, d.ID)
}

// check decides on something of a unit that belongs to a document. The look-up
// of the actor's part in the document is made only where the unit does not allow it.
func check(ctx context.Context, tx Reader, a access.Actor, do access.Action, unit, docID string) error {
	on := access.Resource{Org: a.Org, Unit: unit}
	if access.Can(a, do, on).Allow {
		return nil
	}
	if access.Parts(do) != 0 && (a.Kind == access.Client || a.Kind == access.Human) && a.Principal != "" {
		var err error
		if on.Part, err = tx.Part(ctx, a.Org, docID, a.Principal); err != nil {
			return err
		}
	}
	return access.Check(a, do, on)
}

// limit brings a page size between 1 and 200, 50 by default.
func limit(n int) int {
	switch {
	case n <= 0:
		return 50
	case n > 200:
		return 200
	}
	return n
}
