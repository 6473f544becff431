package validation

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"fmt"
	"time"
)

// This file is the whole of the policy on algorithms: until when a signature made
// with one is taken to be secure. The dates are those of ETSI TS 119 312 V1.5.1 (and
// of TS 102 176-1 before it); the zero time is no end in sight. A signature counts
// beyond such a date only where it is proven to have existed before it.

var (
	digestEnds = map[crypto.Hash]time.Time{
		crypto.SHA1:   day(2012, 8, 1),
		crypto.SHA224: day(2029, 1, 1),
		crypto.SHA256: {}, crypto.SHA384: {}, crypto.SHA512: {},
	}
	rsaEnds = []sizeEnd{ // by the bits of the modulus
		{3000, time.Time{}},
		{1900, day(2029, 1, 1)},
		{1024, day(2019, 10, 1)},
		{786, day(2010, 8, 1)},
	}
	curveEnds = []sizeEnd{ // by the bits of the field
		{256, time.Time{}},
		{224, day(2021, 10, 1)},
		{160, day(2012, 8, 1)},
	}
)

// sizeEnd is the end of keys of so many bits or more.
type sizeEnd struct {
	bits int
	end  time.Time
}

func day(year int, month time.Month, d int) time.Time {
	return time.Date(year, month, d, 0, 0, 0, 0, time.UTC)
}

// Ends tells until when signatures with a key and a digest are reliable, and what
// ends then, in words; the zero time is no end in sight. What is not in the table is
// known to be reliable at no time: ok is false.
func Ends(key crypto.PublicKey, h crypto.Hash) (end time.Time, what string, ok bool) {
	end, ok = digestEnds[h]
	if !ok {
		return time.Time{}, fmt.Sprintf("the digest %v", h), false
	}
	what = h.String()
	var sizes []sizeEnd
	bits, name := 0, ""
	switch k := key.(type) {
	case nil:
		return end, what, true
	case ed25519.PublicKey:
		return end, what, true
	case *rsa.PublicKey:
		sizes, bits, name = rsaEnds, k.N.BitLen(), "an RSA key of %d bits"
	case *ecdsa.PublicKey:
		sizes, bits, name = curveEnds, k.Curve.Params().BitSize, "an elliptic curve of %d bits"
	default:
		return time.Time{}, "a key of an unknown kind", false
	}
	name = fmt.Sprintf(name, bits)
	for _, s := range sizes {
		if bits < s.bits {
			continue
		}
		if end.IsZero() || !s.end.IsZero() && s.end.Before(end) {
			end, what = s.end, name
		}
		return end, what, true
	}
	return time.Time{}, name, false
}

// Reliable tells why a signature that is proven to have existed at a time is not to
// be relied on, nil where it is. A nil key judges the digest alone. now is the time
// of the validation: where nothing earlier is proven, an older proof would help.
func Reliable(key crypto.PublicKey, h crypto.Hash, at, now time.Time, whose string) *Problem {
	end, what, ok := Ends(key, h)
	switch {
	case !ok:
		return problem(CryptoConstraints, "%s is made with %s, which is not relied on", whose, what)
	case end.IsZero() || at.Before(end):
		return nil
	case !at.Before(now):
		return problem(CryptoNoPOE, "%s is made with %s, which nobody relies on since %s, and nothing proves that it is older", whose, what, date(end))
	}
	return problem(CryptoConstraints, "%s is made with %s, which nobody relies on since %s; it is proven only for %s", whose, what, date(end), date(at))
}

func date(t time.Time) string { return t.UTC().Format("2 January 2006") }

func moment(t time.Time) string { return t.UTC().Format("2 January 2006 15:04 UTC") }
