package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/paraph/paraph/internal/event"
)

// natsBus is NATS JetStream. There are three streams, each made where it is missing:
//
//	PARAPH_EVENTS    paraph.events.PARTITION.ORGANISATION.UNIT.TYPE.KIND
//	PARAPH_COMMANDS  paraph.commands.CLIENT
//	PARAPH_DEAD      paraph.dead.CLIENT
//
// Command messages lie in a stream with limits and a durable consumer, and not in a
// work queue: those have lost messages (nats-server issue 7817).
type natsBus struct {
	*settings
	conn *nats.Conn
	js   jetstream.JetStream

	mu    sync.Mutex
	there map[string]bool // streams that are known to be there
}

// lanes is how many partitions are published at the same time, each in order. A
// server that syncs always takes about as many messages one by one as at once.
const lanes = 8

func openNATS(s *settings) (*natsBus, error) {
	opts := []nats.Option{
		nats.Name("paraph"), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.ReconnectWait(time.Second),
		nats.ReconnectBufSize(-1), // what cannot be sent is an error at once, not a promise
		nats.Timeout(patience), nats.PingInterval(10 * time.Second),
	}
	if s.user != "" {
		opts = append(opts, nats.UserInfo(s.user, s.password))
	}
	if s.creds != "" {
		opts = append(opts, nats.UserCredentials(s.creds))
	}
	if s.tls != nil {
		opts = append(opts, nats.Secure(s.tls))
	}
	conn, err := nats.Connect("nats://"+strings.Join(s.hosts, ",nats://"), opts...)
	if err != nil {
		return nil, fmt.Errorf("the event bus: %w", err)
	}
	js, err := jetstream.New(conn, jetstream.WithDefaultTimeout(patience))
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("the event bus: %w", err)
	}
	return &natsBus{settings: s, conn: conn, js: js, there: map[string]bool{}}, nil
}

// Kind implements Bus.
func (*natsBus) Kind() string { return "nats" }

// Close implements Bus.
func (b *natsBus) Close() error {
	b.conn.Close()
	return nil
}

// stream gives the name of a stream: events, commands or dead.
func (b *natsBus) stream(what string) string { return strings.ToUpper(b.prefix + "_" + what) }

// ensure makes a stream that is missing. One that is there stays as its keeper has
// set it up.
func (b *natsBus) ensure(ctx context.Context, what string, keep time.Duration) error {
	name := b.stream(what)
	b.mu.Lock()
	there := b.there[name]
	b.mu.Unlock()
	if there {
		return nil
	}
	if !b.conn.IsConnected() {
		return nats.ErrConnectionClosed
	}
	_, err := b.js.Stream(ctx, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		_, err = b.js.CreateStream(ctx, jetstream.StreamConfig{
			Name: name, Subjects: []string{b.prefix + "." + what + ".>"}, Storage: jetstream.FileStorage, Replicas: b.replicas,
			MaxAge: keep, Duplicates: min(dedupe, keep), Discard: jetstream.DiscardOld, Description: "Made by Paraph.",
		})
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			err = nil // another process was first
		}
	}
	if err != nil {
		return fmt.Errorf("the stream %s: %w", name, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.there[name] = true
	return nil
}

// forget looks anew whether streams are there: one may have been removed.
func (b *natsBus) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.there)
}

