package service

import (
	"context"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
)

// TopicWitnessed is notified when a newer checkpoint has reached the quorum, and
// when something else about a witness has changed.
const TopicWitnessed = "witnessed"

type witnessReader interface {
	// WitnessStates lists how the log stands with its witnesses, by key.
	WitnessStates(ctx context.Context) ([]WitnessState, error)
	// Witnessed gives the newest checkpoint that reached the quorum; the zero
	// value before the first.
	Witnessed(ctx context.Context) (Witnessed, error)
	// CheckpointAfter gives when the oldest checkpoint of more than size entries
	// was signed; the zero time where there is none.
	CheckpointAfter(ctx context.Context, size int64) (time.Time, error)
}

type witnessWriter interface {
	SaveWitnessState(ctx context.Context, w WitnessState) error
	// SaveWitnessed keeps w in the place of the one before it.
	SaveWitnessed(ctx context.Context, w Witnessed) error
}

// WitnessState is how the log stands with one witness.
type WitnessState struct {
	Witness string    // its public key, name+hash+key
	Size    int64     // of the newest checkpoint it cosigned; 0: none
	At      time.Time // of that cosignature; zero: none
	TriedAt time.Time // when it was asked last, as far as it is kept
	Code    string    // why it cosigns nothing at the moment; "" where it does
	Reason  string    // the same for people
}

// Witnessed is a checkpoint that reached the quorum.
type Witnessed struct {
	Size int64
	Note string // the checkpoint with its cosignatures
	At   time.Time
}

// presented gives the checkpoint that the log shows to the world: the newest that
// reached the quorum, where witnesses are configured and one did; else the newest.
// The zero Checkpoint while the log is empty.
func (s *Service) presented(ctx context.Context, tx Reader, head LogHead) (journal.Checkpoint, error) {
	newest := journal.Checkpoint{Head: journal.Head{Size: head.Size, Root: head.Root}, Note: []byte(head.Checkpoint)}
	if s.Witnesses == nil {
		return newest, nil
	}
	if err := s.contradicted(ctx, tx); err != nil {
		return newest, err
	}
	w, err := s.witnessed(ctx, tx, head)
	if err != nil || w.Size == 0 {
		return newest, err
	}
	return journal.Checkpoint{Head: journal.Head{Size: w.Size}, Note: []byte(w.Note)}, nil
}

// contradicted gives the fault of a log that a witness has shown to be another
// than before. The process that found out has halted; the others learn it here.
func (s *Service) contradicted(ctx context.Context, tx Reader) error {
	states, err := s.witnessStates(ctx, tx)
	for _, w := range states {
		if w.Code == "log_rolled_back" || w.Code == "log_forked" {
			return fault.New(fault.Unavailable, w.Code, "%s", w.Reason)
		}
	}
	return err
}

