package journal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"

	"github.com/paraph/paraph/internal/fault"
)

// CursorCodec makes the cursors of the event list. A cursor stands for a place
// in the log where a reader wants to go on, but must not show its number: the
// log is shared by all tenants, so bare numbers would tell one about another's
// volume.
//
// A cursor is one AES-256 block in unpadded base64url, 22 characters. Before
// encryption the block holds an 8-byte MAC over organisation and index, then
// the index. So the same place always has the same cursor (clients may compare
// and store it), nothing can be read from it, and a cursor of another
// organisation or a changed one fails (one try in 2^64 would not).
type CursorCodec struct {
	block  cipher.Block
	macKey Hash
}

// NewCursorCodec makes a codec from a secret key. Cursors live as long as the
// key does.
func NewCursorCodec(key [32]byte) (*CursorCodec, error) {
	encKey := mac(key, []byte("paraph-cursor@v1/encrypt"))
	block, err := aes.NewCipher(encKey[:])
	if err != nil {
		return nil, err
	}
	return &CursorCodec{block, mac(key, []byte("paraph-cursor@v1/mac"))}, nil
}

// Encode makes the cursor that stands for index, at least Unsequenced, to a
// reader of org.
func (c *CursorCodec) Encode(org string, index int64) string {
	var b [aes.BlockSize]byte
	copy(b[:8], c.mac(org, index))
	binary.BigEndian.PutUint64(b[8:], uint64(index))
	c.block.Encrypt(b[:], b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// Decode gives the index of a cursor of org. Any other text is Invalid,
// "bad_cursor".
func (c *CursorCodec) Decode(org, cursor string) (int64, error) {
	bad := fault.New(fault.Invalid, "bad_cursor", "This cursor is not one that Paraph gave out for your organisation. Use a cursor from an earlier answer, or none to start at the beginning.")
	var b [aes.BlockSize]byte
	if len(cursor) != base64.RawURLEncoding.EncodedLen(len(b)) {
		return 0, bad
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(raw) != len(b) {
		return 0, bad
	}
	c.block.Decrypt(b[:], raw)
	index := int64(binary.BigEndian.Uint64(b[8:]))
	if !hmac.Equal(b[:8], c.mac(org, index)) || index < Unsequenced {
		return 0, bad
	}
	return index, nil
}

func (c *CursorCodec) mac(org string, index int64) []byte {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(index))
	m := mac(c.macKey, append(n[:], org...))
	return m[:8]
}
