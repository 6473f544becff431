package tsl

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/paraph/paraph/pades/internal/dn"
	"github.com/paraph/paraph/pades/trust"
)

// Types and statuses of services (TS 119 612, 5.5.1 and 5.5.4).
const (
	serviceType = "http://uri.etsi.org/TrstSvc/Svctype/"
	typeCAQC    = serviceType + "CA/QC"
	typeCAPKC   = serviceType + "CA/PKC"
)

var stampingTypes = []string{"TSA/QTST", "TSA", "TSA/TSS-QC", "TSA/TSS-AdESQCandQES"}

// granted tells whether a status is one under which a service is trusted. Those
// beside "granted" were in use before July 2016.
func granted(status string) bool {
	switch status[strings.LastIndexByte(status, '/')+1:] {
	case "granted", "undersupervision", "supervisionincessation", "accredited", "recognisedatnationallevel", "setbynationallaw":
		return true
	}
	return false
}

// Set is the services of one or more lists, as a source of trust. A service's
// certificate is an anchor for what the service was listed for at the time.
type Set struct {
	Services []Service
	About    []string // where they come from and how old that is, for people

	byName map[string][]trust.Anchor
}

// Add adds services.
func (s *Set) Add(services ...Service) {
	s.Services = append(s.Services, services...)
	s.byName = nil
}

// Describe implements trust.Source.
func (s *Set) Describe() []string { return s.About }

// Named implements trust.Source. A certificate that several services have is several
// anchors.
func (s *Set) Named(subject []byte) []trust.Anchor {
	if s.byName == nil {
		s.byName = map[string][]trust.Anchor{}
		for i := range s.Services {
			one := &s.Services[i]
			for _, c := range one.Certificates {
				key := dn.Key(c.RawSubject)
				s.byName[key] = append(s.byName[key], trust.Anchor{
					Certificate: c, From: fmt.Sprintf("the trusted list of %s (%s, %s)", one.Territory, one.Provider, one.Name),
					Allows: one.allows, About: one,
				})
			}
		}
	}
	return s.byName[dn.Key(subject)]
}

// allows tells why the service does not count for a use at a time.
func (s *Service) allows(use trust.Use, at time.Time) error {
	p, ok := s.At(at)
	if !ok {
		return fmt.Errorf("the service %q was not listed yet on %s", s.Name, at.UTC().Format("2 January 2006"))
	}
	kind, fits := strings.CutPrefix(p.Type, serviceType)
	switch use {
	case trust.Signing:
		fits = fits && (p.Type == typeCAQC || p.Type == typeCAPKC)
	case trust.Stamping:
		stamps := false
		for _, t := range stampingTypes {
			stamps = stamps || t == kind
		}
		fits = fits && stamps
	}
	switch {
	case !fits:
		return fmt.Errorf("the service %q is listed for something else (%s)", s.Name, kind)
	case p.Unknown:
		return fmt.Errorf("the list says something about the service %q that is not understood and must be", s.Name)
	case !granted(p.Status):
		return fmt.Errorf("the service %q had the status %q on %s", s.Name, p.Status[strings.LastIndexByte(p.Status, '/')+1:], at.UTC().Format("2 January 2006"))
	}
	return nil
}

// stored is a Set as it travels between processes and lies in a cache.
type stored struct {
	About    []string        `json:"about"`
	Services []storedService `json:"services"`
}

type storedService struct {
	Service
	DER [][]byte `json:"certificates"`
}

// MarshalJSON implements json.Marshaler.
func (s *Set) MarshalJSON() ([]byte, error) {
	out := stored{About: s.About}
	for _, one := range s.Services {
		kept := storedService{Service: one}
		for _, c := range one.Certificates {
			kept.DER = append(kept.DER, c.Raw)
		}
		out.Services = append(out.Services, kept)
	}
	return json.Marshal(out)
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *Set) UnmarshalJSON(b []byte) error {
	var in stored
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	*s = Set{About: in.About}
	for _, one := range in.Services {
		for _, der := range one.DER {
			c, err := x509.ParseCertificate(der)
			if err != nil {
				return err
			}
			one.Certificates = append(one.Certificates, c)
		}
		s.Services = append(s.Services, one.Service)
	}
	return nil
}
