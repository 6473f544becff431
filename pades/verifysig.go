package pades

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/paraph/paraph/pades/internal/cms"
	"github.com/paraph/paraph/pades/pdffile"
	"github.com/paraph/paraph/pades/tsp"
	"github.com/paraph/paraph/pades/validation"
)

// maxContents bounds the signature value in bytes of the file.
const maxContents = 16 << 20

// found is one signature of the file on its way through the checks.
type found struct {
	field    pdffile.SignatureField
	report   SignatureReport
	checks   checks
	revision int    // index of the revision that it covers; -1: none
	value    []byte // the signature value in DER; nil: it cannot be read

	hash   crypto.Hash // of the signed bytes
	digest []byte
	cms    *cms.Signature // of a signature
	token  *tsp.Token     // of a document timestamp
	cert   *x509.Certificate
	stamps []*stamp // of a signature
	sound  bool     // the bytes and the cryptography hold
	passed bool     // of a document timestamp: its time counts
}

func (f *found) kind() string { return f.report.Kind }

// bytes checks what can be seen without cryptography, and reads the value.
func (v *verifier) bytes(f *found) error {
	s := &f.report
	s.Field, s.Kind, s.SubFilter = decodeText(f.field.Name), KindSignature, string(f.field.SubFilter())
	if f.field.SubFilter() == "ETSI.RFC3161" {
		s.Kind = KindTimestamp
	}
	if text, ok := f.field.Dict["Reason"].(pdffile.String); ok {
		s.Reason = decodeText(string(text))
	}
	if ok, err := v.byteRange(f); !ok || err != nil {
		return err
	}
	if err := v.coverage(f); err != nil {
		return err
	}
	if err := v.contents(f); err != nil || f.value == nil {
		return err
	}
	v.parse(f)
	return nil
}

