package service

import (
	"context"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
)

// EventQuery asks for events of the actor's organisation in the order of the log.
type EventQuery struct {
	After      string   // opaque cursor of an earlier page; "" = from the start
	Latest     bool     // without After: begin behind the newest event
	Kinds      []string // exact kinds, or prefixes that end in ".*"
	DocumentID string
	SubjectID  string
	Limit      int
	// Wait is how long to wait for the first event where there is none yet.
	Wait time.Duration
}

// EventPage is a page of events and the cursor behind it, which is always set:
// a consumer that keeps it can never miss an event.
type EventPage struct {
	Events []journal.Entry
	Next   string
}

// Events lists public events. Faults: Invalid "bad_cursor"; Forbidden "missing_scope".
func (s *Service) Events(ctx context.Context, a access.Actor, q EventQuery) (EventPage, error) {
	if err := access.Allowed(a, access.ReadEvent); err != nil {
		return EventPage{}, err
	}
	f := EntryFilter{Org: a.Org, Units: a.Units, Kinds: q.Kinds, DocumentID: q.DocumentID, SubjectID: q.SubjectID, PublicOnly: true, Limit: limit(q.Limit)}
	if q.After != "" {
		from, err := s.Cursors.Decode(a.Org, q.After)
		if err != nil {
			return EventPage{}, err
		}
		f.From = from
	}
	wake, cancel := s.Store.Subscribe(TopicJournal)
	defer cancel()
	deadline := time.NewTimer(q.Wait)
	defer deadline.Stop()
	for {
		page, next, err := s.readEvents(ctx, f, q.After == "" && q.Latest)
		if err != nil || len(page.Events) > 0 || q.Wait <= 0 {
			return page, err
		}
		f.From, q.Latest = next, false
		select {
		case <-wake:
		case <-deadline.C:
			return page, nil
		case <-s.Closing:
			return page, nil
		case <-ctx.Done():
			return page, nil
		}
	}
}

// readEvents reads one page. All entries below the log's size are numbered, so
// the cursor may jump there when a page is not full.
func (s *Service) readEvents(ctx context.Context, f EntryFilter, latest bool) (page EventPage, next int64, err error) {
	err = s.Store.Read(Within(ctx, f.Org), func(ctx context.Context, tx Reader) error {
		head, err := tx.LogHead(ctx)
		if err != nil {
			return err
		}
		if next = max(head.Size, f.From); latest {
			return nil
		}
		if page.Events, err = tx.Entries(ctx, f); err != nil {
			return err
		}
		if n := len(page.Events); n == f.Limit {
			next = page.Events[n-1].Index + 1
		}
		return nil
	})
	page.Next = s.Cursors.Encode(f.Org, next)
	return page, next, err
}

// CursorAfter gives the cursor behind an event, for a stream's Last-Event-ID.
func (s *Service) CursorAfter(e journal.Entry) string { return s.Cursors.Encode(e.Org, e.Index+1) }

// EventProof is an event with the proof of its place in the log.
type EventProof struct {
	Entry     journal.Entry
	Proof     []byte // .tlog-proof file; its extra data is Disclosed
	Disclosed []byte // JSON: the entry with the keys of its commitments

	note string // the checkpoint the proof stands under
}

// Event gives one public event. Faults: NotFound; Conflict "not_in_log_yet" for
// the moment before it is numbered.
func (s *Service) Event(ctx context.Context, a access.Actor, eventID string) (e journal.Entry, err error) {
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		e, err = eventFor(ctx, tx, a, eventID)
		return err
	})
	if err == nil && e.Index < 0 {
		err = notInLogYet()
	}
	return e, err
}

func eventFor(ctx context.Context, tx Reader, a access.Actor, eventID string) (journal.Entry, error) {
	if err := access.Allowed(a, access.ReadEvent); err != nil {
		return journal.Entry{}, err
	}
	e, err := tx.Entry(ctx, a.Org, eventID)
	if err != nil {
		return journal.Entry{}, err
	}
	if !e.Kind.Public() {
		return journal.Entry{}, access.NotFound()
	}
	return e, access.Check(a, access.ReadEvent, access.Resource{Org: a.Org, Unit: e.Unit})
}

// Proof gives the proof of one event. Faults: as Event.
func (s *Service) Proof(ctx context.Context, a access.Actor, eventID string) (out EventProof, err error) {
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		e, err := eventFor(ctx, tx, a, eventID)
		if err != nil {
			return err
		}
		out, err = s.prove(ctx, tx, e)
		return err
	})
	if err == nil {
		err = s.release(out.note)
	}
	if err != nil {
		return EventProof{}, err
	}
	return out, nil
}

