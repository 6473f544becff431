package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/bus"
	"github.com/paraph/paraph/internal/bus/bustest"
	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/work"
)

type busState struct {
	Kind         string
	Lag          int64
	FailingSince *time.Time `json:"failing_since"`
	Reason       string
}

func (c *caller) bus() (b busState) {
	c.t.Helper()
	c.get("/v1/bus").want(200).into(&b)
	return b
}

// busUntil asks for the bus's state until it is as it should be.
func (c *caller) busUntil(what string, fits func(busState) bool) {
	c.t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for range 600 {
		if fits(c.bus()) {
			return
		}
		<-tick.C
	}
	c.t.Fatalf("the bus is not %s: %+v", what, c.bus())
}

// TestEventsOnTheBus: what the journal says is on the bus, byte for byte, each key in
// order; an outage is told, delays nobody, and is made up for.
func TestEventsOnTheBus(t *testing.T) {
	t.Parallel()
	for name, database := range databases(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eventsOnTheBus(t, database(t), bustest.NewNATS(t, true), "nats")
		})
	}
}

func eventsOnTheBus(t *testing.T, database string, n bustest.Server, kind string) {
	t.Helper()
	s := start(t, database, setup{conf: func(c *config.Config) { c.Bus, c.BusStart = config.Secret(n.Address()), config.BusAll }})
	s.caller = s.in(t)
	work := func(round int) {
		for i := range 5 {
			s.post("/v1/business-units", map[string]any{"name": fmt.Sprintf("unit-%d-%d", round, i)}).want(201)
		}
		s.submit(s.draft("Order").ID, nil, "ada@example.com")
	}
	work(1)
	s.busUntil("even", func(b busState) bool { return b.Lag == 0 && b.Kind == kind })
	n.Stop(t)
	work(2)
	s.busUntil("failing", func(b busState) bool { return b.Lag > 0 && b.FailingSince != nil && b.Reason != "" })
	n.Start(t)
	s.busUntil("even again", func(b busState) bool { return b.Lag == 0 && b.FailingSince == nil })
	onTheBus(t, s, n)
}

// onTheBus compares the bus with the events of the API.
func onTheBus(t *testing.T, s *stack, n bustest.Server) {
	t.Helper()
	var page struct{ Items []json.RawMessage }
	s.get("/v1/events?limit=200").want(200).into(&page)
	want := map[string][]string{}
	for _, raw := range page.Items {
		var e struct{ ID, Subject, BusinessUnit string }
		if err := json.Unmarshal(raw, &e); err != nil {
			t.Fatal(err)
		}
		want[e.Subject] = append(want[e.Subject], e.ID)
	}
	got, once := map[string][]string{}, map[string]bool{}
	seen := 0
	for _, m := range n.Read(t, "events", len(page.Items)) {
		var e struct {
			ID, Subject, Type, Organisation, BusinessUnit, SpecVersion string
			Data                                                       struct {
				Type string `json:"document_type"`
			}
		}
		if err := json.Unmarshal(m.Body, &e); err != nil || e.ID != m.ID || e.SpecVersion != "1.0" || m.Media != "application/cloudevents+json" {
			t.Errorf("%s: %s %v", m.ID, m.Body, err)
		}
		if once[e.ID] && !n.Dedupes() {
			continue // whoever reads such a bus drops what it knows
		}
		once[e.ID] = true
		or := func(s string) string {
			if s == "" {
				return "_"
			}
			return s
		}
		if key := or(e.Organisation) + "/" + or(e.BusinessUnit) + "/" + or(e.Data.Type); m.Key != key {
			t.Errorf("%s has the key %s, want %s", m.ID, m.Key, key)
		}
		got[e.Subject] = append(got[e.Subject], e.ID)
		seen++
	}
	if seen != len(page.Items) {
		t.Errorf("on the bus are %d events of %d", seen, len(page.Items))
	}
	for subject, ids := range want {
		if !slices.Equal(got[subject], ids) {
			t.Errorf("of %s are on the bus %v, want %v", subject, got[subject], ids)
		}
	}
}

