package storetest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/hook"
	"github.com/paraph/paraph/internal/service"
)

// hooks: a source keeps every field, its secrets end when they are told to, and it
// goes with them.
func hooks(t *testing.T, s service.Store) {
	preset, _ := hook.PresetOf("slack")
	src := hook.Source{
		ID: newID("hks"), Org: org, Unit: "u", Name: "Släck", Preset: "slack", Scheme: preset.Scheme, Trust: hook.TrustPayload, Tolerance: 90 * time.Second, Client: "cli_1",
		Command: "task.decide", Program: ".event", Fetch: &hook.Fetch{URL: "https://x.example/{item#/id}", Header: "Authorization"}, Disabled: true, CreatedAt: at(1), UpdatedAt: at(2), Revision: 1,
	}
	secret := func(purpose hook.Purpose, minutes int) hook.Secret {
		return hook.Secret{ID: newID("hsec"), Org: org, SourceID: src.ID, Purpose: purpose, Sealed: []byte{1, 2, 3}, CreatedAt: at(minutes)}
	}
	one, two, fetch := secret(hook.ForVerify, 1), secret(hook.ForVerify, 2), secret(hook.ForFetch, 3)
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		return errorsOf(tx.InsertHookSource(ctx, src), tx.InsertHookSecret(ctx, one), tx.InsertHookSecret(ctx, two), tx.InsertHookSecret(ctx, fetch))
	})
	inForce := func(minutes int) (ids []string) {
		read(t, s, func(ctx context.Context, tx service.Reader) error {
			rows, err := tx.HookSecrets(ctx, src.ID, at(minutes))
			for _, r := range rows {
				ids = append(ids, r.ID)
			}
			return err
		})
		return ids
	}
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		got, err := tx.HookSource(ctx, src.ID)
		same(t, "a source", got, src)
		_, err2 := tx.HookSource(ctx, "hks_none")
		gone(t, "no source", err2)
		others, err3 := tx.HookSources(ctx, other)
		if len(others) != 0 {
			t.Errorf("another organisation has %v", others)
		}
		return errorsOf(err, err3)
	})
	if got := inForce(5); !slices.Equal(got, []string{fetch.ID, two.ID, one.ID}) {
		t.Errorf("in force are %v", got)
	}
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		return errorsOf(tx.EndHookSecrets(ctx, src.ID, hook.ForVerify, one.ID, at(10)), tx.EndHookSecrets(ctx, src.ID, hook.ForVerify, "", at(20)))
	})
	if got := inForce(9); len(got) != 3 {
		t.Errorf("before the end in force are %v", got)
	}
	if got := inForce(10); !slices.Equal(got, []string{fetch.ID, two.ID}) {
		t.Errorf("a later end must not prolong the first one's: %v", got)
	}
	if got := inForce(20); !slices.Equal(got, []string{fetch.ID}) {
		t.Errorf("after the end in force are %v", got)
	}
	changed := src
	changed.Name, changed.Fetch, changed.Disabled = "Other", nil, false
	update := func(from hook.Source, into *hook.Source) func(context.Context, service.Tx) error {
		return func(ctx context.Context, tx service.Tx) error {
			*into = from // it may run twice
			return tx.UpdateHookSource(ctx, into)
		}
	}
	var now hook.Source
	write(t, s, update(changed, &now))
	changed = now
	isStale(t, s, update(src, &hook.Source{}))
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		got, err := tx.HookSource(ctx, src.ID)
		same(t, "a changed source", got, changed)
		return err
	})
	write(t, s, func(ctx context.Context, tx service.Tx) error { return tx.DeleteHookSource(ctx, org, src.ID) })
	if got := inForce(5); len(got) != 0 {
		t.Errorf("of a removed source there are %v", got)
	}
}

func newInbound(source, name string, minutes int) hook.Event {
	return hook.Event{
		ID: newID("inb"), Org: org, Unit: "u", Via: hook.ViaHook, SourceID: source, EventID: name, Type: "t", Trust: hook.TrustHint, State: hook.Received,
		Payload: []byte("sealed"), Size: 6, ReceivedAt: at(minutes), Revision: 1,
	}
}

