// Package trust says in which certificates trust begins: those of files, folders
// and the system, and those of the European Union's trusted lists (package tsl).
package trust

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/paraph/paraph/pades/internal/dn"
)

// Use is what a certificate was used for.
type Use int

// The uses.
const (
	Signing  Use = iota // documents
	Stamping            // times
)

// Anchor is a certificate in which trust begins. Whoever trusts it need not know
// its issuer, nor whether it was revoked.
type Anchor struct {
	Certificate *x509.Certificate
	From        string // whose word it is, for people: "the file ca.pem"
	// Allows tells why the anchor does not count for a use at a time, nil where it
	// does. A nil Allows allows everything.
	Allows func(use Use, at time.Time) error
	// About is more that is known of it, such as the entries of a trusted list.
	About any
}

// Source knows anchors.
type Source interface {
	// Named gives the anchors of a subject's name, in DER.
	Named(subject []byte) []Anchor
	// Describe says for people where trust comes from, and how old that is.
	Describe() []string
}

// Set is a Source of certificates that are simply there. It must not be changed
// while it is in use.
type Set struct {
	anchors map[string][]Anchor // by the key of their name
	about   []string
}

// Of makes a Set of certificates.
func Of(from string, certificates ...*x509.Certificate) *Set {
	s := &Set{}
	s.describe(from)
	for _, c := range certificates {
		s.Add(Anchor{Certificate: c, From: from})
	}
	return s
}

// Add adds an anchor. One that is there already stays.
func (s *Set) Add(a Anchor) {
	if s.anchors == nil {
		s.anchors = map[string][]Anchor{}
	}
	key := dn.Key(a.Certificate.RawSubject)
	if slices.ContainsFunc(s.anchors[key], func(b Anchor) bool { return b.Certificate.Equal(a.Certificate) }) {
		return
	}
	s.anchors[key] = append(s.anchors[key], a)
}

func (s *Set) describe(from string) {
	if !slices.Contains(s.about, from) {
		s.about = append(s.about, from)
	}
}

// Named implements Source.
func (s *Set) Named(subject []byte) []Anchor { return s.anchors[dn.Key(subject)] }

// Describe implements Source.
func (s *Set) Describe() []string { return s.about }

// Len counts the anchors.
func (s *Set) Len() (n int) {
	for _, list := range s.anchors {
		n += len(list)
	}
	return n
}

// Certificates gives those of all anchors.
func (s *Set) Certificates() (list []*x509.Certificate) {
	for _, key := range slices.Sorted(maps.Keys(s.anchors)) {
		for _, a := range s.anchors[key] {
			list = append(list, a.Certificate)
		}
	}
	return list
}

// Join adds the anchors of another set, with where they come from.
func (s *Set) Join(o *Set) {
	for _, from := range o.about {
		s.describe(from)
	}
	for _, list := range o.anchors {
		for _, a := range list {
			s.Add(a)
		}
	}
}

// storedSet is a Set as it travels between processes.
type storedSet struct {
	About   []string       `json:"about"`
	Anchors []storedAnchor `json:"anchors"`
}

type storedAnchor struct {
	DER  []byte `json:"der"`
	From string `json:"from"`
}

// MarshalJSON implements json.Marshaler. Anchors with conditions cannot travel.
func (s *Set) MarshalJSON() ([]byte, error) {
	out := storedSet{About: s.about}
	for _, key := range slices.Sorted(maps.Keys(s.anchors)) {
		for _, a := range s.anchors[key] {
			if a.Allows != nil || a.About != nil {
				return nil, errors.New("an anchor with conditions cannot be written down")
			}
			out.Anchors = append(out.Anchors, storedAnchor{a.Certificate.Raw, a.From})
		}
	}
	return json.Marshal(out)
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *Set) UnmarshalJSON(b []byte) error {
	var in storedSet
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	*s = Set{about: in.About}
	for _, a := range in.Anchors {
		c, err := x509.ParseCertificate(a.DER)
		if err != nil {
			return err
		}
		s.Add(Anchor{Certificate: c, From: a.From})
	}
	return nil
}

// Merge gives a Source of several.
func Merge(sources ...Source) Source {
	if len(sources) == 1 {
		return sources[0]
	}
	return merged(sources)
}

type merged []Source

func (m merged) Named(subject []byte) (list []Anchor) {
	for _, s := range m {
		list = append(list, s.Named(subject)...)
	}
	return list
}

func (m merged) Describe() (list []string) {
	for _, s := range m {
		list = append(list, s.Describe()...)
	}
	return list
}

// Find gives the anchor that is exactly this certificate.
func Find(s Source, c *x509.Certificate) (Anchor, bool) {
	for _, a := range s.Named(c.RawSubject) {
		if bytes.Equal(a.Certificate.Raw, c.Raw) {
			return a, true
		}
	}
	return Anchor{}, false
}

// ErrNone: there is no certificate where some were expected.
var ErrNone = errors.New("there is no certificate in it")

// PEM reads certificates in PEM, or one in DER.
func PEM(from string, raw []byte) (*Set, error) {
	certificates, err := parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", from, err)
	}
	return Of(from, certificates...), nil
}

func parse(raw []byte) (list []*x509.Certificate, err error) {
	for rest := raw; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	if len(list) == 0 {
		c, err := x509.ParseCertificate(raw)
		if err != nil {
			return nil, ErrNone
		}
		list = append(list, c)
	}
	return list, nil
}

// Path reads a file of certificates, or every file of a folder; a file of a folder
// that holds none is passed over.
func Path(path string) (*Set, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		return PEM("the file "+filepath.Base(path), raw)
	}
	return folder(path, "the folder "+filepath.Base(path))
}

func folder(path, from string) (*Set, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	set := Of(from)
	for _, e := range entries {
		raw, err := os.ReadFile(filepath.Join(path, e.Name())) // which follows the links of such folders
		if err != nil {
			if info, serr := os.Stat(filepath.Join(path, e.Name())); errors.Is(err, fs.ErrNotExist) || serr == nil && info.IsDir() {
				continue
			}
			return nil, err
		}
		certificates, err := parse(raw)
		if err != nil {
			continue
		}
		for _, c := range certificates {
			set.Add(Anchor{Certificate: c, From: from})
		}
	}
	if set.Len() == 0 {
		return nil, fmt.Errorf("%s: %w", path, ErrNone)
	}
	return set, nil
}

// bundles are where systems keep the roots they trust, in one file.
var bundles = []string{
	"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/cert.pem", "/opt/homebrew/etc/openssl@3/cert.pem",
}

// System reads the roots that the system trusts, from its bundle or from where
// SSL_CERT_FILE and SSL_CERT_DIR point. Those are roots for servers; few of them
// certify people who sign.
func System(getenv func(string) string) (*Set, error) {
	const from = "the system's roots"
	files := bundles
	if f := getenv("SSL_CERT_FILE"); f != "" {
		files = []string{f}
	}
	for _, f := range files {
		if raw, err := os.ReadFile(f); err == nil {
			return PEM(from, raw)
		}
	}
	if dir := getenv("SSL_CERT_DIR"); dir != "" {
		return folder(dir, from)
	}
	return nil, errors.New("this system keeps its roots nowhere that is known here; name a file or folder of certificates instead")
}
