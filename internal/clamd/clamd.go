// Package clamd asks a ClamAV daemon whether files hold malware, by its command INSTREAM
// (clamd(8)): a connection for each file, the file in chunks with their length before them,
// and one line for an answer.
package clamd

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/fault"
)

const (
	chunk     = 64 << 10 // bytes
	maxAnswer = 4 << 10  // bytes of an answer, of which a name is the longest part
	patience  = 2 * time.Minute
)

// Client asks one daemon. It is safe for concurrent use.
type Client struct{ network, address string }

// New names a daemon as net.Dial does.
func New(network, address string) *Client { return &Client{network, address} }

// Ping tells whether the daemon answers. Fault Unavailable "scanner_unavailable".
func (c *Client) Ping(ctx context.Context) error {
	said, err := c.ask(ctx, "PING", nil)
	if err == nil && said != "PONG" {
		err = away(fmt.Errorf("it answers %q", said))
	}
	return err
}

// Scan reads a file to its end and gives the name of what the daemon found in it; "" where
// it found nothing. Faults: Unavailable "scanner_unavailable", where it does not say which;
// TooLarge "file_too_large_to_scan", where it takes no file of this length.
func (c *Client) Scan(ctx context.Context, file io.Reader) (found string, err error) {
	said, err := c.ask(ctx, "INSTREAM", file)
	if err != nil {
		return "", err
	}
	said = strings.TrimPrefix(said, "stream: ")
	if name, is := strings.CutSuffix(said, " FOUND"); is && name != "" {
		return name, nil
	}
	switch {
	case said == "OK":
		return "", nil
	case strings.HasPrefix(said, "INSTREAM size limit exceeded"):
		return "", fault.New(fault.TooLarge, "file_too_large_to_scan", "The file is longer than the malware scanner takes. Send it in parts, or have its StreamMaxLength raised.")
	}
	return "", away(fmt.Errorf("it answers %q", said))
}

// ask sends a command, with a file behind it, and gives the answer. The answer is awaited
// from the start: a daemon that has had enough of a file says so, and hangs up.
func (c *Client) ask(ctx context.Context, command string, file io.Reader) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, c.network, c.address)
	if err != nil {
		return "", away(err)
	}
	defer conn.Close() //nolint:errcheck // everything was said
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	type answer struct {
		said string
		err  error
	}
	heard := make(chan answer, 1)
	go func() {
		said, err := line(conn)
		heard <- answer{said, err}
	}()
	unread, sent := send(conn, command, file)
	if unread != nil {
		return "", unread
	}
	a := <-heard
	if a.err != nil {
		return "", away(errors.Join(sent, a.err))
	}
	return a.said, nil
}

// send writes a command and a file. unread is why the file could not be read, which is
// not the daemon's fault.
func send(conn io.Writer, command string, file io.Reader) (unread, err error) {
	if _, err := conn.Write([]byte("z" + command + "\x00")); err != nil || file == nil {
		return nil, err
	}
	b := make([]byte, 4+chunk)
	for {
		n, err := io.ReadFull(file, b[4:])
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return err, nil
		}
		// A chunk of no bytes is the end.
		binary.BigEndian.PutUint32(b, uint32(n))
		if _, err := conn.Write(b[:4+n]); err != nil || n == 0 {
			return nil, err
		}
	}
}

// line reads an answer, which ends with a zero byte.
func line(conn io.Reader) (string, error) {
	var b bytes.Buffer
	_, err := io.Copy(&b, io.LimitReader(conn, maxAnswer))
	said, _, ended := strings.Cut(b.String(), "\x00")
	if !ended {
		return "", errors.Join(err, errors.New("it hung up before it had answered"))
	}
	return said, nil
}

func away(err error) error {
	return fault.Wrap(err, fault.Unavailable, "scanner_unavailable", "The malware scanner does not do its work: %s. Files wait for it.", err)
}
