// Command webhooks measures how fast events reach endpoints.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/server"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/webhook"
)

var received atomic.Int64
var mu sync.Mutex
var lags []time.Duration

func receive(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			r := bufio.NewReaderSize(c, 8192)
			body := make([]byte, 0, 4096)
			for {
				n := 0
				for {
					line, err := r.ReadSlice('\n')
					if err != nil {
						return
					}
					if len(line) <= 2 {
						break
					}
					if bytes.HasPrefix(line, []byte("Content-Length: ")) {
						fmt.Sscanf(string(line[16:]), "%d", &n)
					}
				}
				body = body[:n]
				if _, err := io.ReadFull(r, body); err != nil {
					return
				}
				now := time.Now()
				i := bytes.Index(body, []byte(`"time":"`))
				at, _ := time.Parse(time.RFC3339Nano, string(body[i+8:i+8+bytes.IndexByte(body[i+8:], '"')]))
				c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nDate: Thu, 26 Nov 2026 18:00:00 GMT\r\n\r\nok"))
				received.Add(1)
				mu.Lock()
				lags = append(lags, now.Sub(at))
				mu.Unlock()
			}
		}()
	}
}

func ownCPU() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func main() {
	n := flag.Int("endpoints", 10, "")
	callers := flag.Int("callers", 8, "")
	rate := flag.Float64("rate", 0, "events a second; 0 as fast as it goes")
	secs := flag.Int("secs", 5, "")
	fan := flag.Int("fan", 10, "endpoints that want an event")
	prof := flag.String("profile", "", "")
	db := flag.String("database", "", "")
	dir := flag.String("dir", "", "")
	flag.Parse()
	ctx := context.Background()
	c := config.Default()
	c.DataDir, _ = os.MkdirTemp(*dir, "wb")
	defer os.RemoveAll(c.DataDir)
	c.Listen, c.RateLimit, c.LogLevel, c.OutboundAllow, c.Database, c.TokenLifetime = "127.0.0.1:0", 0, "warn", []string{"127.0.0.0/8"}, config.Secret(*db), time.Hour
	srv, err := server.New(ctx, &c, server.Options{Version: "bench", ChildArgv: []string{"/bin/true"}})
	if err != nil {
		log.Fatal(err)
	}
	if err := srv.Start(ctx); err != nil {
		log.Fatal(err)
	}
	l, _ := net.Listen("tcp", "127.0.0.1:0")
	go receive(l)
	actor := access.Actor{Kind: access.Client, Org: srv.Admin.Client.Org, ID: srv.Admin.Client.ID, Scopes: srv.Admin.Client.Scopes}
	groups := *n / *fan
	for i := range *n {
		u := fmt.Sprintf("http://%s/e%d", l.Addr(), i)
		types := []string{"document.*"}
		cond := fmt.Sprintf(`event.data.external_id == "" || event.data.title.endsWith("-%d")`, i%groups)
		cond = fmt.Sprintf(`event.data.title.endsWith("-%d")`, i%groups)
		if _, err := srv.Service.CreateEndpoint(ctx, service.Call{Actor: actor}, service.EndpointSettings{URL: &u, Types: &types, Condition: &cond}, webhook.HMAC, ""); err != nil {
			log.Fatal(err)
		}
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {srv.Admin.Client.ID}, "client_secret": {srv.Admin.Secret}}
	res, err := http.PostForm(srv.URL()+"/oauth/token", form)
	if err != nil {
		log.Fatal(err)
	}
	var tok struct{ Access_token string }
	json.NewDecoder(res.Body).Decode(&tok)
	time.Sleep(500 * time.Millisecond)
	if *prof != "" {
		f, _ := os.Create(*prof)
		pprof.StartCPUProfile(f)
		defer pprof.StopCPUProfile()
	}
	cpu0 := ownCPU()
	var accepted atomic.Int64
	end := time.Now().Add(time.Duration(*secs) * time.Second)
	began := time.Now()
	var wg sync.WaitGroup
	var seq atomic.Int64
	address := strings.TrimPrefix(srv.URL(), "http://")
	for w := range *callers {
		wg.Go(func() {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				log.Fatal(err)
			}
			r := bufio.NewReader(conn)
			next := time.Now()
			for k := 0; time.Now().Before(end); k++ {
				if *rate > 0 {
					next = next.Add(time.Duration(float64(*callers) / *rate * float64(time.Second)))
					time.Sleep(time.Until(next))
				}
				body := fmt.Sprintf(`{"title":"Purchase request -%d","metadata":{"amount":4711}}`, int(seq.Add(1))%groups)
				fmt.Fprintf(conn, "POST /v1/drafts HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nIdempotency-Key: k%d-%d\r\nContent-Length: %d\r\n\r\n%s", address, tok.Access_token, w, k, len(body), body)
				res, err := http.ReadResponse(r, nil)
				if err != nil {
					log.Fatal(err)
				}
				if res.StatusCode != 201 {
					raw, _ := io.ReadAll(res.Body)
					log.Fatal(res.Status, string(raw))
				}
				io.Copy(io.Discard, res.Body)
				res.Body.Close()
				accepted.Add(1)
			}
		})
	}
	wg.Wait()
	took := time.Since(began)
	got := received.Load()
	mu.Lock()
	ls := slices.Clone(lags)
	mu.Unlock()
	slices.Sort(ls)
	q := func(p float64) float64 {
		if len(ls) == 0 {
			return 0
		}
		return float64(ls[int(p*float64(len(ls)-1))].Microseconds()) / 1000
	}
	fmt.Printf("accepted %.0f/s delivered %.0f/s during, lag p50 %.2f p99 %.2f ms\n", float64(accepted.Load())/took.Seconds(), float64(got)/took.Seconds(), q(.5), q(.99))
	want := accepted.Load() * int64(*fan)
	for i := 0; i < 300 && received.Load() < want; i++ {
		time.Sleep(10 * time.Millisecond)
	}
	cpu := ownCPU() - cpu0
	fmt.Printf("cpu per delivery %.0f µs, per event %.0f µs; used %.2f cores\n", float64(cpu.Microseconds())/float64(received.Load()), float64(cpu.Microseconds())/float64(accepted.Load()), cpu.Seconds()/time.Since(began).Seconds())
	fmt.Printf("want %d received %d; drained %.0f/s overall\n", want, received.Load(), float64(received.Load())/time.Since(began).Seconds())
	stop, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := srv.Stop(stop); err != nil {
		log.Print(err)
	}
}
