package crypt

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/iotest"
)

// content gives size bytes that look random and are the same each time.
func content(size int) []byte {
	b := make([]byte, size)
	rand.NewChaCha8(sha256.Sum256(fmt.Append(nil, size))).Read(b)
	return b
}

func sealObject(t testing.TB, id string, key Key, plain []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, id, key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// openAll reads a whole object.
func openAll(sealed []byte, id string, key Key) ([]byte, error) {
	r, err := NewReader(bytes.NewReader(sealed), int64(len(sealed)), id, key)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
}

var sizes = []int{0, 1, 100, SegmentSize - 1, SegmentSize, SegmentSize + 1, 3*SegmentSize - 1, 3 * SegmentSize, 3*SegmentSize + 77}

func TestObjectsOfEverySizeComeBack(t *testing.T) {
	t.Parallel()
	for _, size := range sizes {
		key, plain := NewKey(), content(size)
		sealed := sealObject(t, "blb_1", key, plain)
		if int64(len(sealed)) != SealedSize(int64(size)) {
			t.Errorf("%d bytes: %d at rest, SealedSize says %d", size, len(sealed), SealedSize(int64(size)))
		}
		got, err := openAll(sealed, "blb_1", key)
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes: %v, %d came back", size, err, len(got))
		}
		if size > 16 && bytes.Contains(sealed, plain[:16]) {
			t.Errorf("%d bytes: plaintext at rest", size)
		}
	}
}

func TestAnySplitOfWritesGivesOneObject(t *testing.T) {
	t.Parallel()
	key, plain := NewKey(), content(2*SegmentSize+5)
	for _, step := range []int{1000, SegmentSize / 2, SegmentSize, SegmentSize + 1} {
		var b bytes.Buffer
		w, err := NewWriter(&b, "blb_1", key)
		if err != nil {
			t.Fatal(err)
		}
		for rest := plain; len(rest) > 0; rest = rest[min(step, len(rest)):] {
			if n, err := w.Write(rest[:min(step, len(rest))]); err != nil || n != min(step, len(rest)) {
				t.Fatal(n, err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if got, err := openAll(b.Bytes(), "blb_1", key); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("steps of %d: %v", step, err)
		}
		if _, err := w.Write([]byte("x")); err == nil {
			t.Error("a closed object takes more")
		}
	}
}

func TestRangesFromAnywhere(t *testing.T) {
	t.Parallel()
	key, plain := NewKey(), content(3*SegmentSize+77)
	sealed := sealObject(t, "blb_1", key, plain)
	r, err := NewReader(bytes.NewReader(sealed), int64(len(sealed)), "blb_1", key)
	if err != nil {
		t.Fatal(err)
	}
	for _, off := range []int{0, 1, SegmentSize - 1, SegmentSize, 2*SegmentSize - 3, len(plain) - 1, len(plain), len(plain) + 9} {
		for _, n := range []int{0, 1, 5, SegmentSize, 2*SegmentSize + 1, len(plain)} {
			p := make([]byte, n)
			got, err := r.ReadAt(p, int64(off))
			from, to := min(off, len(plain)), min(off+n, len(plain))
			if got != to-from || !bytes.Equal(p[:got], plain[from:to]) || (err == io.EOF) != (got < n) || err != nil && err != io.EOF {
				t.Errorf("ReadAt(%d bytes, %d) = %d, %v", n, off, got, err)
			}
		}
	}
	if _, err := r.ReadAt(make([]byte, 1), -1); err == nil {
		t.Error("a negative offset was taken")
	}
	if err := iotest.TestReader(io.NewSectionReader(r, 0, r.Size()), plain); err != nil {
		t.Error(err)
	}
}

func TestConcurrentReads(t *testing.T) {
	t.Parallel()
	key, plain := NewKey(), content(3*SegmentSize)
	sealed := sealObject(t, "blb_1", key, plain)
	r, err := NewReader(bytes.NewReader(sealed), int64(len(sealed)), "blb_1", key)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(1, uint64(worker)))
			for range 30 {
				off, p := rnd.IntN(len(plain)), make([]byte, rnd.IntN(5000))
				n, err := r.ReadAt(p, int64(off))
				if err != nil && err != io.EOF || !bytes.Equal(p[:n], plain[off:off+n]) {
					t.Errorf("at %d: %v", off, err)
				}
			}
		})
	}
	wg.Wait()
}

