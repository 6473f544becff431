package pdffile

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/md5"
	"crypto/rc4"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// Encryption tells how a file is encrypted (7.6) and with whose password it was opened.
type Encryption struct {
	Version, Revision int    // /V and /R of the standard security handler
	Method            string // of streams: Identity, RC4, AES-128 or AES-256
	KeyBits           int
	Owner             bool  // the owner's password was given: permissions do not bind
	Permissions       int32 // /P, the bits of Table 22
	Metadata          bool  // the XMP metadata is encrypted too
}

// MaySign tells whether the permissions let a reader without the owner's
// password fill signature fields (bit 9) or add annotations (bit 6).
func (e *Encryption) MaySign() bool { return e.Owner || e.Permissions&(1<<8|1<<5) != 0 }

// method is how a crypt filter works on strings and streams.
type method uint8

const (
	identity method = iota
	methodRC4
	methodAES128
	methodAES256
)

func (m method) String() string { return [...]string{"Identity", "RC4", "AES-128", "AES-256"}[m] }

// security is an opened standard security handler.
type security struct {
	info          Encryption
	key           []byte
	filters       map[Name]method
	streams       method // /StmF
	strings       method // /StrF
	embeddedFiles method // /EFF
	dict          uint32 // number of the encryption dictionary, whose own strings are plain
}

// Encryption tells how the file is encrypted; nil if it is not.
func (f *File) Encryption() *Encryption {
	if f.security == nil {
		return nil
	}
	info := f.security.info
	return &info
}

// openSecurity reads the encryption dictionary and finds the file's key.
func (f *File) openSecurity(password string) error {
	newest := f.Trailer()["Encrypt"]
	for _, s := range f.sections[1:] {
		if o := s.Trailer["Encrypt"]; !isNull(o) && !bytes.Equal(AppendObject(nil, o, 0), AppendObject(nil, newest, 0)) {
			return damaged(s.Offset, "the sections of the file disagree about its encryption")
		}
	}
	if isNull(newest) {
		return nil
	}
	d, err := f.Dict(newest)
	if err != nil {
		return err
	}
	if d == nil {
		return damaged(f.sections[0].Offset, "the encryption dictionary is missing")
	}
	s := &security{filters: map[Name]method{"Identity": identity}}
	if ref, ok := newest.(Ref); ok {
		s.dict = ref.Num
	}
	r := dictReader{f: f, d: d}
	if filter := r.name("Filter"); filter != "Standard" {
		return encrypted("the security handler %q is not read here", filter)
	}
	s.info.Version, s.info.Revision = r.integer("V", 0), r.integer("R", 0)
	s.info.Permissions = int32(uint32(int64(r.integer("P", 0))))
	s.info.Metadata = r.boolean("EncryptMetadata", true)
	if err := s.methods(&r); err != nil {
		return err
	}
	if r.err != nil {
		return r.err
	}
	h := handler{s: s, revision: s.info.Revision, o: r.text("O"), u: r.text("U"), oe: r.text("OE"), ue: r.text("UE"), perms: r.text("Perms")}
	if h.id, err = f.firstID(); err != nil {
		return err
	}
	if r.err != nil {
		return r.err
	}
	if err := h.open(password); err != nil {
		return err
	}
	if s.info.Revision >= 5 && !h.permsAgree() {
		f.deviate(-1, "the encryption dictionary's /Perms does not confirm its permissions")
	}
	f.security = s
	clear(f.cache) // what was read so far was read without the key
	return nil
}

func encrypted(format string, args ...any) error {
	return &Error{Kind: ErrEncrypted, Offset: -1, Reason: fmt.Sprintf(format, args...)}
}

func (f *File) firstID() (string, error) {
	a, err := f.Array(f.Trailer()["ID"])
	if err != nil || len(a) == 0 {
		return "", err
	}
	o, err := f.Resolve(a[0])
	id, _ := o.(String)
	return string(id), err
}

// methods reads what the crypt filters do (7.6.5) and the length of the key.
func (s *security) methods(r *dictReader) error {
	bits := r.integer("Length", 40)
	switch v := s.info.Version; v {
	case 1, 2:
		if v == 1 || bits < 40 {
			bits = 40
		}
		s.streams, s.strings, s.embeddedFiles = methodRC4, methodRC4, methodRC4
	case 4, 5:
		if bits = 128; v == 5 {
			bits = 256
		}
		if err := s.cryptFilters(r, &bits); err != nil {
			return err
		}
	default:
		return encrypted("version %d of the standard security handler is not read here", v)
	}
	if bits%8 != 0 || bits > 256 || s.info.Version < 5 && bits > 128 {
		return damaged(-1, "the encryption key would have %d bits", bits)
	}
	s.info.KeyBits, s.info.Method = bits, s.streams.String()
	return nil
}

