//go:build judges

package bus_test

import (
	"testing"

	"github.com/paraph/paraph/internal/bus/bustest"
)

// TestKafka holds Kafka to the promises of a bus, with a real broker.
func TestKafka(t *testing.T) { bustest.Run(t, bustest.NewKafka(t)) }
