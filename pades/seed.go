package pades

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"github.com/paraph/paraph/pades/pdffile"
)

// SeedValueError tells which demand of a signature field's seed value
// dictionary (ISO 32000-2, Table 237) is not met. It is an ErrSeedValue.
type SeedValueError struct {
	Key    string // of the dictionary, such as "Reasons"
	Reason string
}

func (e *SeedValueError) Error() string {
	return fmt.Sprintf("%v: %s (/%s)", ErrSeedValue, e.Reason, e.Key)
}

// Is makes errors.Is(err, ErrSeedValue) true.
func (e *SeedValueError) Is(target error) bool { return target == ErrSeedValue }

// The flags of a seed value dictionary, by which a value becomes a demand.
const (
	seedFilter = 1 << iota
	seedSubFilter
	seedV
	seedReasons
	seedLegal
	seedRevocation
	seedDigest
	seedLock
	seedAppearance
)

// seed is a seed value dictionary with the layout that has to keep to it.
type seed struct {
	*layout
	d     pdffile.Dict
	flags int
}

// demands reads the field's lock and seed values and applies them to the
// layout's options; a demand that is not met gives a *SeedValueError.
func (l *layout) demands() error {
	d, err := l.file.Dict(l.existing.Field)
	if err != nil {
		return err
	}
	if l.lock, err = readLock(l.file, d["Lock"]); err != nil {
		return err
	}
	sv, err := l.file.Dict(d["SV"])
	if err != nil || sv == nil {
		return err
	}
	opts := *l.opts // the caller's options stay as they are
	l.opts = &opts
	s := seed{layout: l, d: pdffile.Dict{}}
	for key, value := range sv {
		if s.d[key], err = l.file.Resolve(value); err != nil {
			return err
		}
	}
	flags, _ := s.d["Ff"].(pdffile.Integer)
	s.flags = int(flags)
	for _, demand := range []func() error{s.handler, s.version, s.reasons, s.digest, s.mdp, s.lockDocument, s.timestamps, s.evidence, s.certificate} {
		if err := demand(); err != nil {
			return err
		}
	}
	return nil
}

func unmet(key, format string, args ...any) error {
	return &SeedValueError{key, fmt.Sprintf(format, args...)}
}

func (s *seed) required(flag int) bool { return s.flags&flag != 0 }

// names gives the texts or names of an array, or of a single value.
func (s *seed) names(o pdffile.Object) ([]string, error) {
	list, ok := o.(pdffile.Array)
	if !ok {
		list = pdffile.Array{o}
	}
	var out []string
	for _, e := range list {
		v, err := s.file.Resolve(e)
		if err != nil {
			return nil, err
		}
		switch v := v.(type) {
		case pdffile.Name:
			out = append(out, string(v))
		case pdffile.String:
			out = append(out, decodeText(string(v)))
		}
	}
	return out, nil
}

func (s *seed) handler() error {
	if filter, err := s.names(s.d["Filter"]); err != nil {
		return err
	} else if s.required(seedFilter) && len(filter) > 0 && filter[0] != "Adobe.PPKLite" {
		return unmet("Filter", "the signature handler %s is demanded, and this is Adobe.PPKLite", filter[0])
	}
	kinds, err := s.names(s.d["SubFilter"])
	if err != nil {
		return err
	}
	if s.required(seedSubFilter) && len(kinds) > 0 && !slices.Contains(kinds, "ETSI.CAdES.detached") {
		return unmet("SubFilter", "one of the encodings %s is demanded, and this is ETSI.CAdES.detached", strings.Join(kinds, ", "))
	}
	if s.required(seedAppearance) && s.d["AppearanceFilter"] != nil {
		return unmet("AppearanceFilter", "an appearance that only the author's program knows is demanded")
	}
	if s.required(seedLegal) && s.opts.Certify > 0 && s.d["LegalAttestation"] != nil {
		return unmet("LegalAttestation", "a legal attestation is demanded, which is not written here")
	}
	return nil
}

func (s *seed) version() error {
	n, ok := pdffile.Number(s.d["V"])
	if s.required(seedV) && ok && n > 3 {
		return unmet("V", "a program that knows version %v of seed values is demanded", n)
	}
	return nil
}

func (s *seed) reasons() error {
	list, err := s.names(s.d["Reasons"])
	if err != nil || !s.required(seedReasons) || s.d["Reasons"] == nil {
		return err
	}
	if len(list) == 0 || len(list) == 1 && list[0] == "." {
		if s.opts.Reason != "" {
			return unmet("Reasons", "a signature without a reason is demanded")
		}
		return nil
	}
	if !slices.Contains(list, s.opts.Reason) {
		return unmet("Reasons", "the reason must be one of: %s", strings.Join(list, "; "))
	}
	return nil
}

var digestNames = map[string]crypto.Hash{"SHA256": crypto.SHA256, "SHA384": crypto.SHA384, "SHA512": crypto.SHA512}

func (s *seed) digest() error {
	list, err := s.names(s.d["DigestMethod"])
	if err != nil || len(list) == 0 {
		return err
	}
	t, err := s.opts.template()
	if err != nil {
		return err
	}
	possible := false
	for _, name := range list {
		h := digestNames[strings.ReplaceAll(name, "-", "")]
		if h == t.Hash {
			return nil
		}
		t2 := t
		t2.Hash = h
		if h != 0 && s.opts.Hash == 0 && !possible && t2.Check() == nil {
			s.opts.Hash, possible = h, true
			return nil
		}
	}
	if s.required(seedDigest) {
		return unmet("DigestMethod", "one of the digests %s is demanded, and this is %v", strings.Join(list, ", "), t.Hash)
	}
	return nil
}

