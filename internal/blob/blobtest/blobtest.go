// Package blobtest is the conformance suite of blob.Store: every store passes
// the same tests.
package blobtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/blob"
	"github.com/paraph/paraph/internal/id"
)

// Run tests a store. open gives a new, empty one each time.
func Run(t *testing.T, open func(t *testing.T) blob.Store) {
	for name, test := range map[string]func(*testing.T, blob.Store){
		"RoundTrip":       roundTrip,
		"Unseen":          unseen,
		"NeverOverwrites": neverOverwrites,
		"Missing":         missing,
		"Ranges":          ranges,
		"Delete":          deletes,
		"List":            lists,
		"Concurrent":      concurrent,
		"Sweep":           sweeps,
		"Cancelled":       cancelled,
		"BadIDs":          badIDs,
		"Collect":         collects,
		"Probe":           func(t *testing.T, s blob.Store) { check(t, s.Probe(t.Context())) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

// Bytes gives size bytes that look random, the same for the same size.
func Bytes(size int) []byte {
	b := make([]byte, size)
	rand.NewChaCha8(sha256.Sum256(fmt.Append(nil, size))).Read(b)
	return b
}

// NewID gives an id for an object.
func NewID() string { return id.New(blob.Prefix, time.Unix(1795000000, 0)) }

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("got %v, want %v", err, target)
	}
}

// Put stores content under a new id, in several writes.
func Put(t *testing.T, s blob.Store, content []byte) string {
	t.Helper()
	name := NewID()
	w, err := s.Create(t.Context(), name)
	check(t, err)
	for rest := content; len(rest) > 0; {
		n := min(len(rest), 70_000)
		if got, err := w.Write(rest[:n]); err != nil || got != n {
			t.Fatal(got, err)
		}
		rest = rest[n:]
	}
	check(t, w.Commit())
	check(t, w.Abort()) // after Commit it does nothing
	return name
}

// Get reads an object wholly.
func Get(t *testing.T, s blob.Store, name string) []byte {
	t.Helper()
	o, err := s.Open(t.Context(), name)
	check(t, err)
	defer func() { check(t, o.Close()) }()
	b, err := io.ReadAll(io.NewSectionReader(o, 0, o.Size()))
	check(t, err)
	return b
}

func names(t *testing.T, s blob.Store, after string) []string {
	t.Helper()
	var list []string
	check(t, s.List(t.Context(), after, func(o blob.Info) error {
		list = append(list, o.ID)
		return nil
	}))
	return list
}

func roundTrip(t *testing.T, s blob.Store) {
	for _, size := range []int{0, 1, 69_999, 300_000, 6 << 20} {
		content := Bytes(size)
		if got := Get(t, s, Put(t, s, content)); !bytes.Equal(got, content) {
			t.Errorf("%d bytes: %d came back", size, len(got))
		}
	}
}

func unseen(t *testing.T, s blob.Store) {
	name := NewID()
	w, err := s.Create(t.Context(), name)
	check(t, err)
	_, err = w.Write(Bytes(300_000))
	check(t, err)
	_, err = s.Open(t.Context(), name)
	want(t, err, blob.ErrNotFound)
	if list := names(t, s, ""); len(list) != 0 {
		t.Errorf("listed: %v", list)
	}
	check(t, w.Abort())
	_, err = s.Open(t.Context(), name)
	want(t, err, blob.ErrNotFound)
	if w.Commit() == nil {
		t.Error("committed after an abort")
	}
}

func neverOverwrites(t *testing.T, s blob.Store) {
	first := Put(t, s, []byte("first"))
	w, err := s.Create(t.Context(), first)
	if err == nil { // a store may refuse at Commit only
		_, err = w.Write([]byte("second"))
		check(t, err)
		err = w.Commit()
	}
	want(t, err, blob.ErrExists)
	if got := Get(t, s, first); string(got) != "first" {
		t.Errorf("holds %q", got)
	}
	// Two writers of one id: the second to commit fails.
	name := NewID()
	a, err := s.Create(t.Context(), name)
	check(t, err)
	b, err := s.Create(t.Context(), name)
	if err == nil {
		_, err = a.Write([]byte("a"))
		check(t, err)
		_, err = b.Write([]byte("b"))
		check(t, err)
		check(t, a.Commit())
		err = b.Commit()
	} else {
		_, werr := a.Write([]byte("a"))
		check(t, werr)
		check(t, a.Commit())
	}
	want(t, err, blob.ErrExists)
	if got := Get(t, s, name); string(got) != "a" {
		t.Errorf("holds %q", got)
	}
}

func missing(t *testing.T, s blob.Store) {
	_, err := s.Open(t.Context(), NewID())
	want(t, err, blob.ErrNotFound)
}

func ranges(t *testing.T, s blob.Store) {
	content := Bytes(300_000)
	o, err := s.Open(t.Context(), Put(t, s, content))
	check(t, err)
	defer o.Close()
	if o.Size() != int64(len(content)) {
		t.Errorf("size %d", o.Size())
	}
	for _, r := range [][2]int{{0, 1}, {0, 300_000}, {299_999, 1}, {123_456, 70_000}, {7, 0}} {
		p := make([]byte, r[1])
		if n, err := o.ReadAt(p, int64(r[0])); n != r[1] || err != nil && err != io.EOF || !bytes.Equal(p, content[r[0]:r[0]+r[1]]) {
			t.Errorf("%v: %d, %v", r, n, err)
		}
	}
	p := make([]byte, 10)
	if n, err := o.ReadAt(p, 299_995); n != 5 || err != io.EOF {
		t.Errorf("over the end: %d, %v", n, err)
	}
	if n, err := o.ReadAt(p, 300_000); n != 0 || err != io.EOF {
		t.Errorf("after the end: %d, %v", n, err)
	}
}

func deletes(t *testing.T, s blob.Store) {
	name := Put(t, s, []byte("x"))
	keep := Put(t, s, []byte("y"))
	for range 2 { // the second time there is nothing, which is no error
		check(t, s.Delete(t.Context(), name))
		_, err := s.Open(t.Context(), name)
		want(t, err, blob.ErrNotFound)
	}
	if list := names(t, s, ""); !slices.Equal(list, []string{keep}) {
		t.Errorf("left: %v", list)
	}
}

func lists(t *testing.T, s blob.Store) {
	var put []string
	for n := range 40 {
		put = append(put, Put(t, s, Bytes(n)))
	}
	all := names(t, s, "")
	if sorted := slices.Sorted(slices.Values(all)); !slices.Equal(sorted, slices.Sorted(slices.Values(put))) {
		t.Fatalf("listed %v, want %v", all, put)
	}
	for i, name := range all {
		if rest := names(t, s, name); !slices.Equal(rest, all[i+1:]) {
			t.Fatalf("after number %d: %v", i, rest)
		}
	}
	stop := errors.New("enough")
	count := 0
	err := s.List(t.Context(), "", func(o blob.Info) error {
		count++
		if o.Written.IsZero() || o.Size != int64(slices.Index(put, o.ID)) {
			t.Errorf("%+v", o)
		}
		if count == 3 {
			return stop
		}
		return nil
	})
	if want(t, err, stop); count != 3 {
		t.Errorf("went on to %d", count)
	}
}

func concurrent(t *testing.T, s blob.Store) {
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			content := Bytes(100_000 + worker)
			name := NewID()
			w, err := s.Create(t.Context(), name)
			if err == nil {
				_, err = w.Write(content)
				err = errors.Join(err, w.Commit())
			}
			if err != nil {
				t.Error(err)
				return
			}
			o, err := s.Open(t.Context(), name)
			if err != nil {
				t.Error(err)
				return
			}
			defer o.Close()
			var readers sync.WaitGroup
			for part := range 4 {
				readers.Go(func() {
					p := make([]byte, 20_000)
					if _, err := o.ReadAt(p, int64(part*20_000)); err != nil || !bytes.Equal(p, content[part*20_000:(part+1)*20_000]) {
						t.Errorf("part %d: %v", part, err)
					}
				})
			}
			readers.Wait()
		})
	}
	wg.Wait()
	if n := len(names(t, s, "")); n != 8 {
		t.Errorf("%d objects", n)
	}
}

