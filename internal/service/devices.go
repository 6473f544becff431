package service

import (
	"cmp"
	"context"
	"crypto/sha256"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/delegation"
	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
)

// NewDevice is what a device asks for.
type NewDevice struct {
	ClientID  string
	Scopes    []string
	Resources []string
	JKT       string // DPoP key that its tokens will be bound to, "" for none
}

// Started is a device's request with its two codes.
type Started struct {
	Device   delegation.Device
	Code     string // for the device
	UserCode string // for the person, XXXX-XXXX
}

// StartDevice begins a device's wait for a person (RFC 8628 section 3.1). The
// call is the client's.
func (s *Service) StartDevice(ctx context.Context, call Call, in NewDevice) (Started, error) {
	for try := 0; ; try++ {
		st := Started{Code: randomText(devicePrefix), UserCode: delegation.NewUserCode()}
		out, err := run(ctx, s, call, false, func(ctx context.Context, c *change) (Started, error) {
			st.Device = delegation.Device{
				Hash: hashText(st.Code), UserHash: delegation.HashUserCode(st.UserCode), Org: call.Actor.Org, ClientID: in.ClientID, Scopes: in.Scopes, Resources: in.Resources,
				JKT: in.JKT, State: delegation.DeviceWaits, Interval: delegation.DeviceInterval, CreatedAt: c.Now(), ExpiresAt: c.Now().Add(delegation.DeviceLife), Revision: 1,
			}
			return st, c.InsertDevice(ctx, st.Device)
		})
		if fault.CodeOf(err) != "exists" || try == 3 { // another device waits under the same code
			return out.Value, err
		}
	}
}

// WaitingDevice finds the device that waits under a user code, for a person of
// the organisation. Fault Invalid "user_code_unknown".
func (s *Service) WaitingDevice(ctx context.Context, org, userCode string) (d delegation.Device, err error) {
	code, ok := delegation.NormaliseUserCode(userCode)
	if !ok {
		return d, delegation.UnknownUserCode()
	}
	err = s.Store.Read(Within(ctx, org), func(ctx context.Context, tx Reader) error {
		d, err = waitingDevice(ctx, tx, org, delegation.HashUserCode(code), s.Clock.Now())
		return err
	})
	return d, err
}

func waitingDevice(ctx context.Context, tx Reader, org string, userHash []byte, now time.Time) (delegation.Device, error) {
	d, err := tx.DeviceOf(ctx, userHash)
	if err != nil {
		return d, orElse(err, delegation.UnknownUserCode())
	}
	if d.Org != org || !d.Waits(now) {
		return delegation.Device{}, delegation.UnknownUserCode()
	}
	return d, nil
}

// AnswerDevice notes what a person says to the device that waits under a user
// code's hash. The call is the person's. Fault Invalid "user_code_unknown".
func (s *Service) AnswerDevice(ctx context.Context, call Call, userHash []byte, allow bool, session access.Session) error {
	_, err := run(ctx, s, call, false, func(ctx context.Context, c *change) (struct{}, error) {
		d, err := waitingDevice(ctx, c, call.Actor.Org, userHash, c.Now())
		if err != nil {
			return struct{}{}, err
		}
		if err := d.Decide(allow, c.Now()); err != nil {
			return struct{}{}, err
		}
		if allow {
			given, err := s.delegate(ctx, c, NewDelegation{ClientID: d.ClientID, Scopes: d.Scopes, Resources: d.Resources, Session: session})
			if err != nil {
				return struct{}{}, err
			}
			d.DelegationID = given.ID
		}
		return struct{}{}, c.UpdateDevice(ctx, &d)
	})
	return err
}

// PollDevice answers a device that asks whether somebody has let it in. The call
// is its client's; proved is the key it has shown, refresh and bound are as for
// RedeemCode. Faults Invalid as
// delegation.Device.Poll, "invalid_grant" for a code that is not known.
func (s *Service) PollDevice(ctx context.Context, call Call, text string, proved delegation.Binding, refresh bool, bound delegation.Binding) (Granted, error) {
	out, err := run(ctx, s, call, false, func(ctx context.Context, c *change) (b begun, err error) {
		unknown := fault.New(fault.Invalid, "invalid_grant", "The device code is not known.")
		d, err := c.Device(ctx, hashText(text))
		if err != nil {
			return b, orElse(err, unknown)
		}
		if d.ClientID != call.Actor.ID {
			return b, unknown
		}
		if d.JKT != "" && d.JKT != proved.JKT {
			return b, fault.New(fault.Invalid, "invalid_grant", "The device code is bound to another DPoP key.")
		}
		before := d
		if b.refusal = d.Poll(c.Now()); b.refusal == nil {
			if b.Delegation, err = c.Delegation(ctx, d.DelegationID); err != nil {
				return b, err
			}
			if !b.Delegation.Active(c.Now()) {
				return b, fault.New(fault.Invalid, "access_denied", "The person has changed their mind.")
			}
		}
		if d.State != before.State || !d.PolledAt.Equal(before.PolledAt) {
			if err := c.UpdateDevice(ctx, &d); err != nil {
				return b, err
			}
		}
		if b.refusal != nil {
			return b, nil
		}
		return b, s.begin(ctx, c, &b.Granted, refresh, bound)
	})
	return out.Value.Granted, cmp.Or(err, out.Value.refusal)
}

// PushRequest keeps an authorization request that a client has sent ahead, and
// gives the text that stands for it (RFC 9126 section 2.2).
func (s *Service) PushRequest(ctx context.Context, call Call, form string, life time.Duration) (string, error) {
	text := randomText("")
	_, err := run(ctx, s, call, false, func(ctx context.Context, c *change) (struct{}, error) {
		return struct{}{}, c.InsertPushedRequest(ctx, PushedRequest{Hash: hashText(text), ClientID: call.Actor.ID, Form: form, ExpiresAt: c.Now().Add(life)})
	})
	return text, err
}

// PushedRequest gives a request that was pushed by the client and not answered yet.
// Fault NotFound.
func (s *Service) PushedRequest(ctx context.Context, text, clientID string) (p PushedRequest, err error) {
	err = s.Store.Read(Across(ctx, "finding a pushed request"), func(ctx context.Context, tx Reader) error {
		p, err = tx.PushedRequest(ctx, hashText(text))
		if err == nil && (p.ClientID != clientID || !s.Clock.Now().Before(p.ExpiresAt)) {
			return access.NotFound()
		}
		return err
	})
	return p, err
}

// UseAssertion notes that a client has proved itself by the assertion of a name
// (jti). Fault Conflict "exists" where it has done so before.
func (s *Service) UseAssertion(ctx context.Context, clientID, jti string, until time.Time) error {
	return s.Store.Propose(Across(ctx, "finding a client"), func(ctx context.Context, tx Tx) error {
		return tx.TakeOnce(ctx, sha256.Sum256([]byte("assertion\x00"+clientID+"\x00"+jti)), until)
	})
}

// NoteExchange writes down that a client got a token in somebody's name.
func (s *Service) NoteExchange(ctx context.Context, call Call, subject, from, resource string) error {
	_, err := run(ctx, s, call, false, func(ctx context.Context, c *change) (struct{}, error) {
		return struct{}{}, c.log(call.Actor.Org, "", note{kind: journal.TokenExchanged, subject: "client", id: call.Actor.ID, data: event.Exchange{
			ClientID: call.Actor.ID, Subject: subject, FromClientID: from, Resource: resource,
		}})
	})
	return err
}
