//go:build cgo

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	lib "github.com/miekg/pkcs11"

	"github.com/paraph/paraph/internal/sealkey"
	"github.com/paraph/paraph/internal/sealkey/pkcs11"
)

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 64<<10)
	out := json.NewEncoder(os.Stdout)
	var t *token
	for in.Scan() {
		var r pkcs11.Request
		err := json.Unmarshal(in.Bytes(), &r)
		var a pkcs11.Answer
		switch {
		case err != nil:
			err = failure{sealkey.Malformed, "the request cannot be read"}
		case r.Open != nil && t == nil:
			if t, err = open(r.Open); err == nil {
				a.Public, err = t.public()
			}
		case t == nil:
			err = failure{sealkey.Malformed, "nothing is open"}
		default:
			a.Signature, err = t.sign(&r)
		}
		if err != nil {
			a = refusal(err)
		}
		if err := out.Encode(a); err != nil {
			break // nobody listens any more
		}
	}
	if t != nil {
		t.close()
	}
}

// failure is an error that is not the library's.
type failure struct {
	reason sealkey.Reason
	says   string
}

func (f failure) Error() string { return f.says }

// refusal puts an error into words.
func refusal(err error) pkcs11.Answer {
	a := pkcs11.Answer{Reason: sealkey.Unreachable, Says: err.Error()}
	var f failure
	var code lib.Error
	switch {
	case errors.As(err, &f):
		a.Reason = f.reason
	case errors.As(err, &code):
		a.Code = fmt.Sprintf("CKR 0x%x", uint(code))
		switch code {
		case lib.CKR_PIN_INCORRECT, lib.CKR_PIN_LOCKED, lib.CKR_PIN_EXPIRED, lib.CKR_PIN_INVALID, lib.CKR_PIN_LEN_RANGE, lib.CKR_USER_PIN_NOT_INITIALIZED:
			a.Reason = sealkey.Login
		case lib.CKR_MECHANISM_INVALID, lib.CKR_KEY_TYPE_INCONSISTENT, lib.CKR_KEY_FUNCTION_NOT_PERMITTED, lib.CKR_KEY_SIZE_RANGE:
			a.Reason = sealkey.Unfit
		}
	}
	return a
}