func sweeps(t *testing.T, s blob.Store) {
	whole := Put(t, s, []byte("whole"))
	w, err := s.Create(t.Context(), NewID()) // never ended: its process was killed
	check(t, err)
	_, err = w.Write([]byte("half"))
	check(t, err)
	n, err := s.Sweep(t.Context(), time.Now().Add(-time.Hour))
	if check(t, err); n != 0 {
		t.Errorf("%d young remains were removed", n)
	}
	if n, err = s.Sweep(t.Context(), time.Now().Add(time.Hour)); err != nil || n > 1 {
		t.Errorf("swept %d, %v", n, err)
	}
	if w.Commit() == nil {
		t.Log("the store kept what was swept; it must be whole then")
	}
	if got := Get(t, s, whole); string(got) != "whole" {
		t.Errorf("holds %q", got)
	}
}

func cancelled(t *testing.T, s blob.Store) {
	name := Put(t, s, []byte("x"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Create(ctx, NewID())
	want(t, err, context.Canceled)
	_, err = s.Open(ctx, name)
	want(t, err, context.Canceled)
	want(t, s.Delete(ctx, name), context.Canceled)
	want(t, s.List(ctx, "", func(blob.Info) error { return nil }), context.Canceled)
	if got := Get(t, s, name); string(got) != "x" {
		t.Errorf("holds %q", got)
	}
}

func badIDs(t *testing.T, s blob.Store) {
	for _, name := range []string{"", "x", "../../etc/passwd", "blb_", "doc_00000000000000000000000000", NewID() + "/x", NewID()[:20] + "\x00aaaaaaaaa"} {
		if w, err := s.Create(t.Context(), name); err == nil {
			t.Errorf("created %q", name)
			check(t, w.Abort())
		}
		if _, err := s.Open(t.Context(), name); err == nil {
			t.Errorf("opened %q", name)
		}
		if s.Delete(t.Context(), name) == nil {
			t.Errorf("deleted %q", name)
		}
	}
}

func collects(t *testing.T, s blob.Store) {
	named, orphan := Put(t, s, []byte("named")), Put(t, s, []byte("orphan"))
	known := func(_ context.Context, name string) (bool, error) { return name == named, nil }
	n, err := blob.Collect(t.Context(), s, time.Now().Add(-time.Hour), known)
	if check(t, err); n != 0 {
		t.Errorf("%d young objects were removed", n)
	}
	n, err = blob.Collect(t.Context(), s, time.Now().Add(time.Hour), known)
	if check(t, err); n != 1 {
		t.Errorf("%d objects were removed", n)
	}
	_, err = s.Open(t.Context(), orphan)
	want(t, err, blob.ErrNotFound)
	if got := Get(t, s, named); string(got) != "named" {
		t.Errorf("holds %q", got)
	}
	away := errors.New("the database is away")
	_, err = blob.Collect(t.Context(), s, time.Now().Add(time.Hour), func(context.Context, string) (bool, error) { return false, away })
	want(t, err, away)
}
