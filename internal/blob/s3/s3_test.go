package s3_test

import (
	"testing"
	"time"

	"github.com/paraph/paraph/internal/blob"
	"github.com/paraph/paraph/internal/blob/blobtest"
	"github.com/paraph/paraph/internal/blob/s3"
	"github.com/paraph/paraph/internal/blob/s3test"
)

// options are those of a bucket at a gateway, impatient as tests are.
func options(url, bucket string) s3.Options {
	return s3.Options{
		Bucket: bucket, Prefix: "docs/", Endpoint: url, Region: s3test.Region, PathStyle: true,
		AccessKey: s3test.AccessKey, SecretKey: s3test.SecretKey, Backoff: time.Millisecond, Timeout: 20 * time.Second,
	}
}

func open(t *testing.T, o s3.Options) *s3.Store {
	t.Helper()
	s, err := s3.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	t.Parallel()
	blobtest.Run(t, func(t *testing.T) blob.Store {
		g, bucket := s3test.Bucket(t)
		return open(t, options(g.URL, bucket))
	})
}