func (s *security) cryptFilters(r *dictReader, bits *int) error {
	list, err := r.f.Dict(r.d["CF"])
	if err != nil {
		return err
	}
	lengths := map[Name]int{}
	for name := range list {
		d, err := r.f.Dict(list[name])
		if err != nil {
			return err
		}
		c := dictReader{f: r.f, d: d}
		switch cfm := c.name("CFM"); cfm {
		case "None", "":
			s.filters[name] = identity
		case "V2":
			s.filters[name] = methodRC4
			// The length stands in bytes, but some writers give bits.
			if lengths[name] = c.integer("Length", 16); lengths[name] < 40 {
				lengths[name] *= 8
			}
		case "AESV2":
			s.filters[name] = methodAES128
		case "AESV3":
			s.filters[name] = methodAES256
		default:
			return encrypted("the crypt filter method %q is not read here", cfm)
		}
		if c.err != nil {
			return c.err
		}
		if (s.filters[name] == methodAES256) != (s.info.Version == 5) && s.filters[name] != identity {
			return damaged(-1, "the crypt filter %s does not fit the security handler's version", name)
		}
	}
	for key, target := range map[Name]*method{"StmF": &s.streams, "StrF": &s.strings, "EFF": &s.embeddedFiles} {
		name := r.name(key)
		if name == "" && key == "EFF" {
			continue
		}
		m, ok := s.filters[name]
		if !ok && name != "" {
			return damaged(-1, "the encryption dictionary's /%s names an unknown crypt filter", key)
		}
		*target = m
	}
	if r.name("EFF") == "" {
		s.embeddedFiles = s.streams
	}
	for _, name := range []Name{r.name("StrF"), r.name("StmF")} {
		if n := lengths[name]; n > 0 {
			*bits = n
		}
	}
	return nil
}

// dictReader takes typed entries from a dictionary and keeps the first fault.
type dictReader struct {
	f   *File
	d   Dict
	err error
}

func (r *dictReader) get(key Name) Object {
	o, err := r.f.Resolve(r.d[key])
	if r.err == nil {
		r.err = err
	}
	return o
}

func (r *dictReader) name(key Name) Name   { n, _ := r.get(key).(Name); return n }
func (r *dictReader) text(key Name) string { s, _ := r.get(key).(String); return string(s) }

func (r *dictReader) integer(key Name, fallback int) int {
	if n, ok := r.get(key).(Integer); ok {
		return int(n)
	}
	return fallback
}

func (r *dictReader) boolean(key Name, fallback bool) bool {
	if b, ok := r.get(key).(Bool); ok {
		return bool(b)
	}
	return fallback
}

// handler holds what the password is checked against.
type handler struct {
	s                       *security
	revision                int
	o, u, oe, ue, perms, id string
}

func (h *handler) open(password string) error {
	var ok bool
	switch {
	case h.revision >= 2 && h.revision <= 4 && h.s.info.Version < 5:
		if len(h.o) < 32 || len(h.u) < 32 {
			return damaged(-1, "the encryption dictionary's /O or /U is too short")
		}
		ok = h.openOld(latin1(password))
	case (h.revision == 5 || h.revision == 6) && h.s.info.Version == 5:
		if len(h.o) < 48 || len(h.u) < 48 || len(h.oe) < 32 || len(h.ue) < 32 {
			return damaged(-1, "the encryption dictionary's /O, /U, /OE or /UE is too short")
		}
		for _, pw := range []string{prepared(password), password} {
			if ok = h.openNew([]byte(pw[:min(len(pw), 127)])); ok {
				break
			}
		}
	default:
		return encrypted("revision %d of the standard security handler is not read here", h.revision)
	}
	switch {
	case ok:
		return nil
	case password == "":
		return &Error{Kind: ErrPassword, Offset: -1, Reason: "the file opens with a password only"}
	}
	return &Error{Kind: ErrPassword, Offset: -1, Reason: "the password does not open the file"}
}

// padding is the string that fills passwords up to 32 bytes (7.6.4.3.2).
const padding = "\x28\xBF\x4E\x5E\x4E\x75\x8A\x41\x64\x00\x4E\x56\xFF\xFA\x01\x08\x2E\x2E\x00\xB6\xD0\x68\x3E\x80\x2F\x0C\xA9\xFE\x64\x53\x69\x7A"

func padded(password string) []byte { return []byte((password + padding)[:32]) }

// openOld tries the password as the user's and as the owner's (algorithms 2, 6 and 7).
func (h *handler) openOld(password string) bool {
	if key := h.oldKey(padded(password)); h.isUserKey(key) {
		h.s.key = key
		return true
	}
	sum := md5.Sum(padded(password))
	n := h.s.info.KeyBits / 8
	if h.revision == 2 {
		n = 5
	}
	if h.revision >= 3 {
		for range 50 {
			sum = md5.Sum(sum[:n])
		}
	}
	user := []byte(h.o[:32])
	rounds := 0
	if h.revision >= 3 {
		rounds = 19
	}
	for i := rounds; i >= 0; i-- {
		rc4Once(xored(sum[:n], byte(i)), user)
	}
	key := h.oldKey(user)
	if !h.isUserKey(key) {
		return false
	}
	h.s.key, h.s.info.Owner = key, true
	return true
}

