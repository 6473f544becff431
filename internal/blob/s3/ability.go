package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// markerName is the one object beside the documents: it stays in the bucket, so
// that each start can ask by it whether an object is ever overwritten.
const (
	markerName = ".paraph"
	markerText = "Paraph keeps documents here.\n"
)

// probeLimit is how long Probe waits: whoever asks for readiness wants an answer.
const probeLimit = 5 * time.Second

// Abilities are what a store really does, as far as that shows without locking
// anything.
type Abilities struct {
	Conditional      bool      // a PUT with If-None-Match: * never overwrites
	ConditionalParts bool      // nor does the completion of a multipart upload
	Versioning       string    // Enabled, Suspended, "" for never, "unknown" where the store does not tell
	ObjectLock       bool      // objects can be locked
	Retention        string    // what the bucket locks every object by, such as "GOVERNANCE 30 days"; "" for not
	LockedUntil      time.Time // of the marker object, as HEAD tells after its PUT
}

// Abilities gives what the store can do. It is asked once; a store that was away
// is asked again. ErrAway.
func (s *Store) Abilities(ctx context.Context) (Abilities, error) {
	if a := s.known.Load(); a != nil {
		return *a, nil
	}
	select {
	case s.asking <- struct{}{}:
		defer func() { <-s.asking }()
	case <-ctx.Done():
		return Abilities{}, ctx.Err()
	}
	if a := s.known.Load(); a != nil { // who asked before us has the answer
		return *a, nil
	}
	a, err := s.ask(ctx)
	if err != nil {
		return a, faultOf(err)
	}
	s.known.Store(&a)
	return a, nil
}

func (s *Store) ask(ctx context.Context) (a Abilities, err error) {
	if a.Conditional, err = s.refusesPut(ctx); err != nil {
		return a, err
	}
	if a.ConditionalParts, err = s.refusesParts(ctx); err != nil {
		return a, err
	}
	head, err := s.head(ctx, s.marker())
	if err != nil {
		return a, err
	}
	a.LockedUntil = aws.ToTime(head.ObjectLockRetainUntilDate)
	return a, s.askLocks(ctx, &a)
}

func (s *Store) marker() *string { return aws.String(s.o.Prefix + markerName) }

// refusesPut writes the marker, on the condition that it is not there, until the
// store refuses: at the first start that has to be the second time.
func (s *Store) refusesPut(ctx context.Context) (bool, error) {
	for range 2 {
		refused, err := s.refused(ctx, func(ctx context.Context) error {
			_, err := s.api.PutObject(ctx, &s3.PutObjectInput{
				Bucket: &s.o.Bucket, Key: s.marker(), IfNoneMatch: aws.String("*"),
				Body: strings.NewReader(markerText),
			})
			return err
		})
		if refused || err != nil && !notKnown(err) {
			return refused, err
		}
		if err != nil { // the store has no conditions and says so
			return false, s.putMarker(ctx)
		}
	}
	return false, nil
}

func (s *Store) putMarker(ctx context.Context) error {
	return s.try(ctx, func(ctx context.Context) error {
		_, err := s.api.PutObject(ctx, &s3.PutObjectInput{Bucket: &s.o.Bucket, Key: s.marker(), Body: strings.NewReader(markerText)})
		return err
	})
}

