package work

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
)

const (
	witnessLease = "witnesses"
	// witnessLook is how often Run looks without being woken.
	witnessLook = time.Second
	// witnessPatience is how long one checkpoint waits for its quorum before a
	// newer one takes its place.
	witnessPatience = 5 * time.Second
	// witnessTold is how often the same trouble with a witness is written down again.
	witnessTold = time.Minute
)

// Witnesses brings the log's checkpoints to its witnesses and keeps what they
// cosign. It runs where the sequencer runs, and nothing ever waits for it except
// those who asked to: where a witness is away, commits go on and its lag grows.
//
// All witnesses are asked about one checkpoint, the target, until the quorum is
// reached; then the newest checkpoint becomes the target. One goroutine (Run)
// decides; one for each witness speaks (witnessing.go).
type Witnesses struct {
	WitnessesConfig
	peers  []*peer
	target target
	leader *leader
	asked  time.Time // for the lease
}

// WitnessesConfig is what Witnesses is made of.
type WitnessesConfig struct {
	Store    service.Store
	Policy   *journal.Policy
	Verifier *journal.Verifier // of the own log
	Client   *http.Client
	Holder   Holder
	Release  func(note string) error          // remembers a checkpoint before it leaves
	Halt     func(error)                      // stops the log: a witness has shown that it is another
	Backoff  func(failures int) time.Duration // nil: 1 s, doubling, 1 minute at most
	Log      *slog.Logger
}

// target is the checkpoint that is being cosigned.
type target struct {
	journal.Checkpoint
	since   time.Time
	reached bool
}

// peer is one witness. Only Run touches it.
type peer struct {
	journal.PolicyWitness
	state    service.WitnessState
	line     string // its cosignature of the target; "" while it has none
	busy     bool
	failures int
	due      time.Time // not asked before
	told     time.Time // when its trouble was written down
}

// outcome is what came of asking a witness.
type outcome struct {
	peer   *peer
	target journal.Checkpoint
	sig    journal.Cosignature
	err    error
}

// NewWitnesses makes Witnesses. Witnesses of the policy without an address are
// asked by nobody.
func NewWitnesses(c WitnessesConfig) *Witnesses {
	if c.Backoff == nil {
		c.Backoff = func(failures int) time.Duration { return min(time.Second<<min(failures-1, 6), time.Minute) }
	}
	w := &Witnesses{WitnessesConfig: c, leader: c.Holder.leader(witnessLease, c.Store, c.Log)}
	for _, one := range c.Policy.Witnesses {
		if one.URL != "" {
			w.peers = append(w.peers, &peer{PolicyWitness: one})
		}
	}
	return w
}

// Run works until ctx ends.
func (w *Witnesses) Run(ctx context.Context) error {
	wake, cancel := w.Store.Subscribe(service.TopicJournal)
	defer cancel()
	outcomes := make(chan outcome, len(w.peers))
	var asking sync.WaitGroup
	defer asking.Wait() // their requests end with ctx
	timer := time.NewTimer(0)
	defer timer.Stop()
	defer w.leader.release(ctx)
	for {
		pause, err := w.step(ctx, func(p *peer, cp journal.Checkpoint, old int64) {
			asking.Go(func() { outcomes <- w.ask(ctx, p, cp, old) })
		})
		if err != nil && ctx.Err() == nil {
			w.Log.Error("the witnesses could not be served; it is tried again", "error", err)
		}
		timer.Reset(pause)
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-timer.C:
		case o := <-outcomes:
			if err := w.take(ctx, o); err != nil && ctx.Err() == nil {
				w.Log.Error("a witness' answer could not be kept; it is asked again", "witness", o.peer.Name, "error", err)
			}
		}
	}
}

// step takes aim and starts asking whoever is due. It gives how long to wait for
// the next one.
func (w *Witnesses) step(ctx context.Context, start func(*peer, journal.Checkpoint, int64)) (time.Duration, error) {
	if err := w.lead(ctx); err != nil || !w.leader.leads() {
		return witnessLook, err
	}
	if err := w.aim(ctx); err != nil {
		return witnessLook, err
	}
	now, pause := time.Now(), witnessLook
	if w.target.Head.Size == 0 {
		return pause, nil
	}
	for _, p := range w.peers {
		switch wait := p.due.Sub(now); {
		case p.busy || p.line != "":
		case wait > 0:
			pause = min(pause, wait)
		default:
			p.busy = true
			start(p, w.target.Checkpoint, min(p.state.Size, w.target.Head.Size))
		}
	}
	return pause, nil
}

