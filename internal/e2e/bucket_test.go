package e2e

import (
	"net/http"
	"testing"

	"github.com/paraph/paraph/internal/blob/s3test"
	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/store/pgtest"
)

// TestMainJobInABucket takes a document the whole way on PostgreSQL with its
// files in a bucket, and goes through an outage of the bucket.
func TestMainJobInABucket(t *testing.T) {
	t.Parallel()
	g := s3test.Start(t)
	bucket := g.Bucket(t, nil)
	s := start(t, pgtest.Database(t), setup{conf: func(c *config.Config) {
		c.Blobs = "s3://" + bucket + "/paraph?path-style=1&region=" + s3test.Region + "&endpoint=" + g.URL
		c.BlobsAccessKey, c.BlobsSecretKey = s3test.AccessKey, s3test.SecretKey
	}})
	s.caller = s.in(t)
	file := textPDF("Purchase order PO-2026-0417", "Terms of delivery")
	mainJob(t, s, file)

	g.Kill()
	s.upload("away.pdf", file, map[string]string{"title": "Away"}, "Idempotency-Key", "away").problem(http.StatusServiceUnavailable, "storage_unavailable")
	s.get("/readyz").want(http.StatusServiceUnavailable)
	g.Restart(t)
	s.get("/readyz").want(http.StatusOK)
	s.upload("away.pdf", file, map[string]string{"title": "Away"}, "Idempotency-Key", "away").want(http.StatusCreated)
}