// mdp: 0 demands an approval signature, 1 to 3 a certification of that level.
func (s *seed) mdp() error {
	d, _ := s.d["MDP"].(pdffile.Dict)
	o, err := s.file.Resolve(d["P"])
	if err != nil {
		return err
	}
	p, ok := o.(pdffile.Integer)
	switch {
	case !ok:
	case p == 0 && s.opts.Certify != 0:
		return unmet("MDP", "an approval signature is demanded, not a certification")
	case p >= 1 && p <= 3 && s.opts.Certify == 0:
		s.opts.Certify = int(p)
	case p >= 1 && p <= 3 && s.opts.Certify != int(p):
		return unmet("MDP", "a certification of level %d is demanded, and this is level %d", p, s.opts.Certify)
	}
	return nil
}

// lockDocument: the author can have the signature lock the whole document (PDF 2.0).
func (s *seed) lockDocument() error {
	want := ""
	switch v := s.d["LockDocument"].(type) {
	case pdffile.Name:
		want = string(v)
	case pdffile.Bool:
		want = fmt.Sprint(bool(v))
	}
	locks := s.lock != nil && s.lock.Level == 1 || s.opts.Certify == 1
	switch {
	case want == "true" && !locks:
		if s.lock == nil {
			s.lock = &Lock{Action: LockAll}
		}
		s.lock.Level = 1
	case want == "false" && locks && s.required(seedLock):
		return unmet("LockDocument", "a signature that leaves the document open is demanded")
	}
	return nil
}

// timestamps: with its flag set, the dictionary demands a timestamp at signing,
// so that an authority that fails makes signing fail.
func (s *seed) timestamps() error {
	d, _ := s.d["TimeStamp"].(pdffile.Dict)
	o, err := s.file.Resolve(d["Ff"])
	if err != nil {
		return err
	}
	if flag, _ := o.(pdffile.Integer); flag&1 == 0 {
		return nil
	}
	p := &s.opts.Protect
	if p.Timestamps == nil && p.TokenSize == 0 {
		return unmet("TimeStamp", "a timestamp is demanded, and no authority is given")
	}
	if p.Timestamps != nil {
		p.Level = max(p.Level, BT)
	}
	p.demanded = true
	return nil
}

func (s *seed) evidence() error {
	want, _ := s.d["AddRevInfo"].(pdffile.Bool)
	if bool(want) && s.required(seedRevocation) && (s.opts.Protect.Level < BLT || s.opts.Protect.Evidence == nil) {
		return unmet("AddRevInfo", "revocation evidence is demanded, which level B-LT brings")
	}
	return nil
}

// The flags of a certificate seed value dictionary.
const (
	certSubject = 1 << iota
	certIssuer
	certPolicy
	certSubjectDN
	_
	certKeyUsage
	certURL
)

func (s *seed) certificate() error {
	d, _ := s.d["Cert"].(pdffile.Dict)
	o, err := s.file.Resolve(d["Ff"])
	if err != nil {
		return err
	}
	n, _ := o.(pdffile.Integer)
	flags := int(n)
	if flags&certSubject != 0 {
		if ok, err := s.holds(d["Subject"], s.opts.Chain[:min(1, len(s.opts.Chain))]); err != nil {
			return err
		} else if !ok {
			return unmet("Cert", "another signer's certificate is demanded")
		}
	}
	if flags&certIssuer != 0 {
		if ok, err := s.holds(d["Issuer"], s.opts.Chain); err != nil {
			return err
		} else if !ok {
			return unmet("Cert", "a certificate of another issuer is demanded")
		}
	}
	if flags&certKeyUsage != 0 {
		patterns, err := s.names(d["KeyUsage"])
		if err != nil {
			return err
		}
		if len(patterns) > 0 && !slices.ContainsFunc(patterns, s.usageFits) {
			return unmet("Cert", "a certificate with another key usage is demanded")
		}
	}
	if flags&(certPolicy|certSubjectDN|certURL) != 0 {
		return unmet("Cert", "certificates are demanded by policy, name or address, which is not judged here")
	}
	return nil
}

// holds tells whether one of the chain's certificates is listed.
func (s *seed) holds(list pdffile.Object, chain []*x509.Certificate) (bool, error) {
	a, err := s.file.Array(list)
	if err != nil {
		return false, err
	}
	for _, o := range a {
		v, err := s.file.Resolve(o)
		if err != nil {
			return false, err
		}
		der, _ := v.(pdffile.String)
		if slices.ContainsFunc(chain, func(c *x509.Certificate) bool { return bytes.Equal(c.Raw, []byte(der)) }) {
			return true, nil
		}
	}
	return false, nil
}

// usageFits compares the key usage bits with a pattern of 0, 1 and X.
func (s *seed) usageFits(pattern string) bool {
	for i, c := range pattern {
		has := i < 9 && s.opts.Chain[0].KeyUsage&(1<<i) != 0
		if c == '1' && !has || c == '0' && has {
			return false
		}
	}
	return true
}
