package soak

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/paraph/paraph/internal/blob"
	"github.com/paraph/paraph/internal/blob/disk"
	"github.com/paraph/paraph/internal/blob/s3"
	"github.com/paraph/paraph/internal/blob/s3test"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
)

// bucket is where files are kept that are not in the data folder.
type bucket struct{ address string }

func newBucket(t testing.TB) *bucket {
	t.Helper()
	g, name := s3test.Bucket(t)
	return &bucket{"s3://" + name + "/soak?path-style=1&region=" + s3test.Region + "&endpoint=" + g.URL}
}

// env tells the program of the bucket.
func (b *bucket) env() []string {
	if b == nil {
		return nil
	}
	return []string{"PARAPH_BLOBS=" + b.address, "PARAPH_BLOBS_ACCESS_KEY=" + s3test.AccessKey, "PARAPH_BLOBS_SECRET_KEY=" + s3test.SecretKey}
}

// objects opens where the program keeps its files.
func (w *world) objects() (blob.Store, error) {
	if w.bucket == nil {
		return disk.Open(filepath.Join(w.conf.DataDir, "blobs"))
	}
	o, err := s3.Parse(w.bucket.address)
	if err != nil {
		return nil, err
	}
	o.AccessKey, o.SecretKey = s3test.AccessKey, s3test.SecretKey
	return s3.Open(context.Background(), o)
}

// shredded checks that nothing is left of what was disposed of, and of keys that
// were rotated.
func (w *world) shredded() {
	w.t.Helper()
	there := map[string]bool{}
	objects, err := w.objects()
	if err == nil {
		err = objects.List(context.Background(), "", func(o blob.Info) error { there[o.ID] = true; return nil })
	}
	if err != nil {
		w.t.Error(err)
		return
	}
	s := w.openStore()
	defer func() {
		if err := s.Close(); err != nil {
			w.t.Error(err)
		}
	}()
	err = s.Read(context.Background(), func(ctx context.Context, tx service.Reader) error {
		orgs, err := tx.Organisations(ctx)
		if err != nil {
			return err
		}
		for id, d := range w.model.documents {
			if !d.doomed {
				continue
			}
			blobs, err := tx.BlobsUnder(ctx, orgs[0].ID, id)
			if err != nil {
				return err
			}
			for _, b := range blobs {
				if there[b] {
					w.model.fail(nil, "%s was disposed of, and its file %s is there", id, b)
				}
			}
			if n := w.log.times[subject{journal.DocumentDisposed, id}]; n != 1 {
				w.model.fail(&w.model.doubled, "%s was disposed of %d times", id, n)
			}
		}
		old, err := tx.SupersededKeys(ctx)
		if len(old) > 0 {
			w.model.fail(nil, "%d keys of units are out of force and were not destroyed", len(old))
		}
		return err
	})
	if err != nil {
		w.t.Error(err)
	}
	rotated, destroyed := 0, 0
	for what, n := range w.log.times {
		switch what.kind {
		case journal.KeyUnitRotated:
			rotated += n
		case journal.KeyUnitDestroyed:
			destroyed += n
		}
	}
	if rotated != destroyed {
		w.model.fail(&w.model.doubled, "%d keys of units were rotated and %d destroyed", rotated, destroyed)
	}
}
