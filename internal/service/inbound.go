package service

import (
	"context"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/hook"
	"github.com/paraph/paraph/internal/journal"
)

// OpInbound is the kind of work in the backlog that processes an event that came
// in. It is no operation: the event's own row says how far it has come.
const OpInbound = "inbound"

// InboundView is an event that came in, with what its next attempt waits for.
type InboundView struct {
	hook.Event
	RetryAt time.Time // zero: no attempt has failed so far
}

// InboundEvent gives an event that came in, without what it came with. Faults: NotFound.
func (s *Service) InboundEvent(ctx context.Context, a access.Actor, inboundID string) (v InboundView, err error) {
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		e, err := inboundFor(ctx, tx, a, inboundID)
		if err != nil {
			return err
		}
		v, err = viewOf(ctx, tx, e)
		return err
	})
	v.Payload = nil
	return v, err
}

// viewOf adds to an event that waits what its last attempt failed for.
func viewOf(ctx context.Context, tx Reader, e hook.Event) (InboundView, error) {
	v := InboundView{Event: e}
	if e.State != hook.Received {
		return v, nil
	}
	b, err := tx.Backlogged(ctx, e.Org, e.ID)
	if fault.KindOf(err) == fault.NotFound {
		return v, nil
	}
	if b.Failures > 0 {
		v.Attempts, v.Code, v.Reason, v.RetryAt = b.Failures, b.Code, b.Reason, b.DueAt
	}
	return v, err
}

func inboundFor(ctx context.Context, tx Reader, a access.Actor, inboundID string) (hook.Event, error) {
	if err := access.Allowed(a, access.ManageSettings); err != nil {
		return hook.Event{}, err
	}
	e, err := tx.InboundEvent(ctx, a.Org, inboundID)
	if err == nil && !ownsUnit(a, e.Unit) {
		err = access.NotFound()
	}
	if err != nil {
		return hook.Event{}, err
	}
	return e, nil
}

// InboundEvents lists events that came in, newest first.
func (s *Service) InboundEvents(ctx context.Context, a access.Actor, f InboundFilter) (out []InboundView, err error) {
	if err := access.Allowed(a, access.ManageSettings); err != nil {
		return nil, err
	}
	f.Org, f.Units, f.Limit = a.Org, a.Units, limit(f.Limit)
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		rows, err := tx.InboundEvents(ctx, f)
		if err != nil {
			return err
		}
		out = make([]InboundView, len(rows))
		for i, e := range rows {
			if out[i], err = viewOf(ctx, tx, e); err != nil {
				return err
			}
			out[i].Payload = nil
		}
		return nil
	})
	return out, err
}

// InboundContent gives what came with an event. Faults: NotFound; Gone "payload_gone".
func (s *Service) InboundContent(ctx context.Context, a access.Actor, inboundID string) (hook.Event, hook.Content, error) {
	var e hook.Event
	err := s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) (err error) {
		e, err = inboundFor(ctx, tx, a, inboundID)
		return err
	})
	if err != nil {
		return e, hook.Content{}, err
	}
	c, err := s.content(&e)
	e.Payload = nil
	return e, c, err
}

// RedriveInbound lets an event in quarantine be processed once more, as its source is
// now. Faults: NotFound; Conflict "event_not_quarantined"; Gone "payload_gone".
func (s *Service) RedriveInbound(ctx context.Context, call Call, inboundID string) (Result[hook.Event], error) {
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (hook.Event, error) {
		e, err := inboundFor(ctx, c, c.actor, inboundID)
		if err != nil {
			return e, err
		}
		return e, c.redrive(ctx, &e)
	})
}

func (c *change) redrive(ctx context.Context, e *hook.Event) error {
	if err := e.Apply(hook.Redrive, c.Now()); err != nil {
		return err
	}
	if len(e.Payload) == 0 {
		return fault.New(fault.Gone, "payload_gone", "What came with this event is not kept any more.")
	}
	return c.moveInbound(ctx, e, journal.InboundRedriven)
}

