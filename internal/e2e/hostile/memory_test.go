package hostile

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/paraph/paraph/internal/testneed"
)

// maxMemory is what the server's own process may hold at most, in kB.
const maxMemory = 300 << 10

// TestMemory runs the built program and holds its peak resident memory under the
// limit while it takes a large file, gives it back, hands it over to another business
// unit in an archive, and reads the worst files.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program and moves a file of 250 MB; not with -short")
	}
	binary := filepath.Join(t.TempDir(), "paraph")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, filepath.Join(testneed.Root(t), "cmd", "paraph")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s, pid := serve(t, binary)
	const size = 250 << 20
	sum := sha256.New()
	body := io.TeeReader(io.LimitReader(zero{}, size), sum)
	res := s.send(t, http.MethodPost, "/v1/documents", body, "Content-Type", "application/octet-stream")
	if res.status != http.StatusAccepted {
		t.Fatalf("%d %s", res.status, res.body)
	}
	var up uploaded
	res.into(t, &up)
	if got := s.digest(t, "/v1/documents/"+up.Document.ID+"/versions/1/content"); got != hex.EncodeToString(sum.Sum(nil)) {
		t.Error("the large file came back different")
	}
	t.Logf("after 250 MB up and down: VmHWM %d kB", peak(t, pid))
	s.handedOver(t, up.Document.ID, hex.EncodeToString(sum.Sum(nil)))
	t.Logf("after its unit was exported, and imported into another: VmHWM %d kB", peak(t, pid))
	for _, f := range files(t) {
		s.upload(t, f.name, f.media, f.content)
	}
	got := peak(t, pid)
	t.Logf("after the odd files: VmHWM %d kB", got)
	if got > maxMemory {
		t.Errorf("the server held %d kB; at most %d are allowed", got, maxMemory)
	}
}

// handedOver exports the unit of the large file and imports the archive into another,
// which has the same file then.
func (s *stack) handedOver(t *testing.T, docID, sum string) {
	t.Helper()
	var e, m struct{ ID, State, Code string }
	begun := s.send(t, http.MethodPost, "/v1/business-units/general/exports", nil, "Prefer", "wait=60")
	if begun.into(t, &e); e.State != "ready" {
		t.Fatalf("the export: %d %s", begun.status, begun.body)
	}
	s.send(t, http.MethodPost, "/v1/business-units", strings.NewReader(`{"name":"next"}`), "Content-Type", "application/json")
	archive := s.open(t, "/v1/business-units/general/exports/"+e.ID+"/archive")
	defer archive.Close()
	begun = s.send(t, http.MethodPost, "/v1/business-units/next/imports", archive, "Content-Type", "application/zip", "Prefer", "wait=60")
	if begun.into(t, &m); m.State != "done" {
		t.Fatalf("the import: %d %s", begun.status, begun.body)
	}
	var made struct {
		Items []struct {
			There string `json:"origin_document_id"`
			Here  string `json:"document_id"`
		}
	}
	s.send(t, http.MethodGet, "/v1/business-units/next/imports/"+m.ID+"/documents", nil).into(t, &made)
	for _, d := range made.Items {
		if d.There == docID {
			if got := s.digest(t, "/v1/documents/"+d.Here+"/versions/1/content"); got != sum {
				t.Error("the large file was handed over different")
			}
			return
		}
	}
	t.Errorf("the large file was not handed over: %+v", made)
}

// serve starts the program on a free port and logs in with the credential that
// its first start prints.
func serve(t *testing.T, binary string) (*stack, int) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	listener.Close()
	cmd := exec.Command(binary, "serve", "--first-start", "credential", "--data-dir", t.TempDir(), "--listen", addr, "--ocr-languages", "eng")
	pipe, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("the server did not stop in order: %v", err)
		}
	})
	s := &stack{url: "http://" + addr}
	s.token = tokenFrom(t, s.url, pipe)
	return s, cmd.Process.Pid
}

var (
	clientID     = regexp.MustCompile(`\bcli_[0-9a-z]+`)
	clientSecret = regexp.MustCompile(`client secret:\s+(\S+)`)
)

// tokenFrom reads what the server prints until both halves of the credential came.
func tokenFrom(t *testing.T, url string, out io.Reader) string {
	t.Helper()
	lines := bufio.NewScanner(out)
	var id, secret string
	for (id == "" || secret == "") && lines.Scan() {
		if m := clientID.FindString(lines.Text()); m != "" {
			id = m
		}
		if m := clientSecret.FindStringSubmatch(lines.Text()); m != nil {
			secret = m[1]
		}
	}
	if id == "" || secret == "" {
		t.Fatal("the server printed no credential")
	}
	go func() { _, _ = io.Copy(io.Discard, out) }() // so that it never waits for its reader
	return login(t, url, id, secret)
}

// open begins to read what an address gives.
func (s *stack) open(t *testing.T, path string) io.ReadCloser {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return res.Body
}

func (s *stack) digest(t *testing.T, path string) string {
	t.Helper()
	body := s.open(t, path)
	defer body.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, body); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// peak gives a process's largest resident memory so far, in kB.
func peak(t *testing.T, pid int) int {
	t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		if v, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(v), "kB")))
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("the process states no VmHWM")
	return 0
}
