package revocation

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Cache keeps answers until they grow stale. Keys are digests; what it gives
// back is checked again.
type Cache interface {
	Get(key string) (value []byte, ok bool)
	Put(key string, value []byte, until time.Time)
}

// Memory is a Cache of so many answers; the ones put first go first.
type Memory struct {
	mu    sync.Mutex
	max   int
	order []string
	held  map[string][]byte
}

// NewMemory makes a Memory.
func NewMemory(answers int) *Memory { return &Memory{max: max(answers, 1), held: map[string][]byte{}} }

// Get implements Cache.
func (m *Memory) Get(key string) ([]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.held[key]
	return b, ok
}

// Put implements Cache.
func (m *Memory) Put(key string, value []byte, _ time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, old := m.held[key]; !old {
		if len(m.order) == m.max {
			delete(m.held, m.order[0])
			m.order = m.order[1:]
		}
		m.order = append(m.order, key)
	}
	m.held[key] = value
}

// cached gives an answer that still passes check, or gets and keeps a new one.
func (r *run) cached(what string, get func() ([]byte, error), check func([]byte) (time.Time, error)) ([]byte, time.Time, error) {
	sum := sha256.Sum256([]byte(what))
	key := string(sum[:])
	if b, ok := r.c.Cache.Get(key); ok {
		if until, err := check(b); err == nil {
			return b, until, nil
		}
	}
	b, err := get()
	if err != nil {
		return nil, time.Time{}, err
	}
	until, err := check(b)
	if err != nil {
		return nil, time.Time{}, err
	}
	r.c.Cache.Put(key, b, until)
	return b, until, nil
}

func (r *run) fetch(address string, most int64, check func([]byte) (time.Time, error)) ([]byte, time.Time, error) {
	return r.cached("GET "+address, func() ([]byte, error) { return r.exchange(http.MethodGet, address, nil, most) }, check)
}

func (r *run) post(address string, request []byte) ([]byte, error) {
	return r.exchange(http.MethodPost, address, request, r.c.MaxOCSP)
}

// exchange makes one HTTP exchange within the bounds.
func (r *run) exchange(verb, address string, body []byte, most int64) ([]byte, error) {
	if r.left--; r.left < 0 {
		return nil, &Error{Reason: Exhausted, Detail: fmt.Sprintf("more than %d exchanges would be needed", r.c.Fetches)}
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, &Error{Reason: Unreachable, Detail: "this is no address of http or https"}
	}
	ctx, cancel := context.WithTimeout(r.ctx, r.c.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, verb, address, bytes.NewReader(body))
	if err != nil {
		return nil, &Error{Reason: Unreachable, Detail: err.Error()}
	}
	if verb == http.MethodPost {
		req.Header.Set("Content-Type", "application/ocsp-request")
		req.Header.Set("Accept", "application/ocsp-response")
	}
	res, err := r.c.HTTP.Do(req)
	if err != nil {
		return nil, &Error{Reason: Unreachable, Detail: err.Error()}
	}
	defer res.Body.Close() //nolint:errcheck // nothing was written
	if res.StatusCode != http.StatusOK {
		return nil, &Error{Reason: Refused, Detail: "the answer is " + res.Status}
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, most+1))
	if err != nil {
		return nil, &Error{Reason: Unreachable, Detail: err.Error()}
	}
	if int64(len(b)) > most {
		return nil, &Error{Reason: Malformed, Detail: fmt.Sprintf("the answer is larger than %d bytes", most)}
	}
	if p, _ := pem.Decode(b); p != nil {
		b = p.Bytes
	}
	return b, nil
}

// issuer finds the certificate of the authority that signed cert: among others,
// or by the address that cert names (RFC 5280, 4.2.2.1).
func (r *run) issuer(cert *x509.Certificate, others []*x509.Certificate) (*x509.Certificate, error) {
	for _, c := range others {
		if issued(cert, c) {
			return c, nil
		}
	}
	failed := &Error{Reason: NoIssuer, Certificate: cert, Detail: "the certificate of its issuer is not known, and no address of it is given"}
	for _, address := range cert.IssuingCertificateURL {
		var found *x509.Certificate
		_, _, err := r.fetch(address, r.c.MaxOCSP, func(b []byte) (time.Time, error) {
			for _, c := range certificates(b) {
				if issued(cert, c) {
					found = c
					return c.NotAfter, nil
				}
			}
			return time.Time{}, &Error{Reason: Unfit, Detail: "the certificate there is not that of the issuer"}
		})
		if err == nil {
			return found, nil
		}
		failed.Detail = ""
		failed.Attempts = append(failed.Attempts, Attempt{address, NoIssuer, err.Error()})
	}
	return nil, failed
}

func issued(cert, issuer *x509.Certificate) bool {
	return bytes.Equal(cert.RawIssuer, issuer.RawSubject) && cert.CheckSignatureFrom(issuer) == nil
}

// certificates reads one certificate, or several in a PKCS #7 without signers.
func certificates(der []byte) []*x509.Certificate {
	if c, err := x509.ParseCertificate(der); err == nil {
		return []*x509.Certificate{c}
	}
	in := cryptobyte.String(der)
	var info, wrapped, signed, list cryptobyte.String
	explicit := cbasn1.Tag(0).ContextSpecific().Constructed()
	if !in.ReadASN1(&info, cbasn1.SEQUENCE) || !info.SkipASN1(cbasn1.OBJECT_IDENTIFIER) || !info.ReadASN1(&wrapped, explicit) ||
		!wrapped.ReadASN1(&signed, cbasn1.SEQUENCE) || !signed.SkipASN1(cbasn1.INTEGER) || !signed.SkipASN1(cbasn1.SET) ||
		!signed.SkipASN1(cbasn1.SEQUENCE) || !signed.ReadASN1(&list, explicit) {
		return nil
	}
	var out []*x509.Certificate
	for !list.Empty() && len(out) < maxChain {
		var one cryptobyte.String
		var tag cbasn1.Tag
		if !list.ReadAnyASN1Element(&one, &tag) {
			break
		}
		if c, err := x509.ParseCertificate(one); err == nil {
			out = append(out, c)
		}
	}
	return out
}