// TestNothingButTheWholeObjectOpens is the table of what somebody with access to
// the stored bytes can do.
func TestNothingButTheWholeObjectOpens(t *testing.T) {
	t.Parallel()
	key, plain := NewKey(), content(3*SegmentSize)
	whole := sealObject(t, "blb_1", key, plain)
	sameKey := sealObject(t, "blb_2", key, plain) // two objects under one key must not happen; even then
	again := sealObject(t, "blb_1", key, plain)
	otherKey := sealObject(t, "blb_1", NewKey(), plain)
	short := sealObject(t, "blb_1", key, plain[:2*SegmentSize])
	seg := func(b []byte, n int) []byte { return b[headerSize+n*sealedSize : headerSize+(n+1)*sealedSize] }
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	head := whole[:headerSize]
	edit := func(at int) []byte {
		b := bytes.Clone(whole)
		b[at] ^= 1
		return b
	}
	tests := map[string]struct {
		bytes []byte
		want  error
	}{
		"swap of two segments":               {join(head, seg(whole, 1), seg(whole, 0), seg(whole, 2)), ErrDamaged},
		"repeat of a segment":                {join(head, seg(whole, 0), seg(whole, 0), seg(whole, 2)), ErrDamaged},
		"a segment dropped":                  {join(head, seg(whole, 0), seg(whole, 2)), ErrDamaged},
		"truncated at a segment":             {whole[:len(whole)-sealedSize], ErrDamaged},
		"truncated inside a segment":         {whole[:len(whole)-1], ErrDamaged},
		"truncated in the overhead":          {whole[:headerSize+2*sealedSize+overhead-1], ErrDamaged},
		"truncated to an empty last":         {whole[:headerSize+2*sealedSize+overhead], ErrDamaged},
		"truncated to the header":            {head, ErrDamaged},
		"truncated in the header":            {whole[:50], ErrDamaged},
		"empty":                              {nil, ErrDamaged},
		"extended by a byte":                 {join(whole, []byte{0}), ErrDamaged},
		"extended by a segment":              {join(whole, seg(whole, 2)), ErrDamaged},
		"segments from another object":       {join(head, sameKey[headerSize:]), ErrDamaged},
		"one segment from another object":    {join(head, seg(sameKey, 0), whole[headerSize+sealedSize:]), ErrDamaged},
		"one segment from another key":       {join(head, seg(otherKey, 0), whole[headerSize+sealedSize:]), ErrDamaged},
		"the last of a shorter one appended": {join(head, seg(short, 0), seg(short, 1), seg(whole, 2)), ErrDamaged},
		"another object in its place":        {sameKey, ErrDamaged},
		"another key's object":               {otherKey, ErrWrongKey},
		"magic edited":                       {edit(0), ErrDamaged},
		"version edited":                     {edit(8), ErrDamaged},
		"segment size edited":                {edit(10), ErrDamaged},
		"id length edited":                   {edit(11), ErrDamaged},
		"commitment edited":                  {edit(12), ErrWrongKey},
		"id edited":                          {edit(44), ErrDamaged},
		"header padding edited":              {edit(headerSize - 1), ErrDamaged},
		"nonce edited":                       {edit(headerSize), ErrDamaged},
		"a bit of the first segment":         {edit(headerSize + 1000), ErrDamaged},
		"a bit of the last tag":              {edit(len(whole) - 1), ErrDamaged},
	}
	for name, test := range tests {
		got, err := openAll(test.bytes, "blb_1", key)
		if !errors.Is(err, test.want) {
			t.Errorf("%s: %d bytes, error %v, want %v", name, len(got), err, test.want)
		}
		if !bytes.Equal(got, plain[:len(got)]) {
			t.Errorf("%s: wrong plaintext was handed out", name)
		}
	}
	// The same plaintext under the same id and key may be mixed: it says the same.
	if got, err := openAll(join(head, seg(again, 0), whole[headerSize+sealedSize:]), "blb_1", key); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("equal segments: %v", err)
	}
}

func TestEveryByteOfASmallObjectCounts(t *testing.T) {
	t.Parallel()
	key := NewKey()
	sealed := sealObject(t, "blb_1", key, []byte("a purchase order"))
	for at := range sealed {
		for bit := range 8 {
			b := bytes.Clone(sealed)
			b[at] ^= 1 << bit
			if _, err := openAll(b, "blb_1", key); !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrWrongKey) {
				t.Fatalf("byte %d: %v", at, err)
			}
		}
		if _, err := openAll(sealed[:at], "blb_1", key); !errors.Is(err, ErrDamaged) {
			t.Fatalf("cut at %d: %v", at, err)
		}
	}
}

