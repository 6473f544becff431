//go:build judges

package e2e

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/e2e/programtest"
	"github.com/paraph/paraph/internal/failpoint"
	"github.com/paraph/paraph/internal/server"
	"github.com/paraph/paraph/internal/testneed"
	"github.com/paraph/paraph/pades/testca"
	"github.com/paraph/paraph/pades/tsp/tsptest"
)

// protecting are the points at which a program dies that raises an archived document.
var protecting = []failpoint.Point{failpoint.ProtectPrepared, failpoint.ProtectStamped, failpoint.ProtectStored, failpoint.ProtectAdded, failpoint.AdditionStored, failpoint.ProtectFinished}

// TestKilledWhileProtecting kills the program at each step of raising a level. What
// is half done is done again, once: no bytes of a token without its revision, no
// version twice, and every document reaches the level.
func TestKilledWhileProtecting(t *testing.T) {
	t.Parallel()
	testneed.Command(t, "go")
	ca, err := testca.ServeAt(time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ca.Close)
	tsa := tsptest.New(t, tsptest.Options{Served: ca})
	roots := filepath.Join(t.TempDir(), "tsa.pem")
	if err := os.WriteFile(roots, tsa.RootsPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	o := programtest.Options{Data: t.TempDir(), Program: programtest.Build(t, "failpoints"), Args: []string{
		"--timestamp-authorities", tsa.Serve(t), "--timestamp-roots", roots, "--outbound-allow", "127.0.0.0/8", "--anchor-interval", "0", "--seal-level", "t", "--token-lifetime", "1h"}}
	dying := func(point failpoint.Point) *programtest.Process {
		armed := o
		armed.Env = []string{"PARAPH_FAILPOINTS=" + string(point) + "=kill"}
		p, err := programtest.TryServe(t, armed)
		if err != nil {
			return nil
		}
		return p
	}
	life := func(first *programtest.Process) (*programtest.Process, *leveled) {
		p := programtest.Serve(t, o)
		if first == nil {
			first = p
		}
		client := &http.Client{}
		t.Cleanup(client.CloseIdleConnections)
		return p, &leveled{first: tsa, stack: &stack{url: p.URL, http: client, caller: login(t, client, p.URL, first.ID, first.Secret)}}
	}
	first, s := life(nil)
	var ids []string
	for range protecting {
		ids = append(ids, s.signed("To be raised"))
	}
	first.Kill()
	for i, point := range protecting {
		p := dying(point)
		if p == nil {
			continue // over what the life before left undone
		}
		if c, err := programtest.Login(p.URL, first.ID, first.Secret); err == nil {
			_, _ = c.Do(http.MethodPost, "/v1/documents/"+ids[i]+"/protect", []byte(`{"level":"lta"}`), "Content-Type", "application/json", "Idempotency-Key", ids[i]) // it may be dead already
		}
		select {
		case <-p.Gone():
		case <-time.After(time.Minute):
			t.Errorf("%s was never reached", point)
			p.Kill()
		}
	}
	last, s := life(first)
	for _, id := range ids {
		if a := s.post("/v1/documents/"+id+"/protect", map[string]any{"level": "lta"}); a.status != http.StatusAccepted && a.status != http.StatusConflict {
			t.Errorf("raising answers %d %s", a.status, a.body)
		}
		s.at(id, "lta")
		levels, newest := s.versionsOf(id)
		if strings.Join(levels, " ") != "t lt lta" || !bytes.Equal(s.archived(id, 1), newest) {
			t.Errorf("document %s was raised by the versions %v", id, levels)
		}
		s.verified(id, time.Now())
	}
	last.Stop()
	c := config.Default()
	c.DataDir = o.Data
	report, err := server.AuditStore(t.Context(), &c, server.AuditOptions{Blobs: true})
	if err != nil || !report.Sound {
		t.Errorf("the store after the kills: %+v %v", report, err)
	}
}
