package tsp

import (
	"bytes"
	"crypto"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"
	"time"
)

// hexes joins DER written in parts.
func hexes(parts ...string) []byte {
	der, err := hex.DecodeString(strings.ReplaceAll(strings.Join(parts, ""), " ", ""))
	if err != nil {
		panic(err) // written below
	}
	return der
}

// seq wraps DER in a tag, with a length of one or two bytes.
func seq(tag byte, parts ...[]byte) []byte {
	body := bytes.Join(parts, nil)
	if len(body) < 128 {
		return append([]byte{tag, byte(len(body))}, body...)
	}
	return append([]byte{tag, 0x81, byte(len(body))}, body...)
}

var (
	one      = hexes("020101")
	two      = hexes("020102")
	sha256id = hexes("300b 0609 608648016503040201")
	withNull = hexes("300d 0609 608648016503040201 0500")
	sha1id   = hexes("3007 0605 2b0e03021a")
	zeros32  = make([]byte, 32)
	imprint  = seq(0x30, sha256id, seq(4, zeros32))
	policyID = hexes("0603 2a0304")
	yes, no  = hexes("0101ff"), hexes("010100")
)

// TestRequestTable holds requests against RFC 3161, 2.4.1 and DER.
func TestRequestTable(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		der  []byte
		want Reason // "": taken
	}{
		"least":                       {seq(0x30, one, imprint), ""},
		"parameters NULL":             {seq(0x30, one, seq(0x30, withNull, seq(4, zeros32))), ""},
		"everything":                  {seq(0x30, one, imprint, policyID, hexes("020200ff"), yes), ""},
		"negative nonce":              {seq(0x30, one, imprint, hexes("0201ff")), ""},
		"nothing":                     {nil, ReasonMalformed},
		"a byte behind":               {append(seq(0x30, one, imprint), 0), ReasonMalformed},
		"a field behind":              {seq(0x30, one, imprint, yes, one), ReasonMalformed},
		"version 2":                   {seq(0x30, two, imprint), ReasonVersion},
		"version 0":                   {seq(0x30, hexes("020100"), imprint), ReasonVersion},
		"no version":                  {seq(0x30, imprint), ReasonMalformed},
		"version with a leading zero": {seq(0x30, hexes("02020001"), imprint), ReasonMalformed},
		"no imprint":                  {seq(0x30, one), ReasonMalformed},
		"SHA-1":                       {seq(0x30, one, seq(0x30, sha1id, seq(4, zeros32[:20]))), ReasonAlgorithm},
		"digest too short":            {seq(0x30, one, seq(0x30, sha256id, seq(4, zeros32[:31]))), ReasonMalformed},
		"digest too long":             {seq(0x30, one, seq(0x30, sha256id, seq(4, zeros32, []byte{0}))), ReasonMalformed},
		"parameters no NULL":          {seq(0x30, one, seq(0x30, hexes("300e 0609 608648016503040201 020101"), seq(4, zeros32))), ReasonMalformed},
		"imprint with more":           {seq(0x30, one, seq(0x30, sha256id, seq(4, zeros32), one)), ReasonMalformed},
		"long form of a short length": {seq(0x30, one, append(hexes("3081 2f"), imprint[2:]...)), ReasonMalformed},
		"indefinite length":           {append(append(hexes("3080"), append(one, imprint...)...), 0, 0), ReasonMalformed},
		"policy not minimal":          {seq(0x30, one, imprint, hexes("0604 2a800304")), ReasonMalformed},
		"empty policy":                {seq(0x30, one, imprint, hexes("0600")), ReasonMalformed},
		"nonce with a leading zero":   {seq(0x30, one, imprint, hexes("02020001")), ReasonMalformed},
		"empty nonce":                 {seq(0x30, one, imprint, hexes("0200")), ReasonMalformed},
		"endless nonce":               {seq(0x30, one, imprint, seq(2, bytes.Repeat([]byte{0x7f}, 70))), ReasonMalformed},
		"certReq false":               {seq(0x30, one, imprint, no), ReasonMalformed},
		"certReq true as 1":           {seq(0x30, one, imprint, hexes("010101")), ReasonMalformed},
		"policy behind the nonce":     {seq(0x30, one, imprint, two, policyID), ReasonMalformed},
		"an extension":                {seq(0x30, one, imprint, yes, hexes("a000")), ReasonExtension},
		"too long":                    {make([]byte, MaxRequest+1), ReasonTooLarge},
	} {
		r, err := ParseRequest(c.der)
		if ReasonOf(err) != c.want || (err == nil) != (c.want == "") {
			t.Errorf("%s: the reason is %q instead of %q: %v", name, ReasonOf(err), c.want, err)
		}
		if err != nil {
			continue
		}
		if der, err := r.Marshal(); err != nil || !bytes.Equal(der, c.der) && name != "parameters NULL" {
			t.Errorf("%s: it is written as %x, %v", name, der, err)
		}
	}
}

