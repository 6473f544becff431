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
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a running `paraph serve`.
type process struct {
	cmd   *exec.Cmd
	url   string
	admin admin // of the first start
	ready time.Duration
	log   bytes.Buffer
}

// serve starts the program on a folder and waits until it is ready: until
// /readyz says so, asked without pause.
func serve(ctx context.Context, bin string, o storeOptions, args ...string) (*process, error) {
	p := &process{}
	args = append([]string{"serve", "--json", "--data-dir", o.data, "--listen", "127.0.0.1:0", "--rate-limit", "0", "--log-level", "warn"}, args...)
	p.cmd = exec.CommandContext(ctx, bin, args...)
	p.cmd.Env = append(os.Environ(), "PARAPH_DATABASE="+o.database)
	p.cmd.Stderr = &p.log
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	started := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	r := bufio.NewReader(out)
	line, err := r.ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("the server did not start: %w: %s", err, p.log.Bytes())
	}
	var said struct {
		URL string `json:"url"`
		admin
	}
	if err := json.Unmarshal(line, &said); err != nil {
		return nil, err
	}
	go io.Copy(io.Discard, r)
	p.url, p.admin = said.URL, said.admin
	for {
		res, err := http.Get(p.url + "/readyz")
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				break
			}
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	p.ready = time.Since(started)
	return p, nil
}

func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return p.cmd.Wait()
}

// token logs the administrator in.
func (p *process) token(ctx context.Context) (string, error) {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {p.admin.ID}, "client_secret": {p.admin.Secret}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url+"/oauth/token", strings.NewReader(form.Encode()))
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

// upload sends a file as a raw body and gives the answer's status.
func (p *process) upload(ctx context.Context, token, key string, size int64, body io.Reader, header ...string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url+"/v1/documents", body)
	if err != nil {
		return err
	}
	req.ContentLength = size
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Idempotency-Key", key)
	req.Header.Set("Content-Type", "application/pdf")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode/100 != 2 {
		err = fmt.Errorf("%s: %s", res.Status, answer)
	}
	return err
}

// quiet waits until the process and its children have used less than a tenth of a
// core for two seconds.
func (p *process) quiet(ctx context.Context) error {
	last, still := cpu(p.cmd.Process.Pid), 0
	for still < 2 {
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
		now := cpu(p.cmd.Process.Pid)
		if still++; now-last > 100*time.Millisecond {
			still = 0
		}
		last = now
	}
	return nil
}

// cpu gives the CPU time that a process and its children have used.
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

// memory gives the resident bytes of a process and its descendants: their own
// (proportional set size), and how many processes there are.
func memory(pid int) (pss int64, processes int, err error) {
	all := family(pid)
	for _, p := range all {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", p))
		if err != nil {
			continue // it has ended meanwhile
		}
		pss += kilobytes(raw, "Pss:") << 10
	}
	if pss == 0 {
		err = fmt.Errorf("the memory of process %d cannot be read", pid)
	}
	return pss, len(all), err
}

// peak gives the most resident bytes a process ever had.
func peak(pid int) int64 {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	return kilobytes(raw, "VmHWM:") << 10
}

func kilobytes(raw []byte, field string) int64 {
	for line := range strings.Lines(string(raw)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == field {
			n, _ := strconv.ParseInt(f[1], 10, 64)
			return n
		}
	}
	return 0
}

// family gives a process with all its descendants.
func family(pid int) []int {
	out := []int{pid}
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, t := range tasks {
		raw, _ := os.ReadFile(t)
		for _, f := range strings.Fields(string(raw)) {
			if child, err := strconv.Atoi(f); err == nil {
				out = append(out, family(child)...)
			}
		}
	}
	return out
}
