package witness

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
)

func key(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

// history is a log in memory: its owner can do to it what they like.
type history struct {
	t      testing.TB
	signer *journal.Signer
	tree   journal.Tree
	hashes []journal.Hash
}

func newHistory(t testing.TB, origin string) *history {
	t.Helper()
	s, err := journal.NewSigner(origin, key(origin))
	if err != nil {
		t.Fatal(err)
	}
	return &history{t: t, signer: s}
}

// grow adds entries that say what; other words make another history.
func (h *history) grow(n int, what string) *history {
	for range n {
		var stored []journal.StoredHash
		h.tree, stored = h.tree.Append(fmt.Appendf(nil, "%s %d", what, h.tree.Size()))
		for _, s := range stored {
			h.hashes = append(h.hashes, s.Hash)
		}
	}
	return h
}

func (h *history) checkpoint() journal.Checkpoint {
	h.t.Helper()
	cp, err := h.signer.Sign(h.tree.Head())
	if err != nil {
		h.t.Fatal(err)
	}
	return cp
}

// request asks for a cosignature of the newest checkpoint, from the old size.
func (h *history) request(old int64) []byte {
	h.t.Helper()
	var proof []journal.Hash
	if old <= h.tree.Size() {
		var err error
		proof, err = journal.ProveConsistency(old, h.tree.Size(), journal.HashReaderFunc(func(at []int64) ([]journal.Hash, error) {
			var out []journal.Hash
			for _, p := range at {
				out = append(out, h.hashes[p])
			}
			return out, nil
		}))
		if err != nil {
			h.t.Fatal(err)
		}
	}
	return journal.AddCheckpoint{Old: old, Proof: proof, Checkpoint: h.checkpoint().Note}.Encode()
}

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func open(t testing.TB, dir string, logs ...*history) *Witness {
	t.Helper()
	cosigner, err := journal.NewCosigner("witness.example/w", key("witness"))
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Dir: dir, Cosigner: cosigner, Clock: clock.NewFake(noon)}
	for _, l := range logs {
		c.Logs = append(c.Logs, l.signer.Verifier())
	}
	w, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

// cosigned checks that the witness cosigns the newest checkpoint.
func cosigned(t testing.TB, w *Witness, h *history, old int64) {
	t.Helper()
	line, err := w.Add(h.request(old))
	if err != nil {
		t.Fatalf("%d → %d: %v", old, h.tree.Size(), err)
	}
	sig, err := h.signer.Verifier().Cosigned(h.checkpoint(), line, w.cosigner.Verifier())
	if err != nil || !sig.At.Equal(noon) {
		t.Fatalf("the cosignature is refused: %v", err)
	}
}

func code(err error) string {
	var ahead *AheadError
	if errors.As(err, &ahead) {
		return fmt.Sprintf("ahead %d", ahead.Size)
	}
	return fault.CodeOf(err)
}

func refusedAs(t testing.TB, w *Witness, request []byte, want string) {
	t.Helper()
	if _, err := w.Add(request); code(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestAttacks are the rows of the attack table that only a witness can see.
func TestAttacks(t *testing.T) {
	t.Parallel()
	h := newHistory(t, "log.example/audit").grow(100, "true")
	w := open(t, t.TempDir(), h)
	cosigned(t, w, h, 0)
	cosigned(t, w, h, 100) // again: said before
	cosigned(t, w, h.grow(50, "true"), 100)

	same := newHistory(t, "log.example/audit").grow(150, "false")
	refusedAs(t, w, same.request(150), "ahead 150") // everything rewritten with the key
	beyond := newHistory(t, "log.example/audit").grow(90, "true").grow(200, "false")
	refusedAs(t, w, beyond.request(150), "proof_refused")
	refusedAs(t, w, beyond.request(0), "ahead 150")
	backup := newHistory(t, "log.example/audit").grow(120, "true") // restored from before
	for _, old := range []int64{0, 100, 120} {
		refusedAs(t, w, backup.request(old), "ahead 150")
	}
	refusedAs(t, w, backup.request(150), "bad_tree_size")
	cosigned(t, w, backup.grow(80, "true"), 150) // the same history, grown: that is no attack
	if got := w.Seen()[0]; got.Size != 200 || got.Root != h.grow(50, "true").tree.Head().Root.String() {
		t.Errorf("the witness stands at %+v", got)
	}
}

func TestWhoMayAsk(t *testing.T) {
	t.Parallel()
	h, stranger := newHistory(t, "log.example/audit").grow(5, "a"), newHistory(t, "other.example/audit").grow(5, "a")
	w := open(t, t.TempDir(), h)
	refusedAs(t, w, stranger.request(0), "unknown_log")
	forger, err := journal.NewSigner("log.example/audit", key("another key"))
	if err != nil {
		t.Fatal(err)
	}
	forged := &history{t: t, signer: forger, tree: h.tree, hashes: h.hashes}
	refusedAs(t, w, forged.request(0), "checkpoint_refused")
	refusedAs(t, w, []byte("old 0\n\nhello\n"), "checkpoint_malformed")
	refusedAs(t, w, []byte("hello"), "add_checkpoint_malformed")
	if w.Seen()[0].Size != 0 {
		t.Error("something was recorded")
	}
	// A published checkpoint with a stranger's lines is cosigned without them.
	long := h.checkpoint().Note
	for range 60 {
		long = append(long, "— log.example/audit "+strings.Repeat("QUFB", 200)+"\n"...)
	}
	if _, err := w.Add(journal.AddCheckpoint{Checkpoint: long}.Encode()); err != nil {
		t.Fatal(err)
	}
	kept, err := w.Latest(journal.LogID("log.example/audit"))
	if err != nil || bytes.Contains(kept, []byte("QUFBQUFB")) {
		t.Errorf("the strangers' lines were kept, %v", err)
	}
}

// TestRestart: what was cosigned is known again, and a state that is not what
// both have signed is never a fresh start.
func TestRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := newHistory(t, "log.example/audit").grow(10, "true")
	w := open(t, dir, h)
	if _, err := Open(Config{Dir: dir, Cosigner: w.cosigner}); err == nil {
		t.Error("two witnesses work in one folder")
	}
	cosigned(t, w, h, 0)
	before, err := w.Latest(journal.LogID("log.example/audit"))
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	w = open(t, dir, h)
	if after, err := w.Latest(journal.LogID("log.example/audit")); err != nil || !bytes.Equal(before, after) {
		t.Errorf("it kept %s, %v", after, err)
	}
	refusedAs(t, w, newHistory(t, "log.example/audit").grow(10, "false").request(10), "ahead 10")
	path := w.folder.path(journal.LogID("log.example/audit"))
	w.Close()
	conf := Config{Dir: dir, Cosigner: w.cosigner, Logs: []*journal.Verifier{h.signer.Verifier()}}
	for i := 0; i < len(before); i += 7 {
		spoilt := bytes.Clone(before)
		spoilt[i] ^= 1
		if err := os.WriteFile(path, spoilt, 0o600); err != nil {
			t.Fatal(err)
		}
		if w, err := Open(conf); err == nil {
			w.Close()
			t.Errorf("a state with byte %d changed is taken", i)
		}
	}
	if err := os.WriteFile(path, h.checkpoint().Note, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(conf); err == nil {
		t.Error("a state without the own cosignature is taken")
	}
}

var errKilled = errors.New("killed")

// TestKilled ends the process before and after the state is kept. Whatever was on
// the disk by then, no cosignature of the one history is followed by one of
// the other.
func TestKilled(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"before", "after"} {
		dir := t.TempDir()
		h := newHistory(t, "log.example/audit").grow(10, "true")
		w := open(t, dir, h)
		cosigned(t, w, h, 0)
		w.folder.step = func(name string) error {
			if name == step {
				return errKilled
			}
			return nil
		}
		h.grow(5, "true")
		if line, err := w.Add(h.request(10)); !errors.Is(err, errKilled) || line != nil {
			t.Errorf("%s: a cosignature left: %q, %v", step, line, err)
		}
		w.Close()
		w = open(t, dir, h)
		at := w.Seen()[0].Size
		if want := map[string]int64{"before": 10, "after": 15}[step]; at != want {
			t.Errorf("%s: it stands at %d", step, at)
		}
		cosigned(t, w, h, at) // the log goes on from the size it is told
		fork := newHistory(t, "log.example/audit").grow(12, "true").grow(20, "false")
		refusedAs(t, w, fork.request(15), "proof_refused")
		refusedAs(t, w, fork.request(10), "ahead 15")
	}
}

// TestFullDisk: a state that cannot be kept is not cosigned, and once it can be
// again the witness goes on.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	h := newHistory(t, "log.example/audit").grow(3, "true")
	w := open(t, t.TempDir(), h)
	w.folder.step = func(string) error { return errors.New("no space left") }
	refusedAs(t, w, h.request(0), "state_not_kept")
	w.folder.step = func(string) error { return nil }
	cosigned(t, w, h, 0)
}

// TestTwoSubmitters race with two histories of the same log: one of them wins
// each size, and all that was cosigned is one history.
func TestTwoSubmitters(t *testing.T) {
	t.Parallel()
	base := newHistory(t, "log.example/audit").grow(4, "true")
	w := open(t, t.TempDir(), base)
	cosigned(t, w, base, 0)
	type said struct {
		size int64
		root string
	}
	var mu sync.Mutex
	seen := map[said]bool{}
	var wait sync.WaitGroup
	for _, what := range []string{"left", "right"} {
		wait.Go(func() {
			h, old := newHistory(t, "log.example/audit").grow(4, "true"), int64(4)
			for range 40 {
				h.grow(1, what)
				_, err := w.Add(h.request(min(old, h.tree.Size())))
				var ahead *AheadError
				switch {
				case err == nil:
					old = h.tree.Size()
					mu.Lock()
					seen[said{old, h.tree.Head().Root.String()}] = true
					mu.Unlock()
				case errors.As(err, &ahead):
					old = ahead.Size
				}
			}
		})
	}
	wait.Wait()
	roots := map[int64]string{}
	left, right := newHistory(t, "log.example/audit").grow(4, "true"), newHistory(t, "log.example/audit").grow(4, "true")
	both := map[string]map[string]bool{"left": {}, "right": {}}
	for range 40 {
		both["left"][left.grow(1, "left").tree.Head().Root.String()] = true
		both["right"][right.grow(1, "right").tree.Head().Root.String()] = true
	}
	ofLeft, ofRight := 0, 0
	for s := range seen {
		if r, ok := roots[s.size]; ok && r != s.root {
			t.Errorf("two roots at size %d were cosigned", s.size)
		}
		roots[s.size] = s.root
		if both["left"][s.root] {
			ofLeft++
		}
		if both["right"][s.root] {
			ofRight++
		}
	}
	if ofLeft > 0 && ofRight > 0 || ofLeft+ofRight == 0 {
		t.Errorf("%d checkpoints of one history and %d of the other were cosigned", ofLeft, ofRight)
	}
}

// TestProtocol speaks HTTP as tlog-witness says.
func TestProtocol(t *testing.T) {
	t.Parallel()
	h := newHistory(t, "log.example/audit").grow(7, "true")
	w := open(t, t.TempDir(), h)
	srv := httptest.NewServer(w.Handler())
	t.Cleanup(srv.Close)
	get := func(path string) (int, string) {
		res, err := http.Get(srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(body)
	}
	post := func(body []byte) (int, string, string) {
		res, err := http.Post(srv.URL+"/add-checkpoint", "text/plain", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		got, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, res.Header.Get("Content-Type"), string(got)
	}
	id := journal.LogID("log.example/audit")
	if status, _ := get("/checkpoint/" + id); status != 404 {
		t.Errorf("before the first: %d", status)
	}
	if status, _, line := post(h.request(0)); status != 200 || !strings.HasPrefix(line, "— witness.example/w ") {
		t.Fatalf("%d %s", status, line)
	}
	grown := newHistory(t, "log.example/audit").grow(9, "true")
	bad := newHistory(t, "log.example/audit").grow(9, "false")
	for name, c := range map[string]struct {
		body   []byte
		status int
		media  string
		answer string
	}{
		"wrong old size":  {grown.request(3), 409, "text/x.tlog.size", "7\n"},
		"other root":      {newHistory(t, "log.example/audit").grow(7, "false").request(7), 409, "text/x.tlog.size", "7\n"},
		"bad proof":       {bad.request(7), 422, "", ""},
		"unknown log":     {newHistory(t, "x.example").grow(1, "a").request(0), 404, "", ""},
		"old beyond":      {h.request(8), 400, "", ""},
		"no request":      {[]byte("hello"), 400, "", ""},
		"longer than all": {bytes.Repeat([]byte("x"), journal.MaxAddCheckpoint+1), 413, "", ""},
		"nothing":         {nil, 400, "", ""},
		"unsigned":        {[]byte("old 7\n\nlog.example/audit\n7\n" + h.tree.Head().Root.String() + "\n\n— log.example/audit AAAAAAAA\n"), 403, "", ""},
		"same once more":  {h.request(7), 200, "", ""},
	} {
		status, media, answer := post(c.body)
		if status != c.status || c.media != "" && media != c.media || c.answer != "" && answer != c.answer {
			t.Errorf("%s: %d %s %q", name, status, media, answer)
		}
	}
	if status, signed := get("/checkpoint/" + id); status != 200 || !strings.Contains(signed, "\n7\n") || !strings.Contains(signed, "— witness.example/w ") {
		t.Errorf("%d %s", status, signed)
	}
	if _, vkey := get("/key"); strings.TrimSpace(vkey) != w.cosigner.VerifierKey() {
		t.Errorf("the key is given as %s", vkey)
	}
	if status, body := get("/logs"); status != 200 || !strings.Contains(body, `"size":7`) {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := get("/livez"); status != 200 {
		t.Errorf("/livez %d", status)
	}
	_, body := get("/metrics")
	for _, line := range []string{`paraph_witness_log_size{log="log.example/audit"} 7`, `paraph_witness_refused_total{log="log.example/audit",why="fork"} 1`, `paraph_witness_refused_total{log="log.example/audit",why="proof"} 1`} {
		if !strings.Contains(body, line) {
			t.Errorf("the metrics lack %s", line)
		}
	}
}
