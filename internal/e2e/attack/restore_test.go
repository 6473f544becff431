//go:build judges

package attack

import (
	"bytes"
	"context"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/server"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store/pgtest"
)

// TestAcceptRestore: a restored backup does not start; accepted in words, the log
// goes on under a new name, says so, and is sound.
func TestAcceptRestore(t *testing.T) {
	t.Parallel()
	onBoth(t, func(v *victim) {
		before := v.signer(v.logKey())
		restored := v.size()
		restore := oldBackup(v)
		lost := v.note()
		if _, err := server.AcceptRestore(v.Context(), &v.conf, "for fun", false); fault.CodeOf(err) != "nothing_to_accept" {
			v.Errorf("accepted without a reason: %v", err)
		}
		restore()
		if got := v.onStart(); got != "log_rolled_back" {
			v.Fatalf("a start is refused with %q", got)
		}
		r, err := server.AcceptRestore(v.Context(), &v.conf, "the disk broke", false)
		if err != nil {
			v.Fatal(err)
		}
		if r.From != before.Origin() || r.To != r.From+"/2" || r.Size != restored || r.Seen <= r.Size {
			v.Errorf("the report: %+v", r)
		}
		if kept := v.file(r.SetAside); string(kept) != lost {
			v.Errorf("the mark that was set aside is %q", kept)
		}
		v.run(v.moreWork)
		if got := v.onAudit(); len(got) > 0 {
			v.Errorf("the audit finds %q", got)
		}
		if got := v.inBackground(); got != "" {
			v.Errorf("the background audit finds %q", got)
		}
		after, err := journal.NewVerifier(r.VKey)
		if err != nil {
			v.Fatal(err)
		}
		if _, err := after.OpenCheckpoint([]byte(v.note())); err != nil {
			v.Errorf("the log goes on under another name: %v", err)
		}
		if _, err := before.Verifier().OpenCheckpoint([]byte(v.note())); err == nil {
			v.Error("a holder of the old key takes a checkpoint of the new history")
		}
		if e := v.entries()[restored]; e.Kind != journal.LogRestored {
			v.Errorf("the first entry under the new name is %s", e.Kind)
		}
		if v.postgres() {
			return // the lease of the server that just stopped would be waited for
		}
		again, err := server.AcceptRestore(v.Context(), &v.conf, "and again", true)
		if err != nil || again.To != r.From+"/3" {
			v.Errorf("the next name: %+v %v", again, err)
		}
		v.run(v.moreWork)
	})
}

// TestAcceptRestoreIsNoWayRoundDamage: what contradicts itself is not accepted.
func TestAcceptRestoreIsNoWayRoundDamage(t *testing.T) {
	t.Parallel()
	v := newVictim(t, "")
	oldBackup(v)()
	v.exec("DELETE FROM entry WHERE idx = 20")
	if _, err := server.AcceptRestore(v.Context(), &v.conf, "the disk broke", true); fault.CodeOf(err) != "log_damaged" {
		v.Errorf("a damaged log is accepted: %v", err)
	}
}

// TestMissingMark: where one process has the database, it has kept a mark; where
// there are many, a new one begins its own.
func TestMissingMark(t *testing.T) {
	t.Parallel()
	onBoth(t, func(v *victim) {
		if err := os.Remove(v.mark()); err != nil {
			v.Fatal(err)
		}
		want := "mark_missing"
		if v.postgres() {
			want = ""
		}
		if got := v.onStart(); got != want {
			v.Errorf("a start is refused with %q, want %q", got, want)
		}
		if !v.postgres() {
			if _, err := server.AcceptRestore(v.Context(), &v.conf, "the file was lost", false); err != nil {
				v.Fatal(err)
			}
		}
		v.run(v.moreWork)
	})
}

