package blob

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"

	"github.com/paraph/paraph/internal/blob/crypt"
	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/id"
	"golang.org/x/sync/errgroup"
)

// Scope says under whose key an object lies: a class (such as a retention class)
// of a business unit of an organisation.
type Scope struct {
	Org   string
	Unit  string
	Class string
}

// Keys finds key-encryption keys. It is implemented by KeyRing; faults are those
// of its rows, and ErrDamaged where a key does not open.
type Keys interface {
	// For gives the key that wraps new objects of the scope; it is made if it is
	// not there.
	For(ctx context.Context, scope Scope) (crypt.Wrapper, error)
	// ByID gives the key of that id.
	ByID(ctx context.Context, keyID string) (crypt.Wrapper, error)
	// ForDocument gives the key that wraps a document's new objects; a NotFound
	// fault where it has none. The key of a new document is made here and comes
	// back as a row for the caller to write. ErrDestroyed where the document was
	// disposed of.
	ForDocument(ctx context.Context, scope Scope, doc Document) (crypt.Wrapper, *DocumentKeyRow, error)
}

// Stored is what the database keeps of an object: without it the object cannot
// be read.
type Stored struct {
	ID      string
	KeyID   string // the key that wraps DataKey: that of its document, or of its unit
	DataKey []byte // wrapped by it
	Size    int64  // bytes of plaintext
	SHA256  string // of the plaintext, lower-case hex
}

// Vault puts files into a Store, encrypted, and gets them out again.
type Vault struct {
	store Store
	keys  Keys
	clock clock.Clock
}

// NewVault makes a vault.
func NewVault(store Store, keys Keys, clk clock.Clock) *Vault { return &Vault{store, keys, clk} }

// bound ties a wrapped data key to its object.
func bound(blobID string) []byte { return []byte("object/" + blobID) }

// Put stores all of r: one pass, with less than a megabyte of memory however
// long r is. When it returns, the object and its name are synced; the caller
// then writes the row. Where r fails, or ctx ends, nothing is stored and the
// error of r or ctx comes back as it is. ErrFull, ErrAway.
func (v *Vault) Put(ctx context.Context, scope Scope, r io.Reader) (Stored, error) {
	kek, err := v.keys.For(ctx, scope)
	if err != nil {
		return Stored{}, err
	}
	return v.put(ctx, kek, r)
}

// PutFor is Put for an object of a document: it lies under the document's own
// key. Where that key is new it comes back, to be written with the object's row.
// ErrDestroyed where the document was disposed of.
func (v *Vault) PutFor(ctx context.Context, scope Scope, doc Document, r io.Reader) (Stored, *DocumentKeyRow, error) {
	key, made, err := v.keys.ForDocument(ctx, scope, doc)
	if err != nil {
		return Stored{}, nil, err
	}
	s, err := v.put(ctx, key, r)
	return s, made, err
}

// PutUnder is Put for an object under a key at hand.
func (v *Vault) PutUnder(ctx context.Context, kek crypt.Wrapper, r io.Reader) (Stored, error) {
	return v.put(ctx, kek, r)
}

func (v *Vault) put(ctx context.Context, kek crypt.Wrapper, r io.Reader) (Stored, error) {
	var err error
	out := Stored{ID: id.New(Prefix, v.clock.Now()), KeyID: kek.KeyID()}
	key := crypt.NewKey()
	defer clear(key[:])
	if out.DataKey, err = kek.Wrap(ctx, key, bound(out.ID)); err != nil {
		return Stored{}, Away(err)
	}
	w, err := v.store.Create(ctx, out.ID)
	if err != nil {
		return Stored{}, err
	}
	if out.Size, out.SHA256, err = encrypt(ctx, w, out.ID, key, r); err != nil {
		return Stored{}, errors.Join(err, w.Abort())
	}
	if err := w.Commit(); err != nil {
		return Stored{}, err
	}
	return out, nil
}

const (
	// piece is how much of a stream is read, hashed and encrypted at a time.
	piece = crypt.SegmentSize
	// small is the size up to which a stream is not worth three buffers.
	small = 64 << 10
)

// encrypt copies r into w, encrypted, and gives length and digest of the plaintext.
func encrypt(ctx context.Context, w io.Writer, blobID string, key crypt.Key, r io.Reader) (size int64, digest string, err error) {
	enc, err := crypt.NewWriter(w, blobID, key)
	if err != nil {
		return 0, "", err
	}
	sum := sha256.New()
	first := make([]byte, small)
	n, err := fill(r, first)
	switch {
	case err == io.EOF:
		sum.Write(first[:n])
		size = int64(n)
		_, err = enc.Write(first[:n])
	case err == nil:
		size, err = pipe(ctx, io.MultiReader(bytes.NewReader(first), r), sum, enc)
	}
	if err == nil {
		err = enc.Close()
	}
	return size, hex.EncodeToString(sum.Sum(nil)), errors.Join(err, ctx.Err())
}

