package bustest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// NATS is a real nats-server in the process of the test.
type NATS struct {
	dir        string
	port, http int
	always     bool
	server     *server.Server
}

// NewNATS starts a nats-server with JetStream; always tells whether it syncs always.
func NewNATS(t testing.TB, always bool) *NATS {
	t.Helper()
	n := &NATS{dir: t.TempDir(), port: freePort(t), http: freePort(t), always: always}
	n.Start(t)
	t.Cleanup(func() { n.Stop(t) })
	return n
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// Address implements Server.
func (n *NATS) Address() string {
	return fmt.Sprintf("nats://paraph:pass%%2Fword@127.0.0.1:%d?monitor=http://127.0.0.1:%d", n.port, n.http)
}

// Start implements Server.
func (n *NATS) Start(t testing.TB) {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: n.port, HTTPHost: "127.0.0.1", HTTPPort: n.http, JetStream: true, StoreDir: n.dir, SyncAlways: n.always, NoSigs: true, NoLog: true,
		Username: "paraph", Password: "pass/word",
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(30 * time.Second) {
		t.Fatal("nats-server does not start")
	}
	n.server = s
}

// Stop implements Server.
func (n *NATS) Stop(testing.TB) {
	n.server.Shutdown()
	n.server.WaitForShutdown()
}

// Dedupes implements Server.
func (*NATS) Dedupes() bool { return true }

func (n *NATS) client(t testing.TB) jetstream.JetStream {
	t.Helper()
	conn, err := nats.Connect(n.server.ClientURL(), nats.UserInfo("paraph", "pass/word"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// Read implements Server. What is there beyond n is given, too.
func (n *NATS) Read(t testing.TB, what string, want int) (out []Got) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	js := n.client(t)
	stream := "PARAPH_" + strings.ToUpper(what)
	c, err := js.OrderedConsumer(ctx, stream, jetstream.OrderedConsumerConfig{})
	for tick := time.Tick(20 * time.Millisecond); errors.Is(err, jetstream.ErrStreamNotFound) && ctx.Err() == nil; <-tick {
		c, err = js.OrderedConsumer(ctx, stream, jetstream.OrderedConsumerConfig{}) // it is made for its first message
	}
	if err != nil {
		t.Fatal(err)
	}
	for len(out) < want {
		batch, err := c.Fetch(1000, jetstream.FetchMaxWait(500*time.Millisecond))
		if err != nil {
			t.Fatal(err)
		}
		for m := range batch.Messages() {
			out = append(out, got(t, m))
		}
		if ctx.Err() != nil {
			t.Fatalf("%s holds %d of %d messages", stream, len(out), want)
		}
	}
	return out
}

func got(t testing.TB, m jetstream.Msg) Got {
	h := m.Headers()
	g := Got{ID: h.Get(nats.MsgIdHdr), Media: h.Get("Content-Type"), Code: h.Get("Paraph-Code"), Reason: h.Get("Paraph-Reason"), Body: m.Data()}
	parts := strings.Split(m.Subject(), ".")
	if parts[1] != "events" {
		g.Key = parts[2]
		return g
	}
	if len(parts) < 7 || parts[0] != "paraph" {
		t.Fatalf("the subject is %s", m.Subject())
	}
	var err error
	if g.Partition, err = strconv.Atoi(parts[2]); err != nil {
		t.Fatalf("the subject is %s", m.Subject())
	}
	g.Key = strings.Join(parts[3:6], "/")
	return g
}

// Send implements Server.
func (n *NATS) Send(t testing.TB, client, id string, body []byte) {
	t.Helper()
	js := n.client(t)
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	eventually(ctx, t, "sending a command message", func() error {
		_, err := js.Publish(ctx, "paraph.commands."+client, body, jetstream.WithMsgID(id))
		return err
	})
}

// testLog shows what a bus says beside its test.
func testLog(t testing.TB) *slog.Logger { return slog.New(slog.NewTextHandler(lines{t}, nil)) }

type lines struct{ t testing.TB }

func (l lines) Write(p []byte) (int, error) {
	l.t.Logf("%s", p)
	return len(p), nil
}
