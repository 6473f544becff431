package storetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
)

// failures: what fails undoes itself and nothing else.
func failures(t *testing.T, s service.Store) {
	setting := func(key string) (v string) {
		read(t, s, func(ctx context.Context, tx service.Reader) (err error) {
			if v, err = tx.Setting(ctx, key); fault.KindOf(err) == fault.NotFound {
				return nil
			}
			return err
		})
		return v
	}
	err := s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error {
		return errors.Join(tx.SetSetting(ctx, "failed", "x"), errBoom)
	})
	if !errors.Is(err, errBoom) {
		t.Errorf("the function's error is lost: %v", err)
	}
	err = s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error {
		tx.SetSetting(ctx, "panicked", "x")
		panic("on purpose")
	})
	if fault.KindOf(err) != fault.Internal || err == nil {
		t.Errorf("a panic: %v", err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Write(context.Background(), func(ctx context.Context, tx service.Tx) error {
			tx.SetSetting(ctx, "ended", "x")
			runtime.Goexit() // as t.FailNow does
			return nil
		})
	}()
	<-ended
	ctx, cancel := context.WithCancel(t.Context())
	if err := s.Write(ctx, func(ctx context.Context, tx service.Tx) error {
		cancel() // it has begun, so it is finished
		return tx.SetSetting(ctx, "detached", "x")
	}); err != nil {
		t.Errorf("a caller that left: %v", err)
	}
	if err := s.Write(ctx, func(context.Context, service.Tx) error { return nil }); !errors.Is(err, context.Canceled) && err != nil {
		t.Errorf("a caller that had left before: %v", err)
	}
	for key, want := range map[string]string{"failed": "", "panicked": "", "ended": "", "detached": "x"} {
		same(t, key, setting(key), want)
	}
	// A failed statement does not hang on to the next transaction.
	s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error {
		return tx.InsertVersion(ctx, document.Version{Org: org, DocumentID: "doc_none", No: 1})
	})
	write(t, s, func(ctx context.Context, tx service.Tx) error { return tx.SetSetting(ctx, "after", "x") })
	same(t, "after", setting("after"), "x")
}

// race: of many that change one row at once each wins exactly once.
func race(t *testing.T, s service.Store) {
	d := put(t, s, newDocument(org, "race"))
	const callers = 16
	var start, done sync.WaitGroup
	start.Add(1)
	var blind, wins atomic.Int64
	for range callers {
		done.Go(func() {
			start.Wait()
			mine := d // everybody has read the same revision
			tried := false
			err := s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error {
				if tried {
					return errBoom // once only
				}
				tried = true
				return tx.UpdateDocument(ctx, &mine)
			})
			if err == nil {
				blind.Add(1)
			}
		})
	}
	start.Done()
	done.Wait()
	same(t, "winners of one revision", blind.Load(), int64(1))
	for range callers {
		done.Go(func() {
			for range 3 {
				err := s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error {
					got, err := tx.Document(ctx, org, d.ID)
					if err != nil {
						return err
					}
					got.EntrySeq++
					return tx.UpdateDocument(ctx, &got)
				})
				if err == nil {
					wins.Add(1)
				} else if fault.CodeOf(err) != "stale" {
					t.Error(err)
				}
			}
		})
	}
	done.Wait()
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		got, err := tx.Document(ctx, org, d.ID)
		same(t, "counted", got.EntrySeq-d.EntrySeq, wins.Load())
		same(t, "revision", got.Revision, 2+wins.Load())
		return err
	})
}

