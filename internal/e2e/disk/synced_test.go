package disk

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/paraph/paraph/internal/e2e/programtest"
	"github.com/paraph/paraph/internal/store/pgtest"
	"github.com/paraph/paraph/internal/testneed"
)

// traced are the system calls that bring bytes to a disk, or an answer to a caller.
const traced = "write,pwrite64,pwritev,writev,fsync,fdatasync,sync_file_range,link,linkat,rename,renameat,renameat2"

func straceTo(t *testing.T, file string) []string {
	return []string{testneed.Command(t, "strace"), "-f", "-y", "-s", "400000", "-e", "trace=" + traced, "-e", "signal=none", "-o", file}
}

// TestSyncedBeforeAnswer: when a 2xx leaves the process, the database's log, the
// file and its folder are synced. Each request carries a mark that its journal
// entry holds, so the write that commits it is known, and the answer too.
func TestSyncedBeforeAnswer(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		trace, data := filepath.Join(dir, "trace"), filepath.Join(dir, "data")
		p := programtest.Serve(t, programtest.Options{Data: data, Under: straceTo(t, trace)})
		marks := oneOfEach(t, p)
		p.Stop()
		calls := readTrace(t, trace)
		for _, mark := range marks {
			judge(t, calls, calls, mark, func(path string) bool { return path == filepath.Join(data, "paraph.db-wal") })
		}
		blobsFirst(t, calls, filepath.Join(data, "blobs"))
		namesKept(t, calls, data, marks[0])
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		trace, data, theirs := filepath.Join(dir, "trace"), filepath.Join(dir, "data"), filepath.Join(dir, "postgres")
		address := pgtest.Database(t)
		watch(t, address, theirs)
		p := programtest.Serve(t, programtest.Options{Data: data, Database: address, Under: straceTo(t, trace)})
		marks := oneOfEach(t, p)
		p.Stop()
		ours := readTrace(t, trace)
		// The database commits before it answers us, and we answer after that:
		// its own trace has to show its log synced after our mark was written.
		wal := readTrace(t, theirs)
		for _, mark := range marks {
			committed(t, wal, mark, len(wal)+1<<30, func(path string) bool { return strings.Contains(path, "/pg_wal/") })
			if answer(ours, mark) < 0 {
				t.Errorf("%s: no answer in the trace", mark)
			}
		}
		blobsFirst(t, ours, filepath.Join(data, "blobs"))
	})
}

// oneOfEach makes one state change of each kind, one after the other, and gives
// their marks. A mark stands in its entry twice: one may be cut by a page of the log.
func oneOfEach(t *testing.T, p *programtest.Process) (marks []string) {
	t.Helper()
	c, err := programtest.Login(p.URL, p.ID, p.Secret)
	if err != nil {
		t.Fatal(err)
	}
	do := func(name, method, path string, body []byte, header ...string) *programtest.Answer {
		t.Helper()
		mark := fmt.Sprintf("mark-%s-%d", name, len(marks))
		a, err := c.Do(method, path, body, append(header, "X-Request-Id", mark, "User-Agent", mark)...)
		if err != nil {
			t.Fatal(err)
		}
		if a.Status/100 != 2 {
			t.Fatalf("%s: %d %s", name, a.Status, a.Body)
		}
		marks = append(marks, mark)
		return a
	}
	var up struct{ Document struct{ ID string } }
	into(t, do("upload", "POST", "/v1/documents", smallPDF(), "Content-Type", "application/pdf", "Prefer", "wait=60"), &up)
	do("edit", "PATCH", "/v1/documents/"+up.Document.ID, []byte(`{"labels":{"a":"b"}}`))
	var a struct{ Tasks []struct{ ID string } }
	into(t, do("submit", "POST", "/v1/approvals", []byte(`{"document_id":"`+up.Document.ID+`","document_type":"document","initiator":{"user_id":"u","email":"u@example.com"},"approvers":["v@example.com"],"metadata":{}}`)), &a)
	do("void", "POST", "/v1/documents/"+up.Document.ID+"/void", []byte(`{"reason":"a test"}`))
	return marks
}

func into(t *testing.T, a *programtest.Answer, v any) {
	t.Helper()
	if err := json.Unmarshal(a.Body, v); err != nil {
		t.Fatalf("%v: %s", err, a.Body)
	}
}