// moveInbound writes an event with its entry.
func (c *change) moveInbound(ctx context.Context, e *hook.Event, kind journal.Kind) error {
	if err := c.logInbound(e, kind, nil); err != nil {
		return err
	}
	err := c.UpdateInbound(ctx, e)
	e.Payload = nil // results are kept, and it is not theirs
	return err
}

// MaxRedriven is how many events one bulk redrive takes.
const MaxRedriven = 500

// Redriven is what a bulk redrive did.
type Redriven struct {
	Events int
	More   bool // others still fit the filter
}

// RedriveInbounds redrives the oldest events in quarantine that fit the filter, up to
// MaxRedriven at once.
func (s *Service) RedriveInbounds(ctx context.Context, call Call, f InboundFilter) (Result[Redriven], error) {
	if err := access.Allowed(call.Actor, access.ManageSettings); err != nil {
		return Result[Redriven]{}, err
	}
	f.Org, f.Units, f.State, f.Limit = call.Actor.Org, call.Actor.Units, string(hook.Quarantined), MaxRedriven+1
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (Redriven, error) {
		rows, err := c.InboundEvents(ctx, f)
		if err != nil {
			return Redriven{}, err
		}
		out := Redriven{More: len(rows) > MaxRedriven}
		for i := range rows[:min(len(rows), MaxRedriven)] {
			if len(rows[i].Payload) == 0 {
				continue
			}
			if err := c.redrive(ctx, &rows[i]); err != nil {
				return out, err
			}
			out.Events++
		}
		return out, nil
	})
}

// DiscardInbound decides that nothing comes of an event in quarantine.
// Faults: NotFound; Conflict "event_not_quarantined"; Invalid "invalid_reason".
func (s *Service) DiscardInbound(ctx context.Context, call Call, inboundID, reason string) (Result[hook.Event], error) {
	if len(reason) > MaxComment {
		return Result[hook.Event]{}, fault.New(fault.Invalid, "invalid_reason", "The reason has %d bytes; at most %d are kept.", len(reason), MaxComment)
	}
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (hook.Event, error) {
		e, err := inboundFor(ctx, c, c.actor, inboundID)
		if err != nil {
			return e, err
		}
		if err := e.Apply(hook.Discard, c.Now()); err != nil {
			return e, err
		}
		if reason != "" {
			e.Reason = reason
		}
		return e, c.moveInbound(ctx, &e, journal.InboundDiscarded)
	})
}

// Processing is what a worker needs of an event.
type Processing struct {
	Event   hook.Event
	Content hook.Content
	Call    Call // as whom its command runs
	Name    string
	Command string
	Program string // "": Content.Body is the command's data
	// Fetch is the address of the facts of a hint, with the header that fetches them;
	// "": none are fetched.
	Fetch               string
	FetchName, FetchKey string
}

// BeginInbound gives what is to be done for an event. Faults: Conflict "event_ended"
// where it was processed before; Invalid, Gone or Forbidden where it cannot be done as
// things are.
func (s *Service) BeginInbound(ctx context.Context, org, inboundID, trace string) (p Processing, err error) {
	var src hook.Source
	var secrets []hook.Secret
	var cl access.OAuthClient
	err = s.Store.Read(Within(ctx, org), func(ctx context.Context, tx Reader) error {
		if p.Event, err = tx.InboundEvent(ctx, org, inboundID); err != nil {
			return err
		}
		if _, err := p.Event.State.Next(hook.Finish); err != nil {
			return err
		}
		clientID := p.Event.SourceID
		if p.Event.Via == hook.ViaHook {
			if src, err = tx.HookSource(ctx, p.Event.SourceID); err != nil {
				return gone(err, "source_removed", "The source that sent it was removed.")
			}
			if secrets, err = tx.HookSecrets(ctx, src.ID, s.Clock.Now()); err != nil {
				return err
			}
			clientID = src.Client
		}
		if src.Command == "" && p.Event.Via == hook.ViaHook {
			return nil // nothing is to be done any more
		}
		cl, err = tx.Client(ctx, clientID)
		if err == nil && (cl.Org != org || !cl.RevokedAt.IsZero()) {
			err = access.NotFound()
		}
		return gone(err, "client_gone", "The client as which it would act is not in force. Name another for the source, or another for the bus.")
	})
	if err != nil {
		return p, err
	}
	if p.Content, err = s.content(&p.Event); err != nil {
		return p, err
	}
	actor, err := s.concernDevices(ctx, access.Actor{
		Kind: access.Client, Org: cl.Org, ID: cl.ID, Client: cl.ID, Principal: cl.Principal, Scopes: cl.Scopes, Units: cl.Units, Roles: cl.Roles,
		Source: access.Source{RequestID: p.Event.ID, UserAgent: "paraph " + string(p.Event.Via) + " " + p.Event.SourceID, Trace: trace},
	})
	if err != nil {
		return p, err
	}
	p.Call = Call{Actor: actor, Idem: &Idempotency{Route: "inbound", Key: p.Event.ID, Digest: []byte(p.Event.ID)}}
	if p.Event.Via == hook.ViaBus {
		p.Command = p.Event.Type
		return p, nil
	}
	return p, s.prepare(&p, &src, secrets)
}

