//go:build judges

package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/e2e/programtest"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store/pgtest"
)

// shared is an installation on PostgreSQL with a process that serves, and workers
// that are started and killed.
type shared struct {
	*house
	*stack
	workers []*member
	calls   string // who called the recogniser: a line with its process for each call
}

// newShared starts the process that serves. poison makes large pages deadly.
func newShared(t *testing.T, poison bool) *shared {
	dir := t.TempDir()
	s := &shared{house: newHouse(t, programtest.Build(t), pgtest.Database(t)), calls: filepath.Join(dir, "callers")}
	if poison {
		poisonous(t, dir)
	} else {
		fakeOCR(t, dir, filepath.Join(dir, "no gate"), 0)
	}
	script, err := os.ReadFile(filepath.Join(dir, "tesseract"))
	if err != nil {
		t.Fatal(err)
	}
	script = bytes.Replace(script, []byte("echo call >> "), []byte("sleep 0.05; echo $PPID >> "+s.calls+"; echo call >> "), 1)
	for name, content := range map[string][]byte{"tesseract": script, "callers": nil} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	s.house.env = append(s.house.env, "PATH="+dir+":"+os.Getenv("PATH"), "PARAPH_PAGES_PER_TURN=6", "PARAPH_LEASE=1s", "PARAPH_LOG_LEVEL=warn")
	api := s.house.start("api,sequencer,dispatch")
	c := login(t, &http.Client{}, api.said.Address, api.said.ID, api.said.Secret)
	s.stack = &stack{http: c.http, url: c.url, caller: c}
	return s
}

// hire starts a worker process and waits until it is known to live.
func (s *shared) hire(env ...string) *member {
	s.house.t.Helper()
	usual := s.house.env
	s.house.env = slices.Concat(usual, env)
	m := s.house.start("work")
	s.house.env = usual
	s.workers = append(s.workers, m)
	o := programtest.Options{Database: s.house.database}
	for rows(s.house.t.(*testing.T), o, fmt.Sprintf("SELECT count(*) FROM lease WHERE name LIKE 'worker/%%-%d-%%'", m.cmd.Process.Pid)) == 0 {
		<-time.After(10 * time.Millisecond)
	}
	return m
}

// dies kills a worker, and lets the time pass after which it is believed dead.
func (s *shared) dies(m *member) {
	s.house.t.Helper()
	m.kill()
	pgtest.Exec(s.house.t, s.house.database, fmt.Sprintf("UPDATE lease SET until = 0 WHERE name LIKE 'worker/%%-%d-%%'", m.cmd.Process.Pid))
}

// by counts the calls of each worker.
func (s *shared) by() (n []int) {
	s.house.t.Helper()
	raw, err := os.ReadFile(s.calls)
	if err != nil {
		s.house.t.Fatal(err)
	}
	all := strings.Fields(string(raw))
	for _, m := range s.workers {
		n = append(n, len(slices.DeleteFunc(slices.Clone(all), func(pid string) bool { return pid != strconv.Itoa(m.cmd.Process.Pid) })))
	}
	return n
}

// whole checks that a document has all its pages, and that nothing of the work on
// it is left.
func (s *shared) whole(id string, pages int) {
	s.house.t.Helper()
	s.until(id, "document.captured")
	s.settled(id, "operation.succeeded")
	for no := 1; no <= pages; no += pages/4 + 1 {
		var page struct{ Words []struct{ Text string } }
		s.get(fmt.Sprintf("/v1/documents/%s/pages/%d", id, no)).want(200).into(&page)
		if len(page.Words) != 1 || page.Words[0].Text != "word" {
			s.house.t.Errorf("page %d of %s holds %+v", no, id, page.Words)
		}
	}
	o := programtest.Options{Database: s.house.database}
	t := s.house.t.(*testing.T)
	if n := rows(t, o, "SELECT count(*) FROM page WHERE document_id = '"+id+"'"); n != pages {
		t.Errorf("%s has %d pages, want %d", id, n, pages)
	}
	for n := 1; n > 0; { // the row goes right after the operation has ended
		n = rows(t, o, "SELECT count(*) FROM backlog WHERE document_id = '"+id+"'")
	}
	if n := rows(t, o, "SELECT count(*) FROM kept_page"); n != 0 {
		t.Errorf("%d pages are kept though nothing is read", n)
	}
}

