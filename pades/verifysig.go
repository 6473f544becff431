package pades

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/paraph/paraph/pades/internal/cms"
	"github.com/paraph/paraph/pades/pdffile"
)

// maxContents bounds the signature value in bytes of the file.
const maxContents = 16 << 20

// signature checks one signature and gives the index of its revision, or -1.
func (v *verifier) signature(field pdffile.SignatureField) (int, error) {
	s := SignatureReport{Field: decodeText(field.Name), Kind: "signature", SubFilter: string(field.SubFilter())}
	if field.SubFilter() == "ETSI.RFC3161" {
		s.Kind = "document-timestamp"
	}
	var list checks
	revision, err := v.oneSignature(field, &s, &list)
	s.Revision = revision + 1
	s.Checks = list
	v.report.Signatures = append(v.report.Signatures, s)
	return revision, err
}

func (v *verifier) oneSignature(field pdffile.SignatureField, s *SignatureReport, list *checks) (int, error) {
	revision := -1
	if ok, err := v.byteRange(field, s, list); !ok || err != nil {
		return revision, err
	}
	revision, err := v.coverage(field, s, list)
	if err != nil {
		return revision, err
	}
	der, err := v.contents(s, list)
	if err != nil || der == nil {
		return revision, err
	}
	if s.Kind == "document-timestamp" {
		list.notRun(CheckTimestamp, "timestamp tokens are not read by this version")
		return revision, nil
	}
	return revision, v.value(field, s, list, der)
}

// byteRange checks that the range is four numbers from 0, and that its gap is
// exactly the hex string of /Contents in the signature dictionary.
func (v *verifier) byteRange(field pdffile.SignatureField, s *SignatureReport, list *checks) (bool, error) {
	if field.Value.IsZero() {
		return list.fail(CheckByteRange, "the signature dictionary is no indirect object"), nil
	}
	a, err := v.file.Array(field.Dict["ByteRange"])
	if err != nil {
		return false, v.judge(list, CheckByteRange, err)
	}
	if len(a) != 4 {
		return list.fail(CheckByteRange, fmt.Sprintf("/ByteRange has %d numbers instead of four", len(a))), nil
	}
	for i := range a {
		n, ok := a[i].(pdffile.Integer)
		if !ok || n < 0 || int64(n) > v.size {
			return list.fail(CheckByteRange, "/ByteRange holds something that is no position in the file"), nil
		}
		s.ByteRange[i] = int64(n)
	}
	br := s.ByteRange
	switch {
	case br[0] != 0:
		return list.fail(CheckByteRange, "the signed range does not begin at the first byte"), nil
	case br[1] >= br[2]:
		return list.fail(CheckByteRange, "the two parts of the signed range overlap or leave no gap"), nil
	case br[2]+br[3] > v.size:
		return list.fail(CheckByteRange, "the signed range goes beyond the end of the file"), nil
	}
	spans, err := v.file.Spans(field.Value)
	if err != nil {
		return false, v.judge(list, CheckByteRange, err)
	}
	if spans["Contents"] != (pdffile.Span{Start: br[1], End: br[2]}) {
		return list.fail(CheckByteRange, "the gap in the signed range is not exactly the value of /Contents"), nil
	}
	list.ok(CheckByteRange, "everything but the signature value is signed")
	return true, nil
}

// coverage finds the revision whose end is the end of the signed range.
func (v *verifier) coverage(field pdffile.SignatureField, s *SignatureReport, list *checks) (int, error) {
	end := s.ByteRange[2] + s.ByteRange[3]
	for k, r := range v.revisions {
		if end > r.End || end < r.End-2 {
			continue
		}
		rest := make([]byte, r.End-end)
		if _, err := v.in.ReadAt(rest, end); err != nil && !errors.Is(err, io.EOF) {
			return -1, err
		}
		if len(bytes.Trim(rest, "\r\n")) > 0 {
			continue
		}
		_, offset, _, ok := v.file.Place(field.Value.Num)
		if !ok || offset < r.Start || offset >= r.End {
			list.fail(CheckCoverage, "the signature dictionary does not stand in the revision that it signs")
			return -1, nil
		}
		s.WholeFile = end == v.size
		list.ok(CheckCoverage, fmt.Sprintf("revision %d is signed as a whole", k+1))
		return k, nil
	}
	list.fail(CheckCoverage, fmt.Sprintf("the signed range ends at byte %d, where no revision ends", end))
	return -1, nil
}