func (h *handler) oldKey(pad []byte) []byte {
	d := md5.New()
	d.Write(pad)
	d.Write([]byte(h.o[:32]))
	d.Write(binary.LittleEndian.AppendUint32(nil, uint32(h.s.info.Permissions)))
	d.Write([]byte(h.id))
	if h.revision >= 4 && !h.s.info.Metadata {
		d.Write([]byte{0xFF, 0xFF, 0xFF, 0xFF})
	}
	key := d.Sum(nil)
	n := h.s.info.KeyBits / 8
	if h.revision == 2 {
		n = 5
	}
	if h.revision >= 3 {
		for range 50 {
			sum := md5.Sum(key[:n])
			key = sum[:]
		}
	}
	return key[:n]
}

func (h *handler) isUserKey(key []byte) bool {
	if h.revision == 2 {
		b := []byte(padding)
		rc4Once(key, b)
		return subtle.ConstantTimeCompare(b, []byte(h.u[:32])) == 1
	}
	sum := md5.Sum([]byte(padding + h.id))
	b := sum[:]
	for i := range 20 {
		rc4Once(xored(key, byte(i)), b)
	}
	return subtle.ConstantTimeCompare(b, []byte(h.u[:16])) == 1
}

func xored(key []byte, x byte) []byte {
	out := make([]byte, len(key))
	for i := range key {
		out[i] = key[i] ^ x
	}
	return out
}

func rc4Once(key, b []byte) {
	if c, err := rc4.NewCipher(key); err == nil {
		c.XORKeyStream(b, b)
	}
}

// openNew tries the password as the owner's and as the user's (algorithm 2.A).
func (h *handler) openNew(pw []byte) bool {
	o, u := []byte(h.o), []byte(h.u[:48])
	var wrapped string
	var secret []byte
	switch {
	case subtle.ConstantTimeCompare(h.hash(pw, o[32:40], u), o[:32]) == 1:
		h.s.info.Owner = true
		secret, wrapped = h.hash(pw, o[40:48], u), h.oe[:32]
	case subtle.ConstantTimeCompare(h.hash(pw, u[32:40], nil), u[:32]) == 1:
		secret, wrapped = h.hash(pw, u[40:48], nil), h.ue[:32]
	default:
		return false
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return false
	}
	h.s.key = make([]byte, 32)
	cipher.NewCBCDecrypter(block, make([]byte, aes.BlockSize)).CryptBlocks(h.s.key, []byte(wrapped))
	return true
}

// hash is the digest of revision 5, or the hardened one of revision 6 (algorithm 2.B).
func (h *handler) hash(pw, salt, user []byte) []byte {
	sum := sha256.Sum256(bytes.Join([][]byte{pw, salt, user}, nil))
	k := sum[:]
	if h.revision == 5 {
		return k
	}
	for round := 0; ; {
		e := bytes.Repeat(bytes.Join([][]byte{pw, k, user}, nil), 64)
		block, err := aes.NewCipher(k[:16])
		if err != nil {
			return nil
		}
		cipher.NewCBCEncrypter(block, k[16:32]).CryptBlocks(e, e)
		rest := 0
		for _, b := range e[:16] {
			rest += int(b)
		}
		switch rest % 3 {
		case 0:
			s := sha256.Sum256(e)
			k = s[:]
		case 1:
			s := sha512.Sum384(e)
			k = s[:]
		default:
			s := sha512.Sum512(e)
			k = s[:]
		}
		if round++; round >= 64 && int(e[len(e)-1]) <= round-32 {
			return k[:32]
		}
	}
}

// permsAgree checks the encrypted copy of the permissions (algorithm 13).
func (h *handler) permsAgree() bool {
	block, err := aes.NewCipher(h.s.key)
	if err != nil || len(h.perms) < 16 {
		return false
	}
	var b [16]byte
	block.Decrypt(b[:], []byte(h.perms[:16]))
	want := byte('T')
	if !h.s.info.Metadata {
		want = 'F'
	}
	return string(b[9:12]) == "adb" && int32(binary.LittleEndian.Uint32(b[:])) == h.s.info.Permissions && b[8] == want
}

// latin1 encodes a password for the old revisions, as PDFDocEncoding does for most of Europe.
func latin1(s string) string {
	b := make([]byte, 0, len(s))
	for _, r := range s {
		if r > 0xFF {
			return s
		}
		b = append(b, byte(r))
	}
	return string(b)
}

// prepared applies SASLprep (RFC 4013) as far as it changes passwords: other
// blanks become spaces, invisible characters vanish, then NFKC.
func prepared(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == 0xA0 || r == 0x1680 || r >= 0x2000 && r <= 0x200B || r == 0x202F || r == 0x205F || r == 0x3000:
			return ' '
		case r == 0xAD || r == 0x34F || r == 0x1806 || r >= 0x180B && r <= 0x180D || r >= 0x200C && r <= 0x200D,
			r == 0x2060 || r >= 0xFE00 && r <= 0xFE0F || r == 0xFEFF:
			return -1
		}
		return r
	}, s)
	return norm.NFKC.String(s)
}
