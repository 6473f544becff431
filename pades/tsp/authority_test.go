package tsp_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paraph/paraph/pades/testca"
	"github.com/paraph/paraph/pades/tsp"
	"github.com/paraph/paraph/pades/tsp/tsptest"
)

// ask gives what an authority answers.
func ask(t *testing.T, a *tsp.Authority, request []byte) (*tsp.Response, error) {
	t.Helper()
	der, _, err := a.Respond(request)
	return must(tsp.ParseResponse(der)), err
}

// TestRefusals: the failure fits what was wrong.
func TestRefusals(t *testing.T) {
	t.Parallel()
	good := must((&tsp.Request{Hash: crypto.SHA256, Digest: digest}).Marshal())
	version2 := bytes.Clone(good)
	version2[4] = 2
	sha1 := bytes.Replace(good, []byte{0x30, 0x0b, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1}, []byte{0x30, 0x0b, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 4}, 1) // SHA-224
	extended := bytes.Clone(good)
	extended[1] += 2
	extended = append(extended, 0xa0, 0)
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		request []byte
		config  func(*tsp.AuthorityConfig)
		want    tsp.Failure
	}{
		"no DER":                {[]byte("hello"), nil, tsp.BadDataFormat},
		"nothing":               {nil, nil, tsp.BadDataFormat},
		"a byte behind":         {append(bytes.Clone(good), 0), nil, tsp.BadDataFormat},
		"too long":              {make([]byte, tsp.MaxRequest+1), nil, tsp.BadDataFormat},
		"version 2":             {version2, nil, tsp.BadRequest},
		"another digest":        {sha1, nil, tsp.BadAlgorithm},
		"an extension":          {extended, nil, tsp.UnacceptedExtension},
		"a policy it has not":   {must((&tsp.Request{Hash: crypto.SHA256, Digest: digest, Policy: "1.2.3"}).Marshal()), nil, tsp.UnacceptedPolicy},
		"no time":               {good, func(c *tsp.AuthorityConfig) { c.Now = standingAt(time.Time{}) }, tsp.TimeNotAvailable},
		"certificate not valid": {good, func(c *tsp.AuthorityConfig) { c.Now = standingAt(noon.AddDate(3, 0, 0)) }, tsp.SystemFailure},
		"no serial number":      {good, func(c *tsp.AuthorityConfig) { c.Serial = func() (*big.Int, error) { return nil, broken } }, tsp.SystemFailure},
	} {
		tsa := tsptest.New(t, tsptest.Options{Now: standingAt(noon), Config: c.config})
		r, err := ask(t, tsa.Authority, c.request)
		if err == nil || r.Status != tsp.Rejection || len(r.Failures) != 1 || r.Failures[0] != c.want || len(r.Text) != 1 {
			t.Errorf("%s: the answer is %+v, %v", name, r, err)
		}
		if name == "no serial number" && !errors.Is(err, broken) {
			t.Errorf("the cause is lost: %v", err)
		}
	}
}

// TestAuthorityIsMadeRight: what cannot be an authority is refused at the making.
func TestAuthorityIsMadeRight(t *testing.T) {
	t.Parallel()
	ca := must(testca.New())
	good := must(ca.Issue("TSA", "p256", tsptest.Usage(true, timeStamping)))
	other := must(ca.Issue("Other", "p256", tsptest.Usage(true, timeStamping)))
	for name, c := range map[string]tsp.AuthorityConfig{
		"another key":          {Key: other.Key, Chain: good.Chain, Policies: []string{"1.2.3"}},
		"no certificate":       {Key: good.Key, Policies: []string{"1.2.3"}},
		"no usage":             configOf(must(ca.Issue("No usage", "p256"))),
		"uncritical usage":     configOf(must(ca.Issue("Uncritical", "p256", tsptest.Usage(false, timeStamping)))),
		"P-521":                configOf(must(ca.IssueFor("P-521", must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader)), tsptest.Usage(true, timeStamping)))),
		"no policy":            {Key: good.Key, Chain: good.Chain},
		"a policy of words":    {Key: good.Key, Chain: good.Chain, Policies: []string{"best"}},
		"a digest not of ours": {Key: good.Key, Chain: good.Chain, Policies: []string{"1.2.3"}, Hash: crypto.SHA1},
	} {
		if _, err := tsp.NewAuthority(c); err == nil {
			t.Errorf("%s: it is an authority", name)
		}
	}
	if _, err := tsp.NewAuthority(configOf(good)); err != nil {
		t.Error(err)
	}
}

func configOf(id testca.Identity) tsp.AuthorityConfig {
	return tsp.AuthorityConfig{Key: id.Key, Chain: id.Chain, Policies: []string{"1.2.3"}}
}

