package pdfcolor

import (
	"encoding/binary"
	"math"
	"sync"
)

// SRGB makes an ICC profile (ICC.1:2001-04, version 2.4) of the colours of
// IEC 61966-2-1: three primaries adapted to D50, and one curve for all three.
var SRGB = sync.OnceValue(func() []byte {
	type tag struct {
		name string
		data []byte
	}
	curve := []byte("curv\x00\x00\x00\x00")
	const steps = 1024
	curve = binary.BigEndian.AppendUint32(curve, steps)
	for i := range steps {
		v := float64(i) / (steps - 1)
		if v <= 0.04045 {
			v /= 12.92
		} else {
			v = math.Pow((v+0.055)/1.055, 2.4)
		}
		curve = binary.BigEndian.AppendUint16(curve, uint16(math.Round(v*65535)))
	}
	name := "sRGB IEC61966-2.1\x00"
	desc := append(binary.BigEndian.AppendUint32([]byte("desc\x00\x00\x00\x00"), uint32(len(name))), name...)
	desc = append(desc, make([]byte, 78)...) // no Unicode and no Macintosh description
	tags := []tag{
		{"desc", desc}, {"cprt", []byte("text\x00\x00\x00\x00No copyright, use freely\x00")}, {"wtpt", xyz(0.9642, 1, 0.8249)},
		{"rXYZ", xyz(0.4360747, 0.2225045, 0.0139322)}, {"gXYZ", xyz(0.3850649, 0.7168786, 0.0971045)}, {"bXYZ", xyz(0.1430804, 0.0606169, 0.7141733)},
		{"rTRC", curve}, {"gTRC", nil}, {"bTRC", nil}, // the same curve as the one before
	}
	out := make([]byte, 128)
	copy(out[8:], "\x02\x40\x00\x00mntrRGB XYZ ")
	copy(out[24:], []byte{0x07, 0xEA, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0}) // 2026-01-01
	copy(out[36:], "acsp")
	copy(out[68:], xyz(0.9642, 1, 0.8249)[8:]) // the illuminant
	out = binary.BigEndian.AppendUint32(out, uint32(len(tags)))
	at := len(out) + 12*len(tags)
	var body []byte
	place, size := 0, 0
	for _, t := range tags {
		if t.data != nil {
			place, size = at+len(body), len(t.data)
			body = append(body, t.data...)
			for len(body)%4 != 0 {
				body = append(body, 0)
			}
		}
		out = append(out, t.name...)
		out = binary.BigEndian.AppendUint32(out, uint32(place))
		out = binary.BigEndian.AppendUint32(out, uint32(size))
	}
	out = append(out, body...)
	binary.BigEndian.PutUint32(out, uint32(len(out)))
	return out
})

// xyz writes three numbers as s15Fixed16.
func xyz(values ...float64) []byte {
	b := []byte("XYZ \x00\x00\x00\x00")
	for _, v := range values {
		b = binary.BigEndian.AppendUint32(b, uint32(int32(math.Round(v*65536))))
	}
	return b
}
