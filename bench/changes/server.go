package main

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
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func build(ctx context.Context, dir string) (string, error) {
	bin, err := filepath.Abs(filepath.Join(dir, "paraph"))
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", bin, "./cmd/paraph").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w: %s", err, out)
	}
	return bin, nil
}

// process is a running `paraph serve`.
type process struct {
	cmd    *exec.Cmd
	url    string
	id     string
	secret string
	log    bytes.Buffer
}

func serve(ctx context.Context, bin, data, database string) (*process, error) {
	p := &process{}
	p.cmd = exec.CommandContext(ctx, bin, "serve", "--json", "--data-dir", data, "--listen", "127.0.0.1:0", "--rate-limit", "0", "--log-level", "warn")
	p.cmd.Env = append(os.Environ(), "PARAPH_DATABASE="+database)
	p.cmd.Stderr = &p.log
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
		return nil, fmt.Errorf("the server did not start: %w: %s", err, p.log.Bytes())
	}
	go io.Copy(io.Discard, r)
	var said struct {
		URL    string `json:"url"`
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	if err := json.Unmarshal(line, &said); err != nil {
		return nil, err
	}
	if said.ID == "" { // not its first start: bench/scale has kept the credential
		raw, err := os.ReadFile(filepath.Join(data, "bench-admin.json"))
		if err == nil {
			err = json.Unmarshal(raw, &said)
		}
		if err != nil {
			return nil, err
		}
	}
	p.url, p.id, p.secret = said.URL, said.ID, said.Secret
	return p, nil
}

func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return p.cmd.Wait()
}

func (p *process) host() string { return strings.TrimPrefix(p.url, "http://") }

func (p *process) token(id, secret string) (string, error) {
	res, err := http.PostForm(p.url+"/oauth/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}})
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	var got struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&got); err != nil || got.Token == "" {
		return "", fmt.Errorf("no token: %s: %w", res.Status, err)
	}
	return got.Token, nil
}

// people makes two clients and logs them in.
func (p *process) people() (t tokens, err error) {
	admin, err := p.token(p.id, p.secret)
	if err != nil {
		return t, err
	}
	for who, into := range map[string]*string{"ana@example.com": &t.ana, "bob@example.com": &t.bob} {
		body := fmt.Sprintf(`{"name":%q,"principal":%q,"scopes":["documents:read","documents:write","approvals:write","tasks:read","tasks:decide"]}`, who, who)
		req, err := http.NewRequest(http.MethodPost, p.url+"/v1/clients", strings.NewReader(body))
		if err != nil {
			return t, err
		}
		req.Header.Set("Authorization", "Bearer "+admin)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Idempotency-Key", fmt.Sprintf("client-%s-%d", who, time.Now().UnixNano()))
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return t, err
		}
		raw, err := io.ReadAll(res.Body)
		res.Body.Close()
		var made struct {
			Client struct{ ID string }
			Secret string `json:"client_secret"`
		}
		if err == nil {
			err = json.Unmarshal(raw, &made)
		}
		if err != nil || made.Secret == "" {
			return t, fmt.Errorf("no client: %s: %s: %w", res.Status, raw, err)
		}
		if *into, err = p.token(made.Client.ID, made.Secret); err != nil {
			return t, err
		}
	}
	return t, nil
}

// cpu gives the CPU time that a process and its descendants have used.
func cpu(pid int) (sum time.Duration) {
	for _, p := range family(pid) {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p))
		if err != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
		for _, f := range fields[11:13] { // utime and stime, in hundredths of a second (proc(5))
			n, _ := strconv.ParseInt(f, 10, 64)
			sum += time.Duration(n) * 10 * time.Millisecond
		}
	}
	return sum
}

func family(pid int) []int {
	out := []int{pid}
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, t := range tasks {
		raw, _ := os.ReadFile(t)
		for _, f := range strings.Fields(string(raw)) {
			if child, err := strconv.Atoi(f); err == nil && !slices.Contains(out, child) {
				out = append(out, family(child)...)
			}
		}
	}
	return out
}

// own is the CPU time of this process.
func own() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
