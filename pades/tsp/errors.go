package tsp

import (
	"errors"
	"fmt"
	"strings"
)

// Reason is why something was refused: a stable word for programs and metrics.
type Reason string

// The reasons. Those of the wire come first, then those of a token, then those of
// the way to an authority.
const (
	ReasonMalformed Reason = "malformed" // no DER of the structure it should be
	ReasonTooLarge  Reason = "too_large" // beyond MaxRequest, MaxToken or the client's bound
	ReasonVersion   Reason = "version"   // not version 1
	ReasonAlgorithm Reason = "algorithm" // a digest or signature algorithm that is not allowed
	ReasonExtension Reason = "extension" // an extension that has to be understood and is not
	ReasonRejected  Reason = "rejected"  // the authority refused: see StatusError

	ReasonImprint     Reason = "imprint"     // the token is over another digest
	ReasonNonce       Reason = "nonce"       // the token answers another request
	ReasonPolicy      Reason = "policy"      // the token is under another policy than asked for
	ReasonClock       Reason = "clock"       // the token's time is far from when it was asked for
	ReasonContent     Reason = "content"     // the signed digest is not that of the token's content
	ReasonSignature   Reason = "signature"   // the signature value is wrong
	ReasonNoSigner    Reason = "no_signer"   // the signer's certificate is not there
	ReasonBinding     Reason = "binding"     // the signed attributes do not name the signer's certificate
	ReasonUsage       Reason = "usage"       // the certificate is not for time stamping alone
	ReasonKey         Reason = "key"         // a key too short or too long, or of a kind that is not allowed
	ReasonExpired     Reason = "expired"     // the certificate was not valid at the token's time
	ReasonUntrusted   Reason = "untrusted"   // the certificate leads to no trusted root
	ReasonUnreachable Reason = "unreachable" // no connection, or no answer in time
	ReasonHTTP        Reason = "http"        // an HTTP status other than 200
	ReasonMediaType   Reason = "media_type"  // an answer of another media type
)

// Error is a refusal.
type Error struct {
	Reason Reason
	Detail string // for people; no stranger's text but where it says so
	Err    error  // what lies below; may be nil
}

// Error gives detail and cause.
func (e *Error) Error() string {
	if e.Err != nil {
		return e.Detail + ": " + e.Err.Error()
	}
	return e.Detail
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// ReasonOf gives the Reason of an error of this package, "" for any other. Of a
// Client's error it is that of the authority asked first.
func ReasonOf(err error) Reason {
	var failed *FailedError
	if errors.As(err, &failed) && len(failed.Attempts) > 0 {
		err = failed.Attempts[0].Err
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return ""
}

func refuse(r Reason, format string, args ...any) *Error {
	return &Error{Reason: r, Detail: fmt.Sprintf(format, args...)}
}

func refuseWith(err error, r Reason, format string, args ...any) *Error {
	return &Error{Reason: r, Detail: fmt.Sprintf(format, args...), Err: err}
}

func malformed(format string, args ...any) *Error {
	return refuse(ReasonMalformed, "malformed: "+format, args...)
}

// Status is a PKIStatus (RFC 3161, 2.4.2).
type Status int

// The statuses.
const (
	Granted                Status = 0
	GrantedWithMods        Status = 1
	Rejection              Status = 2
	Waiting                Status = 3
	RevocationWarning      Status = 4
	RevocationNotification Status = 5
)

func (s Status) String() string {
	names := [...]string{"granted", "granted with modifications", "rejected", "waiting", "revocation warning", "revocation notification"}
	if s < 0 || int(s) >= len(names) {
		return fmt.Sprintf("status %d", int(s))
	}
	return names[s]
}

// Failure is a bit of PKIFailureInfo (RFC 3161, 2.4.2).
type Failure int

// The failures.
const (
	BadAlgorithm        Failure = 0
	BadRequest          Failure = 2
	BadDataFormat       Failure = 5
	TimeNotAvailable    Failure = 14
	UnacceptedPolicy    Failure = 15
	UnacceptedExtension Failure = 16
	AddInfoNotAvailable Failure = 17
	SystemFailure       Failure = 25
	maxFailure                  = 31
)

func (f Failure) String() string {
	switch f {
	case BadAlgorithm:
		return "the algorithm is not supported"
	case BadRequest:
		return "the request is not supported"
	case BadDataFormat:
		return "the data has the wrong format"
	case TimeNotAvailable:
		return "no time is available"
	case UnacceptedPolicy:
		return "the policy is not offered"
	case UnacceptedExtension:
		return "the extension is not supported"
	case AddInfoNotAvailable:
		return "the information asked for is not available"
	case SystemFailure:
		return "the authority failed"
	}
	return fmt.Sprintf("failure %d", int(f))
}

// StatusError is an authority's refusal to give a token.
type StatusError struct {
	Status   Status
	Failures []Failure
	Text     string // the authority's own words, cut to one line
}

// Error tells status, failures and the authority's words.
func (e *StatusError) Error() string {
	out := "the authority answers: " + e.Status.String()
	for _, f := range e.Failures {
		out += ", " + f.String()
	}
	if e.Text != "" {
		out += fmt.Sprintf(" (%q)", e.Text)
	}
	return out
}

// aboutRequest tells whether the authority would refuse the same request again
// and take another: it is not out of order.
func (e *StatusError) aboutRequest() bool {
	for _, f := range e.Failures {
		switch f {
		case BadAlgorithm, BadRequest, BadDataFormat, UnacceptedPolicy, UnacceptedExtension:
			return true
		}
	}
	return false
}

// oneLine gives the beginning of a stranger's text, fit for a log.
func oneLine(text string) string {
	text = strings.ToValidUTF8(text[:min(len(text), 200)], "\uFFFD")
	return strings.Join(strings.Fields(text), " ")
}
