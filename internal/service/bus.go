package service

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/hook"
	"github.com/paraph/paraph/internal/journal"
)

const (
	// CursorBus is the cursor of what publishes events to the bus.
	CursorBus  = "bus"
	settingBus = "bus"
)

// BusState is how publishing goes, as its dispatcher last wrote it down.
type BusState struct {
	Began        int64     `json:"began"`         // the index from which on events go to the bus
	FailingSince time.Time `json:"failing_since"` // zero: it goes well
	TriedAt      time.Time `json:"tried_at"`
	Reason       string    `json:"reason,omitempty"`
}

// ReadBusState reads how publishing goes; known is false before it has begun.
func ReadBusState(ctx context.Context, tx Reader) (b BusState, known bool, err error) {
	raw, err := tx.Setting(ctx, settingBus)
	if fault.KindOf(err) == fault.NotFound && err != nil {
		return b, false, nil
	}
	if err == nil {
		if err = json.Unmarshal([]byte(raw), &b); err != nil {
			err = fmt.Errorf("the state of the bus: %w", err)
		}
	}
	return b, err == nil, err
}

// SaveBusState writes it.
func SaveBusState(ctx context.Context, tx Tx, b BusState) error {
	raw, err := json.Marshal(b)
	if err != nil {
		return err
	}
	return tx.SetSetting(ctx, settingBus, string(raw))
}

// BusView is how the event bus stands.
type BusView struct {
	BusState
	Kind      string
	Published int64 // entries of the log that have been looked at and, where public, published
	LogSize   int64
}

// Bus tells how the event bus stands. Faults: NotFound "no_bus" where none is configured.
func (s *Service) Bus(ctx context.Context, a access.Actor) (v BusView, err error) {
	if err := access.Allowed(a, access.ManageSettings); err != nil {
		return v, err
	}
	if s.BusKind == "" {
		return v, fault.New(fault.NotFound, "no_bus", "No event bus is configured.")
	}
	v.Kind = s.BusKind
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		head, err := tx.LogHead(ctx)
		if err != nil {
			return err
		}
		v.LogSize = head.Size
		if v.Published, err = tx.Cursor(ctx, CursorBus); err != nil {
			return err
		}
		v.BusState, _, err = ReadBusState(ctx, tx)
		return err
	})
	return v, err
}

// ReceiveCommand keeps a command message of a client. It is carried out later; one
// whose id the client has sent before does nothing.
//
// Faults: Forbidden "client_gone" where the client is not in force; Invalid "bad_command"
// where there is no such command; those of the store.
func (s *Service) ReceiveCommand(ctx context.Context, clientID string, c hook.Command) error {
	if _, ok := commands[c.Name]; !ok {
		return fault.New(fault.Invalid, "bad_command", "There is no command %q.", c.Name)
	}
	var cl access.OAuthClient
	err := s.Store.Read(Across(ctx, "finding a client"), func(ctx context.Context, tx Reader) (err error) {
		cl, err = tx.Client(ctx, clientID)
		return err
	})
	if fault.KindOf(err) == fault.NotFound || err == nil && !cl.RevokedAt.IsZero() {
		return fault.New(fault.Forbidden, "client_gone", "The client %q, as which the message is to be carried out, is not in force.", clientID)
	}
	if err != nil {
		return err
	}
	e := hook.Event{Org: cl.Org, Via: hook.ViaBus, SourceID: cl.ID, EventID: c.ID, Type: c.Name, Trust: hook.TrustPayload, State: hook.Received}
	if len(cl.Units) == 1 {
		e.Unit = cl.Units[0]
	}
	call := SystemCall(cl.Org, "bus", "")
	_, err = s.storeInbound(ctx, call, []arrival{{e, hook.Content{Body: c.Data}}}, false)
	return err
}

// DeadLetter makes the dead letter of an entry that tells of a command message in
// quarantine; ok is false for all other entries.
func (s *Service) DeadLetter(ctx context.Context, e *journal.Entry) (d event.DeadLetter, ok bool, err error) {
	var in event.Inbound
	if e.Kind != journal.InboundQuarantined {
		return d, false, nil
	}
	if err := json.Unmarshal(e.Data, &in); err != nil {
		return d, false, err
	}
	if in.Via != hook.ViaBus {
		return d, false, nil
	}
	d = event.DeadLetter{ID: e.ID, Client: in.SourceID, Code: in.Code}
	var row hook.Event
	err = s.Store.Read(ctx, func(ctx context.Context, tx Reader) (err error) {
		row, err = tx.InboundEvent(ctx, e.Org, in.InboundID)
		return err
	})
	if err != nil {
		return d, false, err
	}
	if row.Code == in.Code {
		d.Reason = row.Reason
	}
	content, err := s.content(&row)
	if fault.CodeOf(err) == "payload_gone" {
		return d, true, nil
	}
	if err != nil {
		return d, false, err
	}
	d.Body, err = json.Marshal(map[string]any{"specversion": "1.0", "id": row.EventID, "type": row.Type, "data": json.RawMessage(content.Body)})
	return d, err == nil, err
}
