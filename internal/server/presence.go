package server

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/work"
)

const (
	// presentEvery is how often a process says that it is there.
	presentEvery = 5 * time.Second
	// missingAfter is the silence after which doctor speaks up.
	missingAfter = 4 * presentEvery
)

// presence notes in the database that this process is there, for those who look
// after the installation. Nothing depends on it.
func (s *Server) presence(ctx context.Context) error {
	roles := s.Config.Roles
	if len(roles) == 0 {
		roles = config.Roles()
	}
	me := service.Process{ID: s.worker, Roles: roles, Version: s.opts.Version, StartedAt: s.clock.Now()}
	tick := time.NewTicker(presentEvery)
	defer tick.Stop()
	for {
		err := s.Store.Write(ctx, func(ctx context.Context, tx service.Tx) error { return tx.SeeProcess(ctx, me) })
		if err != nil && ctx.Err() == nil {
			s.log.Warn("this process could not say that it is there; it is tried again", "error", err)
		}
		select {
		case <-tick.C:
			continue
		case <-ctx.Done():
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if err := s.Store.Write(ctx, func(ctx context.Context, tx service.Tx) error { return tx.ForgetProcess(ctx, me.ID) }); err != nil {
			s.log.Warn("this process could not say that it ends", "error", err)
		}
		return nil
	}
}

// lookProcesses lists the processes on the database, with what each leads.
func lookProcesses(ctx context.Context, db service.Store) []Finding {
	var all []service.Process
	leads := map[string][]string{}
	err := db.Read(ctx, func(ctx context.Context, tx service.Reader) (err error) {
		if all, err = tx.Processes(ctx); err != nil {
			return err
		}
		leaders, err := tx.Leaders(ctx)
		for _, l := range leaders {
			leads[l.Process] = append(leads[l.Process], fmt.Sprintf("%s in epoch %d", l.Work, l.Epoch))
		}
		return err
	})
	if err != nil {
		return []Finding{{About: "processes", Says: err.Error()}}
	}
	var out []Finding
	for _, p := range all {
		says := fmt.Sprintf("%s, version %s, since %s", strings.Join(p.Roles, ", "), p.Version, p.StartedAt.Format(time.RFC3339))
		if l := leads[p.ID]; len(l) > 0 {
			says += "; leads " + strings.Join(l, ", ")
		}
		f := Finding{About: "process " + p.ID, OK: p.Silent <= missingAfter, Says: says}
		if !f.OK {
			f.Says += fmt.Sprintf("; not heard of for %s: it died, or cannot reach the database", p.Silent.Round(time.Second))
		}
		out = append(out, f)
	}
	return out
}

// leaseholder is this process as a holder of leases.
func (s *Server) leaseholder() work.Holder {
	if s.worker == "" {
		s.worker = s.holder()
	}
	return work.Holder{Name: s.worker, Alone: s.Config.Database == "", Lease: s.Config.Lease}
}

// holder names this process in leases and job records. On SQLite there is only
// ever one process, which takes over at once what the one before it held.
func (s *Server) holder() string { return holderOf(s.Config) }

func holderOf(c *config.Config) string {
	if c.Database == "" {
		return "local"
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s-%d-%s", host, os.Getpid(), strings.TrimPrefix(id.New("p", time.Now()), "p_"))
}
