package oauth

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/jwks"
)

// connectionCertificates gives the certificates of the TLS connection itself.
func connectionCertificates(r *http.Request) ([]*x509.Certificate, error) {
	if r.TLS == nil {
		return nil, nil
	}
	return r.TLS.PeerCertificates, nil
}

// ForwardedCertificates gives the certificates of the TLS connection, or those that a
// proxy on one of the networks hands on in a header: as RFC 9440 has it (Client-Cert,
// with the chain in the header of the name and -Chain), or as PEM that is escaped for
// URLs. Nobody else's header is looked at; "": nobody's.
func ForwardedCertificates(header string, proxies []netip.Prefix) func(*http.Request) ([]*x509.Certificate, error) {
	return func(r *http.Request) ([]*x509.Certificate, error) {
		if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
			return r.TLS.PeerCertificates, nil
		}
		if header == "" || r.Header.Get(header) == "" || !fromOneOf(r.RemoteAddr, proxies) {
			return nil, nil
		}
		if sent := r.Header.Values(header); len(sent) != 1 {
			return nil, errors.New("the header with the certificate stands there twice")
		}
		if text := r.Header.Get(header); !strings.HasPrefix(text, ":") {
			return escapedPEM(text)
		}
		var chain []*x509.Certificate
		for _, item := range append(r.Header.Values(header), strings.Split(strings.Join(r.Header.Values(header+"-Chain"), ","), ",")...) {
			if item = strings.TrimSpace(item); item == "" {
				continue
			}
			der, err := base64.StdEncoding.DecodeString(strings.Trim(item, ":"))
			if err != nil || len(chain) == maxChain {
				return nil, errors.New("a forwarded certificate cannot be read")
			}
			c, err := x509.ParseCertificate(der)
			if err != nil {
				return nil, err
			}
			chain = append(chain, c)
		}
		return chain, nil
	}
}

// maxChain is the most certificates of a chain that are read.
const maxChain = 10

func fromOneOf(peer string, networks []netip.Prefix) bool {
	addr, err := netip.ParseAddrPort(peer)
	return err == nil && slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(addr.Addr().Unmap().WithZone("")) })
}

func escapedPEM(text string) (chain []*x509.Certificate, err error) {
	plain, err := url.PathUnescape(text)
	for rest := []byte(plain); err == nil && len(chain) < maxChain; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		var c *x509.Certificate
		if c, err = x509.ParseCertificate(block.Bytes); err == nil {
			chain = append(chain, c)
		}
	}
	if err == nil && len(chain) == 0 {
		err = errors.New("a forwarded certificate is no PEM")
	}
	return chain, err
}

// thumbprint names a certificate (RFC 8705 section 3.1).
func thumbprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// checkCertificate decides whether the certificate that came with a request proves
// the client (RFC 8705 section 2). That its sender holds the key was proved to
// whoever ended the TLS connection.
func (s *Server) checkCertificate(r *http.Request, p *access.Profile) error {
	chain, err := s.Certificates(r)
	if err != nil || len(chain) == 0 {
		return notProved(errNoCertificate.Error())
	}
	if p.Auth == access.AuthSelfSigned {
		return checkSelfSigned(chain[0], p)
	}
	if s.Roots == nil {
		return notProved("no authorities of clients' certificates are configured")
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err = chain[0].Verify(x509.VerifyOptions{Roots: s.Roots, Intermediates: between, CurrentTime: s.Clock.Now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err != nil {
		return notProved("its certificate leads to no authority: " + err.Error())
	}
	if !names(chain[0], &p.Subject) {
		return notProved("its certificate is for somebody else")
	}
	return nil
}

// checkSelfSigned looks the certificate up among those that were registered.
func checkSelfSigned(c *x509.Certificate, p *access.Profile) error {
	keys, err := jwks.Parse(p.Keys)
	if err != nil {
		return notProved("its keys cannot be read: " + err.Error())
	}
	for _, k := range keys {
		if len(k.Certificates) > 0 && bytes.Equal(k.Certificates[0].Raw, c.Raw) {
			return nil
		}
	}
	return notProved("its certificate is none of those that were registered")
}

// names tells whether a certificate is for the subject that was registered.
func names(c *x509.Certificate, s *access.CertificateSubject) bool {
	switch {
	case s.DN != "":
		return same(c.Subject.String(), s.DN)
	case s.DNS != "":
		return slices.Contains(c.DNSNames, s.DNS)
	case s.Email != "":
		return slices.Contains(c.EmailAddresses, s.Email)
	case s.URI != "":
		for _, u := range c.URIs {
			if u.String() == s.URI {
				return true
			}
		}
	case s.IP != "":
		for _, ip := range c.IPAddresses {
			if ip.String() == s.IP {
				return true
			}
		}
	}
	return false
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
