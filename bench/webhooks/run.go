package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/paraph/paraph/bench/rig"
	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/server"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/webhook"
)

// fan is how many endpoints want each event.
const fan = 10

// callers make events happen at the same time.
const callers = 16

// trial is one measurement on a server of its own.
type trial struct {
	endpoints int
	hanging   int     // of them, endpoints that never answer
	rate      float64 // events a second; 0: as fast as it goes
	time      time.Duration
	dir       string
}

// result is what a trial came to.
type result struct {
	accepted  float64 // events a second
	delivered float64 // deliveries a second, to endpoints that answer, while events happened
	p50, p99  time.Duration
	cpu       time.Duration // of the whole process for a delivery, generator and receiver included
}

// run measures: a server with everything on, endpoints over HTTP, events by its API.
func (t trial) run(ctx context.Context) (out result, err error) {
	err = t.on(ctx, func(h *house) error {
		token, err := login(h.srv, h.srv.Admin.Client.ID, h.srv.Admin.Secret)
		if err != nil {
			return err
		}
		out, err = t.measure(ctx, h.srv, h.admin, token)
		return err
	})
	return out, err
}

// house is a server with its administrator.
type house struct {
	srv   *server.Server
	admin access.Actor
}

// on runs fn beside a server on a new store.
func (t trial) on(ctx context.Context, fn func(*house) error) (err error) {
	c := config.Default()
	if c.DataDir, err = os.MkdirTemp(t.dir, "paraph-webhooks-"); err != nil {
		return err
	}
	defer os.RemoveAll(c.DataDir)
	c.Listen, c.RateLimit, c.LogLevel, c.OutboundAllow, c.TokenLifetime = "127.0.0.1:0", 0, "error", []string{"127.0.0.0/8"}, time.Hour
	srv, err := server.New(ctx, &c, server.Options{Version: "bench", ChildArgv: []string{"/nowhere"}})
	if err != nil {
		return err
	}
	if err := srv.Start(ctx); err != nil {
		return err
	}
	defer func() {
		stop, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		if serr := srv.Stop(stop); err == nil {
			err = serr
		}
	}()
	by := srv.Admin.Client
	return fn(&house{srv, access.Actor{Kind: access.Client, Org: by.Org, ID: by.ID, Scopes: by.Scopes}})
}

// measure makes events happen on a running server, and times what arrives.
func (t trial) measure(ctx context.Context, srv *server.Server, admin access.Actor, token string) (out result, err error) {
	r, err := listen()
	if err != nil {
		return out, err
	}
	defer r.Close()
	made, err := t.subscribe(ctx, srv, admin, r)
	if err != nil {
		return out, err
	}
	defer func() { // on a store that is measured again, they would hear of the next events too
		for _, id := range made {
			if _, derr := srv.Service.DeleteEndpoint(context.WithoutCancel(ctx), service.Call{Actor: admin}, id); err == nil {
				err = derr
			}
		}
	}()
	g := generator{trial: t, address: strings.TrimPrefix(srv.URL(), "http://"), token: token}
	if err := g.run(time.Second); err != nil { // warm
		return out, err
	}
	r.settle(int(g.accepted.Load()) * (fan - t.hanging))
	r.taken()
	g.accepted.Store(0)
	began, spent := time.Now(), rig.OwnCPU()
	if err := g.run(t.time); err != nil {
		return out, err
	}
	took := time.Since(began).Seconds()
	out.accepted, out.delivered = float64(g.accepted.Load())/took, float64(r.count())/took
	r.settle(int(g.accepted.Load()) * (fan - t.hanging))
	lags := r.taken()
	out.cpu = (rig.OwnCPU() - spent) / time.Duration(max(len(lags), 1))
	slices.Sort(lags)
	if len(lags) > 0 {
		out.p50, out.p99 = lags[len(lags)/2], lags[len(lags)*99/100]
	}
	return out, nil
}

// settle waits until so much has come, or nothing comes any more.
func (r *receiver) settle(want int) {
	for n, since := r.count(), time.Now(); n < want && time.Since(since) < 20*time.Second; time.Sleep(20 * time.Millisecond) {
		if now := r.count(); now != n {
			n, since = now, time.Now()
		}
	}
}

// subscribe makes the endpoints, in groups of fan: a condition lets each event go to one group.
func (t trial) subscribe(ctx context.Context, srv *server.Server, admin access.Actor, r *receiver) (ids []string, err error) {
	call := service.Call{Actor: admin}
	dead, err := hang()
	if err != nil {
		return nil, err
	}
	for i := range t.endpoints {
		address := fmt.Sprintf("http://%s/hook/%d", r.Addr(), i)
		if i < t.hanging {
			address = fmt.Sprintf("http://%s/hook/%d", dead.Addr(), i)
		}
		types, wanted := []string{"document.*"}, condition(i, t.endpoints)
		made, err := srv.Service.CreateEndpoint(ctx, call, service.EndpointSettings{URL: &address, Types: &types, Condition: &wanted}, webhook.HMAC, "")
		if err != nil {
			return nil, err
		}
		ids = append(ids, made.Value.Endpoint.ID)
	}
	return ids, nil
}

// condition lets an endpoint want the events of its group.
func condition(i, endpoints int) string {
	return fmt.Sprintf(`event.data.title.endsWith("-%d")`, i%(endpoints/fan))
}

func login(srv *server.Server, id, secret string) (string, error) {
	res, err := http.PostForm(srv.URL()+"/oauth/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}})
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	var got struct {
		Token string `json:"access_token"`
	}
	return got.Token, json.NewDecoder(res.Body).Decode(&got)
}

// generator makes events happen over the API.
type generator struct {
	trial
	address, token string
	seq            atomic.Int64
	accepted       atomic.Int64
}

func (g *generator) run(d time.Duration) error {
	end := time.Now().Add(d)
	failed := make(chan error, callers)
	var group sync.WaitGroup
	for n := range callers {
		group.Go(func() {
			if err := g.call(n, end); err != nil {
				failed <- err
			}
		})
	}
	group.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

func (g *generator) call(n int, end time.Time) error {
	c, err := net.Dial("tcp", g.address)
	if err != nil {
		return err
	}
	defer c.Close()
	in := bufio.NewReader(c)
	next, period := time.Now(), time.Duration(0)
	if g.rate > 0 { // one after another, evenly: each begins its turn a little later
		period = time.Duration(callers / g.rate * float64(time.Second))
		next = next.Add(period * time.Duration(n) / callers)
	}
	for time.Now().Before(end) {
		time.Sleep(time.Until(next))
		next = next.Add(period)
		k := g.seq.Add(1)
		body := fmt.Sprintf(`{"title":"Purchase request -%d","metadata":{"amount":4711}}`, int(k)%(g.endpoints/fan))
		if _, err := fmt.Fprintf(c, "POST /v1/drafts HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nIdempotency-Key: k%d\r\nContent-Length: %d\r\n\r\n%s", g.address, g.token, k, len(body), body); err != nil {
			return err
		}
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			return err
		}
		raw, err := io.ReadAll(res.Body)
		if err != nil {
			return err
		}
		if res.StatusCode != http.StatusCreated {
			return fmt.Errorf("%s: %s", res.Status, raw)
		}
		g.accepted.Add(1)
	}
	return nil
}
