package validation

import (
	"crypto/x509"
	"encoding/asn1"
	"maps"
)

const anyPolicy = "2.5.29.32.0"

// policies follows the certificate policies down a path (RFC 5280, 6.1; by the
// states of RFC 9618, which cannot grow without bound). Every policy is acceptable
// to whoever asks, so that a path only fails where a certificate in it demands an
// explicit policy and none is left.
type policies struct {
	valid                                map[string]bool // in the issuer's domain; nil: none at all
	explicit, inhibitMapping, inhibitAny int             // certificates until each holds
}

func newPolicies(length int) *policies {
	return &policies{valid: map[string]bool{anyPolicy: true}, explicit: length + 1, inhibitMapping: length + 1, inhibitAny: length + 1}
}

// certificate takes the next certificate of the path, the one below the anchor
// first. It gives false where the path has lost all policies that it needs.
func (p *policies) certificate(c *x509.Certificate, last bool) bool {
	selfIssued := string(c.RawIssuer) == string(c.RawSubject)
	p.intersect(c, p.inhibitAny > 0 || selfIssued && !last)
	if p.explicit == 0 && p.valid == nil {
		return false
	}
	if last {
		p.explicit = max(p.explicit-1, 0)
		if explicit, ok := requireExplicit(c); ok && explicit == 0 {
			p.explicit = 0
		}
		return p.explicit > 0 || p.valid != nil
	}
	if !p.mappings(c) {
		return false
	}
	if !selfIssued {
		for _, n := range []*int{&p.explicit, &p.inhibitMapping, &p.inhibitAny} {
			*n = max(*n-1, 0)
		}
	}
	lower := func(into *int, n int, ok bool) {
		if ok && n < *into {
			*into = n
		}
	}
	explicit, ok := requireExplicit(c)
	lower(&p.explicit, explicit, ok)
	lower(&p.inhibitMapping, c.InhibitPolicyMapping, c.InhibitPolicyMapping > 0 || c.InhibitPolicyMappingZero)
	lower(&p.inhibitAny, c.InhibitAnyPolicy, c.InhibitAnyPolicy > 0 || c.InhibitAnyPolicyZero)
	return true
}

func requireExplicit(c *x509.Certificate) (int, bool) {
	return c.RequireExplicitPolicy, c.RequireExplicitPolicy > 0 || c.RequireExplicitPolicyZero
}

// intersect keeps the policies that the certificate has too (6.1.3, d and e).
func (p *policies) intersect(c *x509.Certificate, anyCounts bool) {
	if p.valid == nil || len(c.Policies) == 0 {
		p.valid = nil
		return
	}
	own := map[string]bool{}
	for _, oid := range c.Policies {
		own[oid.String()] = true
	}
	next := map[string]bool{}
	for oid := range own {
		if oid != anyPolicy && (p.valid[oid] || p.valid[anyPolicy]) {
			next[oid] = true
		}
	}
	if own[anyPolicy] && anyCounts {
		maps.Copy(next, p.valid)
	}
	if p.valid = next; len(next) == 0 {
		p.valid = nil
	}
}

// mappings translates into the subject's domain (6.1.4, a and b).
func (p *policies) mappings(c *x509.Certificate) bool {
	if len(c.PolicyMappings) == 0 || p.valid == nil {
		return true
	}
	mapped := map[string][]string{}
	for _, m := range c.PolicyMappings {
		from, to := m.IssuerDomainPolicy.String(), m.SubjectDomainPolicy.String()
		if from == anyPolicy || to == anyPolicy {
			return false
		}
		mapped[from] = append(mapped[from], to)
	}
	next := map[string]bool{}
	for oid := range p.valid {
		if mapped[oid] == nil {
			next[oid] = true
		}
	}
	for from, list := range mapped {
		if p.inhibitMapping == 0 || !p.valid[from] && !p.valid[anyPolicy] {
			continue
		}
		for _, to := range list {
			next[to] = true
		}
	}
	if p.valid = next; len(next) == 0 {
		p.valid = nil
	}
	return true
}

// Extensions that are understood, critical or not.
var understood = []asn1.ObjectIdentifier{
	{2, 5, 29, 14}, {2, 5, 29, 15}, {2, 5, 29, 17}, {2, 5, 29, 18}, {2, 5, 29, 19}, {2, 5, 29, 30}, {2, 5, 29, 31}, {2, 5, 29, 32},
	{2, 5, 29, 33}, {2, 5, 29, 35}, {2, 5, 29, 36}, {2, 5, 29, 37}, {2, 5, 29, 54}, {2, 5, 29, 56},
	{1, 3, 6, 1, 5, 5, 7, 1, 1}, {1, 3, 6, 1, 5, 5, 7, 1, 3}, {1, 3, 6, 1, 5, 5, 7, 48, 1, 5}, {0, 4, 0, 194121, 2, 1},
}
