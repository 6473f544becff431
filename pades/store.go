package pades

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/paraph/paraph/pades/pdffile"
	"github.com/paraph/paraph/pades/revocation"
)

// store is a document security store in the making (ISO 32000-2, 12.8.4.3;
// EN 319 142-1, 5.4.2).
type store struct {
	all revocation.Evidence
	vri map[string]*revocation.Evidence // by the key of the signature
}

// add takes the evidence for a signature. contents is its value as it stands in
// the file, padding included; nil adds to the store only.
func (s *store) add(contents []byte, e *revocation.Evidence) {
	s.all.Merge(e)
	if contents == nil {
		return
	}
	if s.vri == nil {
		s.vri = map[string]*revocation.Evidence{}
	}
	key := vriKey(contents)
	if s.vri[key] == nil {
		s.vri[key] = &revocation.Evidence{}
	}
	s.vri[key].Merge(e)
}

// vriKey is the name under which a store keeps what belongs to a signature.
func vriKey(contents []byte) string {
	sum := sha1.Sum(contents)
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

// storeLists are the lists of a store, with the name that a VRI entry has for each.
var storeLists = [...]struct{ store, vri pdffile.Name }{{"Certs", "Cert"}, {"OCSPs", "OCSP"}, {"CRLs", "CRL"}}

func listOf(e *revocation.Evidence, i int) [][]byte {
	return [...][][]byte{e.Certs, e.OCSPs, e.CRLs}[i]
}

// update builds the revision that adds the evidence to the file's store; nil if
// the file has all of it.
func (s *store) update(f *pdffile.File) ([]byte, error) {
	u := pdffile.NewUpdate(f)
	catalog, err := f.Catalog()
	if err != nil {
		return nil, err
	}
	old, err := f.Dict(catalog["DSS"])
	if err != nil {
		return nil, err
	}
	dss := old.Clone()
	if dss == nil {
		dss = pdffile.Dict{"Type": pdffile.Name("DSS")}
	}
	fresh := false
	refs := map[[32]byte]pdffile.Ref{}
	for i, name := range storeLists {
		list, err := f.Array(dss[name.store])
		if err != nil {
			return nil, err
		}
		held, err := digests(f, list)
		if err != nil {
			return nil, err
		}
		maps.Copy(refs, held)
		list = list.Clone()
		for _, der := range listOf(&s.all, i) {
			sum := sha256.Sum256(der)
			if _, there := held[sum]; there {
				continue
			}
			refs[sum] = u.AddStream(nil, der)
			list = append(list, refs[sum])
			fresh = true
		}
		if len(list) > 0 {
			dss[name.store] = list
		}
	}
	if err := s.entries(f, dss, refs, &fresh); err != nil || !fresh {
		return nil, err
	}
	if ref, ok := catalog["DSS"].(pdffile.Ref); ok && old != nil {
		u.Set(ref, dss)
		return u.Bytes()
	}
	catalog = catalog.Clone()
	catalog["DSS"] = u.Add(dss)
	u.Set(u.Root(), catalog)
	return u.Bytes()
}

// digests gives the objects of a list by the SHA-256 of their data.
func digests(f *pdffile.File, list pdffile.Array) (map[[32]byte]pdffile.Ref, error) {
	out := map[[32]byte]pdffile.Ref{}
	for _, o := range list {
		ref, _ := o.(pdffile.Ref)
		v, err := f.Resolve(o)
		if err != nil {
			return nil, err
		}
		stream, ok := v.(*pdffile.Stream)
		if !ok || ref.IsZero() {
			continue
		}
		data, err := f.Decoded(stream)
		if err != nil {
			return nil, err
		}
		out[sha256.Sum256(data)] = ref
	}
	return out, nil
}

// entries adds what the store keeps for single signatures.
func (s *store) entries(f *pdffile.File, dss pdffile.Dict, refs map[[32]byte]pdffile.Ref, fresh *bool) error {
	if len(s.vri) == 0 {
		return nil
	}
	vri, err := f.Dict(dss["VRI"])
	if err != nil {
		return err
	}
	if vri = vri.Clone(); vri == nil {
		vri = pdffile.Dict{}
	}
	for _, key := range slices.Sorted(maps.Keys(s.vri)) {
		if vri[pdffile.Name(key)] != nil {
			continue // what was written for a signature stays as it is
		}
		d := pdffile.Dict{"Type": pdffile.Name("VRI")}
		for i, name := range storeLists {
			var list pdffile.Array
			for _, der := range listOf(s.vri[key], i) {
				list = append(list, refs[sha256.Sum256(der)])
			}
			if len(list) > 0 {
				d[name.vri] = list
			}
		}
		vri[pdffile.Name(key)] = d
		*fresh = true
	}
	dss["VRI"] = vri
	return nil
}

// contentsOf reads the value of a signature as it stands in the file.
func contentsOf(in io.ReaderAt, start, end int64) ([]byte, error) {
	if end-start < 2 || end-start > maxContents {
		return nil, nil
	}
	text := make([]byte, end-start)
	if _, err := io.ReadFull(io.NewSectionReader(in, start, end-start), text); err != nil {
		return nil, err
	}
	raw := make([]byte, hex.DecodedLen(len(text)-2))
	if _, err := hex.Decode(raw, text[1:len(text)-1]); err != nil {
		return nil, nil //nolint:nilerr // no hexadecimal string: the signature has no value that could be read
	}
	return raw, nil
}
