package s3

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/paraph/paraph/internal/blob"
	"github.com/paraph/paraph/internal/failpoint"
)

const (
	// partSize is the length of a part. An object of less goes up in one request;
	// 10,000 parts, the most that S3 takes, are 80 GB.
	partSize  = 8 << 20
	chunkSize = 256 << 10
	// partsInFlight is how many parts are on their way at once, of all uploads.
	// With the one that each upload is filling they are the memory it takes.
	partsInFlight = 4
	// abortLimit is how long the ending of an upload may take: what it leaves
	// behind, Sweep ends later.
	abortLimit = 10 * time.Second
	// writerKey names the metadata that tells whose an object is, where the answer
	// to the request that made it was lost.
	writerKey = "paraph-writer"
)

type chunk [chunkSize]byte

// part is a piece of an object, in chunks: a small object takes little memory.
type part struct {
	number int32
	chunks []*chunk
	size   int64
	sum    uint32 // CRC32C
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// add takes as much of p as the part has room for.
func (p *part) add(s *Store, b []byte) int {
	done := 0
	for done < len(b) && p.size < partSize {
		at := int(p.size % chunkSize)
		if at == 0 {
			p.chunks = append(p.chunks, s.chunks.Get().(*chunk))
		}
		n := copy(p.chunks[len(p.chunks)-1][at:], b[done:])
		p.size += int64(n)
		done += n
	}
	p.sum = crc32.Update(p.sum, castagnoli, b[:done])
	return done
}

func (p *part) free(s *Store) {
	for _, c := range p.chunks {
		s.chunks.Put(c)
	}
	p.chunks = nil
}

// body gives a new reader of the part, as each attempt needs one.
func (p *part) body() io.ReadSeeker { return io.NewSectionReader(p, 0, p.size) }

// ReadAt implements io.ReaderAt.
func (p *part) ReadAt(b []byte, off int64) (int, error) {
	done := 0
	for done < len(b) && off < p.size {
		c := p.chunks[off/chunkSize]
		n := copy(b[done:], c[off%chunkSize:min(chunkSize, off%chunkSize+p.size-off)])
		done, off = done+n, off+int64(n)
	}
	if done < len(b) {
		return done, io.EOF
	}
	return done, nil
}

// checksum is the part's CRC32C as S3 writes it.
func (p *part) checksum() *string {
	return aws.String(base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, p.sum)))
}

// writer is an object that is being written. Only the uploading of parts runs
// beside its caller.
type writer struct {
	s      *Store
	ctx    context.Context // of the caller; its end ends the upload
	cancel context.CancelFunc
	id     string
	mark   string // names this writer in the object's metadata
	can    Abilities
	part   *part // the one being filled
	upload *string
	done   bool

	sending sync.WaitGroup
	mu      sync.Mutex // guards what follows
	parts   []types.CompletedPart
	failed  error
}

// Create implements blob.Store. That the id is taken shows at Commit.
func (s *Store) Create(ctx context.Context, id string) (blob.Writer, error) {
	if err := errors.Join(ctx.Err(), blob.CheckID(id)); err != nil {
		return nil, err
	}
	can, err := s.Abilities(ctx)
	if err != nil {
		return nil, err
	}
	var mark [16]byte
	rand.Read(mark[:])
	w := &writer{s: s, id: id, mark: hex.EncodeToString(mark[:]), can: can, part: &part{number: 1}}
	w.ctx, w.cancel = context.WithCancel(ctx)
	return w, nil
}

// Write implements io.Writer.
func (w *writer) Write(b []byte) (int, error) {
	if w.done {
		return 0, errEnded
	}
	total := 0
	for len(b) > 0 {
		n := w.part.add(w.s, b)
		b, total = b[n:], total+n
		if w.part.size == partSize {
			if err := w.send(); err != nil {
				return total, w.fail(err)
			}
		}
	}
	if err := failpoint.Hit(failpoint.BlobWriting); err != nil {
		return total, w.fail(err)
	}
	return total, w.failure()
}

var errEnded = blob.Away(errors.New("the object was ended before"))

// fail keeps the first error, and stops the parts on their way.
func (w *writer) fail(err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed == nil {
		w.failed = faultOf(err)
		w.cancel()
	}
	return w.failed
}

func (w *writer) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed
}

// send puts the part at hand on its way, once there is a place for it.
func (w *writer) send() error {
	if w.upload == nil {
		if err := w.begin(); err != nil {
			return err
		}
	}
	select {
	case w.s.inFlight <- struct{}{}:
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
	p := w.part
	w.part = &part{number: p.number + 1}
	w.sending.Go(func() {
		defer func() { <-w.s.inFlight }()
		if err := w.sendPart(p); err != nil {
			_ = w.fail(err) // kept; Write or Commit gives it
		}
	})
	return nil
}

// begin starts the multipart upload.
func (w *writer) begin() error {
	return w.s.try(w.ctx, func(ctx context.Context) error {
		out, err := w.s.api.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
			Bucket: &w.s.o.Bucket, Key: w.s.key(w.id), Metadata: w.metadata(), ContentType: &contentType,
			ChecksumAlgorithm: types.ChecksumAlgorithmCrc32c,
		})
		if err == nil {
			w.upload = out.UploadId
		}
		return err
	})
}

var contentType = "application/octet-stream"

func (w *writer) metadata() map[string]string { return map[string]string{writerKey: w.mark} }

