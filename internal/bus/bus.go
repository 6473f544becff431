// Package bus connects Paraph with an event bus: NATS JetStream (nats.go) or
// Kafka (kafka.go). Both publish events and take command messages in; what they
// promise is held by bustest.
//
// A bus is a way, not a store: the truth is the journal, whose dispatcher publishes
// again whatever a bus does not confirm.
package bus

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/event"
)

// Bus is a bus of either kind. Its methods are safe for concurrent use.
type Bus interface {
	// Kind is "nats" or "kafka".
	Kind() string
	// Publish brings events to the bus. nil says that all are there, durably, as far
	// as the bus is; an error that some may not be. Those of one key are there in the
	// order given, and repeating a call changes neither that nor, within the bus's
	// window of de-duplication, their number.
	Publish(ctx context.Context, events []event.Message) error
	// Receive hands command messages to handle until ctx ends, several at a time. One
	// for which handle returned nil is done with; any other comes again later. It
	// returns where the bus cannot be listened to; then it may be called again.
	Receive(ctx context.Context, handle func(context.Context, event.Order) error) error
	// Refuse puts a command message aside, with the reason, once for each id as far as
	// the bus knows it.
	Refuse(ctx context.Context, d event.DeadLetter) error
	// Look says what is wrong with the bus, or could lose messages.
	Look(ctx context.Context) ([]Finding, error)
	Close() error
}

// Finding is something about a bus that its keeper should know.
type Finding struct {
	OK   bool
	Says string
	Mend string // what to do about it
}

// settings are what an address says.
type settings struct {
	kind       string
	hosts      []string // host:port
	user       string
	password   string
	prefix     string // of subjects, streams and topics
	tls        *tls.Config
	creds      string // file of NATS credentials
	monitor    string // address of nats-server's monitoring
	sasl       string
	replicas   int
	partitions int           // of a Kafka topic that is made here
	keep       time.Duration // how long a stream that is made here keeps events
	log        *slog.Logger
}

// Defaults of an address.
const (
	defaultPrefix = "paraph"
	defaultKeep   = 7 * 24 * time.Hour
	// dedupe is how far back a stream made here knows message ids again.
	dedupe = time.Hour
	// deadKeep is how long dead letters are kept where the stream is made here.
	deadKeep = 30 * 24 * time.Hour
	// patience bounds one exchange with a bus.
	patience = 10 * time.Second
	// again is when a command message comes again that could not be stored.
	again = 2 * time.Second
	// atOnce is how many command messages are stored at the same time.
	atOnce = 16
)

var prefixes = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,39}$`)

// Open makes the bus of an address; it does not wait until that answers. Addresses are
//
//	nats://user:password@host:4222,host2:4222?prefix=paraph&replicas=3&keep=168h&creds=FILE&tls=1&ca=FILE&monitor=http://host:8222
//	kafka://user:password@host:9092,host2:9092?prefix=paraph&replicas=3&partitions=32&sasl=scram-sha-512&tls=1&ca=FILE
func Open(address string, log *slog.Logger) (Bus, error) {
	s, err := read(address)
	if err != nil {
		return nil, err
	}
	if s.log = log; log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.kind == "kafka" {
		return openKafka(s)
	}
	return openNATS(s)
}

// KindOf gives the kind of an address that Check found nothing wrong with; "" for none.
func KindOf(address string) string {
	kind, _, _ := strings.Cut(address, "://")
	return kind
}

// Check tells what is wrong with an address.
func Check(address string) error {
	_, err := read(address)
	return err
}

// Protection is how connections to a bus are protected.
type Protection struct {
	Hosts     []string // without their ports
	Encrypted bool
	Known     bool // whoever connects proves who they are
}

// ProtectionOf tells it of an address. The error is that of Check.
func ProtectionOf(address string) (Protection, error) {
	s, err := read(address)
	if err != nil {
		return Protection{}, err
	}
	p := Protection{Encrypted: s.tls != nil, Known: s.user != "" || s.creds != ""}
	for _, h := range s.hosts {
		host, _, _ := strings.Cut(h, ":")
		p.Hosts = append(p.Hosts, host)
	}
	return p, nil
}

// read reads an address. Its errors never hold the address, which has a password in it.
func read(address string) (*settings, error) {
	// Several hosts are no URL; they are taken out first.
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok || scheme != "nats" && scheme != "kafka" {
		return nil, errors.New("it begins with nats:// or kafka://")
	}
	rest, query, _ := strings.Cut(rest, "?")
	login, hosts, found := cutLast(strings.TrimSuffix(rest, "/"), "@")
	if !found {
		login, hosts = "", login
	}
	s := &settings{kind: scheme, prefix: defaultPrefix, replicas: 1, partitions: event.Partitions, keep: defaultKeep}
	for host := range strings.SplitSeq(hosts, ",") {
		if !strings.Contains(host, ":") || strings.ContainsAny(host, "/ ") {
			return nil, errors.New("after the scheme stand host:port, several with commas")
		}
		s.hosts = append(s.hosts, host)
	}
	user, password, _ := strings.Cut(login, ":")
	var err error
	if s.user, err = url.PathUnescape(user); err == nil {
		s.password, err = url.PathUnescape(password)
	}
	values, qerr := url.ParseQuery(query)
	if err != nil || qerr != nil {
		return nil, errors.New("user, password or parameters are not percent-encoded rightly")
	}
	return s, s.parameters(values)
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

func (s *settings) parameters(values url.Values) (err error) {
	roots := ""
	for name := range values {
		v := values.Get(name)
		switch {
		case name == "prefix":
			if s.prefix = v; !prefixes.MatchString(v) {
				err = errors.New("small letters, digits, - and _")
			}
		case name == "replicas":
			s.replicas, err = count(v, 5)
		case name == "tls":
			s.tls = &tls.Config{MinVersion: tls.VersionTLS12}
		case name == "ca":
			roots = v
		case name == "keep" && s.kind == "nats":
			if s.keep, err = time.ParseDuration(v); err == nil && s.keep < time.Hour {
				err = errors.New("an hour at least")
			}
		case name == "creds" && s.kind == "nats":
			s.creds = v
		case name == "monitor" && s.kind == "nats":
			s.monitor = strings.TrimSuffix(v, "/")
		case name == "partitions" && s.kind == "kafka":
			s.partitions, err = count(v, 1000)
		case name == "sasl" && s.kind == "kafka":
			if s.sasl = v; v != "plain" && v != "scram-sha-256" && v != "scram-sha-512" {
				err = errors.New("plain, scram-sha-256 or scram-sha-512")
			}
		default:
			return fmt.Errorf("there is no parameter %q for %s", name, s.kind)
		}
		if err != nil {
			return fmt.Errorf("the parameter %s: %w", name, err)
		}
	}
	if s.kind == "kafka" && (s.user != "") != (s.sasl != "") {
		return errors.New("user and sasl go together")
	}
	if roots != "" {
		return s.trust(roots)
	}
	return nil
}

func count(v string, most int) (n int, err error) {
	if _, err := fmt.Sscanf(v, "%d", &n); err != nil || n < 1 || n > most {
		return 0, fmt.Errorf("a number from 1 to %d", most)
	}
	return n, nil
}

// trust takes the file's certificates, and none else, as the bus's authorities.
func (s *settings) trust(file string) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("the parameter ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(raw) {
		return fmt.Errorf("the parameter ca: %s holds no certificate", file)
	}
	s.tls = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}
	return nil
}
