package journal

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strconv"
	"sync"
	"time"
)

// scratch is the memory in which leaves are computed, one after the other. An
// audit computes millions: asking for memory for each cost more than hashing.
type scratch struct{ hashed, leaf []byte }

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// makeLeaf computes the entry's leaf.
func (e *Entry) makeLeaf() []byte {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	rec := s.record(e)
	return rec.append(make([]byte, 0, 512))
}

// record computes the leaf's parts from the entry.
func (s *scratch) record(e *Entry) record {
	r := record{id: e.ID, kind: e.Kind, prev: e.PrevLeaf}
	for i, f := range fields {
		key := s.fieldKey((*Hash)(&e.Salt), f)
		r.commits[i] = s.commit(&key, e, f)
	}
	return r
}

// fieldKey derives the key of a field's commitment.
func (s *scratch) fieldKey(salt *Hash, f Field) Hash {
	s.keyed(salt)
	s.hashed = append(append(s.hashed, leafVersion+"/"...), f...)
	return s.sum(salt)
}

// commit computes the commitment to a field of the entry.
func (s *scratch) commit(key *Hash, e *Entry, f Field) Hash {
	s.keyed(key)
	s.hashed = e.appendValue(s.hashed, f)
	return s.sum(key)
}

// HMAC-SHA256 (RFC 2104) over what is appended to s.hashed between keyed and sum.
// The standard library's asks for memory for each key, and here every value has
// a key of its own.
const (
	hmacBlock = sha256.BlockSize
	innerPad  = 0x36
	outerPad  = 0x5c
)

func (s *scratch) keyed(key *Hash) { s.hashed = appendPad(s.hashed[:0], key, innerPad) }

func (s *scratch) sum(key *Hash) Hash {
	inner := sha256.Sum256(s.hashed)
	s.hashed = append(appendPad(s.hashed[:0], key, outerPad), inner[:]...)
	return sha256.Sum256(s.hashed)
}

// appendPad writes the key, filled up to a block of SHA-256, each byte turned by pad.
func appendPad(b []byte, key *Hash, pad byte) []byte {
	for _, k := range key {
		b = append(b, k^pad)
	}
	for range hmacBlock - len(key) {
		b = append(b, pad)
	}
	return b
}

func mac(key Hash, message []byte) Hash {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	s.keyed(&key)
	s.hashed = append(s.hashed, message...)
	return s.sum(&key)
}

// appendValue writes the bytes that a field's commitment is made over behind b.
func (e *Entry) appendValue(b []byte, f Field) []byte {
	switch f {
	case FieldDocument:
		b = appendParts(b, e.Org, e.Unit, e.SubjectType, e.SubjectID, e.DocumentID)
		return appendNumber(appendNumber(b, e.DocVersion), e.DocSeq)
	case FieldActor:
		return appendParts(b, string(e.Actor.Kind), e.Actor.ID, e.Actor.Principal, e.Actor.OnBehalfOf)
	case FieldSource:
		return appendParts(b, e.Source.Peer, e.Source.Forwarded, e.Source.UserAgent, e.Source.RequestID)
	case FieldDigests:
		names := make([]string, 0, 8)
		for name := range e.Digests {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			b = appendParts(b, name, e.Digests[name])
		}
		return b
	case FieldData:
		return append(binary.BigEndian.AppendUint32(b, uint32(len(e.Data))), e.Data...)
	default:
		var at [len(timeForm) + 8]byte
		text := e.At.UTC().AppendFormat(at[:0], timeForm)
		return append(binary.BigEndian.AppendUint32(b, uint32(len(text))), text...)
	}
}

func formTime(t time.Time) string { return t.UTC().Format(timeForm) }

// appendParts writes texts behind b, each with its length in front, so that no
// two lists give the same bytes.
func appendParts(b []byte, list ...string) []byte {
	for _, s := range list {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
	}
	return b
}

func appendNumber(b []byte, n int64) []byte {
	var digits [20]byte
	text := strconv.AppendInt(digits[:0], n, 10)
	return append(binary.BigEndian.AppendUint32(b, uint32(len(text))), text...)
}