// TestManyAtOnce: serial numbers are never the same, and where tokens are ordered
// each has a later time than those before it, though the clock stands.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	tsa := tsptest.New(t, tsptest.Options{Now: standingAt(noon), Config: func(c *tsp.AuthorityConfig) { c.Ordering = true }})
	request := must((&tsp.Request{Hash: crypto.SHA256, Digest: digest, Certificates: true}).Marshal())
	const callers, each = 8, 25
	tokens := make(chan *tsp.Token, callers*each)
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			var last time.Time
			for range each {
				der, _, err := tsa.Respond(request)
				if err != nil {
					t.Error(err)
					return
				}
				token := must(tsp.Parse(must(tsp.ParseResponse(der)).Token))
				if !token.Ordering || !token.Time.After(last) {
					t.Errorf("%v does not come after %v", token.Time, last)
				}
				last = token.Time
				tokens <- token
			}
		})
	}
	all.Wait()
	close(tokens)
	serials, times := map[string]bool{}, map[time.Time]bool{}
	for token := range tokens {
		serials[token.Serial.String()], times[token.Time] = true, true
	}
	if len(serials) != callers*each || len(times) != callers*each {
		t.Errorf("%d tokens have %d serial numbers and %d times", callers*each, len(serials), len(times))
	}
}

func TestInjectedSerials(t *testing.T) {
	t.Parallel()
	n := int64(100)
	tsa := tsptest.New(t, tsptest.Options{Now: standingAt(noon), Config: func(c *tsp.AuthorityConfig) {
		c.Serial = func() (*big.Int, error) { n++; return big.NewInt(n), nil }
	}})
	for want := int64(101); want < 104; want++ {
		info, _, err := tsa.Issue(&tsp.Request{Hash: crypto.SHA256, Digest: digest})
		if err != nil || info.Serial.Int64() != want {
			t.Errorf("%v, %v", info, err)
		}
	}
}

// TestHandler: what is none of the protocol gets a status of HTTP, what is gets an
// answer of the protocol.
func TestHandler(t *testing.T) {
	t.Parallel()
	tsa := tsptest.New(t, tsptest.Options{})
	server := httptest.NewServer(tsa.Authority)
	defer server.Close()
	request := must((&tsp.Request{Hash: crypto.SHA256, Digest: digest}).Marshal())
	for name, c := range map[string]struct {
		method, media string
		body          io.Reader
		want          int
	}{
		"a request":          {"POST", tsp.QueryType, bytes.NewReader(request), 200},
		"with a parameter":   {"POST", tsp.QueryType + "; charset=binary", bytes.NewReader(request), 200},
		"garbage":            {"POST", tsp.QueryType, strings.NewReader("garbage"), 200},
		"GET":                {"GET", tsp.QueryType, nil, 405},
		"another media type": {"POST", "text/plain", bytes.NewReader(request), 415},
		"no media type":      {"POST", "", bytes.NewReader(request), 415},
		"too long":           {"POST", tsp.QueryType, bytes.NewReader(make([]byte, tsp.MaxRequest+1)), 413},
	} {
		r := must(http.NewRequest(c.method, server.URL, c.body))
		if c.media != "" {
			r.Header.Set("Content-Type", c.media)
		}
		res := must(http.DefaultClient.Do(r))
		body := must(io.ReadAll(res.Body))
		res.Body.Close()
		if res.StatusCode != c.want {
			t.Errorf("%s: the status is %d instead of %d", name, res.StatusCode, c.want)
		}
		if c.want != 200 {
			continue
		}
		answer, err := tsp.ParseResponse(body)
		if err != nil || answer.Granted() != (name != "garbage") || res.Header.Get("Content-Type") != tsp.ReplyType {
			t.Errorf("%s: %+v, %v, %v", name, answer, err, res.Header)
		}
	}
}

// TestCertificatesOnDemand: they are in the token where they were asked for, the
// root never.
func TestCertificatesOnDemand(t *testing.T) {
	t.Parallel()
	tsa := tsptest.New(t, tsptest.Options{Now: standingAt(noon)})
	for _, want := range []bool{true, false} {
		_, der, err := tsa.Issue(&tsp.Request{Hash: crypto.SHA256, Digest: digest, Certificates: want})
		if err != nil {
			t.Fatal(err)
		}
		certs := must(tsp.Parse(der)).Certificates
		if want && len(certs) != 2 || !want && len(certs) != 0 {
			t.Errorf("%d certificates where certReq is %v", len(certs), want)
		}
		for _, c := range certs {
			if c.Equal(tsa.CA.Root) {
				t.Error("the root is in it")
			}
		}
	}
}
