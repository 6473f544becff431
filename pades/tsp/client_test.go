package tsp_test

import (
	"context"
	"crypto"
	"crypto/sha256"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/pades/tsp"
	"github.com/paraph/paraph/pades/tsp/tsptest"
)

var digest = func() []byte { d := sha256.Sum256([]byte("what was stamped")); return d[:] }()

// noRedirects is a client as a careful caller brings it.
var noRedirects = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

func client(t testing.TB, c tsp.ClientConfig, authorities ...tsp.Endpoint) *tsp.Client {
	t.Helper()
	c.Authorities = authorities
	if c.HTTP == nil {
		c.HTTP = noRedirects
	}
	out, err := tsp.NewClient(c)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestStamp(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"p256", "p384", "rsa", "ed25519"} {
		for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
			t.Run(kind+" "+h.String(), func(t *testing.T) {
				t.Parallel()
				tsa := tsptest.New(t, tsptest.Options{Kind: kind})
				w := h.New()
				w.Write([]byte("what was stamped"))
				c := client(t, tsp.ClientConfig{}, tsp.Endpoint{URL: tsa.Serve(t), Policy: tsptest.OtherPolicy, Chain: tsa.Chain()})
				stamp, err := c.Stamp(t.Context(), h, w.Sum(nil))
				if err != nil {
					t.Fatal(err)
				}
				if len(stamp.Chain) != 3 || !stamp.Signer.Equal(tsa.Certificate()) || stamp.Token.Policy != tsptest.OtherPolicy || stamp.Token.Accuracy != time.Second {
					t.Errorf("the stamp is %+v of %v", stamp.Token.Info, stamp.Signer.Subject)
				}
				again, err := tsp.Parse(stamp.Token.DER)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := again.Verify(w.Sum(nil), tsp.VerifyOptions{Chain: tsa.Chain()}); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestFaults: each fault is refused for its reason, and the next authority is asked.
func TestFaults(t *testing.T) {
	t.Parallel()
	for fault, want := range tsptest.Reasons {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			bad, good := tsptest.New(t, tsptest.Options{}), tsptest.New(t, tsptest.Options{})
			bad.Misbehave(fault)
			limit := tsp.ClientConfig{}
			if fault == tsptest.Slow {
				limit.Timeout = 50 * time.Millisecond
			}
			first := tsp.Endpoint{URL: bad.Serve(t), Policy: tsptest.Policy, Chain: bad.Chain()}
			_, err := client(t, limit, first).Stamp(t.Context(), crypto.SHA256, digest)
			var failed *tsp.FailedError
			if !errors.As(err, &failed) || len(failed.Attempts) != 1 || tsp.ReasonOf(failed.Attempts[0].Err) != want {
				t.Fatalf("the reason is %q instead of %q: %v", tsp.ReasonOf(err), want, err)
			}
			limit.Timeout = 0
			if fault == tsptest.Slow {
				limit.Timeout = time.Second // the good one answers in time
			}
			stamp, err := client(t, limit, first, tsp.Endpoint{URL: good.Serve(t), Chain: good.Chain()}).Stamp(t.Context(), crypto.SHA256, digest)
			if err != nil || !stamp.Signer.Equal(good.Certificate()) {
				t.Errorf("the second authority did not step in: %v", err)
			}
		})
	}
}

func TestWithoutRootsTrustIsNotDecided(t *testing.T) {
	t.Parallel()
	tsa := tsptest.New(t, tsptest.Options{})
	stamp, err := client(t, tsp.ClientConfig{}, tsp.Endpoint{URL: tsa.Serve(t)}).Stamp(t.Context(), crypto.SHA256, digest)
	if err != nil || stamp.Chain != nil || stamp.Signer == nil {
		t.Errorf("%+v, %v", stamp, err)
	}
}

// TestOutage: an authority that is out costs its time once, is asked again by one
// caller after a rest that doubles, and is first again once it answers.
func TestOutage(t *testing.T) {
	t.Parallel()
	bad, good := tsptest.New(t, tsptest.Options{}), tsptest.New(t, tsptest.Options{})
	bad.Misbehave(tsptest.Status500)
	now := clock.NewFake(time.Now())
	c := client(t, tsp.ClientConfig{Now: now.Now, Skew: time.Hour},
		tsp.Endpoint{URL: bad.Serve(t), Chain: bad.Chain()}, tsp.Endpoint{URL: good.Serve(t), Chain: good.Chain()})
	stamp := func(want *tsptest.TSA, asked int) {
		t.Helper()
		s, err := c.Stamp(t.Context(), crypto.SHA256, digest)
		if err != nil || !s.Signer.Equal(want.Certificate()) {
			t.Fatalf("the stamp is not of the authority expected: %v", err)
		}
		if bad.Asked() != asked {
			t.Fatalf("the bad authority was asked %d times instead of %d", bad.Asked(), asked)
		}
	}
	stamp(good, 1)
	stamp(good, 1)
	now.Advance(31 * time.Second)
	stamp(good, 2)
	now.Advance(31 * time.Second) // the rest has doubled
	stamp(good, 2)
	good.Misbehave(tsptest.Rejects)
	_, err := c.Stamp(t.Context(), crypto.SHA256, digest)
	var failed *tsp.FailedError
	if !errors.As(err, &failed) || !failed.Attempts[0].Passed || failed.Attempts[1].Passed || tsp.ReasonOf(err) != tsp.ReasonHTTP {
		t.Fatalf("%v", err)
	}
	asked := good.Asked()
	if _, err := c.Stamp(t.Context(), crypto.SHA256, digest); !errors.As(err, &failed) || !failed.Attempts[1].Passed || good.Asked() != asked {
		t.Fatalf("both are out, and one was asked all the same: %v", err)
	}
	var status *tsp.StatusError
	if !errors.As(err, &status) && !errors.As(failed, &status) || status.Text != "out of order" {
		t.Errorf("the authority's own words are lost: %v", failed)
	}
	if s := c.States(); s[0].Failures != 2 || s[1].Failures != 1 || s[0].Err == nil {
		t.Errorf("the states are %+v", s)
	}
	bad.Misbehave(tsptest.None)
	good.Misbehave(tsptest.None)
	c.Retry()
	stamp(bad, 3)
	stamp(bad, 4)
	if s := c.States(); s[0].Failures != 0 || s[0].Err != nil {
		t.Errorf("the states are %+v", s)
	}
}

// TestRefusedRequestIsNoOutage: an authority that does not take one request is
// asked for the next.
func TestRefusedRequestIsNoOutage(t *testing.T) {
	t.Parallel()
	tsa := tsptest.New(t, tsptest.Options{})
	tsa.Misbehave(tsptest.RejectsRequest)
	c := client(t, tsp.ClientConfig{}, tsp.Endpoint{URL: tsa.Serve(t)})
	for range 2 {
		if _, err := c.Stamp(t.Context(), crypto.SHA256, digest); tsp.ReasonOf(err) != tsp.ReasonRejected {
			t.Fatal(err)
		}
	}
	if tsa.Asked() != 2 {
		t.Errorf("it was asked %d times", tsa.Asked())
	}
}

// TestOneTriesAgain: of many callers after a rest one asks the authority that is
// out; a caller that goes away is no failure of it.
func TestOneTriesAgain(t *testing.T) {
	t.Parallel()
	bad, good := tsptest.New(t, tsptest.Options{}), tsptest.New(t, tsptest.Options{})
	bad.Misbehave(tsptest.Status500)
	now := clock.NewFake(time.Now())
	c := client(t, tsp.ClientConfig{Now: now.Now, Skew: time.Hour}, tsp.Endpoint{URL: bad.Serve(t)}, tsp.Endpoint{URL: good.Serve(t)})
	if _, err := c.Stamp(t.Context(), crypto.SHA256, digest); err != nil {
		t.Fatal(err)
	}
	now.Advance(time.Minute)
	bad.Misbehave(tsptest.Slow)
	ctx, giveUp := context.WithCancel(t.Context())
	var first sync.WaitGroup
	first.Go(func() {
		if _, err := c.Stamp(ctx, crypto.SHA256, digest); !errors.Is(err, context.Canceled) {
			t.Errorf("a caller that gave up gets %v", err)
		}
	})
	for bad.Asked() < 2 { // its own request is on the way
		<-time.After(time.Millisecond)
	}
	for range 3 {
		if s, err := c.Stamp(t.Context(), crypto.SHA256, digest); err != nil || !s.Signer.Equal(good.Certificate()) {
			t.Fatal(err)
		}
	}
	if bad.Asked() != 2 {
		t.Errorf("%d callers asked the authority that is out", bad.Asked()-1)
	}
	giveUp()
	first.Wait()
	if s := c.States()[0]; s.Failures != 1 || !s.Until.IsZero() {
		t.Errorf("the caller's going was taken for the authority's failure: %+v", s)
	}
}

// TestSlowIsBounded: an authority that never answers costs the client's own time
// limit, and the caller's deadline when that comes first.
func TestSlowIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hangs := doer(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		c := client(t, tsp.ClientConfig{HTTP: hangs}, tsp.Endpoint{URL: "https://one.example"}, tsp.Endpoint{URL: "https://two.example"})
		began := time.Now()
		if _, err := c.Stamp(t.Context(), crypto.SHA256, digest); tsp.ReasonOf(err) != tsp.ReasonUnreachable || time.Since(began) != 20*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		began = time.Now()
		if _, err := c.Stamp(t.Context(), crypto.SHA256, digest); err == nil || time.Since(began) != 0 {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		c = client(t, tsp.ClientConfig{HTTP: hangs}, tsp.Endpoint{URL: "https://one.example"})
		for failures, deadline := range []time.Duration{time.Second, 7 * time.Second} {
			ctx, cancel := context.WithTimeout(t.Context(), deadline)
			if _, err := c.Stamp(ctx, crypto.SHA256, digest); err != context.DeadlineExceeded {
				t.Errorf("after a deadline of %v: %v", deadline, err)
			}
			cancel()
			if got := c.States()[0].Failures; got != failures {
				t.Errorf("after a deadline of %v the authority has %d failures", deadline, got)
			}
		}
	})
}

func TestCredentialsAndSecrets(t *testing.T) {
	t.Parallel()
	tsa := tsptest.New(t, tsptest.Options{})
	var seen []string
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Get("Authorization"))
		tsa.ServeHTTP(w, r)
	}))
	defer server.Close()
	for _, e := range []tsp.Endpoint{{User: "ada", Password: "pass word"}, {Bearer: "abc"}, {}} {
		e.URL = server.URL
		if _, err := client(t, tsp.ClientConfig{HTTP: server.Client()}, e).Stamp(t.Context(), crypto.SHA256, digest); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Join(seen, "|") != "Basic YWRhOnBhc3Mgd29yZA==|Bearer abc|" {
		t.Errorf("the credentials sent are %q", seen)
	}
	for name, e := range map[string]tsp.Endpoint{
		"in the clear":     {URL: "http://tsa.example", User: "ada", Password: "canary"},
		"in the address":   {URL: "https://ada:canary@tsa.example"},
		"both":             {URL: "https://tsa.example", User: "ada", Bearer: "canary"},
		"another scheme":   {URL: "ftp://tsa.example"},
		"no host":          {URL: "https:///canary"},
		"no policy at all": {URL: "https://tsa.example/?key=canary", Policy: "one.two"},
	} {
		_, err := tsp.NewClient(tsp.ClientConfig{Authorities: []tsp.Endpoint{e}, HTTP: noRedirects})
		if err == nil || strings.Contains(err.Error(), "canary") && name != "no host" {
			t.Errorf("%s: %v", name, err)
		}
	}
	away := client(t, tsp.ClientConfig{}, tsp.Endpoint{URL: "http://127.0.0.1:1/?key=canary"})
	if _, err := away.Stamp(t.Context(), crypto.SHA256, digest); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("what may be a secret shows: %v", err)
	}
}

