package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/server"
)

// canary is the word that every personal field of a document to be disposed of
// holds, and its file too.
const canary = "kanari"

// loud keeps a server's log.
type loud struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *loud) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *loud) bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.b.Bytes())
}

// withPost gives a setup with a mail server, so that letters leave the house
// instead of being shown in the log, and with a log that is kept.
func withPost(t *testing.T, log *loud) setup {
	office := postOffice(t)
	return setup{log: log, retries: []time.Duration{20 * time.Millisecond}, conf: func(c *config.Config) {
		c.SMTPHost, c.SMTPPort, c.SMTPTLS = "127.0.0.1", office.port, "none"
	}}
}

// personal takes a document through its life, with the canary in every field
// that can hold something of a person.
func (s *stack) personal() doc {
	s.t.Helper()
	var up uploaded
	s.upload("kanari-file.pdf", textPDF("kanari text of page one", "kanari text of page two"), map[string]string{
		"title": "Kanari title", "external_id": "kanari-7", "labels": `{"kanari-label":"kanari-value"}`,
	}, "User-Agent", "kanari-agent/1.0").want(http.StatusCreated).into(&up)
	d := up.Document
	if s.hits(canary) == 0 {
		s.t.Fatal("searching does not find the canary")
	}
	var a approval
	s.post("/v1/approvals", map[string]any{"document_id": d.ID, "document_type": "document", "initiator": map[string]string{"user_id": "kanari-user", "email": "kanari.initiator@example.com"},
		"approvers": []string{"kanari.approver@example.com"}, "metadata": map[string]any{"kanari": "kanari-meta"}}).want(http.StatusCreated).into(&a)
	s.decide(a.Tasks[0].ID, map[string]any{"outcome": "approve", "comment": "Kanari comment.", "on_behalf_of": "kanari.approver@example.com"})
	var e envelope
	s.post("/v1/envelopes", map[string]any{"document_id": d.ID, "send": true, "subject": "Kanari subject", "message": "Kanari message",
		"recipients": []any{map[string]any{"name": "Kanari Signer", "email": "kanari.signer@example.com", "order": 1}}}).want(http.StatusCreated).into(&e)
	signer := s.open(s.link(e.ID, e.Recipients[0].ID)).steps()
	signer.form.Set("text", "Kanari Signer")
	signer.sign()
	s.until(d.ID, "document.archived")
	return d
}

// TestDispose is `audit/erase`: after a document was disposed of nothing of it
// can be read in the database, its files, the queue or the log, while every
// proof of the log stays valid and other documents are as they were.
func TestDispose(t *testing.T) {
	t.Parallel()
	for name, database := range databases(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := &loud{}
			s := start(t, database(t), withPost(t, log))
			other := s.draft("An other document")
			d := s.personal()
			proofs := s.proofs(d.ID, other.ID)
			if !bytes.Contains(s.database(), []byte(canary)) {
				t.Fatal("the canary sings nowhere: this test would prove nothing")
			}
			var op operation
			why := map[string]string{"authority": "Data protection officer, case 7", "reason": "Asked for."}
			s.post("/v1/documents/"+d.ID+"/dispose", why, "Prefer", "wait=60").want(200).into(&op)
			if op.State != "succeeded" || op.Kind != "dispose" {
				t.Fatalf("%+v", op)
			}
			s.isGone(d.ID, other.ID)
			var again operation
			s.post("/v1/documents/"+d.ID+"/dispose", why, "Prefer", "wait=60").want(200).into(&again)
			if again.ID != op.ID {
				t.Errorf("a second disposal began: %+v", again)
			}
			s.silent(log)
			s.provable(proofs)
			report, err := server.Audit(context.WithoutCancel(t.Context()), s.conf, "", nil)
			if err != nil || !report.Sound || report.Erased == 0 {
				t.Errorf("the log after the disposal: %+v, %v", report, err)
			}
		})
	}
}

// proofs fetches the proofs of all events of documents.
func (s *stack) proofs(docs ...string) map[string][]byte {
	out := map[string][]byte{}
	for _, d := range docs {
		for _, e := range s.events(d) {
			out[e.ID] = s.get("/v1/events/" + e.ID + "/proof").want(200).body
		}
	}
	return out
}

// provable checks proofs that were fetched earlier, and fetches and checks them anew.
func (s *stack) provable(proofs map[string][]byte) {
	s.t.Helper()
	for id, old := range proofs {
		s.proves(s.vkey(), id, old)
		s.proves(s.vkey(), id, s.get("/v1/events/"+id+"/proof").want(200).body)
	}
}