func (w *writer) sendPart(p *part) error {
	attempts := 0
	err := w.s.try(w.ctx, func(ctx context.Context) error {
		attempts++
		out, err := w.s.api.UploadPart(ctx, &s3.UploadPartInput{
			Bucket: &w.s.o.Bucket, Key: w.s.key(w.id), UploadId: w.upload, PartNumber: &p.number,
			Body: p.body(), ContentLength: &p.size, ChecksumCRC32C: p.checksum(),
		}, w.s.bodyOptions)
		if err != nil {
			return err
		}
		if err := agrees(out.ChecksumCRC32C, p); err != nil {
			return err
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.parts = append(w.parts, types.CompletedPart{ETag: out.ETag, PartNumber: &p.number, ChecksumCRC32C: p.checksum()})
		return nil
	})
	// An attempt that was given up may still be reading the part for a moment.
	if err == nil && attempts == 1 {
		p.free(w.s)
	}
	return err
}

// agrees compares the checksum that the store has computed, where it tells one.
func agrees(told *string, p *part) error {
	if told != nil && *told != *p.checksum() {
		return fmt.Errorf("the store received other bytes than were sent: CRC32C %s, not %s", *told, *p.checksum())
	}
	return nil
}

// Commit implements blob.Writer. Where the store stopped answering in the middle
// of it, an object may be there although Commit failed; no row names it then.
func (w *writer) Commit() error {
	if w.done {
		return errEnded
	}
	if w.upload != nil && w.part.size > 0 {
		if err := w.send(); err != nil {
			_ = w.fail(err) // kept; read below
		}
	}
	w.sending.Wait()
	err := w.failure()
	if err == nil {
		err = w.name()
	}
	if err != nil {
		return errors.Join(err, w.Abort())
	}
	w.finish()
	return nil
}

// name gives the object its name by the request that makes it visible.
func (w *writer) name() error {
	if err := failpoint.Hit(failpoint.BlobSync); err != nil {
		return faultOf(err)
	}
	conditional := w.can.Conditional
	if w.upload != nil {
		conditional = w.can.ConditionalParts
	}
	var ifNone *string
	if conditional {
		ifNone = aws.String("*")
	} else if err := w.look(); err != nil {
		return err
	}
	attempts := 0
	err := w.s.try(w.ctx, func(ctx context.Context) error {
		attempts++
		if w.upload != nil {
			return w.complete(ctx, ifNone)
		}
		return w.put(ctx, ifNone)
	})
	if attempts > 1 && statusOf(err) != 0 && w.isOurs() {
		err = nil // an earlier attempt did it, and its answer was lost
	}
	if err != nil {
		return faultOf(err)
	}
	if err := errors.Join(failpoint.Hit(failpoint.BlobNamed), failpoint.Hit(failpoint.BlobSynced)); err != nil {
		return errors.Join(faultOf(err), w.s.Delete(w.ctx, w.id))
	}
	if attempts == 1 {
		w.part.free(w.s)
	}
	return nil
}

// look refuses an id that is taken, where the store cannot be asked to. Between
// the look and the write another writer could come; ids are random, so none does.
func (w *writer) look() error {
	_, err := w.s.head(w.ctx, w.s.key(w.id))
	if err = faultOf(err); err == nil {
		return blob.ErrExists
	} else if !errors.Is(err, blob.ErrNotFound) {
		return err
	}
	return nil
}

// isOurs tells whether the object that is there was written by this writer.
func (w *writer) isOurs() bool {
	out, err := w.s.head(w.ctx, w.s.key(w.id))
	return err == nil && out.Metadata[writerKey] == w.mark
}

func (s *Store) head(ctx context.Context, key *string) (out *s3.HeadObjectOutput, err error) {
	err = s.try(ctx, func(ctx context.Context) error {
		out, err = s.api.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.o.Bucket, Key: key})
		return err
	})
	return out, err
}

func (w *writer) put(ctx context.Context, ifNone *string) error {
	out, err := w.s.api.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &w.s.o.Bucket, Key: w.s.key(w.id), Metadata: w.metadata(), ContentType: &contentType, IfNoneMatch: ifNone,
		Body: w.part.body(), ContentLength: &w.part.size, ChecksumCRC32C: w.part.checksum(),
	}, w.s.bodyOptions)
	if err != nil {
		return err
	}
	return agrees(out.ChecksumCRC32C, w.part)
}

func (w *writer) complete(ctx context.Context, ifNone *string) error {
	slices.SortFunc(w.parts, func(a, b types.CompletedPart) int { return int(*a.PartNumber - *b.PartNumber) })
	_, err := w.s.api.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &w.s.o.Bucket, Key: w.s.key(w.id), UploadId: w.upload, IfNoneMatch: ifNone,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: w.parts},
	})
	return err
}

// Abort implements blob.Writer.
func (w *writer) Abort() error {
	if w.done {
		return nil
	}
	w.finish()
	w.sending.Wait()
	if w.upload == nil {
		return nil
	}
	return faultOf(w.s.once(context.WithoutCancel(w.ctx), abortLimit, func(ctx context.Context) error {
		_, err := w.s.api.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &w.s.o.Bucket, Key: w.s.key(w.id), UploadId: w.upload})
		if codeOf(err) == "NoSuchUpload" {
			err = nil
		}
		return err
	}))
}

func (w *writer) finish() {
	w.done = true
	w.cancel()
}
