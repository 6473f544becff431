package rig

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// nobody is the user the database runs as where the bench runs as root, whom
// PostgreSQL refuses.
const nobody = 65534

// Postgres is a database server of the bench's own, in its folder, with
// PostgreSQL's settings as they come: it syncs every commit.
type Postgres struct {
	dir  string
	port int
	cmd  *exec.Cmd
}

// StartPostgres starts one in a folder there, with the databases that it has from before.
func StartPostgres(ctx context.Context, dir string) (*Postgres, error) {
	p := &Postgres{dir: filepath.Join(dir, "pg")}
	who := &syscall.SysProcAttr{}
	err := os.Mkdir(p.dir, 0o700)
	known := errors.Is(err, fs.ErrExist)
	if err != nil && !known {
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
	if !known {
		if out, err := command("initdb", "-D", data, "-U", "paraph", "--auth=trust", "--encoding=UTF8", "--locale=C").CombinedOutput(); err != nil {
			return nil, fmt.Errorf("initdb: %w: %s", err, out)
		}
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
		if c, err := pgx.Connect(ctx, p.URL("postgres")); err == nil {
			if !known {
				_, err = c.Exec(ctx, "CREATE ROLE app LOGIN; CREATE ROLE filler LOGIN SUPERUSER")
			}
			return p, errors.Join(err, c.Close(ctx))
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.Stop()
	return nil, fmt.Errorf("the database does not start")
}

// Create makes an empty database, unless it is there, and gives its address, for its owner: row-level
// security holds for one, as it does where Paraph runs in earnest, and not for a superuser.
func (p *Postgres) Create(ctx context.Context, name string) (string, error) {
	c, err := pgx.Connect(ctx, p.URL("postgres"))
	if err != nil {
		return "", err
	}
	defer c.Close(ctx)
	var known *pgconn.PgError
	if _, err = c.Exec(ctx, "CREATE DATABASE "+name+" OWNER app"); errors.As(err, &known) && known.Code == "42P04" /* duplicate_database */ {
		err = nil
	}
	return p.address(name, "app"), err
}

// Filled lets fill write into a database as a superuser, for COPY takes no rows past row-level
// security, and gives what was made to the owner.
func (p *Postgres) Filled(ctx context.Context, name string, fill func(database string) error) error {
	database := p.address(name, "filler")
	if err := fill(database); err != nil {
		return err
	}
	c, err := pgx.Connect(ctx, database)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	_, err = c.Exec(ctx, "REASSIGN OWNED BY filler TO app")
	return err
}

// URL is the address of a database for a superuser, over the server's socket.
func (p *Postgres) URL(name string) string { return p.address(name, "paraph") }

func (p *Postgres) address(name, user string) string {
	q := url.Values{"host": {"/tmp"}, "port": {strconv.Itoa(p.port)}, "user": {user}, "sslmode": {"disable"}}
	return "postgres:///" + name + "?" + q.Encode()
}

// CPU gives the CPU time of the server's processes; 0 where there is none.
func (p *Postgres) CPU() time.Duration {
	if p == nil {
		return 0
	}
	return CPUOf(p.cmd.Process.Pid)
}

// Stop ends it.
func (p *Postgres) Stop() {
	p.cmd.Process.Signal(syscall.SIGINT)
	p.cmd.Wait()
}
