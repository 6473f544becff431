package tsl

import (
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/paraph/paraph/pades/internal/xmlsig"
)

// Qualifier is what a list says of some of a service's certificates (TS 119 612, 5.5.9.2).
type Qualifier struct {
	Says []string `json:"says"` // the last parts of the qualifiers' URIs, such as QCForESig
	When Criteria `json:"when"`
}

// Criteria choose certificates.
type Criteria struct {
	Assert   string            `json:"assert"` // all, atLeastOne, none
	KeyUsage []map[string]bool `json:"key_usage,omitempty"`
	Policies [][]string        `json:"policies,omitempty"` // sets, all of which must be there
	Usages   [][]string        `json:"usages,omitempty"`   // extended key usages
	Names    [][]string        `json:"names,omitempty"`    // attributes of the subject
	Inner    []Criteria        `json:"inner,omitempty"`
	Unknown  bool              `json:"unknown,omitempty"` // something else, which nothing fits
}

func readQualifier(e *xmlsig.Element) (Qualifier, error) {
	q := Qualifier{}
	for _, u := range e.Child(sieSpace, "Qualifiers").Children(sieSpace, "Qualifier") {
		uri := u.Attr("uri")
		q.Says = append(q.Says, uri[strings.LastIndexByte(uri, '/')+1:])
	}
	list := e.Child(sieSpace, "CriteriaList")
	if list == nil {
		return q, malformed("a qualification without criteria")
	}
	q.When = readCriteria(list, 0)
	return q, nil
}

const maxCriteria = 8 // levels

func readCriteria(e *xmlsig.Element, depth int) Criteria {
	c := Criteria{Assert: e.Attr("assert"), Unknown: depth > maxCriteria}
	if c.Unknown {
		return c
	}
	for _, k := range e.Elements() {
		switch {
		case k.Is(sieSpace, "KeyUsage"):
			bits := map[string]bool{}
			for _, b := range k.Children(sieSpace, "KeyUsageBit") {
				bits[b.Attr("name")] = b.Value() == "true" || b.Value() == "1"
			}
			c.KeyUsage = append(c.KeyUsage, bits)
		case k.Is(sieSpace, "PolicySet"):
			c.Policies = append(c.Policies, identifiers(k, "PolicyIdentifier"))
		case k.Is(sieSpace, "CriteriaList"):
			c.Inner = append(c.Inner, readCriteria(k, depth+1))
		case k.Is(sieSpace, "otherCriteriaList"):
			for _, o := range k.Elements() {
				switch o.Local {
				case "ExtendedKeyUsage":
					c.Usages = append(c.Usages, identifiers(o, "KeyPurposeId"))
				case "CertSubjectDNAttribute":
					c.Names = append(c.Names, identifiers(o, "AttributeOID"))
				default:
					c.Unknown = true
				}
			}
		case k.Local == "Description":
		default:
			c.Unknown = true
		}
	}
	return c
}

// identifiers gives the object identifiers below elements of a name.
func identifiers(e *xmlsig.Element, name string) []string {
	list := []string{}
	for _, k := range e.Elements() {
		if k.Local != name {
			continue
		}
		for _, id := range k.Elements() {
			if id.Local == "Identifier" {
				list = append(list, strings.TrimPrefix(id.Value(), "urn:oid:"))
			}
		}
	}
	return list
}

var keyUsages = map[string]x509.KeyUsage{
	"digitalSignature": x509.KeyUsageDigitalSignature, "nonRepudiation": x509.KeyUsageContentCommitment, "keyEncipherment": x509.KeyUsageKeyEncipherment,
	"dataEncipherment": x509.KeyUsageDataEncipherment, "keyAgreement": x509.KeyUsageKeyAgreement, "keyCertSign": x509.KeyUsageCertSign,
	"crlSign": x509.KeyUsageCRLSign, "encipherOnly": x509.KeyUsageEncipherOnly, "decipherOnly": x509.KeyUsageDecipherOnly,
}

