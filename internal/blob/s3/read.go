package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/paraph/paraph/internal/blob"
)

const (
	// firstRead is what opening an object reads ahead: the header and the first
	// segment of its encryption, or the whole of a small object.
	firstRead = 512 << 10
	// mostAhead bounds what one request reads ahead of somebody who reads on and
	// on: 16 segments.
	mostAhead = 4 << 20
)

// object is an object open for reading. It keeps the bytes read ahead.
type object struct {
	s    *Store
	ctx  context.Context // of whoever opened it
	key  *string
	size int64

	mu    sync.Mutex // guards what follows
	bytes []byte     // read ahead
	from  int64      // where they begin
	next  int64      // where the last read ended
	ahead int64      // how much to read ahead the next time
}

// Open implements blob.Store. The first bytes come with the same request.
func (s *Store) Open(ctx context.Context, id string) (blob.Object, error) {
	if err := errors.Join(ctx.Err(), blob.CheckID(id)); err != nil {
		return nil, err
	}
	o := &object{s: s, ctx: ctx, key: s.key(id), ahead: 2 * firstRead}
	first, size, err := s.get(ctx, o.key, 0, firstRead)
	if statusOf(err) == http.StatusRequestedRangeNotSatisfiable { // an empty object has no first byte
		var out *s3.HeadObjectOutput
		if out, err = s.head(ctx, o.key); err == nil {
			size = aws.ToInt64(out.ContentLength)
		}
	}
	if err != nil {
		return nil, faultOf(err)
	}
	o.bytes, o.size = first, size
	return o, nil
}

// Size implements blob.Object.
func (o *object) Size() int64 { return o.size }

// Close implements io.Closer.
func (o *object) Close() error { return nil }

// ReadAt implements io.ReaderAt. Who reads on from where the last read ended is
// served from what was read ahead, more each time; a read elsewhere fetches what
// it asks for, and leaves that alone.
func (o *object) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("s3: a negative offset")
	}
	want := min(int64(len(p)), max(0, o.size-off))
	n, err := o.read(p[:want], off)
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

func (o *object) read(p []byte, off int64) (int, error) {
	o.mu.Lock()
	n := 0
	if off >= o.from && off < o.from+int64(len(o.bytes)) {
		n = copy(p, o.bytes[off-o.from:])
	}
	onward := off == o.next || n > 0
	if n == len(p) {
		o.next = off + int64(n)
		o.mu.Unlock()
		return n, nil
	}
	length, at := int64(len(p)-n), off+int64(n)
	if onward {
		length = max(length, min(o.ahead, o.size-at))
		o.ahead = min(2*o.ahead, mostAhead)
		o.next = off + int64(len(p))
	}
	o.mu.Unlock()
	got, _, err := o.s.get(o.ctx, o.key, at, length)
	if err != nil {
		return n, faultOf(err)
	}
	n += copy(p[n:], got)
	if onward {
		o.mu.Lock()
		o.bytes, o.from = got, at
		o.mu.Unlock()
	}
	if n < len(p) {
		return n, blob.Away(fmt.Errorf("the store gave %d bytes of %d", len(got), length))
	}
	return n, nil
}

// get reads length bytes, or up to the object's end, and tells the object's
// size. An answer that is cut or slow is asked for again.
func (s *Store) get(ctx context.Context, key *string, off, length int64) (got []byte, size int64, err error) {
	err = s.try(ctx, func(ctx context.Context) error {
		out, err := s.api.GetObject(ctx, &s3.GetObjectInput{
			Bucket: &s.o.Bucket, Key: key, Range: aws.String(fmt.Sprintf("bytes=%d-%d", off, off+length-1)),
		})
		if err != nil {
			return err
		}
		defer out.Body.Close()
		expected := aws.ToInt64(out.ContentLength)
		if size, err = total(aws.ToString(out.ContentRange)); err != nil {
			return err
		}
		if expected < 0 || expected > length || expected != min(length, size-off) {
			return fmt.Errorf("s3: %d bytes answered for %d at %d of %d", expected, length, off, size)
		}
		got = make([]byte, expected)
		_, err = io.ReadFull(out.Body, got)
		return err
	})
	return got, size, err
}

// total reads an object's size from "bytes 0-99/1234".
func total(contentRange string) (int64, error) {
	_, after, _ := strings.Cut(contentRange, "/")
	n, err := strconv.ParseInt(after, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("s3: the store answers a range with %q", contentRange)
	}
	return n, nil
}