// lead takes or renews the lease. Two at once would do no harm, since a witness
// takes one after the other; they would only ask twice.
func (w *Witnesses) lead(ctx context.Context) error {
	led := w.leader.leads()
	if led && !w.leader.due() || !led && time.Since(w.asked) < witnessLook {
		return nil
	}
	w.asked = time.Now()
	err := w.Store.Write(ctx, func(ctx context.Context, tx service.Tx) error {
		_, _, err := w.leader.hold(ctx, tx)
		return err
	})
	if err != nil || led || !w.leader.leads() {
		return err
	}
	w.target = target{}
	return w.load(ctx)
}

// load reads how the log stands with its witnesses.
func (w *Witnesses) load(ctx context.Context) error {
	return w.Store.Read(ctx, func(ctx context.Context, tx service.Reader) error {
		states, err := tx.WitnessStates(ctx)
		if err != nil {
			return err
		}
		for _, p := range w.peers {
			p.state = service.WitnessState{Witness: p.Key.String()}
			for _, s := range states {
				if s.Witness == p.state.Witness {
					p.state = s
				}
			}
		}
		return nil
	})
}

// aim makes the newest checkpoint the target, once the present one has its
// quorum or has waited long enough.
func (w *Witnesses) aim(ctx context.Context) error {
	if w.target.Head.Size > 0 && !w.target.reached && time.Since(w.target.since) < witnessPatience {
		return nil
	}
	var head service.LogHead
	err := w.Store.Read(ctx, func(ctx context.Context, tx service.Reader) (err error) {
		head, err = tx.LogHead(ctx)
		return err
	})
	if err != nil || head.Checkpoint == "" || head.Checkpoint == string(w.target.Note) {
		return err
	}
	cp, err := w.Verifier.OpenCheckpoint([]byte(head.Checkpoint))
	if err != nil {
		return err
	}
	if err := w.Release(head.Checkpoint); err != nil {
		return err
	}
	w.target = target{Checkpoint: cp, since: time.Now()}
	for _, p := range w.peers {
		p.line = ""
	}
	return nil
}

// take notes what came of asking a witness.
func (w *Witnesses) take(ctx context.Context, o outcome) error {
	p, now := o.peer, time.Now().UTC()
	p.busy = false
	if o.err != nil {
		return w.trouble(ctx, p, o.err, now)
	}
	if p.failures > 0 {
		w.Log.Info("a witness cosigns again", "witness", p.Name, "size", o.target.Head.Size)
	}
	p.failures, p.due, p.told = 0, time.Time{}, time.Time{}
	p.state = service.WitnessState{Witness: p.Key.String(), Size: o.target.Head.Size, At: o.sig.At, TriedAt: now}
	current := o.target.Head == w.target.Head
	if current {
		p.line = o.sig.Line
	}
	var lines []string
	w.target.reached = w.Policy.ReachedBy(func(k *journal.WitnessKey) bool {
		for _, q := range w.peers {
			if q.line != "" && q.Key == k {
				return true
			}
		}
		return false
	})
	for _, q := range w.peers {
		if q.line != "" {
			lines = append(lines, q.line)
		}
	}
	return w.Store.Write(ctx, func(ctx context.Context, tx service.Tx) error {
		tx.Notify(service.TopicWitnessed)
		if err := tx.SaveWitnessState(ctx, p.state); err != nil || !current || !w.target.reached {
			return err
		}
		return tx.SaveWitnessed(ctx, service.Witnessed{Size: w.target.Head.Size, Note: string(journal.JoinCosignatures(w.target.Note, lines...)), At: now})
	})
}

// trouble notes why a witness did not cosign: in the log, loudly where the log
// itself is in question, and for whoever looks at the state.
func (w *Witnesses) trouble(ctx context.Context, p *peer, err error, now time.Time) error {
	if ctx.Err() != nil {
		return nil
	}
	f := fault.From(err)
	if f.Code == codeOutrun {
		w.target.reached = true // a newer checkpoint is cosigned already: go on to it
		return nil
	}
	p.failures++
	p.due = time.Now().Add(w.Backoff(p.failures))
	changed := p.state.Code != f.Code
	p.state.TriedAt, p.state.Code, p.state.Reason = now, f.Code, f.Message
	if isLogFault(f) {
		w.Halt(err)
	}
	if !changed && now.Sub(p.told) < witnessTold {
		return nil
	}
	p.told = now
	level := slog.LevelWarn
	if isLogFault(f) || f.Code == codeContradicts || p.failures > 5 {
		level = slog.LevelError
	}
	w.Log.Log(ctx, level, "ALARM: a witness does not cosign", "witness", p.Name, "address", p.URL, "code", f.Code, "reason", f.Message,
		"attempts", p.failures, "cosigned", p.state.Size, "wanted", w.target.Head.Size, "error", err)
	return w.Store.Write(ctx, func(ctx context.Context, tx service.Tx) error {
		tx.Notify(service.TopicWitnessed)
		return tx.SaveWitnessState(ctx, p.state)
	})
}
