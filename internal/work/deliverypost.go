package work

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/safehttp"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/webhook"
)

const (
	// answerTime is how long an answer's body may take once its status is known: the
	// status decides, and the body is only kept for people.
	answerTime = 2 * time.Second
	// drainAnswer is how much of an answer is read so that its connection can be used again.
	drainAnswer = 64 << 10
	// mostHeaders and mostHeader bound what is kept of an answer's headers.
	mostHeaders = 40
	mostHeader  = 500
	// idlePerHost is how many connections to one host are kept: many endpoints may lie
	// on it, each with as many requests on their way as its pace lets go.
	idlePerHost = 512
	mostDetail  = 400
	userAgent   = "Paraph-Webhooks/1"
)

// HTTPPoster posts deliveries over HTTP, to where it may.
type HTTPPoster struct {
	service *service.Service
	options safehttp.Options
	public  http.RoundTripper // https, to anywhere that may be reached
	plain   http.RoundTripper // http, to the networks that an operator allowed
}

// NewHTTPPoster makes a poster. Of the options, those that bound answers are its own.
func NewHTTPPoster(s *service.Service, o safehttp.Options) *HTTPPoster {
	o.MaxBody, o.Idle, o.PlainHTTP = -1, idlePerHost, false
	p := &HTTPPoster{service: s, options: o, public: safehttp.New(o).Transport}
	o.PlainHTTP, o.AllowedOnly = true, true
	p.plain = safehttp.New(o).Transport
	return p
}

// Target implements Poster.
func (p *HTTPPoster) Target(ctx context.Context, e webhook.Endpoint) (Target, error) {
	keys, err := p.service.EndpointKeys(ctx, e)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(e.URL)
	if err != nil {
		return nil, err
	}
	t := &httpTarget{url: u, via: p.public, timeout: e.Timeout, header: http.Header{}, keys: keys.Secrets}
	if u.Scheme == "http" {
		t.via = p.plain
	}
	if e.Certificate != "" {
		pair, err := tls.X509KeyPair([]byte(e.Certificate), []byte(keys.TLSKey))
		if err != nil {
			return nil, err
		}
		o := p.options
		o.Certificates = []tls.Certificate{pair}
		t.via = safehttp.New(o).Transport
	}
	t.header.Set("Content-Type", event.MediaType)
	t.header.Set("User-Agent", userAgent)
	for name, value := range keys.Headers {
		t.header.Set(name, value)
	}
	// Without a value it is not sent. It tells the transport that a request may go
	// once more over a new connection, where an old one turns out to be closed.
	t.header["Idempotency-Key"] = nil
	return t, nil
}

// httpTarget is an endpoint that is ready to be sent to.
type httpTarget struct {
	url     *url.URL
	via     http.RoundTripper
	timeout time.Duration
	header  http.Header
	keys    []service.OpenSecret
	signers sync.Pool // of *[]*webhook.Signer, in the order of keys
}

// Post implements Target.
func (t *httpTarget) Post(ctx context.Context, at time.Time, eventID string, body []byte) Reply {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	signature, err := t.sign(at, eventID, body)
	if err != nil {
		return Reply{Answer: webhook.Answer{Trouble: webhook.NotSendable, Detail: err.Error()}}
	}
	header := make(http.Header, len(t.header)+3)
	for name, values := range t.header {
		header[name] = values
	}
	header[webhook.HeaderID] = []string{eventID}
	header[webhook.HeaderTimestamp] = []string{strconv.FormatInt(at.Unix(), 10)}
	header[webhook.HeaderSignature] = []string{signature}
	req := (&http.Request{
		Method: http.MethodPost, URL: t.url, Host: t.url.Host, Header: header, ContentLength: int64(len(body)),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: io.NopCloser(bytes.NewReader(body)),
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil },
	}).WithContext(ctx)
	res, err := t.via.RoundTrip(req)
	if err != nil {
		return Reply{Answer: troubleOf(ctx, err)}
	}
	out := Reply{Answer: webhook.Answer{Status: res.StatusCode, RetryAfter: retryAfter(res.Header.Get("Retry-After"), at)}, Header: headersOf(res.Header)}
	if res.Body != http.NoBody && res.ContentLength != 0 {
		patience := time.AfterFunc(answerTime, cancel)
		out.Body, out.Cut = readAnswer(res.Body)
		patience.Stop()
	}
	res.Body.Close()
	return out
}

