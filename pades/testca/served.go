package testca

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ocsp"
)

// Served is an authority that answers over HTTP on the loopback interface: OCSP
// under /ocsp and /ocsp2, CRLs under /issuer.crl and /root.crl, certificates
// under /issuer.cer and /root.cer. Fields may be changed between requests.
type Served struct {
	*CA
	URL       string
	Now       func() time.Time
	Responder Identity // who signs OCSP answers

	mu      sync.Mutex
	revoked map[string]time.Time
	asked   map[string]int
	server  *httptest.Server

	// Answer may change an OCSP answer before it is signed, or give bytes to send instead.
	Answer func(path string, r *ocsp.Response) []byte
	// List may change a CRL before it is signed.
	List func(path string, l *x509.RevocationList)
	// Down names paths that answer with status 503.
	Down map[string]bool
}

// NoCheck is the extension that frees an OCSP responder from being revoked.
var NoCheck = pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}, Value: []byte{5, 0}}

// Serve starts an authority; Close stops it.
func Serve() (*Served, error) { return ServeAt(func() time.Time { return Now }) }

// ServeAt is Serve by another clock.
func ServeAt(now func() time.Time) (*Served, error) {
	ca, err := NewAt(now())
	if err != nil {
		return nil, err
	}
	s := &Served{CA: ca, Now: now, revoked: map[string]time.Time{}, asked: map[string]int{}, Down: map[string]bool{}}
	s.server = httptest.NewServer(s)
	s.URL = s.server.URL
	c := *ca.Issuer
	c.IssuingCertificateURL, c.CRLDistributionPoints = []string{s.URL + "/root.cer"}, []string{s.URL + "/root.crl"}
	if ca.Issuer, err = create(&c, ca.Root, ca.key.Public(), ca.rootKey); err != nil {
		return nil, err
	}
	s.Responder, err = ca.Issue("Test responder", "p256", func(c *x509.Certificate) {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
		c.ExtraExtensions = []pkix.Extension{NoCheck}
	})
	return s, err
}

// Close stops serving.
func (s *Served) Close() { s.server.Close() }

// Client makes exchanges with this authority.
func (s *Served) Client() *http.Client { return s.server.Client() }

// Issue makes an identity whose certificate names this authority's addresses.
func (s *Served) Issue(name, kind string, change ...func(*x509.Certificate)) (Identity, error) {
	addresses := func(c *x509.Certificate) {
		c.OCSPServer = []string{s.URL + "/ocsp", s.URL + "/ocsp2"}
		c.IssuingCertificateURL = []string{s.URL + "/issuer.cer"}
		c.CRLDistributionPoints = []string{s.URL + "/issuer.crl"}
	}
	return s.CA.Issue(name, kind, append([]func(*x509.Certificate){addresses}, change...)...)
}

// Revoke puts a certificate on the list.
func (s *Served) Revoke(c *x509.Certificate, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revoked[c.SerialNumber.String()] = at
}

// SetDown makes a path answer with status 503, or ends that.
func (s *Served) SetDown(path string, down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Down[path] = down
}

// Asked counts the requests for a path.
func (s *Served) Asked(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[path]
}

// ServeHTTP implements http.Handler.
func (s *Served) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[r.URL.Path]++
	if s.Down[r.URL.Path] {
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	}
	var b []byte
	var err error
	switch {
	case strings.HasPrefix(r.URL.Path, "/ocsp"):
		var request []byte
		if request, err = io.ReadAll(io.LimitReader(r.Body, 1<<16)); err == nil {
			b, err = s.ocsp(r.URL.Path, request)
		}
	case r.URL.Path == "/issuer.crl":
		b, err = s.list(r.URL.Path, s.CA.Issuer, s.key)
	case r.URL.Path == "/root.crl":
		b, err = s.list(r.URL.Path, s.Root, s.rootKey)
	case r.URL.Path == "/issuer.cer":
		b = s.CA.Issuer.Raw
	case r.URL.Path == "/root.cer":
		b = s.Root.Raw
	default:
		http.NotFound(w, r)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(b) // who went away needs no answer
}

func (s *Served) ocsp(path string, request []byte) ([]byte, error) {
	q, err := ocsp.ParseRequest(request)
	if err != nil {
		return ocsp.MalformedRequestErrorResponse, nil
	}
	now := s.Now()
	answer := ocsp.Response{Status: ocsp.Good, SerialNumber: q.SerialNumber, ThisUpdate: now.Add(-time.Minute), NextUpdate: now.Add(48 * time.Hour)}
	if at, ok := s.revoked[q.SerialNumber.String()]; ok {
		answer.Status, answer.RevokedAt, answer.RevocationReason = ocsp.Revoked, at, ocsp.KeyCompromise
	}
	signer := s.Responder
	answer.Certificate = signer.Chain[0]
	if s.Answer != nil {
		if b := s.Answer(path, &answer); b != nil {
			return b, nil
		}
	}
	if answer.Certificate == nil { // signed by the issuer itself
		return ocsp.CreateResponse(s.CA.Issuer, s.CA.Issuer, answer, s.key)
	}
	return ocsp.CreateResponse(s.CA.Issuer, answer.Certificate, answer, signer.Key)
}

func (s *Served) list(path string, issuer *x509.Certificate, key crypto.Signer) ([]byte, error) {
	now := s.Now()
	l := &x509.RevocationList{Number: big.NewInt(now.Unix()), ThisUpdate: now.Add(-time.Minute), NextUpdate: now.Add(48 * time.Hour)}
	for serial, at := range s.revoked {
		n, _ := new(big.Int).SetString(serial, 10)
		l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: n, RevocationTime: at, ReasonCode: 1})
	}
	if s.List != nil {
		s.List(path, l)
	}
	return x509.CreateRevocationList(rand.Reader, l, issuer, key)
}

// CRL gives the newest list of the root or of the issuer.
func (s *Served) CRL(issuer *x509.Certificate) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if issuer.Equal(s.Root) {
		return s.list("/root.crl", s.Root, s.rootKey)
	}
	return s.list("/issuer.crl", s.CA.Issuer, s.key)
}
