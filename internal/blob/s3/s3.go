// Package s3 is the blob.Store in a bucket of an S3-compatible store.
//
// An object is a key <prefix>/<shard>/<id>, laid out as in package disk, so that
// either can be copied to the other by any tool. It comes to be by one request:
// a conditional PUT, or the completion of a multipart upload. Before that nobody
// sees it, and what a killed process has left behind is an unfinished upload,
// which Sweep ends. It counts as stored when the store has answered 200.
//
// Every request has a time limit and a bounded number of attempts (client.go).
// What the store can do is asked, not believed (ability.go).
package s3

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/paraph/paraph/internal/blob"
)

// Options say where the bucket is and how patient to be. The zero value of the
// last three means the default.
type Options struct {
	Bucket    string
	Prefix    string // "" or ended by "/"
	Endpoint  string // "" for AWS
	Region    string
	PathStyle bool   // the bucket in the path, not in the host's name
	CAFile    string // certificates to trust beside the system's

	AccessKey, SecretKey, SessionToken string

	Attempts int           // at each request; default 4
	Timeout  time.Duration // of each attempt; default half a minute
	Backoff  time.Duration // before the second attempt, twice that before the third, …; default 200 ms
}

// Parse reads an address s3://bucket/prefix?endpoint=…&region=…&path-style=1&ca=….
// Credentials don't belong into it.
func Parse(address string) (Options, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "s3" || u.Host == "" || u.User != nil || u.Fragment != "" {
		return Options{}, errors.New("it is not of the form s3://bucket/prefix?endpoint=…&region=…")
	}
	o := Options{Bucket: u.Host, Prefix: strings.Trim(u.Path, "/"), Region: "us-east-1"}
	if o.Prefix != "" {
		o.Prefix += "/"
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Options{}, err
	}
	for name, values := range q {
		value := values[len(values)-1]
		switch name {
		case "endpoint":
			e, err := url.Parse(value)
			if err != nil || e.Host == "" || e.Scheme != "http" && e.Scheme != "https" {
				return Options{}, fmt.Errorf("the endpoint %q is not an http or https address", value)
			}
			o.Endpoint = value
		case "region":
			o.Region = value
		case "path-style":
			o.PathStyle = value == "1" || value == "true"
		case "ca":
			o.CAFile = value
		default:
			return Options{}, fmt.Errorf("%q is not known; there are endpoint, region, path-style and ca", name)
		}
	}
	return o, nil
}

// Store is a blob.Store in a bucket.
type Store struct {
	api      *s3.Client
	o        Options
	chunks   sync.Pool     // of *chunk
	inFlight chan struct{} // a place for each part on its way

	asking chan struct{} // held by whoever asks for the abilities
	known  atomic.Pointer[Abilities]
}

var _ blob.Store = (*Store)(nil)

// Open gives the store in a bucket, which must exist. A store that does not
// answer is no error: it may come back, and Probe tells. An error is what only a
// person can mend: credentials, the bucket's name, the region.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Attempts == 0 {
		o.Attempts = 4
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Backoff == 0 {
		o.Backoff = 200 * time.Millisecond
	}
	api, err := newClient(o)
	if err != nil {
		return nil, err
	}
	s := &Store{api: api, o: o, inFlight: make(chan struct{}, partsInFlight), asking: make(chan struct{}, 1)}
	s.chunks.New = func() any { return new(chunk) }
	if _, err := s.Abilities(ctx); err != nil && needsPerson(err) {
		return nil, fmt.Errorf("the bucket %s refuses: %w", o.Bucket, errors.Unwrap(err))
	}
	return s, nil
}

// shardOf is the part of an id that spreads keys, as on disk.
func shardOf(id string) string { return id[len(id)-2:] }

func (s *Store) key(id string) *string { return aws.String(s.o.Prefix + shardOf(id) + "/" + id) }

// idOf gives the id that a key names, "" where it names none.
func (s *Store) idOf(key string) string {
	shard, id, ok := strings.Cut(strings.TrimPrefix(key, s.o.Prefix), "/")
	if !ok || blob.CheckID(id) != nil || shardOf(id) != shard {
		return ""
	}
	return id
}

// Delete implements blob.Store. In a bucket with versions every version goes:
// a plain DELETE there would only hide the object.
func (s *Store) Delete(ctx context.Context, id string) error {
	if err := errors.Join(ctx.Err(), blob.CheckID(id)); err != nil {
		return err
	}
	marked := false
	err := s.try(ctx, func(ctx context.Context) error {
		out, err := s.api.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.o.Bucket, Key: s.key(id)})
		marked = err == nil && aws.ToBool(out.DeleteMarker)
		return err
	})
	if err == nil && marked {
		return s.deleteVersions(ctx, id)
	}
	if err = faultOf(err); errors.Is(err, blob.ErrNotFound) {
		return nil
	}
	return err
}

