// Package s3test gives tests an S3 store that nobody here wrote: versitygw over a
// temporary folder, one gateway per test binary and one bucket per test. It ends
// with the test binary however that ends. A test that wants to kill a gateway
// starts its own.
package s3test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/paraph/paraph/internal/testneed"
)

// The root credentials of every gateway.
const (
	AccessKey = "paraph-test"
	SecretKey = "paraph-test-secret"
	Region    = "us-east-1"
)

// Gateway is a running gateway.
type Gateway struct {
	URL string

	program string
	dir     string
	addr    string
	shared  bool
	mu      sync.Mutex
	running *exec.Cmd
	keep    io.Closer // its closing ends the guard, and by it the gateway
	ended   chan struct{}
}

// shared is the one of this test binary.
var shared struct {
	once    sync.Once
	gateway *Gateway
	err     error
}

var buckets atomic.Int64

// Bucket makes an empty bucket at the shared gateway.
func Bucket(t testing.TB) (gateway *Gateway, bucket string) {
	t.Helper()
	program := find(t)
	shared.once.Do(func() {
		dir, err := os.MkdirTemp("", "s3")
		if err == nil {
			shared.gateway, err = start(program, dir, true)
		}
		shared.err = err
	})
	if shared.err != nil {
		t.Fatalf("versitygw does not start: %v", shared.err)
	}
	return shared.gateway, shared.gateway.Bucket(t, nil)
}

// Start starts a gateway of the test's own, which Kill and Restart may treat badly.
func Start(t testing.TB) *Gateway {
	t.Helper()
	program := find(t)
	dir, err := os.MkdirTemp("", "s3")
	if err != nil {
		t.Fatal(err)
	}
	g, err := start(program, dir, false)
	if err != nil {
		t.Fatalf("versitygw does not start: %v", err)
	}
	t.Cleanup(func() {
		g.Kill()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return g
}

// find looks where scripts/setup puts the program, and in PATH.
func find(t testing.TB) string {
	t.Helper()
	path := filepath.Join(testneed.Root(t), ".cache", "bin", "versitygw")
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
		return path
	}
	return testneed.Command(t, "versitygw")
}

// Client gives a plain client with the gateway's root credentials.
func (g *Gateway) Client() *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: aws.String(g.URL), Region: Region, UsePathStyle: true,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: AccessKey, SecretAccessKey: SecretKey}, nil
		}),
	})
}

// Bucket makes a bucket; with may ask for more than a plain one.
func (g *Gateway) Bucket(t testing.TB, with func(*s3.CreateBucketInput)) string {
	t.Helper()
	name := fmt.Sprintf("bucket-%d", buckets.Add(1))
	in := &s3.CreateBucketInput{Bucket: &name}
	if with != nil {
		with(in)
	}
	if _, err := g.Client().CreateBucket(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	return name
}

func start(program, dir string, shared bool) (*Gateway, error) {
	for _, sub := range []string{"data", "versions"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, err
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	g := &Gateway{program: program, dir: dir, addr: l.Addr().String(), shared: shared}
	g.URL = "http://" + g.addr
	if err := l.Close(); err != nil {
		return nil, err
	}
	return g, g.run()
}

// run starts the gateway under a shell that waits for our end of a pipe to
// close, as it does when this process ends, even by a kill.
func (g *Gateway) run() error {
	const guard = `"$0" "$@" >log 2>&1 & pid=$!
read -r _
kill -KILL $pid 2>/dev/null; wait $pid
[ -z "$REMOVE" ] || { cd /; rm -rf "$REMOVE"; }`
	cmd := exec.Command("/bin/sh", "-c", guard, g.program, "--port", g.addr, "--quiet", "posix", "--versioning-dir", filepath.Join(g.dir, "versions"), filepath.Join(g.dir, "data"))
	cmd.Dir = g.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "ROOT_ACCESS_KEY_ID=" + AccessKey, "ROOT_SECRET_ACCESS_KEY=" + SecretKey}
	if g.shared { // nobody comes after the test binary to clear up
		cmd.Env = append(cmd.Env, "REMOVE="+g.dir)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	keep, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it ends by a kill, as meant
		close(ended)
	}()
	g.mu.Lock()
	g.running, g.keep, g.ended = cmd, keep, ended
	g.mu.Unlock()
	return g.ready(ended)
}

// ready waits until the gateway takes connections. There is nothing to be told
// by, so it asks again and again.
func (g *Gateway) ready(ended <-chan struct{}) error {
	deadline := time.After(time.Minute)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		c, err := net.Dial("tcp", g.addr)
		if err == nil {
			return c.Close()
		}
		select {
		case <-tick.C:
		case <-ended:
			out, _ := os.ReadFile(filepath.Join(g.dir, "log"))
			return fmt.Errorf("the gateway ended: %s", bytes.TrimSpace(out))
		case <-deadline:
			return err
		}
	}
}

// Kill ends the gateway as by a power cut.
func (g *Gateway) Kill() {
	g.mu.Lock()
	keep, ended := g.keep, g.ended
	g.mu.Unlock()
	_ = keep.Close() // closing a pipe twice does no harm
	<-ended
}

// Restart starts a killed gateway again, at the same address and over the same folder.
func (g *Gateway) Restart(t testing.TB) {
	t.Helper()
	if err := g.run(); err != nil {
		t.Fatal(err)
	}
}