// fits tells whether a certificate is among those that are meant.
func (c *Criteria) fits(cert *x509.Certificate) bool {
	var results []bool
	for _, bits := range c.KeyUsage {
		ok := true
		for name, want := range bits {
			ok = ok && (cert.KeyUsage&keyUsages[name] != 0) == want
		}
		results = append(results, ok)
	}
	policies, usages, names := policiesOf(cert), usagesOf(cert), namesOf(cert)
	for _, group := range []struct {
		sets [][]string
		has  []string
	}{{c.Policies, policies}, {c.Usages, usages}, {c.Names, names}} {
		for _, set := range group.sets {
			results = append(results, !slices.ContainsFunc(set, func(s string) bool { return !slices.Contains(group.has, s) }))
		}
	}
	for i := range c.Inner {
		results = append(results, c.Inner[i].fits(cert))
	}
	if c.Unknown {
		results = append(results, false)
	}
	switch c.Assert {
	case "all":
		return !slices.Contains(results, false)
	case "atLeastOne":
		return slices.Contains(results, true)
	case "none":
		return !slices.Contains(results, true) && !c.Unknown
	}
	return false
}

func policiesOf(c *x509.Certificate) (list []string) {
	for _, p := range c.Policies {
		list = append(list, p.String())
	}
	return list
}

func usagesOf(c *x509.Certificate) (list []string) {
	for _, e := range c.Extensions {
		if !e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 37}) {
			continue
		}
		var oids []asn1.ObjectIdentifier
		if _, err := asn1.Unmarshal(e.Value, &oids); err != nil {
			continue // which crypto/x509 would have refused
		}
		for _, oid := range oids {
			list = append(list, oid.String())
		}
	}
	return list
}

func namesOf(c *x509.Certificate) (list []string) {
	for _, n := range c.Subject.Names {
		list = append(list, n.Type.String())
	}
	return list
}

// statements are the QCStatements of a certificate (ETSI EN 319 412-5).
type statements struct {
	compliance, device bool
	types              []string // esign, eseal, web
	foreign            bool     // under another legislation than the EU's
}

func statementsOf(c *x509.Certificate) (s statements) {
	for _, e := range c.Extensions {
		if !e.Id.Equal(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 3}) {
			continue
		}
		in := cryptobyte.String(e.Value)
		var seq cryptobyte.String
		if !in.ReadASN1(&seq, cbasn1.SEQUENCE) {
			return statements{}
		}
		for !seq.Empty() {
			var one cryptobyte.String
			var oid asn1.ObjectIdentifier
			if !seq.ReadASN1(&one, cbasn1.SEQUENCE) || !one.ReadASN1ObjectIdentifier(&oid) {
				return statements{}
			}
			s.add(oid, one)
		}
	}
	return s
}

func (s *statements) add(oid asn1.ObjectIdentifier, info cryptobyte.String) {
	switch oid.String() {
	case "0.4.0.1862.1.1":
		s.compliance = true
	case "0.4.0.1862.1.4":
		s.device = true
	case "0.4.0.1862.1.7":
		s.foreign = true
	case "0.4.0.1862.1.6":
		var list cryptobyte.String
		var kind asn1.ObjectIdentifier
		for info.ReadASN1(&list, cbasn1.SEQUENCE); list.ReadASN1ObjectIdentifier(&kind); {
			if name, ok := map[string]string{"0.4.0.1862.1.6.1": "esign", "0.4.0.1862.1.6.2": "eseal", "0.4.0.1862.1.6.3": "web"}[kind.String()]; ok {
				s.types = append(s.types, name)
			}
		}
	}
}

// eIDAS is the day from which the regulation's rules hold.
var eIDAS = time.Date(2016, 7, 1, 0, 0, 0, 0, time.UTC)

// about is what a list makes of a certificate at a time.
type about struct {
	qualified, device bool
	kind              string // esign, eseal, web, or ""
	why               []string
}