// Publish implements Bus. A partition's events go one after the other, so that a
// failure leaves none of them behind a later one.
func (b *natsBus) Publish(ctx context.Context, events []event.Message) error {
	if err := b.ensure(ctx, "events", b.keep); err != nil {
		return err
	}
	parts := map[int][]*event.Message{}
	for i := range events {
		p := events[i].Partition()
		parts[p] = append(parts[p], &events[i])
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(lanes)
	for p, list := range parts {
		group.Go(func() error {
			for _, m := range list {
				subject := fmt.Sprintf("%s.events.%d.%s", b.prefix, p, m.Subject())
				if err := b.put(ctx, subject, "events", m.ID, m.Body, nil); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// put brings one message to a stream and waits until it is there.
func (b *natsBus) put(ctx context.Context, subject, what, id string, body []byte, header nats.Header) error {
	if header == nil {
		header = nats.Header{}
	}
	header.Set("Content-Type", event.MediaType)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := b.js.PublishMsg(ctx, &nats.Msg{Subject: subject, Header: header, Data: body}, jetstream.WithMsgID(id), jetstream.WithExpectStream(b.stream(what)), jetstream.WithRetryAttempts(0))
	if err != nil {
		b.forget()
		return fmt.Errorf("the event bus did not take %s: %w", subject, err)
	}
	return nil
}

// Refuse implements Bus.
func (b *natsBus) Refuse(ctx context.Context, d event.DeadLetter) error {
	if err := b.ensure(ctx, "dead", deadKeep); err != nil {
		return err
	}
	h := nats.Header{}
	h.Set("Paraph-Code", d.Code)
	h.Set("Paraph-Reason", line(d.Reason))
	return b.put(ctx, b.prefix+".dead."+address(d.Client), "dead", d.ID, d.Body, h)
}

// address is a client as the token of a subject or a key.
func address(client string) string {
	if client == "" || strings.ContainsAny(client, ".*> \t\r\n") {
		return "_"
	}
	return client
}

// line makes a reason one line.
func line(s string) string { return strings.Join(strings.Fields(s), " ") }

// Receive implements Bus.
func (b *natsBus) Receive(ctx context.Context, handle func(context.Context, event.Order) error) error {
	if err := b.ensure(ctx, "commands", defaultKeep); err != nil {
		return err
	}
	asking, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	consumer, err := b.js.CreateOrUpdateConsumer(asking, b.stream("commands"), jetstream.ConsumerConfig{
		Durable: b.prefix, AckPolicy: jetstream.AckExplicitPolicy, AckWait: 30 * time.Second, MaxDeliver: -1, MaxAckPending: 1000,
	})
	if err != nil {
		b.forget()
		return fmt.Errorf("the command messages: %w", err)
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(2 * atOnce))
	if err != nil {
		return fmt.Errorf("the command messages: %w", err)
	}
	stop := context.AfterFunc(ctx, messages.Stop)
	defer stop()
	defer messages.Stop()
	var group errgroup.Group
	group.SetLimit(atOnce)
	for {
		m, err := messages.Next()
		if err != nil {
			_ = group.Wait() // its functions return nothing
			if ctx.Err() != nil {
				return nil
			}
			b.forget()
			return fmt.Errorf("the command messages: %w", err)
		}
		group.Go(func() error {
			b.hand(ctx, m, handle)
			return nil
		})
	}
}

// hand hands one message over. Where the answer to the bus is lost, it comes again.
func (b *natsBus) hand(ctx context.Context, m jetstream.Msg, handle func(context.Context, event.Order) error) {
	client := strings.TrimPrefix(m.Subject(), b.prefix+".commands.")
	err := handle(ctx, event.Order{Client: client, ID: m.Headers().Get(nats.MsgIdHdr), Body: m.Data()})
	if err == nil {
		err = m.Ack()
	} else {
		err = m.NakWithDelay(again)
	}
	if err != nil && ctx.Err() == nil {
		b.log.Warn("the event bus was not told what became of a message; it comes again", "error", err)
	}
}

// Look implements Bus. Whether a server syncs always is seen only where its
// monitoring can be asked.
func (b *natsBus) Look(ctx context.Context) ([]Finding, error) {
	if _, err := b.conn.RTT(); err != nil {
		return nil, fmt.Errorf("NATS does not answer: %w", err)
	}
	info, err := b.js.AccountInfo(ctx)
	if err != nil {
		return nil, fmt.Errorf("JetStream does not answer: %w", err)
	}
	out := []Finding{{OK: true, Says: fmt.Sprintf("JetStream answers, with %d streams", info.Streams)}, b.synced(ctx)}
	for _, what := range []string{"events", "commands", "dead"} {
		s, err := b.js.Stream(ctx, b.stream(what))
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			continue // it is made when it is needed
		}
		if err != nil {
			return out, err
		}
		c := s.CachedInfo().Config
		if c.Storage != jetstream.FileStorage || c.PersistMode != jetstream.DefaultPersistMode {
			out = append(out, Finding{Says: "the stream " + c.Name + " does not keep its messages on disk before it confirms them", Mend: "nats stream edit " + c.Name + " or make it anew with file storage and persist mode default"})
		}
	}
	return out, nil
}

// synced asks the server whether what it confirms is on disk.
func (b *natsBus) synced(ctx context.Context) Finding {
	const mend = `set "sync_interval: always" in the jetstream block of nats-server`
	if b.monitor == "" {
		return Finding{Says: "whether JetStream syncs always cannot be seen; by default it does so every two minutes, and what it has confirmed is lost by a power cut", Mend: mend + ", and name its monitoring by monitor=http://host:8222 in the address"}
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.monitor+"/jsz?config=true", nil)
	if err != nil {
		return Finding{Says: "the monitoring address of NATS is none"}
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return Finding{Says: "the monitoring of NATS does not answer: " + err.Error()}
	}
	defer res.Body.Close()
	var jsz struct {
		Config struct {
			SyncAlways bool `json:"sync_always"`
		} `json:"config"`
	}
	switch err := json.NewDecoder(http.MaxBytesReader(nil, res.Body, 1<<20)).Decode(&jsz); {
	case err != nil:
		return Finding{Says: "the monitoring of NATS answers something else: " + err.Error()}
	case !jsz.Config.SyncAlways:
		return Finding{Says: "JetStream does not sync always: what it has confirmed is lost by a power cut. Events come again from the journal only where the cursor has not moved on", Mend: mend}
	}
	return Finding{OK: true, Says: "JetStream syncs always"}
}
