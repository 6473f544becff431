package s3_test

import (
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/paraph/paraph/internal/blob"
	"github.com/paraph/paraph/internal/blob/blobtest"
	"github.com/paraph/paraph/internal/blob/s3"
	"github.com/paraph/paraph/internal/blob/s3test"
)

// TestMemoryStaysFlat counts the heap while a long object goes up and comes back.
// It runs before the parallel tests, alone.
func TestMemoryStaysFlat(t *testing.T) {
	g, bucket := s3test.Bucket(t)
	s := open(t, options(g.URL, bucket))
	const size = 96 << 20
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, most := heap(), uint64(0)
	name := blobtest.NewID()
	w, err := s.Create(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	piece := blobtest.Bytes(256 << 10)
	for sent := 0; sent < size; sent += len(piece) {
		if _, err := w.Write(piece); err != nil {
			t.Fatal(err)
		}
		if sent%(4<<20) == 0 {
			most = max(most, heap())
		}
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	o, err := s.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	for off := int64(0); off < o.Size(); off += int64(len(piece)) {
		if _, err := o.ReadAt(piece, off); err != nil {
			t.Fatal(err)
		}
		if off%(4<<20) == 0 {
			most = max(most, heap())
		}
	}
	// Four parts on their way, one being filled, and what requests take.
	const limit = 5*8<<20 + 6<<20
	if o.Size() != size || most > before+limit {
		t.Errorf("%d bytes held at most for %d, limit %d", most-before, o.Size(), limit)
	}
	t.Logf("%d KiB held at most", (most-before)>>10)
}

func TestAbilities(t *testing.T) {
	t.Parallel()
	g, bucket := s3test.Bucket(t)
	for range 2 { // the second start finds the marker
		can, err := open(t, options(g.URL, bucket)).Abilities(t.Context())
		if err != nil || can != (s3.Abilities{Conditional: true, ConditionalParts: true}) {
			t.Errorf("%+v, %v", can, err)
		}
	}
}

// TestAStoreThatWouldOverwrite passes the whole suite all the same.
func TestAStoreThatWouldOverwrite(t *testing.T) {
	t.Parallel()
	strip := func(p *s3test.Proxy) { p.Alter = func(r *http.Request) { r.Header.Del("If-None-Match") } }
	unknown := func(p *s3test.Proxy) {
		p.Handle = func(w http.ResponseWriter, r *http.Request) bool {
			return r.Header.Get("If-None-Match") != "" && answerError(w, http.StatusNotImplemented, "NotImplemented")
		}
	}
	for name, set := range map[string]func(*s3test.Proxy){"ignores the condition": strip, "refuses the condition": unknown} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			blobtest.Run(t, func(t *testing.T) blob.Store {
				s, _ := behindProxy(t, set)
				if can, err := s.Abilities(t.Context()); err != nil || can.Conditional || can.ConditionalParts {
					t.Errorf("%+v, %v", can, err)
				}
				return s
			})
		})
	}
}

