package service

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/textproto"
	"time"

	json "github.com/go-json-experiment/json/v1"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/failpoint"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/hook"
	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/journal"
)

type inboundReader interface {
	InboundEvent(ctx context.Context, org, id string) (hook.Event, error)
	// InboundEvents lists by id, newest first. Of the payload they hold one byte at most,
	// which tells that it is there.
	InboundEvents(ctx context.Context, f InboundFilter) ([]hook.Event, error)
	// InboundKnown gives those of the names under which the source has sent an event.
	InboundKnown(ctx context.Context, org, sourceID string, names []string) ([]string, error)
}

type inboundWriter interface {
	// InsertInbound writes an event and tells whether its name was new; within Propose
	// that is certain only once Propose has returned.
	InsertInbound(ctx context.Context, e hook.Event, forgettable bool) (bool, error)
	// UpdateInbound compare-and-swaps (Conflict "stale").
	UpdateInbound(ctx context.Context, e *hook.Event) error
	// PurgeInbound takes away what came with events that ended before the time, and
	// the rows of those whose signed time keeps them from being repeated.
	PurgeInbound(ctx context.Context, before time.Time) (int64, error)
}

// InboundFilter narrows a list of events that came in.
type InboundFilter struct {
	Org      string
	Units    []string
	State    string
	SourceID string
	Code     string
	Since    time.Time // received at this time or later; zero: any
	Until    time.Time // received before; zero: any
	Before   string    // cursor
	Limit    int
}

// What became of a request to a source, for the metrics.
const (
	HookStored   = "stored"
	HookRepeated = "repeated"
	HookAnswered = "answered" // a question was
	HookEmpty    = "empty"    // rightly signed, and without an event
)

// HookReply is the answer to a request of a source.
type HookReply struct {
	Preset  string // of the source; "" where there is none
	Outcome string
	Answer  hook.Answer
	Reply   *hook.Reply // what is echoed; nil: the Answer says all
}

// ReceiveHook takes a request that came to a source: it is proven, and its events are
// stored before this returns. What they do comes later.
//
// Faults: NotFound; Unauthorized "bad_signature", "outside_window"; Invalid "bad_event";
// TooLarge "too_many_events"; Unavailable "source_disabled" and those of the store. The
// reply names the source's preset and answer with a fault, too.
func (s *Service) ReceiveHook(ctx context.Context, sourceID string, r *hook.Request, from access.Source) (out HookReply, err error) {
	if !id.Valid(hook.SourcePrefix, sourceID) {
		return out, access.NotFound()
	}
	var src hook.Source
	var secrets []hook.Secret
	now := s.Clock.Now()
	err = s.Store.Read(Across(ctx, "finding a source of webhooks"), func(ctx context.Context, tx Reader) error {
		if src, err = tx.HookSource(ctx, sourceID); err != nil {
			return err
		}
		secrets, err = tx.HookSecrets(ctx, src.ID, now)
		return err
	})
	if err != nil {
		return out, err
	}
	out.Preset, out.Answer = src.Preset, src.Scheme.Answer
	if src.Disabled {
		f := fault.New(fault.Unavailable, "source_disabled", "This source is switched off for the time being. Send it again later.")
		f.RetryAfter = time.Minute
		return out, f
	}
	keys, err := s.hookKeys(&src, secrets)
	if err != nil {
		return out, err
	}
	got, err := src.Scheme.Receive(r, keys, now, src.Tolerance, id.New("r", now))
	switch {
	case err != nil:
		return out, err
	case got.Reply != nil:
		out.Reply, out.Outcome = got.Reply, HookAnswered
		return out, nil
	}
	out.Reply, out.Outcome = got.Echo, HookEmpty
	if len(got.Events) == 0 {
		return out, nil
	}
	rows, err := s.rowsOf(&src, r, got.Events)
	if err == nil {
		err = failpoint.Hit(failpoint.HookProven)
	}
	if err != nil {
		return out, err
	}
	call := Call{Actor: access.Actor{Kind: access.System, Org: src.Org, ID: src.ID, Source: from}}
	stored, err := s.storeInbound(ctx, call, rows, src.Scheme.Time != nil)
	if err == nil {
		err = failpoint.Hit(failpoint.HookStored)
	}
	if out.Outcome = HookStored; stored == 0 {
		out.Outcome = HookRepeated
	}
	return out, err
}

