package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/paraph/paraph/internal/config"
	product "github.com/paraph/paraph/internal/server"
)

// server is a running `paraph serve`.
type server struct {
	cmd *exec.Cmd
	url string
	id  string // of the first administrator
	key string
	log bytes.Buffer
	end func() error // of a server inside this process
}

// build makes the program as it is shipped.
func build(ctx context.Context) (string, error) {
	dir, err := os.MkdirTemp("", "changes")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "paraph")
	if out, err := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", bin, "./cmd/paraph").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w: %s", err, out)
	}
	return bin, nil
}

// serve starts the program and waits for its address. The credential of a store
// that was filled before lies beside it, where bench/scale put it.
func serve(ctx context.Context, bin string, at storePlace) (*server, error) {
	s := &server{}
	s.cmd = exec.Command(bin, "serve", "--json", "--data-dir", at.data, "--listen", "127.0.0.1:0", "--rate-limit", "0", "--token-lifetime", "1h", "--log-level", "warn")
	s.cmd.Env = append(os.Environ(), "PARAPH_DATABASE="+at.database)
	s.cmd.Stderr = &s.log
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	r := bufio.NewReader(out)
	line, err := r.ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("the server did not start: %w: %s", err, s.log.Bytes())
	}
	var said struct {
		URL    string `json:"url"`
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	if err := json.Unmarshal(line, &said); err != nil {
		return nil, err
	}
	go io.Copy(io.Discard, r)
	s.url = said.URL
	if said.ID == "" {
		raw, err := os.ReadFile(filepath.Join(at.data, "bench-admin.json"))
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(raw, &said); err != nil {
			return nil, err
		}
	}
	s.id, s.key = said.ID, said.Secret
	return s, nil
}

// serveHere runs the server inside this process, for a profile of it.
func serveHere(ctx context.Context, bin string, at storePlace, profile string) (*server, error) {
	c := config.Default()
	c.DataDir, c.Database, c.Listen, c.RateLimit, c.TokenLifetime = at.data, config.Secret(at.database), "127.0.0.1:0", 0, time.Hour
	c.LogLevel = "warn"
	srv, err := product.New(ctx, &c, product.Options{Version: "bench", ChildArgv: []string{bin, "child"}})
	if err != nil {
		return nil, err
	}
	if err := srv.Start(ctx); err != nil {
		return nil, err
	}
	out, err := os.Create(profile)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(out); err != nil {
		return nil, err
	}
	return &server{url: srv.URL(), id: srv.Admin.Client.ID, key: srv.Admin.Secret, end: func() error {
		pprof.StopCPUProfile()
		return errors.Join(out.Close(), srv.Stop(context.WithoutCancel(ctx)))
	}}, nil
}

// cpu gives the CPU time of the server's process and its children.
func (s *server) cpu() time.Duration {
	if s.cmd == nil {
		return ownCPU()
	}
	return cpuOf(s.cmd.Process.Pid)
}

func (s *server) stop() error {
	if s.end != nil {
		return s.end()
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return s.cmd.Wait()
}

// token logs the administrator in.
func (s *server) token(ctx context.Context) (string, error) {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {s.id}, "client_secret": {s.key}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/oauth/token", strings.NewReader(form.Encode()))
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

// ticksPerSecond is USER_HZ, which is 100 on Linux.
const ticksPerSecond = 100

// cpuOf gives the CPU time of a process with its children, dead and alive.
func cpuOf(pid int) time.Duration {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	var ticks int64
	for _, i := range []int{11, 12, 13, 14} { // utime, stime, cutime, cstime
		n, _ := strconv.ParseInt(fields[i], 10, 64)
		ticks += n
	}
	total := time.Duration(ticks) * time.Second / ticksPerSecond
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, t := range tasks {
		children, _ := os.ReadFile(t)
		for _, f := range strings.Fields(string(children)) {
			if child, err := strconv.Atoi(f); err == nil {
				total += cpuOf(child)
			}
		}
	}
	return total
}

// ownCPU gives the CPU time of this process.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
