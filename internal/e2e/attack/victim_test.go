//go:build judges

package attack

import (
	"context"
	"crypto/ed25519"
	"database/sql"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/blob/crypt"
	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/sandbox/childmain"
	"github.com/paraph/paraph/internal/server"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store/pgtest"
	"github.com/paraph/paraph/internal/work"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "child" {
		os.Exit(childmain.Main())
	}
	os.Exit(m.Run())
}

// victim is an installation with some history, at rest: no process has it open.
type victim struct {
	*testing.T
	conf  config.Config
	actor access.Actor
	docs  []string
}

// onBoth runs fn over a fresh victim on each database.
func onBoth(t *testing.T, fn func(v *victim)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		fn(newVictim(t, ""))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		fn(newVictim(t, pgtest.Database(t)))
	})
}

func newVictim(t *testing.T, database string) *victim {
	t.Helper()
	v := &victim{T: t, conf: config.Default()}
	v.conf.DataDir, v.conf.Database, v.conf.Organisation = t.TempDir(), config.Secret(database), "Test Works"
	v.conf.Roles = []string{config.RoleAPI, config.RoleSequencer} // nothing works on the documents
	v.run(func(s *server.Server) {
		c := s.Admin.Client
		v.actor = access.Actor{Kind: access.Client, Org: c.Org, ID: c.ID, Principal: c.Principal, Scopes: c.Scopes}
		v.work(s, 9)
	})
	return v
}

func (v *victim) postgres() bool { return v.conf.Database != "" }

// open makes the server; it is not started.
func (v *victim) open() (*server.Server, error) {
	v.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		v.Fatal(err)
	}
	return server.New(v.Context(), &v.conf, server.Options{Version: "test", CacheDir: v.conf.DataDir, Listener: listener, Log: slog.New(slog.DiscardHandler)})
}

// run starts the server, lets fn use it, waits until all is numbered, and stops it.
func (v *victim) run(fn func(s *server.Server)) {
	v.Helper()
	s, err := v.open()
	if err != nil {
		v.Fatalf("the server does not start: %v", err)
	}
	if err := s.Start(v.Context()); err != nil {
		v.Fatal(err)
	}
	fn(s)
	v.settle(s)
	if err := s.Stop(context.WithoutCancel(v.Context())); err != nil {
		v.Fatal(err)
	}
}

// settle waits until every entry has its number.
func (v *victim) settle(s *server.Server) {
	v.Helper()
	wake, cancel := s.Store.Subscribe(service.TopicJournal)
	defer cancel()
	for {
		var f service.Figures
		err := s.Store.Read(service.Across(v.Context(), "a test"), func(ctx context.Context, tx service.Reader) (err error) {
			f, err = tx.Figures(ctx)
			return err
		})
		if err != nil {
			v.Fatal(err)
		}
		if f.Unnumbered == 0 {
			return
		}
		<-wake
	}
}

// work adds documents, and ends every third.
func (v *victim) work(s *server.Server, documents int) {
	v.Helper()
	call := service.Call{Actor: v.actor}
	for i := range documents {
		up, err := s.Service.Upload(v.Context(), call, service.NewDocument{Title: fmt.Sprint("Order ", len(v.docs))}, service.File{Name: "order.pdf", Body: strings.NewReader(fmt.Sprint("order ", len(v.docs)))})
		if err != nil {
			v.Fatal(err)
		}
		id := up.Value.Document.ID
		v.docs = append(v.docs, id)
		title := "Changed"
		if _, err := s.Service.EditDocument(v.Context(), call, id, service.Edit{Title: &title}); err != nil {
			v.Fatal(err)
		}
		if i%3 == 2 {
			if _, err := s.Service.Void(v.Context(), call, id, "no longer needed"); err != nil {
				v.Fatal(err)
			}
		}
	}
}

// sql gives the database as somebody sees it who has its password.
func (v *victim) sql() *sql.DB {
	v.Helper()
	driver, name := "sqlite", filepath.Join(v.conf.DataDir, "paraph.db")
	if v.postgres() {
		driver, name = "pgx", v.conf.Database.Reveal()
	}
	db, err := sql.Open(driver, name)
	if err != nil {
		v.Fatal(err)
	}
	return db
}

// exec changes rows behind the program's back. Statements are written with ?.
func (v *victim) exec(query string, args ...any) {
	v.Helper()
	db := v.sql()
	defer db.Close()
	if v.postgres() {
		n := 0
		query = regexp.MustCompile(`\?`).ReplaceAllStringFunc(query, func(string) string { n++; return "$" + strconv.Itoa(n) })
	}
	if _, err := db.ExecContext(v.Context(), query, args...); err != nil {
		v.Fatalf("%s: %v", query, err)
	}
}

// number reads one number.
func (v *victim) number(query string) (n int64) {
	v.Helper()
	db := v.sql()
	defer db.Close()
	if err := db.QueryRowContext(v.Context(), query).Scan(&n); err != nil {
		v.Fatalf("%s: %v", query, err)
	}
	return n
}