// pipe reads r to its end into both writers and gives its length. While one
// piece is encrypted the next is hashed and the one after that is read: three
// buffers, however long the stream is.
func pipe(ctx context.Context, r io.Reader, sum, enc io.Writer) (size int64, err error) {
	work, ctx := errgroup.WithContext(ctx)
	free, read, hashed := make(chan []byte, 3), make(chan []byte, 1), make(chan []byte, 1)
	for range cap(free) {
		free <- make([]byte, piece)
	}
	work.Go(func() error {
		defer close(read)
		for {
			buf, err := take(ctx, free)
			if err != nil {
				return err
			}
			n, err := fill(r, buf)
			size += int64(n)
			if gerr := give(ctx, read, buf[:n]); gerr != nil {
				return gerr
			}
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
		}
	})
	work.Go(func() error {
		defer close(hashed)
		for buf := range read {
			sum.Write(buf)
			if err := give(ctx, hashed, buf); err != nil {
				return err
			}
		}
		return nil
	})
	work.Go(func() error {
		for buf := range hashed {
			if _, err := enc.Write(buf); err != nil {
				return err
			}
			free <- buf[:piece] // there is room for all of them
		}
		return nil
	})
	err = work.Wait()
	return size, err
}

func take(ctx context.Context, from <-chan []byte) ([]byte, error) {
	select {
	case buf := <-from:
		return buf, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func give(ctx context.Context, to chan<- []byte, buf []byte) error {
	select {
	case to <- buf:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fill reads until the buffer is full or the stream ends, with the error that
// ended it.
func fill(r io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var m int
		m, err = r.Read(buf[n:])
		n += m
	}
	return n, err
}

// Open opens an object. That it is the one stored, whole and in the size the row
// says, is checked before Open returns; each part is checked before it is handed
// out. ErrDamaged, ErrNotFound, ErrAway.
func (v *Vault) Open(ctx context.Context, s Stored) (*File, error) {
	kek, err := v.keys.ByID(ctx, s.KeyID)
	if err != nil {
		return nil, err
	}
	key, err := kek.Unwrap(ctx, s.KeyID, s.DataKey, bound(s.ID))
	if err != nil {
		return nil, damaged(err)
	}
	defer clear(key[:])
	obj, err := v.store.Open(ctx, s.ID)
	if err != nil {
		return nil, err
	}
	r, err := crypt.NewReader(obj, obj.Size(), s.ID, key)
	if err == nil && r.Size() != s.Size {
		err = crypt.ErrDamaged
	}
	if err != nil {
		return nil, errors.Join(damaged(err), obj.Close())
	}
	return &File{r: r, obj: obj}, nil
}

// damaged turns an error of crypt, or of the store below it, into a fault.
func damaged(err error) error {
	switch {
	case err == nil, err == io.EOF:
		return err
	case errors.Is(err, crypt.ErrDamaged), errors.Is(err, crypt.ErrWrongKey):
		return because(err, ErrDamaged)
	}
	return Away(err)
}

// Verify reads an object from beginning to end and compares its digest with the
// row. ErrDamaged where it differs.
func (v *Vault) Verify(ctx context.Context, s Stored) error {
	f, err := v.Open(ctx, s)
	if err != nil {
		return err
	}
	sum := sha256.New()
	_, err = io.Copy(sum, ctxReader{ctx, f})
	if err == nil && hex.EncodeToString(sum.Sum(nil)) != s.SHA256 {
		err = because(errors.New("the SHA-256 differs"), ErrDamaged)
	}
	return errors.Join(err, f.Close())
}

// ctxReader reads until its context ends.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (c ctxReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// Rewrap gives the row with its data key wrapped by the scope's present key. The
// object itself stays as it is. ErrDamaged where the old wrapping does not open.
func (v *Vault) Rewrap(ctx context.Context, s Stored, scope Scope) (Stored, error) {
	kek, err := v.keys.For(ctx, scope)
	if err != nil {
		return Stored{}, err
	}
	return v.RewrapUnder(ctx, s, kek)
}

// RewrapUnder gives the row with its data key wrapped by the key at hand.
// ErrDamaged where the old wrapping does not open.
func (v *Vault) RewrapUnder(ctx context.Context, s Stored, kek crypt.Wrapper) (Stored, error) {
	old, err := v.keys.ByID(ctx, s.KeyID)
	if err != nil {
		return Stored{}, err
	}
	key, err := old.Unwrap(ctx, s.KeyID, s.DataKey, bound(s.ID))
	if err != nil {
		return Stored{}, damaged(err)
	}
	defer clear(key[:])
	s.KeyID = kek.KeyID()
	if s.DataKey, err = kek.Wrap(ctx, key, bound(s.ID)); err != nil {
		return Stored{}, Away(err)
	}
	return s, nil
}

// Remove deletes an object; one that is not there is no error. Its row, if it
// has one, must be gone. ErrAway.
func (v *Vault) Remove(ctx context.Context, blobID string) error { return v.store.Delete(ctx, blobID) }

// File is the plaintext of an object. ReadAt may be called concurrently; Read,
// Seek and Close as on any file. A damaged part gives ErrDamaged.
type File struct {
	r   *crypt.Reader
	obj Object
	pos int64
}

// Size gives the length of the plaintext in bytes.
func (f *File) Size() int64 { return f.r.Size() }

// ReadAt implements io.ReaderAt.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.r.ReadAt(p, off)
	return n, damaged(err)
}

// Read implements io.Reader.
func (f *File) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if f.pos >= f.Size() {
		return 0, io.EOF
	}
	n, err := f.ReadAt(p[:min(int64(len(p)), f.Size()-f.pos)], f.pos)
	f.pos += int64(n)
	return n, err
}

// Seek implements io.Seeker.
func (f *File) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += f.pos
	case io.SeekEnd:
		offset += f.Size()
	case io.SeekStart:
	default:
		return 0, errors.New("blob: seek from nowhere")
	}
	if offset < 0 {
		return 0, errors.New("blob: seek before the beginning")
	}
	f.pos = offset
	return offset, nil
}

// Close implements io.Closer.
func (f *File) Close() error { return f.obj.Close() }