// judge follows TS 119 615, 4.4: the statements of the certificate, corrected by what
// the list says of it.
func (s *Service) judge(c *x509.Certificate, t time.Time) about {
	p, ok := s.At(t)
	if !ok || !granted(p.Status) || p.Type != typeCAQC {
		return about{why: []string{fmt.Sprintf("%s was not a service for qualified certificates on %s", s.Name, t.UTC().Format("2 January 2006"))}}
	}
	own := statementsOf(c)
	a := about{qualified: own.compliance && !own.foreign, device: own.device}
	kinds := own.types
	if len(kinds) == 0 && own.compliance {
		kinds = []string{"esign"} // as certificates were before they said it
	}
	var said []string
	for i := range p.Qualifiers {
		if p.Qualifiers[i].When.fits(c) {
			said = append(said, p.Qualifiers[i].Says...)
		}
	}
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return slices.Contains(said, n) })
	}
	switch no, yes := has("NotQualified"), has("QCStatement"); {
	case no && yes:
		return about{why: []string{"the list contradicts itself about the certificate"}}
	case no:
		a.qualified = false
	case yes:
		a.qualified = true
	}
	for name, kind := range map[string]string{"QCForESig": "esign", "QCForESeal": "eseal", "QCForLegalPerson": "eseal", "QCForWSA": "web"} {
		if has(name) && !slices.Contains(kinds, kind) {
			kinds = []string{kind}
		}
	}
	switch with, without := has("QCWithSSCD", "QCWithQSCD", "QCQSCDManagedOnBehalf"), has("QCNoSSCD", "QCNoQSCD"); {
	case with && without:
		return about{why: []string{"the list contradicts itself about the device of the key"}}
	case with:
		a.device = true
	case without:
		a.device = false
	}
	if len(kinds) == 1 {
		a.kind = kinds[0]
	}
	if a.qualified && !t.Before(eIDAS) && !servesFor(p, a.kind) {
		a.qualified = false
		a.why = append(a.why, "the service is not listed for what the certificate is for")
	}
	if len(said) > 0 {
		a.why = append(a.why, "the list says of such certificates: "+strings.Join(said, ", "))
	}
	return a
}

// servesFor compares the kind of a certificate with what the service is listed for.
func servesFor(p *Period, kind string) bool {
	want := map[string]string{"esign": "ForeSignatures", "eseal": "ForeSeals", "web": "ForWebSiteAuthentication"}[kind]
	return want != "" && slices.ContainsFunc(p.For, func(uri string) bool { return strings.HasSuffix(uri, "/"+want) })
}

// meanings are the levels of a signature in words (TS 119 615, 4.5).
var meanings = map[string]string{
	"QESig":      "a qualified electronic signature: in the European Union as good as one by hand",
	"QESeal":     "a qualified electronic seal",
	"AdESig-QC":  "an advanced electronic signature with a qualified certificate, whose key is not known to lie in a qualified device",
	"AdESeal-QC": "an advanced electronic seal with a qualified certificate, whose key is not known to lie in a qualified device",
	"AdESig":     "an advanced electronic signature, without a qualified certificate",
	"N/A":        "nothing that the trusted lists know how to call",
}

// Qualify tells what the lists make of a signature by a certificate that the service
// issued, proven for a time: the certificate must have been qualified when it was
// issued and when it was used.
func (s *Service) Qualify(c *x509.Certificate, at time.Time) (level, meaning string, reasons []string) {
	issued, used := s.judge(c, c.NotBefore), s.judge(c, at)
	reasons = append(reasons, fmt.Sprintf("%s, %s (%s)", s.Provider, s.Name, s.Territory))
	reasons = append(reasons, used.why...)
	level = "AdESig"
	switch {
	case !issued.qualified || !used.qualified || issued.kind != used.kind:
		reasons = append(reasons, issued.why...)
	case used.kind == "esign" && used.device:
		level = "QESig"
	case used.kind == "esign":
		level = "AdESig-QC"
	case used.kind == "eseal" && used.device:
		level = "QESeal"
	case used.kind == "eseal":
		level = "AdESeal-QC"
	default:
		level = "N/A"
	}
	slices.Sort(reasons[1:])
	return level, meanings[level], slices.Compact(reasons)
}
