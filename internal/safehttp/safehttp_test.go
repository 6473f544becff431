package safehttp

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

func TestOnlyThePublicInternet(t *testing.T) {
	t.Parallel()
	g := &guard{}
	for _, a := range []string{
		"0.0.0.0", "0.1.2.3", "10.1.2.3", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.254", "169.254.169.254",
		"172.16.0.1", "172.31.255.255", "192.168.1.1", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.19.255.255", "198.51.100.1",
		"203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "192.88.99.1",
		"::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0:127.0.0.1",
		"64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "fc00::1",
		"fd00:ec2::254", "fe80::1", "fe80::1%lo", "fec0::1", "ff02::1", "4000::1", "3fff::1",
	} {
		if g.denied(netip.MustParseAddr(a)) == "" {
			t.Errorf("%s is taken for public", a)
		}
	}
	for _, a := range []string{"1.1.1.1", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "192.167.0.1", "223.255.255.255", "::ffff:1.1.1.1", "2606:4700::1111", "2a00:1450::1"} {
		if why := g.denied(netip.MustParseAddr(a)); why != "" {
			t.Errorf("%s is refused: %s", a, why)
		}
	}
	if (&guard{}).denied(netip.Addr{}) == "" {
		t.Error("no address at all is taken for public")
	}
	open := &guard{Options{Allow: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}}}
	if open.denied(netip.MustParseAddr("::ffff:10.1.2.3")) != "" || open.denied(netip.MustParseAddr("10.2.0.1")) == "" {
		t.Error("what is allowed is not what was named")
	}
}

// denied tells whether a request ended because its address may not be reached.
func denied(err error) bool {
	var d *DeniedError
	return errors.As(err, &d)
}

func serve(t *testing.T, fn http.HandlerFunc) *httptest.Server {
	s := httptest.NewServer(fn)
	t.Cleanup(s.Close)
	return s
}

func TestLoopbackNeedsPermission(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { asked.Add(1) })
	for _, u := range []string{s.URL, strings.Replace(s.URL, "127.0.0.1", "localhost", 1), strings.Replace(s.URL, "127.0.0.1", "[::ffff:127.0.0.1]", 1)} {
		if _, err := New(Options{PlainHTTP: true}).Get(u); !denied(err) {
			t.Errorf("%s: %v", u, err)
		}
	}
	if asked.Load() != 0 {
		t.Error("the server was reached")
	}
	res, err := New(Options{PlainHTTP: true, Allow: loopback}).Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if _, err := New(Options{Allow: loopback}).Get(s.URL); !denied(err) {
		t.Errorf("plain HTTP without permission: %v", err)
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("a", "b")
	if _, err := New(Options{Allow: loopback, PlainHTTP: true}).Get(u.String()); !denied(err) {
		t.Errorf("an address with a password: %v", err)
	}
}

// TestRebinding: a name that answers first with a public address and then with
// the loopback's is judged at each connection by the address it is made to.
func TestRebinding(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { t.Error("the server was reached") })
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int64
	answers := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("127.0.0.1")}
	c := New(Options{PlainHTTP: true, Lookup: func(context.Context, string) ([]netip.Addr, error) {
		return answers[min(asked.Add(1)-1, 1):], nil
	}})
	for range 3 {
		before := asked.Load()
		if _, err := c.Get("http://rebinding.example:" + port + "/"); !denied(err) {
			t.Errorf("%v", err)
		}
		if got := asked.Load() - before; got != 1 {
			t.Errorf("the name was asked for %d times for one connection", got)
		}
	}
	// The second wall alone: what the kernel is about to connect to.
	if err := (&guard{}).control("tcp4", "127.0.0.1:80", nil); !denied(err) {
		t.Errorf("the connection itself is not judged: %v", err)
	}
}

func TestAPublicAddressAmongOthersIsFound(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Host) })
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := New(Options{PlainHTTP: true, Allow: loopback, Lookup: func(_ context.Context, host string) ([]netip.Addr, error) {
		if host != "two.example" {
			return nil, nil
		}
		return []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("127.0.0.1")}, nil
	}})
	res, err := c.Get("http://two.example.:" + port + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err != nil || string(body) != "two.example.:"+port {
		t.Errorf("%q, %v", body, err)
	}
	if _, err := c.Get("http://none.example:" + port + "/"); err == nil {
		t.Error("a name without an address is reached")
	}
}

