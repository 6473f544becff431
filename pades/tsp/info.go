package tsp

import (
	"crypto"
	"math/big"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Info is what a token says: a TSTInfo (RFC 3161, 2.4.2).
type Info struct {
	Policy   string // dotted object identifier
	Hash     crypto.Hash
	Digest   []byte
	Serial   *big.Int
	Time     time.Time     // UTC
	Accuracy time.Duration // around Time, to the microsecond; 0: not said
	Ordering bool          // tokens of this authority are ordered by Time, whatever the accuracy
	Nonce    *big.Int      // nil: none
	Name     []byte        // of the authority, a GeneralName in DER, as a hint; nil: not said
}

// marshal gives the Info in DER.
func (i *Info) marshal() ([]byte, error) {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		addOID(b, i.Policy)
		addImprint(b, i.Hash, i.Digest)
		b.AddASN1BigInt(i.Serial)
		b.AddASN1(cbasn1.GeneralizedTime, func(b *cryptobyte.Builder) { b.AddBytes([]byte(formatTime(i.Time))) })
		if i.Accuracy >= time.Microsecond {
			addAccuracy(b, i.Accuracy)
		}
		if i.Ordering {
			b.AddASN1Boolean(true)
		}
		if i.Nonce != nil {
			b.AddASN1BigInt(i.Nonce)
		}
		if i.Name != nil {
			b.AddASN1(tag0, func(b *cryptobyte.Builder) { b.AddBytes(i.Name) })
		}
	})
	return b.Bytes()
}

// addAccuracy writes Accuracy: seconds, milliseconds and microseconds, each left
// out where it is 0.
func addAccuracy(b *cryptobyte.Builder, d time.Duration) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		if s := d / time.Second; s > 0 {
			b.AddASN1Int64(int64(s))
		}
		if ms := d % time.Second / time.Millisecond; ms > 0 {
			b.AddASN1Int64WithTag(int64(ms), tag0Implicit)
		}
		if us := d % time.Millisecond / time.Microsecond; us > 0 {
			b.AddASN1Int64WithTag(int64(us), tag1Implicit)
		}
	})
}

func parseInfo(der []byte, any bool) (*Info, error) {
	in := cryptobyte.String(der)
	var seq cryptobyte.String
	var version int64
	if !in.ReadASN1(&seq, cbasn1.SEQUENCE) || !in.Empty() || !seq.ReadASN1Integer(&version) {
		return nil, malformed("the token's content is no TSTInfo in DER")
	}
	if version != 1 {
		return nil, refuse(ReasonVersion, "the token has version %d instead of 1", version)
	}
	i := &Info{}
	var ok bool
	if i.Policy, ok = readOID(&seq); !ok {
		return nil, malformed("the token's policy")
	}
	var err error
	if i.Hash, i.Digest, err = readImprint(&seq, any); err != nil {
		return nil, err
	}
	if i.Serial, ok = readInteger(&seq); !ok {
		return nil, malformed("the token's serial number")
	}
	var at cryptobyte.String
	if !seq.ReadASN1(&at, cbasn1.GeneralizedTime) {
		return nil, malformed("the token's time")
	}
	if i.Time, ok = parseTime(string(at)); !ok {
		return nil, malformed("the token's time is not written as YYYYMMDDhhmmss[.s…]Z")
	}
	return i, i.optional(seq)
}

// optional reads the fields of TSTInfo that may be left out.
func (i *Info) optional(seq cryptobyte.String) error {
	var ok bool
	if seq.PeekASN1Tag(cbasn1.SEQUENCE) {
		if i.Accuracy, ok = readAccuracy(&seq); !ok {
			return malformed("the token's accuracy")
		}
	}
	if i.Ordering, ok = readFlag(&seq); !ok {
		return malformed("the token's flag ordering")
	}
	if i.Nonce, ok = readOptionalInteger(&seq); !ok {
		return malformed("the token's nonce")
	}
	var name, extensions cryptobyte.String
	var has bool
	if !seq.ReadOptionalASN1(&name, &has, tag0) {
		return malformed("the authority's name")
	}
	if has {
		i.Name = name
	}
	if !seq.ReadOptionalASN1(&extensions, &has, tag1) || !seq.Empty() {
		return malformed("something follows the token's fields")
	}
	return checkExtensions(extensions)
}

// checkExtensions refuses critical extensions, since none is known here. Those of
// EN 319 422, such as the statement of a qualified time stamp, are not critical.
func checkExtensions(in cryptobyte.String) error {
	for !in.Empty() {
		var one, value cryptobyte.String
		if !in.ReadASN1(&one, cbasn1.SEQUENCE) {
			return malformed("the token's extensions")
		}
		oid, ok := readOID(&one)
		critical, flag := readFlag(&one)
		if !ok || !flag || !one.ReadASN1(&value, cbasn1.OCTET_STRING) || !one.Empty() {
			return malformed("the token's extensions")
		}
		if critical {
			return refuse(ReasonExtension, "the token has a critical extension, %s, that is not known", oid)
		}
	}
	return nil
}

// parseTime reads GeneralizedTime as RFC 3161 narrows it, to the nanosecond.
func parseTime(s string) (time.Time, bool) {
	digits, ok := strings.CutSuffix(s, "Z")
	whole, fraction, dotted := strings.Cut(digits, ".")
	if !ok || len(whole) != len(timeFormat) || dotted && (fraction == "" || len(fraction) > 9 || fraction[len(fraction)-1] == '0') {
		return time.Time{}, false
	}
	t, err := time.Parse(timeFormat, whole)
	if err != nil || t.Format(timeFormat) != whole {
		return time.Time{}, false
	}
	part := time.Second
	for _, c := range []byte(fraction) {
		if c < '0' || c > '9' {
			return time.Time{}, false
		}
		part /= 10
		t = t.Add(time.Duration(c-'0') * part)
	}
	return t, true
}

// readAccuracy reads Accuracy. Seconds are bounded: an accuracy of more than a
// day says nothing.
func readAccuracy(in *cryptobyte.String) (d time.Duration, ok bool) {
	var seq cryptobyte.String
	if !in.ReadASN1(&seq, cbasn1.SEQUENCE) {
		return 0, false
	}
	var n int64
	if seq.PeekASN1Tag(cbasn1.INTEGER) {
		if !seq.ReadASN1Integer(&n) || n < 0 || n > 86400 {
			return 0, false
		}
		d = time.Duration(n) * time.Second
	}
	for _, part := range []struct {
		tag  cbasn1.Tag
		unit time.Duration
	}{{tag0Implicit, time.Millisecond}, {tag1Implicit, time.Microsecond}} {
		if !seq.PeekASN1Tag(part.tag) {
			continue
		}
		if !seq.ReadASN1Int64WithTag(&n, part.tag) || n < 1 || n > 999 {
			return 0, false
		}
		d += time.Duration(n) * part.unit
	}
	return d, seq.Empty()
}

// timely tells whether the time lies between that of the asking and that of the
// answer, up to skew and the accuracy.
func (i *Info) timely(sent, received time.Time, skew time.Duration) error {
	slack := skew + i.Accuracy
	if i.Time.Before(sent.Add(-slack)) || i.Time.After(received.Add(slack)) {
		return refuse(ReasonClock, "the token says %s, but it was asked for at %s: the authority's clock or this one is wrong",
			i.Time.Format(time.RFC3339), sent.UTC().Format(time.RFC3339))
	}
	return nil
}
