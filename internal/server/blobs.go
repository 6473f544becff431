package server

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/blob"
	"github.com/paraph/paraph/internal/blob/disk"
	"github.com/paraph/paraph/internal/blob/s3"
	"github.com/paraph/paraph/internal/config"
)

// openObjects opens where documents are kept: the data folder, or a bucket.
func (s *Server) openObjects(ctx context.Context) (blob.Store, error) {
	if s.Config.Blobs == "" {
		return disk.Open(filepath.Join(s.Config.DataDir, "blobs"))
	}
	store, err := openBucket(ctx, s.Config)
	if err != nil {
		return nil, err
	}
	can, err := store.Abilities(ctx)
	if err != nil {
		s.log.Warn("the bucket of documents does not answer; nothing is taken in until it does", "error", err)
	} else {
		s.log.Info("documents are kept in a bucket", "does", describe(can))
	}
	return store, nil
}

// openBucket opens the bucket that the configuration names.
func openBucket(ctx context.Context, c *config.Config) (*s3.Store, error) {
	o, err := s3.Parse(c.Blobs)
	if err != nil {
		return nil, fmt.Errorf("blobs: %w", err)
	}
	o.AccessKey, o.SecretKey = c.BlobsAccessKey.Reveal(), c.BlobsSecretKey.Reveal()
	if o.AccessKey == "" {
		o.AccessKey, o.SecretKey, o.SessionToken = os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), os.Getenv("AWS_SESSION_TOKEN")
	}
	return s3.Open(ctx, o)
}

// describe words what a bucket does.
func describe(a s3.Abilities) string {
	var parts []string
	if a.Conditional && a.ConditionalParts {
		parts = append(parts, "it refuses to overwrite")
	} else {
		parts = append(parts, "it would overwrite, so each object is looked for before it is written")
	}
	switch a.Versioning {
	case "":
		parts = append(parts, "no versions")
	case "unknown":
		parts = append(parts, "does not tell whether it has versions")
	default:
		parts = append(parts, "versioning "+strings.ToLower(a.Versioning))
	}
	switch {
	case a.Retention != "":
		parts = append(parts, "locks every object by default: "+a.Retention)
	case a.ObjectLock:
		parts = append(parts, "object lock possible, nothing locked by default")
	default:
		parts = append(parts, "no object lock")
	}
	if !a.LockedUntil.IsZero() {
		parts = append(parts, "the probe is locked until "+a.LockedUntil.Format(time.RFC3339))
	}
	return strings.Join(parts, "; ")
}

// lookBlobs asks the bucket what it can do, and writes and removes a few bytes.
func lookBlobs(ctx context.Context, c *config.Config) []Finding {
	if c.Blobs == "" {
		return nil // lookFolder has told
	}
	const about = "bucket of documents"
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	store, err := openBucket(ctx, c)
	if err != nil {
		return []Finding{{About: about, Says: err.Error(), Mend: "paraph config | grep -A1 blobs"}}
	}
	can, err := store.Abilities(ctx)
	if err == nil {
		err = store.Probe(ctx)
	}
	if err != nil {
		return []Finding{{About: about, Says: err.Error()}}
	}
	out := []Finding{{About: about, OK: true, Says: describe(can)}}
	if can.Retention != "" {
		out = append(out, Finding{
			About: "bucket: locks by default",
			Says:  "every object is locked as it is written (" + can.Retention + "), so nothing can be removed before, not even what an unfinished upload left behind",
			Mend:  "aws s3api put-object-lock-configuration --bucket NAME --object-lock-configuration ObjectLockEnabled=Enabled",
		})
	}
	return out
}