// hookKeys opens the secrets with which requests are checked.
func (s *Service) hookKeys(src *hook.Source, secrets []hook.Secret) ([]hook.Key, error) {
	var keys []hook.Key
	for _, sec := range secrets {
		if sec.Purpose != hook.ForVerify {
			continue
		}
		plain, err := s.Box.Open(sec.Sealed, SealContext("hook_secret", sec.Org, sec.ID))
		if err != nil {
			return nil, fault.Wrap(err, fault.Internal, "internal", "A secret of the source cannot be opened.")
		}
		k, err := src.Scheme.ReadKey(string(plain))
		if err != nil {
			continue // the scheme was changed since, and needs another kind of secret
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// arrival is an event with what it came with, before both are rows.
type arrival struct {
	event   hook.Event
	content hook.Content
}

// rowsOf makes the rows of a request's events.
func (s *Service) rowsOf(src *hook.Source, r *hook.Request, events []hook.Incoming) ([]arrival, error) {
	header := map[string][]string{}
	for _, name := range append([]string{"Content-Type"}, src.Scheme.Keep...) {
		if v := r.Header[textproto.CanonicalMIMEHeaderKey(name)]; v != nil {
			header[textproto.CanonicalMIMEHeaderKey(name)] = v
		}
	}
	if src.Scheme.Each != "" {
		header["Content-Type"] = []string{"application/json"}
	}
	state := hook.Received
	if src.Command == "" {
		state = hook.Processed // nothing is to be done: it is there for whoever reads it
	}
	out := make([]arrival, len(events))
	for i, e := range events {
		out[i] = arrival{hook.Event{
			Org: src.Org, Unit: src.Unit, Via: hook.ViaHook, SourceID: src.ID, EventID: e.ID, Type: e.Type, Trust: src.Trust, State: state,
		}, hook.Content{Header: header, Body: e.Body}}
	}
	return out, nil
}

// storeInbound keeps what is new of the arrivals, with an entry for each, and tells
// how many those were.
func (s *Service) storeInbound(ctx context.Context, call Call, all []arrival, forgettable bool) (int, error) {
	out, err := run(ctx, s, call, false, func(ctx context.Context, c *change) (int, error) {
		names := make([]string, len(all))
		for i := range all {
			names[i] = all[i].event.EventID
		}
		known, err := c.InboundKnown(ctx, call.Actor.Org, all[0].event.SourceID, names)
		if err != nil {
			return 0, err
		}
		seen := map[string]bool{}
		for _, name := range known {
			seen[name] = true
		}
		n := 0
		for _, a := range all {
			if seen[a.event.EventID] {
				continue
			}
			seen[a.event.EventID] = true
			fresh, err := s.insertInbound(ctx, c, a, forgettable)
			if err != nil {
				return 0, err
			}
			if fresh {
				n++
			}
		}
		return n, nil
	})
	return out.Value, err
}

func (s *Service) insertInbound(ctx context.Context, c *change, a arrival, forgettable bool) (bool, error) {
	e := a.event
	e.ID, e.ReceivedAt, e.Size, e.Revision = id.New(hook.EventPrefix, c.Now()), c.Now(), int64(len(a.content.Body)), 1
	if e.State != hook.Received {
		e.EndedAt = c.Now()
	}
	plain, err := json.Marshal(a.content)
	if err != nil {
		return false, err
	}
	if e.Payload, err = s.Box.Seal(plain, SealContext("inbound", e.Org, e.ID)); err != nil {
		return false, err
	}
	fresh, err := c.InsertInbound(ctx, e, forgettable)
	if err != nil || !fresh {
		return false, err
	}
	sum := sha256.Sum256(a.content.Body)
	return true, c.logInbound(&e, journal.InboundReceived, map[string]string{"payload": hex.EncodeToString(sum[:])})
}

func (c *change) logInbound(e *hook.Event, kind journal.Kind, digests map[string]string) error {
	return c.log(e.Org, e.Unit, note{kind: kind, subject: "inbound_event", id: e.ID, digests: digests, data: event.Inbound{
		InboundID: e.ID, Via: e.Via, SourceID: e.SourceID, Type: e.Type, Trust: e.Trust, State: e.State, DocumentID: e.DocumentID, Code: e.Code, Attempts: e.Attempts,
	}})
}

// content opens what came with an event. Fault Gone "payload_gone" where its time is over.
func (s *Service) content(e *hook.Event) (c hook.Content, err error) {
	if len(e.Payload) == 0 {
		return c, fault.New(fault.Gone, "payload_gone", "What came with this event is not kept any more.")
	}
	plain, err := s.Box.Open(e.Payload, SealContext("inbound", e.Org, e.ID))
	if err != nil {
		return c, fault.Wrap(err, fault.Internal, "internal", "What came with the event cannot be opened.")
	}
	return c, json.Unmarshal(plain, &c)
}
