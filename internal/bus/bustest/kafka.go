package bustest

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/paraph/paraph/internal/testneed"
)

// Kafka is a real broker in KRaft mode, a process of its own.
type Kafka struct {
	dir, lib string
	port     int
	cmd      *exec.Cmd
}

// NewKafka formats and starts a broker from the jars that the judges fetch.
func NewKafka(t testing.TB) *Kafka {
	t.Helper()
	lib := filepath.Join(testneed.Root(t), ".cache", "judges", "kafka", "lib")
	if _, err := os.Stat(lib); err != nil {
		testneed.Missing(t, "the broker's jars are not there; make judges fetches them")
	}
	k := &Kafka{dir: t.TempDir(), lib: lib, port: freePort(t)}
	conf := fmt.Sprintf(`process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:%[1]d
listeners=PLAINTEXT://127.0.0.1:%[2]d,CONTROLLER://127.0.0.1:%[1]d
advertised.listeners=PLAINTEXT://127.0.0.1:%[2]d
controller.listener.names=CONTROLLER
log.dirs=%[3]s
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
log.flush.interval.messages=1
`, freePort(t), k.port, filepath.Join(k.dir, "data"))
	if err := os.WriteFile(k.conf(), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	var id [16]byte
	rand.Read(id[:]) // never fails
	if out, err := k.java(t, "kafka.tools.StorageTool", "format", "-t", base64.RawURLEncoding.EncodeToString(id[:]), "-c", k.conf()).CombinedOutput(); err != nil {
		t.Fatalf("the broker's storage cannot be formatted: %v: %s", err, out)
	}
	k.Start(t)
	t.Cleanup(func() { k.Stop(t) })
	return k
}

func (k *Kafka) conf() string { return filepath.Join(k.dir, "server.properties") }

func (k *Kafka) java(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(testneed.Command(t, "java"), append([]string{"-Xmx512m", "-cp", filepath.Join(k.lib, "*")}, args...)...)
	cmd.Dir = k.dir
	return cmd
}

// Address implements Server.
func (k *Kafka) Address() string { return fmt.Sprintf("kafka://127.0.0.1:%d", k.port) }

// Dedupes implements Server: a producer that starts anew is another one to Kafka.
func (*Kafka) Dedupes() bool { return false }

// Start implements Server.
func (k *Kafka) Start(t testing.TB) {
	t.Helper()
	k.cmd = k.java(t, "kafka.Kafka", k.conf())
	said, err := os.OpenFile(filepath.Join(k.dir, "said"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	k.cmd.Stdout, k.cmd.Stderr = said, said
	if err := k.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := k.client(t)
	eventually(context.Background(), t, "the start of the broker", func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		return c.Ping(ctx)
	})
}

// Stop implements Server: the broker is killed, as by a power cut.
func (k *Kafka) Stop(testing.TB) {
	_ = k.cmd.Process.Kill() // it may be gone already
	_ = k.cmd.Wait()         // it was killed: there is no good ending to ask for
}

func (k *Kafka) client(t testing.TB, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(fmt.Sprintf("127.0.0.1:%d", k.port))}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// Read implements Server. It reads until it has seen n different ids.
func (k *Kafka) Read(t testing.TB, what string, n int) (out []Got) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	c := k.client(t, kgo.ConsumeTopics("paraph."+what), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	ids := map[string]bool{}
	for len(ids) < n {
		fetches := c.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("paraph.%s holds %d of %d messages: %v", what, len(ids), n, fetches.Errors())
		}
		fetches.EachRecord(func(r *kgo.Record) {
			g := Got{Key: string(r.Key), Partition: int(r.Partition), Body: r.Value}
			for _, h := range r.Headers {
				if field := map[string]*string{"id": &g.ID, "content-type": &g.Media, "code": &g.Code, "reason": &g.Reason}[h.Key]; field != nil {
					*field = string(h.Value)
				}
			}
			ids[g.ID] = true
			out = append(out, g)
		})
	}
	return out
}

// Send implements Server.
func (k *Kafka) Send(t testing.TB, client, id string, body []byte) {
	t.Helper()
	c := k.client(t)
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	eventually(ctx, t, "sending a command message", func() error {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		return c.ProduceSync(ctx, &kgo.Record{Topic: "paraph.commands", Key: []byte(client), Value: body, Headers: []kgo.RecordHeader{{Key: "id", Value: []byte(id)}}}).FirstErr()
	})
}