func notInLogYet() error {
	f := fault.New(fault.Conflict, "not_in_log_yet", "The event is not in the log yet; it will be within moments.")
	f.RetryAfter = time.Second
	return f
}

// EntryProofs proves entries of the log for a worker that packs them.
func (s *Service) EntryProofs(ctx context.Context, entries []journal.Entry) (out []EventProof, err error) {
	err = s.Store.Read(ctx, func(ctx context.Context, tx Reader) error {
		for _, e := range entries {
			p, err := s.prove(ctx, tx, e)
			if err != nil {
				return err
			}
			out = append(out, p)
		}
		return nil
	})
	if err == nil && len(out) > 0 {
		err = s.release(out[0].note) // one snapshot, one checkpoint
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (s *Service) prove(ctx context.Context, tx Reader, e journal.Entry) (EventProof, error) {
	out := EventProof{Entry: e}
	head, err := tx.LogHead(ctx)
	if err != nil {
		return out, err
	}
	if e.Index < 0 || e.Index >= head.Size {
		return out, notInLogYet()
	}
	cp, err := s.presented(ctx, tx, head)
	if err != nil {
		return out, err
	}
	if e.Index >= cp.Head.Size {
		cp = journal.Checkpoint{Head: journal.Head{Size: head.Size, Root: head.Root}, Note: []byte(head.Checkpoint)} // not witnessed yet
	}
	out, err = proofUnder(ctx, tx, e, cp)
	out.note = head.Checkpoint
	return out, err
}

// proofUnder proves an entry under a checkpoint that covers it.
func proofUnder(ctx context.Context, tx Reader, e journal.Entry, cp journal.Checkpoint) (EventProof, error) {
	out := EventProof{Entry: e}
	shown, err := journal.Disclose(e, journal.Fields...)
	if err != nil {
		return out, err
	}
	if out.Disclosed, err = shown.Encode(); err != nil {
		return out, err
	}
	proof, err := journal.NewProof(cp, e.Index, HashesOf(ctx, tx), out.Disclosed)
	if err != nil {
		return out, err
	}
	out.Proof = proof.Encode()
	return out, nil
}

// HashesOf reads the tree's stored hashes from the database.
func HashesOf(ctx context.Context, tx Reader) journal.HashReader {
	return journal.HashReaderFunc(func(positions []int64) ([]journal.Hash, error) {
		raw, err := tx.TreeHashes(ctx, positions)
		if err != nil && fault.KindOf(err) == fault.NotFound {
			return nil, journal.ErrHashMissing
		}
		if err != nil {
			return nil, err
		}
		out := make([]journal.Hash, len(raw))
		for i, h := range raw {
			out[i] = h
		}
		return out, nil
	})
}

// Checkpoint gives the checkpoint the log shows: with witnesses the newest that
// reached the quorum, else the newest; "" before the first. With latest it is the
// newest in any case.
func (s *Service) Checkpoint(ctx context.Context, latest bool) (note string, err error) {
	err = s.Store.Read(ctx, func(ctx context.Context, tx Reader) error {
		head, err := tx.LogHead(ctx)
		if note = head.Checkpoint; err != nil || latest {
			return err
		}
		cp, err := s.presented(ctx, tx, head)
		note = string(cp.Note)
		return err
	})
	if err == nil {
		err = s.release(note)
	}
	if err != nil {
		return "", err
	}
	return note, nil
}

// Tile gives a tile of the log by its tlog-tiles path ("tile/0/000"). full tells that it will never change.
// Faults: NotFound where the path names no tile of the log's size.
func (s *Service) Tile(ctx context.Context, path string) (data []byte, full bool, err error) {
	tile, err := journal.ParseTilePath(path)
	if err != nil {
		return nil, false, err
	}
	err = s.Store.Read(ctx, func(ctx context.Context, tx Reader) error {
		head, err := tx.LogHead(ctx)
		if err != nil {
			return err
		}
		if tile.Entries() {
			data, err = journal.ReadBundle(tile, head.Size, func(from, to int64) ([][]byte, error) { return tx.Leaves(ctx, from, to) })
			return err
		}
		data, err = journal.ReadTile(tile, head.Size, HashesOf(ctx, tx))
		return err
	})
	return data, tile.Width == journal.TileWidth, err
}
