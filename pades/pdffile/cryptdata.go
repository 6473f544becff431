package pdffile

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/md5"
	"crypto/rand"
	"crypto/rc4"
	"errors"
	"io"
	"slices"
)

// seal is what encrypts the strings or the stream of one object.
type seal struct {
	method method
	key    []byte
}

// sealOf derives an object's key from the file's (algorithms 1 and 1.A).
func (s *security) sealOf(m method, ref Ref) seal {
	if m == identity || m == methodAES256 {
		return seal{m, s.key}
	}
	h := md5.New()
	h.Write(s.key)
	h.Write([]byte{byte(ref.Num), byte(ref.Num >> 8), byte(ref.Num >> 16), byte(ref.Gen), byte(ref.Gen >> 8)})
	if m == methodAES128 {
		h.Write([]byte("sAlT"))
	}
	return seal{m, h.Sum(nil)[:min(len(s.key)+5, 16)]}
}

// streamMethod chooses the crypt filter of a stream (7.6.5, 7.6.6).
func (s *security) streamMethod(f *File, d Dict) (method, error) {
	names, params, err := f.filters(d)
	if err != nil {
		return identity, err
	}
	if i := slices.Index(names, "Crypt"); i > 0 {
		return identity, damaged(-1, "a stream's Crypt filter is not its first")
	} else if i == 0 {
		name, _ := params[0]["Name"].(Name)
		m, ok := s.filters[name]
		if !ok && name != "" {
			return identity, damaged(-1, "a stream names an unknown crypt filter")
		}
		return m, nil
	}
	switch d["Type"] {
	case Object(Name("XRef")):
		return identity, nil
	case Object(Name("Metadata")):
		if !s.info.Metadata {
			return identity, nil
		}
	case Object(Name("EmbeddedFile")):
		return s.embeddedFiles, nil
	}
	return s.streams, nil
}

// open decrypts the strings in an object, in place where it can.
func (s *security) open(o Object, ref Ref) (Object, error) {
	if ref.Num == s.dict || s.strings == identity {
		return o, nil
	}
	return mapStrings(o, s.sealOf(s.strings, ref).decrypt)
}

// close encrypts an object for writing; the original is not changed.
func (s *security) close(f *File, o Object, ref Ref) (Object, error) {
	stream, ok := o.(*Stream)
	if !ok {
		return mapStrings(clone(o), s.sealOf(s.strings, ref).encrypt)
	}
	d, err := mapStrings(clone(stream.Dict), s.sealOf(s.strings, ref).encrypt)
	if err != nil {
		return nil, err
	}
	m, err := s.streamMethod(f, stream.Dict)
	if err != nil {
		return nil, err
	}
	data, err := s.sealOf(m, ref).encrypt(stream.Data)
	if err != nil {
		return nil, err
	}
	dict := d.(Dict)
	dict["Length"] = Integer(len(data))
	return &Stream{Dict: dict, Data: data, Length: int64(len(data))}, nil
}

// clone copies an object with all that is in it, but not what it refers to.
func clone(o Object) Object {
	switch v := o.(type) {
	case Array:
		c := make(Array, len(v))
		for i := range v {
			c[i] = clone(v[i])
		}
		return c
	case Dict:
		c := make(Dict, len(v))
		for k, e := range v {
			c[k] = clone(e)
		}
		return c
	}
	return o
}

// mapStrings replaces every string but the value of a signature, which is
// never encrypted (7.6.2). Containers are changed in place.
func mapStrings(o Object, change func([]byte) ([]byte, error)) (Object, error) {
	switch v := o.(type) {
	case String:
		b, err := change([]byte(v))
		return String(b), err
	case Array:
		for i := range v {
			e, err := mapStrings(v[i], change)
			if err != nil {
				return nil, err
			}
			v[i] = e
		}
	case Dict:
		_, ranged := v["ByteRange"]
		for k := range v {
			if k == "Contents" && ranged {
				continue
			}
			e, err := mapStrings(v[k], change)
			if err != nil {
				return nil, err
			}
			v[k] = e
		}
	}
	return o, nil
}

func (s seal) decrypt(b []byte) ([]byte, error) {
	out, err := io.ReadAll(s.reader(bytes.NewReader(b)))
	if err != nil {
		return nil, damaged(-1, "a string cannot be decrypted: %v", err)
	}
	return out, nil
}

// reader decrypts a stream while it is read.
func (s seal) reader(r io.Reader) io.Reader {
	switch s.method {
	case methodRC4:
		c, err := rc4.NewCipher(s.key)
		if err != nil {
			return failing{err}
		}
		return cipher.StreamReader{S: c, R: r}
	case methodAES128, methodAES256:
		block, err := aes.NewCipher(s.key)
		if err != nil {
			return failing{err}
		}
		return &cbcReader{r: r, block: block}
	}
	return r
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

var errPadding = errors.New("its length or padding does not fit AES")

// cbcReader decrypts AES in CBC mode: the first block is the initialisation
// vector, the last carries the padding. Data without any block is empty.
type cbcReader struct {
	r     io.Reader
	block cipher.Block
	mode  cipher.BlockMode
	buf   [4096]byte // a whole number of blocks
	tail  []byte     // the last decrypted block, of which the end is not known yet
	ready []byte
	done  bool
}

func (c *cbcReader) Read(b []byte) (int, error) {
	for len(c.ready) == 0 {
		if c.done {
			return 0, io.EOF
		}
		if err := c.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(b, c.ready)
	c.ready = c.ready[n:]
	return n, nil
}

func (c *cbcReader) fill() error {
	n, err := io.ReadFull(c.r, c.buf[:])
	end := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	if err != nil && !end {
		return err
	}
	c.done = end
	b := c.buf[:n]
	if c.mode == nil {
		if n == 0 {
			return nil
		}
		if n < aes.BlockSize {
			return errPadding
		}
		c.mode = cipher.NewCBCDecrypter(c.block, b[:aes.BlockSize])
		b = b[aes.BlockSize:]
	}
	if len(b)%aes.BlockSize != 0 {
		return errPadding
	}
	c.mode.CryptBlocks(b, b)
	out := append(c.tail, b...)
	switch {
	case len(out) == 0:
	case end:
		pad := int(out[len(out)-1])
		if pad == 0 || pad > aes.BlockSize {
			return errPadding
		}
		c.ready = out[:len(out)-pad]
	default:
		c.tail = slices.Clone(out[len(out)-aes.BlockSize:])
		c.ready = out[:len(out)-aes.BlockSize]
	}
	return nil
}

func (s seal) encrypt(b []byte) ([]byte, error) {
	switch s.method {
	case methodRC4:
		c, err := rc4.NewCipher(s.key)
		if err != nil {
			return nil, err
		}
		out := make([]byte, len(b))
		c.XORKeyStream(out, b)
		return out, nil
	case methodAES128, methodAES256:
		block, err := aes.NewCipher(s.key)
		if err != nil {
			return nil, err
		}
		pad := aes.BlockSize - len(b)%aes.BlockSize
		out := make([]byte, aes.BlockSize, aes.BlockSize+len(b)+pad)
		if _, err := rand.Read(out); err != nil {
			return nil, err
		}
		out = append(append(out, b...), bytes.Repeat([]byte{byte(pad)}, pad)...)
		cipher.NewCBCEncrypter(block, out[:aes.BlockSize]).CryptBlocks(out[aes.BlockSize:], out[aes.BlockSize:])
		return out, nil
	}
	return slices.Clone(b), nil
}
