// Package pgtest gives tests a PostgreSQL of their own: one server per test
// binary, started from Debian's package in a temporary folder as a user without
// rights, and one empty database per test. The server syncs to disk as in
// earnest, and ends with the test binary however that ends.
package pgtest

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/paraph/paraph/internal/testneed"
)

// nobody is the user the server runs as where the tests run as root, whom
// PostgreSQL refuses. The number is Debian's, and free to use anywhere.
const nobody = 65534

// server is the one of this test binary.
var server struct {
	once sync.Once
	dir  string
	port int
	err  error
}

var databases atomic.Int64

// Database makes an empty database and gives its URL. It is dropped when the
// test ends. Without PostgreSQL the test skips, or fails where it is required.
func Database(t testing.TB) string {
	t.Helper()
	initdb, postgres := testneed.Command(t, "initdb"), testneed.Command(t, "postgres")
	server.once.Do(func() { server.err = start(initdb, postgres) })
	if server.err != nil {
		t.Fatalf("PostgreSQL does not start: %v", server.err)
	}
	name := fmt.Sprintf("t%d", databases.Add(1))
	admin(t, "CREATE DATABASE "+name+" OWNER app")
	t.Cleanup(func() { admin(t, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
	return address(name, "app")
}

// Exec runs statements in the database of the URL, as a superuser, whom no policy stops.
func Exec(t testing.TB, url string, statements ...string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	c, err := pgx.Connect(ctx, strings.Replace(url, "user=app", "user=paraph", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	for _, s := range statements {
		if _, err := c.Exec(ctx, s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func admin(t testing.TB, statement string) {
	t.Helper()
	Exec(t, address("postgres", "paraph"), statement)
}

// address is the URL of a database for a user: paraph, the superuser, or app, who owns
// the databases of tests and has no other rights, over the socket in the server's folder.
func address(name, user string) string {
	q := url.Values{"host": {server.dir}, "port": {strconv.Itoa(server.port)}, "user": {user}, "sslmode": {"disable"}}
	return "postgres:///" + name + "?" + q.Encode()
}

// start makes the server's folder and runs it until this process ends.
func start(initdb, postgres string) error {
	dir, err := os.MkdirTemp("", "pg")
	if err != nil {
		return err
	}
	server.dir = dir
	who := &syscall.SysProcAttr{}
	if os.Getuid() == 0 {
		if err := os.Chown(dir, nobody, nobody); err != nil {
			return err
		}
		who.Credential = &syscall.Credential{Uid: nobody, Gid: nobody, NoSetGroups: true}
	}
	data := filepath.Join(dir, "data")
	if out, err := command(who, dir, initdb, "-D", data, "-U", "paraph", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync").CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	if server.port, err = freePort(); err != nil {
		return err
	}
	return run(who, dir, postgres, data)
}

func command(who *syscall.SysProcAttr, dir, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.SysProcAttr = dir, who
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	return cmd
}

// run starts the server under a shell that waits for our end of a pipe to close,
// as it does when this process ends, even by a kill; it then stops the server
// and removes the folder.
func run(who *syscall.SysProcAttr, dir, postgres, data string) error {
	const guard = `"$0" "$@" >log 2>&1 & pid=$!
read -r _
kill -QUIT $pid 2>/dev/null; wait $pid
rm -rf data; rm -f log .s.PGSQL.*; cd /; rmdir "$OLDPWD" 2>/dev/null`
	cmd := command(who, dir, "/bin/sh", "-c", guard, postgres, "-D", data, "-k", dir,
		"-c", "listen_addresses=127.0.0.1", "-p", strconv.Itoa(server.port),
		"-c", "max_connections=300", "-c", "shared_buffers=64MB", "-c", "max_prepared_transactions=0")
	ours, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	keep = ours
	// A group of its own: Ctrl-C at the terminal must not reach it before us.
	cmd.SysProcAttr.Setpgid = true
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	return ready(dir, ended)
}

// keep holds the writing end of the pipe for as long as this process lives.
//
//lint:ignore U1000 it is held, never used: closing it would stop the server
var keep io.Closer

// ready waits until the server takes connections. There is nothing to be told
// by, so it asks again and again.
func ready(dir string, ended <-chan error) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		c, err := pgx.Connect(ctx, address("postgres", "paraph"))
		if err == nil {
			_, err = c.Exec(ctx, "CREATE ROLE app LOGIN NOSUPERUSER NOBYPASSRLS")
			return cmp.Or(err, c.Close(ctx))
		}
		select {
		case <-tick.C:
		case <-ended:
			out, _ := os.ReadFile(filepath.Join(dir, "log"))
			return fmt.Errorf("the server ended: %s", bytes.TrimSpace(out))
		case <-ctx.Done():
			return err
		}
	}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
