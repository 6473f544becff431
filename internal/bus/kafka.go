package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
	"golang.org/x/sync/errgroup"

	"github.com/paraph/paraph/internal/event"
)

// kafkaBus is Kafka, or what speaks its protocol. There are three topics, each made
// where it is missing:
//
//	paraph.events    key ORGANISATION/UNIT/TYPE; partitioned as Kafka's own clients do
//	paraph.commands  key CLIENT
//	paraph.dead      key CLIENT
//
// The producer is idempotent: what it repeats itself is there once. What is
// published again after a crash or an outage may be there again, under the same id.
type kafkaBus struct {
	*settings
	client *kgo.Client
	opts   []kgo.Opt
}

func openKafka(s *settings) (*kafkaBus, error) {
	opts := []kgo.Opt{
		kgo.SeedBrokers(s.hosts...), kgo.ClientID("paraph"), kgo.WithLogger(kgo.BasicLogger(quietly{}, kgo.LogLevelNone, nil)),
		kgo.DialTimeout(patience), kgo.RetryTimeout(patience), kgo.RequestTimeoutOverhead(patience),
	}
	if s.tls != nil {
		opts = append(opts, kgo.DialTLSConfig(s.tls))
	}
	if m := s.mechanism(); m != nil {
		opts = append(opts, kgo.SASL(m))
	}
	client, err := kgo.NewClient(append(opts, kgo.RequiredAcks(kgo.AllISRAcks()), kgo.RecordDeliveryTimeout(patience), kgo.ProduceRequestTimeout(patience),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)), kgo.ProducerLinger(0), kgo.MetadataMinAge(250*time.Millisecond), kgo.UnknownTopicRetries(3), kgo.AllowIdempotentProduceCancellation())...)
	if err != nil {
		return nil, fmt.Errorf("the event bus: %w", err)
	}
	return &kafkaBus{s, client, opts}, nil
}

type quietly struct{}

// Write throws the client's own chatter away: what fails is told as an error.
func (quietly) Write(p []byte) (int, error) { return len(p), nil }

func (s *settings) mechanism() sasl.Mechanism {
	switch s.sasl {
	case "plain":
		return plain.Auth{User: s.user, Pass: s.password}.AsMechanism()
	case "scram-sha-256":
		return scram.Auth{User: s.user, Pass: s.password}.AsSha256Mechanism()
	case "scram-sha-512":
		return scram.Auth{User: s.user, Pass: s.password}.AsSha512Mechanism()
	}
	return nil
}

// Kind implements Bus.
func (*kafkaBus) Kind() string { return "kafka" }

// Close implements Bus.
func (b *kafkaBus) Close() error {
	b.client.Close()
	return nil
}

func (b *kafkaBus) topic(what string) string { return b.prefix + "." + what }

// ensure makes a topic that is missing. One that is there stays as its keeper has set it up.
func (b *kafkaBus) ensure(ctx context.Context, what string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = b.topic(what), int32(b.partitions), int16(b.replicas)
	req.Topics = append(req.Topics, topic)
	res, err := req.RequestWith(ctx, b.client)
	if err != nil {
		return err
	}
	for _, t := range res.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			return fmt.Errorf("the topic %s cannot be made: %w", t.Topic, err)
		}
	}
	return nil
}

// Publish implements Bus.
func (b *kafkaBus) Publish(ctx context.Context, events []event.Message) error {
	records := make([]*kgo.Record, len(events))
	for i := range events {
		m := &events[i]
		records[i] = record(b.topic("events"), m.Key(), m.ID, m.Body)
	}
	return b.put(ctx, "events", records...)
}

// record is a message of Kafka's binding of CloudEvents, in structured form.
func record(topic, key, id string, body []byte, headers ...kgo.RecordHeader) *kgo.Record {
	return &kgo.Record{Topic: topic, Key: []byte(key), Value: body, Headers: append([]kgo.RecordHeader{
		{Key: "content-type", Value: []byte(event.MediaType)}, {Key: "id", Value: []byte(id)},
	}, headers...)}
}

