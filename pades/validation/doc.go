// Package validation judges certificates and times as ETSI EN 319 102-1 lays down:
// paths to a trusted certificate (RFC 5280, 6), whether one of a path was revoked,
// how long algorithms are to be relied on, and what is proven to have existed when.
//
// It knows nothing of PDF. A Judge is asked about one certificate, its use, and the
// time at which it is proven to have been used; it answers with the path and, where
// that does not hold, with the standard's word for it and a reason for people.
package validation

import "fmt"

// Indication is the outcome of a validation (EN 319 102-1, 5.1.3).
type Indication string

// The indications.
const (
	TotalPassed   Indication = "TOTAL-PASSED"
	TotalFailed   Indication = "TOTAL-FAILED"
	Indeterminate Indication = "INDETERMINATE"
)

// SubIndication tells why an outcome is not TOTAL-PASSED (EN 319 102-1, 5.1.3, Table 6).
type SubIndication string

// The sub-indications that are given here.
const (
	FormatFailure      SubIndication = "FORMAT_FAILURE"
	HashFailure        SubIndication = "HASH_FAILURE"
	CryptoFailure      SubIndication = "SIG_CRYPTO_FAILURE"
	NotYetValid        SubIndication = "NOT_YET_VALID"
	ConstraintsFailure SubIndication = "SIG_CONSTRAINTS_FAILURE"
	ChainConstraints   SubIndication = "CHAIN_CONSTRAINTS_FAILURE"
	ChainGeneral       SubIndication = "CERTIFICATE_CHAIN_GENERAL_FAILURE"
	CryptoConstraints  SubIndication = "CRYPTO_CONSTRAINTS_FAILURE"
	CryptoNoPOE        SubIndication = "CRYPTO_CONSTRAINTS_FAILURE_NO_POE"
	TimestampOrder     SubIndication = "TIMESTAMP_ORDER_FAILURE"
	NoSigner           SubIndication = "NO_SIGNING_CERTIFICATE_FOUND"
	NoChain            SubIndication = "NO_CERTIFICATE_CHAIN_FOUND"
	RevokedNoPOE       SubIndication = "REVOKED_NO_POE"
	RevokedCANoPOE     SubIndication = "REVOKED_CA_NO_POE"
	OutOfBoundsNoPOE   SubIndication = "OUT_OF_BOUNDS_NO_POE"
	OutOfBoundsGood    SubIndication = "OUT_OF_BOUNDS_NOT_REVOKED"
	RevocationOutNoPOE SubIndication = "REVOCATION_OUT_OF_BOUNDS_NO_POE"
	TryLater           SubIndication = "TRY_LATER"
	SignedDataNotFound SubIndication = "SIGNED_DATA_NOT_FOUND"
	Custom             SubIndication = "CUSTOM"
)

// Indication gives the outcome that a sub-indication stands for.
func (s SubIndication) Indication() Indication {
	switch s {
	case "":
		return TotalPassed
	case FormatFailure, HashFailure, CryptoFailure, NotYetValid:
		return TotalFailed
	}
	return Indeterminate
}

// Problem is why something did not pass. It is an error.
type Problem struct {
	Sub    SubIndication
	Reason string // for people
}

// Error gives the reason.
func (p *Problem) Error() string { return p.Reason }

func problem(sub SubIndication, format string, args ...any) *Problem {
	return &Problem{sub, fmt.Sprintf(format, args...)}
}
