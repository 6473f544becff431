package pades

import (
	"time"

	"github.com/paraph/paraph/pades/validation"
)

// Verdict is the outcome of a verification in one word for people.
type Verdict string

// The verdicts. They are the indications of EN 319 102-1, 5.1.3: indeterminate
// means that nothing speaks against the signature but something needed is not known.
const (
	Valid         Verdict = "valid"
	Invalid       Verdict = "invalid"
	Indeterminate Verdict = "indeterminate"
)

// Indication gives the standard's word.
func (v Verdict) Indication() validation.Indication {
	switch v {
	case Valid:
		return validation.TotalPassed
	case Invalid:
		return validation.TotalFailed
	}
	return validation.Indeterminate
}

// Status is the outcome of one check.
type Status string

// The outcomes of a check.
const (
	OK     Status = "ok"
	Failed Status = "failed"
	NotRun Status = "not-run" // and needed: without it nothing is valid
	Noted  Status = "noted"   // something to know; it decides nothing
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
	CheckVisible      Code = "visible-content"     // what is seen of the pages changed only where it may
	CheckByteRange    Code = "byte-range"          // the signed range is everything but the signature value
	CheckCoverage     Code = "covers-revision"     // the signed range ends where a revision ends
	CheckContents     Code = "contents"            // the signature value is one structure, padded with zeros
	CheckCMS          Code = "cms"                 // detached SignedData of one signer
	CheckDigest       Code = "digest"              // the document's digest is the signed one
	CheckSignature    Code = "signature-value"     // the value was made with the certificate's key
	CheckSigningCert  Code = "signing-certificate" // signing-certificate-v2 names that certificate
	CheckProfile      Code = "baseline-profile"    // the rules of PAdES B-B are kept
	CheckTime         Code = "claimed-time"        // the time that the signer claims is possible
	CheckCertificate  Code = "certificate-chain"   // the certificate leads to one that is trusted
	CheckRevocation   Code = "revocation"          // no certificate on the way was revoked
	CheckAlgorithm    Code = "algorithm"           // what the signature was made with is to be relied on
	CheckKeyUsage     Code = "key-usage"           // the certificate is for signing documents
	CheckTimestamp    Code = "timestamp-token"     // a timestamp is over what it should be, by a trusted authority
	CheckSealPosition Code = "seal-position"       // the seal is the last signature (strict profile)
)

// Check is one check with its outcome, in words for people.
type Check struct {
	Code    Code                     `json:"code"`
	Status  Status                   `json:"status"`
	Sub     validation.SubIndication `json:"sub_indication,omitempty"` // of a check that did not pass
	Message string                   `json:"message"`
}

// The kinds of signatures.
const (
	KindSignature = "signature"
	KindTimestamp = "document-timestamp"
)

// SignatureReport is what was found out about one signature.
type SignatureReport struct {
	Field      string                   `json:"field"`
	Kind       string                   `json:"kind"`
	Verdict    Verdict                  `json:"verdict"`
	Indication validation.Indication    `json:"indication"`
	Sub        validation.SubIndication `json:"sub_indication,omitempty"`
	// Level is the PAdES baseline level, "B-B" to "B-LTA"; empty where the signature
	// has none. It says what protects the signature, not that it is valid.
	Level string `json:"level,omitempty"`

	Signer      string `json:"signer,omitempty"` // common name
	Subject     string `json:"subject,omitempty"`
	Issuer      string `json:"issuer,omitempty"`
	Serial      string `json:"serial,omitempty"`      // hexadecimal
	Certificate string `json:"certificate,omitempty"` // SHA-256 of its DER, hexadecimal

	Time   time.Time `json:"time,omitzero"`      // as claimed by the signer, /M, or as stamped
	Proven time.Time `json:"proven,omitzero"`    // since when the signature is proven to have been there
	By     string    `json:"proven_by,omitzero"` // "signature-timestamp" or "document-timestamp"

	Reason    string `json:"reason,omitempty"` // as the signer gave it
	SubFilter string `json:"sub_filter"`
	Algorithm string `json:"algorithm,omitempty"`
	Digest    string `json:"digest,omitempty"` // of the signed bytes, hexadecimal

	Revision  int      `json:"revision"` // counted from 1; 0 if unknown
	ByteRange [4]int64 `json:"byte_range"`
	WholeFile bool     `json:"covers_whole_file"`
	Certifies int      `json:"certifies,omitempty"` // DocMDP level of a certification

	Chain         []CertificateReport `json:"chain,omitempty"`
	Timestamps    []TimestampReport   `json:"timestamps,omitempty"` // inside the signature
	Qualification *Qualification      `json:"qualification,omitempty"`
	Checks        []Check             `json:"checks"`
}

// CertificateReport is a certificate of a signer's path.
type CertificateReport struct {
	Subject   string    `json:"subject"`
	Serial    string    `json:"serial"` // hexadecimal
	SHA256    string    `json:"sha256"`
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	TrustedBy string    `json:"trusted_by,omitempty"` // of the anchor

	Revocation validation.State `json:"revocation,omitempty"`
	AnsweredBy string           `json:"answered_by,omitempty"` // "OCSP" or "CRL", and where that was found
	AnsweredAt time.Time        `json:"answered_at,omitzero"`
}

