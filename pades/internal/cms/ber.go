package cms

// Definite rewrites the one BER value at the beginning of b with definite
// lengths, and gives what stands behind it. Signature values have to be in DER
// (ISO 32000-1, 12.8.3.3), but some signers write indefinite lengths. What is
// in DER already, such as signed attributes, stays as it is to the byte.
func Definite(b []byte) (der, rest []byte, err error) {
	return definite(b, 0)
}

const maxBERDepth = 40

func definite(b []byte, depth int) (der, rest []byte, err error) {
	if depth > maxBERDepth {
		return nil, nil, malformed("it is nested too deeply")
	}
	if len(b) < 2 || b[0]&0x1F == 0x1F { // tags above 30 don't occur
		return nil, nil, malformed("no value is where one should be")
	}
	tag, constructed := b[0], b[0]&0x20 != 0
	n, head, indefinite, ok := berLength(b)
	if !ok || indefinite && !constructed {
		return nil, nil, malformed("a length")
	}
	content := b[head:]
	if !indefinite {
		if n > len(content) {
			return nil, nil, malformed("a length beyond the end")
		}
		content, rest = content[:n], content[n:]
		if !constructed {
			return b[:head+n], rest, nil
		}
	}
	var parts [][]byte
	changed := indefinite
	for indefinite || len(content) > 0 {
		if indefinite && len(content) >= 2 && content[0] == 0 && content[1] == 0 {
			rest = content[2:]
			break
		}
		before := content
		var part []byte
		if part, content, err = definite(content, depth+1); err != nil {
			return nil, nil, err
		}
		changed = changed || len(part) != len(before)-len(content)
		parts = append(parts, part)
	}
	if tag == derOctets|0x20 { // a string in pieces
		for i, p := range parts {
			_, head, _, ok := berLength(p)
			if !ok || p[0] != derOctets {
				return nil, nil, malformed("a string in pieces")
			}
			parts[i] = p[head:]
		}
		return tlv(derOctets, parts...), rest, nil
	}
	if !changed {
		return b[:head+n], rest, nil
	}
	return tlv(tag, parts...), rest, nil
}

// berLength reads the length behind a tag of one byte.
func berLength(b []byte) (n, head int, indefinite, ok bool) {
	switch l := b[1]; {
	case l < 0x80:
		return int(l), 2, false, true
	case l == 0x80:
		return 0, 2, true, true
	case l > 0x83 || len(b) < 2+int(l&0x7F):
		return 0, 0, false, false
	default:
		head = 2 + int(l&0x7F)
		for _, c := range b[2:head] {
			n = n<<8 | int(c)
		}
		return n, head, false, true
	}
}