func TestResponseTable(t *testing.T) {
	t.Parallel()
	granted, rejected, token := seq(0x30, hexes("020100")), seq(0x30, two), seq(0x30, one)
	for name, c := range map[string]struct {
		der  []byte
		want Reason
	}{
		"granted":                    {seq(0x30, granted, token), ""},
		"granted with modifications": {seq(0x30, seq(0x30, one), token), ""},
		"rejected":                   {seq(0x30, rejected), ""},
		"rejected with words":        {seq(0x30, seq(0x30, two, seq(0x30, hexes("0c0161"), hexes("0c0162")), hexes("0302 0780"))), ""},
		"granted without a token":    {seq(0x30, granted), ReasonMalformed},
		"rejected with a token":      {seq(0x30, rejected, token), ReasonMalformed},
		"waiting with a token":       {seq(0x30, seq(0x30, hexes("020103")), token), ReasonMalformed},
		"unknown status":             {seq(0x30, seq(0x30, hexes("020106"))), ReasonMalformed},
		"negative status":            {seq(0x30, seq(0x30, hexes("0201ff"))), ReasonMalformed},
		"no status":                  {seq(0x30, seq(0x30)), ReasonMalformed},
		"two tokens":                 {seq(0x30, granted, token, token), ReasonMalformed},
		"words of another type":      {seq(0x30, seq(0x30, two, seq(0x30, hexes("130161")))), ReasonMalformed},
		"padding that is set":        {seq(0x30, seq(0x30, two, hexes("0302 07ff"))), ReasonMalformed},
		"failure out of range":       {seq(0x30, seq(0x30, two, hexes("0306 00 0000000001"))), ReasonMalformed},
		"something behind":           {seq(0x30, seq(0x30, two, one)), ReasonMalformed},
		"a byte behind":              {append(seq(0x30, rejected), 0), ReasonMalformed},
		"nothing":                    {nil, ReasonMalformed},
		"too long":                   {make([]byte, MaxResponse+1), ReasonTooLarge},
	} {
		r, err := ParseResponse(c.der)
		if ReasonOf(err) != c.want || (err == nil) != (c.want == "") {
			t.Errorf("%s: the reason is %q instead of %q: %v", name, ReasonOf(err), c.want, err)
		}
		if err != nil {
			continue
		}
		if der, err := r.Marshal(); err != nil || !bytes.Equal(der, c.der) {
			t.Errorf("%s: it is written as %x, %v", name, der, err)
		}
	}
}

func TestFailuresKeepTheirBits(t *testing.T) {
	t.Parallel()
	want := Response{Status: Rejection, Failures: []Failure{BadAlgorithm, BadDataFormat, TimeNotAvailable, SystemFailure}}
	der, err := want.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseResponse(der)
	if err != nil || len(got.Failures) != 4 {
		t.Fatalf("%+v, %v", got, err)
	}
	for i := range want.Failures {
		if got.Failures[i] != want.Failures[i] {
			t.Errorf("%v became %v", want.Failures, got.Failures)
		}
	}
	text := got.Err().Error()
	for _, f := range want.Failures {
		if !strings.Contains(text, f.String()) {
			t.Errorf("%q does not tell %v", text, f)
		}
	}
}

