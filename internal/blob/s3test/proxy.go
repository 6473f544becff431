package s3test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// Proxy stands before a gateway and misbehaves as its functions say. They may be
// nil, and are set before the first request.
type Proxy struct {
	URL      string
	Requests atomic.Int64
	// Handle may answer a request itself, and says whether it did.
	Handle func(w http.ResponseWriter, r *http.Request) bool
	// Alter may change a request; it is signed anew.
	Alter func(r *http.Request)
	// Answer may change an answer.
	Answer func(r *http.Response) error
}

// Proxy starts a proxy before the gateway, which ends with the test.
func (g *Gateway) Proxy(t testing.TB) *Proxy {
	t.Helper()
	target, err := url.Parse(g.URL)
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{}
	onward := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host
			r.Out.Host = r.In.Host // it is signed
			if p.Alter != nil {
				p.Alter(r.Out)
				sign(r.Out)
			}
		},
		ModifyResponse: func(r *http.Response) error {
			if p.Answer != nil {
				return p.Answer(r)
			}
			return nil
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.Requests.Add(1)
		if p.Handle == nil || !p.Handle(w, r) {
			onward.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	p.URL = server.URL
	return p
}

// sign signs a request as the client did.
func sign(r *http.Request) {
	r.Header.Del("Authorization")
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil {
		return // the gateway refuses it
	}
	_ = v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }).SignHTTP(context.Background(),
		aws.Credentials{AccessKeyID: AccessKey, SecretAccessKey: SecretKey}, r, r.Header.Get("X-Amz-Content-Sha256"), "s3", Region, at)
}
