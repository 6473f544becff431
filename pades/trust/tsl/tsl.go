// Package tsl reads trusted lists as ETSI TS 119 612 defines them: which services
// were trusted for what and when, and what is said about the certificates that they
// issued. Collect gathers the lists of the European Union: the list of the lists,
// and those it points at, each with its signature checked.
package tsl

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/paraph/paraph/pades/internal/xmlsig"
)

// Namespaces and identifiers.
const (
	listSpace  = "http://uri.etsi.org/02231/v2#"
	extraSpace = "http://uri.etsi.org/02231/v2/additionaltypes#"
	sieSpace   = "http://uri.etsi.org/TrstSvc/SvcInfoExt/eSigDir-1999-93-EC-TrustedList/#"

	mimeXML = "application/vnd.etsi.tsl+xml"
)

// List is a trusted list, or a list of lists, whose signature holds.
type List struct {
	Version   int
	Sequence  int
	Type      string
	Operator  string
	Territory string
	Issued    time.Time
	Next      time.Time // when the next one is due; zero: the list is closed
	URIs      []string  // of the scheme's information
	Pointers  []Pointer
	Services  []Service
	Signer    *x509.Certificate
}

// Pointer names another list and who may sign it.
type Pointer struct {
	Location  string
	Territory string
	Type      string
	Mime      string
	Signers   []*x509.Certificate
}

// Service is a trust service with its periods, the newest first.
type Service struct {
	Provider     string              `json:"provider"`
	Name         string              `json:"name"`
	Territory    string              `json:"territory"`
	Certificates []*x509.Certificate `json:"-"`
	Periods      []Period            `json:"periods"`
}

// Period is what a service was from a time on.
type Period struct {
	From       time.Time   `json:"from"`
	Type       string      `json:"type"`
	Status     string      `json:"status"`
	For        []string    `json:"for,omitempty"` // additional service information: ForeSignatures, …
	Qualifiers []Qualifier `json:"qualifiers,omitempty"`
	// Unknown: a critical extension is not understood, so that the service does not count.
	Unknown bool `json:"unknown,omitempty"`
}

// ErrFormat: the document is no trusted list that is understood.
var ErrFormat = errors.New("this is no trusted list")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrFormat, fmt.Sprintf(format, args...))
}

// Accept tells whether a certificate's owner may sign a list.
type Accept func(*x509.Certificate) bool

// Signers accepts exactly these certificates.
func Signers(list ...*x509.Certificate) Accept {
	return func(c *x509.Certificate) bool {
		return slices.ContainsFunc(list, func(o *x509.Certificate) bool { return bytes.Equal(o.Raw, c.Raw) })
	}
}

// Fingerprints accepts the certificates of these SHA-256 digests.
func Fingerprints(sums ...[32]byte) Accept {
	return func(c *x509.Certificate) bool { return slices.Contains(sums, sha256.Sum256(c.Raw)) }
}

// Parse verifies the signature of a list and reads it. Versions 5 and 6 are read.
func Parse(b []byte, accept Accept) (*List, error) {
	signed, err := xmlsig.Verify(b, listSpace, "TrustServiceStatusList", accept)
	if err != nil {
		return nil, err
	}
	l, err := readList(signed.Root)
	if err != nil {
		return nil, err
	}
	l.Signer = signed.Signer
	return l, nil
}

func readList(root *xmlsig.Element) (*List, error) {
	l := &List{}
	if err := l.scheme(root.Child(listSpace, "SchemeInformation")); err != nil {
		return nil, err
	}
	for _, tsp := range root.Child(listSpace, "TrustServiceProviderList").Children(listSpace, "TrustServiceProvider") {
		provider := text(tsp.Path(listSpace, "TSPInformation", "TSPName"))
		for _, e := range tsp.Child(listSpace, "TSPServices").Children(listSpace, "TSPService") {
			s, err := readService(e)
			if err != nil {
				return nil, err
			}
			s.Provider, s.Territory = provider, l.Territory
			l.Services = append(l.Services, s)
		}
	}
	return l, nil
}

func (l *List) scheme(e *xmlsig.Element) (err error) {
	if e == nil {
		return malformed("it has no scheme information")
	}
	if l.Version, err = strconv.Atoi(e.Child(listSpace, "TSLVersionIdentifier").Value()); err != nil || l.Version != 5 && l.Version != 6 {
		return malformed("its version is %q, and only 5 and 6 are read", e.Child(listSpace, "TSLVersionIdentifier").Value())
	}
	if l.Sequence, err = strconv.Atoi(e.Child(listSpace, "TSLSequenceNumber").Value()); err != nil {
		return malformed("its sequence number")
	}
	l.Type, l.Territory = e.Child(listSpace, "TSLType").Value(), e.Child(listSpace, "SchemeTerritory").Value()
	l.Operator = text(e.Child(listSpace, "SchemeOperatorName"))
	if l.Issued, err = moment(e.Child(listSpace, "ListIssueDateTime").Value()); err != nil {
		return malformed("when it was issued")
	}
	if next := e.Path(listSpace, "NextUpdate", "dateTime").Value(); next != "" {
		if l.Next, err = moment(next); err != nil {
			return malformed("when the next one is due")
		}
	}
	for _, u := range e.Child(listSpace, "SchemeInformationURI").Children(listSpace, "URI") {
		l.URIs = append(l.URIs, u.Value())
	}
	for _, p := range e.Child(listSpace, "PointersToOtherTSL").Children(listSpace, "OtherTSLPointer") {
		pointer, err := readPointer(p)
		if err != nil {
			return err
		}
		l.Pointers = append(l.Pointers, pointer)
	}
	return nil
}

