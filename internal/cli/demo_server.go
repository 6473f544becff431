package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Patience with the demo's server, to come up and to stop in order.
const (
	serverStart = 60 * time.Second
	serverStop  = 30 * time.Second
)

// demoServer is the server of a demo: this very program in another process.
type demoServer struct {
	URL    string `json:"url"`
	ID     string `json:"client_id"`
	Secret string `json:"client_secret"`

	cmd  *exec.Cmd
	log  *tail
	gone chan struct{} // closed when the process has ended
	err  error         // how it ended; read after gone
}

// startServer starts `paraph serve` on a free port and waits until it is ready.
// No setting of the caller's environment reaches it: a demo must not touch a
// real database.
func startServer(ctx context.Context, self, data string, environ []string) (*demoServer, error) {
	s := &demoServer{log: &tail{limit: 4 << 10}, gone: make(chan struct{})}
	s.cmd = exec.Command(self, "serve", "--json", "--data-dir", data, "--listen", "127.0.0.1:0", "--organisation", "Tidewater Joinery", "--rate-limit", "0")
	for _, v := range environ {
		if !strings.HasPrefix(v, "PARAPH_") {
			s.cmd.Env = append(s.cmd.Env, v)
		}
	}
	s.cmd.Stderr = s.log
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	ready := make(chan error, 1)
	go func() {
		r := bufio.NewReader(stdout)
		line, err := r.ReadBytes('\n')
		if err == nil {
			err = json.Unmarshal(line, s)
		}
		ready <- err
		_, cerr := io.Copy(io.Discard, r)
		s.err = errors.Join(s.cmd.Wait(), cerr)
		close(s.gone)
	}()
	timer := time.NewTimer(serverStart)
	defer timer.Stop()
	select {
	case err = <-ready:
		if err == nil && (s.URL == "" || s.ID == "" || s.Secret == "") {
			err = errors.New("it said no address or no credential")
		}
	case <-timer.C:
		err = fmt.Errorf("it did not come up within %s", serverStart)
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		err = fmt.Errorf("the server did not start: %w", err)
		return s, err
	}
	return s, nil
}

// stop ends the server in order, and by force where it does not end.
func (s *demoServer) stop() error {
	select {
	case <-s.gone:
		return s.err
	default:
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return errors.Join(err, s.cmd.Process.Kill())
	}
	timer := time.NewTimer(serverStop)
	defer timer.Stop()
	select {
	case <-s.gone:
		return s.err
	case <-timer.C:
		err := s.cmd.Process.Kill()
		<-s.gone
		return errors.Join(fmt.Errorf("the server did not stop within %s and was ended", serverStop), err)
	}
}

// lastWords shows the end of the server's log.
func (s *demoServer) lastWords(w io.Writer) {
	if text := s.log.String(); text != "" {
		fmt.Fprintf(w, "The server's last words:\n%s", text)
	}
}

// tail keeps the last bytes written to it.
type tail struct {
	mu    sync.Mutex
	limit int
	buf   []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - t.limit; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(p), nil
}

// String gives what was kept, from the beginning of a line.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := bytes.IndexByte(t.buf, '\n'); len(t.buf) == t.limit && i >= 0 {
		return string(t.buf[i+1:])
	}
	return string(t.buf)
}
