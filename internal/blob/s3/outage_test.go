package s3_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/blob"
	"github.com/paraph/paraph/internal/blob/blobtest"
	"github.com/paraph/paraph/internal/blob/s3"
	"github.com/paraph/paraph/internal/blob/s3test"
	"github.com/paraph/paraph/internal/fault"
)

const large = 20 << 20 // three parts

func want(t *testing.T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("got %v, want %v", err, target)
	}
}

func behindProxy(t *testing.T, set func(p *s3test.Proxy)) (*s3.Store, *s3test.Proxy) {
	t.Helper()
	g, bucket := s3test.Bucket(t)
	p := g.Proxy(t)
	set(p)
	return open(t, options(p.URL, bucket)), p
}

// times tells true the first n times it is asked.
func times(n int32) func() bool {
	var asked atomic.Int32
	return func() bool { return asked.Add(1) <= n }
}

func answerError(w http.ResponseWriter, status int, code string) bool {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, err := io.WriteString(w, "<Error><Code>"+code+"</Code><Message>said the test</Message></Error>")
	return err == nil
}

// isUpload tells whether a request writes an object's bytes or name, and no probe.
func isUpload(r *http.Request) bool {
	return strings.Contains(r.URL.Path, "/blb_") && (r.Method == http.MethodPut || r.Method == http.MethodPost && r.URL.Query().Has("uploadId"))
}

func TestABusyStoreIsAskedAgain(t *testing.T) {
	t.Parallel()
	busy := times(2)
	s, _ := behindProxy(t, func(p *s3test.Proxy) {
		p.Handle = func(w http.ResponseWriter, r *http.Request) bool {
			return isUpload(r) && busy() && answerError(w, http.StatusServiceUnavailable, "SlowDown")
		}
	})
	content := blobtest.Bytes(large)
	if got := blobtest.Get(t, s, blobtest.Put(t, s, content)); !bytes.Equal(got, content) {
		t.Error("another content came back")
	}
}

func TestAStoreThatStaysAwayIsLeftAlone(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		status int
		code   string
		want   error
		asked  int32
	}{
		"busy":      {http.StatusServiceUnavailable, "SlowDown", blob.ErrAway, 4},
		"full":      {http.StatusInsufficientStorage, "XMinioStorageFull", blob.ErrFull, 1},
		"quota":     {http.StatusForbidden, "QuotaExceeded", blob.ErrFull, 1},
		"clock":     {http.StatusForbidden, "RequestTimeTooSkewed", blob.ErrAway, 4},
		"forbidden": {http.StatusForbidden, "AccessDenied", blob.ErrAway, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int32
			s, _ := behindProxy(t, func(p *s3test.Proxy) {
				p.Handle = func(w http.ResponseWriter, r *http.Request) bool {
					if !isUpload(r) {
						return false
					}
					asked.Add(1)
					return answerError(w, test.status, test.code)
				}
			})
			w, err := s.Create(t.Context(), blobtest.NewID())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write([]byte("content")); err != nil {
				t.Fatal(err)
			}
			err = w.Commit()
			want(t, err, test.want)
			if f := fault.From(err); f.Kind != fault.Unavailable || asked.Load() != test.asked {
				t.Errorf("%v after %d attempts", f, asked.Load())
			}
		})
	}
}

// TestALostAnswerIsNoConflict: the store did what it was asked, and the
// connection broke before it could say so.
func TestALostAnswerIsNoConflict(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int{"put": 1000, "parts": large} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lost := times(1)
			s, _ := behindProxy(t, func(p *s3test.Proxy) {
				p.Answer = func(r *http.Response) error {
					if isUpload(r.Request) && !r.Request.URL.Query().Has("partNumber") && lost() {
						return errors.New("lost")
					}
					return nil
				}
			})
			content := blobtest.Bytes(size)
			if got := blobtest.Get(t, s, blobtest.Put(t, s, content)); !bytes.Equal(got, content) {
				t.Error("another content came back")
			}
			if lost() {
				t.Error("no answer was lost")
			}
		})
	}
}