func readPointer(e *xmlsig.Element) (Pointer, error) {
	p := Pointer{Location: e.Child(listSpace, "TSLLocation").Value()}
	for _, other := range e.Child(listSpace, "AdditionalInformation").Children(listSpace, "OtherInformation") {
		for _, info := range other.Elements() {
			switch {
			case info.Is(listSpace, "TSLType"):
				p.Type = info.Value()
			case info.Is(listSpace, "SchemeTerritory"):
				p.Territory = info.Value()
			case info.Is(extraSpace, "MimeType"):
				p.Mime = info.Value()
			}
		}
	}
	for _, id := range e.Child(listSpace, "ServiceDigitalIdentities").Children(listSpace, "ServiceDigitalIdentity") {
		list, err := identities(id)
		if err != nil {
			return p, err
		}
		p.Signers = append(p.Signers, list...)
	}
	return p, nil
}

// identities reads the certificates of a digital identity. Those that cannot be read
// by crypto/x509 are passed over: nobody's path can lead to them here.
func identities(e *xmlsig.Element) ([]*x509.Certificate, error) {
	var list []*x509.Certificate
	for _, id := range e.Children(listSpace, "DigitalId") {
		raw := id.Child(listSpace, "X509Certificate")
		if raw == nil {
			continue
		}
		der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(raw.Value()), ""))
		if err != nil {
			return nil, malformed("a certificate is no base64")
		}
		if c, err := x509.ParseCertificate(der); err == nil {
			list = append(list, c)
		}
	}
	return list, nil
}

func readService(e *xmlsig.Element) (Service, error) {
	info := e.Child(listSpace, "ServiceInformation")
	if info == nil {
		return Service{}, malformed("a service without information")
	}
	s := Service{Name: text(info.Child(listSpace, "ServiceName"))}
	var err error
	if s.Certificates, err = identities(info.Child(listSpace, "ServiceDigitalIdentity")); err != nil {
		return s, err
	}
	now, err := readPeriod(info)
	if err != nil {
		return s, err
	}
	s.Periods = []Period{now}
	for _, h := range e.Child(listSpace, "ServiceHistory").Children(listSpace, "ServiceHistoryInstance") {
		p, err := readPeriod(h)
		if err != nil {
			return s, err
		}
		s.Periods = append(s.Periods, p)
	}
	slices.SortStableFunc(s.Periods, func(a, b Period) int { return b.From.Compare(a.From) })
	return s, nil
}

func readPeriod(e *xmlsig.Element) (Period, error) {
	p := Period{Type: e.Child(listSpace, "ServiceTypeIdentifier").Value(), Status: e.Child(listSpace, "ServiceStatus").Value()}
	var err error
	if p.From, err = moment(e.Child(listSpace, "StatusStartingTime").Value()); err != nil || p.Type == "" || p.Status == "" {
		return p, malformed("a service without type, status or its beginning")
	}
	for _, x := range e.Child(listSpace, "ServiceInformationExtensions").Children(listSpace, "Extension") {
		known, err := p.extension(x)
		if err != nil {
			return p, err
		}
		if critical := x.Attr("Critical"); !known && (critical == "true" || critical == "1") {
			p.Unknown = true
		}
	}
	return p, nil
}

func (p *Period) extension(x *xmlsig.Element) (known bool, err error) {
	for _, e := range x.Elements() {
		switch {
		case e.Is(listSpace, "AdditionalServiceInformation"):
			p.For = append(p.For, e.Child(listSpace, "URI").Value())
			known = true
		case e.Is(sieSpace, "Qualifications"):
			known = true
			for _, q := range e.Children(sieSpace, "QualificationElement") {
				one, err := readQualifier(q)
				if err != nil {
					return known, err
				}
				p.Qualifiers = append(p.Qualifiers, one)
			}
		case e.Is(listSpace, "ExpiredCertsRevocationInfo"), e.Is(extraSpace, "TakenOverBy"), e.Is(listSpace, "TakenOverBy"):
			known = true
		}
	}
	return known, nil
}

// moment reads an xsd:dateTime; trusted lists write UTC.
func moment(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	return t.UTC(), err
}

// text gives a multilingual text in English, or the first there is.
func text(e *xmlsig.Element) string {
	first := ""
	for _, n := range e.Elements() {
		for _, a := range n.Attrs {
			if a.Local == "lang" && strings.HasPrefix(strings.ToLower(a.Value), "en") {
				return n.Value()
			}
		}
		if first == "" {
			first = n.Value()
		}
	}
	return first
}

// At gives what the service was at a time; ok is false before its first period.
func (s *Service) At(t time.Time) (p *Period, ok bool) {
	for i := range s.Periods {
		if !t.Before(s.Periods[i].From) {
			return &s.Periods[i], true
		}
	}
	return nil, false
}
