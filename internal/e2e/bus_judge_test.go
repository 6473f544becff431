//go:build judges

package e2e

import (
	"testing"

	"github.com/paraph/paraph/internal/bus/bustest"
)

// TestEventsOnKafka: what TestEventsOnTheBus says of NATS holds for Kafka.
func TestEventsOnKafka(t *testing.T) {
	t.Parallel()
	eventsOnTheBus(t, "", bustest.NewKafka(t), "kafka")
}

// TestCommandsOnKafka: what TestCommandsOnTheBus says of NATS holds for Kafka.
func TestCommandsOnKafka(t *testing.T) {
	t.Parallel()
	commandsOnTheBus(t, "", bustest.NewKafka(t))
}
