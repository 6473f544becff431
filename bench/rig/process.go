package rig

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Build makes the program as it is shipped, in a folder that the caller removes.
func Build(ctx context.Context) (bin string, err error) {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return "", err
	}
	bin = filepath.Join(dir, "paraph")
	if out, err := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", bin, "./cmd/paraph").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w: %s", err, out)
	}
	return bin, nil
}

// Login is a server's address, and the credential of its first administrator.
type Login struct {
	URL    string `json:"address"`
	ID     string `json:"client_id"` // "": there was one before
	Secret string `json:"client_secret"`
}

// Process is a running `paraph serve`.
type Process struct {
	Login
	cmd *exec.Cmd
	log bytes.Buffer
}

// Serve starts the program with settings beside those of this process's
// environment, and waits until it says where it serves.
func Serve(bin string, env []string, args ...string) (*Process, error) {
	p := &Process{cmd: exec.Command(bin, append([]string{"serve", "--json"}, args...)...)}
	p.cmd.Env, p.cmd.Stderr = append(os.Environ(), env...), &p.log
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	r := bufio.NewReader(out)
	line, err := r.ReadBytes('\n')
	if err != nil {
		p.cmd.Wait()
		return nil, fmt.Errorf("the server did not start: %w: %s", err, p.log.Bytes())
	}
	if err := json.Unmarshal(line, &p.Login); err != nil {
		return nil, err
	}
	go io.Copy(io.Discard, r)
	return p, nil
}

// PID is the process's number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// CPU gives the CPU time of the process and its children.
func (p *Process) CPU() time.Duration { return CPUOf(p.cmd.Process.Pid) }

// Stop lets the process end in order.
func (p *Process) Stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return p.cmd.Wait()
}

// Token logs the administrator in.
func (l Login) Token(ctx context.Context) (string, error) {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {l.ID}, "client_secret": {l.Secret}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.URL+"/oauth/token", strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	var got struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&got); err != nil || got.Token == "" {
		return "", fmt.Errorf("no token: %s %w", res.Status, err)
	}
	return got.Token, nil
}