// put brings records to a topic, those of a partition in order, and waits until all are there.
func (b *kafkaBus) put(ctx context.Context, what string, records ...*kgo.Record) error {
	ctx, cancel := context.WithTimeout(ctx, 3*patience)
	defer cancel()
	err := b.client.ProduceSync(ctx, records...).FirstErr()
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		if err = b.ensure(ctx, what); err == nil {
			b.client.ForceMetadataRefresh()
			err = b.client.ProduceSync(ctx, records...).FirstErr()
		}
	}
	if err != nil {
		return fmt.Errorf("the event bus did not take everything: %w", err)
	}
	return nil
}

// Refuse implements Bus.
func (b *kafkaBus) Refuse(ctx context.Context, d event.DeadLetter) error {
	return b.put(ctx, "dead", record(b.topic("dead"), address(d.Client), d.ID, d.Body,
		kgo.RecordHeader{Key: "code", Value: []byte(d.Code)}, kgo.RecordHeader{Key: "reason", Value: []byte(line(d.Reason))}))
}

// Receive implements Bus. A message that cannot be stored holds its partition: what
// comes behind it waits, and nothing is skipped.
func (b *kafkaBus) Receive(ctx context.Context, handle func(context.Context, event.Order) error) error {
	if err := b.ensure(ctx, "commands"); err != nil {
		return fmt.Errorf("the command messages: %w", err)
	}
	group, err := kgo.NewClient(append(b.opts[:len(b.opts):len(b.opts)], kgo.ConsumerGroup(b.prefix+"-commands"), kgo.ConsumeTopics(b.topic("commands")),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(), kgo.SessionTimeout(15*time.Second))...)
	if err != nil {
		return fmt.Errorf("the command messages: %w", err)
	}
	defer group.CloseAllowingRebalance()
	for {
		fetches := group.PollRecords(ctx, 16*atOnce)
		if ctx.Err() != nil {
			return nil
		}
		if err := fetches.Err0(); err != nil {
			return fmt.Errorf("the command messages: %w", err)
		}
		var work errgroup.Group
		work.SetLimit(atOnce)
		fetches.EachPartition(func(p kgo.FetchTopicPartition) {
			if p.Err != nil {
				b.log.Warn("a partition of the command messages cannot be read; it is tried again", "partition", p.Partition, "error", p.Err)
			}
			work.Go(func() error { return b.take(ctx, group, p.Records, handle) })
		})
		if err := work.Wait(); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		group.AllowRebalance()
	}
}

// take hands a partition's messages over, one by one, and notes how far it came.
func (b *kafkaBus) take(ctx context.Context, group *kgo.Client, records []*kgo.Record, handle func(context.Context, event.Order) error) error {
	for i, r := range records {
		o := event.Order{Client: string(r.Key), Body: r.Value}
		for _, h := range r.Headers {
			if h.Key == "id" || h.Key == "ce_id" {
				o.ID = string(h.Value)
			}
		}
		if err := handle(ctx, o); err != nil {
			return errors.Join(err, b.commit(ctx, group, records[:i])) // the rest comes again, from this one on
		}
	}
	return b.commit(ctx, group, records)
}

func (b *kafkaBus) commit(ctx context.Context, group *kgo.Client, records []*kgo.Record) error {
	if len(records) == 0 {
		return nil
	}
	if err := group.CommitRecords(ctx, records[len(records)-1]); err != nil {
		return fmt.Errorf("the command messages cannot be noted as taken; they come again: %w", err)
	}
	return nil
}

// Look implements Bus.
func (b *kafkaBus) Look(ctx context.Context) ([]Finding, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req := kmsg.NewPtrMetadataRequest()
	for _, what := range []string{"events", "commands", "dead"} {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = kmsg.StringPtr(b.topic(what))
		req.Topics = append(req.Topics, t)
	}
	res, err := req.RequestWith(ctx, b.client)
	if err != nil {
		return nil, fmt.Errorf("the Kafka brokers do not answer: %w", err)
	}
	out := []Finding{{OK: true, Says: fmt.Sprintf("Kafka answers, with %d brokers", len(res.Brokers))}}
	for _, t := range res.Topics {
		for _, p := range t.Partitions {
			if len(p.Replicas) < 2 && len(res.Brokers) > 1 {
				out = append(out, Finding{Says: "the topic " + *t.Topic + " has partitions on one broker only: what was confirmed is lost with it", Mend: "kafka-reassign-partitions, or replicas= in the address before the topic is made"})
				break
			}
		}
	}
	return out, nil
}