func TestAnswersThatAreCutOrLateAreAskedForAgain(t *testing.T) {
	t.Parallel()
	content := blobtest.Bytes(3 << 20)
	read := func(t *testing.T, s *s3.Store, name string) error {
		o, err := s.Open(t.Context(), name)
		if err != nil {
			return err
		}
		got, err := io.ReadAll(io.NewSectionReader(o, 0, o.Size()))
		if err == nil && !bytes.Equal(got, content) {
			t.Error("another content came back")
		}
		return err
	}
	t.Run("cut", func(t *testing.T) {
		t.Parallel()
		for n, bad := range map[int32]error{2: nil, 100: blob.ErrAway} {
			cut := times(n)
			s, _ := behindProxy(t, func(p *s3test.Proxy) {
				p.Answer = func(r *http.Response) error {
					if r.Request.Method == http.MethodGet && strings.Contains(r.Request.URL.Path, "/blb_") && cut() {
						r.Body = struct {
							io.Reader
							io.Closer
						}{io.LimitReader(r.Body, 1000), r.Body}
					}
					return nil
				}
			})
			want(t, read(t, s, blobtest.Put(t, s, content)), bad)
		}
	})
	t.Run("late", func(t *testing.T) {
		t.Parallel()
		late := times(1)
		g, bucket := s3test.Bucket(t)
		p := g.Proxy(t)
		p.Handle = func(_ http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/blb_") || !late() {
				return false
			}
			<-r.Context().Done() // until the client gives up
			panic(http.ErrAbortHandler)
		}
		name := blobtest.Put(t, open(t, options(g.URL, bucket)), content)
		o := options(p.URL, bucket)
		o.Timeout = 2 * time.Second
		want(t, read(t, open(t, o), name), nil)
	})
}

func TestWhatOnlyAPersonCanMendEndsTheStart(t *testing.T) {
	t.Parallel()
	g, bucket := s3test.Bucket(t)
	tests := map[string]struct {
		spoil func(*s3.Options)
		says  string
	}{
		"no such bucket":    {func(o *s3.Options) { o.Bucket = "not-there" }, "NoSuchBucket"},
		"unknown key":       {func(o *s3.Options) { o.AccessKey = "somebody" }, "user"},
		"wrong secret":      {func(o *s3.Options) { o.SecretKey = "wrong" }, "SignatureDoesNotMatch"},
		"no key":            {func(o *s3.Options) { o.AccessKey = "" }, "access key"},
		"no certificate":    {func(o *s3.Options) { o.CAFile = "s3_test.go" }, "certificate"},
		"no CA file at all": {func(o *s3.Options) { o.CAFile = "nowhere.pem" }, "nowhere.pem"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(g.URL, bucket)
			test.spoil(&o)
			_, err := s3.Open(t.Context(), o)
			if err == nil || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), s3test.SecretKey) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestAKilledGateway: nothing is acknowledged that is not there, the store says
// that it is away, and goes on when the gateway is back.
func TestAKilledGateway(t *testing.T) {
	t.Parallel()
	g := s3test.Start(t)
	o := options(g.URL, g.Bucket(t, nil))
	s := open(t, o)
	content := blobtest.Bytes(6 << 20)
	kept := blobtest.Put(t, s, content)
	reading, err := s.Open(t.Context(), kept)
	if err != nil {
		t.Fatal(err)
	}
	half := blobtest.NewID()
	w, err := s.Create(t.Context(), half)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(blobtest.Bytes(17 << 20)); err != nil { // two parts are on their way
		t.Fatal(err)
	}
	g.Kill()
	_, err = w.Write(blobtest.Bytes(large))
	want(t, errors.Join(err, w.Commit()), blob.ErrAway)
	_, err = reading.ReadAt(make([]byte, 100), 5<<20)
	want(t, err, blob.ErrAway)
	want(t, s.Probe(t.Context()), blob.ErrAway)
	started, err := s3.Open(t.Context(), o)
	if err != nil {
		t.Fatalf("a start while the store is away: %v", err)
	}
	_, err = started.Create(t.Context(), blobtest.NewID())
	want(t, err, blob.ErrAway)

	g.Restart(t)
	want(t, errors.Join(s.Probe(t.Context()), started.Probe(t.Context())), nil)
	_, err = s.Open(t.Context(), half)
	want(t, err, blob.ErrNotFound)
	p := make([]byte, 100)
	if _, err := reading.ReadAt(p, 5<<20); err != nil || !bytes.Equal(p, content[5<<20:5<<20+100]) {
		t.Errorf("reading on: %v", err)
	}
	if got := blobtest.Get(t, started, blobtest.Put(t, started, content)); !bytes.Equal(got, content) {
		t.Error("another content came back")
	}
	n, err := s.Sweep(t.Context(), time.Now().Add(time.Hour))
	if err != nil || n != 1 {
		t.Errorf("%d half-sent uploads were swept, %v", n, err)
	}
	if n, err = s.Sweep(t.Context(), time.Now().Add(time.Hour)); err != nil || n != 0 {
		t.Errorf("%d more, %v", n, err)
	}
}
