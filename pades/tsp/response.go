package tsp

import (
	"encoding/asn1"
	"errors"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Response is a TimeStampResp (RFC 3161, 2.4.2): a status, and a token exactly
// where it is granted.
type Response struct {
	Status   Status
	Text     []string
	Failures []Failure
	Token    []byte // DER of a ContentInfo, not looked into; nil where none is granted
}

// Granted tells whether the status comes with a token.
func (r *Response) Granted() bool { return r.Status == Granted || r.Status == GrantedWithMods }

// Err gives the refusal, ReasonRejected with a *StatusError below it, or nil.
func (r *Response) Err() error {
	if r.Granted() {
		return nil
	}
	return refuseWith(&StatusError{r.Status, r.Failures, oneLine(strings.Join(r.Text, " "))}, ReasonRejected, "no time stamp was given")
}

// Marshal gives the response in DER.
func (r *Response) Marshal() ([]byte, error) {
	if r.Granted() != (r.Token != nil) {
		return nil, errors.New("a response has a token exactly where it is granted")
	}
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1Int64(int64(r.Status))
			if len(r.Text) > 0 {
				b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
					for _, text := range r.Text {
						b.AddASN1(cbasn1.UTF8String, func(b *cryptobyte.Builder) { b.AddBytes([]byte(text)) })
					}
				})
			}
			if len(r.Failures) > 0 {
				addFailures(b, r.Failures)
			}
		})
		b.AddBytes(r.Token)
	})
	return b.Bytes()
}

// addFailures writes PKIFailureInfo, a BIT STRING of named bits, which in DER ends
// with a bit that is set (X.690, 11.2.2).
func addFailures(b *cryptobyte.Builder, failures []Failure) {
	last := Failure(0)
	for _, f := range failures {
		if f < 0 || f > maxFailure {
			b.SetError(errors.New("a failure out of range"))
			return
		}
		last = max(last, f)
	}
	bits := make([]byte, last/8+1)
	for _, f := range failures {
		bits[f/8] |= 0x80 >> (f % 8)
	}
	b.AddASN1(cbasn1.BIT_STRING, func(b *cryptobyte.Builder) {
		b.AddUint8(uint8(7 - last%8))
		b.AddBytes(bits)
	})
}

// ParseResponse reads a response strictly, but does not look into its token.
// ReasonTooLarge or ReasonMalformed say why it is refused.
func ParseResponse(der []byte) (*Response, error) {
	if len(der) > MaxResponse {
		return nil, refuse(ReasonTooLarge, "a response has at most %d bytes", MaxResponse)
	}
	in := cryptobyte.String(der)
	var seq, info cryptobyte.String
	if !in.ReadASN1(&seq, cbasn1.SEQUENCE) || !in.Empty() || !seq.ReadASN1(&info, cbasn1.SEQUENCE) {
		return nil, malformed("this is no time stamp response in DER")
	}
	r := &Response{}
	if err := r.statusInfo(info); err != nil {
		return nil, err
	}
	if !seq.Empty() {
		var token cryptobyte.String
		if !seq.ReadASN1Element(&token, cbasn1.SEQUENCE) || !seq.Empty() {
			return nil, malformed("the token's place in the response")
		}
		r.Token = token
	}
	if r.Granted() != (r.Token != nil) {
		return nil, malformed("the status is %q, which does not go with the token's presence or absence", r.Status)
	}
	return r, nil
}

// statusInfo reads PKIStatusInfo.
func (r *Response) statusInfo(info cryptobyte.String) error {
	var status int64
	if !info.ReadASN1Integer(&status) || status < 0 || status > int64(RevocationNotification) {
		return malformed("the status")
	}
	r.Status = Status(status)
	var texts cryptobyte.String
	var has bool
	if !info.ReadOptionalASN1(&texts, &has, cbasn1.SEQUENCE) {
		return malformed("the status' text")
	}
	for !texts.Empty() {
		var text cryptobyte.String
		if !texts.ReadASN1(&text, cbasn1.UTF8String) {
			return malformed("the status' text")
		}
		r.Text = append(r.Text, string(text))
	}
	if info.PeekASN1Tag(cbasn1.BIT_STRING) {
		var bits asn1.BitString
		if !info.ReadASN1BitString(&bits) || bits.BitLength > maxFailure+1 {
			return malformed("the failure information")
		}
		for i := range bits.BitLength {
			if bits.At(i) == 1 {
				r.Failures = append(r.Failures, Failure(i))
			}
		}
	}
	if !info.Empty() {
		return malformed("something follows the status")
	}
	return nil
}