// gone makes of a NotFound a fault that says what is missing.
func gone(err error, code, message string) error {
	if fault.KindOf(err) == fault.NotFound {
		return fault.New(fault.Gone, code, "%s", message)
	}
	return err
}

// prepare takes over what a source says of its events.
func (s *Service) prepare(p *Processing, src *hook.Source, secrets []hook.Secret) (err error) {
	p.Name, p.Command, p.Program = src.Name, src.Command, src.Program
	if p.Event.Trust != hook.TrustHint && src.Trust != hook.TrustHint || p.Command == "" {
		return nil
	}
	if src.Fetch == nil {
		return fault.New(fault.Invalid, "hint_without_facts", "What this source sends is a hint, and it does not say where the facts are. Set fetch, then redrive the event.")
	}
	if p.Fetch, err = src.Fetch.Address(p.Content); err != nil {
		return err
	}
	for _, sec := range secrets {
		if sec.Purpose != hook.ForFetch || src.Fetch.Header == "" {
			continue
		}
		value, err := s.Box.Open(sec.Sealed, SealContext("hook_secret", sec.Org, sec.ID))
		if err != nil {
			return fault.Wrap(err, fault.Internal, "internal", "A secret of the source cannot be opened.")
		}
		p.FetchName, p.FetchKey = src.Fetch.Header, string(value)
		break
	}
	return nil
}

// FinishInbound notes that an event has taken effect on a document, or on none.
func (s *Service) FinishInbound(ctx context.Context, org, inboundID, documentID string, attempts int) error {
	return s.endInbound(ctx, org, inboundID, func(e *hook.Event, now time.Time) (journal.Kind, error) {
		e.DocumentID, e.Attempts, e.Code, e.Reason = documentID, attempts, "", ""
		return journal.InboundProcessed, e.Apply(hook.Finish, now)
	})
}

// QuarantineInbound notes that an event cannot be processed, and why.
func (s *Service) QuarantineInbound(ctx context.Context, org, inboundID string, f Failure, attempts int) error {
	return s.endInbound(ctx, org, inboundID, func(e *hook.Event, now time.Time) (journal.Kind, error) {
		e.Attempts, e.Code, e.Reason = attempts, f.Code, f.Reason
		return journal.InboundQuarantined, e.Apply(hook.Quarantine, now)
	})
}

// endInbound moves an event that waits; one that has ended already stays as it is.
func (s *Service) endInbound(ctx context.Context, org, inboundID string, move func(*hook.Event, time.Time) (journal.Kind, error)) error {
	call := SystemCall(org, "inbound", "")
	_, err := run(ctx, s, call, false, func(ctx context.Context, c *change) (struct{}, error) {
		e, err := c.InboundEvent(ctx, org, inboundID)
		if err != nil || e.State != hook.Received {
			return struct{}{}, err
		}
		kind, err := move(&e, c.Now())
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, c.moveInbound(ctx, &e, kind)
	})
	return err
}

// PurgeInbound takes away what came with events that ended before the time.
func (s *Service) PurgeInbound(ctx context.Context, before time.Time) (n int64, err error) {
	err = s.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		n, err = tx.PurgeInbound(ctx, before)
		return err
	})
	return n, err
}
