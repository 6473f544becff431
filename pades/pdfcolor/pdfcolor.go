// Package pdfcolor says what red, green and blue mean in a PDF file. A file for
// the archive may name device colours only where it describes the device
// (ISO 19005-3, 6.2.4.3): by its output intent, or beside the colours themselves.
package pdfcolor

import "github.com/paraph/paraph/pades/pdffile"

// Intent makes the output intent for sRGB (ISO 32000-1, 14.11.5).
func Intent(u *pdffile.Update) (pdffile.Object, error) {
	profile, err := profileOf(u)
	if err != nil {
		return nil, err
	}
	return u.Add(pdffile.Dict{
		"Type": pdffile.Name("OutputIntent"), "S": pdffile.Name("GTS_PDFA1"), "OutputConditionIdentifier": pdffile.String("sRGB"),
		"Info": pdffile.String("sRGB IEC61966-2.1"), "RegistryName": pdffile.String("http://www.color.org"), "DestOutputProfile": profile,
	}), nil
}

// Default gives the colour space that resources name as /DefaultRGB (8.6.5.6)
// where the file's output intent describes another device, such as a press;
// nil where red, green and blue need no word about them.
func Default(u *pdffile.Update) (pdffile.Object, error) {
	o, err := u.Get(u.Root())
	if err != nil {
		return nil, err
	}
	catalog, _ := o.(pdffile.Dict)
	intents, err := u.File().Array(catalog["OutputIntents"])
	if err != nil {
		return nil, err
	}
	for _, entry := range intents {
		if ref, ok := entry.(pdffile.Ref); ok {
			if entry, err = u.Get(ref); err != nil { // may be our own
				return nil, err
			}
		}
		intent, _ := entry.(pdffile.Dict)
		profile, err := u.Resolve(intent["DestOutputProfile"])
		if err != nil {
			return nil, err
		}
		s, ok := profile.(*pdffile.Stream)
		if !ok || s.Dict["N"] == pdffile.Object(pdffile.Integer(3)) {
			continue
		}
		ours, err := profileOf(u)
		if err != nil {
			return nil, err
		}
		return pdffile.Array{pdffile.Name("ICCBased"), ours}, nil
	}
	return nil, nil
}

func profileOf(u *pdffile.Update) (pdffile.Ref, error) {
	packed, err := pdffile.Deflate(SRGB())
	if err != nil {
		return pdffile.Ref{}, err
	}
	return u.AddStream(pdffile.Dict{"N": pdffile.Integer(3), "Filter": pdffile.Name("FlateDecode")}, packed), nil
}