// inbound: an event's name is there once for each source, lists hold no content, and
// what ended long ago goes, its name only where a signed time keeps it from being repeated.
func inbound(t *testing.T, s service.Store) {
	source := newID("hks")
	first, second, third := newInbound(source, "a", 1), newInbound(source, "b", 2), newInbound(source, "c", 3)
	insert := func(e hook.Event, forgettable, want bool) {
		t.Helper()
		fresh := false
		write(t, s, func(ctx context.Context, tx service.Tx) (err error) {
			fresh, err = tx.InsertInbound(ctx, e, forgettable)
			return err
		})
		if fresh != want {
			t.Errorf("%s is new: %v", e.EventID, fresh)
		}
	}
	insert(first, true, true)
	insert(second, false, true)
	insert(third, false, true)
	insert(newInbound(source, "a", 4), true, false)
	insert(newInbound(newID("hks"), "a", 4), true, true)
	list := func(f service.InboundFilter) (names string) {
		f.Org, f.SourceID, f.Limit = org, source, 10
		read(t, s, func(ctx context.Context, tx service.Reader) error {
			rows, err := tx.InboundEvents(ctx, f)
			for _, e := range rows {
				names += e.EventID
				if len(e.Payload) > 1 {
					t.Error("a list holds content")
				}
			}
			return err
		})
		return names
	}
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		got, err := tx.InboundEvent(ctx, org, first.ID)
		same(t, "an event", got, first)
		_, err2 := tx.InboundEvent(ctx, other, first.ID)
		gone(t, "another organisation's event", err2)
		known, err3 := tx.InboundKnown(ctx, org, source, []string{"a", "x", "c"})
		if slices.Sort(known); !slices.Equal(known, []string{"a", "c"}) {
			t.Errorf("known are %v", known)
		}
		return errorsOf(err, err3)
	})
	for want, f := range map[string]service.InboundFilter{
		"cba": {}, "cb": {Since: at(2)}, "a": {Until: at(2)}, "ba": {Before: third.ID}, "": {Units: []string{"elsewhere"}},
	} {
		if got := list(f); got != want {
			t.Errorf("%+v lists %q, want %q", f, got, want)
		}
	}
	end := func(e *hook.Event, state hook.State, minutes int) {
		e.State, e.EndedAt, e.Code, e.DocumentID = state, at(minutes), "code", "doc_1"
		write(t, s, func(ctx context.Context, tx service.Tx) error {
			again := *e // it may run twice
			return tx.UpdateInbound(ctx, &again)
		})
	}
	end(&first, hook.Processed, 10)
	isStale(t, s, func(ctx context.Context, tx service.Tx) error {
		again := first
		return tx.UpdateInbound(ctx, &again)
	})
	end(&second, hook.Processed, 10)
	end(&third, hook.Quarantined, 10)
	if got := list(service.InboundFilter{State: "quarantined", Code: "code"}); got != "c" {
		t.Errorf("in quarantine is %q", got)
	}
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		_, err := tx.PurgeInbound(ctx, at(11))
		return err
	})
	if got := list(service.InboundFilter{}); got != "cb" {
		t.Errorf("after the purge there are %q", got)
	}
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		kept, err := tx.InboundEvent(ctx, org, third.ID)
		emptied, err2 := tx.InboundEvent(ctx, org, second.ID)
		if string(kept.Payload) != "sealed" || emptied.Payload != nil {
			t.Errorf("after the purge: %q, %q", kept.Payload, emptied.Payload)
		}
		return errorsOf(err, err2)
	})
}

// isStale checks that a change is refused as one of an older state.
func isStale(t *testing.T, s service.Store, fn func(context.Context, service.Tx) error) {
	t.Helper()
	refused(t, s.Write(t.Context(), fn), fault.Conflict, "stale")
}
