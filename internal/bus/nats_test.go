package bus_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/paraph/paraph/internal/bus"
	"github.com/paraph/paraph/internal/bus/bustest"
)

// TestNATS holds JetStream to the promises of a bus, with a real nats-server.
func TestNATS(t *testing.T) {
	t.Parallel()
	bustest.Run(t, bustest.NewNATS(t, true))
}

// TestDoctorSeesHowJetStreamSyncs: what is confirmed and not on disk is told.
func TestDoctorSeesHowJetStreamSyncs(t *testing.T) {
	t.Parallel()
	for always, want := range map[bool]string{true: "JetStream syncs always", false: "JetStream does not sync always"} {
		n := bustest.NewNATS(t, always)
		says(t, n.Address(), want, always)
		unseen, _, _ := strings.Cut(n.Address(), "?")
		says(t, unseen, "cannot be seen", false)
	}
}

func says(t *testing.T, address, want string, ok bool) {
	t.Helper()
	b, err := bus.Open(address, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	found, err := b.Look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if strings.Contains(f.Says, want) && f.OK == ok && (ok || f.Mend != "") {
			return
		}
	}
	t.Errorf("%q is not said: %+v", want, found)
}

// TestAddresses: what an address may say; and that no password is in a message.
func TestAddresses(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"nats://u:p%2F@h:4222,h2:4222?prefix=a&replicas=3&keep=48h&tls=1&monitor=http://h:8222": "",
		"kafka://u:p@h:9092?sasl=scram-sha-256&partitions=12":                                   "",
		"kafka://h:9092,h2:9092":           "",
		"amqp://h:1":                       "begins with",
		"nats://h":                         "host:port",
		"kafka://secret:hidden@h:9092":     "go together",
		"nats://h:1?prefix=A.*":            "prefix",
		"nats://h:1?keep=1s":               "an hour",
		"nats://h:1?sasl=plain":            "no parameter",
		"nats://secret:%zzhidden@h:1":      "percent",
		"kafka://h:1?replicas=9":           "1 to 5",
		"nats://h:1?ca=/nowhere/file.pem":  "ca",
		"kafka://secret:hidden@h:1?sasl=x": "plain",
	} {
		err := bus.Check(address)
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hidden")) {
			t.Errorf("%s: %v, want %q", address, err, want)
		}
	}
}
