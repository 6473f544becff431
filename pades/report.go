package pades

import (
	"crypto/x509"
	"time"
)

// Verdict is the outcome of a verification.
type Verdict string

// The verdicts, in the sense of EN 319 102-1, 5.1: indeterminate means that
// nothing speaks against the signature but something needed is not known.
const (
	Valid         Verdict = "valid"
	Invalid       Verdict = "invalid"
	Indeterminate Verdict = "indeterminate"
)

// Status is the outcome of one check.
type Status string

// The outcomes of a check.
const (
	OK     Status = "ok"
	Failed Status = "failed"
	NotRun Status = "not-run"
)

// Code names a check for machines.
type Code string

// The checks of the file and of each signature.
const (
	CheckStructure    Code = "file-structure"      // the file is sound, nothing in it needs repair
	CheckFound        Code = "signature-found"     // there is at least one signature
	CheckEnd          Code = "end-of-file"         // nothing stands behind the last revision
	CheckRevisions    Code = "revision-chain"      // revisions follow each other and point at their own objects
	CheckChanges      Code = "changes-after"       // what later revisions changed is allowed
	CheckByteRange    Code = "byte-range"          // the signed range is everything but the signature value
	CheckCoverage     Code = "covers-revision"     // the signed range ends where a revision ends
	CheckContents     Code = "contents"            // the signature value is one DER structure, padded with zeros
	CheckCMS          Code = "cms"                 // detached SignedData of one signer
	CheckDigest       Code = "digest"              // the document's digest is the signed one
	CheckSignature    Code = "signature-value"     // the value was made with the certificate's key
	CheckSigningCert  Code = "signing-certificate" // signing-certificate-v2 names that certificate
	CheckProfile      Code = "baseline-profile"    // the rules of PAdES B-B are kept
	CheckCertificate  Code = "certificate-chain"   // the certificate leads to a trusted root at the claimed time
	CheckKeyUsage     Code = "key-usage"           // the certificate is for signing documents
	CheckTimestamp    Code = "timestamp-token"     // the token of a document timestamp
	CheckSealPosition Code = "seal-position"       // the seal is the last signature (strict profile)
)

// Check is one check with its outcome, in words for people.
type Check struct {
	Code    Code   `json:"code"`
	Status  Status `json:"status"`
	Message string `json:"message"`
}

// SignatureReport is what was found out about one signature.
type SignatureReport struct {
	Field       string    `json:"field"`
	Kind        string    `json:"kind"` // "signature" or "document-timestamp"
	Verdict     Verdict   `json:"verdict"`
	Signer      string    `json:"signer,omitempty"` // common name
	Subject     string    `json:"subject,omitempty"`
	Issuer      string    `json:"issuer,omitempty"`
	Serial      string    `json:"serial,omitempty"`      // hexadecimal
	Certificate string    `json:"certificate,omitempty"` // SHA-256 of its DER, hexadecimal
	Time        time.Time `json:"time,omitzero"`         // as claimed by the signer, /M
	SubFilter   string    `json:"subFilter"`
	Algorithm   string    `json:"algorithm,omitempty"`
	Digest      string    `json:"digest,omitempty"` // of the signed bytes, hexadecimal
	Revision    int       `json:"revision"`         // counted from 1; 0 if unknown
	ByteRange   [4]int64  `json:"byteRange"`
	WholeFile   bool      `json:"coversWholeFile"`
	Checks      []Check   `json:"checks"`
}

// Report is the result of Verify.
type Report struct {
	Verdict    Verdict           `json:"verdict"`
	Size       int64             `json:"size"`
	Revisions  int               `json:"revisions"`
	Signatures []SignatureReport `json:"signatures"`
	Checks     []Check           `json:"checks"`
}

// Failures lists all checks that failed, those of the file first.
func (r *Report) Failures() []Check {
	var list []Check
	add := func(checks []Check) {
		for _, c := range checks {
			if c.Status == Failed {
				list = append(list, c)
			}
		}
	}
	add(r.Checks)
	for i := range r.Signatures {
		add(r.Signatures[i].Checks)
	}
	return list
}

// Policy says what may follow a signature.
type Policy int

// The policies. Both allow validation data (DSS) and document timestamps.
const (
	// AllowSignatures lets further signatures follow, as far as a certification allows.
	AllowSignatures Policy = iota
	// Sealed lets nothing else follow the last signature, which is the seal, and
	// demands that it leads to Roots: a seal by anybody else is invalid, not
	// only unknown. Roots should hold nothing but the sealing authority.
	Sealed
)

// VerifyOptions say what to trust and what to allow.
type VerifyOptions struct {
	Roots         *x509.CertPool // nil leaves the certificates unchecked: never valid
	Intermediates []*x509.Certificate
	Policy        Policy
	Password      string // opens an encrypted file
}

// checks collects outcomes.
type checks []Check

func (c *checks) ok(code Code, message string) { *c = append(*c, Check{code, OK, message}) }
func (c *checks) fail(code Code, message string) bool {
	*c = append(*c, Check{code, Failed, message})
	return false
}
func (c *checks) notRun(code Code, message string) bool {
	*c = append(*c, Check{code, NotRun, message})
	return false
}

// verdict sums up: uncertain checks make a failure indeterminate only.
func (c checks) verdict(uncertain map[Code]bool) Verdict {
	v := Valid
	for _, k := range c {
		switch {
		case k.Status == Failed && !uncertain[k.Code]:
			return Invalid
		case k.Status != OK:
			v = Indeterminate
		}
	}
	return v
}
