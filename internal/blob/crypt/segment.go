package crypt

import (
	"crypto/cipher"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
)

// An object at rest is a header of 128 bytes and one or more segments.
//
//	header   magic "PARAPHBL"                                    8 bytes
//	         version 1                                           1
//	         suite 1: AES-256-GCM, random 96-bit nonces          1
//	         binary logarithm of the segment size: 18            1
//	         length of the object's id                           1
//	         commitment to the data key: an HMAC under it       32
//	         the object's id, then zeros                        84
//	segment  nonce 12, ciphertext, tag 16
//
// Every segment holds 256 KiB of plaintext, the last one 1 byte to 256 KiB, and
// an empty object one empty segment. The additional data of a segment is
// SHA-256(header) ‖ number of the segment, 64 bits big-endian ‖ 1 in the last
// segment, 0 in the others. So a segment moved, dropped, repeated, cut off at
// the end, appended or taken from another object does not open, and neither
// does anything under a changed header.
//
// The header names no length: an object is written while it arrives. Which
// segment is the last follows from the length of the object, and the flag in
// its additional data proves it. Nor does it name the key that wraps the data
// key, so re-wrapping leaves objects alone. The commitment is there because a
// GCM ciphertext alone can be made to open under two keys.
const (
	magic       = "PARAPHBL"
	headerSize  = 128
	segmentLog  = 18
	maxObjectID = headerSize - 44

	// SegmentSize is the plaintext of a full segment in bytes.
	SegmentSize = 1 << segmentLog
	sealedSize  = SegmentSize + overhead
)

// header builds an object's header. It follows wholly from id and key, so a
// reader compares instead of parsing.
func header(id string, key Key) ([headerSize]byte, error) {
	var h [headerSize]byte
	if id == "" || len(id) > maxObjectID {
		return h, fmt.Errorf("crypt: an object's id has 1 to %d bytes", maxObjectID)
	}
	copy(h[:], magic)
	h[8], h[9], h[10], h[11] = 1, 1, segmentLog, byte(len(id))
	commitment := key.tag("paraph-object-key@v1")
	copy(h[12:], commitment[:])
	copy(h[44:], id)
	return h, nil
}

// checkHeader compares a stored header with the one that must be there.
func checkHeader(got, want [headerSize]byte) error {
	same := func(from, to int) bool { return subtle.ConstantTimeCompare(got[from:to], want[from:to]) == 1 }
	switch {
	case !same(0, 11):
		return fmt.Errorf("%w: it is no object of this format", ErrDamaged)
	case !same(12, 44):
		return fmt.Errorf("%w: the object was written with another one, or its header is damaged", ErrWrongKey)
	case !same(0, headerSize):
		return fmt.Errorf("%w: it is another object", ErrDamaged)
	}
	return nil
}

// additional gives the additional data of segment n.
func additional(headerHash [32]byte, n int64, last bool) [41]byte {
	var a [41]byte
	copy(a[:], headerHash[:])
	binary.BigEndian.PutUint64(a[32:], uint64(n))
	if last {
		a[40] = 1
	}
	return a
}

// SealedSize gives the length at rest of an object of size bytes of plaintext.
func SealedSize(size int64) int64 {
	return headerSize + size + max(1, (size+SegmentSize-1)/SegmentSize)*overhead
}

// plainSize reverses SealedSize; false for a length that no object has.
func plainSize(sealed int64) (size, segments int64, ok bool) {
	body := sealed - headerSize
	if body < overhead {
		return 0, 0, false
	}
	segments = (body + sealedSize - 1) / sealedSize
	size = body - segments*overhead
	last := size - (segments-1)*SegmentSize
	return size, segments, last > 0 || last == 0 && segments == 1
}

// Writer encrypts a stream into an object. It needs half a megabyte, however
// long the stream is. An object whose Writer was not closed does not open.
type Writer struct {
	dst    io.Writer
	aead   cipher.AEAD
	hash   [32]byte
	n      int64
	plain  []byte // not yet sealed; kept back when full, since it may be the last
	sealed []byte
	err    error
}

// NewWriter starts an object named id and writes its header to dst. The key must
// be a fresh one: one key, one object.
func NewWriter(dst io.Writer, id string, key Key) (*Writer, error) {
	h, err := header(id, key)
	if err != nil {
		return nil, err
	}
	aead, err := key.aead()
	if err != nil {
		return nil, err
	}
	if _, err := dst.Write(h[:]); err != nil {
		return nil, err
	}
	return &Writer{dst: dst, aead: aead, hash: sha256.Sum256(h[:]), plain: make([]byte, 0, SegmentSize), sealed: make([]byte, 0, sealedSize)}, nil
}