// refusesParts tries to complete a multipart upload over the marker.
func (s *Store) refusesParts(ctx context.Context) (bool, error) {
	var upload, etag *string
	err := s.try(ctx, func(ctx context.Context) error {
		out, err := s.api.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &s.o.Bucket, Key: s.marker()})
		if err == nil {
			upload = out.UploadId
		}
		return err
	})
	if err != nil {
		return false, err
	}
	first := aws.Int32(1)
	err = s.try(ctx, func(ctx context.Context) error {
		out, err := s.api.UploadPart(ctx, &s3.UploadPartInput{Bucket: &s.o.Bucket, Key: s.marker(), UploadId: upload, PartNumber: first, Body: strings.NewReader("part")})
		if err == nil {
			etag = out.ETag
		}
		return err
	})
	if err != nil {
		return false, err
	}
	refused, err := s.refused(ctx, func(ctx context.Context) error {
		_, err := s.api.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
			Bucket: &s.o.Bucket, Key: s.marker(), UploadId: upload, IfNoneMatch: aws.String("*"),
			MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{ETag: etag, PartNumber: first}}},
		})
		return err
	})
	if err == nil && !refused { // it was completed: the condition did nothing
		return false, nil
	}
	if notKnown(err) {
		err = nil
	}
	return refused, errors.Join(err, s.abort(ctx, s.marker(), upload))
}

// refused makes a request that must not succeed and tells whether it did not,
// for the one good reason.
func (s *Store) refused(ctx context.Context, request func(context.Context) error) (bool, error) {
	err := s.try(ctx, request)
	if statusOf(err) == http.StatusPreconditionFailed {
		return true, nil
	}
	return false, err
}

// notKnown tells whether the store refuses to do what it does not know.
func notKnown(err error) bool {
	switch codeOf(err) {
	case "NotImplemented", "MethodNotAllowed", "InvalidArgument", "InvalidRequest":
		return true
	}
	return statusOf(err) == http.StatusNotImplemented
}

// askLocks asks for versions and object lock. Who may not ask learns nothing,
// which is no error: documents can be kept without.
func (s *Store) askLocks(ctx context.Context, a *Abilities) error {
	err := s.try(ctx, func(ctx context.Context) error {
		out, err := s.api.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &s.o.Bucket})
		if err == nil {
			a.Versioning = string(out.Status)
		}
		return err
	})
	if err != nil {
		a.Versioning = "unknown"
	}
	if statusOf(err) == 0 && err != nil || statusOf(err) >= 500 && !notKnown(err) {
		return err
	}
	err = s.try(ctx, func(ctx context.Context) error {
		out, err := s.api.GetObjectLockConfiguration(ctx, &s3.GetObjectLockConfigurationInput{Bucket: &s.o.Bucket})
		if err == nil && out.ObjectLockConfiguration != nil {
			a.ObjectLock = out.ObjectLockConfiguration.ObjectLockEnabled == types.ObjectLockEnabledEnabled
			a.Retention = retention(out.ObjectLockConfiguration.Rule)
		}
		return err
	})
	if statusOf(err) == 0 && err != nil {
		return err
	}
	return nil
}

// retention words a bucket's default.
func retention(r *types.ObjectLockRule) string {
	if r == nil || r.DefaultRetention == nil {
		return ""
	}
	d := r.DefaultRetention
	if years := aws.ToInt32(d.Years); years > 0 {
		return fmt.Sprintf("%s %d years", d.Mode, years)
	}
	return fmt.Sprintf("%s %d days", d.Mode, aws.ToInt32(d.Days))
}

// Probe implements blob.Store: one attempt within a few seconds. In a bucket
// that locks whatever is written, it begins an upload and ends it, so that
// nothing is left behind locked.
func (s *Store) Probe(ctx context.Context) error {
	return faultOf(s.once(ctx, probeLimit, func(ctx context.Context) error {
		can, err := s.Abilities(ctx)
		if err != nil {
			return err
		}
		key := aws.String(s.o.Prefix + markerName + ".probe")
		if can.Retention != "" {
			out, err := s.api.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &s.o.Bucket, Key: s.marker()})
			if err != nil {
				return err
			}
			return s.abort(ctx, s.marker(), out.UploadId)
		}
		out, err := s.api.PutObject(ctx, &s3.PutObjectInput{Bucket: &s.o.Bucket, Key: key, Body: strings.NewReader("probe")})
		if err != nil {
			return err
		}
		return s.deleteVersion(ctx, key, out.VersionId)
	}))
}
