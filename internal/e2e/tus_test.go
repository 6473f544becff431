package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/paraph/paraph/internal/blob/s3test"
	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/store/pgtest"
	"github.com/paraph/paraph/internal/testneed"
)

// tusPiece is how much of an upload is kept at a time.
const tusPiece = 16 << 20

// tus sends a request of the tus protocol.
func (c *caller) tus(method, at string, body io.Reader, header ...string) *answer {
	c.t.Helper()
	return c.send(method, at, body, append([]string{"Tus-Resumable", "1.0.0", "Idempotency-Key", ""}, header...)...)
}

func (c *caller) tusBegin(length int) string {
	c.t.Helper()
	return c.tus(http.MethodPost, "/v1/uploads", nil, "Upload-Length", strconv.Itoa(length)).want(http.StatusCreated).header.Get("Location")
}

func (c *caller) tusOffset(at string) int {
	c.t.Helper()
	n, err := strconv.Atoi(c.tus(http.MethodHead, at, nil).want(http.StatusOK).header.Get("Upload-Offset"))
	if err != nil {
		c.t.Fatal(err)
	}
	return n
}

func (c *caller) tusPatch(at string, offset int, rest []byte) *answer {
	c.t.Helper()
	return c.tus(http.MethodPatch, at, bytes.NewReader(rest), "Content-Type", "application/offset+octet-stream", "Upload-Offset", strconv.Itoa(offset))
}

// noise is a file of no known kind.
func noise(n int) []byte {
	out := make([]byte, n)
	source := rand.NewChaCha8([32]byte{1})
	_, _ = source.Read(out) // it never fails
	return out
}

// becameOnce checks that an upload became one document, with the file's bytes.
func (c *caller) becameOnce(at string, file []byte) {
	c.t.Helper()
	var u struct {
		DocumentID string `json:"document_id"`
	}
	c.get(at).want(http.StatusOK).into(&u)
	got := c.get("/v1/documents/" + u.DocumentID + "/versions/1/content").want(http.StatusOK)
	if sum := sha256.Sum256(file); !strings.Contains(got.header.Get("ETag"), hex.EncodeToString(sum[:])) || !bytes.Equal(got.body, file) {
		c.t.Errorf("the document holds %d bytes, the file %d; ETag %s", len(got.body), len(file), got.header.Get("ETag"))
	}
	var list struct{ Items []struct{ ID string } }
	c.get("/v1/documents").want(http.StatusOK).into(&list)
	if len(list.Items) != 1 {
		c.t.Errorf("there are %d documents", len(list.Items))
	}
}

// TestTusInABucket: pieces of an upload go into the bucket, and an outage in the
// middle costs none that was told to be there.
func TestTusInABucket(t *testing.T) {
	t.Parallel()
	g := s3test.Start(t)
	bucket := g.Bucket(t, nil)
	s := start(t, pgtest.Database(t), setup{conf: func(c *config.Config) {
		c.Blobs = "s3://" + bucket + "/paraph?path-style=1&region=" + s3test.Region + "&endpoint=" + g.URL
		c.BlobsAccessKey, c.BlobsSecretKey = s3test.AccessKey, s3test.SecretKey
	}})
	c := s.in(t)
	file := noise(tusPiece + 5<<20)
	at := c.tusBegin(len(file))
	c.tusPatch(at, 0, file[:1<<20]).want(http.StatusNoContent)
	g.Kill()
	c.tusPatch(at, 1<<20, file[1<<20:]).problem(http.StatusServiceUnavailable, "storage_unavailable")
	if got := c.tusOffset(at); got != 1<<20 {
		t.Fatalf("after the outage the upload is at %d", got)
	}
	g.Restart(t)
	c.get("/readyz").want(http.StatusOK)
	c.tusPatch(at, 1<<20, file[1<<20:]).want(http.StatusNoContent)
	c.becameOnce(at, file)
}

// TestTusKilled: the server is killed in the middle of a piece. What it had told to
// be there is there, and the rest is sent from there on.
func TestTusKilled(t *testing.T) {
	t.Parallel()
	testneed.Command(t, "go")
	data := t.TempDir()
	k := &killer{process: serve(t, data), data: data}
	k.id, k.secret = k.said.ID, k.said.Secret
	c := k.caller()
	file := noise(2*tusPiece + 3<<20)
	at := c.tusBegin(len(file))
	body, sender := io.Pipe()
	broken := make(chan error, 1)
	go func() {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, c.url+at, body)
		if err == nil {
			req.ContentLength = int64(len(file))
			for name, value := range map[string]string{"Authorization": "Bearer " + c.token, "Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"} {
				req.Header.Set(name, value)
			}
			var res *http.Response
			if res, err = c.http.Do(req); err == nil {
				err = res.Body.Close()
			}
		}
		broken <- err
	}()
	if _, err := sender.Write(file[:tusPiece+1<<20]); err != nil {
		t.Fatal(err)
	}
	for c.tusOffset(at) < tusPiece { // the first piece is being synced
	}
	k.kill()
	_ = sender.CloseWithError(io.ErrUnexpectedEOF) // it has failed already
	if err := <-broken; err == nil {
		t.Error("the request ended well, though its server was killed")
	}
	k.process = serve(t, data)
	c = k.caller()
	if got := c.tusOffset(at); got != tusPiece {
		t.Fatalf("after the kill the upload is at %d, not at %d", got, tusPiece)
	}
	c.tusPatch(at, tusPiece, file[tusPiece:]).want(http.StatusNoContent)
	c.becameOnce(at, file)
}