// TestInfoTable holds the token's content against RFC 3161, 2.4.2.
func TestInfoTable(t *testing.T) {
	t.Parallel()
	at := func(s string) []byte { return seq(0x18, []byte(s)) }
	noon := at("20261102120000Z")
	head := func(time []byte) [][]byte { return [][]byte{one, policyID, imprint, two, time} }
	with := func(more ...[]byte) []byte { return seq(0x30, append(head(noon), more...)...) }
	extension := func(flag []byte) []byte { return seq(0xa1, seq(0x30, policyID, flag, hexes("0400"))) }
	for name, c := range map[string]struct {
		der  []byte
		want Reason
	}{
		"least":                   {with(), ""},
		"accuracy of -16 ms":      {with(hexes("3009 020101 8001f0 810101")), ReasonMalformed},
		"accuracy":                {with(hexes("300a 020101 80020100 810101")), ""},
		"accuracy in micros":      {with(hexes("3003 810101")), ""},
		"accuracy of nothing":     {with(hexes("3000")), ""},
		"accuracy of 1000 ms":     {with(hexes("3004 800203e8")), ReasonMalformed},
		"accuracy of 0 ms":        {with(hexes("3003 800100")), ReasonMalformed},
		"negative accuracy":       {with(hexes("3003 0201ff")), ReasonMalformed},
		"accuracy of years":       {with(hexes("3006 02047fffffff")), ReasonMalformed},
		"ordering":                {with(yes), ""},
		"ordering false":          {with(no), ReasonMalformed},
		"nonce":                   {with(two), ""},
		"name":                    {with(hexes("a004 82026162")), ""},
		"extension":               {with(extension(nil)), ""},
		"critical extension":      {with(extension(yes)), ReasonExtension},
		"extension with false":    {with(extension(no)), ReasonMalformed},
		"nonce before ordering":   {with(two, yes), ReasonMalformed},
		"something behind":        {with(hexes("0500")), ReasonMalformed},
		"version 2":               {seq(0x30, two, policyID, imprint, two, noon), ReasonVersion},
		"no policy":               {seq(0x30, one, imprint, two, noon), ReasonMalformed},
		"SHA-1":                   {seq(0x30, one, policyID, seq(0x30, sha1id, seq(4, zeros32[:20])), two, noon), ReasonAlgorithm},
		"no serial":               {seq(0x30, one, policyID, imprint, noon), ReasonMalformed},
		"UTCTime":                 {seq(0x30, head(seq(0x17, []byte("261102120000Z")))...), ReasonMalformed},
		"fraction":                {seq(0x30, head(at("20261102120000.5Z"))...), ""},
		"fraction of nanoseconds": {seq(0x30, head(at("20261102120000.000000001Z"))...), ""},
		"zeros behind":            {seq(0x30, head(at("20261102120000.50Z"))...), ReasonMalformed},
		"fraction of nothing":     {seq(0x30, head(at("20261102120000.Z"))...), ReasonMalformed},
		"comma":                   {seq(0x30, head(at("20261102120000,5Z"))...), ReasonMalformed},
		"local time":              {seq(0x30, head(at("20261102120000"))...), ReasonMalformed},
		"zone":                    {seq(0x30, head(at("20261102120000+0100"))...), ReasonMalformed},
		"no seconds":              {seq(0x30, head(at("202611021200Z"))...), ReasonMalformed},
		"second 60":               {seq(0x30, head(at("20261102120060Z"))...), ReasonMalformed},
		"month 13":                {seq(0x30, head(at("20261302120000Z"))...), ReasonMalformed},
		"a sign":                  {seq(0x30, head(at("+0261102120000Z"))...), ReasonMalformed},
	} {
		i, err := parseInfo(c.der, false)
		if ReasonOf(err) != c.want || (err == nil) != (c.want == "") {
			t.Errorf("%s: the reason is %q instead of %q: %v", name, ReasonOf(err), c.want, err)
		}
		if err != nil || strings.Contains(name, "extension") || strings.Contains(name, "nothing") || strings.Contains(name, "nano") {
			continue
		}
		if der, err := i.marshal(); err != nil || !bytes.Equal(der, c.der) {
			t.Errorf("%s: it is written as %x, %v", name, der, err)
		}
	}
}

// TestInfoRoundTrip writes an Info whose every field is set and reads it again.
func TestInfoRoundTrip(t *testing.T) {
	t.Parallel()
	want := Info{
		Policy: "2.25.329800735698586629295641978511506172918", Hash: crypto.SHA384, Digest: make([]byte, 48), Serial: new(big.Int).Lsh(big.NewInt(1), 159),
		Time: time.Date(2026, 11, 2, 9, 30, 1, 120_034_000, time.UTC), Accuracy: 2*time.Second + 30*time.Millisecond + 4*time.Microsecond,
		Ordering: true, Nonce: big.NewInt(-7), Name: hexes("82026162"),
	}
	der, err := want.marshal()
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseInfo(der, false)
	if err != nil {
		t.Fatal(err)
	}
	if got.Policy != want.Policy || got.Hash != want.Hash || got.Serial.Cmp(want.Serial) != 0 || !got.Time.Equal(want.Time) ||
		got.Accuracy != want.Accuracy || !got.Ordering || got.Nonce.Cmp(want.Nonce) != 0 || !bytes.Equal(got.Name, want.Name) {
		t.Errorf("%+v became %+v", want, got)
	}
	if text := formatTime(want.Time); text != "20261102093001.120034Z" {
		t.Errorf("the time is written as %s", text)
	}
}

func TestTimely(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		at       time.Duration
		accuracy time.Duration
		ok       bool
	}{
		"between": {time.Second, 0, true}, "a little early": {-time.Minute, 0, true}, "a little late": {2*time.Second + time.Minute, 0, true},
		"early": {-61 * time.Second, 0, false}, "late": {63 * time.Second, 0, false}, "early but inaccurate": {-61 * time.Second, time.Second, true},
	} {
		i := &Info{Time: noon.Add(c.at), Accuracy: c.accuracy}
		err := i.timely(noon, noon.Add(2*time.Second), time.Minute)
		if (err == nil) != c.ok || err != nil && ReasonOf(err) != ReasonClock {
			t.Errorf("%s: %v", name, err)
		}
	}
}