// TestFewRequests: a small object takes one, to write and to read; reading on
// takes fewer and larger ones.
func TestFewRequests(t *testing.T) {
	t.Parallel()
	s, p := behindProxy(t, func(*s3test.Proxy) {})
	count := func(about string, most int64, do func()) {
		t.Helper()
		before := p.Requests.Load()
		do()
		if n := p.Requests.Load() - before; n > most {
			t.Errorf("%s took %d requests", about, n)
		}
	}
	var small, long string
	count("writing a small object", 1, func() { small = blobtest.Put(t, s, blobtest.Bytes(100_000)) })
	count("reading it", 1, func() { blobtest.Get(t, s, small) })
	count("writing three parts", 5, func() { long = blobtest.Put(t, s, blobtest.Bytes(large)) })
	count("reading 20 MiB on and on", 9, func() {
		o, err := s.Open(t.Context(), long)
		if err != nil {
			t.Fatal(err)
		}
		const segment = 256<<10 + 28
		last := o.Size() / segment * segment // as decryption does: the last one first
		for _, from := range []int64{last, 0} {
			for off := from; off < o.Size(); off += segment {
				if _, err := o.ReadAt(make([]byte, min(segment, o.Size()-off)), off); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

func TestDeletionLeavesNoVersion(t *testing.T) {
	t.Parallel()
	g, bucket := s3test.Bucket(t)
	_, err := g.Client().PutBucketVersioning(t.Context(), &api.PutBucketVersioningInput{
		Bucket: &bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, options(g.URL, bucket))
	if can, err := s.Abilities(t.Context()); err != nil || can.Versioning != "Enabled" {
		t.Errorf("%+v, %v", can, err)
	}
	name := blobtest.Put(t, s, []byte("personal"))
	for range 2 {
		want(t, s.Delete(t.Context(), name), nil)
	}
	out, err := g.Client().ListObjectVersions(t.Context(), &api.ListObjectVersionsInput{Bucket: &bucket})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range out.Versions {
		if strings.Contains(*v.Key, name) {
			t.Errorf("version %s is left", *v.VersionId)
		}
	}
	if len(out.DeleteMarkers) != 0 {
		t.Errorf("%d delete markers are left", len(out.DeleteMarkers))
	}
}

// TestABucketThatLocksIsReported: nothing is locked by asking but the marker,
// which the bucket itself locks.
func TestABucketThatLocksIsReported(t *testing.T) {
	t.Parallel()
	g, _ := s3test.Bucket(t)
	bucket := g.Bucket(t, func(in *api.CreateBucketInput) { in.ObjectLockEnabledForBucket = aws.Bool(true) })
	s := open(t, options(g.URL, bucket))
	can, err := s.Abilities(t.Context())
	if err != nil || !can.ObjectLock || can.Retention != "" || !can.LockedUntil.IsZero() {
		t.Errorf("%+v, %v", can, err)
	}
	_, err = g.Client().PutObjectLockConfiguration(t.Context(), &api.PutObjectLockConfigurationInput{
		Bucket: &bucket, ObjectLockConfiguration: &types.ObjectLockConfiguration{
			ObjectLockEnabled: types.ObjectLockEnabledEnabled,
			Rule:              &types.ObjectLockRule{DefaultRetention: &types.DefaultRetention{Mode: types.ObjectLockRetentionModeGovernance, Days: aws.Int32(1)}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	o := options(g.URL, bucket)
	o.Prefix = "other/"
	s = open(t, o)
	if can, err = s.Abilities(t.Context()); err != nil || can.Retention != "GOVERNANCE 1 days" {
		t.Errorf("%+v, %v", can, err)
	}
	want(t, s.Probe(t.Context()), nil)
	out, err := g.Client().ListObjectVersions(t.Context(), &api.ListObjectVersionsInput{Bucket: &bucket, Prefix: aws.String("other/")})
	if err != nil || len(out.Versions) != 1 {
		t.Errorf("the probe left %d versions, %v", len(out.Versions), err)
	}
	locked := blobtest.Put(t, s, []byte("x"))
	want(t, s.Delete(t.Context(), locked), blob.ErrAway)
}

func TestParse(t *testing.T) {
	t.Parallel()
	o, err := s3.Parse("s3://bucket/a/b/?endpoint=https://s3.example.org&region=eu-1&path-style=1&ca=ca.pem")
	if err != nil || o != (s3.Options{Bucket: "bucket", Prefix: "a/b/", Endpoint: "https://s3.example.org", Region: "eu-1", PathStyle: true, CAFile: "ca.pem"}) {
		t.Errorf("%+v, %v", o, err)
	}
	for _, bad := range []string{"", "bucket", "s3://", "https://x/y", "s3://b?endpoint=ftp://x", "s3://b?pathstyle=1", "s3://key:secret@b/"} {
		if _, err := s3.Parse(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