// byteRange checks that the range is four numbers from 0, and that its gap is
// exactly the hex string of /Contents in the signature dictionary.
func (v *verifier) byteRange(f *found) (bool, error) {
	list, s := &f.checks, &f.report
	if f.field.Value.IsZero() {
		return list.fail(CheckByteRange, "the signature dictionary is no indirect object"), nil
	}
	a, err := v.file.Array(f.field.Dict["ByteRange"])
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
	spans, err := v.file.Spans(f.field.Value)
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
func (v *verifier) coverage(f *found) error {
	end := f.report.ByteRange[2] + f.report.ByteRange[3]
	for k, r := range v.revisions {
		if end > r.End || end < r.End-2 {
			continue
		}
		rest := make([]byte, r.End-end)
		if _, err := v.in.ReadAt(rest, end); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if len(bytes.Trim(rest, "\r\n")) > 0 {
			continue
		}
		_, offset, _, ok := v.file.Place(f.field.Value.Num)
		if !ok || offset < r.Start || offset >= r.End {
			f.checks.fail(CheckCoverage, "the signature dictionary does not stand in the revision that it signs")
			return nil
		}
		for _, other := range v.found {
			if other != f && other.revision == k {
				f.checks.fail(CheckCoverage, fmt.Sprintf("revision %d carries a second signature", k+1))
				return nil
			}
		}
		f.report.WholeFile = end == v.size
		f.revision, f.report.Revision = k, k+1
		f.checks.ok(CheckCoverage, fmt.Sprintf("revision %d is signed as a whole", k+1))
		return nil
	}
	f.checks.fail(CheckCoverage, fmt.Sprintf("the signed range ends at byte %d, where no revision ends", end))
	return nil
}

// contents decodes the signature value strictly: hex digits only, one structure,
// nothing but zeros behind it.
func (v *verifier) contents(f *found) error {
	list, br := &f.checks, f.report.ByteRange
	n := br[2] - br[1]
	if n > maxContents {
		list.notRun(CheckContents, "the signature value is too large to be read")
		return nil
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(io.NewSectionReader(v.in, br[1], n), text); err != nil {
		return err
	}
	raw := make([]byte, hex.DecodedLen(max(int(n-2), 0)))
	switch {
	case n < 4 || text[0] != '<' || text[n-1] != '>':
		list.fail(CheckContents, "the signature value is no hexadecimal string")
		return nil
	case bytes.ContainsAny(text, "abcdef") && bytes.ContainsAny(text, "ABCDEF"):
		list.fail(CheckContents, "the signature value mixes upper and lower case digits, which no signer writes")
		return nil
	}
	if _, err := hex.Decode(raw, text[1:n-1]); err != nil {
		list.fail(CheckContents, "the signature value is not made of hexadecimal digits only")
		return nil
	}
	der, rest, err := cms.Definite(raw)
	switch {
	case err != nil:
		list.fail(CheckContents, "the signature value is no DER structure")
	case len(bytes.Trim(rest, "\x00")) > 0:
		list.fail(CheckContents, "something stands behind the signature value in its placeholder")
	default:
		f.value = der
		list.ok(CheckContents, "the placeholder holds one signature value and zeros")
		if !bytes.HasPrefix(raw, der) {
			list.note(CheckContents, "the signature value is in BER where the standard demands DER")
		}
	}
	return nil
}

// parse reads the structure of the value.
func (v *verifier) parse(f *found) {
	if f.kind() == KindTimestamp {
		token, err := tsp.ParseAny(f.value)
		if err != nil {
			f.checks.fail(CheckCMS, err.Error())
			return
		}
		f.token, f.hash = token, token.Hash
		f.report.Time, f.report.Algorithm = token.Time, fmt.Sprintf("timestamp with %v", token.Hash)
		f.checks.ok(CheckCMS, "the timestamp token is whole and of one authority")
		return
	}
	if s := f.field.SubFilter(); s != "ETSI.CAdES.detached" && s != "adbe.pkcs7.detached" {
		f.checks.notRun(CheckCMS, fmt.Sprintf("signatures of the kind %q are not read", f.report.SubFilter))
		return
	}
	sig, err := cms.ParseAny(f.value)
	if err != nil {
		f.checks.fail(CheckCMS, err.Error())
		return
	}
	f.cms, f.hash = sig, sig.Hash
	f.report.Algorithm = fmt.Sprintf("%v with %v", sig.Scheme, sig.Hash)
	f.checks.ok(CheckCMS, "the signature is detached and of one signer")
}

// cryptography checks the digest, the value and what the signed attributes say.
func (v *verifier) cryptography(f *found) {
	switch {
	case f.digest == nil:
	case f.token != nil:
		v.timestamp(f)
	default:
		v.signature(f)
	}
}

func (v *verifier) signature(f *found) {
	list, s, sig := &f.checks, &f.report, f.cms
	intact := bytes.Equal(f.digest, sig.MessageDigest)
	if intact {
		list.ok(CheckDigest, "the signed bytes are unchanged")
	} else {
		list.fail(CheckDigest, "the signed bytes were changed: their digest is not the signed one")
	}
	cert, err := sig.Signer()
	if err != nil {
		cert, err = sig.SignerAmong(v.opts.Certificates)
	}
	if err != nil {
		list.failAs(CheckSignature, validation.NoSigner, err.Error())
		return
	}
	f.cert = cert
	s.Signer, s.Subject, s.Issuer = cert.Subject.CommonName, cert.Subject.String(), cert.Issuer.String()
	s.Serial = cert.SerialNumber.Text(16)
	print := sha256.Sum256(cert.Raw)
	s.Certificate = hex.EncodeToString(print[:])
	err = sig.Verify(cert)
	if err != nil {
		list.fail(CheckSignature, err.Error())
	} else {
		list.ok(CheckSignature, "the signature was made with the key of the certificate")
	}
	f.sound = intact && err == nil
	v.profile(f)
}

// profile checks the rules of EN 319 142-1, 6.3 that do not touch integrity. Who
// breaks those of form has no baseline level; a seal has to keep them.
func (v *verifier) profile(f *found) {
	list, sig := &f.checks, f.cms
	claimsPAdES := f.field.SubFilter() == "ETSI.CAdES.detached"
	matches, present := sig.Binds(f.cert)
	switch {
	case matches:
		list.ok(CheckSigningCert, "the certificate is itself signed")
	case present:
		list.failAs(CheckSigningCert, validation.NoSigner, "the signed attribute signing-certificate-v2 names another certificate")
	case claimsPAdES:
		list.fail(CheckSigningCert, "the signature has no attribute signing-certificate-v2")
	default:
		list.note(CheckSigningCert, "the certificate is not itself signed, so that another one for the same key could have been put in its place")
	}
	m, _ := f.field.Dict["M"].(pdffile.String)
	at, ok := parseDate(string(m))
	f.report.Time = at
	breach := func(why string) {
		if v.opts.Policy == Sealed {
			list.fail(CheckProfile, why)
			return
		}
		list.note(CheckProfile, why+"; so it has no baseline level")
	}
	switch {
	case !claimsPAdES:
		list.note(CheckProfile, "the signature does not claim to be PAdES, so it has none of its levels")
	case !ok:
		breach("the signature dictionary has no readable time of signing (/M)")
	case sig.SigningTime:
		breach("the signature has the attribute signing-time, which PAdES forbids")
	default:
		list.ok(CheckProfile, "the rules of PAdES B-B are kept")
	}
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
	if rest, ok := strings.CutPrefix(s, "\xEF\xBB\xBF"); ok {
		return strings.ToValidUTF8(rest, "\uFFFD")
	}
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = rune(c)
	}
	return string(runes)
}
