// Package anchored runs the real server with a real `paraph tsa`, two processes as
// at two parties, and has openssl judge the time stamps that come of it.
package anchored

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/e2e/programtest"
	"github.com/paraph/paraph/internal/store/pgtest"
	"github.com/paraph/paraph/internal/testneed"
)

// authority is a running `paraph tsa`.
type authority struct {
	URL  string `json:"url"`
	Root string `json:"root"`
	kill func()
}

func startAuthority(t *testing.T, dir, listen string) *authority {
	t.Helper()
	a := &authority{}
	a.kill = programtest.Party(t, a, "tsa", "--json", "--dir", dir, "--listen", listen, "--name", "Time of the test")
	return a
}

// installation is a server whose log is time-stamped.
type installation struct {
	*testing.T
	*programtest.Process
	options programtest.Options
	caller  *programtest.Caller
	openssl string
	roots   string
	dir     string
}

func (i *installation) do(method, path string) *programtest.Answer {
	i.T.Helper()
	a, err := i.caller.Do(method, path, nil)
	if err != nil || a.Status == 401 {
		i.T.Fatalf("%s: %v, %s", path, err, a.Body)
	}
	return a
}

// serve starts the server and logs in.
func (i *installation) serve(id, secret string) {
	i.T.Helper()
	i.Process = programtest.Serve(i.T, i.options)
	if i.ID != "" {
		id, secret = i.ID, i.Secret // the first start says them
	}
	var err error
	if i.caller, err = programtest.Login(i.URL, id, secret); err != nil {
		i.T.Fatal(err)
	}
}

// anchor is a time stamp as the API lists it.
type anchor struct {
	ID     string
	Size   int64
	SHA256 string `json:"checkpoint_sha256"`
}

// anchors waits until there are at least n.
func (i *installation) anchors(n int) []anchor {
	i.T.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		var page struct{ Items []anchor }
		if err := i.do("GET", "/v1/log/anchors").Into(&page); err != nil {
			i.T.Fatal(err)
		}
		if len(page.Items) >= n {
			return page.Items
		}
		select {
		case <-tick.C:
		case <-i.T.Context().Done():
			i.T.Fatalf("there are %d anchors only: %s", len(page.Items), i.do("GET", "/v1/log").Body)
		}
	}
}

// verify has openssl check files that were downloaded.
func (i *installation) verify(data []byte, token []byte) error {
	i.T.Helper()
	for name, content := range map[string][]byte{"checkpoint": data, "token.tst": token} {
		if err := os.WriteFile(filepath.Join(i.dir, name), content, 0o600); err != nil {
			i.T.Fatal(err)
		}
	}
	cmd := exec.Command(i.openssl, "ts", "-verify", "-token_in", "-in", "token.tst", "-data", "checkpoint", "-CAfile", i.roots)
	cmd.Dir = i.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

func TestAnchored(t *testing.T) {
	t.Parallel()
	for name, database := range map[string]func(*testing.T) string{
		"sqlite":   func(*testing.T) string { return "" },
		"postgres": func(t *testing.T) string { return pgtest.Database(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := &installation{T: t, openssl: testneed.Command(t, "openssl"), dir: t.TempDir()}
			keys := filepath.Join(t.TempDir(), "tsa")
			tsa := startAuthority(t, keys, "127.0.0.1:0")
			i.roots = tsa.Root
			i.options = programtest.Options{Data: filepath.Join(t.TempDir(), "data"), Database: database(t), Args: []string{
				"--timestamp-authorities", tsa.URL, "--timestamp-roots", tsa.Root, "--outbound-allow", "127.0.0.0/8", "--anchor-interval", "1m"}}
			i.serve("", "")
			i.judge(i.anchors(1)[0])
			i.killed(tsa, keys)
		})
	}
}

// judge lets openssl check a time stamp over the checkpoint as it is served, and
// refuse it over anything else.
func (i *installation) judge(a anchor) {
	i.T.Helper()
	token, note := i.do("GET", "/v1/log/anchors/"+a.ID+"/token"), i.do("GET", "/v1/log/anchors/"+a.ID+"/checkpoint")
	if token.Status != 200 || note.Status != 200 {
		i.T.Fatalf("%d %s, %d %s", token.Status, token.Body, note.Status, note.Body)
	}
	if err := i.verify(note.Body, token.Body); err != nil {
		i.T.Errorf("openssl refuses a time stamp of ours: %v", err)
	}
	for at := 0; at < len(note.Body); at += 7 {
		bad := bytes.Clone(note.Body)
		bad[at] ^= 1
		if i.verify(bad, token.Body) == nil {
			i.T.Fatalf("with byte %d of the checkpoint changed, openssl takes it", at)
		}
	}
	latest := i.do("GET", "/log/checkpoint/latest").Body
	origin, _, _ := bytes.Cut(latest, []byte("\n"))
	if !bytes.HasPrefix(note.Body, append(origin, '\n')) {
		i.T.Errorf("the stamped checkpoint %q is none of this log, %q", note.Body, latest)
	}
}

// killed kills the authority: the server goes on, says so, and asks it again once
// it is back and somebody wants that.
func (i *installation) killed(tsa *authority, keys string) {
	i.T.Helper()
	address := strings.TrimPrefix(tsa.URL, "http://")
	tsa.kill()
	if a := i.do("POST", "/v1/log/anchors"); a.Status != 202 {
		i.T.Fatalf("%d %s", a.Status, a.Body)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var log struct {
		Anchoring struct{ Code, Reason string }
	}
	for log.Anchoring.Code != "timestamp_unreachable" {
		<-tick.C
		if err := i.do("GET", "/v1/log").Into(&log); err != nil {
			i.T.Fatal(err)
		}
	}
	if a := i.do("GET", "/readyz"); a.Status != 200 {
		i.T.Errorf("without its authority the server is not ready: %s", a.Body)
	}
	startAuthority(i.T, keys, address)
	i.Stop() // a start asks again at once
	i.serve(i.ID, i.Secret)
	before := i.anchors(2)
	i.judge(before[0])

	flags := []string{"audit", "verify", "--json", "--data-dir", i.options.Data}
	i.Stop()
	cmd := exec.Command(programtest.Build(i.T), flags...)
	cmd.Env = append(os.Environ(), "PARAPH_DATABASE="+i.options.Database)
	out, err := cmd.Output()
	var report struct {
		Sound   bool
		Anchors int
	}
	if jerr := json.Unmarshal(out, &report); err != nil || jerr != nil || !report.Sound || report.Anchors != len(before) {
		i.T.Errorf("paraph audit verify says %s, %v", out, err)
	}
}