// TestFaultStopsWriting: what the audit finds stops writing, not reading, also
// over a restart; and once it is mended, writing goes on by itself.
func TestFaultStopsWriting(t *testing.T) {
	t.Parallel()
	onBoth(t, func(v *victim) {
		v.exec("UPDATE entry SET principal = principal || '!' WHERE idx = 5")
		if got := v.inBackground(); got != "entry" {
			v.Fatalf("the background audit finds %q", got)
		}
		s, err := v.open()
		if err != nil {
			v.Fatalf("the server does not start, so nobody can read: %v", err)
		}
		defer s.Stop(context.WithoutCancel(v.Context()))
		unit := func() error {
			_, err := s.Service.CreateUnit(v.Context(), service.Call{Actor: v.actor}, "unit", service.UnitDetails{Title: "Unit", Weight: 1})
			return err
		}
		if err := unit(); fault.CodeOf(err) != "log_damaged" {
			v.Errorf("a command: %v", err)
		}
		if err := s.Ready(v.Context()); fault.CodeOf(err) != "log_damaged" {
			v.Errorf("ready: %v", err)
		}
		state, err := s.Service.AuditState(v.Context(), v.actor)
		if err != nil || state.Sound == nil || state.Audit.Fault == nil || state.Audit.Fault.Index != 5 {
			v.Errorf("the audit's state: %+v %v", state, err)
		}
		page, err := s.Service.Events(v.Context(), v.actor, service.EventQuery{Limit: 5})
		if err != nil || len(page.Events) != 5 {
			v.Errorf("reading: %d events, %v", len(page.Events), err)
		}
		v.exec("UPDATE entry SET principal = substr(principal, 1, length(principal) - 1) WHERE idx = 5")
		if got := v.inBackground(); got != "" {
			v.Fatalf("mended, the background audit finds %q", got)
		}
		if err := s.Start(v.Context()); err != nil { // it looks by itself what the audit has found
			v.Fatal(err)
		}
		deadline := time.Now().Add(30 * time.Second)
		for err = unit(); fault.CodeOf(err) == "log_damaged" && time.Now().Before(deadline); err = unit() {
			<-time.After(10 * time.Millisecond)
		}
		if err != nil {
			v.Errorf("mended, a command: %v", err)
		}
	})
}

// TestNotNumberedYet is what remains: on PostgreSQL an entry stands some
// milliseconds without a number, and whoever can write to the database just then
// can change it. An edit of the content alone shows, and so does a deletion, by the
// document's chain; an edit that is sealed anew, with the document's row, does not.
func TestNotNumberedYet(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		do    func(v *victim, e journal.Entry)
		audit string
	}{
		"edit": {func(v *victim, e journal.Entry) {
			v.exec(`UPDATE entry SET data = '{"lie": true}' WHERE id = ?`, e.ID)
		}, "entry"},
		"delete": {func(v *victim, e journal.Entry) { v.exec("DELETE FROM entry WHERE id = ?", e.ID) }, "chain"},
		"seal anew": {func(v *victim, e journal.Entry) {
			e.Data = bytes.Replace(e.Data, []byte("{"), []byte(`{"note":"a lie",`), 1)
			if err := journal.Seal(&e, e.PrevLeaf); err != nil {
				v.Fatal(err)
			}
			leaf := e.LeafHash()
			v.exec("UPDATE entry SET data = ?, leaf = ? WHERE id = ?", string(e.Data), e.Leaf, e.ID)
			v.exec("UPDATE document SET last_leaf = ? WHERE id = ?", leaf[:], e.DocumentID)
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVictim(t, pgtest.Database(t))
			v.conf.Roles = []string{"api"} // nobody numbers
			s, err := v.open()
			if err != nil {
				v.Fatal(err)
			}
			v.work(s, 1)
			id := v.docs[len(v.docs)-1]
			if err := s.Stop(context.WithoutCancel(v.Context())); err != nil {
				v.Fatal(err)
			}
			var e journal.Entry
			v.read(func(ctx context.Context, tx service.Reader) error {
				chain, err := tx.Chains(ctx, []string{id})
				if err == nil {
					e, err = tx.Entry(ctx, v.actor.Org, chain[len(chain)-1].ID)
				}
				return err
			})
			if e.Index != journal.Unsequenced {
				v.Fatalf("entry %s has its number already", e.ID)
			}
			c.do(v, e)
			v.conf.Roles = []string{"api", "sequencer"}
			v.run(func(*server.Server) {})
			if got := v.onAudit(); c.audit == "" && len(got) > 0 || c.audit != "" && !slices.Contains(got, c.audit) {
				v.Errorf("paraph audit verify finds %q, want %q", got, c.audit)
			}
		})
	}
}
