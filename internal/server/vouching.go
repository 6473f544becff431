package server

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/safehttp"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/telemetry"
	"github.com/paraph/paraph/internal/work"
)

// vouchTimeout bounds one exchange with a witness or a time stamping authority.
const vouchTimeout = 15 * time.Second

// witnessPolicy reads the policy of the log's witnesses; nil where none is set.
// One that names logs must name this one: it was written for another otherwise.
func witnessPolicy(c *config.Config, vkey string) (*journal.Policy, error) {
	if c.WitnessPolicy == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(c.WitnessPolicy)
	if err != nil {
		return nil, fmt.Errorf("witness-policy: %w", err)
	}
	p, err := journal.ParsePolicy(raw)
	if err != nil {
		return nil, fmt.Errorf("witness-policy %s: %w", c.WitnessPolicy, err)
	}
	for _, l := range p.Logs {
		if l.Verifier.String() == vkey {
			return p, nil
		}
	}
	if len(p.Logs) > 0 {
		return nil, fmt.Errorf("witness-policy %s names other logs than this one, %s", c.WitnessPolicy, vkey)
	}
	return p, nil
}

// outbound is the client for witnesses. Plain HTTP is taken: what they say is signed.
func (s *Server) outbound() (*http.Client, error) {
	allow, err := s.Config.Outbound()
	if err != nil {
		return nil, err
	}
	return safehttp.New(safehttp.Options{Allow: allow, PlainHTTP: true, Timeout: vouchTimeout, MaxBody: journal.MaxCheckpoint}), nil
}

// startVouching starts what brings the log's checkpoints to outsiders. It goes
// with the sequencer, which makes them.
func (s *Server) startVouching(ctx context.Context) error {
	if !s.Config.Has(config.RoleSequencer) {
		return nil
	}
	s.startAnchors(ctx)
	if s.policy == nil {
		return nil
	}
	client, err := s.outbound()
	if err != nil {
		return err
	}
	w := work.NewWitnesses(work.WitnessesConfig{
		Store: s.Store, Policy: s.policy, Verifier: s.signer.Verifier(), Client: client, Holder: s.leaseholder(),
		Release: s.keeper.Release, Halt: s.keeper.Halt, Log: s.log,
	})
	s.goPart(ctx, "witnesses", w.Run)
	return nil
}

// vouched gathers for the gauges how far outsiders vouch for the log.
func (s *Server) vouched(ctx context.Context, tx service.Reader, size int64) (out telemetry.State, err error) {
	if s.policy == nil && s.Service.Anchoring == nil {
		return out, nil
	}
	state, err := s.Service.Vouched(ctx, tx)
	if err != nil {
		return out, err
	}
	anchoredState(state, &out)
	if s.policy == nil {
		return out, nil
	}
	lag := func(at int64) (telemetry.Lag, error) {
		l := telemetry.Lag{Entries: max(0, size-at)}
		if l.Entries == 0 {
			return l, nil
		}
		l.Since, err = tx.CheckpointAfter(ctx, at)
		return l, err
	}
	quorum, err := lag(state.Witnessed.Size)
	if err != nil {
		return out, err
	}
	out.Witnessed, out.Witnesses = &quorum, map[string]telemetry.Lag{}
	for _, w := range state.Witnesses {
		l, err := lag(w.Size)
		if err != nil {
			return out, err
		}
		l.Failing = w.Code != ""
		if p, ok := s.policy.Witness(w.Witness); ok {
			out.Witnesses[p.Name] = l
		}
	}
	return out, nil
}