// contents decodes the signature value strictly: hex digits only, one DER
// structure, nothing but zeros behind it.
func (v *verifier) contents(s *SignatureReport, list *checks) ([]byte, error) {
	n := s.ByteRange[2] - s.ByteRange[1]
	if n > maxContents {
		list.notRun(CheckContents, "the signature value is too large to be read")
		return nil, nil
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(io.NewSectionReader(v.in, s.ByteRange[1], n), text); err != nil {
		return nil, err
	}
	if n < 4 || text[0] != '<' || text[n-1] != '>' {
		list.fail(CheckContents, "the signature value is no hexadecimal string")
		return nil, nil
	}
	raw := make([]byte, hex.DecodedLen(int(n-2)))
	if _, err := hex.Decode(raw, text[1:n-1]); err != nil {
		list.fail(CheckContents, "the signature value is not made of hexadecimal digits only")
		return nil, nil
	}
	if bytes.ContainsAny(text, "abcdef") && bytes.ContainsAny(text, "ABCDEF") {
		list.fail(CheckContents, "the signature value mixes upper and lower case digits, which no signer writes")
		return nil, nil
	}
	der, err := trimmed(raw)
	if err != nil {
		list.fail(CheckContents, err.Error())
		return nil, nil
	}
	list.ok(CheckContents, "the placeholder holds one signature value and zeros")
	return der, nil
}

// trimmed takes the padding from a signature value.
func trimmed(raw []byte) ([]byte, error) {
	var value asn1.RawValue
	rest, err := asn1.Unmarshal(raw, &value)
	if err != nil {
		return nil, errors.New("the signature value is no DER structure")
	}
	if len(bytes.Trim(rest, "\x00")) > 0 {
		return nil, errors.New("something stands behind the signature value in its placeholder")
	}
	return value.FullBytes, nil
}

// value checks the CMS structure, digest, value and certificate.
func (v *verifier) value(field pdffile.SignatureField, s *SignatureReport, list *checks, der []byte) error {
	if f := field.SubFilter(); f != "ETSI.CAdES.detached" && f != "adbe.pkcs7.detached" {
		list.notRun(CheckCMS, fmt.Sprintf("signatures of the kind %q are not read", s.SubFilter))
		return nil
	}
	sig, err := cms.Parse(der)
	if err != nil {
		list.fail(CheckCMS, err.Error())
		return nil
	}
	list.ok(CheckCMS, "the signature is detached and of one signer")
	s.Algorithm = fmt.Sprintf("%v with %v", sig.Scheme, sig.Hash)
	h := sig.Hash.New()
	if err := copyTo(v.ctx, h, v.in, s.ByteRange[1]); err != nil {
		return err
	}
	tail := io.NewSectionReader(v.in, s.ByteRange[2], s.ByteRange[3])
	if err := copyTo(v.ctx, h, tail, s.ByteRange[3]); err != nil {
		return err
	}
	digest := h.Sum(nil)
	s.Digest = hex.EncodeToString(digest)
	if bytes.Equal(digest, sig.MessageDigest) {
		list.ok(CheckDigest, "the signed bytes are unchanged")
	} else {
		list.fail(CheckDigest, "the signed bytes were changed: their digest is not the signed one")
	}
	v.signer(field, s, list, sig)
	return nil
}

func (v *verifier) signer(field pdffile.SignatureField, s *SignatureReport, list *checks, sig *cms.Signature) {
	cert, err := sig.Signer()
	if err != nil {
		list.fail(CheckSignature, err.Error())
		return
	}
	s.Signer, s.Subject, s.Issuer = cert.Subject.CommonName, cert.Subject.String(), cert.Issuer.String()
	s.Serial = cert.SerialNumber.Text(16)
	print := sha256.Sum256(cert.Raw)
	s.Certificate = hex.EncodeToString(print[:])
	if err := sig.Verify(cert); err != nil {
		list.fail(CheckSignature, err.Error())
	} else {
		list.ok(CheckSignature, "the signature was made with the key of the certificate")
	}
	switch matches, present := sig.NamesCertificate(cert); {
	case matches:
		list.ok(CheckSigningCert, "the certificate is itself signed")
	case present:
		list.fail(CheckSigningCert, "the signed attribute signing-certificate-v2 names another certificate")
	default:
		list.notRun(CheckSigningCert, "the signature has no attribute signing-certificate-v2")
	}
	v.profile(field, s, list, sig)
	v.chain(s, list, cert, sig)
}

// profile checks the rules of EN 319 142-1 that do not touch integrity.
func (v *verifier) profile(field pdffile.SignatureField, s *SignatureReport, list *checks, sig *cms.Signature) {
	m, _ := field.Dict["M"].(pdffile.String)
	at, ok := parseDate(string(m))
	s.Time = at
	switch {
	case field.SubFilter() != "ETSI.CAdES.detached":
		list.notRun(CheckProfile, "the signature does not claim to be PAdES")
	case !ok:
		list.fail(CheckProfile, "the signature dictionary has no readable time of signing (/M)")
	case sig.SigningTime:
		list.fail(CheckProfile, "the signature has the attribute signing-time, which PAdES forbids")
	default:
		list.ok(CheckProfile, "the rules of PAdES B-B are kept")
	}
}

// chain checks the certificate at the claimed time of signing.
func (v *verifier) chain(s *SignatureReport, list *checks, cert *x509.Certificate, sig *cms.Signature) {
	if problem := usage(cert); problem != "" {
		list.fail(CheckKeyUsage, problem)
	} else {
		list.ok(CheckKeyUsage, "the certificate is for signing documents")
	}
	if v.opts.Roots == nil {
		list.notRun(CheckCertificate, "no trusted root certificates were given")
		return
	}
	if s.Time.IsZero() {
		list.notRun(CheckCertificate, "the claimed time of signing is unknown")
		return
	}
	pool := x509.NewCertPool()
	for _, c := range append(sig.Certificates, v.opts.Intermediates...) {
		pool.AddCert(c)
	}
	_, err := cert.Verify(x509.VerifyOptions{
		Roots: v.opts.Roots, Intermediates: pool, CurrentTime: s.Time,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		list.fail(CheckCertificate, fmt.Sprintf("the certificate leads to no trusted root at %s: %v", s.Time.Format(time.RFC3339), err))
		return
	}
	list.ok(CheckCertificate, "the certificate leads to a trusted root and was valid at the claimed time")
}

// Extended key usages for documents beside e-mail: RFC 9336, Microsoft, Adobe.
var documentUsages = []asn1.ObjectIdentifier{
	{1, 3, 6, 1, 5, 5, 7, 3, 36}, {1, 3, 6, 1, 4, 1, 311, 10, 3, 12}, {1, 2, 840, 113583, 1, 1, 5},
}

// usage tells why a certificate is not for signing documents, or "".
func usage(c *x509.Certificate) string {
	if c.IsCA && c.KeyUsage == 0 {
		return "the certificate is that of an authority and does not say that it signs documents"
	}
	if c.KeyUsage != 0 && c.KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) == 0 {
		return "the certificate's key is not for signatures"
	}
	if len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) == 0 {
		return ""
	}
	for _, u := range c.ExtKeyUsage {
		if u == x509.ExtKeyUsageAny || u == x509.ExtKeyUsageEmailProtection {
			return ""
		}
	}
	for _, u := range c.UnknownExtKeyUsage {
		for _, known := range documentUsages {
			if u.Equal(known) {
				return ""
			}
		}
	}
	return "the certificate's extended key usage is for something else than documents"
}

// parseDate reads a PDF date (7.9.4) with all its parts up to the seconds.
func parseDate(s string) (time.Time, bool) {
	s = strings.ReplaceAll(strings.TrimPrefix(s, "D:"), "'", "")
	for _, layout := range []string{"20060102150405Z0700", "20060102150405Z", "20060102150405"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	if strings.HasSuffix(s, "Z0000") {
		return parseDate(strings.TrimSuffix(s, "0000"))
	}
	return time.Time{}, false
}

// decodeText reads a text string for people; PDFDocEncoding is taken as Latin-1.
func decodeText(s string) string {
	b := []byte(s)
	if len(b) >= 2 && b[0] == 0xFE && b[1] == 0xFF {
		units := make([]uint16, 0, len(b)/2)
		for i := 2; i+1 < len(b); i += 2 {
			units = append(units, uint16(b[i])<<8|uint16(b[i+1]))
		}
		return string(utf16.Decode(units))
	}
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = rune(c)
	}
	return string(runes)
}