func TestWhatCannotBeStamped(t *testing.T) {
	t.Parallel()
	tsa := tsptest.New(t, tsptest.Options{})
	c := client(t, tsp.ClientConfig{}, tsp.Endpoint{URL: tsa.Serve(t)})
	for h, want := range map[crypto.Hash]tsp.Reason{crypto.SHA1: tsp.ReasonAlgorithm, crypto.SHA512: tsp.ReasonImprint} {
		if _, err := c.Stamp(t.Context(), h, digest); tsp.ReasonOf(err) != want {
			t.Errorf("%v: %v", h, err)
		}
	}
	if tsa.Asked() != 0 {
		t.Error("the authority was asked all the same")
	}
	if _, err := tsp.NewClient(tsp.ClientConfig{HTTP: noRedirects}); err == nil {
		t.Error("a client of no authority was made")
	}
}

// TestNonceIsRandom: no two requests carry the same nonce.
func TestNonceIsRandom(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 100 {
		r, err := tsp.NewRequest(crypto.SHA256, digest, "", nil)
		if err != nil || seen[r.Nonce.String()] || r.Nonce.Cmp(big.NewInt(1<<62)) < 0 {
			t.Fatalf("%v, %v", r, err)
		}
		seen[r.Nonce.String()] = true
	}
}

type doer func(*http.Request) (*http.Response, error)

func (d doer) Do(r *http.Request) (*http.Response, error) { return d(r) }