func (s *stack) vkey() string {
	return string(bytes.TrimSpace(s.get("/.well-known/paraph/log.vkey").want(200).body))
}

func (s *stack) proves(vkey, id string, proof []byte) {
	s.t.Helper()
	verifier, err := journal.NewVerifier(vkey)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := journal.VerifyProof(proof, verifier, nil); err != nil {
		s.t.Errorf("the proof of %s: %v", id, err)
	}
}

func (s *stack) hits(text string) int {
	s.t.Helper()
	var found list[any]
	s.get("/v1/search?q=" + text).want(200).into(&found)
	return len(found.Items)
}

// isGone checks what the API says of a document that was disposed of.
func (s *stack) isGone(id, other string) {
	s.t.Helper()
	tomb := s.get("/v1/documents/" + id).want(200)
	if !bytes.Contains(tomb.body, []byte(`"state":"disposed"`)) || bytes.Contains(bytes.ToLower(tomb.body), []byte(canary)) {
		s.t.Errorf("the tombstone: %s", tomb.body)
	}
	for _, path := range []string{"/content", "/versions/1/content", "/pages", "/pages/1"} {
		s.get("/v1/documents/"+id+path).problem(http.StatusGone, "document_disposed")
	}
	s.send("POST", "/v1/documents/"+id+"/versions?file_name=late.pdf", strings.NewReader("%PDF-1.7 too late"), "Content-Type", "application/pdf", "Idempotency-Key", "late-"+id).problem(http.StatusGone, "document_disposed")
	var records list[struct{ ID string }]
	s.get("/v1/archive-records?document_id=" + id).want(200).into(&records)
	for _, r := range records.Items {
		s.get("/v1/archive-records/"+r.ID+"/package").problem(http.StatusGone, "document_disposed")
	}
	feed := s.get("/v1/events?limit=200&document_id=" + id).want(200)
	if bytes.Contains(bytes.ToLower(feed.body), []byte(canary)) || !bytes.Contains(feed.body, []byte(`"document.disposed"`)) || !bytes.Contains(feed.body, []byte(`"erased":true`)) {
		s.t.Errorf("the feed: %s", feed.body)
	}
	if n := s.hits(canary); n != 0 {
		s.t.Errorf("searching finds %d places", n)
	}
	s.get("/v1/documents/" + other + "/content").want(200)
	if s.hits("other") == 0 {
		s.t.Error("another document cannot be found any more")
	}
}

// silent looks for the canary in everything that rests on disk, and in the log.
func (s *stack) silent(log *loud) {
	s.t.Helper()
	for what, raw := range map[string][]byte{"database": s.database(), "log": log.bytes()} {
		if at := bytes.Index(bytes.ToLower(raw), []byte(canary)); at >= 0 {
			s.t.Errorf("the %s still holds %q", what, raw[max(0, at-200):min(len(raw), at+100)])
		}
	}
	err := filepath.WalkDir(s.conf.DataDir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		if err == nil && bytes.Contains(bytes.ToLower(raw), []byte(canary)) {
			err = fmt.Errorf("%s still holds the canary", path)
		}
		return err
	})
	if err != nil {
		s.t.Error(err)
	}
}

// database gives all that the database holds, in lower case: SQLite's files, or
// every row of PostgreSQL as text.
func (s *stack) database() []byte {
	s.t.Helper()
	var all bytes.Buffer
	if s.server.Store.Pool() == nil {
		for _, name := range []string{"paraph.db", "paraph.db-wal"} {
			raw, err := os.ReadFile(filepath.Join(s.conf.DataDir, name))
			if err != nil && !os.IsNotExist(err) {
				s.t.Fatal(err)
			}
			all.Write(raw)
		}
		return bytes.ToLower(all.Bytes())
	}
	ctx := context.Background()
	c, err := pgx.Connect(ctx, s.conf.Database.Reveal()) // as an operator, who sees all organisations' rows
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close(ctx)
	rows, err := c.Query(ctx, "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
	if err != nil {
		s.t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		s.t.Fatal(err)
	}
	for _, table := range tables {
		rows, err := c.Query(ctx, "SELECT t::text FROM "+pgx.Identifier{table}.Sanitize()+" t")
		if err != nil {
			s.t.Fatal(err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			s.t.Fatal(err)
		}
		all.WriteString(strings.Join(lines, "\n"))
	}
	return bytes.ToLower(all.Bytes())
}
