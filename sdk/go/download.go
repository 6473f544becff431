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

// Download is what is known of a file that was fetched.
type Download struct {
	FileName string
	SHA256   string // of the bytes written, in hexadecimal
	Size     int64  // bytes
}

// ErrDigest is returned where the bytes that came are not those the server
// announced.
var ErrDigest = errors.New("paraph: the file arrived changed: its SHA-256 is not the one announced")

// download streams a file to w. Where the connection breaks it goes on behind
// the last byte that came (RFC 9110 section 14), as long as the file is the same.
// The digest the server names in its ETag is checked at the end.
func (c *Client) download(ctx context.Context, path string, w io.Writer) (*Download, error) {
	out := &Download{}
	sum := sha256.New()
	tag := ""
	for attempt := 0; ; attempt++ {
		header := http.Header{}
		if out.Size > 0 {
			header.Set("Range", fmt.Sprintf("bytes=%d-", out.Size))
			header.Set("If-Range", tag)
		}
		res, err := c.do(ctx, &request{method: http.MethodGet, path: path, header: header})
		if err != nil {
			return nil, err
		}
		if out.Size > 0 && res.StatusCode != http.StatusPartialContent {
			res.Body.Close()
			return nil, errors.New("paraph: the file changed while it was fetched")
		}
		tag = res.Header.Get("ETag")
		if _, params, err := mime.ParseMediaType(res.Header.Get("Content-Disposition")); err == nil {
			out.FileName = params["filename"]
		}
		sink := &sink{w: io.MultiWriter(w, sum)}
		n, err := io.Copy(sink, res.Body)
		res.Body.Close()
		out.Size += n
		switch wait, again := c.retry(&connectionError{err}, attempt); {
		case err == nil:
			out.SHA256 = hex.EncodeToString(sum.Sum(nil))
			if announced := strings.Trim(tag, `"`); len(announced) == 64 && announced != out.SHA256 {
				return out, ErrDigest
			}
			return out, nil
		case sink.err != nil:
			return nil, sink.err
		case !again || ctx.Err() != nil || tag == "":
			return nil, &connectionError{err}
		default:
			if perr := c.pause(ctx, wait); perr != nil {
				return nil, errors.Join(perr, err)
			}
		}
	}
}

// sink keeps the error of the caller's writer, which no repeat can mend.
type sink struct {
	w   io.Writer
	err error
}

func (s *sink) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	if err != nil {
		s.err = err
	}
	return n, err
}