func TestAnUnfinishedObjectDoesNotOpen(t *testing.T) {
	t.Parallel()
	key := NewKey()
	var b bytes.Buffer
	w, err := NewWriter(&b, "blb_1", key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(content(2*SegmentSize + 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := openAll(b.Bytes(), "blb_1", key); !errors.Is(err, ErrDamaged) {
		t.Errorf("opened: %v", err)
	}
}

func TestErrorsOfTheStorageComeThrough(t *testing.T) {
	t.Parallel()
	broken := errors.New("the disk is gone")
	w, err := NewWriter(&limited{headerSize + 10, broken}, "blb_1", NewKey())
	if err != nil {
		t.Fatal(err)
	}
	_, werr := w.Write(content(2 * SegmentSize))
	if cerr := w.Close(); !errors.Is(werr, broken) || !errors.Is(cerr, broken) {
		t.Errorf("write %v, close %v", werr, cerr)
	}
	if _, err := NewWriter(io.Discard, string(make([]byte, maxObjectID+1)), NewKey()); err == nil {
		t.Error("an id too long was taken")
	}
	key := NewKey()
	sealed := sealObject(t, "blb_1", key, []byte("x"))
	if _, err := NewReader(failingAt{broken}, int64(len(sealed)), "blb_1", key); !errors.Is(err, broken) || errors.Is(err, ErrDamaged) {
		t.Errorf("read: %v", err)
	}
}

// limited takes left bytes and then fails.
type limited struct {
	left int
	err  error
}

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, l.err
	}
	return len(p), nil
}

type failingAt struct{ err error }

func (f failingAt) ReadAt([]byte, int64) (int, error) { return 0, f.err }

func FuzzReader(f *testing.F) {
	key := Key(sha256.Sum256([]byte("a data key for tests")))
	f.Add(sealObject(f, "blb_1", key, []byte("a purchase order")))
	f.Add(sealObject(f, "blb_1", key, nil))
	f.Fuzz(func(t *testing.T, sealed []byte) {
		if plain, err := openAll(sealed, "blb_1", key); err == nil && string(plain) != "a purchase order" && len(plain) != 0 {
			t.Errorf("forged: %q", plain)
		}
	})
}

func BenchmarkWriter(b *testing.B) {
	plain := content(16 << 20)
	b.SetBytes(int64(len(plain)))
	for b.Loop() {
		w, err := NewWriter(io.Discard, "blb_1", NewKey())
		if err != nil {
			b.Fatal(err)
		}
		if _, err := w.Write(plain); err != nil {
			b.Fatal(err)
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReader(b *testing.B) {
	key := NewKey()
	sealed := sealObject(b, "blb_1", key, content(16<<20))
	b.SetBytes(16 << 20)
	for b.Loop() {
		r, err := NewReader(bytes.NewReader(sealed), int64(len(sealed)), "blb_1", key)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, io.NewSectionReader(r, 0, r.Size())); err != nil {
			b.Fatal(err)
		}
	}
}

// TestNoncesAreDrawnAnew: no two sealings under a key share a nonce: not the segments of an
// object, nor the same object or small value sealed twice.
func TestNoncesAreDrawnAnew(t *testing.T) {
	t.Parallel()
	key, seen := NewKey(), map[string]string{}
	note := func(of string, nonce []byte) {
		if before, twice := seen[string(nonce)]; twice {
			t.Errorf("%s has the nonce of %s", of, before)
		}
		seen[string(nonce)] = of
	}
	for n := range 3 {
		for i, rest := 0, sealObject(t, "blb_1", key, make([]byte, 3*SegmentSize+1))[headerSize:]; len(rest) > 0; i++ {
			segment := rest[:min(sealedSize, len(rest))]
			note(fmt.Sprintf("segment %d of object %d", i, n), segment[:12])
			rest = rest[len(segment):]
		}
	}
	for n := range 100 {
		sealed, err := key.seal([]byte("small"), []byte("here"))
		if err != nil {
			t.Fatal(err)
		}
		note(fmt.Sprintf("value %d", n), sealed[:12])
	}
	if len(seen) != 3*4+100 {
		t.Errorf("%d nonces", len(seen))
	}
}
