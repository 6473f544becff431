package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite"

	"github.com/paraph/paraph/bench/rig"
	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/server"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/webhook"
)

// fewDead are the dead deliveries of the small store, and how many a redrive sends.
const fewDead = 5000

// store is a store on SQLite, filled beforehand.
type store struct {
	name, dir string
	srv       *server.Server
	actor     access.Actor
	asker
	endpoint webhook.Endpoint // whose deliveries are dead; it is disabled
}

// speeds are what is compared.
type speeds struct{ lists, redriven, delivered float64 }

func growth(args []string) error {
	fs := flag.NewFlagSet("growth", flag.ExitOnError)
	big, small := fs.String("big", "", "folder of the store with many events"), fs.String("small", "", "folder of the one with few")
	dead, rounds := fs.Int("dead", 1_000_000, "dead deliveries in the big store"), fs.Int("rounds", 5, "pairs")
	span := fs.Duration("time", 3*time.Second, "how long events happen")
	if err := fs.Parse(args); err != nil {
		return err
	}
	for _, dir := range []string{*small, *big} {
		if err := rig.OnDisk(dir); err != nil {
			return err
		}
	}
	ctx := context.Background()
	var stores []*store
	for _, s := range []struct {
		name, dir string
		dead      int
	}{{"small", *small, fewDead}, {"big", *big, *dead}} {
		began := time.Now()
		one, err := openStore(ctx, s.name, s.dir, s.dead)
		if err != nil {
			return err
		}
		defer one.srv.Stop(ctx)
		fmt.Printf("%s: ready after %.0f s\n", s.name, time.Since(began).Seconds())
		stores = append(stores, one)
	}
	var lists, redriven, delivered []float64
	for round := range *rounds {
		var got [2]speeds
		for i, s := range stores {
			var err error
			if got[i], err = s.speeds(ctx, *span); err != nil {
				return err
			}
			fmt.Printf("round %d, %s: %.0f lists/s, %.0f redriven/s, %.0f deliveries/s\n", round+1, s.name, got[i].lists, got[i].redriven, got[i].delivered)
		}
		lists, redriven, delivered = append(lists, got[1].lists/got[0].lists), append(redriven, got[1].redriven/got[0].redriven), append(delivered, got[1].delivered/got[0].delivered)
	}
	same := func(v float64) float64 { return v }
	fmt.Printf("the big store keeps: listing %s, redrive %s, delivery %s of the small one's speed\n", spread(lists, 2, same), spread(redriven, 2, same), spread(delivered, 2, same))
	return nil
}

func openStore(ctx context.Context, name, dir string, dead int) (*store, error) {
	s := &store{name: name, dir: dir}
	if err := s.start(ctx); err != nil {
		return nil, err
	}
	address, types := "https://away.example/hook", []string{"document.*", "task.*"}
	made, err := s.srv.Service.CreateEndpoint(ctx, service.Call{Actor: s.actor}, service.EndpointSettings{URL: &address, Types: &types}, webhook.HMAC, "")
	if err != nil {
		return nil, err
	}
	off := false
	if _, err := s.srv.Service.UpdateEndpoint(ctx, service.Call{Actor: s.actor}, made.Value.Endpoint.ID, service.EndpointSettings{}, &off); err != nil {
		return nil, err
	}
	s.endpoint = made.Value.Endpoint
	if err := s.srv.Stop(ctx); err != nil {
		return nil, err
	}
	if err := s.bury(ctx, dead); err != nil {
		return nil, err
	}
	return s, s.start(ctx)
}

// start starts the server on the store.
func (s *store) start(ctx context.Context) (err error) {
	c := config.Default()
	c.DataDir, c.Listen, c.RateLimit, c.LogLevel, c.OutboundAllow, c.TokenLifetime, c.AuditInterval = s.dir, "127.0.0.1:0", 0, "error", []string{"127.0.0.0/8"}, time.Hour, 24*time.Hour
	if s.srv, err = server.New(ctx, &c, server.Options{Version: "bench", ChildArgv: []string{"/nowhere"}}); err != nil {
		return err
	}
	if err := s.srv.Start(ctx); err != nil {
		return err
	}
	raw, err := os.ReadFile(filepath.Join(s.dir, "bench-admin.json"))
	if err != nil {
		return err
	}
	var admin struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	if err := json.Unmarshal(raw, &admin); err != nil {
		return err
	}
	if s.token, err = login(s.srv, admin.ID, admin.Secret); err != nil {
		return err
	}
	s.url = s.srv.URL()
	return s.srv.Store.Read(ctx, func(ctx context.Context, tx service.Reader) error {
		client, err := tx.Client(ctx, admin.ID)
		s.actor = access.Actor{Kind: access.Client, Org: client.Org, ID: client.ID, Scopes: client.Scopes}
		return err
	})
}