// writers: 64 callers at once; some fail, some panic, and exactly the others stay.
func writers(t *testing.T, s service.Store) {
	var done sync.WaitGroup
	for caller := range 64 {
		done.Go(func() {
			for i := range 5 {
				id := fmt.Sprintf("doc_w%02d_%d", caller, i)
				err := s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error {
					d := newDocument(org, "writers")
					d.ID = id
					if err := tx.InsertDocument(ctx, d); err != nil {
						return err
					}
					if err := tx.InsertEntry(ctx, newEntry(t, org, "writers", journal.DocumentCreated, id, 1)); err != nil {
						return err
					}
					switch (caller + i) % 4 {
					case 1:
						return errBoom
					case 2:
						panic("on purpose")
					}
					return nil
				})
				if ok := (caller+i)%4 == 0 || (caller+i)%4 == 3; ok != (err == nil) {
					t.Errorf("caller %d, %d: %v", caller, i, err)
				}
			}
		})
	}
	done.Wait()
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		found, err := tx.Documents(ctx, service.DocumentFilter{Org: org, Unit: "writers"})
		same(t, "documents", len(found), 64*5/2)
		for _, d := range found {
			var caller, i int
			fmt.Sscanf(d.ID, "doc_w%02d_%d", &caller, &i)
			if n := (caller + i) % 4; n == 1 || n == 2 {
				t.Errorf("%s should have been undone", d.ID)
			}
		}
		return err
	})
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		wait, err := tx.Unnumbered(ctx, 10000)
		n := 0
		for _, p := range wait {
			if e, err := tx.Entry(ctx, org, p.ID); err == nil && e.Unit == "writers" {
				n++
			}
		}
		same(t, "entries", n, 64*5/2)
		return err
	})
}

// snapshot: a reader sees one moment, whatever is written meanwhile.
func snapshot(t *testing.T, s service.Store) {
	set := func(v string) {
		write(t, s, func(ctx context.Context, tx service.Tx) error { return tx.SetSetting(ctx, "snap", v) })
	}
	set("before")
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		first, err := tx.Setting(ctx, "snap")
		if err != nil {
			return err
		}
		set("after")
		second, err := tx.Setting(ctx, "snap")
		same(t, "in one snapshot", []string{first, second}, []string{"before", "before"})
		return err
	})
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		v, err := tx.Setting(ctx, "snap")
		same(t, "in the next", v, "after")
		return err
	})
}

func characters(t *testing.T, s service.Store) {
	for name, v := range map[string]string{"zero byte": "a\x00b", "not UTF-8": "a\xffb"} {
		err := s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error { return tx.SetSetting(ctx, "c", v) })
		refused(t, err, fault.Invalid, "bad_character")
		err = s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error {
			d := newDocument(org, "chars")
			d.Labels = map[string]string{name: v}
			return tx.InsertDocument(ctx, d)
		})
		refused(t, err, fault.Invalid, "bad_character")
	}
	d := put(t, s, newDocument(org, "chars"))
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		// Recognised text is made fit instead: its exact form is in its blob.
		return tx.InsertPages(ctx, []document.Page{{Org: org, DocumentID: d.ID, Version: 1, No: 1, Text: "mango\x00\xff"}})
	})
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		hits, err := tx.SearchPages(ctx, service.PageQuery{Org: org, Text: "mango", Limit: 5})
		same(t, "hits", len(hits), 1)
		if err != nil {
			return err
		}
		for _, evil := range []string{"chars' OR '1'='1", "chars' --", "chars\\", `chars"`, "chars%", "char_"} { // text is text, never SQL
			found, err := tx.Documents(ctx, service.DocumentFilter{Org: org, Unit: evil})
			if err != nil || len(found) != 0 {
				t.Errorf("the unit %q has %d documents: %v", evil, len(found), err)
			}
		}
		return nil
	})
}

// claims: of many requests under one key one works and the others get its result.
func claims(t *testing.T, s service.Store) {
	r := service.IdempotencyRecord{Client: "c", Route: "r", Key: newID("k"), Digest: []byte{1}, CreatedAt: at(0), ExpiresAt: at(10)}
	var done sync.WaitGroup
	var first, replayed atomic.Int64
	for range 16 {
		done.Go(func() {
			var mine bool
			err := s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error {
				earlier, err := tx.Idempotency(ctx, r.Client, r.Route, r.Key, at(0))
				if mine = fault.KindOf(err) == fault.NotFound; !mine {
					if err != nil {
						return err
					}
					if string(earlier.Result) != "result" {
						t.Errorf("the twin's result is %q", earlier.Result)
					}
					return nil
				}
				d := r
				d.Result = []byte("result")
				return tx.KeepIdempotency(ctx, d)
			})
			switch {
			case err != nil:
				t.Error(err)
			case mine:
				first.Add(1)
			default:
				replayed.Add(1)
			}
		})
	}
	done.Wait()
	same(t, "first and replayed", []int64{first.Load(), replayed.Load()}, []int64{1, 15})
}