// TestWorkersShareADocument: two worker processes read the pages of one long
// document at the same time. One is killed in the middle of another; nothing is
// lost, and hardly anything read twice.
func TestWorkersShareADocument(t *testing.T) {
	t.Parallel()
	s := newShared(t, false)
	s.caller = s.in(t)
	first, second := s.hire(), s.hire()
	short := s.drop("general", scanPDF(1))
	s.whole(short.Document.ID, 1)
	each := 0
	for _, n := range s.by() {
		each += n
	}

	const pages = 60
	long := s.drop("general", scanPDF(pages))
	s.whole(long.Document.ID, pages)
	n := s.by()
	t.Logf("pages by process: %d and %d", n[0]/each, n[1]/each)
	if n[0] < each*pages/6 || n[1] < each*pages/6 {
		t.Errorf("the calls of the two processes are %v: they did not share the document", n)
	}
	if all := n[0] + n[1]; all != each*(pages+1) {
		t.Errorf("%d calls for %d pages of %d each", all, pages+1, each)
	}

	// A short document that comes meanwhile does not wait for the long one.
	long = s.drop("general", scanPDF(pages))
	s.progress(long.Operation.ID, 6)
	var op struct {
		Waiting *struct{ Code string }
	}
	s.get("/v1/operations/" + long.Operation.ID).want(200).into(&op)
	if op.Waiting == nil || op.Waiting.Code != string(service.WaitsForPages) {
		t.Errorf("the operation waits for %+v", op.Waiting)
	}
	short = s.drop("general", scanPDF(1))
	s.until(short.Document.ID, "document.captured")
	if s.operation(long.Operation.ID).State == "succeeded" {
		t.Error("the short document came last: this test shows nothing")
	}
	s.dies(first)
	before := s.by()
	s.whole(long.Document.ID, pages)
	n = s.by()
	if n[0] > before[0]+1 || n[1] == before[1] { // one call may outlive its caller
		t.Errorf("the calls before and after the kill: %v, %v", before, n)
	}
	if all := n[0] + n[1]; all > each*(2*pages+3+6) {
		t.Errorf("%d calls for %d pages of %d each: what the killed one had read was read again", all, 2*pages+2, each)
	}
	t.Logf("pages by process, after one was killed: %d and %d", n[0]/each, n[1]/each)
	second.stop()
}

// TestADivisionSurvivesKills: a process dies when it has just divided a document,
// and processes die when they have just read a part. No page is lost or read twice.
func TestADivisionSurvivesKills(t *testing.T) {
	t.Parallel()
	s := newShared(t, false)
	s.caller = s.in(t)
	s.house.program = programtest.Build(t, "failpoints")
	const pages = 30
	first, second := s.hire("PARAPH_FAILPOINTS=capture.divided=kill"), s.hire("PARAPH_FAILPOINTS=capture.divided=kill")
	long := s.drop("general", scanPDF(pages))
	select {
	case <-first.gone:
		s.dies(first)
	case <-second.gone:
		s.dies(second)
	}
	s.whole(long.Document.ID, pages)
	all := func() (sum int) {
		for _, n := range s.by() {
			sum += n
		}
		return sum
	}
	once := all()
	if once == 0 || once%pages != 0 {
		t.Errorf("%d calls for %d pages", once, pages)
	}
	s.dies(first)
	s.dies(second)

	third, fourth := s.hire("PARAPH_FAILPOINTS=capture.part=kill"), s.hire("PARAPH_FAILPOINTS=capture.part=kill")
	long = s.drop("general", scanPDF(pages))
	<-third.gone
	<-fourth.gone
	s.dies(third)
	s.dies(fourth)
	n := s.by()
	s.hire()
	s.whole(long.Document.ID, pages)
	t.Logf("calls by process: %v", s.by())
	if n[2] == 0 || n[3] == 0 || all() != 2*once {
		t.Errorf("%v calls, want %d for each of the two documents", s.by(), once)
	}
}

// TestAPoisonPageAmongWorkers: a page that brings down whoever reads it, in a
// document that several processes share. It does so as often as the rule says, and
// no more; its document goes into quarantine, and others are read all the while.
func TestAPoisonPageAmongWorkers(t *testing.T) {
	t.Parallel()
	s := newShared(t, true)
	s.caller = s.in(t)
	s.hire()
	s.hire()
	contents := slices.Repeat([]string{"BT /F1 24 Tf 20 40 Td (ABC) Tj ET"}, 23)
	poison := s.drop("general", onePageLarge(contents, 13))
	var sound []uploaded
	deaths := 0
	for over := time.After(4 * time.Minute); ; {
		if d := s.document(poison.Document.ID); d.Processing.Status == "quarantined" {
			if !strings.Contains(d.Processing.Reason, fmt.Sprint(service.MaxDeaths, " times")) {
				t.Errorf("the reason is %q", d.Processing.Reason)
			}
			break
		}
		for _, m := range slices.Clone(s.workers[deaths:]) {
			select {
			case <-m.gone:
			default:
				continue
			}
			deaths++
			i := slices.Index(s.workers, m)
			s.workers[i], s.workers[deaths-1] = s.workers[deaths-1], m // the dead come first
			s.dies(m)
			s.hire()
			sound = append(sound, s.drop("general", scanPDF(2)))
		}
		select {
		case <-over:
			t.Fatalf("after %d deaths the document is %+v", deaths, s.document(poison.Document.ID).Processing)
		case <-time.After(20 * time.Millisecond):
		}
	}
	if deaths != service.MaxDeaths {
		t.Errorf("it brought %d processes down, want %d", deaths, service.MaxDeaths)
	}
	for _, up := range sound {
		s.until(up.Document.ID, "document.captured")
	}
	if n := rows(t, programtest.Options{Database: s.house.database}, "SELECT count(*) FROM backlog WHERE document_id = '"+poison.Document.ID+"' AND holder <> ''"); n != 0 {
		t.Errorf("%d workers still have parts of it", n)
	}
}

// onePageLarge makes a PDF of small pages of which one is so large as to do harm.
func onePageLarge(contents []string, which int) []byte {
	small := drawnPDF("0 0 200 100", contents...)
	at := -1
	for range which {
		at += 1 + bytes.Index(small[at+1:], []byte("/MediaBox [0 0 200 100]"))
	}
	out := slices.Clone(small)
	copy(out[at:], "/MediaBox [0 0 900 900]")
	return out
}
