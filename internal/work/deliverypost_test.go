package work

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/safehttp"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/webhook"
)

var here = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// aimed makes a target over a poster that may reach this machine.
func aimed(t *testing.T, address string, timeout time.Duration, o safehttp.Options) *httpTarget {
	t.Helper()
	p := NewHTTPPoster(nil, o)
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	secret, _ := webhook.NewSecret(webhook.HMAC)
	out := &httpTarget{url: u, via: p.plain, timeout: timeout, header: http.Header{}, keys: []service.OpenSecret{{Text: secret}}}
	if u.Scheme == "https" {
		out.via = p.public
	}
	return out
}

// raw is a receiver that says what it likes once a request's head has come.
func raw(t *testing.T, fn func(c net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				b := make([]byte, 64<<10)
				if _, err := c.Read(b); err == nil {
					fn(c)
				}
			}()
		}
	}()
	return "http://" + l.Addr().String() + "/hook"
}

func say(c net.Conn, format string, args ...any) { fmt.Fprintf(c, format, args...) }

// TestHostileReceivers: whatever a receiver does, the attempt ends in time, little is
// kept, and it is told what happened.
func TestHostileReceivers(t *testing.T) {
	t.Parallel()
	forever := make(chan struct{})
	t.Cleanup(func() { close(forever) })
	trickle := func(c net.Conn, words string) {
		for {
			for _, b := range []byte(words) {
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
				select {
				case <-forever:
					return
				case <-time.After(10 * time.Millisecond):
				}
			}
		}
	}
	for name, c := range map[string]struct {
		does   func(net.Conn)
		status int
		code   webhook.Trouble
		cut    bool
	}{
		"hangs":                  {does: func(net.Conn) { <-forever }, code: webhook.TimedOut},
		"trickles its status":    {does: func(c net.Conn) { trickle(c, "HTTP/1.1 200 OK ") }, code: webhook.TimedOut},
		"trickles headers":       {does: func(c net.Conn) { say(c, "HTTP/1.1 200 OK\r\n"); trickle(c, "X-A: b\r\n") }, code: webhook.TimedOut},
		"trickles its answer":    {does: func(c net.Conn) { say(c, "HTTP/1.1 200 OK\r\n\r\n"); trickle(c, "ha") }, status: 200, cut: true},
		"hangs in its answer":    {does: func(c net.Conn) { say(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"); <-forever }, status: 200, cut: true},
		"closes at once":         {does: func(net.Conn) {}, code: webhook.BrokenOff},
		"closes in its headers":  {does: func(c net.Conn) { say(c, "HTTP/1.1 200 OK\r\nX-") }, code: webhook.BrokenOff},
		"closes in its answer":   {does: func(c net.Conn) { say(c, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nab") }, status: 200, cut: true},
		"speaks no HTTP":         {does: func(c net.Conn) { say(c, "220 smtp.example.com ESMTP\r\n") }, code: webhook.NoAnswer},
		"sends headers for ever": {does: func(c net.Conn) { say(c, "HTTP/1.1 200 OK\r\n"); endless(c, "X-A: "+strings.Repeat("b", 4000)+"\r\n") }, code: webhook.BrokenOff},
		"redirects inward": {does: func(c net.Conn) {
			say(c, "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n")
		}, status: 307},
		"asks to wait 1000 years": {does: func(c net.Conn) { say(c, "HTTP/1.1 503 Away\r\nRetry-After: 31536000000\r\nContent-Length: 0\r\n\r\n") }, status: 503},
		"sends a gigabyte": {does: func(c net.Conn) {
			say(c, "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")
			endless(c, strings.Repeat("x", 64<<10))
		}, status: 200, cut: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := aimed(t, raw(t, c.does), 500*time.Millisecond, safehttp.Options{Allow: here})
			got := to.Post(context.Background(), time.Now(), "evt_1", []byte(`{"a":1}`))
			if got.Status != c.status || got.Trouble != c.code || got.Cut != c.cut || len(got.Body) > webhook.MaxAnswer || got.RetryAfter > webhook.MaxWait {
				t.Errorf("%d %q %s cut %v, %d bytes, wait %v", got.Status, got.Trouble, got.Detail, got.Cut, len(got.Body), got.RetryAfter)
			}
			if name == "redirects inward" && got.Judge().Code != "redirected" {
				t.Errorf("%+v", got.Judge())
			}
		})
	}
}

func endless(c net.Conn, words string) {
	raw := []byte(words)
	for {
		if _, err := c.Write(raw); err != nil {
			return
		}
	}
}

// TestMemory: a hundred receivers that send without end cost little memory.
func TestMemory(t *testing.T) {
	address := raw(t, func(c net.Conn) {
		say(c, "HTTP/1.1 500 No\r\nContent-Length: 1073741824\r\n\r\n")
		endless(c, strings.Repeat("x", 64<<10))
	})
	to := aimed(t, address, time.Minute, safehttp.Options{Allow: here})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 {
		if got := to.Post(context.Background(), time.Now(), "evt_1", []byte("{}")); got.Status != 500 || !got.Cut || len(got.Body) != webhook.MaxAnswer {
			t.Fatalf("%+v", got.Answer)
		}
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / 100; each > 512<<10 {
		t.Errorf("an answer without end cost %d bytes", each)
	}
}

// TestNoWayInward: addresses that are not public are not reached, however they are
// written, and however a name changes its answer.
func TestNoWayInward(t *testing.T) {
	t.Parallel()
	var inside atomic.Int64
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	outside, err := net.Listen("tcp", fmt.Sprintf("127.0.0.2:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	serve := func(l net.Listener, status int, count *atomic.Int64) {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			count.Add(1)
			w.Header().Set("Connection", "close")
			w.WriteHeader(status)
		}))
		s.Listener.Close()
		s.Listener = l
		s.Start()
		t.Cleanup(s.Close)
	}
	var reached atomic.Int64
	serve(l, 200, &inside)
	serve(outside, 202, &reached)
	turns := atomic.Int64{}
	o := safehttp.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}, Lookup: func(context.Context, string) ([]netip.Addr, error) {
		a := netip.MustParseAddr("127.0.0.2")
		if turns.Add(1)%2 == 0 {
			a = netip.MustParseAddr("127.0.0.1")
		}
		return []netip.Addr{a}, nil
	}}
	to := aimed(t, fmt.Sprintf("http://by-turns.example:%d/", port), time.Second, o)
	for i := range 20 {
		got := to.Post(context.Background(), time.Now(), "evt_1", []byte("{}"))
		if i%2 == 0 && got.Status != 202 || i%2 == 1 && got.Trouble != webhook.Denied {
			t.Errorf("%d: %+v", i, got.Answer)
		}
	}
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "169.254.169.254", "10.0.0.1", "[fd00:ec2::254]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "100.64.0.1"} {
		to := aimed(t, fmt.Sprintf("https://%s:%d/", host, port), time.Second, safehttp.Options{})
		if got := to.Post(context.Background(), time.Now(), "evt_1", []byte("{}")); got.Trouble != webhook.Denied {
			t.Errorf("%s: %+v", host, got.Answer)
		}
	}
	if inside.Load() != 0 || reached.Load() != 10 {
		t.Errorf("the inside was reached %d times, the outside %d times", inside.Load(), reached.Load())
	}
}

// TestClientCertificate: an endpoint that asks for a certificate gets the one it is
// to get; a server that nobody vouches for gets nothing.
func TestClientCertificate(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "paraph"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.TLS.PeerCertificates[0].Subject.CommonName)
	}))
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	s.StartTLS()
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	pair := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	post := func(o safehttp.Options) Reply {
		o.Allow = here
		return aimed(t, s.URL, 5*time.Second, o).Post(context.Background(), time.Now(), "evt_1", []byte("{}"))
	}
	if got := post(safehttp.Options{Roots: roots, Certificates: []tls.Certificate{pair}}); got.Status != 200 || string(got.Body) != "paraph" {
		t.Errorf("%+v %s", got.Answer, got.Body)
	}
	if got := post(safehttp.Options{Roots: roots}); got.Trouble != webhook.BadTLS {
		t.Errorf("without a certificate: %+v", got.Answer)
	}
	if got := post(safehttp.Options{Certificates: []tls.Certificate{pair}}); got.Trouble != webhook.BadTLS {
		t.Errorf("a server that nobody vouches for: %+v", got.Answer)
	}
}

// TestHeadersKept: whatever an answer's headers hold, what is kept of them is JSON and short.
func TestHeadersKept(t *testing.T) {
	t.Parallel()
	hostile := http.Header{"B": {"one", "two"}, "A": {"\"\\\n\x00\xff<é>"}, "Long": {strings.Repeat("é", mostHeader)}}
	var got map[string]string
	if err := json.Unmarshal(headersOf(hostile), &got); err != nil {
		t.Fatal(err)
	}
	if got["B"] != "one, two" || got["A"] != "\"\\\n\ufffd\ufffd<é>" || len(got["Long"]) > mostHeader {
		t.Errorf("%q", got)
	}
	many := http.Header{}
	for i := range 2 * mostHeaders {
		many.Set(fmt.Sprint("X-", i), "1")
	}
	if err := json.Unmarshal(headersOf(many), &got); err != nil || len(got) != mostHeaders+len(hostile) {
		t.Errorf("%d headers: %v", len(got), err)
	}
	if string(headersOf(nil)) != "{}" {
		t.Errorf("%s", headersOf(nil))
	}
}
