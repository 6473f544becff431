package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/paraph/paraph/bench/rig"
)

// process is a running `paraph serve`.
type process struct {
	*rig.Process
	ready time.Duration
}

// serve starts the program on a folder and waits until it is ready: until
// /readyz says so, asked without pause.
func serve(ctx context.Context, bin string, o storeOptions, args ...string) (*process, error) {
	started := time.Now()
	p, err := rig.Serve(bin, []string{"PARAPH_DATABASE=" + o.database},
		append([]string{"--data-dir", o.data, "--listen", "127.0.0.1:0", "--rate-limit", "0", "--log-level", "warn"}, args...)...)
	if err != nil {
		return nil, err
	}
	for {
		res, err := http.Get(p.URL + "/readyz")
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return &process{p, time.Since(started)}, nil
			}
		}
		if ctx.Err() != nil {
			return nil, errors.Join(ctx.Err(), p.Stop())
		}
	}
}

// upload sends a file as a raw body and gives the answer's status.
func (p *process) upload(ctx context.Context, token, key string, size int64, body io.Reader, header ...string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.URL+"/v1/documents", body)
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
	last, still := p.CPU(), 0
	for still < 2 {
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
		now := p.CPU()
		if still++; now-last > 100*time.Millisecond {
			still = 0
		}
		last = now
	}
	return nil
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
