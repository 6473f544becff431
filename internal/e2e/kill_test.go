package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/e2e/programtest"
	"github.com/paraph/paraph/internal/server"
	"github.com/paraph/paraph/internal/testneed"
)

// process is a real `paraph serve` that can be killed.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	gone chan struct{}
	said struct {
		URL    string
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
}

func serve(t *testing.T, data string, env ...string) *process {
	t.Helper()
	p := &process{t: t, gone: make(chan struct{})}
	p.cmd = exec.Command(programtest.Build(t), "serve", "--json", "--data-dir", data, "--listen", "127.0.0.1:0", "--rate-limit", "0", "--ocr-languages", "eng", "--log-level", "warn")
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PARAPH_") {
			p.cmd.Env = append(p.cmd.Env, v)
		}
	}
	p.cmd.Env = append(p.cmd.Env, env...)
	p.cmd.Stderr = testLog{t}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(stdout)
	line, err := r.ReadBytes('\n')
	go func() {
		defer close(p.gone)
		_, _ = io.Copy(io.Discard, r)
		_ = p.cmd.Wait() // it is killed: there is no good ending to ask for
	}()
	t.Cleanup(p.kill)
	if err == nil {
		err = json.Unmarshal(line, &p.said)
	}
	if err != nil {
		t.Fatalf("the server did not start: %v", err)
	}
	return p
}

// kill ends the process as a power cut would, and waits until it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may be gone already
	<-p.gone
}

// killer is a server on a folder that is killed and started again.
type killer struct {
	*process
	data       string
	id, secret string
}

func (k *killer) caller() *caller {
	k.t.Helper()
	return login(k.t, &http.Client{}, k.said.URL, k.id, k.secret)
}

// again kills the server after so long and starts it on the same folder.
func (k *killer) again(after time.Duration) *caller {
	k.t.Helper()
	timer := time.NewTimer(after)
	<-timer.C
	k.kill()
	k.process = serve(k.t, k.data)
	return k.caller()
}

// TestKill: the server is killed at random moments while it reads and while it
// seals. Started again on its folder, it ends what it began, exactly once.
func TestKill(t *testing.T) {
	t.Parallel()
	testneed.Command(t, "go")
	data := t.TempDir()
	k := &killer{process: serve(t, data), data: data}
	k.id, k.secret = k.said.ID, k.said.Secret
	c := k.caller()
	s := &stack{http: c.http, url: c.url, caller: c}
	s.draft("To warm up") // so that the engine is compiled: kills then hit the work itself
	rounds := 4
	if testing.Short() {
		rounds = 1
	}
	var done []string
	for range rounds {
		var up uploaded
		s.send(http.MethodPost, "/v1/documents", bytes.NewReader(textPDF("Order", "Terms", "Annex")), "Content-Type", "application/pdf").want(202).into(&up)
		s.caller = k.again(moment())
		s.until(up.Document.ID, "document.captured")
		s.submit(up.Document.ID, nil)
		e := s.envelope(up.Document.ID, person("ben", 1), person("cleo", 1))
		for _, r := range e.Recipients {
			s.open(s.link(e.ID, r.ID)).sign()
		}
		s.caller = k.again(moment())
		done = append(done, up.Document.ID)
	}
	for _, id := range done {
		s.sealedOnce(id)
	}
	k.kill()
	conf := config.Default()
	conf.DataDir = data
	report, err := server.Audit(t.Context(), &conf, "", nil)
	if err != nil || !report.Sound || report.Waiting != 0 {
		t.Errorf("the log after %d kills: %+v %v", 2*rounds+1, report, err)
	}
}

// moment is a random while in which reading or sealing a small file may be anywhere.
func moment() time.Duration { return time.Duration(rand.Int64N(int64(600 * time.Millisecond))) }
