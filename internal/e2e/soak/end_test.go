package soak

import (
	"encoding/json"
	"net/http"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/journal"
)

// finish lets a last life end everything that was begun, and counts.
func (w *world) finish() {
	w.t.Helper()
	l := w.start(shot{})
	if !l.up() || !w.check() {
		w.t.Fatalf("the last life does not live:\n%s", l.said.String())
	}
	w.gate.open(l.no)
	if !w.wait() {
		w.t.Errorf("%s: the callers do not come to an end", w.name)
		return
	}
	w.gate.abandon()
	w.busy.Wait()
	w.quiet()
	w.catchUp()
	w.model.confirm(w.log)
	if err := w.model.compare(); err != nil {
		w.t.Error(err)
	}
	w.everything()
	w.followed()
	w.told()
	w.shredded()
	w.visited()
	if err := l.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		w.t.Error(err)
	}
	if !l.over(time.Minute) || l.cmd.ProcessState.ExitCode() != 0 {
		w.t.Errorf("%s: the last life did not stop in order: %v\n%s", w.name, l.cmd.ProcessState, l.said.String())
		return
	}
	if report := w.audit(); report != nil && (report.Waiting != 0 || report.Size != w.log.next) {
		w.t.Errorf("%s: at the end %d entries have no number, and the log has %d of %d", w.name, report.Waiting, report.Size, w.log.next)
	}
}

// quiet waits until nothing is left to do, and checks that no job was made twice.
func (w *world) quiet() {
	w.t.Helper()
	s := w.openStore()
	defer func() {
		if err := s.Close(); err != nil {
			w.t.Error(err)
		}
	}()
	const open = "state NOT IN ('completed', 'scheduled')" // timers wait for days
	if !w.until(patience, func() bool { return len(w.jobs(s, open)) == 0 && len(w.backlog(s)) == 0 }) {
		w.t.Errorf("%s: work is left: %v %v", w.name, w.jobs(s, open), w.backlog(s))
	}
	for _, j := range w.jobs(s, "TRUE") {
		if j.count != 1 {
			w.model.fail(&w.model.doubled, "%d jobs %s %s", j.count, j.kind, j.args)
		}
	}
}

// everything compares all documents with their goals.
func (w *world) everything() {
	w.t.Helper()
	var g errgroup.Group
	g.SetLimit(4)
	for _, d := range w.model.documents {
		g.Go(func() error {
			if err := w.model.compareDocument(d.id); err != nil {
				return err
			}
			return w.arrived(d)
		})
	}
	if err := g.Wait(); err != nil {
		w.t.Error(err)
	}
}

// arrived looks whether a document is where its caller left it, with its log and
// its versions complete.
func (w *world) arrived(d *known) error {
	m, h := w.model, w.log
	if d.goal == document.Disposed {
		return nil // compareDocument and shredded have looked
	}
	got, err := w.send(request{method: http.MethodGet, path: "/v1/documents/" + d.id})
	if err != nil {
		return err
	}
	var now shown
	if err := json.Unmarshal(got.body, &now); err != nil {
		return err
	}
	if now.State != d.goal {
		m.fail(&m.lost, "%s ended as %s instead of %s", d.id, now.State, d.goal)
	}
	got, err = w.send(request{method: http.MethodGet, path: "/v1/documents/" + d.id + "/versions"})
	if err != nil {
		return err
	}
	var versions struct {
		Items []struct {
			Number       int
			Kind, SHA256 string
		}
	}
	if err := json.Unmarshal(got.body, &versions); err != nil {
		return err
	}
	sealed, want := 0, min(d.signers, 1)
	for _, v := range versions.Items {
		if v.Kind != "sealed" {
			continue
		}
		sealed++
		file, err := w.send(request{method: http.MethodGet, path: "/v1/documents/" + d.id + "/versions/" + itoa(v.Number) + "/content"})
		if err != nil {
			return err
		}
		if hexSum(file.body) != v.SHA256 {
			m.fail(&m.lost, "the sealed bytes of %s are not those acknowledged", d.id)
		}
	}
	if signed := h.times[subject{journal.DocumentSigned, d.id}]; sealed != want || signed != want {
		m.fail(&m.doubled, "%s has %d sealed versions and was signed %d times, want %d", d.id, sealed, signed, want)
	}
	return nil
}

// followed checks that every follower saw every event once, in order.
func (w *world) followed() {
	w.t.Helper()
	for _, f := range w.read {
		for {
			n, err := f.page(w, 0)
			if err != nil {
				w.t.Error(err)
				return
			}
			if n == 0 {
				break
			}
		}
		if slices.Equal(f.ids, w.log.public) {
			continue
		}
		at := 0
		for at < min(len(f.ids), len(w.log.public)) && f.ids[at] == w.log.public[at] {
			at++
		}
		w.model.fail(&w.model.lost, "a follower saw %d events of %d; the first difference is at %d", len(f.ids), len(w.log.public), at)
	}
}

// told checks that all who signed have the letter about the sealed document.
func (w *world) told() {
	w.t.Helper()
	for i := range w.log.completed {
		if n := w.post.told(w.log.completed[i].ID); n != 2 {
			w.model.fail(&w.model.lost, "of a completed envelope %d of its two signers were told", n)
		}
	}
}

// visited fails a long trial that did not reach every point.
func (w *world) visited() {
	w.t.Helper()
	if *kills < 3*len(points) {
		return
	}
	for _, p := range points {
		if w.plan.reached[p] == 0 {
			w.t.Errorf("%s: the failpoint %s was never reached (%d tries)", w.name, p, w.plan.missed[p])
		}
	}
}
