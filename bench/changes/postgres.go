package main

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// nobody is the user the database runs as where the bench runs as root, whom
// PostgreSQL refuses.
const nobody = 65534

// postgres is a database server of the bench's own, in its folder, with
// PostgreSQL's settings as they come: it syncs every commit.
type postgres struct {
	dir  string
	port int
	cmd  *exec.Cmd
}

func startPostgres(ctx context.Context, dir string) (*postgres, error) {
	p := &postgres{dir: filepath.Join(dir, "pg")}
	who := &syscall.SysProcAttr{}
	if err := os.Mkdir(p.dir, 0o700); err != nil {
		return nil, err
	}
	if os.Getuid() == 0 {
		if err := os.Chmod(dir, 0o755); err != nil {
			return nil, err
		}
		if err := os.Chown(p.dir, nobody, nobody); err != nil {
			return nil, err
		}
		who.Credential = &syscall.Credential{Uid: nobody, Gid: nobody, NoSetGroups: true}
	}
	command := func(name string, args ...string) *exec.Cmd {
		found, err := exec.LookPath(name)
		if err != nil {
			if all, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name); len(all) > 0 {
				found = all[len(all)-1]
			}
		}
		cmd := exec.Command(found, args...)
		cmd.Dir, cmd.SysProcAttr = p.dir, who
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
		return cmd
	}
	data := filepath.Join(p.dir, "data")
	if out, err := command("initdb", "-D", data, "-U", "paraph", "--auth=trust", "--encoding=UTF8", "--locale=C").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p.port = l.Addr().(*net.TCPAddr).Port
	l.Close()
	p.cmd = command("postgres", "-D", data, "-k", "/tmp", "-c", "listen_addresses=127.0.0.1", "-p", strconv.Itoa(p.port), "-c", "max_wal_size=4GB")
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	for range 300 {
		if c, err := pgx.Connect(ctx, p.url("postgres")); err == nil {
			defer c.Close(ctx)
			for _, name := range []string{"paraph", "floor"} {
				if _, err := c.Exec(ctx, "CREATE DATABASE "+name); err != nil {
					return nil, err
				}
			}
			return p, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.stop()
	return nil, fmt.Errorf("the database does not start")
}

// url is the address of a database, over the server's socket.
func (p *postgres) url(name string) string {
	q := url.Values{"host": {"/tmp"}, "port": {strconv.Itoa(p.port)}, "user": {"paraph"}, "sslmode": {"disable"}}
	return "postgres:///" + name + "?" + q.Encode()
}

// cpu gives the CPU time of the server's processes; 0 where there is none.
func (p *postgres) cpu() time.Duration {
	if p == nil {
		return 0
	}
	return cpuOf(p.cmd.Process.Pid)
}

func (p *postgres) stop() {
	p.cmd.Process.Signal(syscall.SIGINT)
	p.cmd.Wait()
}