func TestNoRedirectIsFollowed(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			t.Error("the redirect was followed")
		}
		http.Redirect(w, r, "/inside", http.StatusFound)
	})
	res, err := New(Options{PlainHTTP: true, Allow: loopback}).Get(s.URL + "/")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusFound {
		t.Errorf("status %d", res.StatusCode)
	}
}

func TestNoProxyOfTheEnvironment(t *testing.T) {
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) { t.Error("the proxy was asked") })
	t.Setenv("HTTP_PROXY", proxy.URL)
	c := New(Options{PlainHTTP: true, Lookup: func(context.Context, string) ([]netip.Addr, error) { return nil, errors.New("no such name") }})
	if _, err := c.Get("http://public.example/"); err == nil {
		t.Error("a name that does not exist was reached")
	}
}

func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body := strings.Repeat("x", 100)
		if r.URL.Path == "/stream" {
			for range 50 {
				fmt.Fprint(w, body)
				w.(http.Flusher).Flush()
			}
			return
		}
		fmt.Fprint(w, body)
	})
	get := func(limit int64, path string) (string, error) {
		res, err := New(Options{PlainHTTP: true, Allow: loopback, MaxBody: limit}).Get(s.URL + path)
		if err != nil {
			return "", err
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		return string(body), err
	}
	if body, err := get(100, "/"); err != nil || len(body) != 100 {
		t.Errorf("an answer of just the length: %d, %v", len(body), err)
	}
	if _, err := get(99, "/"); !errors.Is(err, ErrTooLong) {
		t.Errorf("one byte more: %v", err)
	}
	if body, err := get(150, "/stream"); !errors.Is(err, ErrTooLong) || len(body) != 150 {
		t.Errorf("a stream: %d bytes, %v", len(body), err)
	}
}

// TestOldTLSIsRefused: a server that speaks TLS 1.1 at most is not spoken to.
func TestOldTLSIsRefused(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	res, err := New(Options{Allow: loopback, Roots: s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}).Get(s.URL)
	if err == nil {
		res.Body.Close()
		t.Error("TLS 1.1 is spoken")
	}
}

func TestCertificatesAreChecked(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(s.Close)
	s.Config.ErrorLog = nil
	if _, err := New(Options{Allow: loopback}).Get(s.URL); err == nil {
		t.Error("a certificate nobody vouches for is taken")
	}
	res, err := New(Options{Allow: loopback, Roots: s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}).Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
}

// rsaKey is drawn once; it takes long.
var rsaKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// weak serves by TLS 1.2 with one suite, and is asked.
func weak(t *testing.T, suite uint16) error {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	key, err := rsaKey()
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	s.TLS = &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite}, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	res, err := New(Options{Allow: loopback, Roots: roots}).Get(s.URL)
	if err == nil {
		res.Body.Close()
	}
	return err
}

// TestWeakSuitesAreRefused: a server with nothing better than CBC and SHA-1 of the old kind, or
// with Triple-DES, is not spoken to; one with a good suite is.
func TestWeakSuitesAreRefused(t *testing.T) {
	t.Parallel()
	if err := weak(t, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256); err != nil {
		t.Fatal(err)
	}
	for _, suite := range []uint16{tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA, tls.TLS_RSA_WITH_AES_128_CBC_SHA256, tls.TLS_ECDHE_RSA_WITH_RC4_128_SHA, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA} {
		if weak(t, suite) == nil {
			t.Errorf("%s is spoken", tls.CipherSuiteName(suite))
		}
	}
}

// TestKeysAreAgreedAnew: a server that has the key sent to it under its certificate's, so that
// whoever has that later can read everything, is not spoken to.
func TestKeysAreAgreedAnew(t *testing.T) {
	t.Parallel()
	for _, suite := range []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_256_GCM_SHA384} {
		if weak(t, suite) == nil {
			t.Errorf("%s is spoken", tls.CipherSuiteName(suite))
		}
	}
}