// witnessed gives the newest checkpoint of this very log that reached the
// quorum. One under a name the log had before a restore is none of it.
func (s *Service) witnessed(ctx context.Context, tx Reader, head LogHead) (Witnessed, error) {
	if s.Witnesses == nil {
		return Witnessed{}, nil
	}
	w, err := tx.Witnessed(ctx)
	if err != nil || w.Size > head.Size || firstLine(w.Note) != firstLine(head.Checkpoint) {
		return Witnessed{}, err
	}
	return w, nil
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// Ack is how far a committed change has come. Each level includes those before it.
type Ack string

// The levels of acknowledgement.
const (
	AckCommitted    Ack = "committed"    // synced to disk
	AckCheckpointed Ack = "checkpointed" // in the log, under a signed checkpoint
	AckWitnessed    Ack = "witnessed"    // under a checkpoint that reached the quorum
)

// Valid tells whether a is a level.
func (a Ack) Valid() bool { return a == AckCommitted || a == AckCheckpointed || a == AckWitnessed }

// AwaitAck waits until the command of the receipt has reached the level, but at
// most d, and gives the level it has reached. Where the log has no witnesses,
// checkpointed is all there is. The change stands whatever this gives.
func (s *Service) AwaitAck(ctx context.Context, r Receipt, want Ack, d time.Duration) Ack {
	if want == AckCommitted || r.Entry == "" {
		return AckCommitted
	}
	if s.Witnesses == nil {
		want = AckCheckpointed
	}
	numbered, stop := s.Store.Subscribe(TopicJournal)
	defer stop()
	cosigned, stop := s.Store.Subscribe(TopicWitnessed)
	defer stop()
	deadline := time.NewTimer(d)
	defer deadline.Stop()
	for {
		level, err := s.ackOf(ctx, r)
		if err != nil || level == want || level == AckWitnessed {
			return level
		}
		select {
		case <-numbered:
		case <-cosigned:
		case <-deadline.C:
			return level
		case <-s.Closing:
			return level
		case <-ctx.Done():
			return level
		}
	}
}

// ackOf gives the level a command has reached.
func (s *Service) ackOf(ctx context.Context, r Receipt) (level Ack, err error) {
	level = AckCommitted
	err = s.Store.Read(Within(ctx, r.Org), func(ctx context.Context, tx Reader) error {
		e, err := tx.Entry(ctx, r.Org, r.Entry)
		if err != nil || e.Index < 0 {
			return err
		}
		level = AckCheckpointed
		head, err := tx.LogHead(ctx)
		if err != nil {
			return err
		}
		w, err := s.witnessed(ctx, tx, head)
		if err == nil && e.Index < w.Size {
			level = AckWitnessed
		}
		return err
	})
	return level, err
}

// AwaitEvidence waits, but at most d, until all entries of a document stand under
// the acknowledgement level that evidence of it needs, and tells whether they do.
// Work begins with numbered entries only, so checkpointed is always reached.
func (s *Service) AwaitEvidence(ctx context.Context, org, docID string, d time.Duration) (bool, error) {
	cosigned, stop := s.Store.Subscribe(TopicWitnessed)
	defer stop()
	deadline := time.NewTimer(d)
	defer deadline.Stop()
	for {
		ready, err := s.evidenceReady(ctx, org, docID)
		if ready || err != nil {
			return ready, err
		}
		select {
		case <-cosigned:
		case <-deadline.C:
			return false, nil
		case <-s.Closing:
			return false, nil
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

func (s *Service) evidenceReady(ctx context.Context, org, docID string) (ready bool, err error) {
	if s.EvidenceAck != AckWitnessed || s.Witnesses == nil {
		return true, nil
	}
	err = s.Store.Read(Within(ctx, org), func(ctx context.Context, tx Reader) error {
		head, err := tx.LogHead(ctx)
		if err != nil {
			return err
		}
		w, err := s.witnessed(ctx, tx, head)
		if err != nil {
			return err
		}
		later, err := tx.Entries(ctx, EntryFilter{Org: org, DocumentID: docID, From: w.Size, Limit: 1})
		ready = len(later) == 0
		return err
	})
	return ready, err
}

// Vouching is the log as its keepers see it.
type Vouching struct {
	Origin    string // "" while the log is empty
	Size      int64
	Witnessed Witnessed
	Quorum    string // of the policy, as it writes it; "" without witnesses
	Witnesses []WitnessState
	Policy    *journal.Policy
	Anchor    *Anchor     // the newest; nil: none yet
	Anchoring *Anchoring  // how the next one fares
	Anchors   *AnchorPlan // nil: none are wanted
}

// Vouching gives the state of log, witnesses and anchors.
// Faults: Forbidden "missing_scope".
func (s *Service) Vouching(ctx context.Context, a access.Actor) (out Vouching, err error) {
	if err := access.Allowed(a, access.ReadSettings); err != nil {
		return out, err
	}
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		out, err = s.Vouched(ctx, tx)
		return err
	})
	return out, err
}

// Vouched is Vouching for Paraph's own parts, inside a snapshot.
func (s *Service) Vouched(ctx context.Context, tx Reader) (out Vouching, err error) {
	head, err := tx.LogHead(ctx)
	if err != nil {
		return out, err
	}
	out.Origin, out.Size, out.Policy = firstLine(head.Checkpoint), head.Size, s.Witnesses
	if out.Witnessed, err = s.witnessed(ctx, tx, head); err != nil {
		return out, err
	}
	if s.Witnesses != nil {
		out.Quorum = s.Witnesses.Quorum()
		if out.Witnesses, err = s.witnessStates(ctx, tx); err != nil {
			return out, err
		}
	}
	out.Anchors = s.Anchoring
	out.Anchor, out.Anchoring, err = anchored(ctx, tx)
	return out, err
}

// witnessStates gives a state for each witness of the policy, asked or not yet.
func (s *Service) witnessStates(ctx context.Context, tx Reader) ([]WitnessState, error) {
	known, err := tx.WitnessStates(ctx)
	if err != nil {
		return nil, err
	}
	byKey := map[string]WitnessState{}
	for _, w := range known {
		byKey[w.Witness] = w
	}
	var out []WitnessState
	for _, w := range s.Witnesses.Witnesses {
		state, ok := byKey[w.Key.String()]
		if !ok {
			state = WitnessState{Witness: w.Key.String(), Code: "not_asked_yet", Reason: "It was not asked yet."}
		}
		out = append(out, state)
	}
	return out, nil
}