// deleteVersions removes every version of an object, the delete marker included.
// A version under object lock stays, which is blob.ErrAway.
func (s *Store) deleteVersions(ctx context.Context, id string) error {
	in := &s3.ListObjectVersionsInput{Bucket: &s.o.Bucket, Prefix: s.key(id)}
	for {
		var page *s3.ListObjectVersionsOutput
		err := s.try(ctx, func(ctx context.Context) (err error) {
			page, err = s.api.ListObjectVersions(ctx, in)
			return err
		})
		if err != nil {
			return faultOf(err)
		}
		var versions []*string
		for _, v := range page.Versions {
			versions = append(versions, v.VersionId)
		}
		for _, m := range page.DeleteMarkers { // last: while a version is left, its object stays hidden
			versions = append(versions, m.VersionId)
		}
		for _, v := range versions {
			if err := s.deleteVersion(ctx, s.key(id), v); err != nil {
				return faultOf(err)
			}
		}
		if !aws.ToBool(page.IsTruncated) {
			return nil
		}
		in.KeyMarker, in.VersionIdMarker = page.NextKeyMarker, page.NextVersionIdMarker
	}
}

func (s *Store) deleteVersion(ctx context.Context, key, version *string) error {
	return s.try(ctx, func(ctx context.Context) error {
		_, err := s.api.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.o.Bucket, Key: key, VersionId: version})
		return err
	})
}

// List implements blob.Store: by key, which is shard by shard, and by id inside
// a shard.
func (s *Store) List(ctx context.Context, after string, fn func(blob.Info) error) error {
	in := &s3.ListObjectsV2Input{Bucket: &s.o.Bucket, Prefix: &s.o.Prefix}
	if after != "" {
		if err := blob.CheckID(after); err != nil {
			return err
		}
		in.StartAfter = s.key(after)
	}
	for {
		var page *s3.ListObjectsV2Output
		err := s.try(ctx, func(ctx context.Context) (err error) {
			page, err = s.api.ListObjectsV2(ctx, in)
			return err
		})
		if err != nil {
			return faultOf(err)
		}
		for _, o := range page.Contents {
			if id := s.idOf(aws.ToString(o.Key)); id != "" {
				if err := fn(blob.Info{ID: id, Size: aws.ToInt64(o.Size), Written: aws.ToTime(o.LastModified)}); err != nil {
					return err
				}
			}
		}
		if !aws.ToBool(page.IsTruncated) {
			return nil
		}
		in.ContinuationToken = page.NextContinuationToken
	}
}

// Sweep implements blob.Store: it ends multipart uploads that nobody finished.
func (s *Store) Sweep(ctx context.Context, before time.Time) (int, error) {
	n := 0
	in := &s3.ListMultipartUploadsInput{Bucket: &s.o.Bucket, Prefix: &s.o.Prefix}
	for {
		var page *s3.ListMultipartUploadsOutput
		err := s.try(ctx, func(ctx context.Context) (err error) {
			page, err = s.api.ListMultipartUploads(ctx, in)
			return err
		})
		if err != nil {
			return n, faultOf(err)
		}
		for _, u := range page.Uploads {
			if !aws.ToTime(u.Initiated).Before(before) || !s.ours(u) {
				continue
			}
			if err := s.abort(ctx, u.Key, u.UploadId); err != nil {
				return n, faultOf(err)
			}
			n++
		}
		if !aws.ToBool(page.IsTruncated) {
			return n, nil
		}
		in.KeyMarker, in.UploadIdMarker = page.NextKeyMarker, page.NextUploadIdMarker
	}
}

// ours tells whether an upload is of an object or of a probe.
func (s *Store) ours(u types.MultipartUpload) bool {
	key := aws.ToString(u.Key)
	return s.idOf(key) != "" || key == s.o.Prefix+markerName
}

// abort ends a multipart upload; one that has ended already is no error.
func (s *Store) abort(ctx context.Context, key, upload *string) error {
	err := s.try(ctx, func(ctx context.Context) error {
		_, err := s.api.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &s.o.Bucket, Key: key, UploadId: upload})
		return err
	})
	if codeOf(err) == "NoSuchUpload" {
		return nil
	}
	return err
}
