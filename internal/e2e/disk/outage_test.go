package disk

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/e2e/programtest"
	"github.com/paraph/paraph/internal/server"
	"github.com/paraph/paraph/internal/testneed"
)

// TestOutage: the disk of a running server fails, by the kernel's own answers.
// It takes no writes, says why in /readyz, goes on answering questions, and
// recovers by itself; what it acknowledged is there, and what it refused can be
// sent again under the same key.
func TestOutage(t *testing.T) {
	t.Parallel()
	for _, o := range []struct {
		name, inject string
		code         string // of the refusal
	}{
		{"a sync that fails", "fdatasync,fsync:error=EIO", "store_unavailable"},
		{"a write that fails", "pwrite64:error=EIO", "store_unavailable"},
		{"a disk that turned read-only", "pwrite64:error=EROFS", "store_unavailable"},
		{"a disk that is full", "pwrite64:error=ENOSPC", "storage_full"},
	} {
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			data := t.TempDir()
			p := programtest.Serve(t, programtest.Options{Data: data})
			h := login(t, p)
			before := h.draft("before", "key-before").want(t, http.StatusCreated)
			heal := inject(t, p.Pid(), o.inject)
			h.draft("during", "key-during").refused(t, o.code)
			h.ready(t, o.code)
			h.draft("during", "key-during").refused(t, o.code)
			if a := h.do(t, http.MethodGet, "/v1/documents/"+before, nil); a.Status != http.StatusOK {
				t.Errorf("reading while the disk fails: %d %s", a.Status, a.Body)
			}
			heal()
			h.ready(t, "")
			during := h.draft("during", "key-during").want(t, http.StatusCreated)
			if again := h.draft("during", "key-during").want(t, http.StatusCreated); again != during || during == before {
				t.Errorf("the repetition gave %s, then %s", during, again)
			}
			h.exactly(t, before, during)
			p.Kill()
			sound(t, data)
		})
	}
}

// TestFullDisk fills the file system of a running server to its last byte, and
// makes room again.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	unshare := testneed.Command(t, "unshare")
	dir := t.TempDir()
	script := `mount -t tmpfs -o size=24m tmpfs "$0" && exec "$@"`
	if out, err := exec.Command(unshare, "-rm", "sh", "-c", script, dir, "true").CombinedOutput(); err != nil {
		t.Skipf("this kernel lets nobody mount in a namespace of their own: %v %s", err, out)
	}
	p := programtest.Serve(t, programtest.Options{Data: filepath.Join(dir, "data"), Under: []string{unshare, "-rm", "sh", "-c", script, dir}})
	h := login(t, p)
	kept := []string{h.draft("first", "key-first").want(t, http.StatusCreated)}
	// Its folder is seen through the process: the mount is its own.
	inside := filepath.Join("/proc", fmt.Sprint(p.Pid()), "root", dir)
	filler := filepath.Join(inside, "filler")
	fill(t, filler)
	for n := 0; ; n++ { // what room the log still has may be used up first
		a := h.draft(fmt.Sprint("more", n), fmt.Sprint("key-more", n))
		if a.Status == http.StatusCreated {
			kept = append(kept, a.want(t, http.StatusCreated))
			continue
		}
		a.refused(t, "storage_full")
		break
	}
	h.ready(t, "storage_full")
	if a := h.do(t, http.MethodPost, "/v1/documents", smallPDF(), "Content-Type", "application/pdf"); a.Status/100 == 2 {
		t.Errorf("a file was taken in on a full disk: %d", a.Status)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	h.ready(t, "")
	kept = append(kept, h.draft("last", "key-last").want(t, http.StatusCreated))
	h.exactly(t, kept...)
}

// fill writes a file until the disk takes no more.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
}

// inject makes system calls of a process fail until heal is called.
func inject(t *testing.T, pid int, what string) (heal func()) {
	t.Helper()
	calls, _, _ := strings.Cut(what, ":")
	cmd := exec.Command(testneed.Command(t, "strace"), "-f", "-p", fmt.Sprint(pid), "-o", "/dev/null", "-e", "trace="+calls, "-e", "inject="+what)
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 256)
	if n, err := said.Read(line); err != nil || !strings.Contains(string(line[:n]), "attached") {
		t.Fatalf("strace does not hold the process: %v %s", err, line[:n])
	}
	healed := false
	heal = func() {
		if healed {
			return
		}
		healed = true
		_ = cmd.Process.Signal(syscall.SIGTERM) // it lets go
		_ = cmd.Wait()
	}
	t.Cleanup(heal)
	return heal
}

// holder is a logged-in caller.
type holder struct{ *programtest.Caller }

func login(t *testing.T, p *programtest.Process) holder {
	t.Helper()
	c, err := programtest.Login(p.URL, p.ID, p.Secret)
	if err != nil {
		t.Fatal(err)
	}
	return holder{c}
}

func (h holder) do(t *testing.T, method, path string, body []byte, header ...string) *programtest.Answer {
	t.Helper()
	a, err := h.Do(method, path, body, header...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// drafted is the answer to a draft.
type drafted struct {
	*programtest.Answer
	err error
}

func (h holder) draft(title, key string) drafted {
	a, err := h.Do(http.MethodPost, "/v1/drafts", []byte(`{"title":"`+title+`","external_id":"`+title+`"}`), "Idempotency-Key", key)
	if a == nil {
		a = &programtest.Answer{}
	}
	return drafted{a, err}
}

func (d drafted) want(t *testing.T, status int) string {
	t.Helper()
	var got struct{ ID string }
	if d.err != nil || d.Status != status || d.Into(&got) != nil {
		t.Fatalf("%d %s %v, want %d", d.Status, d.Body, d.err, status)
	}
	return got.ID
}

func (d drafted) refused(t *testing.T, code string) {
	t.Helper()
	if d.err != nil || d.Status < 500 || d.Code() != code {
		t.Fatalf("%d %s %v, want a refusal with the code %s", d.Status, d.Body, d.err, code)
	}
}

// ready waits until /readyz gives that code as the reason for not being ready,
// or with "" until it is. There is nothing to be told by, so it asks again and again.
func (h holder) ready(t *testing.T, want string) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	last := ""
	for {
		if a, err := h.Do(http.MethodGet, "/readyz", nil); err == nil {
			if last = a.Code(); last == want && (a.Status == http.StatusOK) == (want == "") {
				return
			}
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("/readyz says %q, never %q", last, want)
		}
	}
}

// exactly checks that these documents are there and no others.
func (h holder) exactly(t *testing.T, ids ...string) {
	t.Helper()
	var list struct{ Items []struct{ ID string } }
	if err := h.do(t, http.MethodGet, "/v1/documents?limit=100", nil).Into(&list); err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, d := range list.Items {
		have[d.ID] = true
	}
	for _, id := range ids {
		if !have[id] {
			t.Errorf("%s was acknowledged and is not there", id)
		}
	}
	if len(list.Items) != len(ids) {
		t.Errorf("%d documents, want %d", len(list.Items), len(ids))
	}
}

// sound audits the whole store.
func sound(t *testing.T, data string) {
	t.Helper()
	c := config.Default()
	c.DataDir = data
	report, err := server.Audit(t.Context(), &c, "", nil)
	if err != nil || !report.Sound || report.Waiting != 0 {
		t.Errorf("the log: %+v %v", report, err)
	}
}
