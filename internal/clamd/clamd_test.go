package clamd_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/paraph/paraph/internal/clamd"
	"github.com/paraph/paraph/internal/clamd/clamdtest"
	"github.com/paraph/paraph/internal/fault"
)

// TestScan: a file arrives as it is, whatever its length, and the answer says what was found.
func TestScan(t *testing.T) {
	t.Parallel()
	var got []byte
	d := clamdtest.New(t, func(file []byte) string { got = bytes.Clone(file); return "" })
	c := clamd.New("unix", d.Socket)
	if err := c.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	for _, n := range []int{0, 1, 64<<10 - 1, 64 << 10, 64<<10 + 1, 300_000} {
		for what, ending := range map[string]string{"": "", "Eicar-Signature": clamdtest.EICAR} {
			file := append(bytes.Repeat([]byte("x"), n), ending...)
			found, err := c.Scan(t.Context(), iotest.HalfReader(bytes.NewReader(file)))
			if err != nil || found != what || !bytes.Equal(got, file) {
				t.Errorf("%d bytes and %q: %q %v, %d bytes arrived", n, ending, found, err, len(got))
			}
		}
	}
}

// TestNoAnswer: whatever a daemon says that is neither yes nor no leaves a file unscanned,
// with the reason.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	for says, code := range map[string]string{
		"stream: Can't allocate memory ERROR": "scanner_unavailable", "UNKNOWN COMMAND": "scanner_unavailable", "stream: ok": "scanner_unavailable", "stream:  FOUND": "scanner_unavailable",
		"stream: OK FOUND OK": "scanner_unavailable", strings.Repeat("x", 5000): "scanner_unavailable", "INSTREAM size limit exceeded. ERROR": "file_too_large_to_scan",
	} {
		d := clamdtest.New(t, func([]byte) string { return says })
		found, err := clamd.New("unix", d.Socket).Scan(t.Context(), strings.NewReader("a file"))
		if found != "" || fault.CodeOf(err) != code {
			t.Errorf("%.40q: %q %v", says, found, err)
		}
	}
	d := clamdtest.New(t)
	c := clamd.New("unix", d.Socket)
	broken := errors.New("the file cannot be read")
	if _, err := c.Scan(t.Context(), iotest.ErrReader(broken)); !errors.Is(err, broken) || fault.CodeOf(err) == "scanner_unavailable" {
		t.Errorf("a file that cannot be read: %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Scan(gone, strings.NewReader("a file")); fault.CodeOf(err) != "scanner_unavailable" {
		t.Errorf("a caller that is gone: %v", err)
	}
	d.Stop()
	if _, err := c.Scan(t.Context(), strings.NewReader("a file")); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("a daemon that is gone: %v", err)
	}
	if err := c.Ping(t.Context()); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("a daemon that is gone answers: %v", err)
	}
}

// TestHangsUp: a daemon that has had enough says so before it has read the file, or says
// nothing; one that never answers is left when the caller's time is up.
func TestHangsUp(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		serve func(net.Conn)
		code  string
	}{
		"full": {func(conn net.Conn) {
			_, _ = io.CopyN(io.Discard, conn, 100_000)
			_, _ = io.WriteString(conn, "INSTREAM size limit exceeded. ERROR\x00")
		}, "file_too_large_to_scan"},
		"mute":      {func(net.Conn) {}, "scanner_unavailable"},
		"half-said": {func(conn net.Conn) { _, _ = io.WriteString(conn, "stream: OK") }, "scanner_unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					c.serve(conn)
					conn.Close()
				}
			}()
			found, err := clamd.New("tcp", l.Addr().String()).Scan(t.Context(), io.LimitReader(endless{}, 32<<20))
			if code := fault.CodeOf(err); found != "" || code != c.code && code != "scanner_unavailable" {
				t.Errorf("%q %v", found, err)
			}
		})
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		if conn, err := l.Accept(); err == nil {
			_, _ = io.CopyN(io.Discard, conn, 4) // it was heard
			cancel()
			_, _ = io.Copy(io.Discard, conn)
			conn.Close()
		}
	}()
	if _, err := clamd.New("tcp", l.Addr().String()).Scan(ctx, strings.NewReader("a file")); fault.CodeOf(err) != "scanner_unavailable" {
		t.Errorf("a daemon that never answers: %v", err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
