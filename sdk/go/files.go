package paraph

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
)

// File is a file to send. Content is read from where it stands; one that can seek is
// sent again where the connection breaks, any other is sent once.
type File struct {
	Content   io.Reader
	Name      string // of the file, for people; empty: none
	MediaType string // empty: application/octet-stream
}

// upload streams a file to the server.
func upload[T any](ctx context.Context, c *Client, r *request, file File, options []Option) (*T, error) {
	if file.MediaType == "" {
		file.MediaType = "application/octet-stream"
	}
	if file.Name != "" {
		r.query.Set("file_name", file.Name)
	}
	r.header = http.Header{"Content-Type": {file.MediaType}}
	if err := r.stream(file.Content); err != nil {
		return nil, err
	}
	return call[T](ctx, c, r, nil, options)
}

// stream makes a reader the request's body.
func (r *request) stream(file io.Reader) error {
	r.length = -1
	seeker, ok := file.(io.Seeker)
	if !ok {
		r.once = true
		r.body = func() (io.Reader, error) { return file, nil }
		return nil
	}
	start, err := seeker.Seek(0, io.SeekCurrent)
	if err == nil {
		var end int64
		if end, err = seeker.Seek(0, io.SeekEnd); err == nil {
			r.length = end - start
			_, err = seeker.Seek(start, io.SeekStart)
		}
	}
	if err != nil {
		return fmt.Errorf("paraph: the file: %w", err)
	}
	r.body = func() (io.Reader, error) {
		_, err := seeker.Seek(start, io.SeekStart)
		return file, err
	}
	return nil
}

// Download is what is known of a file that was fetched.
type Download struct {
	FileName string
	SHA256   string // of the bytes written, in hexadecimal
	Size     int64  // bytes
}

// ErrDigest is returned where the bytes that came are not those the server
// announced.
var ErrDigest = errors.New("paraph: the file arrived changed: its SHA-256 is not the one announced")

// errChanged ends a download whose file is another one when it goes on.
var errChanged = errors.New("paraph: the file changed while it was fetched")

// download streams a file to w. Where the connection breaks it goes on behind
// the last byte that came (RFC 9110 section 14), as long as the file is the same.
// The digest the server names in its ETag is checked at the end.
func (c *Client) download(ctx context.Context, r *request, w io.Writer, options []Option) (*Download, error) {
	out := &Download{}
	sum := sha256.New()
	tag := ""
	r.header = http.Header{}
	err := c.do(ctx, r, options, func(res *http.Response) error {
		if out.Size > 0 && res.StatusCode != http.StatusPartialContent {
			return errChanged
		}
		tag = res.Header.Get("ETag")
		if _, params, err := mime.ParseMediaType(res.Header.Get("Content-Disposition")); err == nil {
			out.FileName = params["filename"]
		}
		total := int64(-1)
		if res.ContentLength >= 0 {
			total = out.Size + res.ContentLength
		}
		sink := &sink{w: io.MultiWriter(w, sum), note: func(n int) {
			if out.Size += int64(n); r.progress != nil {
				r.progress(out.Size, total)
			}
		}}
		n, err := io.Copy(sink, res.Body)
		switch {
		case sink.err != nil:
			return sink.err
		case err != nil && out.Size > 0 && tag == "": // nothing tells that the rest is of the same file
			return fmt.Errorf("paraph: the download broke off, and the server has no ETag to go on by: %w", errors.Unwrap(err))
		case err != nil:
			r.moved = n > 0
			if out.Size > 0 {
				r.header.Set("Range", fmt.Sprintf("bytes=%d-", out.Size))
				r.header.Set("If-Range", tag)
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	out.SHA256 = hex.EncodeToString(sum.Sum(nil))
	if announced := strings.Trim(tag, `"`); len(announced) == 64 && announced != out.SHA256 {
		return out, ErrDigest
	}
	return out, nil
}

// sink keeps the error of the caller's writer, which no repeat can mend, and tells
// each piece that was written.
type sink struct {
	w    io.Writer
	err  error
	note func(n int)
}

func (s *sink) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	if err != nil {
		s.err = err
	}
	s.note(n)
	return n, err
}
