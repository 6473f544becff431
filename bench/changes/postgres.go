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

// cluster is a PostgreSQL server of our own, as Debian ships it.
type cluster struct {
	dir string
	cmd *exec.Cmd
	q   url.Values
}

// nobody runs the server where we are root, whom PostgreSQL refuses.
const nobody = 65534

func startPostgres(ctx context.Context, dir string) (*cluster, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	if len(found) == 0 {
		return nil, fmt.Errorf("PostgreSQL is not installed")
	}
	bin := found[len(found)-1]
	c := &cluster{}
	var err error
	// Its socket needs a short path that others may enter.
	if c.dir, err = os.MkdirTemp("/var/tmp", "pg"); err != nil {
		return nil, err
	}
	who := &syscall.SysProcAttr{}
	if os.Getuid() == 0 {
		if err := os.Chown(c.dir, nobody, nobody); err != nil {
			return nil, err
		}
		who.Credential = &syscall.Credential{Uid: nobody, Gid: nobody, NoSetGroups: true}
	}
	if err := onDisk(c.dir); err != nil {
		return nil, err
	}
	data := filepath.Join(c.dir, "data")
	init := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "-D", data, "-U", "paraph", "--auth=trust", "--encoding=UTF8", "--locale=C")
	init.Dir, init.SysProcAttr = c.dir, who
	if out, err := init.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	l.Close()
	c.q = url.Values{"host": {c.dir}, "port": {port}, "user": {"paraph"}, "sslmode": {"disable"}}
	c.cmd = exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-k", c.dir, "-p", port, "-c", "listen_addresses=127.0.0.1",
		"-c", "max_connections=200", "-c", "shared_buffers=256MB", "-c", "max_wal_size=4GB")
	c.cmd.Dir, c.cmd.SysProcAttr = c.dir, who
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		conn, err := pgx.Connect(ctx, c.url("postgres"))
		if err == nil {
			return c, conn.Close(ctx)
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return nil, err
		}
	}
}

func (c *cluster) url(name string) string { return "postgres:///" + name + "?" + c.q.Encode() }

// database makes an empty database and gives its address.
func (c *cluster) database(ctx context.Context, name string) (string, error) {
	conn, err := pgx.Connect(ctx, c.url("postgres"))
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "CREATE DATABASE "+name)
	return c.url(name), err
}

func (c *cluster) stop() {
	_ = c.cmd.Process.Signal(syscall.SIGINT) // fast shutdown
	_ = c.cmd.Wait()
	_ = os.RemoveAll(c.dir)
}