// readAnswer reads the beginning of an answer, and lets the rest go by where it is short.
func readAnswer(r io.Reader) (kept []byte, cut bool) {
	kept, err := io.ReadAll(io.LimitReader(r, webhook.MaxAnswer))
	if err != nil || len(kept) < webhook.MaxAnswer {
		return kept, err != nil
	}
	n, err := io.CopyN(io.Discard, r, drainAnswer)
	return kept, n > 0 || !errors.Is(err, io.EOF)
}

// sign signs with every secret that is in force.
func (t *httpTarget) sign(at time.Time, eventID string, body []byte) (string, error) {
	all, _ := t.signers.Get().(*[]*webhook.Signer)
	if all == nil {
		all = new([]*webhook.Signer)
		for _, k := range t.keys {
			s, err := webhook.NewSigner(k.Text)
			if err != nil {
				return "", err
			}
			*all = append(*all, s)
		}
	}
	defer t.signers.Put(all)
	now := make([]*webhook.Signer, 0, 4)
	for i, k := range t.keys {
		if k.ExpiresAt.IsZero() || k.ExpiresAt.After(at) {
			now = append(now, (*all)[i])
		}
	}
	return webhook.Sign(now, eventID, at, body), nil
}

// troubleOf says why no answer came.
func troubleOf(ctx context.Context, err error) webhook.Answer {
	out := webhook.Answer{Trouble: webhook.BrokenOff, Detail: clean(err.Error(), mostDetail)}
	var denied *safehttp.DeniedError
	var lookup *net.DNSError
	var dial *net.OpError
	var cert *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &denied):
		out.Trouble = webhook.Denied
	case errors.Is(ctx.Err(), context.DeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		out.Trouble, out.Detail = webhook.TimedOut, "It did not answer in time."
	case errors.As(err, &lookup):
		out.Trouble = webhook.NoConnection
	case errors.As(err, &cert), errors.As(err, &record), errors.As(err, &alert), errors.As(err, &unknown), strings.Contains(err.Error(), "tls: "):
		out.Trouble = webhook.BadTLS
	case errors.As(err, &dial) && dial.Op == "dial":
		out.Trouble = webhook.NoConnection
	case strings.Contains(err.Error(), "malformed HTTP"), strings.Contains(err.Error(), "http2: "):
		out.Trouble = webhook.NoAnswer
	}
	return out
}

// retryAfter reads a Retry-After header (RFC 9110 section 10.2.3): seconds or a date.
func retryAfter(header string, now time.Time) time.Duration {
	if header == "" {
		return 0
	}
	if n, err := strconv.Atoi(header); err == nil && n >= 0 {
		return time.Duration(min(n, int(webhook.MaxWait/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil && at.After(now) {
		return at.Sub(now)
	}
	return 0
}

// headersOf writes headers as JSON, as far as they are kept.
func headersOf(h http.Header) []byte {
	names := slices.Sorted(maps.Keys(h))
	raw := append(make([]byte, 0, 256), '{')
	for i, name := range names[:min(len(names), mostHeaders)] {
		if i > 0 {
			raw = append(raw, ',')
		}
		raw = append(appendText(raw, name), ':')
		raw = appendText(raw, strings.Join(h[name], ", "))
	}
	return append(raw, '}')
}

// appendText appends another's text as JSON, as far as it is kept.
func appendText(raw []byte, s string) []byte {
	raw, _ = jsontext.AppendQuote(raw, clean(s, mostHeader)) // fails for what clean has replaced only
	return raw
}

// clean makes a text of another's one that can be kept.
func clean(s string, most int) string {
	if len(s) > most {
		s = s[:most]
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
}