// command writes a command message.
func command(id, name string, data map[string]any) []byte {
	raw, _ := json.Marshal(map[string]any{"specversion": "1.0", "source": "erp", "id": id, "type": name, "data": data})
	return raw
}

// TestCommandsOnTheBus: documents are made, tasks decided and envelopes sent by messages,
// once for each id; what cannot be done lies with the dead letters and says why.
func TestCommandsOnTheBus(t *testing.T) {
	t.Parallel()
	for name, database := range databases(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			commandsOnTheBus(t, database(t), bustest.NewNATS(t, true))
		})
	}
}

func commandsOnTheBus(t *testing.T, database string, n bustest.Server) {
	t.Helper()
	s := start(t, database, setup{conf: func(c *config.Config) { c.Bus = config.Secret(n.Address()) }})
	s.caller = s.in(t)
	var made struct{ Client struct{ ID string } }
	s.post("/v1/clients", map[string]any{"name": "erp", "principal": "erp@example.com", "scopes": []string{"documents:write", "documents:read", "tasks:decide", "tasks:decide_for", "envelopes:write"}}).want(201).into(&made)
	client := made.Client.ID
	s.listenTo(n, client)
	from := &source{caller: s.caller, ID: client}

	create := command("m-1", "document.create", map[string]any{"title": "By message", "external_id": "M-1", "file": map[string]any{"name": "m.pdf", "content": textPDF("By message")}})
	n.Send(t, client, "a", create)
	n.Send(t, client, "b", create) // the sender was not sure
	all := from.ended(1)
	if len(all) != 1 || all[0].State != "processed" || all[0].DocumentID == "" {
		t.Fatalf("the message is %+v", all)
	}
	id := all[0].DocumentID
	s.until(id, "document.captured")
	a := s.submit(id, nil, "ada@example.com")
	n.Send(t, client, "c", command("m-2", "task.decide", map[string]any{"task_id": a.Tasks[0].ID, "outcome": "approve", "on_behalf_of": "ada@example.com"}))
	from.ended(2)
	s.is(id, "approved")
	n.Send(t, client, "d", command("m-3", "envelope.send", map[string]any{"external_id": "M-1", "recipients": []any{map[string]any{"name": "Ben", "email": "ben@example.com"}}}))
	from.ended(3)
	s.until(id, "envelope.sent")

	// Refused at the door, and found to be impossible later.
	n.Send(t, "cli_nobody", "e", create)
	n.Send(t, client, "f", []byte("hello"))
	n.Send(t, client, "g", command("m-4", "document.burn", map[string]any{}))
	n.Send(t, client, "h", command("m-5", "document.create", map[string]any{"title": "Again", "external_id": "M-1"}))
	codes := map[string]string{}
	for _, d := range n.Read(t, "dead", 4) {
		codes[d.Code] = d.Key + " " + string(d.Body) + d.Reason
	}
	for code, want := range map[string]string{"client_not_on_bus": "cli_nobody", "bad_command": client, "external_id_taken": client + ` {"data":{"external_id":"M-1","title":"Again"},"id":"m-5"`} {
		if !strings.HasPrefix(codes[code], want) {
			t.Errorf("the dead letter %s is %q, want %q", code, codes[code], want)
		}
	}
	var docs list[doc]
	if s.get("/v1/documents").want(200).into(&docs); len(docs.Items) != 1 {
		t.Errorf("there are %d documents", len(docs.Items))
	}
}

// listenTo takes the command messages of a client in, as a server does whose
// configuration names it: here it is known only once the server runs.
func (s *stack) listenTo(n bustest.Server, client string) {
	s.t.Helper()
	b, err := bus.Open(n.Address(), slog.New(slog.NewTextHandler(testLog{s.t}, nil)))
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := &work.BusCommands{Service: s.server.Service, Bus: b, Clients: map[string]bool{client: true}, MaxBody: 1 << 20, Log: slog.New(slog.NewTextHandler(testLog{s.t}, nil))}
	ended := make(chan error)
	go func() { ended <- c.Run(ctx) }()
	s.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			s.t.Error(err)
		}
		b.Close()
	})
}