// answer is the line at which the answer that names the mark began to leave.
func answer(calls []call, mark string) int {
	for _, c := range calls {
		if c.name == "write" && strings.Contains(c.args, "HTTP/1.1 2") && strings.Contains(c.args, mark) {
			return c.start
		}
	}
	return -1
}

// judge looks at one request: its row in the database's log, then the log's
// sync, then the answer.
func judge(t *testing.T, ours, theirs []call, mark string, isLog func(string) bool) {
	t.Helper()
	at := answer(ours, mark)
	if at < 0 {
		t.Errorf("%s: no answer in the trace", mark)
		return
	}
	committed(t, theirs, mark, at, isLog)
}

// committed checks that the first write of the mark to the log was synced before a line.
func committed(t *testing.T, calls []call, mark string, before int, isLog func(string) bool) {
	t.Helper()
	for _, c := range calls {
		if !c.writes() || !isLog(c.path()) || !strings.Contains(c.args, mark) {
			continue
		}
		if !synced(calls, c.path(), c.end, before) {
			t.Errorf("%s: written to %s, and answered before that was synced", mark, filepath.Base(c.path()))
		}
		return
	}
	t.Errorf("%s: its entry was never written to the log", mark)
}

// blobsFirst checks every object that got its name: the bytes were synced before,
// and the folder after it, before the next answer left.
func blobsFirst(t *testing.T, calls []call, blobs string) {
	t.Helper()
	seen := 0
	for i, c := range calls {
		names := c.names()
		if !c.carries() || len(names) < 2 || !strings.HasPrefix(names[1], blobs+"/") {
			continue
		}
		seen++
		last := -1 // the end of the last write to it
		for _, w := range calls[:i] {
			if w.writes() && w.path() == names[0] {
				last = max(last, w.end)
			}
		}
		if last < 0 || !synced(calls, names[0], last, c.start) {
			t.Errorf("%s got its name before its bytes were synced", filepath.Base(names[1]))
		}
		next := len(calls) + 1<<30
		for _, w := range calls[i:] {
			if w.name == "write" && strings.Contains(w.args, "HTTP/1.1 2") {
				next = w.start
				break
			}
		}
		if !synced(calls, filepath.Dir(names[1]), c.end, next) {
			t.Errorf("the folder of %s was not synced before the next answer", filepath.Base(names[1]))
		}
	}
	if seen == 0 {
		t.Error("no object in the trace: the test looks for the wrong thing")
	}
}

// namesKept checks that the data folder itself, with the names of the database
// and of the keys, was synced before the first answer.
func namesKept(t *testing.T, calls []call, data, first string) {
	t.Helper()
	at := answer(calls, first)
	for _, dir := range []string{data, filepath.Join(data, "keys"), filepath.Dir(data)} {
		if !synced(calls, dir, -1, at) {
			t.Errorf("the folder %s was never synced before the first answer", dir)
		}
	}
}

// watch traces the test binary's PostgreSQL server, and those it forks.
func watch(t *testing.T, address, file string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(u.Query().Get("host"), "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, _, _ := strings.Cut(string(raw), "\n")
	args := straceTo(t, file)
	cmd := exec.Command(args[0], append(args[1:], "-p", pid)...)
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// It says "attached" once it watches.
	line := make([]byte, 256)
	n, err := said.Read(line)
	if err != nil || !strings.Contains(string(line[:n]), "attached") {
		t.Fatalf("strace does not watch: %v %s", err, line[:n])
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it lets go of what it watches
		_ = cmd.Wait()
	})
}

// smallPDF is one page of text.
func smallPDF() []byte {
	var b strings.Builder
	var offsets []int
	b.WriteString("%PDF-1.7\n")
	text := "BT /F1 12 Tf 72 700 Td (An order of forty two pencils and some paper.) Tj ET"
	for n, o := range []string{
		"<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [4 0 R] /Count 1 >>",
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> /Contents 5 0 R >>",
		fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(text), text),
	} {
		offsets = append(offsets, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", n+1, o)
	}
	at := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(offsets)+1)
	for _, o := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(offsets)+1, at)
	return []byte(b.String())
}