// Write implements io.Writer.
func (w *Writer) Write(p []byte) (int, error) {
	done := 0
	for w.err == nil && len(p) > 0 {
		if len(w.plain) == SegmentSize {
			w.flush(false)
			continue
		}
		n := min(len(p), SegmentSize-len(w.plain))
		w.plain = append(w.plain, p[:n]...)
		p, done = p[n:], done+n
	}
	return done, w.err
}

// Close seals the last segment. It does not close what the Writer writes to.
func (w *Writer) Close() error {
	if w.err != nil {
		return w.err
	}
	w.flush(true)
	if w.err == nil {
		w.err = errors.New("crypt: the object is closed")
		return nil
	}
	return w.err
}

// flush seals and writes the segment at hand.
func (w *Writer) flush(last bool) {
	a := additional(w.hash, w.n, last)
	w.sealed = w.aead.Seal(w.sealed[:0], nil, w.plain, a[:])
	w.n++
	w.plain = w.plain[:0]
	_, w.err = w.dst.Write(w.sealed)
}

// Reader decrypts an object, from anywhere. It is safe for concurrent use; it
// keeps the segment it read last, so reading in small steps decrypts each
// segment once. Only plaintext whose segment has proved genuine is handed out.
type Reader struct {
	src      io.ReaderAt
	aead     cipher.AEAD
	hash     [32]byte
	size     int64
	segments int64

	mu     sync.Mutex // guards what follows
	at     int64      // number of the segment in plain; -1 for none
	plain  []byte
	sealed []byte
}

// NewReader opens the object named id of length bytes at rest. It checks the
// header and the last segment, so the size is proved when it returns; it gives
// ErrDamaged or ErrWrongKey, or an error of src.
func NewReader(src io.ReaderAt, length int64, id string, key Key) (*Reader, error) {
	want, err := header(id, key)
	if err != nil {
		return nil, err
	}
	var got [headerSize]byte
	if err := readFull(src, got[:], 0); err != nil {
		return nil, err
	}
	if err := checkHeader(got, want); err != nil {
		return nil, err
	}
	r := &Reader{src: src, hash: sha256.Sum256(want[:]), at: -1}
	var ok bool
	if r.size, r.segments, ok = plainSize(length); !ok {
		return nil, fmt.Errorf("%w: no object is %d bytes long", ErrDamaged, length)
	}
	if r.aead, err = key.aead(); err != nil {
		return nil, err
	}
	n := min(r.size, SegmentSize)
	r.plain, r.sealed = make([]byte, 0, n), make([]byte, n+overhead)
	return r, r.load(r.segments - 1)
}

// readFull reads exactly len(p) bytes; an object too short for that is damaged.
func readFull(src io.ReaderAt, p []byte, off int64) error {
	n, err := src.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("%w: it ends at byte %d", ErrDamaged, off+int64(n))
	}
	return err
}

// Size gives the length of the plaintext in bytes.
func (r *Reader) Size() int64 { return r.size }

// load brings segment n into r.plain.
func (r *Reader) load(n int64) error {
	if r.at == n {
		return nil
	}
	r.at = -1
	last := n == r.segments-1
	length := int64(SegmentSize)
	if last {
		length = r.size - n*SegmentSize
	}
	sealed := r.sealed[:length+overhead]
	if err := readFull(r.src, sealed, headerSize+n*sealedSize); err != nil {
		return err
	}
	a := additional(r.hash, n, last)
	plain, err := r.aead.Open(r.plain[:0], nil, sealed, a[:])
	if err != nil {
		return fmt.Errorf("%w: segment %d of %d does not open", ErrDamaged, n, r.segments)
	}
	r.plain, r.at = plain, n
	return nil
}

// ReadAt implements io.ReaderAt.
func (r *Reader) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("crypt: a negative offset")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	done := 0
	for done < len(p) {
		if off >= r.size {
			return done, io.EOF
		}
		if err := r.load(off / SegmentSize); err != nil {
			return done, err
		}
		n := copy(p[done:], r.plain[off%SegmentSize:])
		done, off = done+n, off+int64(n)
	}
	return done, nil
}