// TimestampReport is what was found out about a timestamp inside a signature.
type TimestampReport struct {
	Time       time.Time                `json:"time,omitzero"`
	Authority  string                   `json:"authority,omitempty"`
	Indication validation.Indication    `json:"indication"`
	Sub        validation.SubIndication `json:"sub_indication,omitempty"`
	Message    string                   `json:"message"`
}

// Qualification says what trusted lists make of a signature (ETSI TS 119 615).
type Qualification struct {
	Level   string   `json:"level"`   // such as "QESig", "AdESig-QC", "AdESig", "n/a"
	Meaning string   `json:"meaning"` // for people
	Reasons []string `json:"reasons,omitempty"`
}

// Want is what would have helped and was not at hand, in DER: the issuer of a
// certificate (Issuer nil), or an answer about its revocation.
type Want struct {
	Certificate []byte `json:"certificate"`
	Issuer      []byte `json:"issuer,omitempty"`
}

// Report is the result of Verify.
type Report struct {
	Verdict    Verdict               `json:"verdict"`
	Indication validation.Indication `json:"indication"`
	At         time.Time             `json:"at"` // the time for which it was judged
	Size       int64                 `json:"size"`
	SHA256     string                `json:"sha256,omitempty"` // of the whole file, hexadecimal
	Revisions  int                   `json:"revisions"`
	Trust      []string              `json:"trust,omitempty"` // where trust began, for people
	Signatures []SignatureReport     `json:"signatures"`
	Checks     []Check               `json:"checks"`
	Wanted     []Want                `json:"wanted,omitempty"`
}

// Failures lists all checks that failed, those of the file first.
func (r *Report) Failures() []Check { return r.with(Failed) }

// NotRun lists all checks that were needed and could not be made.
func (r *Report) NotRun() []Check { return r.with(NotRun) }

func (r *Report) with(status Status) []Check {
	var list []Check
	add := func(checks []Check) {
		for _, c := range checks {
			if c.Status == status {
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

// checks collects outcomes.
type checks []Check

func (c *checks) ok(code Code, message string)   { *c = append(*c, Check{code, OK, "", message}) }
func (c *checks) note(code Code, message string) { *c = append(*c, Check{code, Noted, "", message}) }

// fail notes a check that failed, with the sub-indication that its code stands for.
func (c *checks) fail(code Code, message string) bool { return c.failAs(code, subs[code], message) }

func (c *checks) failAs(code Code, sub validation.SubIndication, message string) bool {
	*c = append(*c, Check{code, Failed, sub, message})
	return false
}

func (c *checks) notRun(code Code, message string) bool {
	sub := notRunSubs[code]
	if sub == "" {
		sub = validation.Custom
	}
	*c = append(*c, Check{code, NotRun, sub, message})
	return false
}

// subs are the sub-indications that failed checks stand for. What happens to a file
// after its signature the standard leaves to the format: here it breaks the format.
var subs = map[Code]validation.SubIndication{
	CheckStructure: validation.FormatFailure, CheckFound: validation.SignedDataNotFound, CheckEnd: validation.FormatFailure,
	CheckRevisions: validation.FormatFailure, CheckChanges: validation.FormatFailure, CheckVisible: validation.FormatFailure,
	CheckByteRange: validation.FormatFailure, CheckCoverage: validation.FormatFailure, CheckContents: validation.FormatFailure,
	CheckCMS: validation.FormatFailure, CheckDigest: validation.HashFailure, CheckSignature: validation.CryptoFailure,
	CheckSigningCert: validation.CryptoFailure, CheckProfile: validation.ConstraintsFailure, CheckTime: validation.ConstraintsFailure,
	CheckCertificate: validation.NoChain, CheckRevocation: validation.TryLater, CheckAlgorithm: validation.CryptoConstraints,
	CheckKeyUsage: validation.ChainConstraints, CheckTimestamp: validation.ConstraintsFailure, CheckSealPosition: validation.FormatFailure,
}

var notRunSubs = map[Code]validation.SubIndication{
	CheckCertificate: validation.NoChain, CheckRevocation: validation.TryLater, CheckSigningCert: validation.ConstraintsFailure,
}

// verdict sums up: what failed decides by its sub-indication, what was not run
// leaves it open. strict takes every failure for final.
func (c checks) verdict(strict bool) (Verdict, validation.SubIndication) {
	v, sub := Valid, validation.SubIndication("")
	for _, k := range c {
		switch {
		case k.Status == Failed && (strict || k.Sub.Indication() == validation.TotalFailed || k.Code == CheckFound):
			return Invalid, k.Sub
		case (k.Status == Failed || k.Status == NotRun) && v == Valid:
			v, sub = Indeterminate, k.Sub
		}
	}
	return v, sub
}