func (v *victim) size() int64 { return v.number("SELECT size FROM log_head") }

// read looks into the database through the store.
func (v *victim) read(fn func(ctx context.Context, tx service.Reader) error) {
	v.Helper()
	s, err := openStore(v)
	if err == nil {
		err = s.Read(v.Context(), fn)
		s.Close()
	}
	if err != nil {
		v.Fatal(err)
	}
}

// logKey reads the log's key, as somebody can who has the machine.
func (v *victim) logKey() ed25519.PrivateKey {
	v.Helper()
	keys, err := crypt.LoadKeys(filepath.Join(v.conf.DataDir, "keys", "log.key"), "log")
	if err != nil {
		v.Fatal(err)
	}
	return ed25519.NewKeyFromSeed(keys[0].Key[:])
}

// strangersKey is a key that is not the log's.
func (v *victim) strangersKey() ed25519.PrivateKey {
	v.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		v.Fatal(err)
	}
	return key
}

func (v *victim) signer(key ed25519.PrivateKey) *journal.Signer {
	v.Helper()
	origin := ""
	v.read(func(ctx context.Context, tx service.Reader) (err error) {
		origin, err = tx.Setting(ctx, service.SettingOrigin)
		return err
	})
	s, err := journal.NewSigner(origin, key)
	if err != nil {
		v.Fatal(err)
	}
	return s
}

func (v *victim) mark() string { return filepath.Join(v.conf.DataDir, "log.highwater") }

// backup copies the database, and gives what puts the copy in its place again.
func (v *victim) backup() (restore func()) {
	v.Helper()
	if v.postgres() {
		url, name := v.conf.Database.Reveal(), ""
		name = regexp.MustCompile(`^postgres:///([a-z0-9]+)\?`).FindStringSubmatch(url)[1]
		copied := strings.Replace(url, "/"+name+"?", "/"+name+"copy?", 1)
		admin := strings.Replace(url, "/"+name+"?", "/postgres?", 1)
		pgtest.Exec(v.T, admin, "CREATE DATABASE "+name+"copy TEMPLATE "+name+" OWNER app")
		v.Cleanup(func() { pgtest.Exec(v.T, admin, "DROP DATABASE IF EXISTS "+name+"copy WITH (FORCE)") })
		return func() { v.conf.Database = config.Secret(copied) }
	}
	path := filepath.Join(v.conf.DataDir, "paraph.db")
	content := v.file(path)
	return func() {
		for _, tail := range []string{"-wal", "-shm"} {
			os.Remove(path + tail)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			v.Fatal(err)
		}
	}
}

func (v *victim) file(path string) []byte {
	v.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		v.Fatal(err)
	}
	return content
}

// onStart gives the code with which a start is refused, "" where it is not.
func (v *victim) onStart() string {
	v.Helper()
	s, err := v.open()
	if err != nil {
		v.Log(err)
		return fault.CodeOf(err)
	}
	if err := s.Stop(context.WithoutCancel(v.Context())); err != nil {
		v.Fatal(err)
	}
	return ""
}

// onAudit gives the codes that `paraph audit verify` finds.
func (v *victim) onAudit() (codes []string) {
	v.Helper()
	r, err := server.AuditStore(v.Context(), &v.conf, server.AuditOptions{Blobs: true})
	if err != nil {
		v.Fatalf("the audit: %v", err)
	}
	for _, f := range r.Faults {
		codes = append(codes, f.Code)
	}
	return codes
}

// inBackground gives the code that the background audit finds, "" for none.
func (v *victim) inBackground() string {
	v.Helper()
	s, err := openStore(v)
	if err != nil {
		v.Fatal(err)
	}
	defer s.Close()
	signer := v.signer(v.logKey())
	quiet := slog.New(slog.DiscardHandler)
	k := work.NewKeeper(s, signer.Verifier(), work.NewHighWater(v.mark(), signer.Verifier()), !v.postgres(), quiet)
	a := work.NewAuditor(s, k, clock.System{}, "test", time.Hour, quiet)
	for more := true; more; {
		if more, err = a.Step(v.Context()); err != nil {
			v.Fatal(err)
		}
	}
	var state service.LogAudit
	v.read(func(ctx context.Context, tx service.Reader) error {
		state, err = service.ReadLogAudit(ctx, tx)
		return err
	})
	if state.Fault == nil {
		if k.Sound() != nil {
			v.Errorf("no fault is noted, and writing has stopped: %v", k.Sound())
		}
		return ""
	}
	if fault.CodeOf(k.Sound()) != "log_damaged" {
		v.Errorf("a fault was found, and writing goes on: %v", k.Sound())
	}
	return state.Fault.Code
}

func (v *victim) moreWork(s *server.Server) { v.work(s, 3) }

// note gives the newest checkpoint.
func (v *victim) note() (note string) {
	v.Helper()
	v.read(func(ctx context.Context, tx service.Reader) error {
		head, err := tx.LogHead(ctx)
		note = head.Checkpoint
		return err
	})
	return note
}