// bury writes dead deliveries of past events past the product's own ways, each with an attempt.
func (s *store) bury(ctx context.Context, n int) error {
	c := config.Default()
	c.DataDir = s.dir
	db, err := sql.Open("sqlite", "file:"+server.DatabaseURL(&c)+"?_pragma=synchronous(OFF)&_pragma=cache_size(-500000)")
	if err != nil {
		return err
	}
	defer db.Close()
	for _, statement := range []string{
		"INSERT INTO webhook_form (no, form, source) VALUES (1000, 1, 'https://bench.example') ON CONFLICT DO NOTHING",
		fmt.Sprintf(`INSERT INTO delivery SELECT idx, %d, 2, '', 1000, 10, 10, 0, at, 500, 'status_500' FROM entry WHERE idx IS NOT NULL AND document_id <> ''
			AND (kind LIKE 'document.%%' OR kind LIKE 'task.%%') ORDER BY idx LIMIT %d`, s.endpoint.No, n),
		fmt.Sprintf("INSERT INTO attempt SELECT idx, endpoint, 10, ended_at, 1000, 500, 'status_500', FALSE, FALSE, 'It answered 500.', '{\"Server\":\"bench\"}', x'6e6f' FROM delivery WHERE endpoint = %d", s.endpoint.No),
		fmt.Sprintf("UPDATE webhook_queue SET dead = (SELECT COUNT(*) FROM delivery WHERE endpoint = %[1]d) WHERE endpoint = %[1]d", s.endpoint.No),
	} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%w: %s", err, statement)
		}
	}
	return nil
}

// path names something of the endpoint whose deliveries are dead.
func (s *store) path(rest string) string { return endpoints + "/" + s.endpoint.ID + rest }

func (s *store) speeds(ctx context.Context, span time.Duration) (out speeds, err error) {
	const pages = 100
	after, began := "", time.Now()
	for range pages {
		var page struct{ Next string }
		if err := s.ask(ctx, "GET", s.path("/deliveries?state=dead&limit=50&after="+after), nil, &page); err != nil {
			return out, err
		}
		after = page.Next
	}
	out.lists = pages / time.Since(began).Seconds()
	if out.redriven, err = s.redrive(ctx); err != nil {
		return out, err
	}
	r, err := trial{endpoints: 10, time: span}.measure(ctx, s.srv, s.actor, s.token)
	out.delivered = r.delivered
	return out, err
}

// redrive sends some dead deliveries anew, and lets them be dead again afterwards. The
// endpoint is disabled: what is timed is the redrive.
func (s *store) redrive(ctx context.Context) (float64, error) {
	var r struct {
		ID, State  string
		Deliveries int
	}
	var first []webhook.Delivery
	err := s.srv.Store.Read(ctx, func(ctx context.Context, tx service.Reader) (err error) {
		first, err = tx.DeadDeliveries(ctx, s.endpoint.No, 0, 1<<40, 1000)
		return err
	})
	if err != nil {
		return 0, err
	}
	began := time.Now()
	for i := 0; i < len(first); i += 500 {
		ids, err := s.names(ctx, first[i:min(i+500, len(first))])
		if err != nil {
			return 0, err
		}
		if err := s.ask(ctx, "POST", s.path("/replays"), map[string]any{"which": "dead", "event_ids": ids}, &r); err != nil {
			return 0, err
		}
		for r.State != "succeeded" {
			if err := s.ask(ctx, "GET", s.path("/replays/"+r.ID), nil, &r); err != nil {
				return 0, err
			}
		}
	}
	took := time.Since(began).Seconds()
	return float64(len(first)) / took, s.srv.Store.Write(ctx, func(ctx context.Context, tx service.Tx) error {
		for i := range first {
			first[i].State = webhook.Dead
		}
		_, err := tx.SettleDeliveries(ctx, first)
		return err
	})
}

func (s *store) names(ctx context.Context, rows []webhook.Delivery) (ids []string, err error) {
	indexes := make([]int64, len(rows))
	for i, d := range rows {
		indexes[i] = d.Index
	}
	err = s.srv.Store.Read(ctx, func(ctx context.Context, tx service.Reader) error {
		entries, err := tx.EntriesAt(ctx, indexes)
		for _, e := range entries {
			ids = append(ids, e.ID)
		}
		return err
	})
	return ids, err
}
