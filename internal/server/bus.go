package server

import (
	"context"
	"fmt"

	"github.com/paraph/paraph/internal/bus"
	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/work"
)

// openBus connects with the event bus, where there is one. Whether it answers shows later.
func (s *Server) openBus() (err error) {
	if s.Config.Bus == "" || !s.Config.Has(config.RoleDispatch) {
		return nil
	}
	if s.bus, err = bus.Open(s.Config.Bus.Reveal(), s.log); err != nil {
		return fmt.Errorf("bus: %w", err)
	}
	return nil
}

// startBus publishes events and takes command messages in. It goes with dispatching:
// one process publishes, any number listen.
func (s *Server) startBus(ctx context.Context) {
	if s.bus == nil {
		return
	}
	d := work.NewBusDispatcher(work.BusDispatcherConfig{Service: s.Service, Bus: s.bus, Source: s.URL(), All: s.Config.BusStart == config.BusAll, Holder: s.leaseholder(), Log: s.log})
	s.goPart(ctx, "event bus", d.Run)
	if len(s.Config.BusClients) == 0 {
		return
	}
	clients := map[string]bool{}
	for _, id := range s.Config.BusClients {
		clients[id] = true
	}
	c := &work.BusCommands{Service: s.Service, Bus: s.bus, Clients: clients, MaxBody: s.Config.WebhookMaxBody, Log: s.log}
	s.goPart(ctx, "command messages", c.Run)
}

// busKind names the configured bus in the API, in every role.
func busKind(c *config.Config) string { return bus.KindOf(c.Bus.Reveal()) }

func lookBus(ctx context.Context, c *config.Config) []Finding {
	if c.Bus == "" {
		return nil
	}
	b, err := bus.Open(c.Bus.Reveal(), nil)
	if err != nil {
		return []Finding{{About: "event bus", Says: err.Error(), Mend: "paraph config | grep -A1 bus"}}
	}
	defer b.Close()
	found, err := b.Look(ctx)
	var out []Finding
	for _, f := range found {
		out = append(out, Finding{About: "event bus", OK: f.OK, Says: f.Says, Mend: f.Mend})
	}
	if err != nil {
		out = append(out, Finding{About: "event bus", Says: err.Error(), Mend: "paraph config | grep -A1 bus"})
	}
	return out
}
