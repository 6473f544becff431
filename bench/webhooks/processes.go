package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/paraph/paraph/bench/rig"
)

// pairEndpoints are the endpoints of the trials with roles apart: so many that the
// rounds of two processes hold about as many each.
const pairEndpoints = 160

// apart is a trial on PostgreSQL with roles apart: one process takes requests,
// numbers and makes deliveries, others send them.
type apart struct {
	bin     string
	cluster *rig.Postgres
	dir     string
	time    time.Duration
	name    string // names the databases
}

// gains are what one number of delivery processes came to.
type gains struct {
	loaded  float64       // deliveries a second while events happened as fast as they were taken
	drained float64       // deliveries a second of a queue that was full, with nothing else to do
	cpu     time.Duration // of the delivery processes for a delivery of that queue
}

// processes measures one delivery process beside two, in pairs one after another,
// on a database server of its own.
func processes(ctx context.Context, dir string, rounds int, span time.Duration) error {
	bin, err := rig.Build(ctx)
	if err != nil {
		return err
	}
	defer os.RemoveAll(filepath.Dir(bin))
	cluster, err := rig.StartPostgres(ctx, dir)
	if err != nil {
		return err
	}
	defer cluster.Stop()
	var loaded, drained []float64
	for round := range rounds {
		var got [2]gains
		for i := range got {
			a := apart{bin: bin, cluster: cluster, dir: dir, time: span, name: fmt.Sprintf("pair_%d_%d", round+1, i+1)}
			if got[i], err = a.run(ctx, i+1); err != nil {
				return err
			}
			fmt.Printf("round %d, PostgreSQL, %d delivery processes: %.0f deliveries/s under load, %.0f of a full queue; %d µs of their processor a delivery\n",
				round+1, i+1, got[i].loaded, got[i].drained, got[i].cpu.Microseconds())
		}
		loaded, drained = append(loaded, got[1].loaded/got[0].loaded), append(drained, got[1].drained/got[0].drained)
	}
	same := func(v float64) float64 { return v }
	fmt.Printf("on PostgreSQL two delivery processes send %s times what one does under load, %s times of a full queue\n", spread(loaded, 2, same), spread(drained, 2, same))
	return nil
}

// run measures with so many delivery processes.
func (a apart) run(ctx context.Context, n int) (out gains, err error) {
	data := filepath.Join(a.dir, a.name)
	defer os.RemoveAll(data)
	database, err := a.cluster.Create(ctx, a.name)
	if err != nil {
		return out, err
	}
	var all []*rig.Process
	defer func() {
		for _, p := range all {
			if serr := p.Stop(); err == nil {
				err = serr
			}
		}
	}()
	start := func(roles string) error {
		p, err := rig.Serve(a.bin, []string{
			"PARAPH_DATABASE=" + database, "PARAPH_DATA_DIR=" + data, "PARAPH_OUTBOUND_ALLOW=127.0.0.0/8", "PARAPH_RATE_LIMIT=0", "PARAPH_LOG_LEVEL=error",
			"PARAPH_TOKEN_LIFETIME=1h", "PARAPH_LISTEN=127.0.0.1:0", "PARAPH_PUBLIC_URL=https://paraph.example", fmt.Sprintf("PARAPH_LOG_HIGH_WATER=%s/highwater-%d", data, len(all)),
		}, "--roles", roles)
		if err == nil {
			all = append(all, p)
		}
		return err
	}
	if err := start("api,sequencer,dispatch"); err != nil {
		return out, err
	}
	for range n {
		if err := start("work"); err != nil {
			return out, err
		}
	}
	s := subscriptions{asker: asker{url: all[0].URL}}
	if s.token, err = all[0].Token(ctx); err != nil {
		return out, err
	}
	return a.measure(ctx, &s, all[1:])
}

// measure sends under load, then what was queued while the endpoints were disabled.
func (a apart) measure(ctx context.Context, s *subscriptions, senders []*rig.Process) (out gains, err error) {
	r, err := listen()
	if err != nil {
		return out, err
	}
	defer r.Close()
	if err := s.make(ctx, r.Addr().String()); err != nil {
		return out, err
	}
	g := generator{trial: trial{endpoints: pairEndpoints}, address: strings.TrimPrefix(s.url, "http://"), token: s.token}
	load := func(span time.Duration) (int, error) {
		g.accepted.Store(0)
		err := g.run(span)
		return int(g.accepted.Load()) * fan, err
	}
	made, err := load(2 * time.Second) // warm, and the rounds are divided meanwhile
	if err != nil {
		return out, err
	}
	r.settle(made)
	r.taken()
	began := time.Now()
	if made, err = load(a.time); err != nil {
		return out, err
	}
	out.loaded = float64(r.count()) / time.Since(began).Seconds()
	r.settle(made)
	r.taken()
	if err := s.enable(ctx, false); err != nil {
		return out, err
	}
	if made, err = load(a.time); err != nil {
		return out, err
	}
	time.Sleep(time.Second) // what was taken is queued
	before := used(senders)
	began = time.Now()
	if err := s.enable(ctx, true); err != nil {
		return out, err
	}
	r.settle(made)
	r.mu.Lock()
	defer r.mu.Unlock()
	out.drained, out.cpu = float64(len(r.lags))/r.last.Sub(began).Seconds(), (used(senders)-before)/time.Duration(max(len(r.lags), 1))
	return out, nil
}

// used gives the processor time of processes.
func used(all []*rig.Process) (sum time.Duration) {
	for _, p := range all {
		sum += p.CPU()
	}
	return sum
}

// subscriptions are the endpoints at a server in another process.
type subscriptions struct {
	asker
	ids []string
}

// make subscribes as trial.subscribe does.
func (s *subscriptions) make(ctx context.Context, receiver string) error {
	for i := range pairEndpoints {
		var made struct{ Endpoint struct{ ID string } }
		err := s.ask(ctx, http.MethodPost, endpoints, map[string]any{
			"url": fmt.Sprintf("http://%s/hook/%d", receiver, i), "types": []string{"document.*"}, "condition": condition(i, pairEndpoints),
		}, &made)
		if err != nil {
			return err
		}
		s.ids = append(s.ids, made.Endpoint.ID)
	}
	return nil
}

// enable enables or disables all endpoints. Their queues stay.
func (s *subscriptions) enable(ctx context.Context, on bool) error {
	for _, id := range s.ids {
		if err := s.ask(ctx, http.MethodPatch, endpoints+"/"+id, map[string]any{"enabled": on}, nil); err != nil {
			return err
		}
	}
	return nil
}
