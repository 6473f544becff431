package validation

import (
	"crypto/x509"
	"encoding/asn1"
	"net"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/paraph/paraph/pades/internal/dn"
)

var (
	oidNameConstraints = asn1.ObjectIdentifier{2, 5, 29, 30}
	oidAltName         = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidEmail           = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}
)

// general is a GeneralName (RFC 5280, 4.2.1.6): its choice and what it holds.
type general struct {
	tag   uint8
	value []byte
}

// The choices of a GeneralName that constraints are judged for.
const (
	nameEmail     = 1
	nameDNS       = 2
	nameDirectory = 4
	nameURI       = 6
	nameIP        = 7
)

// constraints are the name constraints of an authority (RFC 5280, 4.2.1.10).
type constraints struct{ permitted, excluded []general }

// readConstraints reads the extension; ok is false where it is malformed.
func readConstraints(c *x509.Certificate) (k constraints, ok bool) {
	value := extension(c, oidNameConstraints)
	if value == nil {
		return k, true
	}
	in := cryptobyte.String(value)
	var seq cryptobyte.String
	if !in.ReadASN1(&seq, cbasn1.SEQUENCE) || !in.Empty() {
		return k, false
	}
	for i, into := range []*[]general{&k.permitted, &k.excluded} {
		var list cryptobyte.String
		var has bool
		if !seq.ReadOptionalASN1(&list, &has, cbasn1.Tag(i).ContextSpecific().Constructed()) {
			return k, false
		}
		for !list.Empty() {
			var subtree cryptobyte.String
			if !list.ReadASN1(&subtree, cbasn1.SEQUENCE) {
				return k, false
			}
			name, ok := readGeneral(&subtree)
			if !ok || !subtree.Empty() { // minimum and maximum are not used (RFC 5280)
				return k, false
			}
			*into = append(*into, name)
		}
	}
	return k, seq.Empty()
}

func readGeneral(in *cryptobyte.String) (general, bool) {
	var value cryptobyte.String
	var tag cbasn1.Tag
	if !in.ReadAnyASN1(&value, &tag) || tag&0x80 == 0 {
		return general{}, false
	}
	return general{uint8(tag & 0x1F), value}, true
}

// namesOf gives all names of a certificate that constraints speak of. ok is false
// where they cannot be read.
func namesOf(c *x509.Certificate) (list []general, ok bool) {
	if len(c.Subject.Names) > 0 {
		list = append(list, general{nameDirectory, c.RawSubject})
	}
	hasEmail := false
	if value := extension(c, oidAltName); value != nil {
		in := cryptobyte.String(value)
		var seq cryptobyte.String
		if !in.ReadASN1(&seq, cbasn1.SEQUENCE) || !in.Empty() {
			return nil, false
		}
		for !seq.Empty() {
			g, ok := readGeneral(&seq)
			if !ok {
				return nil, false
			}
			hasEmail = hasEmail || g.tag == nameEmail
			list = append(list, g)
		}
	}
	for _, a := range c.Subject.Names { // the address in the name, where there is no other
		if text, isText := a.Value.(string); isText && !hasEmail && a.Type.Equal(oidEmail) {
			list = append(list, general{nameEmail, []byte(text)})
		}
	}
	return list, true
}

func extension(c *x509.Certificate, oid asn1.ObjectIdentifier) []byte {
	for _, e := range c.Extensions {
		if e.Id.Equal(oid) {
			return e.Value
		}
	}
	return nil
}

// allows tells whether a name keeps to the constraints. Choices that cannot be
// compared are never allowed where something is said about them.
func (k *constraints) allows(name general) bool {
	within := func(g general) bool { return g.tag == name.tag && g.holds(name.value) }
	sameKind := func(g general) bool { return g.tag == name.tag }
	if slices.ContainsFunc(k.excluded, func(g general) bool { return sameKind(g) && (within(g) || !g.comparable()) }) {
		return false
	}
	return !slices.ContainsFunc(k.permitted, sameKind) || slices.ContainsFunc(k.permitted, within)
}

func (g *general) comparable() bool {
	switch g.tag {
	case nameEmail, nameDNS, nameURI, nameIP:
		return true
	}
	_, ok := dn.RDNs(g.value)
	return g.tag == nameDirectory && ok
}

// holds tells whether a name of the same choice lies in the subtree.
func (g *general) holds(name []byte) bool {
	switch g.tag {
	case nameDirectory:
		return dn.Within(name, g.value)
	case nameDNS:
		return hostWithin(string(name), string(g.value), true)
	case nameEmail:
		return mailWithin(string(name), string(g.value))
	case nameURI:
		u, err := url.Parse(string(name))
		return err == nil && u.Hostname() != "" && net.ParseIP(u.Hostname()) == nil && hostWithin(u.Hostname(), string(g.value), false)
	case nameIP:
		n := len(name)
		if len(g.value) != 2*n {
			return false
		}
		for i := range name {
			if name[i]&g.value[n+i] != g.value[i]&g.value[n+i] {
				return false
			}
		}
		return true
	}
	return false
}

// hostWithin: a DNS constraint holds the name itself and what is below it; one of
// URIs holds the host itself, or, beginning with a dot, only what is below.
func hostWithin(host, subtree string, below bool) bool {
	host, subtree = strings.ToLower(strings.TrimSuffix(host, ".")), strings.ToLower(strings.TrimSuffix(subtree, "."))
	if subtree == "" {
		return true
	}
	if rest, dotted := strings.CutPrefix(subtree, "."); dotted {
		return strings.HasSuffix(host, "."+rest)
	}
	return host == subtree || below && strings.HasSuffix(host, "."+subtree)
}

func mailWithin(address, subtree string) bool {
	i := strings.LastIndexByte(address, '@')
	if i < 0 {
		return false
	}
	if strings.Contains(subtree, "@") {
		j := strings.LastIndexByte(subtree, '@')
		return address[:i] == subtree[:j] && strings.EqualFold(address[i:], subtree[j:])
	}
	return hostWithin(address[i+1:], subtree, false)
}
