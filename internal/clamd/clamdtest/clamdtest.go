// Package clamdtest runs ClamAV daemons for tests: one of our own, which is strict about
// what it is sent and can misbehave, and Debian's, with one signature.
package clamdtest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/clamd"
	"github.com/paraph/paraph/internal/testneed"
)

// EICAR is the text that every scanner takes for malware, and that does no harm. It stands
// here in two parts, so that none takes this file for it.
const EICAR = `X5O!P%@AP[4\PZX54(P^)7CC)7}$` + `EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*`

// Daemon is a daemon that a test can stop, and start again at the same place.
type Daemon struct {
	t      testing.TB
	Socket string
	start  func() (stop func())
	stop   func() // nil: it is stopped
}

// URL is the daemon's place as the setting scanner has it.
func (d *Daemon) URL() string { return "unix:" + d.Socket }

// Start starts a daemon that is stopped.
func (d *Daemon) Start() { d.stop = d.start() }

// Stop stops it.
func (d *Daemon) Stop() {
	if d.stop != nil {
		d.stop()
	}
	d.stop = nil
}

func run(t testing.TB, start func(d *Daemon) (stop func())) *Daemon {
	t.Helper()
	dir, err := os.MkdirTemp("", "clamd") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) }) //nolint:errcheck // a leftover of a test
	d := &Daemon{t: t, Socket: filepath.Join(dir, "clamd.ctl")}
	d.start = func() func() { return start(d) }
	d.Start()
	t.Cleanup(d.Stop)
	return d
}

// Answer is what our daemon says to a file, instead of what it found in it; "" leaves that.
type Answer func(file []byte) string

// New runs a daemon of our own, which finds EICAR anywhere in a file. It fails the test
// where it is sent what no daemon understands.
func New(t testing.TB, says ...Answer) *Daemon {
	t.Helper()
	return run(t, func(d *Daemon) func() {
		l, err := net.Listen("unix", d.Socket)
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		all.Go(func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return // it was stopped
				}
				all.Go(func() { d.serve(conn, says) })
			}
		})
		return func() { l.Close(); all.Wait() } //nolint:errcheck // the listener is not used any more
	})
}

func (d *Daemon) serve(conn net.Conn, says []Answer) {
	defer conn.Close() //nolint:errcheck // everything was said
	r := bufio.NewReader(conn)
	command, err := r.ReadString(0)
	if err != nil {
		return // whoever asked went away
	}
	answer := ""
	switch command {
	case "zPING\x00":
		answer = "PONG"
	case "zINSTREAM\x00":
		file, err := chunks(r)
		if err != nil {
			d.t.Logf("a file broke off: %v", err)
			return
		}
		answer = "stream: OK"
		if bytes.Contains(file, []byte(EICAR)) {
			answer = "stream: Eicar-Signature FOUND"
		}
		for _, say := range says {
			if other := say(file); other != "" {
				answer = other
			}
		}
	default:
		d.t.Errorf("clamd was sent %q", command)
	}
	_, _ = io.WriteString(conn, answer+"\x00") // whoever asked may have gone away
}

// chunks reads a file as INSTREAM has it.
func chunks(r io.Reader) ([]byte, error) {
	var file bytes.Buffer
	for {
		var length uint32
		if err := binary.Read(r, binary.BigEndian, &length); err != nil || length == 0 {
			return file.Bytes(), err
		}
		if _, err := io.CopyN(&file, r, int64(length)); err != nil {
			return nil, err
		}
	}
}

// Debian runs clamd of the package clamav-daemon. Its only signature is that of EICAR,
// anywhere in a file.
func Debian(t testing.TB) *Daemon {
	t.Helper()
	program := testneed.Command(t, "clamd")
	return run(t, func(d *Daemon) func() {
		dir := filepath.Dir(d.Socket)
		conf := filepath.Join(dir, "clamd.conf")
		for file, text := range map[string]string{
			conf:                           fmt.Sprintf("LocalSocket %s\nDatabaseDirectory %s\nForeground yes\nStreamMaxLength 4M\n", d.Socket, dir),
			filepath.Join(dir, "test.ndb"): "Test.EICAR:0:*:" + hex.EncodeToString([]byte(EICAR)) + "\n",
		} {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command(program, "--config-file", conf)
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		awaited(t, d, ended, &out)
		return func() {
			_ = cmd.Process.Kill() // it may have ended
			<-ended
			_ = os.Remove(d.Socket) // as its end by itself does
		}
	})
}

// awaited waits until a daemon answers.
func awaited(t testing.TB, d *Daemon, ended <-chan error, out *bytes.Buffer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := clamd.New("unix", d.Socket).Ping(ctx)
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ended:
			t.Fatalf("clamd ended: %s", out)
		case <-ctx.Done():
			t.Fatalf("clamd does not answer: %v", err)
		}
	}
}
